import torch

from handlib.data.sample import normalise


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


SOLUTIONS = {"mirrored_error": mirrored_error}
MISTAKES = {
    "mirrored_error": [
        without_swapping_hands,
        without_mirroring_back,
        lambda model, image: mirrored_error(model, image) / 64,
        lambda model, image: mirrored_error(model, image.flip(-2)) * 2,
    ],
}
