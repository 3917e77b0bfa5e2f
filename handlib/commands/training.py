"""``handlib train``, ``eval``, ``ablate``: networks trained, measured and compared."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from handlib.commands.common import WorldName, check_not_negative, check_positive, mano_hands
from handlib.utils.errors import InputError
from handlib.utils.resources import DEFAULT_NETWORK

if TYPE_CHECKING:
    from handlib.data.sample import Sample
    from handlib.model.config import DIRConfig
    from handlib.model.network import DIR


def train(
    data: Path,
    out: Path,
    network: Literal["small", "released"] = "small",
    validation: Path | None = None,
    start_from: Path | None = None,
    steps: int = 3000,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    evaluate_every: int = 500,
    save_every: int = 250,
    backbone: str | None = None,
    imagenet: bool = False,
    accelerator: str = "cpu",
    devices: int = 1,
    num_nodes: int = 1,
    precision: Literal["32-true", "bf16-mixed"] | None = None,
    threads: int = 0,
    workers: int = 0,
    mano: Path | None = None,
) -> None:
    """Train a network on pairs that ``handlib data`` has written. The same command goes on after a stop.

    Args:
        data: folder of training pairs, as large in pixels as the network's pictures.
        out: folder for checkpoint, log and, in the end, the network.
        network: small: what two CPU cores can train; released: the authors' network and recipe, for GPUs.
        validation: folder of pairs to measure on now and then.
        start_from: folder of a trained network whose weights to begin with.
        steps: how many batches.
        batch_size: pairs in a batch, over all devices together; the recipe's if not given (32, released 64).
        learning_rate: highest rate; it warms up, then falls on a cosine; the recipe's if not given.
        seed: of the weights, the order of pairs and their augmentation.
        evaluate_every: steps between two measurements.
        save_every: steps between two checkpoints.
        backbone: a timm model (resnet18, say) in place of the network's own.
        imagenet: start the encoder from timm's ImageNet weights (downloads them); small needs a --backbone.
        accelerator: cpu, cuda, mps or auto.
        devices: how many of them.
        num_nodes: how many machines.
        precision: arithmetic; if not given, bf16-mixed where the device is quick at it, else 32-true.
        threads: CPU threads to compute with; 0 leaves torch's choice.
        workers: processes per device that prepare pictures; 0 prepares them in between.
        mano: folder of the MANO files that real pairs were read with; the open hand if not given.
    """
    from dataclasses import replace

    import torch
    from lightning_fabric import Fabric

    from handlib.data.augment import Augmentation
    from handlib.training.loop import train
    from handlib.training.losses import LossWeights
    from handlib.training.precision import training_precision
    from handlib.training.schedule import TrainConfig

    small = network == "small"
    recipe = TrainConfig.small() if small else TrainConfig.released()
    batch_size = recipe.batch_size if batch_size is None else batch_size
    check_positive(steps=steps, batch_size=batch_size, evaluate_every=evaluate_every, save_every=save_every)
    check_positive(devices=devices, num_nodes=num_nodes)
    check_not_negative(threads=threads, workers=workers)
    rate = recipe.learning_rate if learning_rate is None else learning_rate
    if not rate > 0:
        raise InputError(f"learning-rate: expected more than 0, got {rate:g}")
    config = _network_config(network, backbone)
    if imagenet and config.backbone_channels:
        raise InputError("imagenet: these weights are for timm's own widths; name one with --backbone")
    if threads:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    try:
        fabric = Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=num_nodes,
            precision=precision or training_precision(accelerator),
        )
    except (RuntimeError, ValueError) as error:
        raise InputError(f"accelerator {accelerator}, {devices} devices: {error}") from error
    train(
        data,
        out,
        config,
        replace(
            recipe,
            steps=steps,
            batch_size=batch_size,
            learning_rate=rate,
            seed=seed,
            imagenet=imagenet,
            evaluate_every=evaluate_every,
            save_every=save_every,
        ),
        LossWeights.small() if small else LossWeights.released(),
        Augmentation() if small else Augmentation.released(),
        validation=validation,
        start_from=start_from,
        fabric=fabric,
        workers=workers,
        hands=mano_hands(mano, config.tips) if mano else None,
    )


def _network_config(network: str, backbone: str | None) -> "DIRConfig":
    """The network of that name, on another backbone of timm's if one is named."""
    from dataclasses import replace

    import timm

    from handlib.model.config import DIRConfig

    config = DIRConfig.small() if network == "small" else DIRConfig.released()
    if backbone is None:
        return config
    if not timm.is_model(backbone):
        raise InputError(f"backbone: expected the name of a timm model, got {backbone!r}")
    return replace(
        config, backbone=backbone, backbone_layers=None, backbone_channels=None, backbone_stem_width=None
    )


def evaluate(
    checkpoint: str = DEFAULT_NETWORK,
    split: Literal["val", "test", "studio-test"] | None = None,
    pairs: Path = Path("runs/two_hands"),
    count: int = 500,
    seed: int = 7,
    world: WorldName = "desk",
    protocol: Literal["INTAG_MCP", "INTAG_WRIST", "INTERNET"] = "INTAG_MCP",
    json: Path | None = None,
    mano: Path | None = None,
) -> None:
    """Measure a network on pairs of the benchmark or on fresh ones, stage by stage and stratum by stratum.

    Args:
        checkpoint: a network that ships (handlib models), a folder that holds one, or hf://OWNER/NAME.
        split: all pairs of this split of the benchmark; if not given, fresh pairs are rendered.
        pairs: folder that ``handlib data benchmark``, or another command of ``data``, has written to.
        count: how many fresh pairs.
        seed: of the fresh pairs.
        world: how varied the fresh pairs are; the -full ones have interlocked hands too.
        protocol: how errors are measured.
        json: file to write all numbers to; its folder is made if missing.
        mano: folder of the MANO files that the network was trained with; the open hand if not given.
    """
    from rich.console import Console
    from rich.progress import track

    from handlib.evaluation import metrics
    from handlib.evaluation.evaluate import evaluate, fresh_batches, tables, write_report
    from handlib.model.network import DIR

    check_positive(count=count)
    if json:
        json.parent.mkdir(parents=True, exist_ok=True)
    if mano and not split:
        raise InputError("mano: fresh pairs show the open hand; name a --split of real ones")
    model = DIR.from_pretrained(checkpoint)
    if mano:
        model.hands.update(mano_hands(mano, model.config.tips))
    model.eval()
    chosen = getattr(metrics, protocol)
    if mano and chosen.joints == "annotated":
        raise InputError(
            f"protocol: {protocol} measures annotated joints, real pairs in shards have their fits' only; "
            "name INTAG_MCP or INTAG_WRIST"
        )
    size, together = model.config.image_size, 25
    if split:
        measured, source = _batches_of_split(model, pairs, split, together)
    else:
        measured = fresh_batches(world, count, size, seed, together)
        source = {"world": world, "seed": seed, "count": count, "size": size}
    shown = track(
        measured,
        f"batches of {together} pairs",
        total=-(-source["count"] // together),
        console=Console(stderr=True),
        transient=True,
    )
    report = evaluate(model, shown, chosen)
    report |= {"checkpoint": checkpoint, **source}
    print(tables(report, chosen))
    if json:
        write_report(json, report)


def _batches_of_split(
    model: "DIR", pairs: Path, split: str, together: int
) -> tuple[Iterator["Sample"], dict[str, Any]]:
    """All pairs of a split in batches, and what is known of them."""
    from handlib.data.shards import check_hands, load_dataset
    from handlib.training.loop import batches

    size = model.config.image_size
    folder = pairs / f"{split}-{size}"
    if not folder.exists():
        make = f"handlib data benchmark --out {pairs} --splits {split} --sizes {size}"
        raise InputError(f"{folder}: not there; make it with '{make}'")
    dataset = load_dataset(folder)
    check_hands(dataset.info, model.hands.values(), folder)
    return batches(dataset, together), asdict(dataset.info)


def ablate(
    list: bool = False,
    run: str | None = None,
    table: bool = False,
    costs: bool = False,
    seed: int = 0,
    data: Path = Path("runs/train-64-20k"),
    test: Path = Path("runs/two_hands/test-64"),
    runs: Path = Path("runs/ablations"),
    out: Path | None = None,
    steps: int = 2000,
    threads: int = 0,
) -> None:
    """Train networks that differ in one mechanism, measure them alike and set them side by side.

    Args:
        list: print the names of all ablations and the options that each one changes.
        run: train and measure this one; the same command goes on after a stop.
        table: print the table of all results.
        costs: measure arithmetic, memory and time of all results' networks again, one after the other.
        seed: of the weights, the order of pairs and their augmentation.
        data: folder of training pairs at 64 pixels. The repository's results come from the benchmark's first
            20000: handlib data make --out DATA --world desk-full --count 20000 --size 64 --seed 11.
        test: folder of test pairs at 64 pixels, a split of the benchmark.
        runs: folder that keeps the trainings.
        out: folder of the results; the repository's own if not given.
        steps: how many batches of 32.
        threads: CPU threads to compute with; 0 leaves torch's choice.
    """
    import torch

    from handlib.analysis import ablations

    check_positive(steps=steps)
    check_not_negative(threads=threads)
    if list + table + costs + (run is not None) != 1:
        raise InputError("ablate: expected one of --list, --run NAME, --table and --costs")
    results = out or ablations.results_folder()
    if list:
        for name, changes in ablations.changes().items():
            print(f"{name:20} {', '.join(f'{k}={v}' for k, v in changes.items())}")
        return
    if threads:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    if costs:
        ablations.measure_costs(results)
    if run:
        ablations.run(run, seed, data, test, runs, results, steps)
    print(ablations.table(ablations.load_results(results)))
