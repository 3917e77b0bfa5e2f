"""Exercises of notebook 01, the hand model."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from handlib.exercises import Wrong, ask, exercise
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES


@exercise("mirror_pose")
def _mirror_pose(answer: object) -> None:
    pose = np.random.default_rng(1).normal(scale=0.4, size=45)
    got = ask(answer, pose.copy(), shape=(45,))
    right, left = (
        Hand.open(side)(pose_axis_angle=torch.from_numpy(values).float()).joints.numpy()
        for side, values in zip(reversed(SIDES), (pose, got), strict=True)
    )
    if np.allclose(got, pose):
        raise Wrong("the mirrored hand must turn the other way about some of its axes")
    if np.allclose(got, -pose):
        raise Wrong("a mirror keeps the rotations about one axis: the one it looks along")
    if not np.allclose(left, right * (-1, 1, 1), atol=1e-4):
        raise Wrong("the left hand's joints are not the mirror image of the right hand's; look at each axis")


@exercise("camera_translation")
def _camera_translation(answer: object) -> None:
    rng = np.random.default_rng(2)
    world_to_camera = Rotation.random(random_state=3).as_matrix()
    wrist, translation, shift = rng.normal(size=(3, 3))
    got = ask(answer, wrist, translation, world_to_camera, shift, shape=(3,))
    rest, turn = rng.normal(size=(5, 3)), Rotation.random(random_state=4).as_matrix()
    in_world = (rest - wrist) @ turn.T + wrist + translation
    in_camera = in_world @ world_to_camera.T + shift
    posed_in_camera = (rest - wrist) @ (world_to_camera @ turn).T + wrist + got
    if np.allclose(got, world_to_camera @ translation + shift):
        raise Wrong("that would do if the hand turned about the origin; it turns about its wrist")
    if not np.allclose(posed_in_camera, in_camera, atol=1e-8):
        raise Wrong("write down one point of the hand in the camera's frame in both ways and compare")
