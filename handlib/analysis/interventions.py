"""Interfering with a trained network: another start for its stages, stages run again, mechanisms taken out.

What a mechanism does for a trained network is seen by taking it out or by feeding it something else. That
isn't what the mechanism is worth: a network trained without it finds other ways, which only training shows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from handlib.hand.skeleton import SIDES
from handlib.model.estimate import Estimate, StageTrace, estimate_of
from handlib.model.network import DIR

MECHANISMS: dict[str, dict[str, Any]] = {
    "GCN": {"gcn_layers": 0},
    "transformer": {"inter_hand": "none"},
    "enhancement": {"enhancement": False},
}
"""What can be taken out of every stage, as the changes of the configuration that do it."""


@dataclass(frozen=True)
class Start:
    """What the stages begin with: the encoder's maps, fine to coarse, and an initial estimate."""

    features: tuple[Float[Tensor, "batch _ _ _"], ...]
    estimate: Estimate


def encode(model: DIR, image: Float[Tensor, "batch 3 size size"]) -> Start:
    """Returns the start of the network's own stages; ``image`` is normalised."""
    features, _, vectors, offset, _ = model.encoder(image)
    return Start(tuple(features), model.decode(vectors, offset))


def refine_from(model: DIR, start: Start, stages: Sequence[int] | None = None) -> tuple[StageTrace, ...]:
    """Runs stages from any start, in any order; by default all of them, each once, as the network does.

    ``stages`` counts from 0; a number may come again. A stage takes the map that the stage trained before it
    made (the first one c4), in its latest version: ``(0, 1, 1)`` gives the second stage its own new
    estimate but the map it knows.

    Raises:
        ValueError: there is no such stage, or the one before it hasn't run.
    """
    stages = range(len(model.stages)) if stages is None else stages
    maps, estimate, traces = {-1: start.features[-1]}, start.estimate, []
    for number in stages:
        if not 0 <= number < len(model.stages):
            raise ValueError(f"stages: expected numbers from 0 to {len(model.stages) - 1}, got {number}")
        if number - 1 not in maps:
            raise ValueError(f"stages: expected stage {number - 1} before stage {number}")
        skip = start.features[model.config.stage_levels[number]]
        trace = model.stages[number](maps[number - 1], skip, estimate, model.decode)
        traces.append(trace)
        maps[number], estimate = trace.enhanced, trace.after
    return tuple(traces)


def altered(model: DIR, **changes: Any) -> DIR:
    """The network that the changed configuration describes, with the weights it shares with ``model``.

    Nothing is trained; ``MECHANISMS`` has the changes that take a part of the stages out.

    Raises:
        ValueError: the changed network needs weights that ``model`` doesn't have.
    """
    copy = DIR(replace(model.config, **changes), dict(model.hands))
    weights, wanted = model.state_dict(), copy.state_dict()
    missing = [name for name in wanted if name not in weights or weights[name].shape != wanted[name].shape]
    if missing:
        raise ValueError(f"altered: expected a part of the network, but {missing[0]} would be new")
    copy.load_state_dict({name: weights[name] for name in wanted})
    return copy.train(model.training)


@dataclass(frozen=True)
class Disturbance:
    """How far a start is moved away, in a random direction of each hand's own.

    ``rotation`` turns the hand about its wrist (degrees), ``shift`` moves it in the picture (uv; the picture
    is 2 wide), ``size`` multiplies its size in the picture, ``pose`` adds to each of
    its 15 finger joints a rotation vector of that many degrees.
    """

    rotation: float = 0.0
    shift: float = 0.0
    size: float = 1.0
    pose: float = 0.0


def disturb(model: DIR, estimate: Estimate, by: Disturbance, seed: int = 0) -> Estimate:
    """The estimate moved away; the same seed gives the same directions, however far it goes."""
    rng = np.random.default_rng(seed)
    shape = (len(estimate.offset), 2)
    axes = torch.from_numpy(rng.normal(size=(*shape, 3))).to(estimate.offset)
    angles = torch.from_numpy(rng.uniform(0, 2 * np.pi, shape)).to(estimate.offset)
    turn = roma.rotvec_to_rotmat(np.radians(by.rotation) * normalize(axes, dim=-1))
    # Turning both predicted 3-vectors turns the rotation that they stand for and keeps their lengths.
    root = (estimate.params.root.unflatten(-1, (2, 3)) @ turn.mT).flatten(-2)
    scale, places = estimate.camera.split((1, 2), dim=-1)
    places = places + by.shift * torch.stack((angles.cos(), angles.sin()), dim=-1)
    camera = torch.cat((by.size * scale, places), dim=-1)
    bends = normalize(torch.from_numpy(rng.normal(size=(*shape, 15, 3))).to(estimate.offset), dim=-1)
    bends = np.radians(by.pose) * bends.flatten(-2)
    pose = estimate.params.pose + torch.stack(
        [bends[:, h] @ torch.linalg.inv(model.hands[side].hands_components) for h, side in enumerate(SIDES)],
        dim=1,
    )
    params = replace(estimate.params, root=root, pose=pose, camera=camera)
    return estimate_of(params, estimate.offset, model.hands, model.config.log_scale)


Experiment = Callable[[Disturbance, frozenset[str]], tuple[Estimate, ...]]
"""From a disturbance and the mechanisms taken out, by name, to the start and what every stage made of it."""


def experiment(
    model: DIR, image: Float[Tensor, "batch 3 size size"], stages: Sequence[int] | None = None
) -> Experiment:
    """Stages that can be interfered with again and again for the same pictures; answers are remembered.

    The encoder runs once: none of the ``MECHANISMS`` is part of it. ``stages`` is as in :func:`refine_from`.
    """
    with torch.no_grad():
        start = encode(model, image)

    @cache
    def network(without: frozenset[str]) -> DIR:
        changes = [MECHANISMS[name] for name in sorted(without)]
        return altered(model, **{key: value for change in changes for key, value in change.items()})

    @lru_cache(maxsize=128)
    @torch.no_grad()
    def run(by: Disturbance, without: frozenset[str]) -> tuple[Estimate, ...]:
        moved = disturb(model, start.estimate, by)
        traces = refine_from(network(without), replace(start, estimate=moved), stages)
        return (moved, *(trace.after for trace in traces))

    return run
