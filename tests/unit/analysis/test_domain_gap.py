"""Pictures on the way to photographs: each change does what it says, and the truth stays exact."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from handlib.analysis.domain_gap import (
    CHANGES,
    blur,
    gain,
    grey,
    jpeg,
    noise,
    seen_from,
    small,
    taken,
)
from handlib.data.rendered.scenes import Scene, make_scene
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES

SIZE = 48


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene("desk", 5, 0, "test")


def pixels(sample) -> np.ndarray:
    return sample.image.permute(1, 2, 0).numpy().astype(int)


def test_no_change_is_the_scene_itself(scene: Scene):
    plain, same = scene.sample(SIZE), taken(scene, (), SIZE, seed=1)
    for name, value in vars(plain).items():
        assert torch.equal(value, getattr(same, name)), name


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_shows_and_its_truth_is_a_hands(scene: Scene, name: str):
    sample = taken(scene, (CHANGES[name],), SIZE, seed=1)
    assert np.abs(pixels(sample) - pixels(scene.sample(SIZE))).mean() > 0.5
    assert torch.equal(sample.image, taken(scene, (CHANGES[name],), SIZE, seed=1).image)
    assert sample.visible.amin() >= 0 and (sample.vertices[..., 2] > 0).all()
    for h, side in enumerate(SIDES):
        posed = Hand.open(side)(
            root_rotation=sample.root[h], pose_axis_angle=sample.pose[h], betas=sample.betas[h]
        )
        assert torch.allclose(posed.joints + sample.joints[h, :1], sample.joints[h], atol=1e-4)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), distance=st.floats(0.5, 2))
def test_a_camera_that_goes_around_moves_both_hands_as_one(scene: Scene, seed: int, distance: float):
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    moved = seen_from(scene, turn, distance)
    before, after = (s.pair.joints.reshape(-1, 3).astype(float) for s in (scene, moved))
    distances = [np.linalg.norm(p[:, None] - p, axis=-1) for p in (before, after)]
    np.testing.assert_allclose(*distances, atol=1e-5)
    np.testing.assert_allclose(moved.pair.root, turn @ scene.pair.root, atol=1e-5)
    seen = moved.pair.vertices[..., :2] / moved.pair.vertices[..., 2:]
    seen = seen * moved.intrinsics[:2] + moved.intrinsics[2:]
    low, high = seen.min((0, 1)), seen.max((0, 1))
    assert (high - low).max() == pytest.approx(0.8, abs=1e-3)
    np.testing.assert_allclose((low + high) / 2, 0.5, atol=1e-3)


def test_changes_of_the_picture():
    rng = np.random.default_rng(0)
    picture = rng.integers(30, 226, (64, 64, 3), dtype=np.uint8)
    assert np.ptp(grey(picture, rng), axis=-1).max() == 0
    dark = gain(0.25, 0.25, 0.25)(picture, rng)
    np.testing.assert_allclose(dark / 255, (0.25 * (picture / 255) ** 2.2) ** (1 / 2.2), atol=0.003)
    np.testing.assert_array_equal(gain(1.0, 1.0, 1.0)(picture, rng), picture)
    flat = np.full((64, 64, 3), 128, np.uint8)
    assert noise(10)(flat, rng).std() == pytest.approx(10, rel=0.05)
    for soften in (blur(1 / 32), small(16)):
        assert soften(picture, rng).std() < 0.6 * picture.std()
        np.testing.assert_array_equal(soften(flat, rng), flat)
    assert np.abs(jpeg(95)(flat, rng).astype(int) - 128).max() <= 1
