"""Which image, camera, joints and fits belong to an annotation of InterHand2.6M, and which have none.

Tables are joined by sorted keys, so that memory stays at some 30 bytes per picture, whatever their order.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from handlib.data.interhand.files import parse_valid
from handlib.data.interhand.parquet_rows import Rows
from handlib.hand.skeleton import SIDES
from handlib.utils.errors import InputError


class Lookup:
    """Rows of a table by an integer key, in 16 bytes per row."""

    def __init__(self, keys: Int[np.ndarray, "n"]):
        self.order = keys.argsort(kind="stable").astype(np.int32)
        self.keys = keys[self.order]

    def __call__(self, key: int) -> int | None:
        """The first row with this key; None if there is none."""
        place = int(np.searchsorted(self.keys, key))
        return int(self.order[place]) if place < len(self.keys) and self.keys[place] == key else None


def moment_key(capture: Any, frame: Any) -> Any:
    """One number for a capture and a frame."""
    return capture * 2**32 + frame


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


class Join:
    """Finds for an annotation the rows of its image, camera, joints and fits."""

    def __init__(self, folder: Path):
        self.images = Rows(folder / "images.parquet")
        self.image_of = Lookup(self.images.column("id"))
        cameras = Rows(folder / "cameras.parquet").all()
        self.camera_of = {
            (row["capture"], row["camera"]): k for k, row in enumerate(cameras) if row["values"]
        }
        joints, fits = (Rows(folder / f"{name}.parquet") for name in ("joints", "fits"))
        self.joints_of, self.fit_of = (
            Lookup(moment_key(table.column("capture"), table.column("frame"))) for table in (joints, fits)
        )
        self.no_joints = joints.missing("values")
        self.no_fit = {side: fits.missing(side) for side in SIDES}

    def row(self, annotation: dict[str, Any]) -> dict[str, int] | str:
        """The row of ``pictures`` for an annotation, or the reason why there is none."""
        missing = [name for name in ("id", "image_id") if not _is_number(annotation.get(name))]
        if missing:
            return f"annotation without {missing[0]}"
        valid = parse_valid(annotation)
        if valid is None:
            return "annotation without joint_valid"
        number = self.image_of(annotation["image_id"])
        if number is None:
            return "annotation of no image"
        image = self.images[number]
        if any(value is None for value in image.values()):
            return f"image without {next(name for name in image if image[name] is None)}"
        camera = self.camera_of.get((image["capture"], image["camera"]))
        if camera is None:
            return "no camera"
        key = moment_key(image["capture"], image["frame"])
        joints, fit = self.joints_of(key), self.fit_of(key)
        if joints is None or self.no_joints[joints]:
            return "no joints"
        without = [side for side in SIDES if fit is None or self.no_fit[side][fit]]
        if without:
            return "no fit" if len(without) == 2 else f"no fit of the {without[0]} hand"
        return {
            "annotation": annotation["id"],
            "valid": valid,
            "image": number,
            "camera": camera,
            "joints": joints,
            "fit": fit,
        }


def read_ids(path: Path) -> Lookup:
    """The numbers in a text file, one a line."""
    try:
        return Lookup(np.loadtxt(path, dtype=np.int64, ndmin=1))
    except ValueError as error:
        raise InputError(f"{path}: expected a number in every line: {error}") from error


def picture_rows(
    annotations: Iterable[Any],
    join: Join,
    wanted: Lookup | None,
    left_out: Counter[str],
    skipped: Counter[str],
    strict: bool,
) -> Iterator[dict[str, int]]:
    """Rows of usable pictures; what isn't wanted or can't be used is counted."""
    for number, annotation in enumerate(annotations):
        if not isinstance(annotation, dict):
            raise InputError(f"annotations: expected an object each, got {annotation!r}")
        if wanted and (not _is_number(annotation.get("id")) or wanted(annotation["id"]) is None):
            left_out["other annotators"] += 1
        elif annotation.get("hand_type") != "interacting":
            left_out["one hand"] += 1
        elif not annotation.get("hand_type_valid"):
            left_out["hand type not valid"] += 1
        else:
            row = join.row(annotation)
            if isinstance(row, dict):
                yield row
                continue
            skipped[row] += 1
            if strict:
                raise InputError(f"annotation {annotation.get('id', f'number {number}')}: {row}")
