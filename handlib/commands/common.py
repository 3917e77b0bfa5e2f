"""What several commands need: hands, networks and numbers that were named on the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from handlib.utils.errors import InputError

if TYPE_CHECKING:
    from handlib.hand.hand import Hand

# The keys of placement.WORLDS, which is slow to import.
WorldName = Literal[
    "desk", "studio", "desk-full", "studio-full", "desk-wide", "desk-objects", "desk-others", "desk-stacked"
]


def mano_hands(folder: Path, tips: str = "smplx") -> "dict[str, Hand]":
    """The left and the right hand in a folder of MANO files; what can't be read is an ``InputError``."""
    from handlib.hand.hand import Hand
    from handlib.hand.skeleton import SIDES

    if not folder.is_dir():
        raise InputError(f"mano: expected a folder with MANO_LEFT.pkl and MANO_RIGHT.pkl, got {folder}")
    return {side: Hand.from_mano(folder, side, tips) for side in SIDES}


def check_positive(**numbers: int) -> None:
    """Counts below 1 are an ``InputError`` that names the option."""
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"{name.replace('_', '-')}: expected at least 1, got {number}")


def check_not_negative(**numbers: int) -> None:
    """Counts below 0 are an ``InputError`` that names the option."""
    for name, number in numbers.items():
        if number < 0:
            raise InputError(f"{name.replace('_', '-')}: expected 0 or more, got {number}")
