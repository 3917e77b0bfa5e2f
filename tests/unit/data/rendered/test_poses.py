"""Finger poses from joint angles: how angles become rotations, and the limits of the random ones."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from handlib.data.rendered.poses import finger_angles, joint_axes, pose_from_angles, sample_angles
from handlib.hand.skeleton import MANO_JOINT_NAMES


def row(name: str) -> int:
    return MANO_JOINT_NAMES.index(name) - 1


def test_angles_go_to_their_joints():
    degrees = finger_angles(little=(1, 2, 3, 4), thumb=(5, 6, 7, 8, 9))
    expected = np.zeros((15, 3))
    expected[row("little1"), :2] = 1, 2
    expected[row("little2"), 0], expected[row("little3"), 0] = 3, 4
    expected[row("thumb1")] = 5, 6, 7
    expected[row("thumb2"), 0], expected[row("thumb3"), 0] = 8, 9
    np.testing.assert_array_equal(degrees, expected)


def test_twist_comes_first_and_flexion_last():
    axes = joint_axes()
    pose = pose_from_angles(finger_angles(thumb=(30, 20, 10, 0, 0)), axes).reshape(15, 3)[row("thumb1")]
    point = np.array([0.3, -0.2, 0.7])
    expected = point
    for angle, axis in (
        (10, axes[row("thumb1"), 2]),
        (20, axes[row("thumb1"), 1]),
        (30, axes[row("thumb1"), 0]),
    ):
        expected = Rotation.from_rotvec(np.deg2rad(angle) * axis).apply(expected)
    np.testing.assert_allclose(Rotation.from_rotvec(pose).apply(point), expected, atol=1e-6)


@pytest.fixture(scope="module")
def angles() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([sample_angles(rng) for _ in range(1500)])


@pytest.mark.parametrize(
    ("joints", "axis", "low", "high"),
    [
        (("index1", "middle1", "ring1", "little1"), 0, -12, 80),
        (("index1", "middle1", "ring1", "little1"), 1, -14, 12),
        (("index2", "middle2", "ring2", "little2"), 0, 0, 105),
        (("index3", "middle3", "ring3", "little3"), 0, 0, 75),
        (("thumb1",), 0, -20, 45),
        (("thumb2",), 0, -8, 50),
        (("thumb3",), 0, -12, 70),
    ],
)
def test_limits_hold_and_are_used(
    angles: np.ndarray, joints: tuple[str, ...], axis: int, low: float, high: float
):
    values = angles[:, [row(joint) for joint in joints], axis]
    assert values.min() >= low and values.max() <= high
    assert np.ptp(values) > 0.7 * (high - low)


def test_hinges_only_flex(angles: np.ndarray):
    hinges = [row(name) for name in MANO_JOINT_NAMES[1:] if not name.endswith("1")]
    assert np.abs(angles[:, hinges, 1:]).max() == 0


def test_fingers_close_together_more_often_than_not(angles: np.ndarray):
    middle_joints = angles[:, [row(f"{f}2") for f in ("index", "middle", "ring", "little")], 0]
    assert np.corrcoef(middle_joints.T).min() > 0.4
