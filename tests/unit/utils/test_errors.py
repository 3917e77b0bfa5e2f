"""Errors in words: kind, message, and the line of one's own code."""

from types import ModuleType

import pytest

from handlib.utils.errors import told

HERE = globals()


def fails():
    return {}["missing"]


def calls_fails():
    return fails() + 1


def caught(function):
    with pytest.raises(Exception) as error:
        function()
    return error.value


def test_the_deepest_line_of_ones_own_is_told():
    line = fails.__code__.co_firstlineno + 1
    expected = f"KeyError: 'missing' (test_errors.py, line {line}: return {{}}[\"missing\"])"
    assert told(caught(calls_fails), HERE) == expected


def test_there_is_no_line_where_ones_own_code_wasnt_running():
    assert told(caught(fails), {}) == told(caught(fails), None) == "KeyError: 'missing'"


def test_a_notebook_has_no_file():
    scope = {"error": None}
    exec("def f():\n    return 1 / 0", scope)
    assert told(caught(scope["f"]), scope) == "ZeroDivisionError: division by zero (line 2: )"


def test_long_messages_are_cut_and_several_lines_become_one():
    def talks():
        raise ValueError("a\n  b\n" + "much " * 100)

    said = told(caught(talks), vars(ModuleType("other")))
    assert said.startswith("ValueError: a b much") and said.endswith(" ...") and len(said) < 260
