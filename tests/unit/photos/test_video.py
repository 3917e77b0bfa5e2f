"""A sequence of pictures becomes an animation, by a network that sees colours (see test_reconstruct)."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from PIL import Image, ImageSequence
from support.colour_seer import ColourSeer, painted
from support.commands import failing
from support.glb import File, expected
from support.other_device import OtherDevice, elsewhere
from support.tiny import TINY

from handlib import cli
from handlib.data.photo import Box, PictureError
from handlib.model.network import DIR
from handlib.photos.frames import find_frames
from handlib.photos.one_euro import OneEuro
from handlib.photos.reconstruct import Reconstruction
from handlib.photos.video import (
    FILES,
    posed,
    reconstruct_frames,
    smooth_track,
    smoothed,
    track_of,
    write_sequence,
)

SIZE = (320, 240)


@pytest.fixture(scope="module")
def model() -> ColourSeer:
    return ColourSeer().eval()


def moving(count: int, jitter: int = 0) -> list[np.ndarray]:
    """Two squares that go right, and up and down by the jitter."""
    shifts = np.random.default_rng(0).integers(-jitter, jitter + 1, (count, 2))
    return [
        painted(*SIZE, (40 + 6 * k, 80 + int(up), 50), (110 + 6 * k, 80 + int(down), 50))
        for k, (up, down) in enumerate(shifts)
    ]


def found(model: ColourSeer, pictures: list[np.ndarray]) -> list[Reconstruction]:
    return reconstruct_frames(model, [(str(k), p) for k, p in enumerate(pictures)])


def bent(results: list[Reconstruction]) -> list[Reconstruction]:
    """The same with hands that turn and bend at random, as a network's would."""
    track = track_of(results)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(*track.rotations.shape[:3], 3, generator=generator) * 0.3
    return posed(replace(track, rotations=track.rotations @ roma.rotvec_to_rotmat(noise)), results)


def test_a_track_says_all_that_the_estimates_say(model: ColourSeer):
    """There and back: the hands, where they are in the picture, and the parameters."""
    results = bent(found(model, moving(3)))
    again = posed(track_of(results), results)
    for before, after in zip(results, again, strict=True):
        for name in ("joint_pixels", "vertex_pixels", "camera"):
            wanted = getattr(before, name)
            torch.testing.assert_close(getattr(after, name), wanted, atol=2e-2, rtol=1e-4)
        first, second = before.prediction.final, after.prediction.final
        for name in ("root", "pose", "betas", "camera"):
            wanted = getattr(first.params, name)
            torch.testing.assert_close(getattr(second.params, name), wanted, atol=2e-3, rtol=1e-3)
        torch.testing.assert_close(second.vertices, first.vertices, atol=1e-5, rtol=0)
        torch.testing.assert_close(second.offset, first.offset)


def test_frames_without_a_hand_disturb_neither_its_neighbours_nor_the_other_hand(model: ColourSeer):
    track = track_of(bent(found(model, moving(9))))
    seen = torch.ones(9, 2, dtype=torch.bool)
    seen[4, 0] = False
    wild_values = {name: getattr(track, name).clone() for name in ("rotations", "betas", "camera", "offset")}
    wild_values["betas"][4, 0], wild_values["camera"][4, 0], wild_values["offset"][4] = 50.0, 50.0, 50.0
    calm, wild = (
        smooth_track(t, seen, 10.0, OneEuro(1.0, 0.0)) for t in (track, replace(track, **wild_values))
    )
    others = [k for k in range(9) if k != 4]
    for name in wild_values:
        torch.testing.assert_close(getattr(wild, name)[others], getattr(calm, name)[others])
    assert torch.equal(wild.betas[4, 0], wild_values["betas"][4, 0])
    torch.testing.assert_close(calm.betas[5, 0], track.betas[5, 0])
    assert not torch.allclose(calm.rotations[5, 1], track.rotations[5, 1])


def test_smoothing_takes_jitter_and_keeps_the_way(model: ColourSeer):
    results = found(model, moving(24, jitter=6))
    smooth = smoothed(results, 10.0, OneEuro(1.0, 0.0))
    before, after = (torch.stack([r.joint_pixels[:, 0] for r in rs]) for rs in (results, smooth))
    jerk_before, jerk_after = (wrists[..., 1].diff(n=2, dim=0).abs().mean() for wrists in (before, after))
    assert jerk_after < 0.35 * jerk_before
    assert ((after[-1] - after[0])[:, 0] > 0.85 * (before[-1] - before[0])[:, 0]).all()


def test_smoothed_hands_bend_more_slowly_and_are_hands(model: ColourSeer):
    """Surface, joints and projection follow from the smoothed parameters; rotations stay rotations."""
    results = bent(found(model, moving(24)))
    smooth = smoothed(results, 10.0, OneEuro(1.0, 0.0))
    before, after = (torch.cat([r.prediction.final.joints for r in rs]) for rs in (results, smooth))
    speeds = [joints.diff(dim=0).norm(dim=-1)[:, :, 1:].mean() for joints in (before, after)]
    assert speeds[1] < 0.6 * speeds[0]
    for result in smooth:
        final = result.prediction.final
        decoded = model.decode(final.params.to_vector(), final.offset)
        torch.testing.assert_close(decoded.vertices, final.vertices, atol=1e-5, rtol=0)
        torch.testing.assert_close(decoded.joints, final.joints, atol=1e-5, rtol=0)
        torch.testing.assert_close(decoded.vertex_uv, final.vertex_uv, atol=1e-3, rtol=0)


def test_a_network_on_another_device_gives_the_same_sequence(tmp_path: Path):
    torch.manual_seed(0)
    for k in range(2):
        Image.fromarray(painted(60, 40, (10 + k, 10, 15), (30, 10, 15))).save(tmp_path / f"{k}.png")
    here, frames, found = DIR(TINY).eval(), find_frames(tmp_path), []
    with OtherDevice():
        for name, network in (("here", here), ("elsewhere", elsewhere(here))):
            results = reconstruct_frames(network, zip(frames.names, frames, strict=True), Box(5, 5, 50, 30))
            write_sequence(smoothed(results, 10.0, OneEuro()), frames, None, tmp_path / name)
            surface = File(tmp_path / name / "hands.glb").skinned("right hand", 1)
            record = json.loads((tmp_path / name / "result.json").read_text())["frames"][1]
            found.append((surface, record["hands"]["right"]["joints_m"]))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_frames_of_different_sizes_are_refused(model: ColourSeer):
    pictures = [("a.png", painted(60, 40)), ("b.png", painted(60, 41))]
    with pytest.raises(PictureError, match=r"b\.png: expected frames of one size, got 60 x 41"):
        reconstruct_frames(model, pictures)


@pytest.fixture
def by_colour(model: ColourSeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DIR, "from_pretrained", lambda _: model)


@pytest.mark.usefixtures("by_colour")
def test_the_command_writes_an_animation(
    model: ColourSeer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pictures, out = moving(5), tmp_path / "out"
    (tmp_path / "frames").mkdir()
    for k, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / "frames" / f"{k:02d}.png")
    options = ["--fps", "20", "--smooth", "--min-cutoff", "2"]
    cli.main(["video", str(tmp_path / "frames"), "--out", str(out), *options])
    assert "5 frames, 20 a second: 5 both hands" in capsys.readouterr().out
    assert sorted(p.name for p in out.iterdir()) == sorted(FILES)

    results = smoothed(found(model, pictures), 20.0, OneEuro(2.0))
    record = json.loads((out / "result.json").read_text())
    assert record["frames_per_second"] == 20
    assert record["smoothing"]["min_cutoff"] == 2
    assert [frame["frame"] for frame in record["frames"]] == [f"{k:02d}.png" for k in range(5)]
    for frame, result in zip(record["frames"], results, strict=True):
        np.testing.assert_allclose(
            frame["hands"]["right"]["joints_px"], result.joint_pixels[1].numpy(), atol=1e-2
        )

    file = File(out / "hands.glb")
    (animation,) = file.json["animations"]
    assert np.allclose(file.array(animation["samplers"][0]["input"]), np.arange(5) / 20)
    for k, result in enumerate(results):
        for h, side in enumerate(("left", "right")):
            difference = file.skinned(f"{side} hand", k) - expected(result.prediction.final, h)
            assert np.abs(difference).max() < 1e-4

    overlays = Image.open(out / "overlay.webp")
    overlays.load()
    assert (overlays.n_frames, overlays.size, overlays.info["duration"]) == (5, SIZE, 50)
    for frame, picture, result in zip(ImageSequence.Iterator(overlays), pictures, results, strict=True):
        drawn, seen = replace(result, picture=picture).overlay(), np.asarray(frame.convert("RGB"))
        there = np.abs(drawn.astype(int) - picture).sum(-1) > 90
        off, from_picture = (np.abs(seen.astype(int) - one)[there].mean() for one in (drawn, picture))
        assert there.sum() > 200
        assert off < 0.4 * from_picture


@pytest.mark.usefixtures("by_colour")
@pytest.mark.parametrize("out", [".", "result"])
def test_frames_come_by_their_numbers_and_never_from_the_command_itself(
    tmp_path: Path, out: str, capsys: pytest.CaptureFixture[str]
):
    names = ["f1.png", "f2.png", "f12.png"]
    for name, picture in zip(names, moving(3), strict=True):
        Image.fromarray(picture).save(tmp_path / name)
    for _ in range(2):
        cli.main(["video", str(tmp_path), "--out", str(tmp_path / out)])
        record = json.loads((tmp_path / out / "result.json").read_text())
        assert [frame["frame"] for frame in record["frames"]] == names
        assert "order, numbers in names as numbers: f1.png, f2.png, f12.png" in capsys.readouterr().out


@pytest.mark.usefixtures("by_colour")
def test_an_animated_file_and_a_box(tmp_path: Path):
    first, *others = (Image.fromarray(picture) for picture in moving(3))
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=40)
    cli.main(["video", str(tmp_path / "a.gif"), "--out", str(tmp_path / "out"), "--box", "30,60,200,100"])
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert record["frames_per_second"] == 25 and record["smoothing"] is None
    for frame in record["frames"]:
        assert frame["box"].pop("origin") == "given"
        assert Box(**frame["box"]) == Box(30, 60, 200, 100)


@pytest.mark.usefixtures("by_colour")
def test_what_the_user_can_mend_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    frames = tmp_path / "frames"
    frames.mkdir()
    Image.fromarray(moving(1)[0]).save(frames / "0.png")
    command = ("video", frames, "--out", tmp_path / "out")
    assert "fps: expected" in failing(capsys, *command, "--fps", "0")
    (frames / "1.png").write_text("no picture")
    assert "1.png: expected a JPEG" in failing(capsys, *command)
    assert not (tmp_path / "out").exists()
