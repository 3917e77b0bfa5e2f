"""Notebook 05 in a real JupyterLab: every control of the influence explorer."""

import pytest
from support.lab_page import (
    IMAGE,
    VIEW,
    ask,
    click_joint,
    pick_joint,
    press,
    press_slider,
    redraws,
    run_cells,
    says,
    wait_for_view,
)

pytestmark = pytest.mark.slow
FIRST_OF_INDEX = 5


def test_every_control_of_the_influence_explorer(page, lab):
    run_cells(page, lab, "05_gcn", "show.InfluenceExplorer(")
    wait_for_view(page)
    says(page, "a nudge at left wrist moves", "exactly 0")
    chart = page.locator(IMAGE).first
    reached = ask(page, f"jointColour({FIRST_OF_INDEX})")
    with redraws(page, chart):
        press_slider(page, "layers", "Home")
        says(page, "After 0 layers", "moves 1 of 42 joints")
    assert ask(page, f"jointColour({FIRST_OF_INDEX})") != reached
    press_slider(page, "layers")
    says(page, "After 1 layer a nudge at left wrist moves 6 of 42 joints")

    click_joint(page, 21 + 8)
    says(page, "a nudge at right index4 moves 2 of 42 joints", "right index3")
    press(page, "senders to the joint")
    says(page, "right index4 is moved by nudges at 2 of 42 joints")

    with redraws(page, chart):
        page.get_by_label("network").select_option(label="untrained, 8 layers")
        page.locator('.widget-slider .noUi-handle[aria-valuemax="8.0"]').wait_for()
        press_slider(page, "layers", times=7)
        says(page, "After 8 layers", "21 of 42 joints", "up to 8 bones away")
    pick_joint(page, "left thumb4")
    says(page, "left thumb4 is moved by nudges at 21 of 42 joints")
    page.get_by_label("network").select_option(label="wrong skeleton, stage 2")
    says(page, "left thumb4", "moved by nudges")
    page.locator(f"{VIEW} canvas").first.focus()
    page.keyboard.press("n")
    says(page, "left index1 is moved by nudges")
    press(page, "receivers of the joint")
    says(page, "a nudge at left index1 moves")
