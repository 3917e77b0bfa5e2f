"""Training curves: what a run measured as time went by, beside what saying the mean would score."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from matplotlib.figure import Figure

from handlib.show.core.figures import detached_figure
from handlib.show.core.palette import HIGHLIGHT, TRUTH

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
    Lines don't cross it: the next run may have been measured on other pairs.
    """
    figure, axes = detached_figure(1, len(MEASURES), figsize=(13, 3), layout="constrained")
    runs = [list(points) for _, points in groupby(curve, key=lambda point: point["run"])]
    names = list(curve[-1]["estimates"])
    ends = [run[-1]["hours"] for run in runs[:-1]]
    for axis, (measure, label) in zip(axes, MEASURES.items(), strict=True):
        axis.axhline(mean_predictor[measure], color=HIGHLIGHT, linestyle="--", label="mean predictor")
        for end in ends:
            axis.axvline(end, color=TRUTH, linestyle=":", linewidth=1)
        for name, grey in zip(names, GREYS[-len(names) :], strict=True):
            for run in runs:
                values = [point["estimates"][name][measure] for point in run]
                label_once = name if run is runs[-1] else None
                axis.plot([point["hours"] for point in run], values, color=grey, label=label_once)
        axis.set(xlabel="hours", title=label, ylim=(0, None))
    axes[0].legend(frameon=False)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(colors=TRUTH)
    return figure
