import numpy as np


def mirror_pose(pose):
    return pose * np.tile([1.0, -1.0, -1.0], 15)


def camera_translation(wrist, translation, rotation, shift):
    return rotation @ translation + shift + rotation @ wrist - wrist


SOLUTIONS = {"mirror_pose": mirror_pose, "camera_translation": camera_translation}
MISTAKES = {
    "mirror_pose": [
        lambda pose: pose * np.tile([-1.0, 1.0, 1.0], 15),
        lambda pose: -pose,
        lambda pose: pose,
        lambda pose: mirror_pose(pose).reshape(15, 3),
        lambda pose: pose @ np.eye(3),
    ],
    "camera_translation": [
        lambda wrist, translation, rotation, shift: rotation @ translation + shift,
        lambda wrist, translation, rotation, shift: rotation @ (translation + wrist) + shift,
        lambda wrist, translation, rotation, shift: translation,
    ],
}
