"""Shows where each loss term pulls: changes one hand of a true estimate and computes values and gradients.

A term pulls a point against its gradient on this point. A fault that a term doesn't see has a gradient of
zero, however large the fault is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from handlib.geometry.rotation import rotation_from_6d, rotation_to_6d
from handlib.hand.hand import Hand, HandParams
from handlib.hand.skeleton import MANO_JOINT_NAMES
from handlib.model.estimate import LENGTH_UNIT, Estimate, Prediction
from handlib.training.losses import Faces, LossWeights, hand_terms
from handlib.training.targets import Targets

UNITS = {
    "sideways": "mm",
    "depth": "mm",
    "turn": "°",
    "tilt": "°",
    "size": "%",
    "bend": "°",
}
"""Kinds of changes of a hand and their units; see :func:`change`."""
POINT_TERMS = ("uv", "vertex_uv", "joints", "vertices", "edge", "normal", "offset")
"""Terms that pull at joints or vertices."""
TERMS = (*POINT_TERMS, "root", "pose", "betas")
"""All terms except those of the pixel heads and the joint maps."""
CHANGED_HAND = 1
BENT = tuple(MANO_JOINT_NAMES.index(f"index{k}") - 1 for k in (1, 2, 3))


def change(estimate: Estimate, hands: Sequence[Hand], kind: str, amount: float) -> Estimate:
    """Returns an estimate whose right hand is changed; the camera's scale stays as it is.

    ``sideways`` moves the hand to the right, in the picture too; ``depth`` moves it away from the camera
    (mm). ``turn`` rotates it about its wrist in the picture, ``tilt`` about the picture's horizontal axis
    (degrees). ``size`` enlarges it (percent). ``bend`` adds flexion to each of the index finger's three
    joints (degrees).

    Raises:
        ValueError: the kind of change is unknown.
    """
    if kind not in UNITS:
        raise ValueError(f"kind: expected one of {', '.join(UNITS)}, got {kind!r}")
    h, hand, params = CHANGED_HAND, hands[CHANGED_HAND], estimate.params
    root, pose, camera = params.root.clone(), params.pose.clone(), estimate.camera.clone()
    offset = estimate.offset.clone()
    size = 1 + amount / 100 if kind == "size" else 1.0
    if kind in ("sideways", "depth"):
        metres = amount / 1000
        offset[:, 0 if kind == "sideways" else 2] += metres / LENGTH_UNIT
    if kind == "sideways":
        camera[:, h, 1] += camera[:, h, 0] * metres
    if kind in ("turn", "tilt"):
        axis = root.new_tensor([0.0, 0.0, 1.0] if kind == "turn" else [1.0, 0.0, 0.0])
        by = roma.rotvec_to_rotmat(np.radians(amount) * axis)
        root[:, h] = rotation_to_6d(by @ rotation_from_6d(root[:, h]))
    if kind == "bend":
        pose[:, h] = bent(hand, pose[:, h], amount)

    posed = hand.from_params(HandParams(root[:, h], pose[:, h], params.betas[:, h], camera[:, h]))
    joints, vertices = estimate.joints.clone(), estimate.vertices.clone()
    joints[:, h], vertices[:, h] = size * posed.joints, size * posed.vertices
    changed = HandParams(root, pose, params.betas, camera)
    return Estimate.seen(changed, camera, joints, vertices, offset)


def bent(hand: Hand, pose: Float[Tensor, "batch 45"], degrees: float) -> Float[Tensor, "batch 45"]:
    """Returns pose coefficients with flexion added to each joint of a right index finger.

    At rest the hand's fingers point along -x and its palm faces -y, so flexion turns about z.
    """
    joints = hand.pca_to_axis_angle(pose).unflatten(-1, (15, 3)).clone()
    flexion = joints.new_tensor([0.0, 0.0, np.radians(degrees)]).expand(len(joints), 3)
    for joint in BENT:
        joints[:, joint] = roma.rotvec_composition((flexion, joints[:, joint]))
    return hand.axis_angle_to_pca(joints.flatten(1))


def point_weights(target_centre: str = "wrist") -> LossWeights:
    """Returns weight 1 for every term, except weight 0 for the pixel heads, which depend on no hand."""
    ones: dict[str, Any] = dict.fromkeys(TERMS, 1)
    return replace(LossWeights(target_centre=target_centre), **ones, segmentation=0, lovasz=0, dense=0)


def _terms(estimate: Estimate, targets: Targets, faces: Faces, weights: LossWeights) -> dict[str, Tensor]:
    maps = estimate.offset.new_zeros(len(estimate.offset), 3, 1, 1)
    (terms,) = hand_terms(Prediction((estimate,), maps, maps), targets, weights, faces)
    return terms


@torch.no_grad()
def term_values(
    estimate: Estimate, targets: Targets, faces: Faces, target_centre: str = "wrist"
) -> dict[str, Tensor]:
    """Returns each of ``TERMS`` with weight 1: one value per hand, (2,); the offset's term is one number."""
    return _terms(estimate, targets, faces, point_weights(target_centre))


@dataclass(frozen=True)
class Pulls:
    """Minus the gradient of one term with weight 1, on each point of an estimate, in loss per metre."""

    vertices: Float[Tensor, "batch hand=2 778 3"]
    joints: Float[Tensor, "batch hand=2 21 3"]


def pulls_of(
    term: str, estimate: Estimate, targets: Targets, faces: Faces, target_centre: str = "wrist"
) -> Pulls:
    """Returns where a term pulls. Cameras are fixed; the offset's pull moves each hand as a whole.

    Raises:
        ValueError: the term doesn't pull at points.
    """
    if term not in POINT_TERMS:
        raise ValueError(f"term: expected one of {', '.join(POINT_TERMS)}, got {term!r}")
    with torch.enable_grad():
        vertices, joints = (x.detach().clone().requires_grad_() for x in (estimate.vertices, estimate.joints))
        shift = torch.zeros_like(joints[:, :, 0]).requires_grad_()
        offset = estimate.offset + (shift[:, 1] - shift[:, 0]) / LENGTH_UNIT
        leaf = Estimate.seen(estimate.params, estimate.camera, joints, vertices, offset)
        weights = point_weights(target_centre)
        others: dict[str, Any] = {
            f.name: 0 for f in fields(LossWeights) if f.name in TERMS and f.name != term
        }
        value = _terms(leaf, targets, faces, replace(weights, **others))[term].sum()
        of_vertices, of_joints, of_hands = torch.autograd.grad(
            value, (vertices, joints, shift), allow_unused=True, materialize_grads=True
        )
    return Pulls(-of_vertices - of_hands[:, :, None], -of_joints - of_hands[:, :, None])
