"""Hands that point up: the turn of a picture that brings them there."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from handlib.hand.skeleton import KNUCKLES, joint_index


def turn_to_upright(joints: Float[Tensor, "*batch hand=2 21 2"]) -> Float[Tensor, "*batch"]:
    """Returns the angle (:mod:`handlib.geometry.turn`) by which a picture is turned so that hands point up.

    ``joints`` are in the picture, x right and y down. A hand points from its wrist to the mean of its four
    knuckles; the two hands' directions are added as unit vectors. The angle is 0 if the directions cancel.
    """
    pointing = joints[..., KNUCKLES, :].mean(-2) - joints[..., joint_index("wrist"), :]
    x, y = normalize(pointing, dim=-1).sum(-2).unbind(-1)
    return torch.where((x == 0) & (y == 0), torch.zeros_like(x), torch.atan2(-x, -y))
