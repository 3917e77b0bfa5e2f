"""A function's text comes with the imports, helpers and constants that it needs, or is refused in a line."""

import linecache
from types import FunctionType

import pytest

from handlib.exercises.core.own_source import global_names, own_source
from handlib.utils.errors import InputError


def cells(*texts: str) -> dict:
    """The global names of a notebook in which these cells have run."""
    scope: dict = {"__name__": "__main__", "In": [""]}
    for number, text in enumerate(texts):
        name = f"<cell {number} {hash(texts)}>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        scope["In"].append(text)
        exec(compile(text, name, "exec"), scope)
    return scope


def source_of(*texts: str):
    scope = cells(*texts)
    function = [value for value in scope.values() if isinstance(value, FunctionType)][-1]
    return own_source(function)


def test_names_from_outside_are_found_wherever_they_stand():
    text = """
@outer(option)
def f(x: Kind, y=default) -> Result:
    import local
    z = [helper(a, x) for a in y if a < LIMIT]
    def inner():
        return z, deep, f
    return local, inner, len(z)
"""
    names = ["Kind", "LIMIT", "Result", "deep", "default", "helper", "len", "option", "outer"]
    assert [name for name in global_names(text) if name != "f"] == names


def test_imports_helpers_and_constants_come_along():
    found = source_of(
        "import os, math as m\nfrom torch import nn, Tensor as T\nLIMIT = (1, 2.5)\nUNUSED = 3\n",
        "def helper(x):\n    return m.sqrt(x)\n",
        "def other():\n    pass\n\ndef f(x: T):\n    return helper(x) + LIMIT[0] + len('a')\n",
    )
    assert found.imports == {"T": "from torch import Tensor as T", "m": "import math as m"}
    assert list(found.definitions) == ["LIMIT", "helper", "f"]
    assert found.definitions["LIMIT"] == "LIMIT = (1, 2.5)"
    assert found.definitions["f"] == "def f(x: T):\n    return helper(x) + LIMIT[0] + len('a')"


def test_of_two_imports_the_latest_counts():
    found = source_of("from math import floor", "from torch import floor", "def f(x):\n    return floor(x)\n")
    assert found.imports == {"floor": "from torch import floor"}


def test_helpers_that_call_each_other_come_once():
    found = source_of("def odd(n):\n    return n and f(n - 1)\n\ndef f(n):\n    return not n or odd(n - 1)\n")
    assert sorted(found.definitions) == ["f", "odd"]


def test_cells_that_are_no_python_are_passed_over():
    scope = cells("import math", "def f(x):\n    return math.floor(x)\n")
    scope["In"].append("%%bash\nls -l")
    assert own_source(scope["f"]).imports == {"math": "import math"}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (
            ("import torch\ny = torch.ones(3)", "def f(x):\n    return x + y\n"),
            "f uses y, which is no argument",
        ),
        (("def f(x):\n    return x + y\n",), "f uses y, which isn't defined"),
        (
            ("g = lambda x: x", "def f(x):\n    return g(x)\n"),
            "g: expected a function that is written with def g",
        ),
        (
            ("def make():\n    y = 3\n    def f(x):\n        return x + y\n    return f\nf = make()",),
            "inside anot",
        ),
    ],
)
def test_what_cannot_stand_in_a_file_is_refused(texts: tuple[str, ...], words: str):
    with pytest.raises(InputError, match=words):
        own_source(cells(*texts)["f"])


def test_a_function_without_a_text_is_refused():
    scope: dict = {}
    exec("def f(x):\n    return x", scope)
    with pytest.raises(InputError, match="the text of f can't be found"):
        own_source(scope["f"])
