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


SOLUTIONS = {
    "attention_centre": attention_centre,
    "effective_cells": effective_cells,
    "attention_parameters": attention_parameters,
}
MISTAKES = {
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
