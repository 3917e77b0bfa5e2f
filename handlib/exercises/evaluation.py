"""Exercises of notebook 10, evaluation."""

import numpy as np
import roma
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from handlib.exercises import Wrong, ask, ask_part, exercise


@exercise("best_factor")
def _best_factor(answer: object) -> None:
    rng = np.random.default_rng(10)
    true = rng.normal(size=(21, 3)) + 4
    estimated = 0.6 * true + 0.3 * rng.normal(size=(21, 3)) - 7
    got = float(ask(answer, estimated.copy(), true.copy(), shape=()))
    p, t = estimated - estimated[0], true - true[0]
    if np.isclose(got, (p * t).sum() / (p * p).sum()):
        return
    if np.isclose(got, (estimated * true).sum() / (estimated**2).sum()):
        raise Wrong("estimate and truth are each seen from their own wrist: subtract joint 0 of each first")
    if np.isclose(got, (p * t).sum() / (t * t).sum()):
        raise Wrong("that factor scales the truth onto the estimate; the estimate is what is scaled")
    if np.isclose(got, np.linalg.norm(t) / np.linalg.norm(p)):
        raise Wrong("equal sizes aren't nearest: where the directions differ, a smaller hand is less wrong")
    if np.isclose(got, np.linalg.norm(t[9]) / np.linalg.norm(p[9])):
        raise Wrong("that trusts one bone; here all joints have a say")
    raise Wrong("write the sum out as a quadratic in s and find where its derivative is zero")


@exercise("error_of_difference")
def _error_of_difference(answer: object) -> None:
    rng = np.random.default_rng(11)
    difficulty = rng.gamma(2.0, 5.0, size=40)
    first, second = difficulty + rng.normal(size=40), difficulty + rng.normal(size=40) - 0.4
    got = float(ask(answer, first.copy(), second.copy(), shape=()))
    difference = first - second
    if np.isclose(got, difference.std(ddof=1) / np.sqrt(40)):
        return
    if np.isclose(got, np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 40), rtol=0.05):
        raise Wrong("that is for two networks on different pairs; take the difference pair by pair")
    if np.isclose(got, difference.std(ddof=0) / np.sqrt(40)):
        raise Wrong("divide the squared deviations by n - 1: the mean was estimated from the same numbers")
    if np.isclose(got, difference.std(ddof=1), rtol=0.05):
        raise Wrong("that is the spread of one pair's difference; the mean of n of them is surer than that")
    raise Wrong("take the difference of every pair, its standard deviation, and what a mean of n makes of it")


@exercise("area_between")
def _area_between(answer: object) -> None:
    rng = np.random.default_rng(12)
    errors = np.concatenate((rng.uniform(0, 80, size=50), [0.0, 20.0, 50.0]))
    for low, high in ((20.0, 50.0), (0.0, 50.0), (10.0, 60.0)):
        got = float(ask(answer, errors.copy(), low, high, shape=()))
        if np.isclose(got, np.clip((high - errors) / (high - low), 0, 1).mean(), atol=1e-9):
            continue
        if np.isclose(got, (1 - errors / high).clip(0).mean()):
            raise Wrong("that is the area from 0; the range begins at low and is high - low wide")
        if np.isclose(got, ((high - errors) / (high - low)).clip(min=0).mean()):
            raise Wrong("no error can contribute more than 1, however far below low it lies")
        if np.isclose(got, ((high - errors) / (high - low)).mean()):
            raise Wrong("an error beyond high contributes nothing, not less than nothing")
        ends = [(errors <= limit).mean() for limit in (low, high)]
        if np.isclose(got, np.mean(ends)):
            raise Wrong("the curve isn't straight between the limits; think of what each error contributes")
        raise Wrong("for which part of the range from low to high is one error within the threshold?")


def mean_position_error_by_loops(
    points: Float[Tensor, "hand points 3"],
    true_points: Float[Tensor, "hand points 3"],
    valid: Bool[Tensor, "hand points"],
) -> float:
    """One picture's mean distance of its valid points (metres) from the truth, in mm, by loops."""
    total, count = 0.0, 0
    for h in range(points.shape[0]):
        for k in range(points.shape[1]):
            if valid[h, k]:
                total += 1000 * float((points[h, k] - true_points[h, k]).norm())
                count += 1
    return total / count if count else float("nan")


@exercise("procrustes_error")
def _procrustes_error(answer: object) -> None:
    generator = torch.Generator().manual_seed(22)
    true = 50 * torch.randn(7, 3, generator=generator)

    def error_of(estimated: Tensor) -> float:
        return float(ask(answer, estimated.clone(), true.clone(), shape=()))

    def forgiven(estimated: Tensor) -> bool:
        return abs(error_of(estimated)) < 0.05

    half_turn, mirror = torch.tensor([-1.0, -1.0, 1.0]), torch.tensor([-1.0, 1.0, 1.0])
    turned = true @ roma.rotvec_to_rotmat(torch.tensor([0.3, 0.9, -0.4])).T
    if not forgiven(true):
        raise Wrong("the truth itself must score 0")
    if not forgiven(true + 500):
        raise Wrong("a perfect hand in another place must score 0: shift both to their means first")
    if not forgiven(2 * true):
        raise Wrong("a perfect hand of twice the size must score 0: the scale is missing, or upside down")
    if not forgiven(turned):
        if forgiven(true * half_turn):
            raise Wrong(
                "right for half turns only, whose matrix is its own transpose: M or R is transposed there"
            )
        raise Wrong("a perfect hand that is only turned must score 0: R p is missing, or isn't a rotation")
    if forgiven(true * mirror):
        raise Wrong("a mirror image scores 0: no rotation makes one; D repairs that")
    noisy = 1.3 * turned + 10 * torch.randn(7, 3, generator=generator)
    got, off = error_of(noisy), _procrustes_distances(noisy, true)
    if not np.isclose(got, off.mean(), rtol=1e-3):
        if np.isclose(got, off.square().mean().sqrt(), rtol=1e-3) or np.isclose(
            got, off.square().mean(), rtol=1e-3
        ):
            raise Wrong("squares are what is minimised; distances are what is reported, their mean")
        if np.isclose(got, off.sum(), rtol=1e-3):
            raise Wrong("that is the sum of the distances; report their mean")
        raise Wrong("align by s R p, without any error of its own, then take the mean distance")
    if not np.isclose(
        error_of(noisy * mirror), _procrustes_distances(noisy * mirror, true).mean(), rtol=1e-3
    ):
        raise Wrong("right, but not for a mirror image: D belongs into R, at the smallest of S, and into s")


def _procrustes_distances(
    estimated: Float[Tensor, "points 3"], true: Float[Tensor, "points 3"]
) -> Float[Tensor, "points"]:
    """Returns the distances that are left after the best similarity transform."""
    rotation, shift, scale = roma.rigid_points_registration(estimated, true, compute_scaling=True)
    return (scale * estimated @ rotation.T + shift - true).norm(dim=-1)


@exercise("mean_position_error")
def _mean_position_error(answer: object) -> None:
    generator = torch.Generator().manual_seed(21)
    true = 0.1 * torch.randn(4, 2, 6, 3, generator=generator)
    points = true + 0.02 * torch.randn(4, 2, 6, 3, generator=generator)
    valid = torch.rand(4, 2, 6, generator=generator) < 0.7
    valid[0], valid[1, 0, :4], valid[3] = True, False, False
    (got,) = ask_part(answer, points, true, valid, shapes=[(4,)])
    pictures = zip(points, true, valid, strict=True)
    expected = np.array([mean_position_error_by_loops(*picture) for picture in pictures])

    def said(other: Tensor) -> bool:
        return np.allclose(got[:3], other[:3], atol=1e-3)

    if not said(torch.from_numpy(expected)):
        off = (points - true).norm(dim=-1) * 1000
        squares, counted = off.square(), valid.sum((1, 2))
        if said(torch.from_numpy(expected / 1000)):
            raise Wrong("the points are metres, the error is millimetres")
        if said(off.mean((1, 2))):
            raise Wrong("joints that aren't valid don't count, neither in the sum nor in the number")
        if said((off * valid).mean((1, 2))):
            raise Wrong("divide by the number of valid joints, not by the number of all")
        if said(((off * valid).sum(2) / valid.sum(2)).mean(1)):
            raise Wrong(
                "all valid joints of both hands count alike; a mean of two means weighs hands instead"
            )
        if said(((squares * valid).sum((1, 2)) / counted).sqrt()):
            raise Wrong("that is the root of the mean square, in which large errors count more")
        if said(1000 * ((points - true).abs().mean(-1) * valid).sum((1, 2)) / counted):
            raise Wrong("an error is a distance: the root of the sum of squares over x, y and z")
        raise Wrong("distances of the valid joints in mm, then their mean, picture by picture")
    if not np.isnan(got[3]):
        raise Wrong("a picture without a valid joint has no error: nan, not a number")
    unknown = torch.where(valid[..., None], true, torch.nan)
    (silent,) = ask_part(answer, points, unknown.nan_to_num(1e6), valid, shapes=[(4,)])
    (unheard,) = ask_part(answer, points, unknown, valid, shapes=[(4,)])
    if not (np.allclose(silent[:3], got[:3], atol=1e-3) and np.allclose(unheard[:3], got[:3], atol=1e-3)):
        raise Wrong("what isn't valid may be nan, and nan times 0 is nan: choose the valid ones")
