"""The encoder: pooling by hand, the nominal pose's mirror image, map sizes, what each head can see."""

from dataclasses import replace

import pytest
import torch
from support.tiny import TINY

from handlib.geometry.rotation import rotation_from_6d
from handlib.model.config import DIRConfig
from handlib.model.encoder import (
    Encoder,
    HandAttention,
    LayoutHead,
    PooledHead,
    attention_pool,
    nominal_vectors,
)

NO_POSE = torch.zeros(2, 64)
REST = torch.zeros(2, 21, 3)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def spot(row: int, column: int, size: int = 4) -> torch.Tensor:
    attention = torch.zeros(1, 2, size, size)
    attention[:, :, row, column] = 0.3
    return attention


def test_attention_on_one_pixel_reads_that_pixel():
    features = random(1, 5, 4, 4)
    pooled = attention_pool(features, spot(1, 3))
    torch.testing.assert_close(pooled, features[:, None, :, 1, 3].expand(1, 2, 5))


def test_even_attention_is_the_mean_and_each_hand_has_its_own():
    features = random(2, 5, 4, 4)
    attention = torch.stack((torch.full((2, 4, 4), 0.7), features[:, 0].sigmoid()), dim=1)
    left, right = attention_pool(features, attention).unbind(1)
    torch.testing.assert_close(left, features.mean((2, 3)))
    weights = attention[:, 1:]
    torch.testing.assert_close(right, (features * weights).sum((2, 3)) / weights.sum((2, 3)))


def test_no_attention_at_all_is_finite():
    assert not attention_pool(random(1, 5, 4, 4), torch.zeros(1, 2, 4, 4)).any()


def test_attention_has_a_map_per_hand_of_its_own():
    module = HandAttention(5, 3).eval()
    attention = module(random(2, 5, 4, 4))
    assert attention.shape == (2, 2, 4, 4)
    assert ((attention > 0) & (attention < 1)).all()
    module.maps[1][-1].weight.data.zero_()
    module.maps[1][-1].bias.data.fill_(2.0)
    changed = module(random(2, 5, 4, 4))
    assert changed[:, 0].equal(attention[:, 0])
    torch.testing.assert_close(changed[:, 1], torch.full((2, 4, 4), 2.0).sigmoid())


def test_the_nominal_left_hand_is_the_mirror_image_of_the_right_one():
    six = (0.3, 0.9, -0.2, 0.7, -0.1, 0.8)
    left, right = nominal_vectors(replace(TINY, nominal_pose=(*six, 1.5)))
    mirror = torch.diag(torch.tensor([-1.0, 1, 1]))
    torch.testing.assert_close(rotation_from_6d(left[:6]), mirror @ rotation_from_6d(right[:6]) @ mirror)
    torch.testing.assert_close(right[:6], torch.tensor(six))
    assert left[-3] == right[-3] == 1.5
    assert not left[6:-3].any() and not left[-2:].any()


@pytest.mark.parametrize("head", [PooledHead(5, NO_POSE + 0.5), LayoutHead(5, 4, NO_POSE + 0.5)])
def test_heads_start_near_the_nominal_pose(head: torch.nn.Module):
    vectors, offset = head(random(3, 5, 4, 4), torch.ones(3, 2, 4, 4))
    assert vectors.shape == (3, 2, 64) and offset.shape == (3, 3)
    assert (vectors - 0.5).abs().max() < 0.2


def test_the_pooled_head_sees_what_but_not_where():
    head, features = PooledHead(5, NO_POSE), random(1, 5, 4, 4)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    scattered = features.flatten(2)[..., order].view_as(features)
    even = torch.ones(1, 2, 4, 4)
    for a, b in zip(head(features, even), head(scattered, even), strict=True):
        torch.testing.assert_close(a, b)
    layout = LayoutHead(5, 4, NO_POSE)
    assert not torch.allclose(layout(features, even)[0], layout(scattered, even)[0], atol=1e-4)


@pytest.mark.parametrize(("row", "column", "uv"), [(0, 0, (-0.75, -0.75)), (1, 3, (0.75, -0.25))])
def test_the_layout_heads_camera_starts_at_the_attentions_centre(
    row: int, column: int, uv: tuple[float, float]
):
    head, features = LayoutHead(5, 4, NO_POSE), random(1, 5, 4, 4)
    for hand in head.hands:
        hand[-1].weight.data.zero_()
    vectors, _ = head(features, spot(row, column))
    torch.testing.assert_close(vectors[0, :, -2:], torch.tensor([uv, uv]))
    assert not vectors[..., :-2].any()


@pytest.mark.parametrize(("stride", "sizes"), [(32, [16, 8, 4, 2]), (16, [16, 8, 4, 4]), (8, [16, 8, 8, 8])])
def test_map_sizes(stride: int, sizes: list[int]):
    encoder = Encoder(replace(TINY, output_stride=stride), REST)
    features, attention, vectors, offset, maps = encoder(random(2, 3, 64, 64))
    assert [f.shape[-1] for f in features] == sizes
    assert [f.shape[1] for f in features] == encoder.channels == [8, 16, 24, 32]
    assert attention.shape == (2, 2, sizes[-1], sizes[-1])
    assert vectors.shape == (2, 2, 64) and offset.shape == (2, 3)
    assert maps is None


def test_separate_encoders_stand_side_by_side():
    encoder = Encoder(replace(TINY, separate_encoders=True), REST).eval()
    assert encoder.channels == [16, 32, 48, 64]
    image = random(1, 3, 64, 64)
    features = encoder(image)[0]
    left, right = encoder.backbone.encoders
    torch.testing.assert_close(features[2][:, :24], left(image)[2])
    torch.testing.assert_close(features[2][:, 24:], right(image)[2])
    assert not torch.allclose(features[2][:, :24], features[2][:, 24:])


def test_without_hand_attention_both_hands_pool_the_same():
    encoder = Encoder(replace(TINY, hand_attention=False), REST)
    _, attention, *_ = encoder(random(1, 3, 64, 64))
    assert (attention == 1).all()
    assert not any("attention" in name for name, _ in encoder.named_parameters())


def test_the_released_and_the_small_maps_have_the_same_sizes():
    small = DIRConfig.small()
    stages = [small.image_size // 4 // 2**level for level in small.stage_levels]
    released = DIRConfig.released()
    assert stages == [released.image_size // 4 // 2**level for level in released.stage_levels] == [16, 32]
    assert small.image_size // small.output_stride == released.image_size // released.output_stride == 8
