"""The turn of a picture so that hands point up."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from handlib.geometry.turn import turn_matrix
from handlib.hand.skeleton import KNUCKLES
from handlib.hand.upright import turn_to_upright

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
