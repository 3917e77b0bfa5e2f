"""Proves ``environment.yml``: installs what it names into a fresh environment and imports all of it.

    python scripts/build/try_environment.py

Only the part that pip installs is tried, with the Python that runs this. The environment is made in a
temporary folder (7 GB) and goes away again.
"""

import importlib
import json
import pkgutil
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def pip_part(environment: str) -> list[str]:
    """What pip is given, line by line."""
    import yaml

    dependencies = yaml.safe_load(environment)["dependencies"]
    (lines,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    return lines


def modules_of(distribution: str) -> list[str]:
    """What can be imported of an installed distribution."""
    wanted = distribution.lower().replace("_", "-")
    found = [
        module
        for module, owners in packages_distributions().items()
        if wanted in {owner.lower().replace("_", "-") for owner in owners} and module.isidentifier()
    ]
    return sorted(module for module in found if not module.startswith("_"))


def import_all(lines: list[str]) -> None:
    """Imports every package that the lines name, and every module of handlib."""
    names = [Requirement(line).name for line in lines if not line.startswith("-e")]
    missing = [name for name in names if not modules_of(name)]
    if missing:
        raise SystemExit(f"nothing to import of {', '.join(missing)}")
    modules = [module for name in names for module in modules_of(name)]
    handlib = importlib.import_module("handlib")
    modules += [module.name for module in pkgutil.walk_packages(handlib.__path__, "handlib.")]
    for module in modules:
        importlib.import_module(module)
    print(f"{len(names)} packages are there; {len(modules)} modules imported")


def main() -> None:
    lines = pip_part((ROOT / "environment.yml").read_text())
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        arguments = [argument for line in lines for argument in line.split()]
        subprocess.run(
            [python, "-m", "pip", "install", "--no-compile", "-q", *arguments], cwd=ROOT, check=True
        )
        subprocess.run([python, __file__, "--import", json.dumps(lines)], cwd=folder, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--import"]:
        import_all(json.loads(sys.argv[2]))
    else:
        main()
