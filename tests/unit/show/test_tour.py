"""The stages' panel: what it says of every estimate, and that one slider moves all of it."""

import numpy as np
import pytest
from support.explorers import one_sample, prediction_of
from support.random_pairs import random_pairs

from handlib import show
from handlib.model.placed import place
from handlib.show.core.hands_drawing import framing_of
from handlib.show.tour import stage_states

SAMPLE = one_sample()
PREDICTION = prediction_of(random_pairs(1, seed=3, size=64))


def test_stage_states_name_every_estimate_and_measure_it_against_the_sample():
    states = stage_states(SAMPLE, PREDICTION)
    assert [s.name for s in states] == ["initial", "stage 1", "stage 2"]
    errors = [float(s.summary.split("joints ")[1].split(" mm")[0]) for s in states]
    assert errors[0] > errors[1] > errors[2] == 0
    estimated = states[2].joints[:2]
    np.testing.assert_allclose(estimated, place(SAMPLE).joints - place(SAMPLE).joints[0, 0], atol=1e-6)
    picture_only = stage_states(SAMPLE.image, PREDICTION)
    assert picture_only[0].summary == "initial"
    assert len(picture_only[0].joints) == 2


def test_lines_to_the_truth_are_as_long_as_the_error_that_is_told():
    panel = show.stages(SAMPLE, PREDICTION)
    ends = panel.view.joints.reshape(-1, 3)[panel.view.links.pairs]
    lengths = 1000 * np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1)
    assert len(lengths) == 42
    assert f"joints {lengths.mean():.1f} mm" in panel.summary.value
    wrists = panel.view.joints[:, 0]
    np.testing.assert_allclose(wrists[:2], wrists[2:], atol=1e-6)
    true = place(SAMPLE).joints
    np.testing.assert_allclose(panel.view.joints[2:] - wrists[2:, None], true - true[:, :1], atol=1e-6)


def test_slider_moves_view_overlay_and_summary_together():
    panel = show.stages(SAMPLE, PREDICTION)
    assert panel.slider.value == "initial"
    every_vertex = np.concatenate([state.vertices for state in panel.states])
    assert tuple(panel.view.framing) == pytest.approx(framing_of(every_vertex))
    first = panel.image.value
    np.testing.assert_allclose(panel.view.joints, panel.states[0].joints, atol=1e-6)
    panel.slider.value = "stage 2"
    np.testing.assert_allclose(panel.view.joints, panel.states[2].joints, atol=1e-6)
    assert panel.summary.value == panel.states[2].summary
    assert panel.image.value != first
    panel.slider.index = 0
    assert panel.image.value == first
