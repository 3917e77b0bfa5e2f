"""A picture of the reader's own: uploaded or taken, cut out by a box, reconstructed, handed out."""

import base64
import html
import mimetypes
import tempfile
from dataclasses import dataclass
from pathlib import Path

import ipywidgets
import numpy as np
from jaxtyping import UInt8

from handlib.data.photo import AnyPicture, Box, Picture, PictureError, as_picture
from handlib.hand.skeleton import SIDES
from handlib.model.network import DIR
from handlib.model.placed import place
from handlib.photos.photo_frame import Frame, framed, read_upload
from handlib.photos.photo_source import PhotoSource
from handlib.photos.reconstruct import Reconstruction, reconstruct
from handlib.show.core.hands import HandsView
from handlib.show.core.panel import Panel
from handlib.show.core.picture_points import PicturePoints
from handlib.show.core.raster import encode_png

FRAME_SIDE = 380
TAKEN = ("overlay.png", "hands.glb", "result.json")
"""What can be downloaded."""
ORIGINS = {
    "given": "the box that you set",
    "found": "a box that the network found by its own segmentation",
    "whole picture": "the whole picture: the network found no hands to look closer at",
}


@dataclass(frozen=True)
class PhotoAnswer:
    """All that the widget shows of a reconstruction, and its files by name."""

    result: Reconstruction
    drawn: UInt8[np.ndarray, "height width 3"]
    seen: str
    looked_at: str
    files: dict[str, bytes]


def answer_photo(model: DIR, picture: Picture, box: Box | None) -> PhotoAnswer:
    """Reconstructs a picture's hands, in a box or where the network finds them.

    Raises:
        BoxError: the box lies outside the picture.
    """
    result = reconstruct(picture, box, model)
    with tempfile.TemporaryDirectory() as folder:
        result.save(Path(folder) / "result")
        files = {name: (Path(folder) / "result" / name).read_bytes() for name in TAKEN}
    confidence = ", ".join(
        f"{side} {value:.2f}" for side, value in zip(SIDES, result.confidence.tolist(), strict=True)
    )
    height, width = picture.shape[:2]
    return PhotoAnswer(
        result=result,
        drawn=result.overlay(FRAME_SIDE),
        seen=f"seen: {result.presence}; confidence of the segmentation: {confidence}",
        looked_at=f"{width} x {height} pixels; looked at {ORIGINS[result.origin]}",
        files=files,
    )


def download_links(files: dict[str, bytes]) -> str:
    """HTML that hands out files without a server: each link holds its file."""
    links = []
    for name, content in files.items():
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        data = base64.b64encode(content).decode()
        label = f"{html.escape(name)} ({len(content) / 1000:.0f} kB)"
        links.append(f'<a download="{html.escape(name)}" href="data:{kind};base64,{data}">{label}</a>')
    return "download: " + ", ".join(links)


class YourPhoto(Panel):
    """Upload or take a picture, move the box by its corners, reconstruct, look, download.

    ``picture`` is what it begins with; ``model`` is in evaluation mode.
    """

    def __init__(self, model: DIR, picture: AnyPicture):
        self.model, self.photo = model, as_picture(picture)
        self._moving = False
        self.answer = answer_photo(model, self.photo, None)
        self.box = self.answer.result.box
        self.source = PhotoSource(self.take)
        self.find = ipywidgets.Button(description="find the hands")
        self.go = ipywidgets.Button(description="reconstruct in the box")
        self.go.layout.width = "auto"
        self.status, self.seen = ipywidgets.Label(), ipywidgets.Label()
        self.corners = PicturePoints(
            framed(self.photo, self.box, FRAME_SIDE),
            Frame.around(self.photo).corners(self.box),
            labels=["top left", "bottom right"],
            width=FRAME_SIDE,
            description="your picture, with the corners of the box",
        )
        self.image = ipywidgets.Image(format="png")
        self.image.layout.align_self = "flex-start"  # Or the row stretches it.
        placed = place(self.answer.result.prediction.final)
        faces = list(self.answer.result.faces)
        self.view = HandsView(placed.vertices, placed.joints, faces, caption="from the camera")
        self.links = ipywidgets.HTML()
        self.corners.observe(self._on_corners, names="points")
        self.find.on_click(lambda _: self.reconstruct(None))
        self.go.on_click(lambda _: self.reconstruct(self.box))
        self.set_box(self.box)
        self._show_answer()
        super().__init__(
            [
                self.source,
                [self.find, self.go],
                self.status,
                [self.corners, self.image],
                self.seen,
                self.links,
                [self.view],
            ]
        )

    def __repr__(self) -> str:
        return "YourPhoto: upload or take a picture, move the box, reconstruct, download"

    def picture(self) -> UInt8[np.ndarray, "height width 3"]:
        """The picture with its box and the answer beside it."""
        canvas = np.full((FRAME_SIDE, 2 * FRAME_SIDE + 8, 3), 255, np.uint8)
        canvas[:, :FRAME_SIDE] = framed(self.photo, self.box, FRAME_SIDE)
        height, width = self.answer.drawn.shape[:2]
        canvas[:height, FRAME_SIDE + 8 : FRAME_SIDE + 8 + width] = self.answer.drawn
        return canvas

    def take(self, name: str, content: bytes) -> None:
        """Another picture, in which hands are looked for; an unreadable one is told and changes nothing."""
        try:
            picture = read_upload(name, content)
        except PictureError as error:
            self.status.value = str(error)
            return
        self.photo = picture
        self.reconstruct(None)

    def reconstruct(self, box: Box | None) -> None:
        """Reconstructs in a box, or where the network finds hands; shows it."""
        self.answer = answer_photo(self.model, self.photo, box)
        self.set_box(self.answer.result.box)
        self._show_answer()

    def set_box(self, box: Box) -> None:
        """Moves the box and its corners."""
        self.box, self._moving = box, True
        try:
            corners = Frame.around(self.photo).corners(box)
            self.corners.update(framed(self.photo, box, FRAME_SIDE), corners)
        finally:
            self._moving = False

    def _show_answer(self) -> None:
        self.status.value, self.seen.value = self.answer.looked_at, self.answer.seen
        self.image.value = encode_png(self.answer.drawn)
        self.view.show(self.answer.result.prediction.final)
        self.links.value = download_links(self.answer.files)

    def _on_corners(self, _: object) -> None:
        if not self._moving:
            self.set_box(Frame.around(self.photo).box(self.corners.uv))
