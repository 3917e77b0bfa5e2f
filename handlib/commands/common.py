"""What several commands need: hands and numbers that were named on the command line, a bar of progress."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from handlib.utils.arguments import check_at_least
from handlib.utils.errors import InputError

if TYPE_CHECKING:
    from handlib.hand.hand import Hand

Item = TypeVar("Item")


def mano_hands(folder: Path, tips: str = "smplx") -> "dict[str, Hand]":
    """The left and the right hand in a folder of MANO files; what can't be read is an ``InputError``."""
    from handlib.hand.hand import Hand
    from handlib.hand.skeleton import SIDES

    if not folder.is_dir():
        raise InputError(f"mano: expected a folder with MANO_LEFT.pkl and MANO_RIGHT.pkl, got {folder}")
    return {side: Hand.from_mano(folder, side, tips) for side in SIDES}


def use_threads(threads: int) -> None:
    """Lets torch compute with so many CPU threads; 0 leaves its choice."""
    import torch

    check_at_least("threads", threads, 0)
    if threads:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def progress(items: Iterable[Item], what: str, total: int) -> Iterable[Item]:
    """The items, and meanwhile a bar on stderr that says how many have passed, where that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(items, what, total=total, console=console, transient=True, disable=not console.is_terminal)
