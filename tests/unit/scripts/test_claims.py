"""The pages that repeat result files say what the files say."""

from pathlib import Path
from types import SimpleNamespace

import claims
import pytest
from support.marks import between_marks

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_claims_page_is_what_the_results_say():
    assert between_marks(claims.PAGE, "claims.py") == claims.table(claims.Evidence.load()), (
        "run scripts/build/claims.py"
    )


def test_every_notebook_that_claims_name_exists():
    for statement in claims.statements():
        assert (REPOSITORY / "notebooks" / "source" / f"{statement['notebook']}.py").exists(), statement


def trainings(errors: dict[str, list[float]]) -> claims.Evidence:
    results = {name: [SimpleNamespace(mpjpe=e) for e in values] for name, values in errors.items()}
    return claims.Evidence(results, {}, None)


@pytest.mark.parametrize(
    ("better", "worse", "verdict"),
    [
        ([1.0, 1.2], [2.1, 2.3], claims.AGREES),
        ([1.0, 1.2], [1.65, 1.85], f"{claims.AGREES}, barely"),
        ([2.1, 2.3], [1.0, 1.2], claims.DISAGREES),
        ([1.0, 1.2], [1.3, 1.5], claims.OPEN),
        ([1.0], [5.0, 5.2], claims.AGREES),
    ],
)
def test_trainings_differ_only_by_more_than_seeds_do(better, worse, verdict):
    assert trainings({"a": better, "b": worse}).verdict("a", "b") == verdict


def test_a_claim_about_several_ablations_names_each_verdict():
    evidence = trainings({"a": [1.0, 1.1], "b": [2.0, 2.2], "c": [1.05, 1.2]})
    words, verdict = claims.first_is_best(evidence, "a", "b", "c")
    assert words.startswith("a 1.1 mm (1.0 to 1.1); b 2.1 mm")
    assert verdict == f"b: {claims.AGREES}; c: {claims.OPEN}"
    assert claims.first_is_best(evidence, "a", "unknown") == (claims.MISSING, claims.MISSING)
