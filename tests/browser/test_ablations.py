"""Notebook 11 in a real JupyterLab: every control of the ablations' widget is moved and does something."""

from support.lab_page import SECONDS, choose, run_needed, save_and_reload, wait_for_another, wait_until_idle


def says(page, text: str) -> None:
    """Waits until the widget's caption says something."""
    page.locator(f'.widget-html-content:has-text("{text}")').first.wait_for(timeout=300 * SECONDS)


def test_every_control_of_the_ablations_widget(page, lab):
    run_needed(page, lab, "11_ablations.ipynb", "show.AblationsExplorer(")
    says(page, "no stages: MPJPE (mm)")
    wait_until_idle(page)
    image = page.locator(".jp-OutputArea-output img.widget-image").first
    seen = [image.get_attribute("src")]

    def changed() -> None:
        """Waits until the chart is one that wasn't there before."""
        wait_for_another(page, image, seen)

    for name, value, said in (
        ("training", "no left/right attention", "no left/right attention: MPJPE (mm)"),
        ("against", "no stages", "; no stages:"),
        ("measure", "MRRPE (mm)", "no left/right attention: MRRPE (mm)"),
        ("pairs", "interlocked", "MRRPE (mm)"),
        ("estimate", "initial", "MRRPE (mm)"),
        ("cost", "parameters (millions)", "MRRPE (mm)"),
    ):
        choose(page, name, value)
        changed()
        says(page, said)
    save_and_reload(page)
    says(page, "no left/right attention: MRRPE (mm)")
    choose(page, "training", "separate encoders")
    says(page, "separate encoders: MRRPE (mm)")
    assert page.outside == []


def test_dots_of_the_trade_off_say_what_they_are_and_move_with_the_cost(page, lab):
    page.goto(f"{lab.url}/lab/tree/11_ablations.ipynb")
    cell = page.locator('.jp-CodeCell:has-text("show.TradeOff(results)")').first
    cell.wait_for(timeout=90 * SECONDS)
    chart = cell.locator(".jp-RenderedPlotly").first
    chart.scroll_into_view_if_needed()
    # JupyterLab shows the picture until the mouse is over it.
    chart.hover(position={"x": 200, "y": 200})
    dots = chart.locator(".scatterlayer .trace").nth(1).locator(".points path")
    dots.nth(1).wait_for(timeout=90 * SECONDS)
    dots.nth(1).hover(force=True)
    chart.locator('.hoverlayer text:has-text("no stages")').first.wait_for(timeout=30 * SECONDS)
    before = dots.nth(1).get_attribute("transform")
    chart.locator(".updatemenu-header").first.click()
    chart.locator('.updatemenu-dropdown-button:has-text("memory")').first.click()
    chart.locator('.xtitle:has-text("memory")').wait_for(timeout=30 * SECONDS)
    page.wait_for_function(
        "([dot, before]) => dot.getAttribute('transform') !== before",
        arg=[dots.nth(1).element_handle(), before],
    )
    assert page.outside == []
