from dataclasses import replace

import numpy as np
import pytest

from handlib.analysis.other_hand import held_out_r2, told_by_other
from handlib.data.rendered.placement import WORLDS, place_pair


def test_r2_is_the_share_that_is_explained():
    rng = np.random.default_rng(0)
    known = rng.normal(size=(4000, 3))
    signal = known @ np.array([[1.0, 0.0], [0.0, 2.0], [0.5, 0.5]])
    noise = rng.normal(size=signal.shape) * signal.std(0)
    assert held_out_r2(known, signal) > 0.999
    assert held_out_r2(known, signal + noise) == pytest.approx(0.5, abs=0.03)
    assert held_out_r2(known, rng.normal(size=(4000, 2))) < 0.005


def test_nothing_is_told_by_numbers_that_are_only_fitted():
    """With hardly more pairs than numbers a regression fits chance; on pairs it hasn't seen it then fails."""
    rng = np.random.default_rng(1)
    assert held_out_r2(rng.normal(size=(60, 45)), rng.normal(size=(60, 45))) < 0


def test_one_persons_hands_tell_of_each_other_and_others_dont():
    told = {}
    for world in ("desk-full", "desk-person"):
        rng = np.random.default_rng(2)
        chosen = replace(WORLDS[world], shares=(0.3, 0.3, 0.4, 0.0))
        told[world] = told_by_other([place_pair(chosen, rng) for _ in range(300)])
    assert max(told["desk-full"].values()) < 0.05
    assert told["desk-person"]["shape"] > 0.99
    assert told["desk-person"]["pose"] > 0.15
    assert told["desk-person"]["turn"] > 0.05
