"""Every exercise's check takes the solution and refuses the stub and plausible mistakes."""

import re
from pathlib import Path

import pytest
import torch
from support.answers import DIAGNOSED, MISTAKES, SOLUTIONS

from handlib.data.sample import normalise
from handlib.data.shipped import load_samples
from handlib.exercises import MY_DIR, check, exercise, exercise_names, my_parts, progress
from handlib.model.joint_maps import JointMaps, own_pixels
from handlib.model.network import DIR
from handlib.model.parts import PARTS
from handlib.utils.errors import InputError


@pytest.fixture(autouse=True)
def readers_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of the test's own, where parts are kept."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys, name, answer) -> str:
    assert check(name, answer) is None
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and err == ""
    assert out.startswith(f"{name}: ")
    return out.removeprefix(f"{name}: ").strip()


@pytest.mark.parametrize("name", SOLUTIONS)
def test_solution_is_correct(capsys, name):
    assert said(capsys, name, SOLUTIONS[name]) == (
        "correct; kept in my_dir.py" if name in PARTS else "correct"
    )


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize("stub", [..., None, lambda *arguments: ..., lambda *arguments: None])
def test_stub_is_not_written_yet(capsys, name, stub):
    assert said(capsys, name, stub).startswith("not written yet")


@pytest.mark.parametrize(("name", "mistake"), [(n, m) for n, ms in MISTAKES.items() for m in ms])
def test_plausible_mistake_is_refused_with_the_same_words_each_time(capsys, name, mistake):
    first = said(capsys, name, mistake)
    assert first.startswith("not right yet")
    assert said(capsys, name, mistake) == first
    assert not MY_DIR.exists()


@pytest.mark.parametrize(("name", "words"), [(n, words) for n, ms in DIAGNOSED.items() for words in ms])
def test_the_hint_names_the_mistake(capsys, name, words):
    assert words in said(capsys, name, DIAGNOSED[name][words])


def test_a_value_where_a_function_is_asked_for(capsys):
    assert said(capsys, "mirror_pose", 3.0) == "not right yet: expected a function"


def test_unknown_exercise_names_those_there_are(capsys):
    assert "mirror_pose" in said(capsys, "no such thing", 1)


def test_the_answer_to_own_heat_is_what_the_library_reads():
    random = torch.Generator().manual_seed(0)
    scores, heat = (4 * torch.randn(2, *shape, 14, 14, generator=random) for shape in ((3,), (2, 21)))
    maps = JointMaps(scores, heat, torch.zeros(2, 2, 21, 3, 14, 14), torch.zeros(2, 2))
    torch.testing.assert_close(SOLUTIONS["own_heat"](heat, own_pixels(scores)), maps.located.uv)


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


def wrong_name(query, key, value):
    return query @ keys.mT, value


def test_a_crashed_answer_is_told_with_its_message_and_line(capsys):
    told = said(capsys, "attend", wrong_name)
    line = wrong_name.__code__.co_firstlineno + 1
    assert told == (
        "not right yet: it stopped with NameError: name 'keys' is not defined "
        f"(test_exercises.py, line {line}: return query @ keys.mT, value)"
    )
    assert "takes 1 positional argument but 3 were given" in said(capsys, "attend", lambda query: query)


def test_a_crash_outside_the_answer_names_no_line_of_it(capsys):
    told = said(capsys, "uv_of_pixel", lambda row, column, size: ("left", "up"))
    assert told == "not right yet: it stopped with ValueError: could not convert string to float: 'left'"


def test_solving_all_parts_fills_the_file_and_the_file_runs_the_network(capsys):
    assert my_parts() == {}
    for count, name in enumerate(PARTS, start=1):
        check(name, SOLUTIONS[name])
        assert list(my_parts()) == list(PARTS)[:count]
        assert f"{count} of {len(PARTS)} parts" in repr(progress())
    image = normalise(load_samples("test")[14].image[None, :, ::2, ::2])
    library, own = DIR.from_pretrained("small"), DIR.from_pretrained("small", parts=my_parts())
    with torch.no_grad():
        expected, found = library(image), own(image)
    for one, other in zip(expected.estimates, found.estimates, strict=True):
        for name in ("vertices", "joints", "uv", "offset"):
            torch.testing.assert_close(getattr(other, name), getattr(one, name), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.segmentation, expected.segmentation, atol=1e-5, rtol=1e-5)


def attend_solution(query, key, value):
    return SOLUTIONS["attend"](query, key, value)


def test_only_a_function_with_the_parts_name_is_kept(capsys):
    assert said(capsys, "attend", attend_solution) == "correct"
    assert said(capsys, "attend", lambda q, k, v: SOLUTIONS["attend"](q, k, v)) == "correct"
    assert not MY_DIR.exists()


def test_a_broken_file_isnt_touched_and_is_told(capsys):
    check("attend", SOLUTIONS["attend"])
    MY_DIR.write_text(broken := MY_DIR.read_text() + "def half(:\n")
    capsys.readouterr()
    told = said(capsys, "huber", SOLUTIONS["huber"])
    assert told.startswith("correct, but not kept in my_dir.py: my_dir.py, line ")
    assert MY_DIR.read_text() == broken
    assert "No part is yours until your file is mended: my_dir.py, line " in repr(progress())
    with pytest.raises(InputError, match=r"my_dir.py, line \d+: "):
        my_parts()


def test_a_part_that_stops_gradients_is_refused_where_gradients_are_off(capsys):
    def attend(query, key, value):
        weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)
        return (weights @ value).detach(), weights

    with torch.no_grad():
        check("attend", attend)
    assert "gradient" in capsys.readouterr().out
