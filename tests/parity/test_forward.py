"""The released checkpoint, loaded into this package, computes what the released network computed."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from support import reference
from torch import Tensor, nn

from handlib.model.network import DIR
from handlib.released.checkpoint import CheckpointError, load_checkpoint, run

TOLERANCE = 1e-4


def assert_agrees(computed: Mapping[str, np.ndarray], stored: Mapping[str, np.ndarray]):
    """Every array, measured against its own largest number."""
    assert set(computed) == set(stored)
    off = {name: np.abs(computed[name] - b).max() / np.abs(b).max() for name, b in stored.items()}
    assert {name: error for name, error in off.items() if not error < TOLERANCE} == {}


def test_every_stored_number(
    released_model: DIR, released_inputs: Mapping[str, np.ndarray], stored_outputs: Mapping[str, np.ndarray]
):
    outputs = run(released_model, torch.from_numpy(released_inputs["img"]))
    assert_agrees({name: value.numpy() for name, value in outputs.items()}, stored_outputs)


@pytest.mark.slow
def test_the_command_with_a_mano_folder(
    checkpoint_file: Path,
    mano_folder: Path,
    released_inputs: Mapping[str, np.ndarray],
    stored_outputs: Mapping[str, np.ndarray],
    tmp_path: Path,
):
    np.savez(tmp_path / "inputs.npz", **released_inputs)
    command = [sys.executable, "-m", "handlib.released.checkpoint", checkpoint_file, tmp_path / "inputs.npz"]
    subprocess.run([*command, tmp_path / "out.npz", "--mano", mano_folder], check=True)
    with np.load(tmp_path / "out.npz") as written:
        assert_agrees(dict(written), stored_outputs)


def test_one_seed_has_joints_outside_the_picture(seed: int, stored_outputs: Mapping[str, np.ndarray]):
    joints = [value for name, value in stored_outputs.items() if "/joint_uv_" in name]
    assert (np.abs(np.concatenate(joints)).max() > 1) == (seed == 108)


def hollow() -> dict[str, Tensor]:
    """All entries of the checkpoint, every one a single stored zero: the layout without the 380 MB."""
    return {
        name: torch.zeros((), dtype=dtype).expand(shape)
        for name, (shape, dtype) in reference.entries().items()
    }


def saved(content: object, folder: Path) -> Path:
    torch.save(content, folder / "checkpoint.pth")
    return folder / "checkpoint.pth"


def test_a_checkpoint_as_people_have_it(tmp_path: Path):
    """Saved from a compiled, distributed model, in half precision, with the state of its training."""
    net = {f"module._orig_mod.{name}": value for name, value in hollow().items()}
    net |= {name: nn.Parameter(v.bfloat16()) for name, v in net.items() if v.is_floating_point()}
    optimiser = {"state": {0: {"step": torch.tensor(7.0)}}, "param_groups": [{"lr": 5e-4, "params": [0]}]}
    extras = {"optimizer": optimiser, "epoch": 49, "best": np.float64(10.2), "history": np.arange(3)}
    model = load_checkpoint(saved({"net": net, **extras}, tmp_path))
    assert not model.training
    assert not any(weight.any() for weight in model.parameters())


def test_entries_that_are_off_are_counted_and_named(tmp_path: Path):
    net = hollow()
    del net["backbone.layer1.0.conv1.weight"], net["decoder.projecter_4.interaction.head.1.bias"]
    net["decoder.projecter_5.fusion.0.weight"] = net["ema.decay"] = torch.zeros(1)
    net["init_regressor.offset.weight"] = torch.zeros(3, 1024)
    net["decoder.projecter_3.gcn_left.gconv_layers.1.gconv.W"] = torch.zeros(3, 21, 128, 128)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(saved({"net": net}, tmp_path))
    assert str(caught.value).split(": ", 2)[2].split("; ") == [
        "4 missing: encoder.backbone.encoders.0.layer1.0.conv1.weight, "
        "stages.0.transformer.head.1.bias, "
        "stages.1.gcn.modules_per_hand.0.1.own, stages.1.gcn.modules_per_hand.0.1.neighbour",
        "3 unexpected: decoder.projecter_3.gcn_left.gconv_layers.1.gconv.W, "
        "decoder.projecter_5.fusion.0.weight, ema.decay",
        "1 of another shape: encoder.head.offset.weight (expected (3, 2048), got (3, 1024))",
    ]


def test_a_missing_hand_model_is_named(tmp_path: Path):
    net = {name: value for name, value in hollow().items() if "mano_layer_left" not in name}
    with pytest.raises(ValueError, match=r"v_template|shapedirs"):
        load_checkpoint(saved({"net": net}, tmp_path))


@pytest.mark.parametrize("content", [{"net": {"a": torch.zeros(1)}}, {"net": {}}])
def test_another_networks_weights(tmp_path: Path, content: object):
    with pytest.raises(CheckpointError, match=r"not the released network: \d+ missing: encoder"):
        load_checkpoint(saved(content, tmp_path))


@pytest.mark.parametrize(
    "content", [{}, [1, 2], {"net": torch.zeros(1)}, {"net": {"epoch": 3}}, {"weights": {}}]
)
def test_weights_are_looked_for_under_net(tmp_path: Path, content: object):
    with pytest.raises(CheckpointError, match="under the key 'net'"):
        load_checkpoint(saved(content, tmp_path))


class Command:
    """Pickled, this is a request to run a shell command when it's read."""

    def __init__(self, text: str):
        self.text = text

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.text,)


def test_a_pickled_command_is_refused_and_not_run(tmp_path: Path):
    trace = tmp_path / "it_ran"
    path = saved({"net": hollow(), "extra": Command(f"touch {trace}")}, tmp_path)
    with pytest.raises(CheckpointError, match="plain tensors"):
        load_checkpoint(path)
    assert not trace.exists()
    # It would have run: the same file does it when the reader trusts it.
    torch.load(path, weights_only=False)
    assert trace.exists()


def test_files_that_are_no_checkpoint(tmp_path: Path):
    (tmp_path / "noise.pth").write_bytes(np.random.default_rng(0).bytes(1000))
    for name in ("noise.pth", "absent.pth"):
        with pytest.raises(CheckpointError, match=name):
            load_checkpoint(tmp_path / name)
