"""The micro-task of left/right attention: its claims hold, and fall with the mechanism."""

import pytest
import torch

from handlib.analysis.micro_tasks import attention as task
from handlib.analysis.micro_tasks.result import MicroTaskResult
from handlib.model.encoder import HandAttention

HELPS = task.CLAIMS[0]


def quick() -> MicroTaskResult:
    return task.attention(rows=(HELPS.row, HELPS.reference), steps=40, views=1)


def test_attention_helps_a_pooled_head():
    result = quick()
    assert result.claims == [HELPS]
    assert result.holds(HELPS)


def test_uniform_attention_makes_the_claim_fall(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(HandAttention, "forward", lambda _, c4: c4.new_ones(len(c4), 2, *c4.shape[-2:]))
    result = quick()
    assert not result.holds(HELPS)


def test_shared_attention_is_the_same_for_both_hands():
    attention = task.SharedAttention(16, 4).eval()
    left, right = attention(torch.randn(3, 16, 8, 8)).unbind(1)
    assert left.equal(right) and float(left.detach().std()) > 0


def test_the_convolutions_have_at_least_the_weights_of_attention():
    def weights(row: str) -> int:
        return sum(p.numel() for module in task.PARTS[row](256) for p in module.parameters())

    attention = weights("an attention map per hand")
    assert weights("no attention") == 0
    assert weights("one attention map for both hands") == attention
    assert attention <= weights("convolutions, no attention") < 1.2 * attention


def test_views_show_the_same_pairs():
    maps, truth = task.frozen_maps(2)
    assert maps.shape == (160, 256, 8, 8) and len(truth) == 160
    # A mirrored view exchanges the hands.
    torch.testing.assert_close(truth.betas[:80].sum(1), truth.betas[80:].sum(1))
    assert not truth.image[:80].equal(truth.image[80:])
