"""Pictures of layered pairs that are made once: for validation and tests, where nothing may change."""

import numpy as np

from handlib.data.augment import flip
from handlib.data.layered.compose import Backdrops, Ranges, compose
from handlib.data.layered.layers import LayeredPair, make_layers
from handlib.data.rendered.scenes import SPLITS
from handlib.data.sample import Sample, stack

LAYERED_WORLD = "wild"
BOTH_HANDS = Ranges(one_hand=0.0, no_hand=0.0, far=0.0, close=0.0)
"""Pictures that networks are measured on show two hands."""
STRANGERS = 10**6
"""Numbers of the pairs that lend an arm to a bystander begin here."""


def layered_pair(seed: int, index: int, split: str) -> LayeredPair:
    """Pair ``index`` of a split, drawn in layers."""
    return LayeredPair.of(make_layers(seed, index, split))


def make_picture(
    seed: int, index: int, split: str, size: int, backdrops: Backdrops, ranges: Ranges = BOTH_HANDS
) -> Sample:
    """A picture of pair ``index`` of a split; seed, split, index, size and backdrops alone decide it."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index, 8)))
    pair = layered_pair(seed, index, split)
    made = compose(pair, lambda: layered_pair(seed, STRANGERS + index, split), rng, size, ranges, backdrops)
    return made if rng.random() < 0.5 else flip(stack([made]))[0]
