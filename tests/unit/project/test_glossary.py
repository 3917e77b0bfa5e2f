"""Notebooks explain their words in the glossary: every link there finds its place."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[3]
TERMS = re.findall(r"^## (.+)$", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
ANCHORS = {term.replace(" ", "-") for term in TERMS}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def links(path: Path) -> list[str]:
    """The glossary's anchors that a notebook links to."""
    cells = nbformat.read(path, as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return re.findall(r"\]\(\.\./docs/glossary\.md(?:#([^)]*))?\)", prose)


def test_every_front_end_gives_a_term_the_same_anchor():
    # GitHub and the book write it in lower case and drop commas, JupyterLab keeps the heading's letters.
    assert [term for term in TERMS if not re.fullmatch(r"[a-z]+([ -][a-z]+)*", term)] == []
    assert sorted(TERMS) == TERMS
    assert len(ANCHORS) == len(TERMS) > 20


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_names_its_words_and_they_are_there(path: Path):
    named = links(path)
    assert 4 <= len(named) <= 8
    assert len(set(named)) == len(named)
    assert set(named) <= ANCHORS


def test_every_term_is_needed_by_a_notebook():
    assert {link for path in NOTEBOOKS for link in links(path)} == ANCHORS
