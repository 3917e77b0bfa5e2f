"""Fits the weights of a network's confidence, and measures the result: ``handlib/assets/confidence.json``.

    python scripts/build/calibrate_confidence.py --checkpoint wild

It uses rendered pictures of world ``wild`` with two hands, one or none. A logistic regression gives the
probability that a hand is there and that its joints' mean error is within a fifth of its size. The file also
keeps how often this was true on other pictures, by confidence, and the log-odds from which on two hands
at one place are two.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from rich.progress import track
from scipy.optimize import minimize

from handlib.data.layered.compose import Backdrops, Ranges
from handlib.data.layered.pictures import make_picture
from handlib.data.photo import Box, Crop
from handlib.data.sample import Sample, normalise, stack
from handlib.geometry.camera import uv_to_pixels
from handlib.model.estimate import Prediction
from handlib.model.network import DIR
from handlib.photos.hand_network import second_opinion
from handlib.photos.presence import (
    EVIDENCE,
    SAME_PLACE,
    evidence_of,
    hands_apart,
    hands_segmented,
    hands_there,
)
from handlib.photos.search import glance_at, glance_closer
from handlib.utils.files import write_text

OUT = Path(__file__).resolve().parents[2] / "handlib" / "assets" / "confidence.json"
RANGES = Ranges(one_hand=0.4, no_hand=0.25)
SEED, TOGETHER = 29, 25
NEAR = 0.2
"""Largest mean error of the joints, in hand sizes, of a hand that counts as found."""
PENALTY = 1e-3


def batches(count: int, split: str, size: int) -> Iterator[Sample]:
    """Yields batches of pictures with two hands, one or none."""
    backdrops = Backdrops(())
    for start in range(0, count, TOGETHER):
        yield stack([make_picture(SEED, start + k, split, size, backdrops, RANGES) for k in range(TOGETHER)])


def found(prediction: Prediction, batch: Sample) -> Bool[np.ndarray, "batch hand=2"]:
    """Returns which hands are there and were found."""
    size = (batch.uv.amax(2) - batch.uv.amin(2)).amax(-1)
    error = (prediction.final.uv - batch.uv).norm(dim=-1).mean(-1) / size
    return ((batch.visible > 0) & (error < NEAR)).numpy()


@dataclass(frozen=True)
class Known:
    """What is known of hands; ``odds`` are the network's own log-odds, ``apart`` is in hand sizes."""

    evidence: Float[np.ndarray, "pictures hand=2 evidence"]
    found: Bool[np.ndarray, "pictures hand=2"]
    there: Bool[np.ndarray, "pictures hand=2"]
    odds: Float[np.ndarray, "pictures hand=2"]
    apart: Float[np.ndarray, "pictures"]


@torch.no_grad()
def known_of_hands(network: DIR, count: int, split: str) -> Known:
    """Returns what is known of the hands of a split's pictures."""
    evidence, near, there, odds, apart = [], [], [], [], []
    for batch in track(batches(count, split, network.config.image_size), split, count // TOGETHER):
        prediction = network(normalise(batch.image))
        located = prediction.located
        assert located is not None
        pixels = uv_to_pixels(located.uv.double(), network.config.image_size).numpy()
        for k in range(TOGETHER):
            segmented = hands_segmented(prediction.segmentation[k]).confidence
            opinion, _ = second_opinion(batch.image[k].permute(1, 2, 0).numpy(), pixels[k])
            evidence.append(torch.stack(evidence_of(located[[k]], segmented, opinion), dim=-1).numpy())
            apart.append(hands_apart(located[[k]]))
        near.append(found(prediction, batch))
        there.append(batch.visible.numpy() > 0)
        odds.append(located.presence.numpy())
    return Known(np.stack(evidence), *(np.concatenate(x) for x in (near, there, odds)), np.array(apart))


def second_hand(network: DIR, count: int, split: str) -> float:
    """Returns the log-odds of the less likely of two hands at one place that tell best if there are two.

    They are fitted on close looks, as the search takes them; there a single hand looks most like two.
    """
    weaker, both = [], []
    for batch in track(batches(count, split, network.config.image_size), "looks", count // TOGETHER):
        for k in range(TOGETHER):
            picture = batch.image[k].permute(1, 2, 0).numpy()
            (whole,) = glance_at(network, picture, [Crop.around(Box.around(picture), share=1)])
            located = glance_closer(network, picture, whole).answer.located
            if located is not None and hands_apart(located) < SAME_PLACE and batch.visible[k].any():
                weaker.append(float(located.presence[0].min()))
                both.append(bool((batch.visible[k] > 0).all()))
    odds, two = np.array(weaker), np.array(both)
    steps = np.sort(odds)
    return float(steps[int(np.argmin([((odds >= step) != two).sum() for step in steps]))])


def told(known: Known, least: float) -> Bool[np.ndarray, "pictures hand=2"]:
    """Returns which hands are told to be there."""
    likelihood = torch.from_numpy(known.evidence[:, :, EVIDENCE.index("opinion")] + known.odds).sigmoid()
    rows = zip(torch.from_numpy(known.odds), likelihood, known.apart.tolist(), strict=True)
    return torch.stack([hands_there(odds, likely, apart, least) for odds, likely, apart in rows]).numpy()


def fit(known: Float[np.ndarray, "hands evidence"], right: Bool[np.ndarray, "hands"]) -> np.ndarray:
    """Returns the constant, then a weight for each piece of evidence."""
    columns = np.concatenate((np.ones((len(known), 1)), known), axis=1)

    def loss(weights: np.ndarray) -> float:
        score = columns @ weights
        return float(np.mean(np.logaddexp(0, score) - right * score) + PENALTY * (weights[1:] ** 2).sum())

    return minimize(loss, np.zeros(columns.shape[1])).x


def reliability(
    confidence: Float[np.ndarray, "hands"],
    right: Bool[np.ndarray, "hands"],
    there: Bool[np.ndarray, "hands"],
    said: Bool[np.ndarray, "hands"],
) -> dict:
    """Returns how often hands were found, by tenths of confidence, and how often presence was right."""
    tenth = np.minimum((confidence * 10).astype(int), 9)
    rows = [
        {
            "from": k / 10,
            "hands": int((tenth == k).sum()),
            "confidence": round(float(confidence[tenth == k].mean()), 3),
            "found": round(float(right[tenth == k].mean()), 3),
        }
        for k in range(10)
        if (tenth == k).any()
    ]
    off = sum(row["hands"] * abs(row["confidence"] - row["found"]) for row in rows) / len(confidence)
    return {
        "hands": len(confidence),
        "mean_difference": round(off, 4),
        "absent_hands_told_absent": round(float((~said[~there]).mean()), 3),
        "present_hands_told_present": round(float(said[there].mean()), 3),
        "by_tenths": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="wild")
    parser.add_argument("--count", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = DIR.from_pretrained(options.checkpoint).eval()
    known = known_of_hands(network, options.count, "val")
    constant, *weights = fit(known.evidence.reshape(-1, len(EVIDENCE)), known.found.ravel()).round(4).tolist()
    least = round(second_hand(network, options.count, "val"), 2)
    known = known_of_hands(network, options.count, "test")
    confidence = 1 / (1 + np.exp(-(known.evidence @ np.array(weights) + constant)))
    said = told(known, least)
    numbers = (confidence.ravel(), known.found.ravel(), known.there.ravel(), said.ravel())
    right = (said == known.there).all(1)
    record = {
        "network": options.checkpoint,
        "weights": {"constant": constant, **dict(zip(EVIDENCE, weights, strict=True))},
        "second_hand": least,
        "measured": reliability(*numbers)
        | {
            f"{name}_told_so": round(float(right[known.there.sum(1) == hands].mean()), 3)
            for hands, name in enumerate(("no_hand", "one_hand", "both_hands"))
        },
    }
    write_text(OUT, json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["measured"], indent=1))


if __name__ == "__main__":
    main()
