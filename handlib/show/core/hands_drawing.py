"""Draws hands in 3D without a browser, as :class:`handlib.show.HandsView` shows them at first.

The frame is always: x right, y down, z away from the viewer, in metres. A hand that is upright in the picture
is upright here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageDraw, ImageFont

from handlib.hand.skeleton import JOINT_NAMES, SIDES, Side
from handlib.show.core import palette
from handlib.show.core.raster import (
    draw_skeleton,
    hands_layer_inputs,
    mix,
    rgb,
    rgb_bytes,
    surface_layer,
)
from handlib.utils.arguments import check_choice
from handlib.utils.errors import InputError

HAND_COLOURS: dict[str, tuple[str, str]] = {
    side: (mix(colour, "#ffffff", 0.45), mix(colour, "#000000", 0.35))
    for side, colour in zip(SIDES, palette.HANDS, strict=True)
}
"""Each hand's colours of surface and skeleton."""
TRUE_HANDS = tuple(f"true {side}" for side in SIDES)
"""Names of true hands, which are grey, beside estimated ones."""
HAND_COLOURS |= dict.fromkeys(TRUE_HANDS, ("#d8d8d8", palette.TRUTH))

PICTURE_SIZE = (560, 360)
FIELD_OF_VIEW = np.radians(30)
SUPERSAMPLING = 2
LINK_PIXELS = 5

Vertices = Float[np.ndarray, "hand vertices 3"]
Joints = Float[np.ndarray, "hand 21 3"]
Colours = UInt8[np.ndarray, "hand vertices 3"]
JointColours = UInt8[np.ndarray, "hand 21 3"]


@dataclass(frozen=True)
class Links:
    """Straight lines between joints, numbered hand by hand (0-41 for two hands); later lines are on top.

    ``colours`` are sRGB bytes. ``widths`` are in [0, 1]: 1 is the thickest line, 0 isn't drawn.
    """

    pairs: Int[np.ndarray, "links 2"]
    colours: UInt8[np.ndarray, "links 3"]
    widths: Float[np.ndarray, "links"]

    @classmethod
    def none(cls) -> "Links":
        """Returns links without any line."""
        return cls(np.zeros((0, 2), int), np.zeros((0, 3), np.uint8), np.zeros(0))

    def __post_init__(self) -> None:
        if not ((self.widths >= 0) & (self.widths <= 1)).all():
            raise InputError("links: expected widths in [0, 1]")


def error_links() -> Links:
    """Returns lines from every joint of (left, right, true left, true right) hands to its true place."""
    joints = np.arange(len(SIDES) * len(JOINT_NAMES))
    colours = np.tile(rgb_bytes(palette.HIGHLIGHT), (len(joints), 1))
    return Links(np.column_stack((joints, joints + len(joints))), colours, np.full(len(joints), 0.35))


def upright(side: Side, facing: str = "palm") -> Float[np.ndarray, "3 3"]:
    """Returns the rotation that turns a hand at rest to the viewer: fingers up, palm (or back) to the eye.

    In the MANO format a right hand at rest has its fingers along -x, its palm towards -y and its thumb on the
    +z side. The left hand is its mirror image in x. Use the rotation as ``root_rotation``, or as ``points @
    rotation.T``.
    """
    check_choice("side", side, SIDES)
    check_choice("facing", facing, ("palm", "back"))
    fingers = np.array([-1.0 if side == "right" else 1.0, 0, 0])
    palm = np.array([0.0, -1 if facing == "palm" else 1, 0])
    model = np.stack((np.cross(fingers, palm), fingers, palm))
    up, to_eye = np.array([0.0, -1, 0]), np.array([0.0, 0, -1])
    return np.stack((np.cross(up, to_eye), up, to_eye)).T @ model


def framing_of(vertices: Vertices) -> tuple[float, float, float, float]:
    """Returns the middle of all vertices, and the half height of a picture there that shows all of them."""
    points = vertices.reshape(-1, 3)
    low, high = points.min(0), points.max(0)
    half_size = (high - low) / 2 / (PICTURE_SIZE[0] / PICTURE_SIZE[1], 1, 2)
    return (*((low + high) / 2).tolist(), 1.15 * float(half_size.max()))


def draw_hands(
    vertices: Vertices,
    joints: Joints,
    faces: Sequence[Int[np.ndarray, "faces 3"]],
    sides: Sequence[str],
    framing: Sequence[float],
    colours: Colours | None = None,
    shown: str = "both",
    picked: int = -1,
    size: tuple[int, int] = PICTURE_SIZE,
    caption: str = "",
    joint_colours: JointColours | None = None,
    links: Links | None = None,
    surface_opacity: float = 1.0,
) -> UInt8[np.ndarray, "height width 3"]:
    """Draws the widget's first view, without a browser."""
    width, height = (SUPERSAMPLING * s for s in size)
    *centre, half_height = framing
    half_height *= max(1, PICTURE_SIZE[0] / PICTURE_SIZE[1] * height / width)
    eye = np.array(centre) - (0, 0, half_height / np.tan(FIELD_OF_VIEW / 2))
    focal = height / 2 / np.tan(FIELD_OF_VIEW / 2)

    def project(points: np.ndarray) -> np.ndarray:
        seen = points - eye
        return seen[..., :2] / seen[..., 2:] * focal + (width / 2, height / 2)

    plain = [rgb(HAND_COLOURS[side][0]) for side in sides]
    parts = plain if colours is None else list(colours / 255)
    picture = np.ones((height, width, 3))
    if shown != "skeleton":
        all_faces, all_colours = hands_layer_inputs(faces, parts, vertices.shape[1])
        points = vertices.reshape(-1, 3)
        layer = surface_layer(points, project(points), all_faces, all_colours, width, height)
        cover = surface_opacity * layer[..., 3:]
        picture = picture * (1 - cover) + layer[..., :3] * cover
    image = Image.fromarray((picture * 255).round().astype(np.uint8))
    if shown != "surface":
        if links is not None:
            _draw_links(image, links, project(joints).reshape(-1, 2))
        for k, (side, hand) in enumerate(zip(sides, project(joints), strict=True)):
            balls = None if joint_colours is None else joint_colours[k]
            draw_skeleton(image, hand, HAND_COLOURS[side][1], 1.6 * SUPERSAMPLING, joint_colours=balls)
        if picked >= 0:
            x, y = project(joints).reshape(-1, 2)[picked]
            r = 5 * SUPERSAMPLING
            ImageDraw.Draw(image).ellipse((x - r, y - r, x + r, y + r), fill=palette.HIGHLIGHT)
    image = image.resize(size, Image.Resampling.BOX)
    own_colours = colours is not None and shown == "surface"
    _draw_legend(image, () if own_colours else sides, caption)
    return np.asarray(image)


def _draw_links(image: Image.Image, links: Links, joints: Float[np.ndarray, "joints 2"]) -> None:
    draw = ImageDraw.Draw(image)
    for pair, colour, width in zip(links.pairs, links.colours, links.widths, strict=True):
        if width > 0:
            ends = [tuple(joints[joint]) for joint in pair]
            pixels = max(1, round(width * LINK_PIXELS * SUPERSAMPLING))
            draw.line(ends, fill=tuple(colour.tolist()), width=pixels)


def _draw_legend(image: Image.Image, sides: Sequence[str], caption: str) -> None:
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    x, y = 8, image.height - 20
    entries = {f"{side} hand": HAND_COLOURS[side][1] for side in sides if side not in TRUE_HANDS}
    if set(sides) & set(TRUE_HANDS):
        entries["truth"] = palette.TRUTH
    for name, colour in entries.items():
        draw.rectangle((x, y + 3, x + 9, y + 12), fill=colour)
        draw.text((x + 14, y), name, fill=palette.INK, font=font)
        x += 24 + round(draw.textlength(name, font=font))
    draw.text((x + 6, y), caption, fill=palette.INK, font=font)
