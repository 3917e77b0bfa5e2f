"""Shows two joints that meet in the picture: planes that fill, and how much of each can be read back."""

from dataclasses import dataclass

import ipywidgets
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw
from torch import Tensor

from handlib.analysis.projection import plane_shares, read_back_error, seen_at_joints
from handlib.data.sample import Sample
from handlib.hand.skeleton import BONES, JOINT_NAMES, NUM_BONES, NUM_JOINTS, SIDES, joint_index
from handlib.model.placed import check_one
from handlib.model.projection import Projection
from handlib.show.core import palette
from handlib.show.core.panel import Explorer, Picture, choice, png_image, slider
from handlib.show.core.raster import above, beside, blank, mix, rgb, words
from handlib.utils.arguments import check_between

MAP_SIZES = (8, 16, 32)
PROJECTION_NAMES: dict[str, Projection] = {
    "a plane per bone": "bone",
    "a plane per joint": "joint",
    "one shared plane": "single",
}
BONE_ENDING_IN = {end: k for k, (_, end) in enumerate(BONES)}
TILE, MARGIN = 226, 10
PLANE_TILE, PLANE_MARGIN = 37, 4
"""Sides and distances of the large tiles and of the small ones, which show a plane each."""


def bring_together(uv: Float[Tensor, "hand=2 21 2"], joint: int, gap: float) -> Float[Tensor, "hand=2 21 2"]:
    """Moves both hands, without turning them, until this joint of both is ``gap`` (uv units) apart.

    Both joints move along the line through them, and their middle stays. Joints at the same place separate
    along x.
    """
    apart = uv[1, joint] - uv[0, joint]
    distance = apart.norm()
    direction = apart / distance if distance > 0 else torch.tensor([1.0, 0.0], dtype=uv.dtype)
    shift = (gap - distance) / 2 * direction
    return uv + torch.stack((-shift, shift))[:, None]


def planes_so_far(
    uv: Float[Tensor, "hand=2 21 2"],
    size: int,
    half_width: float,
    projection: Projection,
    joint: int,
    drawn: int,
) -> Float[Tensor, "planes joint=42 size size"]:
    """Returns the planes when ``drawn`` bones of each hand are drawn, as :func:`plane_shares` does.

    The bone that ends in ``joint`` comes first, then the bones behind it in the order of ``BONES``. A plane
    per joint is drawn with the first bone that begins or ends in the joint.
    """
    first = BONE_ENDING_IN.get(joint, 0)
    bones = [(first + k) % NUM_BONES for k in range(drawn)]
    ends = sorted({end for bone in bones for end in BONES[bone]})
    parts: Projection = "joint" if projection == "joint" else "bone"
    shares = plane_shares(uv, size, half_width, parts).unflatten(0, (2, -1))
    filled = torch.zeros_like(shares)
    chosen = ends if projection == "joint" else bones
    filled[:, chosen] = shares[:, chosen]
    planes = filled.flatten(0, 1)
    return planes.sum(0, keepdim=True) if projection == "single" else planes


@dataclass(frozen=True)
class ProjectionState:
    """All that the widget shows of two hands on one map; ``hand`` is (left, right).

    ``planes`` are each plane's shares of both hands. ``own_planes`` are the numbers of the planes from which
    each hand's joint is read; ``read_from`` are these planes as shares of three sources: the joint itself,
    the rest of its hand, the other hand. ``errors`` is the lost share of each hand's feature, ``zeros`` the
    share of the planes' values that are 0.
    """

    uv: Float[np.ndarray, "hand=2 21 2"]
    joint: int
    name: str
    planes: Float[np.ndarray, "planes hand=2 size size"]
    own_planes: tuple[int, int]
    read_from: Float[np.ndarray, "hand=2 source=3 size size"]
    errors: Float[np.ndarray, "hand=2"]
    zeros: float
    caption: str

    @property
    def added(self) -> Float[np.ndarray, "hand=2 size size"]:
        """Returns the sum of all planes for each hand."""
        return self.planes.sum(0)

    @property
    def picture(self) -> Picture:
        """Returns the tiles of :func:`projection_picture`."""
        return projection_picture(self)


def projection_state(
    uv: Float[Tensor, "hand=2 21 2"],
    gap: float,
    projection: Projection,
    half_width: float,
    size: int,
    joint: int = joint_index("index4"),
    drawn: int = NUM_BONES,
) -> ProjectionState:
    """Returns the state in which a joint of both hands is ``gap`` map pixels apart.

    ``half_width`` is in uv units; ``drawn`` bones of each hand are drawn, see :func:`planes_so_far`. The
    joint is read from the plane of the bone that ends in it, so it can't be the wrist.
    """
    moved = bring_together(uv, joint, gap * 2 / size)
    shares = planes_so_far(moved, size, half_width, projection, joint, drawn)
    tips = [joint, NUM_JOINTS + joint]
    errors = read_back_error(seen_at_joints(shares, moved)[tips])[[0, 1], tips].numpy()
    by_hand = shares.unflatten(1, (2, NUM_JOINTS))
    own_plane = {"bone": BONE_ENDING_IN.get(joint, 0), "joint": joint, "single": 0}[projection]
    own_planes = (own_plane, own_plane + len(shares) // 2)
    read_from = []
    for h in range(2):
        plane = by_hand[own_planes[h]]
        own = plane[h, joint]
        read_from.append(torch.stack((own, plane[h].sum(0) - own, plane[1 - h].sum(0))))
    zeros = float((shares.sum(1) == 0).double().mean())
    where = f"{JOINT_NAMES[joint]} of both hands {gap:g} px apart on a map of {size} x {size}"
    name = next(name for name, value in PROJECTION_NAMES.items() if value == projection)
    lost = " and ".join(
        f"{100 * error:.0f} % of the {side} one" for side, error in zip(SIDES, errors, strict=True)
    )
    return ProjectionState(
        moved.numpy(),
        joint,
        name,
        by_hand.sum(2).numpy(),
        own_planes,
        torch.stack(read_from).numpy(),
        errors,
        zeros,
        f"{where}; {name}, half width {half_width * size / 2:.2g} px, {drawn} of {NUM_BONES} bones drawn. "
        f"Of the features {lost} can't be read back. The planes are {100 * zeros:.0f} % zeros.",
    )


def _painted(shares: Float[np.ndarray, "layer size size"], colours: list[str], side: int) -> Image.Image:
    """Paints shares as one tile: each source's colour by its share, white where nothing is drawn."""
    total = shares.sum(0)
    weights = shares / np.maximum(total, 1)
    paint = 1 - np.einsum("lyx,lc->yxc", weights, 1 - np.stack([rgb(colour) for colour in colours]))
    return Image.fromarray((255 * paint).round().astype(np.uint8)).resize(
        (side, side), Image.Resampling.NEAREST
    )


def _mark(
    tile: Image.Image, state: ProjectionState, hands: tuple[int, ...], crowded: Bool[np.ndarray, "size size"]
) -> Image.Image:
    """Adds a grid, skeletons, the pixels that are read, and a dot in every pixel that is crowded."""
    draw, size = ImageDraw.Draw(tile), state.added.shape[-1]
    step = tile.width / size
    for k in range(size + 1):
        draw.line([(k * step, 0), (k * step, tile.width)], fill="#DDDDDD")
        draw.line([(0, k * step), (tile.width, k * step)], fill="#DDDDDD")
    for y, x in np.argwhere(crowded):
        centre, radius = ((x + 0.5) * step, (y + 0.5) * step), max(2.0, step / 7)
        draw.ellipse(
            [centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius], fill="black"
        )
    for h in hands:
        points = (state.uv[h] + 1) / 2 * tile.width
        for a, b in BONES:
            draw.line([*points[a], *points[b]], fill=mix(palette.HANDS[h], "#000000", 0.35), width=3)
        x, y = np.floor(points[state.joint] / step) * step
        draw.rectangle([x, y, x + step, y + step], outline=palette.HIGHLIGHT, width=5)
    draw.rectangle([0, 0, tile.width - 1, tile.width - 1], outline="#888888", width=2)
    return tile.resize((TILE, TILE), Image.Resampling.BOX)


def _bars(errors: Float[np.ndarray, "hand=2"]) -> Image.Image:
    """Draws the lost share of each hand's feature, 0 to 100 %."""
    width, top, bottom = 158, 18, TILE - 22
    tile, draw, font = blank(width, TILE)
    for percent in (0, 50, 100):
        y = bottom - percent / 100 * (bottom - top)
        draw.line([(42, y), (width, y)], fill="#CCCCCC")
        draw.text((38, y), f"{percent}%", fill=palette.INK, font=font, anchor="rm")
    for h, side in enumerate(SIDES):
        x = 52 + 54 * h
        y = bottom - errors[h] * (bottom - top)
        draw.rectangle([x, y, x + 40, bottom], fill=palette.HANDS[h])
        draw.text((x + 20, y - 2), f"{100 * errors[h]:.0f}%", fill=palette.INK, font=font, anchor="mb")
        draw.text((x + 20, bottom + 4), side, fill=palette.INK, font=font, anchor="mt")
    return tile


def _plane_tiles(state: ProjectionState) -> UInt8[np.ndarray, "height width 3"]:
    """Draws every plane as a small tile, the left hand's above the right hand's; planes that are read are
    framed.
    """
    tiles = []
    for k, plane in enumerate(state.planes):
        tile = _painted(plane, list(palette.HANDS), PLANE_TILE)
        edge, width = (palette.HIGHLIGHT, 3) if k in state.own_planes else ("#BBBBBB", 1)
        ImageDraw.Draw(tile).rectangle([0, 0, PLANE_TILE - 1, PLANE_TILE - 1], outline=edge, width=width)
        tiles.append(np.pad(np.asarray(tile), ((0, PLANE_MARGIN), (0, 0), (0, 0)), constant_values=255))
    half = max(1, len(tiles) // 2)
    rows = [beside(*tiles[k : k + half], gap=PLANE_MARGIN) for k in range(0, len(tiles), half)]
    count = "its only plane" if len(tiles) == 1 else f"its {len(tiles)} planes, one tile each"
    return above(words(count, 2 * TILE), *rows)


def projection_picture(state: ProjectionState) -> UInt8[np.ndarray, "height width 3"]:
    """Returns tiles: the sum of all planes, the plane from which each joint is read, and the lost shares;
    below them every plane.
    """
    name = JOINT_NAMES[state.joint]
    both = np.all(state.added > 0, axis=0)
    everything = _painted(state.added, list(palette.HANDS), 2 * TILE)
    tiles = [(f"{state.name}, all added up", _mark(everything, state, (0, 1), both))]
    for h, side in enumerate(SIDES):
        own, other = palette.HANDS[h], palette.HANDS[1 - h]
        shares = state.read_from[h]
        painted = _painted(shares, [own, mix(own, "#FFFFFF", 0.6), other], 2 * TILE)
        mixed = (shares[2] > 0) & (shares[:2].sum(0) > 0)
        tiles.append((f"read {side} {name} from", _mark(painted, state, (h,), mixed)))
    tiles.append(("can't be read back", _bars(state.errors)))
    large = (above(words(title, tile.width), np.asarray(tile)) for title, tile in tiles)
    return above(beside(*large, gap=MARGIN), _plane_tiles(state))


class ProjectionExplorer(Explorer[ProjectionState]):
    """Brings the same joint of both hands together on a map and fills the planes bone by bone: shows the
    planes and what is lost.
    """

    def __init__(self, sample: Sample, gap: float = 1.0):
        check_one(sample)
        check_between("gap", gap, 0, 6)
        self.uv = sample.uv
        self.projection = choice("projection", list(PROJECTION_NAMES.items()), width="370px", label="110px")
        maps = [(f"{side} x {side}", side) for side in MAP_SIZES]
        self.size = choice("map", maps, 16, width="370px", label="110px")
        self.gap = slider("gap (map px)", gap, 0, 6, 0.25, 2, "370px", "110px")
        self.half_width = slider("half width (uv)", 0.125, 0.005, 0.3, 0.005, 3, "370px", "110px")
        self.drawn = slider("bones drawn", NUM_BONES, 1, NUM_BONES, 1.0, 0, "370px", "110px")
        self.image, self.caption = png_image(), ipywidgets.HTML()
        rows = [[self.projection, self.size], [self.gap, self.half_width], self.drawn]
        super().__init__([*rows, self.image, self.caption])

    def compute(self) -> ProjectionState:
        """Returns the state for the chosen planes, map, gap and half width."""
        return projection_state(
            self.uv,
            self.gap.value,
            self.projection.value,
            self.half_width.value,
            self.size.value,
            drawn=round(self.drawn.value),
        )

    def __repr__(self) -> str:
        return f"ProjectionExplorer: {self.state.caption}"
