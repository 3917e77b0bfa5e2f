"""The text of a reader's function, and all that it needs to work in a file of its own."""

import ast
import builtins
import inspect
import linecache
import symtable
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from handlib.utils.errors import InputError


@dataclass
class OwnSource:
    """Imports and definitions by the names that they bind; the function itself is the last definition."""

    imports: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)


def own_source(function: Callable[..., Any]) -> OwnSource:
    """Returns the text of a function, of the helpers and constants that it uses, and their imports.

    Imports are looked for in the file, or in all cells of the notebook, where the function was written.

    Raises:
        InputError: the text can't be found, or the function uses something that can't stand in a file.
    """
    found = OwnSource()
    _add(function.__name__, function, found)
    return found


def _add(name: str, function: Callable[..., Any], found: OwnSource, within: tuple[str, ...] = ()) -> None:
    """Adds a function after everything that it needs; ``within`` are the functions that need it."""
    plain = inspect.unwrap(function)
    if not isinstance(plain, FunctionType) or plain.__name__ != name:
        raise InputError(f"{name}: expected a function that is written with def {name}")
    if plain.__closure__:
        raise InputError(f"{name} is defined inside another function; define it in a cell by itself")
    try:
        text = textwrap.dedent(inspect.getsource(plain)).rstrip()
    except (OSError, TypeError):
        raise InputError(f"the text of {name} can't be found; write it in a cell or a file") from None
    for needed in global_names(text):
        if needed not in (name, *within, *found.imports, *found.definitions):
            _add_needed(needed, plain, found, (name, *within))
    found.definitions[name] = text


def _add_needed(name: str, function: FunctionType, found: OwnSource, within: tuple[str, ...]) -> None:
    scope = function.__globals__
    if name not in scope:
        if not hasattr(builtins, name):
            raise InputError(f"{function.__name__} uses {name}, which isn't defined")
        return
    value = scope[name]
    plain = inspect.unwrap(value) if callable(value) else value
    if isinstance(plain, FunctionType) and plain.__globals__ is scope:
        _add(name, value, found, within)
    elif statement := _import_of(name, function):
        found.imports[name] = statement
    elif _is_literal(value):
        found.definitions[name] = f"{name} = {value!r}"
    else:
        raise InputError(
            f"{function.__name__} uses {name}, which is no argument, import, function or plain number here; "
            "pass it as an argument or write it into the function"
        )


def global_names(text: str) -> list[str]:
    """Returns the names that a function's text takes from the module or notebook around it, sorted."""
    names = set()

    def visit(table: symtable.SymbolTable) -> None:
        outermost = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or outermost):
                names.add(symbol.get_name())
        for child in table.get_children():
            visit(child)

    visit(symtable.symtable(text, "<function>", "exec"))
    return sorted(names)


def _texts(function: FunctionType) -> Iterator[str]:
    """The file that a function stands in, or the notebook's cells, the latest first."""
    yield "".join(linecache.getlines(function.__code__.co_filename))
    cells = function.__globals__.get("In", [])
    yield from (cell for cell in reversed(cells) if isinstance(cell, str))


def _import_of(name: str, function: FunctionType) -> str | None:
    """The latest import statement that binds a name, for that name alone."""
    for text in _texts(function):
        try:
            statements = ast.parse(text).body
        except SyntaxError:
            continue
        for statement in reversed(statements):
            if name in (imported := imports_of(statement)):
                return imported[name]
    return None


def imports_of(statement: ast.stmt) -> dict[str, str]:
    """Returns the names that an import statement binds, each with a statement that imports it alone."""
    alone: dict[str, str] = {}
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            alone[alias.asname or alias.name.partition(".")[0]] = ast.unparse(ast.Import([alias]))
    elif isinstance(statement, ast.ImportFrom) and not statement.level:
        for alias in statement.names:
            alone[alias.asname or alias.name] = ast.unparse(
                ast.ImportFrom(statement.module, [alias], level=0)
            )
    return alone


def _is_literal(value: object) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError, TypeError):
        return False
