"""Notebook 09 in JupyterLab: a curve that moves while a network trains, every control of the losses."""

from support.lab_page import (
    SECONDS,
    VIEW,
    ask,
    choose,
    press_slider,
    run_needed,
    save_and_reload,
    wait_for_another,
    wait_for_view,
    wait_until_idle,
    wait_until_vertex_moved,
)

CAPTION = f".jp-OutputArea-output:has({VIEW}) .widget-html-content"


def says(page, text: str) -> None:
    """Waits until the loss widget's caption says something."""
    page.locator(f'{CAPTION}:has-text("{text}")').wait_for(timeout=90 * SECONDS)


def test_curves_move_while_the_network_trains_and_every_control_of_the_losses(page, lab):
    trainings = ('learn("one", ', 'learn("sixty_four", ')
    run_needed(page, lab, "09_training.ipynb", "show.LossExplorer(", *trainings)
    caption = page.locator('.widget-label:has-text(" of 60: MPJPE in mm")')
    caption.wait_for(timeout=300 * SECONDS)
    curve = page.locator('.jp-OutputArea-output:has-text(" of 60: MPJPE in mm") img.widget-image')
    seen = [curve.get_attribute("src")]
    wait_for_another(page, curve, seen)
    wait_for_another(page, curve, seen)
    page.locator('.widget-label:has-text("step 60 of 60")').wait_for(timeout=300 * SECONDS)
    held_out = "on pairs it isn't trained on"
    page.locator(f'.widget-label:has-text("step 80 of 80"):has-text("{held_out}")').wait_for(
        timeout=300 * SECONDS
    )
    wait_until_idle(page)
    wait_for_view(page)

    image = page.locator(f".jp-OutputArea-output:has({VIEW}) img.widget-image")
    says(page, "right hand: tilt +30 °. vertices with weight 1:")
    shown, before = [image.get_attribute("src")], ask(page, "vertex(1, 320)")
    press_slider(page, "amount", times=10)
    says(page, "right hand: tilt +40 °. vertices with weight 1:")
    wait_until_vertex_moved(page, before)
    wait_for_another(page, image, shown)

    choose(page, "term", "edge")
    says(page, "tilt +40 °. edge with weight 1: 0, it sees nothing wrong and pulls nowhere")
    wait_for_another(page, image, shown)
    choose(page, "term", "offset")
    says(page, "tilt +40 °. offset with weight 1: 0, it sees nothing wrong")
    before = ask(page, "vertex(1, 320)")
    choose(page, "change", "depth")
    says(page, "right hand: depth +40 mm. offset with weight 1:")
    says(page, "0 % sideways, 0 % up or down, 100 % in depth")
    wait_until_vertex_moved(page, before)
    wait_for_another(page, image, shown)
    page.get_by_role("button", name="small", exact=True).press("Enter")
    wait_for_another(page, image, shown)

    save_and_reload(page)
    wait_for_view(page)
    says(page, "right hand: depth +40 mm. offset with weight 1:")
    before = ask(page, "vertex(1, 320)")
    choose(page, "change", "turn")
    says(page, "right hand: turn +40 °. offset with weight 1: 0")
    wait_until_vertex_moved(page, before)
    press_slider(page, "amount", "ArrowLeft", times=3)
    says(page, "right hand: turn +37 °.")
    assert page.outside == []
