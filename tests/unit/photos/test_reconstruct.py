"""From a picture to files, with a network that sees colours: blue is a left hand, orange a right one."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from jaxtyping import Float
from PIL import Image
from support.colour_seer import OFFSET, ColourSeer, painted
from support.glb import File
from support.tiny import TINY
from torch import Tensor

from handlib.data.photo import Box, Crop
from handlib.data.shipped import load_samples
from handlib.geometry.camera import uv_to_pixels
from handlib.geometry.mesh import vertex_normals
from handlib.model.estimate import LENGTH_UNIT, Prediction
from handlib.model.network import DIR
from handlib.photos.reconstruct import reconstruct
from handlib.photos.results import FILES
from handlib.photos.search import Look
from handlib.utils.errors import InputError


@pytest.fixture(scope="module")
def model() -> ColourSeer:
    return ColourSeer().eval()


def assert_wrists_at(
    pixels: Float[Tensor, "hand=2 21 2"], *expected: tuple[float, float], within: float
) -> None:
    for wrist, (x, y) in zip(pixels[:, 0], expected, strict=True):
        assert torch.dist(wrist, torch.tensor([x, y])) < within


@pytest.mark.parametrize(("width", "height"), [(640, 480), (1900, 700), (97, 131)])
def test_hands_are_found_and_told_in_the_pixels_of_the_picture(model: ColourSeer, width: int, height: int):
    side = min(width, height) // 5
    left, right = (width // 2, height // 2, side), (width // 2 + side + 5, height // 3, side)
    result = reconstruct(painted(width, height, left, right), model=model)
    assert result.origin == "found"
    centres = [(x + side / 2, y + side / 2) for x, y, _ in (left, right)]
    assert_wrists_at(result.joint_pixels, *centres, within=1 + side / 50)
    found, true = result.box, Box(left[0], right[1], 2 * side + 5, left[1] + side - right[1])
    precision = 2 * max(width, height) / 32
    assert found.x == pytest.approx(true.x, abs=precision)
    assert found.y == pytest.approx(true.y, abs=precision)
    assert found.width == pytest.approx(true.width, abs=precision)
    assert (result.confidence > 0.9).all()
    joints = result.prediction.final.joints[0]
    projected = joints[..., :2] * result.camera[:, None, :1] + result.camera[:, None, 1:]
    torch.testing.assert_close(projected, result.joint_pixels)


def test_looks_again_until_small_hands_fill_the_crop():
    """The shipped network on pairs in large pictures: the first look is far off, the last one is not."""
    network, across = DIR.from_pretrained("small"), torch.tensor([250.0, 120.0])
    first, last = [], []
    for sample in load_samples("test")[:8]:
        picture = np.full((420, 560, 3), 128, np.uint8)
        picture[120:376, 250:506] = sample.image.permute(1, 2, 0).numpy()
        truth = uv_to_pixels(sample.uv, 256) + across
        side = (truth.flatten(0, 1).amax(0) - truth.flatten(0, 1).amin(0)).max()
        for errors, box in ((first, Box.around(picture)), (last, None)):
            found = reconstruct(picture, box, network).joint_pixels
            errors.append(float((found - truth).norm(dim=-1).mean() / side))
    assert np.median(last) < 0.1
    assert np.median(first) > 2 * np.median(last)


def test_given_box_is_the_only_look(model: ColourSeer):
    picture = painted(600, 400, (50, 50, 40), (100, 60, 40))
    box = Box(40, 40, 120, 80)
    result = reconstruct(picture, box, model)
    assert (result.origin, result.box) == ("given", box)
    assert result.crop == Crop(100 - 75, 80 - 75, 150)
    assert_wrists_at(result.joint_pixels, (70, 70), (120, 80), within=1.5)


def test_the_result_is_both_hands_in_one_frame(model: ColourSeer):
    result = reconstruct(painted(600, 400, (200, 100, 90), (320, 120, 90)), (150, 50, 300, 200), model)
    final = result.prediction.final
    np.testing.assert_allclose(result.left.vertices, final.vertices[0, 0].numpy(), atol=1e-7)
    np.testing.assert_allclose(result.right.joints[0], OFFSET[0].numpy() * LENGTH_UNIT, atol=1e-7)
    assert torch.equal(result.right.params.to_vector(), final.params.to_vector()[0, 1])
    assert result.faces.shape == (2, 1538, 3)
    np.testing.assert_array_equal(result.faces[1], model.hands["right"].faces)


@pytest.mark.parametrize(
    ("model", "said"), [(7, "model: expected .*Network, got int 7"), (DIR(TINY), "call its eval")]
)
def test_what_is_no_network_that_answers_is_refused(model: object, said: str):
    with pytest.raises(InputError, match=said):
        reconstruct(painted(60, 40), model=model)


@pytest.mark.parametrize("squares", [(), ((300, 200, 12),)])
def test_without_a_plausible_box_the_first_look_stands(model: ColourSeer, squares: tuple):
    picture = painted(600, 400, *squares)
    result = reconstruct(picture, model=model)
    assert result.origin == "whole picture"
    assert result.box == Box(0, 0, 600, 400)
    assert result.confidence.tolist() == [0, 0]


def test_box_of_hands_covers_whole_pixels():
    scores = torch.zeros(1, 3, 16, 16)
    scores[:, 0] = 1
    scores[:, 1, 4:8, 2:5] = 2
    scores[:, 2, 6, 10] = 2
    prediction = Prediction((), scores, torch.zeros_like(scores))
    picture = np.zeros((300, 400, 3), np.uint8)
    assert Look(Crop(100, 200, 160), prediction).box(picture) == Box(120, 240, 90, 40)
    assert Look(Crop(100, 240, 160), prediction).box(picture) == Box(120, 280, 90, 20)
    assert Look(Crop(100, 280, 160), prediction).box(picture) is None


@pytest.fixture(scope="module")
def written(model: ColourSeer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    folder = tmp_path_factory.mktemp("results") / "new" / "out"
    picture = painted(640, 480, (150, 150, 120), (330, 200, 120))
    reconstruct(picture, model=model).save(folder)
    return folder, picture


def test_meshes_share_a_frame_with_y_up_in_metres(model: ColourSeer, written: tuple[Path, np.ndarray]):
    """All three files give the same surfaces, with normals and, in glTF's linear light, the same colours."""
    folder, picture = written
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    estimate = reconstruct(picture, model=model).prediction.final
    meshes = [trimesh.load_scene(folder / f"{side}.glb") for side in ("left", "right")]
    for h, (side, scene) in enumerate(zip(("left", "right"), meshes, strict=True)):
        assert list(scene.geometry) == [f"{side} hand"]
        mesh = scene.to_mesh()
        assert len(mesh.faces) == 1538
        expected = (estimate.vertices[0, h] + h * OFFSET * LENGTH_UNIT) * torch.tensor([1, -1, -1])
        np.testing.assert_allclose(mesh.vertices, expected.numpy(), atol=1e-6)
        np.testing.assert_array_equal(mesh.faces, model.hands[side].faces)
        np.testing.assert_allclose(File(folder / "hands.glb").skinned(f"{side} hand"), expected, atol=1e-5)
        file, both = File(folder / f"{side}.glb"), File(folder / "hands.glb")
        colours = [f.json["materials"][k]["pbrMetallicRoughness"] for f, k in ((file, 0), (both, h))]
        assert colours[0] == colours[1]
        rgb = ((0, 0.168269, 0.445201), (0.791298, 0.346704, 0))[h]
        np.testing.assert_allclose(colours[0]["baseColorFactor"], (*rgb, 1), atol=1e-5)
        normals = file.array(file.json["meshes"][0]["primitives"][0]["attributes"]["NORMAL"])
        true = vertex_normals(estimate.vertices[0, h].numpy(), model.hands[side].faces)
        np.testing.assert_allclose(normals, true, atol=1e-5)


def test_overlay_is_the_picture_with_hands_on_it(written: tuple[Path, np.ndarray]):
    folder, picture = written
    overlay = np.asarray(Image.open(folder / "overlay.png"))
    assert overlay.shape == picture.shape
    changed = np.abs(overlay.astype(int) - picture).sum(-1) > 60
    assert changed[150:330, 100:460].mean() > 0.02
    assert not changed[:60].any()


def test_overlay_of_a_large_picture_stays_aligned(model: ColourSeer):
    picture = painted(2400, 1200, (900, 500, 200), (1200, 500, 200))
    result = reconstruct(picture, model=model)
    drawn = result.overlay()
    assert drawn.shape == (800, 1600, 3)
    small = np.asarray(Image.fromarray(picture).resize((1600, 800)))
    rows, columns = np.nonzero(np.abs(drawn.astype(int) - small).sum(-1) > 120)
    pixels = torch.cat((result.vertex_pixels, result.joint_pixels), dim=1).reshape(-1, 2) * (1600 / 2400)
    assert columns.min() == pytest.approx(float(pixels[:, 0].min()), abs=8)
    assert rows.max() == pytest.approx(float(pixels[:, 1].max()), abs=8)


def test_result_says_everything_in_picture_pixels_and_metres(
    model: ColourSeer, written: tuple[Path, np.ndarray]
):
    folder, picture = written
    record, result = json.loads((folder / "result.json").read_text()), reconstruct(picture, model=model)
    assert record["model"] == model.name
    assert record["picture"] == {"width": 640, "height": 480}
    assert record["box"] == asdict(result.box) | {"origin": "found"}
    assert record["hands_seen"] == "both hands"
    wrists = {side: np.array(hand["joints_m"][0]) for side, hand in record["hands"].items()}
    np.testing.assert_allclose(wrists["right"] - wrists["left"], record["offset_m"], atol=2e-6)
    np.testing.assert_allclose(record["offset_m"], [0.15, 0.075, -0.0375], atol=1e-6)
    for h, side in enumerate(("left", "right")):
        hand = record["hands"][side]
        np.testing.assert_allclose(hand["joints_px"], result.joint_pixels[h].numpy(), atol=1e-5)
        scale, *shift = hand["camera_px"]
        around_wrist = np.array(hand["joints_m"]) - wrists[side]
        np.testing.assert_allclose(around_wrist[:, :2] * scale + shift, hand["joints_px"], atol=0.02)
        assert set(hand) - {"confidence"} <= {*record["about"], "joints_px"}
