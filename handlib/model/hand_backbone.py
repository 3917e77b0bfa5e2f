"""The encoder of MediaPipe's hand landmark network, as c1 to c4 of DIR.

Its authors trained it on photographs of hands. So its maps tell hands from other things in photographs, which
a network that has only seen rendered pairs doesn't learn.

``scripts/build/convert_hand_encoder.py`` took the weights from the package ``mediapipe`` (Apache 2.0); they
lie in ``handlib/assets/hand_encoder`` with their licence. The authors folded the batch norms into the
convolutions, which therefore have biases. The blocks before ``LATE`` see edges and skin; training leaves them
unchanged.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from handlib.data.sample import IMAGE_MEAN, IMAGE_STD

STEM_CHANNELS = 24


@dataclass(frozen=True)
class BlockPlan:
    """An inverted residual block. Its middle has ``expanded`` channels (None: as many as its input)."""

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
"""Blocks whose outputs are c1 to c4 (1/4, 1/8, 1/16, 1/32 of the picture); two outputs are concatenated."""
LATE = 5
"""The first of the blocks at 1/16 of the picture and below, which see whole hands."""
WEIGHTS = Path(__file__).parents[1] / "assets" / "hand_encoder" / "model.safetensors"


class DepthwiseConv(torch.autograd.Function):
    """A depthwise convolution (odd kernel, stride 1, same size) whose backward pass is quick on CPUs.

    With 5 x 5 kernels, torch's backward pass takes twenty times as long as the forward pass. But both
    gradients are depthwise convolutions too. The input's gradient is the output's gradient convolved with the
    turned kernel. The kernel's gradient is the input convolved with the output's gradient as the kernel, for
    each picture and channel separately.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Returns the convolution of x (batch, channels, height, width)."""
        ctx.save_for_backward(x, weight)
        return conv2d(x, weight, bias, padding=weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the gradients of x, weight and bias."""
        x, weight = ctx.saved_tensors
        padding, size = weight.shape[-1] // 2, x.shape[-2:]
        for_x = conv2d(gradient, weight.flip(2, 3), padding=padding, groups=len(weight))
        maps, kernels = x.reshape(1, -1, *size), gradient.reshape(-1, 1, *size)
        for_weight = conv2d(maps, kernels, padding=padding, groups=len(kernels))
        for_weight = for_weight.reshape(len(x), *weight.shape).sum(0)
        return for_x, for_weight, gradient.sum((0, 2, 3))


class SameConv2d(nn.Conv2d):
    """A convolution padded like TensorFlow's ``SAME``: if the padding is odd, right and below get one more.

    Depthwise convolutions are computed in single precision, because their backward pass in bfloat16 takes
    five times as long on CPUs.
    """

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int, depthwise: bool = False
    ):
        super().__init__(channels_in, channels_out, kernel, stride, groups=channels_in if depthwise else 1)

    def forward(self, x: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out rows columns"]:
        """Returns the convolution of x."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        missing = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in x.shape[-2:]]
        even = tuple(total // 2 for total in missing)
        if any(total % 2 for total in missing):
            (rows, columns), even = missing, (0, 0)
            x = pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        if self.groups == 1 or not x.requires_grad:
            return conv2d(x, self.weight, self.bias, stride, even, groups=self.groups)
        with torch.autocast(x.device.type, enabled=False):
            if stride == 1 and kernel == 5 and x.device.type == "cpu":
                return cast(Tensor, DepthwiseConv.apply(x.float(), self.weight, self.bias))
            return conv2d(x.float(), self.weight, self.bias, stride, even, groups=self.groups)


class InvertedResidual(nn.Module):
    """Widens (1x1), convolves each channel by itself (depthwise), narrows (1x1).

    The input is added to the output where their sizes agree.
    """

    def __init__(self, channels_in: int, plan: BlockPlan):
        super().__init__()
        middle = plan.expanded or channels_in
        self.widen = SameConv2d(channels_in, middle, 1, 1) if plan.expanded else None
        self.around = SameConv2d(middle, middle, plan.kernel, plan.stride, depthwise=True)
        self.narrow = SameConv2d(middle, plan.out, 1, 1)
        self.residual = plan.stride == 1 and channels_in == plan.out

    def forward(self, x: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out rows columns"]:
        """Returns a map of the same size (stride 1) or of half the size (stride 2)."""
        inner = nn.functional.relu6(self.widen(x)) if self.widen else x
        out = self.narrow(nn.functional.relu6(self.around(inner)))
        return x + out if self.residual else out


class HandBackbone(nn.Module):
    """The network that returns the maps c1 to c4, fine to coarse; ``channels`` are their widths."""

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

        for early in (self.stem, *self.blocks[:LATE]):
            early.requires_grad_(False)

    def load_pretrained(self) -> None:
        """Loads the weights that ship."""
        weights = load_file(WEIGHTS)
        self.load_state_dict({name: weights[name].float() for name in self.state_dict()})

    def early(self, image: Float[Tensor, "batch 3 size size"]) -> list[Float[Tensor, "batch _ _ _"]]:
        """Returns the outputs, in order, of the blocks before ``LATE`` for a normalised picture."""
        x = nn.functional.relu6(self.stem(image * self.std + self.mean))
        outputs = []
        for block in self.blocks[:LATE]:
            x = block(x)
            outputs.append(x)
        return outputs

    def late(self, outputs: list[Float[Tensor, "batch _ _ _"]]) -> list[Float[Tensor, "batch _ _ _"]]:
        """Returns c1 to c4, given the outputs of :meth:`early`."""
        outputs = list(outputs)
        for block in self.blocks[LATE:]:
            outputs.append(block(outputs[-1]))
        return [torch.cat([outputs[k] for k in level], dim=1) for level in LEVELS]

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> list[Float[Tensor, "batch _ _ _"]]:
        """Returns c1 to c4 of a normalised picture whose side is a multiple of 32."""
        return self.late(self.early(image))
