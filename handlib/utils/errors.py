"""Errors that the caller can mend; any other error is a fault of this package."""

import linecache
import traceback
from pathlib import Path
from textwrap import shorten
from typing import Any


class InputError(ValueError):
    """An argument or a file can't be used; the message says what was expected.

    The command line shows the message alone, without a traceback.
    """


def in_one_line(error: Exception) -> str:
    """Returns an error's message in one line; of an ``OSError`` the file and the reason, without a number."""
    said = str(error)
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(said.split())


def told(error: Exception, own: dict[str, Any] | None) -> str:
    """Returns an error's kind and message, and the last line of somebody's own code before it.

    ``own`` are the global names of that code, a notebook's or a module's. The text reads ``NameError: name
    'mapz' is not defined (line 3: return mapz)``, and ``(my_dir.py, line 3: return mapz)`` for a file's code;
    there is no line where none of that code was running.
    """
    message = f"{type(error).__name__}: {shorten(in_one_line(error), 240, placeholder=' ...')}"
    reached = [(f, number) for f, number in traceback.walk_tb(error.__traceback__) if f.f_globals is own]
    if not own or not reached:
        return message
    frame, number = reached[-1]
    source = frame.f_code.co_filename
    linecache.checkcache(source)
    line = shorten(linecache.getline(source, number), 100, placeholder=" ...")
    file = f"{Path(own['__file__']).name}, " if "__file__" in own else ""
    return f"{message} ({file}line {number}: {line})"
