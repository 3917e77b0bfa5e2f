"""The attention maps' widget: centres, shares and spread of known maps, painting out, what is asked once."""

import numpy as np
import pytest
import torch
from support.explorers import coloured_pair, finds_red_and_green

from handlib import show
from handlib.data.sample import Sample
from handlib.model.estimate import Trace
from handlib.show.encoder import attention_maps_state, effective_cells, map_centre, paint_out, variant

SIZE = 64


@pytest.fixture
def sample() -> Sample:
    return coloured_pair()


@pytest.fixture
def state(sample):
    return attention_maps_state(sample, finds_red_and_green(sample.image[None]))


def test_centre_is_in_the_middle_of_cells():
    attention = np.zeros((4, 8))
    attention[3, 0] = 0.2
    np.testing.assert_allclose(map_centre(attention), (-0.875, 0.75))
    attention[3, 7] = 0.2
    np.testing.assert_allclose(map_centre(attention), (0, 0.75), atol=1e-12)


@pytest.mark.parametrize("cells", [1, 2, 7, 32])
def test_effective_cells_counts_equal_cells_however_faint(cells):
    attention = np.zeros(32)
    attention[:cells] = 0.03
    assert effective_cells(attention.reshape(4, 8)) == pytest.approx(cells)


def test_facts_of_a_known_scene(state):
    left, right = state.facts
    assert left.centre[0] == pytest.approx(-right.centre[0], abs=1e-6) and left.centre[0] < -0.4
    assert left.area == pytest.approx([1 / 8, 1 / 8])
    assert left.share[0] == pytest.approx(right.share[1]) and left.share[0] > 0.85
    assert left.share[1] == pytest.approx(right.share[0]) and left.share[1] < 0.05
    assert 8 <= left.cells < 16
    assert left.millimetres == pytest.approx(0, abs=1e-3) and left.percent == pytest.approx(0, abs=1e-3)
    assert "The left map: centre at u -0.4" in state.caption and "painted out" not in state.caption


def test_even_maps_have_the_hands_areas_as_shares(sample):
    trace = finds_red_and_green(torch.zeros(1, 3, SIZE, SIZE))
    facts = attention_maps_state(sample, trace).facts
    for fact in facts:
        np.testing.assert_allclose(fact.share, fact.area, atol=1e-6)
        np.testing.assert_allclose(fact.centre, 0, atol=1e-6)
        assert fact.cells == pytest.approx(64, rel=1e-5)


def test_painting_out_leaves_the_background_and_spares_an_adjacent_hand(sample):
    assert (paint_out(sample, 0).image[:, 16:48, 8:24] == 120).all() and sample.image[0, 20, 10] == 200
    sample.label[16:48, 24:40] = 2
    sample.image[:, 16:48, 24:40] = torch.tensor([0, 200, 0], dtype=torch.uint8)[:, None, None]
    painted = paint_out(sample, 0)
    other = sample.label == 2
    assert painted.image[:, other].equal(sample.image[:, other])
    assert painted.image[0].max() < 130


def test_variants_are_mirrored_first_and_then_painted_by_the_new_names(sample):
    mirrored = variant(sample, mirrored=True)
    assert mirrored.label[20, 10] == 1 and mirrored.image[1, 20, 10] == 200
    without_left = variant(sample, mirrored=True, painted="left")
    assert (without_left.image[:, 16:48, 8:24] == 120).all()
    assert without_left.image[0, 20, 50] == 200


def test_the_network_is_asked_once_per_picture_and_variant():
    samples, asked = [coloured_pair(0), coloured_pair(1)], []

    def run(images: torch.Tensor) -> Trace:
        asked.append(images.clone())
        return finds_red_and_green(images)

    explorer = show.AttentionExplorer(samples, run)
    explorer.painted.value = "left"
    assert "(painted out)" in explorer.caption.value and explorer.state.facts[0].cells > 60
    explorer.mirrored.value = True
    assert (asked[-1][0, 1, 16:48, 40:56] == 0).all() and len(asked) == 3
    explorer.painted.value = "neither"
    count = len(asked)
    explorer.mirrored.value, explorer.opacity.value = False, 0.2
    assert len(asked) == count
    explorer.choice.value = 1
    assert len(asked) == count + 1
