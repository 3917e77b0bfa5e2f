"""Ten ways in which hands differ: displacement fields in millimetres per standard deviation.

Each field is defined everywhere, so that vertices and joints move together. Unlike MANO's, the directions are
designed, not learnt from scans: each has a name, and beta ~ N(0, 1) gives the spread of adult hands.
"""

import numpy as np

from open_hand.design import FINGERS, HAND, WRIST_CUT, along_finger, smoothstep
from open_hand.weights import finger_shares, neighbour_mean, thumb_bends, thumb_share

SHAPE_NAMES = (
    "size",
    "finger length",
    "palm width",
    "finger thickness",
    "palm length",
    "thumb length",
    "palm thickness",
    "index longer than ring finger",
    "taper towards the fingertips",
    "long little finger, slim thumb",
)
# Within this distance (mm) of a knuckle no field stretches the skin, so that the joint moves with it.
RIGID = 8.0
INDEX_OVER_RING = {"index": 1.0, "middle": 0.15, "ring": -1.0, "little": -0.6}


def shape_fields(points: np.ndarray) -> np.ndarray:
    """Displacements (n, 3, 10) of points (n, 3) in the design frame, a column per name in ``SHAPE_NAMES``."""
    fields = {name: np.zeros_like(points) for name in SHAPE_NAMES}
    thumb = thumb_share(points)
    own = finger_shares(points) * (1 - thumb[:, None])
    fields["size"] = 0.045 * points
    width = np.zeros_like(points)
    width[:, 1] = 0.045 * (points[:, 1] * (1 - thumb) + HAND["thumb"].base[1] * thumb)
    palm_u = HAND["thumb"].base[0] * thumb
    beyond_knuckle = np.zeros(len(points))
    for share, name in zip(own.T, FINGERS, strict=True):
        digit = HAND[name]
        direction, length = digit.directions[0], sum(digit.lengths)
        along, _ = along_finger(points, name)
        stretch = (share * np.clip(along - RIGID, 0, length - RIGID))[:, None] * direction
        from_axis = points - digit.base - along[:, None] * direction
        fields["finger length"] += 0.05 * stretch
        fields["index longer than ring finger"] += 0.03 * INDEX_OVER_RING[name] * stretch
        fields["finger thickness"] += 0.055 * (share * smoothstep(along, -5, 22))[:, None] * from_axis
        taper = share * smoothstep(along, 0, 15) * (along / length - 0.45)
        fields["taper towards the fingertips"] += 0.10 * taper[:, None] * from_axis
        if name == "little":
            fields["long little finger, slim thumb"] += 0.05 * stretch
        # A wider or longer palm moves a finger as a whole.
        palm_u += share * np.clip(points[:, 0], WRIST_CUT, digit.base[0] + RIGID)
        rigid = share * smoothstep(along, 0, 24)
        width[:, 1] += rigid * (0.045 * digit.base[1] - width[:, 1])
        beyond_knuckle = np.maximum(beyond_knuckle, share * smoothstep(along, 5, 25))
    fields["palm width"] = width
    fields["palm length"][:, 0] = 0.04 * palm_u
    fields["palm thickness"][:, 2] = 0.05 * (points[:, 2] + 4) * (1 - beyond_knuckle) * (1 - thumb)
    _thumb_fields(points, thumb, fields)
    return np.stack([fields[name] for name in SHAPE_NAMES], axis=-1)


def _thumb_fields(points: np.ndarray, share: np.ndarray, fields: dict[str, np.ndarray]) -> None:
    """Adds the thumb's length and girth."""
    digit = HAND["thumb"]
    stretch = np.zeros_like(points)
    for k, strength in enumerate((0.5, 1.0, 1.0)):
        along = np.clip((points - digit.joint(k)) @ digit.directions[k], 0, digit.lengths[k])
        stretch += strength * along[:, None] * digit.directions[k]
    fields["thumb length"] += 0.05 * share[:, None] * stretch
    from_joint = points - digit.joint(1)
    from_axis = from_joint - (from_joint @ digit.directions[1])[:, None] * digit.directions[1]
    slim = -0.045 * share * smoothstep(thumb_bends(points)[0], -14, 10)
    fields["long little finger, slim thumb"] += slim[:, None] * from_axis


def shape_directions(
    vertices: np.ndarray, faces: np.ndarray, joints: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shape directions of vertices (778, 3, 10), slightly smoothed, and of joints (16, 3, 10), in mm."""
    mean = neighbour_mean(faces, len(vertices))
    moved = shape_fields(vertices).reshape(len(vertices), -1)
    for _ in range(2):
        moved = 0.6 * moved + 0.4 * (mean @ moved)
    return moved.reshape(len(vertices), 3, -1), shape_fields(joints)
