"""What two arms do to each other: sliding to the first contact, self-crossing, distance.

Everything is answered by casting rays (embree) or by projecting points. Lengths are metres, arms are
the closed surfaces of :mod:`handlib.data.arm`.
"""

from functools import cache

import numpy as np
import torch
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from jaxtyping import Float, Int

from handlib.data.arm import arm_faces, hand_faces

NUM_HAND_VERTICES = 778
# Part of an edge that is left out at either end when it is tested against the surface it belongs to.
EDGE_MARGIN = 0.03


def build_scene(*arms: Float[np.ndarray, "arm 3"]) -> EmbreeScene:
    """A scene of arms that rays can be cast into; hits name the arm (``geomID``) and the face (``primID``)."""
    scene = EmbreeScene(robust=True)
    for arm in arms:
        TriangleMesh(scene, np.ascontiguousarray(arm, dtype=np.float32), arm_faces())
    return scene


@cache
def hand_edges() -> Int[np.ndarray, "2315 2"]:
    """Every edge of the hand once, without the forearm's."""
    faces = hand_faces()
    return np.unique(np.sort(np.concatenate((faces[:, :2], faces[:, 1:], faces[:, ::2])), axis=1), axis=0)


def count_self_crossings(arm: Float[np.ndarray, "arm 3"], scene: EmbreeScene) -> int:
    """How many of the hand's edges pierce a face of the same arm that they don't belong to."""
    edges = hand_edges()
    start = arm[edges[:, 0]].astype(np.float32)
    step = arm[edges[:, 1]].astype(np.float32) - start
    hit = scene.run(start + np.float32(EDGE_MARGIN) * step, step, output=True)
    pierced = np.flatnonzero((hit["primID"] >= 0) & (hit["tfar"] < 1 - 2 * EDGE_MARGIN))
    own = (arm_faces()[hit["primID"][pierced], :, None] == edges[pierced, None, :]).any((1, 2))
    return int((~own).sum())


def _feelers(arm: Float[np.ndarray, "arm 3"]) -> Float[np.ndarray, "points 3"]:
    edges = hand_edges()
    return np.concatenate((arm, (arm[edges[:, 0]] + arm[edges[:, 1]]) / 2)).astype(np.float32)



def slide_to_contact(
    moving: Float[np.ndarray, "arm 3"],
    moving_scene: EmbreeScene,
    fixed: Float[np.ndarray, "arm 3"],
    fixed_scene: EmbreeScene,
    offset: Float[np.ndarray, "3"],
    direction: Float[np.ndarray, "3"],
) -> tuple[float, bool] | None:
    """Puts one arm clear of the other on the side of ``direction`` (unit) and slides it back to the first contact.

    Each arm comes in its own frame with its own scene; ``offset`` leads from the moving arm's frame to the fixed one's.
    Returns how far along ``direction`` from ``offset`` the moving arm ends, and whether the contact lies on both
    hands (a forearm may be what touches); None if the arms pass each other. Contact is felt at vertices and at the
    middle of the hand's edges of either arm, so that edges may sink in by a fraction of a millimetre.
    """
    offset, direction = offset.astype(np.float32), direction.astype(np.float32)
    clear = (fixed @ direction).max() - ((moving + offset) @ direction).min() + np.float32(0.02)
    start = offset + clear * direction
    best, on_hands = np.inf, False
    for points, scene, sign in (
        (_feelers(moving) + start, fixed_scene, -1),
        (_feelers(fixed) - start, moving_scene, 1),
    ):
        rays = np.ascontiguousarray(np.broadcast_to(sign * direction, points.shape))
        hit = scene.run(points, rays, output=True)
        reach = np.where(hit["primID"] >= 0, hit["tfar"], np.inf)
        first = int(reach.argmin())
        if reach[first] < best:
            best = float(reach[first])
            feels = first < NUM_HAND_VERTICES or first >= len(moving)
            on_hands = feels and int(hit["primID"][first]) < len(hand_faces())
    return (float(clear) - best, on_hands) if np.isfinite(best) else None


@cache
def _fans() -> Int[np.ndarray, "778 fan"]:
    """Faces around every vertex, padded by repetition."""
    faces = hand_faces()
    fans = [np.flatnonzero((faces == vertex).any(1)) for vertex in range(NUM_HAND_VERTICES)]
    width = max(map(len, fans))
    return np.stack([np.resize(fan, width) for fan in fans])


def closest_on_triangles(
    points: Float[np.ndarray, "n 3"], triangles: Float[np.ndarray, "n fan 3 3"]
) -> Float[np.ndarray, "n 3"]:
    """For each point the closest point on its own set of triangles."""
    points = points[:, None]
    a, b, c = np.moveaxis(triangles, 2, 0)
    candidates = []
    for start, end in ((a, b), (b, c), (c, a)):
        along = end - start
        t = ((points - start) * along).sum(-1) / np.maximum((along * along).sum(-1), 1e-20)
        candidates.append(start + np.clip(t, 0, 1)[..., None] * along)
    normal = np.cross(b - a, c - a)
    square = np.maximum((normal * normal).sum(-1, keepdims=True), 1e-30)
    foot = points - ((points - a) * normal).sum(-1, keepdims=True) / square * normal
    inside = np.ones(foot.shape[:-1], dtype=bool)
    for start, end in ((a, b), (b, c), (c, a)):
        inside &= (np.cross(end - start, foot - start) * normal).sum(-1) >= 0
    candidates.append(np.where(inside[..., None], foot, candidates[0]))
    every = np.concatenate(candidates, axis=1)
    best = ((every - points) ** 2).sum(-1).argmin(1)
    return every[np.arange(len(every)), best]


def surface_distance(left: Float[np.ndarray, "778 3"], right: Float[np.ndarray, "778 3"]) -> float:
    """Smallest distance between the surfaces of two hands that don't cross.

    The 32 closest pairs of vertices are each improved by projecting back and forth between the faces
    around the two vertices; the smallest distance found is an upper bound, tight to a few hundredths of a millimetre.
    """
    between = torch.cdist(torch.from_numpy(left)[None].float(), torch.from_numpy(right)[None].float())[0]
    pairs = between.flatten().topk(32, largest=False).indices.numpy()
    i, j = pairs // NUM_HAND_VERTICES, pairs % NUM_HAND_VERTICES
    fans, faces = _fans(), hand_faces()
    around_left, around_right = left[faces[fans[i]]], right[faces[fans[j]]]
    on_left = left[i]
    for _ in range(4):
        on_right = closest_on_triangles(on_left, around_right)
        on_left = closest_on_triangles(on_right, around_left)
    return float(np.linalg.norm(on_left - on_right, axis=1).min())
