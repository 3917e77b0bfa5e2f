"""Augmentation keeps truth and picture together: bright dots at joints land where the truth says."""

import math
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import torch
from support.random_pairs import HANDS, random_pairs

from handlib.data.augment import Augmentation, Draw, augment, flip, recolour, turn
from handlib.data.sample import BACKGROUND, LEFT, RIGHT, Sample
from handlib.geometry.camera import uv_to_pixels

SIZE = 64
MARKED = (0, 4, 8, 9, 16, 20)
NOTHING = Augmentation.none()


def dots(uv: torch.Tensor) -> torch.Tensor:
    """A bright dot per picture at uv (batch, 2), as (batch, SIZE, SIZE) in [0, 1]."""
    centres = torch.arange(SIZE) + 0.5
    x, y = uv_to_pixels(uv, SIZE).unbind(-1)
    dx, dy = centres[None, None] - x[:, None, None], centres[None, :, None] - y[:, None, None]
    return torch.exp(-(dx.square() + dy.square()) / 8)


def centroid(weights: torch.Tensor) -> torch.Tensor:
    """The centre of brightness of (batch, SIZE, SIZE), in uv."""
    ticks = (torch.arange(SIZE) + 0.5) * 2 / SIZE - 1
    weights = weights / weights.sum((1, 2), keepdim=True)
    return torch.stack(((weights * ticks).sum((1, 2)), (weights * ticks[:, None]).sum((1, 2))), dim=-1)


@pytest.fixture(scope="module")
def marked() -> Sample:
    """One picture per marked joint: red shows where the left one is, green where the right one is.

    The hands are far away, so that dots stay in the picture however it's turned.
    """
    pairs = random_pairs(len(MARKED), size=SIZE)
    away = torch.tensor([0.02, -0.03, 0.6])
    pairs = replace(pairs, joints=pairs.joints + away, vertices=pairs.vertices + away)
    pairs = replace(pairs, intrinsics=pairs.intrinsics * torch.tensor([1.1, 1.1, 0.95, 1.05]))
    uv = torch.stack([pairs.uv[k, :, joint] for k, joint in enumerate(MARKED)])
    left, right = dots(uv[:, 0]), dots(uv[:, 1])
    label = torch.where(left > 0.5, LEFT, torch.where(right > 0.5, RIGHT, BACKGROUND)).to(torch.uint8)
    image = torch.stack((left, right, torch.zeros_like(left)), dim=1)
    return replace(
        pairs,
        image=(255 * image).round().to(torch.uint8),
        label=label,
        dense=torch.stack((label, 2 * label, 3 * label), dim=1),
        depth=label.float() * 0.25,
    )


def where_truth_says(sample: Sample) -> torch.Tensor:
    return torch.stack([sample.uv[k, :, joint] for k, joint in enumerate(MARKED)], dim=1)


def where_dots_are(sample: Sample) -> torch.Tensor:
    return torch.stack([centroid(sample.image[:, colour].float()) for colour in (0, 1)])


def equal(a: Sample, b: Sample) -> bool:
    return all(getattr(a, f.name).equal(getattr(b, f.name)) for f in fields(Sample))


def assert_dots_at_joints(sample: Sample, colours: tuple[int, int] = (0, 1)):
    pixel = 2 / SIZE
    error = (where_dots_are(sample)[list(colours)] - where_truth_says(sample)).norm(dim=-1)
    assert error.max() < 0.1 * pixel
    for side, label in enumerate((LEFT, RIGHT)):
        found = centroid((sample.label == label).float()) - where_truth_says(sample)[side]
        assert found.norm(dim=-1).max() < pixel


@pytest.mark.parametrize(
    ("degrees", "scale", "shift"),
    [
        (0, 1.0, (0, 0)),
        (90, 1.0, (0, 0)),
        (0, 0.8, (0.2, -0.1)),
        (37, 0.9, (0.1, 0.05)),
        (-150, 1.15, (-0.05, 0.1)),
    ],
)
def test_truth_turns_with_the_picture(
    marked: Sample, degrees: float, scale: float, shift: tuple[float, float]
):
    n = len(marked)
    angle, shift_uv = torch.full((n,), math.radians(degrees)), torch.tensor([shift]).float().expand(n, 2)
    turned = turn(marked, angle, torch.full((n,), scale), shift_uv)
    assert_dots_at_joints(turned)
    # The maps move together and keep their values.
    assert turned.dense.equal(
        turned.label[:, None] * torch.tensor([1, 2, 3], dtype=torch.uint8)[:, None, None]
    )
    assert turned.depth.equal(turned.label.float() * 0.25)
    # In uv it's a turn, a scale and a shift for every point of the hands.
    c, s = math.cos(angle[0]), math.sin(angle[0])
    moved = scale * marked.vertex_uv @ torch.tensor([[c, s], [-s, c]]) + shift_uv[0]
    torch.testing.assert_close(turned.vertex_uv, moved, atol=1e-5, rtol=0)


def test_what_comes_in_from_outside(marked: Sample):
    n = len(marked)
    white = replace(marked, image=torch.full_like(marked.image, 200), label=torch.ones_like(marked.label))
    shifted = turn(white, torch.zeros(n), torch.ones(n), torch.tensor([[0.5, 0.0]]).expand(n, 2))
    assert (shifted.image == 200).all()
    assert (shifted.label[..., : SIZE // 4] == BACKGROUND).all() and (
        shifted.label[..., SIZE // 4 :] == LEFT
    ).all()


def test_the_mirror_image_shows_the_other_hand(marked: Sample):
    mirrored = flip(marked)
    # The dot that marked a left joint marks the right one now.
    assert_dots_at_joints(mirrored, colours=(1, 0))
    assert (mirrored.label == LEFT).sum() == (marked.label == RIGHT).sum()
    torch.testing.assert_close(mirrored.uv.flip(2).flip(1)[..., 1], marked.uv.flip(2)[..., 1])


def turned(batch: Sample) -> Sample:
    n = len(batch)
    return turn(batch, torch.linspace(-3, 3, n), torch.ones(n), torch.zeros(n, 2))


@pytest.mark.parametrize("change", [turned, flip])
def test_a_changed_sample_is_still_the_hand_models(marked: Sample, change: Callable[[Sample], Sample]):
    changed = change(marked)
    for h, hand in enumerate(HANDS):
        root, pose, betas = changed.root[:, h], changed.pose[:, h], changed.betas[:, h]
        posed, wrist = hand(root_rotation=root, pose_axis_angle=pose, betas=betas), changed.joints[:, h, :1]
        torch.testing.assert_close(posed.vertices, changed.vertices[:, h] - wrist, atol=1e-6, rtol=0)
        torch.testing.assert_close(posed.joints, changed.joints[:, h] - wrist, atol=1e-6, rtol=0)


def test_a_sample_and_its_seed_decide_its_change(marked: Sample):
    seeds = torch.arange(len(marked)) + 2**60
    changed, other = augment(marked, Augmentation(), seeds), augment(marked, Augmentation(), seeds + 1)
    assert equal(changed, augment(marked, Augmentation(), seeds))
    for k in range(len(marked)):
        alone = augment(marked[k : k + 1], Augmentation(), seeds[k : k + 1])
        torch.testing.assert_close(alone.joints[0], changed.joints[k])
        assert (alone.image[0].int() - changed.image[k].int()).abs().max() <= 1
        assert not changed.image[k].equal(other.image[k]) and not changed.joints[k].equal(other.joints[k])


def test_changes_fill_their_ranges(marked: Sample):
    draw = Draw.of(torch.arange(4000), 2)
    for numbers, low, middle in ((draw.chance, 0.0, 0.5), (draw.either_way, -1.0, 0.0)):
        assert (numbers.min(0).values - low).abs().max() < 0.01 and (
            numbers.max(0).values - 1
        ).abs().max() < 0.01
        assert (numbers.mean(0) - middle).abs().max() < 0.04
    assert abs(draw.noise.std() - 1) < 0.02


def test_augmented_geometry_stays_true(marked: Sample):
    ranges = replace(Augmentation.released(), noise=0.0, blur=0.0, flip=0.0)
    seeds = torch.arange(len(marked))
    assert_dots_at_joints(augment(marked, ranges, seeds))
    assert_dots_at_joints(augment(marked, replace(ranges, flip=1.0), seeds), (1, 0))


def test_empty_ranges_change_nothing(marked: Sample):
    same = augment(marked, NOTHING, torch.arange(len(marked)))
    for name, value in vars(marked).items():
        torch.testing.assert_close(getattr(same, name).float(), value.float(), msg=name)


def test_motion_blur_smears_a_dot_without_moving_or_dimming_it():
    image = torch.zeros(8, 3, 16, 16)
    image[:, :, 8, 8] = 1
    blurred = recolour(image, replace(NOTHING, blur=1.0), Draw.of(torch.arange(8), 16))
    torch.testing.assert_close(blurred.sum((2, 3)), torch.ones(8, 3))
    assert (blurred.amax((2, 3)) < 0.7).all()
    ticks = torch.arange(16.0)
    for axis in (2, 3):
        torch.testing.assert_close((blurred.sum(5 - axis) * ticks).sum(-1), torch.full((8, 3), 8.0))
    # All three colours of a picture are smeared alike, pictures each in their own direction.
    torch.testing.assert_close(blurred[:, 0], blurred[:, 2])
    assert not torch.allclose(blurred[0], blurred[1], atol=0.05)


def test_noise_and_colour_keep_to_their_ranges():
    grey = torch.full((64, 3, 16, 16), 0.5)
    noisy = recolour(grey, replace(NOTHING, noise=0.02), Draw.of(torch.arange(64), 16))
    assert abs(noisy.std().item() - 0.02) < 0.001 and abs(noisy.mean().item() - 0.5) < 0.001
    # A lift of up to 0.6 gains, and colours that never leave [0, 1].
    lifted = recolour(grey, replace(NOTHING, gain=0.25), Draw.of(torch.arange(64), 16))
    assert (lifted - 0.5).abs().max() <= 0.15
    assert lifted.std((1, 2, 3)).max() < 1e-6 and lifted.std() > 0.05
    wild = recolour(torch.rand(4, 3, 8, 8), replace(NOTHING, gain=3.0), Draw.of(torch.arange(4), 8))
    assert wild.min() >= 0 and wild.max() <= 1
