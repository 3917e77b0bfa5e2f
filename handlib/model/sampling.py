"""Joint feature sampling: reads a feature map at the joints' places in the picture (Sec. 3.2.1)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample


def sample_joints(
    feature_map: Float[Tensor, "batch channels height width"], uv: Float[Tensor, "batch points 2"]
) -> Float[Tensor, "batch points channels"]:
    """Interpolates a map bilinearly at uv in [-1, 1]: x right, y down, map edges at -1 and 1.

    Outside the map are zeros, so features fade within half a map pixel on either side of the border. Very
    distant points are first moved to uv = +-1e4, to avoid overflow; they read zeros in any case.
    """
    # In bfloat16 a place would be wrong by up to a tenth of a map pixel.
    precise = torch.promote_types(feature_map.dtype, torch.float32)
    grid, values = uv.to(precise).clamp(-1e4, 1e4).unsqueeze(2), feature_map.to(precise)
    sampled = grid_sample(values, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return sampled[..., 0].transpose(1, 2)
