"""The reader's file: functions come in or are replaced, every other byte of it stays."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlib.exercises.core.own_file import keep
from handlib.utils.errors import InputError


def fine(function: object) -> None:
    """The check of an exercise that takes every answer."""


class Notebook:
    """Functions as modules of their own, written into one file."""

    def __init__(self, folder: Path):
        self.folder, self.count, self.file = folder, 0, folder / "my_dir.py"

    def function(self, text: str, name: str = "attend") -> Callable:
        self.count += 1
        path = self.folder / f"cell_{self.count}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(f"cell_{self.count}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return getattr(module, name)

    def keep(self, text: str, name: str = "attend", check: Callable = fine) -> str:
        keep(self.function(text, name), self.file, check)
        return self.file.read_text()


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    return Notebook(tmp_path)


ATTEND = "import torch\n\ndef attend(q, k, v):\n    return torch.ones(2), v\n"


def test_a_new_file_holds_the_function_and_its_imports(notebook: Notebook):
    text = notebook.keep(ATTEND)
    assert text.startswith('"""My parts of DIR')
    assert text.endswith("\n\nimport torch\n\n\ndef attend(q, k, v):\n    return torch.ones(2), v\n")


def test_the_same_again_changes_nothing(notebook: Notebook):
    first = notebook.keep(ATTEND)
    time = notebook.file.stat().st_mtime_ns
    assert notebook.keep(ATTEND) == first
    assert notebook.file.stat().st_mtime_ns == time


def test_only_the_function_is_replaced(notebook: Notebook):
    before = '"""Mine."""\n\nimport math  # mine\nimport torch\n\n# above\n\n\n'
    after = "\n# below\n\n\ndef mine():  # untouched\n    return   math.pi\n"
    notebook.file.write_text(f"{before}@torch.no_grad()\ndef attend(q, k, v):\n    return 1\n{after}")
    text = notebook.keep("from torch import Tensor\n\ndef attend(q: Tensor, k, v):\n    return 2\n")
    added = before.replace("import torch\n", "import torch\nfrom torch import Tensor\n")
    assert text == f"{added}def attend(q: Tensor, k, v):\n    return 2\n{after}"


@given(
    before=st.lists(st.sampled_from(["# a\n", "\n", "X = 1\n", "import os\n", "def f():\n    return 'é'\n"])),
    after=st.lists(
        st.sampled_from(["# b\n", "\n", "Y = '''\n\n'''\n", "class C:\n    x = 1\n", "if 1:\n  z = 2\n"])
    ),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_stands_around_stays(tmp_path_factory, before: list[str], after: list[str], ends: str):
    notebook = Notebook(tmp_path_factory.mktemp("reader"))
    parts = "".join(before), "def attend(q, k, v):\n    return 1\n", "".join(after)
    notebook.file.write_bytes("".join(parts).replace("\n", ends).encode())
    keep(notebook.function("def attend(q, k, v):\n    return 2\n"), notebook.file, fine)
    expected = f"{parts[0]}def attend(q, k, v):\n    return 2\n{parts[2]}".replace("\n", ends)
    assert notebook.file.read_bytes() == expected.encode()


def test_a_changed_helper_is_replaced_too(notebook: Notebook):
    pattern = (
        "LIMIT = {n}\n\ndef near(x):\n    return x < LIMIT\n\ndef attend(q, k, v):\n    return near(q)\n"
    )
    notebook.keep(pattern.format(n=3))
    text = notebook.keep(pattern.format(n=4).replace("x < LIMIT", "x <= LIMIT"))
    assert text.count("LIMIT = ") == text.count("def near") == text.count("def attend") == 1
    assert "LIMIT = 4" in text and "x <= LIMIT" in text


def test_a_helper_of_another_function_is_left_alone(notebook: Notebook):
    helper = "def near(x):\n    return x < {n}\n\n"
    first = notebook.keep(helper.format(n=1) + "def skin(p, w, t):\n    return near(p)\n", "skin")
    with pytest.raises(InputError, match=r"my_dir.py: skin uses another near; call your helper"):
        notebook.keep(helper.format(n=2) + "def attend(q, k, v):\n    return near(q)\n")
    assert notebook.file.read_text() == first
    assert "def attend" in notebook.keep(helper.format(n=1) + "def attend(q, k, v):\n    return near(q)\n")


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ("def attend(q:\n", "my_dir.py, line 1: "),
        ("x = 1 / 0\n", r"my_dir.py stopped with ZeroDivisionError: .*line 1: x = 1 / 0"),
        ("def attend(): pass\n\nattend = None\n", "my_dir.py: expected one plain definition of attend"),
        ("from math import floor as attend\n", "my_dir.py: expected one plain definition of attend"),
        ("if True:\n    def attend(): pass\n", "my_dir.py: expected one plain definition of attend"),
        ("class attend: pass\n", "my_dir.py: expected one plain definition of attend"),
        (
            "\nfrom math import floor as torch\n",
            "my_dir.py: torch is something else than by `import torch`; ren",
        ),
        (b"x = '\xff'\n", "my_dir.py: expected a Python file in UTF-8"),
        (b"x = 1\ry = 2\n", "expected lines that end with a line feed"),
    ],
)
def test_a_file_in_another_form_is_left_as_it_is(notebook: Notebook, there: str | bytes, words: str):
    content = there if isinstance(there, bytes) else there.encode()
    notebook.file.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        notebook.keep(ATTEND)
    assert "\n" not in str(caught.value)
    assert notebook.file.read_bytes() == content
    assert [path.name for path in notebook.folder.iterdir() if path.name.startswith(".")] == []


def test_a_folder_in_the_way_is_told(notebook: Notebook):
    notebook.file.mkdir()
    with pytest.raises(InputError, match=r"my_dir\.py: expected a Python file"):
        notebook.keep(ATTEND)


def test_a_function_that_is_wrong_in_the_file_is_not_kept(notebook: Notebook):
    def check(function: Callable) -> None:
        if function(1, 2, 3) != 7:
            raise ValueError("a hint")

    kept = notebook.keep("def attend(q, k, v):\n    return 7\n", check=check)
    with pytest.raises(InputError, match=r"in my_dir\.py alone it does something else: a hint"):
        notebook.keep("def attend(q, k, v):\n    return 8\n", check=check)
    assert notebook.file.read_text() == kept


def test_another_part_is_no_helper(notebook: Notebook):
    with pytest.raises(InputError, match="attend uses skin, another part"):
        notebook.keep("def skin(p, w, t):\n    return p\n\ndef attend(q, k, v):\n    return skin(q, k, v)\n")
    assert not notebook.file.exists()


def test_a_link_stays_a_link(notebook: Notebook, tmp_path: Path):
    real = tmp_path / "elsewhere.py"
    real.write_text('"""Mine."""\n')
    notebook.file.symlink_to(real)
    assert "def attend" in notebook.keep(ATTEND)
    assert notebook.file.is_symlink() and "def attend" in real.read_text()
