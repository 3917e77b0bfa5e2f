"""JupyterLab as `make lab` starts it: its first page, its links, what opening a notebook changes."""

from build_notebooks import NOTEBOOKS
from support.lab_page import IDLE, LONG, open_notebook, run_cells, save_and_reload


def test_it_begins_with_the_tour_and_asks_nothing(page, lab):
    page.goto(lab.url)
    page.locator('.jp-NotebookPanel h1:has-text("The tour")').wait_for(timeout=LONG)
    page.locator(IDLE).first.wait_for(timeout=LONG)
    page.wait_for_timeout(1000)
    assert page.locator(".Toastify__toast").count() == 0


def test_a_link_to_the_glossary_opens_it(page, lab):
    open_notebook(page, lab, "00_tour.ipynb")
    page.locator('.jp-Notebook a[href*="docs/glossary.md"]').first.click()
    page.locator('.jp-MarkdownViewer h2:has-text("procrustes alignment")').wait_for(timeout=LONG)
    links = page.locator('.jp-MarkdownViewer a[href*="_hand_model.ipynb"]')
    assert "work/" in links.first.get_attribute("href")
    assert page.locator('.jp-MarkdownViewer a[href*="notebooks/0"]').count() == 0


def test_a_notebook_that_was_only_opened_stays_as_it_was(page, lab):
    open_notebook(page, lab, "01_hand_model.ipynb")
    assert page.locator(".jp-mod-dirty").count() == 0
    with page.expect_response(lambda response: response.request.method == "PUT", timeout=LONG):
        page.click('.lm-MenuBar-itemLabel:text-is("File")')
        page.click('.lm-Menu-itemLabel:text-is("Save Notebook")')
    name = "01_hand_model.ipynb"
    assert (lab.notebooks / name).read_bytes() == (NOTEBOOKS / name).read_bytes()


def test_readers_save_in_copies_of_their_own(page, lab):
    name = "01_hand_model.ipynb"
    open_notebook(page, lab, name, folder="work")
    with page.expect_response(lambda response: response.request.method == "PUT", timeout=LONG):
        page.click('.lm-MenuBar-itemLabel:text-is("File")')
        page.click('.lm-Menu-itemLabel:text-is("Save Notebook")')
    assert (lab.notebooks / name).read_bytes() == (NOTEBOOKS / name).read_bytes()


def test_the_next_day_pictures_stand_where_widgets_were(page, lab):
    ask = """
# %%
from handlib.exercises import predict

predict("Which one?", "this", "that")
"""
    run_cells(page, lab, "saved", ask)
    save_and_reload(page)
    assert page.locator(".jp-OutputArea-output .jupyter-widgets").count() > 0
    lab.stop_kernels()
    open_notebook(page, lab, "saved.ipynb")
    page.locator('.jp-OutputArea-output:has-text("Which one?")').wait_for(timeout=LONG)
    assert page.locator("text=Error displaying widget").count() == 0


def test_dots_of_the_trade_off_say_what_they_are(page, lab):
    open_notebook(page, lab, "11_ablations.ipynb")
    chart = page.locator('.jp-CodeCell:has-text("show.TradeOff(results)") .jp-RenderedPlotly').first
    chart.wait_for(timeout=LONG)
    chart.scroll_into_view_if_needed()
    # JupyterLab shows the picture until the mouse is over it.
    chart.hover(position={"x": 200, "y": 200})
    dots = chart.locator(".scatterlayer .trace").nth(1).locator(".points path")
    dots.nth(1).wait_for(timeout=LONG)
    dots.nth(1).hover(force=True)
    chart.locator('.hoverlayer text:has-text("no stages")').first.wait_for()
