"""Photographs as backgrounds: every second pair has a part of a picture without hands behind it.

Nothing else about a pair changes: a seed gives the same hands, skin and light with and without photographs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from handlib.data.photo import read_picture
from handlib.data.photo_folders import find_pictures
from handlib.data.rendered.shading import Appearance, srgb_to_linear

SHARE = 0.5
SHORT_SIDE = 512
"""Pixels of a photograph's short side; larger photographs are scaled down to it when they are read."""


@dataclass(frozen=True)
class Photographs:
    """Pictures to choose from, in order; ``sha256`` identifies their contents, whatever their names are."""

    paths: tuple[Path, ...]
    sha256: str


def open_photographs(places: Sequence[Path]) -> Photographs:
    """Opens the given files and all pictures below the given folders; each is read once.

    Raises:
        PictureError: there are no pictures, or one can't be read.
    """
    paths = tuple(find_pictures(places).values())
    digest = hashlib.sha256()
    for path in paths:
        read_picture(path)
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return Photographs(paths, digest.hexdigest())


@lru_cache(maxsize=64)
def _small(path: Path) -> Image.Image:
    picture = Image.fromarray(read_picture(path))
    scale = max(1.0, min(picture.size) / SHORT_SIDE)
    return picture.resize([round(side / scale) for side in picture.size], reducing_gap=3.0)


def sample_photograph(
    rng: np.random.Generator, size: int, photographs: Photographs
) -> Float[np.ndarray, "size size 3"]:
    """Returns a random square of a random photograph, in linear light in [0, 1].

    The square's side is at least half of the photograph's short side.
    """
    picture = _small(photographs.paths[rng.integers(len(photographs.paths))])
    side = min(picture.size) * rng.uniform(0.5, 1)
    left, top = (rng.uniform(0, length - side) for length in picture.size)
    mirrored, brightness = rng.random() < 0.5, rng.uniform(0.6, 1.1)
    part = picture.resize(
        (size, size), Image.Resampling.BICUBIC, (left, top, left + side, top + side), reducing_gap=3.0
    )
    colours = np.asarray(part, dtype=np.float32)[:, ::-1] if mirrored else np.asarray(part, dtype=np.float32)
    return np.minimum(srgb_to_linear(colours / 255) * np.float32(brightness), 1)


def before_photograph(
    appearance: Appearance, rng: np.random.Generator, size: int, photographs: Photographs
) -> Appearance:
    """Returns the appearance, with a photograph as its background in a share ``SHARE`` of all cases."""
    if rng.random() >= SHARE:
        return appearance
    return replace(appearance, background=sample_photograph(rng, size, photographs))
