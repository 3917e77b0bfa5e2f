import numpy as np
import pytest
from PIL import Image
from support.explorers import gcn_explorer, layers_of
from support.random_pairs import random_pairs

from handlib.hand.skeleton import bones_between, joint_index
from handlib.model.gcn import skeleton_adjacency
from handlib.model.placed import place
from handlib.show.gcn import (
    RECEIVERS,
    SENDERS,
    UNREACHED,
    UNREACHED_SURFACE,
    Influence,
    InfluenceExplorer,
    influence_state,
    nearby_joints,
    strength_colours,
)


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
    nothing = influence_state(influence, -1, 0, RECEIVERS)
    assert not nothing.strengths.any() and nothing.caption.startswith("Pick a joint")
    assert (nothing.colours == UNREACHED).all()


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


def test_a_shallower_network_pulls_the_slider_back(explorer):
    assert explorer.layers.value == explorer.layers.max == 8
    explorer.network.value = "one way"
    assert explorer.layers.value == explorer.layers.max == 2
    assert "After 2 layers" in explorer.caption.value
    explorer.network.value = "averages"
    assert (explorer.layers.value, explorer.layers.max) == (2, 8)
