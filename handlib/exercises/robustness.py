"""Exercises of notebook 12, robustness."""

import math

import numpy as np
import torch

from handlib.exercises import Wrong, ask, exercise


@exercise("visible_shares")
def _visible_shares(answer: object) -> None:
    random = torch.Generator().manual_seed(2)
    for surfaces, rays in ((2, 9), (3, 40), (5, 60)):
        depth = torch.rand(surfaces, rays, generator=random)
        depth[torch.rand(surfaces, rays, generator=random) < 0.5] = torch.inf
        depth[:, 0], depth[:, 1:3] = torch.inf, torch.linspace(3, 2, surfaces)[:, None]
        meets, number = depth.isfinite(), torch.arange(surfaces)[:, None]
        nearest, of_each = depth.argmin(0) == number, meets.sum(1)
        first = (nearest & meets).sum(1)
        farthest = (depth.where(meets, -1).argmax(0) == number) & meets
        by_argmax = (depth.argmax(0) == number) & meets
        mistakes = (
            (nearest.sum(1) / of_each, "rays that miss everything were given to the first surface by argmin"),
            (first / rays, "divide by the rays that meet this surface, not by all rays"),
            (first / first.sum(), "divide by the rays that meet this surface, whatever lies in front of it"),
            (1 - first / of_each, "that is the hidden share"),
            (farthest.sum(1) / of_each, "the nearest surface hides the others, not the farthest"),
            (by_argmax.sum(1) / of_each, "the nearest surface hides the others: argmin, not argmax"),
        )
        got = ask(answer, depth.clone(), shape=(surfaces,))
        if np.allclose(got, first / of_each, atol=1e-6):
            continue
        for shares, hint in mistakes:
            if np.allclose(got, shares, atol=1e-6):
                raise Wrong(hint)
        raise Wrong("count the rays that meet the surface first, and divide by those that meet it at all")


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


@exercise("pairs_saved")
def _pairs_saved(answer: object) -> None:
    rng = np.random.default_rng(4)
    old = rng.normal(20, 8, size=30)
    new = old - rng.normal(2, 1, size=30)
    got = float(ask(answer, old.copy(), new.copy(), shape=()))
    apart, paired = old.var(ddof=1) + new.var(ddof=1), (old - new).var(ddof=1)
    if np.isclose(got, apart / paired):
        return
    if np.isclose(got, paired / apart):
        raise Wrong("upside down: pairing saves pairs, so the number is larger than 1")
    if np.isclose(got, math.sqrt(apart / paired)):
        raise Wrong("that is the ratio of the standard errors; the number of pairs sits under a root")
    if np.isclose(got, old.var(ddof=1) / paired):
        raise Wrong("on different pairs both networks bring their own uncertainty")
    if np.isclose(got, (old.std(ddof=1) + new.std(ddof=1)) ** 2 / paired):
        raise Wrong("variances of independent things add, deviations don't")
    raise Wrong("write both standard errors with their numbers of pairs, and set them equal")


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
