"""What a reader does with the 3D view, done in a real JupyterLab."""

import io
import uuid

import numpy as np
import pytest
from PIL import Image

VIEW = ".handlib-hands"
SECONDS = 1000


def open_and_run(page, lab, notebook: str) -> None:
    """Opens a notebook in a workspace of its own and runs all cells; returns when a 3D view is drawn."""
    page.goto(f"{lab.url}/lab/workspaces/{uuid.uuid4().hex}/tree/{notebook}")
    # The status bar names the kernel once there is one; asked to run earlier, JupyterLab opens a dialogue.
    page.locator("text=Python 3 (ipykernel) | Idle").first.wait_for(timeout=90 * SECONDS)
    page.click('.lm-MenuBar-itemLabel:text-is("Run")')
    page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')
    wait_for_view(page)


def wait_for_view(page) -> None:
    page.locator(VIEW).first.wait_for(timeout=120 * SECONDS)
    page.locator(VIEW).first.scroll_into_view_if_needed()
    page.wait_for_function(
        "document.querySelector('.handlib-hands')?.handlib?.framesDrawn() > 0", timeout=30 * SECONDS
    )


def ask(page, expression: str):
    """Asks the first view's test hook, as in ``vertex(0, 5)``."""
    return page.evaluate(f"document.querySelector('{VIEW}').handlib.{expression}")


def canvas_colours(page) -> int:
    """How many different colours the first view's canvas shows."""
    page.locator(f"{VIEW} canvas").first.scroll_into_view_if_needed()
    shot = Image.open(io.BytesIO(page.locator(f"{VIEW} canvas").first.screenshot())).convert("RGB")
    return len(np.unique(np.asarray(shot).reshape(-1, 3), axis=0))


def press_slider(page, name: str, key: str = "ArrowRight", times: int = 5) -> None:
    slider = page.locator(f'.widget-slider:has(label:text-is("{name}")) .noUi-handle').first
    slider.scroll_into_view_if_needed()
    slider.focus()
    for _ in range(times):
        page.keyboard.press(key)


def click_joint(page, joint: int) -> None:
    page.locator(f"{VIEW} canvas").first.scroll_into_view_if_needed()
    page.mouse.click(*ask(page, f"jointOnPage({joint})"))


def wait_until_vertex_moved(page, before: list[float]) -> None:
    page.wait_for_function(
        "before => document.querySelector('.handlib-hands').handlib.vertex(1, 320)"
        ".some((x, i) => Math.abs(x - before[i]) > 1e-4)",
        arg=before,
        timeout=20 * SECONDS,
    )


@pytest.fixture
def widget_page(page, lab):
    open_and_run(page, lab, "widget_notebook.ipynb")
    return page


def test_view_follows_sliders_picks_joints_and_survives_a_reload(widget_page, lab):
    page = widget_page
    assert canvas_colours(page) > 100
    before = ask(page, "vertex(1, 320)")
    press_slider(page, "pose 0")
    wait_until_vertex_moved(page, before)

    page.locator(".widget-label:has-text('nothing picked')").wait_for()
    click_joint(page, 21 + 8)
    page.locator(".widget-label:text-is('Python knows: right index4')").wait_for(timeout=20 * SECONDS)

    page.keyboard.press("Control+s")
    page.wait_for_selector(".jp-Document:not(.jp-mod-dirty)")
    page.reload()
    wait_for_view(page)
    page.locator(f"{VIEW} [role=status]:has-text('right index4')").first.wait_for(timeout=20 * SECONDS)
    before = ask(page, "vertex(1, 320)")
    press_slider(page, "pose 0")
    wait_until_vertex_moved(page, before)
    click_joint(page, 4)
    page.locator(".widget-label:text-is('Python knows: left thumb4')").wait_for(timeout=20 * SECONDS)
    assert page.outside == []


def test_every_joint_can_be_picked(widget_page):
    page = widget_page
    page.locator(f"{VIEW} canvas").first.scroll_into_view_if_needed()
    wrong = []
    for joint in range(42):
        page.mouse.click(*ask(page, f"jointOnPage({joint})"))
        got = int(page.locator(f"{VIEW} select").first.input_value())
        if got != joint:
            wrong.append((joint, got))
    assert wrong == []


def test_keyboard_turns_the_view_and_goes_through_joints_without_touching_the_notebook(widget_page):
    page = widget_page
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    canvas = page.locator(f"{VIEW} canvas").first
    canvas.focus()
    eye = ask(page, "eye()")
    page.keyboard.press("ArrowLeft")
    turned = ask(page, "eye()")
    # The eye goes round the hands at a fixed height: to the viewer's left, that is towards -x.
    assert turned[0] < eye[0] - 0.01
    assert turned[1] == pytest.approx(eye[1], abs=1e-6)
    page.keyboard.press("Home")
    assert ask(page, "eye()") == pytest.approx(eye, abs=1e-6)
    for key in ("n", "n", "n", "p"):
        page.keyboard.press(key)
    page.locator(".widget-label:text-is('Python knows: left thumb1')").wait_for(timeout=20 * SECONDS)
    # Keys that JupyterLab itself listens to: x would cut the cell, b insert one.
    for key in ("x", "b", "d", "d"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    page.locator(f"{VIEW} [role=status]:has-text('Arrow keys turn')").first.wait_for(timeout=20 * SECONDS)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


def test_toggles_and_labels(widget_page):
    page = widget_page
    view = page.get_by_role("group", name="3D view of hands").first
    everything = canvas_colours(page)
    view.get_by_role("button", name="skeleton").click()
    assert view.get_by_role("button", name="skeleton").get_attribute("aria-pressed") == "true"
    page.wait_for_timeout(300)
    assert canvas_colours(page) < everything / 2
    view.get_by_role("combobox", name="picked joint").select_option(label="left little4")
    page.locator(".widget-label:text-is('Python knows: left little4')").wait_for(timeout=20 * SECONDS)
    assert "778 vertices" in view.get_by_role("img").get_attribute("aria-label")
