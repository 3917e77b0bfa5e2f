"""The micro-task of the GCN: its claims hold, and fall with the messages."""

import pytest
import torch

from handlib.analysis.micro_tasks.result import MicroTaskResult
from handlib.analysis.micro_tasks.scattered_hiding import CLAIMS, scattered_hiding
from handlib.hand.skeleton import NUM_JOINTS
from handlib.model import gcn

MESSAGES = CLAIMS[1]


def quick() -> MicroTaskResult:
    return scattered_hiding((0, 1), (MESSAGES.row, MESSAGES.reference), steps=60, pairs=1000)


def test_messages_find_hidden_joints():
    result = quick()
    assert result.claims == [MESSAGES]
    assert result.holds(MESSAGES)
    assert result.gain(MESSAGES).mean > 1


def test_with_no_edges_the_claim_falls(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gcn, "skeleton_adjacency", lambda: torch.eye(NUM_JOINTS, dtype=torch.bool))
    assert not quick().holds(MESSAGES)


def test_dropped_messages_make_the_claim_fall(monkeypatch: pytest.MonkeyPatch):
    def silent(x, own, *_):
        return torch.einsum("bjf,jfo->bjo", x, own)

    monkeypatch.setattr(gcn.GraphLayer, "graph_convolution", staticmethod(silent))
    assert not quick().holds(MESSAGES)
