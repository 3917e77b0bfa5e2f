"""The reader's own copies of the notebooks, in which answers to predictions aren't given away."""

import re
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
from nbformat import NotebookNode

from handlib.utils.files import write_text

REVEALS = "reveals"
"""The tag of cells whose output answers a prediction."""
ORIGINALS, COPIES = "notebooks", "work"
"""The folders of the notebooks as committed, and of the reader's copies."""
WIDGET = "application/vnd.jupyter.widget-view+json"
"""The kind of output that Jupyter shows as a widget; a widget lives only as long as its kernel."""


def reader_copy(notebook: NotebookNode) -> NotebookNode:
    """Returns a notebook without the outputs that answer a prediction or count somebody else's parts."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if REVEALS in cell.metadata.get("tags", ()) or "progress()" in cell.source:
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


def linked_to(folder: str, page: str, path: str) -> str:
    """Returns a page in Markdown with its links to notebooks leading into ``folder``.

    ``path`` is the page's path from the repository's root, where both folders lie.
    """
    parent = PurePosixPath(path.strip("/")).parent
    up = "../" * len(parent.parts)
    # A page in one of the two folders names the notebooks beside it by their names alone.
    beside = "|" if parent.name in (ORIGINALS, COPIES) else ""
    link = re.compile(rf"\]\((?:{re.escape(up)}(?:{ORIGINALS}|{COPIES})/{beside})(\d\d_\w+\.ipynb)")
    return link.sub(rf"]({up}{folder}/\1", page)


def without_dead_widgets(notebook: dict[str, Any]) -> None:
    """Takes away the widgets of a notebook whose kernel has ended; their pictures and tables stay.

    Otherwise Jupyter shows an error in their places.
    """
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            kinds = output.get("data", {})
            if WIDGET in kinds and kinds.keys() - {WIDGET, "text/plain"}:
                del kinds[WIDGET]
