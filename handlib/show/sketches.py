"""Small drawings of the geometry: a weak-perspective camera, a joint read from a map, a bone on its plane."""

import math

import numpy as np
import torch
from jaxtyping import Float

from handlib.geometry.camera import project_weak_perspective, uv_to_pixels
from handlib.hand.skeleton import BONES, FINGERS, NUM_JOINTS, joint_index
from handlib.model.projection import bone_masks
from handlib.model.sampling import sample_joints
from handlib.show.core.glyphs import grid, hand_graph, standing
from handlib.show.core.svg import HEAD, Drawing, Point, arrow, box, disc, line, polygon, text
from handlib.utils.arguments import check_between, check_choice

HAND, PLANE, PICTURE = (104.0, 138.0), (308.0, 138.0), (604.0, 138.0)
"""Where the camera's drawing has its hand, the hand's plane and the picture."""
TURN = -0.6
"""Radians by which the hand of the camera's drawing is turned, so that its fingers differ in depth."""
FINGERTIP = joint_index("index4")
CELL, EDGE = 38.0, 30.0
"""Of a map's drawing: the side of a cell, and where the map begins."""
ENLARGED = 120.0
"""The side of the square between four centres where it is drawn enlarged."""
CORNERS = {(0, 0): "first", (1, 0): "second", (0, 1): "arrow", (1, 1): "map-edge"}
"""The colours of four centres, by their steps to the right and down from the upper left one."""
TIPS = [joint_index(f"{finger}4") for finger in FINGERS]


def decimals(value: float, places: int = 2) -> str:
    """A number with so many decimals and a minus sign as wide as a plus."""
    return f"{value + 0.0:.{places}f}".replace("-", "−")


def from_the_side(points: Float[np.ndarray, "n 3"], origin: Point, size: float) -> Float[np.ndarray, "n 2"]:
    """Where points of the camera's frame are drawn by somebody who stands beside the camera.

    z, which leads away from the camera, points to the left, x into the distance, y down. ``size`` is the
    length of a unit.
    """
    x, y, z = points.T * size
    return np.stack((0.72 * x - z, y - 0.24 * x), axis=1) + origin


def square(half: float, origin: Point, size: float, fill: str, edge: str) -> str:
    """A square around the camera's axis, seen from the side."""
    corners = half * np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)])
    return polygon(from_the_side(corners, origin, size), fill, edge)


def draw_weak_perspective(scale: float = 7.0, shift: Point = (-0.35, 0.6)) -> Drawing:
    """Draws what a weak-perspective camera does: depth is dropped, what is left is scaled and shifted.

    ``scale`` is uv per metre, ``shift`` the wrist's place in uv.
    """
    turn = np.array([[np.cos(TURN), 0, -np.sin(TURN)], [0, 1, 0], [np.sin(TURN), 0, np.cos(TURN)]])
    joints = standing("right") @ turn.T
    camera = torch.tensor([scale, *shift], dtype=torch.float64)
    uv = project_weak_perspective(torch.from_numpy(joints), camera).numpy()
    flat, in_picture = joints * (1, 1, 0), np.column_stack((uv, np.zeros(len(uv))))
    metre, unit, lift = 850.0, 92.0, np.array((0, 0.09, 0))
    hand = from_the_side(joints + lift, HAND, metre)
    on_plane = from_the_side(flat + lift, PLANE, metre)
    seen = from_the_side(in_picture, PICTURE, unit)

    parts = [square(0.125, PLANE, metre, "joint-lane", "joint-edge")]
    parts.append(square(1.0, PICTURE, unit, "map-lane", "map-edge"))
    for k in (0, *TIPS):
        colour, thick = ("here-ink", 1.6) if k == FINGERTIP else ("arrow", 1.0)
        parts.append(line([tuple(hand[k]), tuple(on_plane[k])], colour, thick, dashed=True))
        parts.append(line([tuple(on_plane[k]), tuple(seen[k])], colour, thick, dashed=True))
    parts.append(hand_graph(on_plane, "joint-edge", 2.6))
    parts.append(hand_graph(hand, "right", 3.0) + hand_graph(seen, "right", 2.4))
    parts += [disc(x, y, 4.0, "here") for x, y in (hand[FINGERTIP], on_plane[FINGERTIP], seen[FINGERTIP])]
    parts.append(disc(*PICTURE, 3.0, "here-ink"))
    if math.dist(PICTURE, seen[0]) > HEAD:
        parts.append(arrow([PICTURE, tuple(seen[0])], "here-ink", 2.0))
    parts.append(text(PICTURE[0] + 3, PICTURE[1] + 30, "t", "name", anchor="start"))
    numbers = f"s = {scale:g}, t = ({shift[0]:g}, {shift[1]:g})".replace("-", "−")
    parts.append(text(196.0, 34.0, "drop z", "label", "muted"))
    parts.append(text(461.0, 16.0, "times s, plus t", "label", "muted"))
    parts.append(text(461.0, 34.0, numbers, "sub", "muted"))
    x, y, z = (decimals(metres, 3) for metres in joints[FINGERTIP])
    columns = (
        (HAND[0], "hand, metres", f"x {x}, y {y}, z {z}"),
        (PLANE[0], "its plane", f"x {x}, y {y}"),
        (PICTURE[0], "picture", f"u {decimals(uv[FINGERTIP, 0])}, v {decimals(uv[FINGERTIP, 1])}"),
    )
    for middle, said, numbers in columns:
        parts.append(text(middle, 276.0, said, "name") + text(middle, 296.0, numbers, "sub", "here-ink"))
    words = "Depth is dropped; the flat hand that is left is scaled by s and shifted by t into the picture."
    return Drawing("A weak-perspective camera", words, "".join(parts), 700.0, 310.0)


def draw_bilinear_sampling(uv: Point = (-0.18, 0.31), size: int = 8) -> Drawing:
    """Draws how a place in uv reads a map of size x size cells: from four, by the areas opposite to them.

    The square between the four centres is also drawn enlarged, cut at the place; each rectangle has the
    colour of the centre that is opposite to it.

    Raises:
        InputError: the place isn't between the centres of four cells.
    """
    inside = 1 - 1 / size
    for name, value in zip("uv", uv, strict=True):
        check_between(name, value, -inside, inside)
    one_hot = torch.eye(size * size, dtype=torch.float64).reshape(1, size * size, size, size)
    weights = sample_joints(one_hot, torch.tensor([[uv]], dtype=torch.float64))[0, 0].numpy()
    read = {(k % size, k // size): float(weights[k]) for k in map(int, np.flatnonzero(weights))}
    first = (min(min(read)[0], size - 2), min(min(read)[1], size - 2))
    colours = {cell: CORNERS[cell[0] - first[0], cell[1] - first[1]] for cell in read}
    point = on_map(uv, size)

    parts = [numbered_grid(size)]
    parts += [box(*on_cell(cell), CELL, CELL, "map", "map-edge", radius=0.0) for cell in read]
    parts += [disc(*centre_of(cell), 2.0, "arrow") for cell in np.ndindex(size, size) if cell not in read]
    parts.append(box(*centre_of(first), CELL, CELL, line="ink", radius=0.0))
    parts += [disc(*centre_of(cell), 4.5, colour, "ink") for cell, colour in colours.items()]
    parts.append(disc(*point, 4.5, "here", "paper"))

    x, y = EDGE + size * CELL + 36, EDGE + size * CELL / 2 - 110
    parts.append(text(x, y - 26, f"u {decimals(uv[0])}, v {decimals(uv[1])} reads", "name", anchor="start"))
    corner, scale = centre_of(first), ENLARGED / CELL
    a, b = ((at - start) * scale for at, start in zip(point, corner, strict=True))
    for (column, row), colour in colours.items():
        left, width = (a, ENLARGED - a) if column == first[0] else (0.0, a)
        top, height = (b, ENLARGED - b) if row == first[1] else (0.0, b)
        parts.append(box(x + 13 + left, y + top, width, height, colour, radius=0.0))
    parts.append(box(x + 13, y, ENLARGED, ENLARGED, line="ink", radius=0.0))
    parts.append(line([(x + 13 + a, y), (x + 13 + a, y + ENLARGED)], "ink", 1.2))
    parts.append(line([(x + 13, y + b), (x + 13 + ENLARGED, y + b)], "ink", 1.2))
    for (column, row), colour in colours.items():
        away = (column - first[0]) * ENLARGED, (row - first[1]) * ENLARGED
        parts.append(disc(x + 13 + away[0], y + away[1], 8.0, colour, "ink"))
    parts.append(disc(x + 13 + a, y + b, 6.0, "here", "paper"))
    y += ENLARGED + 36
    for (column, row), weight in read.items():
        parts.append(disc(x + 13, y - 5, 8.0, colours[column, row], "ink"))
        parts.append(text(x + 36, y, f"{decimals(weight)} of column {column}, row {row}", anchor="start"))
        y += 25
    parts.append(text(x, y + 4, "The weights sum to 1, as the areas do.", "sub", "muted", "start"))
    words = (
        "A place cuts the square between the centres of four cells into four rectangles; "
        "a centre's weight is the area of the rectangle opposite to it."
    )
    return Drawing("Bilinear sampling", words, "".join(parts), 660.0, EDGE + size * CELL + 20)


def draw_bone_plane(
    ends: tuple[Point, Point] = ((-0.62, 0.5), (0.55, -0.4)),
    size: int = 8,
    half_width: float = 0.25,
    pixel: tuple[int, int] = (5, 3),
) -> Drawing:
    """Draws one bone as a plane on a map of size x size pixels: what each shows of the bone's two end joints.

    ``ends`` and ``half_width`` are in uv; ``pixel`` (column, row) is the one whose distances are shown.

    Raises:
        InputError: the pixel isn't one of the bone's.
    """
    uv = torch.zeros(1, 1, NUM_JOINTS, 2, dtype=torch.float64)
    bone = len(BONES) - 1
    uv[0, 0, list(BONES[bone])] = torch.tensor(ends, dtype=torch.float64)
    shares = bone_masks(uv, size, half_width)[0, 0, bone].numpy()
    drawn = [(int(column), int(row)) for row, column in np.argwhere(shares.sum(0) > 0)]
    check_choice("pixel", pixel, drawn)
    a, b = (on_map(end, size) for end in ends)

    parts = [numbered_grid(size)]
    for column, row in drawn:
        square = [box(*on_cell((column, row)), CELL, CELL, fill, radius=0.0) for fill in ("first", "second")]
        parts.append(f'{square[0]}<g opacity="{shares[1, row, column]:.3f}">{square[1]}</g>')
    parts.append(line([a, b], "ink", 1.2) + capsule(a, b, half_width / 2 * size * CELL))
    chosen = centre_of(pixel)
    parts += [line([chosen, end], "here-ink", 1.8, dashed=True) for end in (a, b)]
    for cell in np.ndindex(size, size):
        parts.append(disc(*centre_of(cell), *((2.6, "ink") if cell in drawn else (1.8, "arrow"))))
    for end, name, fill in ((a, "a", "first"), (b, "b", "second")):
        parts.append(disc(*end, 11.0, fill, "ink") + text(end[0], end[1] + 5, name, "name"))
    parts.append(disc(*chosen, 5.0, "here", "paper"))

    column, row = pixel
    of_a, of_b = shares[:, row, column]
    d_a, d_b = (math.dist(chosen, end) / CELL for end in (a, b))
    x = EDGE + size * CELL + 36
    lines = (
        (96.0, "One bone, one plane", "name", "ink"),
        (124.0, f"Half width in pixels: {half_width / 2 * size:g}. Elsewhere 0.", "sub", "muted"),
        (166.0, f"Column {column}, row {row}", "name", "here-ink"),
        (192.0, f"{d_a:.1f} pixels from a, {d_b:.1f} from b", "label", "ink"),
        (220.0, f"1 − {d_a:.1f} / {d_a + d_b:.1f} = {decimals(of_a)} of a", "label", "ink"),
        (244.0, f"1 − {d_b:.1f} / {d_a + d_b:.1f} = {decimals(of_b)} of b", "label", "ink"),
    )
    parts += [text(x, y, said, kind, fill, "start") for y, said, kind, fill in lines]
    words = "Pixels near the bone blend the features of its end joints, the nearer one more; others are 0."
    return Drawing("A bone drawn on its plane", words, "".join(parts), 640.0, EDGE + size * CELL + 20)


def on_map(uv: Point, size: int) -> Point:
    """Where a place in uv is drawn on a map."""
    x, y = EDGE + uv_to_pixels(torch.tensor(uv, dtype=torch.float64), size) * CELL
    return float(x), float(y)


def on_cell(cell: tuple[int, int]) -> Point:
    """The upper left corner of a cell (column, row)."""
    return EDGE + cell[0] * CELL, EDGE + cell[1] * CELL


def centre_of(cell: tuple[int, int]) -> Point:
    """The centre of a cell (column, row)."""
    return EDGE + (cell[0] + 0.5) * CELL, EDGE + (cell[1] + 0.5) * CELL


def numbered_grid(size: int) -> str:
    """A map with the numbers of its columns and rows."""
    parts = [grid(EDGE, EDGE, size * CELL, size, "paper", "faint")]
    for k in range(size):
        middle = EDGE + (k + 0.5) * CELL
        parts.append(text(middle, EDGE - 9, str(k), "sub", "muted"))
        parts.append(text(EDGE - 9, middle + 5, str(k), "sub", "muted", "end"))
    return "".join(parts)


def capsule(a: Point, b: Point, reach: float) -> str:
    """The outline of all places nearer than ``reach`` to the line from a to b."""
    degrees = math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))
    size = math.dist(a, b) + 2 * reach, 2 * reach
    outline = box(a[0] - reach, a[1] - reach, *size, line="ink", radius=reach, thick=1.6)
    return f'<g transform="rotate({degrees:.2f} {a[0]:.1f} {a[1]:.1f})">{outline}</g>'
