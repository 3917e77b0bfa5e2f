"""Notebook 14 in a real JupyterLab: every control of the widget of fits."""

import pytest
from support.lab_page import IMAGE, choose, press_slider, redraws, run_cells, says, says_no_more

pytestmark = pytest.mark.slow
RIGHT = "left 0 mm or 0 px, right 0 mm or 0 px"


def test_fits_are_moved_and_joints_are_read(page, lab):
    run_cells(page, lab, "14_the_real_thing", "show.FitExplorer(")
    image = page.locator(IMAGE).last
    naive = says(page, "surface off by")
    assert RIGHT not in naive and "0 mm from the fits' joints" in naive
    with redraws(page, image):
        press_slider(page, "world (°)", times=6)
    assert says(page, "surface off by") != naive
    with redraws(page, image):
        choose(page, "translation", "R trans + t + R J - J")
        says(page, RIGHT)
    with redraws(page, image):
        press_slider(page, "world (°)", times=3)
    assert RIGHT in says(page, "surface off by")
    with redraws(page, image):
        choose(page, "joint order", "as if it were ours")
        says_no_more(page, " 0 mm from the fits' joints")
    assert RIGHT in says(page, "surface off by")
    with redraws(page, image):
        press_slider(page, "picture", times=2)
    choose(page, "translation", "R trans + t")
    says_no_more(page, RIGHT)
