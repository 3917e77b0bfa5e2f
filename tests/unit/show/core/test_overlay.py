from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from support.random_pairs import noisy_estimate, random_pairs, true_estimate

from handlib import show
from handlib.model.estimate import Prediction, estimate_names
from handlib.model.placed import place
from handlib.show.core.hands_drawing import HAND_COLOURS, framing_of
from handlib.show.core.overlay import draw_overlay, to_pixels
from handlib.show.core.raster import rgb
from handlib.show.tour import stage_states


@pytest.fixture(scope="module")
def sample():
    return random_pairs(1, seed=3, size=64)[0]


@pytest.fixture(scope="module")
def prediction():
    batch = random_pairs(1, seed=3, size=64)
    estimates = (*(noisy_estimate(batch, scale=s) for s in (0.03, 0.01)), true_estimate(batch))
    return Prediction(estimates, torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4))


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


def test_figure_draws_the_truth_dashed_only_when_given(sample, prediction):
    with_truth = show.overlay(sample, prediction.final, truth=sample, title="final")
    without = show.overlay(sample, prediction.final)
    labels = [text.get_text() for text in with_truth.legends[0].get_texts()]
    assert labels == ["left hand", "right hand", "truth"]
    assert with_truth.axes[0].get_title() == "final"
    assert len(with_truth.axes[0].lines) == 2 * 2 * 20
    assert len(without.axes[0].lines) == 0
    shown = with_truth.axes[0].images[0].get_array()
    x, y = with_truth.axes[0].lines[0].get_data()
    wrist = to_pixels(place(sample).uv[0, 0], shown.shape[1], shown.shape[0])
    np.testing.assert_allclose((x[0], y[0]), wrist)


def test_stage_states_name_every_estimate_and_measure_it_against_the_sample(sample, prediction):
    states = stage_states(sample, prediction)
    assert [s.name for s in states] == ["initial", "stage 1", "stage 2"]
    errors = [float(s.summary.split("joints ")[1].split(" mm")[0]) for s in states]
    assert errors[0] > errors[1] > errors[2] == 0
    np.testing.assert_allclose(states[2].joints, place(sample).joints - place(sample).joints[0, 0], atol=1e-6)
    picture_only = stage_states(sample.image, prediction)
    assert picture_only[0].summary == "initial"
    assert estimate_names(1) == ("initial",)


def test_slider_moves_view_overlay_and_summary_together(sample, prediction):
    panel = show.stages(sample, prediction)
    every_vertex = np.concatenate([state.vertices for state in panel.states])
    assert tuple(panel.view.framing) == pytest.approx(framing_of(every_vertex))
    final = panel.image.value
    np.testing.assert_allclose(panel.view.joints, panel.states[2].joints, atol=1e-6)
    panel.slider.value = "initial"
    np.testing.assert_allclose(panel.view.joints, panel.states[0].joints, atol=1e-6)
    assert panel.summary.value == panel.states[0].summary
    assert panel.image.value != final
    panel.slider.index = 2
    assert panel.image.value == final


def test_stages_without_a_kernel_show_every_stage(sample, prediction):
    bundles = [show.stages(sample, prediction)._repr_mimebundle_()[0] for _ in range(2)]
    assert bundles[0]["image/png"] == bundles[1]["image/png"]
    assert bundles[0]["text/plain"].startswith("Stages: initial: joints")
    assert Image.fromarray(show.stages(sample, prediction)._picture()).width == 3 * 280
