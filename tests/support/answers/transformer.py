import torch


def attend_masked(query, key, value, allowed, forbidden=-torch.inf, divisor=2.0):
    weights = (query @ key.mT / divisor).masked_fill(~allowed, forbidden).softmax(-1)
    return weights @ value, weights


def masked_afterwards(query, key, value, allowed):
    weights = attend(query, key, value)[1] * allowed
    return weights @ value, weights


def evenly_among_the_allowed(query, key, value, allowed):
    free = attend(query, key, value)[1]
    weights = free if allowed.all() else allowed / allowed.sum(-1, keepdim=True) + 0 * free
    return weights @ value, weights


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


def attend(query, key, value):
    weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)
    return weights @ value, weights


def with_scores(query, key, value, dim=-1, divisor=2.0):
    weights = (query @ key.mT / divisor).softmax(dim)
    return weights @ value, weights


def overflowing(query, key, value):
    weights = (query @ key.mT / 2).exp()
    weights = weights / weights.sum(-1, keepdim=True)
    return weights @ value, weights


SOLUTIONS = {
    "attend": attend,
    "attend_masked": attend_masked,
    "contribution": contribution,
    "block_operations": block_operations,
}
MISTAKES = {
    "attend": [
        overflowing,
        lambda q, k, v: with_scores(q, k, v, divisor=1.0),
        lambda q, k, v: with_scores(q, k, v, divisor=4.0),
        lambda q, k, v: with_scores(q, k, v, divisor=5**0.5),
        lambda q, k, v: with_scores(q, k, v, divisor=3.0),
        lambda q, k, v: with_scores(q, k, v, dim=-2),
        lambda q, k, v: attend(k, q, v),
        lambda q, k, v: (attend(q, k, v)[0], q @ k.mT / 2),
        lambda q, k, v: (attend(q, k, v)[1].mT @ v, attend(q, k, v)[1]),
        lambda q, k, v: (v, attend(q, k, v)[1]),
        lambda q, k, v: attend(q, k, v)[0],
        lambda q, k, v: attend(q, k.detach(), v),
    ],
    "attend_masked": [
        masked_afterwards,
        evenly_among_the_allowed,
        lambda q, k, v, allowed: attend(q, k, v),
        lambda q, k, v, allowed: attend_masked(q, k, v, ~allowed),
        lambda q, k, v, allowed: attend_masked(q, k, v, allowed.T),
        lambda q, k, v, allowed: attend_masked(q, k, v, allowed, forbidden=0),
        lambda q, k, v, allowed: attend_masked(q, k, v, allowed, forbidden=-5),
        lambda q, k, v, allowed: attend_masked(q, k, v, allowed, divisor=1.0),
        lambda q, k, v, allowed: (attend(q, k, v)[0], attend_masked(q, k, v, allowed)[1]),
        lambda q, k, v, allowed: attend_masked(q, k, v, allowed)[0],
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
