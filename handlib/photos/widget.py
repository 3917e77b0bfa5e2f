"""A widget for the reader's own picture: upload or take it, set a box, reconstruct, download the results."""

import base64
import html
import mimetypes
import tempfile
from pathlib import Path

import ipywidgets
import numpy as np
from jaxtyping import UInt8

from handlib.data.photo import AnyPicture, Box, PictureError, as_picture
from handlib.hand.skeleton import SIDES
from handlib.model.network import DIR
from handlib.model.placed import place
from handlib.photos.photo_frame import box_between, corners_of, frame_of, framed, read_upload
from handlib.photos.photo_source import PhotoSource
from handlib.photos.reconstruct import reconstruct
from handlib.show.core.hands import HandsView
from handlib.show.core.panel import Panel
from handlib.show.core.picture_points import PicturePoints
from handlib.show.core.raster import encode_png

FRAME_SIDE = 380
TAKEN = ("overlay.png", "hands.glb", "result.json")
"""Files to download."""
ORIGINS = {
    "given": "the box that you set",
    "found": "a box that the network found",
    "whole picture": "the whole picture: the network found no hands to look closer at",
}


def download_links(files: dict[str, bytes]) -> str:
    """Returns HTML with download links that need no server: each link contains its file."""
    links = []
    for name, content in files.items():
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        data = base64.b64encode(content).decode()
        label = f"{html.escape(name)} ({len(content) / 1000:.0f} kB)"
        links.append(f'<a download="{html.escape(name)}" href="data:{kind};base64,{data}">{label}</a>')
    return "download: " + ", ".join(links)


class YourPhoto(Panel):
    """Upload or take a picture, move the box by its corners, reconstruct, look, download.

    ``picture`` is shown first; ``model`` must be in evaluation mode.
    """

    def __init__(self, model: DIR, picture: AnyPicture):
        self.model, self.photo = model, as_picture(picture)
        self._moving = False
        self.result = reconstruct(self.photo, model=model)
        self.box = self.result.box
        self.source = PhotoSource(self.take)
        self.find = ipywidgets.Button(description="find the hands")
        self.go = ipywidgets.Button(description="reconstruct in the box")
        self.go.layout.width = "auto"
        self.status, self.seen = ipywidgets.Label(), ipywidgets.Label()
        self.corners = PicturePoints(
            framed(self.photo, self.box, FRAME_SIDE),
            corners_of(self.box, frame_of(self.photo)),
            labels=["top left", "bottom right"],
            width=FRAME_SIDE,
            description="your picture, with the corners of the box",
        )
        self.image = ipywidgets.Image(format="png")
        self.image.layout.align_self = "flex-start"  # Or the row stretches it.
        placed, faces = place(self.result.prediction.final), list(self.result.faces)
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
        """Returns the picture with its box, and the result beside it."""
        canvas = np.full((FRAME_SIDE, 2 * FRAME_SIDE + 8, 3), 255, np.uint8)
        canvas[:, :FRAME_SIDE] = framed(self.photo, self.box, FRAME_SIDE)
        drawn = self.result.overlay(FRAME_SIDE)
        height, width = drawn.shape[:2]
        canvas[:height, FRAME_SIDE + 8 : FRAME_SIDE + 8 + width] = drawn
        return canvas

    def take(self, name: str, content: bytes) -> None:
        """Takes another picture and looks for hands in it. If it can't be read, an error is shown instead."""
        try:
            picture = read_upload(name, content)
        except PictureError as error:
            self.status.value = str(error)
            return
        self.photo = picture
        self.reconstruct(None)

    def reconstruct(self, box: Box | None) -> None:
        """Reconstructs the hands in a box, or where the network finds them, and shows the result."""
        self.result = reconstruct(self.photo, box, self.model)
        self.set_box(self.result.box)
        self._show_answer()

    def set_box(self, box: Box) -> None:
        """Moves the box and its corners."""
        self.box, self._moving = box, True
        try:
            corners = corners_of(box, frame_of(self.photo))
            self.corners.update(framed(self.photo, box, FRAME_SIDE), corners)
        finally:
            self._moving = False

    def _show_answer(self) -> None:
        result = self.result
        height, width = self.photo.shape[:2]
        sure = ", ".join(f"{s} {c:.2f}" for s, c in zip(SIDES, result.confidence.tolist(), strict=True))
        self.status.value = f"{width} x {height} pixels; looked at {ORIGINS[result.origin]}"
        self.seen.value = f"seen: {result.presence}; confidence: {sure}"
        self.image.value = encode_png(result.overlay(FRAME_SIDE))
        self.view.show(result.prediction.final)
        with tempfile.TemporaryDirectory() as folder:
            result.save(folder)
            self.links.value = download_links({name: Path(folder, name).read_bytes() for name in TAKEN})

    def _on_corners(self, _: object) -> None:
        if not self._moving:
            self.set_box(box_between(self.corners.uv, self.photo))
