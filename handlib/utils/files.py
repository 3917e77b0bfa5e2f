"""Writes files whole or not at all, reads files that may be damaged, and updates generated text in pages."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from beartype.door import die_if_unbearable

from handlib.utils.errors import InputError

Record = TypeVar("Record")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside the given one; its file replaces the given one when the block ends.

    After an exception the old file is unchanged and the new one is deleted.

    Raises:
        InputError: the path is a folder.
    """
    if path.is_dir():
        raise InputError(f"{path}: expected a file to write, got a folder")
    # The name is the same after a kill, so that nothing piles up, and short even if the file's name is long.
    temporary = path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Makes a folder and its parents, where they are missing.

    Raises:
        InputError: a file stands in the way.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        file = next(place for place in (folder, *folder.parents) if place.exists())
        raise InputError(f"{file}: expected a folder to write to, got a file") from None


@contextmanager
def writing(folder: Path, files: Sequence[str]) -> Iterator[Path]:
    """Yields a temporary folder to write these files into; at the end they move into the given folder.

    The given folder is made if missing. The temporary folder lies inside it, because a place beside it could
    be on another disk or not writable. After an exception the given folder is as it was. While the files
    move, the last of them is missing.

    Raises:
        InputError: a file stands in the way.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        make_folder(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as name:
            yield Path(name)
            in_the_way = [file for file in files if (folder / file).is_dir()]
            if in_the_way:
                raise InputError(f"{folder / in_the_way[0]}: expected a file to write, got a folder")
            (folder / files[-1]).unlink(missing_ok=True)
            for file in files:
                os.replace(Path(name, file), folder / file)
    except BaseException:
        for place in made:
            with suppress(OSError):
                place.rmdir()
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def reading(path: Path | str, expected: str) -> Iterator[None]:
    """Turns any error in reading a file into an :class:`InputError` that says what was expected.

    Use it only for blocks that do nothing but read: damaged files make parsers raise almost any error.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: expected {expected}: {reason[:500]}") from error


def record_from(kind: type[Record], content: dict[str, Any]) -> Record:
    """Makes a dataclass from its fields' values and checks their types; a wrong one is a ``ValueError``."""
    record = kind(**content)
    for name, hint in get_type_hints(kind).items():
        die_if_unbearable(getattr(record, name), hint, exception_prefix=f"{name}: ")
    return record


def write_between_marks(page: Path, writer: str, text: str) -> None:
    """Replaces the text between ``<!-- WRITER writes from here -->`` and the next ``<!-- to here -->``.

    Raises:
        InputError: the page lacks one of the marks.
    """
    start, end = f"<!-- {writer} writes from here -->", "<!-- to here -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(start)
    _, ends, after = rest.partition(end)
    if not (found and ends):
        raise InputError(f"{page}: expected the lines {start!r} and {end!r}")
    write_text(page, f"{before}{start}\n{text}\n{end}{after}")
