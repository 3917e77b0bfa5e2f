"""The skeleton GCN: its graph, one layer by loops, and how far news travels."""

import math

import pytest
import torch

from handlib.hand.skeleton import BONES, joint_index
from handlib.model.gcn import GraphLayer, SkeletonGCN, neighbour_weights, skeleton_adjacency

FEATURES = 6


def distances() -> torch.Tensor:
    """Bones between any two joints, by breadth-first search."""
    table = torch.full((21, 21), -1)
    neighbours = {j: [b if a == j else a for a, b in BONES if j in (a, b)] for j in range(21)}
    for start in range(21):
        front, steps = [start], 0
        while front:
            for joint in front:
                table[start, joint] = steps
            front = [n for joint in front for n in neighbours[joint] if table[start, n] < 0]
            steps += 1
    return table


def scrambled(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Random numbers in every parameter and statistic, in evaluation mode and double precision."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    for parameter in module.parameters():
        parameter.data = 0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    for name, statistic in module.named_buffers():
        if name.endswith("running_mean"):
            statistic.copy_(torch.randn(statistic.shape, generator=generator, dtype=torch.float64))
        if name.endswith("running_var"):
            statistic.copy_(torch.rand(statistic.shape, generator=generator, dtype=torch.float64) + 0.5)
    return module


def test_the_graph_is_the_skeleton():
    adjacency = skeleton_adjacency()
    assert adjacency.sum() == 40
    assert adjacency.equal(adjacency.T) and not adjacency.diagonal().any()
    assert adjacency.equal(distances() == 1)
    counts = adjacency.sum(1)
    assert counts[0] == 5
    assert all(
        counts[joint_index(f"{finger}4")] == 1 for finger in ("thumb", "index", "middle", "ring", "little")
    )


def test_every_joint_spreads_its_attention_over_its_neighbours():
    scores = torch.randn(40, generator=torch.Generator().manual_seed(0))
    weights = neighbour_weights(scores, skeleton_adjacency())
    torch.testing.assert_close(weights.sum(1), torch.ones(21))
    assert (weights > 0).equal(skeleton_adjacency())


def test_scores_are_in_row_major_order_of_the_edges():
    edges = [(i, j) for i in range(21) for j in range(21) if (i, j) in BONES or (j, i) in BONES]
    scores = torch.zeros(40)
    # The wrist has edges 0 to 4; of the others, joint 1 comes first, and its first neighbour is the wrist.
    assert edges[2] == (0, 9) and edges[5] == (1, 0)
    scores[2], scores[5] = math.log(3), math.log(4)
    weights = neighbour_weights(scores, skeleton_adjacency())
    torch.testing.assert_close(weights[0, 9], torch.tensor(3 / 7))
    torch.testing.assert_close(weights[0, 1], torch.tensor(1 / 7))
    torch.testing.assert_close(weights[1, :3], torch.tensor([0.8, 0, 0.2]))


@pytest.mark.parametrize("residual", [False, True])
def test_a_layer_equals_loops_over_joints(residual: bool):
    layer = scrambled(GraphLayer(FEATURES, residual, skeleton_adjacency()))
    x = torch.randn(3, 21, FEATURES, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weights = neighbour_weights(layer.scores, layer.adjacency)
    for b in range(3):
        for i in range(21):
            out = x[b, i] @ layer.own[i] + layer.bias
            for j in range(21):
                out = out + weights[i, j] * (x[b, j] @ layer.neighbour[j])
            out = (out - layer.norm.running_mean) / (layer.norm.running_var + layer.norm.eps).sqrt()
            out = (out * layer.norm.weight + layer.norm.bias).relu()
            torch.testing.assert_close(layer(x)[b, i], x[b, i] + out if residual else out)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_after_n_layers_a_joint_has_heard_from_n_bones_away(layers: int):
    gcn = scrambled(SkeletonGCN(16, layers), seed=layers)
    # Every unit is kept alive, so that what can be heard is heard.
    for layer in gcn:
        layer.norm.running_mean.fill_(-20)
        layer.norm.weight.data.fill_(1)
        layer.norm.bias.data.fill_(0)
    x = torch.randn(1, 21, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: gcn(x).sum(-1)[0], x)
    heard = jacobian[:, 0].abs().amax(-1) > 0
    assert heard.equal(distances() <= layers)


def test_batch_norm_takes_its_statistics_over_batch_and_joints():
    layer = GraphLayer(FEATURES, False, skeleton_adjacency())
    layer.norm.bias.data.fill_(10)
    out = layer(torch.randn(4, 21, FEATURES, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(out.mean((0, 1)), torch.full((FEATURES,), 10.0), rtol=0, atol=1e-4)


def test_another_graph_can_be_given():
    alone = torch.zeros(21, 21, dtype=torch.bool)
    alone[:20, 20] = alone[20, :20] = True
    gcn = scrambled(SkeletonGCN(FEATURES, 1, adjacency=alone))
    x = torch.randn(1, 21, FEATURES, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[0, 5] += 1
    differs = (gcn(x) != gcn(changed)).any(-1)[0]
    assert differs[5] and not differs[[j for j in range(20) if j != 5]].any()
