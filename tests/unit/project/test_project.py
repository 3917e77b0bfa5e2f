"""The project's own files agree with one another."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
MACHINE_PATH = re.compile(r"(?<![\w./:-])(?:/(?:home|Users|root|work|tmp|mnt)/|[A-Z]:\\\\?Users\\)\w")


def own_files() -> list[Path]:
    """All files of the project, without what the tools leave behind."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for name in names if (path := ROOT / name).is_file()]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_conda_installs_what_pip_does():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert dependencies == [f"python{PROJECT['requires-python']}", "pip", {"pip": ["-e .[dev]"]}]


def test_dev_holds_every_extra():
    named = {name for extras in re.findall(r"handlib\[(.*?)\]", str(EXTRAS)) for name in extras.split(",")}
    assert {*named, "dev"} == EXTRAS.keys()


def test_the_core_needs_no_extra():
    code = """if True:
        import sys
        for name in sys.argv[1:]:
            sys.modules[name] = None
        import handlib.cli, handlib.doctor, handlib.photos.batch, handlib.photos.video
        import handlib.training.loop"""
    extra = [re.match(r"[\w-]+", line)[0] for kind in EXTRAS.values() for line in kind if ">" in line]
    run = subprocess.run([sys.executable, "-c", code, *extra], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_one_version_everywhere():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["version"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_make_command_in_the_documentation_exists(page: str):
    named = set(re.findall(r"(?:^|`)(?:\$ )?make ([a-z-]+)", (ROOT / page).read_text(), re.MULTILINE))
    assert named <= make_targets()
    assert {"lab", "test"} <= named or page != "README.md"


def test_every_file_named_in_the_documentation_exists():
    for page in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / page).read_text()
        names = re.findall(r"\]\(((?!https?:|#)[^)#]+)", text)
        names += re.findall(r"`((?:handlib|tests|scripts|notebooks|data_samples|\.ci)/[\w./-]+)`", text)
        assert names
        assert [name for name in names if not (ROOT / name).exists()] == [], page


def test_no_file_names_a_path_of_a_machine():
    assert MACHINE_PATH.search("open('" + "/home" + "/ann/x')")
    guilty = {}
    for path in own_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if hit := MACHINE_PATH.search(text):
            guilty[str(path.relative_to(ROOT))] = text[hit.start() : hit.end() + 40]
    assert guilty == {}


def test_make_says_which_python_it_needs(tmp_path: Path):
    (tmp_path / "pyproject.toml").touch()
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.8.1" && exit 0\nexit 1\n')
    old.chmod(0o755)
    command = ["make", "-f", str(ROOT / "Makefile"), f"PYTHON={old}", "setup"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "Python 3.11 or newer" in result.stderr
    assert "Python 3.8.1" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_rooms_are_those_of_the_map():
    rows = re.findall(
        r"^\| `([\w/]+/)` \| (.*) \|$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE
    )
    listed = {room + name for room, modules in rows for name in re.findall(r"`(\w+\.py)`", modules)}
    package = ROOT / "handlib"
    there = {path.relative_to(package).as_posix() for path in package.rglob("*/*.py")}
    assert listed == {name for name in there if "node_modules" not in name and "__init__" not in name}
