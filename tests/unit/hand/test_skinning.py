"""Skinning: a finger worked out by hand; ``test_hand.py`` compares whole hands with smplx."""

import math

import roma
import torch

from handlib.hand.skinning import forward_kinematics, skin


def test_a_bent_finger():
    """Notebook 01's finger: joints at x = 0, 4 and 7, the second and the third bent by a right angle."""
    joints = torch.tensor([[0.0, 0, 0], [4, 0, 0], [7, 0, 0]])
    bend = roma.rotvec_to_rotmat(torch.tensor([[0.0, 0, 0], [0, 0, math.pi / 2], [0, 0, math.pi / 2]]))
    transforms = forward_kinematics(bend, joints, (-1, 0, 1))
    points = torch.tensor([[2.0, 1, 0], [5.5, 1, 0], [4, -1, 0], [9, 0, 0]])
    weights = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0, 0, 1]])
    expected = torch.tensor([[2, 1, 0], [3, 1.5, 0], [4.5, -0.5, 0], [2, 3, 0]])
    torch.testing.assert_close(skin(points, weights, transforms), expected)
