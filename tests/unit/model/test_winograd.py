"""Winograd's form equals the convolution that it replaces."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from handlib.model.blocks import PatchConv2d
from handlib.model.config import DIRConfig
from handlib.model.inference import input_shapes
from handlib.model.network import DIR
from handlib.model.winograd import (
    WinogradConv2d,
    assembled,
    suits_winograd,
    transformed_kernels,
    transformed_tiles,
)

needs_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this build of PyTorch has no oneDNN, which it packs for"
)


def convolution(channels_in: int, channels_out: int, **options) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, **options)


def test_one_tile_by_hand():
    # A kernel of ones sums what it covers; the tile's numbers are 0 to 15, padded with nothing.
    tile = torch.arange(16.0).view(1, 1, 4, 4)
    entries = transformed_kernels(torch.ones(1, 1, 3, 3)) @ transformed_tiles(tile).transpose(1, 2)
    out = assembled(entries.transpose(1, 2), 1, 4, 4)
    assert out[0, 0, 1, 1] == 0 + 1 + 2 + 4 + 5 + 6 + 8 + 9 + 10
    assert out[0, 0, 0, 0] == 0 + 1 + 4 + 5


@needs_onednn
@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 3),
    channels_in=st.integers(1, 9),
    channels_out=st.integers(1, 9),
    half_height=st.integers(1, 5),
    half_width=st.integers(1, 5),
    relu=st.booleans(),
    bias=st.booleans(),
)
@torch.no_grad()
def test_equals_the_convolution(batch, channels_in, channels_out, half_height, half_width, relu, bias):
    plain = convolution(channels_in, channels_out, bias=bias)
    x = torch.randn(batch, channels_in, 2 * half_height, 2 * half_width)
    # Made for one picture, used for several.
    fast = WinogradConv2d(plain, x[:1].shape, relu)
    expected = plain(x).relu() if relu else plain(x)
    torch.testing.assert_close(fast(x), expected, atol=1e-5, rtol=1e-5)


@needs_onednn
@torch.no_grad()
def test_many_channels_lose_no_precision():
    plain, x = convolution(1024, 256), torch.randn(1, 1024, 8, 8)
    exact = plain.double()(x.double())
    fast = WinogradConv2d(plain.float(), x.shape, relu=False)(x)
    assert (fast - exact).abs().max() < 5e-6 * exact.abs().max()


@pytest.mark.parametrize(
    ("change", "shape", "suits"),
    [
        ({}, (1, 256, 8, 8), True),
        ({}, (1, 256, 7, 8), False),
        ({"stride": 2}, (1, 256, 8, 8), False),
        ({"dilation": 2}, (1, 256, 8, 8), False),
        ({"groups": 2}, (1, 256, 8, 8), False),
        ({"kernel_size": 1, "padding": 0}, (1, 256, 8, 8), False),
        ({"padding": 0}, (1, 256, 8, 8), False),
        ({"in_channels": 64}, (1, 64, 8, 8), False),
    ],
)
def test_where_it_applies(change, shape, suits):
    options = {"in_channels": 256, "out_channels": 256, "kernel_size": 3, "padding": 1, **change}
    assert suits_winograd(nn.Conv2d(**options), torch.Size(shape)) is suits


@torch.no_grad()
def test_the_released_network_has_its_attention_maps_in_this_form():
    model = DIR(DIRConfig.released()).eval()
    shapes = input_shapes(model)
    for one in model.encoder.attention.maps:
        assert suits_winograd(one[0], shapes[one[0]])


@pytest.mark.parametrize("training", [True, False])
def test_patches_times_weights_are_the_convolution_and_have_its_gradients(training: bool):
    plain = convolution(5, 7)
    patches = PatchConv2d(5, 7, 3, padding=1).train(training)
    patches.load_state_dict(plain.state_dict())
    results = []
    for module in (plain, patches):
        x = torch.randn(2, 5, 6, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
        out = module(x)
        (out * torch.arange(out.numel()).view_as(out)).sum().backward()
        results.append((out, x.grad, module.weight.grad, module.bias.grad))
    for expected, got in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-3)
