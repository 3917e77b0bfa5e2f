"""Shows the inter-hand transformer's attention: lines between two hands, and the matrix of weights."""

from collections.abc import Mapping
from dataclasses import dataclass

import ipywidgets
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from handlib.hand.skeleton import JOINT_NAMES, NUM_JOINTS, PAIR_JOINT_NAMES, SIDES
from handlib.model.estimate import Trace
from handlib.model.placed import place
from handlib.model.transformer import cross_hand_share
from handlib.show.core import palette
from handlib.show.core.hands import HandsView
from handlib.show.core.hands_drawing import HAND_COLOURS, Links, framing_of
from handlib.show.core.panel import Explorer, Picture, choice, png_image, toggles
from handlib.show.core.raster import above, beside, blank, encode_png, mix, rgb_bytes, words
from handlib.utils.arguments import check_between, check_some

DIRECTIONS = ("attends to", "is attended by")

MEAN = "mean"
PARTNERS = 10
NAMED = 3
CELL = 7
MARGIN = 46
FIRST_OF_FINGER = tuple(k for k, name in enumerate(JOINT_NAMES) if name.endswith("1"))
SURFACE_OPACITY = 0.35
FAINT = "#dddddd"

Matrix = Float[np.ndarray, "42 42"]


@dataclass(frozen=True)
class AttentionState:
    """All that the widget shows of one joint: its weights, the lines, the matrix, the words.

    ``given`` is the picked joint's row (or column) of the matrix, ``other_hand`` the other hand's share of
    its sum.
    """

    given: Float[np.ndarray, "42"]
    other_hand: float
    links: Links
    joint_colours: UInt8[np.ndarray, "hand=2 21 3"]
    picture: UInt8[np.ndarray, "height width 3"]
    caption: str


def attention_state(weights: Matrix, joint: int, direction: str = "attends to") -> AttentionState:
    """Returns the state in which a joint (0-41, or -1 for none) is picked.

    Row i of ``weights`` is what token i takes from each token; rows sum to 1. Lines go to the ten partners
    with the largest weights; a line's width is the weight relative to the largest. Lines to the other hand
    have the highlight's colour, lines within the hand are grey. ``direction`` is one of ``DIRECTIONS``.
    """
    if joint < 0:
        return _nothing_picked(weights)
    given = weights[joint] if direction == "attends to" else weights[:, joint]
    across = (np.arange(len(given)) < NUM_JOINTS) != (joint < NUM_JOINTS)
    partners = np.where(np.arange(len(given)) == joint, -np.inf, given)
    strongest = partners.argsort(kind="stable")[::-1][:PARTNERS]
    strength = np.clip(given / max(given[strongest[0]], 1e-12), 0, 1)
    other_hand = float(given[across].sum() / max(given.sum(), 1e-12))
    colours = np.array([palette.TRUTH, palette.HIGHLIGHT])[across.astype(int)]
    drawn = strongest[::-1]
    return AttentionState(
        given=given,
        other_hand=other_hand,
        links=Links(
            pairs=np.column_stack((np.full(len(drawn), joint), drawn)),
            colours=np.stack([rgb_bytes(colours[k]) for k in drawn]),
            widths=strength[drawn].astype(float),
        ),
        joint_colours=np.stack(
            [rgb_bytes(mix(FAINT, c, float(s))) for c, s in zip(colours, strength, strict=True)]
        ).reshape(2, NUM_JOINTS, 3),
        picture=matrix_picture(weights, joint, direction),
        caption=_caption(given, joint, direction, strongest[:NAMED], other_hand),
    )


def _nothing_picked(weights: Matrix) -> AttentionState:
    plain = [rgb_bytes(HAND_COLOURS[side][1]) for side in SIDES]
    mean = float(cross_hand_share(weights).mean())
    return AttentionState(
        given=np.zeros(len(weights)),
        other_hand=mean,
        links=Links.none(),
        joint_colours=np.repeat(np.stack(plain)[:, None], NUM_JOINTS, axis=1),
        picture=matrix_picture(weights),
        caption=f"No joint is picked; on average {100 * mean:.0f} % of the attention goes to the other hand.",
    )


def _caption(
    given: Float[np.ndarray, "42"], joint: int, direction: str, named: np.ndarray, other_hand: float
) -> str:
    partners = ", ".join(f"{PAIR_JOINT_NAMES[k]} ({100 * given[k]:.0f} %)" for k in named)
    other = SIDES[1 - joint // NUM_JOINTS]
    if direction == "attends to":
        share = f"{100 * other_hand:.0f} % of its attention goes to the {other} hand"
    else:
        share = f"{100 * other_hand:.0f} % of the attention that it gets comes from the {other} hand"
    return f"{PAIR_JOINT_NAMES[joint]} {direction} {partners}; {share}."


def matrix_picture(
    weights: Matrix, joint: int = -1, direction: str = "attends to"
) -> UInt8[np.ndarray, "height width 3"]:
    """Draws the 42 x 42 weights from white to black, with the picked joint's row (or column) framed.

    A row is a token that attends, a column a token that is attended to. Each hand's wrist comes first, then
    four joints of each finger; the fingers' initial letters are at the sides.
    """
    darkest = max(float(weights.max()), 1e-12)
    grey = (255 * (1 - np.clip(weights / darkest, 0, 1) ** 0.7)).round().astype(np.uint8)
    side = CELL * len(weights)
    picture, draw, font = blank(side + MARGIN + 6, side + MARGIN + 22, 12)
    picture.paste(Image.fromarray(grey).resize((side, side), Image.Resampling.NEAREST), (MARGIN, MARGIN))
    for hand in range(2):
        _label_hand(picture, hand)
    middle = MARGIN + side // 2
    draw.line((middle, MARGIN, middle, MARGIN + side), fill=palette.TRUTH)
    draw.line((MARGIN, middle, MARGIN + side, middle), fill=palette.TRUTH)
    draw.rectangle((MARGIN - 1, MARGIN - 1, MARGIN + side, MARGIN + side), outline=palette.TRUTH)
    if joint >= 0:
        low, high = MARGIN + CELL * joint - 1, MARGIN + CELL * (joint + 1)
        row = (MARGIN - 5, low, MARGIN + side + 4, high)
        column = (low, MARGIN - 5, high, MARGIN + side + 4)
        draw.rectangle(row if direction == "attends to" else column, outline=palette.HIGHLIGHT, width=2)
    legend = f"rows attend to columns; black: {100 * darkest:.0f} %"
    draw.text((MARGIN, MARGIN + side + 6), legend, fill=palette.INK, font=font)
    return np.asarray(picture)


def _label_hand(picture: Image.Image, hand: int) -> None:
    """Draws a hand's name, fingers and colour along the upper and the left side."""
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    start, length = MARGIN + hand * CELL * NUM_JOINTS, CELL * NUM_JOINTS
    colour = HAND_COLOURS[SIDES[hand]][1]
    name, on_name, _ = blank(length, 16)
    on_name.text((length // 2, 8), f"{SIDES[hand]} hand", fill=palette.INK, font=font, anchor="mm")
    picture.paste(name, (start, 2))
    picture.paste(name.transpose(Image.Transpose.ROTATE_90), (2, start))
    for first in FIRST_OF_FINGER:
        middle = start + CELL * (first + 2)
        for at in ((middle, 27), (27, middle)):
            draw.text(at, JOINT_NAMES[first][0], fill=colour, font=font, anchor="mm")
        low, high = middle - 2 * CELL + 1, middle + 2 * CELL - 2
        draw.line((low, 37, high, 37), fill=colour, width=3)
        draw.line((37, low, 37, high), fill=colour, width=3)


class AttentionLines(Explorer[AttentionState]):
    """Pick a joint and see which joints it attends to, or which attend to it: lines in 3D, and the matrix.

    ``traces`` are forward passes by name, such as a picture as it is and with a hand painted over. ``index``
    chooses the picture of a batch. ``layer`` is a layer of a stage, ``head`` one head or the mean.
    """

    def __init__(self, traces: Mapping[str, Trace], index: int = 0):
        check_some("traces", traces)
        for trace in traces.values():
            check_between("index", index, 0, len(trace.prediction.final.uv) - 1)
        self.traces, self.sample = dict(traces), index
        first = next(iter(self.traces.values()))
        layers = {
            f"stage {s + 1}, layer {k + 1}": (s, k)
            for s, stage in enumerate(first.stages)
            for k in range(stage.attention.shape[1])
        }
        heads = [("mean", MEAN), *((str(h + 1), h) for h in range(first.stages[0].attention.shape[2]))]
        self.picture_choice = choice("picture", list(self.traces))
        self.layer = choice("layer", list(layers.items()), list(layers.values())[-1])
        self.head = choice("head", heads, MEAN)
        self.direction = toggles("the joint", DIRECTIONS)
        placed = place(first.stages[-1].after, index)
        self.view = HandsView(placed.vertices, placed.joints)
        estimates = [stage.after for trace in self.traces.values() for stage in trace.stages]
        everything = np.concatenate([place(estimate, index).vertices for estimate in estimates])
        self.view.framing = list(framing_of(everything))
        self.view.surface_opacity, self.view.picked = SURFACE_OPACITY, PAIR_JOINT_NAMES.index("right index4")
        self.image, self.caption = png_image(), ipywidgets.HTML()
        controls = [self.picture_choice, self.layer, self.head, self.direction]
        rows = [controls[len(self.traces) == 1 :], [self.view, self.image], self.caption]
        super().__init__(rows, [(self.view, "picked")])

    @property
    def weights(self) -> Matrix:
        """Returns the weights of the chosen layer and head."""
        stage, layer = self.layer.value
        weights = self.traces[self.picture_choice.value].stages[stage].attention[self.sample, layer]
        chosen = weights.mean(0) if self.head.value == MEAN else weights[self.head.value]
        return chosen.detach().cpu().double().numpy()

    def compute(self) -> AttentionState:
        """Returns the state of the picked joint."""
        return attention_state(self.weights, self.view.picked, self.direction.value)

    def draw(self, state: AttentionState) -> None:
        """Shows lines, matrix and caption; the hands are the chosen stage's estimate."""
        stage = self.traces[self.picture_choice.value].stages[self.layer.value[0]]
        placed = place(stage.after, self.sample)
        self.view.update(placed.vertices, placed.joints, joint_colours=state.joint_colours, links=state.links)
        self.image.value = encode_png(state.picture)
        self.caption.value = f"<b>{state.caption}</b>"

    def picture(self) -> Picture:
        """Returns the 3D view and the matrix above the caption."""
        matrix = self.state.picture
        both = beside(self.view.picture((480, matrix.shape[0] - 22)), matrix)
        said = f"{self.layer.label}, head: {self.head.label}. {self.state.caption}"
        return above(both, words(said, both.shape[1], 12))

    def __repr__(self) -> str:
        counts = f"{len(self.layer.options)} layers, {len(self.head.options) - 1} heads"
        return f"AttentionLines: {counts}; {self.state.caption}"
