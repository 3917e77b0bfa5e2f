"""Notebook 08 in a real JupyterLab: every control of the refinement widget is moved and does something."""

from support.lab_page import (
    VIEW,
    ask,
    press_slider,
    run_needed,
    save_and_reload,
    says,
    wait_for_another,
    wait_for_view,
    wait_until_vertex_moved,
)


def switch(page, name: str) -> None:
    """Presses a switch by keyboard."""
    box = page.locator(f'.widget-checkbox:has-text("{name}") input')
    box.focus()
    page.keyboard.press("Space")


def test_every_control_of_the_refinement_widget(page, lab):
    run_needed(page, lab, "08_refinement.ipynb", "show.RefinementExplorer(")
    wait_for_view(page)
    image = page.locator(f".jp-OutputArea-output:has({VIEW}) img.widget-image")
    says(page, "stage 2 again: joints")
    course = page.locator('.widget-label:has-text("joints, mm: initial")')
    seen = [image.get_attribute("src")]

    def changed_picture() -> None:
        wait_for_another(page, image, seen)

    before = ask(page, "vertex(1, 320)")
    press_slider(page, "estimate", "ArrowLeft", times=3)
    says(page, "initial: joints")
    wait_until_vertex_moved(page, before)
    changed_picture()

    before, numbers = ask(page, "vertex(1, 320)"), course.text_content()
    press_slider(page, "turn (°)", times=6)
    says(page, "(start turned by 30°)")
    wait_until_vertex_moved(page, before)
    changed_picture()
    assert course.text_content() != numbers

    press_slider(page, "shift (%)", times=5)
    says(page, "(start turned by 30°; start shifted by 5 % of the side)")
    changed_picture()

    press_slider(page, "estimate", times=2)
    says(page, "stage 2: joints")
    for name, said in (
        ("GCN", "; without GCN)"),
        ("transformer", "; without GCN, transformer)"),
        ("enhancement", "; without GCN, transformer, enhancement)"),
    ):
        before, numbers = ask(page, "vertex(1, 320)"), course.text_content()
        switch(page, name)
        says(page, said)
        wait_until_vertex_moved(page, before)
        changed_picture()
        assert course.text_content() != numbers

    save_and_reload(page)
    wait_for_view(page)
    says(page, "; without GCN, transformer, enhancement)")
    before = ask(page, "vertex(1, 320)")
    switch(page, "GCN")
    says(page, "; without transformer, enhancement)")
    wait_until_vertex_moved(page, before)
    press_slider(page, "turn (°)", "ArrowLeft", times=6)
    says(page, "(start shifted by 5 % of the side; without transformer, enhancement)")
    assert page.outside == []
