"""Winograd's 3x3 convolution: 16 multiplications where the definition takes 36.

A 3x3 kernel g slides over a 4x4 tile d of its input and gives a 2x2 tile y of its output. With three fixed
matrices (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016),

    y = A^T [ (G g G^T) * (B^T d B) ] A,        * entry by entry,

exactly. The kernels are transformed once. Over channels, each of the 16 entries is a matrix product, so the
arithmetic shrinks to 4/9, and the transforms are additions. What it costs is memory: 16 numbers per kernel
instead of 9.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

INPUT = torch.tensor([[1.0, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
KERNEL = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
OUTPUT = torch.tensor([[1.0, 1, 1, 0], [0, 1, -1, -1]])
"""B^T, G and A^T."""


def transformed_kernels(weight: Float[Tensor, "out in 3 3"]) -> Float[Tensor, "entry=16 out in"]:
    """G g G^T of every kernel."""
    return torch.einsum("ai,oxij,bj->abox", KERNEL, weight, KERNEL).flatten(0, 1).contiguous()


def transformed_tiles(x: Float[Tensor, "batch in height width"]) -> Float[Tensor, "entry=16 tiles in"]:
    """B^T d B of every 4x4 tile of the padded input, two pixels apart; picture by picture, row by row."""
    tiles = pad(x, (1, 1, 1, 1)).unfold(2, 4, 2).unfold(3, 4, 2).permute(4, 5, 0, 2, 3, 1)
    return (torch.kron(INPUT, INPUT) @ tiles.reshape(16, -1)).unflatten(1, (-1, x.shape[1]))


def assembled(
    products: Float[Tensor, "entry=16 tiles out"], batch: int, height: int, width: int
) -> Float[Tensor, "batch out height width"]:
    """A^T m A of every tile's 16 products, put where they belong."""
    pixels = torch.kron(OUTPUT, OUTPUT) @ products.flatten(1)
    pixels = pixels.view(2, 2, batch, height // 2, width // 2, -1)
    return pixels.permute(2, 5, 3, 0, 4, 1).reshape(batch, -1, height, width)


def suits_winograd(convolution: nn.Conv2d, input_shape: torch.Size) -> bool:
    """Whether the method applies and pays: 3x3, whole tiles, and channels enough to carry the transforms."""
    geometry = (convolution.kernel_size, convolution.stride, convolution.padding, convolution.dilation)
    return (
        geometry == ((3, 3), (1, 1), (1, 1), (1, 1))
        and convolution.groups == 1
        and convolution.in_channels >= 256
        and convolution.out_channels >= 128
        and input_shape[-2] % 2 == input_shape[-1] % 2 == 0
    )


class WinogradConv2d(nn.Module):
    """A padded 3x3 convolution, with or without a ReLU, on maps with even sides.

    Its 16 matrices lie in oneDNN's order for inputs of ``input_shape``; others work too.
    """

    def __init__(self, convolution: nn.Conv2d, input_shape: torch.Size, relu: bool):
        super().__init__()
        tiles = input_shape[0] * input_shape[-2] * input_shape[-1] // 4
        # Opaque to everything but oneDNN, so not parameters or buffers.
        self.kernels = [
            torch.ops.mkldnn._reorder_linear_weight(kernel, tiles)
            for kernel in transformed_kernels(convolution.weight.detach())
        ]
        self.bias = None if convolution.bias is None else convolution.bias.detach()[:, None, None]
        self.relu = relu

    def forward(self, x: Float[Tensor, "batch in height width"]) -> Float[Tensor, "batch out height width"]:
        """The convolution of x."""
        products = torch.stack(
            [
                torch.ops.mkldnn._linear_pointwise(tiles, kernel, None, "none", [], "")
                for tiles, kernel in zip(transformed_tiles(x), self.kernels, strict=True)
            ]
        )
        out = assembled(products, len(x), *x.shape[-2:])
        if self.bias is not None:
            out = out + self.bias
        return out.relu() if self.relu else out
