"""Training: the loop, checkpoints that resume exactly (Lightning Fabric carries the devices).

What each step sees and how far it goes is said in :mod:`handlib.training.schedule`.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from lightning_fabric import Fabric
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from handlib.data.augment import Augmentation
from handlib.data.sample import Sample, normalise
from handlib.data.shards import Dataset, check_hands, load_dataset
from handlib.evaluation.evaluate import evaluate, one_line, tables
from handlib.evaluation.metrics import INTAG_MCP
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.training.distributed import share_batch_norms
from handlib.training.losses import LossWeights, dir_loss, hand_faces
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
from handlib.training.schedule import Steps, TrainConfig, learning_rate
from handlib.training.targets import Targets
from handlib.utils.errors import InputError
from handlib.utils.files import reading


def batches(pairs: Dataset, size: int = 50, rank: int = 0, processes: int = 1) -> Iterator[Sample]:
    """All pairs in their order, in batches; of several processes each gets its share."""
    for indices in torch.arange(len(pairs))[rank::processes].split(size):
        yield pairs.sample(indices)


class LossOnBatch(nn.Module):
    """Network and loss in one module, plain tensors in and out, as Fabric's wrappers want it."""

    faces: Int[Tensor, "2 faces 3"]

    def __init__(self, network: DIR, weights: LossWeights):
        super().__init__()
        self.network, self.weights = network, weights
        self.register_buffer("faces", hand_faces(network.hands), persistent=False)

    def forward(self, **fields: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and its terms on the batch that ``Sample(**fields)`` is."""
        batch = Sample(**fields)
        prediction = self.network(normalise(batch.image).contiguous(memory_format=torch.channels_last))
        targets = Targets.from_sample(batch, [self.network.hands[side] for side in SIDES])
        return dir_loss(prediction, targets, self.weights, self.faces)


def take_weights(model: DIR, source: str | Path) -> None:
    """Copies a saved network's weights into one whose configuration may differ where no shape does.

    Raises:
        InputError: the weights don't fit.
    """
    try:
        model.load_state_dict(DIR.from_pretrained(source).state_dict())
    except RuntimeError as error:
        raise InputError(f"{source}: its weights don't fit this network: {error}") from error


def new_model(
    network: DIRConfig, hands: dict[str, Hand], config: TrainConfig, start_from: Path | None
) -> DIR:
    """The network that a run begins with: drawn from the run's seed, or with somebody's weights."""
    torch.manual_seed(config.seed)
    model = DIR(network, hands)
    if start_from:
        take_weights(model, start_from)
    if config.imagenet:
        model.encoder.backbone.load_imagenet()
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
) -> DIR:
    """Trains a network on a folder of pairs; call again with the same arguments to go on where it stopped.

    ``out`` receives ``checkpoint.ckpt`` (to resume), ``log.jsonl``, ``settings.json`` and, at the end, the
    network as ``save_pretrained`` writes it. ``start_from`` is a saved network whose weights to begin with;
    its picture may have another size, as long as all weights have the same shapes. ``fabric`` says on which
    devices, in how many processes and at what precision; each process may have ``workers`` that prepare
    its pictures. ``hands`` are the hand models that the pairs show, the open hand if not given. After every
    step, callbacks of ``fabric`` that have a method ``on_step_end(step, loss,
    terms, network)`` are called: the number of steps done, the loss and its terms on the process's share of
    the batch, and the network.

    Raises:
        InputError: the pairs have another size than the network's picture or show other hands, a batch can't
            be shared out, ``out`` holds a different run, or the weights to begin with don't fit.
    """
    fabric = fabric or one_processor()
    fabric.launch()
    pairs: Dataset = load_dataset(data)
    if pairs.info.size != network.image_size:
        raise InputError(
            f"{data}: pairs have {pairs.info.size} px, the network takes {network.image_size} px"
        )
    hands = hands or {side: Hand.open(side, network.tips) for side in SIDES}
    check_hands(pairs.info, hands.values(), data)
    if config.batch_size % fabric.world_size:
        raise InputError(
            f"batch_size: expected a multiple of the {fabric.world_size} processes, got {config.batch_size}"
        )
    out.mkdir(parents=True, exist_ok=True)
    settings = {
        "network": asdict(network),
        "training": asdict(config),
        "losses": asdict(weights),
        "augmentation": asdict(ranges),
        "data": asdict(pairs.info),
        "start_from": str(start_from) if start_from else None,
    }
    if fabric.is_global_zero:
        check_same_run(out / SETTINGS, settings, machine_of(fabric))
    fabric.barrier()

    model = new_model(network, hands, config, start_from)
    if fabric.world_size > 1:
        share_batch_norms(model, cuda=fabric.device.type == "cuda")
    loss_on_batch, optimiser = prepared(fabric, model, weights, config)
    state: dict[str, Any] = {
        "model": loss_on_batch,
        "optimizer": optimiser,
        "step": 0,
        "hours": 0.0,
        "mean_loss": None,
    }
    if (out / CHECKPOINT).exists():
        with reading(out / CHECKPOINT, "a checkpoint of this run"):
            fabric.load(out / CHECKPOINT, state)
    if fabric.is_global_zero:
        cut_log(out / LOG, state["step"])
    fabric.barrier()
    steps = Steps(pairs, config, ranges, fabric.global_rank, fabric.world_size)
    run_steps(fabric, loss_on_batch, optimiser, state, steps, out, validation, workers)
    if fabric.is_global_zero:
        save_network(model.eval(), out)
    return model


def prepared(
    fabric: Fabric, model: DIR, weights: LossWeights, config: TrainConfig
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """What :func:`take_step` needs, on its device: the network with its loss, and what moves its weights."""
    model = model.train().to(memory_format=torch.channels_last)
    groups = parameter_groups(model, config.weight_decay)
    optimiser = OPTIMISERS[config.optimiser](groups, lr=config.learning_rate, betas=(0.9, 0.99), fused=True)
    return fabric.setup(LossOnBatch(model, weights), optimiser)


def one_processor(**options: Any) -> Fabric:
    """One process on the CPU, at the precision that suits it; ``options`` are Fabric's own."""
    return Fabric(accelerator="cpu", devices=1, precision=training_precision(), **options)


def machine_of(fabric: Fabric) -> dict[str, str | int]:
    """What computes a run and how: all that may change when it is resumed."""
    return {
        "device": fabric.device.type,
        "processes": fabric.world_size,
        "precision": fabric.strategy.precision.precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def run_steps(
    fabric: Fabric,
    loss_on_batch: nn.Module,
    optimiser: torch.optim.Optimizer,
    state: dict,
    steps: Steps,
    out: Path,
    validation: Path | None,
    workers: int,
) -> None:
    """From ``state["step"]`` to the last step; every process of a run takes its share of each batch."""
    network, config = cast(LossOnBatch, loss_on_batch.module).network, steps.config
    validation_pairs = load_dataset(validation) if validation else None
    loader = torch.utils.data.DataLoader(
        steps,
        batch_size=None,
        sampler=range(state["step"], config.steps),
        num_workers=workers,
        pin_memory=fabric.device.type == "cuda",
        generator=torch.Generator(),
    )
    began = time.monotonic() - 3600 * state["hours"]
    with progress(fabric.is_global_zero) as bar:
        task = bar.add_task("training", total=config.steps, completed=state["step"], loss=float("nan"))
        for step, fields in enumerate(loader, start=state["step"]):
            loss, terms = take_step(fabric, loss_on_batch, optimiser, fields, step, config)
            state["step"] = done = step + 1
            state["hours"] = (time.monotonic() - began) / 3600
            value = float(cast(Tensor, fabric.all_reduce(loss, reduce_op="mean")))
            fabric.call("on_step_end", step=done, loss=value, terms=terms, network=network)
            before = state["mean_loss"]
            state["mean_loss"] = mean_loss = value if before is None else 0.98 * before + 0.02 * value
            bar.update(task, completed=done, loss=mean_loss)
            if validation_pairs and (done % config.evaluate_every == 0 or done == config.steps):
                mine = batches(validation_pairs, rank=fabric.global_rank, processes=fabric.world_size)
                report = evaluate(network.eval(), mine, INTAG_MCP)
                network.train()
                if fabric.is_global_zero:
                    record = {"step": done, "loss": mean_loss, "rate": learning_rate(step, config)}
                    append_line(out / LOG, record | {"hours": state["hours"], "validation": report})
                    bar.console.print(f"step {done}: {one_line(report)}")
                if done == config.steps:
                    fabric.print(tables(report, INTAG_MCP))
            if done % config.save_every == 0 or done == config.steps:
                save_checkpoint(fabric, out / CHECKPOINT, state)


def take_step(
    fabric: Fabric,
    loss_on_batch: nn.Module,
    optimiser: torch.optim.Optimizer,
    fields: dict[str, Tensor],
    step: int,
    config: TrainConfig,
) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
    """Changes the weights once, at the step's learning rate; the loss before the change, and its terms.

    Raises:
        FloatingPointError: the loss isn't finite; the message names the terms that aren't.
    """
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(step, config)
    loss, terms = loss_on_batch(**fabric.to_device(fields))
    if not torch.isfinite(loss):
        broken = [name for name, term in terms.items() if not torch.isfinite(term)]
        raise FloatingPointError(f"step {step}: the loss is not finite; terms: {', '.join(broken)}")
    optimiser.zero_grad(set_to_none=True)
    fabric.backward(loss)
    fabric.clip_gradients(loss_on_batch, optimiser, max_norm=config.clip)
    optimiser.step()
    return loss.detach(), terms


def progress(visible: bool) -> Progress:
    """A bar with the running mean of the loss."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
        disable=not visible,
    )
