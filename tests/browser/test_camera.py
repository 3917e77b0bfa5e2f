"""Notebook 02 in a real JupyterLab: the crop explorer moved and fitted."""

import re

import pytest
from support.lab_page import choose, press, press_slider, redraws, run_cells, says, wait_until_idle

pytestmark = pytest.mark.slow


def weak_camera(page) -> list[float]:
    return [float(number) for number in re.findall(r"= (-?[\d.]+\d)", says(page, "Weak camera of"))]


def errors(page) -> tuple[float, float]:
    """Mean error of the camera that is set and of the best one."""
    said = says(page, "pixels off on average")
    return float(re.search(r"It is ([\d.]+)", said)[1]), float(re.search(r"would be ([\d.]+)\.", said)[1])


def test_crop_explorer_follows_every_control(page, lab):
    run_cells(page, lab, "02_cameras", "show.CropExplorer(")
    whole, crop = (page.locator("img.widget-image").nth(k) for k in range(2))
    left, right = whole.bounding_box(), crop.bounding_box()
    assert left["width"] == pytest.approx(left["height"], rel=0.02)
    assert left["y"] == pytest.approx(right["y"], abs=2) and left["x"] + left["width"] <= right["x"]
    fitted = weak_camera(page)
    assert len(set(errors(page))) == 1

    for slider, corner in (("zoom", "(30, 30)"), ("shift x", "(36, 30)"), ("shift y", "(36, 36)")):
        with redraws(page, whole, crop):
            press_slider(page, slider, times=3)
            says(page, f"Crop: 197 pixels from {corner}")
    assert weak_camera(page) == fitted
    mean, least = errors(page)
    assert mean > least + 1

    with redraws(page, crop):
        press(page, "fit the weak camera")
    assert errors(page)[0] == pytest.approx(least, abs=0.2), "sliders round to 0.01: up to 0.3 pixels each"
    camera = weak_camera(page)
    assert camera[0] == pytest.approx(1.3 * fitted[0], abs=0.02)
    for k, slider in enumerate(("s", "tx", "ty")):
        with redraws(page, crop):
            press_slider(page, slider, times=10)
        camera[k] += 0.1
        wait_until_idle(page)
        assert weak_camera(page) == pytest.approx(camera, abs=0.011)
    assert errors(page)[0] > least

    choose(page, "hand", "right")
    says(page, "Weak camera of the right hand")
