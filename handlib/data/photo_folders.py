"""Folders of photographs: which files are pictures to reconstruct.

Four data sets of photographs keep depth, masks or annotations beside their colour pictures. ``LAYOUTS`` says
how to tell them and where their colour pictures are; in any other folder, every picture file counts.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from handlib.data.photo import PictureError

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic")
"""What pictures are called. Those that can't be read are tried too, so that nobody misses them."""
RESULTS = ("hands.glb", "left.glb", "right.glb", "overlay.png", "overlay.webp", "result.json")
"""What ``handlib reconstruct`` and ``video`` write. Where the first one lies, none of them is a picture."""
SUMMARY = "summary.json"


@dataclass(frozen=True)
class Layout:
    """Where a data set has its colour pictures: in folders called so, beside which stands ``beside``."""

    name: str
    pictures: str
    beside: str | None = None


LAYOUTS = (
    # Wang et al., "RGB2Hands", 2020: data/seq01_crossed/{color, annotation, ...}.
    Layout("RGB2Hands", "color", beside="annotation"),
    # Bambach et al., "Lending a Hand", 2015: _LABELLED_SAMPLES/CARDS_COURTYARD_B_T/frame_0011.jpg.
    Layout("EgoHands", "_LABELLED_SAMPLES"),
    # Shan et al., "Understanding Human Hands in Contact at Internet Scale", 2020, as Pascal VOC.
    Layout("100DOH", "JPEGImages", beside="Annotations"),
    # Tzionas et al., "Capturing Hands in Action", 2016: 01/{rgb, Depth, ...}. Only rgb is known for certain.
    Layout("Hands in Action", "rgb"),
)


@dataclass(frozen=True)
class FoundPictures:
    """Pictures by their names, in order, and what was passed over.

    A name is the path from the folder that holds everything that was asked for, with ``/``. ``layouts`` are
    the data sets that were recognised, ``left_out`` counts the files that no picture's suffix has.
    """

    pictures: dict[str, Path]
    layouts: tuple[str, ...]
    left_out: Counter[str]


def layout_of(folders: Sequence[str]) -> Layout | None:
    """The data set whose folders stand side by side here, if one is known."""
    for layout in LAYOUTS:
        if layout.pictures in folders and (layout.beside is None or layout.beside in folders):
            return layout
    return None


def natural(name: str) -> tuple[list[str | int], str]:
    """Returns a key to sort by in which numbers count as numbers: ``frame_2`` comes before ``frame_12``."""
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"(\d+)", name))], name


def walk(folder: Path, layouts: set[str]) -> Iterator[Path]:
    """All files below a folder but hidden ones and this package's results; links to folders aren't followed.

    Of a known data set only the folder of colour pictures is entered, and its name added to ``layouts``.
    """
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "."]
        layout = layout_of(folders)
        if layout:
            layouts.add(layout.name)
            folders[:] = [layout.pictures]
        own = (SUMMARY, *RESULTS) if RESULTS[0] in files else (SUMMARY,)
        yield from (Path(here, name) for name in files if name[0] != "." and name not in own)


def find_pictures(places: Sequence[Path]) -> FoundPictures:
    """The pictures among files and below folders, in :func:`natural` order.

    A file that is named counts whatever its suffix. Results that were written among the pictures are no
    pictures.

    Raises:
        PictureError: there are none at all.
    """
    found: dict[Path, None] = {}
    layouts: set[str] = set()
    left_out: Counter[str] = Counter()
    for place in places:
        if not place.is_dir():
            found[place.absolute()] = None
            continue
        for path in walk(place.absolute(), layouts):
            if path.suffix.lower() in SUFFIXES:
                found[path] = None
            else:
                left_out[path.suffix] += 1
    if not found:
        raise PictureError(f"{', '.join(map(str, places))}: expected pictures, found none")
    tops = [place.absolute() if place.is_dir() else place.absolute().parent for place in places]
    top = os.path.commonpath(tops)
    pictures = {Path(os.path.relpath(path, top)).as_posix(): path for path in found}
    ordered = {name: pictures[name] for name in sorted(pictures, key=natural)}
    return FoundPictures(ordered, tuple(sorted(layouts)), left_out)
