"""What a run is made of: its settings, and what each of its steps sees.

What a step does depends on its number and the seed alone: which pairs it sees, how they are augmented, its
learning rate. So a run that was killed and resumed ends with the same weights as one that wasn't, and one
that several processes share with the same as one process, but for rounding.
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


def learning_rate(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    done = step / config.steps
    rise = min(1.0, done / config.warmup + 0.02) if config.warmup else 1.0
    fall = max(0.0, (done - config.warmup) / (1 - config.warmup))
    return config.learning_rate * rise * (0.01 + 0.99 * (1 + math.cos(math.pi * fall)) / 2)


def batch_indices(step: int, count: int, config: TrainConfig) -> Int[Tensor, "batch"]:
    """The pairs of a step: each epoch is a permutation, cut into batches, an incomplete one dropped."""
    size = min(config.batch_size, count)
    epoch, place = divmod(step, count // size)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1_000_003 * config.seed + epoch))
    return order[place * size : (place + 1) * size]


def open_pairs(folder: Path) -> Dataset | LayeredDataset:
    """The pairs of a folder, as pictures or in layers.

    Raises:
        InputError: it isn't there, isn't whole, or isn't a data set.
    """
    return LayeredDataset(folder) if read_info(folder).world == LAYERED else load_dataset(folder)


class Steps(torch.utils.data.Dataset):
    """What a process of a run sees in every step: its share of the step's pairs, augmented; or pictures of
    layered pairs, composed anew, each with its mirror image, some of them before ``photographs``.

    Every pair's change depends on the run's seed, the step and the pair's place in the whole batch.
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
        """Returns how many steps there are."""
        return self.config.steps

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """The fields of a batch of samples."""
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
            made.append(compose(self.pairs[index], stranger, rng, self.size, Ranges(), self.backdrops))
        batch = stack(made)
        mirrored = flip(batch)
        return {f.name: torch.cat((getattr(batch, f.name), getattr(mirrored, f.name))) for f in fields(batch)}
