"""A torchmetrics metric that collects errors over batches and processes.

It has a module of its own because importing torchmetrics takes seconds; pictures and widgets don't need it.
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
from handlib.model.parts import Parts, functions_of


class HandMetrics(Metric):
    """All errors of all estimates under one protocol, collected over batches and processes.

    ``hands`` are (left, right). ``estimates`` is the number of estimates in a prediction: the network's
    stages plus one. Of ``parts`` the reader's ``mean_position_error`` is used. States are sums, so the
    processes' states are added.
    """

    full_state_update = False

    total: Float64[Tensor, "estimates strata measures"]
    count: Float64[Tensor, "estimates strata measures"]
    samples: Float64[Tensor, "strata"]

    def __init__(self, protocol: Protocol, hands: Iterable[Hand], estimates: int, parts: Parts | None = None):
        super().__init__()
        self.protocol, self.hands, self.names = protocol, tuple(hands), estimate_names(estimates)
        self.parts = functions_of(parts)
        table = torch.zeros(estimates, len(STRATA), len(UNITS), dtype=torch.float64)
        self.add_state("total", table.clone(), dist_reduce_fx="sum")
        self.add_state("count", table.clone(), dist_reduce_fx="sum")
        self.add_state("samples", torch.zeros(len(STRATA), dtype=torch.float64), dist_reduce_fx="sum")

    def update(
        self, prediction: Prediction, sample: Sample, valid: Bool[Tensor, "batch 2 21"] | None = None
    ) -> None:
        """Adds a batch."""
        for t, estimate in enumerate(prediction.estimates):
            errors = evaluate_batch(estimate, sample, self.protocol, self.hands, valid, self.parts)
            total, count, samples = sums_by_stratum(errors, sample.stratum)
            self.total[t] += total.to(self.total)
            self.count[t] += count.to(self.count)
        self.samples += samples.to(self.samples)

    def compute(self) -> dict[str, Rows]:
        """Returns the mean errors of every estimate, such as ``["stage 2"]["touching"]["mpjpe"]``."""
        sums = zip(self.names, self.total, self.count, strict=True)
        return {name: means_of(UNITS, total, count, self.samples) for name, total, count in sums}
