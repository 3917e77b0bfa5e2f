"""The table from which the open hand is made: places of joints, lengths and thicknesses of fingers.

Everything is in millimetres, in the design frame of a right hand: its wrist joint is the origin, u points
along the fingers, v towards the thumb, w out of the back of the hand. Lengths and radii are those of an
average adult.
"""

from dataclasses import dataclass

import numpy as np

from handlib.hand.skeleton import MANO_JOINT_NAMES

FINGERS = ("index", "middle", "ring", "little")
DIGITS = (*FINGERS, "thumb")
DORSAL = np.array([0.0, 0.0, 1.0])

# The design frame's axes as columns of the MANO frame (fingers -x, palm -y, thumb +z), and the wrist there.
DESIGN_TO_MANO = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
WRIST_IN_MANO = np.array([0.0957, 0.0064, 0.0062])
WRIST_CUT = -16.0
"""The u coordinate of the plane where the hand ends."""


def direction(yaw: float, pitch: float) -> np.ndarray:
    """Unit vector turned ``yaw`` degrees from u towards the thumb and ``pitch`` degrees towards the back."""
    yaw, pitch = np.deg2rad((yaw, pitch))
    return np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])


@dataclass(frozen=True)
class Digit:
    """Three bones in a row: base joint, directions, lengths (the last one to the skin), radii at four joints.

    ``nail`` is the direction that the nail faces, before it is made orthogonal to a bone.
    """

    base: np.ndarray
    directions: tuple[np.ndarray, np.ndarray, np.ndarray]
    lengths: tuple[float, float, float]
    radii: tuple[float, float, float, float]
    nail: np.ndarray

    def joint(self, k: int) -> np.ndarray:
        """Joint ``k`` of 0 (base) to 3 (tip)."""
        return self.base + sum((self.lengths[i] * self.directions[i] for i in range(k)), np.zeros(3))

    def bone_frame(self, k: int) -> np.ndarray:
        """Columns: along bone ``k``, sideways, out of its back."""
        return frame(self.directions[k], self.nail)


def frame(along: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Right-handed orthonormal columns (along, side, up), the third as near to ``up`` as can be."""
    along = along / np.linalg.norm(along)
    side = np.cross(up, along)
    side /= np.linalg.norm(side)
    return np.stack((along, side, np.cross(along, side)), axis=1)


def _finger(base, yaw, pitch, lengths, radii) -> Digit:
    return Digit(np.array(base, float), (direction(yaw, pitch),) * 3, lengths, radii, DORSAL)


HAND: dict[str, Digit] = {
    "index": _finger((88, 25, 1), 9, -3, (42, 25, 23), (10.6, 9.2, 8.2, 6.6)),
    "middle": _finger((91, 2, 3), 1, -2, (46, 29, 24.5), (10.9, 9.5, 8.4, 6.8)),
    "ring": _finger((84, -19, 1), -7, -3, (42.5, 27, 24), (10.2, 8.9, 7.9, 6.4)),
    "little": _finger((74, -38, -4), -18, -4, (34, 20, 21), (9.0, 7.7, 6.9, 5.7)),
    "thumb": Digit(
        np.array([22.0, 19.0, -9.0]),
        (direction(43, -18), direction(34, -10), direction(29, -8)),
        (44, 34, 29),
        (15.0, 12.4, 10.6, 8.2),
        np.array([-0.25, 0.55, 0.80]),
    ),
}

# Where the four metacarpal bones start, and their radii there and at the knuckle.
METACARPALS: dict[str, tuple[np.ndarray, float, float]] = {
    "index": (np.array([24.0, 13.0, -3.0]), 14.0, 12.2),
    "middle": (np.array([24.0, 3.0, -2.0]), 14.0, 12.6),
    "ring": (np.array([23.0, -8.0, -3.0]), 14.0, 12.0),
    "little": (np.array([22.0, -17.0, -5.0]), 13.5, 10.8),
}


def joint_position(name: str) -> np.ndarray:
    """Designed position of a joint by its name in ``handlib.hand.skeleton`` ("wrist", "index1" ...)."""
    if name == "wrist":
        return np.zeros(3)
    return HAND[name[:-1]].joint(int(name[-1]) - 1)


MANO_JOINTS = np.stack([joint_position(name) for name in MANO_JOINT_NAMES])
"""The 16 joints in MANO's order."""


def to_mano(points: np.ndarray) -> np.ndarray:
    """Design frame (mm) to MANO frame (m)."""
    return points @ DESIGN_TO_MANO.T * 1e-3 + WRIST_IN_MANO


def joint_axes() -> np.ndarray:
    """Unit axes (15, 3, 3) in the MANO frame: rows flexion, abduction, twist.

    ``handlib.data.rendered.poses`` explains their signs.
    """
    axes = np.zeros((15, 3, 3))
    for j, name in enumerate(MANO_JOINT_NAMES[1:]):
        digit = name[:-1]
        along, side, up = HAND[digit].bone_frame(int(name[-1]) - 1).T
        away = -up if digit in ("ring", "little") else up
        axes[j] = np.stack((side, away, along)) @ DESIGN_TO_MANO.T
    return axes


def smoothstep(x: np.ndarray, start: float, stop: float) -> np.ndarray:
    """0 before ``start``, 1 after ``stop``, a cubic between."""
    t = np.clip((x - start) / (stop - start), 0, 1)
    return t * t * (3 - 2 * t)


def distance_to_segment(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distances of points (n, d) to a straight segment."""
    bone = end - start
    t = np.clip((points - start) @ bone / (bone @ bone), 0, 1)
    return np.linalg.norm(points - start - t[:, None] * bone, axis=1)


def along_finger(points: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns how far along a (straight) finger points are from its base, and their distance to its axis."""
    digit = HAND[name]
    base, tip = digit.joint(0), digit.joint(3)
    return (points - base) @ digit.directions[0], distance_to_segment(points, base, tip)
