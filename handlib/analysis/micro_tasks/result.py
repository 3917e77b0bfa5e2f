"""The result of a micro-task: a value per row and seed, and claims that paired differences decide."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from handlib.analysis.comparison import Interval, mean_interval, paired_difference, verdict
from handlib.utils.errors import InputError
from handlib.utils.files import reading, record_from, write_text

Values = dict[str, list[float]]
"""One value per seed, by the name of the row."""


@dataclass(frozen=True)
class Claim:
    """A statement about two rows: ``row`` is better than ``reference``, or no better than it.

    No better means: better by less than the micro-task's ``margin``.
    """

    text: str
    row: str
    reference: str
    expected: Literal["better", "no better"]


@dataclass(frozen=True)
class MicroTaskResult:
    """The values that a micro-task measured, and the claims that they decide.

    ``rows`` has a value per seed, in the order of ``seeds``: ``measure``, in ``unit``. ``parts`` has the same
    measure for a part of the test joints each. ``margin``, in ``unit``, is the gain that counts as none.
    """

    name: str
    measure: str
    unit: str
    lower_is_better: bool
    margin: float
    seeds: list[int]
    rows: Values
    parts: Values
    claims: list[Claim]

    def gain(self, claim: Claim) -> Interval:
        """Returns by how much the claim's row is better than its reference, with the 95 % interval."""
        values = self.rows | self.parts
        row, reference = values[claim.row], values[claim.reference]
        return (
            paired_difference(reference, row) if self.lower_is_better else paired_difference(row, reference)
        )

    def against(self, row: str, reference: str) -> str:
        """Returns in words by how much one row is better than another."""
        return self.verdict(Claim("", row, reference, "better"))

    def verdict(self, claim: Claim) -> str:
        """Returns the gain in words: better by, worse by, or smaller than so many units."""
        return verdict(self.gain(claim), self.unit)

    def holds(self, claim: Claim) -> bool:
        """Returns whether the 95 % interval of the gain lies where the claim says."""
        gain = self.gain(claim)
        return gain.low > 0 if claim.expected == "better" else gain.high < self.margin


def decided(claims: Sequence[Claim], values: Mapping[str, Sequence[float]]) -> list[Claim]:
    """Returns the claims whose two rows were measured."""
    return [claim for claim in claims if claim.row in values and claim.reference in values]


def markdown_table(lines: Sequence[Sequence[str]]) -> str:
    """Returns lines of cells as a Markdown table. The first line is the header."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    first, *others = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    rule = ["-" * width for width in widths]
    return "\n".join("| " + " | ".join(line) + " |" for line in (first, rule, *others))


def values_table(result: MicroTaskResult, parts: bool = False) -> str:
    """Returns the rows (or the parts) as a Markdown table: the seeds' values, mean and 95 % interval."""
    seeds = [f"seed {seed}" for seed in result.seeds]
    lines = [[f"{result.measure} ({result.unit})", *seeds, "mean", "95 % interval"]]
    for name, values in (result.parts if parts else result.rows).items():
        mean = mean_interval(values)
        numbers = [f"{value:.2f}" for value in (*values, mean.mean)]
        lines.append([name, *numbers, f"{mean.low:.2f} to {mean.high:.2f}"])
    return markdown_table(lines)


def claims_table(result: MicroTaskResult) -> str:
    """Returns the claims as a Markdown table: the rows compared, the difference in words, the answer."""
    lines = [["claim", "row", "against", "difference", "claim holds"]]
    for claim in result.claims:
        answer = "yes" if result.holds(claim) else "no"
        lines.append([claim.text, claim.row, claim.reference, result.verdict(claim), answer])
    return markdown_table(lines)


def largest_difference(result: MicroTaskResult, stored: MicroTaskResult) -> float:
    """Returns the largest difference of any row's value, in the micro-task's unit.

    Raises:
        InputError: the two results have different names, seeds or rows.
    """
    for what in ("name", "seeds"):
        here, there = getattr(result, what), getattr(stored, what)
        if here != there:
            raise InputError(f"{what}: expected the stored result's {there}, got {here}")
    if list(result.rows) != list(stored.rows):
        raise InputError(f"rows: expected {', '.join(stored.rows)}, got {', '.join(result.rows)}")
    return max(
        abs(value - other)
        for name, values in result.rows.items()
        for value, other in zip(values, stored.rows[name], strict=True)
    )


def write_micro_task(path: Path, result: MicroTaskResult) -> None:
    """Writes a result as a JSON file, which :func:`read_micro_task` reads."""
    write_text(path, json.dumps(asdict(result), indent=1) + "\n")


def read_micro_task(path: Path) -> MicroTaskResult:
    """Returns the result in a file.

    Raises:
        InputError: the file is missing or isn't the result of a micro-task.
    """
    with reading(path, "the result of a micro-task"):
        content = json.loads(path.read_text())
        claims = [record_from(Claim, claim) for claim in content.pop("claims")]
        result = record_from(MicroTaskResult, {**content, "claims": claims})
        values = result.rows | result.parts
        if len(result.seeds) < 2 or any(len(row) != len(result.seeds) for row in values.values()):
            raise ValueError("rows: expected a value for each of at least two seeds")
        if decided(claims, values) != claims:
            raise ValueError("claims: expected rows that are there")
        return result
