import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.malformed import assert_read_or_refused, malformed_json

from handlib.data.photo import Box
from handlib.evaluation.photo_scores import (
    WORST,
    Annotation,
    PhotoScore,
    format_report,
    joint_errors,
    mean_scores,
    read_annotations,
    read_answers,
    report,
    score_folder,
    score_photo,
)
from handlib.utils.errors import InputError

SHAPE = np.random.default_rng(0).uniform(0, 60, (21, 2))
SHAPE[:2] = (0, 0), (100, 40)
"""A hand of 21 joints, 100 pixels wide and at most 60 high."""
LEFT, RIGHT = SHAPE + np.array((20, 30)), SHAPE[::-1] + np.array((300, 50))
TRUTH = Annotation("a.png", Box(10, 10, 400, 200), "facing", "apart", LEFT, RIGHT)


def record(file: str = "a.png", **changes: object) -> dict[str, object]:
    return {
        "file": file,
        "box": [10, 10, 400, 200],
        "view": "facing",
        "relation": "apart",
        "left": LEFT.tolist(),
        "right": [None, *RIGHT[1:].tolist()],
        "object": "none",
    } | changes


def write(folder: Path, content: object) -> Path:
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("shift", "pck", "error"),
    [(0, (1, 1, 1), 0), (15, (0, 1, 1), 0.15), (45, (0, 0, 1), 0.45), (10_000, (0, 0, 0), WORST)],
)
def test_errors_count_in_hand_sizes(shift: int, pck: tuple[int, ...], error: float):
    # Down for one hand, to the left for the other: the size is the longer side in either case.
    score = score_photo(TRUTH, {"left": LEFT + np.array((0, shift)), "right": RIGHT - np.array((shift, 0))})
    assert score.pck == pck and score.error == pytest.approx(error)
    assert not score.swapped and score.missing == 0


def test_sides_that_are_exchanged_are_noticed():
    score = score_photo(TRUTH, {"left": RIGHT, "right": LEFT})
    assert score.swapped and score.error == WORST and score.pck == (0, 0, 0)


def test_a_hand_that_wasnt_found_has_the_worst_error():
    score = score_photo(TRUTH, {"left": LEFT, "right": None})
    assert score == PhotoScore((0.5, 0.5, 0.5), WORST / 2, False, 1)
    assert score_photo(TRUTH, {"left": None, "right": None}) == PhotoScore((0.0,) * 3, WORST, False, 2)
    assert score_photo(TRUTH, {"left": RIGHT, "right": None}).swapped


def test_joints_that_cant_be_seen_dont_count():
    seen = LEFT.copy()
    seen[4:8] = np.nan
    truth, found = replace(TRUTH, left=seen), LEFT.copy()
    found[4:8] += 500
    assert score_photo(truth, {"left": found, "right": RIGHT}).error == 0
    assert joint_errors(seen, None).tolist() == [WORST] * 17
    # Each hand counts the same, however many of its joints are seen.
    found = LEFT + np.array((0, 30))
    assert score_photo(truth, {"left": found, "right": RIGHT}).error == pytest.approx(0.15)


def test_size_is_that_of_the_joints_that_are_seen():
    seen = LEFT.copy()
    seen[1] = np.nan
    size = np.ptp(np.delete(LEFT, 1, axis=0), axis=0).max()
    assert size < 80
    np.testing.assert_allclose(joint_errors(seen, LEFT + np.array((8, 6))), 10 / size)


def test_joints_without_a_place_are_wrong():
    found = LEFT.copy()
    found[0], found[1] = (np.nan, 3), (np.inf, 3)
    assert joint_errors(LEFT, found).tolist() == [WORST, WORST, *[0] * 19]
    score = score_photo(TRUTH, {"left": found, "right": RIGHT})
    assert score.pck == pytest.approx([1 - 1 / 21] * 3) and score.error == pytest.approx(2 / 21)


def test_means_are_over_pictures_and_groups():
    good, bad = PhotoScore((1.0, 1.0, 1.0), 0.0, False, 0), PhotoScore((0.0, 0.5, 1.0), 0.4, True, 1)
    assert mean_scores([good, bad]) == {
        "pck@0.1": 0.5,
        "pck@0.2": 0.75,
        "pck@0.5": 1.0,
        "error": 0.2,
        "swapped": 0.5,
        "missing": 0.5,
    }
    kinds = {"a": ("facing", "apart"), "b": ("facing", "touching"), "c": ("side", "apart")}
    annotations = [replace(TRUTH, file=name, view=v, relation=r) for name, (v, r) in kinds.items()]
    table = report(annotations, {"a": good, "b": bad, "c": good})
    assert {name: row["pictures"] for name, row in table.items()} == {
        "all": 3,
        "view: facing": 2,
        "view: side": 1,
        "relation: apart": 2,
        "relation: touching": 1,
    }
    assert table["all"]["error"] == pytest.approx(0.4 / 3)
    assert table["view: facing"]["pck@0.2"] == 0.75 and table["relation: touching"]["missing"] == 1
    assert table["relation: apart"] == {"pictures": 2, **mean_scores([good])}


def test_annotations_are_read_with_unseen_joints_as_no_numbers(tmp_path: Path):
    (one,) = read_annotations(write(tmp_path, [record()]))
    assert (one.file, one.box, one.view, one.relation) == ("a.png", TRUTH.box, "facing", "apart")
    np.testing.assert_array_equal(one.left, LEFT)
    assert np.isnan(one.right[0]).all() and np.array_equal(one.right[1:], RIGHT[1:])


@pytest.mark.parametrize(
    "wrong",
    [
        {"not": "a list"},
        [{name: value for name, value in record().items() if name != "view"}],
        [record(left=LEFT[:20].tolist())],
        [record(right=[None] * 21)],
        [record(right=None)],
        [record(left=[[1, 2, 3]] * 21)],
        *([record(box=box)] for box in ([1, 2, 3], [1, 2, 0, 5], "none")),
        [record(left=[[5, None], *LEFT[1:].tolist()])],
        [record(left=[LEFT[0].tolist(), *[None] * 20])],
        [],
    ],
)
def test_malformed_annotations_are_one_error_that_names_the_file(wrong: object, tmp_path: Path):
    with pytest.raises(InputError, match=r"annotations\.json"):
        read_annotations(write(tmp_path, wrong))


def test_a_folder_without_annotations_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=f"{tmp_path.name}.*annotations.json"):
        read_annotations(tmp_path)


@given(data=st.data())
def test_broken_annotations_are_read_or_refused_in_one_line(tmp_path: Path, data):
    (tmp_path / "annotations.json").write_bytes(data.draw(malformed_json([record(), record("b.png")])))
    assert_read_or_refused(lambda: read_annotations(tmp_path), "annotations.json", "box")


def test_finders_get_pictures_with_or_without_boxes(tmp_path: Path):
    write(tmp_path, [record("a.png"), record("b.png", box=[1, 2, 30, 40])])
    for file, grey in (("a.png", 10), ("b.png", 90)):
        Image.new("RGB", (50, 40), (grey,) * 3).save(tmp_path / file)
    for boxes in (True, False):
        asked = {}

        def find(file, picture, box, asked=asked):
            assert picture.shape == (40, 50, 3)
            asked[file, int(picture[0, 0, 0])] = box
            return {"left": LEFT, "right": RIGHT if file == "a.png" else None}

        scores = score_folder(tmp_path, find, boxes)
        pictures = {("a.png", 10): TRUTH.box, ("b.png", 90): Box(1, 2, 30, 40)}
        assert asked == (pictures if boxes else dict.fromkeys(pictures))
        assert {name: (score.error, score.missing) for name, score in scores.items()} == {
            "a.png": (0, 0),
            "b.png": (1, 1),
        }


def test_answers_of_other_programs_are_found_by_name(tmp_path: Path):
    file, picture = tmp_path / "answers.json", np.zeros((4, 4, 3), np.uint8)
    file.write_text(json.dumps({"a.png": {"left": LEFT.tolist(), "right": None}}))
    find = read_answers(file)
    found = find("a.png", picture, None)
    assert np.array_equal(found["left"], LEFT) and found["right"] is None
    assert find("b.png", picture, TRUTH.box) == {"left": None, "right": None}
    for wrong in ([], {"a.png": {"left": None}}, {"a.png": {"left": [[1, 2]], "right": None}}):
        file.write_text(json.dumps(wrong))
        with pytest.raises(InputError, match=r"answers\.json: expected answers"):
            read_answers(file)
    with pytest.raises(InputError, match=r"nowhere\.json"):
        read_answers(tmp_path / "nowhere.json")


def test_a_report_is_a_table_with_a_row_per_group():
    rows = {"all": {"pictures": 3.0, "error": 0.12345}, "view: side": {"pictures": 1.0, "error": 2.0}}
    table = format_report(rows)
    assert table.splitlines() == [
        "|  | pictures | error |",
        "| --- | ---: | ---: |",
        "| all | 3 | 0.123 |",
        "| view: side | 1 | 2 |",
    ]
