"""Photographs of any shape in a square frame, with a box around the hands whose two corners move."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from handlib.data.photo import HANDS_SHARE, Box, Crop, Picture, PictureError, read_picture
from handlib.show.core import palette

AROUND = "#e4e4e4"
LEAST_SHARE = 0.04
"""A box is at least so large, in sides of the frame."""


@dataclass(frozen=True)
class Frame:
    """A square around a picture of ``width`` x ``height`` pixels, which lies in its middle."""

    width: int
    height: int

    @classmethod
    def around(cls, picture: Picture) -> "Frame":
        """The frame of a picture."""
        height, width = picture.shape[:2]
        return cls(width, height)

    @property
    def side(self) -> int:
        """Of the square, in the picture's pixels."""
        return max(self.width, self.height)

    def to_uv(self, pixels: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """From the picture's pixels to -1 to 1 over the square."""
        return (2 * pixels - (self.width, self.height)) / self.side

    def to_pixels(self, uv: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """From -1 to 1 over the square to the picture's pixels."""
        return (uv * self.side + (self.width, self.height)) / 2

    def corners(self, box: Box) -> Float[np.ndarray, "corner=2 2"]:
        """The uv of a box's top left and bottom right corner."""
        return self.to_uv(np.array([(box.x, box.y), (box.x + box.width, box.y + box.height)], dtype=float))

    def box(self, corners: Float[np.ndarray, "corner=2 2"]) -> Box:
        """The box between two corners, in any order, within the picture and not too small."""
        extent = np.array((self.width, self.height), dtype=float)
        low, high = np.sort(np.clip(self.to_pixels(corners), 0, extent), axis=0)
        least = np.minimum(LEAST_SHARE * self.side, extent)
        low = np.minimum(low, extent - least)
        high = np.maximum(high, low + least)
        return Box(*low.tolist(), *(high - low).tolist())


def framed(picture: Picture, box: Box, side: int) -> UInt8[np.ndarray, "{side} {side} 3"]:
    """The picture in its frame, the box drawn, and thin around it the square that the network gets to see."""
    frame = Frame.around(picture)
    scale = side / frame.side
    shown = Image.fromarray(picture)
    shown = shown.resize([max(1, round(scale * length)) for length in shown.size], reducing_gap=2)
    canvas = Image.new("RGB", (side, side), AROUND)
    canvas.paste(shown, ((side - shown.width) // 2, (side - shown.height) // 2))
    draw, crop = ImageDraw.Draw(canvas), Crop.around(box, HANDS_SHARE)
    window = Box(crop.x, crop.y, crop.side, crop.side)
    for drawn, colour, width in ((window, "#ffffff", 1), (box, palette.HIGHLIGHT, 3)):
        corners = (frame.corners(drawn) + 1) / 2 * side
        draw.rectangle([tuple(corner) for corner in corners.tolist()], outline=colour, width=width)
    return np.asarray(canvas)


def read_upload(name: str, content: bytes) -> Picture:
    """An uploaded picture.

    Raises:
        PictureError: it is none; the message names it and says what was expected.
    """
    with tempfile.TemporaryDirectory() as folder:
        # The name is the reader's own: only messages use it.
        path, shown = (
            Path(folder) / "upload",
            "".join(filter(str.isprintable, Path(name).name))[:80] or "picture",
        )
        path.write_bytes(content)
        try:
            return read_picture(path)
        except PictureError as error:
            raise PictureError(str(error).replace(str(path), shown)) from error
