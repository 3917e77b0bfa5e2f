"""Exercises of notebook 05, the skeleton GCN."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from handlib.exercises import Wrong, ask, ask_part, check_gradients, exercise
from handlib.hand.skeleton import JOINT_NAMES, NUM_JOINTS, joint_index
from handlib.model.gcn import graph_convolution, neighbour_weights, skeleton_adjacency

MOST_SHORTCUTS = 5
REACH = 4


@exercise("edge_score_number")
def _edge_score_number(answer: object) -> None:
    adjacency = skeleton_adjacency()
    edges = [tuple(edge) for edge in adjacency.nonzero().tolist()]
    got = {
        edge: float(ask(answer, adjacency.clone(), *edge, shape=()))
        for edge in ((0, 9), (1, 0), (1, 2), (20, 19))
    }
    right = {edge: edges.index(edge) for edge in got}
    if got == {(i, j): right[i, j] + 1 for i, j in got}:
        raise Wrong("scores are counted from 0")
    if got == {(i, j): edges.index((j, i)) for i, j in got}:
        raise Wrong("a row belongs to the joint that hears, its columns to those it may hear")
    if got == {(i, j): NUM_JOINTS * i + j for i, j in got}:
        raise Wrong("only pairs that a bone connects have a score; the others aren't counted")
    if got != right:
        raise Wrong("count the true entries of the adjacency before this one, row after row")


@exercise("released_graph_layer")
def _released_graph_layer(answer: object) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(NUM_JOINTS, 6, generator=generator)
    matrices = torch.randn(2, NUM_JOINTS, 6, 6, generator=generator)
    scores = torch.randn(2 * len(JOINT_NAMES) - 2, generator=generator)
    bias = torch.randn(6, generator=generator)
    adjacency = skeleton_adjacency()
    got = ask(
        answer, x.clone(), matrices.clone(), scores.clone(), bias.clone(), adjacency, shape=(NUM_JOINTS, 6)
    )

    def layer(matrices: torch.Tensor, weights: torch.Tensor, receiver: bool = False) -> np.ndarray:
        own, neighbour = matrices
        if receiver:
            heard = torch.einsum("if,ifg->ig", weights @ x, neighbour)
        else:
            heard = weights @ torch.einsum("jf,jfg->jg", x, neighbour)
        return (torch.einsum("jf,jfg->jg", x, own) + heard + bias).double().numpy()

    def said(expected: np.ndarray) -> bool:
        return np.allclose(got, expected, atol=1e-4)

    weights = neighbour_weights(scores, adjacency)
    raw = torch.zeros(NUM_JOINTS, NUM_JOINTS).masked_scatter(adjacency, scores)
    if said(layer(matrices, weights, receiver=True)):
        raise Wrong("what is sent goes through the matrix of the joint that sends it")
    if said(layer(matrices.mT, weights)):
        raise Wrong("features are rows: they stand on the left of their matrix")
    if said(layer(matrices, raw)):
        raise Wrong("scores are no weights yet: what a joint hears is a weighted mean")
    if said(layer(matrices.flip(0), weights)):
        raise Wrong("the first set of matrices is for a joint's own features")
    if not said(layer(matrices, weights)):
        raise Wrong("compare with one joint computed by hand: its own matrix, then each neighbour's")


@exercise("five_shortcuts")
def _five_shortcuts(answer: object) -> None:
    skeleton = skeleton_adjacency().numpy()
    got = ask(answer, skeleton_adjacency(), shape=(NUM_JOINTS, NUM_JOINTS)).astype(bool)
    if got.diagonal().any():
        raise Wrong("a joint hears itself anyway; the diagonal stays empty")
    if (got != got.T).any():
        raise Wrong("a bone leads both ways: set both entries")
    if (skeleton & ~got).any():
        raise Wrong("keep the skeleton's own bones")
    if (got & ~skeleton).sum() // 2 > MOST_SHORTCUTS:
        raise Wrong("that is more than five additional bones")
    heard = np.linalg.matrix_power(got + np.eye(NUM_JOINTS), REACH) > 0
    tips = heard[joint_index("thumb4"), joint_index("little4")]
    if not heard.all() and tips:
        raise Wrong("the tips hear each other now, but some other pairs don't within four layers")
    if not heard.all():
        raise Wrong("thumb4 and little4 don't hear each other within four layers")


def graph_convolution_by_loops(
    x: Float[Tensor, "joints features"],
    own: Float[Tensor, "joints features out"],
    neighbour: Float[Tensor, "joints features out"],
    weights: Float[Tensor, "joints joints"],
) -> Float[Tensor, "joints out"]:
    """One hand's graph convolution, by loops: what a joint keeps plus what all joints send it, weighted."""
    out = torch.zeros(len(x), own.shape[-1])
    for i in range(len(x)):
        out[i] = x[i] @ own[i]
        for j in range(len(x)):
            out[i] += weights[i, j] * (x[j] @ neighbour[j])
    return out


@exercise("graph_convolution")
def _graph_convolution(answer: object) -> None:
    generator = torch.Generator().manual_seed(16)
    x = torch.randn(3, 6, 4, generator=generator)
    own, neighbour = torch.randn(2, 6, 4, 4, generator=generator)
    weights = torch.rand(6, 6, generator=generator).softmax(-1)
    weights[0] = torch.nn.functional.one_hot(torch.tensor(2), 6)
    (got,) = ask_part(answer, x, own, neighbour, weights, shapes=[(3, 6, 4)])
    expected = torch.stack([graph_convolution_by_loops(one, own, neighbour, weights) for one in x])

    def said(other: Tensor) -> bool:
        return np.allclose(got, other, atol=1e-4)

    if not said(expected):
        kept = torch.einsum("bif,ifg->big", x, own)
        if said(kept + torch.einsum("bif,ifg->big", weights @ x, neighbour)):
            raise Wrong("what is sent goes through the matrix of the joint that sends it")
        if said(graph_convolution(x, own.mT, neighbour.mT, weights)):
            raise Wrong("features are rows: they stand on the left of their matrix")
        if said(graph_convolution(x, neighbour, own, weights)):
            raise Wrong("own is for what a joint keeps, neighbour for what it sends")
        if said(graph_convolution(x, own, neighbour, weights.T)):
            raise Wrong("row i of the weights is the joint that hears: sum over its columns")
        if said(expected - kept):
            raise Wrong("that is what a joint hears; what it keeps of its own feature is missing")
        if said(kept + torch.einsum("bjf,jfg->bg", x, neighbour)[:, None]):
            raise Wrong("every joint hears all others alike there; weigh what they send")
        raise Wrong("compare with one joint computed by hand: its own matrix, then each neighbour's")
    assert callable(answer)
    check_gradients(answer, graph_convolution, x, own, neighbour, weights)
