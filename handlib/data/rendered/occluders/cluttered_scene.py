"""Scenes of a pair with things in front of it or somebody else's hands behind it.

The surroundings hide the pair and cast shadows on it. In all labels they are background.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from handlib.data.rendered.arm import arm_faces
from handlib.data.rendered.occluders.solids import Thing, light_thing
from handlib.data.rendered.render import NUM_ARMS, Hits, PairScene
from handlib.data.rendered.shading import Appearance
from handlib.geometry.rays import ray_scene


@dataclass(frozen=True)
class OtherHands:
    """Somebody else's hands (left, right) in the camera's frame, metres, and their skin's tone."""

    vertices: Float[np.ndarray, "2 778 3"]
    tone: Float[np.ndarray, "3"]


class ClutteredScene(PairScene):
    """A pair with things and other people's hands around it; it has the methods of a :class:`PairScene`.

    Labels, the dense map and depth show the pair alone, where nothing hides it. ``visibility`` is the visible
    share of a hand's silhouette, the area that would show the hand if nothing else were there.
    """

    def __init__(
        self,
        vertices: Float[np.ndarray, "2 778 3"],
        intrinsics: Float[np.ndarray, "4"],
        things: Sequence[Thing] = (),
        others: Sequence[OtherHands] = (),
    ):
        super().__init__(vertices, intrinsics)
        self.things, self.others = tuple(things), tuple(others)
        self._other_pairs = [PairScene(other.vertices, intrinsics) for other in self.others]
        arms = [(arm, arm_faces()) for pair in (self, *self._other_pairs) for arm in pair.arms]
        self.scene = ray_scene(*arms, *((thing.vertices, thing.faces) for thing in self.things))
        for pair in self._other_pairs:
            pair.scene = self.scene

    def colour(
        self, label: UInt8[np.ndarray, "size size"], appearance: Appearance, samples: int
    ) -> UInt8[np.ndarray, "size size 3"]:
        """Returns the picture in sRGB bytes, as large as ``label``; all covered pixels are drawn."""
        size = len(label)
        rows, columns = np.indices((size, size), dtype=np.int32).reshape(2, -1)
        covered = np.zeros(size * size, dtype=np.uint8)
        covered[self.cast(self.directions(rows, columns, size, 1)).ray] = 1
        return super().colour(covered.reshape(size, size), appearance, samples)

    def shade(self, hits: Hits, rays_per_pixel: int, appearance: Appearance) -> Float[Tensor, "n 3"]:
        """Returns the linear colours of the hits, on skin and on things."""
        colours = torch.zeros(len(hits.ray), 3)
        skins = [
            (self, appearance.tone),
            *((p, o.tone) for p, o in zip(self._other_pairs, self.others, strict=True)),
        ]
        for number, (pair, tone) in enumerate(skins):
            first = NUM_ARMS * number
            chosen = (hits.arm >= first) & (hits.arm < first + NUM_ARMS)
            if chosen.any():
                part = hits.where(chosen)
                part = replace(part, arm=part.arm - np.uint32(first))
                skin = replace(appearance, tone=tone)
                colours[torch.from_numpy(chosen)] = PairScene.shade(pair, part, rays_per_pixel, skin)
        for number, thing in enumerate(self.things, start=NUM_ARMS * len(skins)):
            chosen = hits.arm == number
            if chosen.any():
                seen = hits.where(chosen)
                colours[torch.from_numpy(chosen)] = self._shade_thing(thing, seen, rays_per_pixel, appearance)
        return colours

    def _shade_thing(
        self, thing: Thing, hits: Hits, rays_per_pixel: int, appearance: Appearance
    ) -> Float[Tensor, "n 3"]:
        points = hits.direction * hits.depth[:, None]
        normal = torch.from_numpy(thing.normals(points))
        lit = self._lit(hits, rays_per_pixel, normal, appearance.light)
        return light_thing(
            torch.from_numpy(thing.colour(points)), normal, lit, torch.from_numpy(appearance.light)
        )
