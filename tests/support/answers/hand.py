import numpy as np
import torch
from torch.nn.functional import pad


def mirror_pose(pose):
    return pose * np.tile([1.0, -1.0, -1.0], 15)


def camera_translation(wrist, translation, rotation, shift):
    return rotation @ translation + shift + rotation @ wrist - wrist


def about(rotation, centre):
    transform = torch.eye(4)
    transform[:3, :3], transform[:3, 3] = rotation, centre - rotation @ centre
    return transform


def bone_transforms(rotations, joints, parents):
    transforms = []
    for k, parent in enumerate(parents):
        own = about(rotations[k], joints[k])
        transforms.append(own if parent < 0 else transforms[parent] @ own)
    return torch.stack(transforms)


def in_reverse_order(rotations, joints, parents):
    transforms = []
    for k, parent in enumerate(parents):
        own = about(rotations[k], joints[k])
        transforms.append(own if parent < 0 else own @ transforms[parent])
    return torch.stack(transforms)


def about_moved_joints(rotations, joints, parents):
    transforms = []
    for k, parent in enumerate(parents):
        before = torch.eye(4) if parent < 0 else transforms[parent]
        moved = before @ pad(joints[k], (0, 1), value=1.0)
        transforms.append(before @ about(rotations[k], moved[:3]))
    return torch.stack(transforms)


def of_parent_alone(rotations, joints, parents):
    own = torch.stack([about(*pair) for pair in zip(rotations, joints, strict=True)])
    return torch.cat((own[:1], own[list(parents[1:])] @ own[1:]))


def root_stays(rotations, joints, parents):
    return bone_transforms(torch.cat((torch.eye(3)[None], rotations[1:])), joints, parents)


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


SOLUTIONS = {
    "mirror_pose": mirror_pose,
    "camera_translation": camera_translation,
    "bone_transforms": bone_transforms,
    "skin": skin,
}
MISTAKES = {
    "bone_transforms": [
        in_reverse_order,
        about_moved_joints,
        of_parent_alone,
        root_stays,
        lambda rotations, joints, parents: bone_transforms(rotations, joints, [-1] * len(joints)),
        lambda rotations, joints, parents: bone_transforms(rotations, torch.zeros_like(joints), parents),
        lambda rotations, joints, parents: bone_transforms(rotations, joints, range(-1, len(joints) - 1)),
        lambda rotations, joints, parents: bone_transforms(rotations.mT, joints, parents),
        lambda rotations, joints, parents: bone_transforms(rotations, joints, parents)[:, :3],
    ],
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
