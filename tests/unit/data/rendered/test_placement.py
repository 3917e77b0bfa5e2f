from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import cKDTree
from support.geometry import cover, penetration

from handlib.data.rendered.arm import add_forearm, arm_faces, hand_faces
from handlib.data.rendered.placement import NEAR_FROM, NEAR_TO, WORLDS, Pair, hands, look_at, place_pair
from handlib.data.rendered.posed_arm import BACK_TO_CAMERA, MIRRORED_POSE, pose_arm
from handlib.data.rendered.poses import joint_axes
from handlib.hand.skeleton import MANO_JOINT_NAMES, SIDES

STRATA_SHARES = {
    "apart": (1.0, 0.0, 0.0, 0.0),
    "near": (0.0, 1.0, 0.0, 0.0),
    "touching": (0.0, 0.0, 1.0, 0.0),
    "interlocked": (0.0, 0.0, 0.0, 1.0),
}


def pairs(world: str, stratum: str, count: int = 2) -> list[Pair]:
    rng = np.random.default_rng(2)
    only = replace(WORLDS[world], shares=STRATA_SHARES[stratum])
    return [place_pair(only, rng) for _ in range(count)]


def dense_distance(first: np.ndarray, second: np.ndarray, below: float) -> float:
    """Smallest distance of points all over two hands, if it is smaller than ``below``."""
    points, others = (cover(hand, hand_faces(), 8) for hand in (first, second))
    near = (points > others.min(0) - below).all(1) & (points < others.max(0) + below).all(1)
    return float(cKDTree(others).query(points[near], distance_upper_bound=below)[0].min())


@pytest.mark.parametrize(
    ("world", "stratum"), [("desk", "touching"), ("studio", "touching"), ("desk", "interlocked")]
)
def test_touching_hands_touch_and_hardly_sink_in(world, stratum):
    for pair in pairs(world, stratum):
        left, right = (add_forearm(v, side) for v, side in zip(pair.vertices, SIDES, strict=True))
        faces = hand_faces(), arm_faces()
        depths = (
            penetration(pair.vertices[0], faces[0], right, faces[1]),
            penetration(pair.vertices[1], faces[0], left, faces[1]),
        )
        assert max(depths) < 0.0015
        assert pair.distance == 0
        assert dense_distance(*pair.vertices, below=0.002) < 0.001


@pytest.mark.parametrize("world", ["desk", "studio"])
@pytest.mark.parametrize("stratum", ["near", "apart"])
def test_distance_is_the_surfaces_distance_and_fits_the_stratum(world, stratum):
    for pair in pairs(world, stratum):
        assert pair.stratum == stratum
        assert pair.distance == pytest.approx(
            dense_distance(*pair.vertices, below=pair.distance + 0.001), abs=3e-4
        )
        assert NEAR_FROM < pair.distance <= NEAR_TO if stratum == "near" else pair.distance > NEAR_TO


def test_fingers_that_cross_are_noticed():
    hand, pose = hands()[1], np.zeros((15, 3))
    assert not pose_arm(hand, np.eye(3), pose.ravel(), np.zeros(10)).crosses_itself()
    # The index finger, turned sideways at its base into the middle finger.
    joint = MANO_JOINT_NAMES.index("index1") - 1
    pose[joint] = -np.deg2rad(25) * joint_axes()[joint, 1]
    assert pose_arm(hand, np.eye(3), pose.ravel(), np.zeros(10)).crosses_itself()


def test_crop_contains_the_hands():
    rng = np.random.default_rng(6)
    for world in WORLDS.values():
        pair, intrinsics = look_at(world, place_pair(world, rng), rng)
        seen = pair.vertices[..., :2] / pair.vertices[..., 2:] * intrinsics[:2] + intrinsics[2:]
        assert (seen > -0.01).all() and (seen < 1.01).all()
        assert np.ptp(seen.reshape(-1, 2), axis=0).max() == pytest.approx(0.76, abs=0.13)


def views(world: str) -> np.ndarray:
    """How right hands stand before the camera, against one held up with its back to the camera."""
    rng = np.random.default_rng(3)
    turns = (WORLDS[world].look(rng) @ WORLDS[world].turn(rng)[1] for _ in range(400))
    return np.stack([turn @ BACK_TO_CAMERA.T for turn in turns])


def test_desk_wide_shows_hands_any_way_up_but_mostly_their_backs():
    desk, wide, studio = (views(world) for world in ("desk-full", "desk-wide", "studio-full"))
    backs = [(view[:, 2, 2] > 0).mean() for view in (desk, wide, studio)]
    assert backs[0] == 1 and 0.6 < backs[1] < 0.9 and backs[2] == pytest.approx(0.5, abs=0.1)
    upright = [(view[:, 1, 1] > 0).mean() for view in (desk, wide, studio)]
    assert upright[0] > 0.95 and upright[1:] == pytest.approx([0.5, 0.5], abs=0.1)


def test_one_persons_hands_are_mostly_mirror_images():
    rng = np.random.default_rng(4)
    world = replace(WORLDS["desk-person"], shares=(0.0, 0.5, 0.5, 0.0))
    pairs = [place_pair(world, rng) for _ in range(60)]
    differences = np.array([np.abs(pair.pose[0] * MIRRORED_POSE - pair.pose[1]).mean() for pair in pairs])
    strangers = np.array([np.abs(a.pose[0] * MIRRORED_POSE - b.pose[1]).mean() for a, b in pairwise(pairs)])
    assert all((pair.betas[0] == pair.betas[1]).all() for pair in pairs)
    # The share that mirrors to nine tenths: a tenth of the difference between two strangers' hands.
    assert 0.25 < (differences < 0.2 * strangers.mean()).mean() < 0.55
    assert (differences > 0.6 * strangers.mean()).mean() > 0.2
