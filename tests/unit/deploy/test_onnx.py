"""The ONNX file computes what the network computes, for batches of any size; onnxruntime answers in its place."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny import TINY
from torch import Tensor, nn

import handlib
from handlib.cli import main
from handlib.deploy import onnx
from handlib.deploy.onnx import INPUT, OUTPUTS, OnnxNetwork, cached_file, export_onnx
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.utils.errors import InputError

pytest.importorskip("onnxruntime")


def lively(config: DIRConfig) -> DIR:
    """A network whose batch norms do something and whose residual branches aren't zero."""
    torch.manual_seed(0)
    model = DIR(config).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if hasattr(module, "scores"):
            nn.init.normal_(module.scores)
    return model


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setattr("platformdirs.user_cache_path", lambda *names, **options: folder)
        yield folder


@pytest.fixture(scope="module")
def network() -> DIR:
    return lively(TINY)


@pytest.fixture(scope="module")
def engine(network: DIR) -> OnnxNetwork:
    return OnnxNetwork(network, threads=1)


def pictures(config: DIRConfig, batch: int) -> Tensor:
    return torch.randn(batch, 3, config.image_size, config.image_size, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def assert_agrees(engine: OnnxNetwork, network: DIR, batch: int) -> None:
    image = pictures(network.config, batch)
    ours, theirs = engine(image), network(image)
    for name, value in vars(theirs.final).items():
        found = getattr(ours.final, name)
        pairs = [(found, value)] if isinstance(value, Tensor) else zip(vars(found).values(), vars(value).values())
        for one, other in pairs:
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4, msg=name)
    torch.testing.assert_close(
        ours.segmentation.softmax(1), theirs.segmentation.softmax(1), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("batch", [1, 3])
def test_onnxruntime_agrees(engine: OnnxNetwork, network: DIR, batch: int):
    assert_agrees(engine, network, batch)


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        DIRConfig.released(),
        DIRConfig.small(),
        replace(TINY, separate_encoders=True, projection="single"),
        replace(TINY, inter_hand="gcn", projection="joint"),
        replace(TINY, tokens="vertices", projection="joint"),
        replace(TINY, hand_attention=False, gcn_layers=0, inter_hand="none", enhancement=False),
    ],
    ids=["released", "small", "separate, single plane", "gcn, joints", "vertices", "bare"],
)
def test_every_configuration_agrees(config: DIRConfig):
    network = lively(config)
    assert_agrees(OnnxNetwork(network, threads=1), network, batch=1)


def test_the_file_says_what_it_takes_and_gives(engine: OnnxNetwork, network: DIR):
    (image,) = engine.session.get_inputs()
    size = network.config.image_size
    assert (image.name, image.shape) == (INPUT, ["batch", 3, size, size])
    assert [output.name for output in engine.session.get_outputs()] == list(OUTPUTS)
    about = engine.session.get_modelmeta().custom_metadata_map
    assert {name: about[name] for name in OUTPUTS} == OUTPUTS
    assert "0.485" in about["image"] and "0.229" in about["image"]
    assert len(json.loads(about["joint_names"])) == 21
    assert DIRConfig(**json.loads(about["config"])) == network.config


def test_the_export_is_kept_for_these_weights_and_hands(
    engine: OnnxNetwork, network: DIR, capsys: pytest.CaptureFixture[str]
):
    kept = cached_file(network)
    assert kept.is_file()
    OnnxNetwork(network)
    assert capsys.readouterr().err == ""

    other = lively(TINY)
    with torch.no_grad():
        other.heads.stem[0].weight[0, 0, 0, 0] += 1
    assert cached_file(other) != kept
    other = lively(TINY)
    other.hands["left"].v_template[0, 0] += 1
    assert cached_file(other) != kept


def test_reconstruct_with_onnxruntime(engine: OnnxNetwork, network: DIR):
    picture = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    box = (10, 10, 60, 60)
    by_torch = handlib.reconstruct(picture, box, network)
    by_onnx = handlib.reconstruct(picture, box, network, engine="onnx")
    assert isinstance(by_onnx.network, OnnxNetwork)
    np.testing.assert_allclose(by_onnx.right.vertices, by_torch.right.vertices, atol=1e-4)
    torch.testing.assert_close(by_onnx.confidence, by_torch.confidence, atol=1e-3, rtol=0)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: DIR):
    network.save_pretrained(tmp_path / "tiny")
    command = ["export", "onnx", "--checkpoint", str(tmp_path / "tiny"), "--out"]
    monkeypatch.setattr(onnx, "export_onnx", lambda network, path: path.write_bytes(b"whole"))
    main([*command, str(tmp_path / "tiny.onnx")])
    assert (tmp_path / "tiny.onnx").read_bytes() == b"whole"


def test_what_can_not_be_written_is_told_at_once(
    network: DIR, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(InputError, match="expected a file to write, got a folder"):
        export_onnx(network, tmp_path)
    monkeypatch.setattr(onnx, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(InputError, match="expected the packages .*; pip install onnxscript"):
        export_onnx(network, tmp_path / "new" / "small.onnx")
    assert not list(tmp_path.iterdir())
