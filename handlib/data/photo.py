"""Reads photographs from cameras and phones, cuts out the hands, and maps the crop back to the picture.

Pixels are continuous, as in :mod:`handlib.geometry.camera`: a picture of width W covers [0, W].
"""

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps, PngImagePlugin
from torch import Tensor

from handlib.geometry.camera import pixels_to_uv, uv_to_pixels
from handlib.utils.arguments import check_types
from handlib.utils.errors import InputError

MAX_PIXELS = 100_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
MID_GREY = (128, 128, 128)
HANDS_SHARE = 0.8
"""Share of the crop's side that the box around the hands fills, as in DIR's evaluation."""

# Image generators write megabytes of text into a PNG. The total text of a file stays limited.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY
OTHER_KINDS = {
    rb".{4}ftyp(hei|hev|mif1|msf1)": "HEIC, as some phones write it: save the picture as JPEG",
    rb".{4}ftypavi[fs]": "AVIF: save the picture as JPEG",
    rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI": "a video",
    rb"GIF8": "GIF",
    rb"BM": "BMP",
    rb"II\*\0|MM\0\*": "TIFF",
    rb"%PDF": "PDF",
}
"""First bytes of files that people take for pictures, and the kind of file that they mean."""

Picture = UInt8[np.ndarray, "height width 3"]
AnyPicture = str | Path | Image.Image | np.ndarray | Tensor


class PictureError(InputError):
    """A file can't be read as a picture; the message names the file and says what was expected."""


class BoxError(InputError):
    """A box makes no sense; the message says what was expected."""


@contextmanager
def decoding(path: Path, expected: str = "a JPEG, PNG or WebP picture") -> Iterator[None]:
    """Turns any error of a decoder that reads the file into a :class:`PictureError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"{path}: expected at most {MAX_PIXELS / 1e6:.0f} megapixels, got far more"
        ) from error
    except Image.UnidentifiedImageError as error:
        with path.open("rb") as file:
            start = file.read(16)
        kinds = (f", got {kind}" for begin, kind in OTHER_KINDS.items() if re.match(begin, start, re.DOTALL))
        raise PictureError(f"{path}: expected {expected}{next(kinds, '')}") from error
    except OSError as error:
        raise PictureError(f"{path}: can't be read: {error.strerror or error}") from error
    except Exception as error:  # Damaged files make the decoders raise almost anything.
        raise PictureError(f"{path}: damaged picture: {error or type(error).__name__}") from error


def read_picture(path: str | Path) -> Picture:
    """Reads a JPEG, PNG or WebP file as upright 8-bit RGB.

    It applies the EXIF orientation, lays transparent pictures over mid-grey, takes the first frame of an
    animation, and scales 16-bit grey to 8 bits. Pictures of more than 100 megapixels are refused before
    decoding.

    Raises:
        PictureError: the file is missing, empty, damaged, too large, or of another kind.
    """
    path = Path(path)
    if path.is_dir():
        raise PictureError(f"{path}: expected a picture, got a folder")
    with decoding(path):
        if path.stat().st_size == 0:
            raise PictureError(f"{path}: expected a picture, the file is empty")
        with Image.open(path, formats=FORMATS) as image:
            refuse_huge(path, *image.size)
            ImageOps.exif_transpose(image, in_place=True)
            return to_rgb(image)


@check_types
def as_picture(picture: AnyPicture) -> Picture:
    """Returns a file, a Pillow picture, an array or a tensor as upright 8-bit RGB.

    Arrays and tensors hold bytes, or floats from 0 to 1. Their shape is (height, width), or has 1, 3 or 4
    channels (grey, RGB, RGBA) last or first. If both would fit, channels are last in an array and first in a
    tensor. OpenCV's pictures are BGR: give ``picture[..., ::-1]``.

    Raises:
        PictureError: the argument is no picture; the message says what was expected.
        InputError: the argument has another type.
    """
    if isinstance(picture, str | Path):
        return read_picture(picture)
    if isinstance(picture, Image.Image):
        with decoding(Path(getattr(picture, "filename", "") or "picture")):
            return to_rgb(ImageOps.exif_transpose(picture))
    if isinstance(picture, Tensor):
        plain = picture.detach().cpu()
        # numpy has no bfloat16.
        array, among_both = (plain.float() if plain.is_floating_point() else plain).numpy(), 0
    else:
        array, among_both = picture, -1
    told = f"got {array.dtype} of shape {array.shape}"
    channels = [axis for axis in (0, -1) if array.ndim == 3 and array.shape[axis] in (1, 3, 4)]
    if array.ndim == 2:
        array, channels = array[..., None], [-1]
    if not channels or 0 in array.shape:
        raise PictureError(f"picture: expected one of shape (height, width, 3) or (3, height, width), {told}")
    array = np.moveaxis(array, channels[among_both], -1)
    if array.dtype.kind == "f" and 0 <= array.min() <= array.max() <= 1:
        array = np.rint(array * 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise PictureError(f"picture: expected bytes, or floats from 0 to 1, {told}{_range_of(array)}")
    pixels = array[..., 0] if array.shape[-1] == 1 else array
    return to_rgb(Image.fromarray(np.ascontiguousarray(pixels)))


def _range_of(numbers: np.ndarray) -> str:
    return f" from {numbers.min():g} to {numbers.max():g}" if numbers.dtype.kind in "iuf" else ""


def refuse_huge(path: Path, width: int, height: int) -> None:
    """Raises a :class:`PictureError` for more than ``MAX_PIXELS``."""
    if width * height > MAX_PIXELS:
        expected = f"expected at most {MAX_PIXELS / 1e6:.0f} megapixels"
        raise PictureError(f"{path}: {expected}, got {width} x {height}")


def to_rgb(image: Image.Image) -> Picture:
    """Returns a decoded picture as 8-bit RGB: 16-bit grey is scaled, transparency is laid over mid-grey."""
    image.load()  # Frames of some animations have their mode only after this.
    if image.mode.startswith("I"):
        grey = np.rint(np.asarray(image).clip(0, 65535) / 257).astype(np.uint8)
        return np.stack((grey, grey, grey), axis=-1)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, (*MID_GREY, 255))
        image = Image.alpha_composite(background, image)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


@dataclass(frozen=True)
class Box:
    """A rectangle in a picture, in pixels: left and top edge, width, height."""

    x: int | float
    y: int | float
    width: int | float
    height: int | float

    def __post_init__(self) -> None:
        """Refuses edges that aren't finite numbers, and boxes without area."""
        edges = (self.x, self.y, self.width, self.height)
        if not all(isinstance(edge, Real) and math.isfinite(edge) for edge in edges):
            raise BoxError(f"box: expected finite numbers, got {', '.join(map(repr, edges))[:200]}")
        if self.width <= 0 or self.height <= 0:
            raise BoxError(f"box: expected a positive width and height, got {self.width:g} x {self.height:g}")

    @classmethod
    def around(cls, picture: Picture) -> "Box":
        """Returns the box of the whole picture."""
        height, width = picture.shape[:2]
        return cls(0, 0, width, height)

    def inside(self, picture: Picture) -> "Box":
        """Returns the part of this box inside the picture; raises a :class:`BoxError` if there is none."""
        height, width = picture.shape[:2]
        left, top = max(self.x, 0), max(self.y, 0)
        right, bottom = min(self.x + self.width, width), min(self.y + self.height, height)
        if right <= left or bottom <= top:
            raise BoxError(f"box: expected to overlap the picture ({width} x {height}), got {self}")
        return Box(left, top, right - left, bottom - top)

    def common(self, other: "Box") -> float:
        """Returns the area that both boxes cover, in square pixels."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return float(max(width, 0) * max(height, 0))

    def overlap(self, other: "Box") -> float:
        """Returns the boxes' intersection over union, 0 to 1."""
        both = self.common(other)
        return both / (self.width * self.height + other.width * other.height - both)

    def share_within(self, other: "Box") -> float:
        """Returns the share of this box that lies in another box, 0 to 1."""
        return self.common(other) / (self.width * self.height)

    def __str__(self) -> str:
        """Returns the text that :func:`as_box` reads."""
        return f"{self.x:g},{self.y:g},{self.width:g},{self.height:g}"


def as_box(box: Box | str | Sequence[int | float]) -> Box:
    """Makes a box from a box, from four numbers (left, top, width, height), or from a text "x,y,w,h"; pixels.

    Raises:
        BoxError: the argument is none of these, or has no area.
    """
    if isinstance(box, Box):
        return box
    try:
        x, y, width, height = map(float, box.split(",")) if isinstance(box, str) else box
    except ValueError:
        raise BoxError(f"box: expected x,y,width,height in pixels, got {box!r:.200}") from None
    return Box(x, y, width, height)


@dataclass(frozen=True)
class Crop:
    """A square window of a picture: its top left corner and its side, in the picture's pixels.

    The window may reach beyond the picture.
    """

    x: int | float
    y: int | float
    side: int | float

    @classmethod
    def around(cls, box: Box, share: int | float) -> "Crop":
        """Returns the square around the box's centre; the box's longer side is ``share`` of its side."""
        side = max(box.width, box.height) / share
        return cls(box.x + box.width / 2 - side / 2, box.y + box.height / 2 - side / 2, side)

    def to_picture(self, uv: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """Converts uv in [-1, 1] over the crop to the picture's pixels."""
        return uv_to_pixels(uv, self.side) + uv.new_tensor((self.x, self.y))

    def to_uv(self, pixels: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """Converts the picture's pixels to uv in [-1, 1] over the crop."""
        return pixels_to_uv(pixels - pixels.new_tensor((self.x, self.y)), self.side)


MARGIN = 16
"""Number of blocks of pixels around a square that resampling may use."""


def cut_square(picture: Picture, crop: Crop, size: int) -> UInt8[np.ndarray, "{size} {size} 3"]:
    """Returns the square ``crop`` of a picture, resampled to ``size`` pixels without aliasing.

    Outside the picture, the square repeats the picture's edge, both in training and for photographs. So a
    network sees the kind of border that it has learnt from; a black border would look like an object's edge.
    """
    # Whole blocks of pixels are averaged first, so that padding a large picture is as cheap as a small one.
    step = max(1, int(crop.side / (2 * size)))
    first = [max(0, math.floor(start / step) - MARGIN) * step for start in (crop.x, crop.y)]
    last = [max(0, math.ceil((start + crop.side) / step) + MARGIN) * step for start in (crop.x, crop.y)]
    near = picture[first[1] : last[1], first[0] : last[0]]
    if not near.size:
        near, first = picture, [0, 0]
    blocks = np.asarray(Image.fromarray(near).reduce(step))
    left, top, side = (crop.x - first[0]) / step, (crop.y - first[1]) / step, crop.side / step
    height, width = blocks.shape[:2]
    before_x, before_y = (max(0, math.ceil(-start)) for start in (left, top))
    after_x, after_y = (
        max(0, math.ceil(start + side - end)) + 1 for start, end in ((left, width), (top, height))
    )
    padded = np.pad(blocks, ((before_y, after_y), (before_x, after_x), (0, 0)), mode="edge")
    left, top = left + before_x, top + before_y
    window = (left, top, left + side, top + side)
    return np.array(Image.fromarray(padded).resize((size, size), Image.Resampling.BICUBIC, box=window))


def square_crop(
    picture: Picture, box: Box, size: int, share: int | float = HANDS_SHARE
) -> tuple[UInt8[np.ndarray, "{size} {size} 3"], Crop]:
    """Cuts out the square around a box (see :func:`cut_square`) whose side the box fills to ``share``.

    The box is first clipped to the picture. Returns the square and its :class:`Crop`, which maps uv back to
    the picture.

    Raises:
        BoxError: the box lies outside the picture.
    """
    crop = Crop.around(box.inside(picture), share)
    return cut_square(picture, crop, size), crop
