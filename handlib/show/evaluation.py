"""One network's errors under one protocol after another, and the pair behind every error."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import ipywidgets
import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageDraw, ImageFont
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
from handlib.show.core.error_charts import CHART_SIZE, draw_chart, order_of
from handlib.show.core.hands import HandsView
from handlib.show.core.hands_drawing import TRUE_HANDS, Links, draw_hands, framing_of
from handlib.show.core.overlay import overlay_with_truth
from handlib.show.core.panel import Panel
from handlib.show.core.raster import encode_png, rgb

PICTURE_SIDE = 320
SURFACE_OPACITY = 0.45
OWN = "your own"


@dataclass(frozen=True)
class Measure:
    """How joint errors are taken: what both hands are centred on, what size is given away, which joints.

    ``Procrustes`` turns, shifts and scales each hand onto the truth, so that the root plays no part.
    """

    root: str
    scaling: Literal["none", "bone", "Procrustes"]
    joints: Literal["regressed", "annotated"]

    @classmethod
    def of(cls, protocol: Protocol) -> "Measure":
        """What a protocol says of it."""
        return cls(protocol.root, "bone" if protocol.scaled else "none", protocol.joints)

    def align(self, estimate: Estimate, sample: Sample, hands: Sequence[Hand]) -> Aligned:
        """Truth and estimate as they are compared."""
        scaled = self.scaling == "bone"
        protocol = Protocol("measure", self.root, scaled, self.joints, masked=False, origin="left")
        aligned = align(estimate, sample, protocol, hands)
        return procrustes(aligned) if self.scaling == "Procrustes" else aligned

    def __str__(self) -> str:
        if self.scaling == "Procrustes":
            return f"{self.joints} joints, each hand fitted to the truth"
        size = "scaled by wrist-middle1" if self.scaling == "bone" else "not scaled"
        return f"{self.joints} joints, centred on {self.root}, {size}"


MEASURES = {
    **{protocol.name: Measure.of(protocol) for protocol in (INTAG_MCP, INTAG_WRIST, INTERNET)},
    "PA-MPJPE": Measure("wrist", "Procrustes", "regressed"),
}
"""Measures that have a name."""


def name_of(measure: Measure) -> str:
    """The name of a measure in ``MEASURES``, ``OWN`` if it has none."""
    return next((name for name, known in MEASURES.items() if str(known) == str(measure)), OWN)


@dataclass(frozen=True)
class EvaluationState:
    """All that the widget shows of one pair; ``errors`` are the MPJPE of all pairs, mm, ``order`` their
    numbers from the best to the worst.

    The pair's hands are aligned as they are measured and put where the true ones are, (left, right, true
    left, true right), metres.
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
    """What the widget shows of one of a batch's pairs; the chart ends at ``limit`` mm.

    ``aligned`` is ``measure``'s answer for the estimate.
    """
    errors = mpjpe(aligned).double().numpy()
    order = order_of(errors)
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


def error_links() -> Links:
    """A line from every estimated joint to the true one."""
    joints = np.arange(len(PAIR_JOINT_NAMES))
    colour = (255 * rgb(palette.HIGHLIGHT)).round().astype(np.uint8)
    return Links(
        np.column_stack((joints, joints + len(joints))),
        np.tile(colour, (len(joints), 1)),
        np.full(len(joints), 0.35),
    )


def evaluation_sheet(
    state: EvaluationState, faces: Sequence[Int[np.ndarray, "faces 3"]]
) -> UInt8[np.ndarray, "height width 3"]:
    """Chart above, overlay and aligned hands below: what a reader without a kernel sees."""
    width = PICTURE_SIDE + 460
    sheet = Image.new("RGB", (width, CHART_SIZE[1] + PICTURE_SIDE + 52), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    draw.text((6, 4), state.summary, fill=palette.INK, font=font)
    sheet.paste(Image.fromarray(state.chart), (0, 24))
    draw.text((6, CHART_SIZE[1] + 28), state.caption, fill=palette.INK, font=font)
    sheet.paste(Image.fromarray(state.picture), (4, CHART_SIZE[1] + 48))
    scene = draw_hands(
        state.vertices,
        state.joints,
        faces,
        (*SIDES, *TRUE_HANDS),
        framing_of(state.vertices),
        size=(450, PICTURE_SIDE),
        links=error_links(),
        surface_opacity=SURFACE_OPACITY,
    )
    sheet.paste(Image.fromarray(scene), (PICTURE_SIDE + 8, CHART_SIZE[1] + 48))
    return np.asarray(sheet)


class EvaluationExplorer(Panel):
    """All pairs' errors under a protocol that can be changed, and one pair of them from all sides.

    ``protocol`` sets the other three choices; a choice that no named protocol makes shows as ``OWN``. The
    slider walks over the pairs from the best to the worst; a pair stays chosen when the protocol changes.
    ``hands`` (left, right) regress joints.
    """

    def __init__(self, sample: Sample, prediction: Prediction, hands: Sequence[Hand]):
        self.sample, self.estimates, self.hands = sample, prediction.estimates, tuple(hands)
        self.names = estimate_names(len(self.estimates))
        self.aligned = lru_cache(maxsize=64)(self._aligned)
        dropdown = partial(
            ipywidgets.Dropdown, layout={"width": "200px"}, style={"description_width": "60px"}
        )
        first = MEASURES[INTAG_MCP.name]
        self.protocol = dropdown(options=[*MEASURES, OWN], value=INTAG_MCP.name, description="protocol")
        self.root = dropdown(options=JOINT_NAMES, value=first.root, description="root")
        self.scaling = dropdown(
            options=["none", "bone", "Procrustes"], value=first.scaling, description="scaling"
        )
        self.joints = dropdown(options=["regressed", "annotated"], value=first.joints, description="joints")
        self.stage = ipywidgets.SelectionSlider(
            options=list(self.names), index=len(self.names) - 1, description="estimate"
        )
        self.rank = ipywidgets.IntSlider(len(sample), 1, len(sample), description="rank")
        self.summary, self.caption = ipywidgets.Label(), ipywidgets.Label()
        largest = max(mpjpe(self.aligned(e, MEASURES["INTERNET"])).max() for e in range(len(self.estimates)))
        self.limit = 20.0 * math.ceil(largest / 20)
        self.pair = int(mpjpe(self.aligned(len(self.names) - 1, first)).argmax())
        state = self.state()
        self.view = HandsView(state.vertices, state.joints, sides=(*SIDES, *TRUE_HANDS))
        self.view.surface_opacity = SURFACE_OPACITY
        self.view.layout.flex = "1 1 320px"
        self.image = ipywidgets.Image(format="png", width=PICTURE_SIDE, height=PICTURE_SIDE)
        self.image.layout.flex = "0 0 auto"
        self.image.layout.align_self = "flex-start"
        self.chart = ipywidgets.Image(format="png", width=CHART_SIZE[0], height=CHART_SIZE[1])
        self._busy = False
        self.protocol.observe(self._choose_protocol, names="value")
        for control in (self.root, self.scaling, self.joints, self.stage):
            control.observe(self._change_measure, names="value")
        self.rank.observe(self._choose_pair, names="value")
        self.refresh()
        wrap = {"flex_flow": "row wrap"}
        super().__init__(
            [
                ipywidgets.HBox([self.protocol, self.root, self.scaling, self.joints], layout=wrap),
                ipywidgets.HBox([self.stage, self.rank], layout=wrap),
                self.summary,
                self.chart,
                self.caption,
                ipywidgets.HBox([self.image, self.view]),
            ],
            lambda: evaluation_sheet(self.state(), self.view.faces),
            f"EvaluationExplorer: {len(sample)} pairs, {', '.join(self.names)}; "
            f"{', '.join(MEASURES)} or any root, scaling and joints",
            direction="column",
        )

    @property
    def measure(self) -> Measure:
        """The measure that the controls say."""
        return Measure(self.root.value, self.scaling.value, self.joints.value)

    def state(self) -> EvaluationState:
        """What there is to show as the controls stand."""
        stage, measure = self.stage.index, self.measure
        aligned = self.aligned(stage, measure)
        return evaluation_state(self.sample, self.estimates[stage], aligned, measure, self.pair, self.limit)

    def refresh(self) -> None:
        """Brings every part of the panel to what the controls say."""
        state = self.state()
        self._busy = True
        self.protocol.value = name_of(self.measure)
        self.rank.value = 1 + int(np.flatnonzero(state.order == self.pair)[0])
        self._busy = False
        self.view.framing = list(framing_of(state.vertices))
        self.view.update(state.vertices, state.joints, links=error_links())
        self.image.value, self.chart.value = encode_png(state.picture), encode_png(state.chart, 64)
        self.caption.value = state.caption
        self.summary.value = f"{self.names[self.stage.index]}, {state.summary}"

    def _aligned(self, stage: int, measure: Measure) -> Aligned:
        return measure.align(self.estimates[stage], self.sample, self.hands)

    def _choose_protocol(self, change: dict) -> None:
        if self._busy:
            return
        chosen, self._busy = MEASURES.get(change["new"], self.measure), True
        self.root.value, self.scaling.value = chosen.root, chosen.scaling
        self.joints.value, self._busy = chosen.joints, False
        self.refresh()

    def _change_measure(self, change: dict) -> None:
        if not self._busy:
            self.refresh()

    def _choose_pair(self, change: dict) -> None:
        if not self._busy:
            errors = mpjpe(self.aligned(self.stage.index, self.measure))
            self.pair = int(order_of(errors.double().numpy())[change["new"] - 1])
            self.refresh()
