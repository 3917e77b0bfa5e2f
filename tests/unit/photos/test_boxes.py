"""Files of boxes, as JSON and as CSV."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.malformed import assert_read_or_refused, malformed_bytes, malformed_json

from handlib.data.photo import Box, BoxError
from handlib.photos.boxes import read_boxes

EXPECTED = {"a.jpg": (Box(1, 2, 30, 40),), "sub/b.jpg": (Box(0, 0, 9, 9), Box(20.5, 0, 9, 9))}


def test_json_with_one_or_several_boxes(tmp_path: Path):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"a.jpg": [1, 2, 30, 40], "sub/b.jpg": [[0, 0, 9, 9], [20.5, 0, 9, 9]]}))
    assert read_boxes(path) == EXPECTED


@pytest.mark.parametrize(
    "heading", ["", "picture,x,y,width,height\n", "\ufeffPicture, x, y, width, height\n"]
)
def test_csv_with_a_line_per_box(tmp_path: Path, heading: str):
    path = tmp_path / "boxes.csv"
    lines = "a.jpg,1,2,30,40\n\nsub/b.jpg,0,0,9,9\nsub/b.jpg, 20.5, 0, 9, 9\n"
    path.write_text(heading + lines, encoding="utf-8")
    assert read_boxes(path) == EXPECTED


def test_names_in_csv_may_be_quoted_and_accents_written_either_way(tmp_path: Path):
    path = tmp_path / "boxes.csv"
    path.write_text(
        '"me, and you.jpg",1,2,30,40\ne\u0301.png,1,2,3,4\n\u00e9.png,5,6,7,8\n', encoding="utf-8"
    )
    assert read_boxes(path) == {
        "me, and you.jpg": (Box(1, 2, 30, 40),),
        "\u00e9.png": (Box(1, 2, 3, 4), Box(5, 6, 7, 8)),
    }


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("b.json", "{", "expected JSON"),
        ("b.json", "[1, 2]", "expected {"),
        ("b.json", '{"a": [1, 2, 3]}', "b.json, a: expected x, y, width, height"),
        ("b.json", '{"a": 7}', "b.json, a: expected x, y, width, height"),
        (
            "b.json",
            '{"\u00e9": [1, 2, 3, 4], "e\u0301": [5, 6, 7, 8]}',
            "b.json, \u00e9: expected the name once",
        ),
        ("b.json", '{"a": [[1, 2, 3, 4], [1, 2, 0, 4]]}', "b.json, a: box: expected a positive width"),
        ("b.csv", "a,1,2,3,4\nb,1,2,3\n", "line 2: expected x, y, width, height"),
        ("b.csv", "a,1,2,3,nan\n", "line 1: box: expected finite numbers"),
        ("b.csv", b"\xff\xfe\xff", "can't be read"),
        ("b.csv", "a" * 140_000 + ",1,2,3,4\n", "expected CSV: field larger than"),
    ],
)
def test_what_is_no_file_of_boxes_says_where(tmp_path: Path, name: str, content: str | bytes, expected: str):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BoxError) as raised:
        read_boxes(path)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


JSON = malformed_json({"a.jpg": [1, 2, 30, 40], "b.jpg": [[0, 0, 9, 9], [20.5, 0, 9, 9]]})
CSV = malformed_bytes(b"picture,x,y,width,height\na.jpg,1,2,30,40\nb.jpg,0,0,9,9\n")


@pytest.mark.parametrize(("name", "broken"), [("boxes.json", JSON), ("boxes.csv", CSV)])
@given(data=st.data())
def test_broken_files_are_refused_in_one_line_that_names_them(
    tmp_path: Path, name: str, broken: st.SearchStrategy[bytes], data: st.DataObject
):
    path = tmp_path / name
    path.write_bytes(data.draw(broken))
    assert_read_or_refused(lambda: read_boxes(path), name)
