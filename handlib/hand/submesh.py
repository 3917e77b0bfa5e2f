"""A mesh thinned out: some vertices spread evenly over it, and which of them are neighbours."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor


@dataclass(frozen=True)
class Submesh:
    """``vertices`` count in the full mesh; ``adjacency`` is symmetric, nobody is a neighbour of itself."""

    vertices: Int[Tensor, "points"]
    adjacency: Bool[Tensor, "points points"]


def edge_lengths(template: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]) -> csr_array:
    """The mesh as a graph: the length of every edge, both ways."""
    edges = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    start, end = np.concatenate((edges, edges[:, ::-1])).T
    lengths = np.linalg.norm(template[start] - template[end], axis=1)
    return csr_array((lengths, (start, end)), shape=(len(template), len(template)))


def submesh(
    template: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"], count: int
) -> Submesh:
    """Picks vertices one by one, each the farthest along the surface from those before, starting with 0.

    Every vertex of the mesh belongs to the picked one that is nearest along the surface; two of these regions
    are neighbours if an edge leads from one to the other.

    Raises:
        ValueError: more vertices are asked for than there are.
    """
    if not 1 <= count <= len(template):
        raise ValueError(f"count: expected 1 to {len(template)} vertices, got {count}")
    graph, picked, distances = edge_lengths(template, faces), [], []
    nearest = np.full(len(template), np.inf)
    for _ in range(count):
        picked.append(int(nearest.argmax()))
        distances.append(dijkstra(graph, indices=picked[-1]))
        nearest = np.minimum(nearest, distances[-1])
    region = np.stack(distances).argmin(axis=0)
    adjacency = torch.zeros(count, count, dtype=torch.bool)
    start, end = graph.nonzero()
    adjacency[region[start], region[end]] = True
    return Submesh(torch.tensor(picked), adjacency.fill_diagonal_(False))
