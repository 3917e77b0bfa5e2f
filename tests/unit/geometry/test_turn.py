"""Turned pictures."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handlib.geometry.turn import turn_matrix, turn_picture

ANGLES = st.floats(-math.pi, math.pi)


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
