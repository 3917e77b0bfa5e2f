"""Real layouts rewritten as data sets that training and evaluation take, from the command line too."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.commands import failing
from support.malformed import assert_read_or_refused, malformed_json
from support.real_layouts import edit, small_moments
from support.tiny import TINY

from handlib import cli
from handlib.data import shards
from handlib.data.interhand.convert import Conversion, convert
from handlib.data.interhand.intaghand import IntagHand
from handlib.data.interhand.interhand import InterHand
from handlib.data.interhand.mano_fits import Unusable
from handlib.data.interhand.stand_ins import write_intaghand, write_interhand
from handlib.data.sample import Sample, resize, stack
from handlib.data.shards import load_dataset, read_info
from handlib.data.shipped import load_samples
from handlib.hand.hand import Hand
from handlib.hand.mano_file import export_open_hand, open_hand_data, write_mano
from handlib.hand.skeleton import SIDES
from handlib.training.config import RECIPES
from handlib.utils.errors import InputError

HANDS = tuple(Hand.open(side) for side in SIDES)
SIZE = 24


@pytest.fixture(autouse=True)
def four_samples_per_shard(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shards, "SHARD_SIZE", 4)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_interhand(tmp_path / "data", "train", list(small_moments()))
    return tmp_path / "data"


def everything(folder: Path) -> Sample:
    dataset = load_dataset(folder)
    return dataset.sample(torch.arange(len(dataset)))


def test_a_conversion_holds_what_the_source_gives(root: Path, tmp_path: Path):
    source = InterHand(root, "train", HANDS)
    done = convert(source, tmp_path / "out", SIZE)
    assert (done.written, done.read) == (6, 6)
    batch, expected = everything(tmp_path / "out"), stack([source.sample(k, SIZE) for k in range(6)])
    for name, value in vars(expected).items():
        torch.testing.assert_close(getattr(batch, name), value, atol=5e-4 if name == "depth" else 0, rtol=0)
    info = read_info(tmp_path / "out")
    assert (info.world, info.split, info.count, info.size) == ("InterHand2.6M", "train", 6, SIZE)
    assert info.hand_sha256 == shards.open_hand_sha256()


def test_pictures_that_cannot_be_used_are_counted(root: Path, tmp_path: Path):
    edit(root, "MANO_NeuralAnnot", lambda d: d["1"].clear())
    edit(root, "data", lambda d: d["annotations"][0].update(hand_type="left"))
    (root / "images" / "train" / "Capture0/0000_stand_in/cam400263/image1003.jpg").unlink()
    source = InterHand(root, "train", HANDS)
    done = convert(source, tmp_path / "out", SIZE)
    assert len(load_dataset(tmp_path / "out")) == done.written == 2
    assert done.counts(fault=False) == {"one hand": 1}
    assert done.counts(fault=True) == {"no fit": 2, "no picture file": 1}
    assert str(done).splitlines() == [
        "2 samples",
        "not in the subset: 1 one hand",
        "skipped: 2 no fit, 1 no picture file",
    ]
    with pytest.raises(InputError, match=r"image1003\.jpg: no picture file"):
        convert(source, tmp_path / "strict", SIZE, strict=True)
    assert not (tmp_path / "strict" / "dataset.json").exists()


class Interrupted(InterHand):
    stop = 5

    def sample(self, number: int, size: int) -> Sample:
        if number == self.stop:
            raise KeyboardInterrupt
        return super().sample(number, size)


def test_a_stopped_conversion_goes_on_with_the_next_shard(root: Path, tmp_path: Path):
    convert(InterHand(root, "train", HANDS), tmp_path / "whole", SIZE)
    with pytest.raises(KeyboardInterrupt):
        convert(Interrupted(root, "train", HANDS), tmp_path / "out", SIZE)
    first = shards.shard_path(tmp_path / "out", 0)
    before = first.stat().st_mtime_ns
    with pytest.raises(InputError, match=r"dataset\.json is missing"):
        load_dataset(tmp_path / "out")
    source = InterHand(root, "train", HANDS)
    asked = []
    read = source.sample
    source.sample = lambda number, size: asked.append(number) or read(number, size)
    convert(source, tmp_path / "out", SIZE)
    assert asked == [4, 5]
    assert first.stat().st_mtime_ns == before
    for path in (tmp_path / "whole").glob("shard-*"):
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()
    asked.clear()
    assert convert(source, tmp_path / "out", SIZE).written == 6 and asked == []


def test_folders_that_hold_something_else_are_refused(root: Path, tmp_path: Path):
    source = InterHand(root, "train", HANDS)
    convert(source, tmp_path / "out", SIZE, count=2)
    assert len(load_dataset(tmp_path / "out")) == 2
    for other in ({"size": SIZE, "count": 3}, {"size": 16, "count": 2}):
        with pytest.raises(InputError, match="conversion of something else"):
            convert(source, tmp_path / "out", **other)
    with pytest.raises(InputError, match="count: expected at least 1"):
        convert(source, tmp_path / "new", SIZE, count=0)
    (tmp_path / "out" / "conversion.json").unlink()
    with pytest.raises(InputError, match="another data set"):
        convert(source, tmp_path / "out", SIZE, count=2)


@pytest.mark.parametrize("write", [write_interhand, write_intaghand])
def test_a_misplaced_picture_put_right_is_read_by_the_next_call(write, tmp_path: Path):
    write(tmp_path, "train", list(small_moments()))
    open_source = InterHand if write is write_interhand else IntagHand
    pictures = sorted((tmp_path / ("images" if write is write_interhand else "train/img")).rglob("*.jpg"))
    for path in pictures[2:]:
        path.rename(path.with_suffix(".misplaced"))
    assert convert(open_source(tmp_path, "train", HANDS), tmp_path / "out", SIZE).written == 2
    for path in pictures[2:]:
        path.with_suffix(".misplaced").rename(path)
    assert convert(open_source(tmp_path, "train", HANDS), tmp_path / "out", SIZE).written == 6
    assert len(load_dataset(tmp_path / "out")) == 6


class Numbered:
    """A source whose samples say their number in the first pixel."""

    name, split, hands, left_out, skipped = "numbered", "train", HANDS, {"one hand": 2}, {"no fit": 1}
    plain = resize(load_samples("test")[0], 4)

    def __init__(self, faults: dict[int, str], count: int):
        self.faults, self.count = faults, count

    def __len__(self) -> int:
        return self.count

    def sample(self, number: int, size: int) -> Sample:
        if number in self.faults:
            raise Unusable(f"{number}", self.faults[number], fault=self.faults[number] != "dark")
        image = self.plain.image.clone()
        image[0, 0, 0] = number
        return replace(self.plain, image=image)


@settings(deadline=None, max_examples=15, derandomize=True)
@given(
    st.lists(
        st.dictionaries(st.integers(0, 20), st.sampled_from(["dark", "broken", "gone"])),
        min_size=2,
        max_size=3,
    ),
    st.integers(1, 20),
)
def test_after_any_repairs_a_conversion_is_as_if_made_at_once(faults: list[dict[int, str]], count: int):
    """Faults of pictures come only to an end: what was good stays good, what was dark stays dark."""
    kept = faults[0]
    with TemporaryDirectory() as folder:
        for change in faults:
            kept = {k: why for k, why in kept.items() if why == "dark" or k in change}
            expected = [k for k in range(count) if k not in kept]
            if not expected:
                with pytest.raises(InputError, match="no usable picture"):
                    convert(Numbered(kept, count), folder, 4)
                continue
            done = convert(Numbered(kept, count), folder, 4)
            assert everything(Path(folder)).image[:, 0, 0, 0].tolist() == expected
            known = {k: why for k, why in kept.items() if k < count}
            assert done.counts(True)["gone"] == list(known.values()).count("gone")
            assert done.counts(False) == Counter({"one hand": 2}) + Counter(
                w for w in known.values() if w == "dark"
            )


@pytest.fixture(scope="module")
def mano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mano")
    export_open_hand(folder)
    return folder


@pytest.mark.parametrize(
    ("layout", "write"), [("interhand", write_interhand), ("intaghand", write_intaghand)]
)
def test_each_layout_is_converted_from_the_command_line(layout, write, mano: Path, tmp_path: Path, capsys):
    write(tmp_path, "test", list(small_moments()))
    source = ["--root", tmp_path, "--out", tmp_path / "pairs", "--mano", mano]
    cli.main([*map(str, ["data", layout, *source, "--split", "test", "--size", 32, "--strict"])])
    assert capsys.readouterr().out.startswith("6 samples\n")
    assert len(load_dataset(tmp_path / "pairs" / "test-32")) == 6


def test_wrong_folders_are_one_line(mano: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    command = ["--root", tmp_path, "--out", tmp_path / "out", "--mano"]
    for layout, expected in (("interhand", "_data.json is missing"), ("intaghand", "anno/0.pkl")):
        assert expected in failing(capsys, "data", layout, *command, mano)
        assert "MANO_LEFT.pkl" in failing(capsys, "data", layout, *command, tmp_path)
        assert "mano: expected a folder" in failing(capsys, "data", layout, *command, tmp_path / "none")
    assert not (tmp_path / "out").exists()


def test_pairs_of_another_hand_are_not_trained_or_measured_on(
    root: Path,
    mano: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setitem(RECIPES, "small", replace(RECIPES["small"], network=TINY))
    other = tmp_path / "other"
    other.mkdir()
    for side in SIDES:
        data = open_hand_data(side)
        write_mano(replace(data, v_template=1.01 * data.v_template), other / f"MANO_{side.upper()}.pkl")
    out, run = tmp_path / "pairs", tmp_path / "run"
    command = ["data", "interhand", "--root", root, "--out", out, "--mano", other, "--size", 64]
    cli.main([*map(str, command)])
    capsys.readouterr()
    train = ["train", "--data", out / "train-64", "--out", run, "--steps", 1, "--precision", "32-true"]
    assert "another hand model" in failing(capsys, *train)
    assert "another hand model" in failing(capsys, *train, "--mano", mano)
    cli.main([*map(str, [*train, "--mano", other])])
    (out / "train-64").rename(out / "test-64")
    capsys.readouterr()
    measure = ["eval", "--checkpoint", run, "--pairs", out, "--split", "test"]
    assert "another hand model" in failing(capsys, *measure)
    assert "fresh pairs" in failing(capsys, "eval", "--checkpoint", run, "--mano", other)
    cli.main([*map(str, [*measure, "--mano", other])])
    assert "mm" in capsys.readouterr().out


@given(malformed_json({"asked": {}, "read": 9, "written": 7, "unwanted": {"dark": 1}, "faults": [[2, "x"]]}))
def test_a_broken_state_is_refused_in_one_line_that_names_it(tmp_path: Path, content: bytes):
    (tmp_path / "conversion.json").write_bytes(content)
    source = Numbered({}, 9)
    assert_read_or_refused(lambda: Conversion.resumed(tmp_path, source, {}), tmp_path.name)
