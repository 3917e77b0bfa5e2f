"""Options made from dataclasses: each field is an option, and the class's docstring is its help."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, TypedDict, get_type_hints

import tyro


def field_help(config: type) -> dict[str, str]:
    """Returns each field's help: the entry in the dataclass's docstring that begins with the field's name."""
    lines = re.findall(r"^( *)([a-z]\w*(?:, \w+)*): (.+(?:\n\1 +.+)*)", inspect.getdoc(config) or "", re.M)
    return {
        name: re.sub(r"\s+", " ", text).replace("``", "")
        for _, names, text in lines
        for name in names.split(", ")
    }


def changes(config: type, of: Mapping[str, Any]) -> Any:
    """Returns an annotation whose options are the fields of ``config``, all of them optional.

    ``of`` maps the names of recipes to the values that the help shows.
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
