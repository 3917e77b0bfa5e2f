"""Notebook 14 in a real JupyterLab: the widget of fits, every control of it."""

from support.lab_page import (
    IMAGE,
    SECONDS,
    choose,
    last_image,
    press_slider,
    run_needed,
    save_and_reload,
    says,
    wait_for_answer,
    wait_until_idle,
)

RIGHT = "left 0 mm or 0 px, right 0 mm or 0 px"


def line(page) -> str:
    return page.locator('.widget-label:has-text("surface off by")').first.text_content()


def test_fits_are_moved_and_joints_are_read(page, lab):
    run_needed(page, lab, "14_the_real_thing.ipynb", "show.FitExplorer(")
    image = last_image(page)
    seen = [image.get_attribute("src")]

    def changed() -> None:
        wait_for_answer(page, image, seen)

    naive = line(page)
    assert RIGHT not in naive and "0 mm from the fits' joints" in naive
    press_slider(page, "world (°)", times=6)
    changed()
    assert line(page) != naive
    choose(page, "translation", "R trans + t + R J - J")
    says(page, RIGHT)
    changed()
    press_slider(page, "world (°)", times=3)
    wait_until_idle(page)
    assert RIGHT in line(page)
    choose(page, "joint order", "as if it were ours")
    changed()
    page.locator('.widget-label:has-text(" 0 mm from the fits\' joints")').wait_for(
        state="detached", timeout=90 * SECONDS
    )
    assert RIGHT in line(page)
    press_slider(page, "picture", times=2)
    changed()

    save_and_reload(page)
    page.locator(IMAGE).last.wait_for(timeout=120 * SECONDS)
    says(page, RIGHT)
    choose(page, "translation", "R trans + t")
    page.locator(f'.widget-label:has-text("{RIGHT}")').wait_for(state="detached", timeout=90 * SECONDS)
    assert page.outside == []
