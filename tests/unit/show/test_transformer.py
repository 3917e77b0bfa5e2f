"""The attention widget: what a picked joint shows is computed from its row or column and nothing else."""

import numpy as np
import pytest
from support.explorers import random_weights, trace_of

from handlib import show
from handlib.hand.skeleton import PAIR_JOINT_NAMES
from handlib.model.transformer import cross_hand_share
from handlib.show.core import palette
from handlib.show.core.raster import rgb
from handlib.show.transformer import (
    CELL,
    MARGIN,
    PARTNERS,
    attention_state,
    matrix_picture,
)

PINK, GREY = (np.round(255 * rgb(c)).astype(np.uint8) for c in (palette.HIGHLIGHT, palette.TRUTH))


@pytest.fixture
def few_partners() -> np.ndarray:
    """Right index4 (29) takes half from left wrist (0), the rest from right thumb1 (22) and itself."""
    weights = np.full((42, 42), 1 / 42)
    weights[29] = 0
    weights[29, [0, 22, 29]] = 0.5, 0.3, 0.2
    return weights


def test_a_row_is_what_a_joint_attends_to(few_partners):
    state = attention_state(few_partners, 29)
    assert state.other_hand == pytest.approx(0.5)
    assert state.caption == (
        "right index4 attends to left wrist (50 %), right thumb1 (30 %), right little4 (0 %); "
        "50 % of its attention goes to the left hand."
    )
    assert len(state.links.pairs) == PARTNERS
    assert (state.links.pairs[:, 0] == 29).all() and 29 not in state.links.pairs[:, 1]
    # The strongest comes last, so that it lies on top; widths are relative to it.
    assert state.links.pairs[-2:].tolist() == [[29, 22], [29, 0]]
    np.testing.assert_allclose(state.links.widths, [0] * (PARTNERS - 2) + [0.6, 1], atol=1e-12)
    np.testing.assert_array_equal(state.links.colours[-2:], [GREY, PINK])
    np.testing.assert_array_equal(state.joint_colours[0, 0], PINK)
    np.testing.assert_array_equal(state.joint_colours[0, 1], (221, 221, 221))


def test_a_column_is_who_attends_to_a_joint(few_partners):
    state = attention_state(few_partners, 0, "is attended by")
    np.testing.assert_allclose(state.given, few_partners[:, 0])
    assert state.links.pairs[-1].tolist() == [0, 29]
    # 20 other right joints give 1/42 each and index4 a half; 21 left ones 1/42 each.
    expected = (20 / 42 + 0.5) / (41 / 42 + 0.5)
    assert state.other_hand == pytest.approx(expected)
    assert state.caption.startswith("left wrist is attended by right index4 (50 %)")
    share = f"{100 * expected:.0f} % of the attention that it gets comes from the right hand."
    assert state.caption.endswith(share)


@pytest.mark.parametrize("joint", [0, 20, 21, 41])
@pytest.mark.parametrize("direction", ["attends to", "is attended by"])
def test_invariants_of_any_weights(joint, direction):
    state = attention_state(random_weights(seed=joint), joint, direction)
    assert 0 < state.other_hand < 1
    assert (np.diff(state.links.widths) >= 0).all() and state.links.widths[-1] == 1
    across = (state.links.pairs[:, 1] < 21) != (joint < 21)
    np.testing.assert_array_equal((state.links.colours == PINK).all(1), across)
    named = state.caption.split(direction)[1].split(";")[0]
    assert [name in named for name in (PAIR_JOINT_NAMES[k] for k in state.links.pairs[-3:, 1])] == [True] * 3


def test_cross_hand_share_of_even_attention_is_a_half_and_shares_add_up():
    np.testing.assert_allclose(cross_hand_share(np.full((42, 42), 1 / 42)), 0.5)
    weights = random_weights(2, 3)
    same_hand = np.arange(42)[:, None] // 21 == np.arange(42) // 21
    np.testing.assert_allclose(cross_hand_share(weights) + (weights * same_hand).sum(-1), 1)


def cell(picture: np.ndarray, row: int, column: int) -> np.ndarray:
    return picture[MARGIN + CELL * row + CELL // 2, MARGIN + CELL * column + CELL // 2]


def test_the_matrix_is_black_where_the_weight_is_largest_and_frames_the_picked_row():
    weights = np.full((42, 42), 0.001)
    weights[5, 30] = 0.8
    picture = matrix_picture(weights)
    assert cell(picture, 5, 30).max() == 0
    assert cell(picture, 30, 5).min() > 200
    row, column = matrix_picture(weights, 5), matrix_picture(weights, 5, "is attended by")
    framed = [(p == PINK).all(-1) for p in (picture, row, column)]
    assert not framed[0].any()
    middle = MARGIN + CELL * 5 + CELL // 2
    np.testing.assert_allclose(framed[1].nonzero()[0].mean(), middle, atol=1)
    np.testing.assert_allclose(framed[2].nonzero()[1].mean(), middle, atol=1)
    side = framed[1].shape[1]
    np.testing.assert_array_equal(framed[1][:side], framed[2][:side].T)


def test_the_weights_are_those_of_the_chosen_picture_layer_and_head():
    first, second = trace_of(0), trace_of(7)
    panel = show.AttentionLines({"one": first, "two": second}, index=1)
    np.testing.assert_allclose(panel.weights, first.stages[1].attention[1, 1].mean(0), atol=1e-6)
    panel.head.value, panel.layer.value, panel.picture_choice.value = 2, (0, 1), "two"
    np.testing.assert_allclose(panel.weights, second.stages[0].attention[1, 1, 2], atol=1e-6)
    panel.direction.value, panel.view.picked = "is attended by", 3
    assert "left thumb3 is attended by" in panel.caption.value
    assert (panel.view.links.pairs[:, 0] == 3).all() and len(panel.view.links.pairs) == PARTNERS
    assert panel.picture_choice in panel.controls
    assert "picture" not in [c.description for c in show.AttentionLines({"one": first}).controls]
