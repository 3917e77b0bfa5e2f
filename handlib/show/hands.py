"""The 3D view of hands: surfaces and skeletons that can be turned, zoomed and asked for their joints.

Frame everywhere: x right, y down, z away from the viewer, metres; a hand that is upright in the picture is
upright here. The browser's half of the widget is in ``js/``, its bundle in ``handlib/assets``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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
TRUE_HANDS = tuple(f"true {side}" for side in SIDES)
"""What true hands are called where they stand beside estimated ones, in grey."""
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
    """Straight lines between joints, numbered hand by hand (0-41 for two hands); later ones lie on top.

    ``colours`` are sRGB bytes, ``widths`` lie in [0, 1]: 1 is as thick as a line gets, 0 is not drawn.
    """

    pairs: Int[np.ndarray, "links 2"]
    colours: UInt8[np.ndarray, "links 3"]
    widths: Float[np.ndarray, "links"]

    @classmethod
    def none(cls) -> "Links":
        """No line at all."""
        return cls(np.zeros((0, 2), int), np.zeros((0, 3), np.uint8), np.zeros(0))

    def __post_init__(self):
        if not ((self.widths >= 0) & (self.widths <= 1)).all():
            raise ValueError("links: expected widths in [0, 1]")


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
    sides: Sequence[str],
    framing: tuple[float, float, float, float],
    colours: Colours | None = None,
    shown: str = "both",
    picked: int = -1,
    size: tuple[int, int] = PICTURE_SIZE,
    caption: str = "",
    joint_colours: JointColours | None = None,
    links: Links | None = None,
    surface_opacity: float = 1.0,
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
    _draw_legend(image, sides, caption)
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
    for side in sides:
        draw.rectangle((x, y + 3, x + 9, y + 12), fill=HAND_COLOURS[side][0])
        draw.text((x + 14, y), f"{side} hand", fill=palette.INK, font=font)
        x += 24 + round(draw.textlength(f"{side} hand", font=font))
    draw.text((x + 6, y), caption, fill=palette.INK, font=font)


class HandsView(anywidget.AnyWidget):
    """Hands in 3D: ``vertices`` (hands, V, 3) and ``joints`` (hands, 21, 3) in metres, ``sides`` their names.

    Names are those of ``HAND_COLOURS``: left and right, and beside them ``TRUE_HANDS``, which are grey.
    Joints are numbered hand by hand, 0-41 for two hands: ``picked`` and ``hover`` hold such a number or -1
    and can be observed; ``shown`` is both, surface or skeleton; ``surface_opacity`` (0 to 1) fades the
    surfaces. ``colours`` (bytes per vertex) replace the plain colour of the surfaces. :meth:`update` also
    colours joints and draws lines between them. Everything is also reachable by keyboard, and a notebook
    opened without a kernel shows the same scene as a picture.
    """

    _esm = files("handlib") / "assets" / "hands.bundle.js"

    _vertices = traitlets.Bytes(b"").tag(sync=True)
    _joints = traitlets.Bytes(b"").tag(sync=True)
    _faces = traitlets.Bytes(b"").tag(sync=True)
    _colours = traitlets.Bytes(b"").tag(sync=True)
    _joint_colours = traitlets.Bytes(b"").tag(sync=True)
    _links = traitlets.Bytes(b"").tag(sync=True)
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
    surface_opacity = traitlets.Float(1.0, min=0.0, max=1.0).tag(sync=True)
    picked = traitlets.Int(-1).tag(sync=True)
    hover = traitlets.Int(-1).tag(sync=True)

    def __init__(
        self,
        vertices: Vertices,
        joints: Joints,
        faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None,
        sides: Sequence[str] = SIDES,
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
            faces = [open_hand_data(side.removeprefix("true ")).faces for side in sides]
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

    def update(
        self,
        vertices: Vertices | None = None,
        joints: Joints | None = None,
        colours: Colours | None = None,
        joint_colours: JointColours | None = None,
        links: Links | None = None,
    ) -> None:
        """Changes what is given and leaves the rest as it is; the eye stays where it is.

        Links follow the joints that they tie together; ``Links.none()`` takes them away.
        :meth:`clear_colours` brings the plain colours back.
        """
        (hands, num_vertices, _), (_, num_joints, _) = self._shape
        expected = {
            "vertices": (vertices, self._shape[0]),
            "joints": (joints, self._shape[1]),
            "colours": (colours, (hands, num_vertices, 3)),
            "joint_colours": (joint_colours, (hands, num_joints, 3)),
        }
        for name, (given, shape) in expected.items():
            if given is not None and given.shape != shape:
                raise ValueError(f"hands: expected {name} of shape {shape}, got {given.shape}")
        if links is not None and not ((links.pairs >= 0) & (links.pairs < hands * num_joints)).all():
            raise ValueError(f"links: expected joints 0 to {hands * num_joints - 1}")
        with self.hold_sync():
            if vertices is not None:
                self._vertices = np.asarray(vertices, dtype="<f4").tobytes()
            if joints is not None:
                self._joints = np.asarray(joints, dtype="<f4").tobytes()
            if colours is not None:
                self._colours = np.ascontiguousarray(colours).tobytes()
            if joint_colours is not None:
                self._joint_colours = np.ascontiguousarray(joint_colours).tobytes()
            if links is not None:
                rows = np.column_stack((links.pairs, links.colours, links.widths))
                self._links = rows.astype("<f4").tobytes()

    def clear_colours(self) -> None:
        """Brings the plain colours of surfaces and joints back."""
        with self.hold_sync():
            self._colours = self._joint_colours = b""

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

    @property
    def links(self) -> Links:
        """The lines that are shown."""
        rows = np.frombuffer(self._links, "<f4").reshape(-1, 6)
        return Links(rows[:, :2].astype(int), rows[:, 2:5].astype(np.uint8), rows[:, 5].astype(float))

    def joint_label(self, joint: int) -> str:
        """The name of joint 0-41, such as ``left index4``; empty for -1."""
        if joint < 0:
            return ""
        return f"{self.sides[joint // len(JOINT_NAMES)]} {JOINT_NAMES[joint % len(JOINT_NAMES)]}"

    def picture(self, size: tuple[int, int] = PICTURE_SIZE) -> UInt8[np.ndarray, "height width 3"]:
        """The scene as it first appears, drawn without a browser."""

        def bytes_of(buffer: bytes, shape: tuple[int, ...]) -> UInt8[np.ndarray, "hand points 3"] | None:
            return np.frombuffer(buffer, np.uint8).reshape(shape) if buffer else None

        return draw_hands(
            self.vertices.astype(float),
            self.joints.astype(float),
            self.faces,
            self.sides,
            tuple(self.framing),
            colours=bytes_of(self._colours, self._shape[0]),
            shown=self.shown,
            picked=self.picked,
            size=size,
            caption=self.caption,
            joint_colours=bytes_of(self._joint_colours, self._shape[1]),
            links=self.links,
            surface_opacity=self.surface_opacity,
        )

    def __repr__(self) -> str:
        return f"HandsView: {self.description}"

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        return with_picture(super()._repr_mimebundle_(**kwargs), encode_png(self.picture()), repr(self))


def hands(hands: Estimate | Sample, index: int = 0, **options: object) -> HandsView:
    """The 3D view of an estimate or a sample; ``options`` are those of :class:`HandsView`."""
    placed = place(hands, index)
    return HandsView(placed.vertices, placed.joints, **options)
