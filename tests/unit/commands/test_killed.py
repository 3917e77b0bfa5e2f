"""Long work killed (SIGKILL) at random moments and begun again until done: nothing lost or different."""

import json
import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.context import ForkProcess
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from support.real_layouts import small_moments
from support.tiny import TINY

from handlib.data import shards
from handlib.data.augment import Augmentation
from handlib.data.interhand.convert import convert
from handlib.data.interhand.files import find_sources
from handlib.data.interhand.index import TABLES, open_index
from handlib.data.interhand.interhand import InterHand
from handlib.data.interhand.stand_ins import write_interhand
from handlib.data.rendered.synthetic import make_dataset
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.model.network import DIR
from handlib.training.loop import train
from handlib.training.losses import LossWeights
from handlib.training.run_folder import LOG
from handlib.training.schedule import TrainConfig

FORK = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch):
    """Two samples in a shard, one thread: forked processes inherit both."""
    monkeypatch.setattr(shards, "SHARD_SIZE", 2)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def started(work: Callable[[], object]) -> ForkProcess:
    """The work, begun in a process of its own."""
    process = FORK.Process(target=work)
    process.start()
    return process


def done_in(work: Callable[[], object]) -> float:
    """Seconds that the work takes in a process of its own."""
    begun = time.perf_counter()
    process = started(work)
    process.join()
    assert process.exitcode == 0
    return time.perf_counter() - begun


def killed_until_done(work: Callable[[], object], seed: int, duration: float) -> int:
    """How often the work was killed.

    The first attempt gets at most a quarter of the duration that the whole work needs and every further one a
    little more, so the first three kills come before the work can be done, on slow and on fast machines.
    """
    rng = np.random.default_rng(seed)
    for kills in range(100):
        process = started(work)
        process.join(rng.uniform(0, duration / 4 * 1.1**kills))
        if process.exitcode is None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
        elif process.exitcode != -signal.SIGKILL:
            assert process.exitcode == 0
            return kills
    raise AssertionError("never done")


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_data_generation(tmp_path: Path):
    def make(out: str) -> None:
        make_dataset(tmp_path / out, "test", 12, 32, seed=3)

    duration = done_in(lambda: make("whole"))
    kills = killed_until_done(lambda: make("killed"), seed=0, duration=duration)
    assert kills >= 3
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


@pytest.mark.slow
def test_indexing_and_conversion(tmp_path: Path):
    root, hands = tmp_path / "data", tuple(Hand.open(side) for side in SIDES)
    write_interhand(root, "train", list(small_moments()))

    def index(out: str) -> None:
        open_index(find_sources(root, "train", "both"), tmp_path / f"{out}.sqlite")

    def rows(out: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(tmp_path / f"{out}.sqlite")) as database:
            return [row for name in TABLES for row in database.execute(f"SELECT * FROM {name}")]

    def rewrite(out: str) -> None:
        source = InterHand(root, "train", hands, index=tmp_path / f"{out} index")
        convert(source, tmp_path / out, 24)

    duration = done_in(lambda: index("whole"))
    index_kills = killed_until_done(lambda: index("killed"), seed=1, duration=duration)
    assert rows("killed") == rows("whole")
    duration = done_in(lambda: rewrite("whole pairs"))
    kills = killed_until_done(lambda: rewrite("killed pairs"), seed=2, duration=duration)
    assert index_kills >= 3 and kills >= 3
    assert contents(tmp_path / "killed pairs") == contents(tmp_path / "whole pairs")


@pytest.mark.slow
def test_training(tmp_path: Path):
    make_dataset(tmp_path / "pairs", "train", 8, 64, seed=0)
    config = TrainConfig(steps=12, batch_size=4, save_every=1, evaluate_every=4)

    def learn(out: str) -> None:
        fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
        ranges, pairs = Augmentation(), tmp_path / "pairs"
        train(pairs, tmp_path / out, TINY, config, LossWeights.small(), ranges, pairs, fabric=fabric)

    def log(out: str) -> list[dict]:
        lines = map(json.loads, (tmp_path / out / LOG).read_text().splitlines())
        return [{name: value for name, value in line.items() if name != "hours"} for line in lines]

    duration = done_in(lambda: learn("whole"))
    kills = killed_until_done(lambda: learn("killed"), seed=3, duration=duration)
    assert kills >= 3
    whole, killed = (DIR.from_pretrained(tmp_path / out).state_dict() for out in ("whole", "killed"))
    assert all(torch.equal(value, killed[name]) for name, value in whole.items())
    assert log("killed") == log("whole")
