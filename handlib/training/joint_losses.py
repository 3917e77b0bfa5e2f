"""The losses of joint maps: whose pixel it is, where each joint is seen, and where it lies in space."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, grid_sample

from handlib.hand.skeleton import NUM_JOINTS
from handlib.model.joint_maps import JointMaps
from handlib.model.joints_head import true_places
from handlib.training.config import LossWeights
from handlib.training.distributed import shared_count
from handlib.training.targets import Targets, resize_label

SPREAD = 1.0
"""Standard deviation of a heatmap's target, a bell, in cells of the map."""
READING_NOISE = 0.06
"""Standard deviation in uv of the noise on the place where a location map is read for its loss.

Later the location is read where the heatmap peaks, which is near the joint's true place but not exactly
there.
"""


def taught_joints(
    uv: Float[Tensor, "batch hand=2 21 2"], present: Float[Tensor, "batch hand=2"]
) -> Bool[Tensor, "batch hand=2 21"]:
    """Returns which joints are within the picture and belong to a hand that is present."""
    return (uv.abs() < 1).all(-1) & (present > 0)[..., None]


def bells(uv: Float[Tensor, "batch hand=2 21 2"], size: int) -> Float[Tensor, "batch hand=2 21 cells"]:
    """Returns a Gaussian around each joint, as a distribution over a map's cells."""
    ticks = (torch.arange(size, device=uv.device) + 0.5) * (2 / size) - 1
    along_x, along_y = (
        (-((uv[..., axis, None] - ticks) ** 2) / (2 * (SPREAD * 2 / size) ** 2)).exp() for axis in (0, 1)
    )
    bell = (along_y[..., :, None] * along_x[..., None, :]).flatten(3)
    return bell / bell.sum(-1, keepdim=True).clamp_min(1e-6)


def read_locations(
    maps: JointMaps, uv: Float[Tensor, "batch hand=2 21 2"]
) -> Float[Tensor, "batch hand=2 21 3"]:
    """Returns the location maps' values at given places of the picture, in palm lengths from middle1."""
    batch, size = len(uv), maps.locations.shape[-1]
    flat = maps.locations.reshape(batch * 2 * NUM_JOINTS, 3, size, size)
    read = grid_sample(flat, uv.reshape(-1, 1, 1, 2), padding_mode="border", align_corners=False)
    return read.view(batch, 2, NUM_JOINTS, 3)


def joint_map_terms(maps: JointMaps, targets: Targets, weights: LossWeights) -> dict[str, Float[Tensor, ""]]:
    """Returns the weighted losses of joint maps; terms of weight 0 are left out.

    They are cross-entropies of the segmentation, of each heatmap and of the hands' presence, and the mean
    absolute error of the locations.
    """
    label = resize_label(targets.label, maps.segmentation.shape[-2:])
    taught = taught_joints(targets.uv, targets.present)
    count = shared_count(taught.sum().float())

    def heat() -> Tensor:
        off = -(bells(targets.uv, maps.heat.shape[-1]) * maps.heat.flatten(3).log_softmax(-1)).sum(-1)
        return off.where(taught, 0).sum() / count

    def location() -> Tensor:
        around = (targets.uv + READING_NOISE * torch.randn_like(targets.uv)).clamp(-1, 1)
        off = (read_locations(maps, around) - true_places(targets.joints)).abs().mean(-1)
        return off.where(taught, 0).sum() / count

    terms = {
        "sides": lambda: cross_entropy(maps.segmentation, label),
        "heat": heat,
        "location": location,
        "presence": lambda: binary_cross_entropy_with_logits(maps.presence, targets.present),
    }
    return {name: weight * term() for name, term in terms.items() if (weight := getattr(weights, name))}
