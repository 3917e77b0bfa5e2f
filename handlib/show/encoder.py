"""Shows the encoder's left/right attention over a picture, also mirrored or with a hand painted out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import ipywidgets
import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_dilation, gaussian_filter
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from handlib.data.augment import flip
from handlib.data.sample import BACKGROUND, STRATA, Sample, stack
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import Trace
from handlib.model.placed import picture_of
from handlib.show.core import palette
from handlib.show.core.hands_drawing import HAND_COLOURS
from handlib.show.core.overlay import to_pixels
from handlib.show.core.panel import Explorer, Picture, choice, png_image, slider, toggles
from handlib.show.core.raster import above, beside, draw_skeleton, encode_png, resized, rgb, words
from handlib.utils.arguments import check_between

Painted = Literal["neither", "left", "right"]
PAINTED: tuple[Painted, ...] = get_args(Painted)

SIDE = 400
OPACITY = 0.8
RIM = 2
"""Width in pixels of the rim painted over with a hand; its pixels mix the hand's colour with others."""


def paint_out(sample: Sample, hand: int) -> Sample:
    """Paints over one hand (0 left, 1 right) and its forearm; truth and labels stay the same.

    The colours are those of the background nearby: the blurred background, divided by the share of background
    under the blur. The other hand stays as it is, even where the painted hand had covered it.
    """
    label = sample.label.numpy()
    background = label == BACKGROUND
    gone = binary_dilation(label == hand + 1, iterations=RIM) & (label != 2 - hand)
    known = background & ~gone
    reach = sample.size / 10

    def blurred(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values * known, reach, mode="nearest", truncate=6)

    colours = sample.image.numpy().astype(float)
    fill = np.stack([blurred(channel) for channel in colours]) / np.maximum(blurred(1.0 * known), 1e-9)
    painted = np.where(gone, fill.clip(0, 255).round(), colours).astype(np.uint8)
    return replace(sample, image=torch.from_numpy(painted))


def variant(sample: Sample, mirrored: bool = False, painted: Painted = "neither") -> Sample:
    """Mirrors a single sample, then paints a hand out; ``painted`` names the hand in the new picture."""
    if mirrored:
        sample = flip(stack([sample]))[0]
    return sample if painted == "neither" else paint_out(sample, SIDES.index(painted))


def map_centre(attention: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "2"]:
    """Returns the weighted mean of the cells' centres, in uv."""
    height, width = attention.shape
    weights = attention / attention.sum()
    x, y = ((np.arange(n) + 0.5) * 2 / n - 1 for n in (width, height))
    return np.array([weights.sum(0) @ x, weights.sum(1) @ y])


def effective_cells(attention: Float[np.ndarray, "rows columns"]) -> float:
    """Returns the number of equal cells with the same spread: the exponential of the weights' entropy."""
    weights = attention[attention > 0] / attention.sum()
    return float(np.exp(-(weights * np.log(weights)).sum()))


@dataclass(frozen=True)
class MapFacts:
    """Numbers about one hand's map and about its first estimate.

    ``share`` is the share of the map's weight on the true (left, right) hand, ``area`` the share of the
    picture that each hand covers. ``millimetres`` is the joints' mean error relative to the wrist,
    ``percent`` their mean error in the picture, in % of its side.
    """

    centre: Float[np.ndarray, "2"]
    share: Float[np.ndarray, "hand=2"]
    area: Float[np.ndarray, "hand=2"]
    cells: float
    millimetres: float
    percent: float


@dataclass(frozen=True)
class AttentionMapsState:
    """All that the widget shows; facts are (left, right), ``below`` is the picture under the maps."""

    attention: Float[np.ndarray, "hand=2 rows columns"]
    facts: tuple[MapFacts, ...]
    below: Picture
    estimate: Picture
    caption: str


def attention_maps_state(
    sample: Sample, trace: Trace, painted: Painted = "neither", side: int = SIDE
) -> AttentionMapsState:
    """Returns the state of a single sample and the network's trace of its picture.

    ``painted`` names the hand that isn't in the picture although it is in the sample's truth.
    """
    attention = trace.attention[0].double().numpy()
    first = trace.prediction.estimates[0]
    masks = torch.stack([sample.label == h + 1 for h in range(2)]).double()
    coverage = adaptive_avg_pool2d(masks, attention.shape[-2:]).numpy()
    true_joints = sample.joints - sample.joints[:, :1]
    errors = 1000 * (first.joints[0] - first.joints[0, :, :1] - true_joints).norm(dim=-1).mean(-1)
    uv_errors = 50 * (first.uv[0] - sample.uv).norm(dim=-1).mean(-1)
    facts = tuple(
        MapFacts(
            centre=map_centre(one),
            share=(coverage * one / one.sum()).sum((1, 2)),
            area=coverage.mean((1, 2)),
            cells=effective_cells(one),
            millimetres=float(errors[h]),
            percent=float(uv_errors[h]),
        )
        for h, one in enumerate(attention)
    )
    enlarged = resized(picture_of(sample), side, side)
    estimate = enlarged.copy()
    for uv, colour, thickness in (
        *((true, palette.TRUTH, 0.8) for true in sample.uv),
        *((uv, HAND_COLOURS[s][1], 1.2) for s, uv in zip(SIDES, first.uv[0], strict=True)),
    ):
        draw_skeleton(estimate, to_pixels(uv.double().numpy(), side, side), colour, thickness)
    below = _outlined(np.asarray(enlarged), sample.label.numpy())
    return AttentionMapsState(
        attention, facts, below, np.asarray(estimate), _caption(facts, painted, attention)
    )


def _caption(facts: Sequence[MapFacts], painted: Painted, attention: np.ndarray) -> str:
    lines = []
    for h, (side, f) in enumerate(zip(SIDES, facts, strict=True)):
        gone = " (painted out)" if side == painted else ""
        lines.append(
            f"The {side} map: centre at u {f.centre[0]:.2f}, v {f.centre[1]:.2f}; "
            f"{100 * f.share[h]:.0f} % of its weight on the {side} hand{gone}, "
            f"which covers {100 * f.area[h]:.0f} % of the picture, "
            f"{100 * f.share[1 - h]:.0f} % on the {SIDES[1 - h]} one; "
            f"spread over {f.cells:.0f} of {attention[h].size} cells. "
            f"First estimate: joints {f.millimetres:.0f} mm off in space, "
            f"{f.percent:.1f} % of the side in the picture."
        )
    return "\n".join(lines)


def _outlined(picture: Picture, label: UInt8[np.ndarray, "size size"]) -> Picture:
    """Returns the picture with both hands' true outlines."""
    side = picture.shape[0]
    large = np.asarray(Image.fromarray(label).resize((side, side), Image.Resampling.NEAREST))
    outlined = picture.copy()
    for hand, colour in enumerate(palette.HANDS):
        mask = large == hand + 1
        outlined[binary_dilation(mask, iterations=2) & ~mask] = 255 * rgb(colour)
    return outlined


def draw_maps(state: AttentionMapsState, opacity: float = OPACITY) -> Picture:
    """Draws both maps over the picture: each cell has a blue disc for the left map, an orange for the right.

    A disc's area is the attention; at 1 the disc is half as wide as the cell. A letter marks each map's
    centre.
    """
    scale = 2
    side = scale * state.below.shape[0]
    layer = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(layer)
    rows, columns = state.attention.shape[1:]
    for hand, colour in enumerate(palette.HANDS):
        for row, column in np.ndindex(rows, columns):
            x, y = (column + (1 + 2 * hand) / 4) / columns * side, (row + 0.5) / rows * side
            r = side / columns / 4 * np.sqrt(state.attention[hand, row, column])
            draw.ellipse((x - r, y - r, x + r, y + r), fill=colour, outline="white", width=1)
    layer = layer.resize(state.below.shape[1::-1], Image.Resampling.BOX)
    layer.putalpha(layer.getchannel("A").point(lambda a: round(opacity * a)))
    canvas = Image.fromarray(state.below).convert("RGBA")
    canvas.alpha_composite(layer)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    for name, colour, fact in zip("LR", palette.HANDS, state.facts, strict=True):
        x, y = (fact.centre + 1) / 2 * canvas.width
        draw.ellipse((x - 11, y - 11, x + 11, y + 11), fill=colour, outline="white", width=3)
        draw.text((x, y), name, fill="white" if name == "L" else "black", font=font, anchor="mm")
    return np.asarray(canvas.convert("RGB"))


class AttentionExplorer(Explorer[AttentionMapsState]):
    """Both attention maps over a picture, and the first estimate beside it.

    The picture can be mirrored, and a hand can be painted out. ``samples`` are single samples of the
    network's size. ``run`` returns the trace of a batch of one picture, bytes (1, 3, size, size). It is
    called once for every picture and variant.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        run: Callable[[UInt8[Tensor, "1 3 size size"]], Trace],
        index: int = 0,
    ):
        check_between("index", index, 0, len(samples) - 1)
        self.samples, self.run = list(samples), run
        self._states: dict[tuple[int, bool, Painted], AttentionMapsState] = {}
        names = [f"{k}: {STRATA[sample.stratum]}" for k, sample in enumerate(self.samples)]
        self.choice = choice("picture", [(name, k) for k, name in enumerate(names)], index)
        self.mirrored = ipywidgets.Checkbox(description="mirrored", indent=False, layout={"width": "100px"})
        self.painted = toggles("paint out", PAINTED)
        self.opacity = slider("opacity", OPACITY, 0, 1, 0.1, 1)
        self.maps, self.estimate = png_image(SIDE, SIDE), png_image(SIDE, SIDE)
        self.caption = ipywidgets.HTML()
        controls = [self.choice, self.mirrored, self.painted, self.opacity]
        super().__init__([controls, [self.maps, self.estimate], self.caption])

    def compute(self) -> AttentionMapsState:
        """Returns the chosen variant's state; states shown before are remembered."""
        key = (self.choice.value, self.mirrored.value, self.painted.value)
        if key not in self._states:
            sample = variant(self.samples[key[0]], key[1], key[2])
            with torch.no_grad():
                trace = self.run(sample.image[None])
            self._states[key] = attention_maps_state(sample, trace, key[2])
        return self._states[key]

    def draw(self, state: AttentionMapsState) -> None:
        """Shows maps, estimate and caption."""
        self.maps.value = encode_png(draw_maps(state, self.opacity.value))
        self.estimate.value = encode_png(state.estimate)
        self.caption.value = state.caption.replace("\n", "<br>")

    def picture(self) -> Picture:
        """Returns both pictures above the caption."""
        both = beside(draw_maps(self.state, self.opacity.value), self.state.estimate)
        return above(both, words(self.state.caption, both.shape[1], 12))

    def __repr__(self) -> str:
        return f"AttentionExplorer: {len(self.samples)} pictures, mirrored or not, either hand painted out"
