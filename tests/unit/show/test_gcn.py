import base64
import io
import time

import numpy as np
import pytest
import torch
from PIL import Image
from support.random_pairs import random_pairs

from handlib.hand.skeleton import joint_index
from handlib.model.gcn import SkeletonGCN, skeleton_adjacency
from handlib.model.placed import place
from handlib.show.gcn import (
    CHART_SIZE,
    FEELERS,
    FELT,
    UNREACHED,
    UNREACHED_SURFACE,
    Influence,
    InfluenceChart,
    InfluenceExplorer,
    bones_between,
    influence_state,
    nearby_joints,
    strength_colours,
)

INDEX1 = joint_index("index1")


def layers_of(adjacency: np.ndarray, depth: int, name: str = "averages") -> Influence:
    """Joints that keep what they have and take all that their neighbours have, up to ``depth`` times."""
    step = np.eye(21) + adjacency
    powers = np.stack([np.linalg.matrix_power(step, n) for n in range(depth + 1)])
    return Influence(name, np.stack((powers, 2 * powers), axis=1))


@pytest.fixture(scope="module")
def influence() -> Influence:
    return layers_of(skeleton_adjacency().numpy(), 8)


@pytest.fixture
def explorer(influence) -> InfluenceExplorer:
    one_way = np.zeros((21, 21))
    one_way[0, 1] = 0.5
    return InfluenceExplorer([influence, layers_of(one_way, 2, "one way")], place(random_pairs(1), 0))


def test_bones_between_are_counted_along_the_skeleton():
    bones = bones_between()
    assert bones[0, 4] == 4 and bones[4, 20] == 8 and bones[5, 9] == 2
    assert (bones == bones.T).all() and (bones.diagonal() == 0).all()
    np.testing.assert_array_equal(bones == 1, skeleton_adjacency().numpy())


def test_no_layer_moves_only_the_picked_joint(influence):
    for picked in (0, INDEX1, 21 + 4):
        state = influence_state(influence, picked, 0, FEELERS)
        assert np.flatnonzero(state.strengths).tolist() == [picked]
        assert "1 of 42 joints" in state.caption and "The other 41 don't move at all" in state.caption


def test_reach_grows_by_a_bone_per_layer_and_never_to_the_other_hand(influence):
    for layers in range(9):
        state = influence_state(influence, 21 + 4, layers, FEELERS)
        np.testing.assert_array_equal(state.strengths[1] > 0, bones_between()[4] <= layers)
        assert not state.strengths[0].any()


def test_directions_are_the_column_and_the_row():
    norms = np.zeros((1, 2, 21, 21))
    norms[0, 0, 3, 7], norms[0, 0, 7, 3] = 0.4, 0.9
    influence = Influence("uneven", norms)
    felt_by = influence_state(influence, 7, 0, FEELERS)
    feels = influence_state(influence, 7, 0, FELT)
    assert felt_by.strengths[0, 3] == 0.4 and feels.strengths[0, 3] == 0.9
    assert "left thumb3, by 0.40" in felt_by.caption and "at left thumb3, by 0.90" in feels.caption


def test_caption_counts_names_and_measures(influence):
    caption = influence_state(influence, 0, 2, FEELERS).caption
    assert caption == (
        "After 2 layers a nudge at left wrist moves 11 of 42 joints: itself by 6.00; then most left thumb1, "
        "by 2.00; up to 2 bones away. The other 31 don't move at all: exactly 0."
    )
    assert influence_state(influence, 20, 1, FELT).caption == (
        "After 1 layer left little4 is moved by nudges at 2 of 42 joints: at itself, by 1.00; then most at "
        "left little3, by 1.00; up to 1 bone away. The other 40 don't move it at all: exactly 0."
    )


def test_nothing_picked_shows_nothing(influence):
    state = influence_state(influence, -1, 3, FEELERS)
    assert not state.strengths.any() and state.caption.startswith("Pick a joint")
    assert (state.colours == UNREACHED).all()


def test_what_does_not_exist_is_refused(influence):
    with pytest.raises(ValueError, match="layers: expected 0 to 8, got 9"):
        influence_state(influence, 0, 9, FEELERS)
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
    state = influence_state(Influence("two", np.stack((norms, norms))[None]), 0, 0, FEELERS)
    assert (state.strengths[0] > 0).tolist() == (bones_between()[0] <= 2).tolist()


def test_chart_draws_bars_as_high_as_the_strengths(influence):
    chart = InfluenceChart(highest=10.0)
    norms = np.zeros((1, 2, 21, 21))
    norms[0, 0, INDEX1, 0] = 10.0
    high = influence_state(Influence("high", norms), 0, 0, FEELERS)
    norms = norms / 2
    half = influence_state(Influence("half", norms), 0, 0, FEELERS)
    empty = np.asarray(chart.empty)
    assert empty.shape == (CHART_SIZE[1], CHART_SIZE[0], 3)

    def bar_height(state) -> int:
        left, right = (int(chart.to_pixels[0]((INDEX1 + d, 0))[0]) for d in (-0.2, 0.2))
        drawn = chart.draw(state, picked=0)[: CHART_SIZE[1] // 2, left:right]
        return int((drawn != empty[: CHART_SIZE[1] // 2, left:right]).any(axis=(1, 2)).sum())

    assert bar_height(high) == pytest.approx(2 * bar_height(half), abs=3)
    assert bar_height(high) > 80


def test_every_control_changes_colours_bars_and_caption(explorer):
    def shown() -> tuple:
        return explorer.caption.value, explorer.image.value, explorer.view._joint_colours

    seen = [shown()]
    for control, name, value in (
        (explorer.layers, "value", 1),
        (explorer.view, "picked", INDEX1),
        (explorer.network, "value", "one way"),
        (explorer.view, "picked", 0),
        (explorer.direction, "value", FELT),
    ):
        setattr(control, name, value)
        seen.append(shown())
        assert seen[-1][0] != seen[-2][0] and seen[-1][1] != seen[-2][1]
    assert len({colours for *_, colours in seen}) >= 5
    assert "left wrist is moved by nudges at 2 of 42 joints" in explorer.caption.value


def test_a_shallower_network_pulls_the_slider_back(explorer):
    assert explorer.layers.value == explorer.layers.max == 8
    explorer.network.value = "one way"
    assert explorer.layers.value == explorer.layers.max == 2
    assert "After 2 layers" in explorer.caption.value
    explorer.network.value = "averages"
    assert (explorer.layers.value, explorer.layers.max) == (2, 8)


def test_reader_without_a_kernel_sees_hands_bars_and_caption(explorer):
    data, _ = explorer._repr_mimebundle_()
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB"))
    assert picture.shape[1] > 900 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
    assert data["text/plain"].startswith("InfluenceExplorer: averages, one way. After 8 layers")


def test_an_update_is_quick_beside_drawing_the_axes_anew(explorer, influence):
    def seconds(action) -> float:
        started = time.perf_counter()
        for joint in range(1, 6):
            action(joint)
        return time.perf_counter() - started

    anew = seconds(lambda _: InfluenceChart(1.0))
    state = influence_state(influence, 0, 2, FEELERS)
    chart = explorer.chart
    assert seconds(lambda joint: chart.draw(state, joint)) < anew / 2
