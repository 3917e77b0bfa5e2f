"""Notebook 03 in a real JupyterLab: every control of the attention explorer."""

import pytest
from support.lab_page import LONG, press, press_slider, redraws, run_cells, says, switch

pytestmark = pytest.mark.slow


def wait_for_other_caption(page, before: str) -> str:
    page.wait_for_function(
        "before => [...document.querySelectorAll('.widget-html-content')]"
        ".some(e => e.textContent.includes('The left map') && e.textContent !== before)",
        arg=before,
        timeout=LONG,
    )
    return says(page, "The left map")


def centre_u(text: str, side: str) -> float:
    return float(text.split(f"The {side} map: centre at u ")[1].split(",")[0])


def test_attention_explorer_follows_every_control(page, lab):
    run_cells(page, lab, "03_encoder", "show.AttentionExplorer(")
    maps, estimate = (page.locator("img.widget-image").nth(k) for k in range(2))
    plain = says(page, "The left map")
    assert "spread over" in plain and "painted out" not in plain

    switch(page, "mirrored")
    mirrored = wait_for_other_caption(page, plain)
    # The left map of the mirrored picture lies where the mirror shows the right one's, about.
    assert abs(centre_u(mirrored, "left") + centre_u(plain, "right")) < 0.25
    switch(page, "mirrored")
    assert wait_for_other_caption(page, mirrored) == plain

    press(page, "right")
    painted = wait_for_other_caption(page, plain)
    assert painted.count("(painted out)") == 1
    assert "right hand (painted out)" in painted
    press(page, "neither")
    assert wait_for_other_caption(page, painted) == plain

    with redraws(page, maps):
        press_slider(page, "opacity", "ArrowLeft", times=3)
    assert says(page, "The left map") == plain

    with redraws(page, estimate):
        page.get_by_label("picture", exact=True).select_option(index=3)
    wait_for_other_caption(page, plain)
