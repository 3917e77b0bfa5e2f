"""Short texts for objects that hold many numbers."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass


def in_shapes(record: object) -> str:
    """Returns the ``repr`` of a dataclass of tensors or arrays, with shapes instead of numbers.

    Use it in the body of a class: ``__repr__ = in_shapes``.
    """
    told = (f"{field.name}={_brief(getattr(record, field.name))}" for field in fields(record))  # type: ignore[arg-type]
    return f"{type(record).__name__}({', '.join(told)})"


def _brief(value: object) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return str(tuple(shape))
    if isinstance(value, tuple | list) and value and not isinstance(value[0], int | float | str):
        return f"{len(value)} x {_brief(value[0])}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(map(str, value)) + "}"
    if is_dataclass(value) and any(hasattr(getattr(value, f.name), "shape") for f in fields(value)):
        return type(value).__name__
    return repr(value)
