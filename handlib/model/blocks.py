"""Building blocks that several mechanisms share."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn


def bias_of(layer: nn.Conv2d) -> Float[Tensor, "channels"]:
    """The bias of a layer that was made with one."""
    assert layer.bias is not None
    return layer.bias


def memory_format_of(x: Float[Tensor, "batch channels height width"]) -> torch.memory_format:
    """Returns how a map lies in memory: convolutions are slow where their input's parts lie in different
    ways.
    """
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


class ResidualBlock(nn.Module):
    """A bottleneck whose normalisation comes first: three times BN, ReLU, convolution (1x1, 3x3, 1x1).

    The middle is half as wide as the output. Where widths differ a 1x1 convolution carries the input over.
    """

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        middle = channels_out // 2
        self.body = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.ReLU(),
            nn.Conv2d(channels_in, middle, 1),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, middle, 3, padding=1),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, channels_out, 1),
        )
        same = channels_in == channels_out
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Float[Tensor, "batch _ height width"]) -> Float[Tensor, "batch _ height width"]:
        """Keeps the map's size."""
        return self.shortcut(x) + self.body(x)


class JointMLP(nn.Module):
    """The same two linear layers for every joint, batch norm and ReLU between them."""

    def __init__(self, features_in: int, hidden: int, features_out: int):
        super().__init__()
        self.first = nn.Linear(features_in, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, features_out)

    def forward(self, x: Float[Tensor, "batch joints _"]) -> Float[Tensor, "batch joints _"]:
        """Statistics are taken over batch and joints."""
        hidden = self.norm(self.first(x).flatten(0, 1)).relu()
        return self.second(hidden).unflatten(0, x.shape[:2])


class PerHand(nn.Module):
    """Runs a module once per hand, with separate weights or shared ones.

    Shared weights still see one hand at a time, so that batch-norm statistics stay per hand, as released.
    """

    def __init__(self, build: Callable[[], nn.Module], shared: bool = False):
        super().__init__()
        self.modules_per_hand = nn.ModuleList([build() for _ in range(1 if shared else 2)])

    def forward(self, x: Float[Tensor, "batch hand=2 *rest"]) -> Float[Tensor, "batch hand=2 *_"]:
        """Hand h of the input goes through its module."""
        left, right = self.modules_per_hand[0], self.modules_per_hand[-1]
        return torch.stack((left(x[:, 0]), right(x[:, 1])), dim=1)
