import numpy as np


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


SOLUTIONS = {
    "uv_of_pixel": uv_of_pixel,
    "loader_intrinsics": loader_intrinsics,
    "camera_in_picture": camera_in_picture,
}
MISTAKES = {
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
