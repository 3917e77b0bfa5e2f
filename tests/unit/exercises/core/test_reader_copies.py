import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from handlib.exercises.core.reader_copies import make_reader_copies


@pytest.fixture
def folders(tmp_path):
    cells = [
        new_code_cell("1 + 1", outputs=[new_output("stream", text="shown")]),
        new_code_cell("2 + 2", outputs=[new_output("stream", text="spoilt")], metadata={"tags": ["reveals"]}),
    ]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / "01_a.ipynb")
    return tmp_path / "notebooks", tmp_path / "work"


def test_copies_come_without_the_answers_to_predictions(folders):
    notebooks, work = folders
    before = (notebooks / "01_a.ipynb").read_bytes()
    assert make_reader_copies(notebooks, work) == [work / "01_a.ipynb"]
    shown, hidden = nbformat.read(work / "01_a.ipynb", as_version=4).cells
    assert shown.outputs[0].text == "shown"
    assert hidden.source == "2 + 2"
    assert hidden.outputs == []
    assert (notebooks / "01_a.ipynb").read_bytes() == before


def test_what_a_reader_wrote_is_never_overwritten(folders):
    notebooks, work = folders
    make_reader_copies(notebooks, work)
    (work / "01_a.ipynb").write_text("the reader's")
    assert make_reader_copies(notebooks, work) == []
    assert (work / "01_a.ipynb").read_text() == "the reader's"
