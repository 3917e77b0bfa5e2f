"""Turned cameras and pictures.

Angles are in radians. Positive ones turn x towards y, clockwise on the screen, about the picture's centre.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample


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
