"""Random poses of two hands as people hold them, and random views of the hands.

A pair is placed in its owner's frame, as the owner's eyes see it (x right, y down, z away). Then it is turned
in front of the camera: the view is the owner's, that of a person opposite, or from the side.
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
"""Mean and spread in degrees of the angle at which owners, and other people's cameras, look down."""
RELATIONS = ("together", "interlocked", "free", "any way")
RELATION_SHARES = (0.34, 0.16, 0.42, 0.08)
DISTANCES = (0.35, 1.3)
"""Metres from the camera to the middle of the hands."""
HANDS_SHARE = 0.64
"""Share of the stored picture's side that the hands fill: 0.8 of the part that is nominally cut out."""
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
    """A pair in front of the camera, the intrinsics (fx, fy, cx, cy) of a picture of side 1, and the view."""

    pair: Pair
    intrinsics: Float[np.ndarray, "4"]
    view: View


def euler(yaw: float, pitch: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """Returns the rotation by degrees about y, then x, then z."""
    return Rotation.from_euler("yxz", (yaw, pitch, roll), degrees=True).as_matrix()


def turns(rng: np.random.Generator, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns rotations of both hands (left, right): fingers up, backs to the owner, plus random turns.

    The random angles are normally distributed with standard deviation ``spread`` (degrees).
    """
    left, right = (euler(*rng.normal(0, spread, 3)) @ BACK_TO_CAMERA for _ in range(2))
    return MIRROR @ left @ MIRROR, right


def gesture(rng: np.random.Generator) -> Float[np.ndarray, "45"]:
    """Returns a random common gesture as a right hand's finger pose.

    Fingers are stretched or curled together; the thumb joins them or stands out.
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
    """Returns a right hand's finger pose: any pose that joints allow, or a common gesture."""
    return gesture(rng) if rng.random() < 0.4 else sample_finger_pose(rng, joint_axes())


def sample_arm(rng: np.random.Generator, hand: Hand, root: np.ndarray, betas: np.ndarray) -> Arm:
    """Returns a hand of given rotation and shape in a random pose in which it doesn't cross itself."""
    while True:
        arm = pose_arm(hand, root, sample_pose(rng), betas)
        if not arm.crosses_itself():
            return arm


def free_pair(rng: np.random.Generator) -> Pair:
    """Returns two hands that move independently: side by side, one in front of the other, or far apart."""
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
    """Returns two hands of one person, in the owner's frame."""
    relation = rng.choice(RELATIONS, p=RELATION_SHARES)
    if relation == "free":
        return free_pair(rng)
    if relation == "interlocked":
        return place_pair(replace(TOGETHER, shares=(0.0, 0.0, 0.0, 1.0)), rng)
    return place_pair(TOGETHER if relation == "together" else ANY_WAY, rng)


def look_from(owner_down: float, yaw: float, down: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """Returns the rotation from the owner's view to a camera's view (angles in degrees).

    The owner looks down by ``owner_down``. The camera stands ``yaw`` around the hands and looks down by
    ``down``. With yaw 180 and hands on a table, fingers point down in the picture and the backs stay visible.
    With yaw 180 and hands in front of the chest, the camera sees the palms.
    """
    level = euler(0.0, -owner_down, 0.0)
    return euler(0.0, 0.0, roll) @ euler(0.0, down, 0.0) @ euler(yaw, 0.0, 0.0) @ level


def look(rng: np.random.Generator, view: View) -> Float[np.ndarray, "3 3"]:
    """Returns a random rotation from the owner's view to a camera's view."""
    owner_down = float(np.clip(rng.normal(*OWNER_DOWN), -10, 88))
    yaw = rng.normal(YAW[view] * rng.choice((-1, 1)), YAW_SPREAD[view])
    down = rng.normal(owner_down, 25) if view == "first person" else rng.normal(*DOWN)
    roll = rng.normal(0, 20) if rng.random() < 0.85 else rng.uniform(-180, 180)
    return look_from(owner_down, yaw, float(np.clip(down, -30, 90)), roll)


def sample_seen_pair(rng: np.random.Generator) -> SeenPair:
    """Returns a random pair and a camera that looks at its middle; the picture leaves room all around."""
    pair, view = sample_pair(rng), VIEWS[rng.choice(len(VIEWS), p=VIEW_SHARES)]
    moved = before_camera(pair, look(rng, view), rng.uniform(*DISTANCES))
    low, high = picture_bounds(moved)
    focal = HANDS_SHARE / (high - low).max()
    intrinsics = np.array([focal, focal, *(0.5 - focal * (low + high) / 2)], dtype=np.float32)
    return SeenPair(moved, intrinsics, view)
