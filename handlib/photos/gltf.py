"""Writes hands as glTF 2.0 files: a posed surface, or surface, skeleton, skin weights and an animation.

glTF's skinning is the same as the hand model's: every vertex moves with a weighted mean of its joints'
motions. But glTF has no corrections that depend on the pose. For a single pose they go into the vertices, for
a sequence into one morph target per frame. At every frame the file has exactly the hand model's surface;
between frames, rotations and corrections are interpolated.
"""

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor

from handlib.geometry.mesh import vertex_normals
from handlib.geometry.rotation import rotation_from_6d
from handlib.hand.hand import Hand, Hands
from handlib.hand.skeleton import MANO_JOINT_NAMES, MANO_PARENTS, SIDES
from handlib.model.estimate import LENGTH_UNIT, Estimate
from handlib.show.core.palette import HANDS
from handlib.show.core.raster import rgb
from handlib.utils.arguments import check_finite
from handlib.utils.errors import InputError
from handlib.utils.files import replacing

FLOAT, UNSIGNED_BYTE, UNSIGNED_SHORT = 5126, 5121, 5123
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
KINDS = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
COMPONENTS = {np.dtype("f4"): FLOAT, np.dtype("u1"): UNSIGNED_BYTE, np.dtype("u2"): UNSIGNED_SHORT}
HALF_TURN_ABOUT_X = [1.0, 0.0, 0.0, 0.0]
"""Rotation from the camera's frame (y down, z away) to glTF's (y up, z to the viewer), a quaternion xyzw."""


@dataclass(frozen=True)
class HandMotion:
    """One hand over a sequence of frames, in the camera's frame: one shape, a pose and a place per frame."""

    hand: Hand
    betas: Float[Tensor, "10"]
    rotations: Float[Tensor, "frames 16 3 3"]
    wrist: Float[Tensor, "frames 3"]


def motions_of(estimates: Sequence[Estimate], hands: Hands) -> list[HandMotion]:
    """Returns both hands' motions; each estimate's first picture is a frame.

    The left wrist is at the origin. Each hand has the mean of its shapes.
    """
    motions = []
    for h, side in enumerate(SIDES):
        params = [estimate.params for estimate in estimates]
        root = torch.stack([rotation_from_6d(p.root[0, h]) for p in params])
        pose = torch.stack([hands[side].pca_to_axis_angle(p.pose[0, h]) for p in params])
        fingers = roma.rotvec_to_rotmat(pose.unflatten(1, (15, 3)))
        offset = torch.stack([h * LENGTH_UNIT * estimate.offset[0] for estimate in estimates])
        betas = torch.stack([p.betas[0, h] for p in params]).mean(0)
        rotations = torch.cat((root[:, None], fingers), dim=1)
        motions.append(HandMotion(hands[side], betas, rotations.detach(), offset.detach()))
    return motions


@dataclass
class Document:
    """A glTF file under construction: JSON and the bytes that it points to."""

    content: dict = field(
        default_factory=lambda: {
            "asset": {"version": "2.0", "generator": "handlib"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"name": "camera", "rotation": HALF_TURN_ABOUT_X, "children": []}],
            "meshes": [],
            "skins": [],
            "materials": [],
            "accessors": [],
            "bufferViews": [],
        }
    )
    data: bytearray = field(default_factory=bytearray)

    def accessor(self, values: np.ndarray, target: int | None = None, bounds: bool = False) -> int:
        """Appends an array, one row per element, and returns its index; ``bounds`` adds minima and maxima."""
        array = np.ascontiguousarray(values)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": array.nbytes}
        if target is not None:
            view["target"] = target
        self.data += array.tobytes() + b"\0" * (-array.nbytes % 4)
        self.content["bufferViews"].append(view)
        entry = {
            "bufferView": len(self.content["bufferViews"]) - 1,
            "componentType": COMPONENTS[array.dtype],
            "count": len(array),
            "type": KINDS[array.shape[1:]],
        }
        if bounds:
            entry |= {
                "min": np.atleast_1d(array.min(0)).tolist(),
                "max": np.atleast_1d(array.max(0)).tolist(),
            }
        self.content["accessors"].append(entry)
        return len(self.content["accessors"]) - 1

    def node(self, parent: int, **entries: object) -> int:
        """Appends a node below another and returns its index."""
        nodes = self.content["nodes"]
        nodes.append(entries)
        nodes[parent].setdefault("children", []).append(len(nodes) - 1)
        return len(nodes) - 1

    def write(self, path: Path) -> None:
        """Writes a binary glTF file, whole or not at all."""
        # Empty lists aren't valid in glTF.
        content = {name: entry for name, entry in self.content.items() if entry != []}
        content["buffers"] = [{"byteLength": len(self.data)}]
        text = json.dumps(content, separators=(",", ":")).encode()
        chunks = [(b"JSON", text + b" " * (-len(text) % 4)), (b"BIN\0", bytes(self.data))]
        body = b"".join(struct.pack("<I", len(content)) + name + content for name, content in chunks)
        with replacing(path) as temporary:
            temporary.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body)


def quaternions(rotations: Float[Tensor, "*batch 3 3"]) -> np.ndarray:
    """Returns unit quaternions (x, y, z, w). Neighbours along the first axis get the same sign."""
    found = roma.rotmat_to_unitquat(rotations.double()).numpy(force=True)
    for before, now in pairwise(found):
        now[(before * now).sum(-1) < 0] *= -1
    return found.astype("f4")


def influences(weights: Float[np.ndarray, "778 16"]) -> dict[str, np.ndarray]:
    """Returns joints and weights of every vertex, in sets of four, as many sets as any vertex needs."""
    sets = -(-int((weights > 0).sum(1).max()) // 4)
    order = np.argsort(-weights, axis=1, kind="stable")[:, : 4 * sets]
    chosen = np.take_along_axis(weights, order, axis=1)
    order, chosen = np.where(chosen > 0, order, 0), chosen / chosen.sum(1, keepdims=True)
    found: dict[str, np.ndarray] = {}
    for k in range(sets):
        found[f"JOINTS_{k}"] = order[:, 4 * k : 4 * k + 4].astype("u1")
        found[f"WEIGHTS_{k}"] = chosen[:, 4 * k : 4 * k + 4].astype("f4")
    return found


def linear(colour: str) -> list[float]:
    """Converts an sRGB colour to linear light: red, green, blue from 0 to 1 (IEC 61966-2-1)."""
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(colour).tolist()]


def add_surface(
    document: Document,
    side: str,
    vertices: Float[np.ndarray, "778 3"],
    faces: Int[np.ndarray, "faces 3"],
) -> dict[str, Any]:
    """Appends a hand's surface, with normals and colour, as a mesh; returns its only primitive to extend."""
    content, name = document.content, f"{side} hand"
    vertices = vertices.astype("f4")
    primitive = {
        "attributes": {
            "POSITION": document.accessor(vertices, ARRAY_BUFFER, bounds=True),
            "NORMAL": document.accessor(vertex_normals(vertices, faces), ARRAY_BUFFER),
        },
        "indices": document.accessor(faces.astype("u2").reshape(-1), ELEMENT_ARRAY_BUFFER),
        "material": len(content["materials"]),
    }
    colour = {"baseColorFactor": [*linear(HANDS[SIDES.index(side)]), 1.0], "metallicFactor": 0.0}
    content["materials"].append({"name": name, "pbrMetallicRoughness": colour | {"roughnessFactor": 0.7}})
    content["meshes"].append({"name": name, "primitives": [primitive]})
    return primitive


def add_skeleton(document: Document, motion: HandMotion, joints: Float[Tensor, "16 3"]) -> list[int]:
    """Appends the joints as nodes in the first frame's pose; returns their indices."""
    turned = quaternions(motion.rotations[:1])[0]
    numbers: list[int] = []
    for j, parent in enumerate(MANO_PARENTS):
        place = motion.wrist[0] if parent < 0 else joints[j] - joints[parent]
        above = 0 if parent < 0 else numbers[parent]
        name = f"{motion.hand.side} {MANO_JOINT_NAMES[j]}"
        numbers.append(
            document.node(above, name=name, translation=place.tolist(), rotation=turned[j].tolist())
        )
    return numbers


def add_hand(document: Document, motion: HandMotion) -> tuple[int, list[int]]:
    """Appends a hand's surface, skeleton and skin; returns the indices of the surface's and joints' nodes."""
    surface, joints = motion.hand.at_rest(motion.betas)
    corrections = motion.hand.correctives(motion.rotations)
    several = len(corrections) > 1
    drawn = (surface if several else surface + corrections[0]).numpy(force=True)
    content, side = document.content, motion.hand.side
    primitive, mesh = add_surface(document, side, drawn, motion.hand.faces), content["meshes"][-1]
    for name, values in influences(motion.hand.weights.numpy(force=True)).items():
        primitive["attributes"][name] = document.accessor(values, ARRAY_BUFFER)
    numbers = add_skeleton(document, motion, joints)
    inverse = np.tile(np.eye(4, dtype="f4"), (16, 1, 1))
    # Column by column, as glTF stores matrices: the last row holds the translation.
    inverse[:, 3, :3] = -joints.numpy(force=True)
    content["skins"].append(
        {"joints": numbers, "skeleton": numbers[0], "inverseBindMatrices": document.accessor(inverse)}
    )
    if several:
        targets = corrections.numpy(force=True).astype("f4")
        primitive["targets"] = [{"POSITION": document.accessor(one, bounds=True)} for one in targets]
        mesh["weights"] = [1.0] + [0.0] * (len(corrections) - 1)
    number = len(content["meshes"]) - 1
    node = document.node(0, name=f"{side} hand", mesh=number, skin=len(content["skins"]) - 1)
    return node, numbers


def write_surface(
    path: Path, side: str, vertices: Float[np.ndarray, "778 3"], faces: Int[np.ndarray, "faces 3"]
) -> None:
    """Writes one posed hand as a binary glTF file (.glb) without a skeleton.

    ``vertices`` are metres in the camera's frame.

    Raises:
        InputError: a number isn't finite.
    """
    check_finite("vertices", vertices)
    document = Document()
    add_surface(document, side, vertices, faces)
    document.node(0, name=f"{side} hand", mesh=0)
    document.write(path)


def write_hands(path: Path, motions: Sequence[HandMotion], frames_per_second: float = 10.0) -> None:
    """Writes hands as one binary glTF file (.glb), in metres; several frames make an animation.

    Raises:
        ValueError: the hands have different numbers of frames, or none.
        InputError: a number of a motion isn't finite, or the rate isn't positive.
    """
    for k, motion in enumerate(motions):
        check_finite(f"motions[{k}]", motion)
    if not 0 < frames_per_second < math.inf:
        raise InputError(f"frames_per_second: expected a positive number, got {frames_per_second}")
    counts = {len(motion.rotations) for motion in motions}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(f"motions: expected as many frames of each hand, at least one, got {sorted(counts)}")
    document, (count,) = Document(), counts
    samplers, channels = [], []
    times = (
        None
        if count == 1
        else document.accessor(np.arange(count, dtype="f4") / frames_per_second, bounds=True)
    )
    for motion in motions:
        surface, joints = add_hand(document, motion)
        if times is None:
            continue
        turned = quaternions(motion.rotations)
        tracks = [(joint, "rotation", turned[:, j]) for j, joint in enumerate(joints)]
        tracks.append((joints[0], "translation", motion.wrist.numpy(force=True).astype("f4")))
        tracks.append((surface, "weights", np.eye(count, dtype="f4").reshape(-1)))
        for node, what, values in tracks:
            samplers.append({"input": times, "output": document.accessor(values), "interpolation": "LINEAR"})
            channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": what}})
    if channels:
        document.content["animations"] = [{"name": "hands", "samplers": samplers, "channels": channels}]
    document.write(path)
