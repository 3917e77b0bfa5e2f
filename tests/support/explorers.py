"""Every explorer, made from small inputs whose answers are known or quick."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from support.random_pairs import HANDS, noisy_estimate, random_pairs, true_estimate
from support.real_layouts import small_moments
from torch import Tensor

from handlib import show
from handlib.analysis.ablations import load_results
from handlib.analysis.interventions import Disturbance
from handlib.analysis.robustness import Trial
from handlib.data.interhand.interhand import InterHand
from handlib.data.interhand.stand_ins import write_interhand
from handlib.data.rendered.scenes import Scene, make_scene
from handlib.data.sample import Sample, stack
from handlib.geometry.camera import project_weak_perspective
from handlib.model.estimate import Estimate, Prediction, StageTrace, Trace
from handlib.model.gcn import skeleton_adjacency
from handlib.model.placed import place

TRAININGS = ("full", "no_refinement", "single_plane")
REFINED = ("initial", "stage 1", "stage 2", "stage 2 again")


def one_sample(seed: int = 3, size: int = 64) -> Sample:
    """A pair on a picture of noise."""
    sample = random_pairs(1, seed=seed, size=size)[0]
    g = torch.Generator().manual_seed(seed)
    return replace(sample, image=torch.randint(60, 200, sample.image.shape, dtype=torch.uint8, generator=g))


def prediction_of(sample: Sample) -> Prediction:
    """Three estimates of a batch, each better than the one before, the last one right."""
    maps = torch.zeros(len(sample.image), 3, 4, 4)
    noisy = (noisy_estimate(sample, scale=scale) for scale in (0.03, 0.01))
    return Prediction((*noisy, true_estimate(sample)), maps, maps)


def random_weights(*lead: int, seed: int = 0) -> np.ndarray:
    """Attention of 42 tokens to each other: rows sum to 1."""
    scores = np.random.default_rng(seed).normal(scale=1.5, size=(*lead, 42, 42))
    return np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)


def trace_of(seed: int, pairs: int = 2, layers: int = 2, heads: int = 3) -> Trace:
    """A trace with random attention and random maps of 8 and 16 cells a side, and true estimates."""
    g = torch.Generator().manual_seed(seed)
    batch = random_pairs(pairs)
    estimates = (noisy_estimate(batch), noisy_estimate(batch, scale=0.003), true_estimate(batch))
    hands, maps = torch.zeros(pairs, 2, 21, 0), torch.zeros(pairs, 3, 4, 4)
    stages = []
    for k, side in enumerate((8, 16)):
        fused = torch.randn(pairs, 5, side, side, generator=g)
        empty = torch.zeros_like(fused)
        weights = torch.from_numpy(random_weights(pairs, layers, heads, seed=seed + k)).float()
        stages.append(
            StageTrace(
                before=estimates[k],
                after=estimates[k + 1],
                skip=empty,
                fused=fused,
                sampled=hands,
                embedded=hands,
                graph=hands,
                attention=weights,
                tokens=hands,
                plane_features=hands,
                projected=empty,
                enhanced=empty,
            )
        )
    return Trace((), torch.zeros(pairs, 2, 4, 4), tuple(stages), Prediction(estimates, maps, maps))


def coloured_pair(seed: int = 0, size: int = 64) -> Sample:
    """Grey background; the left hand a red square at the left, the right one a green square at the right."""
    sample = random_pairs(1, seed, size)[0]
    sample.label[:] = 0
    sample.image[:] = 120
    for label, columns, colour in ((1, slice(8, 24), (200, 0, 0)), (2, slice(40, 56), (0, 200, 0))):
        sample.label[16:48, columns] = label
        sample.image[:, 16:48, columns] = torch.tensor(colour, dtype=torch.uint8)[:, None, None]
    return sample


def finds_red_and_green(images: Tensor) -> Trace:
    """The trace of a network whose left map is where red is and whose right map is where green is."""
    colour = torch.nn.functional.adaptive_avg_pool2d(images.float(), 8) / 255
    attention = 0.01 + 0.9 * (colour[:, :2] - colour[:, 2:]).clamp(min=0)
    maps = torch.zeros(1, 3, 4, 4)
    estimate = true_estimate(stack([coloured_pair()]))
    return Trace((), attention, (), Prediction((estimate,), maps, maps))


def layers_of(adjacency: np.ndarray, depth: int, name: str = "averages") -> show.Influence:
    """Joints that keep what they have and take all that their neighbours have, up to ``depth`` times."""
    step = np.eye(21) + adjacency
    powers = np.stack([np.linalg.matrix_power(step, n) for n in range(depth + 1)])
    return show.Influence(name, np.stack((powers, 2 * powers), axis=1))


def halving(sample: Sample) -> Callable[[Disturbance, frozenset[str]], tuple[Estimate, ...]]:
    """Hands that are too large, half as much with every stage, by more if the start is interfered with."""
    truth = true_estimate(stack([sample]))

    def enlarged(factor: float, shift: float) -> Estimate:
        camera = truth.params.camera + truth.params.camera.new_tensor([0.0, shift, 0.0])
        vertices = truth.vertices * factor
        return replace(
            truth,
            joints=truth.joints * factor,
            vertices=vertices,
            uv=truth.uv + camera.new_tensor([shift, 0.0]),
            vertex_uv=project_weak_perspective(vertices, camera),
        )

    def run(by: Disturbance, without: frozenset[str]) -> tuple[Estimate, ...]:
        excess = 0.4 + by.rotation / 100 + 0.2 * len(without)
        return tuple(enlarged(1 + excess * share, by.shift) for share in (1.0, 0.5, 0.25, 0.0))

    return run


def oracle(sample: Sample, by: Disturbance) -> Trial:
    """Always right, but off by ten times the hidden share, by the turn, the bend and the shift."""
    errors = 10 * (1 - sample.visible.numpy()) + np.float32(by.rotation + by.pose / 3 + 10 * by.shift)
    return true_estimate(stack([sample])), errors.astype(np.float32)


@cache
def others_scene(number: int = 1) -> Scene:
    """A pair with somebody else's hands behind it."""
    return make_scene("desk-others", 5, number, "test")


@cache
def fit_views() -> tuple[show.FitView, ...]:
    """Six pictures in InterHand2.6M's layout."""
    with TemporaryDirectory() as folder:
        write_interhand(Path(folder), "test", list(small_moments()))
        source = InterHand(Path(folder), "test", HANDS)
        return tuple(show.FitView.read(source, number) for number in range(len(source)))


def robustness_explorer() -> show.RobustnessExplorer:
    scenes = [others_scene(1), others_scene(4)]
    return show.RobustnessExplorer(
        [replace(scene, others=()) for scene in scenes],
        [scene.others[0] for scene in scenes],
        oracle,
        64,
        show.Perturbation("cylinder", across=35, down=55, millimetres=70),
    )


def gcn_explorer(second_depth: int = 8) -> show.InfluenceExplorer:
    one_way = np.zeros((21, 21))
    one_way[0, 1] = 0.5
    networks = [layers_of(skeleton_adjacency().numpy(), 8), layers_of(one_way, second_depth, "one way")]
    return show.InfluenceExplorer(networks, place(random_pairs(1)))


def evaluation_explorer() -> show.EvaluationExplorer:
    sample = random_pairs(5, seed=4, size=32)
    prediction = prediction_of(sample)
    worse = replace(prediction, estimates=prediction.estimates[:2])
    return show.EvaluationExplorer(sample, worse, HANDS)


EXPLORERS: dict[str, Callable[[], show.Panel]] = {
    "tour": lambda: show.stages(one_sample(), prediction_of(random_pairs(1, seed=3, size=64))),
    "hand": lambda: show.HandExplorer(HANDS, num_pose=2, num_betas=1),
    "bending": lambda: show.BendExplorer(HANDS[1]),
    "camera": lambda: show.CropExplorer(one_sample()),
    "encoder": lambda: show.AttentionExplorer([coloured_pair(0), coloured_pair(1)], finds_red_and_green),
    "sampling": lambda: show.SamplingExplorer(random_pairs(2), trace_of(0), index=1),
    "gcn": gcn_explorer,
    "transformer": lambda: show.AttentionLines({"one": trace_of(0), "two": trace_of(7)}, index=1),
    "projection": lambda: show.ProjectionExplorer(one_sample(4)),
    "refinement": lambda: show.RefinementExplorer(one_sample(), halving(one_sample()), REFINED),
    "losses": lambda: show.LossExplorer(random_pairs(1, seed=5, size=32)[0]),
    "evaluation": evaluation_explorer,
    "ablations": lambda: show.AblationsExplorer([r for r in load_results() if r.name in TRAININGS]),
    "robustness": robustness_explorer,
    "interhand": lambda: show.FitExplorer(fit_views(), HANDS),
}
