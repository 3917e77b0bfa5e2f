"""Building blocks that several mechanisms use."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn


def bias_of(layer: nn.Conv2d) -> Float[Tensor, "channels"]:
    """Returns the bias of a convolution that has a bias."""
    assert layer.bias is not None
    return layer.bias


def memory_format_of(x: Float[Tensor, "batch channels height width"]) -> torch.memory_format:
    """Returns the memory format of a map. Convolutions are slow if parts of their input differ in format."""
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


class ResidualBlock(nn.Module):
    """A pre-activation bottleneck: three times BN, ReLU, convolution (1x1, 3x3, 1x1), plus a shortcut.

    The middle is half as wide as the output. If input and output widths differ, the shortcut is a 1x1
    convolution.
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
        """Returns a map of the same size."""
        return self.shortcut(x) + self.body(x)


class JointMLP(nn.Module):
    """Two linear layers with batch norm and ReLU between them, the same for every joint."""

    def __init__(self, features_in: int, hidden: int, features_out: int):
        super().__init__()
        self.first = nn.Linear(features_in, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, features_out)

    def forward(self, x: Float[Tensor, "batch joints _"]) -> Float[Tensor, "batch joints _"]:
        """Applies the layers to every joint; batch-norm statistics are taken over batch and joints."""
        hidden = self.norm(self.first(x).flatten(0, 1)).relu()
        return self.second(hidden).unflatten(0, x.shape[:2])


class PerHand(nn.Module):
    """Runs a module once per hand, with separate or with shared weights.

    Shared weights see one hand at a time too. So batch-norm statistics stay per hand, as in the release.
    """

    def __init__(self, build: Callable[[], nn.Module], shared: bool = False):
        super().__init__()
        self.modules_per_hand = nn.ModuleList([build() for _ in range(1 if shared else 2)])

    def forward(self, x: Float[Tensor, "batch hand=2 *rest"]) -> Float[Tensor, "batch hand=2 *_"]:
        """Sends each hand of the input through its module."""
        left, right = self.modules_per_hand[0], self.modules_per_hand[-1]
        return torch.stack((left(x[:, 0]), right(x[:, 1])), dim=1)
