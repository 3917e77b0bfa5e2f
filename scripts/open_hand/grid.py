"""The solid sampled on a grid, for quick look-ups, and its dense surface."""

from dataclasses import dataclass
from functools import cached_property

import fast_simplification
import numpy as np
from scipy.ndimage import map_coordinates
from skimage.measure import marching_cubes

from open_hand.design import HAND, WRIST_CUT
from open_hand.field import signed_distance


@dataclass(frozen=True)
class SampledField:
    """The signed distance on a regular grid, read by linear interpolation."""

    origin: np.ndarray
    step: float
    values: np.ndarray

    @classmethod
    def sample(cls, step: float) -> "SampledField":
        """Samples the whole hand. The grid starts at the wrist's cut, so the surface stays open there."""
        low, high = np.array([WRIST_CUT, -75.0, -46.0]), np.array([200.0, 98.0, 26.0])
        counts = np.ceil((high - low) / step).astype(int) + 1
        axes = [low[k] + step * np.arange(counts[k]) for k in range(3)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        return cls(low, step, signed_distance(points).reshape(counts))

    @cached_property
    def _slopes(self) -> list[np.ndarray]:
        return np.gradient(self.values, self.step)

    def _read(self, values: np.ndarray, points: np.ndarray) -> np.ndarray:
        return map_coordinates(values, ((points - self.origin) / self.step).T, order=1, mode="nearest")

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Signed distances (n,)."""
        return self._read(self.values, points)

    def outward(self, points: np.ndarray, rim: np.ndarray | None = None) -> np.ndarray:
        """Unit normals (n, 3); those of the rim's points stay in the plane of the cut."""
        normals = np.stack([self._read(slope, points) for slope in self._slopes], axis=1)
        if rim is not None:
            normals[rim, 0] = 0
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)

    def project(self, points: np.ndarray, rim: np.ndarray, steps: int) -> np.ndarray:
        """Moves points onto the surface; the rim's points stay in the plane of the cut."""
        points = points.copy()
        for _ in range(steps):
            points -= np.clip(self(points), -4, 4)[:, None] * self.outward(points, rim)
            points[rim, 0] = WRIST_CUT
        return points

    def tip(self, digit: str) -> np.ndarray:
        """Returns the point where the axis of a digit's last bone leaves the skin."""
        axis = HAND[digit].joint(2) + np.linspace(0, 40, 800)[:, None] * HAND[digit].directions[2]
        return axis[np.argmax(self(axis) > 0)]


def dense_surface(field: SampledField, num_faces: int) -> tuple[np.ndarray, np.ndarray]:
    """Makes a surface by marching cubes, then quadric decimation; faces wind outward."""
    vertices, faces, _, _ = marching_cubes(field.values.astype(np.float32), 0, spacing=(field.step,) * 3)
    vertices, faces = fast_simplification.simplify(
        (vertices + field.origin).astype(np.float32), faces.astype(np.int32), target_count=num_faces
    )
    vertices = vertices.astype(np.float64)
    normals = np.cross(
        vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]]
    )
    if (normals * field.outward(vertices[faces].mean(1))).sum() < 0:
        faces = faces[:, ::-1]
    return vertices, faces
