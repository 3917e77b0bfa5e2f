"""Evaluates a network on many pairs: all errors, for every stage and every stratum."""

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
from handlib.model.parts import Parts
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
"""Names of the errors that the tables show."""

Report = dict[str, Any]
"""``scores[estimate][stratum or "all"][name]`` are the numbers, ``protocol`` and ``units`` their meaning."""


@torch.inference_mode()
def evaluate(
    model: "DIR | MeanPredictor",
    batches: Iterable[Sample],
    protocol: Protocol = INTAG_MCP,
    parts: Parts | None = None,
) -> Report:
    """Returns mean errors of the initial estimate and of every stage, over all samples and per stratum.

    The network must be in evaluation mode. Batches are moved to its hands' device. Of ``parts`` the
    reader's ``mean_position_error`` is used.
    """
    from handlib.evaluation.hand_metrics import HandMetrics

    hands = [model.hands[side] for side in SIDES]
    device = hands[0].J_regressor.device
    metrics = HandMetrics(protocol, hands, len(model.stages) + 1, parts)
    if device.type != "mps":  # This device has no float64.
        metrics = metrics.to(device)
    for batch in batches:
        here = batch.to(device)
        metrics.update(model(normalise(here.image)), here)
    return {"protocol": str(protocol), "units": UNITS, "scores": metrics.compute()}


class MeanPredictor(nn.Module):
    """A baseline that answers the same for every picture. Compare a network's errors with it.

    The answer is the mean pose and shape, and the average rotation, camera and offset of some pairs.
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
        """Returns the same estimate for every picture; all pixels are background."""
        background = image.new_tensor([1.0, 0.0, 0.0])[:, None, None].expand(len(image), 3, 1, 1)
        return Prediction((self.estimate[[0] * len(image)],), background, torch.zeros_like(background))


def fresh_batches(world: str, count: int, size: int, seed: int, batch_size: int = 25) -> Iterator[Sample]:
    """Renders test pairs and yields them in batches; the test split shares no pair with the training one."""
    for start in range(0, count, batch_size):
        numbers = range(start, min(start + batch_size, count))
        yield stack([make_sample(world, size, seed, k, split="test") for k in numbers])


def one_line(report: Report) -> str:
    """Returns a line with the main errors of every estimate, for a training log."""
    estimates = [rows["all"] for rows in report["scores"].values()]

    def row(name: str) -> str:
        return " / ".join(f"{e[name]:.3g}" for e in estimates)

    return (
        f"MPJPE {row('mpjpe')} mm, PA {row('pa_mpjpe')} mm, uv {row('uv_percent')} %, "
        f"rotations wrong {row('rotation_wrong')}"
    )


def tables(report: Report, protocol: Protocol) -> str:
    """Returns two tables with their protocol: all estimates over all pairs, and the final one per stratum."""
    scores = report["scores"]
    by_estimate = format_table({name: rows["all"] for name, rows in scores.items()}, protocol, COLUMNS)
    *_, final = scores.values()
    return f"{by_estimate}\n\n{format_table(final, protocol, ('samples', *COLUMNS))}"


def write_report(path: Path, report: Report) -> None:
    """Writes a report as JSON; the file is written whole or not at all."""
    write_text(path, json.dumps(report, indent=2) + "\n")
