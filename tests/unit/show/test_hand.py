"""The explorers of the hand model: how hands are posed, and what their sliders do."""

import numpy as np
import pytest
import torch
from support.random_pairs import HANDS

from handlib import show
from handlib.hand.hand import Hand
from handlib.hand.skeleton import BONES, JOINT_NAMES, MANO_JOINT_NAMES, joint_index
from handlib.show.hand import BENT_JOINTS, HAND_DISTANCE, bend_rotations, pose_hands


def test_hands_stand_side_by_side_with_their_palms_to_the_eye():
    _, joints = pose_hands(HANDS, [0.0], [0.0])
    half = HAND_DISTANCE / 2
    np.testing.assert_allclose(joints[:, 0], [[-half, 0, 0], [half, 0, 0]], atol=1e-7)
    _, left = pose_hands([Hand.open("left")], [], [])
    assert left[0, joint_index("thumb4"), 0] < left[0, joint_index("little4"), 0]


def test_sliders_pose_the_hands_and_reset_brings_them_back():
    explorer = show.HandExplorer(HANDS, num_pose=2, num_betas=1)
    rest = explorer.view.joints.copy()
    explorer.pose_sliders[1].value = 1.5
    explorer.beta_sliders[0].value = -1.0
    expected = pose_hands(HANDS, [0.0, 1.5], [-1.0])[1]
    np.testing.assert_allclose(explorer.view.joints, expected, atol=1e-6)
    explorer.view.picked = 21 + joint_index("index4")
    moved = 1000 * np.linalg.norm(expected[1, 8] - rest[1, 8])
    assert explorer.status.value == f"right index4 moved {moved:.0f} mm"
    explorer.reset()
    np.testing.assert_allclose(explorer.view.joints, rest, atol=1e-6)


def test_the_bent_hands_of_both_sides_are_mirror_images():
    left, right = (
        Hand.open(side)(pose_rotation=bend_rotations(side, "thumb2", 40.0, 25.0)).vertices
        for side in ("left", "right")
    )
    torch.testing.assert_close(left, right * torch.tensor([-1.0, 1, 1]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("joint", ["index1", "middle2", "little3", "thumb2"])
def test_bending_moves_only_what_lies_beyond_the_joint_and_keeps_all_bones(joint: str):
    explorer = show.BendExplorer(Hand.open("right"), joint, bend=0.0)
    flat = explorer.view.joints[0].copy()
    explorer.bend.value = 60.0
    moved = np.linalg.norm(explorer.view.joints[0] - flat, axis=1) > 1e-4
    finger, number = joint[:-1], int(joint[-1])
    assert {JOINT_NAMES[j] for j in np.flatnonzero(moved)} == {f"{finger}{k}" for k in range(number + 1, 5)}
    from_, to = np.array([bone for bone in BONES if JOINT_NAMES[bone[1]][-1] in "123"]).T
    np.testing.assert_allclose(
        np.linalg.norm(explorer.view.joints[0, from_] - explorer.view.joints[0, to], axis=1),
        np.linalg.norm(flat[from_] - flat[to], axis=1),
        atol=1e-6,
    )


def test_skin_is_darker_the_more_it_follows_the_joint():
    hand = Hand.open("right")
    explorer = show.BendExplorer(hand)
    for joint in BENT_JOINTS[::7]:
        explorer.joint.value = joint
        weights = hand.weights[:, MANO_JOINT_NAMES.index(joint)].numpy()
        brightness = explorer.state.colours[0].sum(-1, dtype=int)
        order = np.argsort(weights)
        assert (np.diff(brightness[order]) <= 0).all()
        assert f"{(weights > 0.99).sum()} vertices follow it alone" in explorer.caption.value


def test_twisting_and_bending_cost_volume_of_which_the_correctives_return_a_part():
    explorer = show.BendExplorer(Hand.open("right"), bend=0.0)
    assert explorer.state.lost == pytest.approx(0, abs=1e-3)
    explorer.bend.value = 90.0
    corrected = explorer.state.lost
    explorer.correctives.value = False
    assert explorer.state.lost > 1.5 * corrected > 0
    bent = explorer.state.lost
    explorer.bend.value, explorer.twist.value = 0.0, 180.0
    assert explorer.state.lost > 2 * bent
