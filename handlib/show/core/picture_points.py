"""A picture with movable points: drag them by mouse or touch, or focus one and use the arrow keys.

The browser's part is ``assets/picture_points.js``, a plain ECMAScript module that needs no build.
"""

from collections.abc import Sequence
from importlib.resources import files

import anywidget
import numpy as np
import traitlets
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from handlib.show.core import palette
from handlib.show.core.panel import Pictured
from handlib.show.core.raster import encode_png
from handlib.utils.arguments import check_finite
from handlib.utils.errors import InputError

FEW = 4
"""Largest number of points whose labels are always shown."""


def _as_points(points: object) -> Float[np.ndarray, "n 2"]:
    try:
        found = np.asarray(points, dtype=float).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise InputError(f"points: expected pairs of numbers: {error}") from None
    check_finite("points", found)
    return found


class PicturePoints(Pictured, anywidget.AnyWidget):
    """A picture (bytes) with labelled points in uv: -1 to 1 over its sides, x right, y down.

    ``points`` is a synced list of [u, v]: observe it, or read ``uv``. ``picked`` is the index of the point
    that was touched last, or -1. Points can go ``margin`` (uv) beyond the picture's edges. Arrow keys move
    the focused point by ``step``, with Shift ten times as far. ``width`` is in CSS pixels and includes the
    margin.
    """

    _esm = files("handlib") / "assets" / "picture_points.js"

    _picture = traitlets.Bytes(b"").tag(sync=True)
    points = traitlets.List(traitlets.List(traitlets.Float(), minlen=2, maxlen=2)).tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    colours = traitlets.List(traitlets.Unicode()).tag(sync=True)
    picked = traitlets.Int(-1).tag(sync=True)
    margin = traitlets.Float(0.0).tag(sync=True)
    step = traitlets.Float(0.01).tag(sync=True)
    width = traitlets.Int(400).tag(sync=True)
    aspect = traitlets.Float(1.0).tag(sync=True)
    description = traitlets.Unicode("picture").tag(sync=True)

    def __init__(
        self,
        picture: UInt8[np.ndarray, "height width 3"],
        points: Float[np.ndarray, "n 2"] | Sequence[Sequence[float]],
        labels: Sequence[str] | None = None,
        colours: Sequence[str] | None = None,
        **options: object,
    ):
        points = _as_points(points)
        if labels is None:
            labels = [f"point {i}" for i in range(len(points))]
        if colours is None:
            colours = [palette.HIGHLIGHT] * len(points)
        if not len(points) == len(labels) == len(colours):
            raise InputError(
                f"points: expected a label and a colour for each, got {len(points)} points, "
                f"{len(labels)} labels and {len(colours)} colours"
            )
        super().__init__(
            labels=list(labels),
            colours=list(colours),
            aspect=picture.shape[1] / picture.shape[0],
            **options,
        )
        self.layout.width = f"{self.width}px"
        self.layout.max_width = "100%"
        self.update(picture, points)

    def update(
        self,
        picture: UInt8[np.ndarray, "height width 3"] | None = None,
        points: Float[np.ndarray, "n 2"] | Sequence[Sequence[float]] | None = None,
    ) -> None:
        """Shows another picture of the same proportions, moves the points, or both."""
        with self.hold_sync():
            if picture is not None:
                self._shown = picture
                self._picture = encode_png(picture)
            if points is not None:
                points = _as_points(points)
                if len(points) != len(self.labels):
                    raise InputError(f"points: expected {len(self.labels)}, got {len(points)}")
                self.points = points.tolist()

    @property
    def uv(self) -> Float[np.ndarray, "n 2"]:
        """Returns the places of the points in uv."""
        return np.array(self.points, dtype=float).reshape(-1, 2)

    def picture(self) -> UInt8[np.ndarray, "height width 3"]:
        """Draws the picture with its margin and points, without a browser."""
        reach = 1 + self.margin
        size = np.array((self.width, round(self.width / self.aspect)))
        canvas = Image.new("RGB", tuple(size.tolist()), "#e4e4e4")
        inner = np.round(size / reach).astype(int)
        shown = Image.fromarray(self._shown).resize(tuple(inner.tolist()), Image.Resampling.BICUBIC)
        canvas.paste(shown, tuple(((size - inner) // 2).tolist()))
        draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
        for (x, y), label, colour in zip(
            (self.uv + reach) / (2 * reach) * size, self.labels, self.colours, strict=True
        ):
            for radius, fill in ((8, palette.INK), (7, "#ffffff"), (5, colour)):
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
            if len(self.labels) <= FEW:
                length = draw.textlength(label, font=font)
                left = x + 12 if x < 0.65 * size[0] else x - 20 - length
                draw.rectangle((left, y - 9, left + length + 8, y + 8), fill="#1e1e1e")
                draw.text((left + 4, y - 8), label, fill="#ffffff", font=font)
        return np.asarray(canvas)

    def __repr__(self) -> str:
        places = (
            f"{label} ({u:.2f}, {v:.2f})" for label, (u, v) in zip(self.labels, self.points, strict=True)
        )
        return f"PicturePoints: {', '.join(places)}" if len(self.labels) <= FEW else "PicturePoints"
