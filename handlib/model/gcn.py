"""The skeleton GCN: joints of one hand exchange features along its bones (Sec. 3.2.2).

A semantic graph convolution: every joint has a matrix of its own, and how much it listens to each of its
neighbours is learned.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from handlib.hand.skeleton import BONES, NUM_JOINTS


def skeleton_adjacency() -> Bool[Tensor, "21 21"]:
    """Returns which joints a bone connects; symmetric, nobody is their own neighbour."""
    adjacency = torch.zeros(NUM_JOINTS, NUM_JOINTS, dtype=torch.bool)
    parents, children = torch.tensor(BONES).T
    adjacency[parents, children] = True
    return adjacency | adjacency.T


def neighbour_weights(
    scores: Float[Tensor, "edges"], adjacency: Bool[Tensor, "joints joints"]
) -> Float[Tensor, "joints joints"]:
    """One score per edge, in the row-major order of the adjacency's entries, to rows that sum to 1."""
    logits = scores.new_full(adjacency.shape, -torch.inf)
    return logits.masked_scatter(adjacency, scores).softmax(-1)


class GraphLayer(nn.Module):
    """One graph convolution, then batch norm and ReLU.

    ``own`` and ``neighbour`` hold one matrix per joint. A joint's new feature is its own one times its own
    matrix plus the weighted sum of what its neighbours' matrices made of theirs.
    """

    adjacency: Bool[Tensor, "joints joints"]

    def __init__(self, features: int, residual: bool, adjacency: Bool[Tensor, "joints joints"]):
        super().__init__()
        joints = len(adjacency)
        deviation = math.sqrt(1 / features)
        self.own = nn.Parameter(torch.randn(joints, features, features) * deviation)
        self.neighbour = nn.Parameter(torch.randn(joints, features, features) * deviation)
        self.scores = nn.Parameter(torch.zeros(int(adjacency.sum())))
        self.bias = nn.Parameter(torch.zeros(features))
        self.norm = nn.BatchNorm1d(features)
        self.residual = residual
        self.register_buffer("adjacency", adjacency, persistent=False)

    def forward(self, x: Float[Tensor, "batch joints features"]) -> Float[Tensor, "batch joints features"]:
        """Statistics of the batch norm are taken over batch and joints."""
        joint_major = x.transpose(0, 1)
        own = torch.bmm(joint_major, self.own.to(x.dtype)).transpose(0, 1)
        sent = torch.bmm(joint_major, self.neighbour.to(x.dtype)).transpose(0, 1)
        weights = neighbour_weights(self.scores, self.adjacency)
        out = own + weights.to(sent.dtype) @ sent + self.bias
        out = self.norm(out.flatten(0, 1)).relu().unflatten(0, x.shape[:2])
        return x + out if self.residual else out


class SkeletonGCN(nn.Sequential):
    """Graph layers one after the other: after n layers a joint has heard from n bones away."""

    def __init__(
        self,
        features: int,
        layers: int,
        residual: bool = False,
        adjacency: Bool[Tensor, "joints joints"] | None = None,
    ):
        adjacency = skeleton_adjacency() if adjacency is None else adjacency
        super().__init__(*(GraphLayer(features, residual, adjacency) for _ in range(layers)))
