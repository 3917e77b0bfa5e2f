"""Small pictures that drawings in SVG are made of: hands, feature maps."""

from functools import cache

import numpy as np
from jaxtyping import Float

from handlib.hand.hand import Hand
from handlib.hand.skeleton import BONES, FINGERS, SIDES, Side, joint_index
from handlib.show.core.hands_drawing import upright
from handlib.show.core.svg import box, disc, line, polygon

PALM = [joint_index("wrist"), *(joint_index(f"{finger}1") for finger in FINGERS)]
HEIGHT = 0.19
"""Metres from the wrist of the open hand to the tip of its middle finger."""


@cache
def standing(side: Side) -> Float[np.ndarray, "21 3"]:
    """The joints of the open hand, fingers up, its back to the viewer (x right, y down, z away; metres)."""
    return Hand.open(side)().joints.double().numpy() @ upright(side, "back").T


def place_hand(
    side: Side, wrist: tuple[float, float], height: float, lean: float = 0.0
) -> Float[np.ndarray, "21 2"]:
    """Where the open hand's joints are drawn: ``height`` from wrist to tip, turned by ``lean`` radians."""
    turn = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    return standing(side)[:, :2] @ turn * (height / HEIGHT) + wrist


def hand_shape(points: Float[np.ndarray, "21 2"], colour: str, thick: float) -> str:
    """A hand as a mitten with fingers: its palm and its bones, ``thick`` wide."""
    palm = polygon(points[PALM], colour, colour, thick)
    return palm + "".join(line(points[list(bone)], colour, thick) for bone in BONES)


def hand_graph(points: Float[np.ndarray, "21 2"], colour: str, radius: float) -> str:
    """A hand as a graph: joints and the bones between them."""
    bones = "".join(line(points[list(bone)], colour, radius / 2) for bone in BONES)
    return bones + "".join(disc(x, y, radius, colour) for x, y in points)


def two_hands(x: float, y: float, side: float, apart: float = 0.18) -> list[Float[np.ndarray, "21 2"]]:
    """The joints of a left and a right hand in a square with that upper left corner.

    The wrists are ``apart`` from the square's middle, in sides.
    """
    return [
        place_hand(hand, (x + side * (0.5 + shift), y + 0.9 * side), 0.76 * side, lean)
        for hand, shift, lean in zip(SIDES, (-apart, apart), (-0.06, 0.06), strict=True)
    ]


def grid(x: float, y: float, side: float, cells: int, fill: str, edge: str) -> str:
    """A square map of so many cells along a side."""
    step, parts = side / cells, [box(x, y, side, side, fill, edge, radius=0.0)]
    for k in range(1, cells):
        parts.append(line([(x + k * step, y), (x + k * step, y + side)], edge, 0.6))
        parts.append(line([(x, y + k * step), (x + side, y + k * step)], edge, 0.6))
    return "".join(parts)


def cuboid(x: float, bottom: float, side: float, depth: float) -> str:
    """A feature map: ``side`` is its size, ``depth`` its channels; ``x`` is the middle of the whole."""
    left, top, up = x - (side + depth) / 2, bottom - side, depth / 2
    roof = [(left, top), (left + depth, top - up), (left + depth + side, top - up), (left + side, top)]
    wall = [roof[3], roof[2], (roof[2][0], roof[2][1] + side), (left + side, bottom)]
    faces = "".join(polygon(corners, "map-lane", "map-edge") for corners in (roof, wall))
    return faces + box(left, top, side, side, "paper", "map-edge", radius=0.0)
