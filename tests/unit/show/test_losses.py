"""What the loss widget shows of a hand that is wrong in a known way."""

import numpy as np
import pytest
from support.random_pairs import random_pairs

from handlib import show
from handlib.analysis.loss_gradients import TERMS, UNITS
from handlib.data.sample import Sample
from handlib.show.losses import LARGEST, ROW, LossCase, draw_bars, loss_state
from handlib.training.losses import LossWeights


@pytest.fixture(scope="module")
def sample() -> Sample:
    return random_pairs(1, seed=5, size=32)[0]


@pytest.fixture(scope="module")
def case(sample) -> LossCase:
    return LossCase.of(sample)


def test_pulls_start_at_the_points_of_the_term_and_the_strongest_is_one(case):
    for term, points in (("joints", 21), ("uv", 21), ("vertices", 778), ("normal", 778)):
        state = loss_state(case, term, "tilt", 30.0)
        assert state.pulls.shape == state.points.shape == (2, points, 3)
        assert np.linalg.norm(state.pulls, axis=-1).max() == pytest.approx(1)


def test_what_a_term_does_not_see_it_does_not_pull(case):
    for term, kind in (("edge", "tilt"), ("normal", "size"), ("vertices", "depth"), ("offset", "bend")):
        state = loss_state(case, term, kind, 30.0)
        assert not state.pulls.any()
        assert state.caption.endswith("0, it sees nothing wrong and pulls nowhere")
    for term in ("vertices", "edge", "normal"):  # rounding on the hand that is right isn't shown
        assert not loss_state(case, term, "bend", 30.0).pulls[0].any()


def test_words_say_where_how_equally_and_in_which_direction(case):
    depth = loss_state(case, "offset", "depth", 40.0).caption
    assert "at 100 % of them as hard as it can" in depth
    assert "0 % is sideways, 0 % up or down, 100 % in depth" in depth
    assert "0 % in depth" in loss_state(case, "uv", "tilt", 40.0).caption


def test_bars_are_terms_times_weights(case):
    weights = LossWeights.small()
    state = loss_state(case, "vertices", "tilt", 30.0, weights)
    assert tuple(state.weighted) == TERMS
    for name, value in state.terms.items():
        assert state.weighted[name] == pytest.approx(getattr(weights, name) * value)
    assert state.weighted["normal"] == 0 < state.terms["normal"]
    assert not np.array_equal(draw_bars(state), draw_bars(loss_state(case, "vertices", "tilt", 30.0)))


def test_a_bar_without_weight_says_so_whatever_its_terms_value(case):
    def row(weights: LossWeights, name: str) -> np.ndarray:
        top = ROW * (1 + TERMS.index(name)) + 2
        return draw_bars(loss_state(case, "vertices", "tilt", 30.0, weights))[top : top + ROW - 4, 90:]

    paper, small = LossWeights.paper(), LossWeights.small()
    np.testing.assert_array_equal(row(paper, "root"), row(paper, "pose"))
    np.testing.assert_array_equal(row(small, "edge"), row(small, "normal"))
    assert not np.array_equal(row(paper, "pose"), row(small, "pose"))


def test_the_slider_takes_the_range_of_the_change(sample):
    explorer = show.LossExplorer(sample)
    explorer.amount.value = 180
    for kind in UNITS:
        explorer.kind.value = kind
        assert explorer.amount.max == LARGEST[kind] == -explorer.amount.min
        assert f"right hand: {kind} {explorer.amount.value:+d} {UNITS[kind]}" in explorer.caption.value
    assert abs(explorer.amount.value) <= LARGEST["bend"]
