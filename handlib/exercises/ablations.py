"""Exercises of notebook 11, ablations."""

from math import comb
from typing import Any

import numpy as np
from scipy.stats import t

from handlib.exercises import Wrong, ask, exercise


@exercise("within_kinds")
def _within_kinds(answer: object) -> None:
    groups = [[10.0, 11.0], [20.0, 22.5, 21.0, 19.0], [5.0], [7.0, 7.4, 6.0]]
    got = float(ask(answer, [list(group) for group in groups], shape=()))
    squares = sum(np.var(group) * len(group) for group in groups)
    freedom = sum(len(group) - 1 for group in groups)
    if np.isclose(got, (squares / freedom) ** 0.5):
        return
    everything = np.concatenate(groups)
    if np.isclose(got, squares / freedom):
        raise Wrong("that is the variance; the deviation is its root")
    if np.isclose(got, (squares / len(everything)) ** 0.5):
        raise Wrong("each group's mean was estimated from its own numbers: it leaves one fewer of them free")
    if any(np.isclose(got, everything.std(ddof=ddof)) for ddof in (0, 1)):
        raise Wrong("that counts how far the kinds lie apart too; take deviations from each kind's own mean")
    if np.isclose(got, np.mean([np.std(group, ddof=1) for group in groups if len(group) > 1])):
        raise Wrong("pool the squares, not the deviations: larger groups know more, and roots don't add up")
    raise Wrong(
        "sum the squared deviations from each group's own mean, divide by the free ones, take the root"
    )


@exercise("gain_interval")
def _gain_interval(answer: object) -> None:
    cases = (
        ([10.0, 11.0], [20.0, 22.5], 0.5, 14),
        ([15.0, 14.0, 14.6], [14.8, 14.1, 14.9], 0.3, 6),
        ([3.0, 3.5, 2.0, 2.5], [2.0, 2.25, 2.5, 1.0], 1.2, 9),
    )
    for better, worse, deviation, freedom in cases:
        n, gain = len(better), float(np.mean(worse) - np.mean(better))
        scale = deviation * (2 / n) ** 0.5
        reach = t.ppf(0.975, freedom) * scale
        mistakes = (
            (-gain, reach, "the sign is turned: a gain is positive if the first kind's error is smaller"),
            (gain, -reach, "return the lower end first"),
            (gain, 1.96 * scale, "1.96 is for a known deviation; this one is estimated: take Student's t"),
            (gain, reach / 2**0.5, "both means are uncertain, and their variances add: 2 / n, not 1 / n"),
            (gain, t.ppf(0.95, freedom) * scale, "5 % are left on both sides together, half of them on each"),
            (
                gain,
                t.ppf(0.975, 2 * n - 2) * scale,
                "the deviation comes from all kinds: t has the freedom that is given",
            ),
            (gain, reach * n**0.5, "that is for single trainings; a mean of n is more certain by root n"),
        )
        got = ask(answer, list(better), list(worse), deviation, freedom, shape=(2,))
        if np.allclose(got, (gain - reach, gain + reach)):
            continue
        for middle, half, hint in mistakes:
            if np.allclose(got, (middle - half, middle + half)):
                raise Wrong(hint)
        raise Wrong("the gain is the difference of the means; to either side go t * deviation * root(2 / n)")


@exercise("all_better_by_chance")
def _all_better_by_chance(answer: object) -> None:
    for k, m in ((2, 2), (3, 3), (2, 4), (1, 1)):
        got = float(ask(answer, k, m, shape=()))
        if np.isclose(got, 1 / comb(k + m, k)):
            continue
        if np.isclose(got, 2 / comb(k + m, k)):
            raise Wrong("that counts A all better and A all worse; only the first was asked for")
        if np.isclose(got, 0.5 ** (k * m)):
            raise Wrong("the comparisons aren't independent: who has beaten one of B often beats others")
        raise Wrong("count the orders of k + m numbers in which A's come first, among all choices of places")


@exercise("worth_their_cost")
def _worth_their_cost(answer: object) -> None:
    cases = [
        ([1.0, 2.0, 3.0, 4.0], [5.0, 4.0, 4.5, 1.0], [0, 1, 3]),
        ([2.0, 2.0, 1.0], [3.0, 4.0, 9.0], [0, 2]),
        ([1.0, 1.0], [2.0, 2.0], [0, 1]),
    ]
    for costs, errors, expected in cases:
        got: Any = answer(list(costs), list(errors)) if callable(answer) else answer
        if got is None or got is ...:
            ask(answer, list(costs), list(errors), shape=())
        if sorted(got) == expected:
            continue
        if list(got) == [int(np.argmin(errors))]:
            raise Wrong("that is the best one; a worse one that is cheaper may be worth having too")
        if expected == [0, 1] and len(costs) == 2:
            raise Wrong("two kinds that are equal in both don't beat each other")
        raise Wrong("leave out a kind only if another is no worse in both and better in one")
