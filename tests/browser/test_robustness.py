"""Notebook 12 in a real JupyterLab: every control of the robustness widget is moved and does something."""

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
)


def line(page, text: str) -> str:
    """The widget's line that contains a text."""
    return page.locator(f'.widget-label:has-text("{text}")').first.text_content()


def test_every_control_of_the_robustness_widget(page, lab):
    run_needed(page, lab, "12_robustness.ipynb", "show.RobustnessExplorer(")
    image = last_image(page)
    says(page, "ellipsoid of 50 mm hides")
    seen = [image.get_attribute("src")]

    def changed_picture() -> None:
        wait_for_answer(page, image, seen)

    choose(page, "thing", "box")
    says(page, "box of 50 mm hides")
    changed_picture()
    press_slider(page, "size (mm)", times=4)
    says(page, "box of 90 mm hides")
    changed_picture()
    for name in ("across (%)", "down (%)"):
        before = line(page, "box of 90 mm")
        press_slider(page, name, times=3)
        changed_picture()
        assert line(page, "box of 90 mm").startswith("box of 90 mm hides")
        assert before.endswith("of the hands")

    errors = line(page, "left hand:")
    page.locator('.widget-checkbox:has-text("other hands") input').focus()
    page.keyboard.press("Space")
    says(page, "; other hands behind")
    changed_picture()
    for name, said in (
        ("turn (°)", "; start turned by 20°"),
        ("bend (°)", "; fingers bent by 20°"),
        ("shift (%)", "; start shifted by 4 % of the side"),
    ):
        press_slider(page, name, times=4)
        says(page, said)
        changed_picture()
    assert line(page, "left hand:") != errors

    before = line(page, "left hand:")
    press_slider(page, "pair", times=2)
    changed_picture()
    assert line(page, "left hand:") != before
    choose(page, "thing", "nothing")
    page.locator('.widget-label:has-text("box of")').wait_for(state="detached", timeout=90 * SECONDS)

    save_and_reload(page)
    page.locator(IMAGE).last.wait_for(timeout=120 * SECONDS)
    says(page, "other hands behind; start turned by 20°")
    choose(page, "thing", "cylinder")
    says(page, "cylinder of 90 mm hides")
    press_slider(page, "turn (°)", "ArrowLeft", times=4)
    says(page, "other hands behind; fingers bent by 20°")
    assert page.outside == []
