"""Which files of a folder are pictures."""

from pathlib import Path

import pytest

from handlib.data.photo import PictureError
from handlib.data.photo_folders import find_pictures
from handlib.photos import results, video


def touched(top: Path, *names: str) -> Path:
    for name in names:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return top


def test_every_picture_below_a_folder_once(tmp_path: Path):
    names = ("b.JPG", "a.png", "z/1.webp", "z/y/2.jpeg", "phone.HEIC", "notes.txt", "z/more.txt", "none")
    touched(tmp_path, *names, ".hidden/c.png", "._a.png")
    (tmp_path / "again").symlink_to(tmp_path)
    found = find_pictures([tmp_path])
    assert list(found) == ["a.png", "b.JPG", "phone.HEIC", "z/1.webp", "z/y/2.jpeg"]
    assert found["z/1.webp"] == tmp_path / "z" / "1.webp"


def test_results_within_the_folder_are_not_pictures(tmp_path: Path):
    """Those of photographs, of sequences and of sequences written among their own frames."""
    top = touched(tmp_path, "a.png", "own/overlay.png", "r/summary.json", "r/.unfinished-1/overlay.png")
    for folder, names in (("r/a.png", results.FILES), ("clip", video.FILES), (".", video.FILES)):
        touched(top / folder, *names)
    assert list(find_pictures([top])) == ["a.png", "own/overlay.png"]


def test_numbers_in_names_count_as_numbers(tmp_path: Path):
    names = [f"take {take}/frame_{k}.png" for take in (2, 10) for k in (*range(1, 13), 100)]
    found = find_pictures([touched(tmp_path, *reversed(names), "0.png", "00.png", "a\u00b2.png")])
    assert list(found) == ["0.png", "00.png", "a\u00b2.png", *names]


def test_files_and_folders_together_have_names_of_their_own(tmp_path: Path):
    top = touched(tmp_path, "one/a.png", "two/a.png", "three/note.txt")
    found = find_pictures([top / "one", top / "two" / "a.png", top / "three" / "note.txt", top / "one"])
    assert list(found) == ["one/a.png", "three/note.txt", "two/a.png"]


def test_no_pictures_is_an_error(tmp_path: Path):
    with pytest.raises(PictureError, match="expected pictures, found none"):
        find_pictures([touched(tmp_path, "notes.txt")])
