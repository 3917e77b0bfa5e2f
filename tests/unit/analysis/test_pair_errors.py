"""Comparisons on chosen joints: intervals that hold the truth, pairs that pair, files that read back."""

import numpy as np
import pytest
import torch

from handlib.analysis.pair_errors import (
    CHOICES,
    PairErrors,
    PairFacts,
    behind_other_hand,
    compare_on,
    load_arrays,
    load_pair_errors,
    pair_facts,
    save_arrays,
)
from handlib.data.rendered.synthetic import make_dataset
from handlib.data.sample import LEFT, RIGHT
from handlib.data.shards import load_dataset
from handlib.utils.errors import InputError


def pretended(rng, gain=0.0, kinds=6, seeds=4, pairs=120, between_seeds=0.2, between_pairs=0.5):
    """Returns errors of kinds that differ by seeds and pairs; ``b`` is better than ``a`` by ``gain``."""
    difficulty = rng.gamma(4, 4, (1, pairs, 1))
    luck = rng.normal(0, 0.3, (seeds, 1, 1))
    errors = {}
    for kind in "abcdef"[:kinds]:
        own = rng.normal(0, between_pairs, (1, pairs, 1)) + rng.normal(0, between_seeds, (seeds, 1, 1))
        errors[kind] = difficulty + luck + own + rng.normal(0, 1, (seeds, pairs, 5))
    errors["b"] = errors["b"] - gain
    return errors


def test_the_interval_holds_the_true_gain_in_19_of_20_cases():
    rng, found = np.random.default_rng(0), []
    everything = np.ones((120, 5), dtype=bool)
    for _ in range(400):
        gain = compare_on(pretended(rng, gain=0.7), "b", "a", everything).gain
        found.append(gain.low < 0.7 < gain.high)
    assert 0.92 < np.mean(found) < 0.98


def test_other_seeds_and_other_pairs_both_widen_the_interval():
    everything = np.ones((120, 5), dtype=bool)

    def width(**spread):
        gain = compare_on(pretended(np.random.default_rng(1), **spread), "b", "a", everything).gain
        return gain.high - gain.low

    least = width(between_seeds=0.0, between_pairs=0.0)
    assert width(between_seeds=0.5, between_pairs=0.0) > 2 * least
    assert width(between_seeds=0.0, between_pairs=2.0) > 2 * least


def test_only_chosen_joints_count_and_a_pair_counts_by_its_joints():
    errors = {"a": np.zeros((2, 3, 4)), "b": np.zeros((2, 3, 4)), "c": np.ones((2, 3, 4))}
    errors["a"][:, 0, 0], errors["a"][:, 1, :3] = 5.0, 1.0
    chosen = np.zeros((3, 4), dtype=bool)
    chosen[0, 0] = chosen[1, :3] = True
    found = compare_on(errors, "b", "a", chosen)
    assert (found.worse, found.better, found.count) == (2.0, 0.0, 4)
    assert found.gain.mean == 2.0
    with pytest.raises(InputError, match="two pairs or more, got 1"):
        compare_on(errors, "b", "a", chosen & (np.arange(3) == 0)[:, None])


def test_a_joint_is_behind_the_other_hand_where_the_picture_shows_that_hand():
    label = torch.zeros(1, 4, 4, dtype=torch.uint8)
    label[0, :, 2:], label[0, 3, 0] = RIGHT, LEFT
    uv = torch.full((1, 2, 21, 2), -0.75)
    uv[0, 0, 5], uv[0, 1, 6], uv[0, 1, 7] = (
        torch.tensor([0.75, 0.0]),
        torch.tensor([0.75, 0.0]),
        torch.tensor([-0.75, 0.75]),
    )
    dense = label[:, None].expand(-1, 3, -1, -1).contiguous()
    assert behind_other_hand(label, dense, uv).nonzero().tolist() == [[0, 0, 5], [0, 1, 7]]
    dense[0, :, 3, 0] = 0  # This is the left forearm.
    assert behind_other_hand(label, dense, uv).nonzero().tolist() == [[0, 0, 5]]


def test_choices_of_real_pairs_are_nested_as_they_should_be(tmp_path):
    make_dataset(tmp_path, world="desk-person", split="test", count=24, size=64, seed=3)
    facts = pair_facts(load_dataset(tmp_path))
    chosen = {name: choice(facts) for name, choice in CHOICES.items()}
    assert chosen["all joints"].all()
    assert all(0 < joints.mean() < 1 for name, joints in chosen.items() if name != "all joints")
    apart = facts.stratum == 0
    assert not chosen["interlocked hands"][apart].any()
    interlocked = facts.stratum == 3
    assert facts.behind[interlocked].mean() > facts.behind[apart].mean()


def test_errors_and_facts_read_back_and_damaged_files_are_named(tmp_path):
    rng = np.random.default_rng(2)
    errors = PairErrors(rng.gamma(2, 5, (3, 2, 21)).astype(np.float32), np.ones(3, dtype=np.float32))
    for name, seed in (("full", 1), ("full", 0), ("one_stage", 0)):
        save_arrays(errors, tmp_path / f"{name}-{seed}.npz")
    read = load_pair_errors(tmp_path)
    assert {name: len(runs) for name, runs in read.items()} == {"full": 2, "one_stage": 1}
    np.testing.assert_allclose(read["full"][0].joints, errors.joints, rtol=1e-3)
    flags = np.ones((3, 2, 21), dtype=bool)
    facts = PairFacts(flags, np.ones((3, 2), dtype=np.float32), flags.astype(np.uint8), np.zeros(3, np.uint8))
    save_arrays(facts, tmp_path / "pairs.npz")
    assert load_arrays(PairFacts, tmp_path / "pairs.npz").behind.dtype == bool
    path = tmp_path / "full-0.npz"
    whole = path.read_bytes()
    for broken in (b"", whole[:40], whole[:-30]):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"full-0\.npz"):
            load_pair_errors(tmp_path)
    with pytest.raises(InputError, match="found none"):
        load_pair_errors(tmp_path / "nothing")
