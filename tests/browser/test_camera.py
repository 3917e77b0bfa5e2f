"""Notebook 02 in a real JupyterLab: the crop explorer moved, fitted, reloaded."""

import re

import pytest
from support.lab_page import (
    SECONDS,
    press_slider,
    run_needed,
    save_and_reload,
    wait_for_another,
    wait_until_idle,
)


def line(page, start: str):
    """One of the lines below the explorer's sliders."""
    return page.locator(f".jp-OutputArea .widget-label:has-text('{start}')").first


def wait_for_line(page, text: str) -> None:
    line(page, text).wait_for(timeout=90 * SECONDS)


def weak_camera(page) -> list[float]:
    said = line(page, "Weak camera of").text_content()
    return [float(number) for number in re.findall(r"= (-?[\d.]+\d)", said)]


def errors(page) -> tuple[float, float]:
    """Mean error of the camera that is set and of the best one."""
    said = line(page, "pixels off on average").text_content()
    return float(re.search(r"It is ([\d.]+)", said)[1]), float(re.search(r"would be ([\d.]+)\.", said)[1])


def explorer(page):
    """The pictures of the explorer, once they are on the page: the whole and the crop."""
    line(page, "Weak camera of").wait_for(timeout=300 * SECONDS)
    whole, crop = (page.locator("img.widget-image").nth(k) for k in range(2))
    crop.scroll_into_view_if_needed()
    return whole, crop


def test_crop_explorer_follows_every_control_and_survives_a_reload(page, lab):
    run_needed(page, lab, "02_cameras.ipynb", "show.CropExplorer(")
    whole, crop = explorer(page)
    wait_until_idle(page)
    left, right = whole.bounding_box(), crop.bounding_box()
    assert left["width"] == pytest.approx(left["height"], rel=0.02)
    assert left["y"] == pytest.approx(right["y"], abs=2) and left["x"] + left["width"] <= right["x"]
    fitted = weak_camera(page)
    assert len(set(errors(page))) == 1

    for slider, corner in (("zoom", "(30, 30)"), ("shift x", "(36, 30)"), ("shift y", "(36, 36)")):
        frame, inside = whole.get_attribute("src"), crop.get_attribute("src")
        press_slider(page, slider, times=3)
        wait_for_line(page, f"Crop: 197 pixels from {corner}")
        wait_for_another(page, whole, [frame])
        wait_for_another(page, crop, [inside])
    assert weak_camera(page) == fitted
    wait_until_idle(page)
    mean, least = errors(page)
    assert mean > least + 1

    moved = line(page, "Weak camera of").text_content()
    page.get_by_role("button", name="fit the weak camera").click()
    page.wait_for_function(
        "([label, before]) => label.textContent !== before",
        arg=[line(page, "Weak camera of").element_handle(), moved],
        timeout=90 * SECONDS,
    )
    wait_until_idle(page)
    assert errors(page)[0] == pytest.approx(least, abs=0.2), "sliders round to 0.01: up to 0.3 pixels each"
    camera = weak_camera(page)
    assert camera[0] == pytest.approx(1.3 * fitted[0], abs=0.02)
    for k, slider in enumerate(("s", "tx", "ty")):
        inside = crop.get_attribute("src")
        press_slider(page, slider, times=10)
        camera[k] += 0.1
        page.wait_for_function(
            "([label, k, wanted]) => "
            "Math.abs(label.textContent.match(/-?[0-9]+[.][0-9]+/g)[k] - wanted) < 0.011",
            arg=[line(page, "Weak camera of").element_handle(), k, camera[k]],
            timeout=90 * SECONDS,
        )
        wait_for_another(page, crop, [inside])
    assert errors(page)[0] > least

    page.locator('.widget-dropdown:has(label:text-is("hand")) select').select_option("right")
    wait_for_line(page, "Weak camera of the right hand")
    # A list keeps the key that saves to itself.
    page.get_by_role("button", name="fit the weak camera").focus()

    save_and_reload(page)
    whole, crop = explorer(page)
    wait_for_line(page, "Weak camera of the right hand")
    wait_for_line(page, "Crop: 197 pixels from (36, 36)")
    inside = crop.get_attribute("src")
    press_slider(page, "zoom", "ArrowLeft", times=3)
    wait_for_line(page, "Crop: 256 pixels from (6, 6)")
    wait_for_another(page, crop, [inside])
    assert page.outside == []
