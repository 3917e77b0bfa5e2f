"""What a reader does with the 3D view, done in a real JupyterLab."""

import pytest
from support.lab_page import (
    SECONDS,
    VIEW,
    ask,
    canvas_colours,
    click_joint,
    open_and_run,
    press_slider,
    save_and_reload,
    wait_for_view,
    wait_until_vertex_moved,
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
    page.locator(".widget-label:text-is('Python knows: right index4')").wait_for(timeout=90 * SECONDS)

    save_and_reload(page)
    wait_for_view(page)
    page.locator(f"{VIEW} [role=status]:has-text('right index4')").first.wait_for(timeout=90 * SECONDS)
    before = ask(page, "vertex(1, 320)")
    press_slider(page, "pose 0")
    wait_until_vertex_moved(page, before)
    click_joint(page, 4)
    page.locator(".widget-label:text-is('Python knows: left thumb4')").wait_for(timeout=90 * SECONDS)
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
    page.locator(".widget-label:text-is('Python knows: left thumb1')").wait_for(timeout=90 * SECONDS)
    # Keys that JupyterLab itself listens to: x would cut the cell, b insert one.
    for key in ("x", "b", "d", "d"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    page.locator(f"{VIEW} [role=status]:has-text('Arrow keys turn')").first.wait_for(timeout=90 * SECONDS)
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
    page.locator(".widget-label:text-is('Python knows: left little4')").wait_for(timeout=90 * SECONDS)
    assert "778 vertices" in view.get_by_role("img").get_attribute("aria-label")


def test_stages_slider_moves_the_overlay_and_the_hands_together(widget_page):
    page, view = widget_page, 1
    wait_for_view(page, view)
    image = page.locator("img.widget-image")
    box = image.bounding_box()
    assert box["width"] == pytest.approx(box["height"], rel=0.02)
    before, picture = ask(page, "vertex(1, 320)", view), image.get_attribute("src")
    page.locator(".widget-label:has-text('stage 2: joints')").wait_for(timeout=90 * SECONDS)
    press_slider(page, "estimate", "ArrowLeft", times=2)
    page.locator(".widget-label:has-text('initial: joints')").wait_for(timeout=90 * SECONDS)
    wait_until_vertex_moved(page, before, view)
    assert image.get_attribute("src") != picture


def test_links_joint_colours_and_opacity_follow_python(widget_page):
    page, view = widget_page, 2
    wait_for_view(page, view)
    assert ask(page, "linkCount()", view) == 2
    assert ask(page, "link(1)", view) == [0, 21, pytest.approx(0.4)]
    assert ask(page, "surfaceOpacity()", view) == pytest.approx(0.3)
    assert {ask(page, f"jointColour({k})", view) for k in range(42)} == {"#00ff00"}
    faded = canvas_colours(page, view)
    page.get_by_role("button", name="tie all tips").click()
    page.wait_for_function(
        f"document.querySelectorAll('{VIEW}')[{view}].handlib.linkCount() === 5", timeout=90 * SECONDS
    )
    page.wait_for_function(f"document.querySelectorAll('{VIEW}')[{view}].handlib.surfaceOpacity() === 1")
    assert len({ask(page, f"jointColour({k})", view) for k in range(42)}) == 2
    page.wait_for_timeout(300)
    assert canvas_colours(page, view) > faded
