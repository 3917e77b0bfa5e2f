"""The skeleton GCN: joints of one hand exchange features along its bones (Sec. 3.2.2).

This is a semantic graph convolution: every joint has its own matrix, and learned weights decide how much the
joint takes from each of its neighbours.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from handlib.hand.skeleton import BONES, NUM_JOINTS


def skeleton_adjacency() -> Bool[Tensor, "21 21"]:
    """Returns which joints are connected by a bone: a symmetric matrix, no joint is its own neighbour."""
    adjacency = torch.zeros(NUM_JOINTS, NUM_JOINTS, dtype=torch.bool)
    parents, children = torch.tensor(BONES).T
    adjacency[parents, children] = True
    return adjacency | adjacency.T


def neighbour_weights(
    scores: Float[Tensor, "edges"], adjacency: Bool[Tensor, "joints joints"]
) -> Float[Tensor, "joints joints"]:
    """Turns one score per edge into a matrix whose rows sum to 1 (softmax over each joint's neighbours).

    The scores are in the row-major order of the adjacency's entries.
    """
    logits = scores.new_full(adjacency.shape, -torch.inf)
    return logits.masked_scatter(adjacency, scores).softmax(-1)


def graph_convolution(
    x: Float[Tensor, "batch joints features"],
    own: Float[Tensor, "joints features out"],
    neighbour: Float[Tensor, "joints features out"],
    weights: Float[Tensor, "joints joints"],
) -> Float[Tensor, "batch joints out"]:
    """Returns what every joint keeps of its own feature plus the weighted sum of what the others send.

    Joint j keeps ``x[:, j] @ own[j]`` and sends ``x[:, j] @ neighbour[j]``; row i of ``weights`` says how
    much joint i takes from each joint.
    """
    joint_major = x.transpose(0, 1)
    kept = torch.bmm(joint_major, own).transpose(0, 1)
    sent = torch.bmm(joint_major, neighbour).transpose(0, 1)
    return kept + weights.to(sent.dtype) @ sent


class GraphLayer(nn.Module):
    """One graph convolution, then batch norm and ReLU.

    ``own`` and ``neighbour`` hold one matrix per joint. A joint's new feature is the sum of two parts: its
    feature times its ``own`` matrix, and the weighted sum of its neighbours' features, each times that
    neighbour's ``neighbour`` matrix. A bias is added.
    """

    adjacency: Bool[Tensor, "joints joints"]
    graph_convolution = staticmethod(graph_convolution)

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
        """Returns new features; batch-norm statistics are taken over batch and joints."""
        own, neighbour = self.own.to(x.dtype), self.neighbour.to(x.dtype)
        weights = neighbour_weights(self.scores, self.adjacency)
        out = self.graph_convolution(x, own, neighbour, weights) + self.bias
        out = self.norm(out.flatten(0, 1)).relu().unflatten(0, x.shape[:2])
        return x + out if self.residual else out


class SkeletonGCN(nn.Sequential):
    """Graph layers in a row. After n layers, information has travelled n bones far."""

    def __init__(
        self,
        features: int,
        layers: int,
        residual: bool = False,
        adjacency: Bool[Tensor, "joints joints"] | None = None,
    ):
        adjacency = skeleton_adjacency() if adjacency is None else adjacency
        super().__init__(*(GraphLayer(features, residual, adjacency) for _ in range(layers)))
