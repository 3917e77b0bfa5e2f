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
from handlib.utils.files import make_folder, reading, record_from, write_text

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
    """How far a conversion has come; kept beside the shards so that it can go on after a stop.

    ``read`` pictures were asked for, in order. ``passed`` are those that gave no sample, as runs [first, after the
    last, reason, whether something is wrong with them]. ``left_out`` and ``skipped`` are the source's own counts.
    """

    asked: dict[str, object]
    left_out: dict[str, int]
    skipped: dict[str, int]
    read: int = 0
    passed: list[tuple[int, int, str, bool]] = field(default_factory=list)

    @classmethod
    def resumed(cls, folder: Path, source: Source, asked: dict[str, object]) -> "Conversion":
        """What an earlier run has left, or a beginning; an :class:`InputError` if it was asked for something
        else.
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
            read, passed = content["read"], [tuple(run) for run in content["passed"]]
            state = record_from(cls, vars(begun) | {"read": read, "passed": passed})
            if not 0 <= state.written <= read:
                raise ValueError(f"{state.written} samples of {read} pictures")
            return state

    @property
    def written(self) -> int:
        """How many samples there are."""
        return self.read - sum(stop - first for first, stop, _, _ in self.passed)

    def counts(self, fault: bool) -> Counter[str]:
        """How many pictures were skipped (``fault``) or left out, by reason."""
        counts = Counter(self.skipped if fault else self.left_out)
        for first, stop, reason, wrong in self.passed:
            counts[reason] += (stop - first) * (wrong == fault)
        return +counts

    def save(self, folder: Path) -> None:
        """Writes the state, whole or not at all."""
        write_text(folder / REPORT, json.dumps(vars(self), indent=2) + "\n")

    def pass_over(self, number: int, reason: str, fault: bool) -> None:
        """Notes that a picture gives no sample."""
        first, stop, *why = self.passed[-1] if self.passed else (0, -1)
        if stop == number and why == [reason, fault]:
            self.passed[-1] = (first, number + 1, reason, fault)
        else:
            self.passed.append((number, number + 1, reason, fault))

    def go_back(self, number: int) -> None:
        """Forgets everything from the shard on in which a picture belongs that gives a sample after all."""
        before = number - sum(
            min(stop, number) - first for first, stop, _, _ in self.passed if first < number
        )
        self.read, kept = before // shards.SHARD_SIZE * shards.SHARD_SIZE, []
        for first, stop, reason, wrong in self.passed:
            if first <= self.read and first < number:
                stop = min(stop, number)
                kept.append((first, stop, reason, wrong))
                self.read += stop - first
        self.passed = kept

    def __str__(self) -> str:
        """A line of counts each for what was written, left out and skipped."""
        lines = [f"{self.written} samples"]
        for what, fault in (("not in the subset", False), ("skipped", True)):
            reasons = [f"{count} {reason}" for reason, count in sorted(self.counts(fault).items())]
            lines.append(f"{what}: {', '.join(reasons) or 'none'}")
        return "\n".join(lines)


def convert(
    source: Source, out: str | Path, size: int, strict: bool = False, count: int | None = None
) -> Conversion:
    """Writes a source's samples, ``size`` pixels square, as a data set in the folder ``out``.

    ``count`` reads no more than that many pictures. Pictures that can't be used are skipped and counted by
    reason; if ``strict``, the first one whose fault it is stops everything. Called again after a stop it goes
    on with the next shard. Skipped pictures are tried again at every call: once one of them gives a sample, its
    shard and all later ones are written anew.

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
    state = Conversion.resumed(out, source, asked)
    mended = _first_mended(source, size, strict, state)
    if mended is not None:
        (out / "dataset.json").unlink(missing_ok=True)
        state.go_back(mended)
        state.save(out)
    make_folder(out)
    _write_shards(source, out, size, strict, state, total)
    if state.written == 0:
        (out / REPORT).unlink()
        example = f"; the first: {_fault(source, size, 0)}" if total else ""
        raise InputError(f"{out}: no usable picture; {'; '.join(str(state).splitlines())}{example}")
    info = DatasetInfo(source.name, source.split, state.written, size, 0, shards.FORMAT, hand)
    prepare_folder(out, info)
    return state


def _fault(source: Source, size: int, number: int) -> Unusable | None:
    try:
        source.sample(number, size)
    except Unusable as reason:
        return reason
    return None


def _first_mended(source: Source, size: int, strict: bool, state: Conversion) -> int | None:
    """The first of the skipped pictures that gives a sample by now."""
    for first, stop, _, wrong in state.passed:
        for number in range(first, stop) if wrong else ():
            fault = _fault(source, size, number)
            if fault is None:
                return number
            if strict:
                raise fault
    return None


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
                state.pass_over(number, reason.reason, reason.fault)
            progress.advance(task)
            if len(waiting) == shards.SHARD_SIZE or number == total - 1:
                state.read = number + 1
                if waiting:
                    write_shard(shard_path(out, (state.written - 1) // shards.SHARD_SIZE), stack(waiting))
                state.save(out)
                waiting.clear()
