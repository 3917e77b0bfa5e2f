"""A chart of cost and error of every kind of training; each dot names itself under the mouse."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from plotly import graph_objects

from handlib.analysis.ablations import IN_WORDS, AblationResult, errors_of
from handlib.analysis.comparison import compare, pooled_spread
from handlib.show.ablations import COSTS, costs_of, told
from handlib.show.core import palette
from handlib.show.core.figures import detached_figure, figure_pixels, without_frame
from handlib.show.core.panel import with_picture
from handlib.show.core.raster import encode_png
from handlib.utils.arguments import check_some, check_types

PLOTLY = "application/vnd.plotly.v1+json"
BY_STAGES = {
    "no_refinement": "no stages",
    "one_stage": "one stage",
    "full": "two stages",
    "three_stages": "three stages",
}
"""Networks that differ in the number of stages alone, fewest first, and their names in the picture."""
NEAR = 0.08
"""A dot gets a name in the picture if at most one other dot is nearer than this share of both axes."""


class TradeOff:
    """A chart of error against cost: the reader chooses the cost, zooms, and points at dots.

    It needs no kernel. It is interactive wherever Plotly's charts are drawn (JupyterLab, VS Code, Colab), and
    a picture elsewhere.
    """

    @check_types
    def __init__(self, results: Sequence[AblationResult]):
        """Shows each kind's mean MPJPE (mm) over seeds against the cost of one picture.

        Lines reach from the best seed to the worst.
        """
        check_some("results", results)
        self.errors = errors_of(results)
        self.costs = {cost: costs_of(results, self.errors, cost) for cost in COSTS}
        reference = self.errors.get("full")
        self.band: tuple[float, float] | None = None
        if reference is not None and any(len(values) > 1 for values in self.errors.values()):
            chance = compare(reference, reference, pooled_spread(list(self.errors.values()))).chance
            middle = float(np.mean(reference))
            self.band = (middle - chance, middle + chance)

    def _means(self) -> Float[np.ndarray, "kinds"]:
        return np.array([np.mean(values) for values in self.errors.values()])

    def figure(self) -> graph_objects.Figure:
        """Returns a Plotly figure with a menu of the costs."""
        means, names = self._means(), list(self.errors)
        stages = [names.index(name) for name in BY_STAGES if name in names]
        start, *_ = costs = list(COSTS)

        def places(cost: str) -> list[list[float]]:
            return [[self.costs[cost][k] for k in stages], self.costs[cost]]

        figure = graph_objects.Figure()
        along, every = places(start)
        figure.add_scatter(
            x=along, y=means[stages], mode="lines", line={"color": "#999999", "width": 1}, hoverinfo="skip"
        )
        figure.add_scatter(
            x=every,
            y=means,
            mode="markers",
            marker={"size": 9, "color": [self._colour(name) for name in names]},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [max(values) - np.mean(values) for values in self.errors.values()],
                "arrayminus": [np.mean(values) - min(values) for values in self.errors.values()],
                "thickness": 1,
                "color": "#999999",
            },
            text=[f"<b>{IN_WORDS[name]}</b><br>{told(values)} mm" for name, values in self.errors.items()],
            hovertemplate="%{text}<br>cost %{x:.4~g}<extra></extra>",
        )
        if self.band:
            figure.add_hrect(
                *self.band,
                fillcolor="#e5e5e5",
                line_width=0,
                layer="below",
                annotation={"text": "what chance explains", "font": {"size": 10}},
            )
        buttons = [
            {
                "label": COSTS[cost],
                "method": "update",
                "args": [{"x": places(cost)}, {"xaxis.title.text": COSTS[cost]}],
            }
            for cost in costs
        ]
        figure.update_layout(
            template="plotly_white",
            height=420,
            margin={"l": 60, "r": 20, "t": 50, "b": 50},
            showlegend=False,
            xaxis={"title": {"text": COSTS[start]}, "rangemode": "tozero"},
            yaxis={"title": {"text": "MPJPE (mm)"}},
            updatemenus=[{"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}],
        )
        return figure

    def picture(self) -> bytes:
        """Returns the same chart with the first cost as PNG; dots without close neighbours are named."""
        start, *_ = COSTS
        x, y, names = np.array(self.costs[start]), self._means(), list(self.errors)
        figure, (axes,) = detached_figure(figsize=(8, 4.2), layout="constrained")
        if self.band:
            axes.axhspan(*self.band, color="0.9", label="what chance explains")
            axes.legend(frameon=False, fontsize=8, loc="upper right")
        stages = [names.index(name) for name in BY_STAGES if name in names]
        axes.plot(x[stages], y[stages], color="0.6", linewidth=1)
        for k, (name, values) in enumerate(self.errors.items()):
            axes.plot([x[k]] * 2, [min(values), max(values)], color="0.6", linewidth=1)
            axes.plot(x[k], y[k], "o", color=self._colour(name), markersize=6)
        axes.set(xlim=(0, 1.15 * x.max()), xlabel=COSTS[start], ylabel="MPJPE (mm)")
        without_frame(axes)
        self._name_dots(axes, x, y, names)
        return encode_png(figure_pixels(figure))

    @staticmethod
    def _name_dots(
        axes: Axes, x: Float[np.ndarray, "kinds"], y: Float[np.ndarray, "kinds"], names: list[str]
    ) -> None:
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        places = np.stack((x / (right - left), y / (high - low)), axis=1)
        near = (np.abs(places[:, None] - places).max(-1) < NEAR) & ~np.eye(len(names), dtype=bool)
        for k, name in enumerate(names):
            if near[k].sum() < 2 or name in BY_STAGES:
                below = (y[near[k]] > y[k]).any()
                style: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8}
                axes.annotate(
                    BY_STAGES.get(name, IN_WORDS[name]), (x[k], y[k]), (6, -12 if below else 5), **style
                )

    @staticmethod
    def _colour(name: str) -> str:
        return palette.HIGHLIGHT if name in BY_STAGES else palette.INK

    def __repr__(self) -> str:
        return f"TradeOff: {len(self.errors)} kinds of training"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        chart = json.loads(self.figure().to_json()) | {"config": {"displayModeBar": False}}
        return with_picture({PLOTLY: chart}, self.picture(), repr(self))
