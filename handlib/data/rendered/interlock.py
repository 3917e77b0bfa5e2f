"""Interlocked hands: fingers of one hand between the fingers of the other, as in clasped hands.

Sliding hands together can't make such pairs. Here a pair starts from an arrangement in which spread fingers
cross like the blades of two fans; one hand's fingers are half a finger's distance above the other's. Then the
bones, thickened to capsules, push the hands apart by rigid motion, a little further each time, until the
surfaces don't cross. Finally one hand moves in a random direction until the two touch.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from handlib.data.rendered.contact import arms_cross, travel_to_contact
from handlib.data.rendered.posed_arm import BACK_TO_CAMERA, MIRROR, Arm, hands, pose_arm
from handlib.data.rendered.poses import FOUR_FINGERS, finger_angles, joint_axes, pose_from_angles
from handlib.geometry.rays import NumpyRays
from handlib.hand.skeleton import BONES, joint_index

# A pair is interlocked if at least this many of the ten fingers pass between fingers of the other hand.
INTERLOCKED_FROM = 4
# Degrees by which a knuckle spreads its finger away from the middle finger; more than in free poses.
SPREAD = {"index": 14.0, "middle": 0.0, "ring": 13.0, "little": 20.0}
# Radii around the bones in metres, in the order of BONES: from the wrist to the tip, thumb first.
RADII = np.array([0.0140, 0.0130, 0.0115, 0.0090] + 4 * [0.0110, 0.0095, 0.0083, 0.0070])
# Clearances in metres around the bones; they are tried one after another until the surfaces don't cross.
CLEARANCES = (0.001, 0.002, 0.003, 0.004)
TRIES = 3


@dataclass(frozen=True)
class Interlocking:
    """The variety of interlocked hands, in degrees.

    Ranges: how far ``knuckles`` and ``middle_joints`` are bent; ``pitch`` turns the pair about the picture's
    horizontal axis, from fingers that point at the camera to fingers that point up. Standard deviations:
    ``lean`` of a hand's angle to the plane between the hands, ``jitter`` of its other turns.
    """

    knuckles: tuple[float, float] = (-8.0, 25.0)
    middle_joints: tuple[float, float] = (0.0, 50.0)
    pitch: tuple[float, float] = (20.0, 70.0)
    lean: float = 6.0
    jitter: float = 5.0


USUAL, VARIED = (
    Interlocking(),
    Interlocking(knuckles=(-8.0, 40.0), middle_joints=(0.0, 75.0), pitch=(0.0, 85.0), lean=10.0, jitter=10.0),
)


def _gaps(joints: Float[np.ndarray, "21 3"]) -> Float[np.ndarray, "18 3 3"]:
    """Returns the triangles between the phalanges of neighbouring fingers, from index to little finger."""
    fingers = joints[5:].reshape(4, 4, 3)
    first, second = fingers[:-1], fingers[1:]
    near = np.stack((first[:, :-1], second[:, :-1], first[:, 1:]), axis=2)
    far = np.stack((second[:, :-1], second[:, 1:], first[:, 1:]), axis=2)
    return np.concatenate((near, far), axis=1).reshape(-1, 3, 3)


def count_interlocked(left: Float[np.ndarray, "21 3"], right: Float[np.ndarray, "21 3"]) -> int:
    """Returns how many of the ten fingers pass between two fingers of the other hand.

    A finger passes if one of its three phalanges, as a segment, crosses the strip of triangles between the
    phalanges of two neighbours among index, middle, ring and little finger.
    """
    count = 0
    for own, other in ((left, right), (right, left)):
        fingers = own[1:].reshape(5, 4, 3)
        start, end = fingers[:, :-1].reshape(-1, 3), fingers[:, 1:].reshape(-1, 3)
        gaps = _gaps(other).reshape(-1, 3)
        first = NumpyRays([(gaps, np.arange(len(gaps)).reshape(-1, 3))]).first_hits(start, end - start)
        count += int((first.met & (first.way <= 1)).reshape(5, 3).any(1).sum())
    return count


def _sample_angles(rng: np.random.Generator, how: Interlocking) -> Float[np.ndarray, "15 3"]:
    """Returns random joint angles of a hand with spread fingers, more or less bent."""
    knuckle, middle_joint = rng.uniform(*how.knuckles), rng.uniform(*how.middle_joints)
    spread = rng.uniform(0.7, 1.15)
    fingers = {}
    for name in FOUR_FINGERS:
        bend = np.clip(middle_joint + rng.normal(0, 6), 0, 105)
        fingers[name] = (
            np.clip(knuckle + rng.normal(0, 5), -12, 80),
            spread * SPREAD[name] + rng.normal(0, 2),
            bend,
            np.clip(0.6 * bend + rng.normal(0, 6), 0, 75),
        )
    thumb = rng.normal((2, 3, 0, 8, 10), (8, 7, 6, 7, 10))
    thumb = np.clip(thumb, (-20, -25, -40, -8, -12), (45, 20, 15, 50, 70))
    return finger_angles(**fingers, thumb=thumb.tolist())


def _sample_arm(
    rng: np.random.Generator, side: int, pitch: float, how: Interlocking, betas: np.ndarray | None
) -> Arm:
    """Returns a random hand whose fingers point to the other hand's side, across the plane between the hands.

    Fingers will cross at the middle phalanges. These are at about 45 degrees to that plane, however bent the
    fingers are. ``pitch`` is in degrees.
    """
    while True:
        angles = _sample_angles(rng, how)
        bend = angles[3, 0] + 0.6 * angles[4, 0]
        lean = Rotation.from_euler("y", -(rng.normal(45, how.lean) + bend), degrees=True)
        jitter = Rotation.from_rotvec(rng.normal(0, np.deg2rad(how.jitter), 3))
        inwards = Rotation.from_euler("z", -90, degrees=True)
        turn = Rotation.from_euler("x", -pitch, degrees=True) * jitter * lean * inwards
        root = turn.as_matrix() @ BACK_TO_CAMERA
        root = MIRROR @ root @ MIRROR if side == 0 else root
        shape = 0.7 * rng.normal(size=10) if betas is None else betas
        arm = pose_arm(hands()[side], root, pose_from_angles(angles, joint_axes()), shape)
        if not arm.crosses_itself():
            return arm


def _crossing_point(arm: Arm, share: float) -> Float[np.ndarray, "3"]:
    """Returns the point where the fingers will cross: the mean of points on the four middle phalanges."""
    ends = [arm.joints[[joint_index(f"{finger}{k}") for finger in FOUR_FINGERS]] for k in (2, 3)]
    return ((1 - share) * ends[0] + share * ends[1]).mean(0)


def _closest(
    start: np.ndarray, along: np.ndarray, other_start: np.ndarray, other_along: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the closest points of all pairs of segments (Ericson, Real-Time Collision Detection, 5.1.9)."""
    away = start[:, None] - other_start
    a, e, b = (along**2).sum(-1)[:, None], (other_along**2).sum(-1), along @ other_along.T
    c, f = (along[:, None] * away).sum(-1), (other_along * away).sum(-1)
    s = np.clip((b * f - c * e) / np.maximum(a * e - b * b, 1e-12), 0, 1)
    t = np.clip((b * s + f) / e, 0, 1)
    s = np.clip((b * t - c) / a, 0, 1)
    return start[:, None] + s[..., None] * along[:, None], other_start + t[..., None] * other_along


def push_apart(
    moving: Float[np.ndarray, "21 3"], fixed: Float[np.ndarray, "21 3"], clearance: float
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]] | None:
    """Returns the rigid motion (rotation, then translation) that moves one hand's bones clear of the other's.

    Bones are capsules of ``RADII`` with ``clearance`` metres between them. The motion is found by damped
    Gauss-Newton steps on the overlaps; None if overlaps are left after eight steps.
    """
    bones = np.array(BONES)
    moved, fixed = moving.astype(np.float64), fixed.astype(np.float64)
    wanted = RADII[:, None] + RADII + clearance
    rotation, translation = np.eye(3), np.zeros(3)
    for _ in range(8):
        ends, other = moved[bones], fixed[bones]
        own, theirs = _closest(ends[:, 0], ends[:, 1] - ends[:, 0], other[:, 0], other[:, 1] - other[:, 0])
        gap = np.linalg.norm(own - theirs, axis=-1)
        overlap = (wanted - gap)[gap < wanted]
        if overlap.max(initial=0) < 1e-6:
            return rotation, translation
        centre, size = moved.mean(0), 0.05
        normal = (own - theirs)[gap < wanted] / gap[gap < wanted, None]
        lever = np.cross((own[gap < wanted] - centre) / size, normal)
        matrix = np.concatenate((normal, lever), axis=1)
        step = np.linalg.solve(matrix.T @ matrix + 0.05 * np.eye(6), matrix.T @ overlap)
        turn = Rotation.from_rotvec(step[3:] / size).as_matrix()
        shift = centre - turn @ centre + step[:3]
        moved = moved @ turn.T + shift
        rotation, translation = turn @ rotation, turn @ translation + shift
    return None


def _make_room(left: Arm, right: Arm, offset: np.ndarray) -> tuple[Arm, np.ndarray] | None:
    """Returns the left arm and its offset, moved so that the surfaces don't cross; None if that fails."""
    for clearance in CLEARANCES:
        motion = push_apart(left.joints + offset, right.joints, clearance)
        if motion is None:
            return None
        left, offset = left.turned(motion[0]), motion[0] @ offset + motion[1]
        if not arms_cross(left, right, offset.astype(np.float32)):
            return left, offset
    return None


def _bring_to_touch(
    rng: np.random.Generator, left: Arm, right: Arm, offset: np.ndarray
) -> Float[np.ndarray, "3"] | None:
    direction = rng.normal(size=3)
    direction = (direction / np.linalg.norm(direction)).astype(np.float32)
    offset = offset.astype(np.float32)
    way, on_hands = travel_to_contact(left, right, offset, direction)
    return offset + way * direction if on_hands else None


def sample_interlocked(
    rng: np.random.Generator, how: Interlocking = USUAL, betas: Float[np.ndarray, "10"] | None = None
) -> tuple[Arm, Arm, Float[np.ndarray, "3"]]:
    """Returns two interlocked arms (left, right) that touch, and the left arm's offset in the right's frame.

    Both have the shape ``betas``, or random shapes without it. In the camera's view the pair is upright:
    forearms below, the left hand on the left, backs outwards.
    """
    while True:
        pitch = rng.uniform(*how.pitch)
        left, right = (_sample_arm(rng, side, pitch, how, betas) for side in (0, 1))
        across = right.root[:, 2] + left.root[:, 2]
        across /= np.linalg.norm(across)
        for _ in range(TRIES):
            share = rng.uniform(-0.3, 0.8)
            shift = rng.choice([-1, 1]) * rng.uniform(0.011, 0.022)
            offset = _crossing_point(right, share) - _crossing_point(left, share) + shift * across
            placed = _make_room(left, right, offset)
            if placed is None:
                continue
            touching = _bring_to_touch(rng, placed[0], right, placed[1])
            if touching is None:
                continue
            if count_interlocked(placed[0].joints + touching, right.joints) >= INTERLOCKED_FROM:
                return placed[0], right, touching
