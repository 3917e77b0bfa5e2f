"""The steps of a run: which pairs each step sees, how they are augmented, and its learning rate.

All this depends on the step's number and the run's seed alone. So a run that was killed and resumed ends with
the same weights as an uninterrupted run. A run of several processes ends with the same weights as a run of
one process, except for rounding.
"""

import math
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from handlib.data.augment import Augmentation, augment, flip
from handlib.data.layered.compose import Backdrops, Ranges, compose
from handlib.data.layered.layers import LAYERED, LayeredDataset
from handlib.data.sample import stack
from handlib.data.shards import Dataset, load_dataset, read_info
from handlib.training.config import TrainConfig

RANGES = Ranges(upright=0.55)
"""Ranges of the pictures composed for training."""


def learning_rate(step: int, config: TrainConfig) -> float:
    """Returns a step's learning rate: a linear warm-up, then a cosine down to a hundredth."""
    done = step / config.steps
    rise = min(1.0, done / config.warmup + 0.02) if config.warmup else 1.0
    fall = max(0.0, (done - config.warmup) / (1 - config.warmup))
    return config.learning_rate * rise * (0.01 + 0.99 * (1 + math.cos(math.pi * fall)) / 2)


def batch_indices(step: int, count: int, config: TrainConfig) -> Int[Tensor, "batch"]:
    """Returns the indices of a step's pairs.

    Each epoch is a permutation of all pairs, cut into batches; an incomplete last batch is dropped.
    """
    size = min(config.batch_size, count)
    epoch, place = divmod(step, count // size)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1_000_003 * config.seed + epoch))
    return order[place * size : (place + 1) * size]


def open_pairs(folder: Path) -> Dataset | LayeredDataset:
    """Opens the pairs of a folder, which are pictures or layers.

    Raises:
        InputError: the folder is missing, incomplete, or no data set.
    """
    return LayeredDataset(folder) if read_info(folder).world == LAYERED else load_dataset(folder)


class Steps(torch.utils.data.Dataset):
    """The batches that one process of a run sees, one per step.

    A batch is this process's share of the step's pairs, augmented. Of layered pairs, new pictures are
    composed, each with its mirror image; some have ``photographs`` as backgrounds. Each pair's random changes
    depend on the run's seed, the step and the pair's place in the whole batch.
    """

    def __init__(
        self,
        pairs: Dataset | LayeredDataset,
        config: TrainConfig,
        ranges: Augmentation,
        size: int,
        rank: int = 0,
        processes: int = 1,
        photographs: Sequence[Path] = (),
    ):
        self.pairs, self.config, self.ranges, self.size = pairs, config, ranges, size
        self.backdrops = Backdrops(photographs)
        self.share = slice(rank, None, processes)

    def __len__(self) -> int:
        """Returns the number of steps."""
        return self.config.steps

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """Returns the fields of a batch of samples."""
        indices = batch_indices(step, len(self.pairs), self.config)
        seeds = np.random.SeedSequence((self.config.seed, step)).generate_state(len(indices))
        if isinstance(self.pairs, LayeredDataset):
            return self._composed(indices[self.share], seeds[self.share])
        mine = self.pairs.sample(indices[self.share])
        return vars(augment(mine, self.ranges, torch.from_numpy(seeds.astype(np.int64))[self.share]))

    def _composed(self, indices: Int[Tensor, "n"], seeds: np.ndarray) -> dict[str, Tensor]:
        assert isinstance(self.pairs, LayeredDataset)
        made = []
        for index, seed in zip(indices.tolist(), seeds.tolist(), strict=True):
            rng = np.random.default_rng(seed)
            other = int(rng.integers(len(self.pairs)))
            stranger = partial(self.pairs.__getitem__, other)
            made.append(compose(self.pairs[index], stranger, rng, self.size, RANGES, self.backdrops))
        batch = stack(made)
        mirrored = flip(batch)
        return {f.name: torch.cat((getattr(batch, f.name), getattr(mirrored, f.name))) for f in fields(batch)}
