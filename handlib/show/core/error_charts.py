"""Errors drawn: those of all pairs from the best to the worst, those of a hand's joints on its skeleton."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from handlib.data.sample import STRATA
from handlib.hand.hand import Hand
from handlib.hand.skeleton import JOINT_NAMES
from handlib.show.core import palette
from handlib.show.core.hands_drawing import upright
from handlib.show.core.raster import draw_skeleton
from handlib.show.refinement import colour_bar, error_colours

CHART_SIZE = (640, 260)


def order_of(errors: Float[np.ndarray, "pairs"]) -> Int[np.ndarray, "pairs"]:
    """Numbers of the pairs from the best to the worst."""
    return np.argsort(errors, kind="stable")


def draw_chart(
    errors: Float[np.ndarray, "pairs"], strata: Int[np.ndarray, "pairs"], pair: int, limit: float
) -> UInt8[np.ndarray, "height width 3"]:
    """All errors from the best to the worst, a shape per stratum, mean and median, one pair picked out."""
    width, height = CHART_SIZE
    left, right, top, bottom = 40.0, width - 84.0, 24.0, height - 28.0
    image = Image.new("RGB", CHART_SIZE, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)

    def y_of(error: float | int) -> float:
        return bottom - (bottom - top) * min(error, limit) / limit

    for tick in range(0, int(limit) + 1, 20):
        draw.line((left, y_of(tick), right, y_of(tick)), fill="#e4e4e4")
        draw.text((left - 6, y_of(tick)), str(tick), fill=palette.INK, font=font, anchor="rm")
    draw.text((4, 2), "MPJPE (mm)", fill=palette.INK, font=font)
    draw.text((left, height - 18), "pairs, from the best to the worst:", fill=palette.INK, font=font)
    _draw_level(draw, font, (left, y_of(errors.mean()), right), f"mean {errors.mean():.1f}", dashed=False)
    _draw_level(
        draw, font, (left, y_of(np.median(errors)), right), f"median {np.median(errors):.1f}", dashed=True
    )
    for rank, number in enumerate(order_of(errors)):
        x = left + 6 + (right - left - 12) * rank / max(1, len(errors) - 1)
        _draw_mark(draw, (x, y_of(errors[number])), int(strata[number]), picked=bool(number == pair))
    x = left + 200
    for stratum, name in enumerate(STRATA):
        _draw_mark(draw, (x, height - 11.0), stratum, picked=False)
        draw.text((x + 10, height - 11), name, fill=palette.INK, font=font, anchor="lm")
        x += 30 + draw.textlength(name, font=font)
    return np.asarray(image)


def _draw_level(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    line: tuple[float, float, float],
    text: str,
    dashed: bool,
) -> None:
    start, y, end = line
    for x in np.arange(start, end, 8):
        draw.line((x, y, min(x + (4 if dashed else 8), end), y), fill=palette.TRUTH)
    # The mean's name stands above its line and the median's below: as a rule the mean is the larger one.
    draw.text((end + 6, y), text, fill=palette.INK, font=font, anchor="lm" if dashed else "ld")


def _draw_mark(draw: ImageDraw.ImageDraw, place: tuple[float, float], stratum: int, picked: bool) -> None:
    """Apart: circle, near: triangle, touching: square, interlocked: diamond."""
    (x, y), r = place, 6 if picked else 3.5
    fill = palette.HIGHLIGHT if picked else ("#ffffff", "#c0c0c0", "#808080", "#000000")[stratum]
    corners = {
        1: ((x, y - r), (x + r, y + r), (x - r, y + r)),
        2: ((x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)),
        3: ((x, y - 1.3 * r), (x + 1.3 * r, y), (x, y + 1.3 * r), (x - 1.3 * r, y)),
    }
    if stratum in corners:
        draw.polygon(corners[stratum], fill=fill, outline=palette.INK)
    else:
        draw.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline=palette.INK)


def joint_error_picture(
    errors: Sequence[Float[Tensor, "21"]], titles: Sequence[str]
) -> UInt8[np.ndarray, "height width 3"]:
    """Errors (mm) at the joints of a right hand at rest, its back to the viewer, a hand for each entry.

    Balls are darker for more (:func:`~handlib.show.refinement.error_colours`); wrist and tips have numbers.
    """
    side, numbered = 300, [j for j, name in enumerate(JOINT_NAMES) if name == "wrist" or name.endswith("4")]
    joints = Hand.open("right")().joints.double().numpy() @ upright("right", "back").T
    low, high = joints[:, :2].min(0), joints[:, :2].max(0)
    centre = np.array((side / 2, side / 2 + 20))
    places = centre + 0.72 * side * (joints[:, :2] - (low + high) / 2) / (high - low).max()
    font, parts = ImageFont.load_default(13), []
    for values, title in zip(errors, titles, strict=True):
        canvas = Image.new("RGB", (side, side + 20), "white")
        draw_skeleton(canvas, places, "#8c8c8c", 4.0, joint_colours=error_colours(values.numpy()))
        draw = ImageDraw.Draw(canvas)
        for x, y in places:
            draw.ellipse((x - 7, y - 7, x + 7, y + 7), outline=palette.TRUTH)
        draw.text((side / 2, 4), title, fill=palette.INK, font=font, anchor="ma")
        for j in numbered:
            x, y = places[j] + (0, 20 if j == 0 else -18)
            draw.text((x, y), f"{values[j]:.0f}", fill=palette.INK, font=font, anchor="mm")
        parts.append(np.asarray(canvas))
    row = np.concatenate(parts, axis=1)
    return np.concatenate((row, colour_bar(row.shape[1])))
