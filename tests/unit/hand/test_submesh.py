"""A thinned mesh covers the hand evenly and knows its neighbours; its vertices can be a network's tokens."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse.csgraph import connected_components
from support.tiny import TINY

from handlib.hand.hand import open_hand_data
from handlib.hand.submesh import submesh
from handlib.model.config import NUM_VERTEX_TOKENS
from handlib.model.gcn import GraphLayer
from handlib.model.network import DIR


def strip(length: int) -> tuple[np.ndarray, np.ndarray]:
    """A band of triangles along x, two vertices at each whole number."""
    x = np.arange(length).repeat(2).astype(float)
    template = np.column_stack((x, np.tile([0.0, 0.1], length), np.zeros(2 * length)))
    first = 2 * np.arange(length - 1)[:, None]
    return template, np.concatenate((first + np.array([0, 1, 2]), first + np.array([1, 3, 2])))


def test_a_strip_by_hand():
    # From one end to the other, then the middle; regions touch from left to right.
    found = submesh(*strip(9), 3)
    assert found.vertices.tolist()[0] == 0
    assert found.vertices.tolist()[1] in (16, 17) and found.vertices.tolist()[2] in (8, 9)
    assert found.adjacency.int().tolist() == [[0, 0, 1], [0, 0, 1], [1, 1, 0]]


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_hands_vertices_are_spread_and_connected(side):
    data = open_hand_data(side)
    found = submesh(data.v_template, data.faces, NUM_VERTEX_TOKENS)
    assert len(set(found.vertices.tolist())) == NUM_VERTEX_TOKENS
    assert found.adjacency.equal(found.adjacency.T) and not found.adjacency.diagonal().any()
    assert connected_components(found.adjacency.numpy())[0] == 1
    distances = np.linalg.norm(data.v_template[:, None] - data.v_template[found.vertices], axis=-1)
    assert distances.min(axis=1).max() < 0.02


def test_all_vertices_and_too_many():
    template, faces = strip(4)
    assert sorted(submesh(template, faces, 8).vertices.tolist()) == list(range(8))
    with pytest.raises(ValueError, match="1 to 8"):
        submesh(template, faces, 9)


VERTICES = replace(TINY, tokens="vertices", projection="joint")


@torch.no_grad()
def test_a_network_with_vertices_as_tokens():
    torch.manual_seed(0)
    model = DIR(VERTICES).eval()
    for module in model.modules():
        if isinstance(module, GraphLayer):
            assert module.adjacency.equal(
                submesh(model.hands["right"].v_template.numpy(), model.hands["right"].faces, 84).adjacency
            )
    picture = torch.randn(1, 3, 64, 64)
    trace = model.trace(picture)
    stage = trace.stages[0]
    assert stage.sampled.shape[1:3] == (2, NUM_VERTEX_TOKENS)
    assert stage.attention.shape[-2:] == (2 * NUM_VERTEX_TOKENS, 2 * NUM_VERTEX_TOKENS)


def test_planes_of_bones_need_a_skeleton():
    with pytest.raises(ValueError, match="projection: expected joint"):
        replace(TINY, tokens="vertices", projection="bone")
