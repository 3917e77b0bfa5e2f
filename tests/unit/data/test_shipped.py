import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.malformed import assert_read_or_refused, malformed_bytes

from handlib.data.rendered.synthetic import make_sample
from handlib.data.sample import Sample
from handlib.data.shipped import load_samples, write_samples
from handlib.utils.errors import InputError
from handlib.utils.resources import samples_folder

COUNTS = {"train": 64, "test": 16}


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[Sample]]:
    return {split: load_samples(split) for split in COUNTS}


def test_manifest_lists_every_file_as_it_is():
    folder = samples_folder()
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    for name, entry in manifest.items():
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
        assert len(content) == entry["bytes"], name
        assert entry["origin"] and entry["licence"], name
    pairs = [p for split in COUNTS for p in (folder / split).rglob("*") if p.is_file()]
    results = [p for name in ("results", "micro_tasks") for p in (folder / name).glob("*")]
    assert {p.relative_to(folder).as_posix() for p in [*pairs, *results]} <= set(manifest)
    assert len(pairs) == 4 * 80 + 2
    assert sum(p.stat().st_size for p in pairs) < 8_000_000


@pytest.mark.parametrize("split", COUNTS)
def test_samples_are_what_the_generator_makes(split, loaded):
    assert len(loaded[split]) == COUNTS[split]
    # The first four of either split are the generator's first four; a few later ones are left out.
    for number in (0, 3):
        made, sample = make_sample("desk", 256, 2023, number, split), loaded[split][number]
        assert torch.allclose(sample.vertices, made.vertices, atol=1e-5)
        assert torch.allclose(sample.joints, made.joints, atol=1e-5)
        assert torch.allclose(sample.depth, made.depth, atol=6e-5)
        assert (sample.label != made.label).float().mean() < 1e-4
        assert torch.equal(sample.stratum, made.stratum)


def test_all_strata_and_tones_occur(loaded):
    strata = torch.stack([sample.stratum for sample in loaded["train"]])
    assert set(strata.tolist()) == {0, 1, 2}
    skin = torch.stack([s.image.float().mean(0)[s.label > 0].median() for s in loaded["train"]])
    assert skin.min() < 70 < 140 < skin.max()


def test_writing_and_reading_gives_the_sample_again(tmp_path):
    made = make_sample("desk", 32, 3, 0)
    write_samples([made], tmp_path / "test")
    read = load_samples("test", tmp_path)[0]
    for name, value in vars(made).items():
        rounding = {"depth": 6e-5, "vertices": 1e-5, "joints": 1e-5}.get(name, 0)
        torch.testing.assert_close(getattr(read, name), value, atol=rounding, rtol=0, msg=name)
    with Image.open(tmp_path / "test" / "truth" / "0000_depth.png") as depth:
        assert np.array(depth).dtype == np.uint16


def test_missing_samples_are_one_clear_error(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load_samples("train", tmp_path)
    shutil.rmtree(tmp_path)
    with pytest.raises(ValueError, match="split: expected one of train, test"):
        load_samples("val", tmp_path)


@pytest.mark.parametrize("name", ["truth.npz", "0000.png", "truth/0000_label.png", "truth/0000_depth.png"])
@given(data=st.data())
def test_broken_pairs_are_refused_in_one_line_that_names_the_folder(tmp_path, name, data):
    whole = samples_folder() / "test"
    for pictures in ("0000.png", "truth/0000_label.png", "truth/0000_dense.png", "truth/0000_depth.png"):
        (tmp_path / "test" / pictures).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(whole / pictures, tmp_path / "test" / pictures)
    with np.load(whole / "truth.npz") as truth:
        np.savez(tmp_path / "test" / "truth.npz", **{field: values[:1] for field, values in truth.items()})
    path = tmp_path / "test" / name
    path.write_bytes(data.draw(malformed_bytes(path.read_bytes())))
    assert_read_or_refused(lambda: load_samples("test", tmp_path), tmp_path.name)
