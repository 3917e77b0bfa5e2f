"""Sequences of pictures: folders and animated files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.malformed import assert_read_or_refused, malformed_bytes

from handlib.data.photo import PictureError
from handlib.photos import frames
from handlib.photos.frames import find_frames

COLOURS = ((200, 0, 0), (0, 200, 0), (0, 0, 200))


def images() -> list[Image.Image]:
    return [Image.new("RGB", (12, 8), colour) for colour in COLOURS]


def assert_colours(frames: frames.Frames) -> None:
    pictures = list(frames)
    assert [picture.shape for picture in pictures] == [(8, 12, 3)] * 3
    assert all((picture == colour).all() for picture, colour in zip(pictures, COLOURS, strict=True))


def test_a_folder_gives_its_pictures_by_name(tmp_path: Path):
    for name, image in zip(("01.png", "02.png", "10.png"), images(), strict=True):
        image.save(tmp_path / name)
    (tmp_path / "notes.txt").touch()
    frames = find_frames(tmp_path)
    assert frames.names == ("01.png", "02.png", "10.png")
    assert (len(frames), frames.rate) == (3, 10)
    assert_colours(frames)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_an_animation_gives_its_frames_and_its_rate(tmp_path: Path, name: str):
    first, *others = images()
    options = {"lossless": True} if name.endswith("webp") else {}
    first.save(tmp_path / name, save_all=True, append_images=others, duration=[30, 40, 50], **options)
    frames = find_frames(tmp_path / name)
    assert frames.rate == pytest.approx(25)
    assert frames.names == (f"{name} 0", f"{name} 1", f"{name} 2")
    assert_colours(frames)


def test_what_is_no_sequence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first, *others = images()
    first.save(tmp_path / "one.png")
    (tmp_path / "video.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    first.save(tmp_path / "three.gif", save_all=True, append_images=others)
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(frames, "MAX_FRAMES", 2)
    for name, expected in (
        ("one.png", "got a single picture"),
        ("video.mp4", "expected a folder of pictures or an animated GIF"),
        ("empty", "found none"),
        ("three.gif", "at most 2 frames, got 3"),
    ):
        with pytest.raises(PictureError, match=expected):
            list(find_frames(tmp_path / name))


@given(data=st.data())
def test_broken_animations_are_refused_in_one_line_that_names_them(tmp_path: Path, data: st.DataObject):
    path = tmp_path / "a.gif"
    first, *others = images()
    first.save(path, save_all=True, append_images=others)
    path.write_bytes(data.draw(malformed_bytes(path.read_bytes())))
    assert_read_or_refused(lambda: list(find_frames(path)), path.name)
