"""Scores answers on photographs whose joints people have annotated in 2D.

The scores are PCK, errors in hand sizes, and swapped sides. A folder holds pictures and ``annotations.json``,
a list of records: ``file``, ``box`` (left, top, width, height around both hands), ``view``, ``relation``, and
``left`` and ``right`` (the person's own). Each hand has 21 joints in pixels, in the order of
``handlib.hand.skeleton``; a joint that can't be seen is null.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from handlib.data.photo import Box, BoxError, Picture, as_box, read_picture
from handlib.hand.skeleton import NUM_JOINTS, SIDES
from handlib.utils.errors import InputError
from handlib.utils.files import reading

WORST = 2.0
"""The largest error, in hand sizes. Larger errors count as this, and so does a hand that wasn't found."""
THRESHOLDS = (0.1, 0.2, 0.5)
Joints = Float[np.ndarray, "21 2"]
FoundHands = Mapping[str, Joints | None]
"""Joints in pixels by side; None where no such hand was found."""
Finder = Callable[[str, Picture, Box | None], FoundHands]
"""Finds hands: takes a picture's name, the picture, and a box (None: look anywhere)."""


@dataclass(frozen=True)
class Annotation:
    """A photograph's truth; joints that can't be seen are NaN."""

    file: str
    box: Box
    view: str
    relation: str
    left: Joints
    right: Joints


@dataclass(frozen=True)
class PhotoScore:
    """The score of one answer.

    ``pck`` (one value per entry of ``THRESHOLDS``) and ``error`` (in hand sizes) are means over both hands.
    ``swapped``: the answer would be better with the sides exchanged. ``missing`` is the number of hands that
    weren't found.
    """

    pck: tuple[float, ...]
    error: float
    swapped: bool
    missing: int


def _joints(where: str, given: Any) -> Joints:
    joints = np.array([[math.nan] * 2 if joint is None else joint for joint in given], dtype=np.float64)
    seen = ~np.isnan(joints)
    if joints.shape != (NUM_JOINTS, 2) or seen.all(1).sum() < 2 or (seen.any(1) != seen.all(1)).any():
        raise ValueError(f"{where}: expected {NUM_JOINTS} joints [x, y] or null, two of them seen")
    return joints


def read_annotations(folder: Path) -> list[Annotation]:
    """Reads the folder's ``annotations.json``; an :class:`InputError` says what is wrong with the file."""
    path = folder / "annotations.json"
    if not path.is_file():
        raise InputError(f"{folder}: expected a folder of pictures with annotations.json")
    with reading(path, "annotations of photographs"):
        records = [_annotation(record) for record in json.loads(path.read_text(encoding="utf-8"))]
        if not records:
            raise ValueError("expected a picture at least")
        return records


def _annotation(record: Mapping[str, Any]) -> Annotation:
    file = record["file"]
    try:
        box = as_box(record["box"])
    except BoxError as error:
        raise ValueError(f"{file}: {error}") from error
    joints = {side: _joints(f"{file}, {side}", record[side]) for side in SIDES}
    return Annotation(file, box, record["view"], record["relation"], **joints)


def joint_errors(truth: Joints, found: Joints | None) -> Float[np.ndarray, "seen"]:
    """Returns the joints' errors in hand sizes, at most ``WORST``.

    The hand's size is the longer side of the box around its annotated joints.
    """
    seen = ~np.isnan(truth[:, 0])
    if found is None:
        return np.full(seen.sum(), WORST)
    size = (truth[seen].max(0) - truth[seen].min(0)).max()
    errors = np.linalg.norm(found[seen] - truth[seen], axis=-1) / size
    return np.where(np.isfinite(errors), np.minimum(errors, WORST), WORST)


def score_photo(truth: Annotation, found: FoundHands) -> PhotoScore:
    """Returns the score of one answer."""

    def errors(left: str, right: str) -> list[np.ndarray]:
        return [joint_errors(truth.left, found[left]), joint_errors(truth.right, found[right])]

    direct, exchanged = errors("left", "right"), errors("right", "left")
    return PhotoScore(
        pck=tuple(float(np.mean([(hand <= most).mean() for hand in direct])) for most in THRESHOLDS),
        error=float(np.mean([hand.mean() for hand in direct])),
        swapped=bool(sum(hand.mean() for hand in exchanged) < sum(hand.mean() for hand in direct)),
        missing=sum(found[side] is None for side in SIDES),
    )


def score_folder(folder: Path, find: Finder, boxes: bool) -> dict[str, PhotoScore]:
    """Returns every annotated picture's score, by name; ``boxes``: whether the finder gets the boxes."""
    scores = {}
    for truth in read_annotations(folder):
        picture = read_picture(folder / truth.file)
        scores[truth.file] = score_photo(truth, find(truth.file, picture, truth.box if boxes else None))
    return scores


def mean_scores(scores: Sequence[PhotoScore]) -> dict[str, float]:
    """Returns the means over pictures."""
    names = (f"pck@{most:g}" for most in THRESHOLDS)
    pck = dict(zip(names, np.mean([score.pck for score in scores], axis=0).tolist(), strict=True))
    others = [field.name for field in fields(PhotoScore) if field.name != "pck"]
    return pck | {name: float(np.mean([getattr(score, name) for score in scores])) for name in others}


def report(
    annotations: Sequence[Annotation], scores: Mapping[str, PhotoScore]
) -> dict[str, dict[str, float]]:
    """Returns means over all pictures and over each view and relation; ``pictures`` is their number."""
    groups: dict[str, list[PhotoScore]] = {"all": [scores[one.file] for one in annotations]}
    for kind in ("view", "relation"):
        for name in sorted({getattr(one, kind) for one in annotations}):
            chosen = [scores[one.file] for one in annotations if getattr(one, kind) == name]
            groups[f"{kind}: {name}"] = chosen
    return {name: {"pictures": float(len(group)), **mean_scores(group)} for name, group in groups.items()}


def read_answers(path: Path) -> Finder:
    """Reads another program's answers; an :class:`InputError` says what is wrong with the file."""
    with reading(path, "answers by picture"):
        answers = {
            file: {side: None if hands[side] is None else _joints(file, hands[side]) for side in SIDES}
            for file, hands in json.loads(path.read_text(encoding="utf-8")).items()
        }

    def find(file: str, picture: Picture, box: Box | None) -> FoundHands:
        return answers.get(file, dict.fromkeys(SIDES))

    return find


def format_report(measured: Mapping[str, Mapping[str, float]]) -> str:
    """Returns a Markdown table with a row per group."""
    columns = list(measured["all"])
    rows = [["", *columns], ["---"] + ["---:"] * len(columns)]
    rows += [[name, *(f"{row[column]:.3g}" for column in columns)] for name, row in measured.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
