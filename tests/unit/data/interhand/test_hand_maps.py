"""Maps of fitted hands: they agree with the renderer where it draws hands, and with first principles."""

import numpy as np
import pytest
import torch
from support.random_pairs import HANDS, random_pairs

from handlib.data.interhand.hand_maps import hand_maps, hands_distance
from handlib.data.rendered.synthetic import make_sample

SIZE = 96


@pytest.fixture(scope="module")
def samples():
    return [make_sample("desk", SIZE, 0, index) for index in range(3)]


def test_maps_are_the_renderers_but_for_the_forearms(samples):
    for sample in samples:
        maps = hand_maps(HANDS, sample.vertices.numpy(), sample.intrinsics.numpy(), SIZE)
        dense = sample.dense.permute(1, 2, 0).numpy()
        hand = dense.any(-1)
        drawn = maps.label > 0
        # Where the renderer shows a hand, so does this; more is seen only where a forearm was in front.
        assert (hand & ~drawn).sum() <= 2
        assert ((sample.label.numpy() == 0) & drawn).sum() <= 2
        assert (maps.label == sample.label.numpy())[hand].mean() > 0.999
        np.testing.assert_allclose(maps.depth[hand & drawn], sample.depth.numpy()[hand & drawn], atol=1e-4)
        assert np.abs(maps.dense[hand].astype(int) - dense[hand]).max(-1).mean() < 0.1
        assert (maps.dense.any(-1) == drawn).all() and ((maps.depth > 0) == drawn).all()


def test_visible_shares_count_what_the_other_hand_hides():
    vertices = random_pairs(1).vertices[0].numpy().copy()
    intrinsics = np.array([1.5 * SIZE, 1.5 * SIZE, SIZE / 2, SIZE / 2], dtype=np.float32)
    vertices[0] -= vertices[0].mean(0) - (0, 0, 0.5)
    vertices[1] -= vertices[1].mean(0) - (0, 0, 0.8)
    front, behind = hand_maps(HANDS, vertices, intrinsics, SIZE).visible
    assert front == 1 and behind < 0.5
    vertices[1] += (10, 0, 0)
    maps = hand_maps(HANDS, vertices, intrinsics, SIZE)
    assert maps.visible.tolist() == [1, 0]
    assert set(np.unique(maps.label)) == {0, 1}


def test_distances_are_those_of_the_generator(samples):
    for sample in samples:
        vertices = sample.vertices.numpy()
        found = hands_distance(HANDS, vertices)
        assert found == pytest.approx(float(sample.distance), abs=5e-4)
        # The other hand's turn must not matter.
        assert found == pytest.approx(hands_distance(HANDS[::-1], vertices[::-1]), abs=2e-4)


def test_hands_that_cross_are_at_no_distance(samples):
    vertices = samples[0].vertices.clone()
    vertices[0] += vertices[1].mean(0) - vertices[0].mean(0) + torch.tensor([0.0, 0.0, 0.01])
    assert hands_distance(HANDS, vertices.numpy()) == 0
