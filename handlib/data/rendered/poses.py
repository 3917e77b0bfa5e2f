"""Anatomically limited finger poses: joint angles in degrees, turned about each joint's own axes.

Every finger joint has three axes, the rows of ``axes[joint]`` (right hand, MANO frame, MANO joint order, unit
length). Rotations follow the right-hand rule about them:

- flexion: positive curls the finger towards the palm (the thumb: across it);
- abduction: positive moves the finger away from the middle finger (the middle finger: towards the thumb);
- twist: the axis points along the bone to the tip.

A left hand takes the right hand's pose if y and z of every axis-angle vector are negated.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from handlib.hand.mano_file import open_hand_file
from handlib.hand.skeleton import MANO_JOINT_NAMES

FOUR_FINGERS = ("index", "middle", "ring", "little")
# Degrees by which a fully flexed finger leans towards the middle finger.
CONVERGENCE = {"index": 6.0, "middle": 0.0, "ring": 4.0, "little": 10.0}


@cache
def joint_axes() -> Float[np.ndarray, "15 3 3"]:
    """Returns flexion, abduction and twist axis of the open hand's 15 finger joints (right hand)."""
    with np.load(open_hand_file(), allow_pickle=False) as asset:
        return asset["joint_axes"].astype(np.float64)


def finger_angles(
    index: Sequence[float | int] = (0, 0, 0, 0),
    middle: Sequence[float | int] = (0, 0, 0, 0),
    ring: Sequence[float | int] = (0, 0, 0, 0),
    little: Sequence[float | int] = (0, 0, 0, 0),
    thumb: Sequence[float | int] = (0, 0, 0, 0, 0),
) -> Float[np.ndarray, "15 3"]:
    """Returns degrees (flexion, abduction, twist) per joint in MANO order, from a hand's 21 angles.

    A finger has the angles (knuckle flexion, knuckle abduction, middle joint flexion, end joint flexion). The
    thumb has (base flexion, base abduction, base twist, middle joint flexion, end joint flexion).
    """
    degrees = np.zeros((15, 3))
    for name, (knuckle, abduction, middle_joint, end_joint) in zip(
        FOUR_FINGERS, (index, middle, ring, little), strict=True
    ):
        first = MANO_JOINT_NAMES.index(f"{name}1") - 1
        degrees[first, :2] = knuckle, abduction
        degrees[first + 1 : first + 3, 0] = middle_joint, end_joint
    first = MANO_JOINT_NAMES.index("thumb1") - 1
    degrees[first] = thumb[:3]
    degrees[first + 1 : first + 3, 0] = thumb[3:]
    return degrees


def pose_from_angles(
    degrees: Float[np.ndarray, "15 3"], axes: Float[np.ndarray, "15 3 3"]
) -> Float[np.ndarray, "45"]:
    """Returns the right hand's axis-angle pose; each joint first twists, then abducts, then flexes."""
    flexion, abduction, twist = (
        Rotation.from_rotvec(np.deg2rad(degrees[:, k, None]) * axes[:, k]) for k in range(3)
    )
    return (flexion * abduction * twist).as_rotvec().ravel()


def sample_angles(rng: np.random.Generator) -> Float[np.ndarray, "15 3"]:
    """Returns random joint angles within a hand's limits, in degrees, in the form of :func:`finger_angles`.

    Three hands in four close as a whole, with some variation between the fingers. In the fourth, every finger
    moves independently. End joints follow middle joints. Flexed fingers can't move sideways as far, and they
    converge. The thumb moves over the palm as the hand closes.
    """
    closure = rng.beta(0.9, 1.3)
    together = rng.random() < 0.75
    fingers = {}
    for name in FOUR_FINGERS:
        curl = closure + rng.normal(0, 0.16) if together else rng.random() ** 1.2
        curl = np.clip(curl, 0, 1)
        knuckle = -12 + 92 * np.clip(curl + rng.normal(0, 0.12), 0, 1)
        middle_joint = np.clip(100 * curl + rng.normal(0, 10), 0, 105)
        end_joint = np.clip(0.62 * middle_joint + rng.normal(0, 6), 0, 75)
        bent = np.clip(knuckle / 80, 0, 1)
        abduction = rng.normal(0, 6) * (1 - 0.85 * bent) - CONVERGENCE[name] * bent
        fingers[name] = (knuckle, np.clip(abduction, -14, 12), middle_joint, end_joint)
    opposition = np.clip(0.65 * closure + 0.35 * rng.random(), 0, 1)
    thumb = (
        np.clip(rng.normal(2, 8) + 28 * opposition, -20, 45),
        np.clip(rng.normal(0, 8) - 6 * opposition, -25, 20),
        np.clip(rng.normal(0, 6) - 22 * opposition, -40, 15),
        np.clip(rng.normal(6, 10) + 18 * opposition, -8, 50),
        np.clip(rng.normal(8, 16) + 24 * opposition, -12, 70),
    )
    return finger_angles(**fingers, thumb=thumb)


def sample_finger_pose(
    rng: np.random.Generator, axes: Float[np.ndarray, "15 3 3"]
) -> Float[np.ndarray, "45"]:
    """Returns a random pose of the right hand's fingers, axis-angle around the flat hand.

    Each joint stays within its anatomical limits, but fingers may pass through each other or through the
    palm.
    """
    return pose_from_angles(sample_angles(rng), axes)
