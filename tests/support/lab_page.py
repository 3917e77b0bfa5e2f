"""What a reader does on a page of JupyterLab: run a notebook, move a slider, click on a joint."""

import io
import uuid

import nbformat
import numpy as np
from PIL import Image
from support.needed_cells import needed_cells

VIEW = ".handlib-hands"
IMAGE = ".jp-OutputArea-output img.widget-image"
SECONDS = 1000


def run_all(page, lab, notebook: str) -> None:
    """Opens a notebook in a workspace of its own and asks for all its cells to be run."""
    page.goto(f"{lab.url}/lab/workspaces/{uuid.uuid4().hex}/tree/{notebook}")
    # The status bar names the kernel once there is one; asked to run earlier, JupyterLab opens a dialogue.
    page.locator("text=Python 3 (ipykernel) | Idle").first.wait_for(timeout=90 * SECONDS)
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=90 * SECONDS)
    page.click('.lm-MenuBar-itemLabel:text-is("Run")')
    page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')


def run_needed(page, lab, notebook: str, *texts: str) -> None:
    """Opens a notebook of only the cells that hold one of the texts and those that these need; runs it."""
    cut = needed_cells(nbformat.read(lab.folder / notebook, as_version=4), *texts)
    nbformat.write(cut, lab.folder / f"cut_{notebook}")
    run_all(page, lab, f"cut_{notebook}")


def open_and_run(page, lab, notebook: str, view: int = 0) -> None:
    """Opens a notebook and runs all cells; returns when a 3D view is drawn."""
    run_all(page, lab, notebook)
    wait_for_view(page, view)


def wait_for_view(page, view: int = 0) -> None:
    """Waits until the notebook's view of that number is on the page and drawn."""
    page.locator(VIEW).nth(view).wait_for(timeout=300 * SECONDS)
    page.locator(VIEW).nth(view).scroll_into_view_if_needed()
    page.wait_for_function(
        f"document.querySelectorAll('{VIEW}')[{view}]?.handlib?.framesDrawn() > 0", timeout=120 * SECONDS
    )


def wait_until_idle(page) -> None:
    """Waits until the kernel has run everything it was asked to: until then controls are not answered."""
    page.locator("text=Python 3 (ipykernel) | Idle").first.wait_for(timeout=600 * SECONDS)


def ask(page, expression: str, view: int = 0):
    """Asks a view's test hook, as in ``vertex(0, 5)``."""
    return page.evaluate(f"document.querySelectorAll('{VIEW}')[{view}].handlib.{expression}")


def canvas_colours(page, view: int = 0) -> int:
    """How many different colours a view's canvas shows."""
    canvas = page.locator(f"{VIEW} canvas").nth(view)
    canvas.scroll_into_view_if_needed()
    shot = Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")
    return len(np.unique(np.asarray(shot).reshape(-1, 3), axis=0))


def press_slider(page, name: str, key: str = "ArrowRight", times: int = 5) -> None:
    """Moves the slider of that name by keyboard."""
    slider = page.locator(f'.widget-slider:has(label:text-is("{name}")) .noUi-handle').first
    slider.scroll_into_view_if_needed()
    slider.focus()
    for _ in range(times):
        page.keyboard.press(key)


def says(page, text: str) -> None:
    """Waits until a line of words among the widgets holds a text."""
    page.locator(f'.widget-label:has-text("{text}")').first.wait_for(timeout=120 * SECONDS)


def choose(page, name: str, option: str) -> None:
    """Picks an option of the dropdown of that name."""
    dropdown = page.locator(f'.widget-dropdown:has(label:text-is("{name}")) select')
    dropdown.focus()
    dropdown.select_option(option)


def wait_for_another(page, image, seen: list[str]) -> None:
    """Waits until an image shows what it hasn't shown yet, and remembers that."""
    page.wait_for_function(
        "([image, seen]) => !seen.includes(image.getAttribute('src'))",
        arg=[image.element_handle(), seen],
        timeout=300 * SECONDS,
    )
    seen.append(image.get_attribute("src"))


def last_image(page):
    """The notebook's last picture of a widget, in view, once the kernel has run everything."""
    image = page.locator(IMAGE).last
    image.wait_for(timeout=600 * SECONDS)
    wait_until_idle(page)
    image.scroll_into_view_if_needed()
    return image


def wait_for_answer(page, image, seen: list[str]) -> None:
    """Waits until an image shows what it hasn't shown yet and stays so, and remembers that."""
    wait_for_another(page, image, seen)
    wait_until_idle(page)
    seen.append(image.get_attribute("src"))


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


def save_and_reload(page) -> None:
    """Saves the notebook and reloads the page; the kernel goes on."""

    def saved(response) -> bool:
        return response.request.method == "PUT" and "/api/contents/" in response.url

    with page.expect_response(saved, timeout=90 * SECONDS):
        page.keyboard.press("Control+s")
    page.reload()


def wait_until_vertex_moved(page, before: list[float], view: int = 0) -> None:
    """Waits until the right hand's index fingertip is elsewhere."""
    page.wait_for_function(
        f"before => document.querySelectorAll('{VIEW}')[{view}].handlib.vertex(1, 320)"
        ".some((x, i) => Math.abs(x - before[i]) > 1e-4)",
        arg=before,
        timeout=90 * SECONDS,
    )
