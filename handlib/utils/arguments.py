"""Checks of arguments where they enter the package: types, ranges, and numbers that must be finite.

Entry points check their arguments (files, metrics, exports, widgets, posing a hand by hand). The network's
modules don't, so that a forward pass stays fast and can be traced.
"""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, wraps
from numbers import Real
from types import UnionType
from typing import Any, ParamSpec, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
from beartype import BeartypeConf
from beartype.door import is_bearable

from handlib.utils.errors import InputError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

INT_IS_FLOAT = BeartypeConf(is_pep484_tower=True)


def check_finite(name: str, value: object) -> None:
    """Refuses NaN and infinity in a number, an array, a tensor, or a dataclass whose fields are such values.

    Values without floating-point numbers pass.

    Raises:
        InputError: a number isn't finite; the message names the argument, the number and its first place.
    """
    if is_dataclass(value):
        for field in fields(value):
            check_finite(f"{name}.{field.name}", getattr(value, field.name))
        return
    if hasattr(value, "detach"):  # A tensor, recognised without importing torch, which takes seconds.
        value = value.detach().cpu().double()
    numbers = np.asarray(value) if isinstance(value, float) or hasattr(value, "dtype") else np.empty(0)
    if numbers.dtype.kind != "f" or np.isfinite(numbers).all():
        return
    place = tuple(np.argwhere(~np.isfinite(numbers))[0].tolist())
    where = f" at [{', '.join(map(str, place))}]" if place else ""
    raise InputError(f"{name}: expected finite numbers, got {numbers[place]}{where}")


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    """Raises an :class:`InputError` if the value isn't one of the choices."""
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise InputError(f"{name}: expected one of {', '.join(map(str, choices))}, got {_in_short(value)}")


def check_between(name: str, value: object, low: int | float, high: int | float) -> None:
    """Raises an :class:`InputError` if the value isn't a number from ``low`` to ``high``, both included."""
    if isinstance(value, bool) or not (isinstance(value, Real) and low <= cast(float, value) <= high):
        raise InputError(f"{name}: expected a number from {low} to {high}, got {_in_short(value)}")


def check_at_least(name: str, value: float | int, low: int) -> None:
    """Raises an :class:`InputError` if the value is smaller than ``low``."""
    if value < low:
        raise InputError(f"{name}: expected at least {low}, got {value}")


def check_some(name: str, values: Collection[object]) -> None:
    """Raises an :class:`InputError` if the collection is empty."""
    if not len(values):
        raise InputError(f"{name}: expected at least one, got none")


def check_types(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Makes a function raise an ``InputError`` for arguments of other types than its signature has.

    It is meant for functions that a notebook's reader calls. Types of arrays include their shapes; every
    element of a sequence or mapping is checked.
    """
    signature = inspect.signature(function)
    called = function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise InputError(f"{called}: {error}") from None
        for name, value in given.items():
            hints = _hints_of(function)
            if name in hints and not _is_of(value, hints[name]):
                expected = inspect.formatannotation(hints[name]).replace("collections.abc.", "")
                raise InputError(
                    f"{called}: {name}: expected {expected}, got {type(value).__name__} {_in_short(value)}"
                )
        return function(*args, **kwargs)

    return checked


@cache
def _hints_of(called: Callable) -> dict[str, Any]:
    return get_type_hints(called)


def _is_of(value: object, hint: Any) -> bool:
    """Returns whether a value has a type; fields of dataclasses are checked, numpy integers count as int."""
    if isinstance(value, np.integer):
        value = int(value)
    if not is_bearable(value, hint, conf=INT_IS_FLOAT):
        return False
    if is_dataclass(value) and not isinstance(value, type):
        hints = _hints_of(type(value))
        return all(_is_of(getattr(value, field.name), hints[field.name]) for field in fields(value))
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_is_of(value, one) for one in inner)
    if origin is Sequence:
        return all(_is_of(element, inner[0]) for element in value)
    if origin is Mapping:
        return all(_is_of(key, inner[0]) and _is_of(held, inner[1]) for key, held in value.items())
    return True


def _in_short(value: object) -> str:
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype} {tuple(value.shape)}"
    try:
        text = repr(value)
    except RecursionError:
        text = "nested lists"
    return text if len(text) <= 60 else text[:57] + "..."
