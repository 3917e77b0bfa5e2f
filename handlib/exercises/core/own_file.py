"""A reader's functions in a Python file of their own: functions come in or are replaced, all else stays."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handlib.exercises.core.own_source import imports_of, own_source
from handlib.model.parts import PARTS, module_from
from handlib.utils.errors import InputError
from handlib.utils.files import reading, replacing

HEADER = (
    '"""My parts of DIR, kept by the notebooks\' checks; a network runs them with parts="my_dir.py"."""\n'
)


def keep(function: Callable[..., Any], path: Path, check: Callable[[object], None]) -> None:
    """Writes a function into a file, with the imports, helpers and constants that it needs.

    A former version of the function is replaced, and nothing else of the file. Before the file is written,
    ``check`` gets the function as the new file has it.

    Raises:
        InputError: the function can't stand in a file, does something else there, or the file doesn't have
            the form that it was left in. The file is as it was then.
    """
    name = function.__name__
    old = _text_of(path)
    if old:
        module_from(path)
    source, new = own_source(function), old or HEADER
    for needed, statement in source.imports.items():
        new = _with_import(new, needed, statement, path)
    for needed, text in source.definitions.items():
        if needed != name and needed in PARTS:
            raise InputError(f"{name} uses {needed}, another part; call your helper something else")
        new = _with_definition(new, needed, text, path, set(source.definitions))
    _check(new, path, name, check)
    if new != old:
        with replacing(path.resolve()) as temporary:
            temporary.write_bytes(_with_ends_of(old, new).encode())


def _text_of(path: Path) -> str:
    if not path.exists():
        return ""
    with reading(path, "a Python file in UTF-8"):
        text = path.read_bytes().decode("utf-8")
    if "\r" in text.replace("\r\n", ""):
        raise InputError(f"{path.name}: expected lines that end with a line feed; mend the file first")
    return text


def _with_ends_of(old: str, new: str) -> str:
    """The new text with the old one's line ends."""
    return new.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in old else new


def _check(text: str, path: Path, name: str, check: Callable[[object], None]) -> None:
    module: dict[str, Any] = {"__name__": path.stem}
    try:
        exec(compile(text, str(path), "exec"), module)
        check(module[name])
    except Exception as error:
        said = str(error) or type(error).__name__
        raise InputError(f"in {path.name} alone it does something else: {said}") from error


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement of a module binds."""
    definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    names: set[str] = set()
    for node in [statement] if isinstance(statement, definition) else ast.walk(statement):
        if isinstance(node, definition):
            names.add(node.name)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.stmt):
            names.update(imports_of(node))
    return names


def _first_line(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _with_import(text: str, name: str, statement: str, path: Path) -> str:
    body, last = ast.parse(text).body, 0
    for there in body:
        if name in _bound(there):
            if imports_of(there).get(name) == statement:
                return text
            raise InputError(
                f"{path.name}: {name} is something else than by `{statement}`; rename one of them"
            )
    documented = ast.get_docstring(ast.Module(body, [])) is not None
    for there in body[documented:]:
        if not isinstance(there, ast.Import | ast.ImportFrom):
            break
        last = there.end_lineno or 0
    if documented and not last:
        last, statement = body[0].end_lineno or 0, f"\n{statement}"
    return _spliced(text, last, last, statement)


def _with_definition(text: str, name: str, source: str, path: Path, renewed: set[str]) -> str:
    """The text with a definition, which isn't changed under functions that use it and aren't ``renewed``."""
    body = ast.parse(text).body
    there = [statement for statement in body if name in _bound(statement)]
    if not there:
        end = "" if text.endswith("\n") else "\n"
        return f"{text}{end}\n\n{source}\n"
    former, (new,) = there[0], ast.parse(source).body
    if len(there) > 1 or type(former) is not type(new) or _bound(former) != {name}:
        raise InputError(f"{path.name}: expected one plain definition of {name}; mend the file first")
    start, end_line = _first_line(former) - 1, former.end_lineno or former.lineno
    if "\n".join(text.split("\n")[start:end_line]).replace("\r", "") == source:
        return text
    if name not in PARTS and (
        user := _user(name, [statement for statement in body if not _bound(statement) & renewed])
    ):
        raise InputError(f"{path.name}: {user} uses another {name}; call your helper something else")
    return _spliced(text, start, end_line, source)


def _user(name: str, statements: list[ast.stmt]) -> str | None:
    """A function, or the number of a line, that uses a name."""
    for statement in statements:
        if any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(statement)):
            return getattr(statement, "name", f"line {statement.lineno}")
    return None


def _spliced(text: str, start: int, end: int, lines: str) -> str:
    """The text with other lines from ``start`` (counted from 0) to before ``end``."""
    kept = text.split("\n")
    return "\n".join([*kept[:start], lines, *kept[end:]])
