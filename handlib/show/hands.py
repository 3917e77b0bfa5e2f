"""The 3D view of hands: surfaces and skeletons that can be turned, zoomed and asked for their joints.

Frame everywhere: x right, y down, z away from the viewer, metres; a hand that is upright in the picture is
upright here. The browser's half of the widget is in ``js/``, its bundle in ``handlib/assets``.
"""

from collections.abc import Sequence
from importlib.resources import files

import anywidget
import numpy as np
import traitlets
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageDraw, ImageFont

from handlib.data.sample import Sample
from handlib.estimate import Estimate
from handlib.hand import open_hand_data
from handlib.show import palette
from handlib.show.panel import with_picture
from handlib.show.placed import place
from handlib.show.raster import draw_skeleton, encode_png, hands_layer_inputs, mix, rgb, surface_layer
from handlib.skeleton import BONES, JOINT_NAMES, SIDES, Side

HAND_COLOURS = {
    side: (mix(colour, "#ffffff", 0.45), mix(colour, "#000000", 0.35))
    for side, colour in zip(SIDES, palette.HANDS, strict=True)
}
"""Colour of the surface and of the skeleton of each hand."""

PICTURE_SIZE = (560, 360)
FIELD_OF_VIEW = np.radians(30)
SUPERSAMPLING = 2

Vertices = Float[np.ndarray, "hand vertices 3"]
Joints = Float[np.ndarray, "hand 21 3"]
Colours = UInt8[np.ndarray, "hand vertices 3"]


def upright(side: Side, facing: str = "palm") -> Float[np.ndarray, "3 3"]:
    """The rotation that stands a hand at rest up before the viewer: fingers up, palm (or back) to the eye.

    In the MANO format a right hand at rest has its fingers along -x, its palm towards -y and its thumb on the
    +z side; the left is its mirror image in x. Use it as ``root_rotation``, or as ``points @ rotation.T``.
    """
    if facing not in ("palm", "back"):
        raise ValueError(f"facing: expected palm or back, got {facing!r}")
    fingers = np.array([-1.0 if side == "right" else 1.0, 0, 0])
    palm = np.array([0.0, -1 if facing == "palm" else 1, 0])
    model = np.stack((np.cross(fingers, palm), fingers, palm))
    up, to_eye = np.array([0.0, -1, 0]), np.array([0.0, 0, -1])
    return np.stack((np.cross(up, to_eye), up, to_eye)).T @ model


def framing_of(vertices: Vertices) -> tuple[float, float, float, float]:
    """Middle of all vertices and the half height that a picture must cover there to hold them."""
    points = vertices.reshape(-1, 3)
    low, high = points.min(0), points.max(0)
    half_size = (high - low) / 2 / (PICTURE_SIZE[0] / PICTURE_SIZE[1], 1, 2)
    return (*((low + high) / 2).tolist(), 1.15 * float(half_size.max()))


def draw_hands(
    vertices: Vertices,
    joints: Joints,
    faces: Sequence[Int[np.ndarray, "faces 3"]],
    sides: Sequence[Side],
    framing: tuple[float, float, float, float],
    colours: Colours | None = None,
    shown: str = "both",
    picked: int = -1,
    size: tuple[int, int] = PICTURE_SIZE,
    caption: str = "",
) -> UInt8[np.ndarray, "height width 3"]:
    """What the widget shows before anybody turns it, drawn without a browser."""
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
        picture = picture * (1 - layer[..., 3:]) + layer[..., :3] * layer[..., 3:]
    image = Image.fromarray((picture * 255).round().astype(np.uint8))
    if shown != "surface":
        for side, hand in zip(sides, project(joints), strict=True):
            draw_skeleton(image, hand, HAND_COLOURS[side][1], thickness=1.6 * SUPERSAMPLING)
        if picked >= 0:
            x, y = project(joints).reshape(-1, 2)[picked]
            r = 5 * SUPERSAMPLING
            ImageDraw.Draw(image).ellipse((x - r, y - r, x + r, y + r), fill=palette.HIGHLIGHT)
    image = image.resize(size, Image.Resampling.BOX)
    _draw_legend(image, sides, caption)
    return np.asarray(image)


def _draw_legend(image: Image.Image, sides: Sequence[Side], caption: str) -> None:
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    x, y = 8, image.height - 20
    for side in sides:
        draw.rectangle((x, y + 3, x + 9, y + 12), fill=HAND_COLOURS[side][0])
        draw.text((x + 14, y), f"{side} hand", fill="#222222", font=font)
        x += 24 + round(draw.textlength(f"{side} hand", font=font))
    draw.text((x + 6, y), caption, fill="#222222", font=font)


class HandsView(anywidget.AnyWidget):
    """One or two hands in 3D: ``vertices`` (hands, V, 3) and ``joints`` (hands, 21, 3) in metres.

    Joints are numbered hand by hand, 0-41 for two hands: ``picked`` and ``hover`` hold such a number or -1
    and can be observed; ``shown`` is both, surface or skeleton. ``colours`` (bytes per vertex) replace the
    plain colour of the hands. Everything is also reachable by keyboard, and a notebook opened without a
    kernel shows the same scene as a picture.
    """

    _esm = files("handlib") / "assets" / "hands.bundle.js"

    _vertices = traitlets.Bytes(b"").tag(sync=True)
    _joints = traitlets.Bytes(b"").tag(sync=True)
    _faces = traitlets.Bytes(b"").tag(sync=True)
    _colours = traitlets.Bytes(b"").tag(sync=True)
    sides = traitlets.List(traitlets.Unicode()).tag(sync=True)
    joint_names = traitlets.List(traitlets.Unicode(), list(JOINT_NAMES)).tag(sync=True)
    bones = traitlets.List(default_value=[list(bone) for bone in BONES]).tag(sync=True)
    hand_colours = traitlets.List().tag(sync=True)
    highlight_colour = traitlets.Unicode(palette.HIGHLIGHT).tag(sync=True)
    framing = traitlets.List(traitlets.Float()).tag(sync=True)
    description = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(PICTURE_SIZE[1]).tag(sync=True)
    shown = traitlets.Enum(("both", "surface", "skeleton"), "both").tag(sync=True)
    picked = traitlets.Int(-1).tag(sync=True)
    hover = traitlets.Int(-1).tag(sync=True)

    def __init__(
        self,
        vertices: Vertices,
        joints: Joints,
        faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None,
        sides: Sequence[Side] = SIDES,
        colours: Colours | None = None,
        caption: str = "",
        shown: str = "both",
    ):
        if not len(vertices) == len(joints) == len(sides):
            raise ValueError(
                f"hands: expected one per side, got {len(vertices)} surfaces, "
                f"{len(joints)} skeletons and {len(sides)} sides"
            )
        if faces is None:
            faces = [open_hand_data(side).faces for side in sides]
        self.faces = tuple(np.asarray(f) for f in faces)
        self._shape = (vertices.shape, joints.shape)
        names = " and ".join(sides)
        super().__init__(
            sides=list(sides),
            hand_colours=[list(HAND_COLOURS[side]) for side in sides],
            framing=list(framing_of(vertices)),
            description=f"{names} hand, {vertices.shape[1]} vertices and {joints.shape[1]} joints each",
            caption=caption,
            shown=shown,
            _faces=np.stack(self.faces).astype("<u4").tobytes(),
        )
        self.layout.width = "100%"
        self.layout.max_width = "760px"
        self.update(vertices, joints, colours)

    def update(self, vertices: Vertices, joints: Joints, colours: Colours | None = None) -> None:
        """Moves the hands; the eye stays where it is. ``colours=None`` brings the plain colours back."""
        if (vertices.shape, joints.shape) != self._shape:
            raise ValueError(
                f"hands: expected vertices and joints of shapes {self._shape}, "
                f"got {vertices.shape} and {joints.shape}"
            )
        with self.hold_sync():
            self._vertices = np.asarray(vertices, dtype="<f4").tobytes()
            self._joints = np.asarray(joints, dtype="<f4").tobytes()
            self._colours = b"" if colours is None else np.ascontiguousarray(colours).tobytes()

    def show(self, hands: Estimate | Sample, index: int = 0) -> None:
        """Moves the hands to where an estimate or a sample has them."""
        placed = place(hands, index)
        self.update(placed.vertices, placed.joints)

    @property
    def vertices(self) -> Float[np.ndarray, "hand vertices 3"]:
        """The surfaces that are shown."""
        return np.frombuffer(self._vertices, "<f4").reshape(self._shape[0])

    @property
    def joints(self) -> Float[np.ndarray, "hand 21 3"]:
        """The joints that are shown."""
        return np.frombuffer(self._joints, "<f4").reshape(self._shape[1])

    def joint_label(self, joint: int) -> str:
        """The name of joint 0-41, such as ``left index4``; empty for -1."""
        if joint < 0:
            return ""
        return f"{self.sides[joint // len(JOINT_NAMES)]} {JOINT_NAMES[joint % len(JOINT_NAMES)]}"

    def picture(self, size: tuple[int, int] = PICTURE_SIZE) -> UInt8[np.ndarray, "height width 3"]:
        """The scene as it first appears, drawn without a browser."""
        colours = np.frombuffer(self._colours, np.uint8).reshape(self._shape[0]) if self._colours else None
        return draw_hands(
            self.vertices.astype(float),
            self.joints.astype(float),
            self.faces,
            self.sides,
            tuple(self.framing),
            colours=colours,
            shown=self.shown,
            picked=self.picked,
            size=size,
            caption=self.caption,
        )

    def __repr__(self) -> str:
        return f"HandsView: {self.description}"

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        return with_picture(super()._repr_mimebundle_(**kwargs), encode_png(self.picture()), repr(self))


def hands(hands: Estimate | Sample, index: int = 0, **options: object) -> HandsView:
    """The 3D view of an estimate or a sample; ``options`` are those of :class:`HandsView`."""
    placed = place(hands, index)
    return HandsView(placed.vertices, placed.joints, **options)
