"""Contact of two arms: slides them to the first contact, and tests whether they cross.

Both are done by casting rays. Lengths are in metres; arms are the closed surfaces of
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
    """Returns the moving arm's way along ``direction`` (unit) to its first contact with the fixed arm.

    Also returns whether the hands touch there (instead of a forearm). Each arm is in its own frame.
    ``offset`` leads from the moving arm's frame to the fixed arm's; there the arms must not cross. The way is
    infinite if the arms pass each other. Contact is tested at the vertices of both arms and at the middle of
    the hands' edges, so edges may sink in by a fraction of a millimetre.
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
    """Moves an arm away from the other along ``direction`` (unit), then slides it back to the first contact.

    :func:`travel_to_contact` finds the contact. Returns the moving arm's final distance from ``offset`` along
    ``direction``, and whether the contact is on both hands; None if the arms pass each other.
    """
    offset, direction = offset.astype(np.float32), direction.astype(np.float32)
    far, near = (fixed.surface @ direction).max(), ((moving.surface + offset) @ direction).min()
    clear = far - near + np.float32(0.02)
    start = offset + clear * direction
    way, on_hands = travel_to_contact(moving, fixed, start, -direction)
    return (float(clear) - way, on_hands) if np.isfinite(way) else None


def arms_cross(moving: Arm, fixed: Arm, offset: Float[np.ndarray, "3"]) -> bool:
    """Returns whether an edge of one arm pierces a face of the other; frames as in ``travel_to_contact``."""
    one = pierces(moving.surface + offset, arm_edges(), fixed.scene)
    return one or pierces(fixed.surface - offset, arm_edges(), moving.scene)
