"""What a run is made of: its settings, and what each of its steps sees.

What a step does depends on its number and the seed alone: which pairs it sees, how they are augmented, its
learning rate. So a run that was killed and resumed ends with the same weights as one that wasn't, and one
that several processes share with the same as one process, but for rounding.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from handlib.data.augment import Augmentation, augment
from handlib.data.shards import Dataset
from handlib.utils.arguments import check_between, check_finite


@dataclass(frozen=True)
class TrainConfig:
    """How a network is trained. The defaults are what two CPU cores can do with ``desk`` pairs.

    ``imagenet`` starts the encoder from timm's weights. ``warmup`` is the share of the steps in which the
    learning rate rises; then it falls on a cosine to 1 %. ``weight_decay`` applies to matrices and kernels
    only. ``clip`` bounds the gradient's norm. ``optimiser``: ``adamw`` as in the paper, or ``muon`` for the
    matrices (:mod:`handlib.training.muon`).
    """

    steps: int = 3000
    batch_size: int = 32
    optimiser: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup: float = 0.03
    clip: float = 5.0
    seed: int = 0
    imagenet: bool = False
    evaluate_every: int = 500
    save_every: int = 250

    def __post_init__(self) -> None:
        """Refuses numbers that aren't finite."""
        check_finite("training", self)
        check_between("training.warmup", self.warmup, 0, 0.99)

    @classmethod
    def small(cls) -> "TrainConfig":
        """What ``handlib train`` takes for ``small``: Muon, at a higher rate (``docs/experiments.md``)."""
        return cls(optimiser="muon", learning_rate=5e-3)

    @classmethod
    def released(cls) -> "TrainConfig":
        """The paper's batch and learning rate; how many steps its 50 epochs are depends on the data."""
        return cls(batch_size=64, learning_rate=5e-4, weight_decay=0.01)


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


class Steps(torch.utils.data.Dataset):
    """What a process of a run sees in every step: its share of the step's pairs, augmented.

    Every pair's change depends on the run's seed, the step and the pair's place in the whole batch.
    """

    def __init__(self, pairs: Dataset, config: TrainConfig, ranges: Augmentation, rank: int, processes: int):
        self.pairs, self.config, self.ranges = pairs, config, ranges
        self.share = slice(rank, None, processes)

    def __len__(self) -> int:
        """How many steps there are."""
        return self.config.steps

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """The fields of a batch of samples."""
        indices = batch_indices(step, len(self.pairs), self.config)
        seeds = np.random.SeedSequence((self.config.seed, step)).generate_state(len(indices))
        mine = self.pairs.sample(indices[self.share])
        return vars(augment(mine, self.ranges, torch.from_numpy(seeds.astype(np.int64))[self.share]))
