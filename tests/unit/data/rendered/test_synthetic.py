import json
import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.malformed import assert_read_or_refused, malformed_bytes, malformed_json

from handlib.data import shards
from handlib.data.rendered.synthetic import make_dataset, make_sample
from handlib.data.shards import load_dataset
from handlib.utils.files import replacing


@pytest.fixture(autouse=True)
def two_samples_per_shard(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_SIZE", 2)


def shard_bytes(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("shard-*"))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "train"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_SIZE", 2)
        make_dataset(out, "train", 5, 24, seed=7)
    return out


@pytest.mark.slow
def test_bytes_dont_depend_on_the_number_of_workers(folder, tmp_path):
    make_dataset(tmp_path / "b", "train", 5, 24, seed=7, workers=2)
    assert shard_bytes(tmp_path / "b") == shard_bytes(folder)
    assert len(shard_bytes(folder)) == 3


def test_loaded_samples_are_the_made_ones_in_the_order_asked_for(folder):
    data = load_dataset(folder)
    assert len(data) == 5
    batch = data.sample(torch.tensor([4, 0, 3]))
    for k, index in enumerate((4, 0, 3)):
        made = make_sample("desk", 24, 7, index)
        for name in shards.FIELDS:
            loaded, original = getattr(batch, name)[k], getattr(made, name)
            assert loaded.dtype == original.dtype
            if name == "depth":
                assert torch.allclose(loaded, original, atol=5e-4)
            else:
                assert torch.equal(loaded, original)


def test_interrupted_work_is_resumed_and_finished_shards_are_left_alone(folder, tmp_path):
    make_dataset(tmp_path, "train", 5, 24, seed=7)
    before = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("shard-*")}
    (tmp_path / "shard-00001.safetensors").unlink()
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "shard-00001.safetensors") as half:
        raise KeyboardInterrupt
    half.write_bytes(b"half a shard, as a kill leaves it")
    with pytest.raises(ValueError, match=r"1 of 3 shards are missing.*shard-00001"):
        load_dataset(tmp_path)
    make_dataset(tmp_path, "train", 5, 24, seed=7)
    after = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("shard-*")}
    assert {k: v for k, v in after.items() if "00001" not in k} == {
        k: v for k, v in before.items() if "00001" not in k
    }
    assert shard_bytes(tmp_path) == shard_bytes(folder)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("change", "message"), [({"seed": 8}, "seed 7"), ({"split": "val"}, "split 'train'")]
)
def test_other_settings_for_the_same_folder_are_one_error(folder, change, message):
    settings = {"split": "train", "count": 5, "size": 24, "seed": 7, **change}
    before = shard_bytes(folder)
    with pytest.raises(ValueError, match=f"already holds another data set: {message}"):
        make_dataset(folder, **settings)
    assert shard_bytes(folder) == before


@pytest.mark.parametrize("split", ["val", "test"])
def test_splits_share_no_samples(split):
    assert not torch.equal(make_sample("desk", 16, 7, 0, split).pose, make_sample("desk", 16, 7, 0).pose)
    assert torch.equal(make_sample("desk", 16, 7, 0, split).pose, make_sample("desk", 16, 7, 0, split).pose)


def test_the_scene_doesnt_depend_on_the_pictures_size():
    small, large = (make_sample("desk", size, 7, 1) for size in (16, 48))
    assert torch.equal(small.vertices, large.vertices)
    assert torch.equal(small.visible, large.visible)
    assert torch.allclose(small.intrinsics * 3, large.intrinsics)
    # The same picture: averaged down, the large one resembles the small one.
    reduced = torch.nn.functional.avg_pool2d(large.image.float(), 3)
    assert (reduced - small.image).abs().mean() < 15


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"world": "moon"}, "world: expected one of desk, studio"),
        ({"count": 0}, "count: expected at least 1"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_written(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        make_dataset(
            **{"out": tmp_path / "x", "split": "train", "count": 2, "size": 16, "seed": 0, **settings}
        )
    assert not (tmp_path / "x").exists()


def test_what_is_no_data_set_is_one_clear_error(tmp_path, folder):
    with pytest.raises(ValueError, match=r"dataset\.json is missing"):
        load_dataset(tmp_path)
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(ValueError, match="expected the description of a data set"):
        load_dataset(tmp_path)
    content = json.loads((folder / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps({**content, "format": 0}))
    with pytest.raises(ValueError, match="expected format"):
        load_dataset(tmp_path)


def test_numbers_outside_the_data_set_are_refused(folder):
    with pytest.raises(IndexError, match="0 to 4"):
        load_dataset(folder).sample(torch.tensor([5]))


@given(data=st.data())
def test_broken_data_sets_are_refused_in_one_line_that_names_the_file(folder, tmp_path, data):
    copy = shutil.copytree(folder, tmp_path / "copy", dirs_exist_ok=True)
    info, shard = copy / "dataset.json", copy / "shard-00000.safetensors"
    if data.draw(st.booleans()):
        info.write_bytes(data.draw(malformed_json(json.loads(info.read_text()))))
    else:
        shard.write_bytes(data.draw(malformed_bytes(shard.read_bytes())))
    assert_read_or_refused(lambda: load_dataset(copy).sample(torch.arange(5)), copy.name)
