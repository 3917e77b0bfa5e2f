"""Two triangulated surfaces: whether they cross, and how far apart they are."""

from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int

from handlib.geometry.rays import RayScene

CLOSEST = 16
"""Vertices of the first surface from which the distance to the second is looked for."""


def edges_of(faces: Int[np.ndarray, "faces 3"]) -> Int[np.ndarray, "edges 2"]:
    """Every edge of the triangles once."""
    return np.unique(np.sort(np.concatenate((faces[:, :2], faces[:, 1:], faces[:, ::2])), axis=1), axis=0)


def pierces(
    vertices: Float[np.ndarray, "vertices 3"], edges: Int[np.ndarray, "edges 2"], scene: RayScene
) -> bool:
    """Returns whether an edge goes through a face of the scene."""
    start = vertices[edges[:, 0]].astype(np.float32)
    hit = scene.first_hits(start, vertices[edges[:, 1]].astype(np.float32) - start)
    return bool((hit.met & (hit.way <= 1)).any())


@cache
def _fans(faces: bytes) -> Int[np.ndarray, "vertices fan"]:
    """Triangles around every vertex, as their corners' numbers, padded by repetition."""
    corners = np.frombuffer(faces, dtype=np.int32).reshape(-1, 3)
    fans = [np.flatnonzero((corners == vertex).any(1)) for vertex in range(corners.max() + 1)]
    width = max(map(len, fans))
    return np.stack([np.resize(fan, width) for fan in fans])


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", a, b)


class _Fans:
    """A set of triangles per point, prepared so that closest points can be asked for again and again."""

    def __init__(self, triangles: Float[np.ndarray, "n fan 3 3"]):
        corners = [triangles[:, :, k] for k in range(3)]
        self._starts = np.stack(corners, axis=2)
        self._edges = np.stack([corners[(k + 1) % 3] - corners[k] for k in range(3)], axis=2)
        self._squares = np.maximum(_dot(self._edges, self._edges), 1e-20)
        self._first, self._second = self._edges[:, :, 0], -self._edges[:, :, 2]
        self._mixed = _dot(self._first, self._second)
        area = self._squares[:, :, 0] * self._squares[:, :, 2] - self._mixed**2
        self._scale = 1 / np.maximum(area, 1e-30)

    def closest(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """For each point the closest point on its own triangles: on an edge, or inside."""
        away = points[:, None, None] - self._starts
        t = np.clip(_dot(away, self._edges) / self._squares, 0, 1)
        on_edges = self._starts + t[..., None] * self._edges
        across = away[:, :, 0]
        p, q = _dot(across, self._first), _dot(across, self._second)
        u = (self._squares[:, :, 2] * p - self._mixed * q) * self._scale
        v = (self._squares[:, :, 0] * q - self._mixed * p) * self._scale
        foot = self._starts[:, :, 0] + u[..., None] * self._first + v[..., None] * self._second
        inside = (u >= 0) & (v >= 0) & (u + v <= 1)
        foot = np.where(inside[..., None], foot, on_edges[:, :, 0])
        candidates = np.concatenate((on_edges.reshape(len(points), -1, 3), foot), axis=1)
        gap = candidates - points[:, None]
        return candidates[np.arange(len(points)), _dot(gap, gap).argmin(1)]


def surface_distance(
    first: Float[np.ndarray, "first 3"],
    second: Float[np.ndarray, "second 3"],
    first_faces: Int[np.ndarray, "first_faces 3"],
    second_faces: Int[np.ndarray, "second_faces 3"],
) -> float:
    """Smallest distance between two surfaces that don't cross.

    The 16 vertices that come closest to the other surface's vertices are each improved by projecting back and
    forth between the faces around the two vertices; the smallest distance found is an upper bound, for hands
    tight to 0.1 mm.
    """
    between = torch.cdist(torch.from_numpy(first)[None].float(), torch.from_numpy(second)[None].float())[0]
    distance, partner = between.min(1)
    i = distance.topk(CLOSEST, largest=False).indices.numpy()
    j = partner.numpy()[i]
    on_first = first[i]
    around_first, around_second = (
        _Fans(vertices[faces[_fans(faces.astype(np.int32).tobytes())[chosen]]])
        for vertices, faces, chosen in ((first, first_faces, i), (second, second_faces, j))
    )
    for _ in range(3):
        on_second = around_second.closest(on_first)
        on_first = around_first.closest(on_second)
    return float(np.linalg.norm(on_first - on_second, axis=1).min())
