"""Reading joints back from planes: errors with known values, and shares that name their joints."""

from typing import get_args

import numpy as np
import pytest
import torch

from handlib.analysis.projection import meeting_tips, plane_shares, read_back_error, seen_at_joints
from handlib.hand.skeleton import joint_index
from handlib.model.projection import Projection, plane_count

SIZE, HALF_WIDTH = 16, 0.125
TIP = joint_index("index4")


def test_what_is_not_seen_is_lost_and_what_is_alone_is_not():
    seen = torch.tensor([[[1.0, 0, 0], [0, 0.2, 0]]])
    torch.testing.assert_close(read_back_error(seen), torch.tensor([[0.0, 0, 1]]).double())


def test_error_is_that_of_the_fitted_reader():
    g = np.random.default_rng(0)
    shares, features = g.uniform(size=(3, 5)), g.normal(size=(5, 100_000))
    seen = shares @ features
    fitted = features @ seen.T @ np.linalg.inv(seen @ seen.T)
    missed = ((fitted @ seen - features) ** 2).mean(1) / (features**2).mean(1)
    errors = read_back_error(torch.from_numpy(shares)[None].float())[0]
    np.testing.assert_allclose(errors, missed, atol=0.01)


@pytest.mark.parametrize("projection", get_args(Projection))
def test_shares_of_a_drawn_pixel_name_their_joints(projection):
    uv = torch.full((2, 21, 2), 0.9)
    uv[0, TIP] = -1 / SIZE
    shares = plane_shares(uv, SIZE, HALF_WIDTH, projection)
    assert shares.shape == (plane_count(projection), 42, SIZE, SIZE)
    at_left_tip = shares[:, :, 7, 7].sum(0)
    expected = torch.zeros(42)
    expected[TIP] = 1
    torch.testing.assert_close(at_left_tip, expected, atol=1e-5, rtol=0)


def test_a_joint_outside_the_map_sees_nothing():
    uv = torch.from_numpy(np.random.default_rng(0).uniform(-0.95, 0.95, (2, 21, 2))).float()
    uv[1, 5] = torch.tensor([1.01, 0.0])
    seen = seen_at_joints(plane_shares(uv, SIZE, 0.5, "joint"), uv)
    assert not seen[21 + 5].any()
    assert seen[torch.arange(42) != 21 + 5].flatten(1).any(1).all()


@pytest.mark.parametrize("gap", [0.0, 2.5])
def test_meeting_tips_are_the_gap_apart_and_all_other_joints_outside(gap):
    pixels = (meeting_tips(gap, count=50, size=SIZE) + 1) / 2 * SIZE
    left, right = pixels[:, :, TIP].unbind(1)
    torch.testing.assert_close((left - right).norm(dim=-1), torch.full((50,), gap), atol=1e-4, rtol=0)
    assert (left.floor() == SIZE // 2).all()
    lengths = (pixels[:, :, TIP] - pixels[:, :, TIP - 1]).norm(dim=-1)
    torch.testing.assert_close(lengths, torch.full((50, 2), 3.0), atol=1e-4, rtol=0)
    others = [joint for joint in range(21) if joint not in (TIP - 1, TIP)]
    assert (pixels[:, :, others] > 2 * SIZE).all()
