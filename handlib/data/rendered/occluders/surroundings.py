"""What stands around a pair: things before the hands or held between them, somebody else's hands behind them.

Sizes are found, not drawn: a thing in front of the hands grows until it hides the share of them that is
wanted, a thing between them until it touches one.
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

# Half of a thing's longest side, metres.
SMALLEST, LARGEST = 0.004, 0.14
# Metres between the nearest point of the hands and a thing in front of them.
CLEARANCE = 0.004
# Shares of what is seen of the hands that one thing hides in the world of objects.
COVERS = (0.05, 0.6)
HELD_SHARE = 0.25
BISECTIONS = 12


def seen_of_hands(scene: PairScene, hands: tuple[int, ...] = (0, 1)) -> Hits:
    """Rays that meet some of the hands (0 left, 1 right; forearms don't count), of a coarse picture."""
    hits = scene.cast(scene.directions(*scene.pixels(VISIBILITY_GRID), VISIBILITY_GRID, 1))
    return hits.where(np.isin(hits.arm, hands) & (hits.face < len(hand_faces())))


def in_front(thing: Thing, size: float, direction: Float[np.ndarray, "3"], nearest: float) -> Thing:
    """The thing with its longest half side ``size`` (metres), seen in a direction (z = 1), wholly before the
    depth ``nearest``.
    """
    sized = replace(thing, half_sizes=thing.half_sizes * (size / thing.half_sizes.max()))
    return replace(sized, centre=direction.astype(float) * (nearest - CLEARANCE - sized.radius))


def hidden_share(thing: Thing, seen: Hits) -> float:
    """The share of the rays that meet the thing first."""
    scene = ray_scene((thing.vertices, thing.faces))
    first = scene.first_hits(np.zeros_like(seen.direction), seen.direction)
    return float((first.met & (first.way < seen.depth)).mean())


def _largest(fits: Callable[[float], bool]) -> float:
    """By bisection the largest size that fits, if smaller ones do."""
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
    """The thing in front of a random point of some hands, so large that it hides ``share`` of what is seen of
    them.

    It hides less if that would take more than ``LARGEST``. The scene is the bare pair's.
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
    """The thing halfway between both palms' knuckles, as large as the hands leave room for.

    None if that is less than a centimetre and a half across.
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
    """One or two random things; a quarter of the first ones are held, the others in front of either hand or
    of both.
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
    """Somebody else's pair (``vertices``, fingers up) behind the scene's: it reaches into the picture from
    above, from a side or from below, and its forearms leave it there.
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
