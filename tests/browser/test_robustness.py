"""Notebook 12 in a real JupyterLab: every control of the robustness widget is moved and does something."""

import pytest
from support.lab_page import IMAGE, choose, press_slider, redraws, run_cells, says, says_no_more, switch

pytestmark = pytest.mark.slow


def test_every_control_of_the_robustness_widget(page, lab):
    run_cells(page, lab, "12_robustness", "show.RobustnessExplorer(")
    image = page.locator(IMAGE).last
    says(page, "ellipsoid of 50 mm hides")
    with redraws(page, image):
        choose(page, "thing", "box")
        says(page, "box of 50 mm hides")
    with redraws(page, image):
        press_slider(page, "size (mm)", times=4)
        says(page, "box of 90 mm hides")
    for name in ("across (%)", "down (%)"):
        with redraws(page, image):
            press_slider(page, name, times=3)
        says(page, "box of 90 mm hides", "of the hands")

    errors = says(page, "left hand:")
    with redraws(page, image):
        switch(page, "other hands")
        says(page, "; other hands behind")
    for name, said in (
        ("turn (°)", "; start turned by 20°"),
        ("bend (°)", "; fingers bent by 20°"),
        ("shift (%)", "; start shifted by 4 % of the side"),
    ):
        with redraws(page, image):
            press_slider(page, name, times=4)
            says(page, said)
    assert says(page, "left hand:") != errors

    before = says(page, "left hand:")
    with redraws(page, image):
        press_slider(page, "pair", times=2)
    assert says(page, "left hand:") != before
    choose(page, "thing", "nothing")
    says_no_more(page, "box of")
    press_slider(page, "turn (°)", "ArrowLeft", times=4)
    says(page, "other hands behind; fingers bent by 20°")
