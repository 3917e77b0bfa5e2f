"""An index of InterHand2.6M's annotations: made once from the JSON files, then opened in no time.

Five Parquet tables: ``images``, ``cameras``, ``joints`` and ``fits`` hold what the JSON files hold,
``pictures`` has one row per usable picture of two interacting hands and points into the others. Making and
reading them takes little memory, whatever the split: rows are written and read in groups.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from handlib.data.interhand.files import (
    Sources,
    parse_camera,
    parse_fit,
    parse_joints,
    stream_items,
    stream_moments,
)
from handlib.data.interhand.join import Join, picture_rows, read_ids
from handlib.data.interhand.parquet_rows import Rows, write_rows
from handlib.hand.skeleton import SIDES
from handlib.utils.errors import InputError
from handlib.utils.files import reading, write_text

FORMAT = 1
SUMMARY = "index.json"
DAMAGED = "a whole index (remove this folder to make it anew)"
SCHEMAS = {
    "images": pa.schema(
        {"id": pa.int64(), "file_name": pa.string(), "capture": pa.int32(), "camera": pa.string()}
        | {"frame": pa.int32(), "width": pa.int32(), "height": pa.int32()}
    ),
    "cameras": pa.schema({"capture": pa.int32(), "camera": pa.string(), "values": pa.list_(pa.float64())}),
    "joints": pa.schema({"capture": pa.int32(), "frame": pa.int32(), "values": pa.list_(pa.float64())}),
    "fits": pa.schema(
        {"capture": pa.int32(), "frame": pa.int32()} | {side: pa.list_(pa.float64()) for side in SIDES}
    ),
    "pictures": pa.schema(
        {"annotation": pa.int64(), "valid": pa.int64()}
        | {name: pa.int32() for name in ("image", "camera", "joints", "fit")}
    ),
}


def _as(kind: pa.DataType, value: Any) -> int | str | None:
    """The value as a number or a text that a column can hold; None for what isn't one."""
    if value is None or kind == pa.string():
        return value if value is None else str(value)
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < 2 ** (kind.bit_width - 1) else None


def _image_rows(entries: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        if not isinstance(entry, dict):
            raise InputError(f"images: expected an object each, got {entry!r}")
        yield {
            field.name: _as(field.type, entry.get("frame_idx" if field.name == "frame" else field.name))
            for field in SCHEMAS["images"]
        }


def _camera_rows(path: Path) -> Iterator[dict[str, Any]]:
    with reading(path, "the cameras of captures in JSON"):
        cameras = json.loads(path.read_text())
        rows = [
            {"capture": int(capture), "camera": name, "values": parse_camera(cameras, capture, name)}
            for capture in cameras
            for name in cameras[capture]["campos"]
        ]
    yield from rows


def _joint_rows(moments: Iterable[tuple[int, int, Any]]) -> Iterator[dict[str, Any]]:
    for capture, frame, entry in moments:
        yield {"capture": capture, "frame": frame, "values": parse_joints(entry)}


def _fit_rows(moments: Iterable[tuple[int, int, Any]]) -> Iterator[dict[str, Any]]:
    for capture, frame, entry in moments:
        fits = {side: parse_fit(entry, side) for side in SIDES}
        yield {"capture": capture, "frame": frame} | fits


def build_index(sources: Sources, folder: Path, strict: bool = False) -> None:
    """Makes the index of a split in ``folder``; tables that an earlier, interrupted run has finished stay.

    ``strict`` stops at the first picture of two hands that can't be used, with an :class:`InputError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp = f"{FORMAT} {sources.stamp()}"
    left_out: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(*columns, console=Console(stderr=True, force_jupyter=False)))

        def opened(path: Path) -> Any:
            return stack.enter_context(progress.open(path, "rb", description=path.name))

        def write(name: str, rows: Callable[[], Iterator[dict[str, Any]]]) -> None:
            write_rows(folder / f"{name}.parquet", SCHEMAS[name], stamp, rows)

        data, joints, fits = sources.data, sources.joint_3d, sources.MANO_NeuralAnnot
        write("images", lambda: _image_rows(stream_items(opened(data), "images", data.name)))
        write("cameras", lambda: _camera_rows(sources.camera))
        write("joints", lambda: _joint_rows(stream_moments(opened(joints), joints.name)))
        write("fits", lambda: _fit_rows(stream_moments(opened(fits), fits.name)))
        wanted = read_ids(sources.ids) if sources.ids else None
        annotations = stream_items(opened(data), "annotations", data.name)
        (folder / "pictures.parquet").unlink(missing_ok=True)
        write(
            "pictures",
            partial(picture_rows, annotations, Join(folder), wanted, left_out, skipped, strict),
        )
    summary = {"stamp": stamp, "left_out": dict(left_out), "skipped": dict(skipped)}
    write_text(folder / SUMMARY, json.dumps(summary, indent=2) + "\n")


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
    """A finished index. Rows are read when they are asked for, a group at a time."""

    def __init__(self, folder: Path):
        self._folder = folder
        with reading(folder, DAMAGED):
            summary = json.loads((folder / SUMMARY).read_text())
            self.left_out: dict[str, int] = summary["left_out"]
            self.skipped: dict[str, int] = summary["skipped"]
            self._tables = {name: Rows(folder / f"{name}.parquet") for name in SCHEMAS}

    def __len__(self) -> int:
        """How many usable pictures there are."""
        return len(self._tables["pictures"])

    def __getitem__(self, number: int) -> Record:
        """What is known of a picture."""
        with reading(self._folder, DAMAGED):
            picture = self._tables["pictures"][number]
            image = self._tables["images"][picture["image"]]
            fits = self._tables["fits"][picture["fit"]]
            return Record(
                annotation=picture["annotation"],
                file_name=image["file_name"],
                size=(image["width"], image["height"]),
                camera=np.array(self._tables["cameras"][picture["camera"]]["values"]),
                joints=np.array(self._tables["joints"][picture["joints"]]["values"]).reshape(42, 3),
                valid=np.array([bool(picture["valid"] >> k & 1) for k in range(42)]),
                fits={side: np.array(fits[side]) for side in SIDES},
            )


def _is_current(path: Path, stamp: str) -> bool:
    with reading(path.parent, DAMAGED):
        return path.exists() and json.loads(path.read_text())["stamp"] == stamp


def open_index(sources: Sources, folder: Path, strict: bool = False) -> Index:
    """Opens the index in ``folder``; makes it if it isn't there or the JSON files have changed since.

    Raises:
        InputError: a JSON file is damaged; or, if ``strict``, a picture of two hands can't be used.
    """
    if not _is_current(folder / SUMMARY, f"{FORMAT} {sources.stamp()}"):
        build_index(sources, folder, strict)
    index = Index(folder)
    if strict and index.skipped:
        counts = ", ".join(f"{count} x {reason}" for reason, count in index.skipped.items())
        raise InputError(f"{sources.data}: pictures of two hands that can't be used: {counts}")
    return index
