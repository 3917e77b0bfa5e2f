"""The reader's own copies of the notebooks, in which answers to predictions aren't given away."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from handlib.utils.files import write_text

REVEALS = "reveals"
"""The tag of cells whose output answers a prediction."""


def reader_copy(notebook: NotebookNode) -> NotebookNode:
    """Returns a notebook without the outputs that answer a prediction."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if REVEALS in cell.metadata.get("tags", ()):
            cell.outputs, cell.execution_count = [], None
    return copy


def make_reader_copies(notebooks: Path, work: Path) -> list[Path]:
    """Writes a copy of every notebook into the folder ``work`` and returns those that are new.

    A copy that is there already stays as it is, since the reader may have worked in it.
    """
    work.mkdir(exist_ok=True)
    made = []
    for source in sorted(notebooks.glob("*.ipynb")):
        target = work / source.name
        if not target.exists():
            copy = reader_copy(nbformat.read(source, as_version=4))
            write_text(target, nbformat.writes(copy, version=4) + "\n")
            made.append(target)
    return made
