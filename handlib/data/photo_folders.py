"""Finds the pictures to reconstruct in folders of photographs."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from handlib.data.photo import PictureError

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic")
"""Suffixes of pictures.

They include kinds that can't be read, so that users see an error for each of them.
"""
OVERLAYS = ("overlay.png", "overlay.webp")
"""Pictures that ``handlib reconstruct`` and ``video`` write beside their ``hands.glb``."""


def natural(name: str) -> tuple[list[str | int], str]:
    """Returns a sort key that compares numbers as numbers: ``frame_2`` comes before ``frame_12``."""
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"(\d+)", name))], name


def walk(folder: Path) -> Iterator[Path]:
    """Yields all pictures below a folder, except hidden ones and this package's results.

    Links to folders aren't followed.
    """
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "."]
        own = OVERLAYS if "hands.glb" in files else ()
        for name in files:
            if name[0] != "." and name not in own and Path(name).suffix.lower() in SUFFIXES:
                yield Path(here, name)


def find_pictures(places: Sequence[Path]) -> dict[str, Path]:
    """Returns the given files and all pictures below the given folders, by name, in :func:`natural` order.

    A name is the path relative to the common folder of all ``places``, with ``/``. A file that is given by
    name counts with any suffix. In folders, results of this package aren't pictures.

    Raises:
        PictureError: there are no pictures.
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
