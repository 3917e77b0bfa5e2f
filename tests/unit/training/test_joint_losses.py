"""What joint maps are taught: the best maps' cost by definition, and what nothing is learnt from."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.perfect_maps import perfect_maps
from support.random_pairs import HANDS, random_pairs
from torch import Tensor
from torch.nn.functional import one_hot

from handlib.model.joint_maps import JointMaps
from handlib.model.joints_head import true_places
from handlib.training.joint_losses import bells, joint_map_terms, read_locations, taught_joints
from handlib.training.losses import LossWeights
from handlib.training.targets import Targets, resize_label

SIZE = 16
SAMPLE = random_pairs(4)
TARGETS = Targets.from_sample(SAMPLE, HANDS)
WEIGHTS = LossWeights(sides=1, heat=1, location=1, presence=1)
FIRST_LEFT_GONE = replace(TARGETS, present=torch.tensor([[0.0, 1.0], *[[1.0, 1.0]] * 3]))


def terms_of(
    maps: JointMaps, targets: Targets = TARGETS, weights: LossWeights = WEIGHTS
) -> dict[str, Tensor]:
    """Terms of the loss, each time with the same noise in the places where locations are read."""
    torch.manual_seed(0)
    return joint_map_terms(maps, targets, weights)


def best_maps(targets: Targets = TARGETS) -> JointMaps:
    label = one_hot(resize_label(targets.label, (SIZE, SIZE)), 3).permute(0, 3, 1, 2).float()
    maps = perfect_maps(targets.uv, true_places(targets.joints), SIZE)
    return replace(maps, segmentation=20 * label, presence=20 * targets.present - 10)


def random_maps(seed: int = 0) -> JointMaps:
    g = torch.Generator().manual_seed(seed)
    return JointMaps(*(torch.randn(v.shape, generator=g) for v in vars(best_maps()).values()))


def test_the_best_maps_cost_only_the_width_of_the_bells():
    assert taught_joints(TARGETS.uv, TARGETS.present).all()
    terms = terms_of(best_maps(FIRST_LEFT_GONE), FIRST_LEFT_GONE)
    bell = bells(TARGETS.uv, SIZE)
    entropy = -(bell * bell.clamp_min(1e-12).log()).sum(-1)
    present = FIRST_LEFT_GONE.present.bool()
    torch.testing.assert_close(terms["heat"], entropy[present].mean(), rtol=1e-4, atol=0)
    assert max(terms[name] for name in ("sides", "location", "presence")) < 1e-3


@pytest.mark.parametrize("name", ["sides", "heat", "location", "presence"])
def test_other_maps_cost_more_and_a_step_down_the_gradient_less(name: str):
    maps = random_maps()
    leaves = {key: value.requires_grad_() for key, value in vars(maps).items()}
    cost = terms_of(maps)[name]
    assert cost > 1.1 * terms_of(best_maps())[name]
    gradients = torch.autograd.grad(cost, list(leaves.values()), allow_unused=True)
    used = {key: g for key, g in zip(leaves, gradients, strict=True) if g is not None}
    assert len(used) == 1
    stepped = {key: leaves[key].detach() - 0.1 * g for key, g in used.items()}
    assert terms_of(replace(maps, **stepped))[name] < cost


def test_a_heatmap_away_from_the_joint_costs_more_the_farther_it_is():
    costs = []
    for shift in (0.0, 0.1, 0.2, 0.4):
        maps = perfect_maps((TARGETS.uv + shift).clamp(-0.9, 0.9), true_places(TARGETS.joints), SIZE)
        costs.append(terms_of(maps)["heat"].item())
    assert costs == sorted(costs) and costs[1] > 1.05 * costs[0]


def test_a_hand_that_is_not_there_teaches_neither_heat_nor_location():
    maps, g = random_maps(), torch.Generator().manual_seed(1)
    before = terms_of(maps, FIRST_LEFT_GONE)
    other, joints, uv = random_maps(), TARGETS.joints.clone(), TARGETS.uv.clone()
    for values in (other.heat, other.locations, joints):
        values[0, 0] = torch.randn(values[0, 0].shape, generator=g)
    uv[0, 0] = 0.5 * torch.rand(uv[0, 0].shape, generator=g)
    after = terms_of(other, replace(FIRST_LEFT_GONE, joints=joints, uv=uv))
    torch.testing.assert_close(after, before)
    assert terms_of(other)["heat"] != terms_of(maps)["heat"]


def test_joints_outside_the_picture_are_not_taught():
    maps, uv = random_maps(), TARGETS.uv.clone()
    uv[1, 0, 3, 0], uv[2, 1, 20, 1] = 1.2, -1.01
    leaves = maps.heat.requires_grad_(), maps.locations.requires_grad_()
    terms = terms_of(maps, replace(TARGETS, uv=uv))
    (terms["heat"] + terms["location"]).backward()
    for leaf in leaves:
        learns = leaf.grad.flatten(3).any(-1)
        assert not learns[1, 0, 3] and not learns[2, 1, 20]
        assert learns.sum() == learns.numel() - 2


def test_nobody_there_costs_nothing_but_maps_of_sides_and_presence():
    maps = random_maps()
    terms = terms_of(maps, replace(TARGETS, present=torch.zeros(4, 2)))
    assert terms["heat"] == 0 and terms["location"] == 0
    assert terms["presence"] > 0.5 and torch.isfinite(terms["sides"])


def test_presence_is_a_mean_of_log_odds():
    maps = replace(random_maps(), presence=torch.full((4, 2), math.log(3)))
    # A probability of 3/4 for each of seven hands that are there and one that isn't.
    expected = -(7 * math.log(3 / 4) + math.log(1 / 4)) / 8
    assert terms_of(maps, FIRST_LEFT_GONE)["presence"].item() == pytest.approx(expected)


@pytest.mark.parametrize("name", ["sides", "heat", "location", "presence"])
def test_a_weight_of_zero_leaves_its_term_out(name: str):
    everything = terms_of(random_maps())
    rest = terms_of(random_maps(), weights=replace(WEIGHTS, **{name: 0}))
    assert rest == {key: value for key, value in everything.items() if key != name}


def test_no_weights_no_terms():
    assert terms_of(random_maps(), weights=LossWeights(sides=0, heat=0, location=0, presence=0)) == {}


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_bell_is_a_distribution_with_its_peak_in_the_joints_cell(u: float, v: float):
    uv = torch.tensor([u, v]).expand(1, 2, 21, 2)
    bell = bells(uv, SIZE)
    torch.testing.assert_close(bell.sum(-1), torch.ones(1, 2, 21))
    row, column = divmod(int(bell[0, 0, 0].argmax()), SIZE)
    cell = 2 / SIZE
    assert abs((column + 0.5) * cell - 1 - u) <= cell / 2 + 1e-3
    assert abs((row + 0.5) * cell - 1 - v) <= cell / 2 + 1e-3


def test_locations_are_read_between_cells():
    ticks = (torch.arange(SIZE) + 0.5) * (2 / SIZE) - 1
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    maps = random_maps()
    maps.locations[:] = torch.stack((x, y, x - y))
    uv = TARGETS.uv.clamp(-0.9, 0.9)
    expected = torch.cat((uv, uv[..., :1] - uv[..., 1:]), dim=-1)
    torch.testing.assert_close(read_locations(maps, uv), expected, atol=1e-5, rtol=0)
