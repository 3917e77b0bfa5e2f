"""Notebook 08 in a real JupyterLab: every control of the refinement widget is moved and does something."""

import pytest
from support.lab_page import (
    VIEW,
    moves,
    press_slider,
    redraws,
    run_cells,
    says,
    switch,
    wait_for_view,
)

pytestmark = pytest.mark.slow


def test_every_control_of_the_refinement_widget(page, lab):
    run_cells(page, lab, "08_refinement", "show.RefinementExplorer(")
    wait_for_view(page)
    image = page.locator(f".jp-OutputArea-output:has({VIEW}) img.widget-image")
    says(page, "stage 2 again: joints")
    with moves(page), redraws(page, image):
        press_slider(page, "estimate", "ArrowLeft", times=3)
    says(page, "initial: joints")

    numbers = says(page, "joints, mm: initial")
    with moves(page), redraws(page, image):
        press_slider(page, "turn (°)", times=6)
        says(page, "(start turned by 30°)")
    assert says(page, "joints, mm: initial") != numbers
    with redraws(page, image):
        press_slider(page, "shift (%)", times=5)
        says(page, "(start turned by 30°; start shifted by 5 % of the side)")

    press_slider(page, "estimate", times=2)
    says(page, "stage 2: joints")
    for name, said in (
        ("GCN", "; without GCN)"),
        ("transformer", "; without GCN, transformer)"),
        ("enhancement", "; without GCN, transformer, enhancement)"),
    ):
        numbers = says(page, "joints, mm: initial")
        with moves(page), redraws(page, image):
            switch(page, name)
            says(page, said)
        assert says(page, "joints, mm: initial") != numbers
