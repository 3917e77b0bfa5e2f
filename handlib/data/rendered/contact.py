"""What two arms do to each other: sliding to the first contact, crossing.

Everything is answered by casting rays. Lengths are metres, arms are
the closed surfaces of :mod:`handlib.data.rendered.arm`.
"""

from functools import cache

import numpy as np
from jaxtyping import Float, Int

from handlib.data.rendered.arm import arm_faces, hand_faces
from handlib.geometry.rays import RayScene, ray_scene
from handlib.geometry.surfaces import edges_of, pierces

NUM_HAND_VERTICES = 778
# Part of an edge that is left out at either end when it is tested against the surface it belongs to.
EDGE_MARGIN = 0.03


def build_scene(*arms: Float[np.ndarray, "arm 3"]) -> RayScene:
    """A scene of arms to cast rays at."""
    return ray_scene(*((arm, arm_faces()) for arm in arms))


@cache
def hand_edges() -> Int[np.ndarray, "2315 2"]:
    """Every edge of the hand once, without the forearm's."""
    return edges_of(hand_faces())


@cache
def arm_edges() -> Int[np.ndarray, "edges 2"]:
    """Every edge of the hand and its forearm once."""
    return edges_of(arm_faces())


def count_self_crossings(arm: Float[np.ndarray, "arm 3"], scene: RayScene) -> int:
    """How many of the hand's edges pierce a face of the same arm that they don't belong to."""
    edges = hand_edges()
    start = arm[edges[:, 0]].astype(np.float32)
    step = arm[edges[:, 1]].astype(np.float32) - start
    hit = scene.first_hits(start + np.float32(EDGE_MARGIN) * step, step)
    pierced = np.flatnonzero(hit.met & (hit.way < 1 - 2 * EDGE_MARGIN))
    own = (arm_faces()[hit.face[pierced], :, None] == edges[pierced, None, :]).any((1, 2))
    return int((~own).sum())


def _contact_points(arm: Float[np.ndarray, "arm 3"]) -> Float[np.ndarray, "points 3"]:
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
        (_contact_points(moving) + offset, fixed_scene, 1),
        (_contact_points(fixed) - offset, moving_scene, -1),
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
    """Returns whether any edge of one arm pierces a face of the other; frames as in :func:`travel_to_contact`."""
    edges = arm_edges()
    return pierces(moving + offset, edges, fixed_scene) or pierces(fixed - offset, edges, moving_scene)
