"""Exercises of notebook 02, cameras."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from handlib.exercises import Wrong, ask, ask_part, check_gradients, exercise
from handlib.geometry.camera import fit_weak_perspective, project_weak_perspective


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


def project_weak_perspective_by_loops(
    points: Float[Tensor, "points 3"], camera: Float[Tensor, "3"]
) -> Float[Tensor, "points 2"]:
    """The uv of one hand's points, by a loop: (s x + tx, s y + ty), whatever the depth."""
    scale, right, down = camera
    uv = torch.zeros(len(points), 2)
    for i, (x, y, _) in enumerate(points):
        uv[i, 0] = scale * x + right
        uv[i, 1] = scale * y + down
    return uv


@exercise("project_weak_perspective")
def _project_weak_perspective(answer: object) -> None:
    generator = torch.Generator().manual_seed(12)
    for lead in ((), (2,), (3, 2)):
        points = torch.randn(*lead, 6, 3, generator=generator)
        camera = torch.rand(*lead, 3, generator=generator) + 0.5
        (got,) = ask_part(answer, points, camera, shapes=[(*lead, 6, 2)])
        pairs = zip(points.reshape(-1, 6, 3), camera.reshape(-1, 3), strict=True)
        loops = [project_weak_perspective_by_loops(p, c) for p, c in pairs]
        if np.allclose(got, torch.stack(loops).reshape(got.shape), atol=1e-5):
            continue
        scale, shift, xy = camera[..., None, :1], camera[..., None, 1:], points[..., :2]
        if np.allclose(got, scale * xy / points[..., 2:] + shift, atol=1e-3):
            raise Wrong("weak perspective doesn't divide by the depth: all of a hand is equally far away")
        if np.allclose(got, scale * (xy + shift), atol=1e-5):
            raise Wrong("scale first, then shift: the shift is in uv already")
        if np.allclose(got, camera[..., None, 2:] * xy + camera[..., None, :2], atol=1e-5):
            raise Wrong("the camera is (s, tx, ty): its first number is the scale")
        if np.allclose(got, scale * xy, atol=1e-5):
            raise Wrong("the shift is missing")
        raise Wrong("s * x + tx and s * y + ty, for each hand with its own camera")
    assert callable(answer)
    check_gradients(answer, project_weak_perspective, points, camera)


def fit_weak_perspective_by_loops(
    points: Float[Tensor, "points 3"], uv: Float[Tensor, "points 2"]
) -> Float[Tensor, "3"]:
    """The camera (s, tx, ty) of one hand with the least squared error in uv, by loops.

    Both sets are centred first; s is the sum of x u + y v over the sum of x² + y².
    """
    count = len(points)
    centre, uv_centre = [0.0, 0.0], [0.0, 0.0]
    for i in range(count):
        for axis in (0, 1):
            centre[axis] += float(points[i, axis]) / count
            uv_centre[axis] += float(uv[i, axis]) / count
    product = squares = 0.0
    for i in range(count):
        for axis in (0, 1):
            from_centre = float(points[i, axis]) - centre[axis]
            product += from_centre * (float(uv[i, axis]) - uv_centre[axis])
            squares += from_centre**2
    scale = product / squares
    return torch.tensor([scale, *(uv_centre[axis] - scale * centre[axis] for axis in (0, 1))])


@exercise("fit_weak_perspective")
def _fit_weak_perspective(answer: object) -> None:
    generator = torch.Generator().manual_seed(13)
    for lead in ((), (2,), (3, 2)):
        points = torch.randn(*lead, 8, 3, generator=generator) + 1
        uv = points[..., :2] * 0.6 + 0.4 * torch.randn(*lead, 8, 2, generator=generator) - 0.3
        uv[..., 0, :] += 1
        (got,) = ask_part(answer, points, uv, shapes=[(*lead, 3)])
        pairs = zip(points.reshape(-1, 8, 3), uv.reshape(-1, 8, 2), strict=True)
        loops = [fit_weak_perspective_by_loops(p, target) for p, target in pairs]
        if np.allclose(got, torch.stack(loops).reshape(got.shape), atol=1e-4):
            continue
        xy = points[..., :2]
        middle, uv_middle = xy.mean(-2), uv.mean(-2)
        x, t = xy - middle[..., None, :], uv - uv_middle[..., None, :]
        product, squares = (x * t).sum((-2, -1)), x.square().sum((-2, -1))

        def said(scale: Tensor, got: np.ndarray = got) -> bool:
            return np.allclose(got[..., 0], scale, atol=1e-4)

        if said((xy * uv).sum((-2, -1)) / xy.square().sum((-2, -1))):
            raise Wrong("subtract both means first: otherwise the scale has to make up for the shift")
        if said(t.square().sum((-2, -1)) / product):
            raise Wrong("that is fitted the wrong way round, as if the points had the errors and not the uv")
        if said((t.square().sum((-2, -1)) / squares).sqrt()):
            raise Wrong("equal sizes aren't the least squared error: where directions differ, less is nearer")
        if lead and said(product.sum() / squares.sum()):
            raise Wrong("all hands share one scale there; every hand has a camera of its own")
        if not said(product / squares):
            raise Wrong("write the squared error as a quadratic in s and find where its derivative is zero")
        if np.allclose(got[..., 1:], uv_middle - middle, atol=1e-4):
            raise Wrong(
                "the scale is right; the shift must take the scaled mean of the points to that of the uv"
            )
        raise Wrong(
            "the scale is right, the shift isn't: the mean of the points must arrive at that of the uv"
        )
    assert callable(answer)
    check_gradients(answer, fit_weak_perspective, points, uv)
