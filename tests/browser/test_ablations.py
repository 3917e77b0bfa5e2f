"""Notebook 11 in a real JupyterLab: every control of the ablations' widget, the trade-off's chart."""

import pytest
from support.lab_page import IMAGE, LONG, choose, open_notebook, redraws, run_cells, says

pytestmark = pytest.mark.slow


def test_every_control_of_the_ablations_widget(page, lab):
    run_cells(page, lab, "11_ablations", "show.AblationsExplorer(")
    says(page, "no stages: MPJPE (mm)")
    for name, value, said in (
        ("training", "no left/right attention", "no left/right attention: MPJPE (mm)"),
        ("against", "no stages", "; no stages:"),
        ("measure", "MRRPE (mm)", "no left/right attention: MRRPE (mm)"),
        ("pairs", "interlocked", "MRRPE (mm)"),
        ("estimate", "initial", "MRRPE (mm)"),
        ("cost", "parameters (millions)", "MRRPE (mm)"),
    ):
        with redraws(page, page.locator(IMAGE).first):
            choose(page, name, value)
        says(page, said)


def test_dots_of_the_trade_off_say_what_they_are_and_move_with_the_cost(page, lab):
    open_notebook(page, lab, "11_ablations.ipynb")
    cell = page.locator('.jp-CodeCell:has-text("show.TradeOff(results)")').first
    cell.wait_for(timeout=LONG)
    chart = cell.locator(".jp-RenderedPlotly").first
    chart.scroll_into_view_if_needed()
    # JupyterLab shows the picture until the mouse is over it.
    chart.hover(position={"x": 200, "y": 200})
    dots = chart.locator(".scatterlayer .trace").nth(1).locator(".points path")
    dots.nth(1).wait_for(timeout=LONG)
    dots.nth(1).hover(force=True)
    chart.locator('.hoverlayer text:has-text("no stages")').first.wait_for()
    before = dots.nth(1).get_attribute("transform")
    chart.locator(".updatemenu-header").first.click()
    chart.locator('.updatemenu-dropdown-button:has-text("memory")').first.click()
    chart.locator('.xtitle:has-text("memory")').wait_for()
    page.wait_for_function(
        "([dot, before]) => dot.getAttribute('transform') !== before",
        arg=[dots.nth(1).element_handle(), before],
    )
