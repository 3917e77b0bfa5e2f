"""Thins a mesh: picks some vertices, spread evenly over it, and says which of them are neighbours."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from handlib.geometry.mesh import edges_of


@dataclass(frozen=True)
class Submesh:
    """A thinned mesh. ``vertices`` are indices in the full mesh.

    ``adjacency`` is symmetric; no vertex is its own neighbour.
    """

    vertices: Int[Tensor, "points"]
    adjacency: Bool[Tensor, "points points"]


def edge_graph(template: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]) -> csr_array:
    """Returns the mesh as a graph with the length of every edge, in both directions."""
    edges = edges_of(faces)
    start, end = np.concatenate((edges, edges[:, ::-1])).T
    lengths = np.linalg.norm(template[start] - template[end], axis=1)
    return csr_array((lengths, (start, end)), shape=(len(template), len(template)))


def submesh(
    template: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"], count: int
) -> Submesh:
    """Picks vertices one by one, each the farthest along the surface from those before, starting with 0.

    Each vertex of the mesh belongs to the region of its nearest picked vertex, along the surface. Two picked
    vertices are neighbours if an edge connects their regions.

    Raises:
        ValueError: ``count`` is less than 1 or more than the mesh's vertices.
    """
    if not 1 <= count <= len(template):
        raise ValueError(f"count: expected 1 to {len(template)} vertices, got {count}")
    graph, picked, distances = edge_graph(template, faces), [], []
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
