"""Matplotlib figures that a notebook shows only once: as a cell's value, and not again at the cell's end."""

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from handlib.data.sample import Sample
from handlib.geometry.camera import uv_to_pixels
from handlib.hand.skeleton import BONES, SIDES
from handlib.model.estimate import Estimate, estimate_names
from handlib.model.placed import place
from handlib.show.core import palette
from handlib.show.core.hands_drawing import HAND_COLOURS
from handlib.show.core.overlay import overlay_picture, to_pixels

LIGHTEST = 0.78
Values = Sequence | Tensor | np.ndarray
LABEL_COLOURS = ListedColormap(["0.9", palette.LEFT, palette.RIGHT])
"""Colours of background, left hand and right hand."""
MEASURES = {
    "mpjpe": "MPJPE (mm)",
    "pa_mpjpe": "PA-MPJPE (mm)",
    "uv_percent": "uv error (% of the side)",
    "rotation_wrong": "rotations wrong by > 45° (share)",
}
"""Errors in the figure of a training, and their labels."""


def detached_figure(rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, list[Axes]]:
    """Returns a figure that pyplot won't show by itself, and its axes row by row.

    ``options`` are those of ``subplots``.
    """
    figure, axes = plt.subplots(rows, columns, squeeze=False, **options)
    plt.close(figure)
    return figure, list(axes.ravel())


def figure_pixels(figure: Figure) -> UInt8[np.ndarray, "height width 3"]:
    """Returns a figure as a picture, drawn without a window."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def without_frame(*axes: Axes) -> None:
    """Removes the upper and the right line around axes."""
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)


def overlay(
    picture: Sample | Tensor | np.ndarray,
    hands: Estimate | Sample,
    truth: Sample | None = None,
    index: int = 0,
    title: str = "",
    faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None,
) -> Figure:
    """Draws both hands over the picture and, if ``truth`` is given, the true skeletons dashed in grey.

    ``picture`` is a sample, a (3, h, w) byte tensor or an (h, w, 3) byte array. ``hands`` is an estimate, or
    a sample whose truth is drawn. ``index`` chooses the picture of a batch.
    """
    drawn = overlay_picture(picture, hands, index, faces)
    height, width = drawn.shape[:2]
    figure, (axes,) = detached_figure(figsize=(5 * width / height, 5.3), layout="constrained")
    axes.imshow(drawn)
    axes.set(xlim=(0, width), ylim=(height, 0), title=title)
    axes.axis("off")
    legend = [
        Line2D([], [], color=HAND_COLOURS[side][1], marker="o", markersize=4, label=f"{side} hand")
        for side in SIDES
    ]
    if truth is not None:
        for hand in to_pixels(place(truth, index).uv, width, height):
            for parent, child in BONES:
                xy = hand[[parent, child]].T
                axes.plot(*xy, color="white", linewidth=2.6, solid_capstyle="butt")
                axes.plot(*xy, color=palette.TRUTH, linewidth=1.3, linestyle=(0, (2.5, 1.5)))
        legend.append(Line2D([], [], color=palette.TRUTH, linestyle=(0, (2.5, 1.5)), label="truth"))
    figure.legend(handles=legend, loc="outside lower center", ncols=len(legend), frameon=False)
    return figure


def grey(step: int, count: int) -> str:
    """Returns the colour of one of ``count`` steps: light for the first, black for the last."""
    return str(LIGHTEST * (count - 1 - step) / max(1, count - 1))


def grey_lines(
    axes: Axes, x: Values, lines: Mapping[str, Values], marker: str = "", **labels: object
) -> None:
    """Draws one line per stage, later ones darker, with a legend; ``labels`` are ``Axes.set``'s arguments."""
    for step, (name, values) in enumerate(lines.items()):
        axes.plot(x, values, color=grey(step, len(lines)), marker=marker, markersize=4, label=name)
    axes.set(**labels)
    axes.legend(frameon=False, fontsize=8)


def picture_row(pictures: Sequence[Tensor | np.ndarray], titles: Sequence[str]) -> Figure:
    """Shows pictures side by side: (h, w, 3) colours, or (h, w) labels 0 background, 1 left, 2 right."""
    figure, axes = detached_figure(1, len(pictures), figsize=(2 * len(pictures), 2.4), layout="constrained")
    for axis, picture, title in zip(axes, pictures, titles, strict=True):
        options: dict[str, Any] = {} if picture.ndim == 3 else {"cmap": LABEL_COLOURS, "vmin": 0, "vmax": 2}
        axis.imshow(picture, **options)
        axis.set_title(title, fontsize=10)
        axis.axis("off")
    return figure


def principal_colours(
    maps: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch height width 3"]:
    """Returns a batch's maps along the three directions in which they vary most, as RGB in [0, 1].

    A direction's sign is arbitrary; here its largest entry is positive. Values from the 2nd to the 98th
    percentile are stretched to [0, 1].
    """
    pixels = maps.permute(0, 2, 3, 1).flatten(0, 2)
    pixels = pixels - pixels.mean(0)
    directions = torch.linalg.eigh(pixels.T @ pixels).eigenvectors[:, -3:].flip(1)
    largest = directions.gather(0, directions.abs().argmax(0, keepdim=True))
    along = pixels @ (directions * largest.sign())
    low, high = along.quantile(torch.tensor([0.02, 0.98]), dim=0)
    stretched = (along - low) / (high - low).clamp_min(1e-12)
    return stretched.clamp(0, 1).unflatten(0, (len(maps), *maps.shape[-2:]))


def joint_paths(sample: Sample, estimates: Sequence[Estimate], index: int, joints: Sequence[int]) -> Figure:
    """Draws joints of both hands: a dot per estimate, arrows from each to the next, crosses at the truth.

    ``sample`` and ``estimates`` are batches; ``index`` chooses the picture. The sample's pictures may be
    larger than those that the estimates were made from. The part of the picture around the joints is shown.
    """
    size, joints = sample.size, list(joints)
    uv = torch.stack([uv[index][:, joints] for uv in (*(e.uv for e in estimates), sample.uv)])
    pixels = uv_to_pixels(uv.flatten(1, 2), size).numpy()
    *places, truth = pixels
    low, high = pixels.min((0, 1)) - 0.06 * size, pixels.max((0, 1)) + 0.06 * size
    width, height = high - low
    figure, (axes,) = detached_figure(figsize=(9, round(8 * height / width, 1)), layout="constrained")
    picture = sample.image[index].permute(1, 2, 0)
    axes.imshow(picture, extent=(0, size, size, 0), alpha=0.5)
    names, colours = estimate_names(len(estimates)), [grey(t, len(estimates)) for t in range(len(estimates))]
    for (start, end), colour in zip(pairwise(places), colours[1:], strict=True):
        axes.quiver(
            *start.T, *(end - start).T, color=colour, angles="xy", scale_units="xy", scale=1, width=0.0025
        )
    for name, of_estimate, colour in zip(names, places, colours, strict=True):
        axes.plot(*of_estimate.T, "o", color=colour, markersize=6, markeredgecolor="black", label=name)
    for last, true in zip(places[-1], truth, strict=True):
        axes.plot(*np.stack((last, true)).T, "--", color=palette.HIGHLIGHT, linewidth=1)
    axes.plot(*truth.T, "x", color=palette.HIGHLIGHT, markersize=9, markeredgewidth=2.5, label="truth")
    axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]))
    axes.axis("off")
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def training_curve(curve: Sequence[Mapping[str, Any]], mean_predictor: Mapping[str, float]) -> Figure:
    """Draws four errors of every estimate against hours, darker for later stages.

    Each entry of ``curve`` has ``run`` (its number), ``hours`` and ``estimates``, which maps names to errors.
    ``mean_predictor`` is a dashed line. A dotted line marks the end of a run that another run follows. Curves
    don't cross this line, because the next run may have been measured on other pairs.
    """
    figure, axes = detached_figure(1, len(MEASURES), figsize=(13, 3), layout="constrained")
    runs = [list(points) for _, points in groupby(curve, key=lambda point: point["run"])]
    names = list(curve[-1]["estimates"])
    ends = [run[-1]["hours"] for run in runs[:-1]]
    for axis, (measure, label) in zip(axes, MEASURES.items(), strict=True):
        axis.axhline(mean_predictor[measure], color=palette.HIGHLIGHT, linestyle="--", label="the mean hand")
        for end in ends:
            axis.axvline(end, color=palette.TRUTH, linestyle=":", linewidth=1)
        for step, name in enumerate(names):
            for run in runs:
                values = [point["estimates"][name][measure] for point in run]
                label_once = name if run is runs[-1] else None
                axis.plot(
                    [point["hours"] for point in run], values, color=grey(step, len(names)), label=label_once
                )
        axis.set(xlabel="hours", title=label, ylim=(0, None))
        axis.tick_params(colors=palette.TRUTH)
    axes[0].legend(frameon=False)
    without_frame(*axes)
    return figure
