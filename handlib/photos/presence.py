"""Decides which hands a picture shows, and how sure this is.

The network always answers with two hands. Its joint maps show whether it saw them. A network without joint
maps is judged by its segmentation: a hand that is there covers a region of some size, in which the network is
sure of it.
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
from handlib.model.joint_maps import JointMaps, LocatedJoints

MIN_HAND_PIXELS = 4
"""Smallest number of pixels of the segmentation that can be a hand."""
SEEN_CONFIDENCE = 0.87
"""Least confidence of a seen hand.

It lies between the confidence that the shipped checkpoint has of most rendered hands and of hands painted
over.
"""
SEEN_AREA = 0.02
"""Least area of a seen hand, as a share of the square that the network saw; a finger covers this much."""
LIKELY = 0.5
LOCATED_AREA = 0.001
"""The same for networks that locate joints, where hands may be small."""
SAME_PLACE = 0.6
"""Hand sizes: two located hands whose joints are nearer to each other, on average, may be one hand."""
EVIDENCE = ("presence", "certainty", "segmentation", "opinion")
_FITTED = json.loads((Path(__file__).parents[1] / "assets" / "confidence.json").read_text())
CALIBRATION: dict[str, float] = _FITTED["weights"]
SECOND_HAND: float = _FITTED["second_hand"]
"""Least log-odds of the less likely of two hands at one place, fitted like the weights."""


@dataclass(frozen=True)
class Presence:
    """Says which hands (left, right) are in a picture.

    ``there`` is the decision. ``likelihood`` is the probability that the hand is there, ``confidence`` the
    expected quality of the answer about the hand, both from 0 to 1. ``area`` is the share of the square that
    the hand covers.
    """

    likelihood: Float[Tensor, "hand=2"]
    confidence: Float[Tensor, "hand=2"]
    area: Float[Tensor, "hand=2"]
    there: Bool[Tensor, "hand=2"]

    @property
    def sides(self) -> tuple[str, ...]:
        """Returns the names of the hands that are there."""
        return tuple(side for side, seen in zip(SIDES, self.there.tolist(), strict=True) if seen)

    def __str__(self) -> str:
        """Returns ``both hands``, ``left hand only``, ``right hand only`` or ``no hand``."""
        if len(self.sides) == 1:
            return f"{self.sides[0]} hand only"
        return "both hands" if self.sides else "no hand"


def hands_present(answer: Prediction | JointMaps, opinion: Float[Tensor, "hand=2"] | None = None) -> Presence:
    """Returns which hands a prediction, or joint maps alone (a batch of one), show.

    A network that locates joints has learnt which hands are there. A second opinion, the log-odds that each
    of them is a hand (:mod:`handlib.photos.hand_network`), counts as much as the network's own answer.
    ``confidence`` is then the probability that the hand is there and that its joints' error is within a fifth
    of its size. It was calibrated on rendered pictures with two hands, one or none
    (``scripts/build/calibrate_confidence.py``). Other networks are judged by their segmentation.
    """
    seen, located = hands_segmented(answer.segmentation[0]), answer.located
    if located is None:
        return seen
    odds = located.presence[0]
    if opinion is None:
        likelihood = confidence = odds.sigmoid()
    else:
        evidence = torch.stack(evidence_of(located, seen.confidence, opinion), dim=-1)
        likelihood = ((odds + opinion) / 2).sigmoid()
        weights = torch.tensor([CALIBRATION[name] for name in EVIDENCE], device=evidence.device)
        confidence = (evidence @ weights + CALIBRATION["constant"]).sigmoid()
    there = hands_there(odds, likelihood, hands_apart(located)) & (seen.area >= LOCATED_AREA)
    return Presence(likelihood, confidence, seen.area, there)


def hands_there(
    odds: Float[Tensor, "hand=2"],
    likelihood: Float[Tensor, "hand=2"],
    apart: float,
    least: float = SECOND_HAND,
) -> Bool[Tensor, "hand=2"]:
    """Returns which hands are there; ``odds`` are the network's own log-odds, ``apart`` is in hand sizes.

    A single hand looks a little like either side, so both hands are often located on it. At one place there
    is a second hand only if its own log-odds are at least ``least``: of two hands there the network is surer.
    """
    there = likelihood > LIKELY
    return there & ((odds >= least) | (odds == odds.max())) if apart < SAME_PLACE else there


def evidence_of(
    located: LocatedJoints, segmented: Float[Tensor, "hand=2"], opinion: Float[Tensor, "hand=2"]
) -> tuple[Float[Tensor, "hand=2"], ...]:
    """Returns the numbers from which the confidence is computed, in the order of ``EVIDENCE``."""
    certainty = located.certainty[0].clamp_min(1e-4).log().mean(-1)
    return located.presence[0], certainty, segmented, opinion


def hands_apart(located: LocatedJoints) -> float:
    """Returns how far the two hands' joints are from each other in the first picture of a batch: the mean
    distance, in sizes of the larger hand.
    """
    left, right = located.uv[0]
    size = (located.uv[0].amax(1) - located.uv[0].amin(1)).max()
    return float((left - right).norm(dim=-1).mean() / size)


def hands_segmented(segmentation: Float[Tensor, "3 height width"]) -> Presence:
    """Returns which hands the scores of (background, left, right) show.

    ``confidence`` is a hand's mean probability over the pixels where it is the most likely class, or 0 if
    there are hardly any. ``area`` is the share of the square that these pixels cover.

    This can't be better than the network. ``small`` has only learnt from pictures with two hands. It finds a
    bit of both in nearly every picture, even of an empty desk, where it is less sure. More than three in four
    rendered pictures with both hands, one or none are judged correctly
    (``tests/unit/photos/test_presence.py``); hands that are hard to see fall below the threshold. It was
    never measured on photographs, which ``small`` has never seen.
    """
    probability, label = segmentation.softmax(0), segmentation.argmax(0)
    found = [probability[side][label == side] for side in (LEFT, RIGHT)]
    sure = [p.mean() if len(p) >= MIN_HAND_PIXELS else p.new_zeros(()) for p in found]
    covered = [p.new_tensor(len(p) / label.numel()) for p in found]
    confidence, area = torch.stack(sure), torch.stack(covered)
    return Presence(confidence, confidence, area, (confidence >= SEEN_CONFIDENCE) & (area >= SEEN_AREA))
