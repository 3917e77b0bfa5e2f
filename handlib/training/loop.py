"""The training loop, with checkpoints that resume exactly. Lightning Fabric handles the devices.

:mod:`handlib.training.schedule` defines which pairs each step sees and its learning rate.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Int
from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from handlib.data.augment import Augmentation
from handlib.data.rendered.photo_backgrounds import Photographs
from handlib.data.sample import Sample, normalise
from handlib.data.shards import Dataset, check_hands, load_dataset
from handlib.evaluation.evaluate import evaluate, one_line, tables
from handlib.evaluation.metrics import INTAG_MCP
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.model.parts import Parts, functions_of, use_parts
from handlib.training.distributed import share_batch_norms
from handlib.training.joint_losses import joint_map_terms
from handlib.training.losses import LossWeights, dir_loss, hand_faces, sum_of_terms
from handlib.training.muon import OPTIMISERS, parameter_groups
from handlib.training.precision import training_precision
from handlib.training.run_folder import (
    CHECKPOINT,
    LOG,
    SETTINGS,
    append_line,
    check_same_run,
    cut_log,
    save_checkpoint,
    save_network,
)
from handlib.training.schedule import Steps, TrainConfig, learning_rate, open_pairs
from handlib.training.targets import Targets
from handlib.utils.errors import InputError
from handlib.utils.files import make_folder, reading


def batches(pairs: Dataset, size: int = 50, rank: int = 0, processes: int = 1) -> Iterator[Sample]:
    """Yields all pairs in their order, in batches. With several processes, each gets its share."""
    for indices in torch.arange(len(pairs))[rank::processes].split(size):
        yield pairs.sample(indices)


class LossOnBatch(nn.Module):
    """Network and loss in one module with plain tensors as inputs and outputs, as Fabric's wrappers need it.

    With ``maps_only`` the loss is that of the joint maps alone; nothing that is computed from them is
    trained.
    """

    maps_only = False
    faces: Int[Tensor, "2 faces 3"]

    def __init__(self, network: DIR, weights: LossWeights, parts: Parts | None = None):
        super().__init__()
        self.network, self.weights, self.parts = network, weights, functions_of(parts)
        self.register_buffer("faces", hand_faces(network.hands), persistent=False)

    def forward(self, **fields: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns the loss and its terms on the batch ``Sample(**fields)``."""
        batch = Sample(**fields)
        image = normalise(batch.image).contiguous(memory_format=torch.channels_last)
        targets = Targets.from_sample(batch, [self.network.hands[side] for side in SIDES])
        if self.maps_only:
            terms = joint_map_terms(self.network.joint_maps(image), targets, self.weights)
            return sum_of_terms(terms)
        prediction = self.network(image)
        return dir_loss(prediction, targets, self.weights, self.faces, self.parts)


def new_model(
    network: DIRConfig, hands: dict[str, Hand], config: TrainConfig, start_from: Path | None
) -> DIR:
    """Returns the network that a run begins with.

    Its weights are drawn from the run's seed, or come from the network in ``start_from``.

    Raises:
        InputError: a weight of the network to start from has another shape.
    """
    torch.manual_seed(config.seed)
    model = DIR(network, hands)
    if start_from:
        try:
            model.load_state_dict(DIR.from_pretrained(start_from).state_dict())
        except RuntimeError as error:
            raise InputError(f"{start_from}: its weights don't fit this network: {error}") from error
    elif config.pretrained:
        model.encoder.backbone.load_pretrained()
    return model


def train(
    data: Path,
    out: Path,
    network: DIRConfig,
    config: TrainConfig,
    weights: LossWeights,
    ranges: Augmentation,
    validation: Path | None = None,
    start_from: Path | None = None,
    fabric: Fabric | None = None,
    workers: int = 0,
    hands: dict[str, Hand] | None = None,
    photographs: Photographs | None = None,
    parts: Parts | None = None,
) -> DIR:
    """Trains a network on a folder of pairs. An interrupted run resumes when called with the same arguments.

    ``out`` receives ``checkpoint.ckpt`` (to resume), ``log.jsonl``, ``settings.json`` and, at the end, the
    network as ``save_pretrained`` writes it. Training starts from the weights of the saved network
    ``start_from``, if given; its picture may have another size, as long as all weights have the same shapes.
    ``fabric`` chooses devices, number of processes and precision. Each process may have ``workers`` that
    prepare its pictures. ``photographs`` without hands are backgrounds for layered pairs. ``hands`` are the
    hand models that the pairs show, the open hand if not given.

    ``parts`` are a reader's functions: the network, its loss and its measurements run them in their places.

    After every step, each callback of ``fabric`` that has a method ``on_step_end(step, loss, terms,
    network)`` is called. It gets the number of steps done, the loss, its terms on this process's share of the
    batch, and the network.

    Raises:
        InputError: the pairs have another size than the network's picture or show other hands; a batch can't
            be split evenly between the processes; ``out`` holds a different run; or the weights to start from
            don't fit.
    """
    own_functions = functions_of(parts)
    fabric = fabric or one_processor()
    fabric.launch()
    pairs = open_pairs(data)
    if isinstance(pairs, Dataset) and pairs.info.size != network.image_size:
        raise InputError(
            f"{data}: pairs have {pairs.info.size} px, the network takes {network.image_size} px"
        )
    hands = hands or {side: Hand.open(side, network.tips) for side in SIDES}
    check_hands(pairs.info, hands.values(), data)
    if validation:
        checked = load_dataset(validation).info
        check_hands(checked, hands.values(), validation)
        if checked.size != network.image_size:
            raise InputError(
                f"{validation}: pairs have {checked.size} px, the network takes {network.image_size} px"
            )
    if isinstance(pairs, Dataset) and photographs:
        raise InputError(f"photographs: expected layered pairs, which are composed anew; {data} has pictures")
    together = min(config.batch_size, len(pairs))
    if together % fabric.world_size:
        raise InputError(
            f"batch_size: expected a multiple of the {fabric.world_size} processes, got {together}"
        )
    make_folder(out)
    settings = {
        "network": asdict(network),
        "training": asdict(config),
        "losses": asdict(weights),
        "augmentation": asdict(ranges),
        "data": asdict(pairs.info),
        "start_from": str(start_from) if start_from else None,
        "photographs": photographs.sha256 if photographs else None,
    }
    if fabric.is_global_zero:
        check_same_run(out / SETTINGS, settings, machine_of(fabric))
    fabric.barrier()

    run = Run(fabric, new_model(network, hands, config, start_from), weights, config, own_functions)
    if (out / CHECKPOINT).exists():
        run.load(out / CHECKPOINT)
    if fabric.is_global_zero:
        cut_log(out / LOG, run.step)
    fabric.barrier()
    run.go(
        Steps(
            pairs,
            config,
            ranges,
            network.image_size,
            fabric.global_rank,
            fabric.world_size,
            photographs.paths if photographs else (),
        ),
        out,
        validation,
        workers,
    )
    if fabric.is_global_zero:
        save_network(run.network.eval(), out)
    return run.network


def one_processor(**options: Any) -> Fabric:
    """Returns a Fabric with one process on the CPU, at a suitable precision; ``options`` are Fabric's own."""
    return Fabric(accelerator="cpu", devices=1, precision=training_precision(), **options)


def machine_of(fabric: Fabric) -> dict[str, str | int]:
    """Returns the hardware and software that compute a run: all that may change when the run resumes."""
    return {
        "device": fabric.device.type,
        "processes": fabric.world_size,
        "precision": fabric.strategy.precision.precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


class Run:
    """The state of a training run: all that steps change and checkpoints keep.

    ``step`` counts the steps done, ``hours`` is the time that they took, ``mean_loss`` the running mean of
    their losses.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: DIR,
        weights: LossWeights,
        config: TrainConfig,
        parts: Parts | None = None,
    ):
        self.fabric, self.config, self.parts = fabric, config, functions_of(parts)
        use_parts(model, self.parts)
        self.step, self.hours = 0, 0.0
        self.mean_loss: float | None = None
        if fabric.world_size > 1:
            share_batch_norms(model, cuda=fabric.device.type == "cuda")
        self.network = model.train().to(memory_format=torch.channels_last)
        groups = parameter_groups(
            model,
            config.weight_decay,
            model.encoder.backbone if config.pretrained else None,
            config.backbone_rate,
        )
        optimiser = OPTIMISERS[config.optimiser](
            groups, lr=config.learning_rate, betas=(0.9, 0.99), fused=True
        )
        self.loss_on_batch, self.optimiser = fabric.setup(
            LossOnBatch(self.network, weights, self.parts), optimiser
        )

    def state(self) -> dict[str, Any]:
        """Returns all that a checkpoint keeps."""
        counts = {"step": self.step, "hours": self.hours, "mean_loss": self.mean_loss}
        return {"model": self.loss_on_batch, "optimizer": self.optimiser, **counts}

    def load(self, path: Path) -> None:
        """Restores the state from a checkpoint; raises an ``InputError`` if the file can't be read."""
        state = self.state()
        with reading(path, "a checkpoint of this run"):
            self.fabric.load(path, state)
        self.step, self.hours, self.mean_loss = (state[name] for name in ("step", "hours", "mean_loss"))

    def take_step(self, fields: dict[str, Tensor]) -> tuple[float, dict[str, Tensor]]:
        """Changes the weights once, at the step's learning rate.

        Returns the loss before the change, as the mean over all processes, and its terms on this process's
        share of the batch.

        Raises:
            FloatingPointError: the loss isn't finite; the message names the terms that aren't.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = group["rate"] * learning_rate(self.step, self.config)
        self.loss_on_batch.maps_only = self.step < self.config.maps_first * self.config.steps
        loss, terms = self.loss_on_batch(**self.fabric.to_device(fields))
        if not torch.isfinite(loss):
            broken = ", ".join(name for name, term in terms.items() if not torch.isfinite(term))
            raise FloatingPointError(f"step {self.step}: the loss is not finite; terms: {broken}")
        self.optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.fabric.clip_gradients(self.loss_on_batch, self.optimiser, max_norm=self.config.clip)
        self.optimiser.step()
        value = float(cast(Tensor, self.fabric.all_reduce(loss.detach(), reduce_op="mean")))
        self.mean_loss = value if self.mean_loss is None else 0.98 * self.mean_loss + 0.02 * value
        self.step += 1
        return value, terms

    def go(self, steps: Steps, out: Path, validation: Path | None, workers: int) -> None:
        """Takes the remaining steps, and measures and saves in between."""
        last, pairs = self.config.steps, load_dataset(validation) if validation else None
        loader = torch.utils.data.DataLoader(
            steps,
            batch_size=None,
            sampler=range(self.step, last),
            num_workers=workers,
            pin_memory=self.fabric.device.type == "cuda",
            generator=torch.Generator(),
        )
        began = time.monotonic() - 3600 * self.hours
        with progress(self.fabric.is_global_zero) as bar:
            task = bar.add_task("training", total=last, completed=self.step, loss=float("nan"))
            for fields in loader:
                loss, terms = self.take_step(fields)
                self.hours = (time.monotonic() - began) / 3600
                self.fabric.call("on_step_end", step=self.step, loss=loss, terms=terms, network=self.network)
                bar.update(task, completed=self.step, loss=self.mean_loss)
                if pairs and (self.step % self.config.evaluate_every == 0 or self.step == last):
                    self.measure(pairs, out / LOG, bar.console)
                if self.step % self.config.save_every == 0 or self.step == last:
                    save_checkpoint(self.fabric, out / CHECKPOINT, self.state())

    def measure(self, pairs: Dataset, log: Path, console: Console) -> None:
        """Adds a measurement to the log. After the last step its table is printed too."""
        mine = batches(pairs, rank=self.fabric.global_rank, processes=self.fabric.world_size)
        report = evaluate(self.network.eval(), mine, INTAG_MCP, self.parts)
        self.network.train()
        if self.fabric.is_global_zero:
            rate = learning_rate(self.step - 1, self.config)
            record = {"step": self.step, "loss": self.mean_loss, "rate": rate, "hours": self.hours}
            append_line(log, record | {"validation": report})
            console.print(f"step {self.step}: {one_line(report)}")
        if self.step == self.config.steps:
            self.fabric.print(tables(report, INTAG_MCP))


def progress(visible: bool) -> Progress:
    """Returns a progress bar that shows the running mean of the loss."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
        disable=not visible,
    )
