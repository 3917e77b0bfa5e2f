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
    """Which hands, (left, right), are ``there``; ``likelihood`` is how probable that is, ``confidence`` how
    good the answer about the hand is expected to be, both from 0 to 1, ``area`` the share of the square that
    the hand covers.
    """

    likelihood: Float[Tensor, "hand=2"]
    confidence: Float[Tensor, "hand=2"]
    area: Float[Tensor, "hand=2"]
    there: Bool[Tensor, "hand=2"]

    @property
    def sides(self) -> tuple[str, ...]:
        """The hands that are there."""
        return tuple(side for side, seen in zip(SIDES, self.there.tolist(), strict=True) if seen)

    def __str__(self) -> str:
        """``both hands``, ``left hand only``, ``right hand only`` or ``no hand``."""
        if len(self.sides) == 1:
            return f"{self.sides[0]} hand only"
        return "both hands" if self.sides else "no hand"


def hands_present(prediction: Prediction, opinion: Float[Tensor, "hand=2"] | None = None) -> Presence:
    """Returns which hands a prediction, a batch of one, shows.

    A network that locates joints has been taught which hands are there. A second opinion, the log-odds that
    each is a hand (:mod:`handlib.photos.hand_network`), counts as much as its own. ``confidence`` is then the
    probability that the hand is there and its joints lie within a fifth of its size, as measured on rendered
    pictures with two hands, one or none (``scripts/build/calibrate_confidence.py``). Other networks are
    judged by their segmentation.
    """
    seen, located = hands_segmented(prediction.segmentation[0]), prediction.located
    if located is None:
        return seen
    odds = located.presence[0]
    if opinion is None:
        likelihood = confidence = odds.sigmoid()
    else:
        likelihood = ((odds + opinion) / 2).sigmoid()
        evidence = torch.stack(evidence_of(located, seen.confidence, opinion), dim=-1)
        weights = torch.tensor([CALIBRATION[name] for name in EVIDENCE], device=evidence.device)
        confidence = (evidence @ weights + CALIBRATION["constant"]).sigmoid()
    return Presence(likelihood, confidence, seen.area, (likelihood > LIKELY) & (seen.area >= LOCATED_AREA))


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
    confidence, area = torch.stack(sure), torch.stack(covered)
    return Presence(confidence, confidence, area, (confidence >= SEEN_CONFIDENCE) & (area >= SEEN_AREA))
