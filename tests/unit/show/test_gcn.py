import numpy as np
import pytest
import torch
from PIL import Image
from support.explorers import gcn_explorer, layers_of
from support.random_pairs import random_pairs

from handlib.hand.skeleton import bones_between, joint_index
from handlib.model.gcn import SkeletonGCN, skeleton_adjacency
from handlib.model.placed import place
from handlib.show.gcn import (
    CHART_SIZE,
    RECEIVERS,
    SENDERS,
    UNREACHED,
    UNREACHED_SURFACE,
    Influence,
    InfluenceExplorer,
    draw_bars,
    influence_state,
    nearby_joints,
    strength_colours,
)

INDEX1 = joint_index("index1")
NOTHING = influence_state(Influence("none", np.ones((1, 2, 21, 21))), -1, 0, RECEIVERS)


@pytest.fixture
def explorer() -> InfluenceExplorer:
    return gcn_explorer(second_depth=2)


@pytest.fixture(scope="module")
def influence() -> Influence:
    return layers_of(skeleton_adjacency().numpy(), 8)


def test_bones_between_are_counted_along_the_skeleton():
    bones = bones_between()
    assert bones[0, 4] == 4 and bones[4, 20] == 8 and bones[5, 9] == 2
    assert (bones == bones.T).all() and (bones.diagonal() == 0).all()
    np.testing.assert_array_equal(bones == 1, skeleton_adjacency().numpy())


def test_reach_grows_by_a_bone_per_layer_and_never_to_the_other_hand(influence):
    for layers in range(9):
        state = influence_state(influence, 21 + 4, layers, RECEIVERS)
        np.testing.assert_array_equal(state.strengths[1] > 0, bones_between()[4] <= layers)
        assert not state.strengths[0].any()
    assert "1 of 42 joints" in influence_state(influence, 25, 0, RECEIVERS).caption
    assert not NOTHING.strengths.any() and NOTHING.caption.startswith("Pick a joint")
    assert (NOTHING.colours == UNREACHED).all()


def test_directions_are_the_column_and_the_row():
    norms = np.zeros((1, 2, 21, 21))
    norms[0, 0, 3, 7], norms[0, 0, 7, 3] = 0.4, 0.9
    influence = Influence("uneven", norms)
    felt_by = influence_state(influence, 7, 0, RECEIVERS)
    feels = influence_state(influence, 7, 0, SENDERS)
    assert felt_by.strengths[0, 3] == 0.4 and feels.strengths[0, 3] == 0.9
    assert "left thumb3, by 0.40" in felt_by.caption and "at left thumb3, by 0.90" in feels.caption


def test_caption_counts_names_and_measures(influence):
    caption = influence_state(influence, 0, 2, RECEIVERS).caption
    assert caption == (
        "After 2 layers a nudge at left wrist moves 11 of 42 joints: itself by 6.00; then most left thumb1, "
        "by 2.00; up to 2 bones away. The other 31 don't move at all: exactly 0."
    )
    assert influence_state(influence, 20, 1, SENDERS).caption == (
        "After 1 layer left little4 is moved by nudges at 2 of 42 joints: at itself, by 1.00; then most at "
        "left little3, by 1.00; up to 1 bone away. The other 40 don't move it at all: exactly 0."
    )


def test_what_does_not_exist_is_refused(influence):
    with pytest.raises(ValueError, match="layers: expected 0 to 8, got 9"):
        influence_state(influence, 0, 9, RECEIVERS)
    with pytest.raises(ValueError, match="direction: expected one of"):
        influence_state(influence, 0, 1, "sideways")


def test_colours_darken_with_strength_also_in_grey_and_only_zero_is_unreached():
    colours = strength_colours(np.array([0, 1e-9, 0.1, 0.5, 1.0]), strongest=1.0)
    assert tuple(colours[0]) == UNREACHED and tuple(colours[1]) != UNREACHED
    grey = np.asarray(Image.fromarray(colours[None]).convert("L"), dtype=int)[0]
    assert (np.diff(grey) < 0).all()


def test_a_vertex_takes_the_colour_of_the_joint_that_it_lies_at():
    hands = place(random_pairs(1), 0)
    shares = nearby_joints(hands)
    np.testing.assert_allclose(shares.sum(-1), 1)
    nearest = np.linalg.norm(hands.vertices[:, :, None] - hands.joints[:, None], axis=-1).argmin(-1)
    np.testing.assert_array_equal(shares.argmax(-1), nearest)
    assert shares[0, 744, joint_index("thumb4")] > 0.9


def test_surfaces_of_a_hand_that_is_not_reached_are_grey(explorer):
    explorer.view.picked = joint_index("middle2")
    left, right = np.frombuffer(explorer.view._colours, np.uint8).reshape(2, 778, 3)
    assert (right == UNREACHED_SURFACE).all()
    assert (left != UNREACHED_SURFACE).any(axis=1).all()


def test_true_jacobians_of_a_network_fit_in():
    torch.manual_seed(0)
    layers = list(SkeletonGCN(8, 2).eval())

    def through(x: torch.Tensor) -> torch.Tensor:
        return layers[1](layers[0](x[None]))[0]

    jacobian = torch.autograd.functional.jacobian(through, torch.randn(21, 8))
    norms = (jacobian.square().sum((1, 3)).sqrt() / 8**0.5).double().numpy()
    state = influence_state(Influence("two", np.stack((norms, norms))[None]), 0, 0, RECEIVERS)
    assert (state.strengths[0] > 0).tolist() == (bones_between()[0] <= 2).tolist()


def test_a_shallower_network_pulls_the_slider_back(explorer):
    assert explorer.layers.value == explorer.layers.max == 8
    explorer.network.value = "one way"
    assert explorer.layers.value == explorer.layers.max == 2
    assert "After 2 layers" in explorer.caption.value
    explorer.network.value = "averages"
    assert (explorer.layers.value, explorer.layers.max) == (2, 8)


def test_bars_are_as_high_as_the_strengths():
    def bar_height(strength: float) -> int:
        norms = np.zeros((1, 2, 21, 21))
        norms[0, 0, INDEX1, 0] = strength
        state = influence_state(Influence("one", norms), 0, 0, RECEIVERS)
        bars, empty = (draw_bars(s, 0, 10.0)[: CHART_SIZE[1] // 2] for s in (state, NOTHING))
        return int((bars != empty).any(axis=(1, 2)).sum())

    assert bar_height(10.0) == pytest.approx(2 * bar_height(5.0), abs=6) and bar_height(10.0) > 80
