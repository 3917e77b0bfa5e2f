"""Many pictures in one go: a folder of results for each, a summary of all, and no stop at a bad file.

What a finished picture left behind (``result.json``, written last) is all that a later run needs to know, so
that a run that was cut short goes on where it stopped.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from handlib.data.photo import Box, BoxError, PictureError, read_picture
from handlib.hand.skeleton import SIDES
from handlib.model.network import DIR
from handlib.photos.boxes import Boxes
from handlib.photos.reconstruct import reconstruct
from handlib.utils.files import write_text
from handlib.utils.resources import networks_folder

SUMMARY, WEIGHTS = "summary.json", "model.safetensors"
ABOUT = {
    "pictures": "one entry per picture; results: one per box, or one; error: why the picture is left out",
    "folder": "where this result lies, from this file's folder; its result.json has all numbers",
    "hands_seen": "both hands, left hand only, right hand only or no hand, see handlib.photos.presence",
    "confidence": "of the network's segmentation, 0 to 1",
    "box": "pixels of the picture turned upright; origin: given, found or whole picture",
}


@dataclass(frozen=True)
class Job:
    """One pair of hands to reconstruct: where to look (None: anywhere) and where to write."""

    box: Box | None
    folder: Path

    def finished(self, picture: Path, model_name: str) -> bool:
        """Whether the folder holds the answer to this very question, from picture and weights as they are."""
        path = self.folder / "result.json"
        try:
            sources = [picture, *weights_of(model_name)]
            if path.stat().st_mtime < max(source.stat().st_mtime for source in sources):
                return False
            record = json.loads(path.read_text())
            found = dict(record["box"])
            given = found.pop("origin") == "given"
            asked = self.box and asdict(self.box.within(**record["picture"]))
            return record["model"] == model_name and asked == (found if given else None)
        except (OSError, ValueError, KeyError, TypeError):  # Not there, or not written by this version.
            return False

    def summary(self, top: Path) -> dict:
        """What ``SUMMARY`` says of this result."""
        record = json.loads((self.folder / "result.json").read_text())
        return {
            "folder": self.folder.relative_to(top).as_posix(),
            "hands_seen": record["hands_seen"],
            "confidence": {side: record["hands"][side]["confidence"] for side in SIDES},
            "box": record["box"],
        }


def weights_of(model_name: str) -> list[Path]:
    """The file of a network that lies in a folder; nothing for one from the hub."""
    folders = (networks_folder() / model_name, Path(model_name))
    return [folder / WEIGHTS for folder in folders if (folder / WEIGHTS).is_file()]


def jobs_of(folder: Path, boxes: tuple[Box, ...]) -> list[Job]:
    """The picture's own folder for one result, numbered folders in it for one per box."""
    if len(boxes) < 2:
        return [Job(boxes[0] if boxes else None, folder)]
    return [Job(box, folder / str(number)) for number, box in enumerate(boxes, start=1)]


def check_names(boxes: Boxes, names: Iterable[str]) -> None:
    """Boxes of pictures that aren't there are a :class:`BoxError`."""
    known = dict.fromkeys(names)
    unknown = [name for name in boxes if name not in known]
    if unknown:
        said = f"boxes: expected names like {next(iter(known))!r}, got {', '.join(map(repr, unknown[:3]))}"
        raise BoxError(f"{said} and {len(unknown) - 3} more" if len(unknown) > 3 else said)


def reconstruct_picture(model: DIR, path: Path, jobs: list[Job]) -> None:
    """Writes every result of a picture that isn't there yet; one picture is in memory at a time.

    Raises:
        PictureError: the file is no picture that can be read.
        BoxError: a box lies outside the picture; nothing has been written then.
        OSError: a folder can't be written.
    """
    if all(job.finished(path, model.name) for job in jobs):
        return
    picture = read_picture(path)
    for job in jobs:
        if job.box:
            job.box.inside(picture)
    for job in jobs:
        reconstruct(picture, job.box, model).save(job.folder)


def reconstruct_all(model: DIR, pictures: dict[str, Path], boxes: Boxes, out: Path) -> Iterator[dict]:
    """Reconstructs pictures by name, each into ``out / name``; yields its entry of the summary.

    A picture that can't be read, or whose boxes lie outside of it, has an ``error`` in its entry.

    Raises:
        OSError: a folder can't be written.
    """
    for name, path in pictures.items():
        jobs = jobs_of(out / name, boxes.get(name, ()))
        try:
            reconstruct_picture(model, path, jobs)
        except PictureError as error:
            yield {"picture": name, "error": " ".join(str(error).split())}
        except BoxError as error:
            yield {"picture": name, "error": f"{path}: {error}"}
        else:
            yield {"picture": name, "results": [job.summary(out) for job in jobs]}


def write_summary(out: Path, model: DIR, entries: list[dict]) -> None:
    """Writes ``SUMMARY`` into a folder, made if missing."""
    out.mkdir(parents=True, exist_ok=True)
    record = {"about": ABOUT, "model": model.name, "pictures": entries}
    write_text(out / SUMMARY, json.dumps(record, indent=1) + "\n")


def in_words(entries: list[dict]) -> str:
    """How many pictures were read and what was seen on them, in one line."""
    results = [result for entry in entries for result in entry.get("results", [])]
    counts = Counter(result["hands_seen"] for result in results).most_common()
    seen = ", ".join(f"{count} {what}" for what, count in counts)
    errors = sum("error" in entry for entry in entries)
    read = f"{len(entries) - errors} of {len(entries)} pictures read, {len(results)} results"
    return f"{read}: {seen}" if seen else read
