"""Finds InterHand2.6M's annotation files and reads them, one entry at a time.

The JSON files have up to gigabytes. So they are streamed (ijson), one picture or one capture after another,
and memory doesn't grow with them. Joint order, units and keys are those of InterHand2.6M v1.0.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from jaxtyping import Float

from handlib.hand.skeleton import FINGERS, SIDES
from handlib.utils.errors import InputError
from handlib.utils.files import reading

Annotators = Literal["both", "human", "machine"]
KINDS = ("data", "camera", "joint_3d", "MANO_NeuralAnnot")
FIT_SIZES = {"pose": 48, "shape": 10, "trans": 3}

# The annotation lists the right hand first, each finger from tip to base, and the wrist last.
_ONE_HAND = (20, *(4 * f + (4 - k) for f in range(len(FINGERS)) for k in (1, 2, 3, 4)))
ANNOTATED_TO_21: dict[str, tuple[int, ...]] = {
    side: tuple(joint + (21 if side == "left" else 0) for joint in _ONE_HAND) for side in SIDES
}
"""For each side: the indices, in the annotation's 42 joints, of the 21 joints of ``skeleton.JOINT_NAMES``."""


@dataclass(frozen=True)
class Sources:
    """The four JSON files of a split; ``ids`` is the list of annotations to use (None: use all)."""

    data: Path
    camera: Path
    joint_3d: Path
    MANO_NeuralAnnot: Path
    ids: Path | None

    def stamp(self) -> str:
        """Returns the files' names, sizes and times of change.

        If it differs, an index of them is outdated.
        """
        paths = [path for path in vars(self).values() if path]
        return json.dumps({path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in paths})


def find_sources(root: Path, split: str, annotators: Annotators) -> Sources:
    """Finds the files of a split in the dataset's folder.

    v1.0 keeps them in ``annotations/SPLIT``. There, ``aid_human_annot_SPLIT.txt`` and
    ``aid_machine_annot_SPLIT.txt`` list the annotations of each kind.

    Raises:
        InputError: a file is missing; the message names it.
    """
    folder = root / "annotations" / split
    paths = {kind: folder / f"InterHand2.6M_{split}_{kind}.json" for kind in KINDS}
    ids = None if annotators == "both" else folder / f"aid_{annotators}_annot_{split}.txt"
    for needed in (*paths.values(), ids):
        if needed and not needed.exists():
            raise InputError(f"{root}: not InterHand2.6M's folder: {needed.relative_to(root)} is missing")
    return Sources(**paths, ids=ids)


def _ijson() -> Any:
    try:
        import ijson
    except ModuleNotFoundError as error:
        told = "reading InterHand2.6M's annotations needs the package ijson: pip install 'handlib[interhand]'"
        raise InputError(told) from error
    return ijson


def stream_items(file: IO[bytes], prefix: str, name: str) -> Iterator[Any]:
    """Yields the entries of a list in a JSON file; raises an :class:`InputError` if it is damaged."""
    with reading(name, "a whole JSON file"):
        yield from _ijson().items(file, f"{prefix}.item", use_float=True)


def stream_moments(file: IO[bytes], name: str) -> Iterator[tuple[str, str, Any]]:
    """Yields capture, frame and value of every entry of a JSON file that maps captures to frames."""
    with reading(name, "captures with frames in JSON"):
        for capture, frames in _ijson().kvitems(file, "", use_float=True):
            yield from ((capture, frame, value) for frame, value in frames.items())


def _numbers(value: Any, count: int) -> Float[np.ndarray, "n"] | None:
    try:
        numbers = np.asarray(value, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and np.isfinite(numbers).all() else None


def _end_to_end(parts: list[np.ndarray | None]) -> Float[np.ndarray, "n"] | None:
    whole = [part for part in parts if part is not None]
    return np.concatenate(whole) if len(whole) == len(parts) else None


def parse_fit(entry: Any, side: str) -> Float[np.ndarray, "61"] | None:
    """Returns one hand's pose, shape and translation, concatenated; None if the fit is incomplete."""
    fit = entry.get(side) if isinstance(entry, dict) else None
    if not isinstance(fit, dict):
        return None
    return _end_to_end([_numbers(fit.get(name), size) for name, size in FIT_SIZES.items()])


def parse_joints(entry: Any) -> Float[np.ndarray, "126"] | None:
    """Returns the 42 joints of a moment in millimetres (world); None if they are broken."""
    return _numbers(entry.get("world_coord"), 126) if isinstance(entry, dict) else None


def parse_valid(annotation: dict[str, Any]) -> int | None:
    """Returns which of the 42 joints are valid, joint k as bit k; None if the annotation doesn't say."""
    valid = _numbers(annotation.get("joint_valid"), 42)
    return None if valid is None else sum(1 << k for k in range(42) if valid[k])


def parse_camera(cameras: dict[str, Any], capture: str, name: str) -> Float[np.ndarray, "16"] | None:
    """Returns a camera's place (mm), rotation, focal lengths and principal point, or None if incomplete."""
    fields = {"campos": 3, "camrot": 9, "focal": 2, "princpt": 2}
    of_capture = cameras[capture]
    return _end_to_end([_numbers(of_capture[field].get(name), size) for field, size in fields.items()])
