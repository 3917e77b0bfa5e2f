"""Figures about stages: lines that get darker stage by stage, rows of maps, the ways that joints went."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from handlib.data.sample import Sample
from handlib.geometry.camera import uv_to_pixels
from handlib.model.estimate import Estimate
from handlib.show.core import palette
from handlib.show.core.figures import detached_figure

LIGHTEST = 0.78
Values = Sequence | Tensor | np.ndarray
LABEL_COLOURS = ListedColormap(["0.9", palette.LEFT, palette.RIGHT])
"""Of background, left and right."""


def grey(step: int, count: int) -> str:
    """The colour of one of ``count`` steps: light for the first, black for the last."""
    return str(LIGHTEST * (1 - step / max(1, count - 1)))


def grey_lines(
    axes: Axes, x: Values, lines: Mapping[str, Values], marker: str = "", **labels: object
) -> None:
    """Draws one line per stage, ever darker, with a legend; ``labels`` are what ``Axes.set`` takes."""
    for step, (name, values) in enumerate(lines.items()):
        axes.plot(x, values, color=grey(step, len(lines)), marker=marker, markersize=4, label=name)
    axes.set(**labels)
    axes.legend(frameon=False, fontsize=8)


def picture_row(pictures: Sequence[Tensor | np.ndarray], titles: Sequence[str]) -> Figure:
    """Pictures side by side: (h, w, 3) colours, or (h, w) labels 0 background, 1 left, 2 right."""
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
    """The three directions in which a batch's maps vary most, as red, green and blue in [0, 1].

    A direction's sign is arbitrary; here its largest entry is positive. Values are stretched from the 2nd to
    the 98th percentile.
    """
    pixels = maps.permute(0, 2, 3, 1).flatten(0, 2)
    pixels = pixels - pixels.mean(0)
    directions = torch.linalg.eigh(pixels.T @ pixels).eigenvectors[:, -3:].flip(1)
    largest = directions.gather(0, directions.abs().argmax(0, keepdim=True))
    along = pixels @ (directions * largest.sign())
    low, high = along.quantile(torch.tensor([0.02, 0.98]), dim=0)
    stretched = (along - low) / (high - low).clamp_min(1e-12)
    return stretched.clamp(0, 1).unflatten(0, (len(maps), *maps.shape[-2:]))


def joint_paths(
    sample: Sample, estimates: Sequence[Estimate], index: int, hand: int, joints: Sequence[int]
) -> Figure:
    """Where the estimates put some joints of one hand: arrows from each to the next, crosses at the truth.

    ``sample`` and ``estimates`` are batches; ``index`` chooses the picture, ``hand`` 0 left, 1 right.
    """
    joints, size = list(joints), sample.size
    places = uv_to_pixels(torch.stack([e.uv[index, hand, joints] for e in estimates]), size).numpy()
    truth = uv_to_pixels(sample.uv[index, hand, joints], size).numpy()
    figure, (axes,) = detached_figure(figsize=(6.4, 4.6), layout="constrained")
    axes.imshow(sample.image[index].permute(1, 2, 0), extent=(0, size, size, 0), alpha=0.55)
    steps = len(estimates) - 1
    for t, (start, end) in enumerate(pairwise(places)):
        axes.quiver(
            *start.T,
            *(end - start).T,
            color=str(0.4 * (1 - t / max(1, steps - 1))),
            label=f"stage {t + 1}",
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.007,
        )
    for last, true in zip(places[-1], truth, strict=True):
        axes.plot(*np.stack((last, true)).T, "--", color=palette.HIGHLIGHT, linewidth=1)
    axes.plot(*truth.T, "x", color=palette.HIGHLIGHT, markersize=9, markeredgewidth=2.5, label="truth")
    every = np.concatenate((places.reshape(-1, 2), truth))
    low, high = every.min(0) - 8, every.max(0) + 8
    axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), title=f"pixels of {size}")
    figure.legend(loc="outside right upper", frameon=False)
    return figure
