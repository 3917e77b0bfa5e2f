"""Files that are written whole or not at all, and texts that commands keep up to date in pages."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handlib.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside the given one to write to; it takes the other's place when the block ends well.

    After an exception the old file is as it was, and what was written is gone.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """A text file in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_between_marks(page: Path, writer: str, text: str) -> None:
    """Replaces what stands between ``<!-- WRITER writes from here -->`` and the next ``<!-- to here -->``.

    Raises:
        InputError: the page hasn't both marks.
    """
    start, end = f"<!-- {writer} writes from here -->", "<!-- to here -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(start)
    _, ends, after = rest.partition(end)
    if not (found and ends):
        raise InputError(f"{page}: expected the lines {start!r} and {end!r}")
    write_text(page, f"{before}{start}\n{text}\n{end}{after}")
