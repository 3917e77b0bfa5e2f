import torch

from handlib.data.sample import normalise


def mean_joint_error(joints, truth):
    return mean_distance(joints - joints[:, :, :1], truth - truth[:, :, :1])


def mean_distance(joints, truth):
    return 1000 * (joints - truth).norm(dim=-1).mean((1, 2))


def from_wrists(joints, truth):
    return (joints - joints[:, :, :1]) - (truth - truth[:, :, :1])


def mirrored_error(model, image):
    both = model(normalise(torch.stack((image, image.flip(-1))))).final.uv
    left = both[0, 0] * torch.tensor([-1.0, 1.0])
    return (both[1, 1] - left).norm(dim=-1).mean() * image.shape[-1] / 2


def without_swapping_hands(model, image):
    both = model(normalise(torch.stack((image, image.flip(-1))))).final.uv
    return (both[1, 0] - both[0, 0] * torch.tensor([-1.0, 1.0])).norm(dim=-1).mean() * 64


def without_mirroring_back(model, image):
    both = model(normalise(torch.stack((image, image.flip(-1))))).final.uv
    return (both[1, 1] - both[0, 0]).norm(dim=-1).mean() * 64


SOLUTIONS = {"mean_joint_error": mean_joint_error, "mirrored_error": mirrored_error}
MISTAKES = {
    "mean_joint_error": [
        mean_distance,
        lambda joints, truth: mean_joint_error(joints, truth) / 1000,
        lambda joints, truth: mean_distance(joints, truth - truth[:, :, :1]),
        lambda joints, truth: mean_distance(joints - joints[:, :, :1], truth),
        lambda joints, truth: mean_distance(joints - joints[:, :1, :1], truth - truth[:, :1, :1]),
        lambda joints, truth: mean_joint_error(joints, truth) * 21 / 20,
        lambda joints, truth: 1000 * from_wrists(joints, truth).square().sum(-1).mean((1, 2)).sqrt(),
        lambda joints, truth: 1000 * from_wrists(joints, truth).abs().mean((1, 2, 3)),
        lambda joints, truth: 1000 * from_wrists(joints, truth).mean((1, 2)).norm(dim=-1),
        lambda joints, truth: mean_joint_error(joints, truth).mean(),
        lambda joints, truth: mean_joint_error(joints, truth).max(),
    ],
    "mirrored_error": [
        without_swapping_hands,
        without_mirroring_back,
        lambda model, image: mirrored_error(model, image) / 64,
        lambda model, image: mirrored_error(model, image.flip(-2)) * 2,
    ],
}
