"""What a micro-task's numbers say of its claims, as tables and as a file."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from support.malformed import assert_read_or_refused, malformed_json

from handlib.analysis.micro_tasks.result import (
    Claim,
    MicroTaskResult,
    claims_table,
    decided,
    largest_difference,
    read_micro_task,
    values_table,
    write_micro_task,
)
from handlib.utils.errors import InputError

HELPS = Claim("it helps", "with", "without", "better")
CONTROL = Claim("it can't help here", "control", "without", "no better")
RESULT = MicroTaskResult(
    name="task",
    measure="error",
    unit="mm",
    lower_is_better=True,
    margin=0.5,
    seeds=[0, 1, 2],
    rows={"without": [10.0, 20.0, 30.0], "with": [8.0, 18.1, 27.9], "control": [10.1, 19.9, 30.0]},
    parts={"with, near": [1.0, 2.0, 3.0]},
    claims=[HELPS, CONTROL],
)


def test_seeds_are_paired_so_that_their_spread_hides_nothing():
    gain = RESULT.gain(HELPS)
    assert gain.mean == pytest.approx(2.0)
    # Differences 2.0, 1.9, 2.1: standard error 0.1 / √3, times Student's 4.303 at two degrees of freedom.
    assert gain.high - gain.mean == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=1e-4)
    assert RESULT.holds(HELPS) and RESULT.verdict(HELPS) == "better by 1.75 to 2.25 mm"


def test_where_higher_is_better_the_same_numbers_are_worse():
    shares = replace(RESULT, lower_is_better=False)
    assert not shares.holds(HELPS)
    assert shares.verdict(HELPS) == "worse by 1.75 to 2.25 mm"


def test_a_control_holds_while_its_gain_stays_below_the_margin():
    assert RESULT.verdict(CONTROL).startswith("smaller than")
    assert RESULT.holds(CONTROL)
    # The interval reaches from -0.25 to 0.25.
    assert not replace(RESULT, margin=0.2).holds(CONTROL)
    assert not RESULT.holds(replace(HELPS, expected="no better"))


def test_claims_of_rows_that_were_not_measured_are_left_out():
    assert decided([HELPS, CONTROL], {"with": [1.0], "without": [1.0]}) == [HELPS]


def test_tables_have_every_seed_and_every_claim():
    header, _, *rows = values_table(RESULT).splitlines()
    assert header.count("seed ") == 3 and len(rows) == 3
    assert "18.10" in rows[1] and f"{(8.0 + 18.1 + 27.9) / 3:.2f}" in rows[1]
    assert len(values_table(RESULT, parts=True).splitlines()) == 2 + 1
    answers = [line.split("|")[-2].strip() for line in claims_table(RESULT).splitlines()[2:]]
    assert answers == ["yes", "yes"]


def test_a_result_reads_back(tmp_path):
    write_micro_task(tmp_path / "task.json", RESULT)
    assert read_micro_task(tmp_path / "task.json") == RESULT


def test_the_largest_difference_is_of_one_value():
    other = replace(RESULT, rows={**RESULT.rows, "with": [8.0, 18.1, 27.4]})
    assert largest_difference(RESULT, RESULT) == 0
    assert largest_difference(other, RESULT) == pytest.approx(0.5)


@pytest.mark.parametrize("changed", [{"seeds": [0, 1, 3]}, {"rows": {}}, {"name": "other"}])
def test_other_seeds_or_rows_are_no_comparison(changed):
    with pytest.raises(InputError, match="expected"):
        largest_difference(replace(RESULT, **changed), RESULT)


@given(malformed_json(asdict(RESULT)))
def test_broken_files_are_refused_in_one_line_that_names_them(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("broken") / "task.json"
    path.write_bytes(content)
    assert_read_or_refused(lambda: read_micro_task(path), "task.json")


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": {"without": [1.0], "with": [1.0], "control": [1.0]}},
        {"claims": [asdict(replace(HELPS, row="missing"))]},
    ],
)
def test_results_that_decide_nothing_are_refused(tmp_path, wrong):
    (tmp_path / "task.json").write_text(json.dumps(asdict(RESULT) | wrong))
    with pytest.raises(InputError, match=r"task\.json: expected the result of a micro-task"):
        read_micro_task(tmp_path / "task.json")
