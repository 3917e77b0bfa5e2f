"""The painted skin: colour, fine normals and gloss, baked from the solid onto 45 points of every face.

The lattice cuts each face's edges into 8: point (i, j), i in 0..8 and j in 0..8-i (j fastest), has the
barycentric weights (i/8, j/8, 1-(i+j)/8) for the face's vertices 0, 1, 2.
"""

import numpy as np

from open_hand.design import DESIGN_TO_MANO
from open_hand.field import gradient, signed_distance
from open_hand.marks import Marks, marks_at, value_noise

SUBDIVISIONS = 8
SKIN = (0.82, 0.625, 0.53)
NORMAL_STEP, DETAIL_STEP = 0.9, 0.5


def lattice_weights() -> np.ndarray:
    """Barycentric weights (45, 3) of the lattice's points."""
    n = SUBDIVISIONS
    return np.array([(i / n, j / n, 1 - (i + j) / n) for i in range(n + 1) for j in range(n + 1 - i)])


def lattice_on_skin(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Points (1538 * 45, 3) of the fine solid's skin that belong to the lattice on the coarse faces."""
    points = np.einsum("kb,fbc->fkc", lattice_weights(), vertices[faces]).reshape(-1, 3)
    for _ in range(3):
        slope = gradient(points, 0.05)
        step = np.clip(signed_distance(points), -2, 2) / np.maximum((slope**2).sum(1), 0.2)
        points = points - step[:, None] * slope
    return points


def detail_normals(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Normals tilted by the slope of the marks' relief along the skin."""
    facing = normals[:, 2]
    slope = np.stack(
        [
            (
                marks_at(points + DETAIL_STEP * e, facing).relief
                - marks_at(points - DETAIL_STEP * e, facing).relief
            )
            / (2 * DETAIL_STEP)
            for e in np.eye(3)
        ],
        axis=1,
    )
    tilted = normals - slope + (slope * normals).sum(1, keepdims=True) * normals
    return tilted / np.linalg.norm(tilted, axis=1, keepdims=True)


def skin_colour(points: np.ndarray, marks: Marks) -> np.ndarray:
    """Returns sRGB (n, 3) in 0..1: layers of colour on top of each other."""
    mottled = 0.06 * value_noise(points, 9.0, 1) + 0.045 * value_noise(points, 3.0, 2)
    colour = np.array(SKIN) * (1 + mottled[:, None] * np.array([0.6, 1.0, 1.0]))
    blotches = np.clip(value_noise(points, 12.0, 5), 0, 1) * marks.palmar
    layers = (
        ((0.88, 0.68, 0.60), 0.75 * marks.palmar),
        ((0.87, 0.58, 0.52), 0.55 * marks.pulp),
        ((0.76, 0.51, 0.44), 0.32 * marks.knuckle),
        ((0.89, 0.60, 0.54), 0.6 * blotches),
        ((0.62, 0.56, 0.54), 0.16 * marks.vein),
        ((0.55, 0.34, 0.28), 0.42 * marks.line),
        ((0.66, 0.42, 0.36), 0.5 * marks.nail_rim),
        ((0.90, 0.70, 0.64), 0.9 * marks.nail),
        ((0.95, 0.85, 0.80), 0.6 * marks.moon),
        ((0.96, 0.91, 0.86), 0.75 * marks.nail_edge),
    )
    for tint, cover in layers:
        colour = colour * (1 - cover[:, None]) + np.array(tint) * cover[:, None]
    return np.clip(colour, 0, 1)


def bake_skin(vertices: np.ndarray, faces: np.ndarray) -> dict[str, np.ndarray]:
    """``albedo`` u1 (1538, 45, 3), ``normal`` i1 (1538, 45, 3), ``gloss`` u1 (1538, 45).

    Colours are sRGB, normals unit vectors of the MANO frame times 127, gloss runs from 0 to 255.
    """
    points = lattice_on_skin(vertices, faces)
    normals = gradient(points, NORMAL_STEP)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    marks = marks_at(points, normals[:, 2])
    shape = (len(faces), len(lattice_weights()))
    normal = detail_normals(points, normals) @ DESIGN_TO_MANO.T
    gloss = 0.25 + 0.75 * marks.nail
    return {
        "albedo": np.round(skin_colour(points, marks) * 255).astype(np.uint8).reshape(*shape, 3),
        "normal": np.round(normal * 127).astype(np.int8).reshape(*shape, 3),
        "gloss": np.round(gloss * 255).astype(np.uint8).reshape(shape),
    }
