"""Networks asked about changed scenes: what counts as found and exchanged, and that changes arrive."""

from dataclasses import replace

import pytest
import torch

from handlib.analysis.domain_gap import CHANGES, taken
from handlib.data.rendered.scenes import make_scene
from handlib.data.sample import stack
from handlib.model.network import DIR
from handlib.photos import trials
from handlib.photos.trials import UNCHANGED, answers_to, ask, off_by
from handlib.utils.errors import InputError


@pytest.fixture(scope="module")
def network() -> DIR:
    return DIR.from_pretrained("small")


@pytest.fixture(scope="module")
def scenes():
    return [make_scene("desk", 5, k, "test") for k in range(2)]


def test_hands_are_off_in_sizes_of_the_true_hand():
    truth = torch.zeros(1, 2, 21, 2)
    truth[0, 0, 1], truth[0, 1, 1] = torch.tensor([0.5, 0.1]), torch.tensor([0.1, 1.0])
    torch.testing.assert_close(off_by(truth + torch.tensor([0.1, 0.0]), truth), torch.tensor([[0.2, 0.1]]))


def test_a_network_in_its_own_world_finds_both_hands_on_their_sides(network, scenes):
    usual = ask(network, scenes, UNCHANGED)
    assert usual.found.all() and not usual.exchanged.any() and not usual.wrong.any()
    assert (usual.confidence > 0.8).all()
    assert usual.mpjpe.max() < 25


def test_exchanged_truths_are_seen_as_exchanged_hands(network, scenes):
    pictures = stack([taken(scene, (), network.config.image_size, 0) for scene in scenes])
    crossed = replace(
        pictures, **{name: getattr(pictures, name).flip(1) for name in ("joints", "vertices", "root")}
    )
    answers = answers_to(network, crossed)
    assert answers.exchanged.all()
    assert answers.found.sum() < 4


def test_the_network_sees_the_changed_picture(network, scenes):
    grey = ask(network, scenes, "no colour").pictures
    wanted = taken(scenes[1], [CHANGES["no colour"]], network.config.image_size, 1)
    assert torch.equal(grey.image[1], wanted.image)
    assert (grey.image[:, 0] == grey.image[:, 1]).all()


def test_networks_that_locate_joints_ask_for_a_second_opinion(scenes, monkeypatch):
    wild = DIR.from_pretrained("wild")
    sure = ask(wild, scenes[:1], UNCHANGED).confidence
    monkeypatch.setattr(
        trials, "second_opinion", lambda picture, joints: (torch.tensor([-30.0, -30.0]), None)
    )
    doubted = ask(wild, scenes[:1], UNCHANGED).confidence
    assert sure.shape == (1, 2) and (doubted < sure - 0.1).all()


def test_an_unknown_change_is_refused(network, scenes):
    with pytest.raises(InputError, match=r"kind: expected one of desk, .* got 'no color'"):
        ask(network, scenes, "no color")
