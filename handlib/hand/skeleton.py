"""The hand's skeleton: joints, bones, joint orders and fingertip conventions, each by name.

Two orders of joints occur everywhere. A hand model in the MANO format has 16 joints: the wrist, then three
per finger in the order index, middle, little, ring, thumb. It has no fingertips. DIR and most of the field
use 21 joints: the wrist, then four per finger from the thumb to the little finger, from the palm to the tip.
``MANO_TO_21`` converts the 16 joints followed by five tips to the 21 joints.
"""

from typing import Literal

import numpy as np
from jaxtyping import Int

from handlib.utils.arguments import check_choice

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")

FINGERS = ("thumb", "index", "middle", "ring", "little")
JOINT_NAMES = ("wrist", *(f"{finger}{k}" for finger in FINGERS for k in (1, 2, 3, 4)))
NUM_JOINTS = len(JOINT_NAMES)
PAIR_JOINT_NAMES = tuple(f"{side} {joint}" for side in SIDES for joint in JOINT_NAMES)
"""Names of all 42 joints of two hands, left first: joint j of hand h is entry 21 h + j."""

BONES: tuple[tuple[int, int], ...] = tuple(
    (0 if k == 0 else 4 * f + k, 4 * f + k + 1) for f in range(len(FINGERS)) for k in range(4)
)
NUM_BONES = len(BONES)

MANO_FINGERS = ("index", "middle", "little", "ring", "thumb")
MANO_JOINT_NAMES = ("wrist", *(f"{finger}{k}" for finger in MANO_FINGERS for k in (1, 2, 3)))
MANO_PARENTS = (-1, *(0 if k == 0 else 3 * f + k for f in range(len(MANO_FINGERS)) for k in range(3)))

_MANO_THEN_TIPS = (*MANO_JOINT_NAMES, *(f"{finger}4" for finger in FINGERS))
MANO_TO_21 = tuple(_MANO_THEN_TIPS.index(name) for name in JOINT_NAMES)

TIP_CONVENTIONS: dict[str, dict[Side, tuple[int, int, int, int, int]]] = {
    "smplx": {"left": (744, 320, 443, 554, 671), "right": (744, 320, 443, 554, 671)},
    "dir_layer": {"left": (745, 317, 445, 556, 673), "right": (745, 317, 444, 556, 673)},
    "dir_evaluation": {"left": (745, 317, 444, 556, 673), "right": (745, 317, 444, 556, 673)},
}
"""Vertices that serve as fingertips (thumb to little). Papers rarely say which ones they use.

``smplx``: the ids of the smplx package. ``dir_layer``: DIR's released hand layer, whose left middle tip
differs from the right one. ``dir_evaluation``: DIR's released evaluation script.
"""


def tip_vertices(convention: str, side: Side) -> tuple[int, int, int, int, int]:
    """Returns the ids of the five tip vertices, thumb to little; ``InputError`` for an unknown convention."""
    check_choice("tips", convention, TIP_CONVENTIONS)
    return TIP_CONVENTIONS[convention][side]


def joint_index(name: str) -> int:
    """Returns a joint's index in the order of 21 joints; raises an ``InputError`` for an unknown name."""
    check_choice("joint", name, JOINT_NAMES)
    return JOINT_NAMES.index(name)


def bones_between() -> Int[np.ndarray, "21 21"]:
    """Returns the number of bones on the way between any two joints."""
    step = np.eye(NUM_JOINTS, dtype=int)
    for a, b in BONES:
        step[a, b] = step[b, a] = 1
    reach, bones = np.eye(NUM_JOINTS, dtype=int), np.zeros((NUM_JOINTS, NUM_JOINTS), dtype=int)
    while not reach.all():
        bones += reach == 0
        reach = np.minimum(reach @ step, 1)
    return bones


KNUCKLES = tuple(joint_index(f"{finger}1") for finger in FINGERS if finger != "thumb")
"""The four fingers' first joints, index to little, in the order of 21 joints."""
