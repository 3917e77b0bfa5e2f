"""Converts real data sets to the form that training and evaluation read (:mod:`handlib.data.shards`).

Pictures are read and cropped and their labels drawn once, here. Pictures that can't be used are counted.
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
from handlib.utils.files import make_folder, reading, record_from, write_text

REPORT = "conversion.json"


@runtime_checkable
class Source(Protocol):
    """A split of a data set that returns samples by number."""

    name: str
    split: str
    hands: tuple[Hand, ...]
    left_out: dict[str, int]
    skipped: dict[str, int]

    def __len__(self) -> int:
        """Returns the number of pictures."""

    def sample(self, number: int, size: int) -> Sample:
        """Returns the sample of a picture; raises :class:`Unusable` if the picture has none."""


@dataclass
class Conversion:
    """The progress of a conversion, saved beside the shards so that an interrupted conversion can resume.

    ``read`` pictures were tried, in order; ``written`` of them gave samples. ``unwanted`` counts, by reason,
    the pictures that aren't in the subset. ``faults`` lists the numbers of faulty pictures, each with the
    reason. ``left_out`` and ``skipped`` are the source's own counts.
    """

    asked: dict[str, object]
    left_out: dict[str, int]
    skipped: dict[str, int]
    read: int = 0
    written: int = 0
    unwanted: dict[str, int] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)

    @classmethod
    def resumed(cls, folder: Path, source: Source, asked: dict[str, object]) -> "Conversion":
        """Returns the progress of an earlier run, or a new one.

        Raises an :class:`InputError` if the folder holds another conversion.
        """
        begun = cls(asked, source.left_out, source.skipped)
        path = folder / REPORT
        if not path.exists():
            if (folder / "dataset.json").exists():
                raise InputError(f"{folder}: already holds another data set")
            return begun
        with reading(path, "the state of a conversion"):
            content = json.loads(path.read_text())
            if content["asked"] != asked:
                raise InputError(
                    f"{folder}: holds a conversion of something else: {content['asked']}; "
                    "name another folder, or remove this one if the data set has changed"
                )
            content["faults"] = [(number, reason) for number, reason in content["faults"]]
            state = record_from(cls, content | {"left_out": begun.left_out, "skipped": begun.skipped})
            if not 0 <= state.written <= state.read:
                raise ValueError(f"{state.written} samples of {state.read} pictures")
            return state

    def counts(self, fault: bool) -> Counter[str]:
        """Returns the number of skipped pictures (``fault``), or of pictures left out, by reason."""
        if fault:
            return Counter(self.skipped) + Counter(reason for _, reason in self.faults)
        return Counter(self.left_out) + Counter(self.unwanted)

    def save(self, folder: Path) -> None:
        """Writes the progress, whole or not at all."""
        write_text(folder / REPORT, json.dumps(vars(self), indent=2) + "\n")

    def pass_over(self, number: int, why: Unusable) -> None:
        """Records that a picture has no sample."""
        if why.fault:
            self.faults.append((number, why.reason))
        else:
            self.unwanted[why.reason] = self.unwanted.get(why.reason, 0) + 1

    def __str__(self) -> str:
        """Returns three lines with the counts of written, left out and skipped pictures."""
        lines = [f"{self.written} samples"]
        for what, fault in (("not in the subset", False), ("skipped", True)):
            reasons = [f"{count} {reason}" for reason, count in sorted(self.counts(fault).items())]
            lines.append(f"{what}: {', '.join(reasons) or 'none'}")
        return "\n".join(lines)


def convert(
    source: Source, out: str | Path, size: int, strict: bool = False, count: int | None = None
) -> Conversion:
    """Writes a source's samples, ``size`` pixels square, as a data set in the folder ``out``.

    At most ``count`` pictures are read. Unusable pictures are skipped and counted by reason; with ``strict``,
    the first faulty picture stops the conversion. An interrupted conversion resumes with the next shard when
    it is called again. Every call tries the skipped pictures again; if one of them can be used now,
    everything is written anew.

    Raises:
        InputError: ``out`` holds another data set; there is no usable picture; or, with ``strict``, a picture
            is faulty.
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
    state = Conversion.resumed(out, source, asked)
    if _any_mended(source, size, strict, state):
        (out / "dataset.json").unlink(missing_ok=True)
        state = Conversion(asked, source.left_out, source.skipped)
        state.save(out)
    make_folder(out)
    _write_shards(source, out, size, strict, state, total)
    if state.written == 0:
        (out / REPORT).unlink()
        example = f"; the first: {_fault(source, size, 0)}" if total else ""
        raise InputError(f"{out}: no usable picture; {'; '.join(str(state).splitlines())}{example}")
    info = DatasetInfo(source.name, source.split, state.written, size, 0, hand)
    prepare_folder(out, info)
    return state


def _fault(source: Source, size: int, number: int) -> Unusable | None:
    try:
        source.sample(number, size)
    except Unusable as reason:
        return reason
    return None


def _any_mended(source: Source, size: int, strict: bool, state: Conversion) -> bool:
    """Returns whether one of the skipped pictures can be used now."""
    for number, _ in state.faults:
        fault = _fault(source, size, number)
        if fault is None:
            return True
        if strict:
            raise fault
    return False


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
                state.pass_over(number, reason)
            progress.advance(task)
            if len(waiting) == shards.SHARD_SIZE or number == total - 1:
                state.read = number + 1
                if waiting:
                    write_shard(shard_path(out, state.written // shards.SHARD_SIZE), stack(waiting))
                state.written += len(waiting)
                state.save(out)
                waiting.clear()
