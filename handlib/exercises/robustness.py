"""Exercises of notebook 12, robustness."""

import math

import numpy as np

from handlib.exercises import Wrong, ask, exercise


@exercise("break_even")
def _break_even(answer: object) -> None:
    curves = (
        ([0.0, 4.0, 10.0, 20.0], [3.0, 5.0, 8.0, 13.0]),
        ([0.0, 5.0, 6.0, 30.0], [5.0, 6.0, 6.2, 28.0]),
        ([0.0, 1.0, 2.0, 3.0, 9.0], [2.0, 2.1, 2.5, 2.9, 8.0]),
    )
    for before, after in (map(np.array, curve) for curve in curves):
        harm = after - before
        k = int(np.argmax(harm < 0))
        share = harm[k - 1] / (harm[k - 1] - harm[k])
        wanted = before[k - 1] + share * (before[k] - before[k - 1])
        got = float(ask(answer, before.copy(), after.copy(), shape=()))
        if np.isclose(got, wanted):
            continue
        if got in before:
            raise Wrong("that is one of the measured points; the break-even lies between two of them")
        if np.isclose(got, (before[k - 1] + before[k]) / 2):
            raise Wrong("the middle of the two points is a guess; where does the straight line cross zero?")
        slope, offset = np.polyfit(before, after, 1)
        if np.isclose(got, offset / (1 - slope)):
            raise Wrong(
                "one line through all points isn't the curve; take the two points around the crossing"
            )
        raise Wrong("find the two neighbours between which after minus before changes its sign")


@exercise("paired_gain")
def _paired_gain(answer: object) -> None:
    rng = np.random.default_rng(4)
    old = rng.normal(20, 8, size=30)
    new = old - rng.normal(2, 1, size=30)
    mean, error = ask(answer, old.copy(), new.copy(), shape=(2,))
    gain = old - new
    if np.isclose(mean, -gain.mean()):
        raise Wrong("a gain is positive where the new error is smaller")
    if not np.isclose(mean, gain.mean()):
        raise Wrong("the mean gain is the mean of old minus new")
    wanted = gain.std(ddof=1) / math.sqrt(len(gain))
    if np.isclose(error, wanted):
        return
    if np.isclose(error, gain.std(ddof=1)):
        raise Wrong("that is the deviation of single pairs; the mean of n of them is more certain")
    if np.isclose(error, math.sqrt((old.var(ddof=1) + new.var(ddof=1)) / len(gain))):
        raise Wrong("that treats old and new as different pairs; what both share cancels in the difference")
    if np.isclose(error, gain.std() / math.sqrt(len(gain))):
        raise Wrong("the deviation takes n - 1 here")
    raise Wrong("take the deviation of the differences and divide it by the root of their number")


@exercise("pairs_needed")
def _pairs_needed(answer: object) -> None:
    for seed, shift, spread in ((1, 1.0, 4.0), (2, -0.5, 1.5), (3, 2.0, 1.0)):
        differences = np.random.default_rng(seed).normal(shift, spread, size=12)
        ratio = 3 * differences.std(ddof=1) / abs(differences.mean())
        got = float(ask(answer, differences.copy(), shape=()))
        if got == math.ceil(ratio**2):
            continue
        if np.isclose(got, ratio**2):
            raise Wrong("pairs come whole: the next whole number above")
        if got in (math.ceil(ratio), math.ceil(-ratio)):
            raise Wrong("the number of pairs sits under a root; solve for it")
        if got == math.ceil((ratio / 3) ** 2):
            raise Wrong("one standard error isn't enough; three are asked for")
        raise Wrong("set the mean equal to three times deviation over root n, and solve for n")
