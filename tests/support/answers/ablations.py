from math import comb

import numpy as np
from scipy.stats import t


def within_kinds(groups):
    squares = sum(sum((x - np.mean(group)) ** 2 for x in group) for group in groups)
    return (squares / sum(len(group) - 1 for group in groups)) ** 0.5


def worth_their_cost(costs, errors, strictly=False):
    def beaten(i):
        return any(
            costs[j] <= costs[i]
            and errors[j] <= errors[i]
            and (strictly or (costs[j], errors[j]) != (costs[i], errors[i]))
            for j in range(len(costs))
            if j != i
        )

    return [i for i in range(len(costs)) if not beaten(i)]


def gain_interval(better, worse, deviation, freedom, sign=1, share=2, quantile=None):
    n = len(better)
    assert n == len(worse)
    gain = sign * sum(w - b for b, w in zip(better, worse, strict=True)) / n
    half = (quantile or t.interval(0.95, freedom)[1]) * deviation * np.sqrt(share / n)
    return gain - half, gain + half


SOLUTIONS = {
    "gain_interval": gain_interval,
    "within_kinds": within_kinds,
    "all_better_by_chance": lambda k, m: 1 / comb(k + m, k),
    "worth_their_cost": worth_their_cost,
}
MISTAKES = {
    "gain_interval": [
        lambda *given: gain_interval(*given, sign=-1),
        lambda *given: gain_interval(*given)[::-1],
        lambda *given: gain_interval(*given, quantile=1.96),
        lambda *given: gain_interval(*given, share=1),
        lambda *given: gain_interval(*given, quantile=t.ppf(0.95, given[3])),
        lambda *given: gain_interval(*given, quantile=t.ppf(0.975, 2 * len(given[0]) - 2)),
        lambda *given: gain_interval(*given, share=2 * len(given[0])),
        lambda *given: gain_interval(*given, quantile=1.0),
        lambda *given: gain_interval(*given)[0],
    ],
    "within_kinds": [
        lambda groups: within_kinds(groups) ** 2,
        lambda groups: (sum(np.var(g) * len(g) for g in groups) / sum(map(len, groups))) ** 0.5,
        lambda groups: np.concatenate(groups).std(ddof=1),
        lambda groups: np.mean([np.std(g, ddof=1) for g in groups if len(g) > 1]),
        lambda groups: 0.0,
    ],
    "all_better_by_chance": [
        lambda k, m: 2 / comb(k + m, k),
        lambda k, m: 0.5 ** (k * m),
        lambda k, m: 0.05,
    ],
    "worth_their_cost": [
        lambda costs, errors: [int(np.argmin(errors))],
        lambda costs, errors: worth_their_cost(costs, errors, strictly=True),
        lambda costs, errors: list(range(len(costs))),
    ],
}
