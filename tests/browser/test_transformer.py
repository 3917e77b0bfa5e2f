"""Notebook 06 in a real JupyterLab: every control of the attention lines."""

import pytest
from support.lab_page import (
    IMAGE,
    VIEW,
    ask,
    canvas_colours,
    choose,
    click_joint,
    pick_joint,
    press,
    redraws,
    run_cells,
    says,
    wait_for_view,
)

from handlib.show.core import palette

pytestmark = pytest.mark.slow
RIGHT_INDEX_TIP, LEFT_INDEX_TIP = 21 + 8, 8


def test_every_control_of_the_attention_lines(page, lab):
    run_cells(page, lab, "06_transformer", "show.AttentionLines(")
    wait_for_view(page)
    says(page, "right index4 attends to", "of its attention goes to the left hand")
    assert ask(page, "linkCount()") == 10
    assert ask(page, f"jointColour({RIGHT_INDEX_TIP})") == palette.HIGHLIGHT.lower()
    assert ask(page, "surfaceOpacity()") < 1
    assert canvas_colours(page) > 100
    ends = {end for k in range(10) for end in ask(page, f"link({k})")[:2]}
    assert RIGHT_INDEX_TIP in ends and len(ends) == 11
    strongest = ask(page, "link(9)")
    assert strongest[0] == RIGHT_INDEX_TIP and strongest[2] == 1

    matrix = page.locator(IMAGE).first
    with redraws(page, matrix):
        press(page, "is attended by")
        says(page, "right index4 is attended by", "that it gets comes from the left hand")
    for name, option in (
        ("head", "2"),
        ("layer", "stage 1, layer 2"),
        ("picture", "right hand painted over"),
    ):
        with redraws(page, matrix):
            choose(page, name, option)
    choose(page, "picture", "as it is")
    click_joint(page, LEFT_INDEX_TIP)
    says(page, "left index4 is attended by")
    with redraws(page, matrix):
        pick_joint(page, "right thumb4")
        says(page, "right thumb4 is attended by")
    press(page, "attends to")
    says(page, "right thumb4 attends to")
    page.locator(f"{VIEW} canvas").first.focus()
    page.keyboard.press("Escape")
    says(page, "No joint is picked")
    page.wait_for_function(f"document.querySelector('{VIEW}').handlib.linkCount() === 0")
