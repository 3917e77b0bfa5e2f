"""Files are replaced whole; commands write between their own marks only."""

from pathlib import Path

import pytest

from handlib.utils.errors import InputError
from handlib.utils.files import replacing, write_between_marks, write_text


def test_a_file_is_replaced_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    write_text(path, "old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_was_begun_goes_when_writing_fails(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "numbers.txt"
    write_text(path, "old")
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


PAGE = """# Page
<!-- a.py writes from here -->
old a
<!-- to here -->
between
<!-- b.py writes from here -->
old b
<!-- to here -->
end
"""


def test_only_the_text_between_the_marks_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    write_between_marks(page, "b.py", "new b\nin two lines")
    assert page.read_text() == PAGE.replace("old b", "new b\nin two lines")
    write_between_marks(page, "b.py", "old b")
    assert page.read_text() == PAGE


@pytest.mark.parametrize("page", ["# Page\n", PAGE.replace("<!-- to here -->", "")])
def test_a_page_without_marks_is_left_alone(tmp_path: Path, page: str) -> None:
    path = tmp_path / "page.md"
    path.write_text(page)
    with pytest.raises(InputError, match=r"page\.md: expected the lines"):
        write_between_marks(path, "a.py", "new")
    assert path.read_text() == page
