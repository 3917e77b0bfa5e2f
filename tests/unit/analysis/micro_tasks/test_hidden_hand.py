"""The micro-task of the inter-hand transformer: its claim holds, and falls with the mechanism."""

import pytest
import torch

from handlib.analysis.micro_tasks.hidden_hand import CLAIMS, hidden_hand
from handlib.analysis.micro_tasks.result import MicroTaskResult
from handlib.hand.skeleton import NUM_JOINTS
from handlib.model.transformer import SelfAttention, attend

BETWEEN = CLAIMS[0]


def quick() -> MicroTaskResult:
    return hidden_hand(rows=(BETWEEN.row, BETWEEN.reference), steps=70, pairs=1000)


def test_attention_between_the_hands_finds_a_hidden_hand():
    result = quick()
    assert result.claims == [BETWEEN]
    assert result.holds(BETWEEN)
    assert result.gain(BETWEEN).mean > 3


def within_hands(query, key, value):
    """Attention whose weights between the hands are set to zero."""
    mixed, weights = attend(query, key, value)
    if weights.shape[-1] == 2 * NUM_JOINTS:
        hand = torch.arange(2 * NUM_JOINTS) >= NUM_JOINTS
        weights = weights * (hand[:, None] == hand)
        weights = weights / weights.sum(-1, keepdim=True)
        mixed = weights @ value
    return mixed, weights


def test_without_attention_between_the_hands_the_claim_falls(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(SelfAttention, "attend", staticmethod(within_hands))
    result = quick()
    assert not result.holds(BETWEEN)
    assert abs(result.gain(BETWEEN).mean) < 0.5


def test_the_same_seeds_give_the_same_numbers():
    first, again = (hidden_hand((0, 1), (BETWEEN.row,), 3, 200) for _ in range(2))
    assert first == again
    assert len(set(first.rows[BETWEEN.row])) == 2
