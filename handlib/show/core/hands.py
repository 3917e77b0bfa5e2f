"""The 3D view of hands: surfaces and skeletons to turn and zoom, with joints to pick.

The browser's part of the widget is in ``js/``, its bundle in ``handlib/assets``. ``hands_drawing.py`` draws
the same scene without a browser, and defines the frame of the hands.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import anywidget
import numpy as np
import traitlets
from jaxtyping import Float, Int, UInt8

from handlib.data.sample import Sample
from handlib.hand.hand import open_hand_data
from handlib.hand.skeleton import BONES, JOINT_NAMES, SIDES
from handlib.model.estimate import Estimate
from handlib.model.placed import place
from handlib.show.core import palette
from handlib.show.core.hands_drawing import (
    HAND_COLOURS,
    PICTURE_SIZE,
    Colours,
    JointColours,
    Joints,
    Links,
    Vertices,
    draw_hands,
    framing_of,
)
from handlib.show.core.panel import Pictured
from handlib.utils.arguments import check_choice, check_finite, check_some, check_types
from handlib.utils.errors import InputError

SHOWN = ("both", "surface", "skeleton")
"""The parts of the hands that a view can show."""


class HandsView(Pictured, anywidget.AnyWidget):
    """Hands in 3D: ``vertices`` (hands, V, 3) and ``joints`` (hands, 21, 3) in metres, ``sides`` their names.

    Names are those of ``HAND_COLOURS``: left and right, and the grey ``TRUE_HANDS``. Joints are numbered hand
    by hand, 0-41 for two hands. ``picked`` and ``hover`` hold such a number or -1 and can be observed.
    ``shown`` is both, surface or skeleton. ``surface_opacity`` (0 to 1) fades the surfaces. ``colours``
    (bytes per vertex) replace the surfaces' plain colour. :meth:`update` can also colour joints and draw
    lines between them. Everything works by keyboard too. A notebook opened without a kernel shows the same
    scene as a picture.
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
    hand_colours: traitlets.List = traitlets.List().tag(sync=True)
    highlight_colour = traitlets.Unicode(palette.HIGHLIGHT).tag(sync=True)
    framing = traitlets.List(traitlets.Float()).tag(sync=True)
    description = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(PICTURE_SIZE[1]).tag(sync=True)
    shown = traitlets.Enum(SHOWN, "both").tag(sync=True)
    surface_opacity = traitlets.Float(1.0, min=0.0, max=1.0).tag(sync=True)
    picked = traitlets.Int(-1).tag(sync=True)
    hover = traitlets.Int(-1).tag(sync=True)

    @check_types
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
        check_some("sides", sides)
        for side in sides:
            check_choice("sides", side, HAND_COLOURS)
        check_choice("shown", shown, SHOWN)
        if not len(vertices) == len(joints) == len(sides):
            raise InputError(
                f"hands: expected one per side, got {len(vertices)} surfaces, "
                f"{len(joints)} skeletons and {len(sides)} sides"
            )
        if faces is None:
            faces = [open_hand_data(side.removeprefix("true ")).faces for side in sides]
        check_finite("vertices", vertices)
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
        self.layout.flex = "1 1 340px"
        self.update(vertices, joints, colours)

    def update(
        self,
        vertices: Vertices | None = None,
        joints: Joints | None = None,
        colours: Colours | None = None,
        joint_colours: JointColours | None = None,
        links: Links | None = None,
    ) -> None:
        """Changes the given parts and leaves the rest as it is; the viewpoint stays.

        Links follow the joints that they connect; ``Links.none()`` removes them. :meth:`clear_colours`
        restores the plain colours.
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
                raise InputError(f"hands: expected {name} of shape {shape}, got {given.shape}")
        if links is not None and not ((links.pairs >= 0) & (links.pairs < hands * num_joints)).all():
            raise InputError(f"links: expected joints 0 to {hands * num_joints - 1}")
        check_finite("vertices", vertices)
        check_finite("joints", joints)
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
        """Restores the plain colours of surfaces and joints."""
        with self.hold_sync():
            self._colours = self._joint_colours = b""

    def show(self, hands: Estimate | Sample, index: int = 0) -> None:
        """Moves the hands to their places in an estimate or a sample."""
        placed = place(hands, index)
        self.update(placed.vertices, placed.joints)

    @property
    def vertices(self) -> Float[np.ndarray, "hand vertices 3"]:
        """Returns the vertices that are shown."""
        return np.frombuffer(self._vertices, "<f4").reshape(self._shape[0])

    @property
    def joints(self) -> Float[np.ndarray, "hand 21 3"]:
        """Returns the joints that are shown."""
        return np.frombuffer(self._joints, "<f4").reshape(self._shape[1])

    @property
    def links(self) -> Links:
        """Returns the lines that are shown."""
        rows = np.frombuffer(self._links, "<f4").reshape(-1, 6)
        return Links(rows[:, :2].astype(int), rows[:, 2:5].astype(np.uint8), rows[:, 5].astype(float))

    def joint_label(self, joint: int) -> str:
        """Returns the name of joint 0-41, such as ``left index4``; empty for -1."""
        if joint < 0:
            return ""
        return f"{self.sides[joint // len(JOINT_NAMES)]} {JOINT_NAMES[joint % len(JOINT_NAMES)]}"

    def picture(self, size: tuple[int, int] = PICTURE_SIZE) -> UInt8[np.ndarray, "height width 3"]:
        """Draws the scene as it first appears, without a browser."""

        def bytes_of(buffer: bytes, shape: tuple[int, ...]) -> UInt8[np.ndarray, "hand points 3"] | None:
            return np.frombuffer(buffer, np.uint8).reshape(shape) if buffer else None

        return draw_hands(
            self.vertices.astype(float),
            self.joints.astype(float),
            self.faces,
            self.sides,
            self.framing,
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


@check_types
def hands(hands: Estimate | Sample, index: int = 0, **options: Any) -> HandsView:
    """Returns the 3D view of an estimate or a sample; ``options`` are those of :class:`HandsView`."""
    placed = place(hands, index)
    return HandsView(placed.vertices, placed.joints, **options)
