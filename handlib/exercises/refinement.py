"""Exercises of notebook 08, iterative refinement."""

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor

from handlib.exercises import Wrong, ask, ask_part, check_gradients, exercise
from handlib.geometry.rotation import rotation_from_6d
from handlib.model.refinement import stage_update


def _read(place: float) -> float:
    return float(np.sin(place) - 0.3 * place)


def _slope(place: float) -> float:
    return float(np.cos(place) - 0.3)


@exercise("start_factor")
def _start_factor(answer: object) -> None:
    for start, steps in ((0.7, 0), (0.7, 1), (0.7, 3), (-1.6, 4)):
        places = [start]
        for _ in range(steps):
            places.append(places[-1] + _read(places[-1]))
        slopes = np.array([_slope(place) for place in places[:-1]])
        got = float(ask(answer, _read, _slope, start, steps, shape=()))
        if np.isclose(got, np.prod(1 + slopes)):
            continue
        if np.isclose(got, np.prod(slopes)):
            raise Wrong("a stage adds what it reads to the guess, and the guess itself moves with the start")
        if np.isclose(got, (1 + _slope(start)) ** steps):
            raise Wrong("each stage reads at the guess that the one before it made, not at the start")
        raise Wrong("what one stage does to a small change is its factor; think of how factors combine")


@exercise("as_residual")
def _as_residual(answer: object) -> None:
    rng = np.random.default_rng(5)
    absolute, gain = rng.normal(size=(3, 8)), 0.1
    got = ask(answer, absolute.copy(), gain, shape=(3, 8))
    tokens, previous = rng.normal(size=5), rng.normal(size=3)
    inputs = np.concatenate((tokens, previous))
    wanted = absolute @ inputs
    if np.allclose(previous + gain * got @ inputs, wanted):
        return
    if np.allclose(previous + got @ inputs, wanted):
        raise Wrong("the layer's output is multiplied by the gain before it is added")
    if np.allclose(gain * got @ inputs, wanted):
        raise Wrong("the residual update adds the previous numbers once more; take them out somewhere")
    raise Wrong("the previous numbers are the layer's last inputs; write both updates down and compare")


@exercise("turned_root")
def _turned_root(answer: object) -> None:
    root = np.random.default_rng(6).normal(size=6)
    turn = Rotation.random(random_state=7).as_matrix()
    got = ask(answer, root.copy(), turn.copy(), shape=(6,))

    def rotation(six: np.ndarray) -> np.ndarray:
        return rotation_from_6d(torch.from_numpy(six)).numpy()

    if np.allclose(rotation(got), turn.T @ rotation(root)):
        raise Wrong("that turns the other way round; a vector in a row is turned by the transpose")
    if not np.allclose(rotation(got), turn @ rotation(root)):
        raise Wrong("the six numbers are two vectors, first three numbers and last three; turn each of them")
    lengths = [np.linalg.norm(six.reshape(2, 3), axis=1) for six in (got, root)]
    if not np.allclose(*lengths):
        raise Wrong("the rotation is right, but the stage also sees the vectors' lengths: keep them")


def stage_update_by_loops(
    previous: Float[Tensor, "numbers"],
    tokens: Float[Tensor, "features"],
    weight: Float[Tensor, "numbers features_and_numbers"],
    bias: Float[Tensor, "numbers"],
    gain: float,
    start: Float[Tensor, "numbers"],
) -> Float[Tensor, "numbers"]:
    """New numbers of one picture, by loops: start + gain * (weight [tokens, previous] + bias)."""
    inputs = [*tokens, *previous]
    new = torch.zeros_like(previous)
    for i in range(len(previous)):
        predicted = bias[i]
        for j in range(len(inputs)):
            predicted = predicted + weight[i, j] * inputs[j]
        new[i] = start[i] + gain * predicted
    return new


@exercise("stage_update")
def _stage_update(answer: object) -> None:
    generator = torch.Generator().manual_seed(19)
    previous, nominal = torch.randn(2, 4, 3, generator=generator)
    tokens, bias = torch.randn(4, 5, generator=generator), torch.randn(3, generator=generator)
    weight, gain = torch.randn(3, 8, generator=generator), 0.1
    for start in (previous, nominal):
        (got,) = ask_part(answer, previous, tokens, weight, bias, gain, start, shapes=[(4, 3)])
        pictures = zip(previous, tokens, start, strict=True)
        loops = [stage_update_by_loops(p, t, weight, bias, gain, s) for p, t, s in pictures]
        change = torch.cat((tokens, previous), dim=-1) @ weight.T

        def said(other: Tensor, got: np.ndarray = got) -> bool:
            return np.allclose(got, other, atol=1e-4)

        if said(torch.stack(loops)):
            continue
        if said(start + gain * (torch.cat((previous, tokens), dim=-1) @ weight.T + bias)):
            raise Wrong("the layer's inputs are the tokens first, then the previous numbers")
        if said(start + change + bias):
            raise Wrong("multiply what the layer predicts by the gain")
        if said(start + gain * change + bias):
            raise Wrong("the gain multiplies the bias, too")
        if said(gain * (start + change + bias)):
            raise Wrong("the gain multiplies what the layer predicts, not the numbers that it is added to")
        if said(gain * (change + bias)):
            raise Wrong("add what the layer predicts to start")
        if said(previous + gain * (change + bias)):
            raise Wrong("add to start, which needn't be the previous numbers: an absolute update has another")
        if said(start + gain * change):
            raise Wrong("the bias is missing")
        raise Wrong("one linear layer of [tokens, previous], times gain, plus start")
    assert callable(answer)
    check_gradients(
        lambda p, t, w, b: answer(p, t, w, b, gain, nominal),
        lambda p, t, w, b: stage_update(p, t, w, b, gain, nominal),
        previous,
        tokens,
        weight,
        bias,
    )
