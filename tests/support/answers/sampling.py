from math import floor

import torch
from torch.nn.functional import grid_sample


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


CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))


def cell_of(uv, width, height):
    return (uv + 1) / 2 * torch.tensor([width, height]) - 0.5


def sample_joints(feature_map, uv):
    height, width = feature_map.shape[-2:]
    place, total = cell_of(uv, width, height), 0
    for step in CORNERS:
        column, row = cell = (place.floor() + torch.tensor(step)).unbind(-1)
        weight = (1 - (place - torch.stack(cell, -1)).abs()).prod(-1)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        number = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
        values = feature_map.flatten(2).gather(2, number[:, None].expand(-1, feature_map.shape[1], -1))
        total = total + values.transpose(1, 2) * (weight * inside)[..., None]
    return total


def read(feature_map, uv, **options):
    options = {"align_corners": False, **options}
    return grid_sample(feature_map, uv[:, :, None], **options)[..., 0].mT


SOLUTIONS = {
    "sample_joints": sample_joints,
    "cells_that_matter": cells_that_matter,
    "gradient_wrt_uv": gradient_wrt_uv,
    "border_by_moving": border_by_moving,
}
MISTAKES = {
    "sample_joints": [
        lambda maps, uv: read(maps, uv.flip(-1)),
        lambda maps, uv: read(maps, uv, align_corners=True),
        lambda maps, uv: read(maps, uv, mode="nearest"),
        lambda maps, uv: read(maps, uv, padding_mode="border"),
        lambda maps, uv: read(maps, uv + torch.tensor([1 / 7, 1 / 5])),
        lambda maps, uv: read(maps, uv) * (uv.abs() < 1).all(-1, keepdim=True),
        lambda maps, uv: read(maps, uv).mT,
        lambda maps, uv: read(maps, uv).where(uv[..., :1].abs() < 5, torch.nan),
        lambda maps, uv: 2 * read(maps, uv),
        lambda maps, uv: read(maps.detach(), uv),
    ],
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
