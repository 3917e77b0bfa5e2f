"""Drawings as SVG: words stay words, colours follow the page's light or dark theme.

Coordinates are the drawing's own units (x right, y down); where a page leaves the drawing its natural width
a unit is a pixel. Elements name their colours (``fill-ink``, ``line-arrow``), and a style sheet inside the
drawing holds these colours for both themes.
"""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from handlib.show.core import palette

COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#111111"),
    "ink": (palette.INK, "#ececec"),
    "muted": ("#5c5c5c", "#ababab"),
    "faint": ("#cccccc", "#444444"),
    "arrow": ("#7d7d7d", "#8f8f8f"),
    "frame": ("#fafafa", "#171717"),
    "plain-lane": ("#ffffff", "#1b1b1b"),
    "plain": ("#ffffff", "#262626"),
    "plain-edge": ("#9a9a9a", "#747474"),
    "map-lane": ("#ebf5ee", "#16211b"),
    "map": ("#d9ecdf", "#1e3527"),
    "map-edge": ("#6ba383", "#4f8a68"),
    "joint-lane": ("#f1eefa", "#1d1b2c"),
    "joint": ("#e2def4", "#2c2847"),
    "joint-edge": ("#9186c8", "#7b70b8"),
    "hands-lane": ("#f7f3ea", "#23201a"),
    "hands": ("#eee7d8", "#37322a"),
    "hands-edge": ("#ae9f7d", "#8f846a"),
    "here": (palette.HIGHLIGHT, palette.HIGHLIGHT),
    "here-block": ("#fbe4ef", "#43182e"),
    "here-ink": (palette.HIGHLIGHT, "#f07fb0"),
    "on-here": ("#ffffff", "#ffffff"),
    "first": ("#9a8ee0", "#6659b4"),
    "second": ("#ecc867", "#7d6020"),
    "left": (palette.LEFT, "#3b9bd6"),
    "right": (palette.RIGHT, palette.RIGHT),
}
"""Every colour that a drawing may use, in a light theme and in a dark one."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
SIZES = {"name": 15.5, "label": 14.0, "sub": 13.5}
"""Font sizes by class, in the drawing's units."""
HEAD = 8.0
"""Length of an arrow's head."""
CORNER = 9.0
"""How far from a corner a line begins to turn."""

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]
Points = Sequence[Point] | Float[np.ndarray, "n 2"]


def style_sheet() -> str:
    """Returns the rules for all colours and fonts; the dark ones apply where the page is dark."""

    def rules(theme: int) -> str:
        return "".join(
            f".fill-{name}{{fill:{shades[theme]}}}.line-{name}{{stroke:{shades[theme]}}}"
            for name, shades in COLOURS.items()
        )

    sizes = "".join(f".{name}{{font-size:{size:g}px}}" for name, size in SIZES.items())
    text = f"text{{font-family:{FONT};font-size:{SIZES['label']:g}px}}.name{{font-weight:600}}{sizes}"
    return f"{text}{rules(0)}@media (prefers-color-scheme:dark){{{rules(1)}}}"


def number(value: float) -> str:
    """A coordinate in as few characters as a tenth of a pixel needs."""
    return f"{round(float(value), 1) + 0.0:g}"


def text(
    x: float, y: float, said: str, kind: str = "label", fill: str = "ink", anchor: Anchor = "middle"
) -> str:
    """Words, or nothing if there are none; ``y`` is their base line, ``kind`` one of ``SIZES``."""
    if not said:
        return ""
    place = f'x="{number(x)}" y="{number(y)}" text-anchor="{anchor}"'
    return f'<text class="{kind} fill-{fill}" {place}>{html.escape(said, quote=False)}</text>'


def box(
    x: float,
    y: float,
    width: float,
    height: float,
    fill: str = "",
    line: str = "",
    radius: float = 8.0,
    thick: float = 1.2,
) -> str:
    """A rectangle with round corners; what has no ``fill`` (or ``line``) is not filled (outlined)."""
    classes = " ".join(f"{kind}-{name}" for kind, name in (("fill", fill), ("line", line)) if name)
    corner = f' rx="{number(radius)}"' if radius else ""
    empty = "" if fill else ' fill="none"'
    outline = f' stroke-width="{number(thick)}"' if line else ""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f'<rect class="{classes}" {place}{corner}{empty}{outline}/>'


def disc(x: float, y: float, radius: float, fill: str, line: str = "") -> str:
    """A filled circle."""
    outline = f" line-{line}" if line else ""
    return f'<circle class="fill-{fill}{outline}" cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"/>'


def polygon(corners: Points, fill: str, edge: str, thick: float = 1.2) -> str:
    """A filled polygon with an outline, round at its corners."""
    points = " ".join(f"{number(x)},{number(y)}" for x, y in corners)
    return (
        f'<polygon class="fill-{fill} line-{edge}" points="{points}" stroke-width="{number(thick)}"'
        ' stroke-linejoin="round"/>'
    )


def line(points: Points, colour: str = "arrow", thick: float = 1.6, dashed: bool = False) -> str:
    """A line through points, its corners rounded."""
    path = np.asarray(points, float)
    steps = [f"M{number(path[0][0])} {number(path[0][1])}"]
    for before, corner, after in zip(path[:-2], path[1:-1], path[2:], strict=True):
        into, out_of = corner - before, after - corner
        lengths = np.linalg.norm(into), np.linalg.norm(out_of)
        reach = min(CORNER, lengths[0] / 2, lengths[1] / 2)
        start, end = corner - into / lengths[0] * reach, corner + out_of / lengths[1] * reach
        corners = " ".join(number(value) for value in (*corner, *end))
        steps.append(f"L{number(start[0])} {number(start[1])}Q{corners}")
    steps.append(f"L{number(path[-1][0])} {number(path[-1][1])}")
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<path class="line-{colour}" d="{"".join(steps)}" fill="none" stroke-width="{number(thick)}"'
        f' stroke-linecap="round"{dashes}/>'
    )


def arrow(points: Points, colour: str = "arrow", thick: float = 1.6) -> str:
    """A line through points that ends in a head at the last one."""
    path = np.asarray(points, float)
    along = (path[-1] - path[-2]) / np.linalg.norm(path[-1] - path[-2])
    across = np.array([-along[1], along[0]])
    base = path[-1] - HEAD * along
    corners = (path[-1], base + 0.5 * HEAD * across, base - 0.5 * HEAD * across)
    head = " ".join(",".join(number(value) for value in corner) for corner in corners)
    shaft = [*((float(x), float(y)) for x, y in path[:-1]), (float(base[0]), float(base[1]))]
    return line(shaft, colour, thick) + f'<polygon class="fill-{colour}" points="{head}"/>'


@dataclass(frozen=True)
class Drawing:
    """A picture in SVG that a notebook shows as wide as its cell, but not wider than ``width`` pixels.

    ``title`` and ``words`` say the same to those who can't see it. Notebooks get the picture as an image:
    from a notebook that nobody has run yet, JupyterLab takes out SVG and would leave loose words behind. An
    image takes its theme from the ``color-scheme`` around it, which JupyterLab and the book set with theirs.
    """

    title: str
    words: str
    body: str
    width: float
    height: float

    @property
    def svg(self) -> str:
        """The file."""
        size = f'width="{number(self.width)}" height="{number(self.height)}"'
        title, words = (html.escape(said, quote=False) for said in (self.title, self.words))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {number(self.width)}'
            f' {number(self.height)}" role="img" aria-labelledby="title words">'
            f'<title id="title">{title}</title><desc id="words">{words}</desc>'
            f"<style>{style_sheet()}</style>"
            f"{box(0.0, 0.0, self.width, self.height, 'paper', radius=0.0)}{self.body}</svg>\n"
        )

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        """The picture as an image, its words as the text in its place.

        The book's theme leaves images of the class ``dark-light`` as they are when it is dark.
        """
        source = base64.b64encode(self.svg.encode()).decode()
        words = html.escape(f"{self.title}. {self.words}")
        return f'<img class="dark-light" src="data:image/svg+xml;base64,{source}" alt="{words}">'

    def __repr__(self) -> str:
        return self.title
