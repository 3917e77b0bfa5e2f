"""The chart of costs and errors: what stands where, and what it says."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from handlib import show
from handlib.analysis.ablations import IN_WORDS, load_results
from handlib.show.ablations import COSTS
from handlib.show.trade_off import BY_STAGES, PLOTLY

RESULTS = load_results()


def test_every_kind_is_a_dot_at_its_cost_and_mean_error():
    chart = show.TradeOff(RESULTS)
    assert {PLOTLY, "image/png", "text/plain"} == chart._repr_mimebundle_()[0].keys()
    line, trace = chart.figure().data
    assert len(trace.x) == len({result.name for result in RESULTS})
    of_full = [result for result in RESULTS if result.name == "full"]
    place = list(chart.errors).index("full")
    assert trace.x[place] == pytest.approx(of_full[0].flops / 1e6)
    assert trace.y[place] == pytest.approx(np.mean([result.mpjpe for result in of_full]))
    assert trace.y[place] + trace.error_y.array[place] == pytest.approx(max(r.mpjpe for r in of_full))
    assert trace.y[place] - trace.error_y.arrayminus[place] == pytest.approx(min(r.mpjpe for r in of_full))
    assert IN_WORDS["full"] in trace.text[place]
    there = [name for name in BY_STAGES if name in chart.errors]
    assert list(line.y) == pytest.approx([np.mean(chart.errors[name]) for name in there])


def test_the_menu_moves_all_dots_to_another_cost():
    chart = show.TradeOff(RESULTS)
    buttons = chart.figure().layout.updatemenus[0].buttons
    assert [button.label for button in buttons] == list(COSTS.values())
    (moved, _) = next(button.args for button in buttons if button.label == COSTS["peak_megabytes"])
    _, every = moved["x"]
    by_name = {result.name: result.peak_megabytes for result in reversed(RESULTS)}
    assert list(every) == [by_name[name] for name in chart.errors]


def test_without_the_full_model_or_second_seeds_there_is_no_band():
    others = [result for result in RESULTS if result.name != "full"]
    assert show.TradeOff(RESULTS).band is not None
    once = [result for result in RESULTS if result.seed == 0]
    for chart in (show.TradeOff(others), show.TradeOff(once), show.TradeOff(once[:1])):
        assert chart.band is None
        assert Image.open(BytesIO(chart.picture())).size[0] > 400
