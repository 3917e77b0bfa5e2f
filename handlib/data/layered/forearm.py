"""Forearms that bend at the wrist, reach the edge of the picture and may wear a sleeve."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from handlib.data.rendered.arm import NUM_RINGS, wrist_loop
from handlib.hand.skeleton import Side

LENGTH = 0.55
SHORTEST = 0.12
"""Metres. A forearm shorter than this isn't shortened further."""
SKIN_RINGS = NUM_RINGS // 2
"""Number of rings between the wrist and the place where a sleeve may begin."""
BEND_WITHIN = 0.04
"""Metres from the wrist over which the bend happens."""


@dataclass(frozen=True)
class Forearm:
    """The shape of a forearm.

    ``flexion`` and ``deviation`` bend the wrist (radians, about the two axes across the forearm). ``skin`` is
    the length of bare skin in metres; beyond it, the sleeve makes the forearm ``sleeve`` times as wide.
    ``widening`` is the growth of the width towards the elbow, as a share per 22 cm.
    """

    flexion: float
    deviation: float
    skin: float
    sleeve: float
    widening: float


def sample_forearms(rng: np.random.Generator) -> tuple[Forearm, Forearm]:
    """Draws a left and a right forearm: each wrist bends independently, both wear the same clothes."""
    sleeved = rng.random() < 0.6
    skin = rng.uniform(0.02, 0.10) if sleeved else rng.uniform(0.08, 0.25)
    sleeve, widening = rng.uniform(1.1, 1.7) if sleeved else 1.0, rng.uniform(0.1, 0.6)

    def one() -> Forearm:
        bend = np.deg2rad(rng.normal(0, 22)), np.deg2rad(rng.normal(0, 14))
        return Forearm(*bend, skin * rng.uniform(0.8, 1.2), sleeve, widening)

    return one(), one()


def add_bent_forearm(
    vertices: Float[np.ndarray, "778 3"], side: Side, forearm: Forearm, nearest: float = 0.08
) -> Float[np.ndarray, "arm 3"]:
    """Returns the hand's vertices followed by the forearm's rings.

    The layout is that of :func:`handlib.data.rendered.arm.add_forearm`. The forearm is shortened if it would
    come nearer to the camera than ``nearest`` metres.
    """
    loop = vertices[wrist_loop()]
    centre = loop.mean(0)
    spokes = loop - centre
    normal = np.cross(spokes, np.roll(spokes, -1, axis=0)).sum(0)
    # The left hand's loop runs in the other direction.
    normal /= np.linalg.norm(normal) * (1 if side == "right" else -1)
    across = spokes[0] / np.linalg.norm(spokes[0])
    bend = forearm.flexion * across + forearm.deviation * np.cross(normal, across)
    length, skin = LENGTH, forearm.skin
    while True:
        beyond = skin + 0.0015 + (length - skin) * np.array([0, 0.1, 0.25, 0.5, 0.75, 1])
        rings, place, before = [], centre.astype(np.float64), 0.0
        for number, distance in enumerate((*np.linspace(0.012, skin, SKIN_RINGS), *beyond)):
            turn = Rotation.from_rotvec(bend * min(distance / BEND_WITHIN, 1)).as_matrix()
            place = place + turn @ normal * (distance - before)
            before = distance
            width = 1 + forearm.widening * min(distance / 0.22, 1.3)
            width *= forearm.sleeve if number >= SKIN_RINGS else 1
            rings.append(place + spokes @ turn.T * width)
        if min(ring[:, 2].min() for ring in rings) > nearest or length < SHORTEST:
            return np.concatenate((vertices, *rings)).astype(np.float32)
        length *= 0.75
        skin = min(skin, 0.8 * length)
