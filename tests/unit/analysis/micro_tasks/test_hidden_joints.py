"""Pairs of hands, what is seen of them, and networks of joint modules."""

import numpy as np
import pytest
import torch

from handlib.analysis.micro_tasks.hidden_hand import NETWORKS, hide_right_hand
from handlib.analysis.micro_tasks.hidden_joints import (
    POINT_NOISE,
    Attention,
    JointNetwork,
    gcn,
    matrices_only,
    mean_hands,
    observed,
    posed_pairs,
    shuffled_gcn,
)
from handlib.analysis.micro_tasks.scattered_hiding import hide_scattered
from handlib.hand.skeleton import NUM_BONES
from handlib.model.blocks import PerHand
from handlib.model.estimate import LENGTH_UNIT


def mirrored(joints: torch.Tensor) -> torch.Tensor:
    return joints * joints.new_tensor([-1.0, 1.0, 1.0])


def test_mirrored_hands_without_noise_are_mirror_images():
    left, right = posed_pairs(20, True, 0.0).unbind(1)
    torch.testing.assert_close(left, mirrored(right), atol=1e-5, rtol=0)
    left, right = mean_hands()
    torch.testing.assert_close(left, mirrored(right), atol=1e-5, rtol=0)


def correlation(pairs: torch.Tensor) -> float:
    """Of a left fingertip's height over the wrist with the right one's."""
    heights = pairs[:, :, 12, 1].numpy()
    return float(np.corrcoef(heights.T)[0, 1])


def test_only_mirrored_hands_tell_of_each_other():
    both = {world: posed_pairs(400, world) for world in (True, False)}
    assert both[True][:, 1].equal(both[False][:, 1])
    assert correlation(both[True]) > 0.8
    assert abs(correlation(both[False])) < 0.15


def test_wrists_are_the_origin_and_pairs_are_always_the_same():
    pairs = posed_pairs(5, False)
    assert not pairs[:, :, 0].any()
    posed_pairs.cache_clear()
    assert posed_pairs(5, False).equal(pairs)


def test_of_hidden_joints_nothing_is_seen():
    joints, random = posed_pairs(50, False), torch.Generator().manual_seed(0)
    hidden = hide_scattered(50, random)
    assert not hidden[..., 0].any()
    assert hidden[..., 1:].float().mean() == pytest.approx(0.6, abs=0.05)
    seen = observed(joints, hidden, random)
    assert not seen[hidden].any()
    assert (seen[~hidden][:, 2] == 1).all()
    errors = seen[~hidden][:, :2] * LENGTH_UNIT - joints[~hidden][:, :2]
    assert float(errors.std()) == pytest.approx(POINT_NOISE, rel=0.1)


def test_the_right_hand_is_hidden_but_for_its_wrist():
    hidden = hide_right_hand(3, torch.Generator())
    assert hidden.sum() == 3 * 20 and not hidden[:, 0].any() and not hidden[:, 1, 0].any()


def test_an_untrained_network_says_about_the_mean_hands():
    joints = posed_pairs(10, False)
    hidden = torch.ones(10, 2, 21, dtype=torch.bool)
    said = JointNetwork()(observed(joints, hidden, torch.Generator())) * LENGTH_UNIT
    assert (said - mean_hands()).norm(dim=-1).max() < 0.05


def influence(module: torch.nn.Module, joint: int) -> torch.Tensor:
    """Which joints of both hands change when one left joint's features do: (2, 21)."""
    torch.manual_seed(0)
    x = torch.randn(4, 2, 21, 32)
    changed = x.clone()
    changed[:, 0, joint] += torch.randn(32)
    module.eval()
    with torch.no_grad():
        return (module(changed) - module(x)).abs().amax((0, 3)) > 1e-6


@pytest.mark.parametrize(
    ("module", "reached"),
    [
        (matrices_only(), [1, 0]),
        # Two bones from index1: itself, the wrist and its four other children, index2 and index3.
        (gcn(), [8, 0]),
        (PerHand(lambda: Attention(1)), [21, 0]),
        (Attention(2), [21, 21]),
    ],
)
def test_how_far_a_joint_is_heard(module, reached):
    assert influence(module, 5).sum(1).tolist() == reached


def test_controls_have_as_many_weights():
    def weights(module: torch.nn.Module) -> int:
        return sum(p.numel() for p in module.parameters())

    assert weights(shuffled_gcn()) == weights(gcn())
    # Without edges to neighbours a hand has 21 scores per layer in place of 40.
    assert weights(gcn()) - weights(matrices_only()) == 2 * 2 * (2 * NUM_BONES - 21)
    one, per_hand = (weights(NETWORKS[name]()) for name in ("transformer", "a transformer per hand"))
    assert per_hand > one
