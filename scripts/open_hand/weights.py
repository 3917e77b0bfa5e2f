"""Skinning weights (which joints move a vertex), and the regressor (which vertices give a joint's place)."""

import numpy as np
import scipy.sparse
from scipy.optimize import nnls

from handlib.hand.skeleton import MANO_JOINT_NAMES
from open_hand.design import FINGERS, HAND, METACARPALS, along_finger, distance_to_segment, smoothstep
from open_hand.fit import part_of
from open_hand.mesh import all_edges

MAX_JOINTS = 4
# Half width of the zone where weights blend: at the knuckle in mm, at middle and end joint in finger radii.
KNUCKLE_BLEND, MIDDLE_BLEND, END_BLEND = 11.0, 0.72, 0.68
# Number of nearest vertices that may contribute to a joint's place.
REGRESSOR_VERTICES = {0: 60}
DEFAULT_REGRESSOR_VERTICES = 44


def neighbour_mean(faces: np.ndarray, num_vertices: int) -> scipy.sparse.csr_matrix:
    """Matrix that averages a quantity over each vertex's neighbours."""
    a, b = all_edges(faces).T
    ones = np.ones(2 * len(a))
    links = scipy.sparse.csr_matrix((ones, (np.r_[a, b], np.r_[b, a])), shape=(num_vertices, num_vertices))
    return scipy.sparse.diags(1 / np.asarray(links.sum(1)).ravel()) @ links


def finger_shares(points: np.ndarray) -> np.ndarray:
    """Returns the four fingers' shares in a point (n, 4), a soft minimum of distances; rows sum to 1."""
    distance = np.stack([along_finger(points, f)[1] / HAND[f].radii[1] for f in FINGERS], axis=1) ** 2
    share = np.exp(-3 * (distance - distance.min(1, keepdims=True)))
    return share / share.sum(1, keepdims=True)


def thumb_share(points: np.ndarray) -> np.ndarray:
    """Returns the share (n,) of the thumb and its metacarpal in a point, 0 to 1."""
    thumb = HAND["thumb"]
    to_thumb = np.min(
        [distance_to_segment(points, thumb.joint(k), thumb.joint(k + 1)) for k in range(3)], axis=0
    )
    rest = [distance_to_segment(points, METACARPALS[f][0], HAND[f].base) for f in FINGERS]
    rest += [distance_to_segment(points, HAND[f].base, HAND[f].joint(3)) for f in FINGERS]
    to_rest = np.min(rest, axis=0)
    nearness = (to_rest - to_thumb) / (to_rest + to_thumb + 1e-9)
    along = (points - thumb.base) @ thumb.directions[0]
    return smoothstep(nearness, -0.30, 0.55) * smoothstep(along, -10, 16)


def thumb_bends(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances (mm) past the planes that halve the angles at the thumb's middle and end joint."""
    thumb = HAND["thumb"]
    past = []
    for k in (1, 2):
        normal = thumb.directions[k - 1] + thumb.directions[k]
        past.append((points - thumb.joint(k)) @ normal / np.linalg.norm(normal))
    return past[0], past[1]


def skinning_weights(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Weights (778, 16): smooth steps along each chain, at most four joints per vertex, rows sum to 1."""
    column = {name: j for j, name in enumerate(MANO_JOINT_NAMES)}
    weights = np.zeros((len(vertices), len(column)))
    for share, name in zip(finger_shares(vertices).T, FINGERS, strict=True):
        digit = HAND[name]
        along, _ = along_finger(vertices, name)
        # The palmar fold is further out than the knuckle.
        height = np.clip((vertices - digit.base)[:, 2] / digit.radii[0], -1, 1)
        knuckle = 2.5 - 3.5 * height
        bends = [smoothstep(along, knuckle - KNUCKLE_BLEND, knuckle + KNUCKLE_BLEND)]
        for k, blend in ((1, MIDDLE_BLEND), (2, END_BLEND)):
            centre, half = sum(digit.lengths[:k]), blend * digit.radii[k]
            bends.append(smoothstep(along, centre - half, centre + half))
        _add_chain(weights, share, bends, [0, *(column[f"{name}{k}"] for k in (1, 2, 3))])
    thumb = thumb_share(vertices)
    weights *= 1 - thumb[:, None]
    middle, end = thumb_bends(vertices)
    bends = [smoothstep(middle, -9, 9), smoothstep(end, -7.5, 7.5)]
    _add_chain(weights, thumb, bends, [column[f"thumb{k}"] for k in (1, 2, 3)])
    return _sparsest(_smoothed(weights, vertices, faces))


def _add_chain(weights: np.ndarray, share: np.ndarray, bends: list[np.ndarray], joints: list[int]) -> None:
    """Distributes ``share`` along a chain of joints: each bend passes on the part beyond it."""
    remaining = share
    for bend, joint in zip(bends, joints, strict=False):
        weights[:, joint] += remaining * (1 - bend)
        remaining = remaining * bend
    weights[:, joints[-1]] += remaining


def _smoothed(weights: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Six rounds of averaging on the palm, then a light one everywhere."""
    mean = neighbour_mean(faces, len(vertices))
    palm = part_of(vertices) == 0
    for _ in range(6):
        weights = np.where(palm[:, None], 0.5 * weights + 0.5 * (mean @ weights), weights)
    return 0.75 * weights + 0.25 * (mean @ weights)


def _sparsest(weights: np.ndarray) -> np.ndarray:
    smallest = np.argsort(-weights, axis=1, kind="stable")[:, MAX_JOINTS:]
    weights = weights.copy()
    np.put_along_axis(weights, smallest, 0, axis=1)
    weights[weights < 0.004] = 0
    return weights / weights.sum(1, keepdims=True)


def joint_regressor(
    vertices: np.ndarray, joints: np.ndarray, vertex_motion: np.ndarray, joint_motion: np.ndarray
) -> np.ndarray:
    """Non-negative weights (16, 778), rows sum to 1, that give the joints for every shape.

    ``vertex_motion`` (778, 3, 10) and ``joint_motion`` (16, 3, 10) are millimetres per unit of each beta.
    """
    regressor = np.zeros((len(joints), len(vertices)))
    for j, joint in enumerate(joints):
        count = REGRESSOR_VERTICES.get(j, DEFAULT_REGRESSOR_VERTICES)
        near = np.argsort(np.linalg.norm(vertices - joint, axis=1), kind="stable")[:count]
        motion = (vertex_motion[near] - joint_motion[j]).reshape(count, -1).T
        # The last block, weakly weighted, prefers many small weights to a few large ones.
        system = np.vstack(
            (2000 * np.ones(count), 200 * (vertices[near] - joint).T, 40 * motion, 3 * np.eye(count))
        )
        target = np.zeros(len(system))
        target[0] = 2000
        weights, _ = nnls(system, target)
        weights[weights < 1e-4] = 0
        support = np.flatnonzero(weights)
        # The smallest change that makes the sum and the rest position exact.
        exact = np.vstack((np.ones(len(support)), (vertices[near[support]] - joint).T))
        residual = np.array([1.0, 0, 0, 0]) - exact @ weights[support]
        weights[support] += exact.T @ np.linalg.solve(exact @ exact.T, residual)
        regressor[j, near] = weights
    return regressor
