"""Composes pictures of layered pairs: crop, clothes, light, background, things in front, camera faults.

One stored pair gives any number of different pictures. Colours are sRGB numbers from 0 to 255 here, because
tints, gamma and JPEG change such numbers in real photographs too.
"""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt

from handlib.data.layered.layers import LayeredPair
from handlib.data.photo import read_picture
from handlib.data.rendered.backgrounds import sample_background
from handlib.data.rendered.placement import NEAR_TO as APART
from handlib.data.rendered.shading import linear_to_srgb_bytes
from handlib.data.sample import Sample
from handlib.geometry.camera import project_pinhole
from handlib.hand.upright import turn_to_upright

Colour = Float[np.ndarray, "size size 3"]
Mask = Float[np.ndarray, "size size 1"]
NOMINAL = 0.8
"""Share of a stored picture's side that is cut out if nothing is scaled."""
FAR = (0.35, 0.75)
"""Range of the factor by which far hands are scaled."""
CLOSE = (0.4, 0.8)
"""Range of the share of the picture's side that a hand seen closely fills."""
LEAST_INSIDE = 0.3
"""A hand counts as not in the picture if less than this share of it is inside the picture."""
CLEAR = 0.97
"""One hand may be left out of a picture if more than this share of both hands' silhouettes is visible."""


@dataclass(frozen=True)
class Ranges:
    """Ranges and probabilities of the random choices in a picture.

    ``turn`` (degrees), ``scale`` (a factor) and ``shift`` (a share of the side) are ranges, either way. The
    others are probabilities. ``any_way``: the camera may be turned by any angle. ``upright``: it is turned so
    that the hands point up, as a network with ``DIRConfig.upright`` sees them. ``far``: both hands are
    small. ``close``: one hand that is apart from the other fills the picture alone. The names of the others
    say what they add.
    """

    turn: float = 25.0
    any_way: float = 0.15
    upright: float = 0.0
    far: float = 0.12
    close: float = 0.3
    scale: float = 1.3
    shift: float = 0.10
    one_hand: float = 0.25
    no_hand: float = 0.03
    bystander: float = 0.12
    cloth: float = 0.85
    odd_skin: float = 0.2
    skin_behind: float = 0.3
    collage: float = 0.6
    held: float = 0.25
    in_front: float = 0.25
    grey: float = 0.1
    coarse: float = 0.3
    jpeg: float = 0.4
    edges: float = 0.3


class Backdrops:
    """Backgrounds behind hands: photographs without hands, and randomly drawn pictures."""

    def __init__(self, photographs: Sequence[Path], side: int = 384, drawn: float = 0.3):
        self.photographs, self.side = tuple(photographs), side
        self.drawn = drawn if photographs else 1.0

    @lru_cache(maxsize=400)  # noqa: B019
    def _read(self, path: Path) -> Image.Image:
        picture = Image.fromarray(read_picture(path))
        picture.thumbnail((2 * self.side, 2 * self.side))
        scale = self.side / min(picture.size)
        return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))

    def sample(self, rng: np.random.Generator, size: int) -> Colour:
        """Returns a random square part of a background, perhaps mirrored or transposed."""
        if rng.random() < self.drawn:
            picture = linear_to_srgb_bytes(sample_background(rng, size)).astype(np.float32)
        else:
            whole = self._read(self.photographs[rng.integers(len(self.photographs))])
            side = rng.uniform(0.15, 1.0) * self.side
            left, top = (rng.uniform(0, extent - side) for extent in whole.size)
            part = whole.resize((size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
            picture = np.asarray(part, np.float32)
        if rng.random() < 0.5:
            picture = picture[:, ::-1]
        return picture.transpose(1, 0, 2) if rng.random() < 0.2 else picture


def recoloured(rng: np.random.Generator, colour: np.ndarray, strength: float) -> np.ndarray:
    """Changes gamma, saturation, colour cast and exposure at random."""
    unit = np.clip(colour / 255, 0, 1) ** np.float32(math.exp(rng.normal(0, 0.35 * strength)))
    grey = unit.mean(-1, keepdims=True)
    unit = grey + (unit - grey) * np.float32(math.exp(rng.normal(0, 0.35 * strength)))
    cast = np.exp(rng.normal(0, 0.12 * strength, 3) + rng.normal(0, 0.25 * strength)).astype(np.float32)
    return np.clip(unit * cast, 0, 1.3) * 255


def plain_colour(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """Returns a random colour of cloth or plastic."""
    return np.clip(rng.uniform(10, 245) + rng.normal(0, 30, 3), 0, 255).astype(np.float32)


def surface(rng: np.random.Generator, size: int, backdrops: Backdrops) -> np.ndarray:
    """Returns a thing's surface: a plain colour or a part of a background."""
    return backdrops.sample(rng, size) if rng.random() < 0.5 else plain_colour(rng)


def outline(rng: np.random.Generator, size: int, smallest: float, largest: float, centre: np.ndarray) -> Mask:
    """Returns a thing's outline as a mask; lengths are shares of the side.

    It is a polygon, an ellipse, a rectangle (a phone, a book) or a bar (a pen, a table's edge).
    """
    picture = Image.new("L", (size, size))
    draw, radius = ImageDraw.Draw(picture), rng.uniform(smallest, largest) * size
    kind, middle = rng.integers(4), centre * size
    along = np.array([math.cos(angle := rng.uniform(0, 2 * math.pi)), math.sin(angle)])
    across = np.array([-along[1], along[0]])
    if kind == 0:
        angles = np.sort(rng.uniform(0, 2 * math.pi, rng.integers(3, 8)))
        reach = radius * rng.uniform(0.6, 1, len(angles))
        points = middle + reach[:, None] * np.stack((np.cos(angles), np.sin(angles)), 1)
        draw.polygon([tuple(point) for point in points], fill=255)
    elif kind == 1:
        radii = radius * rng.uniform(0.4, 1, 2)
        draw.ellipse([*(middle - radii), *(middle + radii)], fill=255)
    else:
        long = radius if kind == 2 else radius * rng.uniform(1.5, 6)
        short = radius * (rng.uniform(0.4, 1) if kind == 2 else rng.uniform(0.1, 0.3))
        corners = [
            middle + a * long * along + b * short * across for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
        ]
        draw.polygon([tuple(corner) for corner in corners], fill=255)
    return np.asarray(picture, np.float32)[..., None] / 255


def over(below: Colour, mask: Mask, above: np.ndarray) -> Colour:
    """Lays one colour over another, weighted by the mask."""
    return below * (1 - mask) + mask * above


def bounds_of(mask: Bool[np.ndarray, "rows columns"]) -> tuple[np.ndarray, np.ndarray]:
    """Returns a mask's bounds (column, row): its first pixels, and one past its last pixels."""
    places = np.argwhere(mask)[:, ::-1]
    return places.min(0), places.max(0) + 1


@dataclass(frozen=True)
class Cut:
    """The map from a stored picture's pixels to the network's: multiply by ``matrix``, add ``shift``."""

    angle: float
    scale: float
    matrix: Float[np.ndarray, "2 2"]
    shift: Float[np.ndarray, "2"]
    size: int

    @classmethod
    def sample(cls, rng: np.random.Generator, pair: LayeredPair, size: int, ranges: Ranges) -> "Cut":
        """Draws a random cut: both hands at a usual size, both far away, or one of them closely."""
        stored = len(pair.part)
        how = rng.random()
        most = 180 if how < ranges.any_way else ranges.turn
        angle = math.radians(rng.uniform(-most, most))
        if how >= 1 - ranges.upright:
            angle += float(turn_to_upright(project_pinhole(pair.joints, pair.intrinsics[None])))
        factor, centre = math.exp(rng.uniform(-1, 1) * math.log(ranges.scale)), np.full(2, stored / 2)
        scale = size / (stored * NOMINAL) * factor
        if rng.random() < ranges.far:
            scale *= rng.uniform(*FAR) / factor
        elif float(pair.distance) > APART and rng.random() < ranges.close:
            low, high = bounds_of(pair.part.numpy() == 1 + rng.integers(2))
            scale, centre = size * rng.uniform(*CLOSE) / (high - low).max(), (low + high) / 2
        cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
        matrix = np.array([[cos, -sin], [sin, cos]])
        moved = size / 2 * (1 + 2 * rng.uniform(-ranges.shift, ranges.shift, 2))
        return cls(angle, scale, matrix, moved - matrix @ centre, size)

    def apply(self, picture: np.ndarray, smooth: bool) -> np.ndarray:
        """Maps a stored picture to the network's; 0 outside the stored picture."""
        back = np.linalg.inv(self.matrix)
        start = -back @ self.shift
        data = (back[0, 0], back[0, 1], start[0], back[1, 0], back[1, 1], start[1])
        how = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
        image = Image.fromarray(picture)
        return np.asarray(image.transform((self.size, self.size), Image.Transform.AFFINE, data, how))


def arm_layer(
    rng: np.random.Generator, pair: LayeredPair, cut: Cut, ranges: Ranges, backdrops: Backdrops
) -> tuple[Colour, Mask, UInt8[np.ndarray, "size size"]]:
    """Cuts both arms out of the stored picture.

    Returns their colours, newly lit and clothed; coverage; parts.
    """
    rgba = cut.apply(pair.colour.numpy(), smooth=True).astype(np.float32)
    part = cut.apply(pair.part.numpy(), smooth=False)
    colour, cover = rgba[..., :3], rgba[..., 3:] / 255
    # At the edge of the arms, colours were mixed with the empty surroundings.
    colour = np.where(cover > 0.02, colour, 0)
    if rng.random() < ranges.cloth:
        both = rng.random() < 0.85
        for sleeves in ((5, 6),) if both else ((5,), (6,)):
            on = np.isin(part, sleeves)
            if on.any():
                shade = colour[on].mean(-1, keepdims=True) / max(float(colour[on].mean()), 1.0)
                cloth = surface(rng, cut.size, backdrops)
                cloth = cloth[on] if cloth.ndim == 3 else cloth
                colour[on] = shade ** rng.uniform(0.5, 1.2) * cloth
    colour = recoloured(rng, colour, 0.6)
    if rng.random() < ranges.odd_skin:
        pattern, weight = backdrops.sample(rng, cut.size), rng.uniform(0.1, 0.5)
        mean = max(float(pattern.mean()), 1.0)
        colour = np.asarray(colour * (1 - weight + weight * pattern / mean), np.float32)
    return colour, cover, part


def arms_of(part: UInt8[np.ndarray, "size size"]) -> UInt8[np.ndarray, "size size"]:
    """Returns, per pixel, 0 (no arm), 1 (left arm) or 2 (right arm)."""
    return np.where(part > 0, (part - 1) % 2 + 1, 0).astype(np.uint8)


def without(
    cover: Mask, part: UInt8[np.ndarray, "size size"], arms: Sequence[int]
) -> tuple[Mask, UInt8[np.ndarray, "size size"]]:
    """Returns coverage and parts without some arms and without the mixed pixels along their edges."""
    nearest = distance_transform_edt(part == 0, return_distances=False, return_indices=True)
    theirs = np.isin(arms_of(part)[tuple(nearest)], [1 + arm for arm in arms])
    return np.where(theirs[..., None], np.float32(0), cover), np.where(theirs, 0, part).astype(np.uint8)


def background(
    rng: np.random.Generator, size: int, skin: np.ndarray, ranges: Ranges, backdrops: Backdrops
) -> Colour:
    """Returns a background: a picture, perhaps with other surfaces and skin-coloured shapes on top."""
    picture = recoloured(rng, backdrops.sample(rng, size), 0.7)
    if rng.random() < ranges.collage:
        for _ in range(rng.integers(1, 4)):
            mask = outline(rng, size, 0.1, 0.5, rng.uniform(0.1, 0.9, 2))
            picture = over(picture, mask, surface(rng, size, backdrops))
    if rng.random() < ranges.skin_behind:
        mask = outline(rng, size, 0.12, 0.5, rng.uniform(0.1, 0.9, 2))
        texture = 0.85 + 0.3 * backdrops.sample(rng, size) / 255
        picture = over(picture, mask, skin * rng.uniform(0.7, 1.2) * texture)
    return picture


def spoilt(rng: np.random.Generator, picture: Colour, ranges: Ranges) -> UInt8[np.ndarray, "size size 3"]:
    """Degrades a picture as cameras and files do: colours, resolution, JPEG, noise."""
    size = len(picture)
    picture = recoloured(rng, picture, 0.6)
    if rng.random() < ranges.grey:
        picture = np.repeat(picture.mean(-1, keepdims=True), 3, axis=-1)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    if rng.random() < ranges.coarse:
        side = int(rng.uniform(0.3, 0.85) * size)
        image = image.resize((side, side), Image.Resampling.BILINEAR)
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    if rng.random() < ranges.jpeg:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(rng.uniform(20, 85)))
        image = Image.open(file).convert("RGB")
    noise = rng.normal(0, rng.choice((1, 3, 8)), (size, size, 1 if rng.random() < 0.5 else 3))
    return np.clip(np.asarray(image, np.float32) + noise, 0, 255).astype(np.uint8)


def with_edges(
    rng: np.random.Generator, picture: UInt8[np.ndarray, "size size 3"], label: UInt8[np.ndarray, "size size"]
) -> UInt8[np.ndarray, "size size 3"]:
    """Returns the picture as if it ended beside the hands.

    Pixels beyond the new edge repeat it, as in :func:`handlib.data.photo.cut_square`.
    """
    size = len(picture)
    low, high = bounds_of(label > 0) if label.any() else (np.full(2, size // 2), np.full(2, size // 2))
    before, after = (
        np.where(rng.random(2) < 0.4, rng.random(2) * room, 0).astype(int) for room in (low, size - high)
    )
    (left, top), (right, bottom) = before, size - after
    around = ((top, size - bottom), (left, size - right), (0, 0))
    return np.pad(picture[top:bottom, left:right], around, mode="edge")


def hide(
    rng: np.random.Generator,
    picture: Colour,
    depth: Float[np.ndarray, "size size"],
    hand: UInt8[np.ndarray, "size size"],
    ranges: Ranges,
    backdrops: Backdrops,
) -> tuple[Colour, Bool[np.ndarray, "size size"]]:
    """Adds things to the picture. Returns the picture and the pixels that the things hide.

    A held thing has the nearer fingers in front of it. Other things are in front of everything.
    """
    size, hidden = len(picture), np.zeros(hand.shape, bool)
    rows, columns = np.nonzero(hand)
    if rng.random() < ranges.held and len(rows):
        k = rng.integers(len(rows))
        mask = outline(rng, size, 0.04, 0.2, np.array([columns[k], rows[k]]) / size)
        near = np.quantile(depth[hand > 0], rng.uniform(0.2, 0.8))
        mask = mask * ((depth == 0) | (depth > near))[..., None]
        picture, hidden = over(picture, mask, surface(rng, size, backdrops)), hidden | (mask[..., 0] > 0.5)
    if rng.random() < ranges.in_front:
        for _ in range(rng.integers(1, 3)):
            mask = outline(rng, size, 0.03, 0.15, rng.uniform(0.1, 0.9, 2))
            picture, hidden = (
                over(picture, mask, surface(rng, size, backdrops)),
                hidden | (mask[..., 0] > 0.5),
            )
    return picture, hidden


def compose(
    pair: LayeredPair,
    stranger: Callable[[], LayeredPair],
    rng: np.random.Generator,
    size: int,
    ranges: Ranges,
    backdrops: Backdrops,
) -> Sample:
    """Composes a picture of a layered pair, with its truth.

    ``stranger`` returns another pair; if there is a bystander, one of its arms is drawn. ``visible`` is 0 for
    a hand that isn't in the picture; its parameters mean nothing then.
    """
    cut = Cut.sample(rng, pair, size, ranges)
    colour, cover, part = arm_layer(rng, pair, cut, ranges, backdrops)
    visible = pair.visible.numpy().copy()
    if rng.random() < ranges.no_hand:
        gone: tuple[int, ...] = (0, 1)
    elif rng.random() < ranges.one_hand and visible.min() > CLEAR:
        gone = (int(rng.integers(2)),)
    else:
        gone = ()
    if gone:
        cover, part = without(cover, part, gone)
        visible[list(gone)] = 0
    skin_pixels = colour[cover[..., 0] > 0.5]
    skin = skin_pixels.mean(0) if len(skin_pixels) else plain_colour(rng)
    picture = background(rng, size, skin, ranges, backdrops)
    if rng.random() < ranges.bystander:
        other = stranger()
        elsewhere = Cut.sample(rng, other, size, replace(ranges, shift=0.5, scale=1.6, turn=180.0))
        theirs, covered, parts = arm_layer(rng, other, elsewhere, ranges, backdrops)
        picture = over(picture, covered * (arms_of(parts) == rng.integers(1, 3))[..., None], theirs)
    picture = over(picture, cover, colour)
    depth = cut.apply(pair.depth.numpy(), smooth=False) * (part > 0)
    hand = np.where(part < 3, part, 0).astype(np.uint8)
    picture, hidden = hide(rng, picture, depth, hand, ranges, backdrops)
    label = np.where(hidden, 0, hand).astype(np.uint8)
    for arm in (0, 1):
        whole = (pair.part.numpy() == 1 + arm).sum() * cut.scale**2
        inside, shown = (hand == 1 + arm).sum(), (label == 1 + arm).sum()
        visible[arm] *= shown / max(inside, 1) if inside > LEAST_INSIDE * whole else 0
    dense = cut.apply(pair.dense.numpy(), smooth=False) * (label > 0)[..., None]

    image = spoilt(rng, picture, ranges)
    if rng.random() < ranges.edges:
        image = with_edges(rng, image, label)
    turn = torch.tensor(
        [
            [math.cos(cut.angle), -math.sin(cut.angle), 0],
            [math.sin(cut.angle), math.cos(cut.angle), 0],
            [0, 0, 1],
        ],
        dtype=torch.float32,
    )
    principal = cut.matrix @ pair.intrinsics[2:].double().numpy() + cut.shift
    focal = pair.intrinsics[:2] * cut.scale
    return Sample(
        image=torch.from_numpy(image).permute(2, 0, 1).contiguous(),
        label=torch.from_numpy(label),
        dense=torch.from_numpy(dense.astype(np.uint8)).permute(2, 0, 1).contiguous(),
        depth=torch.from_numpy((depth * (label > 0)).astype(np.float32)),
        vertices=pair.vertices @ turn.T,
        joints=pair.joints @ turn.T,
        root=turn @ pair.root,
        pose=pair.pose,
        betas=pair.betas,
        intrinsics=torch.cat((focal, torch.from_numpy(principal).float())),
        visible=torch.from_numpy(visible.astype(np.float32)),
        distance=pair.distance,
        stratum=pair.stratum,
    )
