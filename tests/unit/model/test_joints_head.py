"""The head of joints: how maps are read, and the rotation and camera that follow from where joints lie."""

from dataclasses import replace

import pytest
import roma
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.perfect_maps import perfect_maps
from support.random_pairs import HANDS, random_pairs
from support.tiny import TINY
from torch import Tensor

from handlib.geometry.camera import fit_weak_perspective, project_weak_perspective
from handlib.geometry.rotation import rotation_from_6d
from handlib.hand.hand import HandParams
from handlib.hand.skeleton import joint_index
from handlib.model.config import DIRConfig
from handlib.model.joint_maps import JointMaps, locate
from handlib.model.joints_head import (
    PALM_LENGTH,
    JointsHead,
    palm_rotation,
    true_places,
    waves,
)
from handlib.model.network import DIR, joints_at_rest

SIZE = 32
CELL = 2 / SIZE
SAMPLE = random_pairs(8)
REST = torch.stack([joints_at_rest(hand) for hand in HANDS])


def head() -> JointsHead:
    torch.manual_seed(0)
    return JointsHead([4, 6, 8], 8, REST)


def two_peaks(segmentation: Tensor, higher: float) -> JointMaps:
    """Maps whose joints may all be in the cell (row 2, column 3) or, ``higher``, in (12, 10)."""
    heat = torch.zeros(1, 2, 21, 16, 16)
    heat[..., 2, 3], heat[..., 12, 10] = 20.0, 20.0 + higher
    return JointMaps(segmentation, heat, torch.zeros(1, 2, 21, 3, 16, 16), torch.zeros(1, 2))


def centre(row: int, column: int) -> Tensor:
    return (torch.tensor([column, row]) + 0.5) / 8 - 1


@given(st.floats(-0.8, 0.8), st.floats(-0.8, 0.8))
def test_a_joint_is_found_within_a_fraction_of_a_cell(u: float, v: float):
    uv = torch.tensor([u, v]).expand(1, 2, 21, 2)
    places = torch.randn(1, 2, 21, 3, generator=torch.Generator().manual_seed(0))
    found = locate(perfect_maps(uv, places, SIZE))
    assert (found.uv - uv).abs().max() < 0.1 * CELL
    torch.testing.assert_close(found.places, places)
    assert found.certainty.min() > 0.9


def test_a_location_is_read_where_its_joint_is_seen():
    uv = SAMPLE.uv.clamp(-0.8, 0.8)
    ticks = (torch.arange(SIZE) + 0.5) * CELL - 1
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    maps = perfect_maps(uv, torch.zeros(len(SAMPLE), 2, 21, 3), SIZE)
    maps.locations[:] = torch.stack((x, y, x + y))
    found = locate(maps)
    torch.testing.assert_close(found.places[..., :2], found.uv)
    torch.testing.assert_close(found.places[..., 2], found.uv.sum(-1))


def test_of_two_places_a_joint_is_seen_on_its_own_hand():
    segmentation = torch.zeros(1, 3, 16, 16)
    segmentation[:, 0] = 10.0
    segmentation[:, 1, 2, 3], segmentation[:, 2, 12, 10] = 30.0, 30.0
    left, right = locate(two_peaks(segmentation, higher=1.0)).uv[0]
    torch.testing.assert_close(left, centre(2, 3).expand(21, 2), atol=0.01, rtol=0)
    torch.testing.assert_close(right, centre(12, 10).expand(21, 2), atol=0.01, rtol=0)
    # What a heatmap is sure of counts, though the hand is hidden there.
    left, _ = locate(two_peaks(segmentation, higher=10.0)).uv[0]
    torch.testing.assert_close(left, centre(12, 10).expand(21, 2), atol=0.01, rtol=0)


def test_places_are_counted_from_the_middle_knuckle_in_palm_lengths():
    places = true_places(SAMPLE.joints)
    wrist, middle = joint_index("wrist"), joint_index("middle1")
    assert not places[:, :, middle].any()
    torch.testing.assert_close(places[:, :, wrist].norm(dim=-1), torch.ones(len(SAMPLE), 2))
    moved = true_places(3 * SAMPLE.joints + torch.tensor([0.1, -0.2, 0.7]))
    torch.testing.assert_close(moved, places, atol=1e-4, rtol=0)


@given(st.integers(0, 2**32 - 1))
def test_the_palms_rotation_is_recovered(seed: int):
    generator = torch.Generator().manual_seed(seed)
    turn = roma.special_procrustes(torch.randn(3, 2, 3, 3, generator=generator))
    turned = torch.einsum("bhij,hkj->bhki", turn, REST) + torch.randn(3, 2, 1, 3, generator=generator)
    torch.testing.assert_close(palm_rotation(true_places(turned), REST), turn, atol=1e-4, rtol=0)


def test_perfect_maps_give_the_true_rotations_and_cameras():
    whole = SAMPLE[SAMPLE.uv.abs().amax((1, 2, 3)) < 0.95]
    assert len(whole) > 3
    places = true_places(whole.joints)
    vectors, _ = head().estimate(perfect_maps(whole.uv, places, SIZE), torch.zeros(len(whole), 2, 8))
    params = HandParams.from_vector(vectors)
    off = roma.rotmat_geodesic_distance(rotation_from_6d(params.root), whole.root)
    assert off.rad2deg().max() < 2

    camera = torch.cat((params.camera[..., :1].exp(), params.camera[..., 1:]), dim=-1)
    joints = whole.joints - whole.joints[:, :, :1]
    best = project_weak_perspective(joints, fit_weak_perspective(joints, whole.uv))
    seen = project_weak_perspective((places - places[:, :, :1]) * PALM_LENGTH, camera)
    assert (seen - best).abs().max() < 0.1 * CELL
    assert (seen - whole.uv).abs().mean() < 0.5 * CELL


def test_the_offset_begins_with_the_way_between_the_wrists_in_the_picture():
    joints_head = head()
    for parameter in joints_head.offset.parameters():
        parameter.data.zero_()
    places = true_places(SAMPLE.joints)
    uv = 2.0 * PALM_LENGTH * (places - places[:, :, :1])[..., :2]
    uv = uv + torch.tensor([[-0.3, 0.1], [0.3, -0.1]])[:, None]
    _, offset = joints_head.estimate(perfect_maps(uv, places, SIZE), torch.zeros(len(SAMPLE), 2, 8))
    expected = torch.tensor([0.6, -0.2, 0.0]) / 2.0 / 0.15
    torch.testing.assert_close(offset, expected.expand_as(offset), atol=0.1, rtol=0)


def test_no_gradient_flows_from_the_estimate_into_the_maps():
    joints_head, maps = head(), perfect_maps(SAMPLE.uv, true_places(SAMPLE.joints), SIZE)
    pooled = torch.zeros(len(SAMPLE), 2, 8, requires_grad=True)
    leaves = [each.requires_grad_() for each in vars(maps).values()]
    vectors, offset = joints_head.estimate(maps, pooled)
    (vectors.sum() + offset.sum()).backward()
    assert all(leaf.grad is None for leaf in leaves)
    assert pooled.grad.any()
    assert torch.isfinite(pooled.grad).all()


@pytest.mark.parametrize("size", [2, 6, 8])
def test_every_place_of_a_map_has_waves_of_its_own(size: int):
    at = waves(size, torch.device("cpu"))
    assert at.shape == (size**2, 12)
    assert (torch.cdist(at, at) + 10 * torch.eye(size**2)).min() > 0.3


def test_the_maps_alone_are_those_of_the_whole_network():
    torch.manual_seed(0)
    config = replace(DIRConfig.wild(), mirror=False, upright=False)
    network = DIR(config).eval()
    image = torch.randn(1, 3, config.image_size, config.image_size)
    with torch.no_grad():
        alone, prediction = network.joint_maps(image), network(image)
    assert alone.heat.shape[-1] == config.image_size // 8
    for name, values in vars(prediction.joint_maps).items():
        if isinstance(values, Tensor):
            torch.testing.assert_close(getattr(alone, name), values)
    assert all(torch.isfinite(estimate.joints).all() for estimate in prediction.estimates)


def test_another_head_has_no_joint_maps():
    with pytest.raises(ValueError, match=r"initial_head: only joints makes maps, this is layout"):
        DIR(TINY).joint_maps(torch.zeros(1, 3, 64, 64))


def test_averaged_with_the_mirror_images_maps_are_mirrored_as_the_picture_is():
    torch.manual_seed(0)
    network = DIR(replace(DIRConfig.wild(), upright=False)).eval()
    image = torch.randn(1, 3, network.config.image_size, network.config.image_size)
    with torch.no_grad():
        one, other = (network(picture).joint_maps for picture in (image, image.flip(-1)))
        alone = network.joint_maps(image)
    assert one is not None and other is not None
    for name in ("segmentation", "heat", "locations", "presence"):
        torch.testing.assert_close(getattr(other.mirrored(), name), getattr(one, name), atol=1e-5, rtol=1e-4)
        assert not torch.allclose(getattr(alone, name), getattr(one, name), atol=1e-3)


def test_mirrored_twice_maps_are_as_before():
    maps = JointMaps(
        *(torch.randn(2, *shape) for shape in ((3, 8, 8), (2, 21, 8, 8), (2, 21, 3, 8, 8), (2,)))
    )
    twice = maps.mirrored().mirrored()
    for name in ("segmentation", "heat", "locations", "presence"):
        assert torch.equal(getattr(twice, name), getattr(maps, name))
    left = maps.mirrored().located.uv[:, 0]
    torch.testing.assert_close(left * torch.tensor([-1.0, 1.0]), maps.located.uv[:, 1])
