"""An index of InterHand2.6M's annotations: made once from the JSON files, then opened quickly.

The index is a SQLite database. ``pictures`` has a row per usable picture of two interacting hands; the tables
before it hold the content of the JSON files. JSON entries go into the database one by one, so memory stays
small for any split.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from handlib.data.interhand.files import (
    Sources,
    parse_camera,
    parse_fit,
    parse_joints,
    parse_valid,
    stream_items,
    stream_moments,
)
from handlib.hand.skeleton import SIDES
from handlib.utils.errors import InputError
from handlib.utils.files import make_folder, reading

DAMAGED = "a whole index (remove this file to make it anew)"
TABLES = {
    "images": "id INTEGER PRIMARY KEY, file_name, camera, capture, frame, width, height",
    "annotations": "place INTEGER PRIMARY KEY, annotation, image, valid, two_hands, is_certain",
    "cameras": "capture, camera, numbers, PRIMARY KEY (capture, camera)",
    "joints": "capture, frame, numbers, PRIMARY KEY (capture, frame)",
    "fits": "capture, frame, of_left, of_right, PRIMARY KEY (capture, frame)",
    "wanted": "annotation INTEGER PRIMARY KEY",
    "pictures": "number INTEGER PRIMARY KEY, annotation, valid, image",
    "summary": "stamp, left_out, skipped",
}
BELONGINGS = """
    LEFT JOIN images ON images.id = image
    LEFT JOIN cameras USING (capture, camera)
    LEFT JOIN joints USING (capture, frame)
    LEFT JOIN fits USING (capture, frame)"""
LEFT_OUT = {
    "other annotators": "$listed AND annotation NOT IN wanted",
    "one hand": "NOT two_hands",
    "hand type not valid": "NOT is_certain",
}
"""Reasons why an annotation isn't in the subset; the first condition that holds counts."""
SKIPPED = {
    "annotation without id": "annotation IS NULL",
    "annotation without image_id": "image IS NULL",
    "annotation without joint_valid": "valid IS NULL",
    "annotation of no image": "images.id IS NULL",
    **{
        f"image without {name}": f"{name} IS NULL"
        for name in ("file_name", "camera", "capture", "frame", "width", "height")
    },
    "no camera": "cameras.numbers IS NULL",
    "no joints": "joints.numbers IS NULL",
    "no fit": "of_left IS NULL AND of_right IS NULL",
    **{f"no fit of the {side} hand": f"of_{side} IS NULL" for side in SIDES},
}
"""Reasons why an annotation of the subset can't be used; the first condition that holds counts."""
JUDGED = f"""
    SELECT annotation, valid, image,
    CASE {" ".join(f"WHEN {condition} THEN '{why}'" for why, condition in (LEFT_OUT | SKIPPED).items())} END
    FROM annotations {BELONGINGS} ORDER BY place"""
PICTURE = f"""
    SELECT annotation, valid, file_name, width, height, cameras.numbers, joints.numbers, of_left, of_right
    FROM pictures {BELONGINGS}"""

Row = tuple[int | str | bytes | None, ...]


def _integer(value: Any) -> int | None:
    """Returns the value as an integer that a column can hold, or None if it is no such number."""
    try:
        return number if abs(number := int(value)) < 2**63 else None
    except (TypeError, ValueError, OverflowError):
        return None


def _packed(numbers: Float[np.ndarray, "n"] | None) -> bytes | None:
    return None if numbers is None else numbers.tobytes()


def _unpacked(content: bytes, *shape: int) -> np.ndarray:
    return np.frombuffer(content, dtype=np.float64).reshape(shape).copy()


def _image_rows(entries: Iterable[dict[str, Any]]) -> Iterator[Row]:
    for entry in entries:
        if (number := _integer(entry.get("id"))) is not None:
            texts = (entry.get(name) for name in ("file_name", "camera"))
            file_name, camera = (None if text is None else str(text) for text in texts)
            numbers = (_integer(entry.get(name)) for name in ("capture", "frame_idx", "width", "height"))
            yield (number, file_name, camera, *numbers)


def _annotation_rows(entries: Iterable[dict[str, Any]]) -> Iterator[Row]:
    for entry in entries:
        numbers = (_integer(entry.get(name)) for name in ("id", "image_id"))
        two_hands = entry.get("hand_type") == "interacting"
        yield (None, *numbers, parse_valid(entry), two_hands, bool(entry.get("hand_type_valid")))


def _camera_rows(path: Path) -> Iterator[Row]:
    with reading(path, "the cameras of captures in JSON"):
        cameras = json.loads(path.read_text())
        rows = [
            (_integer(capture), name, _packed(parse_camera(cameras, capture, name)))
            for capture in cameras
            for name in cameras[capture]["campos"]
        ]
    yield from rows


def _joint_rows(moments: Iterable[tuple[str, str, Any]]) -> Iterator[Row]:
    for capture, frame, entry in moments:
        yield _integer(capture), _integer(frame), _packed(parse_joints(entry))


def _fit_rows(moments: Iterable[tuple[str, str, Any]]) -> Iterator[Row]:
    for capture, frame, entry in moments:
        yield (_integer(capture), _integer(frame), *(_packed(parse_fit(entry, side)) for side in SIDES))


def _wanted_rows(path: Path | None) -> Iterator[Row]:
    if path is None:
        return
    with reading(path, "a number in every line"), open(path) as lines:
        yield from ((int(line),) for line in lines if line.strip())


def _picture_rows(database: sqlite3.Connection, listed: bool, counts: Counter[str]) -> Iterator[Row]:
    """Yields the rows of usable pictures, and counts the others in ``counts`` by reason."""
    for *row, reason in database.execute(JUDGED, {"listed": listed}):
        if reason is None:
            yield (None, *row)
        else:
            counts[reason] += 1


def build_index(sources: Sources, path: Path) -> None:
    """Makes the index of a split; its file appears when it is complete.

    Until then the index is in a file beside it. Finished tables in that file survive an interruption.
    """
    unfinished = path.with_name(f"{path.name}.part")
    with _writing(path, OSError):
        make_folder(path.parent)
    with _writing(path, sqlite3.Error), closing(sqlite3.connect(unfinished)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS finished (name, stamp)")
        _write_tables(sources, database)
    unfinished.replace(path)


@contextmanager
def _writing(path: Path, kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kind as error:
        told = f"{path}: the index can't be written ({error}); name another folder for it (index, --index)"
        raise InputError(told) from error


def _fill(database: sqlite3.Connection, name: str, rows: Iterable[Row]) -> None:
    database.execute(f"DROP TABLE IF EXISTS {name}")
    database.execute(f"CREATE TABLE {name} ({TABLES[name]})")
    places = ", ".join("?" * len(database.execute(f"SELECT * FROM {name}").description))
    database.executemany(f"INSERT OR IGNORE INTO {name} VALUES ({places})", rows)


def _write_tables(sources: Sources, database: sqlite3.Connection) -> None:
    stamp = sources.stamp()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, force_jupyter=False)) as progress:

        def items(name: str) -> Iterator[dict[str, Any]]:
            with progress.open(sources.data, "rb", description=sources.data.name) as file:
                for item in stream_items(file, name, sources.data.name):
                    if not isinstance(item, dict):
                        raise InputError(f"{sources.data.name}: {name}: expected objects, got {item!r:.80}")
                    yield item

        def moments(path: Path) -> Iterator[tuple[str, str, Any]]:
            with progress.open(path, "rb", description=path.name) as file:
                yield from stream_moments(file, path.name)

        counts: Counter[str] = Counter()
        read = {
            "images": _image_rows(items("images")),
            "annotations": _annotation_rows(items("annotations")),
            "cameras": _camera_rows(sources.camera),
            "joints": _joint_rows(moments(sources.joint_3d)),
            "fits": _fit_rows(moments(sources.MANO_NeuralAnnot)),
            "wanted": _wanted_rows(sources.ids),
        }
        is_finished = "SELECT 1 FROM finished WHERE name = ? AND stamp = ?"
        for name, rows in read.items():
            if not database.execute(is_finished, (name, stamp)).fetchone():
                with database:
                    database.execute("BEGIN")
                    _fill(database, name, rows)
                    database.execute("INSERT INTO finished VALUES (?, ?)", (name, stamp))
        with database:
            database.execute("BEGIN")
            _fill(database, "pictures", _picture_rows(database, sources.ids is not None, counts))
            by_reason = ({why: counts[why] for why in of if counts[why]} for of in (LEFT_OUT, SKIPPED))
            _fill(database, "summary", [(stamp, *map(json.dumps, by_reason))])


@dataclass(frozen=True)
class Record:
    """All annotations of one picture; lengths as in the files (joints and camera in mm, fits in m)."""

    annotation: int
    file_name: str
    size: tuple[int, int]
    camera: np.ndarray
    joints: np.ndarray
    valid: np.ndarray
    fits: dict[str, np.ndarray]


class Index:
    """A finished index. A picture's annotations are read when they are used."""

    def __init__(self, path: Path):
        self._path = path
        with reading(path, DAMAGED):
            # A finished index never changes, so no lock and no permission to write beside it are needed.
            address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
            self._database = sqlite3.connect(address, uri=True, check_same_thread=False)
            self.stamp, *counts = self._database.execute("SELECT * FROM summary").fetchone()
            self.left_out: dict[str, int]
            self.skipped: dict[str, int]
            self.left_out, self.skipped = map(json.loads, counts)
            (self._length,) = self._database.execute("SELECT count(*) FROM pictures").fetchone()

    def __len__(self) -> int:
        """Returns the number of usable pictures."""
        return self._length

    def __getitem__(self, number: int) -> Record:
        """Returns all annotations of a picture."""
        if not 0 <= number < len(self):
            raise IndexError(f"picture: expected 0 to {len(self) - 1}, got {number}")
        with reading(self._path, DAMAGED):
            found = self._database.execute(f"{PICTURE} WHERE number = ?", (1 + number,)).fetchone()
            annotation, valid, file_name, width, height, camera, joints, *fits = found
            return Record(
                annotation=annotation,
                file_name=file_name,
                size=(width, height),
                camera=_unpacked(camera, 16),
                joints=_unpacked(joints, 42, 3),
                valid=np.array([bool(valid >> k & 1) for k in range(42)]),
                fits={side: _unpacked(fit, 61) for side, fit in zip(SIDES, fits, strict=True)},
            )


def open_index(sources: Sources, path: Path, strict: bool = False) -> Index:
    """Opens the index in the file ``path``. Makes it if it is missing or the JSON files have changed since.

    Raises:
        InputError: a JSON file is damaged; the index can't be written; or, with ``strict``, a picture of two
            hands can't be used.
    """
    index = Index(path) if path.exists() else None
    if index is None or index.stamp != sources.stamp():
        build_index(sources, path)
        index = Index(path)
    if strict and index.skipped:
        counts = ", ".join(f"{count} x {reason}" for reason, count in index.skipped.items())
        raise InputError(f"{sources.data}: pictures of two hands that can't be used: {counts}")
    return index
