from dataclasses import replace
from pathlib import Path

import pytest
import torch

from handlib.data.augment import Augmentation, flip
from handlib.data.layered.layers import LayeredDataset, make_layered_dataset
from handlib.data.rendered.synthetic import make_dataset
from handlib.data.sample import Sample
from handlib.data.shards import FIELDS, Dataset
from handlib.training.config import TrainConfig
from handlib.training.schedule import Steps, open_pairs

CONFIG = TrainConfig(steps=4, batch_size=4, seed=2)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> LayeredDataset:
    """Eight layered pairs: two steps see each once."""
    folder = tmp_path_factory.mktemp("pairs") / "layers"
    make_layered_dataset(folder, "train", 8, 3, 48)
    opened = open_pairs(folder)
    assert isinstance(opened, LayeredDataset)
    return opened


def steps(pairs: LayeredDataset, config: TrainConfig = CONFIG, **share: int) -> Steps:
    return Steps(pairs, config, Augmentation(), 32, **share)


def test_every_picture_comes_with_its_mirror_image(pairs: LayeredDataset):
    made = steps(pairs)
    assert len(made) == 4
    batch = Sample(**made[1])
    assert len(batch) == 8 and batch.size == 32
    mirrored = flip(batch[:4])
    for name in FIELDS:
        assert torch.equal(getattr(mirrored, name), getattr(batch[4:], name)), name


def test_seed_and_step_alone_decide_a_batch_and_every_epoch_looks_different(pairs: LayeredDataset):
    made, again = steps(pairs), steps(pairs)
    batches = [made[step] for step in range(4)]
    for step in (3, 0):
        assert all(torch.equal(again[step][name], batches[step][name]) for name in FIELDS)
    assert not torch.equal(steps(pairs, replace(CONFIG, seed=3))[0]["image"], batches[0]["image"])

    def order(step: int) -> list[int]:
        betas = torch.stack([pairs[k].betas for k in range(8)])
        return [int((betas == mine).all((1, 2)).nonzero()[0, 0]) for mine in batches[step]["betas"][:4]]

    first, second = order(0) + order(1), order(2) + order(3)
    assert sorted(first) == sorted(second) == list(range(8))
    images = [torch.cat((batches[k]["image"][:4], batches[k + 1]["image"][:4])) for k in (0, 2)]
    assert not any(
        torch.equal(images[0][first.index(pair)], images[1][second.index(pair)]) for pair in range(8)
    )


def test_processes_share_a_step_without_changing_it(pairs: LayeredDataset):
    whole = Sample(**steps(pairs)[2])
    for rank in (0, 1):
        share = Sample(**steps(pairs, rank=rank, processes=2)[2])
        assert len(share) == 4
        for name in FIELDS:
            mine, expected = getattr(share, name), getattr(whole, name)
            assert torch.equal(mine[:2], expected[:4][rank::2]), name
            assert torch.equal(mine[2:], expected[4:][rank::2]), name


def test_pictures_are_opened_as_pictures(tmp_path: Path):
    make_dataset(tmp_path, "train", 1, 16, 0)
    assert isinstance(open_pairs(tmp_path), Dataset)
