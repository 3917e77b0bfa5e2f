"""The one-euro filter (Casiez, Roussel and Vogel, "1€ Filter", CHI 2012), for vectors and for rotations.

A low-pass filter takes jitter away and lags behind what moves. The one-euro filter gives up the one where the
other would be seen: slow signals are smoothed strongly, fast ones hardly. Its cutoff frequency grows with the
signal's speed, which is itself a low-pass filtered difference of what came in and what last came out.

Rotations are filtered where they live: the difference of two is the turn that leads from one to the other, a
vector of an axis times an angle, and a filtered rotation has turned a part of that way. No sign of a
quaternion and no angle near pi can flip it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import cast

import roma
import torch
from jaxtyping import Float
from torch import Tensor

from handlib.utils.arguments import check_finite
from handlib.utils.errors import InputError


@dataclass(frozen=True)
class OneEuro:
    """The filter's three numbers.

    ``min_cutoff`` (Hz) is the cutoff at rest: lower takes away more jitter. ``beta`` is how much the cutoff
    grows with speed (Hz per unit and second, radians for rotations): higher lags less.
    ``derivative_cutoff`` (Hz) smooths the speed.
    """

    min_cutoff: float = 1.0
    beta: float = 3.0
    derivative_cutoff: float = 1.0

    def __post_init__(self) -> None:
        """Refuses what is no filter."""
        for name in ("min_cutoff", "derivative_cutoff"):
            value = getattr(self, name)
            if not (isinstance(value, Real) and 0 < cast(float, value) < math.inf):
                raise InputError(f"{name}: expected a positive number of Hz, got {value!r:.60}")
        if not (isinstance(self.beta, Real) and 0 <= self.beta < math.inf):
            raise InputError(f"beta: expected a number of at least 0, got {self.beta}")


def response(cutoff: float | Tensor, rate: float) -> float | Tensor:
    """Returns how much of a step a low-pass filter takes over per sample, 0 to 1; ``cutoff`` and ``rate`` in
    Hz.
    """
    time_constant = 1 / (2 * math.pi * cutoff)
    return 1 / (1 + time_constant * rate)


def filtered(
    values: Tensor,
    rate: float,
    settings: OneEuro,
    difference: Callable[[Tensor, Tensor], Tensor],
    moved: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """The filter over the first axis, in any space: the paper's Algorithm 1.

    ``difference(a, b)`` is the vector that leads from a to b, ``moved(a, v)`` where v leads from a. A vector
    has one speed, so that it is smoothed alike in all directions; different vectors are filtered apart.

    Raises:
        InputError: a value isn't finite, or the rate isn't positive.
    """
    check_finite("values", values)
    if not 0 < rate < math.inf:
        raise InputError(f"rate: expected a positive number of frames per second, got {rate}")
    follow = response(settings.derivative_cutoff, rate)
    results, velocity = [values[0]], torch.zeros_like(difference(values[0], values[0]))
    for value in values[1:]:
        step = difference(results[-1], value)
        velocity = velocity + follow * (step * rate - velocity)
        cutoff = settings.min_cutoff + settings.beta * velocity.norm(dim=-1, keepdim=True)
        results.append(moved(results[-1], response(cutoff, rate) * step))
    return torch.stack(results)


def smooth_vectors(
    values: Float[Tensor, "frames *batch n"], rate: float, settings: OneEuro
) -> Float[Tensor, "frames *batch n"]:
    """Vectors at ``rate`` frames per second, smoothed; the first stays as it is."""
    return filtered(values, rate, settings, lambda a, b: b - a, lambda a, v: a + v)


def smooth_rotations(
    values: Float[Tensor, "frames *batch 3 3"], rate: float, settings: OneEuro
) -> Float[Tensor, "frames *batch 3 3"]:
    """Rotation matrices at ``rate`` frames per second, smoothed; the first stays as it is."""
    return filtered(
        values,
        rate,
        settings,
        lambda a, b: roma.rotmat_to_rotvec(a.transpose(-1, -2) @ b),
        lambda a, v: a @ roma.rotvec_to_rotmat(v),
    )
