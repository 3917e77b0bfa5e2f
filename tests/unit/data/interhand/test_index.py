"""The index of InterHand2.6M's annotations: what is in it, what is left out and why, resuming, damage."""

import errno
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.malformed import assert_read_or_refused, malformed_bytes, malformed_json
from support.real_layouts import annotations, edit, small_moments

from handlib.data.interhand import index as interhand_index
from handlib.data.interhand.files import ANNOTATED_TO_21, KINDS, find_sources
from handlib.data.interhand.index import Index, open_index
from handlib.data.interhand.stand_ins import write_interhand
from handlib.hand.skeleton import JOINT_NAMES
from handlib.utils.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_interhand(tmp_path, "train", list(small_moments()))
    return tmp_path


def opened(root: Path, strict: bool = False) -> Index:
    return open_index(find_sources(root, "train", "both"), root / "index.sqlite", strict)


def test_joints_are_listed_from_tip_to_base_right_hand_first():
    right, left = ANNOTATED_TO_21["right"], ANNOTATED_TO_21["left"]
    assert sorted(right + left) == list(range(42))
    names = dict(zip(JOINT_NAMES, right, strict=True))
    expected = {"wrist": 20, "thumb4": 0, "thumb1": 3, "index4": 4, "little1": 19}
    assert names | expected == names
    assert left == tuple(k + 21 for k in right)


def test_every_picture_of_the_stand_in_is_found_with_all_that_belongs_to_it(root: Path):
    index = opened(root)
    content = {kind: json.loads(annotations(root, kind).read_text()) for kind in ("data", "joint_3d")}
    assert len(index) == len(content["data"]["images"]) == 6
    for number, image in enumerate(content["data"]["images"]):
        record = index[number]
        assert (record.file_name, record.annotation) == (image["file_name"], 10 + number)
        assert record.size == (90, 130)
        moment = content["joint_3d"][str(image["capture"])][str(image["frame_idx"])]
        assert record.joints.tolist() == moment["world_coord"]
        assert record.valid.all()
    assert index.left_out == index.skipped == {}


def first(data: dict, name: str) -> dict:
    return data["annotations"][0] if name == "annotation" else data["images"][0]


FAULTS = {
    "annotation without id": ("data", lambda d: first(d, "annotation").pop("id"), 1),
    "annotation without joint_valid": ("data", lambda d: first(d, "annotation").pop("joint_valid"), 1),
    "annotation of no image": ("data", lambda d: d["images"].pop(0), 1),
    "image without frame": ("data", lambda d: first(d, "image").pop("frame_idx"), 1),
    "image without width": ("data", lambda d: first(d, "image").update(width="wide"), 1),
    "no camera": ("camera", lambda d: d["0"]["focal"].pop("400262"), 2),
    "no joints": ("joint_3d", lambda d: d["0"].pop("1000"), 2),
    "no fit": ("MANO_NeuralAnnot", lambda d: d["0"].pop("1000"), 2),
    "no fit of the left hand": ("MANO_NeuralAnnot", lambda d: d["0"]["1000"].update(left=None), 2),
    "no fit of the right hand": ("MANO_NeuralAnnot", lambda d: d["0"]["1000"]["right"].pop("trans"), 2),
}


@pytest.mark.parametrize("reason", FAULTS)
def test_what_cannot_be_used_is_skipped_and_counted(root: Path, reason: str):
    kind, change, count = FAULTS[reason]
    edit(root, kind, change)
    index = opened(root)
    assert index.skipped == {reason: count}
    assert len(index) == 6 - count
    with pytest.raises(InputError, match=f"{count} x {reason}"):
        opened(root, strict=True)


SUBSET = {
    "one hand": lambda d: first(d, "annotation").update(hand_type="right"),
    "hand type not valid": lambda d: first(d, "annotation").update(hand_type_valid=0),
}


@pytest.mark.parametrize("reason", SUBSET)
def test_what_is_not_in_the_subset_is_no_fault(root: Path, reason: str):
    edit(root, "data", SUBSET[reason])
    index = opened(root, strict=True)
    assert (index.left_out, index.skipped, len(index)) == ({reason: 1}, {}, 5)


def test_finished_tables_survive_an_interruption(root: Path, monkeypatch: pytest.MonkeyPatch):
    def killed(moments):
        yield 0, 0, None, None
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(interhand_index, "_fit_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            opened(root)
    assert not (root / "index.sqlite").exists()
    for name in ("_image_rows", "_camera_rows", "_joint_rows"):
        monkeypatch.setattr(interhand_index, name, lambda _: iter(lambda: pytest.fail("read again"), None))
    index = opened(root)
    assert [index[k].annotation for k in range(6)] == list(range(10, 16))
    assert not list(root.glob("*.part"))


@pytest.mark.parametrize("obstacle", ["index.sqlite.part", "read_only"])
def test_an_index_that_cannot_be_written_says_what_to_do(root: Path, obstacle: str, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    (root / obstacle).mkdir()
    if obstacle == "read_only":
        monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InputError, match=r"index\.sqlite: the index can't be written .*--index"):
        opened(root)


def test_a_finished_index_is_opened_without_reading_json(root: Path, monkeypatch: pytest.MonkeyPatch):
    opened(root)
    monkeypatch.setattr(interhand_index, "build_index", lambda *_: pytest.fail("made again"))
    assert len(opened(root)) == 6


def test_changed_annotations_are_indexed_again(root: Path):
    opened(root)
    edit(root, "data", lambda data: data["annotations"].pop())
    assert len(opened(root)) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_missing_files_are_named(root: Path, kind: str):
    path = annotations(root, kind)
    path.unlink()
    with pytest.raises(InputError, match=f"annotations/train/{path.name} is missing"):
        find_sources(root, "train", "both")


def test_without_ijson_it_says_what_to_install(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ijson", None)
    with pytest.raises(InputError, match=r"ijson: pip install 'handlib\[interhand\]'"):
        opened(root)


def test_subsets_come_from_lists(root: Path):
    def chosen(annotators) -> list[int]:
        index = open_index(find_sources(root, "train", annotators), root / f"{annotators}.sqlite")
        return [index[k].annotation for k in range(len(index))]

    assert chosen("human") == [10, 12, 14] and chosen("machine") == [11, 13, 15]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_broken_annotations_are_refused_in_one_line_that_names_the_file(
    root: Path, kind: str, data: st.DataObject
):
    write_interhand(root, "train", list(small_moments())[:1])
    path = annotations(root, kind)
    path.write_bytes(data.draw(malformed_json(json.loads(path.read_text()))))
    assert_read_or_refused(lambda: [opened(root)[k] for k in range(len(opened(root)))], path.name)


@given(data=st.data())
def test_a_broken_index_is_refused_in_one_line_that_names_it(root: Path, data: st.DataObject):
    path = root / "index.sqlite"
    path.unlink(missing_ok=True)
    opened(root)
    path.write_bytes(data.draw(malformed_bytes(path.read_bytes())))
    assert_read_or_refused(lambda: [opened(root)[k] for k in range(len(opened(root)))], path.name)
