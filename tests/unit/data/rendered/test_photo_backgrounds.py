from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from handlib.data.rendered.photo_backgrounds import (
    SHARE,
    before_photograph,
    open_photographs,
    sample_photograph,
)
from handlib.data.rendered.scenes import make_scene
from handlib.data.rendered.synthetic import make_dataset, make_samples
from handlib.data.shards import load_dataset
from handlib.utils.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A red picture that stands, a green one that lies, and something that is no picture."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (30, 50), (200, 0, 0)).save(folder / "a.png")
    Image.new("RGB", (900, 700), (0, 200, 0)).save(folder / "b.jpg", quality=95)
    (folder / "notes.txt").write_text("nothing")
    return folder


def test_any_square_of_any_picture(folder: Path):
    photographs = open_photographs([folder])
    assert [path.name for path in photographs.paths] == ["a.png", "b.jpg"]
    colours = np.stack([sample_photograph(np.random.default_rng(seed), 8, photographs) for seed in range(20)])
    assert colours.shape == (20, 8, 8, 3) and colours.dtype == np.float32
    brightest = colours.max((1, 2))
    assert set(brightest.argmax(-1)) == {0, 1}
    # 200 / 255 to the power 2.2, as bright as 0.6 to 1.1.
    assert ((brightest.max(-1) > 0.34) & (brightest.max(-1) < 0.66)).all()


def test_the_same_random_numbers_give_the_same_part_at_every_size(tmp_path: Path):
    ramp = np.linspace(0, 255, 400).astype(np.uint8)
    Image.fromarray(np.broadcast_to(ramp[None, :, None], (300, 400, 3)).copy()).save(tmp_path / "ramp.png")
    photographs = open_photographs([tmp_path])
    spans = []
    for seed in range(12):
        small, large = (
            sample_photograph(np.random.default_rng(seed), size, photographs) for size in (16, 64)
        )
        reduced = large.reshape(16, 4, 16, 4, 3).mean((1, 3))
        np.testing.assert_allclose(reduced, small, atol=0.02)
        row = large[0, :, 0]
        spans.append(row[-1] - row[0])
    assert min(spans) < 0 < max(spans), "some are mirrored, some are not"


def test_half_of_the_pairs_stand_before_one_and_nothing_else_changes(folder: Path):
    photographs = open_photographs([folder])
    changed = 0
    for index in range(12):
        (plain,) = make_samples("desk", (48,), 0, index, "train")
        (other,) = make_samples("desk", (48,), 0, index, "train", photographs)
        for name in ("label", "dense", "depth", "vertices", "intrinsics"):
            torch.testing.assert_close(getattr(plain, name), getattr(other, name), rtol=0, atol=0)
        # Between fingers and at the outline, pixels are mixed with what is behind.
        same = (plain.image == other.image).all(0)[plain.label > 0]
        assert same.float().mean() > 0.8
        changed += not torch.equal(plain.image, other.image)
    assert 2 <= changed <= 10
    looks = make_scene("desk", 0, 0).appearance(8)
    before = [
        before_photograph(looks, np.random.default_rng(seed), 8, photographs).background is looks.background
        for seed in range(400)
    ]
    assert np.mean(before) == pytest.approx(1 - SHARE, abs=0.08)


def test_the_data_set_says_which_pictures(folder: Path, tmp_path: Path):
    out = tmp_path / "pairs"
    photographs = open_photographs([folder])
    make_dataset(out, "train", 2, 16, 0, photographs=photographs)
    assert load_dataset(out).info.photographs == photographs.sha256
    make_dataset(out, "train", 2, 16, 0, photographs=photographs)
    with pytest.raises(InputError, match="already holds another data set: photographs"):
        make_dataset(out, "train", 2, 16, 0)
    (folder / "a.png").rename(folder / "0.png")
    assert open_photographs([folder]).sha256 == photographs.sha256
    Image.new("RGB", (30, 50), (201, 0, 0)).save(folder / "0.png")
    assert open_photographs([folder]).sha256 != photographs.sha256
