"""Micro-task ``scattered_hiding``: are the GCN's messages along the bones worth more than its matrices?

Six of ten joints of each hand are hidden, at random; their neighbours on the same hand tell most about them.
The hands are independent of each other. The transformer needs longer than the GCN to learn this: how the two
compare depends on the number of steps, so no claim does.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from handlib.analysis.micro_tasks.fit import SEEDS
from handlib.analysis.micro_tasks.hidden_joints import (
    PAIRS,
    Attention,
    JointNetwork,
    gcn,
    hidden_joint_error,
    matrices_only,
    posed_pairs,
    shuffled_gcn,
)
from handlib.analysis.micro_tasks.result import Claim, MicroTaskResult, decided
from handlib.hand.skeleton import NUM_JOINTS

STEPS, HIDDEN_SHARE = 200, 0.6
NETWORKS: dict[str, Callable[[], JointNetwork]] = {
    "neither": lambda: JointNetwork(),
    "matrices without messages": lambda: JointNetwork(matrices_only()),
    "GCN, shuffled skeleton": lambda: JointNetwork(shuffled_gcn()),
    "GCN": lambda: JointNetwork(gcn()),
    "transformer": lambda: JointNetwork(Attention(2)),
}
"""The three GCNs have as many matrices each."""
CLAIMS = (
    Claim("the GCN is better than nothing", "GCN", "neither", "better"),
    Claim(
        "its messages are worth something, not only its matrices",
        "GCN",
        "matrices without messages",
        "better",
    ),
    Claim("messages have to go along the hand's bones", "GCN", "GCN, shuffled skeleton", "better"),
    Claim("the transformer is better than nothing", "transformer", "neither", "better"),
)


def hide_scattered(count: int, random: torch.Generator) -> Bool[Tensor, "count hand=2 21"]:
    """Returns a mask in which each joint but the wrists is hidden with probability ``HIDDEN_SHARE``."""
    hidden = torch.rand(count, 2, NUM_JOINTS, generator=random) < HIDDEN_SHARE
    hidden[..., 0] = False
    return hidden


def scattered_hiding(
    seeds: Sequence[int] = SEEDS,
    rows: Sequence[str] = tuple(NETWORKS),
    steps: int = STEPS,
    pairs: int = PAIRS,
) -> MicroTaskResult:
    """Returns the errors (mm) of scattered hidden joints, predicted from the seen ones."""
    joints = posed_pairs(pairs, mirrored=False)
    errors = {
        row: [hidden_joint_error(NETWORKS[row], joints, hide_scattered, seed, steps) for seed in seeds]
        for row in rows
    }
    return MicroTaskResult(
        name="scattered_hiding",
        measure="error of the hidden joints",
        unit="mm",
        lower_is_better=True,
        margin=0.5,
        seeds=list(seeds),
        rows=errors,
        parts={},
        claims=decided(CLAIMS, errors),
    )
