"""The hand's surface as 778 well-shaped vertices.

Remeshing follows Botsch and Kobbelt ("A Remeshing Approach to Multiresolution Modeling", 2004): split long
edges, collapse short ones, flip, relax along the surface. A metric defines which edges are long at a place:
it wants short edges around fingers and at joints and tips, and longer edges on the palm.
"""

from collections.abc import Callable

import numpy as np

from open_hand.design import DIGITS, HAND
from open_hand.grid import SampledField, dense_surface
from open_hand.mesh import Edge, EditableMesh, boundary_of

NUM_VERTICES, NUM_RIM = 778, 16
ROUNDS = 12
LONG, SHORT = 1.35, 0.72
PALM_EDGE, TIP_EDGE, TIP_LENGTH = 9.6, 3.7, 7.0
# Scales the wanted lengths so that they give slightly more than 778 vertices.
COARSENESS = 1.08


def wanted_lengths(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the nearest bone's direction at points (n, 3), and the wanted edge lengths (mm).

    The lengths are along and around the bone.
    """
    nearest = np.full(len(points), np.inf)
    bone = np.tile([1.0, 0.0, 0.0], (len(points), 1))
    along = np.full(len(points), PALM_EDGE)
    around = np.full(len(points), PALM_EDGE)
    for name in DIGITS:
        digit, is_thumb = HAND[name], name == "thumb"
        for k in range(3):
            start, direction, length = digit.joint(k), digit.directions[k], digit.lengths[k]
            t = (points - start) @ direction
            distance = np.linalg.norm(points - start - np.clip(t, 0, length)[:, None] * direction, axis=1)
            to_joint = [np.abs(t - length), np.minimum(np.abs(t), np.abs(t - length)), np.abs(t)][k]
            fine_along = 5.2 + 3.0 * np.clip((to_joint - 4) / 8, 0, 1)
            fine_around = np.full(len(points), 5.5 if is_thumb else (4.7 if name == "little" else 5.1))
            if k == 2:
                at_tip = t > length - TIP_LENGTH
                fine_along[at_tip] = fine_around[at_tip] = TIP_EDGE
            if is_thumb:
                fine_along, fine_around = 1.12 * fine_along, 1.12 * fine_around
            onset, width = (0.55, 0.45) if is_thumb else (0.30, 0.25)
            free = np.clip((t / length - onset) / width, 0, 1) if k == 0 else np.ones(len(points))
            mine = distance < nearest
            nearest[mine], bone[mine] = distance[mine], direction
            along[mine] = (PALM_EDGE + (fine_along - PALM_EDGE) * free)[mine]
            around[mine] = (PALM_EDGE + (fine_around - PALM_EDGE) * free)[mine]
    return bone, along, around


def edge_lengths(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Lengths of edges in units of the wanted length at their place."""
    bone, along, around = wanted_lengths((a + b) / 2)
    edge = b - a
    parallel = (edge * bone).sum(1)
    across = np.sqrt(np.maximum((edge * edge).sum(1) - parallel**2, 0))
    return np.hypot(parallel / along, across / around) / COARSENESS


def opposite_angles(corners: np.ndarray) -> np.ndarray:
    """Sum of the two angles opposite an edge, in the metric; corners (n, 4, 3) are the edge and apexes."""
    bone, along, around = wanted_lengths(corners.mean(1))
    relative = corners - corners[:, :1]
    parallel = np.einsum("nkc,nc->nk", relative, bone)[..., None] * bone[:, None]
    q = (relative - parallel) / around[:, None, None] + parallel / along[:, None, None]
    total = np.zeros(len(corners))
    for apex in (2, 3):
        x, y = q[:, 0] - q[:, apex], q[:, 1] - q[:, apex]
        cosine = (x * y).sum(1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1) + 1e-12)
        total += np.arccos(np.clip(cosine, -1, 1))
    return total


def flip_edges(mesh: EditableMesh, passes: int) -> None:
    """Flips edges whose opposite angles exceed pi, towards a Delaunay triangulation in the metric."""
    for _ in range(passes):
        inner = [(e, pair) for e in mesh.edges() if (pair := mesh.opposite_vertices(*e)) is not None]
        corners = np.array([[mesh.position[v] for v in (*e, *pair)] for e, pair in inner])
        worst = opposite_angles(corners)
        flipped = 0
        for i in np.flatnonzero(worst > np.pi + 0.05):
            edge, pair = inner[i]
            if mesh.opposite_vertices(*edge) == pair:
                flipped += mesh.flip(*edge)
        if not flipped:
            break


def relax(mesh: EditableMesh, field: SampledField, strength: float, steps: int) -> None:
    """Moves every vertex along the surface towards the mean of its neighbours; long edges pull harder."""
    _, faces, number = mesh.arrays()
    edges = np.array([(number[a], number[b]) for a, b in mesh.edges()])
    rim_edges = boundary_of(faces)
    vertices = mesh.arrays()[0]
    rim = np.zeros(len(vertices), bool)
    rim[rim_edges] = True
    pinned = [number[v] for v in mesh.pinned]
    for _ in range(steps):
        pull = edge_lengths(vertices[edges[:, 0]], vertices[edges[:, 1]]) ** 1.5
        rim_pull = np.linalg.norm(vertices[rim_edges[:, 0]] - vertices[rim_edges[:, 1]], axis=1)
        total, weight = np.zeros_like(vertices), np.zeros(len(vertices))
        for links, pulls, only in ((edges, pull, ~rim), (rim_edges, rim_pull, rim)):
            for a, b in (links.T, links.T[::-1]):
                used = only[a]
                np.add.at(total, a[used], pulls[used, None] * vertices[b[used]])
                np.add.at(weight, a[used], pulls[used])
        move = total / weight[:, None] - vertices
        normal = field.outward(vertices, rim)
        move -= (move * normal).sum(1, keepdims=True) * normal
        move[pinned] = 0
        moved = field.project(vertices + strength * move, rim, 2)
        moved[pinned] = vertices[pinned]
        vertices = moved
    for v, i in number.items():
        mesh.position[v] = vertices[i]


def _lengths(mesh: EditableMesh, edges: list[Edge]) -> np.ndarray:
    return edge_lengths(*mesh.points(edges))


def split_and_collapse(mesh: EditableMesh) -> None:
    """Splits edges that are too long, longest first, then collapses too short ones, shortest first."""
    edges = mesh.edges()
    lengths = _lengths(mesh, edges)
    for i in np.argsort(-lengths, kind="stable"):
        if lengths[i] < LONG:
            break
        mesh.split(*edges[i])
    for _ in range(2):
        edges = mesh.edges()
        lengths = _lengths(mesh, edges)
        for i in np.argsort(lengths, kind="stable"):
            if lengths[i] > SHORT:
                break
            if mesh.edge_faces(*edges[i]) and _lengths(mesh, [edges[i]])[0] < SHORT:
                mesh.collapse(*edges[i])


def pin_tips(mesh: EditableMesh, field: SampledField) -> dict[str, int]:
    """Moves the vertex nearest to each fingertip onto the tip and pins it."""
    tips = {}
    for digit in DIGITS:
        tip = field.tip(digit)
        tips[digit] = min(mesh.used(), key=lambda v: float(np.linalg.norm(mesh.position[v] - tip)))
        mesh.position[tips[digit]] = tip
        mesh.pinned.add(tips[digit])
    return tips


def reach_counts(mesh: EditableMesh, field: SampledField) -> None:
    """Collapses or splits a few edges at a time until mesh and rim have exactly the wanted vertex counts."""
    for _ in range(400):
        rim = mesh.boundary_edges()
        surplus = len(mesh.used()) - NUM_VERTICES
        if len(rim) == NUM_RIM and surplus == 0:
            return
        edges = rim if len(rim) != NUM_RIM else mesh.edges()
        surplus = len(rim) - NUM_RIM if len(rim) != NUM_RIM else surplus
        budget = 1 if edges is rim else min(6, abs(surplus))
        order = np.argsort(_lengths(mesh, edges), kind="stable")
        for i in order if surplus > 0 else order[::-1]:
            a, b = edges[i]
            if budget == 0:
                break
            if not mesh.edge_faces(a, b) or (
                edges is not rim and mesh.on_boundary(a) and mesh.on_boundary(b)
            ):
                continue
            if surplus > 0:
                budget -= mesh.collapse(a, b)
            else:
                mesh.split(a, b)
                budget -= 1
        flip_edges(mesh, 1)
        relax(mesh, field, 0.5, 2)
    raise RuntimeError(f"remeshing did not reach {NUM_VERTICES} vertices with {NUM_RIM} at the rim")


def remesh(
    field: SampledField, report: Callable[[str], None]
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Vertices (778, 3) in mm, outward faces (1538, 3), and the vertex on each digit's tip."""
    mesh = EditableMesh(*dense_surface(field, 5000))
    tips: dict[str, int] = {}
    for i in range(ROUNDS):
        split_and_collapse(mesh)
        flip_edges(mesh, 3)
        if i == ROUNDS // 2:
            tips = pin_tips(mesh, field)
        relax(mesh, field, 0.6, 4)
        report(f"  remeshing {i + 1}/{ROUNDS}: {len(mesh.used())} vertices")
    reach_counts(mesh, field)
    for _ in range(6):
        flip_edges(mesh, 1)
        relax(mesh, field, 0.5, 3)
    vertices, faces, number = mesh.arrays()
    return vertices, faces, {digit: number[v] for digit, v in tips.items()}
