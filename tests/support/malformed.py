"""Broken files for the tests of readers: wrong bytes anywhere, and wrong things in the right places."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from handlib.utils.errors import InputError

WORDS = (b"NaN", b"1e999", b"-1", b"9" * 30, b"null", b'"x"', b"[]", b"{}", b"\x00" * 8, b"\xff" * 4)
OTHER_FILES = (b"", b"\x00" * 1000, b"[" * 20_000, b"\x80\x02}q\x00.", b"PK\x03\x04")
OTHER_FILES += (b"\x80\x04\x8d" + b"\xff" * 7 + b"\x3f",)  # A pickle of more text than any memory holds.
STRANGE = (
    None,
    True,
    -1,
    0,
    10**30,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "../../x",
    [],
    {},
    [None],
    [[[0]]],
)
ARRAYS: tuple[Callable[[np.ndarray], object], ...] = (
    lambda a: a[: len(a) // 2] if a.ndim else a[None],
    lambda a: a[None],
    lambda a: a.ravel(),
    lambda a: a.astype(str),
    lambda a: a.astype(np.int8),
    lambda a: np.full(a.shape, np.nan),
    lambda a: np.full(a.shape, 1e30),
)


class Command:
    """Pickles as an order to make a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@st.composite
def malformed_bytes(draw: st.DrawFn, whole: bytes) -> bytes:
    """The bytes with up to three places cut out, filled, repeated or cut off, or another file's."""
    if draw(st.integers(0, 19)) == 19:
        return draw(st.sampled_from(OTHER_FILES))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(whole)))
        end = min(len(whole), start + draw(st.integers(0, 64)))
        fillings = st.sampled_from((*WORDS, b"", whole[start:end] * 30)) | st.binary(
            min_size=end - start, max_size=64
        )
        rest = b"" if draw(st.integers(0, 9)) == 9 else whole[end:]
        whole = whole[:start] + draw(fillings) + rest
    return whole


@st.composite
def malformed_content(draw: st.DrawFn, content: Any) -> Any:
    """The content with one thing in it gone or replaced by something strange, at any depth."""
    if isinstance(content, dict) and content and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(list(content)))
        changed = {key: draw(malformed_content(content[key]))} if draw(st.integers(0, 5)) else {}
        return {name: value for name, value in content.items() if name != key} | changed
    if isinstance(content, list) and content and draw(st.integers(0, 5)):
        place = draw(st.integers(0, len(content) - 1))
        changed = [draw(malformed_content(content[place]))] if draw(st.integers(0, 5)) else []
        return [*content[:place], *changed, *content[place + 1 :]]
    if isinstance(content, np.ndarray) and content.dtype.kind in "fiu" and draw(st.integers(0, 5)):
        with np.errstate(all="ignore"):
            return draw(st.sampled_from(ARRAYS))(content)
    return draw(st.sampled_from(STRANGE))


def malformed_json(content: Any) -> st.SearchStrategy[bytes]:
    """A JSON file with wrong content or wrong bytes."""
    wrong = malformed_content(content).map(lambda changed: json.dumps(changed).encode())
    return wrong | malformed_bytes(json.dumps(content).encode())


def assert_read_or_refused(read: Callable[[], object], *names: str) -> None:
    """A broken file is read all the same, or refused in one line that has one of the names in it."""
    try:
        read()
    except InputError as error:
        assert "\n" not in str(error)
        assert any(name in str(error) for name in names), str(error)
