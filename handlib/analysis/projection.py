"""Measures which joints' features the planes show, and how much of each can be read back from one pixel."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from handlib.geometry.camera import uv_to_pixels
from handlib.hand.skeleton import NUM_JOINTS, joint_index
from handlib.model.projection import Projection, project_planes

READER_TOLERANCE = 1e-4
"""Singular values below this share of the largest one are rounding errors, which no reader could use."""


def meeting_tips(gap: float, count: int = 300, size: int = 16) -> Float[Tensor, "count hand=2 21 2"]:
    """Returns the uv of pairs of hands whose index tips are ``gap`` map pixels apart, in a random direction.

    The left tip lies at a random place of the map's pixel (size / 2, size / 2). The last bones of both index
    fingers are 3 pixels long and have random directions; all other joints lie far outside the map.
    """
    chance = torch.Generator().manual_seed(1)
    tip = size // 2 + torch.rand(count, 2, generator=chance)
    angles = 2 * math.pi * torch.rand(count, 3, generator=chance)
    apart, left, right = torch.stack((angles.cos(), angles.sin()), -1).unbind(1)
    pixels = torch.full((count, 2, NUM_JOINTS, 2), 99.0)
    before, end = joint_index("index3"), joint_index("index4")
    pixels[:, 0, end], pixels[:, 0, before] = tip, tip + 3 * left
    pixels[:, 1, end], pixels[:, 1, before] = tip + gap * apart, tip + gap * apart + 3 * right
    return pixels * 2 / size - 1


def plane_shares(
    uv: Float[Tensor, "hand=2 21 2"], size: int, half_width: float, projection: Projection
) -> Float[Tensor, "planes joint=42 size size"]:
    """Returns each plane's share of every joint's feature at every pixel; joints are 21 * hand + joint.

    For this, one unit vector per joint is drawn. Each channel of a plane then is the share of one joint.
    """
    unit_vectors = torch.eye(2 * NUM_JOINTS, dtype=uv.dtype).unflatten(0, (2, NUM_JOINTS))
    return project_planes(unit_vectors[None], uv[None], size, half_width, projection)[0]


def seen_at_joints(
    shares: Float[Tensor, "planes joint=42 size size"], uv: Float[Tensor, "hand=2 21 2"]
) -> Float[Tensor, "joint=42 planes joint=42"]:
    """Returns the shares that every plane shows at each joint's pixel; zeros for a joint outside the map."""
    size = shares.shape[-1]
    column_row = uv_to_pixels(uv, size).flatten(0, 1).floor().long()
    inside = ((column_row >= 0) & (column_row < size)).all(-1)
    column, row = column_row.clamp(0, size - 1).unbind(-1)
    return shares[:, :, row, column].permute(2, 0, 1) * inside[:, None, None]


def read_back_error(seen: Float[Tensor, "reader planes joint"]) -> Float[Tensor, "reader joint"]:
    """Returns the share of each joint's feature that can't be recovered from one pixel of all planes.

    Features are independent random vectors of one size. Each reader is the best linear reader for its matrix
    M of shares (planes x joints). It loses 1 - (M^+ M)_ii of joint i's feature, from 0 (nothing) to 1 (all).
    """
    seen = seen.double()
    resolution = torch.linalg.pinv(seen, rtol=READER_TOLERANCE) @ seen
    return (1 - resolution.diagonal(dim1=-2, dim2=-1)).clamp(0, 1)
