"""How people hold their hands, and from where they are seen.

A pair is placed in its owner's frame, as the owner's eyes see it (x right, y down, z away), and then turned
before the camera: seen by the owner, by somebody opposite, or from the side.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from handlib.data.rendered.arm import hand_faces
from handlib.data.rendered.contact import arms_cross
from handlib.data.rendered.placement import (
    NEAR_TO,
    WORLDS,
    Pair,
    before_camera,
    joined,
    picture_bounds,
    place_pair,
    sample_betas,
)
from handlib.data.rendered.posed_arm import BACK_TO_CAMERA, MIRROR, Arm, hands, pose_arm
from handlib.data.rendered.poses import finger_angles, joint_axes, pose_from_angles, sample_finger_pose
from handlib.geometry.surfaces import surface_distance
from handlib.hand.hand import Hand

View = Literal["first person", "facing", "side"]
VIEWS: tuple[View, ...] = get_args(View)
VIEW_SHARES = (0.42, 0.40, 0.18)
YAW = {"first person": 0.0, "facing": 180.0, "side": 90.0}
YAW_SPREAD = {"first person": 35.0, "facing": 35.0, "side": 25.0}
OWNER_DOWN, DOWN = (50, 30), (25, 27)
"""Degrees, mean and spread: how far people look down at their hands, and somebody else's camera does."""
RELATIONS = ("together", "interlocked", "free", "any way")
RELATION_SHARES = (0.34, 0.16, 0.42, 0.08)
DISTANCES = (0.35, 1.3)
"""Metres from the camera to the middle of the hands."""
HANDS_SHARE = 0.64
"""The share of the stored picture's side that the hands take: 0.8 of what is nominally cut out of it."""
TOGETHER = replace(
    WORLDS["desk-full"],
    shares=(0.10, 0.40, 0.50, 0.0),
    pose_spread=1.0,
    turn=lambda rng: turns(rng, 35.0),
    one_person=True,
)
ANY_WAY = replace(WORLDS["studio-full"], shares=(0.1, 0.3, 0.4, 0.2), one_person=True)


@dataclass(frozen=True)
class SeenPair:
    """A pair before the camera, the intrinsics (fx, fy, cx, cy) of a picture of side 1, and who looks."""

    pair: Pair
    intrinsics: Float[np.ndarray, "4"]
    view: View


def euler(yaw: float, pitch: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """Degrees about y, then x, then z."""
    return Rotation.from_euler("yxz", (yaw, pitch, roll), degrees=True).as_matrix()


def turns(rng: np.random.Generator, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Both hands (left, right), fingers up and backs to their owner, each turned by normal angles."""
    left, right = (euler(*rng.normal(0, spread, 3)) @ BACK_TO_CAMERA for _ in range(2))
    return MIRROR @ left @ MIRROR, right


def gesture(rng: np.random.Generator) -> Float[np.ndarray, "45"]:
    """A finger pose that people often show (right hand): fingers stretched or curled as a group, a thumb that
    joins or stands out.
    """

    def finger(curl: float) -> tuple[float, float, float, float]:
        return (
            float(np.clip(80 * curl + rng.normal(0, 6), -15, 90)),
            float(rng.normal(0, 4)),
            float(np.clip(95 * curl + rng.normal(0, 7), 0, 105)),
            float(np.clip(60 * curl + rng.normal(0, 6), 0, 80)),
        )

    kind = rng.choice(("open", "fist", "point", "two", "curled", "pinch"))
    common = rng.uniform(0.1, 0.7)
    curls = {
        "open": (0.05, 0.05, 0.06, 0.08),
        "fist": (0.95, 1.0, 1.0, 1.0),
        "point": (0.05, 0.9, 1.0, 1.0),
        "two": (0.05, 0.05, 0.95, 0.95),
        "curled": (common, common, common, common),
        "pinch": (0.5, *(3 * [rng.uniform(0.1, 0.7)])),
    }[kind]
    bent = {"open": 0.0, "fist": 1.0, "point": 0.8, "two": 0.9, "curled": common, "pinch": 0.6}[kind]
    thumb = (
        2 + 28 * bent + rng.normal(0, 7),
        -6 * bent + rng.normal(0, 7),
        -22 * bent + rng.normal(0, 6),
        float(np.clip(6 + 24 * bent + rng.normal(0, 8), -8, 50)),
        float(np.clip(8 + 32 * bent + rng.normal(0, 9), -12, 70)),
    )
    index, middle, ring, little = (finger(float(np.clip(c + rng.normal(0, 0.06), 0, 1))) for c in curls)
    angles = finger_angles(index, middle, ring, little, thumb)
    return pose_from_angles(angles, joint_axes())


def sample_pose(rng: np.random.Generator) -> Float[np.ndarray, "45"]:
    """A right hand's finger pose: any that joints allow, or a common gesture."""
    return gesture(rng) if rng.random() < 0.4 else sample_finger_pose(rng, joint_axes())


def sample_arm(rng: np.random.Generator, hand: Hand, root: np.ndarray, betas: np.ndarray) -> Arm:
    """A hand of a given turn and shape in a random pose in which it doesn't cross itself."""
    while True:
        arm = pose_arm(hand, root, sample_pose(rng), betas)
        if not arm.crosses_itself():
            return arm


def free_pair(rng: np.random.Generator) -> Pair:
    """Hands that do things of their own: turned independently, side by side, one before the other or far."""
    while True:
        betas = sample_betas(rng)
        left, right = (
            sample_arm(rng, hand, root, betas) for hand, root in zip(hands(), turns(rng, 45.0), strict=True)
        )
        reach = 2.5 if rng.random() < 0.35 else 1.0
        for _ in range(8):
            offset = np.array(
                [
                    rng.normal(-0.12 * reach, 0.10 * reach),
                    rng.normal(0, 0.07 * reach),
                    rng.normal(0, 0.06 * min(reach, 1.5)),
                ]
            )
            distance = surface_distance(
                (left.vertices + offset).astype(np.float32), right.vertices, hand_faces(), hand_faces()
            )
            if distance > 0.004 and not arms_cross(left, right, offset.astype(np.float32)):
                return joined(left, right, offset, distance, "near" if distance < NEAR_TO else "apart")


def sample_pair(rng: np.random.Generator) -> Pair:
    """Two hands of one person, in the owner's frame."""
    relation = rng.choice(RELATIONS, p=RELATION_SHARES)
    if relation == "free":
        return free_pair(rng)
    if relation == "interlocked":
        return place_pair(replace(TOGETHER, shares=(0.0, 0.0, 0.0, 1.0)), rng)
    return place_pair(TOGETHER if relation == "together" else ANY_WAY, rng)


def look_from(owner_down: float, yaw: float, down: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """The turn from what the owner sees, who looks down by some degrees, to what a camera sees that stands
    ``yaw`` degrees around and looks down by ``down``: 180 degrees around hands on a table, fingers point down
    in the picture and backs stay visible; 180 around hands before the chest, palms are seen.
    """
    level = euler(0.0, -owner_down, 0.0)
    return euler(0.0, 0.0, roll) @ euler(0.0, down, 0.0) @ euler(yaw, 0.0, 0.0) @ level


def look(rng: np.random.Generator, view: View) -> Float[np.ndarray, "3 3"]:
    """The turn that brings what the owner sees before a camera."""
    owner_down = float(np.clip(rng.normal(*OWNER_DOWN), -10, 88))
    yaw = rng.normal(YAW[view] * rng.choice((-1, 1)), YAW_SPREAD[view])
    down = rng.normal(owner_down, 25) if view == "first person" else rng.normal(*DOWN)
    roll = rng.normal(0, 20) if rng.random() < 0.85 else rng.uniform(-180, 180)
    return look_from(owner_down, yaw, float(np.clip(down, -30, 90)), roll)


def sample_seen_pair(rng: np.random.Generator) -> SeenPair:
    """A pair before a camera that looks at the middle of it; the picture leaves room all around."""
    pair, view = sample_pair(rng), VIEWS[rng.choice(len(VIEWS), p=VIEW_SHARES)]
    moved = before_camera(pair, look(rng, view), rng.uniform(*DISTANCES))
    low, high = picture_bounds(moved)
    focal = HANDS_SHARE / (high - low).max()
    intrinsics = np.array([focal, focal, *(0.5 - focal * (low + high) / 2)], dtype=np.float32)
    return SeenPair(moved, intrinsics, view)
