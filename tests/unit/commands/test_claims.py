"""``handlib claims``: what it lists, runs and compares, and how it fails."""

from dataclasses import replace

import pytest
from support.commands import failing

from handlib import cli
from handlib.analysis.micro_tasks import catalogue
from handlib.analysis.micro_tasks.result import MicroTaskResult, read_micro_task


@pytest.fixture
def stored() -> MicroTaskResult:
    return catalogue.stored_result("scattered_hiding")


def test_without_a_name_all_micro_tasks_are_listed(capsys: pytest.CaptureFixture[str]):
    cli.main(["claims"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(catalogue.TASKS)
    assert all(len(line.split()) > 3 for line in lines)


def test_an_unknown_name_is_one_line_with_the_known_ones(capsys: pytest.CaptureFixture[str]):
    said = failing(capsys, "claims", "--run", "hiden_hand")
    assert "run: expected one of hidden_hand, scattered_hiding" in said and "hiden_hand" in said


def test_a_file_needs_a_micro_task(tmp_path, capsys: pytest.CaptureFixture[str]):
    assert "--run NAME" in failing(capsys, "claims", "--json", tmp_path / "out.json")


def test_a_run_is_told_compared_and_written(stored, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(catalogue.TASKS, stored.name, lambda: stored)
    out = tmp_path / "new" / "out.json"
    cli.main(["claims", "--run", stored.name, "--json", str(out)])
    said = capsys.readouterr().out
    assert all(row in said for row in stored.rows)
    assert all(stored.verdict(claim) in said for claim in stored.claims)
    assert "Largest difference to the result that ships: 0.00 mm" in said
    assert read_micro_task(out) == stored


def test_another_answer_than_the_one_that_ships_is_exit_code_1(stored, monkeypatch, capsys):
    claim = stored.claims[0]
    worse = replace(stored, rows={**stored.rows, claim.row: stored.rows[claim.reference]})
    monkeypatch.setitem(catalogue.TASKS, stored.name, lambda: worse)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["claims", "--run", stored.name])
    assert stopped.value.code == 1
    assert claim.text in capsys.readouterr().out.splitlines()[-1]
