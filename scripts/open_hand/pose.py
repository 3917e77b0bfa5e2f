"""Pose directions (changes of the surface beyond skinning), and the statistics of likely poses."""

import numpy as np

from handlib.data.rendered.poses import sample_finger_pose
from handlib.hand.skeleton import MANO_JOINT_NAMES
from open_hand.design import DESIGN_TO_MANO, FINGERS, HAND, along_finger
from open_hand.mesh import vertex_normals

POSE_SEED, NUM_POSES = 0, 4000
# Per finger joint, in mm at 90 degrees: the knuckle rises, the palmar fold sinks, the flesh beside it swells.
KNUCKLE_RISE, FOLD_SINKS, FLESH_SWELLS = (1.6, 1.3, 0.8), (2.2, 0.9, 0.9), (1.2, 0.7, 0.7)
DIAGONAL = (0, 4, 8)


def _gauss(x: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-((x / width) ** 2))


def joint_bulges(vertices: np.ndarray, faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Displacements (15, 778) along the normals, in mm, for a bend of 90 degrees at each finger joint."""
    bulges = np.zeros((15, len(vertices)))
    for name in FINGERS:
        digit = HAND[name]
        first = MANO_JOINT_NAMES.index(f"{name}1")
        owned = weights[:, first : first + 3].sum(1)
        along, _ = along_finger(vertices, name)
        height = (vertices - digit.base) @ digit.bone_frame(0)[:, 2]
        sideways = np.abs((vertices - digit.base)[:, 1])
        for k in range(3):
            radius, t = digit.radii[k], along - sum(digit.lengths[:k])
            dorsal, palmar = np.clip(height / radius, 0, 1), np.clip(-height / radius, 0, 1)
            near = _gauss(t, 0.75 * radius)
            beside = _gauss(np.abs(t) - 0.95 * radius, 0.5 * radius)
            # The knuckle's skin belongs to the palm too.
            reach = np.maximum(owned, 0.4 * (np.abs(t) < 14) * (sideways < 11)) if k == 0 else owned
            bulges[first + k - 1] = reach * (
                KNUCKLE_RISE[k] * near * dorsal + palmar * (FLESH_SWELLS[k] * beside - FOLD_SINKS[k] * near)
            )
    thumb = HAND["thumb"]
    first = MANO_JOINT_NAMES.index("thumb1")
    ball = (thumb.joint(0) + thumb.joint(1)) / 2 + (0, -8, -10)
    palmar_side = vertex_normals(vertices, faces)[:, 2] < 0.1
    swell = np.exp(-((vertices - ball) ** 2).sum(1) / (2 * 11**2)) * palmar_side
    bulges[first - 1], bulges[first] = 2.5 * swell, 1.2 * swell
    from_joint = vertices - thumb.joint(2)
    dorsal = np.clip(from_joint @ thumb.nail / thumb.radii[2], 0, 1)
    owned = weights[:, first + 1 : first + 3].sum(1)
    bulges[first + 1] = 1.2 * owned * dorsal * _gauss(from_joint @ thumb.directions[2], 8)
    return bulges


def pose_directions(vertices: np.ndarray, faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pose directions (778, 3, 135) in metres, MANO frame, on the entries of R - I of the 15 finger joints.

    Only the diagonal entries are used. The trace of R - I is 2 (cos t - 1), so each bulge grows with 1 - cos
    t in whatever direction the joint bends.
    """
    normals = vertex_normals(vertices, faces) @ DESIGN_TO_MANO.T
    directions = np.zeros((len(vertices), 3, 15, 9))
    bulges = joint_bulges(vertices, faces, weights)
    for entry in DIAGONAL:
        directions[..., entry] = -0.5e-3 * np.einsum("jn,nc->ncj", bulges, normals)
    return directions.reshape(len(vertices), 3, 135)


def pose_statistics(axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (45,) and principal components (45, 45), strongest first, of anatomically limited poses.

    Components are orthonormal. Their signs are chosen so that they curl the fingers instead of stretching
    them.
    """
    rng = np.random.default_rng(POSE_SEED)
    poses = np.stack([sample_finger_pose(rng, axes) for _ in range(NUM_POSES)])
    mean = poses.mean(0)
    _, _, components = np.linalg.svd(poses - mean, full_matrices=False)
    curl = axes[:, 0].ravel()
    signs = np.where(components @ curl < 0, -1.0, 1.0)
    return mean, components * signs[:, None]
