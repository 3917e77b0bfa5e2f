"""Exercises of notebook 09, losses and training."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import polar
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from handlib.exercises import Missing, Wrong, ask, ask_part, check_gradients, exercise
from handlib.training.losses import HUBER_DELTA, huber, segmentation_loss


@exercise("huber_gradient")
def _huber_gradient(answer: object) -> None:
    rng = np.random.default_rng(3)
    target = rng.normal(size=12)
    wrong_by = np.concatenate((rng.uniform(-0.009, 0.009, 5), rng.uniform(-0.3, 0.3, 5), (0.0, -0.02)))
    got = ask(answer, target + wrong_by, target.copy(), shape=(12,))
    expected = np.clip(wrong_by, -HUBER_DELTA, HUBER_DELTA)
    if np.allclose(got, expected):
        return
    if np.allclose(got, -expected):
        raise Wrong("that is the pull; the gradient points the other way, in which the loss grows")
    if np.allclose(got, expected / HUBER_DELTA):
        raise Wrong("that is the gradient of torch's smooth_l1_loss, a hundred times larger")
    if np.allclose(got, HUBER_DELTA * np.sign(wrong_by)):
        raise Wrong("right for large errors; errors smaller than delta are on the quadratic part")
    if np.allclose(got, wrong_by):
        raise Wrong("right for small errors; errors larger than delta are on the straight part")
    raise Wrong("differentiate z**2 / 2 and delta * (|z| - delta / 2), each where it holds")


@exercise("weighted_cross_entropy")
def _weighted_cross_entropy(answer: object) -> None:
    rng = np.random.default_rng(4)
    scores = rng.normal(size=(3, 10))
    label = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2, 0])
    weights = np.array([0.1, 0.45, 0.45])
    got = float(ask(answer, scores.copy(), label.copy(), weights.copy(), shape=()))
    as_maps = torch.from_numpy(scores)[None, :, None], torch.from_numpy(label)[None, None]
    if np.isclose(got, float(segmentation_loss(*as_maps))):
        return
    each = cross_entropy(*as_maps, reduction="none").numpy().ravel()
    if np.isclose(got, each.mean()):
        raise Wrong("every pixel counts alike there; multiply each by the weight of its true class")
    if np.isclose(got, (weights[label] * each).mean()):
        raise Wrong("a weighted mean divides by the sum of the weights, not by the number of pixels")
    raise Wrong("per pixel: minus the logarithm of the softmax at the true class, times that class's weight")


@exercise("rotation_loss")
def _rotation_loss(answer: object) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        true = Rotation.random(random_state=rng)
        axis = rng.normal(size=3)
        axis /= np.linalg.norm(axis)
        angles = np.radians(np.arange(0, 181, 15))
        turned = [(Rotation.from_rotvec(angle * axis) * true).as_matrix() for angle in angles]
        losses = np.array([float(ask(answer, r.copy(), true.as_matrix(), shape=())) for r in turned])
        if not np.isfinite(losses).all():
            raise Wrong("it is not a number for some angle; rounding can leave a cosine just outside [-1, 1]")
        if abs(losses[0]) > 1e-6:
            raise Wrong("the true rotation itself must cost 0")
        if (losses[1:] <= 1e-6).any():
            raise Wrong("another rotation than the true one must cost something")
        if (np.diff(losses) <= 0).any():
            raise Wrong(
                "somewhere a larger angle costs less: that is the trap; compare the angles themselves"
            )


@exercise("equally_loud")
def _equally_loud(answer: object) -> None:
    rng = np.random.default_rng(6)
    for shape in ((5, 5), (4, 9), (9, 4)):
        matrix = rng.normal(size=shape)
        got = ask(answer, matrix.copy(), shape=shape)
        expected = polar(matrix)[0]
        if np.allclose(got, expected):
            continue
        if np.allclose(got, matrix / np.linalg.norm(matrix)):
            raise Wrong("that has a norm of 1, but its singular values still differ; divide each by itself")
        if np.allclose(got, np.sign(matrix)):
            raise Wrong("that is what AdamW's first step does, number by number; look at the whole matrix")
        raise Wrong("with U, S and V' from the singular value decomposition, put 1 in the place of each S")


def huber_by_loops(
    prediction: Float[Tensor, "numbers"], target: Float[Tensor, "numbers"]
) -> Float[Tensor, "numbers"]:
    """The Huber loss of every number, by a loop: z²/2 where |z| < δ, else δ (|z| - δ/2); δ is 0.01."""
    losses = torch.zeros_like(prediction)
    for i, z in enumerate((prediction - target).tolist()):
        losses[i] = z**2 / 2 if abs(z) < HUBER_DELTA else HUBER_DELTA * (abs(z) - HUBER_DELTA / 2)
    return losses


@exercise("huber")
def _huber(answer: object) -> None:
    generator = torch.Generator().manual_seed(20)
    target = torch.randn(4, 6, generator=generator)
    wrong_by = 0.1 * torch.randn(4, 6, generator=generator)
    wrong_by[:, :3] *= 0.05
    wrong_by[0, 0] = 0
    prediction = target + wrong_by
    # Thousandths of these losses count.
    z = (prediction - target).double()
    (got,) = ask_part(answer, prediction, target, shapes=[(4, 6)])
    expected = huber_by_loops(prediction.flatten(), target.flatten()).unflatten(0, (4, 6))

    def said(other: Tensor) -> bool:
        return np.allclose(got, other.double(), rtol=1e-3, atol=1e-7)

    if not said(expected):
        if said(expected / HUBER_DELTA):
            raise Wrong("that is torch's smooth_l1_loss, a hundred times larger")
        if said(z.square() / 2):
            raise Wrong("right for small errors; from delta on the loss goes on in a straight line")
        if said(HUBER_DELTA * (z.abs() - HUBER_DELTA / 2)):
            raise Wrong("right for large errors; below delta the loss is z**2 / 2")
        if said(torch.where(z.abs() < HUBER_DELTA, z.square() / 2, HUBER_DELTA * z.abs())):
            raise Wrong("the loss jumps at delta there: both pieces must meet, so subtract delta / 2")
        if said(torch.where(z < HUBER_DELTA, z.square() / 2, HUBER_DELTA * (z.abs() - HUBER_DELTA / 2))):
            raise Wrong("a large negative error is large, too: compare its absolute value with delta")
        raise Wrong("z**2 / 2 where |z| < delta, else delta * (|z| - delta / 2), number by number")
    assert callable(answer)
    check_gradients(answer, huber, prediction, target)


TrainStep = Callable[[Tensor, torch.optim.Optimizer, Iterable[Tensor], float], Any]


def _train_step_solution(
    loss: Tensor, optimiser: torch.optim.Optimizer, weights: Iterable[Tensor], clip: float
) -> None:
    optimiser.zero_grad()
    loss.backward()
    clip_grad_norm_(weights, clip)
    optimiser.step()


def _never_forgets(
    loss: Tensor, optimiser: torch.optim.Optimizer, weights: Iterable[Tensor], clip: float
) -> None:
    loss.backward()
    clip_grad_norm_(weights, clip)
    optimiser.step()


def _unclipped(
    loss: Tensor, optimiser: torch.optim.Optimizer, weights: Iterable[Tensor], clip: float
) -> None:
    _train_step_solution(loss, optimiser, weights, clip=1e9)


def _clips_numbers(
    loss: Tensor, optimiser: torch.optim.Optimizer, weights: Iterable[Tensor], clip: float
) -> None:
    optimiser.zero_grad()
    loss.backward()
    clip_grad_value_(weights, clip)
    optimiser.step()


def _moves_first(
    loss: Tensor, optimiser: torch.optim.Optimizer, weights: Iterable[Tensor], clip: float
) -> None:
    optimiser.step()
    optimiser.zero_grad()
    loss.backward()
    clip_grad_norm_(weights, clip)


@torch.enable_grad()
def _three_steps(train_step: TrainStep) -> tuple[Tensor, set[str]]:
    """Returns how far three steps move two weights, and which of backward and step happened.

    The gradients of the first two steps are longer than the bound of 1; that of the third is shorter.
    """
    generator = torch.Generator().manual_seed(23)
    matrix, bias = (torch.randn(shape, generator=generator).requires_grad_() for shape in ((3, 2), (2,)))
    weights, happened = [matrix, bias], set[str]()
    before = torch.cat([weight.detach().flatten() for weight in weights])
    optimiser = torch.optim.SGD(weights, lr=0.1)
    optimiser.register_step_post_hook(lambda *_: happened.add("step"))
    for factor in (10.0, 2.0, 0.03):
        batch, truth = (torch.randn(4, k, generator=generator) for k in (3, 2))
        loss = factor * (batch @ matrix + bias - truth).square().mean()
        loss.register_hook(lambda _: happened.add("backward"))
        train_step(loss, optimiser, weights, 1.0)
    return torch.cat([weight.detach().flatten() for weight in weights]) - before, happened


@exercise("train_step")
def _train_step(answer: object) -> None:
    if not callable(answer):
        raise Wrong("expected a function")
    moved, happened = _three_steps(answer)
    if not happened:
        raise Missing
    if "backward" not in happened:
        raise Wrong("there are no gradients yet: loss.backward() finds them")
    if "step" not in happened:
        raise Wrong("the gradients are there, but nothing moves: optimiser.step() moves the weights")

    def said(other: TrainStep) -> bool:
        return np.allclose(moved, _three_steps(other)[0], rtol=1e-5, atol=1e-7)

    if said(_train_step_solution):
        return
    if not moved.any():
        raise Wrong(
            "nothing moved: the gradients were forgotten after `backward`; forget the old ones before"
        )
    if said(_never_forgets):
        raise Wrong("gradients of earlier steps add up: forget them first, with optimiser.zero_grad()")
    if said(_unclipped):
        raise Wrong(
            "the gradients weren't clipped when the weights moved: clip after `backward`, before `step`"
        )
    if said(_clips_numbers):
        raise Wrong("every number was clipped alone; clip the norm of all gradients together")
    if said(_moves_first):
        raise Wrong("every step moves by the gradient of the step before: `step` comes last")
    raise Wrong("forget, find the new gradients, clip their common norm if it is above `clip`, move")
