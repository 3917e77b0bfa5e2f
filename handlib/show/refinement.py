"""Stages that can be interfered with: a start that is moved away, mechanisms that are switched off."""

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageDraw, ImageFont

from handlib.analysis.interventions import MECHANISMS, Disturbance, Experiment
from handlib.data.sample import Sample
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import Estimate
from handlib.model.placed import check_one, place
from handlib.show.core import palette
from handlib.show.core.hands import HandsView
from handlib.show.core.hands_drawing import draw_hands, framing_of
from handlib.show.core.overlay import overlay_with_truth
from handlib.show.core.panel import Panel
from handlib.show.core.raster import encode_png, mix, rgb
from handlib.utils.arguments import check_some
from handlib.utils.errors import InputError

PICTURE_SIDE, BAR_HEIGHT = 320, 40
LARGEST_ERROR = 30
"""Millimetres: the end of the colour scale."""
ERROR_RAMP = (
    mix(palette.HIGHLIGHT, "#ffffff", 0.94),
    palette.HIGHLIGHT,
    mix(palette.HIGHLIGHT, "#000000", 0.8),
)
"""Colours of no error, half of the largest and the largest; ever darker, so that grey tells them apart."""
UNDISTURBED = Disturbance()


@dataclass(frozen=True)
class StageErrors:
    """How far one estimate is from the truth, mean over both hands' joints.

    ``millimetres`` measures each hand from its wrist and gives no size away, ``percent`` is in the picture,
    in % of its side.
    """

    millimetres: float
    percent: float


@dataclass(frozen=True)
class RefinementState:
    """All that the widget shows of one estimate; ``vertex_errors`` are mm, measured from each hand's wrist.

    ``errors`` are those of all estimates, the start's first.
    """

    name: str
    vertices: Float[np.ndarray, "hand=2 778 3"]
    joints: Float[np.ndarray, "hand=2 21 3"]
    vertex_errors: Float[np.ndarray, "hand=2 778"]
    errors: tuple[StageErrors, ...]
    caption: str
    course: str
    picture: UInt8[np.ndarray, "height width 3"]


def error_colours(millimetres: Float[np.ndarray, "*n"]) -> UInt8[np.ndarray, "*n 3"]:
    """From light (no error) to dark (``LARGEST_ERROR`` or more)."""
    ramp, ticks = (
        np.stack([rgb(colour) for colour in ERROR_RAMP]),
        np.linspace(0, LARGEST_ERROR, len(ERROR_RAMP)),
    )
    channels = [np.interp(millimetres, ticks, ramp[:, c]) for c in range(3)]
    return (255 * np.stack(channels, axis=-1)).round().astype(np.uint8)


def colour_bar(width: int) -> UInt8[np.ndarray, "height width 3"]:
    """The scale of :func:`error_colours`, labelled in millimetres."""
    bar = Image.new("RGB", (width, BAR_HEIGHT), "white")
    left, right = 26, width - 22
    scale = error_colours(np.linspace(0, LARGEST_ERROR, right - left))
    bar.paste(Image.fromarray(np.repeat(scale[None], 12, axis=0)), (left, 6))
    draw, font = ImageDraw.Draw(bar), ImageFont.load_default(12)
    draw.rectangle((left - 1, 5, right, 18), outline=palette.TRUTH)
    for value in range(0, LARGEST_ERROR + 1, 10):
        text = f"{value} mm" if value < LARGEST_ERROR else f"{value}+"
        x = left + (right - left) * value / LARGEST_ERROR
        draw.text((x, 21), text, fill=palette.INK, font=font, anchor="ma")
    return np.asarray(bar)


def draw_picture(sample: Sample, estimate: Estimate) -> UInt8[np.ndarray, "height width 3"]:
    """The estimate over the picture, the true skeletons thin and grey above it, the colour bar below."""
    drawn = overlay_with_truth(sample, estimate, side=PICTURE_SIDE)
    return np.concatenate((drawn, colour_bar(PICTURE_SIDE)))


def stage_errors(sample: Sample, estimate: Estimate) -> StageErrors:
    """Errors of one picture's estimate."""
    placed, truth = place(estimate), place(sample)
    wrong = (placed.joints - placed.joints[:, :1]) - (truth.joints - truth.joints[:, :1])
    in_picture = np.linalg.norm(placed.uv - truth.uv, axis=-1).mean()
    return StageErrors(1000 * float(np.linalg.norm(wrong, axis=-1).mean()), 50 * float(in_picture))


def describe(by: Disturbance, without: frozenset[str]) -> str:
    """What was interfered with, in words; empty if nothing was."""
    words = []
    if by.rotation:
        words.append(f"start turned by {by.rotation:.0f}°")
    if by.shift:
        words.append(f"start shifted by {50 * by.shift:.0f} % of the side")
    if without:
        words.append("without " + ", ".join(name for name in MECHANISMS if name in without))
    return "; ".join(words)


def refinement_state(
    sample: Sample,
    run: Experiment,
    names: Sequence[str],
    stage: int,
    by: Disturbance = UNDISTURBED,
    without: frozenset[str] = frozenset(),
) -> RefinementState:
    """What the widget shows at a stage (0 is the start) for given interference.

    ``sample`` is the picture that ``run`` answers for, with its truth; ``names`` are those of the start and
    of every stage that ``run`` runs.
    """
    estimates = run(by, without)
    if len(names) != len(estimates):
        raise InputError(f"names: expected {len(estimates)}, one per estimate, got {len(names)}")
    errors = tuple(stage_errors(sample, estimate) for estimate in estimates)
    placed, truth = place(estimates[stage]), place(sample)
    wrong = (placed.vertices - placed.joints[:, :1]) - (truth.vertices - truth.joints[:, :1])
    interference = describe(by, without)
    course = (f"{name} {e.millimetres:.1f}" for name, e in zip(names, errors, strict=True))
    return RefinementState(
        name=names[stage],
        vertices=placed.vertices,
        joints=placed.joints,
        vertex_errors=1000 * np.linalg.norm(wrong, axis=-1),
        errors=errors,
        caption=f"{names[stage]}: joints {errors[stage].millimetres:.1f} mm from the truth, "
        f"in the picture {errors[stage].percent:.1f} % of the side"
        + f" ({interference})"
        * bool(interference),
        course="joints, mm: " + ", ".join(course),
        picture=draw_picture(sample, estimates[stage]),
    )


def refinement_sheet(
    states: Sequence[RefinementState],
    faces: Sequence[Int[np.ndarray, "faces 3"]],
    framing: Sequence[float],
) -> UInt8[np.ndarray, "height width 3"]:
    """All stages at once, overlays above and 3D views below: what a reader without a kernel sees."""
    side, scene_height = 260, 200
    sheet = Image.new("RGB", (side * len(states), 24 + side + scene_height + BAR_HEIGHT), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, state in enumerate(states):
        x, here = side * column, state.errors[column]
        title = f"{state.name}: {here.millimetres:.1f} mm, {here.percent:.1f} %"
        draw.text((x + 6, 4), title, fill=palette.INK, font=font)
        overlay = Image.fromarray(state.picture[:PICTURE_SIDE]).resize((side - 10, side - 10))
        sheet.paste(overlay, (x + 5, 24))
        colours = error_colours(state.vertex_errors)
        size = (side, scene_height)
        scene = draw_hands(state.vertices, state.joints, faces, SIDES, framing, colours, size=size)
        sheet.paste(Image.fromarray(scene), (x, 20 + side))
    sheet.paste(Image.fromarray(colour_bar(PICTURE_SIDE)), (0, 22 + side + scene_height))
    return np.asarray(sheet)


class RefinementExplorer(Panel):
    """A slider over the start and every stage, sliders that move the start away, switches for mechanisms.

    ``run`` computes the estimates (:func:`handlib.analysis.interventions.experiment`). The surfaces in 3D are coloured
    by how far each vertex is from the truth, each hand measured from its wrist; the picture shows the true
    skeletons in grey.
    """

    def __init__(self, sample: Sample, run: Experiment, names: Sequence[str]):
        check_one(sample)
        check_some("names", names)
        self.sample, self.run, self.names = sample, run, tuple(names)
        self.stage = ipywidgets.SelectionSlider(
            options=list(self.names), index=len(self.names) - 1, description="estimate"
        )
        self.rotation = ipywidgets.IntSlider(0, 0, 90, 5, description="turn (°)")
        self.shift = ipywidgets.IntSlider(0, 0, 30, 1, description="shift (%)")
        self.switches = {
            name: ipywidgets.Checkbox(
                True, description=name, indent=False, layout={"width": "auto", "margin": "0 14px 0 0"}
            )
            for name in MECHANISMS
        }
        self.caption, self.course = ipywidgets.Label(), ipywidgets.Label()
        state = self.state()
        self.view = HandsView(state.vertices, state.joints)
        self.view.layout.flex = "1 1 320px"
        truth = place(sample)
        self.view.framing = list(framing_of(1.1 * (truth.vertices - truth.joints[:1, :1])))
        self.image = ipywidgets.Image(format="png", width=PICTURE_SIDE, height=PICTURE_SIDE + BAR_HEIGHT)
        self.image.layout.flex = "0 0 auto"
        for control in (self.stage, self.rotation, self.shift, *self.switches.values()):
            control.observe(lambda _: self.refresh(), names="value")
        self.refresh()
        wrap = {"flex_flow": "row wrap"}
        super().__init__(
            [
                ipywidgets.HBox([self.stage, self.rotation, self.shift], layout=wrap),
                ipywidgets.HBox([ipywidgets.Label("with:"), *self.switches.values()], layout=wrap),
                self.caption,
                self.course,
                ipywidgets.HBox([self.image, self.view]),
            ],
            self.sheet,
            f"RefinementExplorer: {', '.join(self.names)}; the start can be turned and shifted, "
            f"{', '.join(MECHANISMS)} can be switched off",
            direction="column",
        )

    def state(self, stage: int | None = None) -> RefinementState:
        """What there is to show at a stage, the chosen one if none is given, as the controls stand."""
        by = Disturbance(rotation=float(self.rotation.value), shift=self.shift.value / 50)
        without = frozenset(name for name, switch in self.switches.items() if not switch.value)
        stage = self.stage.index if stage is None else stage
        return refinement_state(self.sample, self.run, self.names, stage, by, without)

    def refresh(self) -> None:
        """Brings every part of the panel to what the controls say."""
        state = self.state()
        self.view.update(state.vertices, state.joints, error_colours(state.vertex_errors))
        self.image.value = encode_png(state.picture)
        self.caption.value, self.course.value = state.caption, state.course

    def sheet(self) -> UInt8[np.ndarray, "height width 3"]:
        """The picture for readers without a kernel."""
        states = [self.state(k) for k in range(len(self.names))]
        return refinement_sheet(states, self.view.faces, self.view.framing)
