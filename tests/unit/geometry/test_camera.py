"""Cameras: known projections, inverses, least squares, crops."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from handlib.geometry.camera import (
    crop_intrinsics,
    fit_weak_perspective,
    pixels_to_uv,
    project_pinhole,
    project_weak_perspective,
    uv_to_pixels,
)

INTRINSICS = torch.tensor([100.0, 50.0, 32.0, 16.0])


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def test_pinhole_by_hand():
    points = torch.tensor([[0.0, 0, 1], [0.1, 0, 1], [0.1, 0, 2], [0.1, -0.2, 0.5]])
    expected = torch.tensor([[32.0, 16], [42, 16], [37, 16], [52, -4]])
    torch.testing.assert_close(project_pinhole(points, INTRINSICS), expected)


def test_weak_perspective_ignores_depth():
    points = torch.tensor([[0.1, -0.2, 3.0], [0.1, -0.2, -7.0]])
    uv = project_weak_perspective(points, torch.tensor([5.0, 0.25, 0.5]))
    torch.testing.assert_close(uv, torch.tensor([[0.75, -0.5], [0.75, -0.5]]))


def test_one_camera_serves_both_hands():
    points = random(4, 2, 21, 3) + torch.tensor([0, 0, 8.0])
    cameras = torch.tensor([[90.0, 90, 30, 30], [100, 100, 32, 32], [110, 90, 8, 9], [70, 71, 1, 2]]).double()
    pixels = project_pinhole(points, cameras[:, None])
    for b in range(4):
        for h in range(2):
            torch.testing.assert_close(pixels[b, h], project_pinhole(points[b, h], cameras[b]))


@settings(deadline=None)
@given(st.floats(-500, 500), st.floats(-500, 500), st.sampled_from([16, 128, 256, 0.5]))
def test_pixels_and_uv_are_inverses(x: float, y: float, size: float):
    pixels = torch.tensor([x, y], dtype=torch.float64)
    torch.testing.assert_close(uv_to_pixels(pixels_to_uv(pixels, size), size), pixels, atol=1e-9, rtol=0)


def test_uv_runs_over_the_pictures_edges():
    assert pixels_to_uv(torch.tensor([0.0, 8]), 8).tolist() == [-1, 1]
    # The first pixel's centre isn't the edge.
    assert pixels_to_uv(torch.tensor([0.5, 7.5]), 8).tolist() == [-0.875, 0.875]


@settings(deadline=None)
@given(st.floats(0.1, 20), st.floats(-2, 2), st.floats(-2, 2))
def test_the_fitted_camera_is_the_one_that_made_the_picture(scale: float, x: float, y: float):
    camera, points = torch.tensor([scale, x, y], dtype=torch.float64), random(21, 3)
    fitted = fit_weak_perspective(points, project_weak_perspective(points, camera))
    torch.testing.assert_close(fitted, camera)


def test_the_fitted_camera_has_the_least_squared_error():
    points, uv = random(5, 21, 3), random(5, 21, 2, seed=1)
    fitted = fit_weak_perspective(points, uv)
    for k in range(5):
        ones, zeros = np.ones(21), np.zeros(21)
        rows = np.concatenate(
            (np.stack((points[k, :, 0], ones, zeros), 1), np.stack((points[k, :, 1], zeros, ones), 1))
        )
        solution = np.linalg.lstsq(rows, uv[k].T.flatten().numpy(), rcond=None)[0]
        np.testing.assert_allclose(fitted[k].numpy(), solution, rtol=1e-9)


@settings(deadline=None)
@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(0.1, 10))
def test_projecting_into_a_crop_is_cropping_the_projection(x: float, y: float, scale: float):
    points, corner = random(6, 3) + torch.tensor([0, 0, 9.0]), torch.tensor([x, y], dtype=torch.float64)
    intrinsics = INTRINSICS.double()
    inside = project_pinhole(points, crop_intrinsics(intrinsics, corner, scale))
    torch.testing.assert_close(inside, (project_pinhole(points, intrinsics) - corner) * scale)
