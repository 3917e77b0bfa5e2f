"""The encoder of MediaPipe's hand landmark network, as c1 to c4 of DIR.

Its authors trained it on photographs of hands, so its maps tell hands from other things in photographs, which
a network that has only seen rendered pairs doesn't learn.
``scripts/experiments/wild/convert_hand_encoder.py`` takes the weights from the package ``mediapipe`` (Apache
2.0); the licence lies beside them. Batch norms were folded by the authors: convolutions carry biases.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from handlib.data.sample import IMAGE_MEAN, IMAGE_STD

STEM_CHANNELS = 24


@dataclass(frozen=True)
class BlockPlan:
    """An inverted residual: ``expanded`` channels in the middle (None: as many as come in), ..., ``out``."""

    expanded: int | None
    kernel: int
    stride: int
    out: int


PLAN = (
    BlockPlan(None, 3, 1, 16),
    BlockPlan(64, 3, 2, 24),
    BlockPlan(144, 3, 1, 24),
    BlockPlan(144, 5, 2, 40),
    BlockPlan(240, 5, 1, 40),
    BlockPlan(240, 3, 2, 80),
    BlockPlan(480, 3, 1, 80),
    BlockPlan(480, 3, 1, 80),
    BlockPlan(480, 5, 1, 112),
    BlockPlan(672, 5, 1, 112),
    BlockPlan(672, 5, 1, 112),
    BlockPlan(672, 5, 2, 192),
    BlockPlan(1152, 5, 1, 192),
    BlockPlan(1152, 5, 1, 192),
    BlockPlan(1152, 5, 1, 192),
)
LEVELS = ((2,), (4,), (7, 10), (14,))
"""After which blocks c1 to c4 (1/4, 1/8, 1/16, 1/32 of the picture) are read; two maps are put together."""
LATE = 5
"""Blocks from here on, at 1/16 and below, see whole hands; those before them see edges and skin."""


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's ``SAME``: with stride 2, the odd pixel goes right and below.

    Depthwise convolutions are computed in single precision: their backward pass in bfloat16 takes five times
    as long on processors.
    """

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int, depthwise: bool = False
    ):
        super().__init__(channels_in, channels_out, kernel, stride, groups=channels_in if depthwise else 1)

    def forward(self, x: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out rows columns"]:
        """The convolution of x."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        missing = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in x.shape[-2:]]
        even = tuple(total // 2 for total in missing)
        if any(total % 2 for total in missing):
            (rows, columns), even = missing, (0, 0)
            x = pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        if self.groups == 1:
            return conv2d(x, self.weight, self.bias, stride, even)
        with torch.autocast(x.device.type, enabled=False):
            return conv2d(x.float(), self.weight, self.bias, stride, even, groups=self.groups)


class InvertedResidual(nn.Module):
    """Widens (1x1), looks around in each channel (depthwise), narrows (1x1); a residual where sizes fit."""

    def __init__(self, channels_in: int, plan: BlockPlan):
        super().__init__()
        middle = plan.expanded or channels_in
        self.widen = SameConv2d(channels_in, middle, 1, 1) if plan.expanded else None
        self.around = SameConv2d(middle, middle, plan.kernel, plan.stride, depthwise=True)
        self.narrow = SameConv2d(middle, plan.out, 1, 1)
        self.residual = plan.stride == 1 and channels_in == plan.out

    def forward(self, x: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out rows columns"]:
        """Keeps the map's size, or halves it."""
        inner = nn.functional.relu6(self.widen(x)) if self.widen else x
        out = self.narrow(nn.functional.relu6(self.around(inner)))
        return x + out if self.residual else out


class HandBackbone(nn.Module):
    """Maps c1 to c4 of a picture, fine to coarse; ``channels`` are their widths."""

    mean: Float[Tensor, "3 1 1"]
    std: Float[Tensor, "3 1 1"]

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, STEM_CHANNELS, 3, 2)
        widths = [STEM_CHANNELS, *(plan.out for plan in PLAN)]
        self.blocks = nn.ModuleList(
            InvertedResidual(width, plan) for width, plan in zip(widths[:-1], PLAN, strict=True)
        )
        self.channels = [sum(widths[1 + k] for k in level) for level in LEVELS]
        self.register_buffer("mean", torch.tensor(IMAGE_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGE_STD)[:, None, None], persistent=False)

    def early(self, image: Float[Tensor, "batch 3 size size"]) -> list[Float[Tensor, "batch _ _ _"]]:
        """What the blocks before ``LATE`` make of a normalised picture: their outputs, in order."""
        x = nn.functional.relu6(self.stem(image * self.std + self.mean))
        outputs = []
        for block in self.blocks[:LATE]:
            x = block(x)
            outputs.append(x)
        return outputs

    def late(self, outputs: list[Float[Tensor, "batch _ _ _"]]) -> list[Float[Tensor, "batch _ _ _"]]:
        """c1 to c4 from the outputs of :meth:`early`."""
        outputs = list(outputs)
        for block in self.blocks[LATE:]:
            outputs.append(block(outputs[-1]))
        return [torch.cat([outputs[k] for k in level], dim=1) for level in LEVELS]

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> list[Float[Tensor, "batch _ _ _"]]:
        """Feature maps of a normalised picture whose side is a multiple of 32."""
        return self.late(self.early(image))
