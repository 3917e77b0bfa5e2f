"""Micro-task ``hidden_hand``: does the inter-hand transformer carry one hand's pose to the other hand?

All joints of the right hand but its wrist are hidden. In the mirrored world the left hand tells nearly where
they are, if its joints' features reach the right hand's. In the independent world it tells nothing: a gain
there would come from something else than the other hand.
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
)
from handlib.analysis.micro_tasks.result import Claim, MicroTaskResult, decided
from handlib.hand.skeleton import NUM_JOINTS, SIDES
from handlib.model.blocks import PerHand

STEPS = 140
NETWORKS: dict[str, Callable[[], JointNetwork]] = {
    "neither": lambda: JointNetwork(),
    "GCN": lambda: JointNetwork(gcn()),
    "a transformer per hand": lambda: JointNetwork(PerHand(lambda: Attention(1))),
    "transformer": lambda: JointNetwork(Attention(2)),
    "matrices and transformer": lambda: JointNetwork(matrices_only(), Attention(2)),
    "GCN and transformer": lambda: JointNetwork(gcn(), Attention(2)),
}
"""A transformer per hand has twice the transformer's weights and sees one hand. Matrices are the GCN's, one
per joint, without messages."""
ROWS = (
    *(f"mirrored, {name}" for name in NETWORKS),
    *(f"independent, {name}" for name in ("neither", "transformer", "GCN and transformer")),
)
CLAIMS = (
    Claim(
        "attention between the hands tells where a hidden hand is",
        "mirrored, transformer",
        "mirrored, a transformer per hand",
        "better",
    ),
    Claim(
        "the GCN alone can't: its messages stay within a hand",
        "mirrored, GCN",
        "mirrored, neither",
        "no better",
    ),
    Claim(
        "GCN and transformer are better than the GCN",
        "mirrored, GCN and transformer",
        "mirrored, GCN",
        "better",
    ),
    Claim(
        "GCN and transformer are better than the transformer",
        "mirrored, GCN and transformer",
        "mirrored, transformer",
        "better",
    ),
    Claim(
        "the GCN adds messages to the transformer, not only matrices",
        "mirrored, GCN and transformer",
        "mirrored, matrices and transformer",
        "better",
    ),
    *(
        Claim(
            f"control: of independent hands the {name} learns nothing",
            f"independent, {name}",
            "independent, neither",
            "no better",
        )
        for name in ("transformer", "GCN and transformer")
    ),
)


def hide_right_hand(count: int, random: torch.Generator) -> Bool[Tensor, "count hand=2 21"]:
    """Returns a mask of all right joints but the wrist; nothing about it is random."""
    hidden = torch.zeros(count, 2, NUM_JOINTS, dtype=torch.bool)
    hidden[:, SIDES.index("right"), 1:] = True
    return hidden


def hidden_hand(
    seeds: Sequence[int] = SEEDS, rows: Sequence[str] = ROWS, steps: int = STEPS, pairs: int = PAIRS
) -> MicroTaskResult:
    """Returns the errors (mm) of a hidden hand's joints, predicted from the other hand's."""
    errors: dict[str, list[float]] = {}
    for row in rows:
        world, name = row.split(", ")
        joints = posed_pairs(pairs, world == "mirrored")
        errors[row] = [
            hidden_joint_error(NETWORKS[name], joints, hide_right_hand, seed, steps) for seed in seeds
        ]
    return MicroTaskResult(
        name="hidden_hand",
        measure="error of the hidden hand's joints",
        unit="mm",
        lower_is_better=True,
        margin=0.5,
        seeds=list(seeds),
        rows=errors,
        parts={},
        claims=decided(CLAIMS, errors),
    )
