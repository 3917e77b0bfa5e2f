"""Shows trainings that differ in one mechanism: errors of every seed, the size of chance, and costs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import ipywidgets
import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from handlib.analysis.ablations import ESTIMATES, IN_WORDS, PAPER_ROWS, AblationResult, errors_of
from handlib.analysis.comparison import Difference, compare, pooled_spread
from handlib.show.core import palette
from handlib.show.core.figures import figure_pixels, without_frame
from handlib.show.core.panel import Explorer, choice, png_image
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
    """The reader's choice: two trainings, an error, the pairs' stratum, an estimate, and a cost."""

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
    picture: UInt8[np.ndarray, "height width 3"]


def told(values: Sequence[float]) -> str:
    """Returns the mean of a kind of training and the values of its seeds, in words."""
    seeds = ", ".join(f"{value:.3g}" for value in values)
    return f"{np.mean(values):.3g} ({'seeds' if len(values) > 1 else 'seed'} {seeds})"


def costs_of(results: Sequence[AblationResult], names: Iterable[str], cost: str) -> list[float]:
    """Returns the cost of the first training of each kind, in the units of ``COSTS``."""
    first = {result.name: result for result in reversed(results)}
    return [getattr(first[name], cost) / (1e6 if cost in IN_MILLIONS else 1) for name in names]


def ablations_state(results: Sequence[AblationResult], choice: Choice) -> AblationsState:
    """Returns the widget's state for a choice."""
    errors = errors_of(results, choice.measure, choice.stratum, choice.estimate)
    spread = pooled_spread(list(errors.values()))
    differences = {name: compare(values, errors[choice.reference], spread) for name, values in errors.items()}
    picked = differences[choice.picked]
    row = f", row {PAPER_ROWS[choice.picked]} of the paper's table" if choice.picked in PAPER_ROWS else ""
    caption = f"{IN_WORDS[choice.picked]}{row}: {MEASURES[choice.measure]} {told(errors[choice.picked])}"
    if choice.picked != choice.reference:
        caption += (
            f"; {IN_WORDS[choice.reference]}: {told(errors[choice.reference])}. "
            f"Difference {picked.value:+.2g}, chance ±{picked.chance:.2g}: {picked.verdict}"
        )
    picture = _draw(results, choice, errors, picked.chance)
    return AblationsState(errors, differences, caption + ".", picture)


def _draw(
    results: Sequence[AblationResult], choice: Choice, errors: dict[str, list[float]], chance: float
) -> UInt8[np.ndarray, "height width 3"]:
    width, height = CHART_SIZE
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, layout="constrained")
    rows, costs = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    label = f"{MEASURES[choice.measure]}, {choice.estimate} estimate, {choice.stratum} pairs"
    _draw_rows(rows, choice, errors, chance)
    rows.set_xlabel(label, fontsize=8)
    for row, (name, cost) in enumerate(zip(errors, costs_of(results, errors, choice.cost), strict=True)):
        costs.hlines(row, 0, cost, color=_colour(name, choice), linewidth=1)
        costs.plot(cost, row, "o", color=_colour(name, choice), markersize=5)
    costs.set_xlim(0, None)
    costs.set_xlabel(COSTS[choice.cost], fontsize=8)
    costs.tick_params(left=False)
    for axes in (rows, costs):
        axes.tick_params(labelsize=8)
    without_frame(rows, costs)
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


class AblationsExplorer(Explorer[AblationsState]):
    """All trainings measured by one error; one training is picked and compared with another."""

    def __init__(self, results: Sequence[AblationResult]):
        check_some("results", results)
        self.results = tuple(results)
        names = {IN_WORDS[name]: name for name in dict.fromkeys(result.name for result in results)}
        first = Choice()
        self.picked = choice("training", names, first.picked)
        self.reference = choice("against", names, first.reference)
        self.measure = choice("measure", {label: name for name, label in MEASURES.items()}, first.measure)
        self.stratum = choice("pairs", STRATA, first.stratum)
        self.estimate = choice("estimate", list(ESTIMATES), first.estimate)
        self.cost = choice("cost", {label: name for name, label in COSTS.items()}, first.cost)
        self.image, self.caption = png_image(*CHART_SIZE), ipywidgets.HTML()
        rows = [[self.picked, self.reference, self.measure], [self.stratum, self.estimate, self.cost]]
        super().__init__([*rows, self.image, self.caption])

    def compute(self) -> AblationsState:
        """Returns the state for the chosen error, pairs, estimate and cost."""
        names = (field.name for field in fields(Choice))
        return ablations_state(self.results, Choice(*(getattr(self, name).value for name in names)))

    def __repr__(self) -> str:
        return (
            f"AblationsExplorer: {len(self.picked.options)} kinds of training, {len(self.results)} trainings"
        )
