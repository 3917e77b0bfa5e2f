"""Measures how robust a network is: errors of single hands by their visible share, and pairs made harder.

Means over a test set hide which hands fail. Here an error belongs to one hand, so it can be compared with the
hand's visible share.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from handlib.analysis.interventions import Disturbance, disturb, encode, refine_from
from handlib.data.rendered.occluders.solids import sample_thing
from handlib.data.rendered.occluders.surroundings import cover
from handlib.data.rendered.scenes import Scene
from handlib.data.sample import Sample, normalise, stack
from handlib.evaluation.evaluate import MeanPredictor
from handlib.evaluation.metrics import INTAG_MCP, Protocol, align, joint_errors, rotation_error
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import Estimate
from handlib.model.network import DIR
from handlib.utils.files import reading
from handlib.utils.resources import samples_folder

RESULT = "robustness.json"
"""File of the results of ``scripts/build/robustness.py`` in ``data_samples``."""
HandErrors = dict[str, Float[Tensor, "batch hand=2"]]
"""Per hand: ``mpjpe`` (mm), ``uv_percent`` (% of side), ``rotation_deg``; as in ``metrics.UNITS``."""


@torch.no_grad()
def errors_per_hand(
    model: "DIR | MeanPredictor", estimate: Estimate, batch: Sample, protocol: Protocol = INTAG_MCP
) -> HandErrors:
    """Returns an estimate's errors for each hand of each picture; their means are those in the tables."""
    aligned = align(estimate, batch, protocol, [model.hands[side] for side in SIDES])
    return {
        "mpjpe": joint_errors(aligned).mean(dim=2),
        "uv_percent": 50 * (estimate.uv - batch.uv).norm(dim=-1).mean(dim=2),
        "rotation_deg": rotation_error(estimate, batch),
    }


@torch.no_grad()
def errors_by_estimate(
    model: "DIR | MeanPredictor", pairs: Sequence[Sample], batch_size: int = 25
) -> tuple[HandErrors, ...]:
    """Returns the errors of all estimates, the initial one first; the network must be in evaluation mode."""
    found = []
    for first in range(0, len(pairs), batch_size):
        batch = stack(pairs[first : first + batch_size])
        estimates = model(normalise(batch.image)).estimates
        found.append([errors_per_hand(model, estimate, batch) for estimate in estimates])
    return tuple(
        {name: torch.cat([errors[name] for errors in parts]) for name in parts[0]}
        for parts in zip(*found, strict=True)
    )


@dataclass(frozen=True)
class Bin:
    """Values whose place is from ``low`` to below ``high``: count, mean and the mean's standard error."""

    low: float
    high: float
    count: int
    mean: float
    error: float


def mean_and_error(values: Sequence[float] | np.ndarray | Tensor) -> tuple[float, float]:
    """Returns the mean of independent values and its standard error; NaN if there are too few values."""
    values = np.asarray(values, dtype=float).ravel()
    mean = float(values.mean()) if len(values) else float("nan")
    return mean, float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else float("nan")


def binned(
    places: Sequence[float] | np.ndarray | Tensor,
    values: Sequence[float] | np.ndarray | Tensor,
    edges: Sequence[float | int],
) -> list[Bin]:
    """Sorts values into bins by their places; the last bin includes its upper edge."""
    places, values = (np.asarray(x, dtype=float).ravel() for x in (places, values))
    bins = []
    for low, high in pairwise(edges):
        inside = (places >= low) & ((places < high) | ((high == edges[-1]) & (places == high)))
        bins.append(Bin(float(low), float(high), int(inside.sum()), *mean_and_error(values[inside])))
    return bins


def covered(scenes: Sequence[Scene], share: float, seed: int) -> list[Scene]:
    """Returns the scenes with one thing in each that hides ``share`` of the visible part of both hands.

    With the same seed, a scene gets the same thing in front of the same point for every share, only larger.
    """
    changed = []
    for number, scene in enumerate(scenes):
        rng = np.random.default_rng((seed, number))
        thing = cover(sample_thing(rng), scene.built, share, rng)
        changed.append(replace(scene, things=(thing,)) if share else scene)
    return changed


@dataclass(frozen=True)
class Robustness:
    """The results of ``scripts/build/robustness.py`` for a checkpoint and networks trained further from it.

    ``visible[set]`` holds the visible shares, ``errors[network][set]["initial" or "final"]`` the MPJPE in mm
    under ``protocol``; both are (pairs, hand). Sets show the same pairs: ``cover 0.3`` with things that hide
    30 % of the hands, ``others`` with somebody else's hands. In ``stacked``, one hand is behind the other.
    """

    checkpoint: str
    weights_sha256: str
    steps: int
    pairs: int
    protocol: str
    visible: dict[str, Float[np.ndarray, "pairs hand=2"]]
    errors: dict[str, dict[str, dict[str, Float[np.ndarray, "pairs hand=2"]]]]

    def covers(self) -> dict[float, str]:
        """Returns the sets with things, by the share that the things hide, starting from 0."""
        return {float(name.split()[1]): name for name in self.visible if name.startswith("cover ")}


def load_robustness(path: Path | None = None) -> Robustness:
    """Loads the results that come with the repository, or those of another file.

    Raises:
        InputError: the file isn't such a result.
    """
    path = path or samples_folder() / RESULT
    with reading(path, "what scripts/build/robustness.py writes"):
        content = json.loads(path.read_text())
        visible = {name: np.array(values) for name, values in content.pop("visible").items()}
        errors = {
            network: {
                name: {estimate: np.array(values) for estimate, values in of_set.items()}
                for name, of_set in sets.items()
            }
            for network, sets in content.pop("errors").items()
        }
        return Robustness(**content, visible=visible, errors=errors)


Trial = tuple[Estimate, Float[np.ndarray, "hand=2"]]
"""The last estimate of one picture's hands, and each hand's MPJPE (mm)."""


def trials(model: DIR) -> Callable[[Sample, Disturbance], Trial]:
    """Returns a function that refines one picture's disturbed first estimate with a network.

    The network must be in evaluation mode.
    """

    @torch.no_grad()
    def run(sample: Sample, by: Disturbance) -> Trial:
        batch = stack([sample])
        start = encode(model, normalise(batch.image))
        moved = replace(start, estimate=disturb(model, start.estimate, by))
        last = refine_from(model, moved)[-1].after
        return last, errors_per_hand(model, last, batch)["mpjpe"][0].numpy()

    return run
