import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from handlib.data.layered.forearm import LENGTH, SKIN_RINGS, Forearm, add_bent_forearm, sample_forearms
from handlib.data.rendered.arm import arm_faces, wrist_loop
from handlib.data.rendered.posed_arm import MIRROR
from handlib.hand.hand import open_hand_data
from handlib.hand.skeleton import SIDES, Side

STRAIGHT = Forearm(flexion=0.0, deviation=0.0, skin=0.06, sleeve=1.0, widening=0.0)
QUARTER = np.pi / 2


def hand(side: Side = "right", away: float = 1.0, turn: Rotation | None = None) -> np.ndarray:
    """A flat hand, its wrist straight ahead; fingers point along -x (right), the forearm along x."""
    vertices = open_hand_data(side).v_template
    vertices = vertices - vertices[wrist_loop()].mean(0)
    vertices = vertices if turn is None else turn.apply(vertices)
    return (vertices + np.array((0, 0, away))).astype(np.float32)


def rings(arm: np.ndarray) -> np.ndarray:
    return arm[778:].reshape(-1, len(wrist_loop()), 3)


def far_direction(arm: np.ndarray) -> np.ndarray:
    centres = rings(arm).mean(1)
    return (centres[-1] - centres[-2]) / np.linalg.norm(centres[-1] - centres[-2])


def radii(arm: np.ndarray) -> np.ndarray:
    return np.linalg.norm(rings(arm) - rings(arm).mean(1, keepdims=True), axis=-1).mean(1)


@pytest.mark.parametrize("side", SIDES)
def test_an_arm_is_the_hand_with_a_closed_forearm_from_its_wrist_on(side: Side):
    vertices = hand(side)
    arm = add_bent_forearm(vertices, side, Forearm(0.5, -0.3, 0.06, 1.4, 0.3))
    np.testing.assert_array_equal(arm[:778], vertices)
    mesh = trimesh.Trimesh(arm, arm_faces(), process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert np.sign(mesh.volume) == (1 if side == "right" else -1)
    loop = vertices[wrist_loop()]
    assert np.linalg.norm(rings(arm)[0].mean(0) - loop.mean(0)) == pytest.approx(0.012, abs=1e-5)


@pytest.mark.parametrize("side", SIDES)
def test_a_straight_forearm_leads_away_from_the_fingers(side: Side):
    vertices = hand(side)
    arm = add_bent_forearm(vertices, side, STRAIGHT)
    way = rings(arm)[-1].mean(0) - vertices[wrist_loop()].mean(0)
    assert np.linalg.norm(way) == pytest.approx(LENGTH, abs=0.002)
    assert way[0] * (1 if side == "right" else -1) > 0.9 * LENGTH
    np.testing.assert_allclose(radii(arm), radii(arm)[0], rtol=1e-4)


def test_bends_turn_the_far_end_about_two_axes_across_the_forearm():
    vertices = hand()
    straight, flexed, back, aside, slightly = (
        far_direction(add_bent_forearm(vertices, "right", Forearm(*bend, 0.06, 1.0, 0.0)))
        for bend in ((0.0, 0.0), (QUARTER, 0.0), (-QUARTER, 0.0), (0.0, QUARTER), (QUARTER / 3, 0.0))
    )
    spoke = vertices[wrist_loop()[0]] - vertices[wrist_loop()].mean(0)
    across = spoke / np.linalg.norm(spoke)
    np.testing.assert_allclose(flexed, np.cross(across, straight), atol=0.01)
    np.testing.assert_allclose(back, -np.cross(across, straight), atol=0.01)
    np.testing.assert_allclose(aside, across, atol=0.01)
    assert np.degrees(np.arccos(slightly @ straight)) == pytest.approx(30, abs=2)


def test_a_sleeve_is_wider_than_the_skin_and_begins_after_it():
    bare = add_bent_forearm(hand(), "right", STRAIGHT)
    dressed = add_bent_forearm(hand(), "right", Forearm(0.0, 0.0, 0.06, 1.5, 0.0))
    ratio = radii(dressed) / radii(bare)
    np.testing.assert_allclose(ratio[:SKIN_RINGS], 1, atol=1e-4)
    np.testing.assert_allclose(ratio[SKIN_RINGS:], 1.5, atol=1e-4)
    way = np.linalg.norm(rings(dressed).mean(1) - hand()[wrist_loop()].mean(0), axis=-1)
    assert way[SKIN_RINGS - 1] == pytest.approx(0.06, abs=1e-4) and (np.diff(way) > 0).all()


def test_forearms_widen_towards_the_elbow():
    widened = add_bent_forearm(hand(), "right", Forearm(0.0, 0.0, 0.06, 1.0, 0.4))
    ratio = radii(widened) / radii(add_bent_forearm(hand(), "right", STRAIGHT))
    assert ratio[0] == pytest.approx(1 + 0.4 * 0.012 / 0.22, abs=1e-3)
    assert (np.diff(ratio) > -1e-4).all() and ratio[-1] == pytest.approx(1 + 0.4 * 1.3, abs=1e-3)


def test_a_forearm_ends_before_it_comes_too_near_to_the_camera():
    rng = np.random.default_rng(0)
    lengths = []
    for turn in Rotation.random(40, rng=rng):
        arm = add_bent_forearm(hand(away=0.35, turn=turn), "right", sample_forearms(rng)[1], nearest=0.1)
        assert rings(arm)[..., 2].min() > 0.1
        centres = rings(arm).mean(1)
        lengths.append(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum())
    assert min(lengths) < 0.35 and max(lengths) > 0.5


def test_arms_are_mirror_images_of_each_other():
    turn = Rotation.from_euler("xyz", (20, 35, -50), degrees=True)
    right = hand(turn=turn)
    left = (right @ MIRROR).astype(np.float32)
    one = add_bent_forearm(right, "right", Forearm(0.6, -0.25, 0.05, 1.3, 0.2))
    # The first spoke's mirror image is the axis of flexion, and mirrors turn rotations round.
    other = add_bent_forearm(left, "left", Forearm(-0.6, -0.25, 0.05, 1.3, 0.2))
    np.testing.assert_allclose(other, one @ MIRROR, atol=1e-5)


def test_clothes_are_one_persons_and_wrists_bend_on_their_own():
    rng = np.random.default_rng(1)
    drawn = [sample_forearms(rng) for _ in range(300)]
    assert all(left.sleeve == right.sleeve and left.widening == right.widening for left, right in drawn)
    assert all(left.flexion != right.flexion for left, right in drawn)
    assert np.mean([left.sleeve > 1 for left, _ in drawn]) == pytest.approx(0.6, abs=0.1)
    assert np.rad2deg(np.std([left.flexion for left, _ in drawn])) == pytest.approx(22, abs=3)
    assert np.rad2deg(np.std([right.deviation for _, right in drawn])) == pytest.approx(14, abs=2)
