"""Things beside hands: boxes, cylinders and ellipsoids with a pattern that runs through their material.

A thing is a unit solid that is stretched, turned and placed in the camera's frame. The unit box is
[-1, 1]³. The unit cylinder has radius 1 and reaches from -1 to 1 along z. The unit ellipsoid is the sphere of
radius 1. Patterns are functions of the place in the unit solid, so things need no unwrapped texture.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np
import torch
import trimesh
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn.functional import normalize

from handlib.data.rendered.shading import AMBIENT_TINT, WRAP, srgb_to_linear

Kind = Literal["box", "cylinder", "ellipsoid"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Pattern = Literal["plain", "stripes", "checks", "marble"]
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
# Range of the two other sides, as shares of a thing's longest side.
SLIMNESS = (0.3, 1.0)


@dataclass(frozen=True)
class Thing:
    """A solid: ``half_sizes`` (metres) stretch the unit solid, ``turn`` and ``centre`` place it.

    Its material has two linear ``colours`` in a pattern with ``waves`` periods from end to end.
    """

    kind: Kind
    centre: Float[np.ndarray, "3"]
    turn: Float[np.ndarray, "3 3"]
    half_sizes: Float[np.ndarray, "3"]
    colours: Float[np.ndarray, "2 3"]
    pattern: Pattern
    waves: float

    @property
    def radius(self) -> float:
        """Returns the distance from the thing's centre to its farthest point (metres)."""
        reach = {"box": 3, "cylinder": 2, "ellipsoid": 1}[self.kind]
        return float(np.sqrt(np.sort(self.half_sizes**2)[-reach:].sum()))

    @property
    def vertices(self) -> Float[np.ndarray, "v 3"]:
        """Returns the surface's vertices in the camera's frame, in metres."""
        corners, _ = unit_solid(self.kind)
        return ((corners * self.half_sizes) @ self.turn.T + self.centre).astype(np.float32)

    @property
    def faces(self) -> Int[np.ndarray, "f 3"]:
        """Returns the surface's triangles, anticlockwise as seen from outside."""
        return unit_solid(self.kind)[1]

    def in_unit_solid(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Converts points from the camera's frame to the frame in which the thing is the unit solid."""
        return (points - self.centre) @ self.turn / self.half_sizes

    def contains(self, points: Float[np.ndarray, "n 3"]) -> Bool[np.ndarray, "n"]:
        """Returns which points (camera's frame, metres) are inside."""
        place = self.in_unit_solid(points)
        across = np.linalg.norm(place[:, :2], axis=1)
        return {
            "box": np.abs(place).max(1),
            "cylinder": np.maximum(across, np.abs(place[:, 2])),
            "ellipsoid": np.linalg.norm(place, axis=1),
        }[self.kind] < 1

    def normals(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Returns the outward unit normals at points of the surface."""
        place = self.in_unit_solid(points)
        outward = place.copy()
        if self.kind == "box":
            outward = np.sign(place) * (np.abs(place) == np.abs(place).max(1, keepdims=True))
        elif self.kind == "cylinder":
            on_cap = np.abs(place[:, 2:]) > np.linalg.norm(place[:, :2], axis=1, keepdims=True)
            outward = np.where(on_cap, place * (0, 0, 1), place * (1, 1, 0))
        outward = (outward / self.half_sizes) @ self.turn.T
        return (outward / np.linalg.norm(outward, axis=1, keepdims=True)).astype(np.float32)

    def colour(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Returns the material's linear colour at points."""
        phase = np.pi * self.waves * self.in_unit_solid(points)
        share = {
            "plain": np.zeros(len(points)),
            "stripes": np.sin(phase[:, 2]) > 0,
            "checks": np.sin(phase).prod(1) > 0,
            "marble": 0.5 + 0.5 * np.sin(phase[:, 2] + np.sin(phase[:, 0]) + np.sin(1.7 * phase[:, 1])),
        }[self.pattern]
        first, second = self.colours
        return (first + share[:, None] * (second - first)).astype(np.float32)


@cache
def unit_solid(kind: Kind) -> tuple[Float[np.ndarray, "v 3"], Int[np.ndarray, "f 3"]]:
    """Returns vertices and faces of a unit solid."""
    mesh = {
        "box": lambda: trimesh.creation.box(extents=(2, 2, 2)),
        "cylinder": lambda: trimesh.creation.cylinder(radius=1, height=2, sections=48),
        "ellipsoid": lambda: trimesh.creation.icosphere(subdivisions=3),
    }[kind]()
    return np.asarray(mesh.vertices), np.asarray(mesh.faces).astype(np.int32)


def sample_thing(rng: np.random.Generator, kind: Kind | None = None) -> Thing:
    """Returns a random thing at the origin. Its longest half side is one metre; placing it sets its size."""
    kind = KINDS[rng.integers(len(KINDS))] if kind is None else kind
    sides = np.append(rng.uniform(*SLIMNESS, 2), 1.0)
    grey = rng.uniform(0.1, 0.9, (2, 1))
    return Thing(
        kind=kind,
        centre=np.zeros(3),
        turn=Rotation.random(rng=rng).as_matrix(),
        half_sizes=rng.permuted(sides),
        colours=srgb_to_linear(np.clip(grey + rng.uniform(-0.35, 0.35, (2, 3)), 0.03, 0.97)),
        pattern=PATTERNS[rng.integers(len(PATTERNS))],
        waves=float(rng.uniform(1, 5)),
    )


def light_thing(
    albedo: Float[Tensor, "n 3"], normal: Float[Tensor, "n 3"], lit: Float[Tensor, "n"], light: Tensor
) -> Float[Tensor, "n 3"]:
    """Returns the linear colour of a matt surface under the light and sky of :func:`shading.light_skin`."""
    toward = normal @ normalize(light, dim=0)
    wrap = WRAP.mean()
    diffuse = ((toward + wrap) / (1 + wrap)).clamp(0, 1)
    sky = 0.28 - 0.16 * normal[:, 1]
    sun = 0.92 * diffuse * (0.14 + 0.86 * lit)
    return albedo * (sky[:, None] * torch.as_tensor(AMBIENT_TINT) + sun[:, None])
