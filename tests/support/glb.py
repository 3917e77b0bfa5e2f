"""A reader of glTF files that is not the one under test."""

import json
import struct
from pathlib import Path

import numpy as np
import roma
import torch

from handlib.model.estimate import LENGTH_UNIT, Estimate

TYPES = {5126: "<f4", 5121: "u1", 5123: "<u2"}


WIDTHS = {"SCALAR": (), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}


class File:
    """What a reader of the format finds in a .glb file."""

    def __init__(self, path: Path):
        raw = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", raw)
        assert (magic, version, length) == (b"glTF", 2, len(raw))
        size, kind = struct.unpack_from("<I4s", raw, 12)
        assert kind == b"JSON" and size % 4 == 0
        self.json = json.loads(raw[20 : 20 + size])
        size_of_data, kind = struct.unpack_from("<I4s", raw, 20 + size)
        assert kind == b"BIN\0" and size_of_data == self.json["buffers"][0]["byteLength"]
        self.data = raw[28 + size :]

    def array(self, number: int) -> np.ndarray:
        entry = self.json["accessors"][number]
        view = self.json["bufferViews"][entry["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        shape = (entry["count"], *WIDTHS[entry["type"]])
        array = np.frombuffer(
            self.data, TYPES[entry["componentType"]], int(np.prod(shape)), view["byteOffset"]
        ).reshape(shape)
        assert array.nbytes == view["byteLength"]
        if "min" in entry:
            assert np.allclose(array.min(0), entry["min"]) and np.allclose(array.max(0), entry["max"])
        return array

    def at(self, frame: int) -> dict[tuple[int, str], np.ndarray]:
        """What the animation sets at the time of one of its frames."""
        values = {}
        for animation in self.json.get("animations", []):
            for channel in animation["channels"]:
                sampler = animation["samplers"][channel["sampler"]]
                times, output = self.array(sampler["input"]), self.array(sampler["output"])
                target = channel["target"]["node"], channel["target"]["path"]
                values[target] = output.reshape(len(times), -1)[frame]
        return values

    def world(self, values: dict) -> list[np.ndarray]:
        """Every node's matrix."""
        nodes, matrices = self.json["nodes"], {}

        def visit(number: int, above: np.ndarray) -> None:
            own = np.eye(4)
            rotation = values.get((number, "rotation"), nodes[number].get("rotation", [0, 0, 0, 1]))
            assert abs(np.linalg.norm(rotation) - 1) < 1e-5
            own[:3, :3] = roma.unitquat_to_rotmat(torch.tensor(np.asarray(rotation, dtype="f8"))).numpy()
            own[:3, 3] = values.get((number, "translation"), nodes[number].get("translation", [0, 0, 0]))
            matrices[number] = above @ own
            for child in nodes[number].get("children", []):
                visit(child, matrices[number])

        visit(self.json["scenes"][0]["nodes"][0], np.eye(4))
        assert len(matrices) == len(nodes)
        return [matrices[number] for number in range(len(nodes))]

    def skinned(self, name: str, frame: int = 0) -> np.ndarray:
        """A mesh's surface in the scene."""
        values = self.at(frame)
        (number,) = (n for n, node in enumerate(self.json["nodes"]) if node["name"] == name)
        node = self.json["nodes"][number]
        mesh, skin = self.json["meshes"][node["mesh"]], self.json["skins"][node["skin"]]
        (primitive,) = mesh["primitives"]
        points = self.array(primitive["attributes"]["POSITION"]).astype("f8")
        weights = values.get((number, "weights"), mesh.get("weights", []))
        for weight, target in zip(weights, primitive.get("targets", []), strict=True):
            points = points + weight * self.array(target["POSITION"])
        world = self.world(values)
        inverse = self.array(skin["inverseBindMatrices"]).transpose(0, 2, 1)
        motions = np.stack([world[j] @ m for j, m in zip(skin["joints"], inverse, strict=True)])
        total, shares = np.zeros((len(points), 4)), np.zeros(len(points))
        homogeneous = np.concatenate((points, np.ones((len(points), 1))), axis=1)
        for k in range(sum(key.startswith("JOINTS") for key in primitive["attributes"])):
            joints = self.array(primitive["attributes"][f"JOINTS_{k}"])
            share = self.array(primitive["attributes"][f"WEIGHTS_{k}"])
            total += np.einsum("vk,vkij,vj->vi", share, motions[joints], homogeneous)
            shares += share.sum(1)
        assert np.allclose(shares, 1, atol=1e-6)
        return total[:, :3]


def expected(estimate: Estimate, hand: int) -> np.ndarray:
    """Metres, both hands in one frame, y up and z towards the viewer."""
    shift = hand * LENGTH_UNIT * estimate.offset[0]
    return (estimate.vertices[0, hand] + shift).numpy() * [1, -1, -1]
