"""The widget of fits: what it says of the right way and of the naive one is what geometry says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.explorers import fit_views
from support.random_pairs import HANDS

from handlib.show.interhand import (
    ANNOTATED,
    AS_IF_OURS,
    NAIVE,
    RIGHT_WAY,
    annotated_hands,
    fit_state,
    turned_world,
)


@settings(max_examples=8, deadline=None)
@given(number=st.integers(0, 5), degrees=st.floats(0, 180))
def test_the_right_way_is_right_in_every_world(number: int, degrees: float):
    state = fit_state(fit_views()[number], HANDS, RIGHT_WAY, ANNOTATED, degrees)
    assert (state.millimetres == 0).all() and (state.pixels == 0).all()
    # Stand-ins are annotated with the joints of their fits.
    assert state.joints_apart < 0.05
    straight = fit_state(fit_views()[number], HANDS, RIGHT_WAY, ANNOTATED, 0.0)
    assert np.abs(state.picture.astype(int) - straight.picture).mean() < 1


@pytest.mark.parametrize("degrees", [0.0, 70.0, 180.0])
def test_the_naive_way_is_off_by_how_far_the_rotation_moves_the_root_joint(degrees: float):
    state = fit_state(fit_views()[1], HANDS, NAIVE, ANNOTATED, degrees)
    turned = turned_world(fit_views()[1], HANDS, degrees)
    for h, (hand, fit) in enumerate(zip(HANDS, turned.fits, strict=True)):
        joint = hand.at_rest(fit.betas)[1][0]
        expected = 1000 * (turned.camera.rotation @ joint - joint).norm()
        assert state.millimetres[h] == pytest.approx(float(expected), abs=0.05)
        assert f"{expected:.0f} mm or" in state.caption


def test_the_annotation_read_in_its_own_order():
    joints = torch.arange(42.0)[:, None].expand(42, 3)
    left, right = annotated_hands(joints, ANNOTATED)[..., 0]
    assert right[:5].tolist() == [20, 3, 2, 1, 0] and right[-1] == 16
    assert (left == right + 21).all()
    wrong = fit_state(fit_views()[0], HANDS, RIGHT_WAY, AS_IF_OURS, 0.0)
    assert wrong.joints_apart > 30
