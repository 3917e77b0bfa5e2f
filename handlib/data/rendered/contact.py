"""What two arms do to each other: sliding to the first contact, crossing.

Everything is answered by casting rays. Lengths are metres, arms are the closed surfaces of
:mod:`handlib.data.rendered.arm`.
"""

import numpy as np
from jaxtyping import Float

from handlib.data.rendered.arm import arm_edges, hand_edges, hand_faces
from handlib.data.rendered.posed_arm import Arm
from handlib.geometry.surfaces import pierces

NUM_HAND_VERTICES = 778


def _contact_points(arm: Float[np.ndarray, "arm 3"]) -> Float[np.ndarray, "points 3"]:
    edges = hand_edges()
    return np.concatenate((arm, (arm[edges[:, 0]] + arm[edges[:, 1]]) / 2)).astype(np.float32)


def travel_to_contact(
    moving: Arm, fixed: Arm, offset: Float[np.ndarray, "3"], direction: Float[np.ndarray, "3"]
) -> tuple[float, bool]:
    """Returns how far the moving arm goes along ``direction`` (unit) until it meets the fixed one, and
    whether both hands meet there (a forearm may be what touches).

    Each arm comes in its own frame; ``offset`` leads from the moving arm's frame to the fixed one's, where
    the arms must not cross. The way is infinite if the arms pass each other. Contact is felt at vertices and
    at the middle of the hand's edges of either arm, so that edges may sink in by a fraction of a millimetre.
    """
    best, on_hands = np.inf, False
    for points, scene, sign in (
        (_contact_points(moving.surface) + offset, fixed.scene, 1),
        (_contact_points(fixed.surface) - offset, moving.scene, -1),
    ):
        hit = scene.first_hits(points, np.broadcast_to(sign * direction, points.shape))
        reach = np.where(hit.met, hit.way, np.inf)
        first = int(reach.argmin())
        if reach[first] < best:
            best = float(reach[first])
            feels = first < NUM_HAND_VERTICES or first >= len(moving.surface)
            on_hands = feels and int(hit.face[first]) < len(hand_faces())
    return best, on_hands


def slide_to_contact(
    moving: Arm, fixed: Arm, offset: Float[np.ndarray, "3"], direction: Float[np.ndarray, "3"]
) -> tuple[float, bool] | None:
    """Puts one arm clear of the other on the side of ``direction`` (unit) and slides it back to the first
    contact, as :func:`travel_to_contact` finds it.

    Returns how far along ``direction`` from ``offset`` the moving arm ends, and whether the contact lies on
    both hands; None if the arms pass each other.
    """
    offset, direction = offset.astype(np.float32), direction.astype(np.float32)
    far, near = (fixed.surface @ direction).max(), ((moving.surface + offset) @ direction).min()
    clear = far - near + np.float32(0.02)
    start = offset + clear * direction
    way, on_hands = travel_to_contact(moving, fixed, start, -direction)
    return (float(clear) - way, on_hands) if np.isfinite(way) else None


def arms_cross(moving: Arm, fixed: Arm, offset: Float[np.ndarray, "3"]) -> bool:
    """Returns whether any edge of one arm pierces a face of the other; frames as above."""
    one = pierces(moving.surface + offset, arm_edges(), fixed.scene)
    return one or pierces(fixed.surface - offset, arm_edges(), moving.scene)
