"""Multi-plane feature projection: joint features drawn back into the picture (Sec. 3.2.3).

Every bone (or joint) gets its own plane, so that features of joints that meet in the picture don't mix. A
convolution over all planes then makes one map from them. Computed literally, the planes of both hands have
2560 channels, nearly all zero. But each plane is a few masks times feature vectors, and a convolution is
linear. So the features can be multiplied into the convolution's weights first:

    conv(sum_e mask_e * f_e, W) = sum_e conv(mask_e, W f_e)

This is exact: ``planes_then_conv`` and ``conv_of_masks`` agree except for rounding.
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from handlib.hand.skeleton import BONES, NUM_BONES, NUM_JOINTS
from handlib.model.blocks import bias_of

Projection = Literal["bone", "joint", "single"]
DrawBones = Callable[[Tensor, int, float], Tensor]
"""Draws the masks of bones, as :func:`bone_masks` does."""
DISTANCE_EPS = 1e-6


def plane_count(projection: Projection, joints: int = NUM_JOINTS) -> int:
    """Returns the number of planes per picture, for both hands together."""
    return {"bone": 2 * NUM_BONES, "joint": 2 * joints, "single": 1}[projection]


def offsets(
    points: Float[Tensor, "*batch 2"], size: int
) -> tuple[Float[Tensor, "*batch 1 size"], Float[Tensor, "*batch size 1"]]:
    """Returns the offsets (along x, along y) from points to a square map's pixel centres, in map pixels."""
    centres = torch.arange(size, dtype=points.dtype, device=points.device) + 0.5
    return centres - points[..., :1, None], (centres - points[..., 1:, None]).transpose(-1, -2)


def bone_masks(
    uv: Float[Tensor, "batch hand 21 2"], size: int, half_width: float
) -> Float[Tensor, "batch hand 20 end=2 size size"]:
    """Returns the weight of each bone's two end joints at every pixel.

    A pixel belongs to a bone if its centre is closer than ``half_width`` (uv units) to the segment between
    the end joints. There the end a, nearer to the wrist, has the weight 1 - d_a / (d_a + d_b), and the end b
    has the rest; d_a and d_b are the pixel's distances to the ends. Elsewhere both weights are 0. A bone of
    length 0 becomes a disc.
    """
    start, end = ((uv[:, :, [bone[e] for bone in BONES]] + 1) / 2 * size for e in (0, 1))
    along = end - start
    x_start, y_start = offsets(start, size)
    x_end, y_end = offsets(end, size)
    x_along, y_along = along[..., 0, None, None], along[..., 1, None, None]
    length_squared = along.square().sum(-1).clamp_min(1e-12)[..., None, None]
    t = ((x_start * x_along + y_start * y_along) / length_squared).clamp(0, 1)
    from_axis = (x_start - t * x_along).square() + (y_start - t * y_along).square()
    inside = from_axis < (half_width * size / 2) ** 2
    d_start = ((x_start + DISTANCE_EPS).square() + (y_start + DISTANCE_EPS).square()).sqrt()
    d_end = ((x_end + DISTANCE_EPS).square() + (y_end + DISTANCE_EPS).square()).sqrt()
    whole = inside / (d_start + d_end)
    return torch.stack((d_end * whole, d_start * whole), dim=3)


def joint_masks(
    uv: Float[Tensor, "batch hand joints 2"], size: int, half_width: float
) -> Float[Tensor, "batch hand joints 1 size size"]:
    """Returns 1 where a pixel's centre is closer than ``half_width`` (uv units) to the joint, 0 elsewhere."""
    x, y = offsets((uv + 1) / 2 * size, size)
    return (x.square() + y.square() < (half_width * size / 2) ** 2).to(uv.dtype).unsqueeze(3)


def masks_and_joints(
    uv: Float[Tensor, "batch hand joints 2"],
    size: int,
    half_width: float,
    projection: Projection,
    draw_bones: DrawBones = bone_masks,
) -> tuple[Float[Tensor, "batch hand planes ends size size"], Int[Tensor, "planes ends"]]:
    """Returns the masks, and the joint whose feature each mask shows. A single plane shows bones too."""
    if projection == "joint":
        return joint_masks(uv, size, half_width), torch.arange(uv.shape[2], device=uv.device)[:, None]
    return draw_bones(uv, size, half_width), torch.tensor(BONES, device=uv.device)


def project_planes(
    features: Float[Tensor, "batch hand=2 joints channels"],
    uv: Float[Tensor, "batch hand=2 joints 2"],
    size: int,
    half_width: float,
    projection: Projection = "bone",
) -> Float[Tensor, "batch planes channels size size"]:
    """Returns the planes, left hand first, bone by bone (or joint by joint)."""
    masks, joints = masks_and_joints(uv, size, half_width, projection)
    planes = torch.einsum("bhkeyx,bhkec->bhkcyx", masks, features[:, :, joints])
    if projection == "single":
        return planes.sum((1, 2)).unsqueeze(1)
    return planes.flatten(1, 2)


def planes_then_conv(
    planes: Float[Tensor, "batch planes channels size size"],
    weight: Float[Tensor, "out planes*channels k k"],
    bias: Float[Tensor, "out"],
) -> Float[Tensor, "batch out size size"]:
    """Returns the map in the literal way: a padded convolution over all planes' channels."""
    return conv2d(planes.flatten(1, 2), weight, bias, padding="same")


def conv_of_masks(
    features: Float[Tensor, "batch hand=2 joints channels"],
    uv: Float[Tensor, "batch hand=2 joints 2"],
    size: int,
    half_width: float,
    weight: Float[Tensor, "out planes_channels k k"],
    bias: Float[Tensor, "out"],
    projection: Projection = "bone",
    draw_bones: DrawBones = bone_masks,
) -> Float[Tensor, "batch out size size"]:
    """Returns the same map in the factorised way, without making the planes.

    Each picture gets its own kernels: the weights multiplied by the picture's joint features. These kernels
    are applied to the masks, which have no channels. For that the masks are unfolded: each pixel gets a row
    with the masks' values around it, tap by tap. Then the convolution is one product of matrices.
    """
    masks, joints = masks_and_joints(uv, size, half_width, projection, draw_bones)
    batch, out_channels, k = features.shape[0], weight.shape[0], weight.shape[-1]
    planes = 1 if projection == "single" else masks.shape[1] * masks.shape[2]
    shown = features[:, :, joints].reshape(batch, planes, -1, features.shape[-1])
    blocks = weight.permute(0, 2, 3, 1).unflatten(-1, (planes, -1)).flatten(0, 2).transpose(0, 1)
    kernels = blocks @ shown.permute(1, 3, 0, 2).flatten(2)
    kernels = kernels.view(planes, out_channels, k, k, batch, -1).permute(4, 2, 3, 0, 5, 1).flatten(1, 4)

    # Contiguous, because parts of it are copied nine times.
    padded = pad(masks.flatten(1, 3).to(kernels.dtype), [k // 2] * 4).permute(0, 2, 3, 1).contiguous()
    rows = torch.cat([padded[:, y : y + size, x : x + size] for y in range(k) for x in range(k)], dim=-1)
    out = rows.flatten(1, 2) @ kernels + bias
    return out.transpose(1, 2).unflatten(-1, (size, size))


class MultiPlaneProjection(nn.Module):
    """Makes a map from both hands' plane features: projection, 3x3 convolution, BN, ReLU, 1x1 convolution."""

    bone_masks = staticmethod(bone_masks)

    def __init__(
        self,
        plane_channels: int,
        channels: int,
        half_width: float,
        projection: Projection,
        joints: int = NUM_JOINTS,
    ):
        super().__init__()
        self.half_width, self.projection = half_width, projection
        self.gather = nn.Conv2d(plane_count(projection, joints) * plane_channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(
        self,
        features: Float[Tensor, "batch hand=2 joints channels"],
        uv: Float[Tensor, "batch hand=2 joints 2"],
        size: int,
    ) -> Float[Tensor, "batch out size size"]:
        """Returns the map of the given size with the features drawn at uv."""
        gathered = conv_of_masks(
            features,
            uv,
            size,
            self.half_width,
            self.gather.weight,
            bias_of(self.gather),
            self.projection,
            self.bone_masks,
        )
        return self.mix(self.norm(gathered).relu())
