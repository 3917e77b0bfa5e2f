import itertools

import numpy as np
import torch


def square_around(x, y, width, height, share):
    side = max(width, height) / share
    return x + width / 2 - side / 2, y + height / 2 - side / 2, side


def corner_kept(x, y, width, height, share):
    return x, y, max(width, height) / share


def box_of_hands(labels, x, y, side):
    rows, columns = np.nonzero(labels)
    step = side / len(labels)
    width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
    return x + columns.min() * step, y + rows.min() * step, width * step, height * step


def without_the_last_pixel(labels, x, y, side):
    left, top, width, height = box_of_hands(labels, x, y, side)
    return left, top, width - side / 32, height - side / 32


def transposed(labels, x, y, side):
    left, top, width, height = box_of_hands(labels, x, y, side)
    return top, left, height, width


def only_the_left_hand(labels, x, y, side):
    return box_of_hands(labels == 1, x, y, side)


def overlap(a, b):
    width = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    height = max(0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)


def without_limit(a, b):
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)


def counted_twice(a, b):
    both = overlap(a, b)
    return both / (1 + both)


def centred(points):
    return points - points.mean(0)


def palm_alignment(rest, found):
    u, _, vt = torch.linalg.svd(centred(rest).T @ centred(found))
    signs = torch.ones_like(rest[0])
    signs[2] = torch.linalg.det(u @ vt)
    return vt.T @ (signs[:, None] * u.T)


def with_reflections(rest, found):
    u, _, vt = torch.linalg.svd(centred(rest).T @ centred(found))
    return vt.T @ u.T


def not_centred(rest, found):
    u, _, vt = torch.linalg.svd(rest.T @ found)
    return vt.T @ u.T


def transposed_twice(rest, found):
    u, _, v = torch.linalg.svd(centred(rest).T @ centred(found))
    return v @ u.T


def product_of(heat, own, elsewhere=0.02):
    return (heat + (own + elsewhere).log()[:, :, None]).flatten(3).softmax(-1)


def local_mean(weights, highest, reach=2, centre=0.5, divide=True):
    """The mean place of the cells around the highest one; both maps are flattened."""
    size = round(weights.shape[-1] ** 0.5)
    cell, peak = torch.arange(size * size), highest.argmax(-1)[..., None]
    row, column = cell // size, cell % size
    near = ((row - peak // size).abs() <= reach) & ((column - peak % size).abs() <= reach)
    weights = weights * near
    weights = weights / weights.sum(-1, keepdim=True) if divide else weights
    return torch.stack([(weights * ((at + centre) * 2 / size - 1)).sum(-1) for at in (column, row)], -1)


def own_heat(heat, own):
    product = product_of(heat, own)
    return local_mean(product, product)


def read_with(factor=product_of, **options):
    return lambda heat, own: local_mean(factor(heat, own), factor(heat, own), **options)


def as_cells(heat, own):
    return (own_heat(heat, own) + 1) * heat.shape[-1] / 2 - 0.5


def unmirrored(locations):
    return in_space(locations.flip(-1).flip(1))


def in_space(places):
    return places * torch.tensor([-1.0, 1.0, 1.0])[:, None, None]


def tenths_by(last=1.01, first=None, share=lambda f: f.float().mean(), parts=10):
    def by_tenths(confidence, found):
        edges = [*(k / parts for k in range(parts)), last]
        inside = [(confidence >= low) & (confidence < high) for low, high in itertools.pairwise(edges)]
        return torch.tensor(
            [
                (confidence[i].mean() if first is None else low + first, share(found[i]), i.sum())
                for i, low in zip(inside, edges, strict=False)
            ]
        )

    return by_tenths


SOLUTIONS = {
    "square_around": square_around,
    "box_of_hands": box_of_hands,
    "overlap": overlap,
    "palm_alignment": palm_alignment,
    "own_heat": own_heat,
    "unmirrored": unmirrored,
    "by_tenths": tenths_by(),
}
DIAGNOSED = {
    "by_tenths": {
        "exactly 1": tenths_by(last=1.0),
        "not the tenth's middle": tenths_by(first=0.05),
        "not their number": tenths_by(share=torch.sum),
        "not their share": lambda confidence, found: (
            tenths_by()(confidence, found) / torch.tensor([1.0, 1.0, len(found)])
        ),
        "choose a tenth's hands": lambda confidence, found: tenths_by()(confidence, found)[:, [1, 0, 2]],
        "(10, 3)": tenths_by(parts=5),
    },
    "unmirrored": {
        "still the mirrored": lambda maps: maps,
        "the mirror changes x": lambda maps: maps.flip(-1).flip(1),
        "exchange the hands": lambda maps: in_space(maps.flip(-1)),
        "columns change their order": lambda maps: in_space(maps.flip(1)),
        "not the rows": lambda maps: in_space(maps.flip(-2).flip(1)),
        "only x changes": lambda maps: -maps.flip(-1).flip(1),
        "flip the columns": lambda maps: maps.flip(-1),
    },
    "own_heat": {
        "0.02 of the heatmap": read_with(lambda heat, own: product_of(heat, own, 1e-9)),
        "heatmap alone": lambda heat, own: own_heat(heat, torch.ones_like(own)),
        "in logits": lambda heat, own: own_heat(heat * (own + 0.02)[:, :, None], torch.ones_like(own)),
        "those of the other hand": lambda heat, own: own_heat(heat, own.flip(1)),
        "highest cell; go on": read_with(reach=0),
        "over the whole map": read_with(reach=99),
        "are weighted": lambda heat, own: local_mean(
            torch.ones(heat.flatten(3).shape), product_of(heat, own)
        ),
        "two to each side": read_with(reach=1),
        "that of the product": lambda heat, own: local_mean(product_of(heat, own), heat.flatten(3)),
        "the weights of the mean are the product's": lambda heat, own: local_mean(
            heat.flatten(3).softmax(-1), product_of(heat, own)
        ),
        "sum to 1": read_with(divide=False),
        "the column first": lambda heat, own: own_heat(heat, own).flip(-1),
        "half a cell": read_with(centre=0.0),
        "those are cells": as_cells,
        "find the highest cell": lambda heat, own: torch.zeros_like(own_heat(heat, own)),
    },
}
MISTAKES = {
    "by_tenths": [*DIAGNOSED["by_tenths"].values(), tenths_by(first=0.0)],
    "unmirrored": [*DIAGNOSED["unmirrored"].values(), lambda maps: in_space(maps.flip(-1).flip(2))],
    "own_heat": [
        *DIAGNOSED["own_heat"].values(),
        read_with(lambda heat, own: product_of(heat, own, 0.0)),
        read_with(reach=5),
        lambda heat, own: own_heat(heat + own[:, :, None], torch.ones_like(own)),
    ],
    "square_around": [
        corner_kept,
        lambda x, y, w, h, share: square_around(x, y, w, h, 1 / share),
        lambda x, y, w, h, share: square_around(x, y, min(w, h), min(w, h), share),
        lambda x, y, w, h, share: (x - w / 2, y - h / 2, max(w, h) / share),
    ],
    "box_of_hands": [
        without_the_last_pixel,
        transposed,
        only_the_left_hand,
        lambda labels, x, y, side: box_of_hands(labels, 0, 0, side),
        lambda labels, x, y, side: box_of_hands(labels, x, y, 1.0),
    ],
    "palm_alignment": [
        with_reflections,
        not_centred,
        transposed_twice,
        lambda rest, found: palm_alignment(found, rest),
        lambda rest, found: centred(rest).T @ centred(found),
        lambda rest, found: torch.eye(3),
    ],
    "overlap": [without_limit, counted_twice, lambda a, b: 0.0, lambda a, b: 1.0],
}
