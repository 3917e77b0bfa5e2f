"""Modules that take the place of others for inference on a CPU: equal outputs, weights rearranged once.

``inference.py`` puts them in.
"""

from typing import TYPE_CHECKING, Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from handlib.model.blocks import PerHand, bias_of
from handlib.model.gcn import GraphLayer, neighbour_weights

if TYPE_CHECKING:
    from handlib.model.encoder import HandAttention
    from handlib.model.network import PixelHeads


class PackedConv2d(nn.Module):
    """A convolution, with or without a ReLU, whose weights lie in oneDNN's order.

    The order is chosen for inputs of ``input_shape``; others work too, more slowly. The two operators are
    those that ``torch.compile`` puts in when it freezes a model, for which it needs a C++ compiler.
    """

    def __init__(self, convolution: nn.Conv2d, input_shape: torch.Size, relu: bool):
        super().__init__()
        self.geometry = (
            list(convolution.padding),
            list(convolution.stride),
            list(convolution.dilation),
            convolution.groups,
        )
        # Opaque to everything but oneDNN, so not a parameter or buffer.
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(
            convolution.weight.detach(), *self.geometry, list(input_shape)
        )
        self.bias = None if convolution.bias is None else convolution.bias.detach()
        self.activation = "relu" if relu else "none"

    def forward(self, x: Float[Tensor, "batch _ _ _"]) -> Float[Tensor, "batch _ _ _"]:
        """The convolution of x."""
        return torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, *self.geometry, self.activation, [], ""
        )


class PackedGraphLayer(nn.Module):
    """A graph layer of both hands at once: each joint's two matrices stacked, batch norm folded in."""

    matrices: Float[Tensor, "hand*joints 2*features features"]
    listening: Float[Tensor, "hand=2 joints joints"]
    bias: Float[Tensor, "hand=2 1 1 features"]

    def __init__(self, left: GraphLayer, right: GraphLayer):
        super().__init__()
        matrices, listening, biases = [], [], []
        for layer in (left, right):
            norm, mean, variance = layer.norm, layer.norm.running_mean, layer.norm.running_var
            assert mean is not None and variance is not None
            scale = norm.weight / (variance + norm.eps).sqrt()
            matrices.append(torch.cat((layer.own * scale, layer.neighbour * scale), dim=-1).transpose(1, 2))
            listening.append(neighbour_weights(layer.scores, layer.adjacency))
            biases.append((layer.bias - mean) * scale + norm.bias)
        self.register_buffer("matrices", torch.cat(matrices).detach().contiguous())
        self.register_buffer("listening", torch.stack(listening).detach())
        self.register_buffer("bias", torch.stack(biases).detach()[:, None, None])
        self.residual = left.residual

    def forward(
        self, x: Float[Tensor, "hand=2 joints batch features"]
    ) -> Float[Tensor, "hand=2 joints batch features"]:
        """Joints first: a product of matrix and vector per joint reads the matrices in order."""
        both = torch.bmm(self.matrices, x.flatten(0, 1).transpose(1, 2)).transpose(1, 2)
        own, sent = both.unflatten(0, (2, -1)).chunk(2, dim=-1)
        heard = torch.bmm(self.listening, sent.flatten(2)).unflatten(2, own.shape[2:])
        out = (own + heard + self.bias).relu()
        return x + out if self.residual else out


class PackedGCN(nn.Module):
    """Both hands' :class:`handlib.model.gcn.SkeletonGCN`."""

    def __init__(self, per_hand: PerHand):
        super().__init__()
        left, right = cast(Any, per_hand.modules_per_hand)
        self.layers = nn.Sequential(*map(PackedGraphLayer, left, right))

    def forward(
        self, x: Float[Tensor, "batch hand=2 joints features"]
    ) -> Float[Tensor, "batch hand=2 joints features"]:
        """Keeps the shape."""
        return self.layers(x.permute(1, 2, 0, 3)).permute(2, 0, 1, 3)


def side_by_side(convolutions: list[nn.Conv2d], groups: int) -> nn.Conv2d:
    """One convolution whose outputs are those of all given ones; each reads its own group of the input."""
    first = convolutions[0]
    merged = nn.Conv2d(
        first.in_channels * groups,
        first.out_channels * len(convolutions),
        cast(tuple[int, int], first.kernel_size),
        padding=cast(tuple[int, int], first.padding),
        groups=groups,
    )
    merged.weight.data = torch.cat([one.weight.data for one in convolutions])
    bias_of(merged).data = torch.cat([bias_of(one).data for one in convolutions])
    return merged


def merged_attention(attention: "HandAttention") -> nn.Sequential:
    """Both hands' attention maps as one chain: the hidden channels side by side, then two groups."""
    maps = cast(Any, attention.maps)
    hidden = side_by_side([fuse_conv_bn_eval(one[0], one[1]) for one in maps], groups=1)
    scores = side_by_side([one[-1] for one in maps], groups=2)
    return nn.Sequential(hidden, nn.ReLU(), scores, nn.Sigmoid())


class ComposedHeads(nn.Module):
    """Both :class:`handlib.model.network.PixelHeads` in one chain.

    The stem ends in a 1x1 convolution, V x + v at every pixel, and both heads begin with a 3x3 one, W. No
    ReLU stands between: W over (V x + v) is (W V) over x plus W over v. The second term is the same for every
    picture, though not for every pixel, because W sees zeros beyond the map's border: a map of biases for
    maps of ``size`` pixels.
    """

    bias: Float[Tensor, "out size size"]

    def __init__(self, heads: "PixelHeads", size: int):
        super().__init__()
        first, norm, _, last = cast(Any, heads.stem)
        branches = cast(Any, (heads.segmentation, heads.dense))
        wide = side_by_side([fuse_conv_bn_eval(branch[0], branch[1]) for branch in branches], groups=1)
        mix, constant = last.weight.data[:, :, 0, 0], last.bias.data[:, None, None]
        self.stem = nn.Sequential(fuse_conv_bn_eval(first, norm), nn.ReLU())
        self.wide = nn.Conv2d(mix.shape[1], wide.out_channels, 3, padding=1, bias=False)
        self.wide.weight.data = torch.einsum("omyx,mi->oiyx", wide.weight.data, mix)
        self.register_buffer("bias", wide(constant.expand(-1, size, size)).detach())
        self.narrow = side_by_side([branch[-1] for branch in branches], groups=2)

    def forward(
        self, feature_map: Float[Tensor, "batch _ size size"]
    ) -> tuple[Float[Tensor, "batch 3 size size"], Float[Tensor, "batch 3 size size"]]:
        """Scores of (background, left, right), and dense colours."""
        hidden = (self.wide(self.stem(feature_map)) + self.bias).relu()
        segmentation, dense = self.narrow(hidden).chunk(2, dim=1)
        return segmentation, dense
