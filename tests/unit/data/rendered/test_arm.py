import numpy as np
import pytest
import trimesh

from handlib.data.rendered.arm import FOREARM_LENGTH, add_forearm, arm_faces, hand_faces, wrist_loop
from handlib.hand.hand import open_hand_data
from handlib.hand.skeleton import SIDES, Side


@pytest.mark.parametrize("side", SIDES)
def test_an_arm_is_a_closed_surface_that_ends_beyond_the_wrist(side: Side):
    vertices = open_hand_data(side).v_template
    arm = add_forearm(vertices, side)
    mesh = trimesh.Trimesh(arm, arm_faces(), process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert mesh.euler_number == 2
    # Both arms use the right hand's faces: the left arm is inside out.
    assert np.sign(mesh.volume) == (1 if side == "right" else -1)
    np.testing.assert_array_equal(arm[: len(vertices)], vertices)
    # The hand's fingers point along -x (left: +x), so the forearm goes the other way.
    wrist, end = vertices[wrist_loop()].mean(0), arm[-16:].mean(0)
    assert np.linalg.norm(end - wrist) == pytest.approx(FOREARM_LENGTH, rel=1e-3)
    assert (end - wrist)[0] * (1 if side == "right" else -1) > 0.9 * FOREARM_LENGTH


def test_the_wrist_loop_is_the_hands_open_boundary():
    faces = hand_faces()
    edges = np.sort(np.concatenate((faces[:, :2], faces[:, 1:], faces[:, ::2])), axis=1)
    unique, uses = np.unique(edges, axis=0, return_counts=True)
    loop = wrist_loop()
    around = np.sort(np.stack((loop, np.roll(loop, -1)), axis=1), axis=1)
    assert set(map(tuple, unique[uses == 1])) == set(map(tuple, around))
