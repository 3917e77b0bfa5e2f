"""Weights written as the release has them: its names and shapes, and the same network when read again."""

import csv
from pathlib import Path

import pytest
import torch

from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.released.checkpoint import load_checkpoint, read_checkpoint
from handlib.released.export import released_name, write_checkpoint
from handlib.released.names import _CONSTANTS
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
    assert all(_CONSTANTS.fullmatch(name) for name in entries.keys() - ours.keys())


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
    with pytest.raises(KeyError):
        released_name("stages.2.enhance.body.0.weight")
