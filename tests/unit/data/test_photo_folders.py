"""Which files of a folder are pictures, in the layouts of data sets and in any other."""

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


def test_every_picture_below_a_folder_in_order(tmp_path: Path):
    names = ("b.JPG", "a.png", "z/1.webp", "z/y/2.jpeg", "phone.HEIC", "notes.txt", "z/more.txt", "none")
    found = find_pictures([touched(tmp_path, *names, ".hidden/c.png", "._a.png")])
    assert list(found.pictures) == ["a.png", "b.JPG", "phone.HEIC", "z/1.webp", "z/y/2.jpeg"]
    assert found.pictures["z/1.webp"] == tmp_path / "z" / "1.webp"
    assert found.left_out == {".txt": 2, "": 1}
    assert found.layouts == ()


@pytest.mark.parametrize(
    ("layout", "pictures", "others"),
    [
        (
            "RGB2Hands",
            ("data/seq01_crossed/color/000.png", "data/seq02_occlusion/color/001.png"),
            ("data/seq01_crossed/annotation/annot2D_color/000.png", "data/seq01_crossed/depth/000.png"),
        ),
        ("EgoHands", ("_LABELLED_SAMPLES/CARDS_COURTYARD_B_T/frame_0011.jpg",), ("masks/frame_0011.png",)),
        ("100DOH", ("VOC2007/JPEGImages/boardgame_v_1_frame000001.jpg",), ("VOC2007/Annotations/seen.png",)),
        ("Hands in Action", ("01/rgb/00000.png", "02/rgb/00000.png"), ("01/Depth/00000.png",)),
    ],
)
def test_of_a_known_data_set_only_the_colour_pictures(
    tmp_path: Path, layout: str, pictures: tuple, others: tuple
):
    found = find_pictures([touched(tmp_path, *pictures, *others)])
    assert tuple(found.pictures) == pictures
    assert found.layouts == (layout,)


def test_half_a_layout_is_none(tmp_path: Path):
    """A folder called color is nothing special where no annotations stand beside it."""
    found = find_pictures([touched(tmp_path, "color/a.png", "grey/a.png", "JPEGImages/b.png")])
    assert len(found.pictures) == 3
    assert found.layouts == ()


def test_results_within_the_folder_are_not_pictures(tmp_path: Path):
    """Those of photographs, of sequences and of sequences written among their own frames."""
    top = touched(tmp_path, "a.png", "own/overlay.png", "r/summary.json", "r/.unfinished-1/overlay.png")
    for folder, names in (("r/a.png", results.FILES), ("clip", video.FILES), (".", video.FILES)):
        touched(top / folder, *names)
    found = find_pictures([top])
    assert list(found.pictures) == ["a.png", "own/overlay.png"]
    assert not found.left_out


def test_numbers_in_names_count_as_numbers(tmp_path: Path):
    names = [f"take {take}/frame_{k}.png" for take in (2, 10) for k in (*range(1, 13), 100)]
    found = find_pictures([touched(tmp_path, *reversed(names), "0.png", "00.png", "a\u00b2.png")])
    assert list(found.pictures) == ["0.png", "00.png", "a\u00b2.png", *names]


def test_files_and_folders_together_have_names_of_their_own(tmp_path: Path):
    top = touched(tmp_path, "one/a.png", "two/a.png", "three/note.txt")
    found = find_pictures([top / "one", top / "two" / "a.png", top / "three" / "note.txt", top / "one"])
    assert list(found.pictures) == ["one/a.png", "three/note.txt", "two/a.png"]


def test_links_in_a_circle_end(tmp_path: Path):
    top = touched(tmp_path, "a.png")
    (top / "again").symlink_to(top)
    assert list(find_pictures([top]).pictures) == ["a.png"]


def test_no_pictures_is_an_error(tmp_path: Path):
    with pytest.raises(PictureError, match="expected pictures, found none"):
        find_pictures([touched(tmp_path, "notes.txt")])
