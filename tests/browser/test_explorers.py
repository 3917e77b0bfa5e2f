"""Every explorer in a real JupyterLab: each control, moved as a reader moves it, changes what is shown."""

import ipywidgets
import pytest
from support.explorers import EXPLORERS
from support.lab_page import changes_what_is_shown, choose, press, press_slider, run_cells, says, switch

SOURCE = """
# %%
from support.explorers import EXPLORERS

EXPLORERS["{name}"]()
"""
TRAINING = """
# %%
import time

import ipywidgets
from support.random_pairs import random_pairs
from support.tiny import TINY

from handlib import DIR, show

panel = show.TrainingPanel(random_pairs(2, size=64), total=6, every=1)
button = ipywidgets.Button(description="train")


def train(_):
    network = DIR(TINY)
    for step in range(1, 7):
        panel.on_step_end(step, 1 / step, {}, network)
        time.sleep(1)


button.on_click(train)
ipywidgets.VBox([panel, button])
"""
QUICK = "projection"


def move(page, control: ipywidgets.Widget) -> None:
    """Gives a control another value than it had at first."""
    name = control.description
    if isinstance(control, ipywidgets.Checkbox):
        switch(page, name)
    elif isinstance(control, ipywidgets.Dropdown | ipywidgets.ToggleButtons):
        label = [str(label) for label in control._options_labels][(control.index + 1) % len(control.options)]
        if isinstance(control, ipywidgets.Dropdown):
            choose(page, name, label)
        else:
            press(page, label)
    else:
        at_the_end = control.index > 0 if control.has_trait("index") else control.value > control.min
        press_slider(page, name, "Home" if at_the_end else "End")


@pytest.mark.parametrize(
    "name", [name if name == QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EXPLORERS]
)
def test_every_control_changes_what_is_shown(page, lab, name: str):
    run_cells(page, lab, name, SOURCE.format(name=name))
    for control in EXPLORERS[name]().controls:
        with changes_what_is_shown(page):
            move(page, control)


@pytest.mark.slow
def test_a_panel_moves_while_the_network_trains(page, lab):
    run_cells(page, lab, "training", TRAINING)
    says(page, "not a step yet of 6")
    press(page, "train")
    for step in (2, 4, 6):
        says(page, f"step {step} of 6: MPJPE in mm")
