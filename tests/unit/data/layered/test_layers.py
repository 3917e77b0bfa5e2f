import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation, binary_erosion, binary_fill_holes

from handlib.data import shards
from handlib.data.layered import layers
from handlib.data.layered.layers import (
    FIELDS,
    LEAST_SEEN,
    NEAREST,
    LayeredDataset,
    LayeredPair,
    make_layered_dataset,
    make_layers,
)
from handlib.data.layered.people import VIEWS
from handlib.data.sample import STRATA
from handlib.geometry.camera import project_pinhole
from handlib.utils.errors import InputError

SIZE, SEED = 96, 3


@pytest.fixture(scope="module")
def made() -> list[dict[str, np.ndarray]]:
    return [make_layers(SEED, index, "train", SIZE) for index in range(6)]


@pytest.fixture(autouse=True)
def two_pairs_per_shard(monkeypatch: pytest.MonkeyPatch):
    for module in (shards, layers):
        monkeypatch.setattr(module, "SHARD_SIZE", 2)


def changed_times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in sorted(folder.glob("shard-*"))}


def test_seed_split_and_index_alone_decide_a_pair(made):
    again = make_layers(SEED, 1, "train", SIZE)
    assert set(again) == set(FIELDS)
    for name, values in again.items():
        np.testing.assert_array_equal(values, made[1][name])
    for other in (made[0], make_layers(SEED + 1, 1, "train", SIZE), make_layers(SEED, 1, "val", SIZE)):
        assert not np.array_equal(other["pose"], again["pose"])
        assert not np.array_equal(other["colour"], again["colour"])


def test_a_larger_picture_shows_the_same_pair(made):
    large = make_layers(SEED, 1, "train", 2 * SIZE)
    for name in ("vertices", "joints", "root", "pose", "betas", "visible", "distance", "stratum", "view"):
        np.testing.assert_array_equal(large[name], made[1][name])
    np.testing.assert_allclose(large["intrinsics"], 2 * made[1]["intrinsics"], rtol=1e-6)
    assert ((large["part"][::2, ::2] > 0) == (made[1]["part"] > 0)).mean() > 0.95


def test_parts_depth_and_dense_maps_agree(made):
    codes = np.unique(np.stack([pair["part"] for pair in made]))
    np.testing.assert_array_equal(codes, np.arange(7))
    for pair in made:
        part, depth = pair["part"], pair["depth"]
        np.testing.assert_array_equal(depth > 0, part > 0)
        np.testing.assert_array_equal((pair["dense"] > 0).all(-1), (part == 1) | (part == 2))
        assert not pair["dense"][(part == 0) | (part > 2)].any()
        for arm in (0, 1):
            of_hand, z = depth[part == 1 + arm], pair["vertices"][arm, :, 2]
            assert z.min() - 2e-3 < of_hand.min() and of_hand.max() < z.max() + 2e-3
        assert pair["vertices"][..., 2].min() >= NEAREST
        assert pair["visible"].min() > LEAST_SEEN and pair["visible"].max() <= 1
        assert 0 <= pair["stratum"] < len(STRATA) and 0 <= pair["view"] < len(VIEWS)


def test_coverage_is_full_inside_arms_and_nothing_away_from_them(made):
    for pair in made:
        arms, coverage = pair["part"] > 0, pair["colour"][..., 3]
        inside = binary_erosion(arms, np.ones((3, 3)), iterations=2)
        away = ~binary_dilation(arms, np.ones((3, 3)))
        assert inside.any() and away.any()
        assert (coverage[inside] == 255).mean() > 0.99 and coverage[inside].min() > 0
        assert not pair["colour"][away].any()
        assert (coverage == 255).sum() <= binary_fill_holes(binary_dilation(arms, np.ones((3, 3)))).sum()


def test_joints_of_hands_that_are_seen_lie_on_their_own_part(made):
    checked = 0
    for pair in made:
        pixels = project_pinhole(torch.from_numpy(pair["joints"]), torch.from_numpy(pair["intrinsics"]))
        column, row = pixels.floor().long().clamp(0, SIZE - 1).unbind(-1)
        for arm in np.flatnonzero(pair["visible"] > 0.95):
            met = pair["part"][row[arm], column[arm]]
            assert np.isin(met, (1 + arm, 3 + arm)).mean() > 0.8
            checked += 1
    assert checked >= 6


def test_a_data_set_goes_on_where_it_stopped_and_reads_what_was_made(tmp_path: Path, capsys):
    make_layered_dataset(tmp_path, "train", 5, SEED, 32)
    before = changed_times(tmp_path)
    contents = {path.name: path.read_bytes() for path in tmp_path.glob("shard-*")}
    assert len(before) == 3
    missing = tmp_path / "shard-00001.safetensors"
    missing.unlink()
    with pytest.raises(InputError, match="1 of 3 shards are missing"):
        LayeredDataset(tmp_path)
    capsys.readouterr()
    make_layered_dataset(tmp_path, "train", 5, SEED, 32)
    assert capsys.readouterr().out == "wild train: 5 of 5\n"
    after = changed_times(tmp_path)
    del before[missing.name], after[missing.name]
    assert after == before
    assert {path.name: path.read_bytes() for path in tmp_path.glob("shard-*")} == contents

    pairs = LayeredDataset(tmp_path)
    assert len(pairs) == 5
    for index in (4, 1, 2):
        expected = LayeredPair.of(make_layers(SEED, index, "train", 32))
        for name in FIELDS:
            found = getattr(pairs[index], name)
            assert found.dtype == getattr(expected, name).dtype
            assert torch.equal(found, getattr(expected, name)), name


def test_what_doesnt_fit_the_folder_is_one_error(tmp_path: Path):
    make_layered_dataset(tmp_path, "train", 2, SEED, 24)
    before = changed_times(tmp_path)
    for other, said in (
        (("train", 2, SEED + 1, 24), "seed 3"),
        (("val", 2, SEED, 24), "split 'train'"),
        (("train", 2, SEED, 32), "size 24"),
    ):
        with pytest.raises(InputError, match=f"already holds another data set: {said}"):
            make_layered_dataset(tmp_path, *other)
    assert changed_times(tmp_path) == before
    with pytest.raises(InputError, match=r"dataset\.json is missing"):
        LayeredDataset(tmp_path / "nowhere")
    shard = tmp_path / "shard-00000.safetensors"
    shard.write_bytes(shard.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"shard-00000\.safetensors: expected a shard of layered pairs"):
        LayeredDataset(tmp_path)[0]


def test_a_data_set_of_pictures_is_no_layered_one(tmp_path: Path):
    shards.prepare_folder(tmp_path, shards.DatasetInfo("desk", "train", 1, 8, 0, shards.open_hand_sha256()))
    layers.save_file({"image": torch.zeros(1, 3, 8, 8)}, tmp_path / "shard-00000.safetensors")
    assert json.loads((tmp_path / "dataset.json").read_text())["world"] == "desk"
    with pytest.raises(InputError, match="expected a shard of layered pairs"):
        LayeredDataset(tmp_path)[0]


@pytest.mark.parametrize("name", ["count", "size", "workers"])
def test_numbers_that_cannot_be_are_refused_before_anything_is_written(name: str, tmp_path: Path):
    settings = {"count": 1, "size": 24, "workers": 1, name: 0}
    with pytest.raises(InputError, match=f"{name}: expected at least 1"):
        make_layered_dataset(tmp_path / "x", "train", seed=SEED, **settings)
    assert not (tmp_path / "x").exists()
