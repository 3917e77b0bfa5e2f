"""Predictions of turned pictures."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.random_pairs import HANDS

from handlib.geometry.camera import project_weak_perspective
from handlib.geometry.turn import turn_matrix, turn_picture
from handlib.hand.hand import HandParams, Hands
from handlib.hand.skeleton import SIDES
from handlib.hand.upright import turn_to_upright
from handlib.model.config import DIRConfig
from handlib.model.estimate import Estimate, decode, turned
from handlib.model.joint_maps import JointMaps
from handlib.model.network import DIR
from handlib.utils.errors import InputError

MODELS = Hands(dict(zip(SIDES, HANDS, strict=True)))


def some_estimate() -> Estimate:
    """Returns an estimate of two random hands."""
    generator = torch.Generator().manual_seed(3)
    vectors = 0.3 * torch.randn(1, 2, 64, generator=generator)
    vectors[..., :6] += torch.tensor([1.0, 0, 0, 0, 1, 0])
    return decode(vectors, torch.tensor([[0.5, -0.3, 0.2]]), MODELS, log_scale=True)


@settings(max_examples=20, deadline=None)
@given(st.floats(-math.pi, math.pi))
def test_a_turned_estimate_is_the_estimate_of_the_turned_numbers(angle: float):
    estimate = some_estimate()
    got = turned(estimate, torch.tensor([angle]))
    again = decode(got.params.to_vector(), got.offset, MODELS, log_scale=True)
    for name in ("camera", "joints", "vertices", "uv", "vertex_uv"):
        torch.testing.assert_close(getattr(got, name), getattr(again, name), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(got.uv, project_weak_perspective(got.joints, got.camera), atol=1e-5, rtol=1e-4)
    flat = turn_matrix(torch.tensor(angle))[:2, :2]
    torch.testing.assert_close(got.uv, estimate.uv @ flat.T)
    assert isinstance(got.params, HandParams)


def test_turned_back_an_estimate_is_as_before():
    estimate, angle = some_estimate(), torch.tensor([0.7])
    back = turned(turned(estimate, angle), -angle)
    for name in ("camera", "joints", "vertices", "uv", "vertex_uv", "offset"):
        torch.testing.assert_close(getattr(back, name), getattr(estimate, name), atol=1e-6, rtol=1e-5)


def test_an_upright_network_answers_for_the_picture_as_it_was():
    torch.manual_seed(0)
    network = DIR(DIRConfig.wild()).eval()
    size = network.config.image_size
    image = torch.nn.functional.interpolate(torch.randn(2, 3, 7, 7), size=(size, size), mode="bilinear")
    with torch.no_grad():
        glance = network.joint_maps(image)
        turn = turn_to_upright(glance.located.uv)
        prediction = network(image)
        seen = network.trace(turn_picture(image, turn), glance.turned(turn)).prediction
        plain = network.trace(image).prediction
    assert turn.abs().min() > 0.1
    torch.testing.assert_close(prediction.turned(turn).final.joints, seen.final.joints, atol=1e-5, rtol=1e-4)
    assert prediction.located is not None and seen.located is not None
    torch.testing.assert_close(
        prediction.located.turned(turn).places, seen.located.places, atol=1e-5, rtol=1e-4
    )
    assert (prediction.final.uv - plain.final.uv).abs().max() > 1e-3
    network.config = replace(network.config, upright=False)
    with torch.no_grad():
        torch.testing.assert_close(network(image).final.uv, plain.final.uv)


@settings(max_examples=10, deadline=None)
@given(st.floats(-math.pi, math.pi))
def test_turned_joint_maps_locate_the_joints_at_their_turned_places(angle: float):
    size, generator = 24, torch.Generator().manual_seed(1)
    uv = 0.5 * (torch.rand(1, 2, 21, 2, generator=generator) - 0.5)
    ticks = (torch.arange(size) + 0.5) * (2 / size) - 1
    grid = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), dim=-1)
    heat = -(grid - uv[:, :, :, None, None]).square().sum(-1) / 0.02
    places = torch.randn(1, 2, 21, 3, 1, 1, generator=generator).expand(-1, -1, -1, -1, size, size)
    maps = JointMaps(torch.zeros(1, 3, size, size), heat, places, torch.zeros(1, 2))
    turn = torch.tensor([angle])
    got, expected = maps.turned(turn).located, maps.located.turned(turn)
    torch.testing.assert_close(got.uv, expected.uv, atol=0.02, rtol=0)
    torch.testing.assert_close(got.places, expected.places, atol=1e-4, rtol=1e-4)


def test_a_network_that_locates_no_joints_cannot_turn_pictures():
    with pytest.raises(InputError, match=r"upright: expected initial_head joints, got layout"):
        replace(DIRConfig.small(), upright=True)
