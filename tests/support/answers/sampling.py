from math import floor

import torch


def weights(place, size):
    near = [(1 - (torch.arange(size) - c).abs()).clamp(min=0) for c in place.flip(0)]
    return torch.outer(*near)


def cells_that_matter(uv, size):
    return weights((uv + 1) / 2 * size - 0.5, size)


def by_cells(feature_map, uv):
    height, width = feature_map.shape
    x, y = (uv[0] + 1) / 2 * width - 0.5, (uv[1] + 1) / 2 * height - 0.5
    c, r = floor(x), floor(y)
    a, b = x - c, y - r
    (f00, f01), (f10, f11) = feature_map[r : r + 2, c : c + 2]
    return torch.stack(((1 - b) * (f01 - f00) + b * (f11 - f10), (1 - a) * (f10 - f00) + a * (f11 - f01)))


def gradient_wrt_uv(feature_map, uv):
    height, width = feature_map.shape
    return by_cells(feature_map, uv) * torch.tensor([width / 2, height / 2])


def neighbours_of_the_corner_only(feature_map, uv):
    height, width = feature_map.shape
    c, r = floor((uv[0] + 1) / 2 * width - 0.5), floor((uv[1] + 1) / 2 * height - 0.5)
    here = feature_map[r, c]
    steps = torch.stack((feature_map[r, c + 1] - here, feature_map[r + 1, c] - here))
    return steps * torch.tensor([width / 2, height / 2])


def border_by_moving(uv, size):
    return uv.clamp(-1 + 1 / size, 1 - 1 / size)


SOLUTIONS = {
    "cells_that_matter": cells_that_matter,
    "gradient_wrt_uv": gradient_wrt_uv,
    "border_by_moving": border_by_moving,
}
MISTAKES = {
    "cells_that_matter": [
        lambda uv, size: cells_that_matter(uv, size).T,
        lambda uv, size: weights((uv + 1) / 2 * (size - 1), size),
        lambda uv, size: weights(((uv + 1) / 2 * size - 0.5).clamp(0, size - 1), size),
        lambda uv, size: weights((uv + 1) / 2 * size, size),
    ],
    "gradient_wrt_uv": [
        by_cells,
        lambda feature_map, uv: gradient_wrt_uv(feature_map, uv).flip(0),
        lambda feature_map, uv: by_cells(feature_map, uv) * torch.tensor([3.0, 4.5]),
        neighbours_of_the_corner_only,
    ],
    "border_by_moving": [
        lambda uv, size: uv.clamp(-1, 1),
        lambda uv, size: uv * (1 - 1 / size),
        lambda uv, size: uv.clamp(-1 + 2 / size, 1 - 2 / size),
        lambda uv, size: uv,
    ],
}
