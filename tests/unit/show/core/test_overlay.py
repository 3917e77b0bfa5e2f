from dataclasses import replace

import numpy as np
import pytest
import torch
from support.random_pairs import random_pairs

from handlib.model.placed import place
from handlib.show.core.hands_drawing import HAND_COLOURS
from handlib.show.core.overlay import draw_overlay, to_pixels
from handlib.show.core.raster import rgb


@pytest.fixture(scope="module")
def sample():
    return random_pairs(1, seed=3, size=64)[0]


def drawn(sample, shape, front=None):
    placed = place(sample)
    vertices = placed.vertices
    if front is not None:
        vertices = vertices - np.array([[[0, 0, 5.0 * (hand == front)]] for hand in range(2)])
    image = np.full((*shape, 3), 128, np.uint8)
    return draw_overlay(image, vertices, placed.vertex_uv, placed.uv)


def test_uv_spans_the_picture():
    corners = np.array([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(to_pixels(corners, 30, 20), [[0, 0], [30, 20], [15, 10]])


@pytest.mark.parametrize("shape", [(64, 64), (300, 480)])
def test_overlay_keeps_the_size_and_changes_only_where_hands_are(sample, shape):
    picture = drawn(sample, shape)
    assert picture.shape == (*shape, 3) and picture.dtype == np.uint8
    changed = (np.abs(picture.astype(int) - 128) > 3).any(-1)
    pixels = to_pixels(place(sample).vertex_uv.reshape(-1, 2), *shape[::-1])
    low, high = pixels.min(0) - 12, pixels.max(0) + 12
    y, x = changed.nonzero()
    assert ((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])).all()
    assert changed.mean() > 0.02
    np.testing.assert_array_equal(picture, drawn(sample, shape))


def test_the_hand_in_front_hides_the_other(sample):
    middle = replace(sample, vertices=sample.vertices - sample.joints[:, :1] + torch.tensor([0, 0, 0.5]))
    middle = replace(middle, joints=middle.joints - sample.joints[:, :1] + torch.tensor([0, 0, 0.5]))
    left, right = (drawn(middle, (128, 128), front).astype(float) for front in (0, 1))
    blue, orange = (rgb(HAND_COLOURS[side][0]) for side in ("left", "right"))
    warmth = (right - left)[..., 0] - (right - left)[..., 2]
    assert (orange - blue)[0] > 0 > (orange - blue)[2]
    warmer, colder = (warmth > 40).sum(), (warmth < -40).sum()
    assert warmer > 150
    assert colder < warmer / 10


def test_points_outside_the_picture_are_no_error(sample):
    placed = place(sample)
    image = np.full((40, 40, 3), 128, np.uint8)
    far = draw_overlay(image, placed.vertices, placed.vertex_uv + 5, placed.uv + 5)
    np.testing.assert_array_equal(far, image)
