"""An index of InterHand2.6M's annotations: made once from the JSON files, then opened in no time.

A SQLite database. ``images``, ``cameras``, ``joints`` and ``fits`` hold what the JSON files hold; ``pictures``
has a row per usable picture of two interacting hands. JSON entries go into the database one after another,
so that memory stays small, whatever the split.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
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
    "cameras": "capture, camera, numbers, PRIMARY KEY (capture, camera)",
    "joints": "capture, frame, numbers, PRIMARY KEY (capture, frame)",
    "fits": "capture, frame, of_left, of_right, PRIMARY KEY (capture, frame)",
    "wanted": "annotation INTEGER PRIMARY KEY",
    "pictures": "number INTEGER PRIMARY KEY, annotation, valid, image",
    "summary": "stamp, left_out, skipped",
}
IMAGE = ("file_name", "camera", "capture", "frame", "width", "height")
BELONGS_TO_IMAGE = f"""
    SELECT {", ".join(IMAGE)}, cameras.numbers, joints.numbers, of_left, of_right FROM images
    LEFT JOIN cameras USING (capture, camera)
    LEFT JOIN joints USING (capture, frame)
    LEFT JOIN fits USING (capture, frame)
    WHERE images.id = ?"""
LACKS = (*(f"image without {name}" for name in IMAGE), "no camera", "no joints")
LACKS += tuple(f"no fit of the {side} hand" for side in SIDES)
"""What it means that a column of ``BELONGS_TO_IMAGE`` is empty."""

Row = tuple[int | str | bytes | None, ...]


def _integer(value: Any) -> int | None:
    """The value as a number that a column can hold; None for what isn't one."""
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


def _camera_rows(path: Path) -> Iterator[Row]:
    with reading(path, "the cameras of captures in JSON"):
        cameras = json.loads(path.read_text())
        rows = [
            (_integer(capture), name, _packed(parse_camera(cameras, capture, name)))
            for capture in cameras
            for name in cameras[capture]["campos"]
        ]
    yield from rows


def _joint_rows(moments: Iterable[tuple[int, int, Any]]) -> Iterator[Row]:
    for capture, frame, entry in moments:
        yield capture, frame, _packed(parse_joints(entry))


def _fit_rows(moments: Iterable[tuple[int, int, Any]]) -> Iterator[Row]:
    for capture, frame, entry in moments:
        yield (capture, frame, *(_packed(parse_fit(entry, side)) for side in SIDES))


def _wanted_rows(path: Path | None) -> Iterator[Row]:
    if path is None:
        return
    with reading(path, "a number in every line"), open(path) as lines:
        yield from ((int(line),) for line in lines if line.strip())


def _usable(database: sqlite3.Connection, annotation: dict[str, Any]) -> Row | str:
    """Annotation, valid joints and image of a row of ``pictures``, or the reason why there is none."""
    number, image = (_integer(annotation.get(name)) for name in ("id", "image_id"))
    if number is None or image is None:
        return f"annotation without {'id' if number is None else 'image_id'}"
    valid = parse_valid(annotation)
    if valid is None:
        return "annotation without joint_valid"
    found = database.execute(BELONGS_TO_IMAGE, (image,)).fetchone()
    if found is None:
        return "annotation of no image"
    lacks = [lack for lack, value in zip(LACKS, found, strict=True) if value is None]
    if lacks:
        return "no fit" if lacks == list(LACKS[-2:]) else lacks[0]
    return number, valid, image


def _picture_rows(
    annotations: Iterable[dict[str, Any]],
    database: sqlite3.Connection,
    some_wanted: bool,
    counts: tuple[Counter[str], Counter[str]],
    strict: bool,
) -> Iterator[Row]:
    """Rows of usable pictures; ``counts`` of what isn't wanted (left out) and can't be used (skipped) grow."""
    left_out, skipped = counts
    wanted = "SELECT 1 FROM wanted WHERE annotation = ?"
    row = 0
    for place, annotation in enumerate(annotations):
        if some_wanted and not database.execute(wanted, (_integer(annotation.get("id")),)).fetchone():
            left_out["other annotators"] += 1
        elif annotation.get("hand_type") != "interacting":
            left_out["one hand"] += 1
        elif not annotation.get("hand_type_valid"):
            left_out["hand type not valid"] += 1
        elif isinstance(found := _usable(database, annotation), str):
            skipped[found] += 1
            if strict:
                raise InputError(f"annotation {annotation.get('id', f'number {place}')}: {found}")
        else:
            yield (row, *found)
            row += 1


def build_index(sources: Sources, path: Path, strict: bool = False) -> None:
    """Makes the index of a split, which appears when it is whole. Until then it lies in a file beside it, whose
    finished tables outlast an interruption.

    ``strict`` stops at the first picture of two hands that can't be used, with an :class:`InputError`.
    """
    unfinished = path.with_name(f"{path.name}.part")
    with _writing(path, OSError):
        make_folder(path.parent)
    with _writing(path, sqlite3.Error), closing(sqlite3.connect(unfinished)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS finished (name, stamp)")
        _write_tables(sources, database, strict)
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


def _write_tables(sources: Sources, database: sqlite3.Connection, strict: bool) -> None:
    stamp = sources.stamp()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(*columns, console=Console(stderr=True, force_jupyter=False)))

        def items(name: str) -> Iterator[dict[str, Any]]:
            file = stack.enter_context(progress.open(sources.data, "rb", description=sources.data.name))
            for item in stream_items(file, name, sources.data.name):
                if not isinstance(item, dict):
                    raise InputError(f"{sources.data.name}: {name}: expected objects, got {item!r:.80}")
                yield item

        def moments(path: Path) -> Iterator[tuple[int, int, Any]]:
            file = stack.enter_context(progress.open(path, "rb", description=path.name))
            yield from stream_moments(file, path.name)

        read = {
            "images": _image_rows(items("images")),
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
        counts: tuple[Counter[str], Counter[str]] = Counter(), Counter()
        with database:
            database.execute("BEGIN")
            wanted = sources.ids is not None
            _fill(database, "pictures", _picture_rows(items("annotations"), database, wanted, counts, strict))
            _fill(database, "summary", [(stamp, *map(json.dumps, counts))])


@dataclass(frozen=True)
class Record:
    """All that the annotations say of one picture; lengths as in the files (joints mm, fits m)."""

    annotation: int
    file_name: str
    size: tuple[int, int]
    camera: np.ndarray
    joints: np.ndarray
    valid: np.ndarray
    fits: dict[str, np.ndarray]


class Index:
    """A finished index. What belongs to a picture is read when it is asked for."""

    def __init__(self, path: Path):
        self._path = path
        with reading(path, DAMAGED):
            # Nobody changes a finished index: no lock is needed, nor leave to write beside it.
            address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
            self._database = sqlite3.connect(address, uri=True, check_same_thread=False)
            self.stamp, *counts = self._database.execute("SELECT * FROM summary").fetchone()
            self.left_out: dict[str, int]
            self.skipped: dict[str, int]
            self.left_out, self.skipped = map(json.loads, counts)
            (self._length,) = self._database.execute("SELECT count(*) FROM pictures").fetchone()

    def __len__(self) -> int:
        """How many usable pictures there are."""
        return self._length

    def __getitem__(self, number: int) -> Record:
        """All that is known of a picture."""
        if not 0 <= number < len(self):
            raise IndexError(f"picture: expected 0 to {len(self) - 1}, got {number}")
        with reading(self._path, DAMAGED):
            picture = "SELECT annotation, valid, image FROM pictures WHERE number = ?"
            annotation, valid, image = self._database.execute(picture, (number,)).fetchone()
            found = self._database.execute(BELONGS_TO_IMAGE, (image,)).fetchone()
            file_name, _, _, _, width, height, camera, joints, *fits = found
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
    """Opens the index in the file ``path``; makes it if it isn't there or the JSON files have changed since.

    Raises:
        InputError: a JSON file is damaged; the index can't be written; or, if ``strict``, a picture of two
            hands can't be used.
    """
    index = Index(path) if path.exists() else None
    if index is None or index.stamp != sources.stamp():
        build_index(sources, path, strict)
        index = Index(path)
    if strict and index.skipped:
        counts = ", ".join(f"{count} x {reason}" for reason, count in index.skipped.items())
        raise InputError(f"{sources.data}: pictures of two hands that can't be used: {counts}")
    return index
