import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.explorers import trace_of
from support.random_pairs import random_pairs

from handlib import show
from handlib.hand.skeleton import PAIR_JOINT_NAMES
from handlib.model.sampling import sample_joints
from handlib.show.core.palette import LEFT, RIGHT
from handlib.show.sampling import sampling_state

MAP = np.random.default_rng(0).normal(size=(5, 4, 6))


def test_known_place_of_a_known_map():
    counted = (10.0 * np.arange(4)[:, None] + np.arange(4))[None]
    state = sampling_state(counted, np.array([0.3, -0.1]), "left wrist")
    np.testing.assert_array_equal(state.cells, [(2, 1), (3, 1), (2, 2), (3, 2)])
    np.testing.assert_allclose(state.weights, [0.63, 0.07, 0.27, 0.03])
    np.testing.assert_allclose(state.offset, [0.1, 0.3])
    np.testing.assert_allclose(state.feature, [15.1])
    assert state.inside.all()
    assert state.summary.startswith(
        "left wrist at u 0.30, v -0.10 reads 0.63 of column 2 row 1 + 0.07 of column 3 row 1"
    )
    assert "100 % lies inside the 4 x 4 map" in state.summary


@settings(deadline=None, max_examples=60)
@given(st.floats(-1.8, 1.8), st.floats(-1.8, 1.8))
def test_reads_what_the_network_reads(u: float, v: float):
    state = sampling_state(MAP, np.array([u, v]))
    expected = sample_joints(torch.from_numpy(MAP)[None], torch.tensor([[[u, v]]], dtype=torch.float64))
    np.testing.assert_allclose(state.feature, expected[0, 0].numpy(), atol=1e-9)
    assert state.weights.sum() == pytest.approx(1)
    assert (state.weights >= 0).all()
    assert np.abs(state.similarity).max() <= 1 + 1e-9


def test_a_cell_resembles_itself_and_zeros_resemble_nothing():
    centre = np.array([(2 + 0.5) / 6 * 2 - 1, (1 + 0.5) / 4 * 2 - 1])
    state = sampling_state(MAP, centre)
    assert state.similarity[1, 2] == pytest.approx(1)
    assert state.similarity.argmax() == 1 * 6 + 2
    outside = sampling_state(MAP, np.array([1.5, 0.0]))
    assert not outside.inside.any() and not outside.feature.any() and not outside.similarity.any()
    assert "0 % lies inside" in outside.summary and outside.summary.count("zeros outside") == 4


def test_the_point_goes_where_the_stage_reads_or_where_the_joint_is():
    batch, trace = random_pairs(1), trace_of(0, pairs=1)
    panel = show.SamplingExplorer(batch, trace)
    first = trace.stages[0].before.uv.flatten(1, 2)[0]
    np.testing.assert_allclose(panel.point.uv[0], first[8].numpy(), atol=1e-6)
    assert panel.point.colours == [LEFT]

    joint = PAIR_JOINT_NAMES.index("right index4")
    panel.joint.value = joint
    np.testing.assert_allclose(panel.point.uv[0], first[joint].numpy(), atol=1e-6)
    assert panel.point.labels == ["right index4"] and panel.point.colours == [RIGHT]
    assert panel.caption.value.startswith("right index4 at u")

    panel.map.value = 1
    np.testing.assert_allclose(panel.point.uv[0], first[joint].numpy(), atol=1e-6)
    side = trace.stages[1].fused.shape[-1]
    assert f"{side} x {side} map" in panel.caption.value

    panel.to_truth.click()
    np.testing.assert_allclose(panel.point.uv[0], batch.uv.flatten(1, 2)[0, joint].numpy(), atol=1e-6)
    panel.point.points = [[0.9, 0.9]]
    assert "at u 0.90, v 0.90" in panel.caption.value
    panel.to_network.click()
    second = trace.stages[1].before.uv.flatten(1, 2)[0]
    np.testing.assert_allclose(panel.point.uv[0], second[joint].numpy(), atol=1e-6)
