"""Matplotlib figures that a notebook shows once: as a cell's value, not again when the cell ends."""

from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def detached_figure(rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure that pyplot has forgotten, and its axes row by row; ``options`` are those of ``subplots``."""
    figure, axes = plt.subplots(rows, columns, squeeze=False, **options)
    plt.close(figure)
    return figure, list(axes.ravel())


def figure_pixels(figure: Figure) -> UInt8[np.ndarray, "height width 3"]:
    """A figure as a picture, drawn without a window."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
