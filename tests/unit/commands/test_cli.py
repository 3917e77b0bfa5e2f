"""The command line: what it runs, what it says, and how it fails."""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.commands import failing

import handlib
import handlib.training.loop
from handlib import cli
from handlib.data.config import Augmentation
from handlib.data.shards import load_dataset
from handlib.hand.mano_file import read_mano
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.photos.results import FILES
from handlib.training.config import LossWeights, TrainConfig
from handlib.utils.resources import networks_folder


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(noise).save(path)
    return path


def test_reconstruct_is_reproducible(photograph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for out in ("a", "b"):
        arguments = [photograph, "--box", "10,5,50,40", "--out", tmp_path / out]
        cli.main(["reconstruct", *map(str, arguments)])
        said = capsys.readouterr().out
        assert "box: 10,5,50,40 (given)" in said
        assert "left hand: " in said
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_what_the_user_can_mend_is_one_line(
    photograph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ("reconstruct", photograph, "--out", tmp_path / "out")
    assert "x,y,width,height" in failing(capsys, *command, "--box", "1,2,3")
    assert "overlap the picture" in failing(capsys, *command, "--box", "-50,-50,10,10")
    assert "No such file" in failing(capsys, "reconstruct", tmp_path / "missing.png", *command[2:])
    (tmp_path / "file").touch()
    assert "file" in failing(capsys, *command[:-1], tmp_path / "file")
    weights = shutil.copytree(networks_folder() / "small", tmp_path / "broken") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    said = failing(capsys, *command, "--checkpoint", weights.parent)
    assert "expected a network that save_pretrained has written" in said
    assert not (tmp_path / "out").exists()


def test_data_make_gives_a_data_set_that_can_be_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["data", "make", "--out", str(tmp_path), "--count", "2", "--size", "32", "--split", "test"]
    cli.main(arguments)
    assert load_dataset(tmp_path).sample(torch.tensor([0, 1])).image.shape == (2, 3, 32, 32)
    capsys.readouterr()
    assert "another data set" in failing(capsys, *arguments, "--seed", "1")
    assert "workers: expected at least 1" in failing(capsys, *arguments, "--workers", "0")


def test_training_that_cannot_start_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    command = ["train", "--data", tmp_path / "none", "--out", tmp_path / "out"]
    assert "dataset.json is missing" in failing(capsys, *command)
    for option, value, expected in (
        ("--batch-size", "0", "batch_size: expected at least 1"),
        ("--transformer-heads", "3", "transformer_heads: expected a divisor of joint_features"),
        ("--augmentation.blur", "nan", "augmentation.blur: expected finite numbers"),
        ("--accelerator", "abacus", "accelerator abacus, 1 devices: "),
        ("--backbone", "resnet9000", "expected the name of a timm model"),
    ):
        assert expected in failing(capsys, *command, f"{option}={value}")
    assert not (tmp_path / "out").exists()


def test_a_network_and_its_training_are_what_the_options_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    given = {}
    monkeypatch.setattr(handlib.training.loop, "train", lambda *a, **_: given.update(enumerate(a)))
    command = ["train", "--data", str(tmp_path), "--out", str(tmp_path), "--network"]
    changed = "small --steps 7 --backbone resnet18 --projection none --losses.dense 0 --augmentation.flip 0.1"
    cli.main([*command, *changed.split()])
    own = {"backbone_layers": None, "backbone_channels": None, "backbone_stem_width": None}
    assert given[2] == replace(DIRConfig.small(), backbone="resnet18", projection="none", **own)
    assert given[3] == replace(TrainConfig.small(), steps=7)
    assert given[4] == replace(LossWeights.small(), dense=0) and given[5] == replace(Augmentation(), flip=0.1)
    cli.main([*command, "released"])
    assert [given[k] for k in range(2, 6)] == [
        kind.released() for kind in (DIRConfig, TrainConfig, LossWeights, Augmentation)
    ]


def test_a_network_is_trained_and_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pairs, run, report = tmp_path / "pairs", tmp_path / "run", tmp_path / "new" / "report.json"
    cli.main(["data", "make", "--out", str(pairs), "--count", "2"])
    cli.main(["train", "--data", str(pairs), "--out", str(run), "--steps", "1", "--precision", "32-true"])
    capsys.readouterr()
    assert "count: expected at least 1" in failing(capsys, "eval", "--count", "0")
    cli.main(["eval", "--checkpoint", str(run), "--count", "2", "--json", str(report)])
    written = json.loads(report.read_text())
    assert list(written["scores"]) == ["initial", "stage 1", "stage 2"]
    assert written["scores"]["initial"]["all"]["samples"] == written["count"] == 2
    assert written["protocol"] in capsys.readouterr().out


def test_a_network_is_measured_on_a_split_of_the_benchmark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder, report = tmp_path / "val-128", tmp_path / "report.json"
    command = ["eval", "--pairs", str(tmp_path), "--split", "val", "--json", str(report)]
    assert f"handlib data benchmark --out {tmp_path} --splits val --sizes 128" in failing(capsys, *command)
    make = ["data", "make", "--out", str(folder), "--split", "val", "--world", "desk-full", "--seed", "11"]
    cli.main([*make, "--count", "3"])
    cli.main(command)
    written = json.loads(report.read_text())
    assert written["scores"]["stage 2"]["all"]["samples"] == 3
    assert {written[name] for name in ("world", "split", "seed")} == {"desk-full", "val", 11}


def test_faults_of_the_package_keep_their_traceback(monkeypatch: pytest.MonkeyPatch, photograph: Path):
    def fault(_: str) -> DIR:
        raise ValueError("a bug")

    monkeypatch.setattr(DIR, "from_pretrained", fault)
    with pytest.raises(ValueError, match="a bug"):
        cli.main(["reconstruct", str(photograph), "--out", "unused"])


def command_names(commands: Mapping[str, cli.Command | cli.Group] = cli.COMMANDS) -> Iterator[str]:
    for name, command in commands.items():
        yield name
        if isinstance(command, cli.Group):
            yield from (f"{name} {inner}" for inner in command_names(command.commands))


@pytest.mark.parametrize("command", ["", *command_names()])
def test_every_command_explains_itself_on_any_terminal(command: str, monkeypatch: pytest.MonkeyPatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    with pytest.raises(SystemExit) as stopped:
        cli.main([*command.split(), "--help"])
    assert stopped.value.code == 0
    terminal.seek(0)
    said = " ".join(terminal.read().split())
    assert f"usage: handlib {command}".strip() in said
    assert not any(noise in said for noise in ("``", "{None", "None}", "(default: )"))


def test_names_that_the_terminal_cannot_print_are_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", terminal)
    cli.main(["hand", "export", "--out", str(tmp_path / "руки")])
    terminal.seek(0)
    assert r"\u0440\u0443\u043a\u0438" in terminal.read()
    assert read_mano(tmp_path / "руки" / "MANO_LEFT.npz", "left").faces.shape == (1538, 3)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("reconstrct", "reconstrct: no such command; did you mean reconstruct?"),
        ("data mak", "mak: no such command; did you mean make?"),
        ("xyzzy", "xyzzy: no such command; expected one of reconstruct, video, models"),
    ],
)
def test_a_mistyped_command_is_one_line(typed: str, said: str, capsys: pytest.CaptureFixture[str]):
    assert said in failing(capsys, *typed.split())


def test_version_and_models(capsys: pytest.CaptureFixture[str]):
    cli.main(["--version"])
    assert capsys.readouterr().out == f"handlib {handlib.__version__}\n"
    cli.main(["models"])
    small, wild = capsys.readouterr().out.splitlines()
    assert small == "small        a DIR trained without a GPU"
    assert wild.startswith("wild         a DIR for photographs") and wild.endswith("(the default)")


def test_help_does_not_wait_for_heavy_imports():
    code = "import handlib.cli, sys; print(*sorted(sys.modules), sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {"torch", "timm", "smplx", "trimesh", "matplotlib"}.isdisjoint(loaded.split())
