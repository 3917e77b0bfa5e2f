"""What stands in a drawing, read from its SVG: words, the room they take, their colours and their ground."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
from PIL import ImageFont

from handlib.show.core.svg import COLOURS, SIZES, Drawing

NAMESPACE = "{http://www.w3.org/2000/svg}"
FONTS = Path(matplotlib.get_data_path(), "fonts", "ttf")
"""DejaVu Sans, which is wider than any other system's font."""

SHAPES = [NAMESPACE + name for name in ("rect", "circle", "polygon")]
Room = tuple[float, float, float, float]


@dataclass(frozen=True)
class Words:
    """One line of words: what they say, where, in which colour on which ground."""

    said: str
    room: Room
    colour: str
    ground: str


def root_of(drawing: Drawing) -> ElementTree.Element:
    return ElementTree.fromstring(drawing.svg)


def elements(drawing: Drawing, tag: str) -> list[ElementTree.Element]:
    return list(root_of(drawing).iter(NAMESPACE + tag))


def colour_of(element: ElementTree.Element, kind: str) -> str | None:
    """The name of the colour with which an element is filled (``fill``) or outlined (``line``)."""
    found = re.search(rf"{kind}-([\w-]+)", element.get("class", ""))
    return found[1] if found else None


@cache
def font(kind: str) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if kind == "name" else "DejaVuSans.ttf"
    return ImageFont.truetype(FONTS / name, 10 * SIZES[kind])


def room_of(element: ElementTree.Element) -> Room:
    """Left, upper, right and lower edge of words, in the widest of fonts."""
    kind = element.get("class").split()[0]
    width, size = font(kind).getlength(element.text) / 10, SIZES[kind]
    x, y = float(element.get("x")), float(element.get("y"))
    left = x - width * {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor")]
    return left, y - 0.75 * size, left + width, y + 0.2 * size


def holds(shape: ElementTree.Element, x: float, y: float) -> bool:
    """Whether a filled shape covers a place (a polygon: its bounds)."""
    if shape.tag == NAMESPACE + "rect":
        left, top, width, height = (float(shape.get(name)) for name in ("x", "y", "width", "height"))
        return left <= x <= left + width and top <= y <= top + height
    if shape.tag == NAMESPACE + "circle":
        radius = float(shape.get("r"))
        return (x - float(shape.get("cx"))) ** 2 + (y - float(shape.get("cy"))) ** 2 <= radius**2
    corners = [tuple(map(float, pair.split(","))) for pair in shape.get("points").split()]
    xs, ys = zip(*corners, strict=True)
    return min(xs) <= x <= max(xs) and min(ys) <= y <= max(ys)


def words_in(drawing: Drawing) -> list[Words]:
    """All words, each on the last filled shape that was drawn below its middle."""
    found, below = [], []
    for element in root_of(drawing).iter():
        if element.tag == NAMESPACE + "text":
            room = room_of(element)
            x, y = (room[0] + room[2]) / 2, (room[1] + room[3]) / 2
            ground = next(colour_of(shape, "fill") for shape in reversed(below) if holds(shape, x, y))
            found.append(Words(element.text, room, colour_of(element, "fill"), ground))
        elif element.tag in SHAPES and colour_of(element, "fill"):
            below.append(element)
    return found


def overlap(a: Room, b: Room) -> bool:
    """Whether two rooms share more than a hair's breadth."""
    return min(a[2], b[2]) - max(a[0], b[0]) > 0.5 and min(a[3], b[3]) - max(a[1], b[1]) > 0.5


def overlapping(drawing: Drawing) -> list[tuple[str, str]]:
    """Pairs of words that cover each other."""
    words = words_in(drawing)
    return [(a.said, b.said) for k, a in enumerate(words) for b in words[:k] if overlap(a.room, b.room)]


def luminance(colour: str) -> float:
    """Relative luminance of a hex colour, as WCAG 2 defines it."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(name: str, other: str, theme: int) -> float:
    """WCAG contrast of two of the drawings' colours in the light theme (0) or the dark one (1)."""
    bright, dark = sorted((luminance(COLOURS[one][theme]) for one in (name, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def too_pale(drawing: Drawing) -> list[tuple[str, int, float]]:
    """Words whose contrast with what is below them is less than WCAG asks for, with the theme."""
    return [
        (words.said, theme, round(contrast(words.colour, words.ground, theme), 2))
        for words in words_in(drawing)
        for theme in (0, 1)
        if contrast(words.colour, words.ground, theme) < 4.5
    ]


def outside(drawing: Drawing) -> list[str]:
    """Words that don't fit into the picture."""
    return [
        words.said
        for words in words_in(drawing)
        if not (words.room[0] >= 0 and words.room[1] >= 0)
        or not (words.room[2] <= drawing.width and words.room[3] <= drawing.height)
    ]
