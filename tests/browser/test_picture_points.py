"""Points over a picture, moved as readers move them."""

import jupytext
import nbformat
import pytest
from support.lab_page import SECONDS, run_all, save_and_reload

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
show.Panel([told, more], points.picture, "what was moved")
"""
ROOT = ".handlib-points"


def hook(page, expression: str):
    return page.evaluate(f"document.querySelector('{ROOT}').handlib.{expression}")


def python_knows(page, text: str) -> None:
    page.locator(f".widget-label:has-text('Python knows: {text}')").wait_for(timeout=60 * SECONDS)


@pytest.fixture
def points_page(page, lab):
    notebook = jupytext.reads(SOURCE.lstrip(), fmt="py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.folder / "picture_points.ipynb")
    run_all(page, lab, "picture_points.ipynb")
    page.locator(ROOT).wait_for(timeout=120 * SECONDS)
    page.wait_for_function(f"document.querySelector('{ROOT}').handlib.pictureLoaded()")
    return page


def test_points_follow_mouse_keys_and_python_and_survive_a_reload(points_page):
    page = points_page
    stage = page.locator(f"{ROOT}-stage").bounding_box()
    assert stage["width"] / stage["height"] == pytest.approx(2, rel=0.02)

    # The stage shows uv from -1.25 to 1.25; a drag by a fifth of it to the right is half a unit of u.
    x, y = hook(page, "pointOnPage(0)")
    page.mouse.move(x + 3, y)
    page.mouse.down()
    page.mouse.move(x + 3 + stage["width"] / 5, y, steps=5)
    page.mouse.up()
    python_knows(page, "[[0.0, 0.0], [0.5, 0.5]], picked 0")

    point = page.get_by_role("button", name="right index4")
    point.focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "Shift+ArrowUp"):
        page.keyboard.press(key)
    python_knows(page, "[[0.0, 0.0], [0.52, 0.26]], picked 1")
    assert point.get_attribute("aria-label") == "right index4: u 0.52, v 0.26"
    assert point.get_attribute("aria-pressed") == "true"
    page.locator(f"{ROOT} [role=status]:has-text('right index4: u 0.52, v 0.26')").wait_for()

    # Keys that JupyterLab itself listens to: x would cut the cell, b insert one.
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    for key in ("x", "b", "d", "d"):
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells

    save_and_reload(page)
    page.locator(ROOT).wait_for(timeout=120 * SECONDS)
    assert hook(page, "point(1)") == pytest.approx([0.52, 0.26])
    page.locator("button:has-text('swap')").click()
    python_knows(page, "[[0.52, 0.26], [0.0, 0.0]]")
    page.wait_for_function(f"document.querySelector('{ROOT}').handlib.point(0)[0] > 0.5")
    assert page.outside == []


def test_points_stop_at_the_margin(points_page):
    page = points_page
    x, y = hook(page, "pointOnPage(1)")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 500, y - 500, steps=5)
    page.mouse.up()
    python_knows(page, "[[-0.5, 0.0], [1.25, -1.25]], picked 1")


def test_a_finger_drags_too(points_page):
    page = points_page
    x, y = hook(page, "pointOnPage(0)")
    width = page.locator(f"{ROOT}-stage").bounding_box()["width"]
    touch = page.context.new_cdp_session(page)

    def send(kind, *points):
        places = [{"x": px, "y": py} for px, py in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    send("touchStart", (x, y))
    for share in (0.1, 0.2, 0.4):
        send("touchMove", (x + share * width, y))
    send("touchEnd")
    python_knows(page, "[[0.5, 0.0], [0.5, 0.5]], picked 0")
