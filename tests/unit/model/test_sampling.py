"""Joint feature sampling against bilinear interpolation by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from handlib.model.sampling import sample_joints

MAP = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 4, 6)))


def bilinear_by_hand(feature_map: torch.Tensor, u: float, v: float) -> torch.Tensor:
    """Four pixels around a point of a (channels, height, width) map, weighted by nearness; zeros outside."""
    _, height, width = feature_map.shape
    x, y = (u + 1) / 2 * width - 0.5, (v + 1) / 2 * height - 0.5
    total = torch.zeros(len(feature_map), dtype=feature_map.dtype)
    for column in (math.floor(x), math.floor(x) + 1):
        for row in (math.floor(y), math.floor(y) + 1):
            if 0 <= column < width and 0 <= row < height:
                total += feature_map[:, row, column] * (1 - abs(x - column)) * (1 - abs(y - row))
    return total


def at(u: float, v: float, feature_map: torch.Tensor = MAP) -> torch.Tensor:
    uv = torch.tensor([[[u, v]]], dtype=torch.float64)
    return sample_joints(feature_map[:1], uv)[0, 0]


@settings(deadline=None)
@given(st.floats(-1.6, 1.6), st.floats(-1.6, 1.6))
def test_equals_bilinear_interpolation_by_hand(u: float, v: float):
    torch.testing.assert_close(at(u, v), bilinear_by_hand(MAP[0], u, v))


def test_a_pixels_centre_reads_the_pixel_and_u_is_the_column():
    # Column 4 of 6, row 1 of 4.
    torch.testing.assert_close(at((4 + 0.5) / 6 * 2 - 1, (1 + 0.5) / 4 * 2 - 1), MAP[0, :, 1, 4])


def test_fades_to_zero_at_the_border():
    ones = torch.ones(1, 1, 8, 8, dtype=torch.float64)
    pixel = 2 / 8
    places = [-1 + pixel / 2, -1.0, -1 - pixel / 4, -1 - pixel / 2, -1 - pixel]
    assert [at(u, 0, ones).item() for u in places] == [1, 0.5, 0.25, 0, 0]
    assert at(-1, -1, ones).item() == 0.25


@pytest.mark.parametrize("far", [1.5, 1e4, 1e5, 3e38, math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_far_outside_reads_zero_with_finite_gradients(far: float, dtype: torch.dtype):
    feature_map = torch.ones(1, 2, 4, 4, dtype=dtype, requires_grad=True)
    uv = torch.tensor([[[far, 0.0], [0.0, -far], [far, -far], [0.0, 0.0]]], requires_grad=True)
    sampled = sample_joints(feature_map, uv)
    assert not sampled[0, :3].any() and sampled[0, 3].all()
    sampled.float().sum().backward()
    assert uv.grad.isfinite().all() and feature_map.grad.isfinite().all()


def test_every_picture_is_read_at_its_own_points():
    uv = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (2, 5, 2)))
    sampled = sample_joints(MAP, uv)
    assert sampled.shape == (2, 5, 3)
    for b in range(2):
        for n in range(5):
            torch.testing.assert_close(sampled[b, n], bilinear_by_hand(MAP[b], *uv[b, n].tolist()))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_gradients_are_those_of_the_definition(seed: int):
    uv = torch.from_numpy(np.random.default_rng(seed).uniform(-1.2, 1.2, (1, 3, 2))).requires_grad_()
    feature_map = MAP[:1].clone().requires_grad_()
    assert torch.autograd.gradcheck(sample_joints, (feature_map, uv), eps=1e-7, atol=1e-4)
