"""What a check finds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    ``missing`` is what one can do without; ``wrong`` is there, or was said to be, and can't be used. Where
    there is something to be done, ``to_do`` says it.
    """

    what: str
    verdict: Literal["ok", "missing", "wrong"]
    explanation: str
    to_do: str = ""


def judged_each(what: str, look: Callable[[], Sequence[Finding]], to_do: str) -> Sequence[Finding]:
    """Returns what ``look`` finds, or one ``wrong`` finding with the error that it raises and what to do
    then.
    """
    try:
        return look()
    except Exception as error:  # Whatever it is, the other findings have to be told.
        told = " ".join(str(error).split()) or type(error).__name__
        return [Finding(what, "wrong", told[:1000], to_do)]


def judged(what: str, look: Callable[[], str], to_do: str) -> Finding:
    """``ok`` with what ``look`` says, or ``wrong`` as in :func:`judged_each`."""
    return judged_each(what, lambda: [Finding(what, "ok", look())], to_do)[0]
