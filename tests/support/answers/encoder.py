import torch


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


def effective_cells(attention):
    return torch.special.entr(attention / attention.sum()).sum().exp()


def cells_that_stumble_over_zeros(attention):
    weights = attention / attention.sum()
    return (-(weights * weights.log()).sum()).exp()


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


SOLUTIONS = {
    "attention_pool": attention_pool,
    "attention_centre": attention_centre,
    "effective_cells": effective_cells,
    "attention_parameters": attention_parameters,
}
MISTAKES = {
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
    "effective_cells": [
        cells_that_stumble_over_zeros,
        lambda attention: torch.special.entr(attention / attention.sum()).sum(),
        lambda attention: effective_cells(attention).log().div(torch.tensor(2.0).log()).exp(),
        lambda attention: torch.special.entr(attention).sum().exp(),
        lambda attention: attention.sum(),
    ],
    "attention_parameters": [
        lambda channels, hidden: attention_parameters(channels, hidden) // 2,
        lambda channels, hidden: 2 * (9 * channels * hidden + hidden + hidden + 1),
        lambda channels, hidden: 2 * (9 * channels * hidden + 2 * hidden + hidden),
        lambda channels, hidden: 2 * 9 * channels * hidden,
    ],
}
