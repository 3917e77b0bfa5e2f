import pytest
from try_environment import import_all, modules_of, pip_part


def test_the_lines_for_pip():
    text = "dependencies:\n  - python>=3.11\n  - pip:\n      - -e .[dev]\n      - numpy>=2.0\n"
    assert pip_part(text) == ["-e .[dev]", "numpy>=2.0"]


def test_packages_are_found_under_the_names_they_are_imported_by():
    assert modules_of("pillow") == ["PIL"]
    assert modules_of("pytest-xdist") == ["xdist"]
    assert modules_of("huggingface_hub") == modules_of("huggingface-hub") == ["huggingface_hub"]
    assert modules_of("no-such-thing") == []


def test_what_is_not_installed_is_named():
    with pytest.raises(SystemExit, match="nothing to import of no-such-thing"):
        import_all(["-e .[dev]", "numpy>=2.0", "no-such-thing>=1"])
