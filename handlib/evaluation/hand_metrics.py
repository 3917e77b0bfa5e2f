"""Errors collected over batches and processes, as torchmetrics does it.

A module of its own, because to import torchmetrics takes seconds that pictures and widgets needn't wait for.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float64
from torch import Tensor
from torchmetrics import Metric

from handlib.data.sample import STRATA, Sample
from handlib.evaluation.metrics import UNITS, Protocol, evaluate_batch
from handlib.evaluation.scores import Rows, means_of, sums_by_stratum
from handlib.hand.hand import Hand
from handlib.model.estimate import Prediction, estimate_names


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
            total, count, samples = sums_by_stratum(errors, sample.stratum)
            self.total[t] += total.to(self.total)
            self.count[t] += count.to(self.count)
        self.samples += samples.to(self.samples)

    def compute(self) -> dict[str, Rows]:
        """The rows of every estimate: ``["stage 2"]["touching"]["mpjpe"]``."""
        sums = zip(self.names, self.total, self.count, strict=True)
        return {name: means_of(UNITS, total, count, self.samples) for name, total, count in sums}
