"""Adds surroundings to a pair: things in front of the hands or held between them, other hands behind them.

Sizes aren't random. A thing in front of the hands grows until it hides the wanted share of them. A thing
between the hands grows until it touches one of them.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from handlib.data.rendered.arm import hand_faces
from handlib.data.rendered.occluders.cluttered_scene import OtherHands
from handlib.data.rendered.occluders.solids import Thing, sample_thing
from handlib.data.rendered.render import VISIBILITY_GRID, Hits, PairScene
from handlib.geometry.rays import ray_scene

# Range of half of a thing's longest side, in metres.
SMALLEST, LARGEST = 0.004, 0.14
# Metres between the nearest point of the hands and a thing in front of them.
CLEARANCE = 0.004
# Range of the share of the visible hands that one thing hides, in the world with objects.
COVERS = (0.05, 0.6)
HELD_SHARE = 0.25
BISECTIONS = 12


def seen_of_hands(scene: PairScene, hands: tuple[int, ...] = (0, 1)) -> Hits:
    """Returns the hits of a coarse picture's rays on the given hands (0 left, 1 right), without forearms."""
    hits = scene.cast(scene.directions(*scene.pixels(VISIBILITY_GRID), VISIBILITY_GRID, 1))
    return hits.where(np.isin(hits.arm, hands) & (hits.face < len(hand_faces())))


def in_front(thing: Thing, size: float, direction: Float[np.ndarray, "3"], nearest: float) -> Thing:
    """Places a thing in a direction (z = 1), wholly in front of the depth ``nearest``.

    Its longest half side becomes ``size`` (metres).
    """
    sized = replace(thing, half_sizes=thing.half_sizes * (size / thing.half_sizes.max()))
    return replace(sized, centre=direction.astype(float) * (nearest - CLEARANCE - sized.radius))


def hidden_share(thing: Thing, seen: Hits) -> float:
    """Returns the share of the rays that meet the thing first."""
    scene = ray_scene((thing.vertices, thing.faces))
    first = scene.first_hits(np.zeros_like(seen.direction), seen.direction)
    return float((first.met & (first.way < seen.depth)).mean())


def _largest(fits: Callable[[float], bool]) -> float:
    """Returns the largest size that fits, by bisection; all smaller sizes must fit too."""
    low, high = SMALLEST, LARGEST
    for _ in range(BISECTIONS):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if fits(middle) else (low, middle)
    return float(low)


def cover(
    thing: Thing,
    scene: PairScene,
    share: float,
    rng: np.random.Generator,
    hands: tuple[int, ...] = (0, 1),
) -> Thing:
    """Places a thing in front of a random point of some hands; it hides ``share`` of their visible part.

    It hides less if its size would exceed ``LARGEST``. The scene must hold the pair alone.
    """
    seen, nearest = seen_of_hands(scene, hands), float(seen_of_hands(scene).depth.min())
    aim = seen.direction[rng.integers(len(seen.direction))]
    return in_front(
        thing,
        _largest(lambda size: hidden_share(in_front(thing, size, aim, nearest), seen) <= share),
        aim,
        nearest,
    )


def hold(
    thing: Thing, vertices: Float[np.ndarray, "2 778 3"], joints: Float[np.ndarray, "2 21 3"]
) -> Thing | None:
    """Places a thing halfway between both hands' knuckles, as large as fits between the hands.

    Returns None if there is room for less than 1.5 cm.
    """
    centre = joints[:, [5, 9, 13, 17]].mean((0, 1)).astype(float)
    skin = vertices.reshape(-1, 3)

    def sized(size: float) -> Thing:
        return replace(thing, centre=centre, half_sizes=thing.half_sizes * (size / thing.half_sizes.max()))

    size = _largest(lambda size: not sized(size).contains(skin).any())
    return sized(size) if size > 0.0075 else None


def sample_objects(
    rng: np.random.Generator, scene: PairScene, joints: Float[np.ndarray, "2 21 3"]
) -> tuple[Thing, ...]:
    """Returns one or two random things.

    A quarter of the first things are held between the hands. The others are in front of one hand or of both.
    """
    things = []
    for number in range(1 + (rng.random() < 0.3)):
        thing = sample_thing(rng)
        held = hold(thing, scene.vertices, joints) if number == 0 and rng.random() < HELD_SHARE else None
        hands = ((0,), (1,), (0, 1))[rng.integers(3)]
        things.append(held or cover(thing, scene, rng.uniform(*COVERS), rng, hands))
    return tuple(things)


def sample_other_hands(
    rng: np.random.Generator,
    scene: PairScene,
    vertices: Float[np.ndarray, "2 778 3"],
    tone: Float[np.ndarray, "3"],
) -> OtherHands:
    """Places somebody else's pair (``vertices``, fingers up) behind the scene's pair.

    It reaches into the picture from above, from a side or from below.
    """
    quarter = rng.choice([180.0, 90.0, -90.0, 0.0], p=(0.4, 0.2, 0.2, 0.2)) + 15 * rng.normal()
    turn = Rotation.from_euler("z", quarter, degrees=True).as_matrix()
    centred = (vertices - vertices.mean((0, 1))) @ turn.T
    behind = max(arm[:, 2].max() for arm in scene.arms) + rng.uniform(0.01, 0.06)
    depth = behind - centred[..., 2].min()
    outwards = turn[:2, 1]
    place = 0.5 + rng.uniform(0.2, 0.4) * outwards + rng.uniform(-0.3, 0.3) * outwards[::-1] * (1, -1)
    x, y = (place - scene.intrinsics[2:]) / scene.intrinsics[:2] * depth
    return OtherHands((centred + np.array([x, y, depth])).astype(np.float32), tone.astype(np.float32))
