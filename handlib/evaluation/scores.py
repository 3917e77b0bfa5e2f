"""Turns errors of single samples into the numbers of a test set: means per stratum, and tables."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from handlib.data.sample import STRATA
from handlib.evaluation.metrics import UNITS, Protocol

Errors = Mapping[str, Float[Tensor, "batch"]]
"""The result of :func:`handlib.evaluation.metrics.evaluate_batch`: a number per sample under each name."""
Rows = dict[str, dict[str, float | int]]
"""Mean errors of ``all`` samples and of each stratum that occurs; ``samples`` is the number of samples."""


def sums_by_stratum(
    errors: Errors, stratum: Int[Tensor, "batch"]
) -> tuple[Float[Tensor, "strata names"], Float[Tensor, "strata names"], Float[Tensor, "strata"]]:
    """Returns, per stratum: the sum of each error, the count of its values, and the number of samples."""
    values = torch.stack(tuple(errors.values()), dim=-1)
    if values.device.type == "mps":  # This device has no float64.
        values, stratum = values.cpu(), stratum.cpu()
    values = values.double()
    member = torch.nn.functional.one_hot(stratum.long(), len(STRATA)).double().T
    return member @ values.nan_to_num(0.0), member @ (~values.isnan()).double(), member.sum(dim=1)


def means_of(
    names: Iterable[str],
    total: Float[Tensor, "strata names"],
    count: Float[Tensor, "strata names"],
    samples: Float[Tensor, "strata"],
) -> Rows:
    """Turns sums into means; a stratum without samples has no row."""
    names = list(names)

    def row(which: slice) -> dict[str, float | int]:
        means = total[which].sum(dim=0) / count[which].sum(dim=0)
        return {"samples": int(samples[which].sum()), **dict(zip(names, means.tolist(), strict=True))}

    strata = {name: row(slice(k, k + 1)) for k, name in enumerate(STRATA) if samples[k]}
    return {"all": row(slice(None)), **strata}


def format_table(
    rows: Mapping[str, Mapping[str, float | int]], protocol: Protocol, names: Sequence[str] | None = None
) -> str:
    """Returns rows of errors as a Markdown table, below the description of their protocol.

    Any rows will do: one estimate's strata, or ``{name: rows["all"] for name, rows in scores.items()}``.
    ``names`` chooses columns and their order; without it the columns are those of the first row.
    """
    names = list(next(iter(rows.values()))) if names is None else list(names)
    header = ["", *(f"{name} ({UNITS[name]})" if name in UNITS else name for name in names)]
    lines = [header, *([label, *(_number(row[name]) for name in names)] for label, row in rows.items())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    first, *others = [
        [line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))]
        for line in lines
    ]
    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    return "\n".join(
        [str(protocol), "", *("| " + " | ".join(line) + " |" for line in (first, rule, *others))]
    )


def _number(value: float | int) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
