"""Notebook 10 in a real JupyterLab: every control of the evaluation widget is moved and does something."""

import pytest
from support.lab_page import (
    LONG,
    VIEW,
    canvas_colours,
    choose,
    moves,
    press_slider,
    redraws,
    run_cells,
    says,
    wait_for_view,
)

pytestmark = pytest.mark.slow


def wait_until_chosen(page, name: str, value: str) -> None:
    """Waits until the dropdown shows a value; its spaces are ones that don't break."""
    page.wait_for_function(
        """([name, value]) => [...document.querySelectorAll('.widget-dropdown')].some(box =>
            box.querySelector('label').textContent === name
            && box.querySelector('select').selectedOptions[0].text.replaceAll('\u00a0', ' ') === value)""",
        arg=[name, value],
        timeout=LONG,
    )


def test_every_control_of_the_evaluation_widget(page, lab):
    run_cells(page, lab, "10_evaluation", "show.EvaluationExplorer(")
    wait_for_view(page)
    chart, picture = (
        page.locator(f".jp-OutputArea-output:has({VIEW}) img.widget-image").nth(k) for k in (0, 1)
    )
    says(page, "stage 2, INTAG_MCP: mean")
    assert canvas_colours(page) > 50
    for name, value, *said in (
        ("protocol", "INTAG_WRIST", "stage 2, INTAG_WRIST: mean"),
        ("root", "index4", "stage 2, your own: mean", "centred on index4, scaled by wrist-middle1)"),
        ("scaling", "Procrustes", "stage 2, PA-MPJPE: mean"),
        ("joints", "annotated", "(annotated joints, each hand fitted to the truth)"),
        ("protocol", "INTERNET", "stage 2, INTERNET: mean"),
    ):
        with moves(page), redraws(page, chart):
            choose(page, name, value)
        says(page, *said)
        if value == "INTAG_WRIST":
            wait_until_chosen(page, "root", "wrist")
        elif value == "index4":
            wait_until_chosen(page, "protocol", "your own")

    with moves(page), redraws(page, chart, picture):
        press_slider(page, "estimate", "ArrowLeft", times=2)
    says(page, "initial, INTERNET: mean")
    with moves(page), redraws(page, chart, picture):
        press_slider(page, "rank", "Home")
    says(page, "initial, INTERNET: mean")
