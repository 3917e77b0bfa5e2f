"""The explorer of the hand model: how hands are posed side by side, and what its sliders do."""

import numpy as np
from support.random_pairs import HANDS

from handlib import show
from handlib.hand.hand import Hand
from handlib.hand.skeleton import joint_index
from handlib.show.hand import HAND_DISTANCE, pose_hands


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
