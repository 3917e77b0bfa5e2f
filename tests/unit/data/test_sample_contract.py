"""One contract for the samples of every reader: rendered, from a sample folder, from real data's layouts."""

from pathlib import Path

import pytest
import torch
from support.random_pairs import HANDS
from support.real_layouts import small_moments

from handlib.data.interhand.convert import convert
from handlib.data.interhand.intaghand import IntagHand
from handlib.data.interhand.interhand import InterHand
from handlib.data.interhand.stand_ins import write_intaghand, write_interhand
from handlib.data.rendered.synthetic import make_dataset, make_sample
from handlib.data.sample import STRATA, Sample, stack
from handlib.data.shards import load_dataset
from handlib.data.shipped import load_samples
from handlib.hand.skeleton import joint_index

SIZE = 48


def rendered(_: Path) -> list[Sample]:
    return [make_sample(world, SIZE, 0, 0) for world in ("desk", "studio")]


def sample_folder(_: Path) -> list[Sample]:
    return load_samples("test")[:4]


def shard(folder: Path) -> list[Sample]:
    make_dataset(folder, "train", 2, SIZE, seed=0)
    dataset = load_dataset(folder)
    return [dataset.sample(torch.tensor([k]))[0] for k in range(2)]


def interhand(folder: Path) -> list[Sample]:
    write_interhand(folder, "train", list(small_moments()))
    source = InterHand(folder, "train", HANDS)
    return [source.sample(k, SIZE) for k in range(len(source))]


def intaghand(folder: Path) -> list[Sample]:
    write_intaghand(folder, "train", list(small_moments()), 64)
    source = IntagHand(folder, "train", HANDS)
    return [source.sample(k, SIZE) for k in range(len(source))]


def converted(folder: Path) -> list[Sample]:
    write_interhand(folder, "train", list(small_moments()))
    convert(InterHand(folder, "train", HANDS), folder / "out", SIZE)
    dataset = load_dataset(folder / "out")
    return [dataset.sample(torch.tensor([k]))[0] for k in range(len(dataset))]


READERS = (rendered, sample_folder, shard, interhand, intaghand, converted)


@pytest.fixture(scope="module", params=READERS, ids=lambda reader: reader.__name__)
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return request.param(tmp_path_factory.mktemp(request.param.__name__))


def test_numbers_of_all_readers_can_be_stacked(samples: list[Sample]):
    for sample in samples:
        for name, value in vars(sample).items():
            assert value.dtype in (torch.uint8, torch.float32, torch.int64), name
            assert value.is_contiguous(), name
    assert len(stack(samples)) == len(samples)


def test_ranges(samples: list[Sample]):
    for sample in samples:
        assert all(value.isfinite().all() for value in vars(sample).values())
        assert set(sample.label.unique().tolist()) <= {0, 1, 2}
        assert sample.label.any()
        assert ((sample.visible >= 0) & (sample.visible <= 1)).all() and sample.visible.max() > 0
        assert sample.distance >= 0
        assert 0 <= int(sample.stratum) < len(STRATA)
        assert (sample.vertices[..., 2] > 0).all() and (sample.joints[..., 2] > 0).all()
        assert (sample.intrinsics[:2] > 0).all()
        assert (sample.vertex_uv.abs() < 1).float().mean() > 0.5
        identity = sample.root @ sample.root.mT
        torch.testing.assert_close(identity, torch.eye(3).expand(2, 3, 3), atol=1e-5, rtol=0)
        torch.testing.assert_close(torch.linalg.det(sample.root), torch.ones(2), atol=1e-5, rtol=0)
        # Hands are as large as hands: wrist to middle knuckle.
        palm = (sample.joints[:, joint_index("middle1")] - sample.joints[:, 0]).norm(dim=-1)
        assert ((palm > 0.05) & (palm < 0.15)).all()


def test_surface_and_joints_follow_from_the_parameters(samples: list[Sample]):
    for sample in samples:
        for h, hand in enumerate(HANDS):
            posed = hand(root_rotation=sample.root[h], pose_axis_angle=sample.pose[h], betas=sample.betas[h])
            wrist = sample.joints[h, 0]
            assert (posed.vertices + wrist - sample.vertices[h]).abs().max() < 1e-5
            assert (posed.joints + wrist - sample.joints[h]).abs().max() < 1e-5


def test_labels_depth_and_dense_colours_belong_together(samples: list[Sample]):
    for sample in samples:
        hand, coloured = sample.label > 0, sample.dense.bool().any(0)
        assert torch.equal(sample.depth > 0, hand)
        assert not (coloured & ~hand).any() and coloured.any()
        assert (sample.dense[:, coloured] >= 1).all()


def test_maps_show_the_surface_where_it_is(samples: list[Sample]):
    for sample in samples:
        size = sample.size
        x, y = ((sample.vertex_uv + 1) * size / 2).floor().long().clamp(0, size - 1).unbind(-1)
        inside = (sample.vertex_uv.abs() < 1).all(-1)
        z, depth, label = sample.vertices[..., 2], sample.depth[y, x], sample.label[y, x]
        # Half precision in shards and the pixel's extent leave a few millimetres.
        front = inside & (depth > 0) & ((z - depth).abs() < 0.004)
        assert front.sum() > 100
        right = label == torch.tensor([1, 2], dtype=torch.uint8)[:, None]
        assert right[front].float().mean() > 0.95
        # Nothing lies much in front of what is seen.
        assert (z < depth - 0.01)[inside & (depth > 0)].float().mean() < 0.1
        for h in (0, 1):
            if sample.visible[h] == 0:
                assert not (sample.label[sample.dense.bool().any(0)] == 1 + h).any()
