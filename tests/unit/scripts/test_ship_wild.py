"""The network for photographs that ships: its files say what made them, and it does its job."""

import json

import pytest
import ship_wild
import torch
from safetensors import safe_open

from handlib.data.rendered.synthetic import make_sample
from handlib.data.shipped import load_samples
from handlib.geometry.camera import uv_to_pixels
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.photos.reconstruct import reconstruct
from handlib.utils.resources import DEFAULT_NETWORK

WILD = ship_wild.OUT


@pytest.fixture(scope="module")
def network() -> DIR:
    return DIR.from_pretrained("wild").eval()


def test_it_answers_by_default() -> None:
    assert DEFAULT_NETWORK == "wild"


def test_it_is_small_in_half_precision_and_of_its_configuration(network: DIR) -> None:
    weights = WILD / "model.safetensors"
    assert weights.stat().st_size < 30 * 2**20
    with safe_open(weights, "pt") as file:
        kinds = {file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    assert kinds <= {torch.float16, torch.int64}
    assert network.config == DIRConfig.wild()


def test_its_card_and_the_readme_are_made_from_the_files() -> None:
    assert (WILD / "README.md").read_text() == ship_wild.card()
    assert ship_wild.in_short() in ship_wild.README.read_text()
    assert ship_wild.what_to_expect() in ship_wild.MEASUREMENTS_PAGE.read_text()


def test_it_is_better_than_a_constant_answer_and_its_stages_help() -> None:
    scores = json.loads((WILD / "wild-test.json").read_text())["scores"]
    constant = json.loads((WILD / "constant.json").read_text())["scores"]["initial"]["all"]
    first, *_, last = (rows["all"] for rows in scores.values())
    assert last["mpjpe"] < 0.6 * constant["mpjpe"]
    assert last["mpjpe"] < first["mpjpe"] and last["uv_percent"] < first["uv_percent"]


def test_it_finds_the_hands_of_shipped_pairs(network: DIR) -> None:
    near = []
    for sample in load_samples("test")[:8]:
        result = reconstruct(sample.image, model=network)
        assert result.origin == "found"
        true = uv_to_pixels(sample.uv, sample.size)
        size = (true.amax(1) - true.amin(1)).amax(-1)
        near += ((result.joint_pixels - true).norm(dim=-1).mean(1) / size < 0.2).tolist()
    assert sum(near) >= 0.75 * len(near)


def test_it_sees_both_hands_where_they_are_and_none_where_there_are_none(network: DIR) -> None:
    with_hands = [make_sample("wild", network.config.image_size, 3, k, "test").image for k in range(6)]
    assert sum(bool(reconstruct(one, model=network).presence.sides) for one in with_hands) >= 5
    empty = [torch.full((3, 200, 300), level, dtype=torch.uint8) for level in (40, 128, 220)]
    assert all(str(reconstruct(one, model=network).presence) == "no hand" for one in empty)


def test_its_files_name_no_folder_of_the_machine_that_made_them() -> None:
    for path in WILD.glob("*.json"):
        assert '"/' not in path.read_text(), path.name
