"""Folders of photographs: which files are pictures to reconstruct."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from handlib.data.photo import PictureError

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic")
"""What pictures are called. Those that can't be read are tried too, so that nobody misses them."""
OVERLAYS = ("overlay.png", "overlay.webp")
"""Pictures that ``handlib reconstruct`` and ``video`` write beside their ``hands.glb``."""


def natural(name: str) -> tuple[list[str | int], str]:
    """Returns a key to sort by in which numbers count as numbers: ``frame_2`` comes before ``frame_12``."""
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"(\d+)", name))], name


def walk(folder: Path) -> Iterator[Path]:
    """All pictures below a folder but hidden ones and this package's results; links to folders aren't
    followed.
    """
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "."]
        own = OVERLAYS if "hands.glb" in files else ()
        for name in files:
            if name[0] != "." and name not in own and Path(name).suffix.lower() in SUFFIXES:
                yield Path(here, name)


def find_pictures(places: Sequence[Path]) -> dict[str, Path]:
    """The pictures among files and below folders by their names, in :func:`natural` order.

    A name is the path from the folder that holds everything that was asked for, with ``/``. A file that is
    named counts whatever its suffix. Results that were written among the pictures are no pictures.

    Raises:
        PictureError: there are none at all.
    """
    found: list[Path] = []
    for place in map(Path.absolute, places):
        found += walk(place) if place.is_dir() else [place]
    if not found:
        raise PictureError(f"{', '.join(map(str, places))}: expected pictures, found none")
    tops = [place.absolute() if place.is_dir() else place.absolute().parent for place in places]
    top = os.path.commonpath(tops)
    pictures = {Path(os.path.relpath(path, top)).as_posix(): path for path in found}
    return {name: pictures[name] for name in sorted(pictures, key=natural)}
