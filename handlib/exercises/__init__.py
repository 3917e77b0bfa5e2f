"""The notebooks' exercises: ``check("name", answer)`` says in one fixed line whether an answer is right.

Each module of this package holds the checks of one notebook. A check looks at an answer, a function or a
value, and raises :class:`Wrong` with a hint when it isn't right; the hint never depends on numbers, so that a
notebook run again prints the same.
"""

import importlib
import pkgutil
from collections.abc import Callable

import numpy as np
import torch

Check = Callable[[object], None]
_CHECKS: dict[str, Check] = {}


class Missing(Exception):
    """There is no answer yet."""


class Wrong(Exception):
    """The answer is not right; the message is a hint."""


def exercise(name: str) -> Callable[[Check], Check]:
    """Registers the decorated function as the check of the exercise ``name``."""

    def register(function: Check) -> Check:
        if name in _CHECKS:
            raise ValueError(f"exercise: {name} has two checks")
        _CHECKS[name] = function
        return function

    return register


def exercise_names() -> tuple[str, ...]:
    """Names of all exercises."""
    for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
        importlib.import_module(module.name)
    return tuple(sorted(_CHECKS))


def as_array(value: object, shape: tuple[int, ...]) -> np.ndarray:
    """An answer as float64 of a given shape; raises :class:`Missing` for a stub, :class:`Wrong` otherwise."""
    if value is None or value is ...:
        raise Missing
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    array = np.asarray(value, dtype=float)
    if array.shape != shape:
        raise Wrong(f"expected shape {shape}, got {array.shape}")
    return array


def ask(answer: object, *arguments: object, shape: tuple[int, ...]) -> np.ndarray:
    """Returns what an answer function returns for some arguments, as :func:`as_array`."""
    if not callable(answer):
        raise Wrong("expected a function")
    return as_array(answer(*arguments), shape)


def check(name: str, answer: object) -> None:
    """Prints one line: correct, not written yet, or a hint. Never raises, returns nothing."""
    if name not in exercise_names():
        print(f"{name}: no exercise has this name; there are {', '.join(exercise_names())}")
        return
    try:
        if answer is None or answer is ...:
            raise Missing
        _CHECKS[name](answer)
    except (Missing, NotImplementedError):
        print(f"{name}: not written yet; fill in the cell above and run it again")
    except Wrong as hint:
        print(f"{name}: not right yet: {hint}")
    except Exception as error:
        print(f"{name}: not right yet: it stopped with {type(error).__name__}")
    else:
        print(f"{name}: correct")
