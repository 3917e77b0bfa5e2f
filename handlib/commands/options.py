"""Options from dataclasses: a command changes the fields of a recipe, and nothing is written down twice."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, TypedDict, get_type_hints

import tyro


def field_help(config: type) -> dict[str, str]:
    """What a dataclass's docstring says of its fields, in lines that begin with their names."""
    lines = re.findall(r"^( *)([a-z]\w*(?:, \w+)*): (.+(?:\n\1 +.+)*)", inspect.getdoc(config) or "", re.M)
    return {
        name: re.sub(r"\s+", " ", text).replace("``", "")
        for _, names, text in lines
        for name in names.split(", ")
    }


def changes(config: type, of: Mapping[str, Any]) -> Any:
    """An annotation for the fields of ``config`` that are given on the command line, all of them optional.

    ``of`` has the values that the help shows, by the names of their recipes.
    """
    options = {}
    for field in fields(config):
        values = [getattr(recipe, field.name) for recipe in of.values()]
        shown = [" ".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in values]
        by_recipe = ", ".join(f"{name}: {value}" for name, value in zip(of, shown, strict=True))
        hint = f"({by_recipe})" if len(set(shown)) > 1 else f"(default: {shown[0]})"
        options[field.name] = Annotated[
            get_type_hints(config)[field.name],
            tyro.conf.arg(help=field_help(config)[field.name], help_behavior_hint=hint),
        ]
    given = TypedDict(f"{config.__name__}Changes", options, total=False)  # type: ignore[misc]
    return tyro.conf.arg(constructor=given)
