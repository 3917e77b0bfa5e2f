"""Pictures of layered pairs that are always the same, for validation and tests."""

import numpy as np

from handlib.data.augment import flip
from handlib.data.layered.compose import Backdrops, Ranges, compose
from handlib.data.layered.layers import LayeredPair, make_layers
from handlib.data.rendered.scenes import SPLITS
from handlib.data.sample import Sample, stack

LAYERED_WORLD = "wild"
BOTH_HANDS = Ranges(one_hand=0.0, no_hand=0.0, far=0.0, close=0.0)
"""Ranges for measuring networks: every picture shows both hands at a usual size."""
STRANGERS = 10**6
"""First index of the pairs from which bystanders take an arm."""


def layered_pair(seed: int, index: int, split: str) -> LayeredPair:
    """Returns pair ``index`` of a split, drawn in layers."""
    return LayeredPair.of(make_layers(seed, index, split))


def make_picture(
    seed: int, index: int, split: str, size: int, backdrops: Backdrops, ranges: Ranges = BOTH_HANDS
) -> Sample:
    """Returns a picture of pair ``index`` of a split.

    The picture depends on seed, split, index, size, backdrops and ranges alone.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index, 8)))
    pair = layered_pair(seed, index, split)
    made = compose(pair, lambda: layered_pair(seed, STRANGERS + index, split), rng, size, ranges, backdrops)
    return made if rng.random() < 0.5 else flip(stack([made]))[0]
