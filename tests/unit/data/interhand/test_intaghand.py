"""The folder that IntagHand's preparation writes, read into samples."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.malformed import Command, assert_read_or_refused, malformed_bytes, malformed_content
from support.random_pairs import HANDS
from support.real_layouts import small_moments

from handlib.data.interhand.intaghand import IntagHand
from handlib.data.interhand.mano_fits import Unusable
from handlib.data.interhand.stand_ins import StandIn, write_intaghand
from handlib.geometry.camera import uv_to_pixels
from handlib.utils.errors import InputError

SIZE = 64


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[StandIn]]:
    root = tmp_path_factory.mktemp("intaghand")
    return root, write_intaghand(root, "test", list(small_moments()), SIZE)


def annotation(root: Path, number: int) -> Path:
    return root / "test" / "anno" / f"{number}.pkl"


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = pickle.loads(path.read_bytes())
    change(content)
    path.write_bytes(pickle.dumps(content))


@pytest.mark.parametrize("size", [SIZE, 40])
def test_the_truth_comes_back_at_any_size(written: tuple[Path, list[StandIn]], size: int):
    root, views = written
    source = IntagHand(root, "test", HANDS)
    assert len(source) == len(views) == 6
    for number, view in enumerate(views):
        sample = source.sample(number, size)
        assert np.abs(sample.vertices.numpy() - view.vertices).max() < 1e-5
        assert np.abs(sample.joints.numpy() - view.joints).max() < 1e-5
        # The crop is the middle square of the whole picture.
        height, width = view.picture.shape[:2]
        above = (height - width) // 2
        pixels = view.joints[..., :2] / view.joints[..., 2:] * view.intrinsics[:2] + view.intrinsics[2:]
        seen = uv_to_pixels(sample.uv, width) + torch.tensor((0, above))
        np.testing.assert_allclose(seen.numpy(), pixels, atol=0.01)


def test_labels_are_those_of_the_mask_without_the_forearms(written: tuple[Path, list[StandIn]]):
    root, _ = written
    source = IntagHand(root, "test", HANDS)
    for number in range(len(source)):
        label = source.sample(number, SIZE).label.numpy()
        mask = np.asarray(Image.open(root / "test" / "mask" / f"{number}.jpg"))
        drawn = np.where(mask[..., :2].max(-1) > 127, 1 + mask[..., :2].argmax(-1), 0)
        assert (drawn[label > 0] == label[label > 0]).mean() > 0.95
        assert (label[drawn == 0] == 0).mean() > 0.98


def test_numbers_may_have_gaps(written: tuple[Path, list[StandIn]], tmp_path: Path):
    views = write_intaghand(tmp_path, "test", list(small_moments())[:2], 32)
    annotation(tmp_path, 1).unlink()
    source = IntagHand(tmp_path, "test", HANDS)
    assert len(source) == 3
    assert np.abs(source.sample(1, 16).vertices.numpy() - views[2].vertices).max() < 1e-5


@pytest.fixture
def single(tmp_path: Path) -> Path:
    write_intaghand(tmp_path, "test", list(small_moments())[:1], 32)
    return tmp_path


def reason(root: Path) -> str:
    with pytest.raises(Unusable, match="0") as refused:
        IntagHand(root, "test", HANDS).sample(0, 16)
    assert refused.value.fault
    return refused.value.reason


def test_commands_in_annotations_are_refused_and_not_run(single: Path):
    trace = single / "trace"
    edit(annotation(single, 0), lambda content: content.update(extra=Command(trace)))
    assert reason(single) == "broken annotation"
    assert not trace.exists()


CHANGES = {
    "no usable mano_params left R": lambda d: d["mano_params"].update(left=None),
    "no usable mano_params right pose": lambda d: d["mano_params"]["right"].update(pose=np.zeros((1, 12))),
    "no usable mano_params right trans": lambda d: d["mano_params"]["right"]["trans"].fill(np.nan),
    "no usable camera camera": lambda d: d["camera"].update(camera="none"),
}


@pytest.mark.parametrize("expected", CHANGES)
def test_annotations_that_lack_something_say_what(single: Path, expected: str):
    edit(annotation(single, 0), CHANGES[expected])
    assert reason(single) == expected


def test_pictures_and_annotations_that_cannot_be_read(single: Path):
    picture = single / "test" / "img" / "0.jpg"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:30])
    assert reason(single) == "broken picture"
    Image.fromarray(np.zeros((32, 30, 3), np.uint8)).save(picture)
    assert reason(single) == "picture that isn't square"
    picture.unlink()
    assert reason(single) == "no picture file"
    annotation(single, 0).write_bytes(b"\x80\x02")
    assert reason(single) == "broken annotation"
    with pytest.raises(InputError, match=r"expected annotations as train/anno/0\.pkl"):
        IntagHand(single, "train", HANDS)


@given(data=st.data())
def test_broken_annotations_are_refused_in_one_line_that_names_the_file(
    written: tuple[Path, list[StandIn]], single: Path, data: st.DataObject
):
    path, whole = annotation(single, 0), annotation(written[0], 0).read_bytes()
    if data.draw(st.booleans()):
        path.write_bytes(pickle.dumps(data.draw(malformed_content(pickle.loads(whole)))))
    else:
        path.write_bytes(data.draw(malformed_bytes(whole)))
    assert_read_or_refused(lambda: IntagHand(single, "test", HANDS).sample(0, 16), path.name)
