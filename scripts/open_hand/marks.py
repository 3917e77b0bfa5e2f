"""Marks on the skin: creases, wrinkles, nails, knuckles, tendons, veins; each is a mask from 0 to 1."""

from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline

from open_hand.design import DIGITS, FINGERS, HAND, distance_to_segment, smoothstep

# The palm's three main lines in the (u, v) plane, with their depth.
PALM_LINES = (
    (((78, 35), (72, 22), (60, 10), (44, 3.5), (28, 2), (12, 3)), 1.0),
    (((77, 34), (69, 15), (60, -8), (52, -27)), 0.75),
    (((61, -48), (71, -32), (79, -12), (88, 5), (97, 13)), 0.9),
)
# Origins of the tendons' fan (v at u = 14), and two veins on the back of the hand, one of which forks.
TENDON_ORIGINS = {"index": 9.0, "middle": 2.0, "ring": -5.0, "little": -12.0}
VEINS = (
    ((-10, -8), (12, -14), (34, -13), (52, -22), (70, -30)),
    ((34, -13), (54, -9), (74, -9)),
    ((-8, 12), (16, 10), (38, 14), (60, 13), (76, 13)),
)


@dataclass(frozen=True)
class Marks:
    """Masks (n,) on points of the skin; ``relief`` (mm) is the height of the marks above it."""

    palmar: np.ndarray
    line: np.ndarray
    knuckle: np.ndarray
    pulp: np.ndarray
    tendon: np.ndarray
    vein: np.ndarray
    nail: np.ndarray
    nail_rim: np.ndarray
    nail_edge: np.ndarray
    moon: np.ndarray

    @property
    def relief(self) -> np.ndarray:
        return (
            -0.5 * self.line + 0.30 * self.nail - 0.35 * self.nail_rim + 0.55 * self.tendon + 0.25 * self.vein
        )


def value_noise(points: np.ndarray, scale: float, seed: int) -> np.ndarray:
    """A smooth random function (n,) of about unit size that varies over ``scale`` millimetres."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(size=(14, 3)) / scale
    phases = rng.uniform(0, 2 * np.pi, 14)
    return 1.6 * np.cos(points @ waves.T + phases).mean(1)


def _gauss(x: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-((x / width) ** 2))


def _curve_distance(points: np.ndarray, corners) -> np.ndarray:
    """Distance (n,) in the (u, v) plane to a smooth curve through ``corners``."""
    corners = np.asarray(corners, float)
    curve = CubicSpline(np.arange(len(corners)), corners)(np.linspace(0, len(corners) - 1, 24))
    pieces = [distance_to_segment(points[:, :2], a, b) for a, b in pairwise(curve)]
    return np.min(pieces, axis=0)


def _palm_lines(points: np.ndarray, palmar: np.ndarray) -> np.ndarray:
    lines = [depth * _gauss(_curve_distance(points, corners), 1.25) for corners, depth in PALM_LINES]
    return np.max(lines, axis=0) * palmar * (points[:, 2] < 5)


def _finger_creases(points: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Lines and knuckle redness of one finger: palmar folds, dorsal wrinkles over both joints."""
    digit = HAND[name]
    q = (points - digit.base) @ digit.bone_frame(0)
    x, y, z = q.T
    first, second = digit.lengths[0], digit.lengths[0] + digit.lengths[1]
    line, knuckle = np.zeros(len(points)), np.zeros(len(points))
    folds = ((0.47 * first, 0.8), (first - 1.3, 0.8), (first + 1.3, 0.6), (second, 0.9))
    for place, depth in folds:
        radius = digit.radii[0] if place < 0.8 * first else digit.radii[1]
        mine = (np.abs(y) < 1.25 * radius) & (np.abs(z) < 1.6 * radius)
        line = np.maximum(
            line, 0.9 * depth * mine * _gauss(x - place, 0.85) * smoothstep(-z / radius, -0.1, 0.35)
        )
    for place, spacing, radius in ((first, 3.0, digit.radii[1]), (second, 1.9, digit.radii[2])):
        mine = (np.abs(y) < 1.25 * radius) & (np.abs(z) < 1.6 * radius)
        knuckle = np.maximum(
            knuckle, mine * _gauss(x - place, 0.8 * radius) * smoothstep(z / radius, 0.2, 0.8)
        )
        for offset in (-spacing, 0.0, spacing):
            bow = 0.06 * y * y / radius * np.sign(offset)
            wrinkle = _gauss(x - place - offset + bow, 0.55) * smoothstep(z / radius, 0.35, 0.7)
            line = np.maximum(line, 0.26 * mine * wrinkle * (np.abs(y) < 0.75 * radius))
    return line, knuckle


def _thumb_creases(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lines and redness around the thumb's end joint."""
    digit = HAND["thumb"]
    radius = digit.radii[2]
    q = (points - digit.joint(2)) @ digit.bone_frame(2)
    x, y, z = q.T
    mine = np.hypot(y, z) < 1.6 * radius
    line = 0.9 * mine * _gauss(x, 0.8) * smoothstep(-z / radius, -0.1, 0.4)
    for offset in (-2.2, 0.0, 2.2):
        wrinkle = _gauss(x - offset, 0.55) * smoothstep(z / radius, 0.35, 0.7)
        line = np.maximum(line, 0.4 * mine * wrinkle * (np.abs(y) < 0.75 * radius))
    return line, mine * _gauss(x, 8) * smoothstep(z / radius, 0.2, 0.8)


def _fingertip(points: np.ndarray, name: str) -> dict[str, np.ndarray]:
    """Nail, its rim, white edge and moon, and the reddish pulp of one digit."""
    digit = HAND[name]
    radius, length = digit.radii[3], digit.lengths[2]
    x, y, z = ((points - digit.joint(2)) @ digit.bone_frame(2)).T
    across = np.hypot(y, z)
    dorsal = (
        (np.abs(y) < 1.6 * radius) & (x > 0) & (x < length + 2) & (z > -0.1 * radius) & (z < 1.6 * radius)
    )
    start, end, half_width, corner = 0.47 * length, length - 1.2, 0.80 * radius, 0.42 * radius
    # Signed distance to a rounded rectangle around the nail.
    dx = np.abs(x - (start + end) / 2) - (end - start) / 2 + corner
    dy = np.abs(y) - half_width + corner
    outside = np.minimum(np.maximum(dx, dy), 0) + np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) - corner
    moon = 0.42 * radius - np.hypot(x - start - 0.6, 0.75 * y)
    tip = (across < 2.2 * radius) & (x < length + 4)
    return {
        "nail": dorsal * smoothstep(-outside, -0.35, 0.35),
        "nail_rim": dorsal * _gauss(outside - 0.35, 0.55) * (x < end - 0.5),
        "nail_edge": dorsal * smoothstep(x, end - 1.6, end - 0.9) * (outside < 0),
        "moon": dorsal * smoothstep(moon, -0.3, 0.5) * (outside < 0),
        "pulp": tip * smoothstep(x / length, 0.3, 0.8) * smoothstep(-z / radius, -0.2, 0.5),
    }


def marks_at(points: np.ndarray, facing: np.ndarray) -> Marks:
    """All masks at points (n, 3); ``facing`` (n,) is the skin normal's component out of the hand's back."""
    masks = {field.name: np.zeros(len(points)) for field in fields(Marks)}

    def add(name: str, mask: np.ndarray) -> None:
        masks[name] = np.maximum(masks[name], mask)

    add("palmar", smoothstep(-facing, 0.05, 0.45))
    add("line", _palm_lines(points, masks["palmar"]))
    back = smoothstep(facing, 0.4, 0.8)
    for name in FINGERS:
        line, knuckle = _finger_creases(points, name)
        add("line", line)
        add("knuckle", knuckle)
        base = HAND[name].base
        head = np.exp(-((points - base - (-1, 0, 8)) ** 2).sum(1) / 90)
        add("knuckle", 0.8 * head * smoothstep(facing, 0.3, 0.7))
        cord = distance_to_segment(points[:, :2], np.array([14.0, TENDON_ORIGINS[name]]), base[:2])
        reach = smoothstep(points[:, 0], 20, 45) * (points[:, 0] < 95)
        add("tendon", _gauss(cord, 2.6) * back * reach)
    line, knuckle = _thumb_creases(points)
    add("line", line)
    add("knuckle", knuckle)
    for corners in VEINS:
        add("vein", _gauss(_curve_distance(points, corners), 2.0) * back)
    for name in DIGITS:
        for mark, mask in _fingertip(points, name).items():
            add(mark, mask)
    return Marks(**masks)
