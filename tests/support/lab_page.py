"""What a reader does on a page of JupyterLab: run a notebook, move a slider, click on a joint."""

import io
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import jupytext
import nbformat
import numpy as np
from PIL import Image

VIEW = ".handlib-hands"
IMAGE = ".jp-OutputArea-output img.widget-image"
POINTS = ".handlib-points"
WORDS = ".jp-OutputArea .widget-label, .jp-OutputArea .widget-html-content"
IDLE = "text=Python 3 (ipykernel) | Idle"
SECONDS = 1000
LONG = 300 * SECONDS


def open_notebook(page, lab, notebook: str, folder: str = "notebooks") -> None:
    """Opens a notebook in a workspace of its own; returns when its kernel is there."""
    page.goto(f"{lab.url}/lab/workspaces/{uuid.uuid4().hex}/tree/{folder}/{notebook}")
    page.locator(IDLE).first.wait_for(timeout=LONG)
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=LONG)


def run_cells(page, lab, name: str, source: str) -> None:
    """Runs a notebook of that name, text in percent format, in the only kernel.

    Returns when its last widget is there, in view, and the kernel is done.
    """
    lab.stop_kernels()
    notebook = jupytext.reads(source.lstrip(), "py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.notebooks / f"{name}.ipynb")
    open_notebook(page, lab, f"{name}.ipynb")
    page.click('.lm-MenuBar-itemLabel:text-is("Run")')
    page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')
    wait_for_widget(page)


def wait_for_widget(page) -> None:
    """Waits until the page's last widget is there, scrolls to it, and waits until the kernel is done."""
    page.locator(".jp-OutputArea-output .jupyter-widgets").last.wait_for(state="attached", timeout=LONG)
    page.wait_for_function(
        "() => ![...document.querySelectorAll('.jp-InputPrompt')].some(p => p.textContent.includes('*'))",
        timeout=2 * LONG,
    )
    wait_until_idle(page)
    page.locator(".jp-OutputArea-output:has(.jupyter-widgets)").last.scroll_into_view_if_needed()


def wait_until_idle(page) -> None:
    """Waits until the kernel has run everything it was asked to: until then controls are not answered."""
    page.locator(IDLE).first.wait_for(timeout=2 * LONG)


def wait_for_view(page, view: int = 0) -> None:
    """Waits until the notebook's view of that number is on the page and drawn."""
    page.locator(VIEW).nth(view).wait_for(timeout=LONG)
    page.locator(VIEW).nth(view).scroll_into_view_if_needed()
    page.wait_for_function(
        f"document.querySelectorAll('{VIEW}')[{view}]?.handlib?.framesDrawn() > 0", timeout=LONG
    )


def save_and_reload(page) -> None:
    """Saves the notebook and reloads the page; the kernel goes on."""

    def saved(response) -> bool:
        return response.request.method == "PUT" and "/api/contents/" in response.url

    with page.expect_response(saved, timeout=LONG):
        page.keyboard.press("Control+s")
    page.reload()
    page.locator(IDLE).first.wait_for(timeout=LONG)
    wait_for_widget(page)


# What the page shows


def says(page, *texts: str) -> str:
    """Waits until one line of words among the widgets holds all of the texts; returns it."""
    line = page.locator(WORDS)
    for text in texts:
        line = line.filter(has_text=text)
    line.first.wait_for(timeout=LONG)
    return line.first.text_content()


@contextmanager
def changes_what_is_shown(page) -> Iterator[None]:
    """Waits afterwards until a picture or a line among the widgets is another one and the kernel is done."""
    shown = """([image, words]) => [
        ...[...document.querySelectorAll(image)].map(image => image.src),
        ...[...document.querySelectorAll(words)].map(line => line.textContent),
    ].join('|')"""
    selectors = [IMAGE, WORDS]
    before = page.evaluate(shown, selectors)
    yield
    page.wait_for_function(
        f"([before, selectors]) => ({shown})(selectors) !== before", arg=[before, selectors], timeout=LONG
    )
    wait_until_idle(page)


@contextmanager
def redraws(page, *images) -> Iterator[None]:
    """Waits afterwards until each image shows another picture and the kernel is done."""
    before = [image.get_attribute("src") for image in images]
    yield
    for image, source in zip(images, before, strict=True):
        page.wait_for_function(
            "([image, source]) => image.getAttribute('src') !== source",
            arg=[image.element_handle(), source],
            timeout=LONG,
        )
    wait_until_idle(page)


@contextmanager
def moves(page, view: int = 0) -> Iterator[None]:
    """Waits afterwards until the right hand's index fingertip is elsewhere."""
    before = ask(page, "vertex(1, 320)", view)
    yield
    page.wait_for_function(
        f"before => document.querySelectorAll('{VIEW}')[{view}].handlib.vertex(1, 320)"
        ".some((x, i) => Math.abs(x - before[i]) > 1e-4)",
        arg=before,
        timeout=LONG,
    )


def ask(page, expression: str, view: int = 0):
    """Asks a view's test hook, as in ``vertex(0, 5)``."""
    return page.evaluate(f"document.querySelectorAll('{VIEW}')[{view}].handlib.{expression}")


def ask_points(page, expression: str):
    """Asks the test hook of the picture with points, as in ``point(0)``."""
    return page.evaluate(f"document.querySelector('{POINTS}').handlib.{expression}")


def wait_for_points(page, condition: str, given: float | None = None) -> None:
    """Waits for something of the picture with points, as in ``point(0)[0] > given``."""
    page.wait_for_function(
        f"given => document.querySelector('{POINTS}').handlib.{condition}", arg=given, timeout=LONG
    )


def canvas_colours(page, view: int = 0) -> int:
    """Number of different colours on a view's canvas."""
    canvas = page.locator(f"{VIEW} canvas").nth(view)
    canvas.scroll_into_view_if_needed()
    shot = Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")
    return len(np.unique(np.asarray(shot).reshape(-1, 3), axis=0))


# What the reader does


def press_slider(page, name: str, key: str = "ArrowRight", times: int = 1) -> None:
    """Moves the slider of that name by keyboard."""
    slider = page.locator(f'.widget-slider:has(label:text-is("{name}")) .noUi-handle').first
    slider.scroll_into_view_if_needed()
    slider.focus()
    for _ in range(times):
        page.keyboard.press(key)


def choose(page, name: str, option: str) -> None:
    """Picks an option of the dropdown of that name."""
    dropdown = page.locator(f'.widget-dropdown:has(label:text-is("{name}")) select')
    dropdown.focus()
    dropdown.select_option(option)


def pick_joint(page, label: str) -> None:
    """Picks a joint in the list below a 3D view."""
    page.get_by_role("combobox", name="picked joint").first.select_option(label=label)


def press(page, button: str) -> None:
    """Presses the button of exactly that name."""
    page.get_by_role("button", name=button, exact=True).first.click()


def switch(page, name: str) -> None:
    """Presses a switch by keyboard."""
    page.locator(f'.widget-checkbox:has-text("{name}") input').focus()
    page.keyboard.press("Space")


def drag(page, start: tuple[float, float], by: tuple[float, float]) -> None:
    """Drags the mouse from a place of the page by so many pixels."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + by[0], start[1] + by[1], steps=5)
    page.mouse.up()


def click_joint(page, joint: int, view: int = 0) -> None:
    """Clicks where a joint is drawn, once what is above it has stopped to push it about."""
    page.locator(f"{VIEW} canvas").nth(view).scroll_into_view_if_needed()
    page.wait_for_function(
        """([view, k]) => {
            const canvas = document.querySelectorAll(view)[k].querySelector('canvas');
            const here = canvas.getBoundingClientRect().top, before = canvas.lastTop;
            canvas.lastTop = here;
            return here === before;
        }""",
        arg=[VIEW, view],
        polling=300,
    )
    page.mouse.click(*ask(page, f"jointOnPage({joint})", view))
