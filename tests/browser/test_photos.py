"""Notebook 13 in a real JupyterLab: a picture is uploaded, its box moved, its hands reconstructed."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from support.lab_page import (
    IMAGE,
    SECONDS,
    last_image,
    press_slider,
    run_needed,
    save_and_reload,
    says,
    wait_for_answer,
    wait_until_idle,
    wait_until_vertex_moved,
)

from handlib.data.rendered.scenes import make_scene

POINTS = ".handlib-points"


def press(page, button: str) -> None:
    page.get_by_role("button", name=button).click()


def upload(page, path: Path) -> None:
    """Chooses a file in the dialogue that the button opens."""
    with page.expect_file_chooser() as chooser:
        page.locator('button:has-text("upload a picture")').click()
    chooser.value.set_files(path)


def hook(page, expression: str):
    return page.evaluate(f"document.querySelector('{POINTS}').handlib.{expression}")


def result(page) -> dict:
    """What the link to the numbers hands out."""
    with page.expect_download() as download:
        page.locator('a[download="result.json"]').click()
    return json.loads(Path(download.value.path()).read_text())


def test_a_picture_is_uploaded_cut_out_reconstructed_and_taken_away(page, lab, tmp_path):
    square = make_scene("desk", 3, 1, "test").sample(300).image.permute(1, 2, 0).numpy()
    Image.fromarray(np.pad(square, ((0, 0), (80, 140), (0, 0)), mode="edge")).save(tmp_path / "mine.png")
    (tmp_path / "notes.png").write_text("no picture at all")

    run_needed(page, lab, "13_your_own_photo.ipynb", "YourPhoto(")
    image = last_image(page)
    says(page, "320 x 320 pixels; looked at")
    seen = [image.get_attribute("src")]

    def changed() -> None:
        wait_for_answer(page, image, seen)

    vertex = page.evaluate("document.querySelector('.handlib-hands').handlib.vertex(1, 320)")
    upload(page, tmp_path / "mine.png")
    says(page, "520 x 300 pixels; looked at")
    changed()
    wait_until_vertex_moved(page, vertex)
    width, height = image.evaluate("image => [image.clientWidth, image.clientHeight]")
    assert abs(width / height - 520 / 300) < 0.03
    assert result(page)["picture"] == {"width": 520, "height": 300}

    # A corner is dragged, then the box is moved by keyboard; only the button reconstructs.
    corner, before = hook(page, "pointOnPage(0)"), hook(page, "point(0)")
    page.mouse.move(*corner)
    page.mouse.down()
    page.mouse.move(corner[0] + 30, corner[1] + 20, steps=4)
    page.mouse.up()
    page.wait_for_function(
        f"u => document.querySelector('{POINTS}').handlib.point(0)[0] > u + 0.05", arg=before[0]
    )
    for slider in ("across (%)", "down (%)"):
        press_slider(page, slider, times=3)
    wait_until_idle(page)
    press(page, "reconstruct in the box")
    says(page, "looked at the box that you set")
    changed()
    numbers = result(page)
    assert numbers["box"]["origin"] == "given" and numbers["box"]["x"] > 0
    with page.expect_download() as download:
        page.locator('a[download="hands.glb"]').click()
    assert Path(download.value.path()).read_bytes()[:4] == b"glTF"

    press(page, "find the hands")
    says(page, "by its own segmentation")
    changed()
    upload(page, tmp_path / "notes.png")
    says(page, "notes.png: expected a JPEG, PNG or WebP picture")
    assert image.get_attribute("src") == seen[-1]

    # A camera that the browser may not use, then one that it may.
    before = image.get_attribute("src")
    press(page, "use the camera")
    camera = page.locator(".handlib-camera")
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
    page.keyboard.press("Enter")
    says(page, f"{width} x {height} pixels; looked at")
    changed()
    assert not camera.evaluate("camera => camera.handlib.isLive()")
    upload(page, tmp_path / "mine.png")
    says(page, "520 x 300 pixels; looked at")
    upload(page, tmp_path / "notes.png")

    save_and_reload(page)
    page.locator(IMAGE).last.wait_for(timeout=120 * SECONDS)
    says(page, "notes.png: expected")
    press(page, "reconstruct in the box")
    says(page, "520 x 300 pixels; looked at the box that you set")
    assert (
        page.locator('a[download="overlay.png"]').get_attribute("href").startswith("data:image/png;base64,")
    )
    assert page.outside == []
