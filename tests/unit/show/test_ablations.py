"""What the ablations' widget shows, from trainings whose errors are made up."""

from dataclasses import replace

import pytest

from handlib.analysis.ablations import ABLATIONS, IN_WORDS, PAPER_ROWS, AblationResult, load_results
from handlib.show.ablations import MEASURES, STRATA, Choice, ablations_state

TEMPLATE = load_results()[0]


def training(name: str, seed: int, error: float, flops: int = 100) -> AblationResult:
    """A result whose errors are all the same; those of its initial estimate are ten more."""

    def row(value: float) -> dict:
        return {stratum: dict.fromkeys(MEASURES, value) for stratum in STRATA}

    scores = {"initial": row(error + 10), "stage 1": row(error)}
    return replace(TEMPLATE, name=name, seed=seed, scores=scores, flops=flops)


RESULTS = [
    training("full", 0, 14.0),
    training("full", 1, 14.2),
    training("no_refinement", 0, 18.0, flops=50),
    training("no_refinement", 1, 18.2, flops=50),
    training("single_plane", 0, 14.1),
    training("single_plane", 1, 14.3),
    training("gcn_only", 0, 13.0),
]


def test_every_ablation_has_words():
    assert set(IN_WORDS) == set(ABLATIONS) and set(PAPER_ROWS) <= set(ABLATIONS)
    assert len(set(IN_WORDS.values())) == len(IN_WORDS)


@pytest.mark.parametrize(
    ("picked", "expected"),
    [
        ("no_refinement", "Difference +4, chance ±0.45: worse."),
        ("single_plane", "row 7 of the paper's table: MPJPE (mm) 14.2 (seeds 14.1, 14.3)"),
        ("gcn_only", "13 (seed 13); the full model, two stages: 14.1 (seeds 14, 14.2)"),
        ("gcn_only", "better."),
    ],
)
def test_the_caption_says_what_was_found(picked: str, expected: str):
    state = ablations_state(RESULTS, Choice(picked=picked))
    assert expected in state.caption
    assert state.errors["full"] == [14.0, 14.2]
    assert ablations_state(RESULTS, Choice(estimate="initial")).errors["gcn_only"] == [23.0]


def test_another_reference_turns_the_difference_round():
    forward = ablations_state(RESULTS, Choice()).differences["no_refinement"]
    backward = ablations_state(RESULTS, Choice(reference="no_refinement")).differences["full"]
    assert (backward.value, backward.chance) == pytest.approx((-forward.value, forward.chance))
    assert "ifference" not in ablations_state(RESULTS, Choice(picked="full")).caption
