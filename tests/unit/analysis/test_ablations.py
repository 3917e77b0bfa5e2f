"""Ablations: networks that differ as they say, trained and measured alike, results that read back."""

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from support.commands import failing
from support.malformed import assert_read_or_refused, malformed_json
from support.tiny import TINY

from handlib.analysis import ablations
from handlib.analysis.cost import cost_of, flops, peak_megabytes
from handlib.cli import main
from handlib.data.rendered.synthetic import make_dataset
from handlib.model.network import DIR
from handlib.utils.errors import InputError


def test_every_ablation_but_the_full_network_changes_something_of_its_own():
    changes = ablations.changes()
    assert changes.pop("full") == {}
    assert all(changes.values())
    assert len({json.dumps(change, sort_keys=True) for change in changes.values()}) == len(changes)


@pytest.mark.parametrize("name", ablations.ABLATIONS)
def test_every_ablation_can_be_built(name):
    model = DIR(ablations.ABLATIONS[name])
    assert model.config.image_size == 64
    assert 2 ** max(model.config.backbone_levels[level] for level in model.config.stage_levels or (0,)) <= 8


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("ablations")
    for split, count in (("train", 8), ("test", 4)):
        make_dataset(root / split, split=split, count=count, size=64, seed=0)
    return root


@pytest.fixture
def tiny_ablations(monkeypatch):
    few = {"full": TINY, "no_refinement": replace(TINY, stage_levels=())}
    monkeypatch.setattr(ablations, "ABLATIONS", few)


def run(folders, name, seed=0):
    return ablations.run(
        name, seed, folders / "train", folders / "test", folders / "runs", folders / "out", steps=2
    )


def test_a_result_reads_back_and_a_finished_run_is_not_trained_again(folders, tiny_ablations):
    first = run(folders, "full")
    (read,) = ablations.load_results(folders / "out")
    assert read.scores == first.scores and read.mpjpe == first.scores["stage 2"]["all"]["mpjpe"]
    assert read.scores["initial"]["all"]["samples"] == 4
    again = run(folders, "full")
    assert again.scores == first.scores and again.hours == first.hours
    other = run(folders, "full", seed=1)
    assert other.scores != first.scores


def test_the_table_has_a_row_per_ablation_with_its_spread(folders, tiny_ablations):
    for name, seed in (("no_refinement", 0), ("full", 0), ("full", 1)):
        run(folders, name, seed)
    results = ablations.load_results(folders / "out")
    assert [(r.name, r.seed) for r in results] == [("full", 0), ("full", 1), ("no_refinement", 0)]
    full, none = ablations.table(results).splitlines()[2:]
    low, high = sorted(r.mpjpe for r in results[:2])
    assert f"{(low + high) / 2:.2f} ({low:.2f} to {high:.2f})" in full and "| full | 2 |" in full
    assert "| no_refinement | 1 |" in none


@pytest.mark.parametrize(
    ("what", "changed"), [("data", {"seed": 5}), ("test", {"count": 9}), ("training", {"steps": 3})]
)
def test_results_that_were_not_got_alike_have_no_table(folders, tiny_ablations, what, changed):
    one = run(folders, "full")
    other = replace(one, name="no_refinement", **{what: {**getattr(one, what), **changed}})
    with pytest.raises(InputError, match=f"{what}: .*no_refinement-0.* in {next(iter(changed))}"):
        ablations.table([one, other])
    assert ablations.table([one, replace(one, seed=1, training={**one.training, "seed": 1})])


def test_costs_are_measured_again_and_nothing_else_changes(folders, tiny_ablations):
    run(folders, "full")
    path = ablations.result_path(folders / "out", "full", 0)
    before = json.loads(path.read_text())
    path.write_text(json.dumps({**before, "flops": 1, "peak_megabytes": 0.0, "ms_per_image": 0.0}))
    ablations.measure_costs(folders / "out")
    after = json.loads(path.read_text())
    assert after["flops"] == before["flops"] and after["ms_per_image"] > 0
    assert after["peak_megabytes"] == pytest.approx(before["peak_megabytes"], rel=0.05)
    changed = {name for name in before if after[name] != before[name]}
    assert before.keys() == after.keys() and changed <= {"peak_megabytes", "ms_per_image"}


@given(malformed_json(json.loads(next(ablations.results_folder().glob("full-0.json")).read_text())))
def test_broken_results_are_refused_in_one_line_that_names_the_file(tmp_path, content):
    (tmp_path / "full-0.json").write_bytes(content)
    assert_read_or_refused(lambda: ablations.load_results(tmp_path), "full-0.json")


def test_no_results_are_no_table(tmp_path, capsys):
    assert "found none" in failing(capsys, "ablate", "--table", "--out", tmp_path)


@pytest.mark.parametrize("arguments", [[], ["--list", "--table"], ["--run", "nothing"]])
def test_command_line_refuses(arguments, capsys):
    failing(capsys, "ablate", *arguments)


def test_command_line_lists(capsys):
    main(["ablate", "--list"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(ablations.ABLATIONS)


def test_cost_counts():
    a, b = torch.ones(3, 4), torch.ones(4, 5)
    assert flops(lambda: a @ b) == 2 * 3 * 4 * 5
    # A product of 4 MB from operands that were there before.
    wide = torch.ones(1000, 1)
    assert peak_megabytes(lambda: wide @ wide.T) == pytest.approx(4.0, rel=0.05)
    small, without = cost_of(DIR(TINY), 1), cost_of(DIR(replace(TINY, stage_levels=())), 1)
    assert small.parameters > without.parameters and small.flops > without.flops
    assert small.milliseconds > 0
