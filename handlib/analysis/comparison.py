"""What a difference between two kinds of training means, when trainings differ from seed to seed.

Two seeds tell little about their own kind's spread. If all kinds spread alike, all of them together tell it
well: the pooled standard deviation, as in a t-test or an analysis of variance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t


@dataclass(frozen=True)
class Spread:
    """How much trainings of one kind differ: their standard deviation, from how many differences."""

    deviation: float
    freedom: int


@dataclass(frozen=True)
class Difference:
    """A kind's mean minus the reference's; by chance alone it exceeds ``chance`` in one case of twenty."""

    value: float
    chance: float

    @property
    def clear(self) -> bool:
        """Returns whether it is larger than chance explains."""
        return abs(self.value) > self.chance

    @property
    def verdict(self) -> str:
        """In words, of errors: better, worse, or what chance explains."""
        if not self.clear:
            return "no more than chance explains"
        return "worse" if self.value > 0 else "better"


def pooled_spread(groups: Sequence[Sequence[float]]) -> Spread:
    """The standard deviation within groups (one per kind, a number per seed), unbiased in its square.

    Raises:
        ValueError: no group has two numbers.
    """
    squares = sum(float(np.var(group)) * len(group) for group in groups)
    freedom = sum(len(group) - 1 for group in groups)
    if freedom < 1:
        raise ValueError("groups: expected at least one with two numbers or more")
    return Spread((squares / freedom) ** 0.5, freedom)


def compare(numbers: Sequence[float], reference: Sequence[float], spread: Spread) -> Difference:
    """Returns how far a kind's mean lies from the reference's, and how far chance takes it (two-sided t, 5
    %).
    """
    error = spread.deviation * (1 / len(numbers) + 1 / len(reference)) ** 0.5
    return Difference(
        float(np.mean(numbers) - np.mean(reference)), float(t.ppf(0.975, spread.freedom)) * error
    )
