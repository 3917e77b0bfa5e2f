"""What the robustness widget shows, from a network whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.random_pairs import true_estimate

from handlib import show
from handlib.analysis.interventions import Disturbance
from handlib.analysis.robustness import Trial
from handlib.data.rendered.scenes import Scene, make_scene
from handlib.data.sample import Sample, stack
from handlib.show.robustness import (
    EASY,
    PICTURE_SIDE,
    TITLE_HEIGHT,
    Hardship,
    RobustnessState,
    describe,
    harder,
    robustness_state,
)

SIZE = 64


@pytest.fixture(scope="module")
def with_others() -> Scene:
    return make_scene("desk-others", 5, 1, "test")


@pytest.fixture(scope="module")
def bare(with_others) -> Scene:
    return replace(with_others, others=())


def oracle(sample: Sample, by: Disturbance) -> Trial:
    """Always right, but off by ten times the hidden share, and by the turn."""
    errors = 10 * (1 - sample.visible.numpy()) + np.float32(by.rotation)
    return true_estimate(stack([sample])), errors.astype(np.float32)


@pytest.fixture
def state_of(bare, with_others):
    def state(**changes) -> RobustnessState:
        return robustness_state(bare, oracle, Hardship(**changes), with_others.others[0], SIZE)

    return state


def test_nothing_done_changes_nothing(state_of, bare):
    state = state_of()
    np.testing.assert_array_equal(state.visible[0], state.visible[1])
    np.testing.assert_array_equal(state.errors[0], state.errors[1])
    assert state.hidden == 0 and state.caption == "nothing done"
    assert torch.equal(state.sample.image, bare.sample(SIZE).image)
    assert state.picture.shape == (TITLE_HEIGHT + PICTURE_SIDE, 3 * PICTURE_SIDE, 3)


def test_a_larger_thing_hides_more_and_the_caption_says_it(state_of):
    hidden = []
    for millimetres in (20, 60, 120):
        state = state_of(thing="box", across=40, down=60, millimetres=millimetres)
        hidden.append(state.hidden)
        assert state.caption == f"box of {millimetres} mm hides {100 * state.hidden:.0f} % of the hands"
        left, right = state.visible[1]
        before, after = state.errors[:, 0]
        assert f"left hand: {100 * left:.0f} % visible, {before:.1f} -> {after:.1f} mm" in state.course
        assert (state.errors[1] >= state.errors[0] - 1e-5).all() and min(left, right) >= 0
    assert hidden[0] < hidden[1] < hidden[2]


def test_the_thing_is_where_the_sliders_say(bare, with_others):
    for across, down in ((20, 30), (50, 50), (80, 70)):
        hardship = Hardship("ellipsoid", across=across, down=down, millimetres=50)
        (thing,) = harder(bare, hardship, with_others.others[0]).things
        place = thing.centre[:2] / thing.centre[2] * bare.intrinsics[:2] + bare.intrinsics[2:]
        np.testing.assert_allclose(100 * place, (across, down), atol=0.01)
        assert 2 * thing.half_sizes.max() == pytest.approx(0.05)


def test_other_hands_hide_nothing_but_are_drawn(state_of, bare):
    state = state_of(others=True)
    assert state.hidden == 0 and state.caption == "other hands behind"
    assert not torch.equal(state.sample.image, bare.sample(SIZE).image)


def test_noise_is_named_and_reaches_the_network(state_of):
    state = state_of(disturbance=Disturbance(rotation=30.0, pose=10.0, shift=0.1))
    assert state.caption == "start turned by 30°; fingers bent by 10°; start shifted by 5 % of the side"
    np.testing.assert_allclose(state.errors[1] - state.errors[0], 30)
    assert describe(EASY, 0.0) == "nothing done"


def test_controls_and_picture_of_the_panel(bare, with_others):
    asked = []

    def remember(sample: Sample, by: Disturbance) -> Trial:
        asked.append(by)
        return oracle(sample, by)

    other = make_scene("desk-others", 5, 4, "test")
    panel = show.RobustnessExplorer(
        [bare, replace(other, others=())],
        [with_others.others[0], *other.others],
        remember,
        SIZE,
        show.Hardship("cylinder", across=35, down=55, millimetres=70),
    )
    assert panel.caption.value.startswith("cylinder of 70 mm")
    before = panel.image.value
    for control, value in (
        (panel.pair, 2),
        (panel.thing, "box"),
        (panel.across, 60),
        (panel.down, 40),
        (panel.millimetres, 90),
        (panel.other_hands, True),
        (panel.rotation, 20),
        (panel.pose, 10),
        (panel.shift, 3),
    ):
        course, caption, image = panel.course.value, panel.caption.value, panel.image.value
        control.value = value
        assert (panel.course.value, panel.caption.value, panel.image.value) != (course, caption, image)
    assert asked[-1] == Disturbance(rotation=20.0, shift=0.06, pose=10.0)
    assert panel.caption.value.startswith("box of 90 mm") and "other hands behind" in panel.caption.value
    assert panel.image.value != before
    data, _ = panel._repr_mimebundle_()
    assert "image/png" in data and data["text/plain"] == repr(panel)
