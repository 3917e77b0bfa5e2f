"""What other front ends are told about this project agrees with the project."""

import json
import os
import re
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "front_ends.md"


def test_binder_installs_this_project_and_keeps_no_second_list():
    environment = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text(encoding="utf-8"))
    names = {re.split(r"[=<>]", package)[0] for package in environment["dependencies"]}
    assert names == {"python", "pip", "pytorch-cpu"}
    script = ROOT / "binder" / "postBuild"
    assert script.read_text(encoding="utf-8").startswith("#!")
    assert re.search(
        r"^python -m pip install .*-e '\.\[notebooks\]'$", script.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert os.name != "posix" or os.access(script, os.X_OK)


def test_the_container_sets_up_as_everybody_does():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["postCreateCommand"] == "make setup"
    assert re.search(r"^setup:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    interpreter = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter == "${containerWorkspaceFolder}/.venv/bin/python"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")), ids=lambda path: path.stem
)
def test_every_widget_can_be_seen_where_none_runs(path: Path):
    # A page without a kernel takes the richest of these that it knows. Values without a picture are text.
    pictures = {"image/png", "image/svg+xml", "text/html"}
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    shown = [output.data for cell in cells for output in cell.outputs if "data" in output]
    assert any(pictures & set(data) for data in shown)
    assert all("text/plain" in data for data in shown)
    words = [data["text/plain"] for data in shown if not pictures & set(data)]
    assert [text for text in words if re.search(r"children=|Widget|Explorer|object at 0x", text)] == []
