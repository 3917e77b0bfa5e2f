"""The widget for a reader's own picture: frame, box, answers, downloads, and what is no picture."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.tiny import TINY

from handlib.data.photo import Box
from handlib.model.network import DIR
from handlib.photos.photo_frame import LEAST_SHARE, box_between, corners_of, frame_of, framed
from handlib.photos.widget import FRAME_SIDE, TAKEN, YourPhoto

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (90, 160, 3), dtype=np.uint8)


def encoded(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def model() -> DIR:
    torch.manual_seed(0)
    return DIR(TINY).eval()


@pytest.fixture
def widget(model: DIR) -> YourPhoto:
    return YourPhoto(model, PICTURE)


def blank(width: int, height: int) -> np.ndarray:
    return np.broadcast_to(np.uint8(0), (height, width, 3))


@given(
    width=st.integers(1, 4000),
    height=st.integers(1, 4000),
    start=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
    length=st.tuples(st.floats(LEAST_SHARE, 1), st.floats(LEAST_SHARE, 1)),
)
def test_boxes_come_back_from_their_corners(width, height, start, length):
    extent, side = np.array((width, height)), max(width, height)
    least = np.minimum(LEAST_SHARE * side, extent)
    size = np.maximum(np.array(length) * extent, least)
    low = np.minimum(np.array(start) * extent, extent - least)
    size = np.minimum(size, extent - low)
    corners = corners_of(Box(*low.tolist(), *size.tolist()), frame_of(blank(width, height)))
    assert np.abs(corners).max() <= 1 + 1e-9
    for given_corners in (corners, corners[::-1].copy()):
        box = box_between(given_corners, blank(width, height))
        np.testing.assert_allclose((box.x, box.y, box.width, box.height), (*low, *size), atol=1e-6 * side)


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4))
def test_every_pair_of_corners_gives_a_box_in_the_picture(values: list[float]):
    box = box_between(np.array(values).reshape(2, 2), blank(160, 90))
    assert box.x >= 0 and box.y >= 0
    assert box.x + box.width <= 160 + 1e-9 and box.y + box.height <= 90 + 1e-9
    assert min(box.width, box.height) >= LEAST_SHARE * 160 - 1e-9


@pytest.mark.parametrize("shape", [(90, 160), (160, 90), (64, 64), (1, 300)])
def test_the_frame_shows_the_whole_picture_in_its_middle(shape: tuple[int, int]):
    picture = np.full((*shape, 3), (10, 200, 30), np.uint8)
    box = Box(0, 0, shape[1], shape[0])
    drawn = framed(picture, box, 160)
    assert drawn.shape == (160, 160, 3)
    green = (np.abs(drawn.astype(int) - (10, 200, 30)).max(-1) < 3).mean()
    share = min(shape) / max(shape)
    assert green == pytest.approx(share, abs=0.12)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("notes.txt", b"no picture", "expected a JPEG, PNG or WebP picture"),
        ("cut.png", encoded(PICTURE)[:2000], "truncated"),
    ],
    ids=["text", "cut"],
)
def test_bad_uploads_are_told_in_one_line_and_change_nothing(
    widget: YourPhoto, name: str, content: bytes, expected: str
):
    before = widget.photo, widget.box, widget.image.value, widget.links.value
    widget.take(name, content)
    assert widget.status.value.startswith(f"{name}: ") and expected in widget.status.value
    assert "\n" not in widget.status.value and "/" not in widget.status.value
    assert (widget.photo, widget.box, widget.image.value, widget.links.value) == before


def test_corners_move_the_box(widget: YourPhoto):
    image = widget.corners._picture
    widget.corners.points = [[0.5, 0.2], [-0.5, -0.2]]
    assert (widget.box.x, widget.box.width) == pytest.approx((40, 80))
    assert (widget.box.y, widget.box.height) == pytest.approx((29, 32))
    assert widget.corners._picture != image
    np.testing.assert_allclose(widget.corners.uv, corners_of(widget.box, frame_of(PICTURE)), atol=1e-6)


def send(widget: YourPhoto, name: str, content: bytes) -> None:
    """Sends a file in pieces, as the browser does."""
    pieces = [content[start : start + 4000] for start in range(0, len(content), 4000)]
    for number, part in enumerate(pieces):
        message = {"name": name, "piece": number, "count": len(pieces)}
        widget.source._handle_custom_msg(message, [memoryview(part)])


def test_a_picture_is_taken_once_all_its_pieces_are_there(widget: YourPhoto):
    content = encoded(RNG.integers(0, 256, (50, 70, 3), dtype=np.uint8))
    before = widget.photo
    widget.source._handle_custom_msg({"name": "a.png", "piece": 0, "count": 3}, [memoryview(content[:9])])
    assert widget.photo is before  # An upload that was broken off.
    send(widget, "a.png", content)
    assert widget.photo.shape == (50, 70, 3)
    assert widget.status.value.startswith("70 x 50 pixels; looked at")


def test_buttons_and_uploads_reconstruct(widget: YourPhoto):
    widget.corners.points = [[-0.8, -0.3], [0.2, 0.5]]
    box, image = widget.box, widget.image.value
    widget.go.click()
    assert widget.result.box == box and widget.image.value != image
    assert widget.status.value == "160 x 90 pixels; looked at the box that you set"
    assert widget.seen.value.startswith(f"seen: {widget.result.presence}; confidence")
    links = dict(re.findall(r'download="([^"]+)" href="data:[^;]+;base64,([^"]+)"', widget.links.value))
    assert tuple(links) == TAKEN
    assert json.loads(base64.b64decode(links["result.json"]))["box"]["width"] == pytest.approx(box.width)
    tall = RNG.integers(0, 256, (200, 120, 3), dtype=np.uint8)
    send(widget, "tall.png", encoded(tall))
    np.testing.assert_array_equal(widget.photo, tall)
    assert widget.status.value.startswith("120 x 200 pixels")
    widget.find.click()
    assert "the box that you set" not in widget.status.value


def test_without_a_kernel_it_is_a_picture(widget: YourPhoto):
    sheet = widget.picture()
    assert sheet.shape == (FRAME_SIDE, 2 * FRAME_SIDE + 8, 3)
    data, _ = widget._repr_mimebundle_()
    assert {"image/png", "text/plain"} <= data.keys()
