"""A glTF file gives the hand model's surface at every frame, by glTF's own rules alone."""

from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from support.glb import File, expected

from handlib.geometry.rotation import rotation_to_6d
from handlib.hand.hand import Hand, HandParams, Hands
from handlib.hand.skeleton import SIDES
from handlib.model.estimate import LENGTH_UNIT, Estimate, estimate_of
from handlib.photos.gltf import motions_of, write_hands

HANDS = Hands({side: Hand.open(side) for side in SIDES})


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
        found.append(estimate_of(params, offset, HANDS, log_scale=False))
    return found


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
    hands = Hands({"left": HANDS["left"], "right": hand})
    (estimate,) = estimates(1)
    write_hands(tmp_path / "hands.glb", motions_of([estimate], hands))
    root, pose, betas, _ = (part[:, 1] for part in vars(estimate.params).values())
    posed = hand(root_6d=root, pose_pca=pose, betas=betas).vertices[0]
    wanted = (posed + LENGTH_UNIT * estimate.offset[0]).numpy() * [1, -1, -1]
    np.testing.assert_allclose(File(tmp_path / "hands.glb").skinned("right hand"), wanted, atol=1e-5)


def test_frames_that_do_not_fit_are_refused_and_nothing_is_written(tmp_path: Path):
    motions = [motions_of(estimates(2), HANDS)[0], motions_of(estimates(3), HANDS)[1]]
    with pytest.raises(ValueError, match=r"as many frames.*\[2, 3\]"):
        write_hands(tmp_path / "hands.glb", motions)
    assert not list(tmp_path.iterdir())
