"""Notebook 06 in a real JupyterLab: every control of the attention lines."""

from support.lab_page import (
    IMAGE,
    SECONDS,
    VIEW,
    ask,
    canvas_colours,
    choose,
    click_joint,
    run_needed,
    save_and_reload,
    wait_for_another,
    wait_for_view,
    wait_until_idle,
)

from handlib.show.core import palette

RIGHT_INDEX_TIP, LEFT_INDEX_TIP = 21 + 8, 8


def wait_for_caption(page, *parts: str) -> None:
    """Waits until the line below the hands has all of these words."""
    caption = page.locator(".widget-html").first
    for part in parts:
        caption = caption.filter(has_text=part)
    caption.wait_for(timeout=90 * SECONDS)


def test_every_control_of_the_attention_lines(page, lab):
    run_needed(page, lab, "06_transformer.ipynb", "show.AttentionLines(")
    wait_for_view(page)
    wait_until_idle(page)
    wait_for_caption(page, "right index4 attends to", "of its attention goes to the left hand")
    assert ask(page, "linkCount()") == 10
    assert ask(page, f"jointColour({RIGHT_INDEX_TIP})") == palette.HIGHLIGHT.lower()
    assert ask(page, "surfaceOpacity()") < 1
    assert canvas_colours(page) > 100
    ends = {end for k in range(10) for end in ask(page, f"link({k})")[:2]}
    assert RIGHT_INDEX_TIP in ends and len(ends) == 11
    strongest = ask(page, "link(9)")
    assert strongest[0] == RIGHT_INDEX_TIP and strongest[2] == 1

    matrix = page.locator(IMAGE).first
    seen = [matrix.get_attribute("src")]
    page.get_by_role("button", name="is attended by").click()
    wait_for_caption(page, "right index4 is attended by", "that it gets comes from the left hand")
    wait_for_another(page, matrix, seen)
    choose(page, "head", "2")
    wait_for_another(page, matrix, seen)
    choose(page, "layer", "stage 1, layer 2")
    wait_for_another(page, matrix, seen)
    choose(page, "picture", "right hand painted over")
    wait_for_another(page, matrix, seen)
    choose(page, "picture", "as it is")
    click_joint(page, LEFT_INDEX_TIP)
    wait_for_caption(page, "left index4 is attended by")
    page.get_by_role("combobox", name="picked joint").select_option(label="right thumb4")
    wait_for_caption(page, "right thumb4 is attended by")
    wait_for_another(page, matrix, seen)

    save_and_reload(page)
    wait_for_view(page)
    wait_for_caption(page, "right thumb4 is attended by")
    page.get_by_role("button", name="attends to").click()
    wait_for_caption(page, "right thumb4 attends to")
    page.locator(f"{VIEW} canvas").first.focus()
    page.keyboard.press("Escape")
    wait_for_caption(page, "No joint is picked")
    page.wait_for_function(f"document.querySelector('{VIEW}').handlib.linkCount() === 0")
    assert page.outside == []
