from pathlib import Path

import pytest
import torch

from handlib import cli
from handlib.data.layered.layers import LayeredDataset
from handlib.data.rendered.scenes import make_scene
from handlib.data.rendered.synthetic import make_sample, make_samples
from handlib.data.shards import FIELDS, load_dataset
from handlib.utils.errors import InputError


def test_pictures_of_the_wild_are_the_same_every_time_and_show_both_hands():
    for index in range(4):
        sample = make_sample("wild", 64, 11, index)
        assert sample.image.shape == (3, 64, 64)
        assert sample.visible.min() > 0 and {1, 2} <= set(sample.label.unique().tolist())
        again = make_sample("wild", 64, 11, index)
        assert all(torch.equal(getattr(sample, name), getattr(again, name)) for name in FIELDS)


def test_seeds_indices_and_splits_share_no_pictures():
    poses = [
        make_sample("wild", 32, *which).pose
        for which in ((11, 0), (11, 1), (12, 0), (11, 0, "val"), (11, 0, "test"))
    ]
    assert all(not torch.equal(one, other) for k, one in enumerate(poses) for other in poses[:k])


def test_every_size_is_a_picture_of_the_same_pair():
    small, large = make_samples("wild", (32, 48), 11, 2, "train")
    assert (small.size, large.size) == (32, 48)
    assert torch.equal(small.distance, large.distance)
    # Mirrored or not, the hands are one person's.
    assert torch.equal(small.betas, large.betas)


def test_the_wild_has_no_scenes():
    with pytest.raises(InputError, match="world: expected one of desk"):
        make_scene("wild", 0, 0)
    with pytest.raises(InputError, match="world: expected one of desk"):
        make_sample("moon", 32, 0, 0)


def test_a_split_that_isnt_there_is_refused():
    with pytest.raises(InputError, match="split: expected one of train"):
        make_sample("wild", 32, 0, 0, "bogus")


def test_commands_write_pictures_and_layers(tmp_path: Path):
    common = ["--count", "2", "--size", "32", "--seed", "11", "--split", "val"]
    cli.main(["data", "make", "--world", "wild", "--out", str(tmp_path / "pictures"), *common])
    made, data = make_sample("wild", 32, 11, 1, "val"), load_dataset(tmp_path / "pictures")
    batch = data.sample(torch.tensor([1, 0]))
    assert (data.info.world, data.info.split) == ("wild", "val")
    assert torch.equal(batch.image[0], made.image) and torch.equal(batch.label[0], made.label)

    cli.main(["data", "layers", "--out", str(tmp_path / "layers"), *common])
    layers = LayeredDataset(tmp_path / "layers")
    assert len(layers) == 2 and layers[1].part.shape == (32, 32)
    with pytest.raises(InputError, match="expected a shard of 2 samples"):
        load_dataset(tmp_path / "layers")
