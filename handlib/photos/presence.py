"""Which hands a picture shows, judged by the network's segmentation.

The network always answers with two hands. Whether it saw them, only its segmentation tells: a hand that is
there covers a region of some size, in which the network is sure of it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from handlib.data.sample import LEFT, RIGHT
from handlib.hand.skeleton import SIDES

MIN_HAND_PIXELS = 4
"""Fewer pixels of the segmentation than this are no hand."""
SEEN_CONFIDENCE = 0.87
"""Between what the shipped checkpoint gives most rendered hands and what one that was painted over."""
SEEN_AREA = 0.02
"""Share of the square that the network saw; a finger takes as much."""


@dataclass(frozen=True)
class Presence:
    """How sure the segmentation is of each hand, (left, right), and how much of the square each covers.

    ``confidence`` is the mean probability of a hand over the pixels where it is likeliest, 0 where hardly any
    are; ``area`` these pixels' share of the square, 0 to 1.
    """

    confidence: Float[Tensor, "hand=2"]
    area: Float[Tensor, "hand=2"]

    @property
    def sides(self) -> tuple[str, ...]:
        """The hands that are there: confidence and area reach ``SEEN_CONFIDENCE`` and ``SEEN_AREA``."""
        there = (self.confidence >= SEEN_CONFIDENCE) & (self.area >= SEEN_AREA)
        return tuple(side for side, seen in zip(SIDES, there.tolist(), strict=True) if seen)

    def __str__(self) -> str:
        """``both hands``, ``left hand only``, ``right hand only`` or ``no hand``."""
        if len(self.sides) == 1:
            return f"{self.sides[0]} hand only"
        return "both hands" if self.sides else "no hand"


def hands_present(segmentation: Float[Tensor, "3 height width"]) -> Presence:
    """Returns which hands the scores of (background, left, right) show; a pure function of them.

    It can be no better than the network. The shipped checkpoint has only learnt from pictures with two hands
    and finds a bit of both in nearly everything, also on an empty desk, where it is less sure of them. Of
    rendered pictures with both hands, one or none it judges more than three in four rightly
    (``tests/unit/photos/test_presence.py``); hands that are hard to see fall below the threshold. On
    photographs, which it has never seen, nothing was measured.
    """
    probability, label = segmentation.softmax(0), segmentation.argmax(0)
    found = [probability[side][label == side] for side in (LEFT, RIGHT)]
    sure = [p.mean() if len(p) >= MIN_HAND_PIXELS else p.new_zeros(()) for p in found]
    covered = [p.new_tensor(len(p) / label.numel()) for p in found]
    return Presence(torch.stack(sure), torch.stack(covered))
