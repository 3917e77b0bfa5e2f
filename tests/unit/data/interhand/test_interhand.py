"""InterHand2.6M's folder read into samples: the truth of the stand-ins comes back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.random_pairs import HANDS
from support.real_layouts import annotations, edit, small_moments

from handlib.data.interhand.interhand import InterHand, camera_of, fits_of
from handlib.data.interhand.mano_fits import Unusable, crop_around_hands
from handlib.data.interhand.stand_ins import StandIn, write_interhand
from handlib.geometry.camera import uv_to_pixels
from handlib.hand.skeleton import SIDES

HUNDREDTH = 1e-5
"""A hundredth of a millimetre in metres."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[StandIn]]:
    root = tmp_path_factory.mktemp("interhand")
    return root, write_interhand(root, "train", list(small_moments()))


@pytest.fixture(scope="module")
def source(written) -> InterHand:
    return InterHand(written[0], "train", HANDS)


def test_the_truth_comes_back_through_the_camera_and_through_the_world(written, source: InterHand):
    assert len(source) == len(written[1]) == 6
    for number, view in enumerate(written[1]):
        sample = source.sample(number, 32)
        assert np.abs(sample.vertices.numpy() - view.vertices).max() < HUNDREDTH
        assert np.abs(sample.joints.numpy() - view.joints).max() < HUNDREDTH
        record = source.index[number]
        camera = camera_of(record)
        for h, fit in enumerate(fits_of(record, HANDS)):
            in_world = camera.see(fit.posed(HANDS[h]).vertices)
            assert np.abs(in_world.numpy() - view.vertices[h]).max() < HUNDREDTH


def test_crops_show_the_hands_where_the_whole_picture_does(written, source: InterHand):
    for number, view in enumerate(written[1]):
        sample = source.sample(number, 40)
        vertices = torch.from_numpy(view.vertices).float()
        crop = crop_around_hands(vertices, torch.from_numpy(view.intrinsics).float())
        pixels = view.vertices[..., :2] / view.vertices[..., 2:] * view.intrinsics[:2] + view.intrinsics[2:]
        seen = uv_to_pixels(sample.vertex_uv, crop.side) + torch.tensor((crop.x, crop.y))
        np.testing.assert_allclose(seen.numpy(), pixels, atol=0.01)
        low, high = sample.vertex_uv.amin((0, 1)), sample.vertex_uv.amax((0, 1))
        assert high.max() == pytest.approx(0.8, abs=1e-3)
        torch.testing.assert_close(low, -high, atol=1e-3, rtol=0)


def test_labels_lie_on_the_hands_in_the_picture(written, source: InterHand):
    """Stand-ins have one skin: labelled pixels are alike, and unlike those that surround them."""
    for number in range(len(source)):
        sample = source.sample(number, 90)
        # Two neighbours are compared across the label's edge and, four pixels inside, within the hand.
        image, hand = sample.image.float().mean(0), sample.label > 0
        step = (image[:, 1:] - image[:, :-1]).abs()
        edge = hand[:, 1:] != hand[:, :-1]
        assert step[edge].mean() > 1.5 * step[~edge].mean()


def test_annotated_joints_are_in_the_cameras_frame_and_in_our_order(written, source: InterHand):
    for number, view in enumerate(written[1]):
        joints, valid = source.annotated_joints(number)
        assert np.abs(joints.numpy() - view.joints).max() < HUNDREDTH
        assert valid.shape == (2, 21) and valid.all()


def test_invalid_joints_find_their_hand(tmp_path: Path):
    write_interhand(tmp_path, "val", list(small_moments())[:1])
    path = annotations(tmp_path, "data", "val")
    path.write_text(path.read_text().replace('"joint_valid": [[1]', '"joint_valid": [[0]', 1))
    _, valid = InterHand(tmp_path, "val", HANDS).annotated_joints(0)
    assert (~valid).nonzero().tolist() == [[SIDES.index("right"), 4]]


def replace_picture(root: Path, view: StandIn, picture: np.ndarray | bytes | None) -> None:
    path = root / "images" / "train" / view.file_name
    path.unlink()
    if isinstance(picture, bytes):
        path.write_bytes(picture)
    elif picture is not None:
        Image.fromarray(picture).save(path)


@pytest.mark.parametrize(
    ("picture", "reason", "fault"),
    [
        (None, "no picture file", True),
        (b"", "broken picture", True),
        (b"\xff\xd8\xff\xe0 half a picture", "broken picture", True),
        (np.full((130, 80, 3), 99, np.uint8), "picture of another size than annotated", True),
        (np.full((130, 90, 3), 9, np.uint8), "dark picture", False),
    ],
)
def test_pictures_that_give_no_sample(tmp_path: Path, picture, reason: str, fault: bool):
    views = write_interhand(tmp_path, "train", list(small_moments())[:1])
    replace_picture(tmp_path, views[1], picture)
    source = InterHand(tmp_path, "train", HANDS)
    source.sample(0, 16)
    with pytest.raises(Unusable, match=rf"{Path(views[1].file_name).name}: {reason}") as refused:
        source.sample(1, 16)
    assert (refused.value.reason, refused.value.fault) == (reason, fault)


def in_other_units(content: dict, scale: float, name: str) -> None:
    for entry in content["0"].values():
        for part in (entry["left"], entry["right"]) if name == "trans" else (entry,):
            part[name] = (scale * np.array(part[name])).tolist()


@pytest.mark.parametrize(
    ("kind", "name", "scale"),
    [
        (kind, name, scale)
        for kind, name in (("MANO_NeuralAnnot", "trans"), ("joint_3d", "world_coord"))
        for scale in (1e3, 1e-3)
    ],
)
def test_lengths_in_other_units_are_refused(tmp_path: Path, kind: str, name: str, scale: float):
    write_interhand(tmp_path, "train", list(small_moments())[:1])
    edit(tmp_path, kind, lambda content: in_other_units(content, scale, name))
    with pytest.raises(Unusable, match=r"metres|behind the camera|outside the picture") as refused:
        InterHand(tmp_path, "train", HANDS).sample(0, 16)
    assert refused.value.fault
