"""Interlocked hands: what counts as interlocked, and that random pairs are."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from handlib.data.rendered.interlock import INTERLOCKED_FROM, count_interlocked, push_apart
from handlib.data.rendered.placement import DESK, Pair, look_at, place_pair
from handlib.data.rendered.posed_arm import BACK_TO_CAMERA, MIRROR, hands
from handlib.data.rendered.poses import joint_axes
from handlib.hand.skeleton import MANO_JOINT_NAMES


def desk_pairs(stratum: int, count: int) -> list[Pair]:
    rng = np.random.default_rng(4)
    only = replace(DESK, shares=tuple(float(k == stratum) for k in range(4)))
    return [place_pair(only, rng) for _ in range(count)]


@pytest.fixture(scope="module")
def interlocked() -> list[Pair]:
    return desk_pairs(3, 4)


def comb(heights: list[float], direction: float) -> np.ndarray:
    """A hand of straight fingers: joints 2 cm apart along y, from -3 cm on, at these heights (x, in cm)."""
    joints = np.zeros((21, 3))
    for finger, height in enumerate(heights):
        along = direction * (np.arange(4) * 2 - 3)
        joints[1 + 4 * finger : 5 + 4 * finger] = np.stack(
            (np.full(4, height), along, np.full(4, 0.0)), axis=1
        )
    return joints / 100


def test_combs_that_cross_at_right_angles_are_counted_finger_by_finger():
    first = comb([-9, 0, 2, 4, 6], 1)
    second = comb([-9, 1, 3, 5, 7], 1)[:, [0, 2, 1]]
    # Three of the second hand's fingers stand between fingers of the first one, and the other way round.
    assert count_interlocked(first, second) == 6
    assert count_interlocked(first, second + np.array([0.02, 0, 0])) == 4
    assert count_interlocked(first, second + np.array([0.2, 0, 0])) == 0
    assert count_interlocked(second, first) == 6


def test_interlocked_pairs_are_interlocked_and_touching_ones_are_not(interlocked):
    assert all(count_interlocked(*pair.joints) >= INTERLOCKED_FROM for pair in interlocked)
    assert {(pair.stratum, pair.distance) for pair in interlocked} == {("interlocked", 0.0)}
    assert all(count_interlocked(*pair.joints) < 3 for pair in desk_pairs(2, 6))


def test_interlocked_fingers_keep_their_joints_limits(interlocked):
    mirror = np.array([1.0, -1.0, -1.0])
    for pair in interlocked:
        for hand in (0, 1):
            pose = pair.pose[hand].reshape(15, 3) * (mirror if hand == 0 else 1)
            for joint, name in enumerate(MANO_JOINT_NAMES[1:]):
                axes = joint_axes()[joint]
                flexion, abduction, twist = np.rad2deg(axes @ pose[joint])
                if name in ("index2", "middle2", "ring2", "little2"):
                    assert -0.5 <= flexion <= 105.5 and abs(abduction) + abs(twist) < 1
                elif name in ("index1", "middle1", "ring1", "little1"):
                    assert -14 <= flexion <= 80 and abs(abduction) < 32


def test_interlocked_hands_in_the_desk_world_are_seen_from_their_owners_side(interlocked):
    rng = np.random.default_rng(0)
    for pair in interlocked:
        seen, _ = look_at(DESK, pair, rng)
        assert seen.vertices[0, :, 0].mean() < seen.vertices[1, :, 0].mean()
        # Forearms come from below: wrists lie lower in the picture than fingertips (y points down).
        assert (seen.joints[:, 0, 1] > seen.joints[:, [8, 12, 16, 20], 1].mean(1)).all()
        for root, nominal in zip(seen.root, (MIRROR @ BACK_TO_CAMERA @ MIRROR, BACK_TO_CAMERA), strict=True):
            assert np.rad2deg(Rotation.from_matrix(root @ nominal.T).magnitude()) < 140


def test_hands_are_pushed_apart_by_a_rigid_motion():
    left, right = (hand().joints.numpy().astype(np.float64) for hand in hands())
    left = left @ Rotation.from_euler("z", 180, degrees=True).as_matrix().T
    left += right[10] - left[10] + np.array([0.002, 0.012, 0.003])
    rotation, translation = push_apart(left, right, 0.002)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    moved = left @ rotation.T + translation
    assert 0.001 < np.linalg.norm(moved - left, axis=1).max() < 0.05
    again, nothing = push_apart(moved, right, 0.002)
    np.testing.assert_array_equal(again, np.eye(3))
    np.testing.assert_array_equal(nothing, np.zeros(3))
