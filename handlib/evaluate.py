"""Evaluation: a network over many pairs, error by error, stage by stage, stratum by stratum."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from handlib.data.sample import Sample, normalise, stack
from handlib.data.synthetic import make_sample
from handlib.metrics import INTAG_MCP, UNITS, Protocol
from handlib.network import DIR
from handlib.scores import HandMetrics, format_table
from handlib.skeleton import SIDES

COLUMNS = (
    "mpjpe",
    "mpvpe",
    "pa_mpjpe",
    "mrrpe",
    "joint_px",
    "vertex_px",
    "uv_percent",
    "rotation_wrong",
)
"""What the tables show of all that is measured."""

Report = dict[str, Any]
"""``protocol`` and ``units`` say what the numbers mean, ``scores[estimate][stratum or "all"][name]`` holds them."""


@torch.inference_mode()
def evaluate(model: DIR, batches: Iterable[Sample], protocol: Protocol = INTAG_MCP) -> Report:
    """Mean errors of the initial estimate and of every stage, over all samples and per stratum.

    The network must be in evaluation mode.
    """
    metrics = HandMetrics(protocol, [model.hands[side] for side in SIDES], len(model.stages) + 1)
    for batch in batches:
        metrics.update(model(normalise(batch.image)), batch)
    return {"protocol": str(protocol), "units": UNITS, "scores": metrics.compute()}


def fresh_batches(world: str, count: int, size: int, seed: int, batch_size: int = 25) -> Iterator[Sample]:
    """Test pairs rendered on the spot, in batches; the test split shares nothing with the training one."""
    for start in range(0, count, batch_size):
        numbers = range(start, min(start + batch_size, count))
        yield stack([make_sample(world, size, seed, k, split="test") for k in numbers])


def one_line(report: Report) -> str:
    """The main errors after every stage, for a training log."""
    estimates = [rows["all"] for rows in report["scores"].values()]

    def row(name: str) -> str:
        return " / ".join(f"{e[name]:.3g}" for e in estimates)

    return (
        f"MPJPE {row('mpjpe')} mm, PA {row('pa_mpjpe')} mm, uv {row('uv_percent')} %, "
        f"rotations wrong {row('rotation_wrong')}"
    )


def tables(report: Report, protocol: Protocol) -> str:
    """Two tables with their protocol: every estimate over all pairs, and the final one per stratum."""
    scores = report["scores"]
    by_estimate = format_table({name: rows["all"] for name, rows in scores.items()}, protocol, COLUMNS)
    *_, final = scores.values()
    return f"{by_estimate}\n\n{format_table(final, protocol, ('samples', *COLUMNS))}"


def write_report(path: Path, report: Report) -> None:
    """A report as JSON, whole or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(json.dumps(report, indent=2) + "\n")
    os.replace(temporary, path)
