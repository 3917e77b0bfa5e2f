import torch
from torch import nn


def attention_centre(attention):
    weights = attention / attention.sum((1, 2), keepdim=True)
    rows, columns = attention.shape[1:]
    u = (torch.arange(columns) + 0.5) * 2 / columns - 1
    v = (torch.arange(rows) + 0.5) * 2 / rows - 1
    return torch.stack((weights.sum(1) @ u, weights.sum(2) @ v), dim=1)


def centre_from_edge_to_edge(attention):
    weights = attention / attention.sum((1, 2), keepdim=True)
    rows, columns = attention.shape[1:]
    u, v = torch.linspace(-1, 1, columns), torch.linspace(-1, 1, rows)
    return torch.stack((weights.sum(1) @ u, weights.sum(2) @ v), dim=1)


def attention_parameters(channels, hidden):
    return 2 * (9 * channels * hidden + hidden + 2 * hidden + hidden + 1)


def attention_pool(feature_map, attention):
    weights = attention.flatten(2)
    weights = weights / (weights.sum(-1, keepdim=True) + 1e-8)
    return weights @ feature_map.flatten(2).transpose(1, 2)


def weighted_sum(feature_map, attention):
    return torch.einsum("bhyx,bcyx->bhc", attention, feature_map)


def softmax_first(feature_map, attention):
    return attention.flatten(2).softmax(-1) @ feature_map.flatten(2).mT


def a_map(channels, hidden, **options):
    return [
        nn.Conv2d(channels, hidden, 3, padding=1, **options),
        nn.BatchNorm2d(hidden),
        nn.ReLU(),
        nn.Conv2d(hidden, 1, 1),
        nn.Sigmoid(),
    ]


def map_layers(channels, hidden):
    return nn.Sequential(*a_map(channels, hidden)), nn.Sequential(*a_map(channels, hidden))


def both_of(layers_of_one_hand):
    """Layers of two maps, from a function that returns a list of one map's layers."""
    return lambda *widths: [nn.Sequential(*layers_of_one_hand(*widths)) for _ in range(2)]


def with_layer(place, layer):
    """Layers of two maps with another layer at a place, which a function makes of the widths."""

    def layers_of_one_hand(channels, hidden):
        layers = a_map(channels, hidden)
        layers[place] = layer(channels, hidden)
        return layers

    return both_of(layers_of_one_hand)


def in_order(*places):
    """Layers of two maps, some of the five in another order."""
    return both_of(lambda *widths: [a_map(*widths)[place] for place in places])


def shared_first_convolution(channels, hidden):
    left, right = map_layers(channels, hidden)
    right[0] = left[0]
    return left, right


SOLUTIONS = {
    "map_layers": map_layers,
    "attention_pool": attention_pool,
    "attention_centre": attention_centre,
    "attention_parameters": attention_parameters,
}
DIAGNOSED = {
    "map_layers": {
        "expected a function": 3.0,
        "return left, right": lambda *widths: nn.Sequential(*a_map(*widths)),
        "build the layers twice": lambda *widths: [nn.Sequential(*a_map(*widths))] * 2,
        "no softmax": with_layer(4, lambda *widths: nn.Softmax(dim=1)),
        "the sigmoid is missing": in_order(0, 1, 2, 3),
        "BN is missing": in_order(0, 2, 3, 4),
        "the ReLU is missing": in_order(0, 1, 3, 4),
        "the first sees 3 x 3 cells": both_of(
            lambda channels, hidden: [
                nn.Conv2d(channels, hidden, 1),
                nn.BatchNorm2d(hidden),
                nn.ReLU(),
                nn.Conv2d(hidden, 1, 3, padding=1),
                nn.Sigmoid(),
            ]
        ),
        "read the formula from the inside": in_order(0, 2, 1, 3, 4),
        "one number per cell": with_layer(3, lambda channels, hidden: nn.Conv2d(hidden, 2, 1)),
        "the widths go from channels to hidden": lambda channels, hidden: map_layers(channels, 32),
        "have a bias": both_of(lambda *widths: a_map(*widths, bias=False)),
        "the trained weights don't fit": with_layer(
            1, lambda channels, hidden: nn.BatchNorm2d(hidden, affine=False)
        ),
        "padding=1": with_layer(0, lambda channels, hidden: nn.Conv2d(channels, hidden, 3)),
        "padding mode": both_of(lambda *widths: a_map(*widths, padding_mode="reflect")),
    },
}
MISTAKES = {
    "map_layers": [
        *DIAGNOSED["map_layers"].values(),
        shared_first_convolution,
        lambda channels, hidden: map_layers(hidden, channels),
        with_layer(4, lambda *widths: nn.Flatten()),
    ],
    "attention_pool": [
        weighted_sum,
        softmax_first,
        lambda f, a: weighted_sum(f, a) / a[0, 0].numel(),
        lambda f, a: weighted_sum(f, a) / a.sum((1, 2, 3))[:, None, None],
        lambda f, a: weighted_sum(f, a) / a.sum((2, 3))[..., None],
        lambda f, a: attention_pool(f, a).mT,
        lambda f, a: attention_pool(f, a.square()),
        lambda f, a: attention_pool(f, a.detach()),
    ],
    "attention_centre": [
        centre_from_edge_to_edge,
        lambda attention: attention_centre(attention).flip(1),
        lambda attention: attention_centre(attention) * attention.sum((1, 2))[:, None],
        lambda attention: attention_centre(attention)[0],
    ],
    "attention_parameters": [
        lambda channels, hidden: attention_parameters(channels, hidden) // 2,
        lambda channels, hidden: 2 * (9 * channels * hidden + hidden + hidden + 1),
        lambda channels, hidden: 2 * (9 * channels * hidden + 2 * hidden + hidden),
        lambda channels, hidden: 2 * 9 * channels * hidden,
    ],
}
