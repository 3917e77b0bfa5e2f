"""Draws labels, dense map, depth and visible shares of two fitted hands by ray casting.

This is for pictures whose truth is a fit of a hand model. Unlike :mod:`handlib.data.rendered.render` it draws
any model's hands, and it adds no forearms, because a fit doesn't say where a forearm is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from handlib.data.rendered.render import rest_colours
from handlib.data.sample import BACKGROUND
from handlib.geometry.mesh import edges_of
from handlib.geometry.rays import ray_scene
from handlib.geometry.surfaces import pierces, surface_distance
from handlib.hand.hand import Hand


@dataclass(frozen=True)
class HandMaps:
    """The maps of a picture and the visible shares, as in :class:`handlib.data.sample.Sample`."""

    label: UInt8[np.ndarray, "size size"]
    dense: UInt8[np.ndarray, "size size 3"]
    depth: Float[np.ndarray, "size size"]
    visible: Float[np.ndarray, "2"]


def pixel_rays(intrinsics: Float[np.ndarray, "4"], size: int) -> Float[np.ndarray, "pixels 3"]:
    """Returns the rays (z = 1) through the centres of all pixels, row by row."""
    centres = np.arange(size, dtype=np.float32) + 0.5
    x = (centres - intrinsics[2]) / intrinsics[0]
    y = (centres - intrinsics[3]) / intrinsics[1]
    rays = np.ones((size, size, 3), dtype=np.float32)
    rays[..., 0], rays[..., 1] = x[None], y[:, None]
    return rays.reshape(-1, 3)


def hand_maps(
    hands: Sequence[Hand],
    vertices: Float[np.ndarray, "2 778 3"],
    intrinsics: Float[np.ndarray, "4"],
    size: int,
) -> HandMaps:
    """Casts a ray through every pixel's centre; ``hands`` and ``vertices`` are (left, right), camera frame.

    A hand's visible share is its visible pixels, divided by the pixels of this picture that the hand would
    cover alone; 0 if there are none.
    """
    rays = pixel_rays(intrinsics, size)
    depth = np.full((2, len(rays)), np.inf, dtype=np.float32)
    dense = np.zeros((2, len(rays), 3), dtype=np.uint8)
    colours = rest_colours(hands[1].v_template.numpy())
    for h, hand in enumerate(hands):
        hits = ray_scene((vertices[h], hand.faces)).first_hits(np.zeros_like(rays), rays)
        ray = np.flatnonzero(hits.met)
        second, third = hits.u[ray], hits.v[ray]
        weights = np.stack((1 - second - third, second, third), axis=1)
        corners = colours[hand.faces[hits.face[ray]]]
        dense[h, ray] = np.clip(np.rint((corners * weights[..., None]).sum(1)), 1, 255)
        depth[h, ray] = hits.way[ray]
    covered = np.isfinite(depth)
    front = depth.argmin(0)
    label = np.where(covered.any(0), 1 + front, BACKGROUND).astype(np.uint8)
    pixels = np.arange(len(rays))
    shown = np.array([(label == 1 + h).sum() for h in (0, 1)])
    return HandMaps(
        label=label.reshape(size, size),
        dense=dense[front, pixels].reshape(size, size, 3),
        depth=np.where(covered.any(0), depth[front, pixels], 0).reshape(size, size),
        visible=(shown / np.maximum(covered.sum(1), 1)).astype(np.float32),
    )


def hands_distance(hands: Sequence[Hand], vertices: Float[np.ndarray, "2 778 3"]) -> float:
    """Returns the smallest distance of two hands' surfaces in metres; 0 if they cross, as fits often do."""
    for h, hand in enumerate(hands):
        if pierces(vertices[h], edges_of(hand.faces), ray_scene((vertices[1 - h], hands[1 - h].faces))):
            return 0.0
    return surface_distance(vertices[0], vertices[1], hands[0].faces, hands[1].faces)
