import numpy as np
import torch
from matplotlib.colors import to_rgb
from support.random_pairs import noisy_estimate, random_pairs, true_estimate

from handlib import show
from handlib.show.core import palette


def test_lines_get_darker_and_are_named():
    _, (axes,) = show.detached_figure()
    show.grey_lines(
        axes, range(3), {"initial": [3, 2, 1], "stage 1": [2, 1, 0], "stage 2": [1, 0, 0]}, title="t"
    )
    brightness = [to_rgb(line.get_color())[0] for line in axes.lines]
    assert brightness == sorted(brightness, reverse=True) and brightness[-1] == 0
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["initial", "stage 1", "stage 2"]
    assert axes.get_title() == "t"


def test_labels_have_the_hands_colours():
    label = torch.tensor([[0, 1], [2, 2]])
    figure = show.picture_row([label, torch.zeros(2, 2, 3)], ["truth", "colours"])
    image = figure.axes[0].images[0]
    shown = image.to_rgba(image.get_array())[..., :3]
    np.testing.assert_allclose(shown[0, 1], to_rgb(palette.LEFT))
    np.testing.assert_allclose(shown[1, 0], to_rgb(palette.RIGHT))
    assert [axes.get_title() for axes in figure.axes] == ["truth", "colours"]


def test_principal_colours_show_what_varies_most_first():
    generator = torch.Generator().manual_seed(0)
    large, small = torch.rand(2, 4, 4, generator=generator), torch.rand(2, 4, 4, generator=generator)
    maps = torch.stack((0.01 * small, torch.zeros(2, 4, 4), 10 * large, 0.1 * small.flip(0)), dim=1)
    colours = show.principal_colours(maps)
    assert colours.shape == (2, 4, 4, 3)
    assert colours.min() == 0 and colours.max() == 1
    red = colours[..., 0].flatten()
    assert torch.corrcoef(torch.stack((red, large.flatten())))[0, 1] > 0.98


def test_paths_lead_from_the_first_estimate_to_the_last():
    sample = random_pairs(2, size=32)
    truth = true_estimate(sample)
    wrong = noisy_estimate(sample)
    figure = show.joint_paths(sample, [wrong, truth], 1, 0, [4, 8])
    (arrows,) = figure.axes[0].collections
    start = (wrong.uv[1, 0, [4, 8]] + 1) * 16
    np.testing.assert_allclose(arrows.get_offsets(), start, atol=1e-4)
    moved = np.stack((arrows.U, arrows.V), axis=1)
    np.testing.assert_allclose(start + moved, (sample.uv[1, 0, [4, 8]] + 1) * 16, atol=1e-3)
    crosses = figure.axes[0].lines[-1]
    np.testing.assert_allclose(
        np.stack(crosses.get_data(), axis=1), (sample.uv[1, 0, [4, 8]] + 1) * 16, atol=1e-4
    )
