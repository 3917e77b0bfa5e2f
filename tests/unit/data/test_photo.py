"""Reading pictures of every kind, boxes, and the crop's way there and back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from support.malformed import assert_read_or_refused, malformed_bytes
from support.pictures import png_claiming

from handlib.data.photo import (
    HANDS_SHARE,
    Box,
    BoxError,
    Crop,
    PictureError,
    as_box,
    as_picture,
    read_picture,
    square_crop,
)

RGB = np.array(
    [[[200, 30, 40], [10, 220, 30], [20, 40, 230]], [[90, 90, 90], [250, 250, 250], [5, 5, 5]]], np.uint8
)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def grey(*values: object, bits: int = 8) -> Image.Image:
    return Image.fromarray(np.array([values], f"uint{bits}"))


MODES = {
    "one pixel": (Image.new("RGB", (1, 1), (1, 2, 3)), {}, [[[1, 2, 3]]]),
    "palette": (Image.fromarray(RGB).quantize(6), {}, RGB.tolist()),
    "bilevel": (Image.fromarray(np.array([[True, False]])), {}, [[[255] * 3, [0] * 3]]),
    "16 bits": (grey(0, 25700, 65535, bits=16), {}, [[[0] * 3, [100] * 3, [255] * 3]]),
    "alpha": (grey((200, 255), (200, 0), (72, 128)), {}, [[[200] * 3, [128] * 3, [100] * 3]]),
    "transparent colour": (grey(7, 200), {"transparency": 7}, [[[128] * 3, [200] * 3]]),
}


@pytest.mark.parametrize("name", ["p.png", "p.webp", "p.PNG", "no_suffix"])
def test_lossless_files_come_back_as_they_are(tmp_path: Path, name: str):
    kind = "webp" if name.endswith("webp") else "png"
    path = saved(tmp_path / name, Image.fromarray(RGB), format=kind, lossless=True)
    np.testing.assert_array_equal(read_picture(path), RGB)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_rgb_over_mid_grey(tmp_path: Path, mode: str):
    image, options, expected = MODES[mode]
    assert read_picture(saved(tmp_path / "p.png", image, **options)).tolist() == expected


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_in_every_mode(tmp_path: Path, mode: str):
    flat = Image.new("RGB", (16, 24), (160, 160, 160)).convert(mode)
    picture = read_picture(saved(tmp_path / "p.jpg", flat))
    assert picture.shape == (24, 16, 3)
    assert np.abs(picture.astype(int) - 160).max() <= 2


@pytest.mark.parametrize("kind", ["MPO", "WEBP"])
def test_of_several_pictures_the_first_is_taken(tmp_path: Path, kind: str):
    """Phones write several into a JPEG; an animation is several, too."""
    frames = [Image.new("RGB", (16, 8), colour) for colour in ("red", "blue")]
    path = saved(tmp_path / "p.jpg", frames[0], format=kind, save_all=True, append_images=frames[1:])
    picture = read_picture(path)
    assert picture.shape == (8, 16, 3)
    assert (picture[..., 0] > 240).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_upright(tmp_path: Path, orientation: int):
    upright = np.kron(RGB, np.ones((16, 16, 1), np.uint8))
    # What a camera stores, so that the viewer's correction makes it upright again.
    stored = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: np.rot90,
        7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    np.testing.assert_array_equal(read_picture(saved(tmp_path / "p.png", image, exif=exif)), upright)
    jpeg = read_picture(saved(tmp_path / "p.jpg", image, exif=exif, quality=100, subsampling=0))
    assert np.abs(jpeg.astype(int) - upright).max() < 12


def test_long_texts_within_a_picture_do_no_harm(tmp_path: Path):
    """Image generators keep how a picture was made, some megabytes, in it."""
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("workflow", "x" * 5_000_000, zip=True)
    path = saved(tmp_path / "p.png", Image.fromarray(RGB), pnginfo=texts)
    np.testing.assert_array_equal(read_picture(path), RGB)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (b"hello, this is no picture at all", "expected a JPEG, PNG or WebP"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "p.img: expected a JPEG, PNG or WebP picture, got HEIC, as"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "got AVIF: save the picture as JPEG"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "got a video"),
        (b"GIF89a\4\0\4\0", "got GIF"),
        (b"II*\0\x08\0\0\0", "got TIFF"),
        (png_claiming(10_001, 10_000), "at most 100 megapixels, got 10001 x 10000"),
        (png_claiming(64, 64), "p.img"),
    ],
)
def test_what_is_no_picture_is_one_clear_error(tmp_path: Path, content: bytes, expected: str):
    path = tmp_path / "p.img"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=expected) as raised:
        read_picture(path)
    assert "p.img" in str(raised.value)


def test_missing_files_and_folders(tmp_path: Path):
    with pytest.raises(PictureError, match="got a folder"):
        read_picture(tmp_path)
    with pytest.raises(PictureError, match="No such file"):
        read_picture(tmp_path / "missing.png")


def test_a_box_is_four_numbers():
    assert as_box("1, 2.5,30,40") == as_box((1, 2.5, 30, 40)) == as_box([1, 2.5, 30, 40])
    assert as_box(str(Box(-3, 0.5, 10, 20))) == as_box(Box(-3, 0.5, 10, 20)) == Box(-3, 0.5, 10, 20)


NO_BOXES = dict.fromkeys(["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1;2;3;4", (1, 2, 3)], "x,y,width,height")
NO_AREAS = {"0,0,0,5": "a positive", "0,0,5,-1": "a positive", "nan,0,5,5": "finite", "0,0,inf,5": "finite"}


@pytest.mark.parametrize(("box", "expected"), (NO_BOXES | NO_AREAS).items())
def test_what_is_no_box_says_what_one_is(box: object, expected: str):
    with pytest.raises(BoxError, match=f"box: expected {expected}"):
        as_box(box)


def test_box_is_cut_to_the_picture():
    picture = np.zeros((20, 30, 3), np.uint8)
    assert Box(-5, 5, 10, 100).inside(picture) == Box(0, 5, 5, 15)
    assert Box.around(picture).inside(picture) == Box(0, 0, 30, 20)
    with pytest.raises(BoxError, match="overlap the picture \\(30 x 20\\)"):
        Box(30, 0, 5, 5).inside(picture)


def test_overlap_of_boxes():
    box = Box(0, 0, 10, 10)
    assert box.overlap(box) == 1
    assert box.overlap(Box(5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert box.overlap(Box(2, 2, 5, 5)) == 0.25
    assert box.overlap(Box(10, 0, 5, 5)) == box.overlap(Box(20, 20, 5, 5)) == 0


def test_crop_as_the_evaluation_crops():
    crop = Crop.around(Box(100, 50, 80, 40), HANDS_SHARE)
    assert crop == Crop(140 - 50, 70 - 50, 100)


finite = st.floats(-1e4, 1e4)


@settings(deadline=None)
@given(finite, finite, st.floats(1, 1e4), st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1))
def test_crop_and_its_inverse_agree(x: float, y: float, side: float, points: list[tuple[float, float]]):
    crop, uv = Crop(x, y, side), torch.tensor(points, dtype=torch.float64)
    pixels = crop.to_picture(uv)
    torch.testing.assert_close(crop.to_uv(pixels), uv, rtol=0, atol=1e-8)
    corners = crop.to_picture(torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64))
    torch.testing.assert_close(corners, torch.tensor([[x, y], [x + side, y + side]], dtype=torch.float64))


@settings(deadline=None)
@given(
    st.integers(40, 300),
    st.integers(40, 300),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0.15, 1),
    st.sampled_from([20, 64]),
)
def test_crop_shows_what_its_transform_says(
    width: int, height: int, along: float, down: float, part: float, size: int
):
    """Ramps along x and y: every pixel of the crop must have the value of the place that it stands for."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    picture = np.rint(255 * np.dstack((x, y, np.zeros_like(x)))).astype(np.uint8)
    box = Box(along * (1 - part) * width, down * (1 - part) * height, part * width, part * height)
    square, crop = square_crop(picture, box, size)
    centres = (torch.arange(size) + 0.5) * (2 / size) - 1
    uv = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), dim=-1)
    expected = crop.to_picture(uv).numpy() / (width, height)
    # Near the picture's edge the ramp stops, and averaging pixels bends it.
    margin = 4 * max(1.0, crop.side / size) / np.array((width, height))
    inner = ((expected > margin) & (expected < 1 - margin)).all(-1)
    assert np.abs(square[..., :2] - 255 * expected)[inner].max(initial=0) < 2


def test_outside_of_the_picture_repeats_its_edge():
    picture = np.full((40, 40, 3), 10, np.uint8)
    picture[:, 0] = 250
    square, crop = square_crop(picture, Box(0, 0, 20, 40), 50, share=0.5)
    assert crop.x < 0
    assert (square[:, :5] > 240).all()
    assert (square[:, -5:] == 10).all()


def test_checkerboard_is_averaged_and_not_aliased():
    checkers = np.uint8(255) * (np.indices((512, 512)).sum(0) % 2).astype(np.uint8)
    square, _ = square_crop(np.dstack([checkers] * 3), Box(0, 0, 512, 512), 48, share=1)
    assert np.abs(square[4:-4, 4:-4].astype(int) - 127).max() < 10


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5000), (5000, 1), (2, 3)])
def test_crop_of_extreme_shapes(height: int, width: int):
    picture = np.full((height, width, 3), 77, np.uint8)
    square, _ = square_crop(picture, Box.around(picture), 32)
    assert (square == 77).all()


GREY, RGBA = RGB[..., 1], np.dstack((RGB, np.full(RGB.shape[:2], 255, np.uint8)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Image.fromarray(RGB), RGB),
        (RGBA, RGB),
        (GREY, np.dstack((GREY,) * 3)),
        (RGB[..., ::-1], RGB[..., ::-1]),
        (RGB.transpose(2, 0, 1)[:, :, :2], RGB[:, :2]),
        (RGB / 255, RGB),
        ((RGB / 255).astype(np.float16), RGB),
        (torch.from_numpy(RGB), RGB),
        (torch.from_numpy(RGB).permute(2, 0, 1), RGB),
        ((torch.from_numpy(RGB).permute(2, 0, 1) / 255).requires_grad_(), RGB),
        ((torch.from_numpy(RGB) / 255).bfloat16(), RGB),
        (np.stack((RGB[:, 0],) * 3), np.stack((RGB[:, 0],) * 3)),
        (torch.from_numpy(RGB[:, :2].repeat(2, 0)[:3]).permute(2, 0, 1), RGB[:, :2].repeat(2, 0)[:3]),
    ],
)
def test_every_kind_of_picture_becomes_rgb_bytes(given: object, expected: np.ndarray):
    """Height 2, width 3; where channels could be first or last, arrays have them last, tensors first."""
    found = as_picture(given)
    assert found.dtype == np.uint8 and found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= ("16" in str(getattr(given, "dtype", "")))
    assert not np.shares_memory(found, expected)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (RGB.astype(np.int64), r"expected bytes, or floats from 0 to 1, got int64 .* from 5 to 250"),
        (torch.randn(3, 8, 8), "got float32 .* from -"),
        (np.full((4, 4, 3), np.nan), "got float64 .* from nan to nan"),
        (RGB > 9, "got bool of shape"),
        (np.zeros((2, 8, 8, 3), np.uint8), "expected one of shape .*, got uint8 of shape"),
        (np.zeros((0, 4, 3), np.uint8), "got uint8 of shape"),
    ],
)
def test_what_is_no_picture_is_one_line(given: object, said: str):
    with pytest.raises(PictureError, match=f"^picture: .*{said}") as refused:
        as_picture(given)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@given(data=st.data())
def test_broken_pictures_are_refused_in_one_line_that_names_them(
    tmp_path: Path, suffix: str, data: st.DataObject
):
    path = saved(tmp_path / f"p.{suffix}", Image.fromarray(np.kron(RGB, np.ones((8, 8, 1), np.uint8))))
    path.write_bytes(data.draw(malformed_bytes(path.read_bytes())))
    assert_read_or_refused(lambda: read_picture(path), path.name)
