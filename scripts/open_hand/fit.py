"""Corrects the remeshed surface: restores the volume that flat faces cut off, and numbers the vertices."""

import numpy as np

from handlib.hand.skeleton import TIP_CONVENTIONS
from open_hand.design import DIGITS, FINGERS, HAND, along_finger
from open_hand.grid import SampledField
from open_hand.mesh import boundary_of

# Barycentric weights of the points at which a face is compared with the field.
PROBES = np.array(
    [
        (1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.5, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (1 / 3, 1 / 3, 1 / 3),
        (0.6, 0.2, 0.2), (0.2, 0.6, 0.2), (0.2, 0.2, 0.6),
    ]
)  # fmt: skip
# Vertices are numbered part by part in this order.
PARTS = ("palm", *FINGERS, "thumb")


def restore_volume(
    vertices: np.ndarray, faces: np.ndarray, tips: dict[str, int], field: SampledField
) -> np.ndarray:
    """Moves vertices along their normals until the field's mean over the faces around each is zero.

    Faces between points of a round surface are inside it; without this, a hand would lose 8 % of its volume.
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
    """Returns each vertex's index in ``PARTS``; a finger begins where it leaves its web."""
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
    """Returns all vertex ids that a convention uses as a digit's tip, smplx's first."""
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
    """Sorts vertices by part and along the hand, but gives fingertips the ids that the conventions use."""
    order = list(np.lexsort((vertices[:, 0], part_of(vertices))))
    for digit in DIGITS:
        nearest = np.argsort(np.linalg.norm(vertices - vertices[tips[digit]], axis=1), kind="stable")
        for number, vertex in zip(tip_numbers()[digit], nearest, strict=False):
            place = order.index(vertex)
            order[place], order[number] = order[number], order[place]
    new_number = np.argsort(order)
    return vertices[order], new_number[faces]
