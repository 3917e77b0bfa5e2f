"""Exercises of notebook 06, the inter-hand transformer."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from handlib.exercises import Wrong, ask, ask_part, check_gradients, exercise
from handlib.model.transformer import attend

TOKENS, HEADS, FEATURES = 42, 3, 12


def _weights(*lead: int, seed: int = 0) -> torch.Tensor:
    scores = np.random.default_rng(seed).normal(scale=1.5, size=(*lead, TOKENS, TOKENS))
    return torch.from_numpy(scores).float().softmax(-1)


@exercise("attend_masked")
def _attend_masked(answer: object) -> None:
    query, key, value = torch.randn(3, 2, 3, 5, 4, generator=torch.Generator().manual_seed(19))
    token = torch.arange(5)
    allowed = (token - token[:, None]) % 5 <= 2  # Each token may take from itself and from the next two.
    everything = torch.ones_like(allowed)

    def asked(mask: Tensor) -> list[np.ndarray]:
        return ask_part(answer, query, key, value, mask, shapes=[(2, 3, 5, 4), (2, 3, 5, 5)])

    def expected(mask: Tensor) -> Tensor:
        return (query @ key.mT / 2).masked_fill(~mask, -torch.inf).softmax(-1)

    received, weights = asked(allowed)
    free = attend(query, key, value)[1]
    if np.allclose(weights, free * allowed, atol=1e-4):
        raise Wrong("the weights were set to 0 after the softmax: the rows don't sum to 1 any more")
    if np.allclose(weights, expected(~allowed), atol=1e-4):
        raise Wrong("True means that token i may take from token j, not that it mustn't")
    if np.allclose(weights, expected(allowed.T), atol=1e-4):
        raise Wrong("rows and columns of the mask are exchanged: row i is the token that takes")
    if np.allclose(weights, (query @ key.mT / 2).masked_fill(~allowed, 0).softmax(-1), atol=1e-4):
        raise Wrong("a score of 0 still gets a weight, exp(0) = 1; which score gets none?")
    if (weights[..., ~allowed.numpy()] != 0).any():
        raise Wrong("a forbidden pair has a weight, which must be 0")
    if not np.allclose(asked(everything)[1], free, atol=1e-4):
        raise Wrong("with everything allowed, the weights must be those of attend")
    if not np.allclose(weights, expected(allowed), atol=1e-4):
        raise Wrong("only forbidden pairs are right; the others' weights are their softmax, and sum to 1")
    if not np.allclose(received, weights @ value.numpy(), atol=1e-4):
        raise Wrong("the weights are right; what a token receives is their weighted mean of the values")


@exercise("contribution")
def _contribution(answer: object) -> None:
    rng = np.random.default_rng(1)
    values, output = (
        torch.from_numpy(rng.normal(size=size)).float()
        for size in ((HEADS, TOKENS, FEATURES // HEADS), (HEADS, FEATURES // HEADS, FEATURES))
    )
    weights = _weights(HEADS, seed=2)
    parts = weights[..., None] * (values @ output)[:, None]
    expected = parts.sum(0).norm(dim=-1).numpy()
    got = ask(answer, weights.clone(), values.clone(), output.clone(), shape=(TOKENS, TOKENS))
    if np.allclose(got, expected.T, atol=1e-4):
        raise Wrong("rows and columns are exchanged: row i is the token that receives")
    if np.allclose(got, parts.norm(dim=-1).sum(0), atol=1e-4):
        raise Wrong("add the heads' vectors first and take the length of the sum: they may cancel")
    if not np.allclose(got, expected, atol=1e-4):
        raise Wrong("weigh each value, carry it through its head's part of the output layer, add the heads")


@exercise("block_operations")
def _block_operations(answer: object) -> None:
    for n, f in ((42, 64), (100, 128), (7, 8)):
        got = float(ask(answer, n, f, shape=()))
        expected = 16 * n * f**2 + 4 * n**2 * f
        if got == expected / 2:
            raise Wrong("a multiplication and an addition count as two")
        if got == 16 * n * f**2:
            raise Wrong("the two products of attention are missing")
        if got == 12 * n * f**2 + 4 * n**2 * f:
            raise Wrong("count the perceptron's layers again: into twice the width and back")
        if got != expected:
            raise Wrong("add up 2ab for every linear layer and token, and the two products of attention")


def attend_by_loops(
    query: Float[Tensor, "tokens features"],
    key: Float[Tensor, "tokens features"],
    value: Float[Tensor, "tokens features"],
) -> tuple[Float[Tensor, "tokens features"], Float[Tensor, "tokens tokens"]]:
    """One head's attention, by loops: what every token receives, and its weights, which sum to 1."""
    received, weights = torch.zeros_like(value), torch.zeros(len(query), len(key))
    for i in range(len(query)):
        scores = [float(query[i] @ key[j]) / query.shape[1] ** 0.5 for j in range(len(key))]
        exponentials = [np.exp(score - max(scores)) for score in scores]
        for j in range(len(key)):
            weights[i, j] = exponentials[j] / sum(exponentials)
            received[i] += weights[i, j] * value[j]
    return received, weights


@exercise("attend")
def _attend(answer: object) -> None:
    generator = torch.Generator().manual_seed(17)
    query, key, value = torch.randn(3, 2, 3, 5, 4, generator=generator)
    shapes = [(2, 3, 5, 4), (2, 3, 5, 5)]
    received, weights = ask_part(answer, query, key, value, shapes=shapes)
    heads = [
        attend_by_loops(*head) for head in zip(*(x.flatten(0, 1) for x in (query, key, value)), strict=True)
    ]
    expected, expected_weights = (
        torch.stack(parts).unflatten(0, (2, 3)) for parts in zip(*heads, strict=True)
    )
    scores = query @ key.mT

    def said(other: Tensor) -> bool:
        return np.allclose(weights, other, atol=1e-4)

    if not said(expected_weights):
        if said(scores.softmax(-1)):
            raise Wrong("divide the scores by the root of the number of features")
        if said((scores / 4).softmax(-1)):
            raise Wrong("divide by the root of the number of features, not by the number itself")
        if said((scores / 5**0.5).softmax(-1)):
            raise Wrong("that is the root of the number of tokens; a query's features are its last dimension")
        if said((scores / 2).softmax(-2)):
            raise Wrong("the columns sum to 1 there; a row's weights must: softmax over the last dimension")
        if said((scores.mT / 2).softmax(-1)):
            raise Wrong("query and key are exchanged: row i belongs to the token that asks, query i")
        if said(scores / 2):
            raise Wrong("these are scores; weights are their softmax, row by row")
        raise Wrong(
            "weights: every query times every key, over the root of the features, softmax over the keys"
        )
    if not np.allclose(received, expected, atol=1e-4):
        if np.allclose(received, expected_weights.mT @ value, atol=1e-4):
            raise Wrong("the weights are right; row i times the values is what token i receives")
        raise Wrong("the weights are right; what a token receives is their weighted mean of the values")
    assert callable(answer)
    check_gradients(answer, attend, query, key, value)
    loud = ask_part(answer, 100 * query, 100 * key, value, shapes=shapes)[1]
    if not np.isfinite(loud).all():
        raise Wrong("large scores overflow in exp; softmax takes the largest score away first")
