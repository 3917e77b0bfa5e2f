"""Shows fits of a hand model over a camera's picture, moved from the world correctly or naively."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import ipywidgets
import numpy as np
import roma
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from handlib.data.interhand.files import ANNOTATED_TO_21
from handlib.data.interhand.interhand import InterHand, camera_of, fits_of
from handlib.data.interhand.mano_fits import Camera, Fit, crop_around_hands
from handlib.data.photo import cut_square, read_picture
from handlib.geometry.camera import project_pinhole
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.show.core import palette
from handlib.show.core.overlay import draw_overlay, to_pixels
from handlib.show.core.panel import Explorer, choice, png_image
from handlib.show.core.raster import draw_skeleton, resized
from handlib.utils.arguments import check_some

RIGHT_WAY, NAIVE = "R trans + t + R J - J", "R trans + t"
TRANSLATIONS = (RIGHT_WAY, NAIVE)
ANNOTATED, AS_IF_OURS = "tips first, right hand first", "as if it were ours"
ORDERS = (ANNOTATED, AS_IF_OURS)
PICTURE_SIDE, DRAWN_SIDE = 420, 260
WORLD_AXIS = torch.tensor([0.36, 0.48, 0.8])
"""Axis about which the world's frame is turned; any direction would do."""


@dataclass(frozen=True, eq=False)
class FitView:
    """A picture, its camera, both hands' fits and the 42 annotated joints, in the world's frame (metres)."""

    picture: UInt8[np.ndarray, "height width 3"]
    camera: Camera
    fits: tuple[Fit, ...]
    annotated: Float[Tensor, "42 3"]

    @classmethod
    def read(cls, source: InterHand, number: int) -> "FitView":
        """Reads a picture of InterHand2.6M; an ``InputError`` if its file can't be read."""
        record = source.index[number]
        return cls(
            picture=read_picture(source.root / "images" / source.split / record.file_name),
            camera=camera_of(record),
            fits=tuple(fits_of(record, source.hands)),
            annotated=torch.from_numpy(record.joints).float() / 1000,
        )


@dataclass(frozen=True)
class FitState:
    """All that the widget shows.

    ``millimetres`` and ``pixels`` (of the picture) are each hand's mean distance from the correctly moved
    surface. ``joints_apart`` is the mean distance between annotated and fitted joints in millimetres.
    """

    millimetres: Float[np.ndarray, "hand=2"]
    pixels: Float[np.ndarray, "hand=2"]
    joints_apart: float
    caption: str
    picture: UInt8[np.ndarray, "height width 3"]


def turned_world(view: FitView, hands: Sequence[Hand], degrees: float) -> FitView:
    """Returns the same view in a world with turned axes; nothing in the picture moves."""
    turn = roma.rotvec_to_rotmat(np.radians(degrees) * WORLD_AXIS)
    as_camera = Camera(turn, torch.zeros(3), view.camera.intrinsics)
    return replace(
        view,
        camera=replace(view.camera, rotation=view.camera.rotation @ turn.T),
        fits=tuple(fit.seen_by(as_camera, hand) for fit, hand in zip(view.fits, hands, strict=True)),
        annotated=view.annotated @ turn.T,
    )


def moved_fit(fit: Fit, camera: Camera, hand: Hand, translation: str) -> Fit:
    """Returns the fit in the camera's frame, moved by one of ``TRANSLATIONS``."""
    if translation == RIGHT_WAY:
        return fit.seen_by(camera, hand)
    return replace(fit, root=camera.rotation @ fit.root, translation=camera.see(fit.translation))


def annotated_hands(joints: Float[Tensor, "42 3"], order: str) -> Float[Tensor, "hand=2 21 3"]:
    """Returns the annotated joints (left, right), read in one of ``ORDERS``."""
    if order == AS_IF_OURS:
        return joints.reshape(2, 21, 3)
    return torch.stack([joints[list(ANNOTATED_TO_21[side])] for side in SIDES])


def fit_state(view: FitView, hands: Sequence[Hand], translation: str, order: str, degrees: float) -> FitState:
    """Returns the state of a view whose world is turned by ``degrees``."""
    view = turned_world(view, hands, degrees)
    camera = view.camera

    right, shown = (
        [moved_fit(fit, camera, hand, how) for fit, hand in zip(view.fits, hands, strict=True)]
        for how in (RIGHT_WAY, translation)
    )
    posed = [fit.posed(hand) for fit, hand in zip(right, hands, strict=True)]
    truth, true_joints = (torch.stack([getattr(p, name) for p in posed]) for name in ("vertices", "joints"))
    # Both ways turn the hand in the same way, so only the translation differs.
    shift = torch.stack([b.translation - a.translation for a, b in zip(right, shown, strict=True)])[:, None]
    vertices, joints = truth + shift, true_joints + shift
    annotated = annotated_hands(camera.see(view.annotated), order)
    true_pixels, pixels = (project_pinhole(points, camera.intrinsics[None]) for points in (truth, vertices))
    millimetres = 1000 * (vertices - truth).norm(dim=-1).mean(-1)
    in_pixels = (pixels - true_pixels).norm(dim=-1).mean(-1)
    apart = 1000 * float((annotated - true_joints).norm(dim=-1).mean())
    crop = crop_around_hands(truth, camera.intrinsics, share=0.6)
    square = cut_square(view.picture, crop, DRAWN_SIDE)

    def uv(points: Tensor) -> np.ndarray:
        return crop.to_uv(project_pinhole(points, camera.intrinsics[None])).numpy()

    drawn = draw_overlay(square, vertices.numpy(), uv(vertices), uv(joints), [hand.faces for hand in hands])
    canvas = resized(drawn, PICTURE_SIDE, PICTURE_SIDE)
    for hand in to_pixels(uv(annotated), PICTURE_SIDE, PICTURE_SIDE):
        draw_skeleton(canvas, hand, palette.TRUTH, thickness=0.7)
    off = ", ".join(
        f"{side} {mm:.0f} mm or {px:.0f} px"
        for side, mm, px in zip(SIDES, millimetres, in_pixels, strict=True)
    )
    return FitState(
        millimetres=millimetres.numpy(),
        pixels=in_pixels.numpy(),
        joints_apart=apart,
        caption=f"surface off by: {off}; annotated joints (grey) {apart:.0f} mm from the fits' joints",
        picture=np.asarray(canvas),
    )


class FitExplorer(Explorer[FitState]):
    """Choose a picture, how its fits are moved to the camera's frame, and how its annotation is read.

    ``hands`` (left, right) are the hand models of the fits.
    """

    def __init__(self, views: Sequence[FitView], hands: Sequence[Hand]):
        check_some("views", views)
        self.views, self.hands = tuple(views), tuple(hands)
        self.number = ipywidgets.IntSlider(1, 1, len(self.views), description="picture")
        self.degrees = ipywidgets.IntSlider(0, 0, 180, 10, description="world (°)")
        self.translation = choice("translation", TRANSLATIONS, NAIVE)
        self.order = choice("joint order", ORDERS)
        self.caption, self.image = ipywidgets.Label(), png_image(PICTURE_SIDE, PICTURE_SIDE)
        controls = [self.number, self.degrees, self.translation, self.order]
        super().__init__([controls, self.caption, self.image])

    def compute(self) -> FitState:
        """Returns the state of the chosen picture."""
        view, degrees = self.views[self.number.value - 1], float(self.degrees.value)
        return fit_state(view, self.hands, self.translation.value, self.order.value, degrees)

    def __repr__(self) -> str:
        return f"FitExplorer: {len(self.views)} pictures; how fits are moved, how joints are read"
