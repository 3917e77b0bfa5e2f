"""Places two hands so that they don't pass through each other; defines the worlds that pairs are drawn from.

A world fixes how the hands are turned, how they meet and how the camera looks at them. ``desk`` is narrow:
first person, left hand on the left, backs mostly visible. In ``studio`` every orientation occurs. Neither
has interlocked pairs; ``desk-full`` and ``studio-full`` are the same with all four strata. ``desk-wide`` is
between these two: hands are turned further, seen from the side and from any height, the picture any way up.
In all of these the hands are drawn independently. ``desk-person`` shows ``desk-full`` hands of one person:
one shape, and poses and turns that are related (``LIKENESS``), so that one hand tells something of the other.
Its interlocked hands are bent and turned further than those of the other worlds.
Three more worlds test how robust a network is. They show ``desk`` hands with things in front of them
(``desk-objects``), with somebody else's hands behind them (``desk-others``), or with one hand behind the
other (``desk-stacked``).

Hands are posed within their joints' limits and refused if they cross themselves. Then they slide together to
the first contact. For the strata that don't touch, they move back the way they came, so they can't cross.
Interlocked hands are made in :mod:`handlib.data.rendered.interlock`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from handlib.data.rendered.arm import hand_faces
from handlib.data.rendered.contact import slide_to_contact
from handlib.data.rendered.interlock import USUAL, VARIED, Interlocking, sample_interlocked
from handlib.data.rendered.posed_arm import BACK_TO_CAMERA, MIRROR, MIRRORED_POSE, Arm, hands, pose_arm
from handlib.data.rendered.poses import joint_axes, sample_finger_pose
from handlib.data.sample import STRATA
from handlib.geometry.surfaces import surface_distance
from handlib.hand.hand import Hand

# Metres. Closer than the first, hands count as touching; further than the second, as apart.
NEAR_FROM, NEAR_TO = 0.002, 0.030
# Range of the gap in metres by which a stratum's hands are moved apart along the direction of approach.
GAPS = {"touching": (0.0, 0.0), "near": (0.003, 0.032), "apart": (0.032, 0.090)}
LIKENESS = {"mirrored": (0.40, 0.90), "alike": (0.25, 0.60), "independent": (0.35, 0.0)}
"""How alike the fingers of related hands are: share of pairs, and weight of the right hand's mirrored pose.

The left hand's pose is that mirrored pose and a pose of its own, mixed by the weight. Interlocked hands have
poses of their own.
"""
MIRRORED_TURNS, TURN_SPREAD = 0.5, 12.0
"""The share of related pairs whose left hand is turned as the right hand's mirror image, and the deviation.

The turn differs from the mirror image by normally distributed angles of this deviation (degrees).
"""


@dataclass(frozen=True)
class World:
    """A distribution of pairs: shares of ``STRATA``; how hands are turned, brought together and looked at.

    In the picture, each hand covers at least ``least_share`` of the area that both cover. ``around`` says
    what surrounds them (:mod:`handlib.data.rendered.occluders.surroundings`). ``one_person``: both hands have
    the same shape. ``related``: the hands' poses and turns are related (``LIKENESS``). ``interlocking``: how
    varied interlocked hands are.
    """

    shares: tuple[float, float, float, float]
    pose_spread: float
    turn: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]
    approach: Callable[[np.random.Generator, "Arm", "Arm", str], tuple[np.ndarray, np.ndarray]]
    look: Callable[[np.random.Generator], np.ndarray]
    least_share: float = 0.15
    around: Literal["nothing", "objects", "others"] = "nothing"
    one_person: bool = False
    related: bool = False
    interlocking: Interlocking = USUAL


@dataclass(frozen=True)
class Pair:
    """Two placed hands (left, right), metres."""

    root: Float[np.ndarray, "2 3 3"]
    pose: Float[np.ndarray, "2 45"]
    betas: Float[np.ndarray, "2 10"]
    vertices: Float[np.ndarray, "2 778 3"]
    joints: Float[np.ndarray, "2 21 3"]
    distance: float
    stratum: str


def _euler(degrees: np.ndarray) -> np.ndarray:
    return Rotation.from_euler("yxz", degrees, degrees=True).as_matrix()


def _first_person_turn(rng: np.random.Generator, within: float) -> tuple[np.ndarray, np.ndarray]:
    right = _euler(rng.uniform(-within, within, 3)) @ BACK_TO_CAMERA
    left = _euler(rng.uniform(-within, within, 3)) @ BACK_TO_CAMERA
    return MIRROR @ left @ MIRROR, right


def _desk_approach(
    rng: np.random.Generator, left: Arm, right: Arm, stratum: str
) -> tuple[np.ndarray, np.ndarray]:
    offset = np.array([-rng.uniform(-0.01, 0.10), 0.03 * rng.normal(), 0.0])
    sideways = stratum == "apart" or rng.random() < 0.45
    direction = np.array([-1.0, 0, 0]) if sideways else np.array([0, 0, rng.choice([-1.0, 1.0])])
    return offset, direction + 0.25 * rng.normal(size=3)


def _stacked_approach(
    rng: np.random.Generator, left: Arm, right: Arm, stratum: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns offset and direction for one hand behind the other."""
    offset = right.vertices.mean(0) - left.vertices.mean(0) + (*(0.025 * rng.normal(size=2)), 0.0)
    return offset, np.array([0, 0, rng.choice([-1.0, 1.0])]) + 0.1 * rng.normal(size=3)


def _look_within(rng: np.random.Generator, angles: tuple[float, float, float]) -> np.ndarray:
    """Returns a random rotation with at most these degrees about y, x and z."""
    return _euler(rng.uniform(-np.array(angles), angles))


def _studio_turn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    relative = (
        Rotation.from_euler("z", 180, degrees=True),
        Rotation.from_euler("y", 180, degrees=True),
        Rotation.from_euler("yx", [180, 90], degrees=True),
        Rotation.from_euler("z", 180, degrees=True) * Rotation.from_euler("y", 180, degrees=True),
    )[rng.integers(4)]
    return (Rotation.from_rotvec(0.5 * rng.normal(size=3)) * relative).as_matrix(), np.eye(3)


def _studio_approach(
    rng: np.random.Generator, left: Arm, right: Arm, stratum: str
) -> tuple[np.ndarray, np.ndarray]:
    offset = right.vertices[rng.integers(778)] - left.vertices[rng.integers(778)]
    return offset, rng.normal(size=3)


def _studio_look(rng: np.random.Generator) -> np.ndarray:
    return Rotation.random(rng=rng).as_matrix()


DESK = World(
    shares=(0.25, 0.35, 0.40, 0.0),
    pose_spread=0.75,
    turn=partial(_first_person_turn, within=30.0),
    approach=_desk_approach,
    look=partial(_look_within, angles=(20.0, 20.0, 20.0)),
)
DESK_FULL = replace(DESK, shares=(0.20, 0.30, 0.35, 0.15))
STUDIO = World((0.20, 0.30, 0.50, 0.0), 1.0, _studio_turn, _studio_approach, _studio_look)
WORLDS = {
    "desk": DESK,
    "studio": STUDIO,
    "desk-full": DESK_FULL,
    "desk-wide": replace(
        DESK_FULL,
        pose_spread=0.9,
        turn=partial(_first_person_turn, within=50.0),
        look=partial(_look_within, angles=(75.0, 75.0, 180.0)),
    ),
    "studio-full": replace(STUDIO, shares=(0.20, 0.25, 0.40, 0.15)),
    "desk-person": replace(DESK_FULL, one_person=True, related=True, interlocking=VARIED),
    "desk-objects": replace(DESK, around="objects"),
    "desk-others": replace(DESK, around="others"),
    "desk-stacked": replace(DESK, shares=(0.0, 0.5, 0.5, 0.0), approach=_stacked_approach, least_share=0.005),
}


def sample_betas(rng: np.random.Generator) -> Float[np.ndarray, "10"]:
    """Returns a random shape."""
    return 0.7 * rng.normal(size=10)


def sample_arm(
    rng: np.random.Generator,
    hand: Hand,
    root: Float[np.ndarray, "3 3"],
    spread: float,
    betas: Float[np.ndarray, "10"] | None = None,
) -> Arm:
    """Returns a random hand, turned by ``root``, whose fingers don't cross.

    ``spread`` scales poses around the mean pose. The shape is random too if ``betas`` isn't given.
    """
    mean = hands()[1].hands_mean.numpy()
    while True:
        pose = mean + spread * (sample_finger_pose(rng, joint_axes()) - mean)
        arm = pose_arm(hand, root, pose, sample_betas(rng) if betas is None else betas)
        if not arm.crosses_itself():
            return arm


def _related_arms(
    rng: np.random.Generator, world: World, betas: Float[np.ndarray, "10"] | None
) -> tuple[Arm, Arm]:
    """Returns a left and a right hand; the left one does partly what the right one does."""
    left_root, right_root = world.turn(rng)
    if rng.random() < MIRRORED_TURNS:
        left_root = MIRROR @ _euler(rng.normal(0, TURN_SPREAD, 3)) @ right_root @ MIRROR
    shares, weights = zip(*LIKENESS.values(), strict=True)
    weight = rng.choice(weights, p=shares)
    left_hand, right_hand = hands()
    right = sample_arm(rng, right_hand, right_root, world.pose_spread, betas)
    while True:
        own = sample_arm(rng, left_hand, left_root, world.pose_spread, betas)
        pose = weight * right.pose + (1 - weight) * own.pose * MIRRORED_POSE
        left = pose_arm(left_hand, left_root, pose, own.betas)
        if not left.crosses_itself():
            return left, right


def _bring_together(
    rng: np.random.Generator, world: World, left: Arm, right: Arm, stratum: str
) -> tuple[np.ndarray, float] | None:
    """Returns the left wrist's place relative to the right one, and the hands' distance; None on failure."""
    offset, direction = world.approach(rng, left, right, stratum)
    gap = rng.uniform(*GAPS[stratum])
    direction = direction / np.linalg.norm(direction)
    contact = slide_to_contact(left, right, offset, direction)
    if contact is None or (stratum == "touching" and not contact[1]):
        return None
    offset = offset + (contact[0] + gap) * direction
    if stratum == "touching":
        return offset, 0.0
    at = (left.vertices + offset).astype(np.float32)
    distance = surface_distance(at, right.vertices, hand_faces(), hand_faces())
    fits = distance > NEAR_TO if stratum == "apart" else NEAR_FROM < distance <= NEAR_TO
    return (offset, distance) if fits else None


def joined(left: Arm, right: Arm, offset: np.ndarray, distance: float, stratum: str) -> Pair:
    """Returns two arms as a pair; the left arm is at ``offset`` (metres) from the right arm."""
    offsets = np.stack((offset, np.zeros(3))).astype(np.float32)[:, None]
    return Pair(
        root=np.stack((left.root, right.root)),
        pose=np.stack((left.pose, right.pose)),
        betas=np.stack((left.betas, right.betas)),
        vertices=np.stack((left.vertices, right.vertices)) + offsets,
        joints=np.stack((left.joints, right.joints)) + offsets,
        distance=distance,
        stratum=stratum,
    )


def place_pair(world: World, rng: np.random.Generator) -> Pair:
    """Returns a random pair of the world with the right wrist at the origin; its stratum is drawn first."""
    stratum = str(rng.choice(STRATA, p=world.shares))
    betas = sample_betas(rng) if world.one_person else None
    if stratum == "interlocked":
        return joined(*sample_interlocked(rng, world.interlocking, betas), 0.0, stratum)
    while True:
        if world.related:
            left, right = _related_arms(rng, world, betas)
        else:
            left, right = (
                sample_arm(rng, hand, root, world.pose_spread, betas)
                for hand, root in zip(hands(), world.turn(rng), strict=True)
            )
        for _ in range(6):
            placed = _bring_together(rng, world, left, right, stratum)
            if placed is not None:
                return joined(left, right, *placed, stratum)


def before_camera(pair: Pair, turn: Float[np.ndarray, "3 3"], distance: float | int | None = None) -> Pair:
    """Returns the pair, turned about the middle of its hands and moved straight in front of the camera.

    The middle is then at ``distance`` metres, or as far away as before without it.
    """
    points = pair.vertices.reshape(-1, 3)
    centre = (points.max(0) + points.min(0)) / 2
    away = np.array((0, 0, distance or centre[2]))

    def move(x: np.ndarray) -> np.ndarray:
        return ((x - centre) @ turn.T + away).astype(np.float32)

    root = (turn @ pair.root).astype(np.float32)
    return replace(pair, root=root, vertices=move(pair.vertices), joints=move(pair.joints))


def picture_bounds(pair: Pair) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """Returns the smallest and largest x / z and y / z of both hands: their place in a picture."""
    seen = pair.vertices[..., :2] / pair.vertices[..., 2:]
    return seen.min((0, 1)), seen.max((0, 1))


def look_at(world: World, pair: Pair, rng: np.random.Generator) -> tuple[Pair, Float[np.ndarray, "4"]]:
    """Returns the pair in a random camera's frame, and intrinsics (fx, fy, cx, cy) of a picture of side 1.

    The camera is 45 to 80 cm away. The crop leaves about a tenth of the picture around the hands, with random
    variation.
    """
    turn = world.look(rng)
    moved = before_camera(pair, turn, rng.uniform(0.45, 0.80))
    low, high = picture_bounds(moved)
    focal = 0.8 / (high - low).max() * rng.uniform(0.82, 1.08)
    centre_2d = 0.5 - focal * (low + high) / 2 + rng.uniform(-0.06, 0.06, 2)
    return moved, np.array([focal, focal, *centre_2d], dtype=np.float32)
