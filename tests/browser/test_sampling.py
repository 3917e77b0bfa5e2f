"""Notebook 04 in a real JupyterLab: every control of its explorer is moved."""

import re

import pytest
from support.lab_page import SECONDS, choose, run_needed, save_and_reload

ROOT = ".handlib-points"


def hook(page, expression: str):
    return page.evaluate(f"document.querySelector('{ROOT}').handlib.{expression}")


def caption(page, starts: str) -> str:
    """The line below the explorer, once it starts like this."""
    line = page.locator(".widget-html-content").filter(has_text=re.compile(f"^{re.escape(starts)}")).first
    line.wait_for(timeout=60 * SECONDS)
    return line.inner_text()


def weights(line: str) -> list[float]:
    return [float(weight) for weight in re.findall(r"(\d\.\d\d) of (?:column|zeros)", line)]


def name_and_place(page, name: str) -> str:
    u, v = hook(page, "point(0)")
    return f"{name} at u {u:.2f}, v {v:.2f} "


def wait_for_explorer(page) -> None:
    page.locator(ROOT).wait_for(timeout=300 * SECONDS)
    page.locator(ROOT).scroll_into_view_if_needed()
    page.wait_for_function(f"document.querySelector('{ROOT}').handlib.pictureLoaded()")


def test_explorer_follows_mouse_keys_and_menus_and_survives_a_reload(page, lab, tmp_path):
    run_needed(page, lab, "04_sampling.ipynb", "show.SamplingExplorer(")
    wait_for_explorer(page)
    before = caption(page, "left index4 at u")
    assert len(weights(before)) == 4 and sum(weights(before)) == pytest.approx(1, abs=0.021)

    # A drag to the right of the border: half of what is shown lies beyond it.
    x, y = hook(page, "pointOnPage(0)")
    picture = page.locator(f"{ROOT} img")
    old = picture.get_attribute("src")
    chart = page.locator("img.widget-image").last
    bars = chart.get_attribute("src")
    box = picture.bounding_box()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"], y, steps=6)
    page.mouse.up()
    assert hook(page, "point(0)")[0] == pytest.approx(1, abs=0.01)
    dragged = caption(page, name_and_place(page, "left index4"))
    assert weights(dragged) != weights(before)
    assert sum(weights(dragged)) == pytest.approx(1, abs=0.021)
    assert dragged.count("zeros outside") == 2
    inside = int(re.search(r"(\d+) % lies inside", dragged)[1])
    assert inside == pytest.approx(50, abs=9)
    assert picture.get_attribute("src") != old and chart.get_attribute("src") != bars
    page.screenshot(path=tmp_path / "dragged.png")

    point = page.get_by_role("button", name=re.compile("^left index4: u"))
    point.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    moved = caption(page, name_and_place(page, "left index4"))
    assert hook(page, "point(0)")[0] == pytest.approx(0.9, abs=0.01)
    assert weights(moved) != weights(dragged) and "100 % lies inside the 16 x 16 map" in moved

    choose(page, "map", "stage 2: 32 x 32 cells")
    page.locator(".widget-html-content", has_text="32 x 32 map").wait_for(timeout=60 * SECONDS)
    choose(page, "joint", "right index4")
    caption(page, "right index4 at u")
    page.locator(f"{ROOT} [role=status]:has-text('right index4')").wait_for(timeout=60 * SECONDS)
    start = hook(page, "point(0)")
    page.get_by_role("button", name="true place").click()
    page.wait_for_function(
        f"u => Math.abs(document.querySelector('{ROOT}').handlib.point(0)[0] - u) > 1e-6", arg=start[0]
    )
    caption(page, name_and_place(page, "right index4"))

    save_and_reload(page)
    wait_for_explorer(page)
    again = caption(page, name_and_place(page, "right index4"))
    page.get_by_role("button", name="where the stage reads").click()
    page.wait_for_function(
        f"u => Math.abs(document.querySelector('{ROOT}').handlib.point(0)[0] - u) < 1e-6", arg=start[0]
    )
    assert weights(caption(page, name_and_place(page, "right index4"))) != weights(again)
    page.screenshot(path=tmp_path / "explorer.png")
    assert page.outside == []
