"""Notebook 05 in a real JupyterLab: every control of the influence explorer."""

from support.lab_page import (
    SECONDS,
    VIEW,
    ask,
    click_joint,
    press_slider,
    run_needed,
    save_and_reload,
    wait_for_view,
)

CHART = "img.widget-image"
FIRST_OF_INDEX = 5


def wait_for_caption(page, *parts: str) -> None:
    """Waits until the line above the hands has all of these words."""
    caption = page.locator(".widget-html").first
    for part in parts:
        caption = caption.filter(has_text=part)
    caption.wait_for(timeout=90 * SECONDS)


def test_every_control_of_the_influence_explorer(page, lab):
    run_needed(page, lab, "05_gcn.ipynb", "show.InfluenceExplorer(")
    wait_for_view(page)
    wait_for_caption(page, "a nudge at left wrist moves", "exactly 0")

    reached = ask(page, f"jointColour({FIRST_OF_INDEX})")

    seen = [page.locator(CHART).get_attribute("src")]
    press_slider(page, "layers", "Home", times=1)
    wait_for_caption(page, "After 0 layers", "moves 1 of 42 joints")
    assert ask(page, f"jointColour({FIRST_OF_INDEX})") != reached
    press_slider(page, "layers", "ArrowRight", times=1)
    wait_for_caption(page, "After 1 layer a nudge at left wrist moves 6 of 42 joints")
    seen.append(page.locator(CHART).get_attribute("src"))

    click_joint(page, 21 + 8)
    wait_for_caption(page, "a nudge at right index4 moves 2 of 42 joints", "right index3")
    page.get_by_role("button", name="whom the joint feels").click()
    wait_for_caption(page, "right index4 is moved by nudges at 2 of 42 joints")

    page.get_by_label("network").select_option(label="untrained, 8 layers")
    page.locator('.widget-slider .noUi-handle[aria-valuemax="8.0"]').wait_for(timeout=90 * SECONDS)
    press_slider(page, "layers", "ArrowRight", times=7)
    wait_for_caption(page, "After 8 layers", "21 of 42 joints", "up to 8 bones away")
    seen.append(page.locator(CHART).get_attribute("src"))
    page.get_by_role("combobox", name="picked joint").select_option(label="left thumb4")
    wait_for_caption(page, "left thumb4 is moved by nudges at 21 of 42 joints")
    page.get_by_label("network").select_option(label="wrong skeleton, stage 2")
    wait_for_caption(page, "left thumb4", "moved by nudges")
    assert len(set(seen)) == len(seen)

    save_and_reload(page)
    wait_for_view(page)
    wait_for_caption(page, "left thumb4", "moved by nudges")
    page.locator(f"{VIEW} canvas").first.focus()
    page.keyboard.press("n")
    wait_for_caption(page, "left index1 is moved by nudges")
    page.get_by_role("button", name="who feels the joint").click()
    wait_for_caption(page, "a nudge at left index1 moves")
    assert page.outside == []
