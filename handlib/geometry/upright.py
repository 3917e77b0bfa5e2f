"""Hands that point up: the turn of a picture that brings them there, and turned points and pictures.

Angles are in radians. Positive ones turn x towards y, clockwise on the screen, about the picture's centre.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, normalize

from handlib.hand.skeleton import KNUCKLES, joint_index


def turn_to_upright(joints: Float[Tensor, "*batch hand=2 21 2"]) -> Float[Tensor, "*batch"]:
    """Returns the angle by which a picture must be turned so that its hands point up.

    ``joints`` are in the picture, x right and y down. A hand points from its wrist to the mean of its four
    knuckles; the two hands' directions are added as unit vectors. The angle is 0 if the directions cancel.
    """
    pointing = joints[..., KNUCKLES, :].mean(-2) - joints[..., joint_index("wrist"), :]
    x, y = normalize(pointing, dim=-1).sum(-2).unbind(-1)
    return torch.where((x == 0) & (y == 0), torch.zeros_like(x), torch.atan2(-x, -y))


def turn_matrix(angle: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch 3 3"]:
    """Returns the rotation of the camera's frame about its viewing direction; its first two rows turn uv."""
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack((cos, -sin, zero, sin, cos, zero, zero, zero, one), dim=-1).unflatten(-1, (3, 3))


def turn_picture(
    picture: Float[Tensor, "batch channels size size"], angle: Float[Tensor, "batch"]
) -> Float[Tensor, "batch channels size size"]:
    """Returns pictures or maps turned about their centres; corners repeat the edge's values."""
    matrix = turn_matrix(-angle)[:, :2]
    grid = affine_grid(matrix.to(picture.dtype), list(picture.shape), align_corners=False)
    return grid_sample(picture, grid, padding_mode="border", align_corners=False)
