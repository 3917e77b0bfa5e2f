"""Figures about photographs: what changes cost, whether confidences keep their promise, jumped joints."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.figure import Figure
from torch import Tensor

from handlib.show.core.figures import LABEL_COLOURS, detached_figure
from handlib.show.core.palette import HANDS, HIGHLIGHT, TRUTH

STYLES: dict[str, dict[str, Any]] = {
    "small": {"color": "0.6", "marker": "o"},
    "wild": {"color": "black", "marker": "D"},
    "mediapipe": {"color": HIGHLIGHT, "marker": "s", "markersize": 11, "fillstyle": "none"},
}
"""How the dots of a network or program look."""
LEAST_PICTURES = 3
"""Kinds with fewer photographs aren't drawn."""


def cost_chart(costs: Mapping[str, Mapping[str, tuple[float, float]]]) -> Figure:
    """Returns a panel per network with the cost of every change: mean, and a bar of two standard errors.

    ``costs[network][change]`` are a mean and its standard error, in millimetres. Changes are ordered by the
    first network's means.
    """
    first, *_ = costs.values()
    ordered = sorted(first, key=lambda change: first[change][0])
    figure, panels = detached_figure(1, len(costs), figsize=(11, 4.4), sharey=True, layout="constrained")
    for axes, (name, means) in zip(panels, costs.items(), strict=True):
        mean, error = np.array([means[change] for change in ordered]).T
        axes.errorbar(mean, range(len(ordered)), xerr=2 * error, linestyle="", **STYLES[name])
        axes.axvline(0, color="0.8", zorder=0)
        axes.set(title=f"{name} (mind the scale)", xlabel="MPJPE added by the change (mm)")
    panels[0].set(yticks=range(len(ordered)), yticklabels=ordered)
    return figure


def reliability_chart(
    tenths: Mapping[str, Mapping[str, Sequence[tuple[float, float, int]]]], least: int = 10
) -> Figure:
    """Returns a panel per world with the share of hands that were found against their confidence.

    ``tenths[world][network]`` are mean confidence, share found and number of hands of each tenth. Tenths with
    fewer than ``least`` hands aren't drawn. Bars are two standard errors of a share of independent hands.
    """
    figure, panels = detached_figure(1, len(tenths), figsize=(9, 3.8), layout="constrained")
    for axes, (world, by_network) in zip(panels, tenths.items(), strict=True):
        axes.plot([0, 1], [0, 1], color=TRUTH, linestyle=":", linewidth=1)
        for name, rows in by_network.items():
            sure, found, hands = np.array([row for row in rows if row[2] >= least]).T
            error = np.sqrt(found * (1 - found) / hands)
            axes.errorbar(sure, found, 2 * error, linestyle="", label=name, **STYLES[name])
        axes.set(xlabel="confidence", ylabel="share of hands found", title=world)
        axes.set(xlim=(0, 1.03), ylim=(0, 1.03))
    panels[-1].legend(frameon=False, loc="upper left")
    return figure


def kinds_chart(scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figure:
    """Returns the PCK@0.2 of programs on kinds of photographs.

    ``scores[program][kind]`` are those of :func:`handlib.evaluation.photo_scores.report`.
    """
    first, *_ = scores.values()
    counts = {kind: round(group["pictures"]) for kind, group in first.items() if kind != "all"}
    kinds = [kind for kind, count in counts.items() if count >= LEAST_PICTURES][::-1]
    labels = [f"{kind.replace('_', ' ')} ({counts[kind]})" for kind in kinds]
    figure, (axes,) = detached_figure(figsize=(7, 0.9 + 0.4 * len(kinds)), layout="constrained")
    for name, groups in scores.items():
        shares = [groups[kind]["pck@0.2"] for kind in kinds]
        axes.plot(shares, labels, linestyle="", label=name, **STYLES[name])
    axes.set(xlim=(-0.03, 1.03), xlabel="PCK@0.2, boxes given (in brackets: pictures)")
    axes.margins(y=0.2)
    axes.grid(axis="y", color="0.92")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def heatmap_row(
    picture: UInt8[Tensor, "3 size size"],
    label: Int[Tensor, "cells cells"],
    heatmaps: Mapping[str, Float[Tensor, "cells cells"]],
    places: Float[Tensor, "hand=2 2"],
) -> Figure:
    """Returns a picture, its segmentation and heatmaps (logits) of one joint.

    Plus signs mark both hands' true ``places`` (uv) of the joint, a cross each heatmap's highest cell.
    """
    figure, axes = detached_figure(
        1, 2 + len(heatmaps), figsize=(2.4 * (2 + len(heatmaps)), 2.8), layout="constrained"
    )
    square = (-1.0, 1.0, 1.0, -1.0)
    axes[0].imshow(picture.permute(1, 2, 0), extent=square)
    axes[1].imshow(label, extent=square, cmap=LABEL_COLOURS, vmin=0, vmax=2)
    for axis, heat in zip(axes[2:], heatmaps.values(), strict=True):
        axis.imshow(heat.flatten().softmax(0).view_as(heat), extent=square, cmap="Greys", vmin=0)
        row, column = np.unravel_index(int(heat.argmax()), heat.shape)
        x, y = ((at + 0.5) * 2 / len(heat) - 1 for at in (column, row))
        axis.plot(x, y, "x", color=HIGHLIGHT, markersize=11, markeredgewidth=2.5)
    for axis, title in zip(axes, ("picture", "segmentation", *heatmaps), strict=True):
        for place, colour in zip(places, HANDS, strict=True):
            axis.plot(*place.tolist(), "+", color=colour, markersize=13, markeredgewidth=3)
        axis.set(xlim=(-1, 1), ylim=(1, -1), xticks=[], yticks=[])
        axis.set_title(title, fontsize=10)
    return figure
