"""One posed arm: the parameters of its hand, its surface, and a scene to cast rays at."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from jaxtyping import Float

from handlib.data.rendered.arm import add_forearm, arm_faces, build_scene, hand_edges
from handlib.geometry.rays import RayScene
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES

# Number of the hand's 2315 edges that may pierce the hand itself: pressed skin, not fingers that cross.
MAX_SELF_CROSSINGS = 12
# Part of an edge, at each end, that is ignored when the edge is tested against its own surface.
EDGE_MARGIN = 0.03
MIRROR = np.diag([-1.0, 1.0, 1.0])
MIRRORED_POSE = np.tile([1.0, -1.0, -1.0], 15)
"""Factors that take a hand's axis-angle pose to its mirror image's."""
# Right hand, MANO frame to camera frame: fingers up, back of the hand towards the camera.
BACK_TO_CAMERA = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def count_self_crossings(arm: Float[np.ndarray, "arm 3"], scene: RayScene) -> int:
    """Returns how many of the hand's edges pierce a face of the same arm other than their own faces."""
    edges = hand_edges()
    start = arm[edges[:, 0]].astype(np.float32)
    step = arm[edges[:, 1]].astype(np.float32) - start
    hit = scene.first_hits(start + np.float32(EDGE_MARGIN) * step, step)
    pierced = np.flatnonzero(hit.met & (hit.way < 1 - 2 * EDGE_MARGIN))
    own = (arm_faces()[hit.face[pierced], :, None] == edges[pierced, None, :]).any((1, 2))
    return int((~own).sum())


@dataclass(frozen=True)
class Arm:
    """One posed arm with its wrist at the origin, its parameters, and a scene to cast rays at."""

    root: Float[np.ndarray, "3 3"]
    pose: Float[np.ndarray, "45"]
    betas: Float[np.ndarray, "10"]
    vertices: Float[np.ndarray, "778 3"]
    joints: Float[np.ndarray, "21 3"]
    surface: Float[np.ndarray, "arm 3"]
    scene: RayScene

    def crosses_itself(self) -> bool:
        """Returns whether fingers pass through each other or through the palm."""
        return count_self_crossings(self.surface, self.scene) > MAX_SELF_CROSSINGS

    def turned(self, rotation: Float[np.ndarray, "3 3"]) -> "Arm":
        """Returns the same arm turned about its wrist."""
        vertices, joints, surface = (
            (points @ rotation.T).astype(np.float32) for points in (self.vertices, self.joints, self.surface)
        )
        return replace(
            self,
            root=rotation @ self.root,
            vertices=vertices,
            joints=joints,
            surface=surface,
            scene=build_scene(surface),
        )


@cache
def hands() -> tuple[Hand, Hand]:
    """Returns the open hand, left and right."""
    left, right = (Hand.open(side) for side in SIDES)
    return left, right


def pose_arm(
    hand: Hand,
    root: Float[np.ndarray, "3 3"],
    pose: Float[np.ndarray, "45"],
    betas: Float[np.ndarray, "10"],
) -> Arm:
    """Makes an arm from its hand's parameters.

    ``pose`` is a right hand's; a left hand gets its mirror image.
    """
    if hand.side == "left":
        pose = pose * MIRRORED_POSE
    pose, betas = pose.astype(np.float32), betas.astype(np.float32)
    posed = hand(
        root_rotation=torch.from_numpy(root).float(),
        pose_axis_angle=torch.from_numpy(pose),
        betas=torch.from_numpy(betas),
    )
    surface = add_forearm(posed.vertices.numpy(), hand.side)
    return Arm(root, pose, betas, posed.vertices.numpy(), posed.joints.numpy(), surface, build_scene(surface))
