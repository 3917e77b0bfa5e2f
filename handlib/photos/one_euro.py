"""The one-euro filter (Casiez, Roussel and Vogel, "1€ Filter", CHI 2012), for vectors and for rotations.

A low-pass filter removes jitter, but lags behind moving things. The one-euro filter smooths slow signals
strongly, where jitter would be visible, and fast signals hardly, where lag would be visible. For this its
cutoff frequency grows with the signal's speed. The speed is the low-pass filtered difference between the new
input and the last output.

Rotations are filtered as rotations. The difference of two rotations is the turn from one to the other, as a
vector: axis times angle. A filtered rotation turns a part of this way. So neither a quaternion's sign nor an
angle near pi can make it jump.
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
    """The filter's three settings.

    ``min_cutoff`` (Hz) is the cutoff at rest; lower removes more jitter. ``beta`` is the growth of the cutoff
    with speed (Hz per unit and second, radians for rotations); higher lags less. ``derivative_cutoff`` (Hz)
    smooths the speed.
    """

    min_cutoff: float = 1.0
    beta: float = 3.0
    derivative_cutoff: float = 1.0

    def __post_init__(self) -> None:
        """Refuses numbers that define no filter."""
        for name in ("min_cutoff", "derivative_cutoff"):
            value = getattr(self, name)
            if not (isinstance(value, Real) and 0 < cast(float, value) < math.inf):
                raise InputError(f"{name}: expected a positive number of Hz, got {value!r:.60}")
        if not (isinstance(self.beta, Real) and 0 <= self.beta < math.inf):
            raise InputError(f"beta: expected a number of at least 0, got {self.beta}")


def response(cutoff: float | Tensor, rate: float) -> float | Tensor:
    """Returns the share of a step, 0 to 1, that a low-pass filter follows per sample (arguments in Hz)."""
    time_constant = 1 / (2 * math.pi * cutoff)
    return 1 / (1 + time_constant * rate)


def filtered(
    values: Tensor,
    rate: float,
    settings: OneEuro,
    difference: Callable[[Tensor, Tensor], Tensor],
    moved: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Filters values along the first axis, in any space (the paper's Algorithm 1).

    ``difference(a, b)`` is the vector from a to b; ``moved(a, v)`` is the point that v leads to from a. Each
    vector has a single speed, so it is smoothed equally in all directions. Different vectors are filtered
    independently.

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
    """Smooths vectors at ``rate`` frames per second; the first stays as it is."""
    return filtered(values, rate, settings, lambda a, b: b - a, lambda a, v: a + v)


def smooth_rotations(
    values: Float[Tensor, "frames *batch 3 3"], rate: float, settings: OneEuro
) -> Float[Tensor, "frames *batch 3 3"]:
    """Smooths rotation matrices at ``rate`` frames per second; the first stays as it is."""
    return filtered(
        values,
        rate,
        settings,
        lambda a, b: roma.rotmat_to_rotvec(a.transpose(-1, -2) @ b),
        lambda a, v: a @ roma.rotvec_to_rotmat(v),
    )
