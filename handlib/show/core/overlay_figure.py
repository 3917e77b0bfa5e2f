"""Hands over their picture as a figure with a legend."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from handlib.data.sample import Sample
from handlib.hand.skeleton import BONES, SIDES
from handlib.model.estimate import Estimate
from handlib.model.placed import place
from handlib.show.core import palette
from handlib.show.core.figures import detached_figure
from handlib.show.core.hands_drawing import HAND_COLOURS
from handlib.show.core.overlay import overlay_picture, to_pixels


def overlay(
    picture: Sample | Tensor | np.ndarray,
    hands: Estimate | Sample,
    truth: Sample | None = None,
    index: int = 0,
    title: str = "",
    faces: Sequence[Int[np.ndarray, "faces 3"]] | None = None,
) -> Figure:
    """The picture with both hands over it and, given the truth, the true skeletons dashed in grey.

    ``picture`` is a sample, a (3, h, w) byte tensor or an (h, w, 3) byte array; ``hands`` an estimate, or a
    sample to draw its truth; ``index`` chooses the picture of a batch.
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
