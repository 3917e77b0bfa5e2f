"""The result of a check."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    ``missing`` things are optional. ``wrong`` things are there, or were said to be there, and can't be used.
    ``to_do`` says how to mend this, if there is a way.
    """

    what: str
    verdict: Literal["ok", "missing", "wrong"]
    explanation: str
    to_do: str = ""


def judged_each(what: str, look: Callable[[], Sequence[Finding]], to_do: str) -> Sequence[Finding]:
    """Returns the findings of ``look``, or one ``wrong`` finding with ``to_do`` and the error it raised."""
    try:
        return look()
    except Exception as error:  # Whatever it is, the other checks must go on.
        told = " ".join(str(error).split()) or type(error).__name__
        return [Finding(what, "wrong", told[:1000], to_do)]


def judged(what: str, look: Callable[[], str], to_do: str) -> Finding:
    """Returns ``ok`` with the text that ``look`` returns, or ``wrong`` as in :func:`judged_each`."""
    return judged_each(what, lambda: [Finding(what, "ok", look())], to_do)[0]
