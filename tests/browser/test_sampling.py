"""Notebook 04 in a real JupyterLab: every control of its explorer is moved."""

import re

import pytest
from support.lab_page import (
    POINTS,
    ask_points,
    choose,
    drag,
    press,
    redraws,
    run_cells,
    says,
    wait_for_points,
)

pytestmark = pytest.mark.slow


def weights(line: str) -> list[float]:
    return [float(weight) for weight in re.findall(r"(\d\.\d\d) of (?:column|zeros)", line)]


def caption(page, name: str) -> str:
    """The line below the explorer, once it tells of the joint at its place."""
    u, v = ask_points(page, "point(0)")
    return says(page, f"{name} at u {u:.2f}, v {v:.2f} ")


def test_explorer_follows_mouse_keys_and_menus(page, lab):
    run_cells(page, lab, "04_sampling", "show.SamplingExplorer(")
    wait_for_points(page, "pictureLoaded()")
    before = caption(page, "left index4")
    assert len(weights(before)) == 4 and sum(weights(before)) == pytest.approx(1, abs=0.021)

    # A drag to the right of the border: half of what is shown lies beyond it.
    picture, chart = page.locator(f"{POINTS} img"), page.locator("img.widget-image").last
    place, box = ask_points(page, "pointOnPage(0)"), picture.bounding_box()
    with redraws(page, picture, chart):
        drag(page, place, (box["x"] + box["width"] - place[0], 0))
    assert ask_points(page, "point(0)")[0] == pytest.approx(1, abs=0.01)
    dragged = caption(page, "left index4")
    assert weights(dragged) != weights(before)
    assert sum(weights(dragged)) == pytest.approx(1, abs=0.021)
    assert dragged.count("zeros outside") == 2
    assert int(re.search(r"(\d+) % lies inside", dragged)[1]) == pytest.approx(50, abs=9)

    page.get_by_role("button", name=re.compile("^left index4: u")).focus()
    for key in ["ArrowLeft"] * 10 + ["Shift+ArrowDown"]:
        page.keyboard.press(key)
    assert ask_points(page, "point(0)")[0] == pytest.approx(0.9, abs=0.01)
    moved = caption(page, "left index4")
    assert weights(moved) != weights(dragged) and "100 % lies inside the 16 x 16 map" in moved

    choose(page, "map", "stage 2: 32 x 32 cells")
    says(page, "32 x 32 map")
    choose(page, "joint", "right index4")
    says(page, "right index4 at u")
    page.locator(f"{POINTS} [role=status]:has-text('right index4')").wait_for()
    start = ask_points(page, "point(0)")[0]
    press(page, "true place")
    wait_for_points(page, "point(0)[0] !== given", start)
    there = caption(page, "right index4")
    press(page, "where the stage reads")
    wait_for_points(page, "point(0)[0] === given", start)
    assert weights(caption(page, "right index4")) != weights(there)
