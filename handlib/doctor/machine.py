"""Checks the machine: Python, packages, processor, graphics card, browser."""

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from importlib import metadata

import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from handlib.doctor.findings import Finding
from handlib.training.precision import training_precision

PACKAGE = "handlib"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def packages_finding(extra: str, declared: Sequence[Requirement], installed: Mapping[str, str]) -> Finding:
    """Checks that the packages of an optional group are installed and new enough.

    The group "" holds the packages that handlib itself needs. ``installed`` maps canonical names to versions.
    """

    def holds(needed: Requirement, extra: str) -> bool:
        return needed.marker is None or needed.marker.evaluate({"extra": extra})

    group = [one for one in declared if holds(one, extra) and not (extra and holds(one, ""))]
    what, lacking = f"packages [{extra}]" if extra else "packages", []
    for one in group:
        found = installed.get(canonicalize_name(one.name))
        if found is None or not one.specifier.contains(found, prereleases=True):
            lacking.append(f"{one.name}{one.specifier} ({found or 'not installed'})")
    if not lacking:
        return Finding(what, "ok", f"{len(group)} as declared")
    to_do = f"pip install -e .[{extra}] in the repository" if extra else "make setup in the repository"
    return Finding(what, "missing" if extra else "wrong", f"expected {', '.join(lacking)}", to_do)


def package_findings() -> list[Finding]:
    """Checks Python and the installed packages against the requirements that handlib declares."""
    about = metadata.metadata(PACKAGE)
    installed: dict[str, str] = {
        canonicalize_name(found.name): found.version for found in metadata.distributions()
    }
    installed["python"] = platform.python_version()
    declared = [f"python{about['Requires-Python'] or ''}", *(metadata.requires(PACKAGE) or [])]
    requirements = [Requirement(line) for line in declared]
    extras = about.get_all("Provides-Extra") or []
    return [packages_finding(extra, requirements, installed) for extra in ("", *extras)]


def processor_finding() -> Finding:
    """Reports cores, threads, vector instructions, and the arithmetic that a training uses."""
    cores, threads = os.cpu_count() or 1, torch.get_num_threads()
    vectors = torch.backends.cpu.get_cpu_capability()
    told = f"{platform.machine()}, {cores} cores, {vectors}; torch uses {threads}"
    told += f"; trains in {training_precision()}"
    limit = os.environ.get("OMP_NUM_THREADS")
    if limit:
        told += f" (OMP_NUM_THREADS={limit})"
    if threads > cores:
        return Finding("processor", "wrong", told, f"set OMP_NUM_THREADS to at most {cores}")
    return Finding("processor", "ok", told)


def accelerator_finding() -> Finding:
    """Reports the graphics cards that torch can use."""
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
        return Finding("GPU", "ok", f"{', '.join(names)}; handlib train --accelerator cuda")
    if torch.backends.mps.is_available():
        return Finding("GPU", "ok", "Apple's, by mps; handlib train --accelerator mps")
    told = "none that torch can use; everything here runs without, but for the paper's training"
    return Finding("GPU", "missing", told)


def chromium() -> str | None:
    """Returns the path of a Chromium on this machine. The environment variable CHROMIUM may name one."""
    names = (os.environ.get("CHROMIUM"), *CHROMIUM_NAMES)
    return next((path for name in names if name and (path := shutil.which(name))), None)


def browser_finding() -> Finding:
    """Checks for the browser that ``make test`` uses."""
    path = chromium()
    if path:
        return Finding("Chromium", "ok", path)
    to_do = "install chromium, or name one by the environment variable CHROMIUM"
    return Finding("Chromium", "missing", "not found; browser tests will be skipped", to_do)


def machine_findings() -> list[Finding]:
    """Returns all findings about this machine."""
    return [*package_findings(), processor_finding(), accelerator_finding(), browser_finding()]
