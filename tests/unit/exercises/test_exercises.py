"""Every exercise's check takes the solution and refuses the stub and plausible mistakes."""

import re
from pathlib import Path

import pytest
from support.answers import MISTAKES, SOLUTIONS

from handlib.exercises import check, exercise, exercise_names


def said(capsys, name, answer) -> str:
    assert check(name, answer) is None
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and err == ""
    assert out.startswith(f"{name}: ")
    return out.removeprefix(f"{name}: ").strip()


@pytest.mark.parametrize("name", SOLUTIONS)
def test_solution_is_correct(capsys, name):
    assert said(capsys, name, SOLUTIONS[name]) == "correct"


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize("stub", [..., None, lambda *arguments: ..., lambda *arguments: None])
def test_stub_is_not_written_yet(capsys, name, stub):
    assert said(capsys, name, stub).startswith("not written yet")


@pytest.mark.parametrize(("name", "mistake"), [(n, m) for n, ms in MISTAKES.items() for m in ms])
def test_plausible_mistake_is_refused_with_the_same_words_each_time(capsys, name, mistake):
    first = said(capsys, name, mistake)
    assert first.startswith("not right yet")
    assert said(capsys, name, mistake) == first


def test_a_value_where_a_function_is_asked_for(capsys):
    assert said(capsys, "mirror_pose", 3.0) == "not right yet: expected a function"


def test_unknown_exercise_names_those_there_are(capsys):
    assert "mirror_pose" in said(capsys, "no such thing", 1)


def test_every_exercise_has_answers_here():
    assert set(SOLUTIONS) == set(MISTAKES) == set(exercise_names())
    assert all(MISTAKES.values())


def test_names_are_registered_once():
    with pytest.raises(ValueError, match="two checks"):
        exercise("mirror_pose")(lambda answer: None)


def test_the_teachers_guide_lists_every_exercise_under_its_notebook():
    repository = Path(__file__).resolve().parents[3]
    listed = set(
        re.findall(r"\| (\d\d) \| `(\w+)` \| \*+ \|", (repository / "docs" / "teaching.md").read_text())
    )
    asked = {
        (source.name[:2], name)
        for source in (repository / "notebooks" / "source").glob("*.py")
        for name in re.findall(r'^check\("(\w+)"', source.read_text(), re.MULTILINE)
    }
    assert listed == asked
