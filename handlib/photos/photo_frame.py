"""Photographs of any shape in a square frame, with a box around the hands that has two movable corners."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from handlib.data.photo import HANDS_SHARE, Box, Crop, Picture, PictureError, read_picture
from handlib.show.core import palette

AROUND = "#e4e4e4"
LEAST_SHARE = 0.04
"""Smallest side of a box, in sides of the frame."""


def frame_of(picture: Picture) -> Crop:
    """Returns the square around a picture; the picture is in its middle."""
    return Crop.around(Box.around(picture), share=1)


def corners_of(box: Box, frame: Crop) -> Float[np.ndarray, "corner=2 2"]:
    """Returns the top left and bottom right corner of a box, in uv from -1 to 1 over a frame."""
    corners = ((box.x, box.y), (box.x + box.width, box.y + box.height))
    return frame.to_uv(torch.tensor(corners, dtype=torch.float64)).numpy()


def box_between(corners: Float[np.ndarray, "corner=2 2"], picture: Picture) -> Box:
    """Returns the box between two corners in the picture's frame, clipped to the picture and not too small.

    The corners may come in any order.
    """
    frame, extent = frame_of(picture), np.array(picture.shape[1::-1], dtype=float)
    pixels = frame.to_picture(torch.from_numpy(corners)).numpy()
    low, high = np.sort(np.clip(pixels, 0, extent), axis=0)
    least = np.minimum(LEAST_SHARE * frame.side, extent)
    low = np.minimum(low, extent - least)
    high = np.maximum(high, low + least)
    return Box(*low.tolist(), *(high - low).tolist())


def framed(picture: Picture, box: Box, side: int) -> UInt8[np.ndarray, "{side} {side} 3"]:
    """Draws the picture in its frame, with the box and, as a thin line, the square that the network sees."""
    frame = frame_of(picture)
    scale = side / frame.side
    shown = Image.fromarray(picture)
    shown = shown.resize([max(1, round(scale * length)) for length in shown.size], reducing_gap=2)
    canvas = Image.new("RGB", (side, side), AROUND)
    canvas.paste(shown, ((side - shown.width) // 2, (side - shown.height) // 2))
    draw, crop = ImageDraw.Draw(canvas), Crop.around(box, HANDS_SHARE)
    window = Box(crop.x, crop.y, crop.side, crop.side)
    for drawn, colour, width in ((window, "#ffffff", 1), (box, palette.HIGHLIGHT, 3)):
        corners = (corners_of(drawn, frame) + 1) / 2 * side
        draw.rectangle([tuple(corner) for corner in corners.tolist()], outline=colour, width=width)
    return np.asarray(canvas)


def read_upload(name: str, content: bytes) -> Picture:
    """Reads an uploaded picture.

    Raises:
        PictureError: the upload is no picture; the message names the file and says what was expected.
    """
    with tempfile.TemporaryDirectory() as folder:
        # The name comes from the reader, so only messages use it.
        path = Path(folder) / "upload"
        shown = "".join(filter(str.isprintable, Path(name).name))[:80] or "picture"
        path.write_bytes(content)
        try:
            return read_picture(path)
        except PictureError as error:
            raise PictureError(str(error).replace(str(path), shown)) from error
