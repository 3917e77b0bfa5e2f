"""The ONNX file computes what the network computes, for batches of any size, and answers in its place."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.tiny import TINY
from torch import Tensor, nn

import handlib
from handlib.deploy import onnx
from handlib.deploy.onnx import (
    INPUT,
    OUTPUTS,
    NamedOutputs,
    OnnxNetwork,
    cached_file,
    export_onnx,
    outputs_of,
)
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.utils.errors import InputError

onnxruntime = pytest.importorskip("onnxruntime")


def lively(config: DIRConfig) -> DIR:
    """A network whose batch norms do something."""
    torch.manual_seed(0)
    model = DIR(config).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *names, **options: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def network() -> DIR:
    return lively(TINY)


def tensors(estimate: object) -> Iterator[tuple[str, Tensor]]:
    for name, value in vars(estimate).items():
        yield from [(name, value)] if isinstance(value, Tensor) else tensors(value)


@torch.no_grad()
def assert_agrees(engine: OnnxNetwork, network: DIR, batch: int) -> None:
    """To 1e-4 of each array's largest number."""
    size = network.config.image_size
    image = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(1))
    ours, theirs = engine(image), network(image)
    found, wanted = dict(tensors(ours.final)), dict(tensors(theirs.final))
    found["segmentation"], wanted["segmentation"] = (
        ours.segmentation.softmax(1),
        theirs.segmentation.softmax(1),
    )
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, atol=1e-4 * float(value.abs().max()), rtol=0, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        DIRConfig.released(),
        DIRConfig.small(),
        DIRConfig.wild(),
        replace(TINY, separate_encoders=True, projection="single", gcn_layers=0),
        replace(TINY, inter_hand="gcn", projection="joint"),
    ],
    ids=["released", "small", "wild", "single plane", "planes of joints"],
)
def test_the_command_writes_what_the_network_computes(
    config: DIRConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """In a process of its own, where tracing meets no checks of shapes."""
    network, path = lively(config), tmp_path / "new" / "network.onnx"
    network.save_pretrained(tmp_path / "saved")
    command = ["export", "onnx", "--checkpoint", str(tmp_path / "saved"), "--out", str(path)]
    subprocess.run([sys.executable, "-m", "handlib.cli", *command], check=True)
    assert [p.name for p in path.parent.iterdir()] == ["network.onnx"]
    monkeypatch.setattr(onnx, "cached_file", lambda network: path)
    engine = OnnxNetwork(network, threads=1)
    for batch in (1, 3):
        assert_agrees(engine, network, batch)

    (image,) = engine.session.get_inputs()
    size = config.image_size
    assert (image.name, image.shape) == (INPUT, ["batch", 3, size, size])
    outputs = outputs_of(config)
    assert [output.name for output in engine.session.get_outputs()] == list(outputs)
    about = engine.session.get_modelmeta().custom_metadata_map
    assert {name: about[name] for name in outputs} == outputs
    assert "0.485" in about["image"] and "0.229" in about["image"]
    assert len(json.loads(about["joint_names"])) == 21
    assert DIRConfig(**json.loads(about["config"])) == config


def test_the_projection_agrees(tmp_path: Path):
    module = lively(TINY).stages[0].project
    features, uv = torch.randn(2, 2, 21, TINY.plane_channels), torch.rand(2, 2, 21, 2) * 2 - 1
    with torch.no_grad():
        torch.onnx.export(module, (features, uv, 8), tmp_path / "projection.onnx", dynamo=True, verbose=False)
        expected = module(features, uv, 8)
    session = onnxruntime.InferenceSession(tmp_path / "projection.onnx", providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    (found,) = session.run(None, dict(zip(names, (features.numpy(), uv.numpy()), strict=True)))
    torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-4, rtol=1e-4)


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that were exported; what runs them is the network itself."""
    made: list[Path] = []
    networks: list[NamedOutputs] = []

    def export(network: DIR, path: Path) -> None:
        made.append(path)
        networks.append(NamedOutputs(network))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")

    def run(names: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert names == list(OUTPUTS)
        return [value.numpy() for value in networks[-1](torch.from_numpy(inputs[INPUT]))]

    monkeypatch.setattr(onnx, "export_onnx", export)
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: SimpleNamespace(run=run))
    return made


def test_every_output_is_found_where_the_network_has_it(exports: list[Path], network: DIR):
    engine = OnnxNetwork(network)
    assert_agrees(engine, network, batch=2)
    assert (engine.name, engine.config, engine.checksum()) == (network.name, TINY, network.checksum())


def test_an_export_is_kept_for_its_weights_and_hands(
    exports: list[Path], network: DIR, cache: Path, capsys: pytest.CaptureFixture[str]
):
    OnnxNetwork(network)
    assert exports == [cached_file(network)] == list(cache.iterdir())
    assert capsys.readouterr().err.count("\n") == 1
    OnnxNetwork(network)
    assert len(exports) == 1 and capsys.readouterr().err == ""

    for changed in ("heads.stem.0.weight", "hands.left.v_template"):
        other = lively(TINY)
        dict([*other.named_parameters(), *other.named_buffers()])[changed].data[0] += 1
        assert cached_file(other) != exports[0]


def test_reconstruct_with_onnxruntime(exports: list[Path], network: DIR):
    picture = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    by_torch = handlib.reconstruct(picture, (10, 10, 60, 60), network)
    by_onnx = handlib.reconstruct(picture, (10, 10, 60, 60), network, engine="onnx")
    assert isinstance(by_onnx.network, OnnxNetwork)
    np.testing.assert_allclose(by_onnx.right.vertices, by_torch.right.vertices, atol=1e-6)
    torch.testing.assert_close(by_onnx.confidence, by_torch.confidence)


def test_what_cannot_be_written_is_told_at_once(
    network: DIR, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(InputError, match="expected a file to write, got a folder"):
        export_onnx(network, tmp_path)
    monkeypatch.setattr(onnx, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(InputError, match=r"expected the packages .*; pip install onnxscript"):
        export_onnx(network, tmp_path / "new" / "small.onnx")
    assert not list(tmp_path.iterdir())
