"""Real data sets rewritten in the form that training and evaluation read (:mod:`handlib.data.shards`).

Reading a picture, cutting it out and drawing its labels is done once, here. What can't be used is counted.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from handlib.data import shards
from handlib.data.interhand.mano_fits import Unusable
from handlib.data.sample import Sample, stack
from handlib.data.shards import DatasetInfo, hands_sha256, prepare_folder, shard_path, write_shard
from handlib.hand.hand import Hand
from handlib.utils.errors import InputError
from handlib.utils.files import reading, record_from, write_text

REPORT = "conversion.json"


@runtime_checkable
class Source(Protocol):
    """A split of a data set that gives samples by number."""

    name: str
    split: str
    hands: tuple[Hand, ...]
    left_out: dict[str, int]
    skipped: dict[str, int]

    def __len__(self) -> int:
        """How many pictures may be asked for."""

    def sample(self, number: int, size: int) -> Sample:
        """One of them; :class:`Unusable` if it gives no sample."""


@dataclass
class Conversion:
    """How far a conversion has come; kept beside the shards so that it can go on after a stop."""

    asked: dict[str, object]
    read: int = 0
    written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    @classmethod
    def resumed(cls, folder: Path, asked: dict[str, object]) -> "Conversion | None":
        """What an earlier run has left; an :class:`InputError` if it was asked for something else."""
        path = folder / REPORT
        if not path.exists():
            if (folder / "dataset.json").exists():
                raise InputError(f"{folder}: already holds another data set")
            return None
        with reading(path, "the state of a conversion"):
            content = json.loads(path.read_text())
            if content["asked"] != asked:
                raise InputError(f"{folder}: holds a conversion of something else: {content['asked']}")
            counts = {name: Counter(content[name]) for name in ("left_out", "skipped")}
            return record_from(cls, {**content, **counts})

    def save(self, folder: Path) -> None:
        """Writes the state, whole or not at all."""
        content = vars(self) | {"left_out": dict(self.left_out), "skipped": dict(self.skipped)}
        write_text(folder / REPORT, json.dumps(content, indent=2) + "\n")

    def __str__(self) -> str:
        """A line of counts each for what was written, left out and skipped."""
        lines = [f"{self.written} samples"]
        for what, counts in (("not in the subset", self.left_out), ("skipped", self.skipped)):
            reasons = [f"{count} {reason}" for reason, count in sorted(counts.items())]
            lines.append(f"{what}: {', '.join(reasons) or 'none'}")
        return "\n".join(lines)


def convert(
    source: Source, out: str | Path, size: int, strict: bool = False, count: int | None = None
) -> Conversion:
    """Writes a source's samples, ``size`` pixels square, as a data set in the folder ``out``.

    ``count`` reads no more than that many pictures. Pictures that can't be used are skipped and counted by
    reason; if ``strict``, the first one whose fault it is stops everything. Called again after a stop it goes
    on with the next shard.

    Raises:
        InputError: ``out`` holds another data set, there is no usable picture, or, if ``strict``, a picture
            can't be used.
    """
    for name, value in (("size", size), ("count", count)):
        if value is not None and value < 1:
            raise InputError(f"{name}: expected at least 1, got {value}")
    out = Path(out)
    total = min(len(source), count or len(source))
    hand = hands_sha256(source.hands)
    asked = {
        "source": source.name,
        "split": source.split,
        "size": size,
        "pictures": total,
        "hand_sha256": hand,
    }
    state = Conversion.resumed(out, asked)
    if state is None:
        state = Conversion(asked, 0, 0, Counter(source.left_out), Counter(source.skipped))
    out.mkdir(parents=True, exist_ok=True)
    _write_shards(source, out, size, strict, state, total)
    if state.written == 0:
        raise InputError(f"{out}: no usable picture; {' '.join(str(state).split())}")
    info = DatasetInfo(source.name, source.split, state.written, size, 0, shards.FORMAT, hand)
    prepare_folder(out, info)
    return state


def _write_shards(source: Source, out: Path, size: int, strict: bool, state: Conversion, total: int) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    waiting: list[Sample] = []
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{source.name} {source.split}", total=total, completed=state.read)
        for number in range(state.read, total):
            try:
                waiting.append(source.sample(number, size))
            except Unusable as reason:
                if strict and reason.fault:
                    raise
                (state.skipped if reason.fault else state.left_out)[reason.reason] += 1
            progress.advance(task)
            if len(waiting) == shards.SHARD_SIZE or number == total - 1:
                if waiting:
                    write_shard(shard_path(out, state.written // shards.SHARD_SIZE), stack(waiting))
                state.read, state.written = number + 1, state.written + len(waiting)
                state.save(out)
                waiting.clear()
