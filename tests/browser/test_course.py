"""A reader's way through the course: the notebooks 00 to 08, in the reader's folder, run in JupyterLab."""

import json
import time

import pytest
from build_notebooks import NOTEBOOKS
from support.lab_page import LONG, SECONDS, open_notebook

NAMES = [path.name for path in sorted(NOTEBOOKS.glob("0[0-8]_*.ipynb"))]


def code_cells(lab, name: str) -> list[dict]:
    """Returns the code cells of the reader's copy as the server has saved them."""
    content = json.loads(lab.ask(f"/contents/work/{name}"))["content"]
    return [cell for cell in content["cells"] if cell["cell_type"] == "code"]


def after_the_run(page, lab, name: str) -> list[dict]:
    """Saves until every cell has been run or one has stopped, and returns the code cells."""
    deadline = time.monotonic() + LONG / SECONDS
    while True:
        page.wait_for_timeout(3 * SECONDS)
        page.keyboard.press("Control+s")
        page.wait_for_timeout(SECONDS)
        cells = code_cells(lab, name)
        if errors(cells) or all(cell["execution_count"] for cell in cells) or time.monotonic() > deadline:
            return cells


def errors(cells: list[dict]) -> list[str]:
    """Returns the messages of all cells that stopped."""
    outputs = [output for cell in cells for output in cell["outputs"]]
    return [output["evalue"] for output in outputs if output["output_type"] == "error"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_readers_copy_hides_answers_and_runs_to_its_end(page, lab, name: str):
    lab.stop_kernels()
    before = code_cells(lab, name)
    answers = [cell for cell in before if "reveals" in cell["metadata"].get("tags", [])]
    assert answers and all(cell["outputs"] == [] for cell in answers)
    open_notebook(page, lab, name, folder="work")
    page.click('.lm-MenuBar-itemLabel:text-is("Run")')
    page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')
    after = after_the_run(page, lab, name)
    assert errors(after) == []
    assert [cell["source"] for cell in after if not cell["execution_count"]] == []
    assert len(after) == len(before)
