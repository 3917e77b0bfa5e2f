"""What the evaluation widget shows, from pairs whose errors are known under every protocol."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.random_pairs import HANDS, noisy_estimate, random_pairs, true_estimate

from handlib import show
from handlib.data.sample import Sample
from handlib.evaluation.metrics import INTAG_MCP, INTAG_WRIST, INTERNET, align, mpjpe, pa_mpjpe
from handlib.hand.skeleton import JOINT_NAMES, SIDES
from handlib.model.estimate import Estimate, Prediction
from handlib.show.core.hands_drawing import TRUE_HANDS
from handlib.show.core.palette import HIGHLIGHT
from handlib.show.core.raster import rgb
from handlib.show.evaluation import (
    CHART_SIZE,
    MEASURES,
    OWN,
    EvaluationState,
    Measure,
    draw_chart,
    evaluation_state,
)

SAMPLE = random_pairs(5, seed=4, size=32)
TRUE, NOISY = true_estimate(SAMPLE), noisy_estimate(SAMPLE)
DOUBLED = replace(TRUE, joints=2 * TRUE.joints, vertices=2 * TRUE.vertices)


def state_of(estimate: Estimate, measure: Measure, pair: int = 2, sample: Sample = SAMPLE) -> EvaluationState:
    return evaluation_state(sample, estimate, measure.align(estimate, sample, HANDS), measure, pair, 100.0)


@pytest.mark.parametrize("protocol", [INTAG_MCP, INTAG_WRIST, INTERNET], ids=lambda p: p.name)
def test_named_measures_are_the_librarys_protocols(protocol):
    expected = mpjpe(align(NOISY, SAMPLE, protocol, HANDS))
    np.testing.assert_allclose(state_of(NOISY, MEASURES[protocol.name]).errors, expected, rtol=1e-5)
    procrustes = pa_mpjpe(align(NOISY, SAMPLE, INTAG_WRIST, HANDS))
    np.testing.assert_allclose(state_of(NOISY, MEASURES["PA-MPJPE"]).errors, procrustes, rtol=1e-5)


def test_a_doubled_hand_is_perfect_once_it_is_scaled():
    seen = {name: state_of(DOUBLED, measure).errors for name, measure in MEASURES.items()}
    from_wrist = 1000 * (SAMPLE.joints - SAMPLE.joints[:, :, :1]).norm(dim=-1).mean((1, 2))
    np.testing.assert_allclose(seen["INTERNET"], from_wrist, rtol=1e-4)
    for name in ("INTAG_MCP", "INTAG_WRIST", "PA-MPJPE"):
        assert seen[name].max() < 0.01, name


@pytest.mark.parametrize("root", ["wrist", "middle1", "little4"])
def test_roots_coincide_and_true_hands_stand_where_they_are(root):
    state = state_of(NOISY, Measure(root, "none", "annotated"))
    assert sorted(state.order.tolist()) == list(range(5)) and (np.diff(state.errors[state.order]) >= 0).all()
    r = JOINT_NAMES.index(root)
    np.testing.assert_allclose(state.joints[:2, r], state.joints[2:, r], atol=1e-6)
    np.testing.assert_allclose(state.joints[2:], SAMPLE.joints[2], atol=1e-5)
    np.testing.assert_allclose(state.vertices[2:], SAMPLE.vertices[2], atol=1e-5)
    distances = 1000 * np.linalg.norm(state.joints[:2] - state.joints[2:], axis=-1)
    assert state.errors[2] == pytest.approx(distances.mean(), rel=1e-4)


def test_the_chart_marks_the_chosen_pair_at_its_place():
    errors, strata = np.array([10.0, 90.0, 50.0, 30.0]), np.zeros(4, int)
    colour = (255 * rgb(HIGHLIGHT)).round()

    def marked(pair: int) -> np.ndarray:
        chart = draw_chart(errors, strata, pair, 100.0)
        assert chart.shape == (CHART_SIZE[1], CHART_SIZE[0], 3)
        rows, columns = np.nonzero((chart == colour).all(-1))
        return np.array([columns.mean(), rows.mean()])

    best, third, worst = marked(0), marked(2), marked(1)
    assert best[0] < third[0] < worst[0] and best[1] > third[1] > worst[1]
    assert (best[1] - third[1]) == pytest.approx(third[1] - worst[1], abs=1)


@pytest.fixture
def explorer() -> show.EvaluationExplorer:
    maps = torch.zeros(5, 3, 2, 2)
    return show.EvaluationExplorer(SAMPLE, Prediction((DOUBLED, NOISY), maps, maps), HANDS)


def test_it_begins_at_the_last_estimates_worst_pair(explorer):
    assert explorer.summary.value.startswith("stage 1, INTAG_MCP: mean")
    assert explorer.rank.value == 5
    assert explorer.pair == int(mpjpe(align(NOISY, SAMPLE, INTAG_MCP, HANDS)).argmax())
    assert explorer.view.sides == [*SIDES, *TRUE_HANDS]
    pairs = explorer.view.links.pairs
    np.testing.assert_array_equal(pairs[:, 1] - pairs[:, 0], np.full(42, 42))


def test_a_protocol_sets_the_choices_and_other_choices_are_ones_own(explorer):
    explorer.protocol.value = "INTERNET"
    assert explorer.measure == MEASURES["INTERNET"]
    explorer.root.value = "ring2"
    assert explorer.protocol.value == OWN
    explorer.scaling.value, explorer.root.value, explorer.joints.value = "bone", "middle1", "regressed"
    assert explorer.protocol.value == "INTAG_MCP"
    explorer.protocol.value = OWN
    assert explorer.protocol.value == "INTAG_MCP"


def test_a_pair_stays_chosen_when_the_protocol_changes_its_rank(explorer):
    for rank in range(1, 6):
        explorer.rank.value = rank
        pair = explorer.pair
        for name in MEASURES:
            explorer.protocol.value = name
            assert explorer.pair == pair
            assert explorer.state.order[explorer.rank.value - 1] == pair
        explorer.protocol.value = "INTAG_MCP"
