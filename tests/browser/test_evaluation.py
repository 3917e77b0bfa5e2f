"""Notebook 10 in a real JupyterLab: every control of the evaluation widget is moved and does something."""

from support.lab_page import (
    SECONDS,
    VIEW,
    ask,
    canvas_colours,
    choose,
    press_slider,
    run_needed,
    save_and_reload,
    says,
    wait_for_another,
    wait_for_view,
    wait_until_vertex_moved,
)


def chosen(page, name: str) -> str:
    """What the dropdown of that name shows."""
    select = page.locator(f'.widget-dropdown:has(label:text-is("{name}")) select')
    return select.evaluate("select => select.selectedOptions[0].text")


def wait_until_chosen(page, name: str, value: str) -> None:
    """Waits until the dropdown shows a value; its spaces are ones that don't break."""
    page.wait_for_function(
        """([name, value]) => [...document.querySelectorAll('.widget-dropdown')].some(box =>
            box.querySelector('label').textContent === name
            && box.querySelector('select').selectedOptions[0].text.replaceAll('\u00a0', ' ') === value)""",
        arg=[name, value],
        timeout=90 * SECONDS,
    )


def test_every_control_of_the_evaluation_widget(page, lab):
    run_needed(page, lab, "10_evaluation.ipynb", "show.EvaluationExplorer(")
    wait_for_view(page)
    images = page.locator(f".jp-OutputArea-output:has({VIEW}) img.widget-image")
    says(page, "stage 2, INTAG_MCP: mean")
    assert canvas_colours(page) > 50
    seen = [[images.nth(k).get_attribute("src")] for k in range(2)]

    def changed(number: int) -> None:
        """Waits until the chart (0) or the picture (1) is one that wasn't there before."""
        wait_for_another(page, images.nth(number), seen[number])

    def moved_by(action) -> None:
        """Does something and waits until the estimate's hand in 3D is elsewhere."""
        before = ask(page, "vertex(1, 320)")
        action()
        wait_until_vertex_moved(page, before)

    moved_by(lambda: choose(page, "protocol", "INTAG_WRIST"))
    says(page, "stage 2, INTAG_WRIST: mean")
    assert chosen(page, "root") == "wrist"
    changed(0)

    moved_by(lambda: choose(page, "root", "index4"))
    says(page, "stage 2, your own: mean")
    says(page, "centred on index4, scaled by wrist-middle1)")
    wait_until_chosen(page, "protocol", "your own")
    changed(0)

    moved_by(lambda: choose(page, "scaling", "Procrustes"))
    says(page, "stage 2, PA-MPJPE: mean")
    changed(0)

    moved_by(lambda: choose(page, "joints", "annotated"))
    says(page, "(annotated joints, each hand fitted to the truth)")
    changed(0)

    moved_by(lambda: choose(page, "protocol", "INTERNET"))
    says(page, "stage 2, INTERNET: mean")
    changed(0)

    moved_by(lambda: press_slider(page, "estimate", "ArrowLeft", times=2))
    says(page, "initial, INTERNET: mean")
    changed(0)
    changed(1)

    moved_by(lambda: press_slider(page, "rank", "Home", times=1))
    changed(0)
    changed(1)
    says(page, "initial, INTERNET: mean")

    save_and_reload(page)
    wait_for_view(page)
    says(page, "initial, INTERNET: mean")
    moved_by(lambda: choose(page, "protocol", "PA-MPJPE"))
    says(page, "initial, PA-MPJPE: mean")
    moved_by(lambda: press_slider(page, "estimate", times=2))
    says(page, "stage 2, PA-MPJPE: mean")
    assert page.outside == []
