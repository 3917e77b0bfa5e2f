"""The hand as a solid of rounded cones and ellipsoids: a signed distance field in mm, negative inside.

Primitives are joined by a smooth minimum, which rounds the seam over ``k`` millimetres. Fingers are joined
with each other by a plain minimum, so that they never grow together.
"""

from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np

from open_hand.design import DORSAL, FINGERS, HAND, METACARPALS, Digit, frame

CHUNK = 400_000


def smooth_min(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """Union of two solids with a rounded seam."""
    h = np.maximum(k - np.abs(a - b), 0) / k
    return np.minimum(a, b) - h * h * k / 4


def smooth_max(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """Intersection of two solids with a rounded edge."""
    return -smooth_min(-a, -b, k)


def ellipsoid(points: np.ndarray, centre, radii, axes: np.ndarray | None = None) -> np.ndarray:
    """Approximate distance to an ellipsoid whose axes are the columns of ``axes``."""
    q = points - np.asarray(centre)
    if axes is not None:
        q = q @ axes
    radii = np.asarray(radii)
    k0 = np.linalg.norm(q / radii, axis=1)
    k1 = np.linalg.norm(q / radii**2, axis=1)
    return k0 * (k0 - 1) / np.maximum(k1, 1e-9)


def rounded_cone(points: np.ndarray, a, b, radius_a: float, radius_b: float) -> np.ndarray:
    """Exact distance to the convex hull of two spheres."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    axis = b - a
    length = np.linalg.norm(axis)
    sine = (radius_a - radius_b) / length
    cosine = np.sqrt(1 - sine * sine)
    q = points - a
    along = q @ (axis / length)
    across = np.sqrt(np.maximum((q * q).sum(1) - along * along, 0))
    # Follow the cone's normal to the axis. If it ends beyond the axis, the nearer sphere counts.
    foot = along - across * sine / cosine
    mantle = across * cosine + along * sine - radius_a
    at_a = np.hypot(along, across) - radius_a
    at_b = np.hypot(along - length, across) - radius_b
    return np.where(foot < 0, at_a, np.where(foot > length, at_b, mantle))


@dataclass(frozen=True)
class Bump:
    """An ellipsoid on a phalanx. ``along`` and the first radius are in its lengths, all else in its radii."""

    along: float
    height: float
    radii: tuple[float, float, float]
    blend: float


@dataclass(frozen=True)
class Phalanx:
    """The shape of a phalanx: thickness over width, girth at mid-shaft, pad, knuckle, nail bed height."""

    flatness: float
    waist: float
    pad: Bump
    knuckle: bool = False
    nail: float | None = None


FINGER_PHALANGES = (
    Phalanx(0.94, 0.985, Bump(0.55, -0.38, (0.36, 0.80, 0.78), 5)),
    Phalanx(0.93, 0.98, Bump(0.50, -0.34, (0.40, 0.80, 0.78), 4), knuckle=True),
    Phalanx(0.88, 1.0, Bump(0.55, -0.22, (0.62, 0.92, 0.88), 4), knuckle=True, nail=0.80),
)
THUMB_PHALANGES = (
    Phalanx(0.92, 0.92, Bump(0.50, -0.30, (0.40, 0.75, 0.75), 4)),
    Phalanx(0.80, 1.04, Bump(0.60, -0.20, (0.62, 0.98, 0.95), 4), knuckle=True, nail=0.86),
)


def _phalanx(points: np.ndarray, digit: Digit, k: int, style: Phalanx) -> np.ndarray:
    """Phalanx ``k``: two cones that meet at mid-shaft, a palmar pad, a knuckle, a flattened nail bed."""
    near, far = digit.radii[k], digit.radii[k + 1]
    length = digit.lengths[k] - (far if k == 2 else 0)
    q = (points - digit.joint(k)) @ digit.bone_frame(k) / np.array([1, 1, style.flatness])
    middle = style.waist * (near + far) / 2
    solid = smooth_min(
        rounded_cone(q, (0, 0, 0), (length / 2, 0, 0), near, middle),
        rounded_cone(q, (length / 2, 0, 0), (length, 0, 0), middle, far),
        3.0,
    )
    pad = style.pad
    pad_radii = np.array(pad.radii) * (length, near, near)
    solid = smooth_min(solid, ellipsoid(q, (length * pad.along, 0, near * pad.height), pad_radii), pad.blend)
    if style.knuckle:
        solid = smooth_min(
            solid, ellipsoid(q, (-0.5, 0, 0.23 * near), near * np.array([0.95, 0.96, 0.88])), 4.0
        )
    if style.nail is not None:
        above = q[:, 2] - far * style.nail + 0.1 * (q[:, 0] - 0.62 * length)
        onset = np.clip((q[:, 0] - 0.28 * length) / 6, 0, 1)
        solid = smooth_max(solid, above * onset - (1 - onset) * 6, 2.0)
    return solid


def _flexion_groove(points: np.ndarray, digit: Digit, k: int) -> np.ndarray:
    """Distance to a thin cylinder across the palmar side of joint ``k``."""
    q = (points - digit.joint(k)) @ digit.bone_frame(k)
    return np.hypot(q[:, 0], q[:, 2] + 1.02 * digit.radii[k]) - 1.1


def finger(points: np.ndarray, name: str) -> np.ndarray:
    """One of the four fingers from its knuckle to its tip."""
    digit = HAND[name]
    parts = [_phalanx(points, digit, k, style) for k, style in enumerate(FINGER_PHALANGES)]
    solid = reduce(lambda a, b: smooth_min(a, b, 3.0), parts)
    for k in (1, 2):
        solid = smooth_max(solid, -_flexion_groove(points, digit, k), 2.2)
    return solid


def thumb(points: np.ndarray) -> np.ndarray:
    """The thumb's two phalanges; its metacarpal is part of the palm."""
    parts = [
        _phalanx(points, HAND["thumb"], k, style) for k, style in zip((1, 2), THUMB_PHALANGES, strict=True)
    ]
    return smooth_min(*parts, 4.0)


def _metacarpus(points: np.ndarray) -> np.ndarray:
    """Four metacarpal cones with the pads below and the knuckles above their heads."""
    cones = []
    for name, (base, near, far) in METACARPALS.items():
        q = points.copy()
        q[:, 2] = (q[:, 2] - base[2]) / 0.96 + base[2]
        cones.append(rounded_cone(q, base, HAND[name].base - 2.5 * DORSAL, near, far))
    solid = reduce(lambda a, b: smooth_min(a, b, 10.0), cones)
    for name in FINGERS:
        head = HAND[name].base
        along = HAND[name].directions[0] * (1, 1, 0)
        solid = smooth_min(solid, ellipsoid(points, head + 3 * along - 6.5 * DORSAL, (13.0, 9.5, 6.5)), 8.0)
        solid = smooth_min(solid, ellipsoid(points, head + np.array([-1.0, 0, 2.4]), (10.0, 7.4, 8.0)), 7.0)
    return solid


def _thenar(points: np.ndarray) -> np.ndarray:
    """The ball of the thumb around its metacarpal."""
    digit = HAND["thumb"]
    base, head = digit.joint(0), digit.joint(1)
    bone = rounded_cone(points, base + np.array([0, -1.0, 0]), head, 14.0, digit.radii[1])
    centre = 0.52 * base + 0.48 * head + np.array([2.0, -7.5, -6.5])
    return smooth_min(bone, ellipsoid(points, centre, (27.0, 15.0, 12.5), digit.bone_frame(0)), 8.0)


def _thumb_web(points: np.ndarray) -> np.ndarray:
    """The skin between thumb and index finger."""
    base, head = HAND["thumb"].joint(0), HAND["thumb"].joint(1)
    knuckle = HAND["index"].base
    offsets = np.array([(-6.0, -5, 1), (-14.0, 3, -4), (4.0, -2, 2), (-30.0, 0, -3)])
    edge = rounded_cone(points, head + offsets[0], knuckle + offsets[1], 6.5, 7.5)
    inner = rounded_cone(points, (base + head) / 2 + offsets[2], knuckle + offsets[3], 9.0, 9.0)
    return smooth_min(edge, inner, 10.0)


def _with_finger_webs(points: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """Adds the skin between neighbouring fingers, up to two fifths of the first phalanx."""
    for name, other in pairwise(FINGERS):
        for share, depth, radius in ((0.40, 3.5, 4.6), (0.15, 3.0, 7.5)):
            ends = [
                HAND[f].base + HAND[f].directions[0] * HAND[f].lengths[0] * share - depth * DORSAL
                for f in (name, other)
            ]
            solid = smooth_min(solid, rounded_cone(points, *ends, radius, radius), 6.0)
    return solid


def palm(points: np.ndarray) -> np.ndarray:
    """The palm: everything between wrist and fingers."""
    solid = smooth_min(_metacarpus(points), _thenar(points), 12.0)
    hypothenar = ellipsoid(
        points, (40.0, -27, -8), (33.0, 13.5, 12.5), frame(np.array([1, -0.28, 0]), DORSAL)
    )
    solid = smooth_min(solid, hypothenar, 10.0)
    solid = smooth_min(solid, _thumb_web(points), 14.0)
    solid = _with_finger_webs(points, solid)
    hollow = ellipsoid(points, (58.0, 0, -27), (24.0, 15.0, 12.5), frame(np.array([1, 0.15, 0]), DORSAL))
    solid = smooth_max(solid, -hollow, 14.0)
    flattened = (points + 3 * DORSAL) / (1, 1.42, 1)
    return smooth_min(solid, rounded_cone(flattened, (-40.0, 0, 0), (14.0, 0, 0), 20.2, 18.0), 16.0)


def _hand(points: np.ndarray) -> np.ndarray:
    fingers = reduce(np.minimum, [finger(points, name) for name in FINGERS])
    return smooth_min(smooth_min(palm(points), fingers, 5.0), thumb(points), 9.0)


def signed_distance(points: np.ndarray) -> np.ndarray:
    """Signed distance (n,) of points (n, 3) to the hand's skin; the forearm continues past the wrist."""
    return np.concatenate([_hand(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)])


def gradient(points: np.ndarray, step: float) -> np.ndarray:
    """Central differences of the field; outward and nearly of unit length."""
    return np.stack(
        [
            (signed_distance(points + step * e) - signed_distance(points - step * e)) / (2 * step)
            for e in np.eye(3)
        ],
        axis=1,
    )
