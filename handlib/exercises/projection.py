"""Exercises of notebook 07, multi-plane projection."""

import itertools
import math

import numpy as np
import torch

from handlib.analysis.projection import plane_shares, read_back_error, seen_at_joints
from handlib.exercises import Wrong, ask, exercise
from handlib.hand.skeleton import BONES
from handlib.model.projection import joint_masks

_OUTSIDE = 9.0
_LONG_ENOUGH, _MIXED_ENOUGH = 1.2, 0.45


def _cost(planes: int, ends: int, channels: int, out: int, size: int, kernel: int) -> tuple[int, int]:
    masks, taps = planes * ends, out * kernel**2
    return masks * taps * (channels + size**2), 4 * masks * (size**2 + taps)


@exercise("factorised_cost")
def _factorised_cost(answer: object) -> None:
    shapes = list(itertools.product((40, 6), (1, 2), (16, 64), (8, 256), (5, 32), (1, 3)))
    got = np.stack([ask(answer, *shape, shape=(2,)) for shape in shapes])
    wanted = np.array([_cost(*shape) for shape in shapes], dtype=float)
    if np.array_equal(got, wanted):
        return
    adds, held = (np.array_equal(got[:, k], wanted[:, k]) for k in (0, 1))
    convolution = [p * e * o * k**2 * s**2 for p, e, _, o, s, k in shapes]
    if np.array_equal(got[:, 0], convolution):
        raise Wrong("contracting the features into the weights costs something too, once per picture")
    if adds:
        raise Wrong("the multiply-adds are right; bytes: masks and kernels, four bytes a number")
    if held:
        raise Wrong("the bytes are right; multiply-adds: contraction, then a convolution of the masks")
    raise Wrong("count planes * ends masks; only the contraction has channels, only the convolution pixels")


@exercise("smallest_half_width")
def _smallest_half_width(answer: object) -> None:
    for size in (8, 16, 20):
        got = float(ask(answer, size, shape=()))
        corner = torch.zeros(1, 2, 21, 2, dtype=torch.double) + 2 * (size // 2) / size - 1
        if not joint_masks(corner, size, got * 1.001).any():
            raise Wrong("a joint at a pixel's corner still vanishes with that half width")
        if not math.isclose(got, math.sqrt(2) / size, rel_tol=1e-3):
            raise Wrong("never vanishing, but a smaller half width would do")


@exercise("plane_that_mixes")
def _plane_that_mixes(answer: object) -> None:
    ends = ask(answer, shape=(2, 2))
    if not ((ends > 0) & (ends < 16)).all():
        raise Wrong("both ends must lie on the map of 16 x 16 pixels")
    if np.linalg.norm(ends[0] - ends[1]) < _LONG_ENOUGH:
        raise Wrong("the ends are less than 1.2 pixels apart")
    uv = torch.full((2, 21, 2), _OUTSIDE, dtype=torch.double)
    uv[0, [1, 2]] = torch.from_numpy(ends) / 8 - 1
    own_plane = seen_at_joints(plane_shares(uv, 16, 0.125, "bone"), uv)[1, BONES.index((1, 2))]
    if float(read_back_error(own_plane[None, None])[0, 1]) < _MIXED_ENOUGH:
        raise Wrong(
            "the first end's feature is still read well; compare both ends' distances from its pixel's centre"
        )
