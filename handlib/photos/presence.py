"""Which hands a picture shows, and how sure that is.

The network always answers with two hands. Whether it saw them, its joint maps tell, if it makes any, or its
segmentation: a hand that is there covers a region of some size, in which the network is sure of it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from handlib.data.sample import LEFT, RIGHT
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import Prediction
from handlib.model.joint_maps import LocatedJoints

MIN_HAND_PIXELS = 4
"""Fewer pixels of the segmentation than this are no hand."""
SEEN_CONFIDENCE = 0.87
"""Between what the shipped checkpoint gives most rendered hands and what one that was painted over."""
SEEN_AREA = 0.02
"""Share of the square that the network saw; a finger takes as much."""
LIKELY = 0.5
LOCATED_AREA = 0.001
"""The same for networks that locate joints; hands may be small."""
EVIDENCE = ("presence", "certainty", "segmentation", "opinion")
CALIBRATION: dict[str, float] = json.loads(
    (Path(__file__).parents[1] / "assets" / "confidence.json").read_text()
)["weights"]


@dataclass(frozen=True)
class Presence:
    """How sure it is that each hand, (left, right), is there, and how much of the square each covers.

    ``confidence`` is a number from 0 to 1, ``area`` a share of the square; a hand is there if both reach
    ``least_confidence`` and ``least_area``.
    """

    confidence: Float[Tensor, "hand=2"]
    area: Float[Tensor, "hand=2"]
    least_confidence: float
    least_area: float

    @property
    def there(self) -> Bool[Tensor, "hand=2"]:
        """Which hands are there."""
        return (self.confidence >= self.least_confidence) & (self.area >= self.least_area)

    @property
    def sides(self) -> tuple[str, ...]:
        """The same in words."""
        return tuple(side for side, seen in zip(SIDES, self.there.tolist(), strict=True) if seen)

    def __str__(self) -> str:
        """``both hands``, ``left hand only``, ``right hand only`` or ``no hand``."""
        if len(self.sides) == 1:
            return f"{self.sides[0]} hand only"
        return "both hands" if self.sides else "no hand"


def hands_present(prediction: Prediction, opinion: Float[Tensor, "hand=2"] | None = None) -> Presence:
    """Returns which hands a prediction, a batch of one, shows.

    A network that locates joints has been taught which hands are there. With a second opinion, the log-odds
    that each is a hand (:mod:`handlib.photos.hand_network`), ``confidence`` is the probability that the hand
    is there and its joints lie within a fifth of its size, as measured on rendered pictures with two hands,
    one or none (``scripts/build/calibrate_confidence.py``). Other networks are judged by their segmentation.
    """
    seen, located = hands_segmented(prediction.segmentation[0]), prediction.located
    if located is None:
        return seen
    if opinion is None:
        return Presence(located.presence[0].sigmoid(), seen.area, LIKELY, LOCATED_AREA)
    evidence = torch.stack(evidence_of(located, seen.confidence, opinion), dim=-1)
    weights = torch.tensor([CALIBRATION[name] for name in EVIDENCE], device=evidence.device)
    confidence = (evidence @ weights + CALIBRATION["constant"]).sigmoid()
    return Presence(confidence, seen.area, LIKELY, LOCATED_AREA)


def evidence_of(
    located: LocatedJoints, segmented: Float[Tensor, "hand=2"], opinion: Float[Tensor, "hand=2"]
) -> tuple[Float[Tensor, "hand=2"], ...]:
    """What confidence is computed from, in the order of ``EVIDENCE``."""
    certainty = located.certainty[0].clamp_min(1e-4).log().mean(-1)
    return located.presence[0], certainty, segmented, opinion


def hands_segmented(segmentation: Float[Tensor, "3 height width"]) -> Presence:
    """Returns which hands the scores of (background, left, right) show; a pure function of them.

    ``confidence`` is the mean probability of a hand over the pixels where it is likeliest, 0 where hardly any
    are; ``area`` these pixels' share of the square.

    It can be no better than the network. ``small`` has only learnt from pictures with two hands and finds a
    bit of both in nearly everything, also on an empty desk, where it is less sure of them. Of rendered
    pictures with both hands, one or none it judges more than three in four rightly
    (``tests/unit/photos/test_presence.py``); hands that are hard to see fall below the threshold. On
    photographs, which it has never seen, nothing was measured.
    """
    probability, label = segmentation.softmax(0), segmentation.argmax(0)
    found = [probability[side][label == side] for side in (LEFT, RIGHT)]
    sure = [p.mean() if len(p) >= MIN_HAND_PIXELS else p.new_zeros(()) for p in found]
    covered = [p.new_tensor(len(p) / label.numel()) for p in found]
    return Presence(torch.stack(sure), torch.stack(covered), SEEN_CONFIDENCE, SEEN_AREA)
