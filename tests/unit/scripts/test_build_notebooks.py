import base64
import io

import nbformat
import numpy as np
import pytest
from build_notebooks import WIDGET_VIEW, BuildError, build, check, clean_outputs, main, shrink_png
from PIL import Image

SOURCE = """# %% [markdown]
# # A title

# %%
from handlib.hand.hand import Hand
from handlib.show import HandExplorer

explorer = HandExplorer([Hand.open("left")], num_pose=1, num_betas=0)
explorer

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
print(len(explorer.view.sides))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "source").mkdir()
    (folder / "source" / "07_small.py").write_text(SOURCE)
    build(folder / "source" / "07_small.py", folder / "07_small.ipynb")
    return folder


def test_notebook_is_executed_numbered_and_free_of_chance(folder):
    notebook = nbformat.read(folder / "07_small.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells] == ["07-000", "07-001", "07-002"]
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2]
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.kernelspec.name == "python3"
    data = notebook.cells[1].outputs[0].data
    assert set(data) == {"image/png", "text/plain"}
    assert notebook.cells[2].outputs[0].text == "1\n"
    assert notebook.cells[2].metadata.tags == ["solution", "hide-cell"]
    assert notebook.cells[2].metadata.jupyter.source_hidden
    assert all("execution" not in cell.metadata for cell in notebook.cells)


def test_second_build_gives_the_same_bytes(folder):
    before = (folder / "07_small.ipynb").read_bytes()
    assert main(["07_small"], folder) == 0
    assert (folder / "07_small.ipynb").read_bytes() == before
    assert list(folder.glob("*.unfinished")) == []


def test_check_names_what_is_stale(folder, tmp_path, capsys):
    assert main(["--check"], folder) == 0
    (tmp_path / "source").mkdir()
    source = tmp_path / "source" / "07_small.py"
    source.write_text(SOURCE)
    assert main(["--check"], tmp_path) == 1
    assert "07_small.ipynb: missing" in capsys.readouterr().out

    notebook = tmp_path / "07_small.ipynb"
    notebook.write_bytes((folder / "07_small.ipynb").read_bytes())
    assert check([source], tmp_path, complete=True) == []
    notebook.write_text(notebook.read_text().replace("A title", "Another title"))
    assert check([source], tmp_path, complete=True) == ["07_small.ipynb: cell 07-000 differs from the source"]
    source.write_text(SOURCE + "\n# %%\n1 + 1\n")
    assert check([source], tmp_path, complete=True) == [
        "07_small.ipynb: built from another version of 07_small.py"
    ]
    (tmp_path / "08_lost.ipynb").write_bytes((folder / "07_small.ipynb").read_bytes())
    assert check([], tmp_path, complete=True)[-1] == "08_lost.ipynb: has no source"


def test_failing_cell_leaves_the_old_notebook(tmp_path, capsys):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "01_bad.py").write_text("# %%\nraise KeyError('no such hand')\n")
    (tmp_path / "01_bad.ipynb").write_text("as it was")
    assert main([], tmp_path) == 1
    assert "no such hand" in capsys.readouterr().err
    assert (tmp_path / "01_bad.ipynb").read_text() == "as it was"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ({"output_type": "display_data", "data": {WIDGET_VIEW: {"model_id": "1"}}}, "expected a picture"),
        ({"output_type": "stream", "name": "stderr", "text": "UserWarning: old"}, "UserWarning"),
    ],
)
def test_a_widget_without_a_picture_and_a_warning_are_refused(output: dict, said: str):
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output(**output)])
    with pytest.raises(BuildError, match=f"01, cell 3: .*{said}"):
        clean_outputs(cell, "01, cell 3")


def test_pictures_shrink_on_white():
    pixels = np.zeros((50, 60, 4), np.uint8)
    pixels[:25] = (255, 0, 0, 255)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    shrunk = shrink_png(base64.b64encode(buffer.getvalue()).decode())
    image = Image.open(io.BytesIO(base64.b64decode(shrunk)))
    decoded = np.asarray(image.convert("RGB"))
    assert (decoded[10, 10] == (255, 0, 0)).all() and (decoded[40, 10] == 255).all()
    assert shrink_png(shrunk) == shrunk
