"""The benchmark TwoHands: its folders, that they can be made again, and that changes are noticed."""

import hashlib
import shutil
from pathlib import Path
from typing import get_args

import pytest
import torch
from safetensors.torch import load_file, save_file

from handlib import cli
from handlib.data import shards
from handlib.data.layered.pictures import LAYERED_WORLD
from handlib.data.rendered import benchmark
from handlib.data.rendered.benchmark import (
    PARTS,
    SEED,
    SUMS,
    BenchmarkPart,
    check_sums,
    compare_with_published,
    make_benchmark,
    published_sums,
    scenes_sum,
)
from handlib.data.rendered.names import WorldName
from handlib.data.rendered.placement import WORLDS
from handlib.data.rendered.synthetic import make_sample
from handlib.data.shards import load_dataset

SMALL = {
    "train": BenchmarkPart("desk", "train", 3, (16, 24)),
    "studio-test": BenchmarkPart("studio", "test", 2, (16,)),
}


@pytest.fixture(autouse=True)
def small_benchmark(monkeypatch: pytest.MonkeyPatch, folder: Path):
    """Shards of two pairs; what is published is what ``folder`` holds."""
    monkeypatch.setattr(shards, "SHARD_SIZE", 2)
    monkeypatch.setattr(benchmark, "PARTS", SMALL)
    sums = {path.name: (path / SUMS).read_text().split()[0] for path in folder.iterdir()}
    sums["train"] = scenes_sum(folder / "train-16" / "shard-00000.safetensors")
    sums["studio-test"] = "something else"
    monkeypatch.setattr(benchmark, "published_sums", lambda: sums)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("benchmark")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_SIZE", 2)
        patch.setattr(benchmark, "PARTS", SMALL)
        patch.setattr(benchmark, "compare_with_published", lambda folder, split: split)
        made = dict(make_benchmark(out, tuple(SMALL), (16, 24)))
    assert made == {"train-16": "train", "train-24": "train", "studio-test-16": "studio-test"}
    return out


def test_the_real_benchmark_is_published_and_its_splits_share_no_pairs():
    folders = {f"{name}-{size}" for name, part in PARTS.items() for size in part.sizes}
    assert set(published_sums()) == folders | set(PARTS)
    assert len({len(digest) for digest in published_sums().values()}) == 1
    assert len(set(published_sums().values())) == len(published_sums())
    assert {part.world for part in PARTS.values()} <= {*WORLDS, LAYERED_WORLD}
    assert len({(part.world, part.split) for part in PARTS.values()}) == len(PARTS)


def test_the_command_line_offers_all_worlds():
    assert set(get_args(WorldName)) == {*WORLDS, LAYERED_WORLD}


def test_every_folder_holds_its_splits_samples(folder: Path):
    for name, part in SMALL.items():
        for size in part.sizes:
            data = load_dataset(folder / f"{name}-{size}")
            assert len(data) == part.count
            made = make_sample(part.world, size, SEED, part.count - 1, part.split)
            loaded = data.sample(torch.tensor([part.count - 1]))[0]
            for field in ("image", "label", "vertices", "visible", "intrinsics"):
                assert torch.equal(getattr(loaded, field), getattr(made, field)), field


def test_interrupted_work_is_resumed_and_checked(folder: Path, tmp_path: Path):
    list(make_benchmark(tmp_path, ("train",), (16, 24)))
    lost = tmp_path / "train-16" / "shard-00001.safetensors"
    content, others = lost.read_bytes(), sorted(tmp_path.glob("*/*.safetensors"))
    lost.unlink()
    before = {path: path.stat().st_mtime_ns for path in others if path != lost}
    list(make_benchmark(tmp_path, ("train",), (16, 24)))
    assert lost.read_bytes() == content
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_sums_are_those_of_the_files_and_changed_shards_are_named(folder: Path, tmp_path: Path):
    copy = shutil.copytree(folder / "train-16", tmp_path / "train-16")
    check_sums(copy, 3)
    shard = copy / "shard-00001.safetensors"
    digest = hashlib.sha256(shard.read_bytes()).hexdigest()
    assert f"{digest}  {shard.name}" in (copy / SUMS).read_text().splitlines()
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    with pytest.raises(ValueError, match=f"not what {SUMS} says: shard-00001"):
        check_sums(copy, 3)


@pytest.mark.parametrize(
    ("splits", "sizes", "message"),
    [
        (("train", "valley"), (16,), "splits: expected some of studio-test, train, got train, valley"),
        (("train",), (16, 17), "sizes: expected some of 16, 24, got 16, 17"),
    ],
)
def test_what_the_benchmark_doesnt_have_is_one_error(splits, sizes, message, tmp_path: Path):
    with pytest.raises(ValueError, match=message):
        list(make_benchmark(tmp_path / "out", splits, sizes))
    assert not (tmp_path / "out").exists()


def test_the_command_makes_folders_and_says_whether_they_are_the_published_ones(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["data", "benchmark", "--out", str(tmp_path), "--splits", "studio-test", "--sizes", "16"]
    cli.main(command)
    assert "studio-test-16: finished; its first shard holds the published bytes" in capsys.readouterr().out
    assert len(load_dataset(tmp_path / "studio-test-16")) == 2


def test_other_bytes_and_other_scenes_are_told_apart(folder: Path, tmp_path: Path):
    tensors = load_file(folder / "train-24" / "shard-00000.safetensors")
    shard = tmp_path / "train-24" / "shard-00000.safetensors"
    shard.parent.mkdir()
    save_file({**tensors, "vertices": tensors["vertices"] + 1e-7}, shard)
    assert compare_with_published(shard.parent, "train") == "the published scenes, rounded otherwise"
    save_file({**tensors, "pose": tensors["pose"] + 1e-3}, shard)
    assert compare_with_published(shard.parent, "train") == "NOT the published scenes"
