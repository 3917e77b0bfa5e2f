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


SOLUTIONS = {
    "edge_score_number": edge_score_number,
    "released_graph_layer": released_graph_layer,
    "five_shortcuts": five_shortcuts,
}
MISTAKES = {
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
