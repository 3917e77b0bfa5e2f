"""Scenes: a pair in front of a camera, made from a seed; it can be drawn at any size, with things around it.

Scene ``index`` of a split depends on the seed, the split and the index alone. A pair's surroundings have
their own random numbers. So ``desk-objects`` and ``desk-others`` show the same pairs as ``desk``, in the same
light and in front of the same backgrounds.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import count
from typing import get_args

import numpy as np
import torch
from jaxtyping import Float

from handlib.data.rendered.backgrounds import sample_background
from handlib.data.rendered.names import Split, WorldName
from handlib.data.rendered.occluders.cluttered_scene import ClutteredScene, OtherHands
from handlib.data.rendered.occluders.solids import Thing
from handlib.data.rendered.occluders.surroundings import sample_objects, sample_other_hands
from handlib.data.rendered.placement import WORLDS, Pair, look_at, place_pair
from handlib.data.rendered.render import PairScene
from handlib.data.rendered.shading import Appearance
from handlib.data.sample import STRATA, Sample
from handlib.utils.arguments import check_between, check_choice, check_types

SPLITS: tuple[Split, ...] = get_args(Split)
# Linear multipliers of the baked skin, from very light to very dark.
TONES = np.array(
    [
        (1.12, 1.12, 1.12),
        (1.0, 0.95, 0.90),
        (0.85, 0.76, 0.68),
        (0.60, 0.49, 0.41),
        (0.38, 0.29, 0.24),
        (0.20, 0.145, 0.12),
    ]
)


def sample_tone(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """Returns the linear multipliers of a random skin."""
    place = rng.uniform(0, len(TONES) - 1)
    tone = np.array([np.interp(place, np.arange(len(TONES)), channel) for channel in TONES.T])
    return np.clip(tone * (1 + 0.04 * rng.normal(size=3)), 0.08, 1.2).astype(np.float32)


def sample_appearance(rng: np.random.Generator, size: int) -> Appearance:
    """Returns a random skin tone, light and background."""
    return Appearance(
        tone=sample_tone(rng),
        light=(rng.normal(size=3) * (0.6, 0.5, 0.4) + (0, -0.6, -0.7)).astype(np.float32),
        background=sample_background(rng, size),
    )


LARGEST = 4096
"""Longest side of a rendered picture, in pixels."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A pair in front of a camera; ``replace(scene, things=(...,))`` is the same picture with things in it.

    ``intrinsics`` (fx, fy, cx, cy) are those of a picture of side 1. ``looks`` is the random generator for
    tone, light and background.
    """

    pair: Pair
    intrinsics: Float[np.ndarray, "4"]
    looks: np.random.Generator
    things: tuple[Thing, ...] = ()
    others: tuple[OtherHands, ...] = ()

    @property
    def built(self) -> PairScene:
        """Returns the scene's surfaces to cast rays at. Only those of the latest few scenes are kept."""
        return _build(self)

    @cached_property
    def visibility(self) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
        """Returns, per hand (left, right), its silhouette's visible share, and its share of the picture."""
        return self.built.visibility()

    def appearance(self, size: int) -> Appearance:
        """Returns the scene's tone, light and background for a picture of ``size`` pixels."""
        return sample_appearance(deepcopy(self.looks), size)

    @check_types
    def sample(self, size: int, appearance: Appearance | None = None) -> Sample:
        """Draws the scene, ``size`` pixels square, with its truth; ``appearance`` replaces its own."""
        check_between("size", size, 1, LARGEST)
        label, dense, depth = self.built.truth(size)
        image = self.built.colour(label, appearance or self.appearance(size), samples=2)
        return Sample(
            image=torch.from_numpy(image).permute(2, 0, 1).contiguous(),
            label=torch.from_numpy(label),
            dense=torch.from_numpy(dense).permute(2, 0, 1).contiguous(),
            depth=torch.from_numpy(depth),
            vertices=torch.from_numpy(self.pair.vertices),
            joints=torch.from_numpy(self.pair.joints),
            root=torch.from_numpy(self.pair.root),
            pose=torch.from_numpy(self.pair.pose),
            betas=torch.from_numpy(self.pair.betas),
            intrinsics=torch.from_numpy(self.intrinsics * size),
            visible=torch.from_numpy(self.visibility[0]),
            distance=torch.tensor(self.pair.distance, dtype=torch.float32),
            stratum=torch.tensor(STRATA.index(self.pair.stratum)),
        )


# A process can't hold more than a few hundred embree scenes.
@lru_cache(maxsize=8)
def _build(scene: Scene) -> PairScene:
    if scene.things or scene.others:
        return ClutteredScene(scene.pair.vertices, scene.intrinsics, scene.things, scene.others)
    return PairScene(scene.pair.vertices, scene.intrinsics)


def check_names(world: str, split: str) -> None:
    """Raises an :class:`InputError` for an unknown world or split."""
    for name, value, known in (("world", world, get_args(WorldName)), ("split", split, SPLITS)):
        check_choice(name, value, known)


@check_types
def make_scene(world: str, seed: int, index: int, split: str = "train") -> Scene:
    """Makes scene ``index`` of a split of a world.

    Raises:
        InputError: the world or split is unknown, or a number is out of range.
    """
    check_names(world, split)
    check_choice("world", world, WORLDS)
    check_between("seed", seed, 0, 2**64 - 1)
    check_between("index", index, 0, 2**32 - 1)
    place = SPLITS.index(split)
    kind = WORLDS[world]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(place, index)))
    while True:
        scene = Scene(*look_at(kind, place_pair(kind, rng), rng), looks=rng)
        area = scene.visibility[1]
        if area.min() >= kind.least_share * area.sum():
            break
    around = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(place, index, 1)))
    if kind.around == "objects":
        return with_objects(scene, around)
    if kind.around == "others":
        return with_other_hands(scene, around)
    return scene


def with_objects(scene: Scene, rng: np.random.Generator) -> Scene:
    """Returns the scene with random things in it; a part of each hand stays visible."""
    while True:
        things = sample_objects(rng, scene.built, scene.pair.joints)
        changed = replace(scene, things=things)
        if changed.visibility[1].min() > 0:
            return changed


def with_other_hands(scene: Scene, rng: np.random.Generator) -> Scene:
    """Returns the scene with another pair of ``desk`` hands behind it, which has its own skin tone."""
    other = place_pair(WORLDS["desk"], rng)
    hands = sample_other_hands(rng, scene.built, other.vertices, sample_tone(rng))
    return replace(scene, others=(hands,))


def hidden_scenes(seed: int) -> Iterator[Scene]:
    """Yields, endlessly and in order, ``desk-stacked`` test scenes with a hand less than a fifth visible."""
    scenes = (make_scene("desk-stacked", seed, index, "test") for index in count())
    return (scene for scene in scenes if scene.visibility[0].min() < 0.2)
