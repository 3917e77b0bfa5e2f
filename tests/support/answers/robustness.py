import math

import numpy as np
import torch


def visible_shares(depth):
    meets = depth < torch.inf
    return ((depth == depth.amin(0)) & meets).sum(1) / meets.sum(1)


def nothing_given_to_the_first(depth):
    return (depth.argmin(0)[None] == torch.arange(len(depth))[:, None]).sum(1) / depth.isfinite().sum(1)


def farthest(depth):
    depth = depth.where(depth.isfinite(), -1.0)
    return ((depth == depth.amax(0)) & (depth >= 0)).sum(1) / (depth >= 0).sum(1)


def break_even(before, after):
    harm = np.asarray(after) - np.asarray(before)
    k = int(np.argmax(harm < 0))
    return float(np.interp(0, [-harm[k - 1], -harm[k]], [before[k - 1], before[k]]))


def line_through_all_points(before, after):
    slope, offset = np.polyfit(before, after, 1)
    return offset / (1 - slope)


def first_point_that_gains(before, after):
    return before[int(np.argmax(after < before))]


def middle_of_the_two(before, after):
    k = int(np.argmax(after < before))
    return (before[k - 1] + before[k]) / 2


def pairs_saved(old, new):
    return np.trace(np.cov(old, new)) / np.cov(old - new)


def pairs_needed(differences):
    return math.ceil(9 * differences.var(ddof=1) / differences.mean() ** 2)


SOLUTIONS = {
    "visible_shares": visible_shares,
    "break_even": break_even,
    "pairs_saved": pairs_saved,
    "pairs_needed": pairs_needed,
}
MISTAKES = {
    "visible_shares": [
        nothing_given_to_the_first,
        farthest,
        lambda depth: visible_shares(depth) * depth.isfinite().float().mean(1),
        lambda depth: 1 - visible_shares(depth),
        lambda depth: depth.isfinite().float().mean(1),
        lambda depth: torch.ones(len(depth)),
        lambda depth: visible_shares(depth)[:1],
    ],
    "break_even": [
        line_through_all_points,
        first_point_that_gains,
        middle_of_the_two,
        lambda before, after: float((after - before).mean()),
    ],
    "pairs_saved": [
        lambda old, new: 1 / pairs_saved(old, new),
        lambda old, new: math.sqrt(pairs_saved(old, new)),
        lambda old, new: old.var(ddof=1) / (old - new).var(ddof=1),
        lambda old, new: (old.std(ddof=1) + new.std(ddof=1)) ** 2 / (old - new).var(ddof=1),
        lambda old, new: len(old),
    ],
    "pairs_needed": [
        lambda d: math.ceil(3 * d.std(ddof=1) / abs(d.mean())),
        lambda d: math.ceil((d.std(ddof=1) / d.mean()) ** 2),
        lambda d: 9 * d.var(ddof=1) / d.mean() ** 2,
        len,
    ],
}
