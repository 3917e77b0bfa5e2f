"""From errors of single samples to the numbers of a test set: sums over batches and processes, tables."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor
from torchmetrics import Metric

from handlib.data.sample import STRATA, Sample
from handlib.estimate import Prediction, estimate_names
from handlib.hand import Hand
from handlib.metrics import UNITS, Protocol, evaluate_batch

Errors = Mapping[str, Float[Tensor, "batch"]]
"""What :func:`handlib.metrics.evaluate_batch` returns: a number per sample under each name."""
Rows = dict[str, dict[str, float | int]]
"""Mean of every error for ``all`` samples and for each stratum that occurs; ``samples`` says of how many."""


def summarise(errors: Errors, stratum: Int[Tensor, "batch"]) -> Rows:
    """Means over samples, altogether and per stratum (``STRATA``); NaNs don't count."""
    return _rows(list(errors), *_sums(errors, stratum))


def _sums(
    errors: Errors, stratum: Int[Tensor, "batch"]
) -> tuple[Float[Tensor, "strata names"], Float[Tensor, "strata names"], Float[Tensor, "strata"]]:
    """Per stratum: the sum of every error, how many it is of, how many samples there are."""
    values = torch.stack(tuple(errors.values()), dim=-1).double()
    member = torch.nn.functional.one_hot(stratum.long(), len(STRATA)).double().T
    return member @ values.nan_to_num(0.0), member @ (~values.isnan()).double(), member.sum(dim=1)


def _rows(
    names: Iterable[str],
    total: Float[Tensor, "strata names"],
    count: Float[Tensor, "strata names"],
    samples: Float[Tensor, "strata"],
) -> Rows:
    """Sums to means; a stratum without samples has no row."""
    names = list(names)

    def row(which: slice) -> dict[str, float | int]:
        means = total[which].sum(dim=0) / count[which].sum(dim=0)
        return {"samples": int(samples[which].sum()), **dict(zip(names, means.tolist(), strict=True))}

    strata = {name: row(slice(k, k + 1)) for k, name in enumerate(STRATA) if samples[k]}
    return {"all": row(slice(None)), **strata}


class HandMetrics(Metric):
    """All errors of all estimates under one protocol, collected over batches and processes.

    ``hands`` are (left, right); ``estimates`` is how many a prediction holds, one more than the network has
    stages. States are sums, so processes are reduced by adding.
    """

    full_state_update = False

    total: Float64[Tensor, "estimates strata measures"]
    count: Float64[Tensor, "estimates strata measures"]
    samples: Float64[Tensor, "strata"]

    def __init__(self, protocol: Protocol, hands: Iterable[Hand], estimates: int):
        super().__init__()
        self.protocol, self.hands, self.names = protocol, tuple(hands), estimate_names(estimates)
        table = torch.zeros(estimates, len(STRATA), len(UNITS), dtype=torch.float64)
        self.add_state("total", table.clone(), dist_reduce_fx="sum")
        self.add_state("count", table.clone(), dist_reduce_fx="sum")
        self.add_state("samples", torch.zeros(len(STRATA), dtype=torch.float64), dist_reduce_fx="sum")

    def update(
        self, prediction: Prediction, sample: Sample, valid: Bool[Tensor, "batch 2 21"] | None = None
    ) -> None:
        """Adds a batch."""
        for t, estimate in enumerate(prediction.estimates):
            errors = evaluate_batch(estimate, sample, self.protocol, self.hands, valid)
            total, count, samples = _sums(errors, sample.stratum)
            self.total[t] += total.to(self.total)
            self.count[t] += count.to(self.count)
        self.samples += samples.to(self.samples)

    def compute(self) -> dict[str, Rows]:
        """The rows of every estimate: ``["stage 2"]["touching"]["mpjpe"]``."""
        sums = zip(self.names, self.total, self.count, strict=True)
        return {name: _rows(UNITS, total, count, self.samples) for name, total, count in sums}


def format_table(
    rows: Mapping[str, Mapping[str, float | int]], protocol: Protocol, names: Sequence[str] | None = None
) -> str:
    """Rows of errors as a Markdown table under the description of their protocol.

    Any rows will do: one estimate's strata, or ``{name: rows["all"] for name, rows in scores.items()}``.
    ``names`` chooses columns and their order; without it there is one for everything in the first row.
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
