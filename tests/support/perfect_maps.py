"""Joint maps that say of hands exactly what is true."""

import torch
from torch import Tensor

from handlib.model.joint_maps import JointMaps
from handlib.training.joint_losses import bells


def perfect_maps(uv: Tensor, places: Tensor, size: int) -> JointMaps:
    """Heatmaps that are highest at ``uv``, location maps that say ``places`` everywhere; any pixel may be of
    any hand.
    """
    heat = bells(uv, size).clamp_min(1e-12).log().unflatten(-1, (size, size))
    locations = places[..., None, None].expand(*places.shape, size, size).contiguous()
    return JointMaps(torch.zeros(len(uv), 3, size, size), heat, locations, torch.zeros(len(uv), 2))
