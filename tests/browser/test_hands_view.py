"""What a reader does with the 3D view, on one page of a real JupyterLab."""

import pytest
from support.lab_page import (
    VIEW,
    ask,
    canvas_colours,
    click_joint,
    drag,
    moves,
    pick_joint,
    press,
    press_slider,
    run_cells,
    save_and_reload,
    says,
    wait_for_view,
)

SOURCE = """
# %%
import ipywidgets
import numpy as np
from support.explorers import EXPLORERS, one_sample

from handlib import show

explorer = EXPLORERS["hand"]()
explorer

# %%
picked = ipywidgets.Label("nothing picked")


def tell(change):
    picked.value = f"Python knows: {explorer.view.joint_label(change['new'])}"


explorer.view.observe(tell, names="picked")
picked

# %%
linked = show.hands(one_sample())
green = np.array([0, 255, 0], np.uint8)
linked.surface_opacity = 0.3
linked.update(
    colours=np.tile(green, (2, 778, 1)),
    joint_colours=np.tile(green, (2, 21, 1)),
    links=show.Links(np.array([(8, 29), (0, 21)]), np.tile(green, (2, 1)), np.array([1.0, 0.4])),
)
more = ipywidgets.Button(description="tie all tips")
tips = np.array([4, 8, 12, 16, 20])


def tie_tips(_):
    linked.surface_opacity = 1.0
    linked.clear_colours()
    pairs = np.column_stack((tips, tips + 21))
    linked.update(links=show.Links(pairs, np.tile(green, (5, 1)), np.full(5, 0.8)))


more.on_click(tie_tips)
ipywidgets.VBox([linked, more])
"""
LINKED = 1
"""The number of the view that comes after the explorer's."""


@pytest.fixture(scope="module", autouse=True)
def notebook(tab, lab):
    run_cells(tab, lab, "hands_view", SOURCE)
    wait_for_view(tab)


def test_view_follows_sliders_picks_joints_and_survives_a_reload(page):
    assert canvas_colours(page) > 100
    says(page, "nothing picked")
    with moves(page):
        press_slider(page, "pose 0", times=5)
    click_joint(page, 21 + 8)
    says(page, "Python knows: right index4")

    save_and_reload(page)
    wait_for_view(page)
    page.locator(f"{VIEW} [role=status]:has-text('right index4')").first.wait_for()
    with moves(page):
        press_slider(page, "pose 0", times=5)
    click_joint(page, 4)
    says(page, "Python knows: left thumb4")


def test_mouse_and_keyboard_turn_the_view_and_the_notebook_hears_nothing_of_its_keys(page):
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    canvas = page.locator(f"{VIEW} canvas").first
    canvas.focus()
    page.keyboard.press("Home")
    eye = ask(page, "eye()")
    box = canvas.bounding_box()
    drag(page, (box["x"] + 8, box["y"] + 8), (60, 0))
    # The eye goes round the hands at a fixed height: dragged to the right, towards -x.
    assert ask(page, "eye()")[0] < eye[0] - 0.01
    assert ask(page, "eye()")[1] == pytest.approx(eye[1], abs=1e-6)
    page.keyboard.press("Home")
    assert ask(page, "eye()") == pytest.approx(eye, abs=1e-6)
    page.keyboard.press("ArrowLeft")
    assert ask(page, "eye()")[0] < eye[0] - 0.01

    pick_joint(page, "left wrist")
    canvas.focus()
    for key in ("n", "n", "n", "p"):
        page.keyboard.press(key)
    says(page, "Python knows: left thumb2")
    # Keys that JupyterLab itself listens to: x would cut the cell, b insert one.
    for key in ("x", "b", "d", "d"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    page.locator(f"{VIEW} [role=status]:has-text('Arrow keys turn')").first.wait_for()
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


def test_every_joint_can_be_picked(page):
    canvas = page.locator(f"{VIEW} canvas").first
    canvas.focus()
    page.keyboard.press("Home")
    wrong = []
    for joint in range(42):
        page.mouse.click(*ask(page, f"jointOnPage({joint})"))
        got = int(page.locator(f"{VIEW} select").first.input_value())
        if got != joint:
            wrong.append((joint, got))
    assert wrong == []


def test_toggles_and_labels(page):
    view = page.get_by_role("group", name="3D view of hands").first
    everything = canvas_colours(page)
    skeleton = view.get_by_role("button", name="skeleton")
    skeleton.click()
    assert skeleton.get_attribute("aria-pressed") == "true"
    page.wait_for_timeout(300)
    assert canvas_colours(page) < everything / 2
    pick_joint(page, "left little4")
    says(page, "Python knows: left little4")
    assert "778 vertices" in view.get_by_role("img").get_attribute("aria-label")


def test_the_legend_names_hands_only_where_their_colours_are_seen(page):
    view = page.get_by_role("group", name="3D view of hands").nth(LINKED)
    name = view.get_by_text("left hand", exact=True)
    for shown, state in (("surface", "hidden"), ("both", "visible")):
        view.get_by_role("button", name=shown).click()
        name.wait_for(state=state)


def test_links_joint_colours_and_opacity_follow_python(page):
    wait_for_view(page, LINKED)
    assert ask(page, "linkCount()", LINKED) == 2
    assert ask(page, "link(1)", LINKED) == [0, 21, pytest.approx(0.4)]
    assert ask(page, "surfaceOpacity()", LINKED) == pytest.approx(0.3)
    assert {ask(page, f"jointColour({k})", LINKED) for k in range(42)} == {"#00ff00"}
    faded = canvas_colours(page, LINKED)
    press(page, "tie all tips")
    for changed in ("linkCount() === 5", "surfaceOpacity() === 1"):
        page.wait_for_function(f"document.querySelectorAll('{VIEW}')[{LINKED}].handlib.{changed}")
    assert len({ask(page, f"jointColour({k})", LINKED) for k in range(42)}) == 2
    page.wait_for_timeout(300)
    assert canvas_colours(page, LINKED) > faded


def test_a_finger_scrolls_the_page_over_the_view_until_a_tap_takes_hold_of_it(page):
    canvas = page.locator(f"{VIEW} canvas").first
    canvas.scroll_into_view_if_needed()

    def touch_action() -> str:
        return canvas.evaluate("canvas => getComputedStyle(canvas).touchAction")

    assert touch_action() == "pan-y"
    canvas.click()
    assert touch_action() == "none"
    canvas.evaluate("canvas => canvas.blur()")
    assert touch_action() == "pan-y"


def choose_theme(page, name: str) -> None:
    for item in ("Settings", "Theme", name):
        page.click(f'.lm-MenuBar-itemLabel:text-is("{item}"), .lm-Menu-itemLabel:text-is("{item}")')
    page.locator(f'body[data-jp-theme-name="{name}"]').wait_for(state="attached")


def test_in_a_dark_theme_panels_are_cards_that_do_not_glare(page):
    choose_theme(page, "JupyterLab Dark")
    card = page.locator(".handlib-card").first
    style = card.evaluate("card => (({filter, color}) => [filter, color])(getComputedStyle(card))")
    assert style == ["brightness(0.86)", "rgb(34, 34, 34)"]
    label = card.locator("label:text-is('pose 0')")
    assert label.evaluate("label => getComputedStyle(label).color") == "rgb(34, 34, 34)"
    assert card.locator(VIEW).evaluate("view => getComputedStyle(view).filter") == "none", "dimmed once"
    choose_theme(page, "JupyterLab Light")
