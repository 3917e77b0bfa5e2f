"""Makes a pair harder: a thing in front of it, other hands behind it, a disturbed first estimate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import ipywidgets
import numpy as np
from jaxtyping import Float, UInt8

from handlib.analysis.interventions import Disturbance
from handlib.analysis.robustness import Trial
from handlib.data.rendered.occluders.cluttered_scene import OtherHands
from handlib.data.rendered.occluders.solids import KINDS, Kind, Thing, sample_thing
from handlib.data.rendered.occluders.surroundings import in_front, seen_of_hands
from handlib.data.rendered.scenes import Scene
from handlib.data.sample import Sample, stack
from handlib.hand.skeleton import SIDES
from handlib.model.placed import picture_of
from handlib.show.core.overlay import overlay_with_truth
from handlib.show.core.panel import Explorer, choice, png_image
from handlib.show.core.raster import above, beside, resized, words
from handlib.show.refinement import describe

UNDISTURBED = Disturbance()
PICTURE_SIDE = 258
NOTHING = "nothing"


@dataclass(frozen=True)
class Perturbation:
    """Changes to a pair and to the network's start.

    ``thing`` is a kind of thing or ``nothing``. Its centre is at ``across`` and ``down`` (% of the picture),
    its longest side is ``millimetres`` long. ``others`` says whether somebody else's hands are there.
    """

    thing: str = NOTHING
    across: float | int = 50
    down: float | int = 50
    millimetres: float | int = 60
    others: bool = False
    disturbance: Disturbance = UNDISTURBED


UNPERTURBED = Perturbation()


@dataclass(frozen=True)
class RobustnessState:
    """All that the widget shows: ``visible`` shares and ``errors`` (mm) of both hands, before and after.

    ``hidden`` is the share of both hands' visible part that the surroundings hide.
    """

    sample: Sample
    visible: Float[np.ndarray, "moment=2 hand=2"]
    errors: Float[np.ndarray, "moment=2 hand=2"]
    hidden: float
    caption: str
    course: str
    picture: UInt8[np.ndarray, "height width 3"]


def harder(scene: Scene, perturbation: Perturbation, others: OtherHands) -> Scene:
    """Returns the scene with the things and hands that a perturbation adds."""
    things: tuple[Thing, ...] = ()
    if perturbation.thing != NOTHING:
        place = np.array([perturbation.across, perturbation.down]) / 100
        direction = np.append((place - scene.intrinsics[2:]) / scene.intrinsics[:2], 1.0)
        nearest = float(seen_of_hands(scene.built).depth.min())
        thing = replace(
            sample_thing(np.random.default_rng(1), cast(Kind, perturbation.thing)),
            pattern="stripes",
            waves=2.5,
        )
        things = (in_front(thing, perturbation.millimetres / 2000, direction, nearest),)
    return replace(scene, things=things, others=(others,) if perturbation.others else ())


def in_words(perturbation: Perturbation, hidden: float) -> str:
    """Returns the perturbation in words; ``hidden`` is the share of the hands that the thing hides."""
    thing = (
        f"{perturbation.thing} of {perturbation.millimetres:.0f} mm hides {100 * hidden:.0f} % of the hands"
    )
    said = (
        thing * (perturbation.thing != NOTHING),
        "other hands behind" * perturbation.others,
        describe(perturbation.disturbance),
    )
    return "; ".join(words for words in said if words) or "nothing done"


def robustness_state(
    scene: Scene,
    run: Callable[[Sample, Disturbance], Trial],
    perturbation: Perturbation,
    others: OtherHands,
    size: int,
) -> RobustnessState:
    """Returns the state of a bare scene after a perturbation.

    ``run`` runs the network; ``size`` is the side of its picture.
    """
    changed = harder(scene, perturbation, others)
    bare, sample = scene.sample(size), changed.sample(size)
    answers = run(bare, UNDISTURBED), run(sample, perturbation.disturbance)
    visible = np.stack([s.visibility[0] for s in (scene, changed)])
    errors = np.stack([mm for _, mm in answers])
    seen = np.asarray(resized(picture_of(sample), PICTURE_SIDE, PICTURE_SIDE))

    def answer(of: Sample, trial: Trial) -> UInt8[np.ndarray, "side side 3"]:
        return overlay_with_truth(stack([of]), trial[0], side=PICTURE_SIDE)

    hidden = 1 - float(changed.visibility[1].sum() / scene.visibility[1].sum())
    return RobustnessState(
        sample=sample,
        visible=visible,
        errors=errors,
        hidden=hidden,
        caption=in_words(perturbation, hidden),
        course=", ".join(
            f"{side} hand: {100 * after:.0f} % visible, {e[0]:.1f} -> {e[1]:.1f} mm"
            for side, after, e in zip(SIDES, visible[1], errors.T, strict=True)
        ),
        picture=beside(
            *(
                above(words(title, PICTURE_SIDE), drawn)
                for title, drawn in (
                    (f"before: {errors[0].mean():.1f} mm", answer(bare, answers[0])),
                    ("what the network sees", seen),
                    (f"after: {errors[1].mean():.1f} mm", answer(sample, answers[1])),
                )
            ),
            gap=6,
        ),
    )


class RobustnessExplorer(Explorer[RobustnessState]):
    """Choose a pair, put a thing in front of it, add somebody else's hands, disturb the first estimate.

    ``scenes`` are bare pairs, ``others`` somebody else's hands for each pair. ``run`` runs the network
    (:func:`handlib.analysis.robustness.trials`) on pictures of ``size`` pixels.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        others: Sequence[OtherHands],
        run: Callable[[Sample, Disturbance], Trial],
        size: int,
        perturbation: Perturbation = UNPERTURBED,
    ):
        self.scenes, self.others, self.run, self.size = tuple(scenes), tuple(others), run, size
        slider, by = ipywidgets.IntSlider, perturbation.disturbance
        self.pair = slider(1, 1, len(self.scenes), description="pair")
        self.thing = choice("thing", [NOTHING, *KINDS], perturbation.thing)
        self.across = slider(round(perturbation.across), 0, 100, 5, description="across (%)")
        self.down = slider(round(perturbation.down), 0, 100, 5, description="down (%)")
        self.millimetres = slider(round(perturbation.millimetres), 10, 200, 10, description="size (mm)")
        self.other_hands = ipywidgets.Checkbox(perturbation.others, description="other hands", indent=False)
        self.rotation = slider(round(by.rotation), 0, 90, 5, description="turn (°)")
        self.pose = slider(round(by.pose), 0, 40, 5, description="bend (°)")
        self.shift = slider(round(50 * by.shift), 0, 30, 1, description="shift (%)")
        self.caption, self.course = ipywidgets.Label(), ipywidgets.Label()
        self.image = png_image()
        rows = (
            (self.pair, self.thing, self.other_hands),
            (self.across, self.down, self.millimetres),
            (self.rotation, self.pose, self.shift),
        )
        super().__init__([*rows, self.caption, self.course, self.image])

    @property
    def perturbation(self) -> Perturbation:
        """Returns the perturbation set by the controls."""
        by = Disturbance(
            rotation=float(self.rotation.value), shift=self.shift.value / 50, pose=float(self.pose.value)
        )
        return Perturbation(
            self.thing.value,
            self.across.value,
            self.down.value,
            self.millimetres.value,
            self.other_hands.value,
            by,
        )

    def compute(self) -> RobustnessState:
        """Returns the state of the chosen pair before and after."""
        k = self.pair.value - 1
        return robustness_state(self.scenes[k], self.run, self.perturbation, self.others[k], self.size)

    def draw(self, state: RobustnessState) -> None:
        """Shows pictures and words."""
        super().draw(state)
        self.course.value = state.course

    def __repr__(self) -> str:
        return (
            f"RobustnessExplorer: {len(self.scenes)} pairs; things, other hands, a first estimate moved away"
        )
