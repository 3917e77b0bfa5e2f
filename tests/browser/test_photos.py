"""The widget of notebook 13 in JupyterLab: a picture is uploaded, its box moved, its hands reconstructed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.lab_page import (
    IMAGE,
    ask_points,
    drag,
    moves,
    press,
    redraws,
    run_cells,
    save_and_reload,
    says,
    wait_for_points,
    wait_until_idle,
)

from handlib.data.rendered.scenes import make_scene
from handlib.photos.photo_source import LARGEST_UPLOAD

NOTEBOOK = """
# %%
from handlib import DIR
from handlib.data.rendered.scenes import make_scene
from handlib.photos.widget import YourPhoto

YourPhoto(DIR.from_pretrained("small").eval(), make_scene("desk", 3, 0, "test").sample(256).image)
"""
SOURCE = ".handlib-source"


@pytest.fixture(scope="module", autouse=True)
def notebook(tab, lab):
    run_cells(tab, lab, "photo", NOTEBOOK)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A wide picture with a rendered pair of hands."""
    square = make_scene("desk", 3, 1, "test").sample(300).image.permute(1, 2, 0).numpy()
    Image.fromarray(np.pad(square, ((0, 0), (80, 140), (0, 0)), mode="edge")).save(tmp_path / "mine.png")
    return tmp_path / "mine.png"


def upload(page, path: Path) -> None:
    """Chooses a file in the dialogue that the button opens."""
    with page.expect_file_chooser() as chooser:
        page.locator('button:has-text("upload a picture")').click()
    chooser.value.set_files(path)


def download(page, name: str) -> bytes:
    with page.expect_download() as download:
        page.locator(f'a[download="{name}"]').click()
    return Path(download.value.path()).read_bytes()


def test_a_large_file_arrives_and_a_too_large_one_is_refused_by_name(page, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (1500, 2500, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png", compress_level=0)
    assert (tmp_path / "large.png").stat().st_size > 11_000_000, "more than a message to the server may hold"
    image = page.locator(IMAGE).last
    with redraws(page, image):
        upload(page, tmp_path / "large.png")
        says(page, "2500 x 1500 pixels; looked at")

    with open(tmp_path / "scan.tif", "wb") as file:
        file.truncate(LARGEST_UPLOAD + 500_000)
    before = image.get_attribute("src")
    upload(page, tmp_path / "scan.tif")
    refused = page.locator(f"{SOURCE} [role=status]:has-text('scan.tif')")
    assert refused.inner_text() == "scan.tif: expected at most 100 MB, got 100.5 MB."
    assert image.get_attribute("src") == before


def test_a_picture_is_uploaded_cut_out_reconstructed_and_taken_away(page, photo):
    image = page.locator(IMAGE).last
    with redraws(page, image), moves(page):
        upload(page, photo)
        says(page, "520 x 300 pixels; looked at")
    width, height = image.evaluate("image => [image.clientWidth, image.clientHeight]")
    assert abs(width / height - 520 / 300) < 0.03
    assert json.loads(download(page, "result.json"))["picture"] == {"width": 520, "height": 300}

    # A corner is dragged; only the button reconstructs.
    before = ask_points(page, "point(0)")[0]
    drag(page, ask_points(page, "pointOnPage(0)"), (30, 20))
    wait_for_points(page, "point(0)[0] > given + 0.05", before)
    wait_until_idle(page)
    with redraws(page, image):
        press(page, "reconstruct in the box")
        says(page, "looked at the box that you set")
    box = json.loads(download(page, "result.json"))["box"]
    assert box["origin"] == "given" and box["x"] > 0
    assert download(page, "hands.glb")[:4] == b"glTF"
    with redraws(page, image):
        press(page, "find the hands")
        says(page, "a box that the network found")

    save_and_reload(page)
    says(page, "520 x 300 pixels; looked at")
    press(page, "reconstruct in the box")
    says(page, "520 x 300 pixels; looked at the box that you set")
    assert download(page, "overlay.png")[:4] == b"\x89PNG"


def test_the_camera_asks_first_and_is_shut_after_the_picture(page, lab, photo):
    image, camera = page.locator(IMAGE).last, page.locator(SOURCE)
    before = image.get_attribute("src")
    press(page, "use the camera")
    camera.get_by_text("The browser may not use the camera. Allow it beside the address").wait_for()
    assert image.get_attribute("src") == before
    page.context.grant_permissions(["camera"], origin=lab.url)
    press(page, "use the camera")
    press(page, "close the camera")
    assert not camera.evaluate("camera => camera.handlib.isLive()")
    page.keyboard.press("Enter")  # The focus is on the first button again, then on the one that takes.
    video = page.get_by_label("what the camera sees, not mirrored")
    video.wait_for()
    width, height = video.evaluate("video => [video.videoWidth, video.videoHeight]")
    with redraws(page, image):
        page.keyboard.press("Enter")
        says(page, f"{width} x {height} pixels; looked at")
    assert not camera.evaluate("camera => camera.handlib.isLive()")
    upload(page, photo)
    says(page, "520 x 300 pixels; looked at")
