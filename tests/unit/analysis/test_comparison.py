"""Differences between kinds of training against the spread of seeds."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind, ttest_rel

from handlib.analysis.comparison import (
    Interval,
    Spread,
    blocked_spread,
    compare,
    gain_of,
    mean_interval,
    paired_difference,
    pooled_spread,
    verdict,
)


def test_pooled_spread_of_pairs_by_hand():
    # Two seeds that differ by d have the variance d² / 2: (0.5 + 2) / 2.
    spread = pooled_spread([[10.0, 11.0], [20.0, 22.0], [5.0]])
    assert spread.deviation == pytest.approx(1.25**0.5)
    assert spread.freedom == 2


def test_two_groups_are_compared_as_by_the_t_test():
    rng = np.random.default_rng(0)
    for _ in range(50):
        first, other = rng.normal(0, 1, 4).tolist(), rng.normal(1.5, 1, 3).tolist()
        difference = compare(other, first, pooled_spread([first, other]))
        assert difference.value == pytest.approx(np.mean(other) - np.mean(first))
        assert difference.clear == (ttest_ind(first, other).pvalue < 0.05)


def test_more_seeds_and_more_freedom_leave_less_to_chance():
    few = compare([1.0, 1.0], [0.0, 0.0], Spread(1.0, 3))
    assert compare([1.0] * 8, [0.0] * 8, Spread(1.0, 3)).chance == pytest.approx(few.chance / 2)
    assert compare([1.0, 1.0], [0.0, 0.0], Spread(1.0, 14)).chance < few.chance


def test_a_spread_needs_two_seeds_of_something():
    with pytest.raises(ValueError, match="expected at least one with two numbers"):
        pooled_spread([[1.0], [2.0]])


def test_blocked_spread_takes_out_what_a_seed_does_to_all_kinds():
    kinds, seeds = np.array([[1.0], [2.0], [5.0]]), np.array([[0.0, 10.0, -3.0]])
    assert blocked_spread((kinds + seeds).tolist()).deviation == pytest.approx(0)
    noise = np.random.default_rng(0).normal(0, 0.5, (200, 3))
    spread = blocked_spread((np.arange(200)[:, None] + seeds + noise).tolist())
    assert spread.deviation == pytest.approx(0.5, rel=0.1)
    assert spread.freedom == 199 * 2


@pytest.mark.parametrize("groups", [[[1.0, 2.0]], [[1.0], [2.0]], [[1.0, 2.0], [3.0, 4.0, 5.0]]])
def test_blocks_need_two_kinds_with_the_same_seeds(groups):
    with pytest.raises(ValueError, match="same two seeds"):
        blocked_spread(groups)


def test_a_mean_has_students_interval():
    numbers = [3.0, 4.0, 8.0]
    interval = mean_interval(numbers)
    expected = ttest_1samp(numbers, 0).confidence_interval(0.95)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((5.0, expected.low, expected.high))


def test_pairing_takes_out_what_a_seed_does_to_both():
    rng = np.random.default_rng(0)
    for _ in range(50):
        seeds = rng.normal(0, 100, 4)
        first, other = (seeds + rng.normal(mean, 1, 4) for mean in (0, 2))
        interval = paired_difference(other.tolist(), first.tolist())
        assert (interval.low > 0 or interval.high < 0) == (ttest_rel(other, first).pvalue < 0.05)
        shifted = paired_difference((other + 7 * seeds).tolist(), (first + 7 * seeds).tolist())
        assert shifted.mean == pytest.approx(interval.mean)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        (Interval(2.0, 1.5, 2.5), "better by 1.50 to 2.50 mm"),
        (Interval(-2.0, -2.5, -1.5), "worse by 1.50 to 2.50 mm"),
        (Interval(0.1, -0.2, 0.401), "smaller than 0.41 mm (95 %)"),
        (Interval(-0.1, -0.4, 0.2), "smaller than 0.40 mm (95 %)"),
        (Interval(0.0, 0.0, 0.0), "smaller than 0.01 mm (95 %)"),
    ],
)
def test_a_verdict_is_told_from_the_interval(interval, said):
    assert verdict(interval, "mm") == said


def test_intervals_need_two_seeds_and_pairs():
    with pytest.raises(ValueError, match="at least two"):
        mean_interval([1.0])
    with pytest.raises(ValueError, match="shorter"):
        paired_difference([1.0, 2.0, 3.0], [1.0, 2.0])


def test_a_gain_is_the_difference_with_the_spread_of_all_kinds():
    errors = {"a": [1.0, 1.2], "b": [2.0, 2.1], "c": [5.0, 5.3]}
    difference = compare(errors["b"], errors["a"], blocked_spread(list(errors.values())))
    gain = gain_of(errors, "a", "b")
    assert gain.mean == pytest.approx(0.95)
    assert (gain.high - gain.low) / 2 == pytest.approx(difference.chance)
    assert gain_of(errors, "b", "a").mean == pytest.approx(-gain.mean)
