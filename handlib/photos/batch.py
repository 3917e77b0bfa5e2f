"""Reconstructs many pictures: a folder of results for each, a summary of all, no stop at a bad file.

A finished picture's ``result.json`` is written last. It records the picture, box and network that were used.
A later run skips pictures with a matching ``result.json``, so an interrupted run resumes where it stopped.
"""

import errno
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from handlib.data.photo import Box, BoxError, decoding, read_picture
from handlib.hand.skeleton import SIDES
from handlib.photos.boxes import Boxes, same_name
from handlib.photos.reconstruct import Network, reconstruct
from handlib.photos.results import FILES, write_results
from handlib.utils.errors import InputError, in_one_line
from handlib.utils.files import make_folder, write_text

SUMMARY = "summary.json"
FOR_ALL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors of the disk that would affect all pictures of a batch."""
ABOUT = {
    "pictures": "one entry per picture; results: one per box, or one; error: why the picture is left out",
    "folder": "the result's folder, relative to this file's; its result.json has all numbers",
    "hands_seen": "both hands, left hand only, right hand only or no hand, see handlib.photos.presence",
    "confidence": "0 to 1, see handlib.photos.presence",
    "box": "pixels of the picture turned upright; origin: given, found or whole picture",
}


@dataclass(frozen=True)
class Job:
    """One pair of hands to reconstruct: the box (None: anywhere), the folder to write to, all settings."""

    box: Box | None
    folder: Path
    asked: dict

    @property
    def finished(self) -> bool:
        """Returns whether the folder holds the complete result of exactly this job."""
        try:
            answered = json.loads((self.folder / "result.json").read_text())["asked"]
            return answered == self.asked and all((self.folder / file).is_file() for file in FILES)
        except (OSError, ValueError, KeyError, TypeError):  # Missing, or written by another version.
            return False

    def summary(self, top: Path) -> dict:
        """Returns this result's entry in ``SUMMARY``."""
        record = json.loads((self.folder / "result.json").read_text())
        return {
            "folder": self.folder.relative_to(top).as_posix(),
            "hands_seen": record["hands_seen"],
            "confidence": {side: record["hands"][side]["confidence"] for side in SIDES},
            "box": record["box"],
        }


def jobs_of(picture: Path, network: str, folder: Path, boxes: tuple[Box, ...]) -> list[Job]:
    """Returns a picture's jobs. A single result goes into ``folder``, several go into numbered folders in it.

    ``network`` is the network's checksum.

    Raises:
        PictureError: the picture's file can't be read.
    """
    with decoding(picture), picture.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    common = {"picture_sha256": content, "network_sha256": network, "handlib": version("handlib")}
    folders = [folder / str(k) for k in range(1, len(boxes) + 1)] if len(boxes) > 1 else [folder]
    return [
        Job(box, place, common | {"box": box and asdict(box)})
        for box, place in zip(boxes or (None,), folders, strict=True)
    ]


def check_names(boxes: Boxes, names: Iterable[str]) -> None:
    """Raises a :class:`BoxError` if a box's picture isn't among the names."""
    known = {same_name(name): name for name in names}
    unknown = [name for name in boxes if name not in known]
    if unknown:
        said = f"boxes: expected names like {next(iter(known))!r}, got {', '.join(map(repr, unknown[:3]))}"
        raise BoxError(f"{said} and {len(unknown) - 3} more" if len(unknown) > 3 else said)


def check_out(out: Path, names: Iterable[str]) -> None:
    """Raises an :class:`InputError` if pictures are in the places where their results should go."""
    if any((out / name).is_file() for name in names):
        raise InputError(f"out: expected a folder other than the pictures' own, got {out}")


def reconstruct_picture(model: Network, path: Path, jobs: list[Job]) -> None:
    """Writes all missing results of a picture.

    Raises:
        PictureError: the file can't be read as a picture.
        BoxError: a box is outside the picture; nothing has been written then.
        OSError: a folder can't be written.
    """
    if all(job.finished for job in jobs):
        return
    picture = read_picture(path)
    for job in jobs:
        if job.box:
            job.box.inside(picture)
    for job in jobs:
        write_results(reconstruct(picture, job.box, model), job.folder, job.asked)


def reconstruct_all(model: Network, pictures: dict[str, Path], boxes: Boxes, out: Path) -> Iterator[dict]:
    """Reconstructs pictures, each into ``out / name``, and yields each picture's entry in the summary.

    An error of one picture, its boxes or its folder goes into its entry as ``error``.

    Raises:
        OSError: the disk is full or can't be written.
    """
    network = model.checksum()
    for name, path in pictures.items():
        try:
            jobs = jobs_of(path, network, out / name, boxes.get(same_name(name), ()))
            reconstruct_picture(model, path, jobs)
            entry = {"picture": name, "results": [job.summary(out) for job in jobs]}
        except BoxError as error:
            entry = {"picture": name, "error": f"{path}: {error}"}
        except (InputError, OSError) as error:
            if isinstance(error, OSError) and error.errno in FOR_ALL:
                raise
            entry = {"picture": name, "error": in_one_line(error)}
        yield entry


def write_summary(out: Path, model: Network, entries: list[dict]) -> None:
    """Writes ``SUMMARY`` into a folder, made if missing."""
    make_folder(out)
    record = {"about": ABOUT, "model": model.name, "pictures": entries}
    write_text(out / SUMMARY, json.dumps(record, indent=1) + "\n")


def in_words(entries: list[dict]) -> str:
    """Returns a line with the number of pictures read and the counts of hands seen."""
    results = [result for entry in entries for result in entry.get("results", [])]
    counts = Counter(result["hands_seen"] for result in results).most_common()
    seen = ", ".join(f"{count} {what}" for what, count in counts)
    errors = sum("error" in entry for entry in entries)
    read = f"{len(entries) - errors} of {len(entries)} pictures read, {len(results)} results"
    return f"{read}: {seen}" if seen else read
