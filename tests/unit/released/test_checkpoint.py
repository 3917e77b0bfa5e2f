"""Weights written as the release has them: its names and shapes, and the same network when read again."""

import argparse
import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.malformed import assert_read_or_refused, malformed_bytes, malformed_content

from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.released.checkpoint import CheckpointError, load_checkpoint, read_checkpoint, write_checkpoint
from handlib.released.names import CONSTANTS, released_name, to_released
from handlib.utils.errors import InputError

ENTRIES = Path(__file__).parents[2] / "parity" / "released_entries.tsv"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[DIR, Path]:
    torch.manual_seed(0)
    model = DIR(DIRConfig.released()).eval()
    path = tmp_path_factory.mktemp("released") / "stand_in.pth"
    write_checkpoint(model, path)
    return model, path


def test_names_and_shapes_are_those_of_the_release(written):
    with open(ENTRIES) as file:
        entries = {row["name"]: row["shape"] for row in csv.DictReader(file, delimiter="\t")}
    ours = {name: "x".join(map(str, value.shape)) for name, value in read_checkpoint(written[1]).items()}
    assert ours.items() <= entries.items()
    # The rest are constants and the copies of the hand model that every stage has.
    assert all(CONSTANTS.fullmatch(name) for name in entries.keys() - ours.keys())


def test_what_is_written_is_read_again(written):
    model, path = written
    again = load_checkpoint(path)
    for (name, mine), other in zip(model.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(mine, other), name
    for side, hand in model.hands.items():
        for name, mine in hand.named_buffers():
            assert torch.equal(mine, dict(again.hands[side].named_buffers())[name]), (side, name)


def test_other_networks_and_names_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"expected DIRConfig\.released"):
        write_checkpoint(DIR(DIRConfig.small()), tmp_path / "small.pth")
    assert not list(tmp_path.iterdir())
    assert released_name("stages.2.enhance.body.0.weight") is None
    with pytest.raises(KeyError):
        to_released({"stages.2.enhance.body.0.weight": torch.zeros(1)})


def saved(content: object, folder: Path) -> Path:
    torch.save(content, folder / "checkpoint.pth")
    return folder / "checkpoint.pth"


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_weights_come_back_as_float32_under_plain_names(tmp_path: Path, prefix: str, kind: torch.dtype):
    weight = torch.arange(6.0).reshape(2, 3)
    net = {f"{prefix}a.weight": torch.nn.Parameter(weight.to(kind)), f"{prefix}a.count": torch.tensor(3)}
    read = read_checkpoint(saved({"net": net}, tmp_path))
    torch.testing.assert_close(read, {"a.weight": weight, "a.count": torch.tensor(3)}, rtol=0, atol=0)
    assert not read["a.weight"].requires_grad


@pytest.mark.parametrize(
    "extra", [np.float64(3), np.int32(3), np.bool_(True), np.zeros(3), {"psnr": np.float32(1)}]
)
def test_numbers_of_numpy_beside_the_weights_are_ignored(tmp_path: Path, extra: object):
    path = saved({"net": {"a": torch.ones(1), "b": extra}, "c": extra}, tmp_path)
    assert read_checkpoint(path).keys() == {"a"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"net": {}, "options": argparse.Namespace(lr=1e-3)}, "it asks for argparse.Namespace"),
        ({"net": {f"{k}.{'x' * 200}": torch.zeros(1) for k in range(1000)}}, "1000 unexpected: 0.x"),
    ],
    ids=["objects", "other names"],
)
def test_errors_are_short_and_never_advise_to_switch_safety_off(tmp_path: Path, content: dict, reason: str):
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(saved(content, tmp_path))
    said = str(caught.value)
    assert reason in said and len(said) < 2000 and "\n" not in said
    assert "weights_only" not in said and "safe_globals" not in said


@given(data=st.data())
def test_broken_checkpoints_are_refused_in_one_line_that_names_them(tmp_path: Path, data: st.DataObject):
    content = {"net": {"a.weight": torch.ones(3, 4), "a.count": torch.tensor(3)}, "epoch": 3}
    if data.draw(st.booleans()):
        path = saved(data.draw(malformed_content(content)), tmp_path)
    else:
        path = saved(content, tmp_path)
        path.write_bytes(data.draw(malformed_bytes(path.read_bytes())))
    assert_read_or_refused(lambda: read_checkpoint(path), path.name)
