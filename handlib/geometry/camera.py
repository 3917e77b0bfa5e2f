"""Cameras: pinhole and weak perspective, pixels and uv, crops.

The camera looks along +z; x points right and y down. Pixels are continuous: pixel ``i`` covers
``[i, i + 1)``, its centre is ``i + 0.5``. ``uv`` runs from -1 to 1 over the whole picture, edges included,
as ``grid_sample(align_corners=False)`` expects. Intrinsics are ``(fx, fy, cx, cy)`` in pixels.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def project_pinhole(
    points: Float[Tensor, "*batch n 3"], intrinsics: Float[Tensor, "*#batch 4"]
) -> Float[Tensor, "*batch n 2"]:
    """Projects points in the camera's frame (metres) to pixels. Only points in front of it make sense."""
    focal, centre = intrinsics[..., None, :2], intrinsics[..., None, 2:]
    return points[..., :2] / points[..., 2:] * focal + centre


def project_weak_perspective(
    points: Float[Tensor, "*batch n 3"], camera: Float[Tensor, "*#batch 3"]
) -> Float[Tensor, "*batch n 2"]:
    """Returns the uv of points under a weak-perspective camera (s, tx, ty): ``s * xy + t``, without depth."""
    return camera[..., None, :1] * points[..., :2] + camera[..., None, 1:]


def fit_weak_perspective(
    points: Float[Tensor, "*batch n 3"], uv: Float[Tensor, "*batch n 2"]
) -> Float[Tensor, "*batch 3"]:
    """Returns the weak-perspective camera (s, tx, ty) that maps points to uv with the least squared error.

    If all points have the same (x, y), the scale is undetermined and becomes NaN.
    """
    xy_mean, uv_mean = points[..., :2].mean(-2, keepdim=True), uv.mean(-2, keepdim=True)
    xy, target = points[..., :2] - xy_mean, uv - uv_mean
    scale = (xy * target).sum((-2, -1)) / xy.square().sum((-2, -1))
    shift = uv_mean[..., 0, :] - scale[..., None] * xy_mean[..., 0, :]
    return torch.cat((scale[..., None], shift), dim=-1)


def pixels_to_uv(pixels: Float[Tensor, "*batch 2"], size: int | float) -> Float[Tensor, "*batch 2"]:
    """Converts continuous pixels of a square picture to uv in [-1, 1]."""
    return pixels * (2 / size) - 1


def uv_to_pixels(uv: Float[Tensor, "*batch 2"], size: int | float) -> Float[Tensor, "*batch 2"]:
    """Converts uv in [-1, 1] to continuous pixels of a square picture."""
    return (uv + 1) * (size / 2)


def crop_intrinsics(
    intrinsics: Float[Tensor, "*batch 4"], corner: Float[Tensor, "*#batch 2"], scale: float
) -> Float[Tensor, "*batch 4"]:
    """Returns the intrinsics of a crop whose top left pixel is ``corner``, enlarged ``scale`` times."""
    return torch.cat((intrinsics[..., :2], intrinsics[..., 2:] - corner), dim=-1) * scale
