"""Only those cells of a notebook that a widget needs: the notebook tests run the others already."""

import ast
import symtable
from collections.abc import Iterator

from nbformat import NotebookNode

COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try, ast.Match)


def scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    """A scope and all within it."""
    yield table
    for child in table.get_children():
        yield from scopes(child)


def changed_in_place(statement: ast.stmt) -> set[str]:
    """Names whose objects a statement may change: ``a[i] = x``, ``a.b = x``, ``a += x``, ``a.f(x)``."""
    places: list[ast.expr] = []
    for node in ast.walk(statement):
        match node:
            case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                places.append(node)
            case ast.AugAssign(target=place) | ast.Expr(value=ast.Call(func=ast.Attribute() as place)):
                places.append(place)
    roots = set()
    for place in places:
        while isinstance(place, ast.Subscript | ast.Attribute):
            place = place.value
        if isinstance(place, ast.Name):
            roots.add(place.id)
    return roots


def names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Global names that a statement binds or changes, and those that it needs to be bound before.

    A loop or condition that binds a name is taken to bind it before it reads it, unless it changes it.
    """
    top, *inner = scopes(symtable.symtable(ast.unparse(statement), "cell", "exec"))
    symbols = top.get_symbols()
    bound = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()}
    changed = changed_in_place(statement) & {s.get_name() for s in symbols}
    read = {s.get_name() for s in symbols if s.is_referenced()}
    if isinstance(statement, COMPOUND):
        read -= bound
    within = {s.get_name() for table in inner for s in table.get_symbols() if s.is_global()}
    return bound | changed, read | changed | within


def cell_names(source: str) -> tuple[set[str], set[str]]:
    """Global names that a cell binds or changes, and those that it needs from cells before it."""
    bound: set[str] = set()
    needed: set[str] = set()
    for statement in ast.parse(source).body:
        binds, needs = names(statement)
        needed |= needs - bound
        bound |= binds
    return bound, needed


def imported(source: str) -> set[str]:
    """Names of modules and what else a cell imports."""
    statements = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)]
    return {(a.asname or a.name).partition(".")[0] for s in statements for a in s.names}


def needed_cells(notebook: NotebookNode, *texts: str) -> NotebookNode:
    """The notebook with only the cells that hold one of the texts, and those that bind or change their names.

    Not seen: what a function does to objects that it is given, what a call sets in a module (``show.f()``
    needs no more than the import), and what is bound anew between a function that reads it and its call.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for text in texts:
        if not any(text in cell.source for cell in code):
            raise ValueError(f"expected a code cell with {text!r}")
    modules = set().union(*(imported(cell.source) for cell in code))
    kept, wanted = [], set()
    for cell in reversed(code):
        bound, needed = cell_names(cell.source)
        bound -= modules - imported(cell.source)
        if any(text in cell.source for text in texts) or bound & wanted:
            kept.append(cell)
            wanted = wanted - bound | needed
    return NotebookNode({**notebook, "cells": kept[::-1]})
