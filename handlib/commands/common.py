"""Shared parts of the commands: MANO hands, the number of threads, a progress bar."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from handlib.utils.arguments import check_at_least
from handlib.utils.errors import InputError

if TYPE_CHECKING:
    from handlib.hand.hand import Hand

Item = TypeVar("Item")


def mano_hands(folder: Path, tips: str = "smplx") -> "dict[str, Hand]":
    """Returns the left and the right hand of a folder of MANO files.

    Raises:
        InputError: the folder or one of its files can't be read.
    """
    from handlib.hand.hand import Hand
    from handlib.hand.skeleton import SIDES

    if not folder.is_dir():
        raise InputError(f"mano: expected a folder with MANO_LEFT.pkl and MANO_RIGHT.pkl, got {folder}")
    return {side: Hand.from_mano(folder, side, tips) for side in SIDES}


def use_threads(threads: int) -> None:
    """Sets the number of CPU threads that torch computes with; 0 leaves the choice to torch."""
    import torch

    check_at_least("threads", threads, 0)
    if threads:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def progress(items: Iterable[Item], what: str, total: int) -> Iterable[Item]:
    """Yields the items and shows a progress bar on stderr, if stderr is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(items, what, total=total, console=console, transient=True, disable=not console.is_terminal)
