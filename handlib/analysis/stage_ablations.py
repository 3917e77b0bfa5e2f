"""Ablations of the stages alone: one trained encoder, frozen, and many kinds of stages that learn on it.

All kinds see the same pictures in the same order, with the same maps and the same first estimate. So two
kinds differ by their stages and by the seed of their weights only, and the encoder is computed once for all
of them. Whole trainings (:mod:`handlib.analysis.ablations`) also change what the encoder learns.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.analysis.ablations import ABLATIONS, FULL, AblationResult, build, measured, write_result
from handlib.analysis.pair_errors import PAIRS, pair_errors, pair_facts, save_arrays
from handlib.data.augment import Augmentation
from handlib.data.shards import Dataset, load_dataset
from handlib.model.encoder import Encoder
from handlib.model.network import DIR, weights_sum
from handlib.training.loop import Run, machine_of, one_processor, progress, train
from handlib.training.losses import LossWeights
from handlib.training.run_folder import CHECKPOINT, SETTINGS, check_same_run, save_checkpoint
from handlib.training.schedule import Steps, TrainConfig
from handlib.utils.errors import InputError
from handlib.utils.files import make_folder

ENCODER_STEPS, STEPS = 3000, 600
RATE = 0.005
SAVE_EVERY = 50
NAMES = (
    "full",
    "no_gcn_no_transformer",
    "gcn_only",
    "matrices_only",
    "transformer_only",
    "wide_transformer",
    "matrices_and_transformer",
    "gcn_for_transformer",
    "one_stage",
    "three_stages",
    "read_again",
    "read_again_single_plane",
    "read_again_joint_planes",
    "read_again_no_projection",
    "read_again_no_enhancement",
    "read_again_coupled",
)
"""The ablations whose stages are compared on a frozen encoder."""
OWN_ENCODER = ("no_refinement", "no_attention", "separate_encoders")
"""Ablations that change the encoder, or have no stage."""


class FrozenEncoder(nn.Module):
    """A trained encoder that isn't trained any more. Its answer to the last pictures is kept.

    Several networks share one of these. The encoder's weights aren't parameters of this module, so that
    optimisers and checkpoints of these networks leave them out.
    """

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.channels = encoder.channels
        self._encoder = (encoder.eval().requires_grad_(False).to(memory_format=torch.channels_last),)
        self._image: Tensor | None = None
        self.sha256 = weights_sum(encoder)

    @torch.no_grad()
    def forward(self, image: Float[Tensor, "batch 3 size size"], seen: None = None) -> Any:
        """Returns the encoder's answer; computes it if these pictures aren't the last ones."""
        if self._image is None or not torch.equal(self._image, image):
            self._image, self._answer = image, self._encoder[0](image)
        return self._answer


def trained_encoder(data: Path, folder: Path) -> Encoder:
    """Returns the encoder of a whole ``full`` network, trained in ``folder``. A finished training is read."""
    config = TrainConfig(steps=ENCODER_STEPS, optimiser="muon", learning_rate=RATE)
    return train(data, folder, FULL, config, LossWeights.small(), Augmentation()).encoder


def on_encoder(name: str, encoder: FrozenEncoder, seed: int) -> DIR:
    """Returns an ablation's network with new stages, drawn from the seed, on the frozen encoder."""
    torch.manual_seed(seed)
    model = build(name)
    model.add_module("encoder", encoder)
    return model


def learn_stages(
    names: Sequence[str],
    seed: int,
    pairs: Dataset,
    encoder: FrozenEncoder,
    folder: Path,
    steps: int = STEPS,
    ranges: Augmentation | None = None,
) -> dict[str, Run]:
    """Trains the stages of several ablations on the same batches. Returns the finished runs by name.

    ``folder/NAME-SEED`` keeps each ablation's checkpoint; an interrupted training resumes. ``ranges`` of
    augmentation are the usual ones if not given.

    Raises:
        InputError: an ablation changes more than the stages, or a folder holds a different training.
    """
    allowed = [name for name in ABLATIONS if name not in OWN_ENCODER]
    for name in names:
        if name not in allowed:
            raise InputError(f"stages: expected some of {', '.join(allowed)}, got {name!r}")
    config = TrainConfig(steps=steps, seed=seed, optimiser="muon", learning_rate=RATE)
    ranges = ranges or Augmentation()
    fabric, runs = one_processor(), {}
    for name in names:
        place = folder / f"{name}-{seed}"
        make_folder(place)
        settings = {
            "ablation": name,
            "network": asdict(ABLATIONS[name]),
            "training": asdict(config) | {"encoder": encoder.sha256},
            "augmentation": asdict(ranges),
            "data": asdict(pairs.info),
        }
        check_same_run(place / SETTINGS, settings, machine_of(fabric))
        runs[name] = Run(fabric, on_encoder(name, encoder, seed), LossWeights.small(), config)
        if (place / CHECKPOINT).exists():
            runs[name].load(place / CHECKPOINT)
    batch = Steps(pairs, config, ranges, FULL.image_size)
    first = min(run.step for run in runs.values())
    with progress(visible=True) as bar:
        task = bar.add_task(f"seed {seed}", total=steps, completed=first, loss=float("nan"))
        for step in range(first, steps):
            fields = batch[step]
            for name, run in runs.items():
                if run.step == step:
                    _step(run, fields, folder / f"{name}-{seed}" / CHECKPOINT)
            losses = [run.mean_loss for run in runs.values() if run.mean_loss]
            bar.update(task, completed=step + 1, loss=sum(losses) / len(losses))
    return runs


def _step(run: Run, fields: dict[str, Tensor], checkpoint: Path) -> None:
    """Takes one step of a run; now and then saves its state. ``run.hours`` count processor time."""
    before = time.process_time()
    run.take_step(fields)
    run.hours += (time.process_time() - before) / 3600
    if run.step % SAVE_EVERY == 0 or run.step == run.config.steps:
        save_checkpoint(run.fabric, checkpoint, run.state())


def run(
    names: Sequence[str], seed: int, data: Path, test: Path, runs: Path, out: Path, steps: int = STEPS
) -> list[AblationResult]:
    """Trains the stages of several ablations, measures them and writes their results.

    ``data`` and ``test`` are folders of 64-pixel pairs. ``runs`` keeps the trainings, first of all the
    encoder's; ``out`` receives ``NAME-SEED.json``, ``NAME-SEED.npz``
    (:class:`handlib.analysis.pair_errors.PairErrors`), and ``pairs.npz``, what is known of the test pairs.

    Raises:
        InputError: there is no such ablation, or the pairs don't fit.
    """
    pairs, test_pairs = load_dataset(data), load_dataset(test)
    encoder = FrozenEncoder(trained_encoder(data, runs / "encoder"))
    make_folder(out)
    save_arrays(pair_facts(test_pairs), out / PAIRS)
    results = []
    for name, trained in learn_stages(names, seed, pairs, encoder, runs, steps).items():
        model, settings = trained.network.eval(), json.loads((runs / f"{name}-{seed}" / SETTINGS).read_text())
        result = measured(name, seed, model, settings["training"], settings, pairs, test_pairs, trained.hours)
        save_arrays(pair_errors(model, test_pairs), out / f"{name}-{seed}.npz")
        write_result(out, result)
        results.append(result)
    return results
