"""Things: what is inside, where they face, what they are coloured, whatever their size and turn."""

from dataclasses import replace

import numpy as np
import pytest

from handlib.data.rendered.occluders.solids import (
    KINDS,
    PATTERNS,
    Thing,
    light_thing,
    sample_thing,
    unit_solid,
)

VOLUMES = {"box": 8.0, "cylinder": 2 * np.pi, "ellipsoid": 4 / 3 * np.pi}


@pytest.fixture(params=KINDS)
def thing(request) -> Thing:
    """A stretched, turned thing somewhere before the camera."""
    drawn = sample_thing(np.random.default_rng(3), request.param)
    return replace(drawn, centre=np.array([0.1, -0.2, 0.6]), half_sizes=np.array([0.05, 0.03, 0.08]))


@pytest.mark.parametrize("kind", KINDS)
def test_unit_solids_are_closed_and_have_their_volume(kind):
    corners, faces = unit_solid(kind)
    a, b, c = corners[faces].transpose(1, 0, 2)
    volume = (a * np.cross(b, c)).sum() / 6
    assert volume == pytest.approx(VOLUMES[kind], rel=0.02)
    edges = np.sort(np.concatenate((faces[:, :2], faces[:, 1:], faces[:, ::2])), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_what_it_contains_is_what_its_volume_says(thing):
    points = np.random.default_rng(0).uniform(-0.14, 0.14, (40_000, 3)) + thing.centre
    share = thing.contains(points).mean()
    assert share * 0.28**3 == pytest.approx(VOLUMES[thing.kind] * thing.half_sizes.prod(), rel=0.08)


def test_its_surface_lies_at_its_rim_and_within_its_radius(thing):
    points = thing.vertices.astype(float)
    inwards = thing.centre + 0.98 * (points - thing.centre)
    outwards = thing.centre + 1.02 * (points - thing.centre)
    assert thing.contains(inwards).all() and not thing.contains(outwards).any()
    assert np.linalg.norm(points - thing.centre, axis=1).max() == pytest.approx(thing.radius, rel=1e-3)


def test_normals_are_those_of_the_mesh(thing):
    a, b, c = thing.vertices.astype(float)[thing.faces].transpose(1, 0, 2)
    facet = np.cross(b - a, c - a)
    facet /= np.linalg.norm(facet, axis=1, keepdims=True)
    assert (thing.normals((a + b + c) / 3) * facet).sum(1).min() > 0.97


@pytest.mark.parametrize("pattern", PATTERNS)
def test_colours_mix_the_two_and_move_with_the_thing(thing, pattern):
    thing = replace(thing, pattern=pattern)
    points = thing.vertices.astype(float)
    colours = thing.colour(points)
    low, high = thing.colours.min(0), thing.colours.max(0)
    assert (colours >= low - 1e-6).all() and (colours <= high + 1e-6).all()
    assert (np.ptp(colours, axis=0).max() > 0) == (pattern != "plain")
    moved = replace(thing, centre=thing.centre + 0.25)
    np.testing.assert_allclose(moved.colour(points + 0.25), colours, atol=1e-5)


def test_the_side_towards_the_light_is_brighter():
    import torch

    light = torch.tensor([0.0, 0.0, -1.0])
    normal = torch.stack((light, -light))
    bright, dark = light_thing(torch.ones(2, 3), normal, torch.ones(2), light).mean(1)
    shadow = light_thing(torch.ones(1, 3), normal[:1], torch.zeros(1), light).mean()
    assert bright > 2 * dark and dark < shadow < bright / 2
