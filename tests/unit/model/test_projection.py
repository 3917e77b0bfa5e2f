"""Multi-plane feature projection: masks by hand, the order of planes, literal against factorised."""

import math
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from handlib.hand.skeleton import BONES
from handlib.model.projection import (
    MultiPlaneProjection,
    Projection,
    bone_masks,
    conv_of_masks,
    joint_masks,
    plane_count,
    planes_then_conv,
    project_planes,
)

PROJECTIONS = get_args(Projection)
CHANNELS, OUT, SIZE = 3, 4, 6
PIXEL = 2 / SIZE
FAR = 40.0


def random(*shape: int, seed: int = 0, low: float = -1, high: float = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape))


def uv_of(pixels: dict[int, tuple[float, float]], size: int, hand: int = 0) -> torch.Tensor:
    """Joints at the given map pixels (x, y), all others of both hands far outside, in one place."""
    uv = torch.full((1, 2, 21, 2), FAR, dtype=torch.float64)
    for joint, place in pixels.items():
        uv[0, hand, joint] = torch.tensor(place, dtype=torch.float64) * 2 / size - 1
    return uv


def test_a_bone_by_hand():
    # From pixel centre (0.5, 1.5) to (3.5, 1.5) on a map of 4 x 4, a pixel wide to either side.
    start, end = bone_masks(uv_of({1: (0.5, 1.5), 2: (3.5, 1.5)}, 4), 4, half_width=0.5)[0, 0, 1]
    row = torch.tensor([1, 2 / 3, 1 / 3, 0], dtype=torch.float64)
    nothing = torch.zeros(4, dtype=torch.float64)
    # The neighbouring rows are a whole pixel away, which isn't closer than a pixel.
    torch.testing.assert_close(start, torch.stack((nothing, row, nothing, nothing)), atol=1e-5, rtol=0)
    torch.testing.assert_close(end, torch.stack((nothing, 1 - row, nothing, nothing)), atol=1e-5, rtol=0)


def test_a_bone_has_round_ends():
    # A bone from (3, 4) to (5, 4) on a map of 8 x 8 that reaches 2 pixels to every side.
    drawn = bone_masks(uv_of({1: (3, 4), 2: (5, 4)}, 8), 8, half_width=0.5)[0, 0, 1].sum(0) > 0
    expected = torch.zeros(8, 8, dtype=torch.bool)
    for row in range(8):
        for column in range(8):
            x, y = column + 0.5, row + 0.5
            expected[row, column] = math.hypot(x - min(max(x, 3), 5), y - 4) < 2
    assert drawn.equal(expected)
    assert drawn.sum() == 12 + 2 * 4


def test_both_ends_shares_sum_to_one_wherever_a_bone_is_drawn():
    masks = bone_masks(random(2, 2, 21, 2), 16, 0.125)
    drawn = masks.sum(3)
    torch.testing.assert_close(drawn, (drawn > 0).double(), atol=1e-5, rtol=0)
    assert drawn.any()


@pytest.mark.parametrize("masks", [bone_masks, joint_masks])
@pytest.mark.parametrize(("half_width", "pixels"), [(1, 4), (2, 12), (3, 32)])
def test_a_point_is_a_disc(masks: Callable[..., torch.Tensor], half_width: int, pixels: int):
    # All joints in one pixel corner: bones of no length.
    corner = torch.zeros(1, 2, 21, 2, dtype=torch.float64)
    drawn = masks(corner, 8, half_width * 2 / 8).sum(3) > 0
    assert (drawn.sum((-2, -1)) == pixels).all()


def test_x_is_the_column():
    masks = joint_masks(uv_of({7: (5.5, 2.5)}, 8), 8, 0.125)
    assert masks.nonzero().tolist() == [[0, 0, 7, 0, 2, 5]]


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.25, 0.25), (1 / 6, 1 / 6)])
@pytest.mark.parametrize("projection", PROJECTIONS)
def test_a_bone_of_no_length_is_finite_forward_and_backward(
    projection: Projection, place: tuple[float, float]
):
    # Joints that fall together, once on a pixel's centre.
    uv = torch.tensor(place).expand(1, 2, 21, 2).clone().requires_grad_()
    features = torch.ones(1, 2, 21, CHANNELS, requires_grad=True)
    planes = project_planes(features, uv, SIZE, PIXEL, projection)
    weight, bias = torch.ones(OUT, plane_count(projection) * CHANNELS, 3, 3), torch.zeros(OUT)
    mapped = conv_of_masks(features, uv, SIZE, PIXEL, weight, bias, projection)
    assert planes.any() and planes.isfinite().all() and mapped.isfinite().all()
    (planes.sum() + mapped.sum()).backward()
    assert features.grad.isfinite().all()
    assert projection == "joint" or uv.grad.isfinite().all()


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_nothing_is_drawn_of_hands_outside_the_picture(projection: Projection):
    for far in (3.0, 1e4, 1e18):
        uv = torch.full((1, 2, 21, 2), far)
        assert not project_planes(torch.ones(1, 2, 21, CHANNELS), uv, SIZE, PIXEL, projection).any()


def test_bone_planes_are_left_before_right_bone_major_then_channel():
    features = random(1, 2, 21, CHANNELS)
    uv = random(1, 2, 21, 2, seed=1)
    planes = project_planes(features, uv, SIZE, PIXEL)
    assert planes.shape == (1, 40, CHANNELS, SIZE, SIZE)
    masks = bone_masks(uv, SIZE, PIXEL)
    for hand in range(2):
        for k, (a, b) in enumerate(BONES):
            start, end = masks[0, hand, k]
            by_hand = [
                features[0, hand, a, c] * start + features[0, hand, b, c] * end for c in range(CHANNELS)
            ]
            torch.testing.assert_close(planes[0, 20 * hand + k], torch.stack(by_hand))


def test_joint_planes_are_left_before_right_joint_major():
    features, uv = random(1, 2, 21, CHANNELS), random(1, 2, 21, 2, seed=1)
    planes = project_planes(features, uv, SIZE, PIXEL, "joint")
    assert planes.shape == (1, 42, CHANNELS, SIZE, SIZE)
    masks = joint_masks(uv, SIZE, PIXEL)[0, :, :, 0]
    for hand, joint in ((0, 0), (0, 20), (1, 3)):
        expected = features[0, hand, joint, :, None, None] * masks[hand, joint]
        torch.testing.assert_close(planes[0, 21 * hand + joint], expected)


def test_the_single_plane_is_the_sum_of_all_bones():
    features, uv = random(2, 2, 21, CHANNELS), random(2, 2, 21, 2, seed=1)
    single = project_planes(features, uv, SIZE, PIXEL, "single")
    torch.testing.assert_close(single, project_planes(features, uv, SIZE, PIXEL).sum(1, keepdim=True))


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_a_convolution_weight_meets_its_plane_and_channel(projection: Projection):
    features, uv = random(1, 2, 21, CHANNELS), random(1, 2, 21, 2, seed=1)
    planes = project_planes(features, uv, SIZE, PIXEL, projection).flatten(1, 2)
    pick = torch.eye(planes.shape[1], dtype=torch.float64)[..., None, None]
    mapped = conv_of_masks(
        features, uv, SIZE, PIXEL, pick, torch.zeros(len(pick), dtype=torch.float64), projection
    )
    torch.testing.assert_close(mapped, planes)


@pytest.mark.parametrize("projection", PROJECTIONS)
@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 3), st.floats(0.05, 1.2))
def test_literal_and_factorised_form_agree(
    projection: Projection, seed: int, spread: float, half_width: float
):
    """Values and gradients, with joints in the picture and outside."""
    inputs = (
        random(2, 2, 21, CHANNELS, seed=seed),
        spread * random(2, 2, 21, 2, seed=seed + 1),
        random(OUT, plane_count(projection) * CHANNELS, 3, 3, seed=seed + 2),
        random(OUT, seed=seed + 3),
    )
    for tensor in inputs:
        tensor.requires_grad_()
    features, uv, weight, bias = inputs
    literal = planes_then_conv(project_planes(features, uv, SIZE, half_width, projection), weight, bias)
    factorised = conv_of_masks(features, uv, SIZE, half_width, weight, bias, projection)
    torch.testing.assert_close(factorised, literal, atol=1e-10, rtol=1e-8)

    upstream = random(*literal.shape, seed=seed + 4)
    wanted = [x for x in inputs if not (projection == "joint" and x is uv)]
    gradients = [
        torch.autograd.grad(out, wanted, upstream, retain_graph=True) for out in (literal, factorised)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_both_forms_agree_in_single_precision(projection: Projection):
    features, uv = random(2, 2, 21, 16).float(), random(2, 2, 21, 2, seed=1).float()
    weight = random(8, plane_count(projection) * 16, 3, 3, seed=2).float() / 40
    bias = random(8, seed=3).float()
    literal = planes_then_conv(project_planes(features, uv, 16, 0.125, projection), weight, bias)
    factorised = conv_of_masks(features, uv, 16, 0.125, weight, bias, projection)
    torch.testing.assert_close(factorised, literal, atol=1e-5 * literal.abs().max().item(), rtol=0)


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_the_module_is_projection_convolution_norm_and_mix(projection: Projection):
    module = MultiPlaneProjection(CHANNELS, OUT, PIXEL, projection).double()
    features, uv = random(2, 2, 21, CHANNELS), random(2, 2, 21, 2, seed=1)
    planes = project_planes(features, uv, SIZE, PIXEL, projection).flatten(1, 2)
    expected = module.mix(module.norm(module.gather(planes)).relu())
    torch.testing.assert_close(module(features, uv, SIZE), expected)


def test_pictures_of_a_batch_dont_mix():
    features, uv = random(3, 2, 21, CHANNELS), random(3, 2, 21, 2, seed=1)
    weight, bias = random(OUT, 40 * CHANNELS, 3, 3, seed=2), random(OUT, seed=3)
    together = conv_of_masks(features, uv, SIZE, PIXEL, weight, bias)
    for b in range(3):
        alone = conv_of_masks(features[b : b + 1], uv[b : b + 1], SIZE, PIXEL, weight, bias)
        torch.testing.assert_close(together[b : b + 1], alone)
