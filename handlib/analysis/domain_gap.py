"""Makes rendered pictures more like photographs, one change at a time; each picture keeps its exact truth.

A change adds one property that photographs have and the training pictures don't. It changes the scene, its
light and colours, or the finished picture. So one can measure which changes harm a network, and how much
(:mod:`handlib.photos.trials`).
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageFilter
from scipy.spatial.transform import Rotation

from handlib.data.rendered.backgrounds import SKIN_COLOURS
from handlib.data.rendered.placement import before_camera, picture_bounds
from handlib.data.rendered.scenes import Scene
from handlib.data.rendered.shading import Appearance, srgb_to_linear
from handlib.data.sample import Sample

Thing = TypeVar("Thing")
Square = UInt8[np.ndarray, "size size 3"]
HANDS_FILL = 0.8
"""Share of the picture's side that the hands fill after the camera has moved."""


def _same(thing: Thing, rng: np.random.Generator) -> Thing:
    return thing


@dataclass(frozen=True)
class Change:
    """One difference between a photograph and a training picture; ``closes`` says what training would need.

    Each of the three functions gets the thing that it changes, and the picture's own random generator.
    """

    closes: str
    scene: Callable[[Scene, np.random.Generator], Scene] = _same
    appearance: Callable[[Appearance, np.random.Generator], Appearance] = _same
    picture: Callable[[Square, np.random.Generator], Square] = _same


def taken(scene: Scene, changes: Sequence[Change], size: int, seed: int) -> Sample:
    """Draws a changed scene: changes of the scene come first, then of the light, then of the picture."""
    rngs = [np.random.default_rng((seed, number)) for number in range(len(changes))]
    for change, rng in zip(changes, rngs, strict=True):
        scene = change.scene(scene, rng)
    appearance = scene.appearance(size)
    for change, rng in zip(changes, rngs, strict=True):
        appearance = change.appearance(appearance, rng)
    sample = scene.sample(size, appearance)
    picture = sample.image.permute(1, 2, 0).numpy()
    for change, rng in zip(changes, rngs, strict=True):
        picture = change.picture(picture, rng)
    return replace(sample, image=torch.from_numpy(picture.copy()).permute(2, 0, 1).contiguous())


def seen_from(scene: Scene, turn: Float[np.ndarray, "3 3"], distance: float | int | None = None) -> Scene:
    """Returns the scene as seen by a camera that went around its hands.

    ``turn`` turns the hands; ``distance`` (metres) is the new distance to their middle. The crop follows the
    hands.
    """
    moved = before_camera(scene.pair, turn, distance)
    low, high = picture_bounds(moved)
    focal = HANDS_FILL / (high - low).max()
    intrinsics = np.array([focal, focal, *(0.5 - focal * (low + high) / 2)], dtype=np.float32)
    return replace(scene, pair=moved, intrinsics=intrinsics)


def turned(axis: str, degrees: float | int) -> Callable[[Scene, np.random.Generator], Scene]:
    """Returns a change: a camera that went around the hands by an angle about one of its own axes."""
    turn = Rotation.from_euler(axis, degrees, degrees=True).as_matrix()
    return lambda scene, rng: seen_from(scene, turn)


def nearer(distance: float | int) -> Callable[[Scene, np.random.Generator], Scene]:
    """Returns a change: a camera close by, in whose picture near fingers look large."""
    return lambda scene, rng: seen_from(scene, np.eye(3), distance)


def lamp(towards: tuple[float, float, float]) -> Callable[[Appearance, np.random.Generator], Appearance]:
    """Returns a change: light from another direction (camera frame: x right, y down, z away)."""
    return lambda look, rng: replace(look, light=np.array(towards, dtype=np.float32))


def skin_behind(look: Appearance, rng: np.random.Generator) -> Appearance:
    """Returns the appearance with a background in colours of skin, like a blurred face, arm or wood."""
    size = len(look.background)
    first, second = srgb_to_linear(SKIN_COLOURS[rng.permutation(len(SKIN_COLOURS))[:2]])
    coarse = Image.fromarray(rng.uniform(size=(5, 5)).astype(np.float32))
    share = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))[..., None].clip(0, 1)
    return replace(look, background=(share * first + (1 - share) * second).astype(np.float32))


def gain(*factors: float | int) -> Callable[[Square, np.random.Generator], Square]:
    """Returns a change: each colour channel times its factor, in linear light."""

    def change(picture: Square, rng: np.random.Generator) -> Square:
        linear = srgb_to_linear(picture / 255) * factors
        return np.rint(255 * linear.clip(0, 1) ** (1 / 2.2)).astype(np.uint8)

    return change


def grey(picture: Square, rng: np.random.Generator) -> Square:
    """Returns the picture without colour."""
    return np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))


def noise(deviation: float | int) -> Callable[[Square, np.random.Generator], Square]:
    """Returns a change: pixel noise as of a sensor in a dark room; the deviation is in bytes."""
    return lambda picture, rng: np.clip(
        np.rint(picture + rng.normal(0, deviation, picture.shape)), 0, 255
    ).astype(np.uint8)


def blur(share: float | int) -> Callable[[Square, np.random.Generator], Square]:
    """Returns a change: out of focus; the blur's deviation is a share of the picture's side."""
    return lambda picture, rng: np.asarray(
        Image.fromarray(picture).filter(ImageFilter.GaussianBlur(share * len(picture)))
    )


def jpeg(quality: int) -> Callable[[Square, np.random.Generator], Square]:
    """Returns a change: stored as JPEG."""

    def change(picture: Square, rng: np.random.Generator) -> Square:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file).convert("RGB"))

    return change


def small(pixels: int) -> Callable[[Square, np.random.Generator], Square]:
    """Returns a change: hands that are small in the photograph, with few pixels per side, enlarged again."""

    def change(picture: Square, rng: np.random.Generator) -> Square:
        image = Image.fromarray(picture)
        tiny = image.resize((pixels, pixels), Image.Resampling.BOX)
        return np.asarray(tiny.resize(image.size, Image.Resampling.BICUBIC))

    return change


IN_PICTURE = "stronger augmentation (`Augmentation`); noise also by a filter before the network"
IN_LIGHT = "more kinds of light and background in `sample_appearance`"
IN_VIEW = "a world that shows hands so (`wild`'s does), or real pictures that do"
CHANGES: Mapping[str, Change] = {
    "no colour": Change(IN_PICTURE, picture=grey),
    "warm lamp": Change(IN_PICTURE, picture=gain(1.0, 0.6, 0.3)),
    "too dark": Change(IN_PICTURE, picture=gain(0.2, 0.2, 0.2)),
    "sensor noise": Change(IN_PICTURE, picture=noise(25)),
    "out of focus": Change(IN_PICTURE, picture=blur(1 / 64)),
    "few pixels": Change(IN_PICTURE, picture=small(40)),
    "hard JPEG": Change(IN_PICTURE, picture=jpeg(10)),
    "light from below": Change(IN_LIGHT, appearance=lamp((0.3, 0.9, 0.2))),
    "skin colours behind": Change(IN_LIGHT, appearance=skin_behind),
    "camera close by": Change(IN_VIEW, scene=nearer(0.30)),
    "camera rolled 60°": Change(IN_VIEW, scene=turned("z", 60)),
    "camera to the side 70°": Change(IN_VIEW, scene=turned("y", 70)),
    "seen from opposite": Change(IN_VIEW, scene=turned("y", 180)),
}
"""Properties of photographs, by name; pictures of ``desk`` have none of them this strongly."""
