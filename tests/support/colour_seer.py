"""A network that sees colours, and pictures for it."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, one_hot

from handlib.data.sample import IMAGE_MEAN, IMAGE_STD
from handlib.model.config import DIRConfig
from handlib.model.estimate import Prediction
from handlib.model.network import DIR
from handlib.show.core.palette import HANDS

COLOURS = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in HANDS], np.uint8)


OFFSET = torch.tensor([[1.0, 0.5, -0.25]])


class ColourSeer(DIR):
    """Puts each wrist at the centre of its colour, by the real hand model and the real projection."""

    def __init__(self) -> None:
        super().__init__(DIRConfig.small())

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> Prediction:
        mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGE_MEAN, IMAGE_STD))
        colours = torch.tensor(COLOURS).float()[:, :, None, None] / 255
        near = ((image * std + mean) - colours).abs().sum(1) < 0.2  # hand, height, width
        size = self.config.image_size
        centres = (torch.arange(size) + 0.5) * (2 / size) - 1
        grid = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), dim=-1)
        vectors = torch.zeros(1, 2, 64)
        vectors[..., [0, 4]] = 1
        vectors[..., 61] = 1.2  # The camera's scale, as a logarithm.
        for h in range(2):
            vectors[0, h, 62:] = grid[near[h]].mean(0) if near[h].any() else 0
        label = adaptive_avg_pool2d(near.float(), 32) > 0.5
        label = (label * torch.tensor([1, 2])[:, None, None]).amax(0)
        scores = one_hot(label, 3).permute(2, 0, 1)[None] * 5.0
        estimate = self.decode(vectors, OFFSET)
        return Prediction((estimate,), scores, torch.zeros_like(scores))


def painted(width: int, height: int, *squares: tuple[int, int, int]) -> np.ndarray:
    """A grey picture with a square (left, top, side) per hand."""
    picture = np.full((height, width, 3), 90, np.uint8)
    for colour, (left, top, side) in zip(COLOURS, squares, strict=False):
        picture[top : top + side, left : left + side] = colour
    return picture
