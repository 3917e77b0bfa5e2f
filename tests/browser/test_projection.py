"""Notebook 07 in a real JupyterLab: every control of its explorer moves picture and caption."""

from support.lab_page import choose, press_slider, redraws, run_cells, says

OVERLAP = "of both hands"


def test_explorer_follows_every_control(page, lab):
    run_cells(page, lab, "07_projection", "show.ProjectionExplorer(")
    says(page, OVERLAP, "a plane per bone", "0.5 px apart", "16 x 16")
    picture = page.locator("img.widget-image").last
    with redraws(page, picture):
        choose(page, "projection", "a plane per joint")
    says(page, OVERLAP, "a plane per joint", "0 % of the left one and 0 % of the right one")
    with redraws(page, picture):
        choose(page, "projection", "one shared plane")
    says(page, OVERLAP, "one shared plane")
    with redraws(page, picture):
        press_slider(page, "gap (map px)", times=2)
    says(page, OVERLAP, "1 px apart")
    with redraws(page, picture):
        press_slider(page, "half width (uv)", "ArrowLeft", times=5)
    says(page, OVERLAP, "half width 0.8 px")
    with redraws(page, picture):
        choose(page, "map", "32 x 32")
    says(page, OVERLAP, "one shared plane", "1 px apart", "32 x 32")
    box = picture.bounding_box()
    assert box["width"] > 3 * box["height"] > 300
