"""Skinning: a finger worked out by hand; ``test_hand.py`` compares whole hands with smplx."""

import math

import pytest
import roma
import torch
from smplx.lbs import lbs

from handlib.hand.hand import Hand
from handlib.hand.skeleton import MANO_PARENTS
from handlib.hand.skinning import forward_kinematics, skin


def test_a_bent_finger():
    """Notebook 01's finger: joints at x = 0, 4 and 7, the second and the third bent by a right angle."""
    joints = torch.tensor([[0.0, 0, 0], [4, 0, 0], [7, 0, 0]])
    bend = roma.rotvec_to_rotmat(torch.tensor([[0.0, 0, 0], [0, 0, math.pi / 2], [0, 0, math.pi / 2]]))
    posed, transforms = forward_kinematics(bend, joints, (-1, 0, 1))
    points = torch.tensor([[2.0, 1, 0], [5.5, 1, 0], [4, -1, 0], [9, 0, 0]])
    weights = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0, 0, 1]])
    expected = torch.tensor([[2, 1, 0], [3, 1.5, 0], [4.5, -0.5, 0], [2, 3, 0]])
    torch.testing.assert_close(skin(points, weights, transforms), expected)
    torch.testing.assert_close(posed, torch.tensor([[0.0, 0, 0], [4, 0, 0], [4, 3, 0]]))


@pytest.mark.parametrize("count", [1, 7])
def test_the_same_bits_as_smplx(count: int):
    """Rendered pairs and their published sums were made with smplx's function."""
    hand, generator = Hand.open("left"), torch.Generator().manual_seed(count)
    betas = torch.randn(count, 10, generator=generator)
    rotations = roma.rotvec_to_rotmat(0.5 * torch.randn(count, 16, 3, generator=generator))
    parts = hand.v_template, hand.shapedirs, hand.posedirs, hand.J_regressor
    vertices, _ = lbs(betas, rotations, *parts, torch.tensor(MANO_PARENTS), hand.weights, pose2rot=False)
    ours = hand(root_rotation=rotations[:, 0], pose_rotation=rotations[:, 1:], betas=betas, centre=None)
    assert torch.equal(ours.vertices, vertices)
