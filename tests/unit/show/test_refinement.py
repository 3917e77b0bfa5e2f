"""What the refinement widget shows, from estimates whose errors are known."""

from dataclasses import replace

import numpy as np
import pytest
from support.random_pairs import random_pairs, true_estimate

from handlib import show
from handlib.analysis.interventions import MECHANISMS, Disturbance
from handlib.data.sample import Sample
from handlib.geometry.camera import project_weak_perspective
from handlib.model.estimate import Estimate
from handlib.show.refinement import (
    BAR_HEIGHT,
    LARGEST_ERROR,
    PICTURE_SIDE,
    colour_bar,
    describe,
    error_colours,
    refinement_state,
)

NAMES = ("initial", "stage 1", "stage 2", "stage 2 again")


@pytest.fixture(scope="module")
def sample() -> Sample:
    return random_pairs(1, seed=3, size=32)[0]


def enlarged(estimate: Estimate, factor: float, shift: float = 0.0) -> Estimate:
    """Hands too large by a factor and shifted to the right in the picture."""
    camera = estimate.params.camera
    joints, vertices = estimate.joints * factor, estimate.vertices * factor
    camera = camera + camera.new_tensor([0.0, shift, 0.0])
    return replace(
        estimate,
        joints=joints,
        vertices=vertices,
        uv=estimate.uv + camera.new_tensor([shift, 0.0]),
        vertex_uv=project_weak_perspective(vertices, camera),
    )


@pytest.fixture(scope="module")
def run(sample):
    """Errors that halve with every stage and grow with what is done to the start."""
    batch = random_pairs(1, seed=3, size=32)
    truth = true_estimate(batch)

    def experiment(by: Disturbance, without: frozenset[str]) -> tuple[Estimate, ...]:
        excess = 0.4 + by.rotation / 100 + 0.2 * len(without)
        return tuple(enlarged(truth, 1 + excess * share, by.shift) for share in (1.0, 0.5, 0.25, 0.0))

    return experiment


def test_errors_are_those_of_the_hands(sample, run):
    state = refinement_state(sample, run, NAMES, 1)
    joints = (sample.joints - sample.joints[:, :1]).numpy()
    expected = 1000 * 0.2 * np.linalg.norm(joints, axis=-1).mean()
    assert state.errors[1].millimetres == pytest.approx(expected, rel=1e-3)
    assert state.errors[0].millimetres == pytest.approx(2 * expected, rel=1e-3)
    assert state.errors[3].millimetres == pytest.approx(0, abs=1e-3)
    vertices = (sample.vertices - sample.joints[:, :1]).numpy()
    np.testing.assert_allclose(
        state.vertex_errors, 200 * np.linalg.norm(vertices, axis=-1), rtol=1e-3, atol=1e-2
    )


def test_a_shift_shows_in_the_picture_and_not_in_millimetres(sample, run):
    still, moved = (refinement_state(sample, run, NAMES, 3, Disturbance(shift=s)) for s in (0.0, 0.2))
    assert moved.errors[3].percent == pytest.approx(10, rel=1e-3)
    assert moved.errors[3].millimetres == pytest.approx(still.errors[3].millimetres, abs=1e-6)
    assert not np.array_equal(moved.picture, still.picture)


def test_words_say_the_stage_its_error_and_what_was_done(sample, run):
    plain = refinement_state(sample, run, NAMES, 2)
    assert plain.name == "stage 2"
    assert plain.caption.startswith(f"stage 2: joints {plain.errors[2].millimetres:.1f} mm")
    assert plain.caption.endswith("% of the side")
    assert [part.rsplit(" ", 1)[0] for part in plain.course.removeprefix("joints, mm: ").split(", ")] == list(
        NAMES
    )
    done = refinement_state(sample, run, NAMES, 0, Disturbance(rotation=30.0), frozenset({"GCN"}))
    assert done.caption.endswith("(start turned by 30°; without GCN)")


def test_description_names_everything_and_nothing_when_nothing_was_done():
    assert describe(Disturbance(), frozenset()) == ""
    assert describe(Disturbance(shift=0.1), frozenset(MECHANISMS)) == (
        "start shifted by 5 % of the side; without GCN, transformer, enhancement"
    )


def test_colours_get_darker_with_the_error_and_stop_at_the_largest():
    colours = error_colours(np.linspace(0, LARGEST_ERROR, 50)).astype(float)
    luminance = colours @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(luminance) < 0).all()
    assert luminance[0] > 230 and luminance[-1] < 30
    assert np.array_equal(error_colours(np.array([LARGEST_ERROR, 1e6]))[0], error_colours(np.array([1e6]))[0])


def test_picture_holds_overlay_and_bar(sample, run):
    state = refinement_state(sample, run, NAMES, 0)
    assert state.picture.shape == (PICTURE_SIDE + BAR_HEIGHT, PICTURE_SIDE, 3)
    np.testing.assert_array_equal(state.picture[PICTURE_SIDE:], colour_bar(PICTURE_SIDE))


@pytest.fixture
def explorer(sample, run) -> show.RefinementExplorer:
    return show.RefinementExplorer(sample, run, NAMES)


def shown(explorer) -> tuple:
    return (
        explorer.caption.value,
        explorer.course.value,
        explorer.image.value,
        explorer.view.vertices.tobytes(),
    )


def test_it_begins_at_the_last_estimate_undisturbed(explorer):
    assert explorer.caption.value.startswith("stage 2 again: joints 0.0 mm")
    assert explorer.stage.index == 3


@pytest.mark.parametrize("control", ["stage", "rotation", "shift", *MECHANISMS])
def test_every_control_changes_what_is_shown_and_back(explorer, control):
    explorer.stage.index = 1
    before = shown(explorer)
    if control == "stage":
        explorer.stage.index = 0
        assert all(a != b for a, b in zip(shown(explorer), before, strict=True) if a != explorer.course.value)
        explorer.stage.index = 1
    else:
        slider = explorer.switches[control] if control in MECHANISMS else getattr(explorer, control)
        initial = slider.value
        slider.value = False if control in MECHANISMS else 10
        after = shown(explorer)
        assert after[0] != before[0] and after[2] != before[2]
        slider.value = initial
    assert shown(explorer) == before


def test_surfaces_are_coloured_by_their_error(explorer):
    explorer.stage.index = 0
    state = explorer.state()
    colours = np.frombuffer(explorer.view._colours, np.uint8).reshape(2, 778, 3)
    np.testing.assert_array_equal(colours, error_colours(state.vertex_errors))


def test_without_a_kernel_all_stages_are_seen(explorer, run, sample):
    bundle = explorer._repr_mimebundle_()[0]
    assert bundle["text/plain"].startswith("RefinementExplorer: initial, stage 1, stage 2, stage 2 again")
    assert (
        bundle["image/png"] == show.RefinementExplorer(sample, run, NAMES)._repr_mimebundle_()[0]["image/png"]
    )
    assert explorer.sheet().shape[1] == 4 * 260
