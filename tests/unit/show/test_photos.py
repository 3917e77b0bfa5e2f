"""Figures about photographs show the numbers that they get."""

import numpy as np
import pytest
import torch

from handlib.show.photos import cost_chart, heatmap_row, kinds_chart, reliability_chart


def dots(line) -> np.ndarray:
    return np.stack(line.get_data(), axis=1)


def test_costs_are_ordered_by_the_first_networks_means():
    costs = {
        "small": {"noise": (9.0, 1.0), "grey": (2.0, 0.5), "blur": (4.0, 1.0)},
        "wild": {"noise": (1.0, 0.5), "grey": (3.0, 0.5), "blur": (0.0, 0.1)},
    }
    small, wild = cost_chart(costs).axes
    assert [label.get_text() for label in small.get_yticklabels()] == ["grey", "blur", "noise"]
    assert dots(small.containers[0].lines[0])[:, 0].tolist() == [2, 4, 9]
    assert dots(wild.containers[0].lines[0])[:, 0].tolist() == [3, 0, 1]
    bars = wild.containers[0].lines[2][0].get_segments()
    assert [bar[:, 0].tolist() for bar in bars] == [[2, 4], [-0.2, 0.2], [0, 2]]


def test_tenths_with_few_hands_are_not_drawn():
    rows = [(0.05, 0.1, 9), (0.45, 0.5, 100), (0.95, 1.0, 10)]
    (axes,) = reliability_chart({"a world": {"wild": rows}}).axes
    assert dots(axes.containers[0].lines[0]).tolist() == [[0.45, 0.5], [0.95, 1.0]]
    (low, high), certain = (bar[:, 1] for bar in axes.containers[0].lines[2][0].get_segments())
    assert (low, high) == pytest.approx((0.4, 0.6))
    assert certain.tolist() == [1, 1]


def test_kinds_with_few_photographs_are_left_out():
    group = {"pictures": 3.0, "pck@0.2": 0.5}
    scores = {"wild": {"all": group, "view: facing": group, "view: side": {**group, "pictures": 2.0}}}
    (axes,) = kinds_chart(scores).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["view: facing (3)"]
    assert axes.lines[0].get_xdata().tolist() == [0.5]


def test_a_cross_marks_each_heatmaps_highest_cell():
    heat = torch.zeros(4, 4)
    heat[0, 3] = 5
    places = torch.tensor([[-0.5, 0.5], [0.75, -0.75]])
    figure = heatmap_row(
        torch.zeros(3, 8, 8, dtype=torch.uint8), torch.zeros(4, 4).long(), {"left": heat}, places
    )
    *_, last = figure.axes
    cross, left, right = (dots(line)[0].tolist() for line in last.lines)
    assert cross == right == [0.75, -0.75]
    assert left == [-0.5, 0.5]
