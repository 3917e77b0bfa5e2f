"""Shows one network's errors under different protocols, and the pair behind each error."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

import ipywidgets
import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.figure import Figure
from torch import Tensor

from handlib.data.sample import STRATA, Sample
from handlib.evaluation.metrics import (
    INTAG_MCP,
    INTAG_WRIST,
    INTERNET,
    Aligned,
    Protocol,
    align,
    mpjpe,
    procrustes,
    rotation_error,
)
from handlib.hand.hand import Hand
from handlib.hand.skeleton import JOINT_NAMES, PAIR_JOINT_NAMES, SIDES
from handlib.model.estimate import Estimate, Prediction, estimate_names
from handlib.show.core import palette
from handlib.show.core.figures import figure_pixels, without_frame
from handlib.show.core.hands import HandsView
from handlib.show.core.hands_drawing import TRUE_HANDS, error_links, framing_of
from handlib.show.core.overlay import overlay_with_truth
from handlib.show.core.panel import Explorer, Picture, choice, png_image
from handlib.show.core.raster import above, beside, encode_png, words

PICTURE_SIDE, CHART_SIZE, MARKERS = 320, (640, 260), "o^sD"
SURFACE_OPACITY = 0.45
OWN = "your own"


@dataclass(frozen=True)
class Measure:
    """A way to measure joint errors: the root joint, the scaling, and which joints.

    ``Procrustes`` rotates, shifts and scales each hand onto the truth, so the root doesn't matter.
    """

    root: str
    scaling: Literal["none", "bone", "Procrustes"]
    joints: Literal["regressed", "annotated"]

    @classmethod
    def of(cls, protocol: Protocol) -> "Measure":
        """Returns the measure that a protocol uses."""
        return cls(protocol.root, "bone" if protocol.scaled else "none", protocol.joints)

    def align(self, estimate: Estimate, sample: Sample, hands: Sequence[Hand]) -> Aligned:
        """Returns truth and estimate in the form in which they are compared."""
        scaled = self.scaling == "bone"
        protocol = Protocol("measure", self.root, scaled, self.joints, masked=False, origin="left")
        aligned = align(estimate, sample, protocol, hands)
        return procrustes(aligned) if self.scaling == "Procrustes" else aligned

    def __str__(self) -> str:
        joints = "joints from the surface" if self.joints == "regressed" else "joints as annotated"
        if self.scaling == "Procrustes":
            return f"{joints}, size and rotation forgiven"
        size = "size forgiven" if self.scaling == "bone" else "size counted"
        return f"{joints}, root {self.root}, {size}"


MEASURES = {
    **{protocol.name: Measure.of(protocol) for protocol in (INTAG_MCP, INTAG_WRIST, INTERNET)},
    "PA-MPJPE": Measure("wrist", "Procrustes", "regressed"),
}
"""Measures with a name."""


def name_of(measure: Measure) -> str:
    """Returns a measure's name in ``MEASURES``, or ``OWN`` if it has none."""
    return next((name for name, known in MEASURES.items() if str(known) == str(measure)), OWN)


def draw_chart(
    errors: Float[np.ndarray, "pairs"], strata: Int[np.ndarray, "pairs"], pair: int, limit: float
) -> UInt8[np.ndarray, "height width 3"]:
    """Draws all errors from best to worst, a marker per stratum, mean, median, and one pair highlighted."""
    figure = Figure(figsize=(CHART_SIZE[0] / 100, CHART_SIZE[1] / 100), dpi=100)
    axes = figure.subplots()
    figure.subplots_adjust(left=0.07, right=0.87, top=0.9, bottom=0.14)
    ranks, heights = np.argsort(np.argsort(errors, kind="stable")), np.minimum(errors, limit)
    axes.axhline(errors.mean(), color=palette.TRUTH, linewidth=1, zorder=0)
    axes.axhline(np.median(errors), color=palette.TRUTH, linewidth=1, linestyle="--", zorder=0)
    for stratum, (name, grey) in enumerate(zip(STRATA, ("w", "0.75", "0.5", "k"), strict=True)):
        of, style = strata == stratum, dict[str, Any](markeredgecolor=palette.INK, clip_on=False)
        axes.plot(ranks[of], heights[of], MARKERS[stratum], color=grey, markersize=6, label=name, **style)
    axes.plot(
        ranks[pair], heights[pair], MARKERS[strata[pair]], color=palette.HIGHLIGHT, markersize=11, **style
    )
    # The mean's name is above its line, the median's below, because the mean is usually larger.
    at_the_right: dict[str, Any] = {"fontsize": 9, "transform": axes.get_yaxis_transform()}
    axes.text(1.01, errors.mean(), f"mean {errors.mean():.1f}", va="bottom", **at_the_right)
    axes.text(1.01, np.median(errors), f"median {np.median(errors):.1f}", va="top", **at_the_right)
    axes.set(ylim=(0, limit), xticks=[])
    axes.set_title("MPJPE (mm)", fontsize=9, loc="left", x=-0.05)
    axes.set_xlabel("pairs, from the best to the worst", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)
    without_frame(axes)
    return figure_pixels(figure)


@dataclass(frozen=True)
class EvaluationState:
    """All that the widget shows of one pair.

    ``errors`` are the MPJPE of all pairs in mm, ``order`` the pairs' indices from best to worst. The pair's
    hands are aligned as the protocol compares them and placed at the true roots, in metres: (left, right,
    true left, true right).
    """

    errors: Float[np.ndarray, "pairs"]
    order: Int[np.ndarray, "pairs"]
    vertices: Float[np.ndarray, "hands=4 778 3"]
    joints: Float[np.ndarray, "hands=4 21 3"]
    caption: str
    summary: str
    chart: UInt8[np.ndarray, "height width 3"]
    picture: UInt8[np.ndarray, "side side 3"]


def evaluation_state(
    sample: Sample, estimate: Estimate, aligned: Aligned, measure: Measure, pair: int, limit: float
) -> EvaluationState:
    """Returns the state of one of a batch's pairs; the chart ends at ``limit`` mm.

    ``aligned`` is the estimate as aligned by ``measure``.
    """
    errors = mpjpe(aligned).double().numpy()
    order = np.argsort(errors, kind="stable")
    distance = (aligned.joints[pair] - aligned.true_joints[pair]).norm(dim=-1).flatten()
    worst, roots = int(distance.argmax()), aligned.true_root[pair].double().numpy()
    turned = rotation_error(estimate, sample)[pair].tolist()

    def four(estimated: Tensor, true: Tensor) -> Float[np.ndarray, "4 points 3"]:
        return np.concatenate([part[pair].double().numpy() + roots for part in (estimated, true)])

    turns = ", ".join(f"{side} {angle:.0f}°" for side, angle in zip(SIDES, turned, strict=True))
    return EvaluationState(
        errors=errors,
        order=order,
        vertices=four(aligned.vertices, aligned.true_vertices),
        joints=four(aligned.joints, aligned.true_joints),
        caption=f"pair {pair} ({STRATA[sample.stratum[pair]]}): {errors[pair]:.1f} mm; worst joint "
        f"{PAIR_JOINT_NAMES[worst]} {1000 * distance[worst]:.0f} mm; turned wrongly by {turns}",
        summary=f"{name_of(measure)}: mean {errors.mean():.1f} mm, median {np.median(errors):.1f} mm, "
        f"worst {errors.max():.1f} mm of {len(errors)} pairs ({measure})",
        chart=draw_chart(errors, sample.stratum.numpy(), pair, limit),
        picture=overlay_with_truth(sample, estimate, pair, PICTURE_SIDE),
    )


class EvaluationExplorer(Explorer[EvaluationState]):
    """All pairs' errors under a protocol of the reader's choice, and one pair from all sides.

    ``protocol`` sets the other three choices. Choices that no named protocol makes appear as ``OWN``. The
    slider moves over the pairs from best to worst. A pair stays chosen when the protocol changes. ``hands``
    (left, right) regress joints.
    """

    def __init__(self, sample: Sample, prediction: Prediction, hands: Sequence[Hand]):
        self.sample, self.estimates, self.hands = sample, prediction.estimates, tuple(hands)
        self.names = estimate_names(len(self.estimates))
        self.aligned = lru_cache(maxsize=64)(self._aligned)
        first = MEASURES[INTAG_MCP.name]
        narrow = partial(choice, width="200px", label="60px")
        self.protocol = narrow("protocol", [*MEASURES, OWN], INTAG_MCP.name)
        self.root = narrow("root", JOINT_NAMES, first.root)
        self.scaling = narrow("scaling", ["none", "bone", "Procrustes"], first.scaling)
        self.joints = narrow("joints", ["regressed", "annotated"], first.joints)
        self.stage = ipywidgets.SelectionSlider(
            options=list(self.names), index=len(self.names) - 1, description="estimate"
        )
        self.rank = ipywidgets.IntSlider(len(sample), 1, len(sample), description="rank")
        self.summary, self.caption = ipywidgets.Label(), ipywidgets.Label()
        largest = max(mpjpe(self.aligned(e, MEASURES["INTERNET"])).max() for e in range(len(self.estimates)))
        self.limit = 1.1 * float(largest)
        self.pair = int(mpjpe(self.aligned(len(self.names) - 1, first)).argmax())
        state = self.compute()
        self.view = HandsView(state.vertices, state.joints, sides=(*SIDES, *TRUE_HANDS))
        self.view.surface_opacity = SURFACE_OPACITY
        self.view.update(links=error_links())
        self.image, self.chart = png_image(PICTURE_SIDE, PICTURE_SIDE), png_image(*CHART_SIZE)
        controls = [[self.protocol, self.root, self.scaling, self.joints], [self.stage, self.rank]]
        views = [self.summary, self.chart, self.caption, [self.image, self.view]]
        super().__init__([*controls, *views])

    @property
    def measure(self) -> Measure:
        """Returns the measure set by the controls."""
        return Measure(self.root.value, self.scaling.value, self.joints.value)

    def moved(self, control: ipywidgets.Widget) -> None:
        """Sets the other three choices after a new protocol, or the pair after a new rank."""
        if control is self.protocol:
            chosen = MEASURES.get(self.protocol.value, self.measure)
            self.root.value, self.scaling.value = chosen.root, chosen.scaling
            self.joints.value = chosen.joints
        elif control is self.rank:
            self.pair = int(self.state.order[self.rank.value - 1])

    def compute(self) -> EvaluationState:
        """Returns the state of the chosen pair."""
        stage, measure = self.stage.index, self.measure
        aligned = self.aligned(stage, measure)
        return evaluation_state(self.sample, self.estimates[stage], aligned, measure, self.pair, self.limit)

    def draw(self, state: EvaluationState) -> None:
        """Shows chart, picture, hands and words, and updates the controls of protocol and rank."""
        self.protocol.value = name_of(self.measure)
        self.rank.value = 1 + int(np.flatnonzero(state.order == self.pair)[0])
        self.view.framing = list(framing_of(state.vertices))
        self.view.update(state.vertices, state.joints)
        self.image.value, self.chart.value = encode_png(state.picture), encode_png(state.chart)
        self.caption.value = state.caption
        self.summary.value = f"{self.names[self.stage.index]}, {state.summary}"

    def picture(self) -> Picture:
        """Returns the chart above, and overlay and aligned hands below."""
        both = beside(self.state.picture, self.view.picture((450, PICTURE_SIDE)))
        strips = (words(text, both.shape[1], 12) for text in (self.state.summary, self.state.caption))
        return above(next(strips), self.state.chart, next(strips), both)

    def _aligned(self, stage: int, measure: Measure) -> Aligned:
        return measure.align(self.estimates[stage], self.sample, self.hands)

    def __repr__(self) -> str:
        return (
            f"EvaluationExplorer: {len(self.sample)} pairs, {', '.join(self.names)}; "
            f"{', '.join(MEASURES)} or any root, scaling and joints"
        )
