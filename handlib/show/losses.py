"""Shows all loss terms of a changed hand, and where one of the terms pulls."""

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from handlib.analysis.loss_gradients import POINT_TERMS, TERMS, UNITS, change, pulls_of, term_values
from handlib.data.sample import Sample, stack
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import Estimate, true_estimate
from handlib.model.placed import PlacedHands, check_one, place
from handlib.show.core import palette
from handlib.show.core.hands import HandsView
from handlib.show.core.hands_drawing import HAND_COLOURS
from handlib.show.core.panel import Explorer, Picture, choice, png_image, toggles
from handlib.show.core.raster import above, beside, blank, draw_skeleton, encode_png, mix, rgb, rgb_bytes
from handlib.training.losses import LossWeights, hand_faces
from handlib.training.targets import Targets

WEIGHTS = {"paper": LossWeights.paper(), "small": LossWeights.small()}
LARGEST = {"sideways": 80, "depth": 80, "turn": 180, "tilt": 180, "size": 60, "bend": 60}
"""Both ends of the slider, as plus and minus this value in the unit of the kind."""
ROUNDING = {"edge": 1e-5, "normal": 1e-5}
"""Values of terms with weight 1 that count as rounding errors of 0.

Huber terms square their rounding errors.
"""
VIEWS = {"from the front": (0, 1), "from the side, camera on the left": (2, 1)}
PANEL_SIDE, ROW, EVERY = 230, 19, 13
ARROW = 24
"""Length of the longest arrow in pixels."""
STRENGTHS = (mix(palette.HIGHLIGHT, "#ffffff", 0.94), mix(palette.HIGHLIGHT, "#000000", 0.35))


@dataclass(frozen=True)
class LossCase:
    """A true pair, and all that its losses need."""

    sample: Sample
    hands: tuple[Hand, Hand]
    targets: Targets
    truth: Estimate
    faces: torch.Tensor

    @classmethod
    def of(cls, sample: Sample) -> "LossCase":
        """Makes a case from a single sample that shows the open hand."""
        batch, hands = stack([sample]), (Hand.open("left"), Hand.open("right"))
        faces = hand_faces(dict(zip(SIDES, hands, strict=True)))
        return cls(batch, hands, Targets.from_sample(batch, hands), true_estimate(batch, hands), faces)


@dataclass(frozen=True)
class LossState:
    """All that the widget shows: the changed pair, its losses, and where one of them pulls.

    ``terms`` have weight 1 and are summed over both hands; ``weighted`` are the terms times ``weights``.
    ``pulls`` start at ``points``: the joints or vertices of both hands (metres, left wrist at the origin).
    Their lengths are relative to the strongest pull.
    """

    term: str
    placed: PlacedHands
    true_joints: Float[np.ndarray, "hand=2 21 3"]
    terms: dict[str, float]
    weights: LossWeights
    weighted: dict[str, float]
    on_joints: bool
    points: Float[np.ndarray, "hand=2 points 3"]
    pulls: Float[np.ndarray, "hand=2 points 3"]
    caption: str


def loss_state(
    case: LossCase, term: str, kind: str, amount: float, weights: LossWeights | None = None
) -> LossState:
    """Returns the state in which the right hand is changed (``loss_gradients.change``) and ``term`` pulls."""
    weights = weights or WEIGHTS["paper"]
    estimate = change(case.truth, case.hands, kind, amount)
    per_hand = term_values(estimate, case.targets, case.faces)
    terms = {name: float(value.sum()) for name, value in per_hand.items()}
    placed, on_joints = place(estimate), term in ("uv", "joints")
    found = pulls_of(term, estimate, case.targets, case.faces)
    pulls = (found.joints if on_joints else found.vertices)[0].double().numpy()
    # At a term's minimum, the gradient of |x| is the sign of a rounding error.
    pulls = pulls * (per_hand[term].expand(2) > ROUNDING.get(term, 1e-9)).numpy()[:, None, None]
    pulls = pulls / max(np.linalg.norm(pulls, axis=-1).max(), 1e-12)
    said = f"right hand: {kind} {amount:+.0f} {UNITS[kind]}"
    return LossState(
        term=term,
        placed=placed,
        true_joints=place(case.truth).joints,
        terms=terms,
        weights=weights,
        weighted={name: getattr(weights, name) * value for name, value in terms.items()},
        on_joints=on_joints,
        points=placed.joints if on_joints else placed.vertices,
        pulls=pulls,
        caption=f"{said}. {term} with weight 1: {_in_words(terms[term], pulls, on_joints)}",
    )


def _in_words(value: float, pulls: Float[np.ndarray, "hand=2 points 3"], on_joints: bool) -> str:
    lengths = np.linalg.norm(pulls, axis=-1)
    pulled = lengths > 1e-3
    if not pulled.any():
        return "0, it sees nothing wrong and pulls nowhere"
    points = "joints" if on_joints else "vertices"
    equally = (lengths[pulled] > 0.99).mean()
    x, y, z = (pulls**2).sum((0, 1)) / (pulls**2).sum()
    counts = " and ".join(
        f"{n} {points} of the {side} hand" for side, n in zip(SIDES, pulled.sum(1), strict=True) if n
    )
    return (
        f"{value:.2g}. It pulls at {counts}, at {100 * equally:.0f} % of them as hard as it can. "
        f"Of this pull, {100 * x:.0f} % is sideways, {100 * y:.0f} % up or down, {100 * z:.0f} % in depth"
    )


def scene_colours(
    state: LossState,
) -> tuple[UInt8[np.ndarray, "hand=2 778 3"], UInt8[np.ndarray, "hand=2 21 3"]]:
    """Returns the colours of surfaces and joints: one of the two shows the pulls, the other is plain."""
    light, dark = (rgb(colour) for colour in STRENGTHS)
    strength = np.linalg.norm(state.pulls, axis=-1, keepdims=True)
    own = (255 * (light + strength * (dark - light))).round().astype(np.uint8)
    surface, balls = (
        np.stack([np.tile(rgb_bytes(HAND_COLOURS[side][part]), (count, 1)) for side in SIDES])
        for count, part in ((778, 0), (21, 1))
    )
    return (surface, own) if state.on_joints else (own, balls)


def draw_pulls(
    state: LossState, axes: tuple[int, int], title: str, side: int = PANEL_SIDE
) -> UInt8[np.ndarray, "side side 3"]:
    """Draws the skeletons along two of the axes x, y, z, true ones in grey, with the pulls as arrows."""
    canvas, draw, font = blank(2 * side, 2 * side, 24)
    every = np.concatenate((state.true_joints, state.placed.joints)).reshape(-1, 3)
    low, high = every.min(0), every.max(0)
    scale = 2 * (side - 48) / max((high - low).max(), 0.2)

    def pixels(points: np.ndarray) -> np.ndarray:
        return (points - (low + high) / 2)[..., list(axes)] * scale + side

    for true, hand, colour in zip(
        pixels(state.true_joints), pixels(state.placed.joints), palette.HANDS, strict=True
    ):
        draw_skeleton(canvas, true, mix(palette.TRUTH, "#ffffff", 0.5), 1.4)
        draw_skeleton(canvas, hand, colour, 2.4)
    step = 1 if state.on_joints else EVERY
    starts, pulls = pixels(state.points)[:, ::step].reshape(-1, 2), state.pulls[:, ::step].reshape(-1, 3)
    for start, pull in zip(starts, pulls[:, list(axes)] * 2 * ARROW, strict=True):
        _arrow(draw, start, start + pull)
    draw.text((8, 4), title, fill=palette.INK, font=font)
    return np.asarray(canvas.resize((side, side), Image.Resampling.BOX))


def _arrow(draw: ImageDraw.ImageDraw, start: np.ndarray, end: np.ndarray) -> None:
    way = end - start
    length = float(np.linalg.norm(way))
    if length < 2:
        return
    across, along = np.array((-way[1], way[0])) / length, way / length
    head = min(9.0, 0.5 * length)
    draw.line((*start, *end), fill=palette.HIGHLIGHT, width=3)
    corners = (
        end + 2 * along,
        end - head * along + 0.6 * head * across,
        end - head * along - 0.6 * head * across,
    )
    draw.polygon([tuple(corner) for corner in corners], fill=palette.HIGHLIGHT)


def draw_bars(state: LossState, width: int = 2 * PANEL_SIDE) -> UInt8[np.ndarray, "height width 3"]:
    """Draws every weighted term as a bar; the chosen term is coloured."""
    canvas, draw, font = blank(width, ROW * (len(TERMS) + 1) + 6)
    draw.text((8, 1), "weighted terms of the loss", fill=palette.INK, font=font)
    largest = max(*state.weighted.values(), 1e-9)
    for row, (name, value) in enumerate(state.weighted.items(), start=1):
        y = ROW * row + 2
        unused = getattr(state.weights, name) == 0
        ink = mix(palette.INK, "#ffffff", 0.5) if unused else palette.INK
        draw.text((8, y), name, fill=ink, font=font)
        length = (width - 170) * value / largest
        colour = palette.HIGHLIGHT if name == state.term else mix(palette.TRUTH, "#ffffff", 0.45)
        draw.rectangle((90, y + 3, 90 + length, y + ROW - 5), fill=colour)
        text = "weight 0" if unused else f"{value:.3f}"
        draw.text((96 + length, y), text, fill=ink, font=font)
    return np.asarray(canvas)


def loss_picture(state: LossState) -> UInt8[np.ndarray, "height width 3"]:
    """Returns the arrows from two sides above the bars."""
    views = [draw_pulls(state, axes, title) for title, axes in VIEWS.items()]
    return above(beside(*views), draw_bars(state))


def pulls_row(
    states: Sequence[LossState], view: str = "from the front"
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns several states' arrows side by side, each under the names of its term and of a side view."""
    from_where = "" if view == "from the front" else f", {view.split(',')[0]}"
    return beside(*(draw_pulls(state, VIEWS[view], state.term + from_where) for state in states))


class LossExplorer(Explorer[LossState]):
    """Choose a loss term, a change of the right hand, the change's size, and the weights of the bars.

    In 3D, the vertices (or the joints, for terms on joints) are coloured by how hard the term pulls. Arrows
    show the pulls from the front and from the side; true skeletons are grey.
    """

    def __init__(self, sample: Sample):
        check_one(sample)
        self.case = LossCase.of(sample)
        self.term = choice("term", POINT_TERMS, "vertices")
        self.kind = choice("change", list(UNITS), "tilt")
        self.amount = ipywidgets.IntSlider(30, -LARGEST["tilt"], LARGEST["tilt"], 1, description="amount")
        self.weights = toggles("weights", list(WEIGHTS))
        self.image, self.caption = png_image(2 * PANEL_SIDE), ipywidgets.HTML()
        placed = self.compute().placed
        self.view = HandsView(placed.vertices, placed.joints)
        controls = [self.term, self.kind, self.amount, self.weights]
        super().__init__([controls, self.caption, [self.image, self.view]])

    def moved(self, control: ipywidgets.Widget) -> None:
        """Sets the slider's range to that of the chosen kind of change."""
        largest = LARGEST[self.kind.value]
        value = max(-largest, min(largest, self.amount.value))
        with self.amount.hold_trait_notifications():
            self.amount.min, self.amount.max, self.amount.value = -largest, largest, value

    def compute(self) -> LossState:
        """Returns the state of the changed pair and its losses."""
        weights = WEIGHTS[self.weights.value]
        return loss_state(self.case, self.term.value, self.kind.value, float(self.amount.value), weights)

    def draw(self, state: LossState) -> None:
        """Shows hands, arrows, bars and caption."""
        self.view.update(state.placed.vertices, state.placed.joints, *scene_colours(state))
        self.view.surface_opacity = 0.35 if state.on_joints else 1.0
        self.image.value = encode_png(loss_picture(state))
        self.caption.value = state.caption

    def picture(self) -> Picture:
        """Returns arrows and bars beside the 3D view."""
        drawn = loss_picture(self.state)
        return beside(drawn, self.view.picture((440, drawn.shape[0])))

    def __repr__(self) -> str:
        return f"LossExplorer: terms {', '.join(POINT_TERMS)}; changes {', '.join(UNITS)}"
