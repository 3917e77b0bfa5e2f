"""The first two notebooks in a real JupyterLab: their 3D views moved and picked in."""

import pytest
from support.lab_page import (
    VIEW,
    canvas_colours,
    click_joint,
    moves,
    press_slider,
    run_cells,
    wait_for_view,
    wait_until_idle,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "widget", "slider", "key"),
    [
        ("00_tour", "show.stages(", "estimate", "ArrowLeft"),
        ("01_hand_model", "show.HandExplorer(", "pose 0", "ArrowRight"),
    ],
)
def test_view_moves_and_is_picked_in(page, lab, name, widget, slider, key):
    run_cells(page, lab, name, widget)
    view = page.locator(VIEW).count() - 1
    wait_for_view(page, view)
    assert canvas_colours(page, view) > 100
    with moves(page, view):
        press_slider(page, slider, key, times=2)
    wait_until_idle(page)
    click_joint(page, 21 + 8, view)
    page.locator(f"{VIEW} [role=status]:has-text('right index4')").first.wait_for()
