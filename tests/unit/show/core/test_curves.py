"""Training curves show what the log says."""

import numpy as np

from handlib.show.core.curves import MEASURES, training_curve


def test_every_estimate_and_the_mean_predictor_have_a_line_in_every_panel() -> None:
    curve = [
        {
            "run": 0,
            "hours": 0.1 * k,
            "estimates": {
                name: {measure: 10.0 * (j + 1) / (k + 1) for measure in MEASURES}
                for j, name in enumerate(("initial", "stage 1"))
            },
        }
        for k in range(4)
    ]
    figure = training_curve(curve, dict.fromkeys(MEASURES, 33.0))
    assert len(figure.axes) == len(MEASURES)
    for axis in figure.axes:
        lines = {line.get_label(): line for line in axis.lines}
        assert set(lines) == {"mean predictor", "initial", "stage 1"}
        np.testing.assert_allclose(lines["stage 1"].get_xydata(), [(0.1 * k, 20 / (k + 1)) for k in range(4)])
        assert lines["mean predictor"].get_ydata()[0] == 33.0
        # Later stages are darker, so that the order is seen without the legend.
        assert float(lines["stage 1"].get_color()) < float(lines["initial"].get_color())


def test_the_end_of_a_run_that_another_one_follows_is_marked() -> None:
    curve = [
        {"run": run, "hours": hours, "estimates": {"initial": dict.fromkeys(MEASURES, 9.0)}}
        for run, hours in ((0, 0.5), (0, 1.0), (1, 1.5), (1, 2.0))
    ]
    for axis in training_curve(curve, dict.fromkeys(MEASURES, 33.0)).axes:
        dotted = [line.get_xdata()[0] for line in axis.lines if line.get_linestyle() == ":"]
        assert dotted == [1.0]
        of_runs = [line.get_xdata() for line in axis.lines if line.get_color() == "0.0"]
        assert [list(hours) for hours in of_runs] == [[0.5, 1.0], [1.5, 2.0]]
