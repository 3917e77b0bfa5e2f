"""Exercises of notebook 03, encoder and attention."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from handlib.exercises import Wrong, ask, ask_part, check_gradients, exercise
from handlib.model.encoder import HandAttention, attention_pool


def _some_maps(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(5).uniform(0.05, 1, shape)).float()


@exercise("attention_centre")
def _attention_centre(answer: object) -> None:
    maps = _some_maps(2, 3, 5)
    maps[0, 0, 0] += 4
    got = ask(answer, maps.clone(), shape=(2, 2))
    weights = (maps / maps.sum((1, 2), keepdim=True)).double().numpy()
    edges = [np.linspace(-1, 1, n) for n in (5, 3)]
    middles = [(np.arange(n) + 0.5) * 2 / n - 1 for n in (5, 3)]
    to_edges, expected = (
        np.column_stack((weights.sum(1) @ u, weights.sum(2) @ v)) for u, v in (edges, middles)
    )
    if np.allclose(got, to_edges, atol=1e-4):
        raise Wrong("the outer cells' centres lie half a cell inside the picture, not on its edge")
    if np.allclose(got, expected[:, ::-1], atol=1e-4):
        raise Wrong("u comes first and goes with the columns, v with the rows")
    if not np.allclose(got, expected, atol=1e-4):
        raise Wrong("divide each map by its sum, then take the weighted mean of the cells' centres")


@exercise("effective_cells")
def _effective_cells(answer: object) -> None:
    maps = _some_maps(4, 6)
    weights = (maps / maps.sum()).double().numpy()
    entropy = -(weights * np.log(weights)).sum()
    got = float(ask(answer, maps.clone(), shape=()))
    if np.isclose(got, entropy, rtol=1e-4):
        raise Wrong("that is the entropy; how many equally weighted cells have this entropy?")
    if np.isclose(got, np.exp(entropy / np.log(2)), rtol=1e-4):
        raise Wrong("the exponential and the logarithm must have the same base")
    if not np.isclose(got, np.exp(entropy), rtol=1e-4):
        raise Wrong("divide the map by its sum first, then put the weights into the formula")
    single = torch.zeros(4, 6)
    single[1, 2] = 0.3
    if not np.isclose(float(ask(answer, single, shape=())), 1, atol=1e-4):
        raise Wrong("a map with zeros in all cells but one must give 1")


@exercise("attention_parameters")
def _attention_parameters(answer: object) -> None:
    for channels, hidden in ((5, 3), (7, 4)):
        got = float(ask(answer, channels, hidden, shape=()))
        expected = sum(p.numel() for p in HandAttention(channels, hidden).parameters())
        if 2 * got == expected:
            raise Wrong("that is one hand's map; there are two")
        if got == expected - 4 * hidden:
            raise Wrong("batch normalisation learns a scale and a shift per channel")
        if got == expected - 2 * (hidden + 1):
            raise Wrong("both convolutions have biases")
        if got != expected:
            raise Wrong("count the 3 x 3 convolution, the batch norm and the 1 x 1 convolution, with biases")


def attention_pool_by_loops(
    feature_map: Float[Tensor, "channels height width"], attention: Float[Tensor, "hand height width"]
) -> Float[Tensor, "hand channels"]:
    """Each hand's mean of one picture's features, weighted with its attention, by loops over cells."""
    pooled = torch.zeros(len(attention), len(feature_map))
    for h, weights in enumerate(attention):
        total = 0.0
        for y in range(weights.shape[0]):
            for x in range(weights.shape[1]):
                pooled[h] += weights[y, x] * feature_map[:, y, x]
                total += float(weights[y, x])
        pooled[h] /= total + 1e-8
    return pooled


@exercise("attention_pool")
def _attention_pool(answer: object) -> None:
    feature_map = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(14))
    attention = _some_maps(3, 2, 5, 6)
    attention[2, 1] = 0
    (got,) = ask_part(answer, feature_map, attention, shapes=[(3, 2, 4)])
    pairs = zip(feature_map, attention, strict=True)
    expected = torch.stack([attention_pool_by_loops(f, a) for f, a in pairs]).numpy()
    if not np.allclose(got, expected, atol=1e-4):
        sums = torch.einsum("bhyx,bcyx->bhc", attention, feature_map)
        totals = attention.sum((2, 3))

        def said(other: Tensor) -> bool:
            return np.allclose(got[:2], other[:2], atol=1e-4)

        if said(sums):
            raise Wrong("a weighted mean divides by the sum of the weights")
        if said(sums / 30):
            raise Wrong("divide by the sum of the weights, not by the number of cells")
        if said(sums / totals.sum(1)[:, None, None]):
            raise Wrong("each hand divides by the sum of its own map")
        softmax = attention.flatten(2).softmax(-1).unflatten(-1, (5, 6))
        if said(torch.einsum("bhyx,bcyx->bhc", softmax, feature_map)):
            raise Wrong("no softmax here: the maps are weights already, each divided by its sum")
        if said(torch.from_numpy(expected)):
            raise Wrong("a map that is zero everywhere must give zeros, not nan: add 1e-8 to the sum")
        raise Wrong("weight every cell's features with the hand's map, add up, divide by the map's sum")
    assert callable(answer)
    check_gradients(answer, attention_pool, feature_map[:2], attention[:2])
