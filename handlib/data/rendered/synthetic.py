"""Synthetic pairs: makes any number of pictures of two hands with exact truth from a seed.

Sample ``index`` of a split depends on the seed, the split and the index alone
(:mod:`handlib.data.rendered.scenes`). So any number of processes makes the same data set, and splits never
share random numbers.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from handlib.data.layered.compose import Backdrops
from handlib.data.layered.pictures import LAYERED_WORLD, make_picture
from handlib.data.rendered.photo_backgrounds import Photographs, before_photograph
from handlib.data.rendered.scenes import SPLITS, check_names, make_scene
from handlib.data.sample import Sample, stack
from handlib.data.shards import (
    DatasetInfo,
    make_shards,
    open_hand_sha256,
    prepare_folder,
    shard_path,
    shard_ranges,
    write_shard,
)
from handlib.utils.arguments import check_at_least


def make_samples(
    world: str,
    sizes: Sequence[int],
    seed: int,
    index: int,
    split: str,
    photographs: Photographs | None = None,
) -> list[Sample]:
    """Makes sample ``index`` of a split of a world, once for every size in pixels.

    All sizes show the same scene: placing the hands, which costs most, is done once. If there are
    photographs, half of the samples have one as background. Pictures of world ``wild`` are composed for each
    size separately. Raises an :class:`InputError` for an unknown world or split.
    """
    check_names(world, split)
    for name, value in (("seed", seed + 1), ("index", index + 1), ("size", min(sizes))):
        check_at_least(name, value, 1)
    if world == LAYERED_WORLD:
        backdrops = Backdrops(photographs.paths if photographs else ())
        return [make_picture(seed, index, split, size, backdrops) for size in sizes]
    scene = make_scene(world, seed, index, split)
    if photographs is None:
        return [scene.sample(size) for size in sizes]
    behind = np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index, 2))
    return [
        scene.sample(
            size,
            before_photograph(scene.appearance(size), np.random.default_rng(behind), size, photographs),
        )
        for size in sizes
    ]


def make_sample(world: str, size: int, seed: int, index: int, split: str = "train") -> Sample:
    """Makes sample ``index`` of a split of a world, ``size`` pixels square; see :func:`make_samples`."""
    return make_samples(world, (size,), seed, index, split)[0]


def _make_shard(
    folders: dict[int, Path],
    info: DatasetInfo,
    photographs: Photographs | None,
    number: int,
    indices: range,
) -> int:
    """Writes shard ``number`` in every size in which it is missing."""
    sizes = [size for size, folder in folders.items() if not shard_path(folder, number).exists()]
    samples = [make_samples(info.world, sizes, info.seed, i, info.split, photographs) for i in indices]
    for size, of_size in zip(sizes, zip(*samples, strict=True), strict=True):
        write_shard(shard_path(folders[size], number), stack(of_size))
    return len(indices)


def make_dataset(
    out: str | Path,
    split: str,
    count: int,
    size: int,
    seed: int,
    world: str = "desk",
    workers: int = 1,
    photographs: Photographs | None = None,
) -> None:
    """Makes ``count`` samples of a split in the folder ``out``; see :func:`make_datasets`."""
    make_datasets({size: Path(out)}, split, count, seed, world, workers, photographs)


def make_datasets(
    folders: dict[int, Path],
    split: str,
    count: int,
    seed: int,
    world: str,
    workers: int = 1,
    photographs: Photographs | None = None,
) -> None:
    """Makes ``count`` samples of a split, the same ones in one folder per size, and shows the progress.

    Samples are stored in shards of 250, each written whole or not at all. If it is called again after an
    interruption, it makes the missing shards; finished shards are never touched. The bytes depend neither on
    ``workers`` (processes of one thread each) nor on which sizes are made together. Raises an
    :class:`InputError` for impossible settings, and for settings that contradict the data in a folder.
    """
    for name, value in (("count", count), ("size", min(folders)), ("workers", workers)):
        check_at_least(name, value, 1)
    check_names(world, split)
    behind = photographs.sha256 if photographs else ""
    for size, folder in folders.items():
        info = DatasetInfo(world, split, count, size, seed, open_hand_sha256(), behind)
        prepare_folder(folder, info)
    missing = [
        (number, indices)
        for number, indices in enumerate(shard_ranges(count))
        if not all(shard_path(folder, number).exists() for folder in folders.values())
    ]
    make = partial(_make_shard, folders, info, photographs)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        done = count - sum(len(indices) for _, indices in missing)
        sizes = ", ".join(map(str, folders))
        task = progress.add_task(f"{world} {split} {sizes} px", total=count, completed=done)
        for made in make_shards(make, missing, min(workers, max(1, len(missing)))):
            progress.advance(task, made)
