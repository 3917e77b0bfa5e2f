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
) -> tuple[Float[Tensor, "*batch bones 3"], Float[Tensor, "*batch bones 4 4"]]:
    """Returns the posed joints, and each bone's 4 x 4 transform, which moves points of the unposed hand.

    ``along`` is the bone that leads to a joint from its parent; the parent's rotation moves it. So
    ``G_k = G_parent(k) [R_k | j_k - j_parent(k)]`` has the posed joint in its last column. ``G_k`` expects
    points relative to the unposed joint ``j_k``. To accept points of the unposed hand, the bone's transform
    is ``G_k`` with its rotation times ``j_k`` subtracted from the last column. A parent comes before its
    children; the first bone has no parent.
    """
    along = joints.clone()
    along[..., 1:, :] -= joints[..., list(parents[1:]), :]
    last_row = rotations.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*joints.shape[:-1], 1, 4)
    first, *others = torch.cat((torch.cat((rotations, along[..., None]), dim=-1), last_row), dim=-2).unbind(
        -3
    )
    transforms = [first]
    for parent, transform in zip(parents[1:], others, strict=True):
        transforms.append(transforms[parent] @ transform)
    posed = torch.stack(transforms, dim=-3)
    from_origin = posed @ pad(joints, (0, 1))[..., None]
    return posed[..., :3, 3], posed - pad(from_origin, (3, 0))


def skin(
    points: Float[Tensor, "*batch points 3"],
    weights: Float[Tensor, "points bones"],
    transforms: Float[Tensor, "*batch bones 4 4"],
) -> Float[Tensor, "*batch points 3"]:
    """Returns the skinned points: each is moved by its weighted mean of the bones' transforms."""
    mean = (weights @ transforms.flatten(-2)).unflatten(-1, (4, 4))
    return (mean @ pad(points, (0, 1), value=1.0)[..., None])[..., :3, 0]
