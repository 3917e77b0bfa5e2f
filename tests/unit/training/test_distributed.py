"""Several processes that share a training compute what one does, and go on where another number stopped."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from handlib.data.augment import Augmentation
from handlib.data.rendered.synthetic import make_dataset
from handlib.data.sample import Sample
from handlib.data.shards import load_dataset
from handlib.training.distributed import SharedBatchNorm
from handlib.training.run_folder import CHECKPOINT, LOG
from handlib.training.schedule import Steps, TrainConfig

STEPS, BATCH = 5, 4


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    make_dataset(folder, "train", 9, 128, 0)
    return folder


def start(pairs: Path, out: Path, devices: int, batch: int = BATCH) -> subprocess.Popen:
    """A training in single precision with a checkpoint and a measurement after every step."""
    settings = f"--steps {STEPS} --batch-size {batch} --learning-rate 5e-4 --evaluate-every 1 --save-every 1"
    places = ["--data", str(pairs), "--validation", str(pairs), "--out", str(out)]
    command = [str(Path(sys.executable).with_name("handlib")), "train", *places, *settings.split()]
    command += ["--precision", "32-true", "--threads", "1", "--devices", str(devices)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finish(run: subprocess.Popen) -> None:
    _, messages = run.communicate(timeout=300)
    assert run.returncode == 0, messages


def log(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / LOG).read_text().splitlines()]


def assert_same_training(one: Path, other: Path) -> None:
    for a, b in zip(log(one), log(other), strict=True):
        # Where Muon orthogonalises in bfloat16, the processes' rounding becomes larger.
        assert math.isclose(a["loss"], b["loss"], rel_tol=1e-4)
        for estimate, rows in a["validation"]["scores"].items():
            measured = b["validation"]["scores"][estimate]["all"]
            assert measured["samples"] == 9
            assert math.isclose(rows["all"]["mpjpe"], measured["mpjpe"], rel_tol=1e-3)


@pytest.fixture(scope="module")
def alone(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone")
    finish(start(pairs, out, devices=1))
    return out


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_processes_train_as_one_does_and_a_run_goes_on_with_another_number_of_processes(
    pairs: Path, alone: Path, tmp_path: Path, before: int, after: int
) -> None:
    out = tmp_path / "run"
    run = start(pairs, out, before)
    while not (out / CHECKPOINT).exists():
        assert run.poll() is None, run.communicate()[1]
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    shutil.copy(out / CHECKPOINT, tmp_path / "kept")
    done = torch.load(tmp_path / "kept", weights_only=True)["step"]
    assert 1 <= done < STEPS
    finish(start(pairs, out, after))
    assert [record["step"] for record in log(out)] == list(range(1, STEPS + 1))
    assert_same_training(alone, out)


def batch_norm_step(norm: nn.Module, x: Tensor, gradient: Tensor) -> list[Tensor]:
    """What a training step makes of a batch norm: values, gradients and running statistics."""
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 2, 5))
        norm.bias.copy_(torch.linspace(-1, 1, 5))
    x.requires_grad_()
    out = norm(x)
    out.backward(gradient)
    return [out.detach(), x.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var]


def one_of_two(rank: int, folder: str, cases: list[tuple[Tensor, Tensor]]) -> None:
    torch.distributed.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
    found = [batch_norm_step(SharedBatchNorm(5), *(t[rank::2].clone() for t in case)) for case in cases]
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_share_a_batch_norm(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(3)
    drawn = [torch.randn(2, *shape, generator=generator) for shape in ((6, 5, 4, 3), (8, 5), (6, 5, 2, 2))]
    cases = [(2 * x + 1, gradient) for x, gradient in drawn]
    cases[2] = tuple(t.bfloat16() for t in cases[2])
    torch.multiprocessing.spawn(one_of_two, (str(tmp_path), cases), nprocs=2)
    for case, *shares in zip(cases, *(torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)), strict=True):
        norm = nn.BatchNorm2d(5) if case[0].ndim == 4 else nn.BatchNorm1d(5)
        out, to_x, to_weight, to_bias, mean, variance = batch_norm_step(norm, *case)
        tolerance = 1e-5 if out.dtype == torch.float32 else 0.03
        for rank, share in enumerate(shares):
            assert share[0].dtype == out.dtype
            for found, whole in zip(
                share, (out[rank::2], to_x[rank::2], None, None, mean, variance), strict=True
            ):
                if whole is not None:
                    torch.testing.assert_close(found, whole, atol=tolerance, rtol=tolerance)
        for k, whole in ((2, to_weight), (3, to_bias)):
            torch.testing.assert_close(shares[0][k] + shares[1][k], whole, atol=1e-4, rtol=tolerance)


@pytest.mark.slow
def test_a_batch_that_cannot_be_shared_out_is_refused(pairs: Path, tmp_path: Path) -> None:
    run = start(pairs, tmp_path / "run", devices=2, batch=3)
    _, messages = run.communicate(timeout=300)
    assert run.returncode == 2
    assert "batch_size: expected a multiple of the 2 processes, got 3" in messages
    assert not (tmp_path / "run").exists()


def test_shares_make_up_the_whole_batch(pairs: Path) -> None:
    data, config = load_dataset(pairs), TrainConfig(batch_size=4, seed=1)
    whole = Sample(**Steps(data, config, Augmentation(), 128, 0, 1)[5])
    for rank in range(2):
        share = Sample(**Steps(data, config, Augmentation(), 128, rank, 2)[5])
        torch.testing.assert_close(share.joints, whole.joints[rank::2])
        assert (share.image.int() - whole.image[rank::2].int()).abs().max() <= 1


def test_seeds_and_steps_change_what_is_augmented(pairs: Path) -> None:
    data = load_dataset(pairs)
    every = {
        (seed, step): Steps(data, TrainConfig(batch_size=9, seed=seed), Augmentation(), 128, 0, 1)[step][
            "root"
        ]
        for seed in (0, 1)
        for step in (0, 1)
    }
    # Each step shows all nine pairs; put into one order, they differ by their augmentation alone.
    ordered = [root.flatten(1)[root.flatten(1).sum(1).argsort()] for root in every.values()]
    assert len({tuple(root.flatten().tolist()) for root in ordered}) == 4
