"""The pages that repeat result files say what the files say."""

from pathlib import Path
from types import SimpleNamespace

import claims
import pytest
from support.marks import between_marks

from handlib.analysis.micro_tasks.result import MicroTaskResult

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_claims_page_is_what_the_results_say():
    assert between_marks(claims.PAGE, "claims.py") == claims.table(claims.Evidence.load()), (
        "run scripts/build/claims.py"
    )


def test_every_notebook_that_claims_name_exists():
    for statement in claims.statements():
        assert (REPOSITORY / "notebooks" / "source" / f"{statement['notebook']}.py").exists(), statement


def test_every_row_is_decided():
    page = claims.PAGE.read_text()
    assert "can't be decided" not in page
    assert page.count("not testable here") <= 2
    for line in between_marks(claims.PAGE, "claims.py").splitlines()[2:]:
        *_, shown, worth, _, _ = line.split(" | ") if line.endswith(" |") else line.split("|")
        assert shown != claims.NOT_ASKED or worth != claims.NOT_ASKED, line


def evidence_of(errors: dict[str, list[float]], micro: dict[str, MicroTaskResult] | None = None):
    results = {name: [SimpleNamespace(mpjpe=e) for e in values] for name, values in errors.items()}
    return claims.Evidence(results, micro or {}, {}, None, {})


@pytest.mark.parametrize(
    ("better", "said"),
    [([1.0, 1.1], "better by"), ([3.0, 3.1], "worse by"), ([2.02, 2.1], "smaller than")],
)
def test_a_gain_is_told_with_its_interval(better: list[float], said: str):
    evidence = evidence_of({"a": better, "b": [2.0, 2.12], "c": [4.0, 4.09], "d": [5.0, 5.1]})
    assert claims.first_is_best(evidence, "a", "b").split("mm): ")[1].startswith(said)


def test_what_a_seed_does_to_all_kinds_alike_doesnt_hide_a_difference():
    evidence = evidence_of({"a": [1.0, 3.0], "b": [1.2, 3.21], "c": [2.0, 4.01]})
    assert evidence.gain("a", "b").low > 0


def test_rows_of_micro_tasks_are_compared_seed_by_seed():
    rows = {"with": [1.0, 2.0, 3.0], "without": [2.0, 3.0, 4.02]}
    task = MicroTaskResult("t", "error", "mm", True, 0.5, [0, 1, 2], rows, {}, [])
    said = claims.shown(evidence_of({}, {"t": task}), [["t", "with", "without"]])
    assert said.startswith("with than without: better by 0.9")
