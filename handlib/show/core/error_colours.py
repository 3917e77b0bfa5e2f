"""Errors as colours: the colour scale, its bar, and a hand at rest whose joints are coloured by errors."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from handlib.hand.hand import Hand
from handlib.hand.skeleton import JOINT_NAMES
from handlib.show.core import palette
from handlib.show.core.hands_drawing import upright
from handlib.show.core.raster import above, beside, blank, draw_skeleton, mix, rgb

BAR_HEIGHT = 40
LARGEST_ERROR = 30
"""End of the colour scale in millimetres."""
ERROR_RAMP = np.stack(
    [
        rgb(mix(palette.HIGHLIGHT, "#ffffff", 0.94)),
        rgb(palette.HIGHLIGHT),
        rgb(mix(palette.HIGHLIGHT, "#000000", 0.8)),
    ]
)
"""Colours of no error, half the largest error and the largest; each is darker, so they differ in grey too."""


def error_colours(millimetres: Float[np.ndarray, "*n"]) -> UInt8[np.ndarray, "*n 3"]:
    """Returns the colours of errors, from light (no error) to dark (``LARGEST_ERROR`` or more)."""
    ticks = np.linspace(0, LARGEST_ERROR, len(ERROR_RAMP))
    channels = [np.interp(millimetres, ticks, channel) for channel in ERROR_RAMP.T]
    return (255 * np.stack(channels, axis=-1)).round().astype(np.uint8)


def colour_bar(width: int) -> UInt8[np.ndarray, "height width 3"]:
    """Draws the scale of :func:`error_colours`, labelled in millimetres."""
    bar, draw, font = blank(width, BAR_HEIGHT, 12)
    left, right = 26, width - 22
    scale = error_colours(np.linspace(0, LARGEST_ERROR, right - left))
    bar.paste(Image.fromarray(np.repeat(scale[None], 12, axis=0)), (left, 6))
    draw.rectangle((left - 1, 5, right, 18), outline=palette.TRUTH)
    for value in range(0, LARGEST_ERROR + 1, 10):
        text = f"{value} mm" if value < LARGEST_ERROR else f"{value}+"
        x = left + (right - left) * value / LARGEST_ERROR
        draw.text((x, 21), text, fill=palette.INK, font=font, anchor="ma")
    return np.asarray(bar)


def joint_error_picture(
    errors: Sequence[Float[Tensor, "21"]], titles: Sequence[str]
) -> UInt8[np.ndarray, "height width 3"]:
    """Draws errors (mm) at the joints of a right hand at rest, its back to the viewer; one hand per entry.

    Darker balls are larger errors (:func:`error_colours`). Wrist and tips have numbers.
    """
    side, numbered = 300, [j for j, name in enumerate(JOINT_NAMES) if name == "wrist" or name.endswith("4")]
    joints = Hand.open("right")().joints.double().numpy() @ upright("right", "back").T
    low, high = joints[:, :2].min(0), joints[:, :2].max(0)
    centre = np.array((side / 2, side / 2 + 20))
    places = centre + 0.72 * side * (joints[:, :2] - (low + high) / 2) / (high - low).max()
    parts = []
    for values, title in zip(errors, titles, strict=True):
        canvas, draw, font = blank(side, side + 20)
        draw_skeleton(canvas, places, "#8c8c8c", 4.0, joint_colours=error_colours(values.numpy()))
        for x, y in places:
            draw.ellipse((x - 7, y - 7, x + 7, y + 7), outline=palette.TRUTH)
        draw.text((side / 2, 4), title, fill=palette.INK, font=font, anchor="ma")
        for j in numbered:
            x, y = places[j] + (0, 20 if j == 0 else -18)
            draw.text((x, y), f"{values[j]:.0f}", fill=palette.INK, font=font, anchor="mm")
        parts.append(np.asarray(canvas))
    row = beside(*parts)
    return above(row, colour_bar(row.shape[1]))
