"""Compares two kinds of training, although trainings of one kind differ from seed to seed.

Two seeds say little about the spread of their own kind. If all kinds have the same spread, all seeds together
give a good estimate: the pooled standard deviation, as in a t-test or an analysis of variance.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t


@dataclass(frozen=True)
class Spread:
    """The standard deviation between trainings of one kind, and its degrees of freedom."""

    deviation: float
    freedom: int


@dataclass(frozen=True)
class Difference:
    """A kind's mean minus the reference's. By chance alone its size exceeds ``chance`` in one case of 20."""

    value: float
    chance: float

    @property
    def clear(self) -> bool:
        """Returns whether the difference is larger than chance explains."""
        return abs(self.value) > self.chance

    @property
    def verdict(self) -> str:
        """Returns the difference of errors in words: better, worse, or no more than chance explains."""
        if not self.clear:
            return "no more than chance explains"
        return "worse" if self.value > 0 else "better"


def pooled_spread(groups: Sequence[Sequence[float]]) -> Spread:
    """Returns the standard deviation within groups (one per kind, a number per seed), unbiased in its square.

    Raises:
        ValueError: no group has two numbers.
    """
    squares = sum(float(np.var(group)) * len(group) for group in groups)
    freedom = sum(len(group) - 1 for group in groups)
    if freedom < 1:
        raise ValueError("groups: expected at least one with two numbers or more")
    return Spread((squares / freedom) ** 0.5, freedom)


def blocked_spread(groups: Sequence[Sequence[float]]) -> Spread:
    """Returns the standard deviation that is left when groups (kinds) and blocks (seeds) have means of
    their own (two-way analysis of variance).

    Groups have the same seeds in the same order. A seed may give every kind better first weights; that says
    nothing about a difference of kinds and is taken out.

    Raises:
        ValueError: there are fewer than two groups or two seeds, or their numbers differ.
    """
    table = np.array(groups, dtype=float) if len({len(group) for group in groups}) == 1 else np.empty(0)
    if table.ndim != 2 or min(table.shape) < 2:
        raise ValueError("groups: expected at least two, with the same two seeds or more in each")
    left = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    return Spread(float((left**2).sum() / freedom) ** 0.5, freedom)


def compare(numbers: Sequence[float], reference: Sequence[float], spread: Spread) -> Difference:
    """Returns the difference of a kind's mean to the reference's, and the size that chance explains.

    The size is from a two-sided t-test at 5 %.
    """
    error = spread.deviation * (1 / len(numbers) + 1 / len(reference)) ** 0.5
    return Difference(
        float(np.mean(numbers) - np.mean(reference)), float(t.ppf(0.975, spread.freedom)) * error
    )


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval, from ``low`` to ``high``."""

    mean: float
    low: float
    high: float


def gain_of(errors: Mapping[str, Sequence[float]], better: str, worse: str) -> Interval:
    """Returns by how much ``better`` has the smaller mean error than ``worse``, with the 95 % interval.

    ``errors`` has an error per seed, by the name of the kind; all kinds together tell the spread
    (:func:`blocked_spread`).
    """
    found = compare(errors[worse], errors[better], blocked_spread(list(errors.values())))
    return Interval(found.value, found.value - found.chance, found.value + found.chance)


def mean_interval(numbers: Sequence[float]) -> Interval:
    """Returns the mean of numbers and its 95 % interval, by Student's t.

    Raises:
        ValueError: there are fewer than two numbers.
    """
    if len(numbers) < 2:
        raise ValueError("numbers: expected at least two")
    mean, error = float(np.mean(numbers)), float(np.std(numbers, ddof=1)) / len(numbers) ** 0.5
    reach = float(t.ppf(0.975, len(numbers) - 1)) * error
    return Interval(mean, mean - reach, mean + reach)


def paired_difference(numbers: Sequence[float], reference: Sequence[float]) -> Interval:
    """Returns the mean difference of a kind to the reference, seed by seed, and its 95 % interval.

    Seeds are blocks: both lists have the same seeds in the same order, and what a seed does to both kinds
    alike cancels.

    Raises:
        ValueError: the lists differ in length or have fewer than two numbers.
    """
    return mean_interval([one - other for one, other in zip(numbers, reference, strict=True)])


def verdict(gain: Interval, unit: str) -> str:
    """Returns what a gain (positive: better) means: better by, worse by, or smaller than so many units.

    A gain whose interval holds zero is smaller than the end of the interval that lies further from zero.
    """
    if gain.low > 0:
        return f"better by {gain.low:.2f} to {gain.high:.2f} {unit}"
    if gain.high < 0:
        return f"worse by {-gain.high:.2f} to {-gain.low:.2f} {unit}"
    bound = math.ceil(100 * max(gain.high, -gain.low, 0.01)) / 100
    return f"smaller than {bound:.2f} {unit} (95 %)"
