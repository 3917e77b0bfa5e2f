"""Checks InterHand2.6M and IntagHand's version of it: names and ends of the files, and one entry of each."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from handlib.data.interhand.files import KINDS, find_sources, stream_items
from handlib.data.interhand.intaghand import camera_from, fit_from
from handlib.data.photo import read_picture
from handlib.doctor.findings import Finding, judged
from handlib.hand.array_pickle import read_restricted_pickle
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.utils.errors import InputError

SPLITS = ("train", "val", "test")
GET_INTERHAND = (
    "https://mks0601.github.io/InterHand2.6M, v1.0, 5 fps (what the paper uses): all annotations and as many "
    "pictures as wanted, unpacked to annotations/SPLIT and images/SPLIT"
)
GET_INTAGHAND = (
    "https://github.com/Dw1010/IntagHand: its dataset/interhand.py makes the folder from InterHand2.6M"
)


def _ends_as_json(path: Path) -> bool:
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 64))
        return file.read().rstrip().endswith(b"}")


def _interhand_split(root: Path, split: str) -> str:
    sources = find_sources(root, split, "both")
    for kind in KINDS:
        if not _ends_as_json(path := getattr(sources, kind)):
            raise InputError(f"{path.name}: cut short; download it again")
    pictures = root / "images" / split
    if not any(pictures.rglob("*.jpg")):
        raise InputError(f"annotations are there, but no pictures in {pictures.relative_to(root)}")
    with open(sources.data, "rb") as file:
        first = next(stream_items(file, "images", sources.data.name), None)
    if not isinstance(first, dict) or "file_name" not in first:
        raise InputError(f"{sources.data.name}: expected pictures with file_name")
    told = f"{len(KINDS)} annotation files, and pictures"
    if (pictures / first["file_name"]).exists():
        return told
    return f"{told}; not all that are annotated: {first['file_name']} isn't there"


def _by_split(name: str, there: dict[str, bool], look: Callable[[str], str], to_do: str) -> list[Finding]:
    """Returns a finding per split: ``missing`` for an absent one. If all are absent, the folder is wrong."""
    if not any(there.values()):
        return [Finding(name, "wrong", "not this data set's folder: no split is there", to_do)]
    return [
        judged(f"{name} {split}", partial(look, split), to_do)
        if found
        else Finding(f"{name} {split}", "missing", "not there", to_do)
        for split, found in there.items()
    ]


def interhand_findings(root: Path) -> list[Finding]:
    """Checks every split's annotation files and pictures."""
    there = {
        split: any((root / "annotations").glob(f"*/InterHand2.6M_{split}_*.json"))
        or (root / "images" / split).is_dir()
        for split in SPLITS
    }
    return _by_split("InterHand2.6M", there, lambda split: _interhand_split(root, split), GET_INTERHAND)


def _intaghand_split(folder: Path) -> str:
    numbers = {
        kind: {int(path.stem) for path in (folder / kind).glob(f"*{suffix}") if path.stem.isdigit()}
        for kind, suffix in (("anno", ".pkl"), ("img", ".jpg"))
    }
    lonely = numbers["anno"] ^ numbers["img"]
    if lonely or not numbers["anno"]:
        raise InputError(
            f"{len(numbers['anno'])} annotations in anno, {len(numbers['img'])} pictures in img, "
            f"{len(lonely)} of them without the other"
        )
    first = min(numbers["anno"])
    content = read_restricted_pickle(folder / "anno" / f"{first}.pkl")
    camera_from(content)
    for side in SIDES:
        fit_from(content, Hand.open(side))
    height, width = read_picture(folder / "img" / f"{first}.jpg").shape[:2]
    return f"{len(numbers['anno'])} pictures with annotations, the first of {width} x {height} pixels"


def intaghand_findings(root: Path) -> list[Finding]:
    """Checks every split's annotations and pictures."""
    there = {split: (root / split).is_dir() for split in SPLITS}
    return _by_split("IntagHand", there, lambda split: _intaghand_split(root / split), GET_INTAGHAND)
