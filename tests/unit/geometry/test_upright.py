"""Turning pictures so that hands point up."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handlib.geometry.upright import turn_matrix, turn_picture, turn_to_upright
from handlib.hand.skeleton import KNUCKLES

ANGLES = st.floats(-math.pi, math.pi)


def pointing(*angles: float) -> torch.Tensor:
    """Returns two flat hands in the picture that point along angles; 0 is up, positive is clockwise."""
    hands = torch.zeros(2, 21, 2)
    for h, angle in enumerate(angles):
        hands[h, :] = torch.tensor([0.3, 0.1])
        hands[h, list(KNUCKLES)] += 0.2 * torch.tensor([math.sin(angle), -math.cos(angle)])
    return hands


@given(ANGLES, st.floats(-1.0, 1.0))
def test_the_turn_brings_the_mean_direction_up(angle: float, between: float):
    hands = pointing(angle - between, angle + between)
    turn = turn_to_upright(hands)
    turned = hands @ turn_matrix(turn)[:2, :2].T
    x, y = (turned[:, KNUCKLES].mean(1) - turned[:, 0]).sum(0).tolist()
    assert abs(x) < 1e-4 and y < 0


def test_hands_that_already_point_up_stay():
    assert float(turn_to_upright(pointing(0.0, 0.0)).abs()) < 1e-6
    assert float(turn_to_upright(pointing(0.5, -0.5)).abs()) < 1e-6


def test_opposite_directions_leave_the_picture_as_it_is():
    hands = torch.stack((pointing(0.0, 0.0)[0], 0.6 * torch.ones(21, 2) - pointing(0.0, 0.0)[0]))
    assert float(turn_to_upright(hands)) == 0


@pytest.mark.parametrize("quarters", range(4))
def test_quarter_turns_move_whole_pixels(quarters: int):
    picture = torch.rand(1, 2, 8, 8)
    turned = turn_picture(picture, torch.tensor([quarters * math.pi / 2]))
    # np.rot90 turns the other way: from y to x.
    torch.testing.assert_close(
        turned[0].numpy(), np.rot90(picture[0].numpy(), -quarters, axes=(1, 2)).copy(), atol=1e-5, rtol=1e-5
    )


@given(ANGLES)
def test_a_dot_moves_as_its_place_does(angle: float):
    size = 33
    ticks = (torch.arange(size) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    place = torch.tensor([0.4, -0.2])
    dot = (-((x - place[0]) ** 2 + (y - place[1]) ** 2) / 0.02).exp()
    turned = turn_picture(dot[None, None], torch.tensor([angle]))[0, 0]
    centre = torch.stack(((turned * x).sum(), (turned * y).sum())) / turned.sum()
    expected = turn_matrix(torch.tensor(angle))[:2, :2] @ place
    torch.testing.assert_close(centre, expected, atol=0.01, rtol=0)
