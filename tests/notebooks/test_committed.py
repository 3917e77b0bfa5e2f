"""What strict nbval doesn't notice: cells that it would not compare, things no repository should hold."""

import re
from pathlib import Path

import nbformat
import pytest
from build_notebooks import LARGEST_FILE, NOTEBOOKS, WIDGET_VIEW, main
from nbval.plugin import get_sanitize_patterns

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
SANITISER = Path(__file__).with_name("sanitize.cfg")
SKIPPING_TAGS = {"nbval-skip", "nbval-ignore-output", "raises-exception"}


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def is_skipped(cell) -> bool:
    return bool(SKIPPING_TAGS & set(cell.metadata.get("tags", []))) or bool(
        re.search(r"#\s*NBVAL", cell.source)
    )


def test_notebooks_are_those_of_their_sources():
    assert main(["--check"]) == 0


def test_files_are_small():
    assert PATHS and max(path.stat().st_size for path in PATHS) < LARGEST_FILE


def test_every_cell_was_run_in_order(notebook):
    # nbval compares nothing in a cell that was committed without having been run.
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_most_outputs_are_compared(notebook):
    with_output = [cell for cell in code_cells(notebook) if cell.outputs]
    compared = [cell for cell in with_output if not is_skipped(cell)]
    assert len(with_output) >= 5
    assert len(compared) >= 0.8 * len(with_output)


def test_no_widget_state_and_no_view_that_only_a_kernel_could_fill(notebook):
    assert "widgets" not in notebook.metadata
    for cell in code_cells(notebook):
        assert all(WIDGET_VIEW not in output.get("data", {}) for output in cell.outputs)
        assert all(output.get("name") != "stderr" for output in cell.outputs), cell.id


def test_no_magics_and_no_trailing_semicolon(notebook):
    for cell in code_cells(notebook):
        assert not re.search(r"^\s*[%!]", cell.source, flags=re.MULTILINE), cell.id
        assert not cell.source.rstrip().endswith(";"), cell.id


def test_code_cells_are_short(notebook):
    lengths = sorted(len(cell.source.splitlines()) for cell in code_cells(notebook))
    assert lengths[len(lengths) // 2] <= 12
    assert lengths[-1] <= 30


def test_the_core_is_at_most_35_cells_long(notebook):
    sources = [cell.source for cell in notebook.cells]
    assert sources.index(next(source for source in sources if source.startswith("# Further"))) <= 35


def test_links_lead_to_files_and_headings(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\((?!https?:|#|attachment:)([^)\s]+)\)", text):
        name, _, heading = target.partition("#")
        path = NOTEBOOKS / name
        assert path.exists(), target
        if heading and path.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            # GitHub's rule: lower case, no punctuation, hyphens for spaces.
            anchors = [re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings]
            assert heading in anchors, target


def test_no_path_of_the_machine_that_built_it(notebook):
    shown = "".join(str(output) for cell in code_cells(notebook) for output in cell.outputs)
    assert not re.search(r"/(tmp|home|work|root|Users)/", shown)


def test_every_rule_of_the_sanitiser_is_understood():
    # nbval drops a rule silently when a space is missing.
    text = SANITISER.read_text(encoding="utf-8")
    assert len(get_sanitize_patterns(text)) == text.count("regex:") == 3
