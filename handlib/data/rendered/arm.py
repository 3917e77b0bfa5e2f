"""A hand with a piece of forearm: the closed surface that scenes are built from.

The hand model ends in an open loop at the wrist. Here a forearm extends the loop along its normal, and a cap
closes it. Both hands use the right hand's order of a face's corners. So a face and a place on it mean the
same point of both hands, but the left arm's faces look inwards.
"""

from functools import cache
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from handlib.geometry.mesh import edges_of
from handlib.geometry.rays import RayScene, ray_scene
from handlib.hand.hand import open_hand_data
from handlib.hand.skeleton import Side

FOREARM_LENGTH = 0.20
FOREARM_WIDENING = 1.2
# Rings along the forearm, so that contact between its two ends is noticed.
NUM_RINGS = 12


@cache
def hand_faces() -> Int[np.ndarray, "1538 3"]:
    """Returns the triangles of either hand, in the right hand's vertex order."""
    return open_hand_data("right").faces.astype(np.int32)


@cache
def wrist_loop() -> Int[np.ndarray, "16"]:
    """Returns the vertices around the open wrist, in the order of a cap that looks outwards."""
    faces = hand_faces()
    edges = {(int(a), int(b)) for face in faces for a, b in zip(face, np.roll(face, -1), strict=True)}
    following = {b: a for a, b in edges if (b, a) not in edges}
    loop = [min(following)]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    return np.array(loop, dtype=np.int32)


@cache
def arm_faces() -> Int[np.ndarray, "faces 3"]:
    """Returns the hand's triangles, then the forearm's, then the cap's."""
    loop = wrist_loop()
    count, first = len(loop), len(open_hand_data("right").v_template)
    rings = [loop, *(first + count * k + np.arange(count) for k in range(NUM_RINGS))]
    forearm = []
    for near, far in pairwise(rings):
        near_next, far_next = np.roll(near, -1), np.roll(far, -1)
        forearm += [np.stack((near, near_next, far), 1), np.stack((near_next, far_next, far), 1)]
    last = rings[-1]
    cap = np.stack((np.full(count - 2, last[0]), last[1:-1], last[2:]), 1)
    return np.concatenate((hand_faces(), *forearm, cap)).astype(np.int32)


@cache
def hand_edges() -> Int[np.ndarray, "2315 2"]:
    """Returns every edge of the hand once, without the forearm's edges."""
    return edges_of(hand_faces())


@cache
def arm_edges() -> Int[np.ndarray, "edges 2"]:
    """Returns every edge of the hand and its forearm once."""
    return edges_of(arm_faces())


def build_scene(*arms: Float[np.ndarray, "arm 3"]) -> RayScene:
    """Returns a scene of arms to cast rays at."""
    return ray_scene(*((arm, arm_faces()) for arm in arms))


def add_forearm(
    vertices: Float[np.ndarray, "778 3"], side: Side, length: float = FOREARM_LENGTH
) -> Float[np.ndarray, "arm 3"]:
    """Returns the hand's vertices followed by the forearm's rings."""
    loop = vertices[wrist_loop()]
    centre = loop.mean(0)
    spokes = loop - centre
    normal = np.cross(spokes, np.roll(spokes, -1, axis=0)).sum(0)
    # The left hand's loop runs in the other direction.
    normal /= np.linalg.norm(normal) * (1 if side == "right" else -1)
    t = (np.arange(1, NUM_RINGS + 1) / NUM_RINGS)[:, None, None]
    rings = centre + spokes * (1 + (FOREARM_WIDENING - 1) * t) + normal * (length * t)
    return np.concatenate((vertices, rings.reshape(-1, 3))).astype(vertices.dtype)
