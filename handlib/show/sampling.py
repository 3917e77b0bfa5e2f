"""Shows how a joint reads a feature map: four cells, four weights, one feature, and where else it occurs."""

from dataclasses import dataclass

import ipywidgets
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image, ImageDraw

from handlib.data.sample import Sample
from handlib.hand.skeleton import JOINT_NAMES, PAIR_JOINT_NAMES
from handlib.model.estimate import Trace
from handlib.model.placed import one_of, picture_of
from handlib.show.core import palette
from handlib.show.core.panel import Explorer, Picture, choice, png_image
from handlib.show.core.picture_points import PicturePoints
from handlib.show.core.raster import beside, blank, encode_png, resized, rgb
from handlib.utils.arguments import check_between

MARGIN = 0.2
WIDTH, CHART_SIZE = 420, (380, 420)
INNER = round(WIDTH / (1 + MARGIN))
FAINT = "#bbbbbb"


@dataclass(frozen=True)
class SamplingState:
    """All that the explorer shows of one place on one map.

    ``cells`` are (column, row) of the four neighbours: top left, top right, bottom left, bottom right. A cell
    that isn't ``inside`` the map counts as zeros. ``similarity`` is the cosine between ``feature`` and each
    cell, 0 if one of them is zero. ``offset`` is the way from the top left neighbour's centre to the place,
    in cells.
    """

    cells: Int[np.ndarray, "4 2"]
    weights: Float[np.ndarray, "4"]
    inside: Bool[np.ndarray, "4"]
    offset: Float[np.ndarray, "2"]
    feature: Float[np.ndarray, "channels"]
    similarity: Float[np.ndarray, "height width"]
    summary: str


def sampling_state(
    feature_map: Float[np.ndarray, "channels height width"], uv: Float[np.ndarray, "2"], name: str = "point"
) -> SamplingState:
    """Returns the steps of sampling a map bilinearly at a place in uv."""
    _, height, width = feature_map.shape
    place = (uv + 1) / 2 * (width, height) - 0.5
    corner = np.floor(place).astype(int)
    (x, y), steps = offset, _ = place - corner, np.array([(0, 0), (1, 0), (0, 1), (1, 1)])
    cells = corner + steps
    weights = np.array([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
    inside = ((cells >= 0) & (cells < (width, height))).all(1)
    read = feature_map[:, *cells[inside].T[::-1]]
    feature = read @ weights[inside]
    lengths = np.linalg.norm(feature_map, axis=0) * np.linalg.norm(feature)
    products = np.einsum("c,chw->hw", feature, feature_map)
    similarity = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    shares = " + ".join(
        f"{weight:.2f} of {f'column {column} row {row}' if within else 'zeros outside'}"
        for (column, row), weight, within in zip(cells, weights, inside, strict=True)
    )
    summary = (
        f"{name} at u {uv[0]:.2f}, v {uv[1]:.2f} reads {shares}. "
        f"{100 * weights[inside].sum():.0f} % lies inside the {width} x {height} map; "
        f"{100 * np.mean(similarity > 0.8):.0f} % of the map's cells have a cosine above 0.8 with it."
    )
    return SamplingState(cells, weights, inside, offset, feature, similarity, summary)


def draw_similarity(
    picture: UInt8[np.ndarray, "height width 3"], state: SamplingState, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Draws the picture in pale grey, redder where the map resembles the feature; frames the four cells."""
    grey = resized(picture, size, size).convert("L")
    pale = 0.6 + 0.4 * np.asarray(grey)[..., None] / 255
    cells = Image.fromarray(np.clip(state.similarity, 0, 1).astype(np.float32))
    heat = 0.9 * np.asarray(cells.resize((size, size), Image.Resampling.NEAREST))[..., None] ** 2
    tinted = pale * (1 - heat) + pale * rgb(palette.HIGHLIGHT) * heat
    canvas = Image.fromarray((255 * tinted).round().astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    rows, columns = state.similarity.shape
    for column, row in state.cells[state.inside]:
        box = np.array((column / columns, row / rows, (column + 1) / columns, (row + 1) / rows)) * size
        draw.rectangle(tuple(box), outline=palette.INK, width=2)
    return np.asarray(canvas)


def draw_chart(state: SamplingState) -> UInt8[np.ndarray, "height width 3"]:
    """Draws the point among its four cells' centres, with their weights, above bars of the feature read."""
    canvas, draw, font = blank(*CHART_SIZE, 12)
    left, top, side = 130, 46, 110
    draw.text((8, 4), "four cell centres, their weights, the point", fill=palette.INK, font=font)
    x, y = np.array((left, top)) + state.offset * side
    draw.rectangle((left, top, left + side, top + side), outline=FAINT)
    draw.line((x, top, x, top + side), fill=FAINT)
    draw.line((left, y, left + side, y), fill=FAINT)
    for k, ((column, row), weight, inside) in enumerate(
        zip(state.cells, state.weights, state.inside, strict=True)
    ):
        corner = np.array((left + side * (k % 2), top + side * (k // 2)))
        radius = 3 + 15 * np.sqrt(weight)
        box = (*(corner - radius), *(corner + radius))
        draw.ellipse(box, fill="#666666" if inside else "white", outline=palette.INK)
        said = f"{weight:.2f}\n" + (f"col {column} row {row}" if inside else "zeros outside")
        anchor = "lm" if k % 2 else "rm"
        draw.text(
            (corner[0] + (22 if k % 2 else -22), corner[1]), said, fill=palette.INK, font=font, anchor=anchor
        )
    draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=palette.HIGHLIGHT, outline="white")

    base, height, room = 310, 82, CHART_SIZE[0] - 50
    draw.text((8, 190), f"the feature: {len(state.feature)} channels", fill=palette.INK, font=font)
    largest = max(1.0, float(np.abs(state.feature).max()))
    step = room / len(state.feature)
    for k, value in enumerate(state.feature):
        low, high = sorted((base, base - height * value / largest))
        draw.rectangle((40 + k * step, low, 40 + (k + 0.7) * step, high), fill="#444444")
    draw.line((40, base, 40 + room, base), fill=palette.INK)
    for value in (largest, 0.0, -largest):
        y = base - height * value / largest
        draw.text((34, y), f"{value + 0.0:.1f}", fill=palette.INK, font=font, anchor="rm")
    return np.asarray(canvas)


class SamplingExplorer(Explorer[SamplingState]):
    """One joint's movable place over a picture, and the feature that is read there from a stage's map.

    ``sample`` and ``trace`` belong to the same batch or picture; ``index`` chooses the picture. The point
    starts where the stage read the joint. Two buttons move it to this place or to the joint's true place.
    """

    def __init__(self, sample: Sample, trace: Trace, index: int = 0):
        check_between("index", index, 0, len(trace.prediction.final.uv) - 1)
        self.maps = [stage.fused[index].detach().cpu().double().numpy() for stage in trace.stages]
        self.read_at = [
            stage.before.uv[index].detach().cpu().double().reshape(-1, 2).numpy() for stage in trace.stages
        ]
        one = one_of(sample, index)
        self.true_uv = one.uv.double().reshape(-1, 2).numpy()
        self._picture_below = picture_of(one)
        self.joint = choice("joint", [(name, k) for k, name in enumerate(PAIR_JOINT_NAMES)], 8)
        names = [f"stage {t + 1}: {m.shape[2]} x {m.shape[1]} cells" for t, m in enumerate(self.maps)]
        self.map = choice("map", [(name, t) for t, name in enumerate(names)])
        self.to_network, self.to_truth = (
            ipywidgets.Button(description=said, layout={"width": "auto"})
            for said in ("where the stage reads", "true place")
        )
        self.to_network.on_click(lambda _: self.go_to(self.read_at[self.map.value]))
        self.to_truth.on_click(lambda _: self.go_to(self.true_uv))
        self.point = PicturePoints(
            np.zeros((INNER, INNER, 3), np.uint8),
            self.read_at[0][[8]],
            labels=[PAIR_JOINT_NAMES[8]],
            colours=[palette.LEFT],
            margin=MARGIN,
            step=0.01,
            width=WIDTH,
            description="picture with similarity to the feature",
        )
        self.chart = png_image(*CHART_SIZE)
        self.caption = ipywidgets.HTML()
        controls = [self.joint, self.map, self.to_network, self.to_truth]
        super().__init__([controls, [self.point, self.chart], self.caption], [(self.point, "points")])

    def go_to(self, places: Float[np.ndarray, "42 2"]) -> None:
        """Moves the point to the chosen joint's entry in ``places`` (uv)."""
        with self.quiet():
            self._put(places)
        self.refresh()

    def _put(self, places: Float[np.ndarray, "42 2"]) -> None:
        joint = self.joint.value
        self.point.labels = [PAIR_JOINT_NAMES[joint]]
        self.point.colours = [palette.HANDS[joint // len(JOINT_NAMES)]]
        self.point.update(points=places[[joint]])

    def moved(self, control: ipywidgets.Widget) -> None:
        """Moves the point to where the stage reads the joint, if another joint was chosen."""
        if control is self.joint:
            self._put(self.read_at[self.map.value])

    def compute(self) -> SamplingState:
        """Returns the state at the point's place."""
        name = PAIR_JOINT_NAMES[self.joint.value]
        return sampling_state(self.maps[self.map.value], self.point.uv[0], name)

    def draw(self, state: SamplingState) -> None:
        """Shows picture, chart and caption."""
        self.point.update(picture=draw_similarity(self._picture_below, state, INNER))
        self.chart.value = encode_png(draw_chart(state))
        self.caption.value = state.summary

    def picture(self) -> Picture:
        """Returns picture and chart side by side."""
        return beside(self.point.picture(), draw_chart(self.state))

    def __repr__(self) -> str:
        return "SamplingExplorer: one joint's place, its four cells and the feature it reads"
