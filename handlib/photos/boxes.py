"""Reads a JSON file with the boxes of pairs of hands in pictures.

Example: ``{"a.jpg": [10, 20, 300, 200], "b.jpg": [[0, 0, 90, 90], [200, 0, 90, 90]]}``. Boxes are in pixels
of the upright picture: left and top edge, width, height. In names, an accented letter may be one character
or, as on macOS, a letter followed by an accent.
"""

import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

from handlib.data.photo import Box, BoxError

Boxes = dict[str, tuple[Box, ...]]


def same_name(name: str) -> str:
    """Returns a picture's name in the form that :data:`Boxes` use: Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", name)


def read_boxes(path: Path) -> Boxes:
    """Reads every picture's boxes, in the file's order.

    Raises:
        BoxError: the file can't be read or has other content; the message says where.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BoxError(f"boxes: {path}: can't be read: {getattr(error, 'strerror', error)}") from error
    try:
        content = json.loads(text, object_pairs_hook=_named_once)
    except BoxError as error:
        raise BoxError(f"boxes: {path}, {error}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise BoxError(f"boxes: {path}: expected JSON: {error}") from error
    if not isinstance(content, dict):
        raise BoxError(f'boxes: {path}: expected {{"picture": [x, y, width, height], ...}}')
    boxes = {}
    for name, value in content.items():
        several = isinstance(value, list) and value and isinstance(value[0], list)
        boxes[name] = tuple(_box(f"boxes: {path}, {name}", one) for one in (value if several else [value]))
    return boxes


def _box(where: str, numbers: Any) -> Box:
    try:
        x, y, width, height = map(float, numbers)
        return Box(x, y, width, height)
    except (TypeError, ValueError, OverflowError) as error:
        said = error if isinstance(error, BoxError) else f"expected x, y, width, height, got {numbers!r}"
        raise BoxError(f"{where}: {said}") from None


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [same_name(name) for name, _ in pairs]
    if pairs:
        (most, count), *_ = Counter(names).most_common(1)
        if count > 1:
            raise BoxError(f"{most}: expected the name once, with a list of its boxes")
    return dict(zip(names, (value for _, value in pairs), strict=True))
