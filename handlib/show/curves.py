"""Training curves: what a run measured as time went by, beside what saying the mean would score."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from matplotlib.figure import Figure

from handlib.show.figures import detached_figure
from handlib.show.palette import HIGHLIGHT, TRUTH

MEASURES = {
    "mpjpe": "MPJPE (mm)",
    "pa_mpjpe": "PA-MPJPE (mm)",
    "uv_percent": "uv error (% of the side)",
    "rotation_wrong": "rotations wrong by > 45°",
}
GREYS = ("0.75", "0.5", "0.25", "0.0")


def training_curve(curve: Sequence[Mapping[str, Any]], mean_predictor: Mapping[str, float]) -> Figure:
    """Four errors of every estimate against hours, darker for later stages.

    Each entry of ``curve`` has ``run`` (its number), ``hours`` and ``estimates``, which maps names to errors;
    ``mean_predictor`` is drawn as a dashed line, the end of a run that another one follows as a dotted one.
    """
    figure, axes = detached_figure(1, len(MEASURES), figsize=(13, 3), layout="constrained")
    hours = [point["hours"] for point in curve]
    names = list(curve[-1]["estimates"])
    ends = [one["hours"] for one, after in pairwise(curve) if one["run"] != after["run"]]
    for axis, (measure, label) in zip(axes, MEASURES.items(), strict=True):
        axis.axhline(mean_predictor[measure], color=HIGHLIGHT, linestyle="--", label="mean predictor")
        for end in ends:
            axis.axvline(end, color=TRUTH, linestyle=":", linewidth=1)
        for name, grey in zip(names, GREYS[-len(names) :], strict=True):
            values = [point["estimates"][name][measure] for point in curve]
            axis.plot(hours, values, color=grey, label=name)
        axis.set(xlabel="hours", title=label, ylim=(0, None))
    axes[0].legend(frameon=False)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(colors=TRUTH)
    return figure
