import numpy as np
import torch
from torch.nn.functional import pad


def mirror_pose(pose):
    return pose * np.tile([1.0, -1.0, -1.0], 15)


def camera_translation(wrist, translation, rotation, shift):
    return rotation @ translation + shift + rotation @ wrist - wrist


def skin(points, weights, transforms):
    blended = torch.einsum("nk,...kab->...nab", weights, transforms)
    return (blended @ pad(points, (0, 1), value=1.0)[..., None])[..., :3, 0]


def without_shift(points, weights, transforms):
    blended = torch.einsum("nk,...kab->...nab", weights, transforms)
    return (blended @ pad(points, (0, 1))[..., None])[..., :3, 0]


def shift_not_weighted(points, weights, transforms):
    return without_shift(points, weights, transforms) + transforms[..., :3, 3].sum(-2, keepdim=True)


def turned_backwards(points, weights, transforms):
    blended = torch.einsum("nk,...kab->...nab", weights, transforms)
    return (points[..., None, :] @ blended[..., :3, :3]).squeeze(-2) + blended[..., :3, 3]


def of_one_hand(points, weights, transforms):
    blended = torch.einsum("nk,kab->nab", weights, transforms)
    return (blended @ pad(points, (0, 1), value=1.0)[..., None])[..., :3, 0]


SOLUTIONS = {"mirror_pose": mirror_pose, "camera_translation": camera_translation, "skin": skin}
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
    "skin": [
        without_shift,
        shift_not_weighted,
        turned_backwards,
        of_one_hand,
        lambda p, w, t: skin(p, torch.nn.functional.one_hot(w.argmax(1), 4).float(), t),
        lambda p, w, t: skin(p, torch.full_like(w, 0.25), t),
        lambda p, w, t: pad(skin(p, w, t), (0, 1)),
        lambda p, w, t: skin(p, w, t).numpy(),
        lambda p, w, t: skin(p.detach(), w, t),
        lambda p, w, t: p.mul_(2),
    ],
}
