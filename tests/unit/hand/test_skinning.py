"""Skinning: a finger worked out by hand, and parity with smplx on random surfaces and skeletons."""

import math

import pytest
import roma
import torch
from smplx.lbs import lbs

from handlib.hand.hand import Hand
from handlib.hand.skeleton import MANO_PARENTS, SIDES
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


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_equals_smplx(side, dtype: torch.dtype, tolerance: float):
    g = torch.Generator().manual_seed(0)
    rotations = roma.rotvec_to_rotmat(torch.randn(5, 16, 3, generator=g, dtype=dtype))
    betas = torch.randn(5, 10, generator=g, dtype=dtype)
    hand = Hand.open(side).to(dtype)
    theirs, _ = lbs(
        betas,
        rotations,
        hand.v_template,
        hand.shapedirs,
        hand.posedirs.flatten(0, 1).T,
        hand.J_regressor,
        torch.tensor(MANO_PARENTS),
        hand.weights,
        pose2rot=False,
    )
    ours = hand(root_rotation=rotations[:, 0], pose_rotation=rotations[:, 1:], betas=betas, centre=None)
    torch.testing.assert_close(ours.vertices, theirs, atol=tolerance, rtol=0)
