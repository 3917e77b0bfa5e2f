import numpy as np
import torch


def uv_of_pixel(row, column, size):
    return ((column + 0.5) * 2 / size - 1, (row + 0.5) * 2 / size - 1)


def cropped(intrinsics, corner, side, size):
    return np.concatenate((intrinsics[:2], intrinsics[2:] - corner)) * (size / side)


def loader_intrinsics(intrinsics, corner, side, size):
    fx, fy, cx, cy = cropped(intrinsics, corner, side, size)
    return np.array([fx, fy, size - cx, cy])


def mirrored_before_the_crop(intrinsics, corner, side, size):
    return cropped(intrinsics * (1, 1, -1, 1) + (0, 0, size, 0), corner, side, size)


def camera_in_picture(camera, corner, side, size):
    shift = ((np.asarray(camera[1:]) + 1) * side / 2 + corner) * 2 / size - 1
    return np.array([camera[0] * side / size, *shift])


def project_weak_perspective(points, camera):
    return camera[..., None, :1] * points[..., :2] + camera[..., None, 1:]


def fit_weak_perspective(points, uv):
    xy_mean, uv_mean = points[..., :2].mean(-2), uv.mean(-2)
    xy, target = points[..., :2] - xy_mean[..., None, :], uv - uv_mean[..., None, :]
    scale = (xy * target).sum((-2, -1)) / (xy * xy).sum((-2, -1))
    return torch.cat((scale[..., None], uv_mean - scale[..., None] * xy_mean), dim=-1)


def through_the_origin(points, uv):
    xy = points[..., :2]
    scale = (xy * uv).sum((-2, -1), keepdim=True) / (xy * xy).sum((-2, -1), keepdim=True)
    shift = uv.mean(-2) - scale[..., 0] * xy.mean(-2)
    return torch.cat((scale[..., 0], shift), dim=-1)


def uv_has_no_error(points, uv):
    inverse = fit_weak_perspective(torch.cat((uv, uv[..., :1]), dim=-1), points[..., :2])
    return torch.cat((1 / inverse[..., :1], inverse[..., 1:]), dim=-1)


def equal_sizes(points, uv):
    xy_mean, uv_mean = points[..., :2].mean(-2), uv.mean(-2)
    xy, target = points[..., :2] - xy_mean[..., None, :], uv - uv_mean[..., None, :]
    scale = target.norm(dim=(-2, -1)) / xy.norm(dim=(-2, -1))
    return torch.cat((scale[..., None], uv_mean - scale[..., None] * xy_mean), dim=-1)


def one_scale_for_all(points, uv):
    xy_mean, uv_mean = points[..., :2].mean(-2), uv.mean(-2)
    xy, target = points[..., :2] - xy_mean[..., None, :], uv - uv_mean[..., None, :]
    scale = ((xy * target).sum() / (xy * xy).sum()).expand(*points.shape[:-2], 1)
    return torch.cat((scale, uv_mean - scale * xy_mean), dim=-1)


def unscaled_shift(points, uv):
    camera = fit_weak_perspective(points, uv)
    return torch.cat((camera[..., :1], uv.mean(-2) - points[..., :2].mean(-2)), dim=-1)


SOLUTIONS = {
    "project_weak_perspective": project_weak_perspective,
    "fit_weak_perspective": fit_weak_perspective,
    "uv_of_pixel": uv_of_pixel,
    "loader_intrinsics": loader_intrinsics,
    "camera_in_picture": camera_in_picture,
}
MISTAKES = {
    "project_weak_perspective": [
        lambda p, c: c[..., None, :1] * p[..., :2] / p[..., 2:] + c[..., None, 1:],
        lambda p, c: c[..., None, :1] * (p[..., :2] + c[..., None, 1:]),
        lambda p, c: c[..., None, 2:] * p[..., :2] + c[..., None, :2],
        lambda p, c: c[..., None, :1] * p[..., :2],
        lambda p, c: c[..., None, :1] * p,
        lambda p, c: c[:1] * p[..., :2] + c[1:],
        lambda p, c: project_weak_perspective(p, c.detach()),
    ],
    "fit_weak_perspective": [
        through_the_origin,
        uv_has_no_error,
        equal_sizes,
        one_scale_for_all,
        unscaled_shift,
        lambda p, uv: fit_weak_perspective(p, uv) * torch.tensor([1.0, -1.0, 1.0]),
        lambda p, uv: fit_weak_perspective(p, uv)[..., 0],
        lambda p, uv: 2 * fit_weak_perspective(p, uv),
    ],
    "uv_of_pixel": [
        lambda row, column, size: uv_of_pixel(column, row, size),
        lambda row, column, size: uv_of_pixel(row - 0.5, column - 0.5, size),
        lambda row, column, size: (column * 2 / (size - 1) - 1, row * 2 / (size - 1) - 1),
        lambda row, column, size: ((column + 0.5) / size, (row + 0.5) / size),
    ],
    "loader_intrinsics": [
        cropped,
        mirrored_before_the_crop,
        lambda *given: loader_intrinsics(*given) - (0, 0, 1, 0),
        lambda *given: loader_intrinsics(*given) * (-1, 1, 1, 1),
        lambda intrinsics, corner, side, size: intrinsics * (1, 1, -1, 1) + (0, 0, size, 0),
    ],
    "camera_in_picture": [
        lambda camera, corner, side, size: np.array([camera[0] * size / side, *camera[1:]]),
        lambda camera, corner, side, size: np.array([camera[0] * side / size, *camera[1:]]),
        lambda camera, corner, side, size: camera_in_picture(camera, (0, 0), side, size),
    ],
}
