import math

import numpy as np


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


def paired_gain(old, new):
    gain = old - new
    return gain.mean(), gain.std(ddof=1) / math.sqrt(len(gain))


def as_if_other_pairs(old, new):
    return (old - new).mean(), math.sqrt((old.var(ddof=1) + new.var(ddof=1)) / len(old))


def deviation_of_single_pairs(old, new):
    return (old - new).mean(), (old - new).std(ddof=1)


def pairs_needed(differences):
    return math.ceil(9 * differences.var(ddof=1) / differences.mean() ** 2)


SOLUTIONS = {"break_even": break_even, "paired_gain": paired_gain, "pairs_needed": pairs_needed}
MISTAKES = {
    "break_even": [
        line_through_all_points,
        first_point_that_gains,
        middle_of_the_two,
        lambda before, after: float((after - before).mean()),
    ],
    "paired_gain": [
        as_if_other_pairs,
        deviation_of_single_pairs,
        lambda old, new: (-paired_gain(old, new)[0], paired_gain(old, new)[1]),
        lambda old, new: ((old - new).mean(), (old - new).std() / math.sqrt(len(old))),
        lambda old, new: (old.mean(), old.std(ddof=1) / math.sqrt(len(old))),
    ],
    "pairs_needed": [
        lambda d: math.ceil(3 * d.std(ddof=1) / abs(d.mean())),
        lambda d: math.ceil((d.std(ddof=1) / d.mean()) ** 2),
        lambda d: 9 * d.var(ddof=1) / d.mean() ** 2,
        len,
    ],
}
