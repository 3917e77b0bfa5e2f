"""The one-euro filter: numbers by hand, and what it must do to rest, noise, steps and turns."""

import math

import pytest
import roma
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from handlib.photos.one_euro import OneEuro, smooth_rotations, smooth_vectors
from handlib.utils.errors import InputError


def column(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)[:, None]


def about(axis: tuple[float, float, float], angles: Tensor) -> Tensor:
    return roma.rotvec_to_rotmat(torch.nn.functional.normalize(torch.tensor(axis).double(), dim=0) * angles)


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    return roma.rotmat_geodesic_distance(a, b)


@pytest.mark.parametrize(
    ("beta", "expected"),
    [(1 / math.pi, (0, 2 / 3, 2 / 3 + 11 / 17 / 3)), (0.0, (0, 1 / 2, 3 / 4, 7 / 8))],
)
def test_numbers_by_hand(beta: float, expected: tuple[float, ...]):
    """At 2 pi Hz a sample lasts as long as the time constant at 1 Hz: every filter begins with a half.

    0, 1, 1: the second sample's velocity is half of 1 x 2 pi, so pi; the cutoff 1 + beta pi = 2 for
    beta = 1 / pi, whose response is 2 / 3. The third: step 1/3, velocity pi + (2 pi / 3 - pi) / 2 = 5 pi / 6,
    cutoff 11 / 6, response 11 / 17.
    """
    found = smooth_vectors(column(0, 1, 1, 1), 2 * math.pi, OneEuro(1.0, beta, 1.0))
    torch.testing.assert_close(found[: len(expected)], column(*expected))


def test_rest_stays_at_rest():
    values = torch.tensor([0.3, -2.0, 5.0]).expand(20, 2, 3)
    torch.testing.assert_close(smooth_vectors(values, 10.0, OneEuro()), values)
    turn = about((1, 2, 3), torch.full((20, 1), 3.1, dtype=torch.float64))
    torch.testing.assert_close(smooth_rotations(turn, 10.0, OneEuro()), turn)


def test_a_vector_is_smoothed_alike_in_all_directions():
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(30, 3, generator=generator, dtype=torch.float64)
    turn = about((1, 2, 3), torch.tensor(1.0))
    turned_first = smooth_vectors(values @ turn.T, 10.0, OneEuro())
    torch.testing.assert_close(turned_first, smooth_vectors(values, 10.0, OneEuro()) @ turn.T)


def test_turns_about_one_axis_are_smoothed_as_their_angles():
    angles = column(*[0.3 * math.sin(k / 3) for k in range(40)])
    turned = smooth_rotations(about((2, -1, 0.5), angles), 10.0, OneEuro())
    expected = smooth_vectors(angles, 10.0, OneEuro())
    torch.testing.assert_close(turned, about((2, -1, 0.5), expected))


def test_a_turn_across_pi_goes_on():
    """Rotation vectors jump from +pi to -pi there; the filtered rotation lags a little and never flips."""
    angles = torch.linspace(math.pi - 1, math.pi + 1, 41, dtype=torch.float64)[:, None]
    turning = about((0, 0, 1), angles)
    found = smooth_rotations(turning, 20.0, OneEuro(1.0, 5.0))
    assert angle_between(found, turning).max() < 0.15
    steps = angle_between(found[1:], found[:-1])
    assert steps.max() < 0.06


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.floats(0.1, 10), st.floats(0, 5), st.floats(1, 120))
def test_whatever_comes_in_rotations_come_out(seed: int, cutoff: float, beta: float, rate: float):
    generator = torch.Generator().manual_seed(seed)
    turns = roma.random_rotmat((12, 2), generator=generator, dtype=torch.float64)
    found = smooth_rotations(turns, rate, OneEuro(cutoff, beta))
    identity = torch.eye(3, dtype=torch.float64).expand_as(found)
    torch.testing.assert_close(found @ found.transpose(-1, -2), identity, atol=1e-9, rtol=0)
    torch.testing.assert_close(smooth_rotations(turns[:, 1], rate, OneEuro(cutoff, beta)), found[:, 1])
    # Filtering before or after a change of frame is the same.
    frame = roma.random_rotmat(generator=generator, dtype=torch.float64)
    torch.testing.assert_close(
        smooth_rotations(frame @ turns, rate, OneEuro(cutoff, beta)), frame @ found, atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("wrong", [{"min_cutoff": 0.0}, {"beta": -1.0}, {"derivative_cutoff": math.nan}])
def test_what_is_no_filter(wrong: dict):
    with pytest.raises(InputError, match=f"{next(iter(wrong))}: expected"):
        OneEuro(**wrong)
