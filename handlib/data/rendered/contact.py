"""What two arms do to each other: sliding to the first contact, crossing, distance.

Everything is answered by casting rays or by projecting points. Lengths are metres, arms are
the closed surfaces of :mod:`handlib.data.rendered.arm`.
"""

from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int

from handlib.data.rendered.arm import arm_faces, hand_faces
from handlib.geometry.rays import RayScene, ray_scene

NUM_HAND_VERTICES = 778
# Part of an edge that is left out at either end when it is tested against the surface it belongs to.
EDGE_MARGIN = 0.03


def build_scene(*arms: Float[np.ndarray, "arm 3"]) -> RayScene:
    """A scene of arms to cast rays at."""
    return ray_scene(*((arm, arm_faces()) for arm in arms))


def _edges(faces: Int[np.ndarray, "faces 3"]) -> Int[np.ndarray, "edges 2"]:
    return np.unique(np.sort(np.concatenate((faces[:, :2], faces[:, 1:], faces[:, ::2])), axis=1), axis=0)


@cache
def hand_edges() -> Int[np.ndarray, "2315 2"]:
    """Every edge of the hand once, without the forearm's."""
    return _edges(hand_faces())


@cache
def arm_edges() -> Int[np.ndarray, "edges 2"]:
    """Every edge of the hand and its forearm once."""
    return _edges(arm_faces())


def count_self_crossings(arm: Float[np.ndarray, "arm 3"], scene: RayScene) -> int:
    """How many of the hand's edges pierce a face of the same arm that they don't belong to."""
    edges = hand_edges()
    start = arm[edges[:, 0]].astype(np.float32)
    step = arm[edges[:, 1]].astype(np.float32) - start
    hit = scene.first_hits(start + np.float32(EDGE_MARGIN) * step, step)
    pierced = np.flatnonzero(hit.met & (hit.way < 1 - 2 * EDGE_MARGIN))
    own = (arm_faces()[hit.face[pierced], :, None] == edges[pierced, None, :]).any((1, 2))
    return int((~own).sum())


def _feelers(arm: Float[np.ndarray, "arm 3"]) -> Float[np.ndarray, "points 3"]:
    edges = hand_edges()
    return np.concatenate((arm, (arm[edges[:, 0]] + arm[edges[:, 1]]) / 2)).astype(np.float32)


def travel_to_contact(
    moving: Float[np.ndarray, "arm 3"],
    moving_scene: RayScene,
    fixed: Float[np.ndarray, "arm 3"],
    fixed_scene: RayScene,
    offset: Float[np.ndarray, "3"],
    direction: Float[np.ndarray, "3"],
) -> tuple[float, bool]:
    """How far the moving arm goes along ``direction`` (unit) until it meets the fixed one, and whether both
    hands meet there (a forearm may be what touches).

    Each arm comes in its own frame with its own scene; ``offset`` leads from the moving arm's frame to the
    fixed one's, where the arms must not cross. The way is infinite if the arms pass each other. Contact is
    felt at vertices and at the middle of the hand's edges of either arm, so that edges may sink in by a
    fraction of a millimetre.
    """
    best, on_hands = np.inf, False
    for points, scene, sign in (
        (_feelers(moving) + offset, fixed_scene, 1),
        (_feelers(fixed) - offset, moving_scene, -1),
    ):
        hit = scene.first_hits(points, np.broadcast_to(sign * direction, points.shape))
        reach = np.where(hit.met, hit.way, np.inf)
        first = int(reach.argmin())
        if reach[first] < best:
            best = float(reach[first])
            feels = first < NUM_HAND_VERTICES or first >= len(moving)
            on_hands = feels and int(hit.face[first]) < len(hand_faces())
    return best, on_hands


def slide_to_contact(
    moving: Float[np.ndarray, "arm 3"],
    moving_scene: RayScene,
    fixed: Float[np.ndarray, "arm 3"],
    fixed_scene: RayScene,
    offset: Float[np.ndarray, "3"],
    direction: Float[np.ndarray, "3"],
) -> tuple[float, bool] | None:
    """Puts one arm clear of the other on the side of ``direction`` (unit) and slides it back to the first
    contact, as :func:`travel_to_contact` finds it.

    Returns how far along ``direction`` from ``offset`` the moving arm ends, and whether the contact lies on
    both hands; None if the arms pass each other.
    """
    offset, direction = offset.astype(np.float32), direction.astype(np.float32)
    clear = (fixed @ direction).max() - ((moving + offset) @ direction).min() + np.float32(0.02)
    start = offset + clear * direction
    way, on_hands = travel_to_contact(moving, moving_scene, fixed, fixed_scene, start, -direction)
    return (float(clear) - way, on_hands) if np.isfinite(way) else None


def arms_cross(
    moving: Float[np.ndarray, "arm 3"],
    moving_scene: RayScene,
    fixed: Float[np.ndarray, "arm 3"],
    fixed_scene: RayScene,
    offset: Float[np.ndarray, "3"],
) -> bool:
    """Whether any edge of one arm pierces a face of the other; frames as in :func:`travel_to_contact`."""
    edges = arm_edges()
    for arm, scene in ((moving + offset, fixed_scene), (fixed - offset, moving_scene)):
        start = arm[edges[:, 0]].astype(np.float32)
        step = arm[edges[:, 1]].astype(np.float32) - start
        hit = scene.first_hits(start, step)
        if (hit.met & (hit.way <= 1)).any():
            return True
    return False


@cache
def _fans() -> Int[np.ndarray, "778 fan"]:
    """Faces around every vertex, padded by repetition."""
    faces = hand_faces()
    fans = [np.flatnonzero((faces == vertex).any(1)) for vertex in range(NUM_HAND_VERTICES)]
    width = max(map(len, fans))
    return np.stack([np.resize(fan, width) for fan in fans])


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", a, b)


class Fans:
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


def surface_distance(left: Float[np.ndarray, "778 3"], right: Float[np.ndarray, "778 3"]) -> float:
    """Smallest distance between the surfaces of two hands that don't cross.

    The 16 vertices that come closest to the other hand's vertices are each improved by projecting back and
    forth between the faces around the two vertices; the smallest distance found is an upper bound, tight to
    0.1 mm.
    """
    between = torch.cdist(torch.from_numpy(left)[None].float(), torch.from_numpy(right)[None].float())[0]
    distance, partner = between.min(1)
    i = distance.topk(16, largest=False).indices.numpy()
    j = partner.numpy()[i]
    fans, faces = _fans(), hand_faces()
    on_left, around_left = left[i], Fans(left[faces[fans[i]]])
    around_right = Fans(right[faces[fans[j]]])
    for _ in range(3):
        on_right = around_right.closest(on_left)
        on_left = around_left.closest(on_right)
    return float(np.linalg.norm(on_left - on_right, axis=1).min())
