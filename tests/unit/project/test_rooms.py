"""Rooms, the folders of ``handlib``: what may import what, and where a mechanism is found by its name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "handlib"
ORDER = ("utils", "geometry", "hand", "data", "model", "evaluation", "training", "analysis")
ORDER += ("released", "deploy", "exercises", "show", "photos", "doctor", "commands")
"""A room imports those before it, so that no two of them need each other."""
CODE = ("hand", "geometry", "model", "evaluation", "training", "analysis")
MECHANISMS = ("hand", "camera", "encoder", "sampling", "gcn", "transformer", "projection")
MECHANISMS += ("refinement", "training", "evaluation", "ablations", "robustness")


def imports(path: Path) -> Iterator[str]:
    """The full names that a module imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: expected full names of modules, got a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py"))


def test_every_file_is_in_a_room():
    found = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert found == {*ORDER, "__init__.py", "__init__.pyi", "cli.py", "py.typed", "assets"}


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_those_before_it(room: str):
    allowed = ORDER[: ORDER.index(room) + 1]
    for path in modules(room):
        for name in imports(path):
            package, _, rest = name.partition(".")
            assert package != "smplx", f"{path}: nothing that runs needs smplx"
            if package == "handlib" and rest:
                assert rest.partition(".")[0] in allowed, f"{path}: {room} must not import {name}"


def test_photographs_know_only_the_core_of_what_is_drawn():
    for path in modules("photos"):
        for name in imports(path):
            assert not name.startswith("handlib.show") or name.startswith("handlib.show.core"), path


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_mechanism_has_one_name_everywhere(name: str):
    """Its code, picture, exercise, test and notebook; the code is a module or a whole room."""
    tests, code = ROOT / "tests" / "unit", [PACKAGE / room for room in CODE]
    assert any((room / f"{name}.py").exists() or room.name == name for room in code)
    assert any((tests / room.name / f"test_{name}.py").exists() or room.name == name for room in code)
    assert (PACKAGE / "show" / f"{name}.py").exists()
    assert (PACKAGE / "exercises" / f"{name}.py").exists()
    assert (ROOT / "tests" / "support" / "answers" / f"{name}.py").exists()
    assert list((ROOT / "notebooks" / "source").glob(f"[0-9][0-9]_{name}*.py"))
