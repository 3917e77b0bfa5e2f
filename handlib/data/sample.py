"""A sample: a picture of two hands with its exact truth, alone or stacked into a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from handlib.geometry.camera import pixels_to_uv, project_pinhole
from handlib.utils.reprs import in_shapes

STRATA = ("apart", "near", "touching", "interlocked")
BACKGROUND, LEFT, RIGHT = 0, 1, 2
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Sample:
    """A square picture of two hands and the truth about it; ``hand`` is (left, right).

    Lengths are metres in the camera's frame (x right, y down, z away). ``label`` is ``BACKGROUND``, ``LEFT``
    or ``RIGHT``; a rendered forearm has its hand's label, a layered or real one is background. ``dense``
    colours every visible point of a hand by its place on the hand at rest (1-255 per channel; 0 on background
    and forearms). ``depth`` is z, or 0 where nothing was hit. ``pose`` is axis-angle around the flat hand.
    ``intrinsics`` are (fx, fy, cx, cy) in pixels. ``visible`` is the share of each hand's silhouette that
    nothing hides. ``distance`` is the smallest distance between the two surfaces. ``stratum`` is an index
    into ``STRATA``.
    """

    image: UInt8[Tensor, "*batch 3 size size"]
    label: UInt8[Tensor, "*batch size size"]
    dense: UInt8[Tensor, "*batch 3 size size"]
    depth: Float[Tensor, "*batch size size"]
    vertices: Float[Tensor, "*batch hand=2 778 3"]
    joints: Float[Tensor, "*batch hand=2 21 3"]
    root: Float[Tensor, "*batch hand=2 3 3"]
    pose: Float[Tensor, "*batch hand=2 45"]
    betas: Float[Tensor, "*batch hand=2 10"]
    intrinsics: Float[Tensor, "*batch 4"]
    visible: Float[Tensor, "*batch hand=2"]
    distance: Float[Tensor, "*batch"]
    stratum: Int[Tensor, "*batch"]

    __repr__ = in_shapes

    @property
    def size(self) -> int:
        """Returns the side of the square picture in pixels."""
        return self.image.shape[-1]

    @property
    def uv(self) -> Float[Tensor, "*batch 2 21 2"]:
        """Returns the joints' uv in the picture, in [-1, 1], projected by the true pinhole camera."""
        return self._project(self.joints)

    @property
    def vertex_uv(self) -> Float[Tensor, "*batch 2 778 2"]:
        """Returns the vertices' uv in the picture, in [-1, 1], projected by the true pinhole camera."""
        return self._project(self.vertices)

    def _project(self, points: Tensor) -> Tensor:
        return pixels_to_uv(project_pinhole(points, self.intrinsics[..., None, :]), self.size)

    def to(self, device: torch.device | str) -> "Sample":
        """Returns the same sample on another device."""
        return Sample(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def __getitem__(self, index: int | slice | Tensor) -> "Sample":
        """Returns one or several samples of a batch."""
        return Sample(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def __len__(self) -> int:
        """Returns the number of samples in a batch; a single sample has no length."""
        if self.image.ndim == 3:
            raise TypeError("a single sample has no length")
        return len(self.image)


def stack(samples: Sequence[Sample]) -> Sample:
    """Stacks single samples of one size into a batch."""
    return Sample(**{f.name: torch.stack([getattr(s, f.name) for s in samples]) for f in fields(Sample)})


def resize(sample: Sample, size: int) -> Sample:
    """Returns the same scene at another size. Colours are averaged; labels, dense and depth are picked."""
    flat = sample.image.reshape(-1, 3, sample.size, sample.size).float()
    image = interpolate(flat, size=(size, size), mode="bilinear", antialias=True, align_corners=False)

    def pick(maps: Tensor) -> Tensor:
        flat = maps.reshape(-1, 1, sample.size, sample.size).float()
        picked = interpolate(flat, size=(size, size), mode="nearest-exact")
        return picked.reshape(*maps.shape[:-2], size, size).to(maps.dtype)

    return replace(
        sample,
        image=image.round().to(torch.uint8).reshape(*sample.image.shape[:-2], size, size),
        label=pick(sample.label),
        dense=pick(sample.dense),
        depth=pick(sample.depth),
        intrinsics=sample.intrinsics * (size / sample.size),
    )


def normalise(image: UInt8[Tensor, "*batch 3 height width"]) -> Float[Tensor, "*batch 3 height width"]:
    """Returns the network's input: colours in [0, 1], normalised by ImageNet's mean and deviation."""
    mean = torch.tensor(IMAGE_MEAN, device=image.device)[:, None, None]
    std = torch.tensor(IMAGE_STD, device=image.device)[:, None, None]
    return (image.float() / 255 - mean) / std
