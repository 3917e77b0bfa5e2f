"""Trainings that differ in one mechanism: errors of every seed, what chance explains, and what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import ipywidgets
import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from handlib.analysis.ablations import ESTIMATES, IN_WORDS, PAPER_ROWS, AblationResult, errors_of
from handlib.analysis.comparison import Difference, compare, pooled_spread
from handlib.show.core import palette
from handlib.show.core.figures import figure_pixels
from handlib.show.core.panel import Panel
from handlib.show.core.raster import encode_png
from handlib.utils.arguments import check_some

MEASURES = {
    "mpjpe": "MPJPE (mm)",
    "mpvpe": "MPVPE (mm)",
    "pa_mpjpe": "PA-MPJPE (mm)",
    "mrrpe": "MRRPE (mm)",
    "uv_percent": "joints in the picture (% of its side)",
    "rotation_wrong": "rotations wrong by > 45° (share)",
}
COSTS = {
    "flops": "multiplications and additions (millions)",
    "parameters": "parameters (millions)",
    "peak_megabytes": "memory beside the weights (MB)",
    "ms_per_image": "processor time (ms per picture)",
}
IN_MILLIONS = ("flops", "parameters")
STRATA = ("all", "apart", "near", "touching", "interlocked")
CHART_SIZE = (920, 400)


@dataclass(frozen=True)
class Choice:
    """What is looked at: a measure on a stratum's pairs, of an estimate, against a cost."""

    reference: str = "full"
    picked: str = "no_refinement"
    measure: str = "mpjpe"
    stratum: str = "all"
    estimate: str = "last"
    cost: str = "flops"


@dataclass(frozen=True)
class AblationsState:
    """All that the widget shows; ``errors`` and ``differences`` (from the reference) are by name."""

    errors: dict[str, list[float]]
    differences: dict[str, Difference]
    caption: str
    chart: UInt8[np.ndarray, "height width 3"]


def told(values: Sequence[float]) -> str:
    """A kind's mean and its seeds."""
    seeds = ", ".join(f"{value:.3g}" for value in values)
    return f"{np.mean(values):.3g} ({'seeds' if len(values) > 1 else 'seed'} {seeds})"


def ablations_state(results: Sequence[AblationResult], choice: Choice) -> AblationsState:
    """What the widget shows for a choice.

    Raises:
        ValueError: the reference or the picked one was not trained.
    """
    errors = errors_of(results, choice.measure, choice.stratum, choice.estimate)
    for name in (choice.reference, choice.picked):
        if name not in errors:
            raise ValueError(f"expected one of {', '.join(errors)}, got {name!r}")
    spread = pooled_spread(list(errors.values()))
    differences = {name: compare(values, errors[choice.reference], spread) for name, values in errors.items()}
    picked = differences[choice.picked]
    row = f", row {PAPER_ROWS[choice.picked]} of the paper's table" if choice.picked in PAPER_ROWS else ""
    caption = (
        f"{IN_WORDS[choice.picked]}{row}: {MEASURES[choice.measure]} {told(errors[choice.picked])}; "
        f"{IN_WORDS[choice.reference]}: {told(errors[choice.reference])}. "
        f"Difference {picked.value:+.2g}, chance ±{picked.chance:.2g}: {picked.verdict}."
    )
    if choice.picked == choice.reference:
        caption = f"{IN_WORDS[choice.picked]}{row}: {MEASURES[choice.measure]} {told(errors[choice.picked])}."
    return AblationsState(
        errors, differences, caption, _draw(results, choice, errors, differences[choice.picked].chance)
    )


def _draw(
    results: Sequence[AblationResult], choice: Choice, errors: dict[str, list[float]], chance: float
) -> UInt8[np.ndarray, "height width 3"]:
    width, height = CHART_SIZE
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, layout="constrained")
    rows, costs = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    label = f"{MEASURES[choice.measure]}, {choice.estimate} estimate, {choice.stratum} pairs"
    _draw_rows(rows, choice, errors, chance)
    rows.set_xlabel(label, fontsize=8)
    first = {result.name: result for result in reversed(results)}
    for row, name in enumerate(errors):
        cost = getattr(first[name], choice.cost) / (1e6 if choice.cost in IN_MILLIONS else 1)
        costs.hlines(row, 0, cost, color=_colour(name, choice), linewidth=1)
        costs.plot(cost, row, "o", color=_colour(name, choice), markersize=5)
    costs.set_xlim(0, None)
    costs.set_xlabel(COSTS[choice.cost], fontsize=8)
    costs.tick_params(left=False)
    for axes in (rows, costs):
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure_pixels(figure)


def _draw_rows(axes: Axes, choice: Choice, errors: dict[str, list[float]], chance: float) -> None:
    middle = float(np.mean(errors[choice.reference]))
    axes.axvspan(middle - chance, middle + chance, color="0.9", label="what chance explains")
    axes.axvline(middle, color="0.6", linewidth=1)
    for number, (name, values) in enumerate(errors.items()):
        colour = _colour(name, choice)
        axes.plot(values, [number] * len(values), "o", color=colour, markersize=5, alpha=0.8)
        axes.plot(np.mean(values), number, "|", color=colour, markersize=14)
    axes.set_yticks(range(len(errors)), [IN_WORDS[name] for name in errors])
    axes.set_ylim(len(errors) - 0.5, -0.5)
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _colour(name: str, choice: Choice) -> str:
    return palette.HIGHLIGHT if name == choice.picked else palette.INK


class AblationsExplorer(Panel):
    """All trainings under one measure, one of them picked and compared with another one."""

    def __init__(self, results: Sequence[AblationResult]):
        check_some("results", results)
        self.results = tuple(results)
        names = {IN_WORDS[name]: name for name in dict.fromkeys(result.name for result in results)}
        first = Choice()
        dropdown = partial(
            ipywidgets.Dropdown, layout={"width": "300px"}, style={"description_width": "80px"}
        )
        self.picked = dropdown(options=names, value=first.picked, description="training")
        self.reference = dropdown(options=names, value=first.reference, description="against")
        self.measure = dropdown(
            options={label: name for name, label in MEASURES.items()},
            value=first.measure,
            description="measure",
        )
        self.stratum = dropdown(options=STRATA, value=first.stratum, description="pairs")
        self.estimate = dropdown(options=list(ESTIMATES), value=first.estimate, description="estimate")
        self.cost = dropdown(
            options={label: name for name, label in COSTS.items()}, value=first.cost, description="cost"
        )
        self.caption = ipywidgets.HTML()
        self.image = ipywidgets.Image(format="png", width=CHART_SIZE[0], height=CHART_SIZE[1])
        self.controls = (
            self.picked,
            self.reference,
            self.measure,
            self.stratum,
            self.estimate,
            self.cost,
        )
        for control in self.controls:
            control.observe(lambda _: self.refresh(), names="value")
        self.refresh()
        wrap = {"flex_flow": "row wrap"}
        super().__init__(
            [
                ipywidgets.HBox(self.controls[:3], layout=wrap),
                ipywidgets.HBox(self.controls[3:], layout=wrap),
                self.image,
                self.caption,
            ],
            lambda: self.state().chart,
            f"AblationsExplorer: {len(names)} kinds of training, {len(self.results)} trainings",
            direction="column",
        )

    def state(self) -> AblationsState:
        """What there is to show as the controls stand."""
        choice = Choice(
            self.reference.value,
            self.picked.value,
            self.measure.value,
            self.stratum.value,
            self.estimate.value,
            self.cost.value,
        )
        return ablations_state(self.results, choice)

    def refresh(self) -> None:
        """Brings picture and caption to what the controls say."""
        state = self.state()
        self.image.value, self.caption.value = encode_png(state.chart, 64), state.caption
