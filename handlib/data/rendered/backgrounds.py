"""Procedural backgrounds of many kinds, so that a network can't recognise hands by their background.

Every picture is a ground (plain, gradient, clouds, wood, stripes, tiles or blobs) with hard-edged shapes on
it; some shapes have colours of skin. Everything is placed in a square of side 1, so the same random numbers
give the same picture at every size.
"""

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch.nn.functional import interpolate

SKIN_COLOURS = np.array([(0.93, 0.76, 0.66), (0.80, 0.60, 0.50), (0.62, 0.43, 0.33), (0.40, 0.26, 0.19)])


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Returns a random sRGB colour, more often greyish than vivid."""
    grey = rng.uniform(0.08, 0.92)
    return np.clip(grey + rng.beta(1, 3) * rng.uniform(-0.5, 0.5, 3), 0.02, 0.98)


def _coordinates(size: int) -> tuple[np.ndarray, np.ndarray]:
    centre = ((np.arange(size) + 0.5) / size).astype(np.float32)
    return centre[None, :], centre[:, None]


def smooth_noise(
    rng: np.random.Generator, size: int, rows: int, columns: int
) -> Float[np.ndarray, "size size"]:
    """Returns random values on a grid (standard deviation about 1), interpolated bicubically."""
    grid = torch.from_numpy(rng.normal(size=(1, 1, rows, columns)).astype(np.float32))
    return interpolate(grid, (size, size), mode="bicubic", align_corners=False)[0, 0].numpy()


def _blend(t: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first + np.clip(t, 0, 1)[..., None] * (second - first)


def _waves(rng: np.random.Generator, size: int) -> np.ndarray:
    """Returns a coordinate that grows across the picture in a random direction, in periods of a wave."""
    x, y = _coordinates(size)
    angle = rng.uniform(0, 2 * np.pi)
    return rng.uniform(1.5, 12) * (np.cos(angle) * x + np.sin(angle) * y) + rng.uniform()


def _plain(rng: np.random.Generator, size: int) -> np.ndarray:
    return np.broadcast_to(_colour(rng), (size, size, 3))


def _gradient(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = _coordinates(size)
    angle = rng.uniform(0, 2 * np.pi)
    t = 0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    return _blend(t, _colour(rng), _colour(rng))


def _clouds(rng: np.random.Generator, size: int) -> np.ndarray:
    t = 0.5 + 0.25 * smooth_noise(rng, size, 4, 4) + 0.1 * smooth_noise(rng, size, 10, 10)
    tint = np.stack([smooth_noise(rng, size, 3, 3) for _ in range(3)], axis=-1)
    return _blend(t, _colour(rng), _colour(rng)) + 0.05 * tint


def _wood(rng: np.random.Generator, size: int) -> np.ndarray:
    base = np.array([0.62, 0.42, 0.26]) * rng.uniform(0.5, 1.4) + rng.uniform(-0.08, 0.08, 3)
    x, _ = _coordinates(size)
    warp = smooth_noise(rng, size, 3, 5)
    grain = np.sin(2 * np.pi * (rng.uniform(3, 9) * x + 0.5 * warp)) + 0.7 * smooth_noise(rng, size, 4, 48)
    boards = rng.integers(2, 6)
    shade = rng.uniform(-1, 1, boards)[np.minimum((x * boards).astype(int), boards - 1)]
    wood = base * (1 + 0.07 * grain + 0.10 * shade)[..., None]
    return wood if rng.random() < 0.5 else wood.transpose(1, 0, 2)


def _stripes(rng: np.random.Generator, size: int) -> np.ndarray:
    wave = _waves(rng, size)
    sharp = rng.random() < 0.5
    t = (
        (wave % 1 < rng.uniform(0.3, 0.7)).astype(np.float32)
        if sharp
        else 0.5 + 0.5 * np.sin(2 * np.pi * wave)
    )
    return _blend(t, _colour(rng), _colour(rng))


def _tiles(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = _coordinates(size)
    angle, count = rng.uniform(0, np.pi), rng.uniform(2, 7)
    u = count * (np.cos(angle) * x - np.sin(angle) * y) + rng.uniform()
    v = count * (np.sin(angle) * x + np.cos(angle) * y) + rng.uniform()
    first, second, joint = _colour(rng), _colour(rng), _colour(rng)
    if rng.random() < 0.5:
        return _blend((np.floor(u) + np.floor(v)) % 2, first, second)
    return _blend(((u % 1 < 0.06) | (v % 1 < 0.06)).astype(np.float32), first, joint)


def _blobs(rng: np.random.Generator, size: int) -> np.ndarray:
    cells = int(rng.integers(4, 12))
    t = (smooth_noise(rng, size, cells, cells) > rng.uniform(-0.3, 0.8)).astype(np.float32)
    return _blend(t, _colour(rng), _colour(rng))


GROUNDS = (_plain, _gradient, _clouds, _wood, _stripes, _tiles, _blobs)
GROUND_SHARES = (0.06, 0.16, 0.20, 0.22, 0.12, 0.12, 0.12)


def _draw_shapes(rng: np.random.Generator, picture: Image.Image) -> None:
    """Draws polygons, ellipses and bars with hard edges; one in four has a colour of skin."""
    draw = ImageDraw.Draw(picture)
    size = picture.width
    for _ in range(rng.integers(0, 7)):
        colour = (
            SKIN_COLOURS[rng.integers(4)] * rng.uniform(0.8, 1.1) if rng.random() < 0.25 else _colour(rng)
        )
        fill = tuple(int(c) for c in np.clip(colour * 255, 0, 255))
        centre, radius = rng.uniform(-0.1, 1.1, 2), rng.uniform(0.04, 0.35)
        kind = rng.choice(3, p=(0.55, 0.25, 0.20))
        if kind == 0:
            angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
            corners = centre + radius * np.stack((np.cos(angle), np.sin(angle)), 1)
            draw.polygon([tuple(corner) for corner in corners * size], fill=fill)
        elif kind == 1:
            across = radius * rng.uniform(0.4, 1, 2)
            draw.ellipse([*(centre - across) * size, *(centre + across) * size], fill=fill)
        else:
            end = centre + rng.uniform(-1, 1, 2)
            width = max(1, round(rng.uniform(0.02, 0.14) * size))
            draw.line([*centre * size, *end * size], fill=fill, width=width)


def sample_background(rng: np.random.Generator, size: int) -> Float[np.ndarray, "size size 3"]:
    """Returns a random background in linear light, in [0, 1]."""
    ground = GROUNDS[rng.choice(len(GROUNDS), p=GROUND_SHARES)](rng, size)
    picture = Image.fromarray((np.clip(ground, 0, 1) * 255).astype(np.uint8))
    if rng.random() < 0.6:
        _draw_shapes(rng, picture)
    brightness = rng.uniform(0.6, 1.1)
    linear = (np.linspace(0, 1, 256) ** 2.2 * brightness).astype(np.float32)
    return np.minimum(linear[np.asarray(picture)], 1)
