"""Few training pairs: stages with joints and with vertices, measured on training and on test pairs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from support.malformed import assert_read_or_refused, malformed_json
from support.tiny import TINY

from handlib.analysis import ablations, few_pairs, stage_ablations
from handlib.analysis.few_pairs import FewPairs, learn_from_few_pairs, read_few_pairs
from handlib.analysis.pair_errors import PairErrors
from handlib.data.rendered.synthetic import make_dataset

RESULT = {
    "seeds": [0, 1],
    "steps": 3,
    "world": "desk",
    "train": {"joints": {"300": [5.0, 5.0]}, "vertices": {"300": [4.0, 4.0]}},
    "test": {"joints": {"300": [10.0, 10.2]}, "vertices": {"300": [11.0, 11.4]}},
}


def test_the_gap_is_test_minus_training_and_the_gain_is_on_test_pairs():
    result = FewPairs(**RESULT)
    assert result.gap(300).mean == pytest.approx(2.1)
    assert result.gain(300).mean == pytest.approx(1.1)
    assert result.gap(300).low < 2.1 < result.gap(300).high


def test_both_kinds_learn_from_pairs_of_every_seed_s_own_and_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(stage_ablations, "ENCODER_STEPS", 1)
    tokens = {"joint_planes": replace(TINY, projection="joint")}
    tokens["vertex_tokens"] = replace(TINY, tokens="vertices", projection="joint")
    for module in (ablations, stage_ablations):
        monkeypatch.setattr(module, "ABLATIONS", tokens)
        monkeypatch.setattr(module, "FULL", TINY)
    for split, count in (("train", 6), ("test", 4)):
        make_dataset(tmp_path / split, split=split, count=count, size=64, seed=0)
    folders = (tmp_path / "train", tmp_path / "test", tmp_path / "runs", tmp_path / "few.json")
    measured_on = []

    def told(model, pairs):
        measured_on.append((pairs.info.split, pairs.info.seed, len(pairs)))
        of_test = 10.0 * (pairs.info.split == "test")
        return PairErrors(np.full((1, 2, 21), len(measured_on) + of_test, np.float32), np.ones(1, np.float32))

    monkeypatch.setattr(few_pairs, "pair_errors", told)
    result = learn_from_few_pairs(*folders, seeds=(0, 1), counts=(4,), steps=2)
    assert read_few_pairs(tmp_path / "few.json") == result
    own, test = [("train", few_pairs.FIRST_SEED + seed, 4) for seed in (0, 1)], ("test", 0, 4)
    assert measured_on == [own[0], test, own[0], test, own[1], test, own[1], test]
    assert result.train == {"joints": {"4": [1.0, 5.0]}, "vertices": {"4": [3.0, 7.0]}}
    assert result.test == {"joints": {"4": [12.0, 16.0]}, "vertices": {"4": [14.0, 18.0]}}


@given(malformed_json(RESULT))
def test_a_broken_result_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "few.json").write_bytes(content)
    assert_read_or_refused(lambda: read_few_pairs(tmp_path / "few.json"), "few.json")
