"""Slow and plain geometry, written without the package's ray caster, to check it against."""

import numpy as np
from scipy.spatial import cKDTree


def lattice(cells: int) -> np.ndarray:
    """Barycentric weights of a triangular lattice."""
    return np.array(
        [(i, j, cells - i - j) for i in range(cells + 1) for j in range(cells + 1 - i)], dtype=float
    ) / float(cells)


def cover(vertices: np.ndarray, faces: np.ndarray, cells: int) -> np.ndarray:
    """Points all over a surface."""
    return np.einsum("kc,fcx->fkx", lattice(cells), vertices[faces].astype(float)).reshape(-1, 3)


def winding_number(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """How often a closed surface surrounds each point (van Oosterom and Strackee's solid angles)."""
    total = np.zeros(len(points))
    for start in range(0, len(points), 500):
        a, b, c = np.moveaxis(triangles[None] - points[start : start + 500, None, None], 2, 0)
        la, lb, lc = (np.linalg.norm(x, axis=-1) for x in (a, b, c))
        determinant = (a * np.cross(b, c)).sum(-1)
        rest = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
        total[start : start + 500] = np.arctan2(determinant, rest).sum(1) / (2 * np.pi)
    return total


def penetration(hand: np.ndarray, hand_faces: np.ndarray, arm: np.ndarray, arm_faces: np.ndarray) -> float:
    """How deep points of a hand lie inside a closed arm: their distance to its surface (to 4 mm)."""
    points, triangles = cover(hand, hand_faces, 3), arm[arm_faces].astype(float)
    points = points[((points > triangles.min((0, 1))) & (points < triangles.max((0, 1)))).all(1)]
    near, _ = cKDTree(cover(arm, arm_faces, 6)).query(points, distance_upper_bound=0.004)
    points, near = points[np.isfinite(near)], near[np.isfinite(near)]
    inside = np.abs(winding_number(points, triangles)) > 0.5
    return float(near[inside].max(initial=0))
