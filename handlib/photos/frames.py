"""Sequences of pictures: a folder of frames or an animated file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from handlib.data.photo import Picture, PictureError, decoding, read_picture, refuse_huge, to_rgb
from handlib.data.photo_folders import find_pictures

ANIMATIONS = ("GIF", "WEBP", "PNG")
FOLDER_RATE = 10.0
"""Frames per second of a folder of pictures."""
MAX_FRAMES = 1000


@dataclass(frozen=True)
class Frames:
    """A sequence: its frames' names and the frames per second. Iterating reads one frame at a time."""

    path: Path
    names: tuple[str, ...]
    rate: float

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Picture]:
        """Yields the frames as upright 8-bit RGB; raises a :class:`PictureError` if one can't be read."""
        if self.path.is_dir():
            return (read_picture(self.path / name) for name in self.names)
        return _decoded(self.path, len(self.names))


def find_frames(path: Path) -> Frames:
    """Finds the pictures below a folder, in natural order, or the frames of an animated GIF, WebP or PNG.

    Raises:
        PictureError: there are no pictures, a single one, or more than ``MAX_FRAMES``.
    """
    frames = Frames(path, tuple(find_pictures([path])), FOLDER_RATE) if path.is_dir() else _animation(path)
    if len(frames) > MAX_FRAMES:
        raise PictureError(
            f"{path}: expected at most {MAX_FRAMES} frames, got {len(frames)}; take fewer a second"
        )
    return frames


def _animation(path: Path) -> Frames:
    with (
        decoding(path, "a folder of pictures or an animated GIF, WebP or PNG"),
        Image.open(path, formats=ANIMATIONS) as image,
    ):
        refuse_huge(path, *image.size)
        count, durations = getattr(image, "n_frames", 1), []
        for number in range(min(count, MAX_FRAMES)):
            image.seek(number)
            image.load()
            durations.append(image.info.get("duration", 0))
    if count < 2:
        raise PictureError(f"{path}: expected a folder of pictures or an animation, got a single picture")
    mean = sum(durations) / len(durations)
    names = tuple(f"{path.name} {number}" for number in range(count))
    return Frames(path, names, 1000 / mean if mean > 0 else FOLDER_RATE)


def _decoded(path: Path, count: int) -> Iterator[Picture]:
    with Image.open(path, formats=ANIMATIONS) as image:
        for number in range(count):
            with decoding(path):
                image.seek(number)
                picture = to_rgb(image)
            yield picture
