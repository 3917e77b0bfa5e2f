import torch

from handlib.model.gcn import neighbour_weights

TIPS = (4, 8, 12, 16, 20)


def edge_score_number(adjacency, receiver, sender):
    return adjacency.flatten()[: len(adjacency) * receiver + sender].sum()


def released_graph_layer(x, matrices, scores, bias, adjacency):
    own, sent = (x[:, None] @ matrices).squeeze(2)
    return own + neighbour_weights(scores, adjacency) @ sent + bias


def by_the_receivers_matrix(x, matrices, scores, bias, adjacency):
    heard = neighbour_weights(scores, adjacency) @ x
    return (x[:, None] @ matrices[0] + heard[:, None] @ matrices[1])[:, 0] + bias


def five_shortcuts(adjacency):
    more = adjacency.clone()
    more[0, TIPS] = more[TIPS, 0] = True
    return more


def chained_tips(adjacency):
    more = adjacency.clone()
    more[TIPS[:-1], TIPS[1:]] = more[TIPS[1:], TIPS[:-1]] = True
    return more


def one_way(adjacency):
    more = adjacency.clone()
    more[0, TIPS] = True
    return more


def graph_convolution(x, own, neighbour, weights):
    kept = (x[:, :, None] @ own).squeeze(2)
    sent = (x[:, :, None] @ neighbour).squeeze(2)
    return kept + weights @ sent


def heard(x, own, neighbour, weights):
    return weights @ torch.einsum("bjf,jfg->bjg", x, neighbour)


def with_the_receivers_matrix(x, own, neighbour, weights):
    kept, blended = torch.einsum("bjf,jfg->bjg", x, own), weights @ x
    return kept + torch.einsum("bjf,jfg->bjg", blended, neighbour)


def sum_of_all(x, own, neighbour, weights):
    return graph_convolution(x, own, neighbour, torch.ones_like(weights))


SOLUTIONS = {
    "graph_convolution": graph_convolution,
    "edge_score_number": edge_score_number,
    "released_graph_layer": released_graph_layer,
    "five_shortcuts": five_shortcuts,
}
MISTAKES = {
    "graph_convolution": [
        heard,
        with_the_receivers_matrix,
        sum_of_all,
        lambda x, own, neighbour, weights: graph_convolution(x, neighbour, own, weights),
        lambda x, own, neighbour, weights: graph_convolution(x, own.mT, neighbour.mT, weights),
        lambda x, own, neighbour, weights: graph_convolution(x, own, neighbour, weights.T),
        lambda x, own, neighbour, weights: graph_convolution(x, own, neighbour, weights.square()),
        lambda x, own, neighbour, weights: graph_convolution(x, own, neighbour, weights.detach()),
    ],
    "edge_score_number": [
        lambda adjacency, receiver, sender: edge_score_number(adjacency, sender, receiver),
        lambda adjacency, receiver, sender: edge_score_number(adjacency, receiver, sender) + 1,
        lambda adjacency, receiver, sender: len(adjacency) * receiver + sender,
        lambda adjacency, receiver, sender: adjacency[receiver, :sender].sum(),
    ],
    "released_graph_layer": [
        by_the_receivers_matrix,
        lambda x, m, s, b, a: released_graph_layer(x, m.mT, s, b, a),
        lambda x, m, s, b, a: released_graph_layer(x, m.flip(0), s, b, a),
        lambda x, m, s, b, a: released_graph_layer(x, m, torch.zeros_like(s), b, a),
        lambda x, m, s, b, a: released_graph_layer(x, m, s, 0 * b, a),
    ],
    "five_shortcuts": [
        chained_tips,
        one_way,
        lambda adjacency: ~torch.eye(21, dtype=torch.bool),
        lambda adjacency: adjacency | torch.eye(21, dtype=torch.bool),
        lambda adjacency: adjacency,
        lambda adjacency: five_shortcuts(adjacency) & ~adjacency,
    ],
}
