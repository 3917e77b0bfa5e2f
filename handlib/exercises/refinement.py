"""Exercises of notebook 08, iterative refinement."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor

from handlib.data.sample import normalise, resize, stack
from handlib.data.shipped import load_samples
from handlib.exercises import Missing, Wrong, ask, ask_part, check_gradients, exercise
from handlib.geometry.rotation import rotation_from_6d
from handlib.model.estimate import LENGTH_UNIT, Estimate, StageTrace, Trace
from handlib.model.network import DIR
from handlib.model.refinement import RefinementStage, stage_update


def _read(place: float) -> float:
    return float(np.sin(place) - 0.3 * place)


def _slope(place: float) -> float:
    return float(np.cos(place) - 0.3)


@exercise("start_factor")
def _start_factor(answer: object) -> None:
    for start, steps in ((0.7, 0), (0.7, 1), (0.7, 3), (-1.6, 4)):
        places = [start]
        for _ in range(steps):
            places.append(places[-1] + _read(places[-1]))
        slopes = np.array([_slope(place) for place in places[:-1]])
        got = float(ask(answer, _read, _slope, start, steps, shape=()))
        if np.isclose(got, np.prod(1 + slopes)):
            continue
        if np.isclose(got, np.prod(slopes)):
            raise Wrong("a stage adds what it reads to the guess, and the guess itself moves with the start")
        if np.isclose(got, (1 + _slope(start)) ** steps):
            raise Wrong("each stage reads at the guess that the one before it made, not at the start")
        raise Wrong("what one stage does to a small change is its factor; think of how factors combine")


@exercise("as_residual")
def _as_residual(answer: object) -> None:
    rng = np.random.default_rng(5)
    absolute, gain = rng.normal(size=(3, 8)), 0.1
    got = ask(answer, absolute.copy(), gain, shape=(3, 8))
    tokens, previous = rng.normal(size=5), rng.normal(size=3)
    inputs = np.concatenate((tokens, previous))
    wanted = absolute @ inputs
    if np.allclose(previous + gain * got @ inputs, wanted):
        return
    if np.allclose(previous + got @ inputs, wanted):
        raise Wrong("the layer's output is multiplied by the gain before it is added")
    if np.allclose(gain * got @ inputs, wanted):
        raise Wrong("the residual update adds the previous numbers once more; take them out somewhere")
    raise Wrong("the previous numbers are the layer's last inputs; write both updates down and compare")


@exercise("turned_root")
def _turned_root(answer: object) -> None:
    root = np.random.default_rng(6).normal(size=6)
    turn = Rotation.random(random_state=7).as_matrix()
    got = ask(answer, root.copy(), turn.copy(), shape=(6,))

    def rotation(six: np.ndarray) -> np.ndarray:
        return rotation_from_6d(torch.from_numpy(six)).numpy()

    if np.allclose(rotation(got), turn.T @ rotation(root)):
        raise Wrong("that turns the other way round; a vector in a row is turned by the transpose")
    if not np.allclose(rotation(got), turn @ rotation(root)):
        raise Wrong("the six numbers are two vectors, first three numbers and last three; turn each of them")
    lengths = [np.linalg.norm(six.reshape(2, 3), axis=1) for six in (got, root)]
    if not np.allclose(*lengths):
        raise Wrong("the rotation is right, but the stage also sees the vectors' lengths: keep them")


def stage_update_by_loops(
    previous: Float[Tensor, "numbers"],
    tokens: Float[Tensor, "features"],
    weight: Float[Tensor, "numbers features_and_numbers"],
    bias: Float[Tensor, "numbers"],
    gain: float,
    start: Float[Tensor, "numbers"],
) -> Float[Tensor, "numbers"]:
    """New numbers of one picture, by loops: start + gain * (weight [tokens, previous] + bias)."""
    inputs = [*tokens, *previous]
    new = torch.zeros_like(previous)
    for i in range(len(previous)):
        predicted = bias[i]
        for j in range(len(inputs)):
            predicted = predicted + weight[i, j] * inputs[j]
        new[i] = start[i] + gain * predicted
    return new


@exercise("stage_update")
def _stage_update(answer: object) -> None:
    generator = torch.Generator().manual_seed(19)
    previous, nominal = torch.randn(2, 4, 3, generator=generator)
    tokens, bias = torch.randn(4, 5, generator=generator), torch.randn(3, generator=generator)
    weight, gain = torch.randn(3, 8, generator=generator), 0.1
    for start in (previous, nominal):
        (got,) = ask_part(answer, previous, tokens, weight, bias, gain, start, shapes=[(4, 3)])
        pictures = zip(previous, tokens, start, strict=True)
        loops = [stage_update_by_loops(p, t, weight, bias, gain, s) for p, t, s in pictures]
        change = torch.cat((tokens, previous), dim=-1) @ weight.T

        def said(other: Tensor, got: np.ndarray = got) -> bool:
            return np.allclose(got, other, atol=1e-4)

        if said(torch.stack(loops)):
            continue
        if said(start + gain * (torch.cat((previous, tokens), dim=-1) @ weight.T + bias)):
            raise Wrong("the layer's inputs are the tokens first, then the previous numbers")
        if said(start + change + bias):
            raise Wrong("multiply what the layer predicts by the gain")
        if said(start + gain * change + bias):
            raise Wrong("the gain multiplies the bias, too")
        if said(gain * (start + change + bias)):
            raise Wrong("the gain multiplies what the layer predicts, not the numbers that it is added to")
        if said(gain * (change + bias)):
            raise Wrong("add what the layer predicts to start")
        if said(previous + gain * (change + bias)):
            raise Wrong("add to start, which needn't be the previous numbers: an absolute update has another")
        if said(start + gain * change):
            raise Wrong("the bias is missing")
        raise Wrong("one linear layer of [tokens, previous], times gain, plus start")
    assert callable(answer)
    check_gradients(
        lambda p, t, w, b: answer(p, t, w, b, gain, nominal),
        lambda p, t, w, b: stage_update(p, t, w, b, gain, nominal),
        previous,
        tokens,
        weight,
        bias,
    )


STATIONS = {
    "fuse": "the deeper map, then the encoder's map",
    "joint_mlp": "what sample_joints reads in the fused map at before.uv: the joints of both hands in one "
    "axis for reading, two axes again for stage.joint_mlp",
    "local_position": "before.joints in units of LENGTH_UNIT",
    "gcn": "the sum of what joint_mlp and local_position give",
    "global_position": "the joints in the frame of both hands, in units of LENGTH_UNIT",
    "transformer": "the sum of what gcn and global_position give, the joints of both hands in one axis",
    "update": "the transformer's tokens in two axes again, before.params.to_vector() and before.offset",
    "plane_mlp": "the same tokens as update",
    "project": "what plane_mlp gives, the joints' new places, and the map's side",
    "enhance": "one map: the channels of the fused map, then those of the drawn one",
}
"""The modules of a stage in the order in which it runs them, each with what it takes."""


@cache
def _two_pairs() -> tuple[DIR, Trace]:
    """The small network, and its trace of two test pictures."""
    network = DIR.from_pretrained("small")
    pairs = stack([resize(sample, network.config.image_size) for sample in load_samples("test")[:2]])
    with torch.no_grad():
        return network, network.trace(normalise(pairs.image))


@contextmanager
def _watched(stage: RefinementStage, see: Callable[[str, tuple[object, ...]], None]) -> Iterator[None]:
    """Tells ``see`` the name and the arguments of each of the stage's modules before the module runs."""

    def hook(name: str) -> Callable[..., None]:
        return lambda module, arguments, options: see(name, (*arguments, *options.values()))

    handles = [
        getattr(stage, name).register_forward_pre_hook(hook(name), with_kwargs=True) for name in STATIONS
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _same(got: object, wanted: object) -> bool:
    if isinstance(got, Tensor) and isinstance(wanted, Tensor):
        return got.shape == wanted.shape and torch.allclose(got, wanted, atol=1e-5, rtol=1e-4)
    return not isinstance(got, Tensor) and got == wanted


def _usual_mistakes(step: StageTrace) -> Mapping[str, list[tuple[int, Tensor, str]]]:
    """Wrong arguments that readers give: the argument's number, its value, and a hint."""
    local, half = step.before.joints / LENGTH_UNIT, step.before.offset[:, None, None, :] / 2
    left_then_right = torch.tensor([-1.0, 1.0])[:, None, None]
    frames = {
        "these are the joints in their own hands; shift both hands into one frame by the offset": local,
        "the offset leads from left to right, so the left hand is shifted against it": local
        - left_then_right * half,
        "the frame's origin is in the middle: each hand is shifted by half the offset": local
        + 2 * left_then_right * half,
    }
    return {
        "local_position": [(0, step.before.joints, "divide the joints' metres by LENGTH_UNIT")],
        "gcn": [(0, step.sampled, "add what local_position gives")],
        "global_position": [(0, frame, hint) for hint, frame in frames.items()],
        "project": [(1, step.before.uv, "the planes are drawn at the new places, after.uv")],
        "enhance": [(0, torch.cat((step.projected, step.fused), dim=1), "the fused map comes first")],
    }


def _look_at(name: str, given: tuple[object, ...], wanted: tuple[object, ...], step: StageTrace) -> None:
    """Raises a hint unless a module gets what it gets in the network."""
    if len(given) == len(wanted) and all(map(_same, given, wanted)):
        return
    for number, value, hint in _usual_mistakes(step).get(name, []):
        if len(given) > number and _same(given[number], value):
            raise Wrong(f"stage.{name}: {hint}")
    shapes = [
        (tuple(got.shape), tuple(there.shape))
        for got, there in zip(given, wanted, strict=False)
        if isinstance(got, Tensor) and isinstance(there, Tensor) and got.shape != there.shape
    ]
    differs = f"shape {shapes[0][0]} instead of {shapes[0][1]}" if shapes else "other numbers than in DIR"
    raise Wrong(f"what ran before is right, but stage.{name} gets {differs}; it takes {STATIONS[name]}")


@exercise("one_stage")
@torch.no_grad()
def _one_stage(answer: object) -> None:
    network, trace = _two_pairs()
    deep = trace.features[-1]
    for stage, step in zip(network.stages, trace.stages, strict=True):
        assert isinstance(stage, RefinementStage)
        _check_stage(answer, network, stage, deep, step)
        deep = step.enhanced


def _check_stage(
    answer: object, network: DIR, stage: RefinementStage, deep: Tensor, step: StageTrace
) -> None:
    """Compares all that passes between a stage's modules with what passes in the network."""
    if not callable(answer):
        raise Wrong("expected a function")
    wanted: dict[str, tuple[object, ...]] = {}
    with _watched(stage, wanted.__setitem__):
        stage(deep, step.skip, step.before, network.decode)
    ran: list[str] = []

    def compare(name: str, given: tuple[object, ...]) -> None:
        _look_at(name, given, wanted[name], step)
        ran.append(name)

    with _watched(stage, compare):
        result = answer(stage, deep.clone(), step.skip.clone(), step.before, network.decode)
    missing = [name for name in STATIONS if name not in ran]
    if (result is None or result is ...) and not ran:
        raise Missing
    if missing:
        raise Wrong(
            f"all that runs is right; stage.{missing[0]} doesn't run yet. It takes {STATIONS[missing[0]]}"
        )
    if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[0], Estimate):
        raise Wrong("all modules run rightly; return the new estimate and the enhanced map")
    after, enhanced = result
    if not _same(after.vertices, step.after.vertices):
        raise Wrong("all modules run rightly, but the first thing returned isn't the new estimate")
    if not _same(enhanced, step.enhanced):
        raise Wrong("all modules run rightly, but the second thing returned isn't what enhance gives")
