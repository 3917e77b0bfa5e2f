"""The functions of DIR that a reader can write, and a network that runs the reader's functions.

Every mechanism calls one plain function, its part. The class that calls a part holds it as an attribute
(``attend = staticmethod(attend)``); :func:`use_parts` replaces that attribute on the modules of one network,
so that other networks, the weights and their checksum stay as they are.
"""

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from handlib.utils.errors import InputError, told
from handlib.utils.files import reading

if TYPE_CHECKING:
    from handlib.model.network import DIR


@dataclass(frozen=True)
class Part:
    """One function that a reader can write: where in DIR it runs, its task, the library's module of it."""

    name: str
    place: str
    task: str
    module: str

    @property
    def function(self) -> Callable[..., Any]:
        """The library's function."""
        return getattr(importlib.import_module(self.module), self.name)


_ENCODER, _ESTIMATE, _STAGE = "first estimate", "every estimate", "every stage"
PARTS = {
    part.name: part
    for part in (
        Part("attention_pool", _ENCODER, "pool a map for each hand", "handlib.model.encoder"),
        Part("fit_weak_perspective", _ENCODER, "fit a camera (network wild)", "handlib.geometry.camera"),
        Part("skin", _ESTIMATE, "bones carry the skin", "handlib.hand.skinning"),
        Part("project_weak_perspective", _ESTIMATE, "project points to uv", "handlib.geometry.camera"),
        Part("sample_joints", _STAGE, "read the map at joints", "handlib.model.sampling"),
        Part("graph_convolution", _STAGE, "exchange along bones", "handlib.model.gcn"),
        Part("attend", _STAGE, "exchange between hands", "handlib.model.transformer"),
        Part("stage_update", _STAGE, "predict new numbers", "handlib.model.refinement"),
        Part("bone_masks", _STAGE, "draw bones into the map", "handlib.model.projection"),
        Part("huber", "training", "loss of every number", "handlib.training.losses"),
        Part("mean_position_error", "evaluation", "error in mm", "handlib.evaluation.metrics"),
    )
}
"""All parts by name, in the order in which a network runs them."""

Parts = ModuleType | str | Path | Mapping[str, Callable[..., Any]]
"""A reader's functions: a module, the path of a Python file, or functions by their parts' names."""


@dataclass(frozen=True)
class OwnFunction:
    """A reader's function in a part's place; an error inside it names the function and its line.

    Networks save weights and no code: pickled, a reader's function becomes the library's.
    """

    name: str
    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """Returns what the reader's function returns.

        Raises:
            InputError: the function raises.
        """
        try:
            return self.function(*arguments)
        except Exception as error:
            raise InputError(f"{self.name} stopped with {told(error, globals_of(self.function))}") from error

    def __deepcopy__(self, memo: dict[int, Any]) -> "OwnFunction":
        return self

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return _library_function, (self.name,)


def _library_function(name: str) -> Callable[..., Any]:
    return PARTS[name].function


def function_of(name: str, parts: Parts | None) -> Callable[..., Any]:
    """Returns the reader's function of that name where ``parts`` have one, else the library's.

    Raises:
        InputError: as :func:`functions_of`.
    """
    return functions_of(parts).get(name) or _library_function(name)


def functions_of(parts: Parts | None) -> dict[str, OwnFunction]:
    """Returns the reader's functions by their parts' names.

    Of a module or a file these are the functions that it defines itself; it may define helpers, too.

    Raises:
        InputError: a file can't be read or run, a name is no part's, or a function can't be called as its
            part is.
    """
    if parts is None:
        return {}
    if isinstance(parts, str | Path):
        parts = module_from(Path(parts))
    functions = _defined_in(parts) if isinstance(parts, ModuleType) else dict(parts)
    return {name: _checked(name, function) for name, function in functions.items()}


def use_parts(model: "DIR", parts: Parts | None) -> None:
    """Lets one network run a reader's functions in its parts' places, the library's everywhere else.

    ``huber`` and ``mean_position_error`` have no place in a network: training and evaluation take ``parts``.

    Raises:
        InputError: as :func:`functions_of`.
    """
    functions = functions_of(parts)
    if "skin" in functions:
        # Hand models that the network was given may be those of other networks, too.
        model.hands = deepcopy(model.hands)
    for module in model.modules():
        for name, function in functions.items():
            if hasattr(type(module), name):
                setattr(module, name, function)


def own_parts(model: "DIR") -> dict[str, OwnFunction]:
    """Returns the reader's functions that a network runs."""
    return {
        name: value
        for module in model.modules()
        for name, value in vars(module).items()
        if isinstance(value, OwnFunction)
    }


def module_from(path: Path) -> ModuleType:
    """Returns a Python file's module, read anew at every call.

    Raises:
        InputError: the file can't be read, is no Python, or stops with an error.
    """
    with reading(path, "a Python file in UTF-8"):
        source = path.read_bytes().decode("utf-8")
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(compile(source, str(path), "exec"), vars(module))
    except SyntaxError as error:
        raise InputError(f"{path.name}, line {error.lineno}: {error.msg}") from error
    except Exception as error:
        raise InputError(f"{path.name} stopped with {told(error, vars(module))}") from error
    return module


def globals_of(value: object) -> dict[str, Any] | None:
    """Returns the global names of the module or notebook where a function was written."""
    return getattr(inspect.unwrap(value), "__globals__", None) if callable(value) else None


def _defined_in(module: ModuleType) -> dict[str, Any]:
    """The parts that a module defines itself; a name that is nearly a missing part's is an ``InputError``."""
    own = vars(module)
    functions = [name for name, value in own.items() if globals_of(value) is own]
    for name in functions:
        near = difflib.get_close_matches(name, PARTS, n=1, cutoff=0.9)
        if near and name not in PARTS and near[0] not in functions:
            raise InputError(f"{module.__name__}: {name} is no part; did you mean {near[0]}?")
    return {
        name: own[name] for name in PARTS if name in functions or (name in own and not callable(own[name]))
    }


def _checked(name: str, function: object) -> OwnFunction:
    if name not in PARTS:
        raise InputError(f"parts: no part is called {name!r}; there are {', '.join(PARTS)}")
    if isinstance(function, OwnFunction):
        return function
    if not callable(function):
        raise InputError(f"{name}: expected a function, got {type(function).__name__}")
    wanted = list(inspect.signature(PARTS[name].function).parameters)
    signature = inspect.signature(function)
    try:
        signature.bind(*wanted)
    except TypeError:
        raise InputError(
            f"{name}: expected the arguments ({', '.join(wanted)}), got {name}{signature}"
        ) from None
    return OwnFunction(name, function)
