"""What the robustness widget shows, from a network whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.explorers import oracle, others_scene, robustness_explorer

from handlib.analysis.interventions import Disturbance
from handlib.show.robustness import (
    PICTURE_SIDE,
    Perturbation,
    RobustnessState,
    harder,
    robustness_state,
)

SIZE = 64
WITH_OTHERS = others_scene()
BARE = replace(WITH_OTHERS, others=())


@pytest.fixture
def state_of():
    def state(**changes) -> RobustnessState:
        return robustness_state(BARE, oracle, Perturbation(**changes), WITH_OTHERS.others[0], SIZE)

    return state


def test_nothing_done_changes_nothing(state_of):
    state = state_of()
    np.testing.assert_array_equal(state.visible[0], state.visible[1])
    np.testing.assert_array_equal(state.errors[0], state.errors[1])
    assert state.hidden == 0 and state.caption == "nothing done"
    assert torch.equal(state.sample.image, BARE.sample(SIZE).image)
    assert state.picture.shape == (PICTURE_SIDE + 26, 3 * PICTURE_SIDE + 12, 3)


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


def test_the_thing_is_where_the_sliders_say():
    for across, down in ((20, 30), (50, 50), (80, 70)):
        perturbation = Perturbation("ellipsoid", across=across, down=down, millimetres=50)
        (thing,) = harder(BARE, perturbation, WITH_OTHERS.others[0]).things
        place = thing.centre[:2] / thing.centre[2] * BARE.intrinsics[:2] + BARE.intrinsics[2:]
        np.testing.assert_allclose(100 * place, (across, down), atol=0.01)
        assert 2 * thing.half_sizes.max() == pytest.approx(0.05)


def test_other_hands_hide_nothing_but_are_drawn(state_of):
    state = state_of(others=True)
    assert state.hidden == 0 and state.caption == "other hands behind"
    assert not torch.equal(state.sample.image, BARE.sample(SIZE).image)


def test_what_the_sliders_say_reaches_the_network():
    panel = robustness_explorer()
    for name, value in {"thing": "box", "millimetres": 90, "rotation": 20, "pose": 10, "shift": 3}.items():
        getattr(panel, name).value = value
    assert panel.perturbation.disturbance == Disturbance(rotation=20.0, shift=0.06, pose=10.0)
    assert panel.caption.value.startswith("box of 90 mm hides")
    np.testing.assert_allclose(panel.state.errors[1] - 10 * (1 - panel.state.visible[1]), 20 + 10 / 3 + 0.6)
