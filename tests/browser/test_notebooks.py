"""Committed notebooks in a real JupyterLab: run, moved, picked, reloaded."""

import pytest
from build_notebooks import NOTEBOOKS
from support.lab_page import (
    SECONDS,
    VIEW,
    ask,
    canvas_colours,
    click_joint,
    open_and_run,
    press_slider,
    save_and_reload,
    wait_for_view,
    wait_until_idle,
    wait_until_vertex_moved,
)

# Notebook, which of its 3D views is looked at, the slider that moves the hands in it, and the key that does.
INTERACTIVE = [("00_tour", 1, "estimate", "ArrowLeft"), ("01_hand_model", 1, "pose 0", "ArrowRight")]
OPPOSITE = {"ArrowLeft": "ArrowRight", "ArrowRight": "ArrowLeft"}


@pytest.mark.parametrize("name", [name for name, *_ in INTERACTIVE])
def test_notebook_is_there(name):
    assert (NOTEBOOKS / f"{name}.ipynb").is_file()


@pytest.mark.parametrize(("name", "view", "slider", "key"), INTERACTIVE)
def test_notebook_runs_moves_picks_and_survives_a_reload(page, lab, name, view, slider, key):
    open_and_run(page, lab, f"{name}.ipynb", view)
    assert canvas_colours(page, view) > 100
    before = ask(page, "vertex(1, 320)", view)
    press_slider(page, slider, key, times=2)
    wait_until_vertex_moved(page, before, view)
    wait_until_idle(page)
    click_joint(page, 21 + 8, view)
    status = page.locator(f"{VIEW} [role=status]").nth(view)
    status.filter(has_text="right index4").wait_for(timeout=90 * SECONDS)

    save_and_reload(page)
    wait_for_view(page, view)
    status.filter(has_text="right index4").wait_for(timeout=90 * SECONDS)
    before = ask(page, "vertex(1, 320)", view)
    press_slider(page, slider, OPPOSITE[key], times=2)
    wait_until_vertex_moved(page, before, view)
    assert page.outside == []
