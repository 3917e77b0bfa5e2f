"""``handlib data``: pairs of hands with exact truth, rendered or read from real data sets."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from handlib.commands.common import mano_hands
from handlib.data.rendered.names import PartName, Split, WorldName


def make(
    out: Path,
    split: Split = "train",
    count: int = 1000,
    size: int = 128,
    seed: int = 0,
    world: WorldName = "desk",
    workers: int = 1,
    photographs: Annotated[tuple[Path, ...], arg(help_behavior_hint="")] = (),
) -> None:
    """Render pairs of hands with their exact truth.

    Args:
        out: folder to write to. Interrupted? Run the same command again; it resumes.
        split: each split has random numbers of its own, so no pair is in two splits.
        count: number of pairs.
        size: side of the square pictures in pixels.
        seed: random seed; the same seed gives the same pairs.
        world: how varied the pairs are; the -full worlds have interlocked hands too.
        workers: processes that render at the same time.
        photographs: pictures without hands, or folders of them, as backgrounds of every second pair.
            Debian's packages mate-backgrounds and plasma-workspace-wallpapers put some into
            /usr/share/backgrounds and /usr/share/wallpapers.
    """
    from handlib.data.rendered.photo_backgrounds import open_photographs
    from handlib.data.rendered.synthetic import make_dataset

    behind = open_photographs(photographs) if photographs else None
    make_dataset(out, split, count, size, seed, world, workers, behind)


def layers(
    out: Path, split: Split = "train", count: int = 24000, size: int = 256, seed: int = 5, workers: int = 1
) -> None:
    """Render pairs of world wild in layers, from which training composes a new picture at every step.

    Args:
        out: folder to write to. Interrupted? Run the same command again; it resumes.
        split: each split has random numbers of its own, so no pair is in two splits.
        count: number of pairs.
        size: side of the square layers in pixels; pictures with up to three quarters of this side are sharp.
        seed: random seed; the same seed gives the same pairs.
        workers: processes that render at the same time.
    """
    from handlib.data.layered.layers import make_layered_dataset

    make_layered_dataset(out, split, count, seed, size, workers)


def benchmark(
    out: Path,
    splits: tuple[PartName, ...] = ("val", "test", "studio-test", "wild-test", "train"),
    sizes: tuple[int, ...] = (64, 128, 224, 256),
    workers: int = 1,
) -> None:
    """Render the benchmark TwoHands, or check what is there of it. Interrupted? Run it again; it resumes.

    Args:
        out: folder to write to; every split gets one folder per size in it.
        splits: splits to render, in this order.
        sizes: sides of the pictures in pixels; sizes that a split doesn't come in are skipped.
        workers: processes that render at the same time.
    """
    from handlib.data.rendered.benchmark import make_benchmark

    for name, verdict in make_benchmark(out, splits, sizes, workers):
        print(f"{name}: finished; its first shard holds {verdict}", flush=True)


def interhand(
    root: Path,
    out: Path,
    mano: Path,
    split: Split = "train",
    size: int = 256,
    annotators: Literal["both", "human", "machine"] = "both",
    index: Path | None = None,
    count: int | None = None,
    strict: bool = False,
) -> None:
    """Read InterHand2.6M v1.0, write its interacting hands as pairs. Interrupted? Run it again; it resumes.

    Args:
        root: the dataset's folder, with images and annotations.
        out: folder to write to. Each split gets a folder in it, such as train-256, for train and eval.
        mano: folder with MANO_LEFT.pkl and MANO_RIGHT.pkl; the annotations are parameters of these hands.
        split: part of the dataset.
        size: side of the square pictures in pixels.
        annotators: whose annotations to use: subset H (human) or M (machine) of the dataset's paper, or both.
        index: folder for the index of the annotations; ROOT/handlib_index if not given.
        count: largest number of pictures; all if not given.
        strict: stop at the first unusable picture. Otherwise such pictures are skipped and counted.
    """
    from handlib.data.interhand.convert import convert
    from handlib.data.interhand.interhand import InterHand

    hands = tuple(mano_hands(mano).values())
    source = InterHand(root, split, hands, annotators, index, strict)
    print(convert(source, out / f"{split}-{size}", size, strict, count))


def intaghand(
    root: Path,
    out: Path,
    mano: Path,
    split: Split = "train",
    size: int = 256,
    count: int | None = None,
    strict: bool = False,
) -> None:
    """Read the folder that IntagHand's preparation of InterHand2.6M has written, and write pairs.

    Args:
        root: the folder that holds train, val and test, each with img and anno.
        out: folder to write to. Each split gets a folder in it, such as train-256, for train and eval.
        mano: folder with MANO_LEFT.pkl and MANO_RIGHT.pkl; the annotations are parameters of these hands.
        split: part of the dataset.
        size: side of the square pictures in pixels.
        count: largest number of pictures; all if not given.
        strict: stop at the first unusable picture. Otherwise such pictures are skipped and counted.
    """
    from handlib.data.interhand.convert import convert
    from handlib.data.interhand.intaghand import IntagHand

    hands = tuple(mano_hands(mano).values())
    source = IntagHand(root, split, hands)
    print(convert(source, out / f"{split}-{size}", size, strict, count))
