"""The crop explorer: what it computes, and that its panel shows it."""

import numpy as np
import pytest
import torch
from support.random_pairs import random_pairs

from handlib import load_samples, show
from handlib.data.photo import Crop
from handlib.geometry.camera import pixels_to_uv, project_pinhole, uv_to_pixels
from handlib.show.camera import CROP_SIZE, DRAWN_SIDE, crop_state, crop_window, fit_in_crop
from handlib.show.core.palette import HIGHLIGHT
from handlib.show.core.raster import rgb

CROPS = [(1.0, (0.0, 0.0)), (2.0, (-20.0, 12.0)), (0.5, (30.0, -8.0))]


@pytest.fixture(scope="module")
def sample():
    return random_pairs(1, seed=3, size=64)[0]


def fitted_state(sample, hand, zoom, shift):
    camera = fit_in_crop(sample, hand, crop_window(sample.size, zoom, shift))
    return crop_state(sample, hand, zoom, shift, tuple(camera.tolist()))


def test_window_by_hand():
    assert crop_window(256, 1.0, (0.0, 0.0)) == Crop(0, 0, 256)
    assert crop_window(256, 2.0, (10.0, -20.0)) == Crop(74, 44, 128)


@pytest.mark.parametrize(("zoom", "shift"), CROPS)
def test_the_crops_camera_sees_the_joints_where_the_crop_shows_them(sample, zoom, shift):
    state = fitted_state(sample, 0, zoom, shift)
    seen = pixels_to_uv(project_pinhole(sample.joints, state.intrinsics), CROP_SIZE)
    torch.testing.assert_close(seen, state.uv, atol=1e-4, rtol=1e-4)
    in_picture = state.crop.to_picture(state.uv)
    torch.testing.assert_close(in_picture, uv_to_pixels(sample.uv, 64), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("hand", [0, 1])
def test_no_camera_beside_the_fitted_one_has_a_smaller_squared_error(sample, hand):
    best = fitted_state(sample, hand, 1.5, (4.0, -6.0))
    assert best.errors.mean() == pytest.approx(best.least, rel=1e-4)
    camera = fit_in_crop(sample, hand, best.crop)
    for k in range(3):
        for change in (-0.02, 0.02):
            other = camera.clone()
            other[k] += change
            state = crop_state(sample, hand, 1.5, (4.0, -6.0), tuple(other.tolist()))
            assert state.errors.square().sum() > best.errors.square().sum()
            assert state.least == best.least


def test_errors_are_pixels_of_the_crop(sample):
    best = fitted_state(sample, 0, 1.0, (0.0, 0.0))
    s, tx, ty = fit_in_crop(sample, 0, best.crop).tolist()
    aside = crop_state(sample, 0, 1.0, (0.0, 0.0), (s, tx + 2 * 50 / CROP_SIZE, ty))
    moved = (aside.weak_uv - best.weak_uv) * (CROP_SIZE / 2)
    torch.testing.assert_close(moved, torch.tensor([50.0, 0]).expand(21, 2), atol=1e-3, rtol=1e-4)
    assert aside.errors.mean() == pytest.approx(50, abs=float(best.errors.max()))


def test_the_frame_is_drawn_where_the_crop_is_and_what_lies_beyond_the_picture_is_grey(sample):
    assert (fitted_state(sample, 0, 0.5, (0.0, 0.0)).cropped[:20, :20] == 128).all()
    state = fitted_state(sample, 0, 2.0, (0.0, 0.0))
    highlight = np.abs(state.whole / 255 - rgb(HIGHLIGHT)).max(-1) < 0.02
    rows, columns = highlight.nonzero()
    quarter = DRAWN_SIDE / 4
    for low, high in ((columns.min(), columns.max()), (rows.min(), rows.max())):
        assert low == pytest.approx(quarter, abs=3) and high == pytest.approx(3 * quarter, abs=3)


def test_the_least_error_is_a_secret_until_the_camera_is_fitted(sample):
    panel = show.CropExplorer(sample)
    assert panel.state.errors.mean() > 2 * panel.state.least
    assert "least squares" not in f"{panel!r}{[line.value for line in panel.lines]}"
    panel.fit_button.click()
    said = f"least squares is {panel.state.least:.1f} pixels"
    assert said in repr(panel) and said in panel.lines[-1].value
    panel.scale.value = 3.0
    assert said in repr(panel)


def test_moving_the_crop_keeps_the_weak_camera_until_it_is_fitted(sample):
    panel = show.CropExplorer(sample, hand="right")
    panel.fit_button.click()
    before = panel.scale.value
    panel.zoom.value = 2.0
    assert panel.scale.value == before
    assert panel.state.errors.mean() > 2 * panel.state.least
    panel.fit_button.click()
    assert panel.scale.value == pytest.approx(2 * before, rel=1e-3)
    assert panel.state.errors.mean() == pytest.approx(panel.state.least, rel=1e-3)


def test_every_fit_is_within_the_sliders_reach():
    reached = []
    samples = load_samples("test")
    for sample in samples:
        for hand in (0, 1):
            for zoom, x, y in ((2.5, 64.0, 64.0), (2.5, -64.0, -64.0), (0.5, 0.0, 0.0)):
                reached.append(fit_in_crop(sample, hand, crop_window(sample.size, zoom, (x, y))))
    panel = show.CropExplorer(samples[0])
    for slider, values in zip((panel.scale, *panel.translation), torch.stack(reached).T, strict=True):
        assert slider.min < values.min() and values.max() < slider.max
