"""Matplotlib figures that a notebook shows once: as a cell's value, not again when the cell ends."""

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def detached_figure(rows: int = 1, columns: int = 1, **options: object) -> tuple[Figure, list[Axes]]:
    """A figure that pyplot has forgotten, and its axes row by row; ``options`` are those of ``subplots``."""
    figure, axes = plt.subplots(rows, columns, squeeze=False, **options)
    plt.close(figure)
    return figure, list(axes.ravel())
