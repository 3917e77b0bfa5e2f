"""Errors of single hands, bins, pairs under things, and the results that come with the repository."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from support.malformed import assert_read_or_refused, malformed_json
from support.random_pairs import noisy_estimate, random_pairs, true_estimate
from support.tiny import TINY

from handlib.analysis.interventions import Disturbance
from handlib.analysis.robustness import (
    RESULT,
    binned,
    covered,
    errors_by_estimate,
    errors_per_hand,
    load_robustness,
    trials,
)
from handlib.data.rendered.occluders.surroundings import hidden_share, seen_of_hands
from handlib.data.rendered.scenes import make_scene
from handlib.data.sample import normalise, stack
from handlib.evaluation.metrics import INTAG_MCP, INTAG_WRIST, evaluate_batch
from handlib.model.network import DIR
from handlib.utils.resources import samples_folder


@pytest.fixture(scope="module")
def model() -> DIR:
    torch.manual_seed(0)
    return DIR(TINY).eval()


@pytest.mark.parametrize("protocol", [INTAG_MCP, INTAG_WRIST])
def test_hands_errors_average_to_those_of_the_tables(model, protocol):
    pairs = random_pairs(4)
    estimate = noisy_estimate(pairs)
    mine = errors_per_hand(model, estimate, pairs, protocol)
    table = evaluate_batch(estimate, pairs, protocol, [model.hands["left"], model.hands["right"]])
    for name, values in mine.items():
        assert values.shape == (4, 2)
        torch.testing.assert_close(values.mean(1), table[name])


def test_only_the_wrong_hand_is_wrong(model):
    pairs = random_pairs(2)
    estimate = true_estimate(pairs)
    estimate.joints[:, 1, 5:] += 0.01
    estimate.vertices[:, 1, 300:] += 0.01
    errors = errors_per_hand(model, estimate, pairs)["mpjpe"]
    assert (errors[:, 0] < 0.01).all() and (errors[:, 1] > 1).all()


def test_all_estimates_of_all_pairs_in_their_order(model):
    pairs = [make_scene("desk", 3, k).sample(64) for k in range(3)]
    together = errors_by_estimate(model, pairs, batch_size=2)
    with torch.no_grad():
        estimates = model(normalise(stack(pairs).image)).estimates
    assert len(together) == len(estimates) == 3
    expected = errors_per_hand(model, estimates[1], stack(pairs))["mpjpe"]
    torch.testing.assert_close(together[1]["mpjpe"], expected, rtol=1e-3, atol=1e-2)


def test_bins_hold_every_value_once():
    places, values = [0.0, 0.1, 0.2, 0.2, 1.0], [1.0, 3.0, 10.0, 14.0, 7.0]
    low, middle, high = binned(places, values, (0, 0.2, 0.5, 1))
    assert (low.count, middle.count, high.count) == (2, 2, 1)
    assert (low.mean, middle.mean, high.mean) == (2.0, 12.0, 7.0)
    assert low.error == pytest.approx(1.0) and middle.error == pytest.approx(2.0)
    assert np.isnan(high.error)
    (empty,) = binned([0.5], [1.0], (0.6, 0.7))
    assert empty.count == 0 and np.isnan(empty.mean)


def test_covered_scenes_grow_one_and_the_same_thing():
    scenes = [make_scene("desk", 3, k) for k in range(2)]
    assert all(mine is bare for mine, bare in zip(covered(scenes, 0.0, 1), scenes, strict=True))
    small, large = covered(scenes, 0.2, 1), covered(scenes, 0.5, 1)
    for bare, one, other in zip(scenes, small, large, strict=True):
        (thing,), (larger,) = one.things, other.things
        assert (thing.kind, thing.waves) == (larger.kind, larger.waves)
        assert (larger.half_sizes > thing.half_sizes).all()
        np.testing.assert_allclose(
            thing.centre / thing.centre[2], larger.centre / larger.centre[2], atol=1e-6
        )
        assert hidden_share(larger, seen_of_hands(bare.built)) == pytest.approx(0.5, abs=0.03)
    kinds = {scene.things[0].waves for scene in small}
    assert len(kinds) == 2


def test_a_trial_without_noise_is_the_networks_answer(model):
    sample = make_scene("desk", 3, 0).sample(64)
    run = trials(model)
    estimate, errors = run(sample, Disturbance())
    with torch.no_grad():
        expected = model(normalise(sample.image[None])).final
    torch.testing.assert_close(estimate.vertices, expected.vertices, atol=1e-5, rtol=0)
    assert errors.shape == (2,)
    moved, _ = run(sample, Disturbance(shift=0.3))
    assert not torch.allclose(moved.uv, estimate.uv, atol=1e-3)


def test_the_repositorys_result_is_whole():
    result = load_robustness()
    covers = result.covers()
    assert list(covers) == sorted(covers) and min(covers) == 0
    assert set(result.visible) == {*covers.values(), "others", "stacked"}
    for sets in result.errors.values():
        assert set(sets) == set(result.visible)
        for name, of_set in sets.items():
            assert all(of_set[e].shape == result.visible[name].shape for e in ("initial", "final"))
    shown = [result.visible[name].mean() for name in covers.values()]
    assert shown == sorted(shown, reverse=True)
    assert (np.diff(shown) < 0).all()
    assert (result.visible["stacked"] < 0.2).sum() > 20


def two_pairs(content: object) -> object:
    """What the file that ships says of the first two pairs of every set."""
    if isinstance(content, dict):
        return {name: two_pairs(value) for name, value in content.items()}
    return content[:2] if isinstance(content, list) else content


@given(malformed_json(two_pairs(json.loads((samples_folder() / RESULT).read_text()))))
def test_broken_files_are_refused_in_one_line_that_names_them(tmp_path, content):
    (tmp_path / "r.json").write_bytes(content)
    assert_read_or_refused(lambda: load_robustness(tmp_path / "r.json"), "r.json")


@pytest.mark.slow
def test_the_script_measures_a_checkpoint_and_goes_on_where_it_stopped(model, tmp_path):
    model.save_pretrained(tmp_path / "net")
    script = Path(__file__).parents[3] / "scripts" / "build" / "robustness.py"
    settings = "--steps 2 --pairs 4 --batch-size 2 --test 2 --checkpoint net --work work --out out.json"
    command = [sys.executable, str(script), *settings.split()]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    first = (tmp_path / "out.json").read_bytes()
    result = load_robustness(tmp_path / "out.json")
    assert (result.steps, result.pairs) == (2, 4)
    assert list(result.errors) == ["as it was", "more desk pairs", "desk pairs with things"]
    assert result.visible["stacked"].shape == (6, 2) and result.visible["others"].shape == (2, 2)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("work/*/*/checkpoint.ckpt")}
    assert len(before) == 2
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "out.json").read_bytes() == first
    assert {path: path.stat().st_mtime_ns for path in before} == before
