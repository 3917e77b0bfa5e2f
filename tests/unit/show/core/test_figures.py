import numpy as np
import torch
from matplotlib.colors import to_rgb
from support.random_pairs import noisy_estimate, random_pairs, true_estimate

from handlib import show
from handlib.model.placed import place
from handlib.show.core import palette
from handlib.show.core.figures import MEASURES, training_curve
from handlib.show.core.overlay import to_pixels


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


def test_paths_of_both_hands_lead_from_the_first_estimate_to_the_last():
    sample = random_pairs(2, size=32)
    truth = true_estimate(sample)
    wrong = noisy_estimate(sample)
    figure = show.joint_paths(sample, [wrong, truth], 1, [4, 8])
    (arrows,) = figure.axes[0].collections
    start, end = ((hands.uv[1][:, [4, 8]].reshape(4, 2) + 1) * 16 for hands in (wrong, sample))
    np.testing.assert_allclose(arrows.get_offsets(), start, atol=1e-4)
    moved = np.stack((arrows.U, arrows.V), axis=1)
    np.testing.assert_allclose(start + moved, end, atol=1e-3)
    dots = {line.get_label(): line.get_xydata() for line in figure.axes[0].lines}
    np.testing.assert_allclose(dots["initial"], start, atol=1e-4)
    np.testing.assert_allclose(dots["stage 1"], end, atol=1e-4)
    np.testing.assert_allclose(dots["truth"], end, atol=1e-4)
    (left, right), (bottom, top) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    assert ((dots["initial"] > (left, top)) & (dots["initial"] < (right, bottom))).all()


def test_training_curves_have_a_line_per_run_and_estimate_and_mark_where_a_run_ends():
    scales = {"initial": 10.0, "stage 1": 20.0}
    curve = [
        {
            "run": k // 2,
            "hours": 0.1 * k,
            "estimates": {name: dict.fromkeys(MEASURES, of / (k + 1)) for name, of in scales.items()},
        }
        for k in range(4)
    ]
    figure = training_curve(curve, dict.fromkeys(MEASURES, 33.0))
    assert len(figure.axes) == len(MEASURES)
    for axis in figure.axes:
        lines = {line.get_label(): line for line in axis.lines}
        np.testing.assert_allclose(lines["stage 1"].get_xydata(), [(0.2, 20 / 3), (0.3, 20 / 4)])
        assert lines["the mean hand"].get_ydata()[0] == 33.0
        # Later stages are darker, so that the order is seen without the legend.
        assert float(lines["stage 1"].get_color()) < float(lines["initial"].get_color())
        assert [line.get_xdata()[0] for line in axis.lines if line.get_linestyle() == ":"] == [0.1]
        of_runs = [
            line.get_xdata() for line in axis.lines if line.get_color() == lines["stage 1"].get_color()
        ]
        np.testing.assert_allclose(of_runs, [[0, 0.1], [0.2, 0.3]])


def test_figure_draws_the_truth_dashed_only_when_given():
    sample = random_pairs(1, seed=3, size=64)
    estimate = true_estimate(sample)
    with_truth = show.overlay(sample, estimate, truth=sample, title="final")
    without = show.overlay(sample, estimate)
    labels = [text.get_text() for text in with_truth.legends[0].get_texts()]
    assert labels == ["left hand", "right hand", "truth"]
    assert with_truth.axes[0].get_title() == "final"
    assert len(with_truth.axes[0].lines) == 2 * 2 * 20
    assert len(without.axes[0].lines) == 0
    shown = with_truth.axes[0].images[0].get_array()
    x, y = with_truth.axes[0].lines[0].get_data()
    wrist = to_pixels(place(sample).uv[0, 0], shown.shape[1], shown.shape[0])
    np.testing.assert_allclose((x[0], y[0]), wrist)
