"""Skinning: a skeleton moves, a surface follows (Romero et al., "Embodied Hands", 2017, Sec. 3.1)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad


def forward_kinematics(
    rotations: Float[Tensor, "*batch bones 3 3"],
    joints: Float[Tensor, "*batch bones 3"],
    parents: Sequence[int],
) -> Float[Tensor, "*batch bones 3 4"]:
    """How each bone carries points of the unposed hand: a rotation and, in the last column, a shift.

    Each bone turns by its own rotation about its own unposed joint (``A_k``), then takes part in all that its
    parent does: ``G_k = G_parent(k) A_k``. A parent comes before its children; the first bone has none.
    """
    shift = joints - (rotations @ joints[..., None])[..., 0]
    own = torch.cat((rotations, shift[..., None]), dim=-1)
    last_row = own.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*own.shape[:-2], 1, 4)
    first, *others = torch.cat((own, last_row), dim=-2).unbind(-3)
    transforms = [first]
    for parent, transform in zip(parents[1:], others, strict=True):
        transforms.append(transforms[parent] @ transform)
    return torch.stack(transforms, dim=-3)[..., :3, :]


def carry(
    transforms: Float[Tensor, "*batch points 3 4"], points: Float[Tensor, "*batch points 3"]
) -> Float[Tensor, "*batch points 3"]:
    """Each point, carried by a transform of its own."""
    return (transforms @ pad(points, (0, 1), value=1.0)[..., None])[..., 0]


def skin(
    points: Float[Tensor, "*batch points 3"],
    weights: Float[Tensor, "points bones"],
    transforms: Float[Tensor, "*batch bones 3 4"],
) -> Float[Tensor, "*batch points 3"]:
    """Linear blend skinning: the weighted mean of the bones' transforms carries each point."""
    return carry((weights @ transforms.flatten(-2)).unflatten(-1, (3, 4)), points)
