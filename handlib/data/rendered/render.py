"""Renders two hands with their exact truth, by ray casting on the CPU, without OpenGL.

Labels, depth and the dense map come from one ray through every pixel's centre, colours from several rays per
pixel. Both only need to know which arm a ray meets, and at which point of the surface.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from scipy.ndimage import binary_dilation
from torch import Tensor
from torch.nn.functional import normalize

from handlib.data.rendered.arm import add_forearm, arm_faces, build_scene, hand_faces
from handlib.data.rendered.shading import (
    LIFT,
    Appearance,
    face_rotations,
    light_skin,
    linear_to_srgb_bytes,
    look_up_texture,
    openness,
    weighted_sum,
)
from handlib.data.sample import BACKGROUND
from handlib.geometry.mesh import vertex_normals
from handlib.geometry.rays import RayScene
from handlib.hand.hand import open_hand_data
from handlib.hand.skeleton import SIDES
from handlib.utils.arguments import check_finite

# Side of the coarse picture in which visible shares are counted, for pictures of any size.
VISIBILITY_GRID = 64
SHADOW_FROM = -0.3
NUM_ARMS = 2


@dataclass(frozen=True)
class RenderedPair:
    """A picture and its truth; see :class:`handlib.data.sample.Sample` for the meaning of each array."""

    image: UInt8[np.ndarray, "size size 3"]
    label: UInt8[np.ndarray, "size size"]
    dense: UInt8[np.ndarray, "size size 3"]
    depth: Float[np.ndarray, "size size"]


@dataclass(frozen=True)
class Hits:
    """The first hits of rays from the eye; rays without a hit are left out.

    ``ray`` is the ray's index. ``weights`` belong to the three corners of ``face``. ``depth`` is z in metres.
    """

    ray: Int[np.ndarray, "n"]
    arm: Int[np.ndarray, "n"]
    face: Int[np.ndarray, "n"]
    weights: Float[np.ndarray, "n 3"]
    depth: Float[np.ndarray, "n"]
    facet_normal: Float[np.ndarray, "n 3"]
    direction: Float[np.ndarray, "n 3"]

    def where(self, chosen: Bool[np.ndarray, "n"]) -> "Hits":
        """Returns some of the hits, in the same order."""
        return Hits(**{name: values[chosen] for name, values in vars(self).items()})


class PairScene:
    """Two arms in front of a camera, with methods for truth, visibility and colour.

    ``vertices`` are the hands (left, right) in the camera's frame. ``intrinsics`` (fx, fy, cx, cy) belong to
    a picture of side 1.
    """

    def __init__(self, vertices: Float[np.ndarray, "2 778 3"], intrinsics: Float[np.ndarray, "4"]):
        check_finite("vertices", vertices)
        check_finite("intrinsics", intrinsics)
        self.vertices = np.ascontiguousarray(vertices, dtype=np.float32)
        self.intrinsics = intrinsics.astype(np.float32)
        self.arms = [add_forearm(hand, side) for hand, side in zip(self.vertices, SIDES, strict=True)]
        if min(arm[:, 2].min() for arm in self.arms) <= 0:
            raise ValueError("vertices: expected both arms in front of the camera (z > 0)")
        self.scene: RayScene = build_scene(*self.arms)

    def pixels(self, size: int) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
        """Returns rows and columns of all pixels of a window around both arms, in a picture of this size."""
        points = np.concatenate(self.arms)
        seen = points[:, :2] / points[:, 2:] * self.intrinsics[:2] + self.intrinsics[2:]
        left, top = np.clip(np.floor(seen.min(0) * size), 0, size - 1).astype(int)
        right, bottom = np.clip(np.ceil(seen.max(0) * size), 1, size).astype(int)
        rows, columns = np.mgrid[top : max(bottom, top + 1), left : max(right, left + 1)].astype(np.int32)
        return rows.ravel(), columns.ravel()

    def directions(
        self, rows: Int[np.ndarray, "n"], columns: Int[np.ndarray, "n"], size: int, samples: int
    ) -> Float[np.ndarray, "rays 3"]:
        """Returns rays (z = 1), pixel by pixel; each goes through one of ``samples`` x ``samples`` parts."""
        fx, fy, cx, cy = self.intrinsics
        part = ((np.arange(samples, dtype=np.float32) + 0.5) / samples)[None]
        x = ((columns[:, None] + part) / np.float32(size) - cx) / fx
        y = ((rows[:, None] + part) / np.float32(size) - cy) / fy
        rays = np.ones((len(rows), samples, samples, 3), dtype=np.float32)
        rays[..., 0] = x[:, None, :]
        rays[..., 1] = y[:, :, None]
        return rays.reshape(-1, 3)

    def cast(self, directions: Float[np.ndarray, "rays 3"]) -> Hits:
        """Returns the first hits of rays from the eye."""
        first = self.scene.first_hits(np.zeros_like(directions), directions)
        ray = np.flatnonzero(first.met)
        second, third = first.u[ray], first.v[ray]
        return Hits(
            ray=ray,
            arm=first.mesh[ray],
            face=first.face[ray],
            weights=np.stack((1 - second - third, second, third), axis=1),
            depth=first.way[ray],
            facet_normal=first.normal[ray],
            direction=directions[ray],
        )

    def truth(self, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns label, dense map and depth at the pixels' centres.

        Forearms have their hand's label, but no dense colour.
        """
        rows, columns = self.pixels(size)
        hits = self.cast(self.directions(rows, columns, size, 1))
        hits = hits.where(hits.arm < NUM_ARMS)
        place = (rows[hits.ray], columns[hits.ray])
        label = np.full((size, size), BACKGROUND, dtype=np.uint8)
        label[place] = 1 + hits.arm
        depth = np.zeros((size, size), dtype=np.float32)
        depth[place] = hits.depth
        dense = np.zeros((size, size, 3), dtype=np.uint8)
        on_hand = hits.face < len(hand_faces())
        dense[place[0][on_hand], place[1][on_hand]] = dense_colour(hits.face[on_hand], hits.weights[on_hand])
        return label, dense, depth

    def visibility(self) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
        """Returns, per hand, the visible share of its silhouette and its visible area (share of the picture).

        The silhouette is the area that would show the hand, without its forearm, if nothing else were there.
        Both are counted in a picture of 64 x 64 pixels, so they don't depend on the rendered size. Both are 0
        if the hand is outside the picture.
        """
        size = VISIBILITY_GRID
        hits = self.cast(self.directions(*self.pixels(size), size, 1))
        seen, hidden = np.zeros(2), np.zeros(2)
        for arm in (0, 1):
            seen[arm] = ((hits.arm == arm) & (hits.face < len(hand_faces()))).sum()
            # Rays that meet something else, inside this hand's bounding box in the picture.
            slope = self.vertices[arm, :, :2] / self.vertices[arm, :, 2:]
            in_box = (hits.direction[:, :2] >= slope.min(0)) & (hits.direction[:, :2] <= slope.max(0))
            asked = (hits.arm != arm) & in_box.all(1)
            hidden[arm] = self._behind(hits.direction[asked], hits.depth[asked], arm)
        return (seen / np.maximum(seen + hidden, 1)).astype(np.float32), (seen / size**2).astype(np.float32)

    def _behind(self, directions: np.ndarray, depth: np.ndarray, arm: int) -> int:
        """Counts the rays that, behind their first hit, meet the hand of ``arm`` before its forearm."""
        count = 0
        while len(directions):
            start = directions * (depth + np.float32(1e-4))[:, None]
            first = self.scene.first_hits(start, directions)
            found = (first.mesh == arm) & first.met
            count += int((found & (first.face < len(hand_faces()))).sum())
            onwards = ~found & first.met
            directions = directions[onwards]
            depth = depth[onwards] + np.float32(1e-4) + first.way[onwards]
        return count

    def colour(
        self, label: UInt8[np.ndarray, "size size"], appearance: Appearance, samples: int
    ) -> UInt8[np.ndarray, "size size 3"]:
        """Returns the picture in sRGB bytes.

        ``samples`` x ``samples`` rays go through every pixel that is labelled or touches a labelled one.
        """
        size = len(label)
        rows, columns = np.nonzero(binary_dilation(label != BACKGROUND, np.ones((3, 3))))
        rays = self.directions(rows.astype(np.int32), columns.astype(np.int32), size, samples)
        hits = self.cast(rays)
        layer = torch.zeros(len(rays), 4)
        layer[torch.from_numpy(hits.ray)] = torch.cat(
            (self.shade(hits, samples**2, appearance), torch.ones(len(hits.ray), 1)), dim=1
        )
        mean = layer.view(-1, samples**2, 4).mean(1).numpy()
        picture = appearance.background.astype(np.float32)
        picture[rows, columns] = picture[rows, columns] * (1 - mean[:, 3:]) + mean[:, :3]
        return linear_to_srgb_bytes(picture)

    def shade(self, hits: Hits, rays_per_pixel: int, appearance: Appearance) -> Float[Tensor, "n 3"]:
        """Returns the linear colours of the hits."""
        faces = arm_faces()
        normals = np.concatenate(
            [sign * vertex_normals(arm, faces) for arm, sign in zip(self.arms, (-1, 1), strict=True)]
        )
        sky = openness(self.scene, np.concatenate(self.arms), normals)
        table = torch.from_numpy(np.concatenate((normals, sky[:, None]), axis=1))
        face = torch.from_numpy(hits.face).long()
        arm = torch.from_numpy(hits.arm).long()
        weights = torch.from_numpy(hits.weights)
        corner = torch.from_numpy(faces).long()[face] + (arm * len(self.arms[0]))[:, None]
        smooth = weighted_sum(table, corner, weights)
        texture = look_up_texture(face, weights)
        turned = face_rotations(self.vertices)[face + arm * len(faces)]
        normal = normalize(smooth[:, :3] + (turned * texture[:, None, 4:]).sum(-1), dim=1)
        lit = self._lit(hits, rays_per_pixel, normal, appearance.light)
        towards_eye = -normalize(torch.from_numpy(hits.direction), dim=1)
        return light_skin(texture, normal, smooth[:, 3], towards_eye, lit, appearance)

    def _lit(
        self, hits: Hits, rays_per_pixel: int, normal: Float[Tensor, "n 3"], light: np.ndarray
    ) -> Float[Tensor, "n"]:
        """Returns 1 for hits that the light reaches, else 0; tested once per pixel, at its first hit."""
        light = (light / np.linalg.norm(light)).astype(np.float32)
        starts_pixel = np.diff(hits.ray // rays_per_pixel, prepend=-1) > 0
        first = np.flatnonzero(starts_pixel)
        asked = first[normal.numpy()[first] @ light > SHADOW_FROM]
        facet, direction = hits.facet_normal[asked], hits.direction[asked]
        facet = facet / np.linalg.norm(facet, axis=1, keepdims=True)
        facet *= -np.sign((facet * direction).sum(1, keepdims=True))
        start = direction * hits.depth[asked, None] + facet * np.float32(LIFT)
        lit = np.ones(len(normal), dtype=np.float32)
        lit[asked] = ~self.scene.blocked(start, np.broadcast_to(light, start.shape))
        return torch.from_numpy(lit[first][np.cumsum(starts_pixel) - 1])


def rest_colours(rest: Float[np.ndarray, "778 3"]) -> Float[np.ndarray, "778 3"]:
    """Returns the vertices' dense colours: their places in the bounding box of the hand at rest, 1 to 255."""
    low, high = rest.min(0), rest.max(0)
    return (1 + 254 * (rest - low) / (high - low)).astype(np.float32)


@cache
def _open_hand_colours() -> Float[np.ndarray, "778 3"]:
    return rest_colours(open_hand_data("right").v_template)


def dense_colour(face: Int[np.ndarray, "n"], weights: Float[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
    """Returns the colours of surface points: their places in the right hand's bounding box at rest.

    The colours run from 1 to 255 along each axis. The same point of the left hand has the same colour.
    """
    colours = (_open_hand_colours()[hand_faces()[face]] * weights[..., None]).sum(1)
    return np.clip(np.rint(colours), 1, 255).astype(np.uint8)


def render_pair(
    vertices: Float[np.ndarray, "2 778 3"],
    intrinsics: Float[np.ndarray, "4"],
    size: int,
    appearance: Appearance,
    samples: int = 2,
) -> RenderedPair:
    """Draws two hands (left, right; camera frame, metres) with their forearms.

    ``intrinsics`` (fx, fy, cx, cy) are in pixels of the picture of ``size``. ``samples`` x ``samples`` rays
    per pixel give its colour. Raises a ``ValueError`` if an arm reaches behind the camera, and an
    ``InputError`` if a number isn't finite.
    """
    scene = PairScene(vertices, intrinsics / size)
    label, dense, depth = scene.truth(size)
    return RenderedPair(scene.colour(label, appearance, samples), label, dense, depth)
