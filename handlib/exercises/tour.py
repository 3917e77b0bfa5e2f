"""Checks of notebook 00."""

from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from handlib.exercises import Wrong, ask, exercise

_PATTERN = torch.randn(21, 2, generator=torch.Generator().manual_seed(0)) / 4
_FAULT = torch.tensor([0.10, 0.05])


@exercise("mean_joint_error")
def mean_joint_error(answer: object) -> None:
    """Mean distance in mm of each picture's 42 joints from the truth, with every hand's wrists together."""
    generator = torch.Generator().manual_seed(5)
    truth, noise = torch.randn(2, 4, 2, 21, 3, generator=generator) / 20
    joints = truth + noise + torch.randn(4, 2, 1, 3, generator=generator)
    got = ask(answer, joints.clone(), truth.clone(), shape=(4,))
    moved = (joints - joints[:, :, :1]) - (truth - truth[:, :, :1])
    distances = moved.norm(dim=-1)
    if np.allclose(got, 1000 * distances.mean((1, 2)), rtol=1e-4):
        return

    def mean_distance(wrong: Tensor) -> Tensor:
        return wrong.norm(dim=-1).mean((1, 2))

    left_wrists = (joints - joints[:, :1, :1]) - (truth - truth[:, :1, :1])
    mistakes = {
        "the wrists are not subtracted: first move each hand so that its wrist lies on the true one": (
            mean_distance(joints - truth)
        ),
        "the true wrist is subtracted, the estimated one isn't; an estimate may lie anywhere": (
            mean_distance(joints - (truth - truth[:, :, :1]))
        ),
        "the estimated wrist is subtracted, the true one isn't": (
            mean_distance((joints - joints[:, :, :1]) - truth)
        ),
        "each hand has a wrist of its own: the right hand's is joints[:, 1, 0]": mean_distance(left_wrists),
        "the wrist is one of the 21 joints; it counts with distance 0": distances[:, :, 1:].mean((1, 2)),
        "that is the root of the mean square; take the mean of the distances": (
            distances.square().mean((1, 2)).sqrt()
        ),
        "a distance is the length of a vector; that is the mean of its three parts": moved.abs().mean(
            (1, 2, 3)
        ),
        "take lengths first, then their mean; means of vectors let errors cancel": (
            moved.mean((1, 2)).norm(dim=-1)
        ),
    }
    for hint, value in mistakes.items():
        if np.allclose(got, 1000 * value, rtol=1e-4) or np.allclose(got, value, rtol=1e-4):
            raise Wrong(hint)
    if np.allclose(got, distances.mean((1, 2)), rtol=1e-4):
        raise Wrong("that is in metres; millimetres are asked for")
    raise Wrong("follow one joint: move its hand, measure the distance in mm, then average over 42 joints")


def _slightly_confused_network(images: Tensor) -> SimpleNamespace:
    """Finds both hands around the brightest pixel, the right one always a little off in the same way."""
    size = images.shape[-1]
    brightest = images.sum(1).flatten(1).argmax(1)
    place = torch.stack((brightest % size, brightest // size), dim=-1)
    centre = ((place + 0.5) * 2 / size - 1)[:, None]
    right = centre + _PATTERN * torch.tensor([-1.0, 1.0]) + _FAULT
    return SimpleNamespace(final=SimpleNamespace(uv=torch.stack((centre + _PATTERN, right), dim=1)))


@exercise("mirrored_error")
def mirrored_error(answer: object) -> None:
    """Mean distance in pixels between the mirrored picture's right hand and the mirrored left hand."""
    image = torch.zeros(3, 128, 128, dtype=torch.uint8)
    image[:, 40, 90] = 255
    got = float(ask(answer, _slightly_confused_network, image, shape=()))
    expected = float(_FAULT.norm()) * 64
    if abs(got * 64 - expected) < 1e-3 or abs(got * 128 - expected) < 1e-3:
        raise Wrong("pixels are asked for, that looks like uv; 128 pixels are 2 units of uv")
    if abs(got - expected) > 1e-3:
        raise Wrong("mirror the left hand's x, and compare it with the right hand of the mirrored picture")
