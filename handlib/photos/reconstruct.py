"""The two hands of a picture: look for them, look closer, say where they are."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor

from handlib.data.photo import (
    HANDS_SHARE,
    AnyPicture,
    Box,
    BoxError,
    Crop,
    Picture,
    as_box,
    as_picture,
    square_crop,
)
from handlib.data.sample import BACKGROUND, normalise
from handlib.geometry.camera import pixels_to_uv
from handlib.hand.hand import HandParams, Hands
from handlib.hand.skeleton import SIDES
from handlib.model.config import DIRConfig
from handlib.model.estimate import Prediction
from handlib.model.network import DIR
from handlib.model.placed import place
from handlib.photos.presence import MIN_HAND_PIXELS, Presence, hands_present
from handlib.show.core.overlay import draw_overlay
from handlib.utils.arguments import check_types
from handlib.utils.errors import InputError
from handlib.utils.reprs import in_shapes
from handlib.utils.resources import DEFAULT_NETWORK

MIN_BOX_SHARE = 0.1
"""A box whose longer side is a smaller share of what was looked at is no pair of hands."""
MAX_LOOKS = 8
SETTLED = 0.9
"""Two boxes that overlap more than this are the same."""
OVERLAY_SIDE = 1600
"""Pixels; the drawing over a larger picture is made at this size."""
NOTEBOOK_SIDE = 640
"""The same for a drawing in a notebook."""


Engine = Literal["torch", "onnx"]
"""What runs a network."""


@runtime_checkable
class Network(Protocol):
    """What answers: a :class:`DIR`, or anything else that makes a prediction of a normalised picture."""

    name: str
    config: DIRConfig
    hands: Hands

    def checksum(self) -> str:
        """Names what the network computes: two that are equal in it give the same answers."""

    def __call__(self, image: Float[Tensor, "batch 3 size size"]) -> Prediction:
        """The prediction, for pictures of ``config.image_size``."""


@dataclass(frozen=True)
class ReconstructedHand:
    """One hand in metres, in the frame that both hands share: x right, y down, z away, left wrist at 0.

    ``params`` are the numbers behind it, as the network predicted them.
    """

    vertices: Float[np.ndarray, "778 3"]
    joints: Float[np.ndarray, "21 3"]
    params: HandParams

    __repr__ = in_shapes


@dataclass(frozen=True)
class Reconstruction:
    """Both hands of a picture; ``hand`` is (left, right), pixels are the whole picture's.

    ``box`` is what was cut out and ``origin`` where it came from, ``crop`` the square that the network saw,
    ``prediction`` its answer, a batch of one.
    """

    picture: Picture
    network: Network
    box: Box
    origin: Literal["given", "found", "whole picture"]
    crop: Crop
    prediction: Prediction

    @property
    def left(self) -> ReconstructedHand:
        """The left hand."""
        return self._hand(0)

    @property
    def right(self) -> ReconstructedHand:
        """The right hand."""
        return self._hand(1)

    def _hand(self, h: int) -> ReconstructedHand:
        final = self.prediction.final
        placed = place(final)
        params = HandParams(*(part[0, h].cpu() for part in vars(final.params).values()))
        return ReconstructedHand(placed.vertices[h], placed.joints[h], params)

    @property
    def faces(self) -> Int[np.ndarray, "hand=2 1538 3"]:
        """The triangles of each surface: numbers of its vertices."""
        return np.stack([self.network.hands[side].faces for side in SIDES])

    @property
    def joint_pixels(self) -> Float[Tensor, "hand=2 21 2"]:
        """Where the joints are seen."""
        return self.crop.to_picture(self.prediction.final.uv[0])

    @property
    def vertex_pixels(self) -> Float[Tensor, "hand=2 778 2"]:
        """Where the vertices are seen."""
        return self.crop.to_picture(self.prediction.final.vertex_uv[0])

    @property
    def camera(self) -> Float[Tensor, "hand=2 3"]:
        """The weak perspective (s, tx, ty) from metres around each hand's own wrist to pixels."""
        scale, place = self.prediction.final.camera[0].split((1, 2), dim=-1)
        return torch.cat((scale * (self.crop.side / 2), self.crop.to_picture(place)), dim=-1)

    @property
    def presence(self) -> Presence:
        """Returns which hands the segmentation shows, see :mod:`handlib.photos.presence`."""
        return hands_present(self.prediction.segmentation[0])

    @property
    def confidence(self) -> Float[Tensor, "hand=2"]:
        """Returns how sure the segmentation is of each hand, 0 to 1."""
        return self.presence.confidence

    def overlay(self, side: int = OVERLAY_SIDE) -> UInt8[np.ndarray, "drawn_height drawn_width 3"]:
        """The hands drawn over the picture, at most ``side`` pixels wide and high."""
        extent = torch.tensor(self.picture.shape[1::-1])
        image = Image.fromarray(self.picture)
        image.thumbnail((side, side))
        vertex_uv, joint_uv = (
            (p.cpu() * 2 / extent - 1).numpy() for p in (self.vertex_pixels, self.joint_pixels)
        )
        vertices = place(self.prediction.final).vertices
        return draw_overlay(np.asarray(image), vertices, vertex_uv, joint_uv, list(self.faces))

    def show(self) -> None:
        """Shows the overlay and, in a notebook, the hands in 3D; elsewhere your picture viewer opens it.

        Raises:
            InputError: the packages for notebooks aren't installed.
        """
        if not _in_notebook():
            from PIL import ImageShow  # Imports IPython, where it is installed.

            if not (_has_screen() and ImageShow.show(Image.fromarray(self.overlay()), "handlib")):
                print("show: no screen or no picture viewer here; save(folder) writes overlay.png")
            return
        from IPython.display import display

        display(Image.fromarray(self.overlay(NOTEBOOK_SIDE)))
        try:
            from handlib.show.core.hands import HandsView
        except ModuleNotFoundError as error:
            told = f"the view in 3D needs {error.name}: pip install 'handlib[notebooks]'"
            raise InputError(told) from error
        placed = place(self.prediction.final)
        display(HandsView(placed.vertices, placed.joints, list(self.faces)))

    def save(self, folder: str | Path) -> None:
        """Writes overlay.png, left.glb, right.glb, hands.glb and result.json into a folder, made if missing.

        An error on the way leaves the folder as it was.

        Raises:
            OSError: the folder can't be written.
        """
        from handlib.photos.results import write_results

        write_results(self, Path(folder))

    def __repr__(self) -> str:
        height, width = self.picture.shape[:2]
        sure = " and ".join(f"{s} {c:.2f}" for s, c in zip(SIDES, self.confidence.tolist(), strict=True))
        return (
            f"Reconstruction({self.presence}, confidence {sure}; picture {width} x {height}, "
            f"box {self.box} {self.origin}, network {self.network.name})"
        )


def _has_screen() -> bool:
    return sys.platform != "linux" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())


def _in_notebook() -> bool:
    shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


def box_of_hands(segmentation: Float[Tensor, "3 size size"], crop: Crop, picture: Picture) -> Box | None:
    """The box around all hand pixels of a segmentation of ``crop``, in the picture's pixels.

    None where there are too few of them, or where they are too small a part of the crop to be trusted or lie
    outside the picture.
    """
    pixels = (segmentation.argmax(0) != BACKGROUND).nonzero().flip(-1)
    if len(pixels) < MIN_HAND_PIXELS:
        return None
    corners = torch.stack((pixels.amin(0), pixels.amax(0) + 1)).float()
    corner, opposite = crop.to_picture(pixels_to_uv(corners, segmentation.shape[-1]))
    if (opposite - corner).max() < MIN_BOX_SHARE * crop.side:
        return None
    try:
        return Box(*corner.tolist(), *(opposite - corner).tolist()).inside(picture)
    except BoxError:
        return None


def run_by(engine: Engine, network: Network) -> Network:
    """The network, run by this engine: itself, or a DIR's :class:`handlib.deploy.onnx.OnnxNetwork`.

    Raises:
        InputError: there is no such engine, or its packages aren't installed.
    """
    if engine == "torch" or not isinstance(network, DIR):
        return network
    from handlib.deploy.onnx import OnnxNetwork

    return OnnxNetwork(network)


@torch.no_grad()
def look(network: Network, picture: Picture, box: Box, share: int | float) -> tuple[Crop, Prediction]:
    """One pass of the network over the square that a box fills to ``share``."""
    square, crop = square_crop(picture, box, network.config.image_size, share)
    image = torch.from_numpy(square).permute(2, 0, 1)[None].to(network.hands["left"].v_template.device)
    return crop, network(normalise(image))


@check_types
def reconstruct(
    picture: AnyPicture,
    box: Box | Sequence[int | float] | None = None,
    model: str | Path | Network = DEFAULT_NETWORK,
    engine: Engine = "torch",
) -> Reconstruction:
    """Both hands of a picture.

    With a box, (left, top, width, height) in pixels, the network looks once, at the square that the box fills
    to 80 %. Without one it looks at the whole picture, then at the box around what its own segmentation
    called hand, and again until the box settles: hands that are small in the picture are first seen roughly,
    then closer and closer. Where a box can't be trusted, the first look stands and ``origin`` says so.

    ``picture`` is a file or what :func:`handlib.data.photo.as_picture` takes. ``model`` is a network, or what
    ``DIR.from_pretrained`` loads, anew in every call: load it once for many pictures. ``engine`` "onnx" runs
    it by onnxruntime, quicker on a CPU; for many pictures make a :class:`handlib.deploy.onnx.OnnxNetwork`.

    Raises:
        PictureError: the picture can't be read or isn't one.
        BoxError: the box lies outside the picture.
        InputError: there is no such network, it is in training mode, or an argument is of another type.
    """
    picture = as_picture(picture)
    given = None if box is None else as_box(box).inside(picture)
    network = DIR.from_pretrained(model) if isinstance(model, str | Path) else model
    network = run_by(engine, network)
    if getattr(network, "training", False):
        raise InputError("model: expected a network in evaluation mode; call its eval() first")

    def result(
        box: Box, origin: Literal["given", "found", "whole picture"], share: int | float
    ) -> Reconstruction:
        return Reconstruction(picture, network, box, origin, *look(network, picture, box, share))

    if given is not None:
        return result(given, "given", HANDS_SHARE)
    first = last = result(Box.around(picture), "whole picture", share=1)
    for _ in range(MAX_LOOKS - 1):
        found = box_of_hands(last.prediction.segmentation[0], last.crop, picture)
        if found is None:
            return first
        if last is not first and found.overlap(last.box) > SETTLED:
            break
        last = result(found, "found", HANDS_SHARE)
    return last
