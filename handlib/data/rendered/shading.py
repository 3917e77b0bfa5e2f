"""Shades skin: the open hand's baked texture, ambient occlusion, and one light.

The texture has 45 lattice points per face with colour, gloss and fine normals, so that a mesh of 778 vertices
looks far denser. Colours are linear here; pictures become sRGB at the end.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag, normalize

from handlib.data.rendered.arm import arm_faces, hand_faces, wrist_loop
from handlib.geometry.mesh import vertex_normals
from handlib.geometry.rays import RayScene
from handlib.hand.hand import open_hand_data
from handlib.hand.mano_file import open_hand_file

# Cells of the texture lattice along a face's edge; 45 points.
CELLS = 8
WRAP = torch.tensor([0.30, 0.14, 0.10])
AMBIENT_TINT = torch.tensor([0.95, 1.0, 1.08])
# Rays start this far (metres) above the surface that they leave.
LIFT = 0.0012
NUM_OCCLUSION_RAYS = 8


@dataclass(frozen=True)
class Appearance:
    """The appearance of a pair.

    ``tone`` multiplies the skin's linear colour. ``light`` points towards the light (camera frame).
    ``background`` is a picture in linear light, as large as the picture to render.
    """

    tone: Float[np.ndarray, "3"]
    light: Float[np.ndarray, "3"]
    background: Float[np.ndarray, "size size 3"]


def srgb_to_linear(colour: np.ndarray) -> np.ndarray:
    """Converts sRGB values in [0, 1] to linear light, by the plain power 2.2."""
    return colour**2.2


def linear_to_srgb_bytes(colour: Float[np.ndarray, "*shape"]) -> np.ndarray:
    """Converts linear light, clipped to [0, 1], to sRGB bytes, by the plain power 1 / 2.2."""
    table = (np.linspace(0, 1, 4097) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)
    return table[(np.clip(colour, 0, 1) * 4096 + 0.5).astype(np.int32)]


@cache
def lattice_index() -> Int[np.ndarray, "10 10"]:
    """Returns the index of a face's lattice point (i, j); entries outside the face are 0."""
    index = np.zeros((CELLS + 2, CELLS + 2), dtype=np.int32)
    number = 0
    for i in range(CELLS + 1):
        for j in range(CELLS + 1 - i):
            index[i, j] = number
            number += 1
    return index


@cache
def _texture() -> Float[Tensor, "texels 7"]:
    """Returns linear colour, gloss and fine normal of every texel of an arm.

    The fine normal is the difference between the baked normal and the smooth one.
    """
    with np.load(open_hand_file(), allow_pickle=False) as asset:
        colour = srgb_to_linear(asset["albedo"].astype(np.float32) / 255)
        gloss = asset["gloss"].astype(np.float32)[..., None] / 255
        fine = asset["normal"].astype(np.float32) / 127
    i, j = np.array([(i, j) for i in range(CELLS + 1) for j in range(CELLS + 1 - i)]).T
    corner_weights = np.stack((i, j, CELLS - i - j), axis=1) / CELLS
    smooth = vertex_normals(open_hand_data("right").v_template, hand_faces())[hand_faces()]
    smooth = np.einsum("kc,fcx->fkx", corner_weights, smooth)
    fine = fine - smooth / np.linalg.norm(smooth, axis=-1, keepdims=True)
    texture = np.concatenate((colour, gloss, fine), axis=-1)
    wrist = texture[np.isin(hand_faces(), wrist_loop()).any(1), :, :4].mean((0, 1))
    forearm = np.zeros((len(arm_faces()) - len(texture), *texture.shape[1:]))
    forearm[..., :4] = wrist
    return torch.from_numpy(np.concatenate((texture, forearm))).float().flatten(0, 1).contiguous()


def weighted_sum(
    table: Float[Tensor, "rows c"], rows: Int[Tensor, "n 3"], weights: Float[Tensor, "n 3"]
) -> Float[Tensor, "n c"]:
    """Returns weighted sums of three rows of a table, as in barycentric interpolation."""
    return embedding_bag(rows, table, per_sample_weights=weights, mode="sum")


def look_up_texture(face: Int[Tensor, "n"], weights: Float[Tensor, "n 3"]) -> Float[Tensor, "n 7"]:
    """Returns the texture at a place on a face, interpolated within its cell of the triangular lattice."""
    x, y = (weights[:, :2].clamp(0, 1) * (CELLS * 0.9999)).unbind(1)
    i, j = x.floor(), y.floor()
    fx, fy = x - i, y - j
    i, j = i.int(), j.int()
    upper = ((fx + fy > 1) & (i + j < CELLS - 1)).int()
    first = torch.where(upper.bool(), fx + fy - 1, (1 - fx - fy).clamp_min(0))
    second, third = torch.where(upper.bool(), 1 - fy, fx), torch.where(upper.bool(), 1 - fx, fy)
    index = torch.from_numpy(lattice_index())
    corners = torch.stack((index[i + upper, j + upper], index[i + 1, j], index[i, j + 1]), dim=1)
    return weighted_sum(_texture(), face[:, None] * 45 + corners, torch.stack((first, second, third), dim=1))


@cache
def _directions(count: int) -> Float[np.ndarray, "count 3"]:
    k = np.arange(count) + 0.5
    z, angle = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    ring = np.sqrt(1 - z * z)
    return np.stack((ring * np.cos(angle), ring * np.sin(angle), z), axis=1).astype(np.float32)


def openness(
    scene: RayScene, vertices: Float[np.ndarray, "v 3"], normals: Float[np.ndarray, "v 3"]
) -> Float[np.ndarray, "v"]:
    """Returns ambient occlusion: 1 where a vertex sees the whole hemisphere, 0.1 where it sees none of it."""
    directions = _directions(NUM_OCCLUSION_RAYS)
    cosine = normals @ directions.T
    vertex, ray = np.nonzero(cosine > 0.1)
    start = vertices[vertex] + normals[vertex] * np.float32(LIFT)
    blocked = scene.blocked(start, directions[ray])
    weight = cosine[vertex, ray]
    total = np.maximum(np.bincount(vertex, weight, len(vertices)), 1e-6)
    return (1 - 0.9 * np.bincount(vertex, weight * blocked, len(vertices)) / total).astype(np.float32)


@cache
def _rest_frames() -> Float[Tensor, "faces 3 3"]:
    rest = torch.from_numpy(open_hand_data("right").v_template).float()
    return _frames(rest[torch.from_numpy(hand_faces()).long()])


def _frames(corners: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    along = normalize(corners[..., 1, :] - corners[..., 0, :], dim=-1)
    normal = normalize(torch.linalg.cross(along, corners[..., 2, :] - corners[..., 0, :]), dim=-1)
    return torch.stack((along, normal, torch.linalg.cross(along, normal)), dim=-1)


def face_rotations(vertices: Float[np.ndarray, "2 778 3"]) -> Float[Tensor, "faces 3 3"]:
    """Returns the rotation of every face of both arms (left, right) relative to the right hand at rest.

    The left hand's matrices include the mirroring. Forearms have no fine normals; their matrices are zeros.
    """
    posed = _frames(torch.from_numpy(vertices[:, hand_faces()]))
    # Mirroring keeps the edges, but reverses the normal that is computed from them.
    posed[0, :, :, 1] *= -1
    turned = torch.zeros(2, len(arm_faces()), 3, 3)
    turned[:, : len(hand_faces())] = posed @ _rest_frames().mT
    return turned.flatten(0, 1)


def light_skin(
    texture: Float[Tensor, "n 7"],
    normal: Float[Tensor, "n 3"],
    open_sky: Float[Tensor, "n"],
    towards_eye: Float[Tensor, "n 3"],
    lit: Float[Tensor, "n"],
    appearance: Appearance,
) -> Float[Tensor, "n 3"]:
    """Returns the linear colour of skin.

    It is the sum of wrapped diffuse light (softer in red), light from the sky, a broad and a narrow
    highlight, and a faint rim.
    """
    light = normalize(torch.from_numpy(appearance.light), dim=0)
    gloss = texture[:, 3]
    diffuse = (((normal @ light)[:, None] + WRAP) / (1 + WRAP)).clamp(0, 1)
    half = normalize(light + towards_eye, dim=1)
    shine = (normal * half).sum(1).clamp(0, 1) ** 16
    highlight = (0.10 * shine + 0.22 * gloss * shine.square().square()) * gloss * lit
    rim = 0.03 * (1 - (normal * towards_eye).sum(1).clamp(0, 1)) ** 3 * open_sky
    sky = (0.28 - 0.16 * normal[:, 1]) * open_sky
    sun = 0.92 * (0.14 + 0.86 * lit) * (0.5 + 0.5 * open_sky)
    received = sky[:, None] * AMBIENT_TINT + diffuse * sun[:, None]
    return texture[:, :3] * torch.from_numpy(appearance.tone) * received + (highlight + rim)[:, None]
