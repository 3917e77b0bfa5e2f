"""InterHand2.6M's annotation files: where they lie, and what is in them, one entry at a time.

The JSON files have up to gigabytes, so they are streamed (ijson), one picture or one capture after another:
memory doesn't grow with them. Joint order, units and keys are those of InterHand2.6M v1.0.
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

# The annotation lists each finger from tip to base and the wrist last, the right hand first.
_ONE_HAND = (20, *(4 * f + (4 - k) for f in range(len(FINGERS)) for k in (1, 2, 3, 4)))
ANNOTATED_TO_21: dict[str, tuple[int, ...]] = {
    side: tuple(joint + (21 if side == "left" else 0) for joint in _ONE_HAND) for side in SIDES
}
"""For each side the places in the annotation's 42 joints of the 21 joints of ``skeleton.JOINT_NAMES``."""


@dataclass(frozen=True)
class Sources:
    """The four JSON files of a split; ``ids`` lists the annotations that count, None for all of them."""

    data: Path
    camera: Path
    joint_3d: Path
    MANO_NeuralAnnot: Path
    ids: Path | None

    def stamp(self) -> str:
        """Names, sizes and times of change: when they differ, what was made from the files is outdated."""
        paths = [path for path in vars(self).values() if path]
        return json.dumps({path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in paths})


def find_sources(root: Path, split: str, annotators: Annotators) -> Sources:
    """The files of a split in the dataset's folder.

    v1.0 keeps them in ``annotations/SPLIT``; there ``aid_human_annot_SPLIT.txt`` (``aid_machine_annot_...``)
    lists the annotations of either kind.

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
    """The entries of a list in a JSON file, one after another; damage is an :class:`InputError`."""
    with reading(name, "a whole JSON file"):
        yield from _ijson().items(file, f"{prefix}.item", use_float=True)


def stream_moments(file: IO[bytes], name: str) -> Iterator[tuple[str, str, Any]]:
    """Capture, frame and value of every entry of a JSON file that is a mapping of mappings."""
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
    """Pose, shape and translation of one hand, end to end; None if there is no whole fit."""
    fit = entry.get(side) if isinstance(entry, dict) else None
    if not isinstance(fit, dict):
        return None
    return _end_to_end([_numbers(fit.get(name), size) for name, size in FIT_SIZES.items()])


def parse_joints(entry: Any) -> Float[np.ndarray, "126"] | None:
    """The 42 joints of a moment in millimetres (world); None if broken."""
    return _numbers(entry.get("world_coord"), 126) if isinstance(entry, dict) else None


def parse_valid(annotation: dict[str, Any]) -> int | None:
    """Returns which of the 42 joints are valid, joint k as bit k; None if the annotation doesn't say."""
    valid = _numbers(annotation.get("joint_valid"), 42)
    return None if valid is None else sum(1 << k for k in range(42) if valid[k])


def parse_camera(cameras: dict[str, Any], capture: str, name: str) -> Float[np.ndarray, "16"] | None:
    """Place (mm), rotation, focal lengths and principal point of a camera, end to end; None if incomplete."""
    fields = {"campos": 3, "camrot": 9, "focal": 2, "princpt": 2}
    of_capture = cameras[capture]
    return _end_to_end([_numbers(of_capture[field].get(name), size) for field, size in fields.items()])
