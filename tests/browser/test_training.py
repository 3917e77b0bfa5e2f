"""Notebook 09 in JupyterLab: a curve that moves while a network trains, every control of the losses."""

import pytest
from support.lab_page import (
    LONG,
    VIEW,
    begin_cells,
    choose,
    moves,
    press_slider,
    redraws,
    run_cells,
    says,
    wait_for_view,
)

pytestmark = pytest.mark.slow


def test_curves_move_while_the_network_trains(page, lab):
    begin_cells(page, lab, "09_training", 'learn("one", ')
    says(page, " of 60: MPJPE in mm")
    curve = page.locator('.jp-OutputArea-output:has-text(" of 60: MPJPE in mm") img.widget-image')
    before = curve.get_attribute("src")
    page.wait_for_function(
        "([curve, before]) => curve.src !== before", arg=[curve.element_handle(), before], timeout=LONG
    )
    says(page, "step 60 of 60")


def test_every_control_of_the_losses(page, lab):
    run_cells(page, lab, "09_training", "show.LossExplorer(")
    wait_for_view(page)
    image = page.locator(f".jp-OutputArea-output:has({VIEW}) img.widget-image")
    says(page, "right hand: tilt +30 °. vertices with weight 1:")
    with moves(page), redraws(page, image):
        press_slider(page, "amount", times=10)
        says(page, "right hand: tilt +40 °. vertices with weight 1:")
    with redraws(page, image):
        choose(page, "term", "edge")
        says(page, "tilt +40 °. edge with weight 1: 0, it sees nothing wrong and pulls nowhere")
    choose(page, "term", "offset")
    says(page, "tilt +40 °. offset with weight 1: 0, it sees nothing wrong")
    with moves(page), redraws(page, image):
        choose(page, "change", "depth")
        says(page, "right hand: depth +40 mm. offset with weight 1:")
    says(page, "0 % sideways, 0 % up or down, 100 % in depth")
    with redraws(page, image):
        page.get_by_role("button", name="small", exact=True).press("Enter")
    with moves(page):
        choose(page, "change", "turn")
        says(page, "right hand: turn +40 °. offset with weight 1: 0")
