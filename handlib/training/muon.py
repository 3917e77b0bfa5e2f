"""The optimiser Muon: Muon's steps for matrices, AdamW's steps for all other weights.

AdamW divides each number's gradient by the number's own recent gradient size. It ignores which matrix the
number belongs to. Muon (Jordan and others, 2024) takes the momentum of a whole matrix, brings all its
singular values near one, and moves along the result. So directions with a small but steady gradient are
learned as fast as directions with a large one. ``docs/experiments.md`` measures the gain for DIR.
"""

import math
from collections import defaultdict
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.training.precision import multiplies_bfloat16

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of Jordan's quintic. Five rounds bring singular values from 0.001 to 1 into 0.7 to 1.2."""
ROUNDS = 5
MOMENTUM = 0.95


def orthogonalise(matrices: Float[Tensor, "n rows columns"]) -> Float[Tensor, "n rows columns"]:
    """Returns the matrices with the same singular vectors and with singular values near one.

    With X = U S V', the polynomial a X + (b X X' + c (X X')²) X equals U (a S + b S³ + c S⁵) V'. So matrix
    products replace a singular value decomposition. They run in bfloat16 where that is quick.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.bfloat16() if multiplies_bfloat16(matrices.device.type) else matrices
    x = x.mT if tall else x
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)


def is_matrix(weight: Tensor) -> bool:
    """Returns whether Muon moves the weight.

    It moves neither vectors nor layers whose inputs or outputs are colours, coordinates or single scores.
    """
    return weight.ndim > 1 and min(weight.shape[:2]) > 3


def as_matrices(weight: Float[Tensor, "..."]) -> Float[Tensor, "n rows columns"]:
    """Returns a convolution's kernel as one matrix (out, in x height x width), and a stack as it is."""
    return weight if weight.ndim == 3 else weight.flatten(1)[None]


def parameter_groups(
    model: nn.Module, weight_decay: float, fine_tuned: nn.Module | None = None, rate: float = 1.0
) -> list[dict]:
    """Returns the optimiser's groups of weights.

    Matrices and kernels have weight decay; biases, norms and scores have none. ``fine_tuned`` is a pretrained
    part. AdamW moves it, at ``rate`` times the learning rate. Each group has entries ``rate`` and
    ``by_muon``.
    """
    theirs = list(fine_tuned.parameters()) if fine_tuned else []
    known = {id(p) for p in theirs}
    own = [p for p in model.parameters() if id(p) not in known]
    return [
        {"params": chosen, "weight_decay": decay, "rate": share, "by_muon": by_muon}
        for parameters, share, by_muon in ((own, 1.0, True), (theirs, rate, False))
        for matrices, decay in ((True, weight_decay), (False, 0.0))
        if (chosen := [p for p in parameters if (p.ndim > 1) == matrices])
    ]


class Muon(torch.optim.AdamW):
    """Moves matrices along their orthogonalised momentum, and all other weights as AdamW does.

    A step of a matrix has a root mean square of 0.2 x ``lr``, like most of AdamW's steps (Liu and others,
    2025). So one learning rate serves both. Matrices of one shape are orthogonalised together.
    ``torch.optim.Muon`` handles two-dimensional weights only; most of DIR's are kernels and stacks.
    """

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Takes one step with the gradients that the weights hold."""
        for group in self.param_groups:
            matrices = [
                p for p in group["params"] if p.grad is not None and is_matrix(p) and group["by_muon"]
            ]
            self._move(matrices, group["lr"], group["weight_decay"])
            for weight in matrices:
                weight.grad = None
        super().step()

    def _move(self, weights: list[Tensor], lr: float, weight_decay: float) -> None:
        by_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for weight in weights:
            state = self.state[weight]
            if not state:
                state |= {"step": torch.tensor(0.0), "exp_avg": torch.zeros_like(weight)}
            gradient = cast(Tensor, weight.grad)
            mean = state["exp_avg"].lerp_(gradient, 1 - MOMENTUM)
            ahead = as_matrices(torch.lerp(gradient, mean, MOMENTUM))
            by_shape[ahead.shape[1:]].append((weight, ahead))
        for shape, pairs in by_shape.items():
            together = orthogonalise(torch.cat([ahead for _, ahead in pairs]))
            moves = together.split([len(ahead) for _, ahead in pairs])
            for (weight, _), move in zip(pairs, moves, strict=True):
                weight.mul_(1 - lr * weight_decay)
                weight.sub_(move.reshape(weight.shape), alpha=0.2 * lr * math.sqrt(max(shape)))


OPTIMISERS = {"adamw": torch.optim.AdamW, "muon": Muon}
