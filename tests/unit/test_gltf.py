"""A glTF file gives the hand model's surface at every frame, by glTF's own rules alone."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
import trimesh

from handlib.estimate import LENGTH_UNIT, Estimate
from handlib.gltf import motions_of, write_hands
from handlib.hand import Hand, HandParams
from handlib.rotation import rotation_to_6d
from handlib.skeleton import SIDES

HANDS = {side: Hand.open(side) for side in SIDES}
TYPES = {5126: "<f4", 5121: "u1", 5123: "<u2"}
WIDTHS = {"SCALAR": (), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}


def estimates(frames: int, seed: int = 0) -> list[Estimate]:
    """A sequence that turns and bends; all frames have one shape."""
    generator = torch.Generator().manual_seed(seed)
    betas = torch.randn(1, 2, 10, generator=generator)
    found = []
    for _ in range(frames):
        root = roma.random_rotmat((1, 2), generator=generator)
        pose = torch.randn(1, 2, 45, generator=generator) * 0.5
        offset = torch.randn(1, 3, generator=generator)
        params = HandParams(rotation_to_6d(root), pose, betas, torch.zeros(1, 2, 3))
        posed = [
            HANDS[side](root_6d=params.root[:, h], pose_pca=pose[:, h], betas=betas[:, h])
            for h, side in enumerate(SIDES)
        ]
        vertices, joints = (
            torch.stack([getattr(p, k) for p in posed], dim=1) for k in ("vertices", "joints")
        )
        uv = torch.zeros(1, 2, 21, 2), torch.zeros(1, 2, 778, 2)
        found.append(Estimate(params, joints, vertices, *uv, offset))
    return found


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


@pytest.mark.parametrize("frames", [1, 5])
def test_every_frame_is_the_hand_models_surface(tmp_path: Path, frames: int):
    sequence = estimates(frames)
    write_hands(tmp_path / "hands.glb", motions_of(sequence, HANDS))
    file = File(tmp_path / "hands.glb")
    for frame, estimate in enumerate(sequence):
        for h, side in enumerate(SIDES):
            difference = file.skinned(f"{side} hand", frame) - expected(estimate, h)
            assert np.abs(difference).max() < 1e-5


def test_a_sequence_has_one_time_per_frame_and_turns_the_short_way(tmp_path: Path):
    write_hands(tmp_path / "hands.glb", motions_of(estimates(4), HANDS), frames_per_second=25.0)
    file = File(tmp_path / "hands.glb")
    (animation,) = file.json["animations"]
    assert {sampler["input"] for sampler in animation["samplers"]} == {animation["samplers"][0]["input"]}
    assert np.allclose(file.array(animation["samplers"][0]["input"]), [0, 0.04, 0.08, 0.12])
    for channel in animation["channels"]:
        if channel["target"]["path"] == "rotation":
            q = file.array(animation["samplers"][channel["sampler"]]["output"])
            assert ((q[1:] * q[:-1]).sum(1) >= 0).all()


def test_a_vertex_with_many_joints_keeps_them_all(tmp_path: Path):
    hand = Hand.open("right")
    torch.manual_seed(0)
    hand.weights = torch.rand(778, 16).softmax(-1)
    hands = {"left": HANDS["left"], "right": hand}
    (estimate,) = estimates(1)
    write_hands(tmp_path / "hands.glb", motions_of([estimate], hands))
    params = estimate.params
    posed = hand(root_6d=params.root[:, 1], pose_pca=params.pose[:, 1], betas=params.betas[:, 1])
    shift = LENGTH_UNIT * estimate.offset[0]
    difference = File(tmp_path / "hands.glb").skinned("right hand") - (posed.vertices[0] + shift).numpy() * [
        1,
        -1,
        -1,
    ]
    assert np.abs(difference).max() < 1e-5


def test_trimesh_reads_both_surfaces(tmp_path: Path):
    write_hands(tmp_path / "hands.glb", motions_of(estimates(3), HANDS))
    scene = trimesh.load(tmp_path / "hands.glb")
    assert set(scene.geometry) == {"left hand", "right hand"}
    for side in SIDES:
        mesh = scene.geometry[f"{side} hand"]
        assert mesh.vertices.shape == (778, 3) and np.array_equal(mesh.faces, HANDS[side].faces)
        assert 0.1 < mesh.extents.max() < 0.3
        assert mesh.visual.material.name == f"{side} hand"


def test_frames_that_do_not_fit_are_refused_and_nothing_is_written(tmp_path: Path):
    motions = [motions_of(estimates(2), HANDS)[0], motions_of(estimates(3), HANDS)[1]]
    with pytest.raises(ValueError, match=r"as many frames.*\[2, 3\]"):
        write_hands(tmp_path / "hands.glb", motions)
    assert not list(tmp_path.iterdir())
