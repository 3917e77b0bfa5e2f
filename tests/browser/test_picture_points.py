"""Points over a picture, moved as readers move them."""

import pytest
from support.lab_page import (
    POINTS,
    ask_points,
    drag,
    press,
    run_cells,
    save_and_reload,
    says,
    wait_for_points,
)

SOURCE = """
# %%
import numpy as np

from handlib import show

points = show.PicturePoints(
    np.full((60, 120, 3), 200, np.uint8),
    [[-0.5, 0.0], [0.5, 0.5]],
    labels=["left thumb4", "right index4"],
    margin=0.25,
    step=0.02,
)
points

# %%
import ipywidgets

told = ipywidgets.Label("nothing moved")


def tell(_):
    told.value = f"Python knows: {(np.round(points.uv, 2) + 0.0).tolist()}, picked {points.picked}"


points.observe(tell, names=["points", "picked"])
more = ipywidgets.Button(description="swap")
more.on_click(lambda _: points.update(points=points.uv[::-1]))
ipywidgets.VBox([told, more])
"""


@pytest.fixture(scope="module", autouse=True)
def notebook(tab, lab):
    run_cells(tab, lab, "picture_points", SOURCE)
    wait_for_points(tab, "pictureLoaded()")


def test_points_follow_mouse_keys_and_python_and_survive_a_reload(page):
    stage = page.locator(f"{POINTS}-stage").bounding_box()
    assert stage["width"] / stage["height"] == pytest.approx(2, rel=0.02)

    # The stage shows uv from -1.25 to 1.25; a drag by a fifth of it to the right is half a unit of u.
    x, y = ask_points(page, "pointOnPage(0)")
    drag(page, (x + 3, y), (stage["width"] / 5, 0))
    says(page, "Python knows: [[0.0, 0.0], [0.5, 0.5]], picked 0")

    point = page.get_by_role("button", name="right index4")
    point.focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "Shift+ArrowUp"):
        page.keyboard.press(key)
    says(page, "Python knows: [[0.0, 0.0], [0.52, 0.26]], picked 1")
    assert point.get_attribute("aria-label") == "right index4: u 0.52, v 0.26"
    assert point.get_attribute("aria-pressed") == "true"
    page.locator(f"{POINTS} [role=status]:has-text('right index4: u 0.52, v 0.26')").wait_for()

    # Keys that JupyterLab itself listens to: x would cut the cell, b insert one.
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    for key in ("x", "b", "d", "d"):
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells

    save_and_reload(page)
    assert ask_points(page, "point(1)") == pytest.approx([0.52, 0.26])
    press(page, "swap")
    says(page, "Python knows: [[0.52, 0.26], [0.0, 0.0]]")
    wait_for_points(page, "point(0)[0] > 0.5")


def test_points_stop_at_the_margin(page):
    drag(page, ask_points(page, "pointOnPage(1)"), (700, -500))
    says(page, "[1.25, -1.25]], picked 1")


def test_a_finger_drags_too(page):
    x, y = ask_points(page, "pointOnPage(0)")
    before = ask_points(page, "point(0)")[0]
    width = page.locator(f"{POINTS}-stage").bounding_box()["width"]
    touch = page.context.new_cdp_session(page)

    def send(kind, *points):
        places = [{"x": px, "y": py} for px, py in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    send("touchStart", (x, y))
    for share in (0.1, 0.2, 0.4):
        send("touchMove", (x - share * width, y))
    send("touchEnd")
    says(page, f"Python knows: [[{before - 1:.2f}")
