"""A mesh's normals at its vertices, the volume that it encloses, and its edges."""

import numpy as np
from jaxtyping import Float, Int


def vertex_normals(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "vertices 3"]:
    """Returns unit normals: each vertex's mean over its faces, weighted by area; zero without faces."""
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.stack(
        [np.bincount(faces.ravel(), np.repeat(normal[:, k], 3), len(vertices)) for k in range(3)], axis=1
    )
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return (total / np.maximum(length, 1e-20)).astype(vertices.dtype)


def enclosed_volume(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"], apex: Float[np.ndarray, "3"]
) -> float:
    """Returns the volume between a surface and a point, in cubic units of the vertices.

    It is the sum of the tetrahedra from ``apex`` to every triangle, with their signs. For a closed surface
    it is the volume inside, wherever ``apex`` is. An open rim is closed by straight lines to ``apex``.
    """
    return float(np.linalg.det(vertices[faces] - apex).sum() / 6)


def edges_of(faces: Int[np.ndarray, "faces 3"]) -> Int[np.ndarray, "edges 2"]:
    """Returns every edge of the triangles once."""
    return np.unique(np.sort(np.concatenate((faces[:, :2], faces[:, 1:], faces[:, ::2])), axis=1), axis=0)
