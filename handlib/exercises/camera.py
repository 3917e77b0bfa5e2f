"""Exercises of notebook 02, cameras and crops."""

import numpy as np

from handlib.exercises import Wrong, ask, exercise


@exercise("uv_of_pixel")
def _uv_of_pixel(answer: object) -> None:
    row, column, size = 1, 6, 8
    got = ask(answer, row, column, size, shape=(2,))
    expected = (np.array([column, row]) + 0.5) * 2 / size - 1
    if np.allclose(got, expected[::-1]):
        raise Wrong("u runs to the right and counts columns, v runs down and counts rows")
    if np.allclose(got, expected - 1 / size):
        raise Wrong("that is the pixel's upper left corner; its centre is half a pixel further")
    if np.allclose(got, np.array([column, row]) * 2 / (size - 1) - 1):
        raise Wrong(
            "that puts -1 and 1 on the centres of the outermost pixels; here they are the map's edges"
        )
    if not np.allclose(got, expected):
        raise Wrong("on a map of 4 pixels the first pixel's centre has uv (-0.75, -0.75)")


@exercise("loader_intrinsics")
def _loader_intrinsics(answer: object) -> None:
    intrinsics, corner, side, size = np.array([500.0, 480, 120, 130]), np.array([30.0, 50]), 100.0, 128
    got = ask(answer, intrinsics.copy(), corner.copy(), side, size, shape=(4,))
    k = size / side
    cropped = np.concatenate((intrinsics[:2], intrinsics[2:] - corner)) * k
    expected = np.array([*cropped[:2], size - cropped[2], cropped[3]])
    if np.allclose(got, cropped):
        raise Wrong("that is the crop before it is mirrored")
    if np.allclose(got, (*expected[:2], expected[2] - 1, expected[3])):
        raise Wrong("W - 1 belongs to pixels whose centres are whole numbers; here pixel i covers i to i + 1")
    if np.allclose(got, (-expected[0], *expected[1:])):
        raise Wrong("the mirrored hands already carry the sign; the focal length stays positive")
    points = np.random.default_rng(5).normal(size=(6, 3)) * 0.1 + (0, 0, 0.5)
    pixels = points[:, :2] / points[:, 2:] * intrinsics[:2] + intrinsics[2:]
    in_crop = (pixels - corner) * k
    in_crop[:, 0] = size - in_crop[:, 0]
    mirrored = points * (-1, 1, 1)
    if not np.allclose(mirrored[:, :2] / mirrored[:, 2:] * got[:2] + got[2:], in_crop):
        raise Wrong("follow one point's pixel: take away the corner, enlarge, then mirror at the new width")


@exercise("camera_in_picture")
def _camera_in_picture(answer: object) -> None:
    camera, corner, side, size = np.array([6.0, -0.3, 0.4]), np.array([40.0, 70]), 96.0, 256
    got = ask(answer, camera.copy(), corner.copy(), side, size, shape=(3,))
    points = np.random.default_rng(6).normal(size=(5, 2)) * 0.05
    in_crop = points * camera[0] + camera[1:]
    in_picture = ((in_crop + 1) * side / 2 + corner) * 2 / size - 1
    if np.isclose(got[0], camera[0] * size / side):
        raise Wrong("the picture is larger than the crop, so that the hand takes a smaller part of it")
    if not np.allclose(points * got[0] + got[1:], in_picture):
        raise Wrong("follow the crop's own corners: uv -1 must arrive at the uv of the corner in the picture")
