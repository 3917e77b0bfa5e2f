"""Files are replaced whole; commands write between their own marks only."""

from pathlib import Path

import pytest

from handlib.utils.errors import InputError
from handlib.utils.files import replacing, write_between_marks, write_text, writing


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_file_is_replaced_when_it_is_whole(tmp_path: Path, error: type[BaseException]) -> None:
    """Even one with the longest of names."""
    path = tmp_path / ("手" * 83 + ".txt")
    write_text(path, "old")
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    write_text(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_made_within_their_folder(tmp_path: Path) -> None:
    """Beside it may be another disk, or nothing may be written there: it may be where a disk is mounted."""
    with writing(tmp_path / "new" / "out", ("a", "b")) as unfinished:
        assert unfinished.parent == tmp_path / "new" / "out"
        for name in ("a", "b", "left out"):
            (unfinished / name).write_text(name)
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert made == {"new", "new/out", "new/out/a", "new/out/b"}


def test_a_folder_is_as_it_was_when_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_text(tmp_path / "out" / "a", "old")
    for folder in (tmp_path / "out", tmp_path / "new" / "out"):
        with pytest.raises(KeyboardInterrupt), writing(folder, ("a",)) as unfinished:
            (unfinished / "a").write_text("half")
            raise KeyboardInterrupt
    assert (tmp_path / "out" / "a").read_text() == "old"
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "out", tmp_path / "out" / "a"]


def test_what_stands_in_the_way_is_named(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "old")
    (tmp_path / "folder" / "a").mkdir(parents=True)
    for folder in (tmp_path / "file", tmp_path / "file" / "out"):
        wanted = "/file: expected a folder to write to, got a file"
        with pytest.raises(InputError, match=wanted), writing(folder, ("a",)):
            pass
    wanted = "folder/a: expected a file to write, got a folder"
    with pytest.raises(InputError, match=wanted):
        write_text(tmp_path / "folder" / "a", "new")
    with pytest.raises(InputError, match=wanted), writing(tmp_path / "folder", ("a",)) as unfinished:
        (unfinished / "a").write_text("new")
    assert (tmp_path / "file").read_text() == "old"
    assert list((tmp_path / "folder").iterdir()) == [tmp_path / "folder" / "a"]


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
