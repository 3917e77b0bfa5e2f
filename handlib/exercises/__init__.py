"""The notebooks' exercises: ``check("name", answer)`` says in one fixed line whether an answer is right.

Each module of this package holds the checks of one notebook. A check looks at an answer, a function or a
value, and raises :class:`Wrong` with a hint when the answer isn't right. Hints never depend on numbers, so
that a notebook prints the same when it runs again.

Some exercises ask for a part of the network (:mod:`handlib.model.parts`). A right answer is kept in the
reader's own file, ``my_dir.py`` in the working directory; :func:`my_parts` gives a network these functions,
and :func:`progress` shows which parts the reader has written.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from handlib.exercises.core.own_file import keep
from handlib.exercises.core.strip import Strip
from handlib.model.parts import PARTS, OwnFunction, functions_of, globals_of
from handlib.utils.errors import InputError, in_one_line, told

if TYPE_CHECKING:
    from handlib.exercises.core.prediction import Guess

Check = Callable[[object], None]
_CHECKS: dict[str, Check] = {}
MY_DIR = Path("my_dir.py")
"""The reader's own parts, in the working directory."""


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
    """Returns the names of all exercises."""
    for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
        importlib.import_module(module.name)
    return tuple(sorted(_CHECKS))


def as_array(value: object, shape: tuple[int, ...]) -> np.ndarray:
    """Returns an answer as float64 of a given shape.

    Raises:
        Missing: the answer is a stub.
        Wrong: it has another shape.
    """
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


def ask_part(answer: object, *arguments: object, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Returns the tensors, of these shapes, that a part's function returns, as :func:`as_array`.

    Raises:
        Missing: the answer is a stub.
        Wrong: it isn't as many tensors of these shapes, or the function changes its arguments.
    """
    if not callable(answer):
        raise Wrong("expected a function")
    given = [value.clone() if isinstance(value, Tensor) else value for value in arguments]
    result = answer(*given)
    if result is None or result is ...:
        raise Missing
    results = result if len(shapes) > 1 else (result,)
    if not isinstance(results, tuple) or len(results) != len(shapes):
        raise Wrong(f"expected {len(shapes)} tensors: return a, b")
    for before, after in zip(arguments, given, strict=True):
        if isinstance(before, Tensor) and not np.array_equal(before, np.asarray(after), equal_nan=True):
            raise Wrong("the function changes what it is given (an operation in place); work on a copy")
    got = [as_array(value, shape) for value, shape in zip(results, shapes, strict=True)]
    if not all(isinstance(value, Tensor) for value in results):
        raise Wrong("the numbers are there, but the network goes on with them: return a tensor")
    return got


def check_gradients(
    answer: Callable[..., object], library: Callable[..., object], *arguments: Tensor
) -> None:
    """Checks that a right answer also has the library's gradients, with respect to these arguments.

    Raises:
        Wrong: it hasn't, so a network couldn't be trained through it.
    """
    found, expected = (_gradients(function, arguments) for function in (answer, library))
    if not all(np.allclose(f, e, atol=1e-4, rtol=1e-3) for f, e in zip(found, expected, strict=True)):
        raise Wrong("the values are right, but a gradient isn't: stay in torch, without .item() or .detach()")


@torch.enable_grad()
def _gradients(function: Callable[..., object], arguments: Sequence[Tensor]) -> list[np.ndarray]:
    """Gradients of a fixed weighted sum of all that a function returns."""
    leaves = [argument.clone().requires_grad_() for argument in arguments]
    results = function(*leaves)
    total = torch.zeros(())
    for result in results if isinstance(results, tuple) else (results,):
        assert isinstance(result, Tensor)
        total = total + (torch.linspace(-1, 2, result.numel()) * result.flatten()).sum()
    if not total.requires_grad:
        return [np.zeros(leaf.shape) for leaf in leaves]
    gradients = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
    return [gradient.numpy() for gradient in gradients]


def check(name: str, answer: object) -> None:
    """Prints one line: correct, not written yet, or a hint. Never raises, returns nothing.

    A right function that is a part of the network and has the part's name is kept in ``my_dir.py``.
    """
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
        print(f"{name}: not right yet: it stopped with {told(error, globals_of(answer))}")
    else:
        print(f"{name}: correct{_kept(name, answer)}")


def _kept(name: str, answer: object) -> str:
    """Keeps a part's function under its own name; says what became of it."""
    if name not in PARTS or not callable(answer) or getattr(answer, "__name__", "") != name:
        return ""
    try:
        keep(answer, MY_DIR, _CHECKS[name])
    except (InputError, OSError) as error:
        return f", but not kept in {MY_DIR}: {in_one_line(error)}"
    return f"; kept in {MY_DIR}"


def my_parts() -> dict[str, OwnFunction]:
    """Returns the functions in the reader's ``my_dir.py``, by name; none where there is no such file yet.

    For ``DIR.from_pretrained("small", parts=my_parts())``.

    Raises:
        InputError: the file can't be read or run.
    """
    return functions_of(MY_DIR) if MY_DIR.exists() else {}


def predict(question: str, *answers: str) -> "Guess":
    """Returns a question for the reader, with answers to choose from; :meth:`Guess.compare` then says
    which one is right.

    The cell that shows the right answer has the tag ``reveals``: the reader's copy of the notebook comes
    without its output.
    """
    from handlib.exercises.core.prediction import Guess

    return Guess(question, answers)


def progress() -> Strip:
    """Returns a picture of the network's parts: whose code runs each, the reader's or the library's.

    A part is the reader's once ``my_dir.py`` has its function.
    """
    try:
        return Strip(frozenset(my_parts()))
    except InputError as error:
        return Strip(frozenset(), fault=str(error))
