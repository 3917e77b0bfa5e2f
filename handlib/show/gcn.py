"""Shows how far joints reach through graph layers: Jacobian norms as colours on the hands and as bars."""

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from matplotlib.figure import Figure

from handlib.hand.skeleton import JOINT_NAMES, NUM_JOINTS, PAIR_JOINT_NAMES, SIDES, bones_between
from handlib.model.placed import PlacedHands
from handlib.show.core import palette
from handlib.show.core.figures import figure_pixels, without_frame
from handlib.show.core.hands import HandsView
from handlib.show.core.panel import Explorer, Picture, choice, png_image, toggles
from handlib.show.core.raster import above, beside, encode_png, words
from handlib.utils.arguments import check_some

RECEIVERS, SENDERS = "receivers of the joint", "senders to the joint"
DIRECTIONS = (RECEIVERS, SENDERS)
UNREACHED, UNREACHED_SURFACE = (255, 255, 255), (222, 222, 222)
"""Colours of a joint's ball, and of the surface around it, where the influence is exactly zero."""
CHART_SIZE = (520, 360)
COLOUR_RADIUS = 0.012
"""Distance in metres over which one joint's colour fades into the next joint's."""


@dataclass(frozen=True)
class Influence:
    """The strength with which the joints of a hand move each other after 0, 1, 2, ... graph layers.

    ``norms[n, h, i, j]`` is about hand h: the Frobenius norm of the Jacobian of joint i's features after n
    layers with respect to joint j's features before the first layer, divided by the root of the number of
    features. It is the root mean square of the change of i's features when j's move by 1 in a random
    direction.
    """

    name: str
    norms: Float[np.ndarray, "depths hand=2 21 21"]


@dataclass(frozen=True)
class InfluenceState:
    """All that the widget shows: a strength and a colour for each of the 42 joints, and a sentence."""

    strengths: Float[np.ndarray, "hand=2 21"]
    colours: UInt8[np.ndarray, "hand=2 21 3"]
    caption: str


def strength_colours(strengths: Float[np.ndarray, "*n"], strongest: float) -> UInt8[np.ndarray, "*n 3"]:
    """Returns colours: darker is stronger, by the root of the share of ``strongest``; exactly 0 is white."""
    share = np.sqrt(np.clip(strengths / strongest, 0, 1))
    colours = colormaps[palette.STRENGTH](0.2 + 0.8 * share, bytes=True)[..., :3]
    return np.where(strengths[..., None] > 0, colours, np.array(UNREACHED, np.uint8)).astype(np.uint8)


def nearby_joints(hands: PlacedHands) -> Float[np.ndarray, "hand=2 778 21"]:
    """Returns the shares with which joints colour each vertex; the nearest joint has nearly all."""
    squares = np.square(hands.vertices[:, :, None] - hands.joints[:, None]).sum(-1)
    closeness = np.exp((squares.min(2, keepdims=True) - squares) / COLOUR_RADIUS**2)
    return closeness / closeness.sum(2, keepdims=True)


def influence_state(influence: Influence, picked: int, layers: int, direction: str) -> InfluenceState:
    """Returns the state after ``layers`` layers with joint ``picked`` (0-41, or -1 for none)."""
    strengths = np.zeros((len(SIDES), NUM_JOINTS))
    if picked >= 0:
        hand, joint = divmod(picked, NUM_JOINTS)
        norms = influence.norms[layers, hand]
        strengths[hand] = norms[:, joint] if direction == RECEIVERS else norms[joint]
    return InfluenceState(
        strengths=strengths,
        colours=strength_colours(strengths, float(influence.norms.max())),
        caption=_caption(strengths, picked, layers, direction),
    )


def _caption(strengths: np.ndarray, picked: int, layers: int, direction: str) -> str:
    if picked < 0:
        return "Pick a joint: click it, or choose it in the list below the hands."
    name, flat = PAIR_JOINT_NAMES[picked], strengths.ravel()
    reached = np.flatnonzero(flat)
    others = reached[reached != picked]
    count, rest = f"{len(reached)} of {len(flat)} joints", len(flat) - len(reached)
    after = f"After {layers} layer{'' if layers == 1 else 's'}"
    if direction == RECEIVERS:
        text = f"{after} a nudge at {name} moves {count}: itself by {flat[picked]:.2f}"
        link, end = "", "don't move at all"
    else:
        text = f"{after} {name} is moved by nudges at {count}: at itself, by {flat[picked]:.2f}"
        link, end = "at ", "don't move it at all"
    if len(others):
        strongest = others[flat[others].argmax()]
        bones = bones_between()[picked % NUM_JOINTS, others % NUM_JOINTS].max()
        text += f"; then most {link}{PAIR_JOINT_NAMES[strongest]}, by {flat[strongest]:.2f}"
        text += f"; up to {bones} bone{'' if bones == 1 else 's'} away"
    return f"{text}. The other {rest} {end}: exactly 0."


def draw_bars(state: InfluenceState, picked: int, highest: float) -> UInt8[np.ndarray, "height width 3"]:
    """Draws a bar per joint and a row per hand; the axes end at ``highest``.

    The picked joint's bar has a highlighted edge. An exact zero is labelled 0.
    """
    figure = Figure(figsize=(CHART_SIZE[0] / 100, CHART_SIZE[1] / 100), dpi=100)
    axes = figure.subplots(2, 1, sharex=True)
    figure.subplots_adjust(left=0.11, right=0.99, top=0.94, bottom=0.18, hspace=0.24)
    for hand, (axis, strengths) in enumerate(zip(axes, state.strengths, strict=True)):
        chosen = np.arange(NUM_JOINTS) + NUM_JOINTS * hand == picked
        edges, widths = np.where(chosen, palette.HIGHLIGHT, palette.TRUTH), np.where(chosen, 1.5, 0.7)
        colours = state.colours[hand] / 255
        axis.bar(np.arange(NUM_JOINTS), strengths, color=colours, edgecolor=edges, linewidth=widths)
        for joint in np.flatnonzero(strengths == 0):
            axis.text(joint, 0, "0", fontsize=7, color=palette.TRUTH, ha="center", va="bottom")
        axis.set_title(f"{SIDES[hand]} hand", fontsize=9, loc="left", pad=2)
        axis.tick_params(labelsize=8)
        axis.set(xlim=(-0.7, NUM_JOINTS - 0.3), ylim=(0, 1.05 * highest))
    without_frame(*axes)
    axes[1].set_xticks(np.arange(NUM_JOINTS), JOINT_NAMES, rotation=90)
    figure.supylabel("change per unit of nudge", fontsize=9, x=0.0)
    return figure_pixels(figure)


class InfluenceExplorer(Explorer[InfluenceState]):
    """Pick a joint and see which joints it moves, or which joints move it, after a number of layers.

    ``influences`` are the entries of the list ``network``. ``hands`` (:func:`handlib.model.placed.place`) are
    coloured.
    """

    def __init__(self, influences: Sequence[Influence], hands: PlacedHands):
        check_some("influences", influences)
        self.influences = {influence.name: influence for influence in influences}
        deepest = len(influences[0].norms) - 1
        self.shares = nearby_joints(hands)
        self.view = HandsView(hands.vertices, hands.joints)
        self.view.surface_opacity, self.view.picked = 0.6, 0
        self.network = choice("network", list(self.influences))
        self.layers = ipywidgets.IntSlider(deepest, 0, deepest, description="layers")
        self.direction = toggles("direction", DIRECTIONS)
        self.image, self.caption = png_image(*CHART_SIZE), ipywidgets.HTML()
        rows = [[self.network, self.layers, self.direction], self.caption, [self.view, self.image]]
        super().__init__(rows, [(self.view, "picked")])

    def moved(self, control: ipywidgets.Widget) -> None:
        """Sets the slider's maximum to the chosen network's number of layers."""
        self.layers.max = len(self.influences[self.network.value].norms) - 1

    def compute(self) -> InfluenceState:
        """Returns the state of the picked joint."""
        influence = self.influences[self.network.value]
        return influence_state(influence, self.view.picked, self.layers.value, self.direction.value)

    def draw(self, state: InfluenceState) -> None:
        """Shows colours, bars and caption."""
        reached = state.strengths[..., None] > 0
        near = np.where(reached, state.colours, UNREACHED_SURFACE)
        surface = (self.shares @ near.astype(float)).round().astype(np.uint8)
        self.view.update(colours=surface, joint_colours=state.colours)
        self.bars = draw_bars(state, self.view.picked, float(self.influences[self.network.value].norms.max()))
        self.image.value = encode_png(self.bars)
        self.caption.value = state.caption

    def picture(self) -> Picture:
        """Returns caption, hands and bars."""
        both = beside(self.view.picture((440, CHART_SIZE[1])), self.bars)
        return above(words(self.state.caption, both.shape[1]), both)

    def __repr__(self) -> str:
        return f"InfluenceExplorer: {', '.join(self.influences)}. {self.state.caption}"
