"""Files written whole or not at all, files that may be damaged, and texts that commands keep in pages."""

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
    """A path beside the given one to write to; it takes the other's place when the block ends well.

    After an exception the old file is as it was, and what was written is gone.

    Raises:
        InputError: the path is a folder.
    """
    if path.is_dir():
        raise InputError(f"{path}: expected a file to write, got a folder")
    # The same name again after a kill, so that nothing piles up, and a short one for the longest of files.
    temporary = path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Makes a folder and those that it lies in, where they are missing.

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
    """A folder to write these files into, which move into the given one, made if missing, at the end.

    It lies in the given one: beside that, another disk may begin, or nothing may be written. After an
    exception the given folder is as it was. While the files move, the last of them is missing.

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
    """A text file in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def reading(path: Path | str, expected: str) -> Iterator[None]:
    """Whatever goes wrong in reading a file becomes an :class:`InputError` that says what was expected.

    For blocks that do nothing but read: damaged files make parsers raise almost anything.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: expected {expected}: {reason[:500]}") from error


def record_from(kind: type[Record], content: dict[str, Any]) -> Record:
    """A dataclass from the values of its fields, whose types are checked; a wrong one is a ``ValueError``."""
    record = kind(**content)
    for name, hint in get_type_hints(kind).items():
        die_if_unbearable(getattr(record, name), hint, exception_prefix=f"{name}: ")
    return record


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
