"""Settles the remeshed surface: gives back the volume that flat faces cut off, and numbers the vertices."""

import numpy as np

from handlib.hand.skeleton import TIP_CONVENTIONS
from open_hand.design import DIGITS, FINGERS, HAND, along_finger
from open_hand.grid import SampledField
from open_hand.mesh import boundary_of

# Barycentric weights of the places where a face is compared with the field.
PROBES = np.array(
    [
        (1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.5, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (1 / 3, 1 / 3, 1 / 3),
        (0.6, 0.2, 0.2), (0.2, 0.6, 0.2), (0.2, 0.2, 0.6),
    ]
)  # fmt: skip
# Vertices come digit by digit in this order, the palm first.
PARTS = ("palm", *FINGERS, "thumb")


def restore_volume(
    vertices: np.ndarray, faces: np.ndarray, tips: dict[str, int], field: SampledField
) -> np.ndarray:
    """Moves vertices along their normals until the field's mean over the faces around each is zero.

    Faces between points of a round surface lie inside it, which would cost a hand 8 % of its volume.
    """
    vertices = vertices.copy()
    rim = np.zeros(len(vertices), bool)
    rim[boundary_of(faces)] = True
    tip_ids = list(tips.values())
    for _ in range(8):
        distance = field(np.einsum("kb,fbc->fkc", PROBES, vertices[faces]).reshape(-1, 3)).reshape(
            len(faces), -1
        )
        total, weight = np.zeros(len(vertices)), np.zeros(len(vertices))
        for corner in range(3):
            np.add.at(total, faces[:, corner], distance @ PROBES[:, corner])
            np.add.at(weight, faces[:, corner], PROBES[:, corner].sum())
        offset = np.clip(-total / weight, -0.6, 0.9)
        offset[tip_ids] = np.clip(offset[tip_ids], -0.3, 0)
        vertices += 0.8 * offset[:, None] * field.outward(vertices, rim)
    return vertices


def part_of(vertices: np.ndarray) -> np.ndarray:
    """For each vertex the number of its part in ``PARTS``; a finger begins where it leaves its web."""
    along, distance = (
        np.stack(columns, axis=1)
        for columns in zip(*(along_finger(vertices, f) for f in FINGERS), strict=True)
    )
    nearest = distance.argmin(1)
    part = np.where(along[np.arange(len(vertices)), nearest] > 20, nearest + 1, 0)
    from_thumb = vertices - HAND["thumb"].joint(1)
    thumb = (from_thumb @ HAND["thumb"].directions[1] > 0) & (from_thumb[:, 1] > -14) & (part == 0)
    part[thumb] = PARTS.index("thumb")
    return part


def tip_numbers() -> dict[str, list[int]]:
    """Every vertex number that some convention takes for a digit's tip, smplx's first."""
    conventions = [ids for sides in TIP_CONVENTIONS.values() for ids in sides.values()]
    order = ("thumb", "index", "middle", "ring", "little")
    smplx = TIP_CONVENTIONS["smplx"]["right"]
    return {
        digit: [smplx[k], *sorted({ids[k] for ids in conventions} - {smplx[k]})]
        for k, digit in enumerate(order)
    }


def number_vertices(
    vertices: np.ndarray, faces: np.ndarray, tips: dict[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Sorts vertices by part and along the hand, but puts fingertips where the conventions look for them."""
    order = list(np.lexsort((vertices[:, 0], part_of(vertices))))
    for digit in DIGITS:
        nearest = np.argsort(np.linalg.norm(vertices - vertices[tips[digit]], axis=1), kind="stable")
        for number, vertex in zip(tip_numbers()[digit], nearest, strict=False):
            place = order.index(vertex)
            order[place], order[number] = order[number], order[place]
    new_number = np.argsort(order)
    return vertices[order], new_number[faces]
