from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from support.geometry import cover, penetration

from handlib.data.rendered.arm import add_forearm, arm_faces, hand_faces
from handlib.data.rendered.contact import build_scene, count_self_crossings
from handlib.data.rendered.placement import NEAR_FROM, NEAR_TO, WORLDS, Pair, hands, look_at, place_pair
from handlib.data.rendered.posed_arm import BACK_TO_CAMERA
from handlib.data.rendered.poses import joint_axes
from handlib.geometry.surfaces import surface_distance
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


def test_distance_of_parallel_hands_is_their_shift():
    flat = hands()[1]().vertices.numpy()
    beyond = flat[:, 1].max() - flat[:, 1].min()
    shift = np.array([0, beyond + 0.01, 0], dtype=np.float32)
    faces = hand_faces(), hand_faces()
    assert surface_distance(flat, flat + shift, *faces) >= 0.01
    side = np.array([0, 0, 0.3], dtype=np.float32)
    found = surface_distance(flat, flat + side, *faces)
    assert found == pytest.approx(dense_distance(flat, flat + side, below=found + 0.001), abs=2e-4)


def test_flexion_joints_stay_within_their_limits_and_turn_about_their_axes():
    mirror = np.array([1.0, -1.0, -1.0])
    limits = {
        "index2": 105,
        "middle2": 105,
        "ring2": 105,
        "little2": 105,
        "index3": 75,
        "little3": 75,
        "thumb3": 70,
    }
    for pair in pairs("studio", "near", 4) + pairs("desk", "apart", 4):
        for hand in (0, 1):
            pose = pair.pose[hand].reshape(15, 3) * (mirror if hand == 0 else 1)
            for name, limit in limits.items():
                joint = MANO_JOINT_NAMES.index(name) - 1
                axis = joint_axes()[joint, 0]
                degrees = np.rad2deg(pose[joint] @ axis)
                low = -13 if name == "thumb3" else -0.5
                assert low <= degrees <= limit + 0.5
                assert np.linalg.norm(pose[joint] - (pose[joint] @ axis) * axis) < 0.02


def test_fingers_that_cross_are_counted():
    hand = hands()[1]
    flat = add_forearm(hand().vertices.numpy(), "right")
    assert count_self_crossings(flat, build_scene(flat)) == 0
    # The index finger, turned sideways at its base into the middle finger.
    pose = torch.zeros(15, 3)
    joint = MANO_JOINT_NAMES.index("index1") - 1
    pose[joint] = torch.from_numpy(-np.deg2rad(25) * joint_axes()[joint, 1])
    crossed = add_forearm(hand(pose_axis_angle=pose.flatten()).vertices.numpy(), "right")
    assert count_self_crossings(crossed, build_scene(crossed)) > 20


def test_desk_hands_show_their_backs_with_the_left_one_on_the_left():
    rng = np.random.default_rng(0)
    nominal = np.array([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]])
    flip = np.diag([-1.0, 1, 1])
    only = replace(WORLDS["desk"], shares=STRATA_SHARES["apart"])
    for _ in range(4):
        pair, _ = look_at(only, place_pair(only, rng), rng)
        assert pair.vertices[0, :, 0].mean() < pair.vertices[1, :, 0].mean()
        for root, expected in zip(pair.root, (flip @ nominal @ flip, nominal), strict=True):
            angle = np.rad2deg(Rotation.from_matrix(root @ expected.T).magnitude())
            # Three turns of 30 degrees at most, then three of 20.
            assert angle < 90


def test_the_model_gives_the_pair_again_from_its_parameters():
    rng = np.random.default_rng(5)
    pair, _ = look_at(WORLDS["studio"], place_pair(WORLDS["studio"], rng), rng)
    for k, hand in enumerate(hands()):
        posed = hand(
            root_rotation=torch.from_numpy(pair.root[k]),
            pose_axis_angle=torch.from_numpy(pair.pose[k]),
            betas=torch.from_numpy(pair.betas[k]),
        )
        np.testing.assert_allclose(posed.vertices.numpy() + pair.joints[k, 0], pair.vertices[k], atol=1e-5)
        np.testing.assert_allclose(posed.joints.numpy() + pair.joints[k, 0], pair.joints[k], atol=1e-5)


def test_crop_contains_the_hands():
    rng = np.random.default_rng(6)
    for world in WORLDS.values():
        pair, intrinsics = look_at(world, place_pair(world, rng), rng)
        seen = pair.vertices[..., :2] / pair.vertices[..., 2:] * intrinsics[:2] + intrinsics[2:]
        assert (seen > -0.01).all() and (seen < 1.01).all()
        assert np.ptp(seen.reshape(-1, 2), axis=0).max() == pytest.approx(0.76, abs=0.13)


def test_same_random_numbers_same_pair():
    first, second = (place_pair(WORLDS["desk"], np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(first.vertices, second.vertices)
    assert first.distance == second.distance


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
