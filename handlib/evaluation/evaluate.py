"""Evaluation: a network over many pairs, error by error, stage by stage, stratum by stratum."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import roma
import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.data.rendered.synthetic import make_sample
from handlib.data.sample import Sample, normalise, stack
from handlib.evaluation.metrics import INTAG_MCP, UNITS, Protocol
from handlib.evaluation.scores import format_table
from handlib.geometry.camera import fit_weak_perspective
from handlib.geometry.rotation import rotation_to_6d
from handlib.hand.hand import Hand, HandParams, Hands
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import LENGTH_UNIT, Estimate, Prediction
from handlib.model.network import DIR
from handlib.utils.files import write_text

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
"""Numbers, ``scores[estimate][stratum or "all"][name]``, and what they mean: ``protocol`` and ``units``."""


@torch.inference_mode()
def evaluate(
    model: "DIR | MeanPredictor", batches: Iterable[Sample], protocol: Protocol = INTAG_MCP
) -> Report:
    """Mean errors of the initial estimate and of every stage, over all samples and per stratum.

    The network must be in evaluation mode; batches are moved to where its hands are.
    """
    from handlib.evaluation.hand_metrics import HandMetrics

    hands = [model.hands[side] for side in SIDES]
    device = hands[0].J_regressor.device
    metrics = HandMetrics(protocol, hands, len(model.stages) + 1)
    if device.type != "mps":  # It has no doubles.
        metrics = metrics.to(device)
    for batch in batches:
        here = batch.to(device)
        metrics.update(model(normalise(here.image)), here)
    return {"protocol": str(protocol), "units": UNITS, "scores": metrics.compute()}


class MeanPredictor(nn.Module):
    """Says the same of every picture: mean pose and shape, average rotation, camera and offset of some pairs.

    What a network scores has to be seen against this.
    """

    def __init__(self, pairs: Sample, hands: Mapping[str, Hand]):
        super().__init__()
        self.hands, self.stages = Hands(hands), ()
        rotation = roma.special_procrustes(pairs.root.mean(0))
        posed = [
            hands[side](root_rotation=rotation[h], pose_pca=torch.zeros(45)) for h, side in enumerate(SIDES)
        ]
        joints, vertices = (torch.stack([getattr(p, name) for p in posed]) for name in ("joints", "vertices"))
        wrists = pairs.joints[:, :, 0]
        camera = fit_weak_perspective(pairs.joints - wrists.unsqueeze(2), pairs.uv).mean(0)
        params = HandParams.from_vector(
            torch.cat((rotation_to_6d(rotation), torch.zeros(2, 55), camera), dim=-1)[None]
        )
        offset = ((wrists[:, 1] - wrists[:, 0]) / LENGTH_UNIT).mean(0)
        self.estimate = Estimate.seen(params, camera[None], joints[None], vertices[None], offset[None])

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> Prediction:
        """The one estimate, once per picture; the pixels are all background."""
        background = image.new_tensor([1.0, 0.0, 0.0])[:, None, None].expand(len(image), 3, 1, 1)
        return Prediction((self.estimate[[0] * len(image)],), background, torch.zeros_like(background))


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
    write_text(path, json.dumps(report, indent=2) + "\n")
