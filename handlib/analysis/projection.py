"""What planes show of joints, and how much of each joint's feature can be read back from one pixel."""

import torch
from jaxtyping import Float
from torch import Tensor

from handlib.geometry.camera import uv_to_pixels
from handlib.hand.skeleton import NUM_JOINTS
from handlib.model.projection import Projection, project_planes

READER_TOLERANCE = 1e-4
"""Singular values below this share of the largest one are rounding, nothing that a reader could use."""


def plane_shares(
    uv: Float[Tensor, "hand=2 21 2"], size: int, half_width: float, projection: Projection
) -> Float[Tensor, "planes joint=42 size size"]:
    """Returns how much of every joint's feature each plane shows at every pixel; joints are 21 * hand +
    joint.

    Drawn are unit vectors, one per joint: each channel of a plane then is one joint's share.
    """
    unit_vectors = torch.eye(2 * NUM_JOINTS, dtype=uv.dtype).unflatten(0, (2, NUM_JOINTS))
    return project_planes(unit_vectors[None], uv[None], size, half_width, projection)[0]


def seen_at_joints(
    shares: Float[Tensor, "planes joint=42 size size"], uv: Float[Tensor, "hand=2 21 2"]
) -> Float[Tensor, "joint=42 planes joint=42"]:
    """Returns the shares that every plane shows at the pixel that each joint lies in; nothing for a joint
    outside the map.
    """
    size = shares.shape[-1]
    column_row = uv_to_pixels(uv, size).flatten(0, 1).floor().long()
    inside = ((column_row >= 0) & (column_row < size)).all(-1)
    column, row = column_row.clamp(0, size - 1).unbind(-1)
    return shares[:, :, row, column].permute(2, 0, 1) * inside[:, None, None]


def read_back_error(seen: Float[Tensor, "reader planes joint"]) -> Float[Tensor, "reader joint"]:
    """The share of each joint's feature that can't be recovered from one pixel of all planes.

    Features are independent random vectors of one size, each reader is the best linear one for its matrix M
    of shares (planes x joints), and of joint i it loses 1 - (M^+ M)_ii, from 0 (nothing) to 1 (all).
    """
    seen = seen.double()
    resolution = torch.linalg.pinv(seen, rtol=READER_TOLERANCE) @ seen
    return (1 - resolution.diagonal(dim1=-2, dim2=-1)).clamp(0, 1)
