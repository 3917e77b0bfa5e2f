"""Exercises of notebook 10, evaluation."""

import numpy as np

from handlib.exercises import Wrong, ask, exercise


@exercise("best_factor")
def _best_factor(answer: object) -> None:
    rng = np.random.default_rng(10)
    true = rng.normal(size=(21, 3)) + 4
    estimated = 0.6 * true + 0.3 * rng.normal(size=(21, 3)) - 7
    got = float(ask(answer, estimated.copy(), true.copy(), shape=()))
    p, t = estimated - estimated[0], true - true[0]
    if np.isclose(got, (p * t).sum() / (p * p).sum()):
        return
    if np.isclose(got, (estimated * true).sum() / (estimated**2).sum()):
        raise Wrong("both hands are seen from their wrist: subtract joint 0 of each first")
    if np.isclose(got, (p * t).sum() / (t * t).sum()):
        raise Wrong("that factor scales the truth onto the estimate; the estimate is what is scaled")
    if np.isclose(got, np.linalg.norm(t) / np.linalg.norm(p)):
        raise Wrong("equal sizes aren't nearest: where the directions differ, a smaller hand is less wrong")
    if np.isclose(got, np.linalg.norm(t[9]) / np.linalg.norm(p[9])):
        raise Wrong("that trusts one bone; here all joints have a say")
    raise Wrong("write the sum out as a quadratic in s and find where its derivative is zero")


@exercise("error_of_difference")
def _error_of_difference(answer: object) -> None:
    rng = np.random.default_rng(11)
    difficulty = rng.gamma(2.0, 5.0, size=40)
    first, second = difficulty + rng.normal(size=40), difficulty + rng.normal(size=40) - 0.4
    got = float(ask(answer, first.copy(), second.copy(), shape=()))
    difference = first - second
    if np.isclose(got, difference.std(ddof=1) / np.sqrt(40)):
        return
    if np.isclose(got, np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 40), rtol=0.05):
        raise Wrong("that is for two networks on different pairs; take the difference pair by pair")
    if np.isclose(got, difference.std(ddof=0) / np.sqrt(40)):
        raise Wrong("divide the squared deviations by n - 1: the mean was estimated from the same numbers")
    if np.isclose(got, difference.std(ddof=1), rtol=0.05):
        raise Wrong("that is the spread of one pair's difference; the mean of n of them is surer than that")
    raise Wrong("take the difference of every pair, its standard deviation, and what a mean of n makes of it")


@exercise("area_between")
def _area_between(answer: object) -> None:
    rng = np.random.default_rng(12)
    errors = np.concatenate((rng.uniform(0, 80, size=50), [0.0, 20.0, 50.0]))
    for low, high in ((20.0, 50.0), (0.0, 50.0), (10.0, 60.0)):
        got = float(ask(answer, errors.copy(), low, high, shape=()))
        if np.isclose(got, np.clip((high - errors) / (high - low), 0, 1).mean(), atol=1e-9):
            continue
        if np.isclose(got, (1 - errors / high).clip(0).mean()):
            raise Wrong("that is the area from 0; the range begins at low and is high - low wide")
        if np.isclose(got, ((high - errors) / (high - low)).clip(min=0).mean()):
            raise Wrong("no error can contribute more than 1, however far below low it lies")
        if np.isclose(got, ((high - errors) / (high - low)).mean()):
            raise Wrong("an error beyond high contributes nothing, not less than nothing")
        ends = [(errors <= limit).mean() for limit in (low, high)]
        if np.isclose(got, np.mean(ends)):
            raise Wrong("the curve isn't straight between the limits; think of what each error contributes")
        raise Wrong("for which part of the range from low to high is one error within the threshold?")
