"""The hand encoder: it computes what MediaPipe's interpreter does; its gradients, padding and maps."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from handlib.model.hand_backbone import LATE, DepthwiseConv, HandBackbone, SameConv2d

TRAINED_ON = 224


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("kernel", [3, 5])
def test_depthwise_gradients_are_those_of_torchs_convolution(kernel: int):
    leaves = [random(2, 3, 6, 4), random(3, 1, kernel, kernel, seed=1), random(3, seed=2)]
    for leaf in leaves:
        leaf.requires_grad_()
    assert torch.autograd.gradcheck(DepthwiseConv.apply, leaves)
    singles = [leaf.detach().float().requires_grad_() for leaf in leaves]
    copies = [single.detach().clone().requires_grad_() for single in singles]
    ours = DepthwiseConv.apply(*singles)
    theirs = conv2d(*copies, padding=kernel // 2, groups=3)
    torch.testing.assert_close(ours, theirs)
    downstream = random(2, 3, 6, 4, seed=3).float().to(memory_format=torch.channels_last)
    for out in (ours, theirs):
        out.backward(downstream)
    for single, copied in zip(singles, copies, strict=True):
        torch.testing.assert_close(single.grad, copied.grad)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 1), (3, 2), (5, 2)])
def test_a_depthwise_layer_computes_the_same_whether_or_not_it_learns(kernel: int, stride: int):
    layer, x = SameConv2d(4, 4, kernel, stride, depthwise=True), random(2, 4, 8, 8).float()
    torch.testing.assert_close(layer(x), layer(x.clone().requires_grad_()))


@pytest.mark.parametrize(
    ("kernel", "size", "expected"),
    [
        (3, 4, [[45, 39], [66, 50]]),
        (5, 4, [[120, 96], [114, 90]]),
        (3, 3, [[8, 12], [20, 24]]),
    ],
)
def test_at_stride_two_an_odd_pixel_of_padding_goes_right_and_below(
    kernel: int, size: int, expected: list[list[int]]
):
    layer = SameConv2d(1, 1, kernel, 2)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    numbers = torch.arange(float(size**2)).view(1, 1, size, size)
    assert layer(numbers)[0, 0].tolist() == expected


def test_map_sizes_and_channels():
    backbone = HandBackbone()
    maps = backbone(random(2, 3, 64, 64).float())
    assert [tuple(each.shape) for each in maps] == [
        (2, 24, 16, 16),
        (2, 40, 8, 8),
        (2, 192, 4, 4),
        (2, 192, 2, 2),
    ]
    assert backbone.channels == [24, 40, 192, 192]


def test_blocks_learn_from_a_sixteenth_on():
    backbone, image = HandBackbone(), random(1, 3, 64, 64).float()
    early = backbone.early(image)[-1]
    assert early.shape[-1] == 8
    assert backbone.blocks[LATE](early).shape[-1] == 4


def test_blocks_that_see_edges_stay_and_later_ones_learn():
    backbone = HandBackbone().train()
    sum(each.square().mean() for each in backbone(random(1, 3, 64, 64).float())).backward()
    for name, parameter in backbone.named_parameters():
        late = name.startswith("blocks.") and int(name.split(".")[1]) >= LATE
        assert (parameter.grad is not None and bool(parameter.grad.any())) == late, name
