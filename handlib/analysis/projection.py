"""Measures which joints' features the planes show, and how much of each can be read back from one pixel."""

import torch
from jaxtyping import Float
from torch import Tensor

from handlib.geometry.camera import uv_to_pixels
from handlib.hand.skeleton import NUM_JOINTS
from handlib.model.projection import Projection, project_planes

READER_TOLERANCE = 1e-4
"""Singular values below this share of the largest one are rounding errors, which no reader could use."""


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
