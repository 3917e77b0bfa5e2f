"""Interventions in a trained network: other starts for its stages, stages run again, mechanisms taken out.

Taking a mechanism out, or giving it another input, shows what it does in a trained network. This isn't the
mechanism's worth: a network that is trained without it finds other ways, which only training shows.
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
from handlib.model.parts import own_parts, use_parts

MECHANISMS: dict[str, dict[str, Any]] = {
    "GCN": {"gcn_layers": 0},
    "transformer": {"inter_hand": "none"},
    "enhancement": {"enhancement": False},
}
"""Mechanisms that can be taken out of every stage, each with the changes of the configuration that do so."""


@dataclass(frozen=True)
class Start:
    """The input of the stages: the encoder's maps, fine to coarse, and an initial estimate."""

    features: tuple[Float[Tensor, "batch _ _ _"], ...]
    estimate: Estimate


def encode(model: DIR, image: Float[Tensor, "batch 3 size size"]) -> Start:
    """Returns the start of the network's own stages; ``image`` is normalised."""
    features, _, vectors, offset, _ = model.encoder(image)
    return Start(tuple(features), model.decode(vectors, offset))


def refine_from(model: DIR, start: Start, stages: Sequence[int] | None = None) -> tuple[StageTrace, ...]:
    """Runs stages from any start, in any order; by default all of them, each once, as the network does.

    ``stages`` counts from 0; a stage may run several times. A stage gets the newest estimate, and the latest
    map of the stage before it in the network (c4 for the first stage). So with ``(0, 1, 1)`` the second stage
    runs again on its own estimate, but on the first stage's map.

    Raises:
        ValueError: there is no such stage, or the stage before it hasn't run.
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
    """Returns the network of the changed configuration, with ``model``'s weights.

    Nothing is trained. ``MECHANISMS`` has changes that take a part of the stages out.

    Raises:
        ValueError: the changed network needs weights that ``model`` doesn't have.
    """
    copy = DIR(replace(model.config, **changes), dict(model.hands))
    weights, wanted = model.state_dict(), copy.state_dict()
    missing = [name for name in wanted if name not in weights or weights[name].shape != wanted[name].shape]
    if missing:
        raise ValueError(f"altered: expected a part of the network, but {missing[0]} would be new")
    copy.load_state_dict({name: weights[name] for name in wanted})
    use_parts(copy, own_parts(model))
    return copy.train(model.training)


@dataclass(frozen=True)
class Disturbance:
    """The size of a start's disturbance; each hand is disturbed in a random direction of its own.

    ``rotation`` turns the hand about its wrist (degrees). ``shift`` moves it in the picture (uv; the picture
    is 2 wide). ``size`` multiplies its size in the picture. ``pose`` adds a rotation vector of this length
    (degrees) to each of its 15 finger joints.
    """

    rotation: float = 0.0
    shift: float = 0.0
    size: float = 1.0
    pose: float = 0.0


def disturb(model: DIR, estimate: Estimate, by: Disturbance, seed: int = 0) -> Estimate:
    """Returns the disturbed estimate. A seed gives the same directions for disturbances of any size."""
    rng = np.random.default_rng(seed)
    shape = (len(estimate.offset), 2)
    axes = torch.from_numpy(rng.normal(size=(*shape, 3))).to(estimate.offset)
    angles = torch.from_numpy(rng.uniform(0, 2 * np.pi, shape)).to(estimate.offset)
    turn = roma.rotvec_to_rotmat(np.radians(by.rotation) * normalize(axes, dim=-1))
    # Turning both predicted 3-vectors turns the rotation that they encode and keeps their lengths.
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
"""Takes a disturbance and names of mechanisms to take out; returns the start and every stage's estimate."""


def experiment(
    model: DIR, image: Float[Tensor, "batch 3 size size"], stages: Sequence[int] | None = None
) -> Experiment:
    """Returns an experiment with the network's stages on given pictures; it remembers its answers.

    The encoder runs once, since none of the ``MECHANISMS`` is part of it. ``stages`` is as in
    :func:`refine_from`.
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
