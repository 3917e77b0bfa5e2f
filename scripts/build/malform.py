"""Makes broken files out of whole ones: bytes at random, and wrong things in the right places."""

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

INTEGERS = (0, 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, -1)
WORDS = (
    b"NaN",
    b"1e999",
    b"-1",
    b"99999999999999999999999",
    b"null",
    b"true",
    b'"x"',
    b"[]",
    b"{}",
    b"[[1]]",
)
STRANGE = (None, True, -1, 0, 10**30, 1e308, float("nan"), float("inf"), "", "x", "../../x", [], {}, [None])


def malform_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """One to three changes at random places, or something else altogether."""
    if rng.random() < 0.03:
        return [b"", bytes(len(data)), b"\xff" * 64, b"[" * 20_000, rng.bytes(1000)][int(rng.integers(5))]
    for _ in range(int(rng.integers(1, 4))):
        data = BYTE_CHANGES[int(rng.integers(len(BYTE_CHANGES)))](data, rng)
    return data


def _slice(data: bytes, rng: np.random.Generator, longest: int = 64) -> tuple[int, int]:
    start = int(rng.integers(len(data) + 1))
    return start, min(len(data), start + int(rng.integers(1, longest)))


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for place in rng.integers(len(data), size=int(rng.integers(1, 9))) if data else ():
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _overwrite(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _slice(data, rng)
    filling = [rng.bytes(end - start), bytes(end - start), b"\xff" * (end - start)]
    return data[:start] + filling[int(rng.integers(3))] + data[end:]


def _truncate(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def _remove(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _slice(data, rng)
    return data[:start] + data[end:]


def _repeat(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _slice(data, rng)
    return data[:end] + data[start:end] * int(rng.integers(1, 50)) + data[end:]


def _insert(data: bytes, rng: np.random.Generator) -> bytes:
    start, _ = _slice(data, rng)
    return data[:start] + rng.bytes(int(rng.integers(1, 64))) + data[start:]


def _integer(data: bytes, rng: np.random.Generator) -> bytes:
    start, _ = _slice(data, rng)
    width = int(rng.choice((1, 2, 4, 8)))
    value = INTEGERS[int(rng.integers(len(INTEGERS)))] % 2 ** (8 * width)
    return data[:start] + value.to_bytes(width, str(rng.choice(("little", "big")))) + data[start + width :]


def _number(data: bytes, rng: np.random.Generator) -> bytes:
    """Puts a word in the place of a number that is written out."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data[:100_000]))
    if not found:
        return _flip(data, rng)
    chosen = found[int(rng.integers(len(found)))]
    return data[: chosen.start()] + WORDS[int(rng.integers(len(WORDS)))] + data[chosen.end() :]


BYTE_CHANGES = (_flip, _overwrite, _truncate, _remove, _repeat, _insert, _integer, _number)


def malform_content(content: Any, rng: np.random.Generator) -> Any:
    """The same content with one thing in it missing or replaced by something strange, at any depth."""
    if isinstance(content, dict) and content and rng.random() < 0.9:
        key = list(content)[int(rng.integers(len(content)))]
        if rng.random() < 0.15:
            return {name: value for name, value in content.items() if name != key}
        return {**content, key: malform_content(content[key], rng)}
    if isinstance(content, list) and content and rng.random() < 0.8:
        place = int(rng.integers(len(content)))
        changed = [malform_content(content[place], rng)] if rng.random() < 0.8 else []
        return content[:place] + changed + content[place + 1 :]
    if isinstance(content, np.ndarray) and rng.random() < 0.85:
        return _malform_array(content, rng)
    return _nested(rng) if rng.random() < 0.03 else STRANGE[int(rng.integers(len(STRANGE)))]


def _malform_array(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    changes: list[Callable[[np.ndarray], np.ndarray]] = [
        lambda a: a[: len(a) // 2] if a.ndim else a[None],
        lambda a: a[None],
        lambda a: a.reshape(-1),
        lambda a: a.astype(np.int8),
        lambda a: a.astype(str),
        lambda a: a.astype(np.float16),
        lambda a: np.full(a.shape, np.nan),
        lambda a: np.full(a.shape, np.inf),
        lambda a: np.zeros(0),
        lambda a: np.broadcast_to(np.float32(1e30), a.shape).copy(),
    ]
    with np.errstate(all="ignore"):
        return changes[int(rng.integers(len(changes)))](array)


def _nested(rng: np.random.Generator) -> list:
    content: list = []
    for _ in range(int(rng.choice((50, 5000)))):
        content = [content]
    return content


def to_json(content: Any) -> bytes:
    """JSON that may hold NaN; nesting that is too deep to be written so is written by hand."""
    try:
        return json.dumps(content, default=str).encode()
    except RecursionError:
        return b"[" * 100_000
