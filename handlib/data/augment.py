"""Augmentation: turns, scales, shifts, mirrors and recolours pictures, and changes the truth with them.

Turning a picture in its plane is the same as turning the camera about its axis. So every changed sample is
exact again: a pinhole camera's view of two hands in space.
"""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import affine_grid, conv2d, grid_sample

from handlib.data.config import Augmentation
from handlib.data.sample import Sample
from handlib.geometry.turn import turn_matrix


def flip(batch: Sample) -> Sample:
    """Returns the mirror image of every picture: left hands become right hands and vice versa.

    This is exact if the two hand models are mirror images, like the open hand's. MANO's nearly are.
    """
    mirror = batch.vertices.new_tensor([-1.0, 1.0, 1.0])
    turn = batch.pose.new_tensor([1.0, -1.0, -1.0]).repeat(15)
    label = torch.where(batch.label > 0, 3 - batch.label, batch.label)
    fx, fy, cx, cy = batch.intrinsics.unbind(-1)
    return replace(
        batch,
        image=batch.image.flip(-1),
        label=label.flip(-1),
        dense=batch.dense.flip(-1),
        depth=batch.depth.flip(-1),
        vertices=batch.vertices.flip(1) * mirror,
        joints=batch.joints.flip(1) * mirror,
        root=batch.root.flip(1) * mirror[:, None] * mirror,
        pose=batch.pose.flip(1) * turn,
        betas=batch.betas.flip(1),
        intrinsics=torch.stack((fx, fy, batch.size - cx, cy), dim=-1),
        visible=batch.visible.flip(1),
    )


def select(condition: Tensor, yes: Sample, no: Sample) -> Sample:
    """Returns a batch with each sample taken from ``yes`` where the condition holds, else from ``no``."""

    def pick(name: str) -> Tensor:
        a, b = getattr(yes, name), getattr(no, name)
        return torch.where(condition.view(-1, *(1,) * (a.ndim - 1)), a, b)

    return Sample(**{name: pick(name) for name in Sample.__dataclass_fields__})


def turn(
    batch: Sample,
    angle: Float[Tensor, "batch"],
    scale: Float[Tensor, "batch"],
    shift: Float[Tensor, "batch 2"],
) -> Sample:
    """Turns every picture by an angle (radians, clockwise as seen), scales it and shifts it (uv units).

    The truth turns about the camera's axis, and the principal point moves like a pixel. Outside the original
    picture, ``image`` repeats its edge and the other maps are background.

    Raises:
        ValueError: a camera's pixels aren't square (fx differs from fy), so turning the picture is no
        rotation.
    """
    fx, fy = batch.intrinsics[:, :2].unbind(-1)
    if not torch.allclose(fx, fy, rtol=1e-2):
        raise ValueError("intrinsics: expected square pixels, fx = fy within 1 %")
    camera = turn_matrix(angle)
    in_plane = camera[:, :2, :2]
    forward = in_plane * scale[:, None, None]

    half = batch.size / 2
    principal = (batch.intrinsics[:, 2:] / half - 1)[..., None]
    principal = ((forward @ principal)[..., 0] + shift + 1) * half
    intrinsics = torch.cat((batch.intrinsics[:, :2] * scale[:, None], principal), dim=-1)

    backward = in_plane.transpose(1, 2) / scale[:, None, None]
    theta = torch.cat((backward, -backward @ shift[..., None]), dim=-1)
    grid = affine_grid(theta, list(batch.image.shape), align_corners=False)
    image = grid_sample(batch.image.float(), grid, "bilinear", "border", align_corners=False)
    maps = torch.cat((batch.label[:, None].float(), batch.dense.float(), batch.depth[:, None]), dim=1)
    maps = grid_sample(maps, grid, "nearest", "zeros", align_corners=False)
    rotate = camera[:, None]
    return replace(
        batch,
        image=image.round().to(torch.uint8),
        label=maps[:, 0].to(torch.uint8),
        dense=maps[:, 1:4].to(torch.uint8),
        depth=maps[:, 4],
        vertices=batch.vertices @ rotate.transpose(-1, -2),
        joints=batch.joints @ rotate.transpose(-1, -2),
        root=rotate @ batch.root,
        intrinsics=intrinsics,
    )


@dataclass(frozen=True)
class Draw:
    """Random numbers for a batch: ``chance`` between 0 and 1, ``either_way`` between -1 and 1, pixel noise.

    Each picture has its own seed, so its numbers don't depend on the other pictures in the batch.
    """

    chance: Float[Tensor, "batch 2"]
    either_way: Float[Tensor, "batch 10"]
    noise: Float[Tensor, "batch 3 size size"]

    @classmethod
    def of(cls, seeds: Int[Tensor, "batch"], size: int) -> "Draw":
        """Returns the numbers that belong to the seeds."""
        drawn = []
        for seed in seeds.tolist():
            generator = torch.Generator().manual_seed(seed)
            numbers = torch.rand(12, generator=generator)
            drawn.append((numbers[:2], numbers[2:] * 2 - 1, torch.randn(3, size, size, generator=generator)))
        return cls(*map(torch.stack, zip(*drawn, strict=True)))


def recolour(
    image: Float[Tensor, "batch 3 size size"], ranges: Augmentation, draw: Draw
) -> Float[Tensor, "batch 3 size size"]:
    """Applies motion blur, contrast, brightness, tint and noise to colours in [0, 1]."""
    batch, size = len(image), image.shape[-1]
    direction, brightness, lift, tint = draw.either_way[:, 4:].split((1, 1, 1, 3), dim=1)
    if ranges.blur:
        # A 5 x 5 kernel with a short streak in a random direction; unblurred pictures get a single point.
        ticks = torch.arange(5) - 2.0
        direction = direction[:, 0] * math.pi
        across = direction.cos()[:, None, None] * ticks[:, None] - direction.sin()[:, None, None] * ticks
        streak = (1 - across.abs()).clamp_min(0)
        blurred = draw.chance[:, 1] < ranges.blur
        point = torch.zeros(5, 5).index_put((torch.tensor(2), torch.tensor(2)), torch.tensor(1.0))
        kernel = torch.where(blurred[:, None, None], streak / streak.sum((1, 2), keepdim=True), point)
        kernel = kernel.repeat_interleave(3, dim=0)[:, None]
        planes = torch.nn.functional.pad(image.reshape(1, -1, size, size), (2, 2, 2, 2), mode="replicate")
        image = conv2d(planes, kernel, groups=3 * batch).view_as(image)
    gain = (1 + ranges.gain * brightness) * (1 + ranges.tint * tint)
    image = (image - 0.5) * gain[..., None, None] + 0.5 + 0.6 * ranges.gain * lift[..., None, None]
    return (image + ranges.noise * draw.noise).clamp(0, 1)


def augment(batch: Sample, ranges: Augmentation, seeds: Int[Tensor, "batch"]) -> Sample:
    """Returns a changed copy of a batch; a sample's change depends on the sample and its seed alone."""
    draw = Draw.of(seeds, batch.size)
    if ranges.flip:
        batch = select(draw.chance[:, 0] < ranges.flip, flip(batch), batch)
    angle, scale, shift = draw.either_way[:, 0], draw.either_way[:, 1], draw.either_way[:, 2:4]
    batch = turn(
        batch, angle * math.radians(ranges.rotation), 1 + ranges.scale * scale, 2 * ranges.shift * shift
    )
    image = recolour(batch.image.float() / 255, ranges, draw)
    return replace(batch, image=(image * 255).round().to(torch.uint8))
