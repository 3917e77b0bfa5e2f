"""Finds the first triangle that each ray meets, with embree where it is available, else with numpy.

Embree has no build for Linux on ARM. Numpy gives the same answers except for rounding, but takes some hundred
times as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from jaxtyping import Bool, Float, Int

try:
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene
except ImportError:
    EmbreeScene = None

Mesh = tuple[Float[np.ndarray, "_ 3"], Int[np.ndarray, "_ 3"]]
RAY_CASTER = f"embreex {version('embreex')}" if EmbreeScene else "numpy"
CHUNK = 2**22
"""Number of pairs of a ray and a triangle that numpy handles at once."""


@dataclass(frozen=True)
class FirstHits:
    """The first hit of every ray: the index of the ``mesh`` and of its ``face`` (-1: no hit).

    The place of the hit is origin + ``way`` x direction; as a point of the face it is (1 - u - v, u, v) times
    the face's corners. ``normal`` is the face's normal, of any length and on either side.
    """

    mesh: Int[np.ndarray, "rays"]
    face: Int[np.ndarray, "rays"]
    u: Float[np.ndarray, "rays"]
    v: Float[np.ndarray, "rays"]
    way: Float[np.ndarray, "rays"]
    normal: Float[np.ndarray, "rays 3"]

    @property
    def met(self) -> Bool[np.ndarray, "rays"]:
        """Returns which rays hit something."""
        return self.face >= 0


class EmbreeRays:
    """Casts rays at meshes with embree."""

    def __init__(self, meshes: Sequence[Mesh]):
        self._scene = EmbreeScene(robust=True)
        for vertices, faces in meshes:
            TriangleMesh(self._scene, np.ascontiguousarray(vertices, np.float32), faces.astype(np.int32))

    def first_hits(
        self, origins: Float[np.ndarray, "rays 3"], directions: Float[np.ndarray, "rays 3"]
    ) -> FirstHits:
        """Casts rays of unlimited length and returns what each hits first."""
        hit = self._scene.run(*map(np.ascontiguousarray, (origins, directions)), output=True)
        return FirstHits(hit["geomID"], hit["primID"], hit["u"], hit["v"], hit["tfar"], hit["Ng"])

    def blocked(
        self, origins: Float[np.ndarray, "rays 3"], directions: Float[np.ndarray, "rays 3"]
    ) -> Bool[np.ndarray, "rays"]:
        """Returns which rays meet anything."""
        return self._scene.run(*map(np.ascontiguousarray, (origins, directions)), query="OCCLUDED") >= 0


class NumpyRays:
    """Casts rays at meshes with numpy: compares every ray with every triangle."""

    def __init__(self, meshes: Sequence[Mesh]):
        self._corners = np.concatenate([vertices[faces] for vertices, faces in meshes]).astype(np.float64)
        sizes = [len(faces) for _, faces in meshes]
        self._mesh = np.repeat(np.arange(len(meshes)), sizes)
        self._face = np.concatenate([np.arange(size) for size in sizes])
        # Plücker coordinates of the edges: their product with a ray says on which side of the edge it passes.
        start, end = self._corners[:, [1, 2, 0]], self._corners[:, [2, 0, 1]]
        self._edges = np.concatenate((np.cross(start, end), end - start), axis=-1)

    def first_hits(
        self, origins: Float[np.ndarray, "rays 3"], directions: Float[np.ndarray, "rays 3"]
    ) -> FirstHits:
        """Casts rays of unlimited length and returns what each hits first."""
        triangle, weights = np.full(len(origins), -1), np.zeros((len(origins), 3))
        way = np.full(len(origins), np.inf)
        step = max(1, CHUNK // len(self._face))
        for first in range(0, len(origins), step):
            origin, along = (x[first : first + step].astype(np.float64) for x in (origins, directions))
            line = np.concatenate((along, np.cross(origin, along)), axis=1)
            sides = np.stack([line @ edge.T for edge in self._edges.swapaxes(0, 1)])
            ray, face = np.nonzero((sides >= 0).all(0) | (sides <= 0).all(0))
            shares = sides[:, ray, face].T
            total = shares.sum(1, keepdims=True)
            shares = np.divide(shares, total, where=total != 0, out=np.full_like(shares, np.nan))
            place = np.einsum("nc,ncx->nx", shares, self._corners[face])
            reach = ((place - origin[ray]) * along[ray]).sum(1) / (along[ray] ** 2).sum(1)
            ahead = np.flatnonzero(reach >= 0)
            ahead = ahead[np.lexsort((reach[ahead], ray[ahead]))]
            nearest = ahead[np.diff(ray[ahead], prepend=-1) > 0]
            hit = first + ray[nearest]
            triangle[hit], weights[hit], way[hit] = face[nearest], shares[nearest], reach[nearest]
        met = triangle >= 0
        corners = self._corners[triangle]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        return FirstHits(
            mesh=np.where(met, self._mesh[triangle], -1),
            face=np.where(met, self._face[triangle], -1),
            u=weights[:, 1].astype(np.float32),
            v=weights[:, 2].astype(np.float32),
            way=way.astype(np.float32),
            normal=normal.astype(np.float32),
        )

    def blocked(
        self, origins: Float[np.ndarray, "rays 3"], directions: Float[np.ndarray, "rays 3"]
    ) -> Bool[np.ndarray, "rays"]:
        """Returns which rays meet anything."""
        return self.first_hits(origins, directions).met


RayScene = EmbreeRays | NumpyRays


def ray_scene(*meshes: Mesh) -> RayScene:
    """Returns a scene of meshes (vertices, faces) to cast rays at; hits number the meshes from 0."""
    return NumpyRays(meshes) if EmbreeScene is None else EmbreeRays(meshes)
