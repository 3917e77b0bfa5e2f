import numpy as np

from handlib.data.rendered.backgrounds import sample_background


def test_backgrounds_are_linear_colours_and_differ():
    pictures = [sample_background(np.random.default_rng(seed), 32) for seed in range(30)]
    for picture in pictures:
        assert picture.shape == (32, 32, 3) and picture.dtype == np.float32
        assert picture.min() >= 0 and picture.max() <= 1
    means = np.stack([picture.mean((0, 1)) for picture in pictures])
    assert np.ptp(means, axis=0).min() > 0.3


def test_the_same_random_numbers_give_the_same_picture_at_every_size():
    for seed in range(12):
        small, large = (sample_background(np.random.default_rng(seed), size) for size in (32, 96))
        reduced = large.reshape(32, 3, 32, 3, 3).mean((1, 3))
        # Hard edges fall on different pixels, no more.
        assert np.median(np.abs(reduced - small)) < 0.02
        assert np.abs(reduced - small).mean() < 0.06
