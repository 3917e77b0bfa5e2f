"""Folders of photographs: which files are pictures to reconstruct.

Four data sets of photographs keep depth, masks or annotations beside their colour pictures. ``LAYOUTS`` says
how to tell them and where their colour pictures are; in any other folder, every picture file counts.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from handlib.data.photo import PictureError

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic")
"""What pictures are called. Those that can't be read are tried too, so that nobody misses them."""


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


def walk(folder: Path, skip: Path | None, layouts: set[str]) -> Iterator[Path]:
    """All files below a folder, hidden ones left out, folder by folder; links to folders aren't followed.

    Of a known data set only the folder of colour pictures is entered, and its name added to ``layouts``.
    """
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name[0] != "." and (Path(here, name).resolve() != skip)
        )
        layout = layout_of(folders)
        if layout:
            layouts.add(layout.name)
            folders[:] = [layout.pictures]
        yield from (Path(here, name) for name in sorted(files) if name[0] != ".")


def find_pictures(places: Sequence[Path], skip: Path | None = None) -> FoundPictures:
    """The pictures among files and below folders. A file that is named counts whatever its suffix.

    ``skip`` is a folder to pass over, the one that results go to.

    Raises:
        PictureError: there are none at all.
    """
    skip = skip.resolve() if skip else None
    found: dict[Path, None] = {}
    layouts: set[str] = set()
    left_out: Counter[str] = Counter()
    for place in places:
        if not place.is_dir():
            found[place.absolute()] = None
            continue
        for path in walk(place.absolute(), skip, layouts):
            if path.suffix.lower() in SUFFIXES:
                found[path] = None
            else:
                left_out[path.suffix] += 1
    if not found:
        raise PictureError(f"{', '.join(map(str, places))}: expected pictures, found none")
    tops = [place.absolute() if place.is_dir() else place.absolute().parent for place in places]
    top = os.path.commonpath(tops)
    pictures = {Path(os.path.relpath(path, top)).as_posix(): path for path in found}
    return FoundPictures(dict(sorted(pictures.items())), tuple(sorted(layouts)), left_out)
