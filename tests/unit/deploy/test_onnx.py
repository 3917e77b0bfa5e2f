"""The ONNX file computes what the network computes, for batches of any size."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from handlib.data.sample import normalise, resize, stack
from handlib.data.shipped import load_samples
from handlib.deploy import onnx
from handlib.deploy.onnx import OUTPUTS, NamedOutputs, export_onnx
from handlib.model.config import DIRConfig
from handlib.model.estimate import LENGTH_UNIT
from handlib.model.network import DIR
from handlib.utils.errors import InputError

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def network() -> DIR:
    return DIR.from_pretrained("small").eval()


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> "onnxruntime.InferenceSession":
    """The shipped network, exported by the command, in a process where tracing meets no checks of shapes."""
    path = tmp_path_factory.mktemp("onnx") / "new" / "small.onnx"
    command = ["export", "onnx", "--checkpoint", "small", "--out", str(path)]
    subprocess.run([sys.executable, "-m", "handlib.cli", *command], check=True)
    assert [p.name for p in path.parent.iterdir()] == ["small.onnx"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def pictures(network: DIR, count: int) -> Tensor:
    size = network.config.image_size
    return normalise(stack([resize(sample, size) for sample in load_samples("test")[:count]]).image)


@pytest.mark.parametrize("batch", [1, 3])
def test_onnxruntime_agrees_on_rendered_pictures(
    session: "onnxruntime.InferenceSession", network: DIR, batch: int
):
    image = pictures(network, batch)
    found = dict(zip(OUTPUTS, session.run(list(OUTPUTS), {"image": image.numpy()}), strict=True))
    with torch.no_grad():
        prediction = network(image)
    final = prediction.final
    expected = {
        "vertices": final.vertices,
        "joints": final.joints,
        "vertices_uv": final.vertex_uv,
        "joints_uv": final.uv,
        "offset": final.offset * LENGTH_UNIT,
        "params": final.params.to_vector(),
        "segmentation": prediction.segmentation.softmax(1),
    }
    assert list(expected) == list(OUTPUTS)
    for name, wanted in expected.items():
        np.testing.assert_allclose(found[name], wanted.numpy(), atol=1e-4, rtol=0, err_msg=name)


def test_the_file_says_what_it_takes_and_gives(session: "onnxruntime.InferenceSession", network: DIR):
    (image,) = session.get_inputs()
    size = network.config.image_size
    assert (image.name, image.shape) == ("image", ["batch", 3, size, size])
    assert [output.name for output in session.get_outputs()] == list(OUTPUTS)
    about = session.get_modelmeta().custom_metadata_map
    for name, text in OUTPUTS.items():
        assert about[name] == text
    assert "0.485" in about["image"] and "0.229" in about["image"]
    assert len(json.loads(about["joint_names"])) == 21
    assert DIRConfig(**json.loads(about["config"])) == network.config


@pytest.mark.parametrize("projection", ["bone", "joint", "single", "none"])
@torch.no_grad()
def test_what_is_rearranged_for_the_export_changes_nothing(projection: str):
    torch.manual_seed(0)
    config = DIRConfig.small()
    network = DIR(DIRConfig(**{**vars(config), "projection": projection})).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    image = torch.randn(2, 3, config.image_size, config.image_size)
    vertices, *_, segmentation = NamedOutputs(network)(image)
    prediction = network(image)
    torch.testing.assert_close(vertices, prediction.final.vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(segmentation, prediction.segmentation.softmax(1), atol=1e-5, rtol=0)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_without_the_packages_the_error_says_how_to_get_them(
    network: DIR, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(onnx, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(InputError, match="expected the packages onnx and onnxscript; pip install onnxscript"):
        export_onnx(network, tmp_path / "new" / "small.onnx")
    assert not list(tmp_path.iterdir())
