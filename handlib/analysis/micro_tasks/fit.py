"""Trains the networks of every micro-task, with Muon and the learning rates of ``handlib train``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.training.config import TrainConfig
from handlib.training.muon import Muon, parameter_groups
from handlib.training.schedule import learning_rate

SEEDS = (0, 1, 2)
WARMUP = 0.1
"""Share of the steps in which the learning rate rises."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Computes in one thread: sums must not depend on how many cores there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def reproducible(seed: int) -> Iterator[torch.Generator]:
    """Makes a block reproducible: weights come from the seed, and one thread computes.

    Yields a generator for everything else that is random, so that networks with different weights see the
    same batches. After the block, torch's random numbers go on as if nothing had been drawn.
    """
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


def fit(model: nn.Module, loss: Callable[[], Float[Tensor, ""]], steps: int, highest_rate: float) -> None:
    """Trains a model and leaves it in evaluation mode; ``loss`` is called once a step, for a new batch."""
    config = TrainConfig(steps=steps, learning_rate=highest_rate, warmup=WARMUP)
    optimiser = Muon(parameter_groups(model, config.weight_decay), betas=(0.9, 0.99), fused=True)
    model.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, config)
        optimiser.zero_grad()
        loss().backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimiser.step()
    model.eval()
