"""Shows the stages under interventions: a disturbed start, and mechanisms switched off."""

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np
from jaxtyping import Float, UInt8

from handlib.analysis.interventions import MECHANISMS, Disturbance, Experiment
from handlib.data.sample import Sample
from handlib.model.estimate import Estimate
from handlib.model.placed import check_one, place
from handlib.show.core.error_colours import BAR_HEIGHT, colour_bar, error_colours
from handlib.show.core.hands import HandsView
from handlib.show.core.hands_drawing import framing_of
from handlib.show.core.overlay import overlay_with_truth
from handlib.show.core.panel import Explorer, Picture, png_image
from handlib.show.core.raster import above, encode_png
from handlib.show.tour import StageState, stage_sheet
from handlib.utils.arguments import check_some
from handlib.utils.errors import InputError

PICTURE_SIDE = 320
UNDISTURBED = Disturbance()


@dataclass(frozen=True)
class StageErrors:
    """One estimate's mean errors over both hands' joints.

    ``millimetres`` is the error in space, with each hand aligned at its wrist and not rescaled. ``percent``
    is the error in the picture, in % of its side.
    """

    millimetres: float
    percent: float


@dataclass(frozen=True)
class RefinementState:
    """All that the widget shows of one estimate.

    ``vertex_errors`` are in mm, with each hand aligned at its wrist. ``errors`` are those of all estimates,
    the start first.
    """

    name: str
    vertices: Float[np.ndarray, "hand=2 778 3"]
    joints: Float[np.ndarray, "hand=2 21 3"]
    vertex_errors: Float[np.ndarray, "hand=2 778"]
    errors: tuple[StageErrors, ...]
    caption: str
    course: str
    picture: UInt8[np.ndarray, "height width 3"]


def stage_errors(sample: Sample, estimate: Estimate) -> StageErrors:
    """Returns the errors of one picture's estimate."""
    placed, truth = place(estimate), place(sample)
    wrong = (placed.joints - placed.joints[:, :1]) - (truth.joints - truth.joints[:, :1])
    in_picture = np.linalg.norm(placed.uv - truth.uv, axis=-1).mean()
    return StageErrors(1000 * float(np.linalg.norm(wrong, axis=-1).mean()), 50 * float(in_picture))


def describe(by: Disturbance, without: frozenset[str] = frozenset()) -> str:
    """Returns the intervention in words; empty if there is none."""
    said = [
        (f"start turned by {by.rotation:.0f}°", by.rotation),
        (f"fingers bent by {by.pose:.0f}°", by.pose),
        (f"start shifted by {50 * by.shift:.0f} % of the side", by.shift),
        ("without " + ", ".join(name for name in MECHANISMS if name in without), without),
    ]
    return "; ".join(words for words, done in said if done)


def refinement_state(
    sample: Sample,
    run: Experiment,
    names: Sequence[str],
    stage: int,
    by: Disturbance = UNDISTURBED,
    without: frozenset[str] = frozenset(),
) -> RefinementState:
    """Returns the state at a stage (0 is the start) under an intervention.

    ``sample`` is the picture of ``run``'s answers, with its truth. ``names`` are the names of the start and
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
        picture=above(
            overlay_with_truth(sample, estimates[stage], side=PICTURE_SIDE), colour_bar(PICTURE_SIDE)
        ),
    )


class RefinementExplorer(Explorer[RefinementState]):
    """A slider over the start and all stages, sliders that disturb the start, switches for mechanisms.

    ``run`` computes the estimates (:func:`handlib.analysis.interventions.experiment`). The surfaces in 3D are
    coloured by each vertex's error, with each hand aligned at its wrist. The picture shows the true skeletons
    in grey.
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
        beside_each_other = {"width": "auto", "margin": "0 14px 0 0"}
        self.switches = {
            name: ipywidgets.Checkbox(True, description=name, indent=False, layout=beside_each_other)
            for name in MECHANISMS
        }
        self.caption, self.course = ipywidgets.Label(), ipywidgets.Label()
        self.image = png_image(PICTURE_SIDE, PICTURE_SIDE + BAR_HEIGHT)
        truth, state = place(sample), self.compute()
        self.view = HandsView(state.vertices, state.joints)
        self.view.framing = list(framing_of(1.1 * (truth.vertices - truth.joints[:1, :1])))
        switches = [ipywidgets.Label("with:"), *self.switches.values()]
        controls = [[self.stage, self.rotation, self.shift], switches]
        super().__init__([*controls, self.caption, self.course, [self.image, self.view]])

    def compute(self, stage: int | None = None) -> RefinementState:
        """Returns the state at a stage; without ``stage`` at the chosen one."""
        by = Disturbance(rotation=float(self.rotation.value), shift=self.shift.value / 50)
        without = frozenset(name for name, switch in self.switches.items() if not switch.value)
        stage = self.stage.index if stage is None else stage
        return refinement_state(self.sample, self.run, self.names, stage, by, without)

    def draw(self, state: RefinementState) -> None:
        """Shows hands, picture and words."""
        self.view.update(state.vertices, state.joints, error_colours(state.vertex_errors))
        self.image.value = encode_png(state.picture)
        self.caption.value, self.course.value = state.caption, state.course

    def picture(self) -> Picture:
        """Returns all stages side by side."""
        columns = []
        for k in range(len(self.names)):
            state = self.compute(k)
            said = f"{state.name}: {state.errors[k].millimetres:.1f} mm, {state.errors[k].percent:.1f} %"
            overlay, colours = state.picture[:PICTURE_SIDE], error_colours(state.vertex_errors)
            columns.append(StageState(state.name, state.vertices, state.joints, overlay, said, colours))
        return above(stage_sheet(columns, self.view.faces, self.view.framing), colour_bar(PICTURE_SIDE))

    def __repr__(self) -> str:
        return (
            f"RefinementExplorer: {', '.join(self.names)}; the start can be turned and shifted, "
            f"{', '.join(MECHANISMS)} can be switched off"
        )
