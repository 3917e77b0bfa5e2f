import torch


def cross_hand_share(weights):
    left, right = weights[..., :21, 21:].sum(-1), weights[..., 21:, :21].sum(-1)
    return torch.cat((left, right), dim=-1)


def contribution(weights, values, output):
    carried = torch.einsum("hjd,hdf->hjf", values, output)
    return torch.einsum("hij,hjf->ijf", weights, carried).norm(dim=-1)


def length_of_each_head(weights, values, output):
    carried = torch.einsum("hjd,hdf->hjf", values, output)
    return (weights[..., None] * carried[:, None]).norm(dim=-1).sum(0)


def without_output_layer(weights, values, output):
    return torch.einsum("hij,hjd->ijd", weights, values).norm(dim=-1)


def block_operations(n, f):
    return 2 * n * f * 8 * f + 4 * n**2 * f


SOLUTIONS = {
    "cross_hand_share": cross_hand_share,
    "contribution": contribution,
    "block_operations": block_operations,
}
MISTAKES = {
    "cross_hand_share": [
        lambda weights: 1 - cross_hand_share(weights),
        lambda weights: weights[..., 21:].sum(-1),
        lambda weights: cross_hand_share(weights.mT),
        lambda weights: cross_hand_share(weights).mean(-1),
    ],
    "contribution": [
        length_of_each_head,
        without_output_layer,
        lambda weights, values, output: contribution(weights, values, output).T,
        lambda weights, values, output: contribution(torch.ones_like(weights), values, output),
    ],
    "block_operations": [
        lambda n, f: block_operations(n, f) // 2,
        lambda n, f: 16 * n * f**2,
        lambda n, f: 12 * n * f**2 + 4 * n**2 * f,
        lambda n, f: 16 * n * f**2 + 4 * 4 * n**2 * f,
    ],
}
