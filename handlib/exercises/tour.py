"""Checks of notebook 00."""

from types import SimpleNamespace

import torch
from torch import Tensor

from handlib.exercises import Wrong, ask, exercise

_PATTERN = torch.randn(21, 2, generator=torch.Generator().manual_seed(0)) / 4
_FAULT = torch.tensor([0.10, 0.05])


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
