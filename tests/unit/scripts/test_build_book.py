"""What the book is made of: recordings that show what the widgets show, pages of the API, marks filled in."""

import ast
import base64
import json
import re
from fnmatch import fnmatch
from pathlib import Path

import book_api
import build_book
import numpy as np
import pytest
import record_book
import recordables
import yaml

ROOT = Path(__file__).parents[3]
RECORDED = build_book.read_recordings()


@pytest.mark.parametrize("name", recordables.RECORDABLES)
def test_recordings_show_what_the_widgets_show(name: str):
    now = record_book.record(recordables.RECORDABLES[name]())
    assert record_book.difference(RECORDED[name], now) == "", "run python scripts/build/record_book.py"


def test_difference_notices_words_geometry_and_controls():
    stored = RECORDED["00_stages"]
    assert record_book.difference(stored, json.loads(json.dumps(stored))) == ""

    def changed(change) -> str:
        other = json.loads(json.dumps(stored))
        change(other)
        return record_book.difference(stored, other)

    assert changed(lambda r: r["frames"]["1"].update(words=["stage 1: joints 1.0 mm"])).startswith(
        "words at 1"
    )
    assert changed(lambda r: r["state"]["framing"].__setitem__(0, r["state"]["framing"][0] + 1e-3)) == "state"
    assert changed(lambda r: r["state"]["framing"].__setitem__(0, r["state"]["framing"][0] + 1e-8)) == ""

    def move(recording: dict) -> None:
        number = recording["frames"]["2"]["vertices"]
        steps = np.frombuffer(base64.b64decode(recording["buffers"][number]), "<i2") + 5
        recording["buffers"][number] = base64.b64encode(steps.astype("<i2").tobytes()).decode()

    assert changed(move) == "vertices at 2"


def test_recorded_coordinates_are_those_of_the_widget():
    recordable = recordables.RECORDABLES["00_truth"]()
    stored = RECORDED["00_truth"]
    steps = np.frombuffer(base64.b64decode(stored["buffers"][stored["frames"][""]["vertices"]]), "<i2")
    metres = stored["step"] * steps.reshape(2, 778, 3) + stored["origin"]
    assert np.abs(metres - recordable.view.vertices).max() < 0.6 * record_book.STEP


def test_recordings_are_small():
    files = list((ROOT / "book" / "recorded").iterdir())
    assert {file.name for file in files} == {f"{name}.json.gz" for name in recordables.RECORDABLES}
    assert sum(file.stat().st_size for file in files) < 1_500_000


def test_a_recording_that_is_no_output_of_its_notebook_stops_the_build():
    notebook = json.loads((ROOT / "notebooks" / "00_tour.ipynb").read_text(encoding="utf-8"))
    filled = json.dumps(build_book.with_recordings(notebook, "00_tour", RECORDED))
    assert filled.count("data-recorded") == 2
    stale = {"00_stages": {**RECORDED["00_stages"], "text": "Stages: of another network"}}
    with pytest.raises(build_book.BookError, match=r"00_stages.*record_book\.py"):
        build_book.with_recordings(notebook, "00_tour", stale)


def test_a_chart_becomes_its_picture_but_only_if_it_has_one():
    outputs = [{"data": {build_book.PLOTLY: {}, "image/png": "x"}}, {"data": {build_book.PLOTLY: {}}}]
    notebook = build_book.without_charts({"cells": [{"outputs": outputs}, {"cell_type": "markdown"}]})
    left = [list(output["data"]) for output in notebook["cells"][0]["outputs"]]
    assert left == [["image/png"], [build_book.PLOTLY]]


def test_every_diagram_is_drawn():
    pages = sorted((ROOT / "docs").glob("*.md"))
    codes = [code for page in pages for code in build_book.diagrams(page.read_text(encoding="utf-8"))]
    drawn = {file.name for file in (ROOT / "book" / "diagrams").iterdir()}
    assert codes
    assert drawn == {build_book.diagram_name(code) for code in codes}, (
        "run python scripts/build/draw_diagrams.py"
    )
    with pytest.raises(build_book.BookError, match=r"draw_diagrams\.py"):
        build_book.with_diagrams("```mermaid\nflowchart TD\n```", ROOT / "docs" / "new.md")


def test_title_page_names_every_notebook():
    page = build_book.title_page(RECORDED)
    assert "<!--" not in page and 'data-recorded="00_stages"' in page
    for line in build_book.notebook_table().splitlines()[2:]:
        (target,) = re.findall(r"\]\(([^)]+)\)", line)
        assert (ROOT / target).exists()


def test_contents_name_every_page():
    parts = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())["parts"]
    named = [value for part in parts for chapter in part["chapters"] for value in chapter.values()]
    pages = [f"api/{name}" for name in ("modules", *book_api.TITLES)]
    found = [path.relative_to(ROOT) for pattern in build_book.PAGES for path in ROOT.glob(pattern)]
    pages += [path.with_suffix("").as_posix() for path in found]
    assert len(pages) > 30
    assert [page for page in pages if not any(fnmatch(page, pattern) for pattern in named)] == []


def test_signatures_are_written_as_they_stand():
    source = """
def scale(points: Float[Tensor, "*batch n 3"], by: float = 1.0, *, _why: str = "") -> Float[Tensor, "3"]:
    '''Makes |points| larger.

    Raises:
        ValueError: nothing to scale, see
            :func:`other`.
    '''

class Box(Base):
    '''A box.'''

    side: float = 2.0
    '''Metres.'''

    def grow(self, by: float) -> None:
        '''Grows.'''

def _hidden(): ...
"""
    text = book_api.module_section(book_api.Module("handlib.things", ast.parse(source)))
    assert ".. py:function:: scale(points: Float[Tensor, '*batch n 3'], by: float=1.0" in text
    assert "-> Float[Tensor, '3']" in text
    assert r"Makes \|points\| larger." in text
    assert re.search(
        r"\.\. rubric:: Raises\n\s+ValueError\n\s+nothing to scale, see\n\s+:func:`\.other`\.", text
    )
    assert ".. py:method:: grow(by: float) -> None" in text
    assert re.search(r"py:attribute:: side\n\s+:type: float\n\s+:value: 2\.0\n\n\s+Metres\.", text)
    assert "hidden" not in text


def test_every_module_is_on_a_page():
    modules = book_api.read_modules(ROOT / "handlib")
    pages = book_api.pages(modules)
    for module in modules:
        assert f"\n.. py:module:: {module.name}\n" in pages[book_api.group_of(module.name)]
        assert book_api.marked_up(module.summary) in pages["modules"], module.name
