"""A pair made harder by hand: a thing before it, other hands behind it, a first estimate moved away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import ipywidgets
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from handlib.analysis.interventions import Disturbance
from handlib.analysis.robustness import Trial
from handlib.data.rendered.occluders.cluttered_scene import OtherHands
from handlib.data.rendered.occluders.solids import KINDS, Kind, Thing, sample_thing
from handlib.data.rendered.occluders.surroundings import in_front, seen_of_hands
from handlib.data.rendered.scenes import Scene
from handlib.data.sample import Sample
from handlib.hand.skeleton import SIDES
from handlib.model.placed import picture_of, place
from handlib.show.core import palette
from handlib.show.core.overlay import draw_overlay, to_pixels
from handlib.show.core.panel import Panel
from handlib.show.core.raster import draw_skeleton, encode_png

UNDISTURBED = Disturbance()
PICTURE_SIDE, DRAWN_SIDE, TITLE_HEIGHT = 264, 192, 22
NOTHING = "nothing"


@dataclass(frozen=True)
class Hardship:
    """What is done to a pair and to the network.

    ``thing`` is a kind of thing or ``nothing``, centred at ``across`` and ``down`` (% of the picture), its
    longest side ``millimetres`` long; ``others`` says whether somebody else's hands are there.
    """

    thing: str = NOTHING
    across: float | int = 50
    down: float | int = 50
    millimetres: float | int = 60
    others: bool = False
    disturbance: Disturbance = UNDISTURBED


EASY = Hardship()


@dataclass(frozen=True)
class RobustnessState:
    """All that the widget shows: ``visible`` shares and ``errors`` (mm) of both hands, before and after.

    ``hidden`` is the share of what showed of both hands that the surroundings hide.
    """

    sample: Sample
    visible: Float[np.ndarray, "moment=2 hand=2"]
    errors: Float[np.ndarray, "moment=2 hand=2"]
    hidden: float
    caption: str
    course: str
    picture: UInt8[np.ndarray, "height width 3"]


def harder(scene: Scene, hardship: Hardship, others: OtherHands) -> Scene:
    """The scene with what a hardship puts into it."""
    things: tuple[Thing, ...] = ()
    if hardship.thing != NOTHING:
        place = np.array([hardship.across, hardship.down]) / 100
        direction = np.append((place - scene.intrinsics[2:]) / scene.intrinsics[:2], 1.0)
        nearest = float(seen_of_hands(scene.built).depth.min())
        thing = replace(
            sample_thing(np.random.default_rng(1), cast(Kind, hardship.thing)), pattern="stripes", waves=2.5
        )
        things = (in_front(thing, hardship.millimetres / 2000, direction, nearest),)
    return replace(scene, things=things, others=(others,) if hardship.others else ())


def draw_answer(sample: Sample, trial: Trial) -> UInt8[np.ndarray, "side side 3"]:
    """The estimate over the picture, the true skeletons thin and grey above it."""
    image = Image.fromarray(picture_of(sample)).resize((DRAWN_SIDE, DRAWN_SIDE), Image.Resampling.BICUBIC)
    placed = place(trial[0])
    drawn = draw_overlay(np.asarray(image), placed.vertices, placed.vertex_uv, placed.uv)
    canvas = Image.fromarray(drawn).resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BICUBIC)
    for hand in to_pixels(place(sample).uv, PICTURE_SIDE, PICTURE_SIDE):
        draw_skeleton(canvas, hand, palette.TRUTH, thickness=0.7)
    return np.asarray(canvas)


def side_by_side(
    pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], titles: Sequence[str]
) -> UInt8[np.ndarray, "height width 3"]:
    """Pictures in a row, each under its title."""
    sheet = Image.new("RGB", (PICTURE_SIDE * len(pictures), TITLE_HEIGHT + PICTURE_SIDE), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        x, inner = PICTURE_SIDE * column, PICTURE_SIDE - 6
        draw.text((x + 4, 3), title, fill=palette.INK, font=font)
        shown = Image.fromarray(picture).resize((inner, inner), Image.Resampling.BICUBIC)
        sheet.paste(shown, (x + 3, TITLE_HEIGHT))
    return np.asarray(sheet)


def describe(hardship: Hardship, hidden: float) -> str:
    """What was done, in words."""
    words = []
    if hardship.thing != NOTHING:
        words.append(
            f"{hardship.thing} of {hardship.millimetres:.0f} mm hides {100 * hidden:.0f} % of the hands"
        )
    if hardship.others:
        words.append("other hands behind")
    by = hardship.disturbance
    if by.rotation:
        words.append(f"start turned by {by.rotation:.0f}°")
    if by.pose:
        words.append(f"fingers bent by {by.pose:.0f}°")
    if by.shift:
        words.append(f"start shifted by {50 * by.shift:.0f} % of the side")
    return "; ".join(words) or "nothing done"


def robustness_state(
    scene: Scene,
    run: Callable[[Sample, Disturbance], Trial],
    hardship: Hardship,
    others: OtherHands,
    size: int,
) -> RobustnessState:
    """What the widget shows of a bare scene after a hardship; ``run`` asks the network, ``size`` is its
    picture's.
    """
    changed = harder(scene, hardship, others)
    bare, sample = scene.sample(size), changed.sample(size)
    answers = run(bare, UNDISTURBED), run(sample, hardship.disturbance)
    visible = np.stack([s.visibility[0] for s in (scene, changed)])
    errors = np.stack([mm for _, mm in answers])
    hidden = 1 - float(changed.visibility[1].sum() / scene.visibility[1].sum())
    return RobustnessState(
        sample=sample,
        visible=visible,
        errors=errors,
        hidden=hidden,
        caption=describe(hardship, hidden),
        course=", ".join(
            f"{side} hand: {100 * after:.0f} % visible, {e[0]:.1f} -> {e[1]:.1f} mm"
            for side, after, e in zip(SIDES, visible[1], errors.T, strict=True)
        ),
        picture=side_by_side(
            [draw_answer(bare, answers[0]), picture_of(sample), draw_answer(sample, answers[1])],
            [
                f"before: {errors[0].mean():.1f} mm",
                "what the network sees",
                f"after: {errors[1].mean():.1f} mm",
            ],
        ),
    )


class RobustnessExplorer(Panel):
    """Choose a pair, put a thing over it, let somebody else's hands in, move the first estimate away.

    ``scenes`` are bare pairs, ``others`` somebody else's hands for each of them; ``run`` asks the network
    (:func:`handlib.analysis.robustness.trials`) about pictures of ``size`` pixels.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        others: Sequence[OtherHands],
        run: Callable[[Sample, Disturbance], Trial],
        size: int,
        hardship: Hardship = EASY,
    ):
        self.scenes, self.others, self.run, self.size = tuple(scenes), tuple(others), run, size
        slider = ipywidgets.IntSlider
        self.pair = slider(1, 1, len(self.scenes), description="pair")
        self.thing = ipywidgets.Dropdown(options=[NOTHING, *KINDS], value=hardship.thing, description="thing")
        self.across = slider(round(hardship.across), 0, 100, 5, description="across (%)")
        self.down = slider(round(hardship.down), 0, 100, 5, description="down (%)")
        self.millimetres = slider(round(hardship.millimetres), 10, 200, 10, description="size (mm)")
        self.other_hands = ipywidgets.Checkbox(hardship.others, description="other hands", indent=False)
        by = hardship.disturbance
        self.rotation = slider(round(by.rotation), 0, 90, 5, description="turn (°)")
        self.pose = slider(round(by.pose), 0, 40, 5, description="bend (°)")
        self.shift = slider(round(50 * by.shift), 0, 30, 1, description="shift (%)")
        self.caption, self.course = ipywidgets.Label(), ipywidgets.Label()
        self.image = ipywidgets.Image(
            format="png", width=3 * PICTURE_SIDE, height=TITLE_HEIGHT + PICTURE_SIDE
        )
        rows = (
            (self.pair, self.thing, self.other_hands),
            (self.across, self.down, self.millimetres),
            (self.rotation, self.pose, self.shift),
        )
        for control in (control for row in rows for control in row):
            control.observe(lambda _: self.refresh(), names="value")
        self.refresh()
        super().__init__(
            [
                *(ipywidgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows),
                self.caption,
                self.course,
                self.image,
            ],
            lambda: self.state().picture,
            f"RobustnessExplorer: {len(self.scenes)} pairs; things, other hands, a first estimate moved away",
            direction="column",
        )

    @property
    def hardship(self) -> Hardship:
        """What the controls say."""
        return Hardship(
            thing=self.thing.value,
            across=self.across.value,
            down=self.down.value,
            millimetres=self.millimetres.value,
            others=self.other_hands.value,
            disturbance=Disturbance(
                rotation=float(self.rotation.value),
                shift=self.shift.value / 50,
                pose=float(self.pose.value),
            ),
        )

    def state(self) -> RobustnessState:
        """What there is to show, as the controls stand."""
        k = self.pair.value - 1
        return robustness_state(self.scenes[k], self.run, self.hardship, self.others[k], self.size)

    def refresh(self) -> None:
        """Brings every part of the panel to what the controls say."""
        state = self.state()
        self.image.value = encode_png(state.picture)
        self.caption.value, self.course.value = state.caption, state.course
