import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from handlib.exercises.core.reader_copies import (
    COPIES,
    ORIGINALS,
    WIDGET,
    linked_to,
    make_reader_copies,
    without_dead_widgets,
)


@pytest.fixture
def folders(tmp_path):
    cells = [
        new_code_cell("1 + 1", outputs=[new_output("stream", text="shown")]),
        new_code_cell("2 + 2", outputs=[new_output("stream", text="spoilt")], metadata={"tags": ["reveals"]}),
        new_code_cell("progress()", outputs=[new_output("stream", text="0 of 11 parts are yours")]),
    ]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / "01_a.ipynb")
    return tmp_path / "notebooks", tmp_path / "work"


def test_copies_come_without_the_answers_to_predictions(folders):
    notebooks, work = folders
    before = (notebooks / "01_a.ipynb").read_bytes()
    assert make_reader_copies(notebooks, work) == [work / "01_a.ipynb"]
    shown, hidden, counted = nbformat.read(work / "01_a.ipynb", as_version=4).cells
    assert shown.outputs[0].text == "shown"
    assert hidden.source == "2 + 2"
    assert hidden.outputs == counted.outputs == []
    assert (notebooks / "01_a.ipynb").read_bytes() == before


def test_what_a_reader_wrote_is_never_overwritten(folders):
    notebooks, work = folders
    make_reader_copies(notebooks, work)
    (work / "01_a.ipynb").write_text("the reader's")
    assert make_reader_copies(notebooks, work) == []
    assert (work / "01_a.ipynb").read_text() == "the reader's"


@pytest.mark.parametrize(
    ("path", "original", "copy"),
    [
        ("README.md", "[a](notebooks/01_a.ipynb)", "[a](work/01_a.ipynb)"),
        ("docs/glossary.md", "[a](../notebooks/01_a.ipynb#b)", "[a](../work/01_a.ipynb#b)"),
        ("docs/glossary.md", "[a](../notebooks/README.md)", "[a](../notebooks/README.md)"),
        ("docs/glossary.md", "[a](01_a.ipynb)", "[a](01_a.ipynb)"),
        ("docs/glossary.md", "`../notebooks/01_a.ipynb`", "`../notebooks/01_a.ipynb`"),
        ("notebooks/README.md", "[a](../notebooks/01_a.ipynb)", "[a](../work/01_a.ipynb)"),
    ],
)
def test_pages_lead_to_the_copies_and_are_saved_as_they_were(path, original, copy):
    assert linked_to(COPIES, original, path) == copy
    assert linked_to(ORIGINALS, copy, path) == original


def test_a_page_among_the_originals_leads_to_the_copies_too():
    assert linked_to(COPIES, "[a](01_a.ipynb)", "notebooks/README.md") == "[a](../work/01_a.ipynb)"


def test_where_a_widget_died_its_picture_stays():
    kinds = [
        {WIDGET: {}, "image/png": "", "text/plain": ""},
        {WIDGET: {}, "text/plain": ""},
        {"text/html": ""},
    ]
    outputs = [new_output("display_data", data=data) for data in kinds]
    notebook = new_notebook(cells=[new_code_cell("", outputs=[*outputs, new_output("stream", text="")])])
    without_dead_widgets(notebook)
    left = [output.data.keys() for output in notebook.cells[0].outputs[:3]]
    assert left == [{"image/png", "text/plain"}, {WIDGET, "text/plain"}, {"text/html"}]
