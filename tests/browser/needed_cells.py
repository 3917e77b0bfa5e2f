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


def names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Global names that a statement binds, and those that it needs to be bound before.

    A loop or condition that binds a name is taken to bind it before it reads it, unless by ``+=``.
    """
    top, *inner = scopes(symtable.symtable(ast.unparse(statement), "cell", "exec"))
    symbols = top.get_symbols()
    bound = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()}
    read = {s.get_name() for s in symbols if s.is_referenced()}
    if isinstance(statement, COMPOUND):
        read -= bound
    read |= {ast.unparse(s.target) for s in ast.walk(statement) if isinstance(s, ast.AugAssign)}
    return bound, read | {s.get_name() for table in inner for s in table.get_symbols() if s.is_global()}


def cell_names(source: str) -> tuple[set[str], set[str]]:
    """Global names that a cell binds, and those that it needs from cells before it."""
    bound: set[str] = set()
    needed: set[str] = set()
    for statement in ast.parse(source).body:
        binds, needs = names(statement)
        needed |= needs - bound
        bound |= binds
    return bound, needed


def needed_cells(notebook: NotebookNode, *texts: str) -> NotebookNode:
    """The notebook with only the cells that hold one of the texts, and those that bind what these need.

    What a cell does to an object of another cell isn't seen: such a notebook stops with an error.
    """
    for text in texts:
        if not any(text in cell.source for cell in notebook.cells if cell.cell_type == "code"):
            raise ValueError(f"expected a code cell with {text!r}")
    kept, wanted = [], set()
    for cell in reversed(notebook.cells):
        if cell.cell_type != "code":
            continue
        bound, needed = cell_names(cell.source)
        if any(text in cell.source for text in texts) or bound & wanted:
            kept.append(cell)
            wanted = wanted - bound | needed
    return NotebookNode({**notebook, "cells": kept[::-1]})
