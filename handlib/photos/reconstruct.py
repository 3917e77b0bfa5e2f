"""Reconstructs the two hands of a picture: looks for them, looks closer, and returns them."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor

from handlib.data.photo import (
    HANDS_SHARE,
    AnyPicture,
    Box,
    Crop,
    Picture,
    as_box,
    as_picture,
)
from handlib.hand.hand import HandParams
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import Prediction
from handlib.model.network import DIR
from handlib.model.placed import place
from handlib.photos.network import Engine, Network, run_by
from handlib.photos.presence import Presence, hands_present
from handlib.photos.search import Look, find_everyone, find_hands, look_at, look_at_each
from handlib.show.core.overlay import draw_overlay
from handlib.utils.arguments import check_types
from handlib.utils.errors import InputError
from handlib.utils.reprs import in_shapes
from handlib.utils.resources import DEFAULT_NETWORK

OVERLAY_SIDE = 1600
"""Largest side of an overlay in pixels; larger pictures are scaled down to it."""
NOTEBOOK_SIDE = 640
"""The same for overlays in a notebook."""
OUTSIDE = 9.0
"""A place in uv outside the picture; hands that aren't drawn are moved there."""

Origin = Literal["given", "found", "whole picture"]
"""The source of a box."""


@dataclass(frozen=True)
class ReconstructedHand:
    """One hand in metres, in the frame that both hands share: x right, y down, z away, left wrist at 0.

    ``params`` are the hand's parameters as the network predicted them.
    """

    vertices: Float[np.ndarray, "778 3"]
    joints: Float[np.ndarray, "21 3"]
    params: HandParams

    __repr__ = in_shapes


@dataclass(frozen=True)
class Reconstruction:
    """Both hands of a picture; ``hand`` is (left, right), pixels are the whole picture's.

    ``box`` is the box that was reconstructed and ``origin`` its source. ``crop`` is the square that the
    network saw, ``prediction`` its answer (a batch of one). ``opinion`` is a second opinion on whether these
    are hands; only networks that locate joints have one.
    """

    picture: Picture
    network: Network
    box: Box
    origin: Origin
    crop: Crop
    prediction: Prediction
    opinion: Float[Tensor, "hand=2"] | None = None

    @property
    def left(self) -> ReconstructedHand:
        """Returns the left hand."""
        return self._hand(0)

    @property
    def right(self) -> ReconstructedHand:
        """Returns the right hand."""
        return self._hand(1)

    def _hand(self, h: int) -> ReconstructedHand:
        final = self.prediction.final
        placed = place(final)
        params = HandParams(*(part[0, h].cpu() for part in vars(final.params).values()))
        return ReconstructedHand(placed.vertices[h], placed.joints[h], params)

    @property
    def faces(self) -> Int[np.ndarray, "hand=2 1538 3"]:
        """Returns the triangles of each surface, as indices of its vertices."""
        return np.stack([self.network.hands[side].faces for side in SIDES])

    @property
    def joint_pixels(self) -> Float[Tensor, "hand=2 21 2"]:
        """Returns where the joints are seen, in pixels."""
        return self.crop.to_picture(self.prediction.final.uv[0])

    @property
    def vertex_pixels(self) -> Float[Tensor, "hand=2 778 2"]:
        """Returns where the vertices are seen, in pixels."""
        return self.crop.to_picture(self.prediction.final.vertex_uv[0])

    @property
    def camera(self) -> Float[Tensor, "hand=2 3"]:
        """Returns each hand's weak perspective (s, tx, ty), from metres relative to its wrist to pixels."""
        scale, place = self.prediction.final.camera[0].split((1, 2), dim=-1)
        return torch.cat((scale * (self.crop.side / 2), self.crop.to_picture(place)), dim=-1)

    @property
    def presence(self) -> Presence:
        """Returns which hands are there, see :mod:`handlib.photos.presence`."""
        return hands_present(self.prediction, self.opinion)

    @property
    def confidence(self) -> Float[Tensor, "hand=2"]:
        """Returns the confidence of each hand, 0 to 1."""
        return self.presence.confidence

    def overlay(self, side: int = OVERLAY_SIDE) -> UInt8[np.ndarray, "drawn_height drawn_width 3"]:
        """Returns the picture with the hands drawn over it, at most ``side`` pixels wide and high.

        If the network locates joints, hands that aren't there aren't drawn.
        """
        extent = torch.tensor(self.picture.shape[1::-1])
        image = Image.fromarray(self.picture)
        image.thumbnail((side, side))
        vertex_uv, joint_uv = (
            (p.cpu() * 2 / extent - 1).numpy() for p in (self.vertex_pixels, self.joint_pixels)
        )
        if self.prediction.located is not None:
            absent = ~self.presence.there.cpu().numpy()
            vertex_uv[absent], joint_uv[absent] = OUTSIDE, OUTSIDE
        vertices = place(self.prediction.final).vertices
        return draw_overlay(np.asarray(image), vertices, vertex_uv, joint_uv, list(self.faces))

    def show(self) -> None:
        """Shows the overlay: in a notebook together with the hands in 3D, elsewhere in your picture viewer.

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

        If an error occurs, the folder stays as it was.

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


@check_types
def reconstruct(
    picture: AnyPicture,
    box: Box | Sequence[int | float] | None = None,
    model: str | Path | Network = DEFAULT_NETWORK,
    engine: Engine = "torch",
) -> Reconstruction:
    """Reconstructs both hands of a picture.

    With a box, (left, top, width, height) in pixels, the network looks at the square that the box fills to 80
    %. A network that locates joints searches the box instead. Without a box, the network searches the whole
    picture (:mod:`handlib.photos.search`): it first sees hands roughly, then closer and closer. If it finds
    no hands, the answer is for the whole picture, and ``origin`` says so. Hands that are far apart are looked
    at once more, each alone.

    ``picture`` is a file or any picture that :func:`handlib.data.photo.as_picture` accepts. ``model`` is a
    network, or a name that ``DIR.from_pretrained`` loads. A name is loaded anew in every call, so load the
    network once for many pictures. ``engine`` "onnx" runs the network with onnxruntime, which is quicker on a
    CPU; for many pictures make a :class:`handlib.deploy.onnx.OnnxNetwork`.

    Raises:
        PictureError: the picture can't be read or is no picture.
        BoxError: the box is outside the picture.
        InputError: there is no such network, it is in training mode, or an argument has the wrong type.
    """
    picture = as_picture(picture)
    given = None if box is None else as_box(box).inside(picture)
    network = ready(model, engine)
    if given is not None:
        inside = find_hands(network, picture, given)
        if inside is None:
            (inside,) = look_at(network, picture, [Crop.around(given, HANDS_SHARE)])
        return result_of(network, picture, inside, given, "given")
    found = find_hands(network, picture)
    if found is None:
        whole = Box.around(picture)
        (look,) = look_at(network, picture, [Crop.around(whole, share=1)])
        return result_of(network, picture, look, whole, "whole picture")
    return result_of(network, picture, found, found.box(picture) or Box.around(picture), "found")


@check_types
def reconstruct_everyone(
    picture: AnyPicture, model: str | Path | Network = DEFAULT_NETWORK, engine: Engine = "torch"
) -> list[Reconstruction]:
    """Reconstructs the hands of all people in a picture, pair by pair, surest first; see :func:`reconstruct`.

    The list is empty if no hand is seen.
    """
    picture = as_picture(picture)
    network = ready(model, engine)
    return [
        result_of(network, picture, look, look.box(picture) or Box.around(picture), "found")
        for look in find_everyone(network, picture)
    ]


def ready(model: str | Path | Network, engine: Engine) -> Network:
    """Returns the network, loaded if it is given by name, and run by an engine.

    Raises:
        InputError: there is no such network, or it is in training mode.
    """
    network = run_by(engine, DIR.from_pretrained(model) if isinstance(model, str | Path) else model)
    if getattr(network, "training", False):
        raise InputError("model: expected a network in evaluation mode; call its eval() first")
    return network


def result_of(network: Network, picture: Picture, look: Look, box: Box, origin: Origin) -> Reconstruction:
    """Returns a look's reconstruction. If both hands are far apart, each is first looked at more closely."""
    prediction = look_at_each(network, picture, look)
    return Reconstruction(picture, network, box, origin, look.crop, prediction, look.opinion)
