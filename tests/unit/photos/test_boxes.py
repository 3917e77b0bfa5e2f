"""Files of boxes."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from support.malformed import assert_read_or_refused, malformed_json

from handlib.data.photo import Box, BoxError
from handlib.photos.boxes import read_boxes

EXPECTED = {"a.jpg": (Box(1, 2, 30, 40),), "sub/b.jpg": (Box(0, 0, 9, 9), Box(20.5, 0, 9, 9))}


def test_json_with_one_or_several_boxes(tmp_path: Path):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"a.jpg": [1, 2, 30, 40], "sub/b.jpg": [[0, 0, 9, 9], [20.5, 0, 9, 9]]}))
    assert read_boxes(path) == EXPECTED


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "expected JSON"),
        ("[1, 2]", "expected {"),
        ('{"a": [1, 2, 3]}', "boxes.json, a: expected x, y, width, height"),
        ('{"\u00e9": [1, 2, 3, 4], "e\u0301": [5, 6, 7, 8]}', "boxes.json, \u00e9: expected the name once"),
        ('{"a": [[1, 2, 3, 4], [1, 2, 0, 4]]}', "boxes.json, a: box: expected a positive width"),
    ],
)
def test_what_is_no_file_of_boxes_says_where(tmp_path: Path, content: str, expected: str):
    path = tmp_path / "boxes.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BoxError) as raised:
        read_boxes(path)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


@given(malformed_json({"a.jpg": [1, 2, 30, 40], "b.jpg": [[0, 0, 9, 9], [20.5, 0, 9, 9]]}))
def test_broken_files_are_refused_in_one_line_that_names_them(tmp_path: Path, broken: bytes):
    path = tmp_path / "boxes.json"
    path.write_bytes(broken)
    assert_read_or_refused(lambda: read_boxes(path), path.name)
