"""Synthetic pairs: any number of pictures of two hands with exact truth, from a seed.

Sample ``index`` of a split depends on the seed, the split and the index alone, so that any number of
processes makes the same data set, and splits never share random numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from copy import deepcopy
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from handlib.data.backgrounds import sample_background
from handlib.data.placement import WORLDS, Pair, look_at, place_pair
from handlib.data.render import PairScene
from handlib.data.sample import STRATA, Sample, stack
from handlib.data.shading import Appearance
from handlib.data.shards import (
    DatasetInfo,
    load_dataset,
    prepare_folder,
    shard_path,
    shard_ranges,
    write_shard,
)
from handlib.errors import InputError

__all__ = ["SPLITS", "load_dataset", "make_dataset", "make_datasets", "make_sample", "make_samples"]

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
# Either hand must cover at least this share of what both cover.
MIN_SHARE = 0.15
# Linear multipliers of the baked skin, from very light to very dark.
TONES = np.array(
    [
        (1.12, 1.12, 1.12),
        (1.0, 0.95, 0.90),
        (0.85, 0.76, 0.68),
        (0.60, 0.49, 0.41),
        (0.38, 0.29, 0.24),
        (0.20, 0.145, 0.12),
    ]
)


def sample_appearance(rng: np.random.Generator, size: int) -> Appearance:
    """Random skin tone, light and background."""
    place = rng.uniform(0, len(TONES) - 1)
    tone = np.array([np.interp(place, np.arange(len(TONES)), channel) for channel in TONES.T])
    return Appearance(
        tone=np.clip(tone * (1 + 0.04 * rng.normal(size=3)), 0.08, 1.2).astype(np.float32),
        light=(rng.normal(size=3) * (0.6, 0.5, 0.4) + (0, -0.6, -0.7)).astype(np.float32),
        background=sample_background(rng, size),
    )


def _generator(seed: int, split: str, index: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index)))


def _check_names(world: str, split: str) -> None:
    for name, value, known in (("world", world, WORLDS), ("split", split, SPLITS)):
        if value not in known:
            raise InputError(f"{name}: expected one of {', '.join(known)}, got {value!r}")


def make_samples(world: str, sizes: Sequence[int], seed: int, index: int, split: str) -> list[Sample]:
    """Sample number ``index`` of a split of a world, once for every size in pixels.

    It is one scene at several resolutions: placing the hands, which costs most, is done once. Raises
    :class:`InputError` for an unknown world or split.
    """
    _check_names(world, split)
    rng = _generator(seed, split, index)
    while True:
        pair, intrinsics = look_at(WORLDS[world], place_pair(WORLDS[world], rng), rng)
        scene = PairScene(pair.vertices, intrinsics)
        visible, area = scene.visibility()
        if area.min() >= MIN_SHARE * area.sum():
            break
    samples = []
    for size in sizes:
        label, dense, depth = scene.truth(size)
        image = scene.colour(label, sample_appearance(deepcopy(rng), size), samples=2)
        samples.append(_assemble(pair, intrinsics * size, visible, image, label, dense, depth))
    return samples


def make_sample(world: str, size: int, seed: int, index: int, split: str = "train") -> Sample:
    """Sample number ``index`` of a split of a world, ``size`` pixels square; see :func:`make_samples`."""
    return make_samples(world, (size,), seed, index, split)[0]


def _assemble(
    pair: Pair,
    intrinsics: np.ndarray,
    visible: np.ndarray,
    image: np.ndarray,
    label: np.ndarray,
    dense: np.ndarray,
    depth: np.ndarray,
) -> Sample:
    return Sample(
        image=torch.from_numpy(image).permute(2, 0, 1).contiguous(),
        label=torch.from_numpy(label),
        dense=torch.from_numpy(dense).permute(2, 0, 1).contiguous(),
        depth=torch.from_numpy(depth),
        vertices=torch.from_numpy(pair.vertices),
        joints=torch.from_numpy(pair.joints),
        root=torch.from_numpy(pair.root),
        pose=torch.from_numpy(pair.pose),
        betas=torch.from_numpy(pair.betas),
        intrinsics=torch.from_numpy(intrinsics),
        visible=torch.from_numpy(visible),
        distance=torch.tensor(pair.distance, dtype=torch.float32),
        stratum=torch.tensor(STRATA.index(pair.stratum)),
    )


def _make_shard(folders: dict[int, Path], info: DatasetInfo, number: int, indices: range) -> int:
    """Writes shard ``number`` of every size that lacks it."""
    sizes = [size for size, folder in folders.items() if not shard_path(folder, number).exists()]
    samples = [make_samples(info.world, sizes, info.seed, i, info.split) for i in indices]
    for size, of_size in zip(sizes, zip(*samples, strict=True), strict=True):
        write_shard(shard_path(folders[size], number), stack(of_size))
    return len(indices)


def _make_shards(
    make: Callable[[int, range], int], shards: list[tuple[int, range]], workers: int
) -> Iterator[int]:
    """Makes shards one after another or in several processes; yields the size of each when it is written.

    Every process uses one thread: sums must not depend on how many cores there are.
    """
    if workers == 1:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield from (make(*shard) for shard in shards)
        finally:
            torch.set_num_threads(threads)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,))
    try:
        for finished in as_completed([pool.submit(make, *shard) for shard in shards]):
            yield finished.result()
    finally:
        pool.shutdown(cancel_futures=True)


def make_dataset(
    out: str | Path,
    split: str,
    count: int,
    size: int,
    seed: int,
    world: str = "desk",
    workers: int = 1,
) -> None:
    """Makes ``count`` samples of a split in the folder ``out``; see :func:`make_datasets`."""
    make_datasets({size: Path(out)}, split, count, seed, world, workers)


def make_datasets(
    folders: dict[int, Path], split: str, count: int, seed: int, world: str, workers: int = 1
) -> None:
    """Makes ``count`` samples of a split, the same ones in one folder per size, and shows its progress.

    Samples lie in shards of 250, each written whole or not at all. Called again after an interruption it
    makes what is missing; finished shards are never touched. The bytes depend neither on ``workers``
    (processes of one thread each) nor on which sizes are made together. Raises :class:`InputError` for
    settings that can't be, or that contradict what a folder already holds.
    """
    for name, value in (("count", count), ("size", min(folders)), ("workers", workers)):
        if value < 1:
            raise InputError(f"{name}: expected at least 1, got {value}")
    _check_names(world, split)
    for size, folder in folders.items():
        info = DatasetInfo.current(world=world, split=split, count=count, size=size, seed=seed)
        prepare_folder(folder, info)
    missing = [
        (number, indices)
        for number, indices in enumerate(shard_ranges(count))
        if not all(shard_path(folder, number).exists() for folder in folders.values())
    ]
    make = partial(_make_shard, folders, info)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        done = count - sum(len(indices) for _, indices in missing)
        sizes = ", ".join(map(str, folders))
        task = progress.add_task(f"{world} {split} {sizes} px", total=count, completed=done)
        for made in _make_shards(make, missing, min(workers, max(1, len(missing)))):
            progress.advance(task, made)
