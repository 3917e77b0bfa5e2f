"""Small stand-ins for real data, drawn once for all tests that write them into folders of their own."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from handlib.data.interhand.stand_ins import Moment, make_moments


@cache
def small_moments() -> tuple[Moment, ...]:
    """Three moments in two captures, each seen by two cameras, 90 x 130 pixels."""
    return tuple(make_moments(3, seed=0, width=90, height=130))


def annotations(root: Path, kind: str, split: str = "train") -> Path:
    """The JSON file of one kind."""
    return root / "annotations" / split / f"InterHand2.6M_{split}_{kind}.json"


def edit(root: Path, kind: str, change: Callable[[Any], None]) -> None:
    """Changes what a JSON file holds."""
    path = annotations(root, kind)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
