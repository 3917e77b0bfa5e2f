"""Exercises of notebook 08, iterative refinement."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from handlib.exercises import Wrong, ask, exercise
from handlib.geometry.rotation import rotation_from_6d


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
