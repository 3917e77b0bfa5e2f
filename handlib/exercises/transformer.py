"""Exercises of notebook 06, the inter-hand transformer."""

import numpy as np
import torch

from handlib.exercises import Wrong, ask, exercise

TOKENS, HEADS, FEATURES = 42, 3, 12


def _weights(*lead: int, seed: int = 0) -> torch.Tensor:
    scores = np.random.default_rng(seed).normal(scale=1.5, size=(*lead, TOKENS, TOKENS))
    return torch.from_numpy(scores).float().softmax(-1)


@exercise("cross_hand_share")
def _cross_hand_share(answer: object) -> None:
    weights = _weights(2, HEADS)
    to_right, to_left = weights[..., 21:].sum(-1), weights[..., :21].sum(-1)
    share = torch.cat((to_right[..., :21], to_left[..., 21:]), dim=-1).numpy()
    got = ask(answer, weights.clone(), shape=(2, HEADS, TOKENS))
    if np.allclose(got, 1 - share, atol=1e-4):
        raise Wrong("this is the share that stays within the hand")
    if np.allclose(got, to_right, atol=1e-4) or np.allclose(got, to_left, atol=1e-4):
        raise Wrong("right for one hand; for joints of the other one the columns must change too")
    if not np.allclose(got, share, atol=1e-4):
        raise Wrong("sum over the columns, from which a token takes, of the other hand")


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
