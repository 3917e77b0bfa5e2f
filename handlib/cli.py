"""The command line, ``handlib --help``. What is slow to import is imported by the command that needs it."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg
from tyro.extras import SubcommandApp

from handlib.errors import InputError

if TYPE_CHECKING:
    from handlib.hand import Hand
    from handlib.network import DIR

# The keys of placement.WORLDS, which is slow to import.
WorldName = Literal[
    "desk", "studio", "desk-full", "studio-full", "desk-objects", "desk-others", "desk-stacked"
]

app = SubcommandApp()
hand = SubcommandApp()
data = SubcommandApp()
app.command(hand, name="hand", help="The hand model as files.")
app.command(data, name="data", help="Pairs of hands with exact truth.")


@hand.command
def export(out: Path) -> None:
    """Write the open hand as MANO_LEFT and MANO_RIGHT (.pkl and .npz), for programs that read MANO.

    It has MANO's format, not its values: MANO's coefficients mean something else on it.

    Args:
        out: folder to write to; made if missing.
    """
    from handlib.mano_file import export_open_hand

    for path in export_open_hand(out):
        print(path)


@data.command
def make(
    out: Path,
    split: Literal["train", "val", "test"] = "train",
    count: int = 1000,
    size: int = 128,
    seed: int = 0,
    world: WorldName = "desk",
    workers: int = 1,
) -> None:
    """Render pairs of hands with their exact truth.

    Args:
        out: folder to write to; a run that was cut short is carried on.
        split: the same world with other random numbers, so that no pair of one split is in another.
        count: how many pairs.
        size: side of the square pictures in pixels.
        seed: the same seed gives the same pairs.
        world: how varied they are; the -full ones have interlocked hands too.
        workers: processes that render at once.
    """
    from handlib.data.synthetic import make_dataset

    make_dataset(out, split=split, count=count, size=size, seed=seed, world=world, workers=workers)


@data.command
def benchmark(
    out: Path,
    splits: tuple[Literal["train", "val", "test", "studio-test"], ...] = (
        "val",
        "test",
        "studio-test",
        "train",
    ),
    sizes: tuple[int, ...] = (64, 128, 256),
    workers: int = 1,
) -> None:
    """Render the benchmark TwoHands, or check what is there of it. The same command goes on after a stop.

    Args:
        out: folder to write to; every split gets a folder per size in it.
        splits: which ones, in this order.
        sizes: sides of the pictures in pixels; a split that doesn't come in a size is left out at that size.
        workers: processes that render at once.
    """
    from handlib.data.benchmark import make_benchmark

    for name, verdict in make_benchmark(out, splits, sizes, workers):
        print(f"{name}: finished; its first shard holds {verdict}", flush=True)


@data.command
def interhand(
    root: Path,
    out: Path,
    mano: Path,
    split: Literal["train", "val", "test"] = "train",
    size: int = 256,
    annotators: Literal["both", "human", "machine"] = "both",
    index: Path | None = None,
    count: int | None = None,
    strict: bool = False,
) -> None:
    """Read InterHand2.6M v1.0, write its interacting hands as pairs. The same command goes on after a stop.

    Args:
        root: the dataset's folder, which holds images and annotations.
        out: folder to write to; a split gets a folder in it, train-256 say, that train and eval take.
        mano: folder with MANO_LEFT.pkl and MANO_RIGHT.pkl, whose parameters the annotations hold.
        split: which part of the dataset.
        size: side of the square pictures in pixels.
        annotators: whose annotations count: the subset H, M or both of the dataset's paper.
        index: folder for the index of the annotations; handlib_index in ROOT if not given.
        count: how many pictures at most.
        strict: stop at the first picture that can't be used; else those are skipped and counted.
    """
    from handlib.data.convert import convert
    from handlib.data.interhand import InterHand

    hands = tuple(mano_hands(mano).values())
    source = InterHand(root, split, hands, annotators, index, strict)
    print(convert(source, out / f"{split}-{size}", size, strict, count))


@data.command
def intaghand(
    root: Path,
    out: Path,
    mano: Path,
    split: Literal["train", "val", "test"] = "train",
    size: int = 256,
    count: int | None = None,
    strict: bool = False,
) -> None:
    """Read the folder that IntagHand's preparation of InterHand2.6M writes, and write pairs.

    Args:
        root: the folder that holds train, val and test, each with img and anno.
        out: folder to write to; a split gets a folder in it, train-256 say, that train and eval take.
        mano: folder with MANO_LEFT.pkl and MANO_RIGHT.pkl, whose parameters the annotations hold.
        split: which part of the dataset.
        size: side of the square pictures in pixels.
        count: how many pictures at most.
        strict: stop at the first picture that can't be used; else those are skipped and counted.
    """
    from handlib.data.convert import convert
    from handlib.data.intaghand import IntagHand

    hands = tuple(mano_hands(mano).values())
    source = IntagHand(root, split, hands)
    print(convert(source, out / f"{split}-{size}", size, strict, count))


@app.command
def reconstruct(
    picture: Annotated[Positional[Path], arg(metavar="PICTURE")],
    out: Path,
    box: Annotated[str | None, arg(metavar="X,Y,W,H")] = None,
    checkpoint: str = "small",
) -> None:
    """Reconstruct the two hands of a photograph: overlay.png, left.glb, right.glb, hands.glb, result.json.

    Args:
        picture: a JPEG, PNG or WebP file.
        out: folder to write to; made if missing.
        box: where the hands are, in pixels: left, top, width, height. Left out, the network looks for them.
        checkpoint: a network that ships with the package, or a folder or hub name that holds one.
    """
    from handlib.data.photo import parse_box, read_picture
    from handlib.reconstruct import FILES, reconstruct, write_results
    from handlib.skeleton import SIDES

    image = read_picture(picture)
    wanted = parse_box(box) if box else None
    model = load_checkpoint(checkpoint)
    result = reconstruct(model, image, wanted)
    write_results(result, image, model, checkpoint, out)
    print(f"box: {result.box} ({result.origin})")
    for side, confidence in zip(SIDES, result.confidence.tolist(), strict=True):
        print(f"{side} hand: confidence {confidence:.2f}" if confidence else f"{side} hand: not seen")
    print(f"{out}: {', '.join(FILES)}")


@app.command
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
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "bf16-mixed",
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
        precision: arithmetic.
        threads: CPU threads to compute with; 0 leaves torch's choice.
        workers: processes per device that prepare pictures; 0 prepares them in between.
        mano: folder of the MANO files that real pairs were read with; the open hand if not given.
    """
    from dataclasses import replace

    import timm
    import torch
    from lightning_fabric import Fabric

    from handlib.config import DIRConfig
    from handlib.data.augment import Augmentation
    from handlib.losses import LossWeights
    from handlib.train import TrainConfig, train

    small = network == "small"
    recipe = TrainConfig() if small else TrainConfig.released()
    batch_size = recipe.batch_size if batch_size is None else batch_size
    check_positive(steps=steps, batch_size=batch_size, evaluate_every=evaluate_every, save_every=save_every)
    if backbone and not timm.is_model(backbone):
        raise InputError(f"backbone: expected the name of a timm model, got {backbone!r}")
    if threads:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    config = DIRConfig.small() if small else DIRConfig.released()
    if backbone:
        config = replace(
            config,
            backbone=backbone,
            backbone_layers=None,
            backbone_channels=None,
            backbone_stem_width=None,
        )
    if imagenet and config.backbone_channels:
        raise InputError("imagenet: these weights are for timm's own widths; name one with --backbone")
    train(
        data,
        out,
        config,
        replace(
            recipe,
            steps=steps,
            batch_size=batch_size,
            learning_rate=recipe.learning_rate if learning_rate is None else learning_rate,
            seed=seed,
            imagenet=imagenet,
            evaluate_every=evaluate_every,
            save_every=save_every,
        ),
        LossWeights.small() if small else LossWeights.released(),
        Augmentation() if small else Augmentation.released(),
        validation=validation,
        start_from=start_from,
        fabric=Fabric(accelerator=accelerator, devices=devices, num_nodes=num_nodes, precision=precision),
        workers=workers,
        hands=mano_hands(mano, config.tips) if mano else None,
    )


@app.command(name="eval")
def evaluate(
    checkpoint: str = "small",
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
        checkpoint: a network that ships with the package, or a folder or hub name that holds one.
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

    from handlib import metrics
    from handlib.data.shards import check_hands, load_dataset
    from handlib.evaluate import evaluate, fresh_batches, tables, write_report
    from handlib.train import batches

    check_positive(count=count)
    if json:
        json.parent.mkdir(parents=True, exist_ok=True)
    if mano and not split:
        raise InputError("mano: fresh pairs show the open hand; name a --split of real ones")
    model = load_checkpoint(checkpoint)
    if mano:
        model.hands.update(mano_hands(mano, model.config.tips))
    model.eval()
    chosen = getattr(metrics, protocol)
    size, together = model.config.image_size, 25
    if split:
        folder = pairs / f"{split}-{size}"
        if not folder.exists():
            make = f"handlib data benchmark --out {pairs} --splits {split} --sizes {size}"
            raise InputError(f"{folder}: not there; make it with '{make}'")
        dataset = load_dataset(folder)
        check_hands(dataset.info, model.hands.values(), folder)
        measured, source = batches(dataset, together), asdict(dataset.info)
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


@app.command
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

    from handlib import ablate

    check_positive(steps=steps)
    if list + table + costs + (run is not None) != 1:
        raise InputError("ablate: expected one of --list, --run NAME, --table and --costs")
    results = out or ablate.results_folder()
    if list:
        for name, changes in ablate.changes().items():
            print(f"{name:20} {', '.join(f'{k}={v}' for k, v in changes.items())}")
        return
    if threads:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    if costs:
        ablate.measure_costs(results)
    if run:
        ablate.run(run, seed, data, test, runs, results, steps)
    print(ablate.table(ablate.load_results(results)))


def mano_hands(folder: Path, tips: str = "smplx") -> "dict[str, Hand]":
    """The left and the right hand in a folder of MANO files; what can't be read is an ``InputError``."""
    from handlib.hand import Hand
    from handlib.skeleton import SIDES

    if not folder.is_dir():
        raise InputError(f"mano: expected a folder with MANO_LEFT.pkl and MANO_RIGHT.pkl, got {folder}")
    return {side: Hand.from_mano(folder, side, tips) for side in SIDES}


def check_positive(**numbers: int) -> None:
    """Counts below 1 are an ``InputError`` that names the option."""
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"{name.replace('_', '-')}: expected at least 1, got {number}")


def load_checkpoint(name: str) -> "DIR":
    """A network that ships, or one from a folder or the hub; what can't be loaded is an ``InputError``."""
    from handlib.network import DIR, SHIPPED

    shipped = sorted(path.name for path in SHIPPED.glob("*/"))
    if name not in shipped and "/" not in name and not Path(name).is_dir():
        known = f"one of {', '.join(shipped)}, " if shipped else ""
        raise InputError(f"checkpoint: expected {known}a folder, or owner/name on the hub, got {name!r}")
    if Path(name).is_dir() and not (Path(name) / "config.json").exists():
        raise InputError(f"checkpoint {name}: expected config.json and model.safetensors in this folder")
    try:
        return DIR.from_pretrained(name)
    except Exception as error:  # Files from outside make the loaders raise almost anything.
        raise InputError(f"checkpoint {name}: can't be loaded: {error}") from error


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command. What the user can mend is told in one line on stderr, with exit code 2."""
    try:
        app.cli(prog="handlib", description="Two interacting hands from one picture.", args=arguments)
    except (InputError, OSError) as error:
        print(f"handlib: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
