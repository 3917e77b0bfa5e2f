"""What a sample is: its projections, batches, and the network's input."""

import pytest
import torch
from support.random_pairs import random_pairs

from handlib.data.rendered.synthetic import make_sample
from handlib.data.sample import IMAGE_MEAN, IMAGE_STD, Sample, normalise, resize, stack


@pytest.fixture(scope="module")
def batch() -> Sample:
    return random_pairs(3, size=16)


def test_uv_is_the_true_cameras_view(batch: Sample):
    fx, fy, cx, cy = batch.intrinsics[1].tolist()
    for points, uv in ((batch.joints, batch.uv), (batch.vertices, batch.vertex_uv)):
        x, y, z = points[1, 1, 20].tolist()
        pixel = torch.tensor([fx * x / z + cx, fy * y / z + cy])
        torch.testing.assert_close(uv[1, 1, 20], pixel / 16 * 2 - 1)


def test_one_camera_per_picture(batch: Sample):
    cameras = batch.intrinsics * torch.tensor([[1.0], [2.0], [3.0]])
    changed = Sample(**{**vars(batch), "intrinsics": cameras})
    for k in range(3):
        torch.testing.assert_close(changed.uv[k], changed[k].uv)
    assert changed.uv[0].equal(batch.uv[0]) and not changed.uv[1].equal(batch.uv[1])


def test_stacking_and_indexing_are_inverses(batch: Sample):
    again = stack([batch[k] for k in range(len(batch))])
    for name, value in vars(batch).items():
        assert getattr(again, name).equal(value), name
        assert getattr(batch[torch.tensor([2, 0])], name).equal(value[[2, 0]]), name
        assert getattr(batch[1:], name).equal(value[1:]), name


def test_a_single_sample_has_a_size_but_no_length(batch: Sample):
    assert len(batch) == 3
    assert batch.size == batch[0].size == 16
    with pytest.raises(TypeError, match="no length"):
        len(batch[0])


def test_normalising_takes_imagenets_mean_to_zero():
    image = torch.zeros(2, 3, 1, 2, dtype=torch.uint8)
    image[..., 1] = 255
    black, white = normalise(image).unbind(-1)
    for channel in range(3):
        mean, deviation = IMAGE_MEAN[channel], IMAGE_STD[channel]
        torch.testing.assert_close(black[:, channel], torch.full((2, 1), -mean / deviation))
        torch.testing.assert_close(white[:, channel], torch.full((2, 1), (1 - mean) / deviation))
    assert normalise(image[0]).equal(normalise(image)[0])


def test_resizing_keeps_the_scene() -> None:
    sample = make_sample("desk", 64, 0, 3)
    small = resize(sample, 32)
    assert small.size == 32 and small.image.dtype == torch.uint8
    torch.testing.assert_close(small.uv, sample.uv)
    torch.testing.assert_close(small.image.float().mean(), sample.image.float().mean(), atol=0.5, rtol=0)
    # Labels are picked, never mixed, and colours lie where they lay.
    assert set(small.label.unique().tolist()) <= set(sample.label.unique().tolist())
    again = make_sample("desk", 32, 0, 3)
    agreement = (small.label == again.label).float().mean()
    assert agreement > 0.95
    for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        assert agreement > (small.label.roll(shift, axis) == again.label).float().mean()
    assert (small.image.float() - again.image.float()).abs().median() < 6
