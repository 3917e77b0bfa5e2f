"""Which cells a widget's page keeps."""

import pytest
from build_notebooks import NOTEBOOKS
from nbformat import read
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from support.needed_cells import needed_cells


def kept(cells: str, *texts: str) -> list[str]:
    notebook = new_notebook(cells=[new_markdown_cell("show(a)"), *map(new_code_cell, cells.split("\n---\n"))])
    return [cell.source for cell in needed_cells(notebook, *texts).cells]


def test_keeps_what_binds_names_the_text_needs_and_no_more():
    cells = "import m\n---\na = m.f()\n---\nb = slow()\n---\nshow(a)\n---\na = 2"
    assert kept(cells, "show(") == ["import m", "a = m.f()", "show(a)"]


def test_follows_what_functions_read_but_not_their_own_names():
    cells = "k = slow()\n---\nn = 3\n---\ndef f(k):\n    return [k + n for k in range(k)]\n---\nshow(f(1))"
    assert kept(cells, "show(") == cells.split("\n---\n")[1:]


def test_a_cell_that_binds_a_name_anew_hides_those_before_but_not_what_it_reads_itself():
    cells = "a = slow()\n---\na = 1\n---\na = a + 1\n---\nfor i in range(3):\n    a += i\n---\nshow(a)"
    assert kept(cells, "show(") == cells.split("\n---\n")[1:]


@pytest.mark.parametrize("change", ["a[0] = 2", "a.b.c = 2", "a.append(3)", "if a:\n    a[0].update(k=1)"])
def test_keeps_what_changes_a_needed_object_and_what_made_it(change: str):
    cells = ["import show", "a = f()", "b = [1]", "show.many(a)", "b.append(2)", change, "show.one(a)"]
    assert kept("\n---\n".join(cells), "one(") == ["import show", "a = f()", change, "show.one(a)"]


def test_what_a_function_changes_of_its_own_is_not_a_cells():
    cells = "a = 1\n---\ndef f():\n    a = []\n    a.append(1)\n    return a\n---\nshow(a)"
    assert kept(cells, "show(") == ["a = 1", "show(a)"]


def test_says_which_text_no_code_cell_has():
    with pytest.raises(ValueError, match="expected a code cell with 'nowhere'"):
        kept("a = 1\n---\nshow(a)", "show(", "nowhere")


def test_the_last_widget_of_a_long_notebook_needs_few_of_its_cells():
    notebook = read(NOTEBOOKS / "12_robustness.ipynb", as_version=4)
    cut = needed_cells(notebook, "show.RobustnessExplorer(")
    assert len(cut.cells) < len([cell for cell in notebook.cells if cell.cell_type == "code"]) / 4
