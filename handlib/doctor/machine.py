"""The machine: Python, packages, processor, graphics card, browser."""

import os
import platform
import shutil
from collections.abc import Mapping
from importlib import metadata

import torch
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from handlib.doctor.findings import Finding
from handlib.training.precision import training_precision

PACKAGE = "handlib"
REINSTALL = "make setup, or pip install -e .[dev] in the repository"
PURPOSES = {"dev": "tests, notebooks' outputs, browser tests", "export": "handlib export onnx"}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def python_finding(version: str, bounds: str) -> Finding:
    """Whether a version of Python lies within what the package declares."""
    told = f"{version}, expected {bounds}"
    if SpecifierSet(bounds).contains(version, prereleases=True):
        return Finding("Python", "ok", told)
    return Finding("Python", "wrong", told, f"make a virtual environment with Python {bounds}")


def package_findings(requirements: list[Requirement], installed: Mapping[str, str | None]) -> list[Finding]:
    """A line for every package that is too old or not there, and one that counts the others.

    ``installed`` are the versions by name, None where there is none.
    """
    findings, good = [], 0
    for needed in requirements:
        found = installed[needed.name]
        if found is not None and needed.specifier.contains(found, prereleases=True):
            good += 1
            continue
        told = f"expected {needed.specifier}, " + (f"found {found}" if found else "not installed")
        findings.append(Finding(f"package {needed.name}", "wrong", told, REINSTALL))
    return [Finding("packages", "ok", f"{good} of {len(requirements)} as declared"), *findings]


def extra_finding(
    extra: str, requirements: list[Requirement], installed: Mapping[str, str | None]
) -> Finding:
    """Whether an optional group of packages is there."""
    what, purpose = f"packages [{extra}]", PURPOSES.get(extra, "optional")
    lacking = [
        r.name
        for r in requirements
        if (version := installed[r.name]) is None or not r.specifier.contains(version, prereleases=True)
    ]
    if not lacking:
        return Finding(what, "ok", f"{len(requirements)} as declared, for {purpose}")
    told = f"not there or too old: {', '.join(lacking)}; needed for {purpose} only"
    return Finding(what, "missing", told, f"pip install -e .[{extra}] in the repository")


def installed_versions(requirements: list[Requirement]) -> dict[str, str | None]:
    """The version of each package in this environment, None where it isn't installed."""

    def version(name: str) -> str | None:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    return {needed.name: version(needed.name) for needed in requirements}


def package_group(declared: list[Requirement], extra: str | None) -> list[Requirement]:
    """Requirements that hold here without any extra, or those that an extra adds."""

    def holds(r: Requirement, extra: str) -> bool:
        return r.marker is None or r.marker.evaluate({"extra": extra})

    without = [r for r in declared if holds(r, "")]
    if extra is None:
        return without
    return [r for r in declared if r not in without and holds(r, extra)]


def processor_finding() -> Finding:
    """Cores, threads, vector instructions, and the arithmetic that a training takes."""
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
    """Graphics cards that torch can use."""
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
        return Finding("GPU", "ok", f"{', '.join(names)}; handlib train --accelerator cuda")
    if torch.backends.mps.is_available():
        return Finding("GPU", "ok", "Apple's, by mps; handlib train --accelerator mps")
    told = "none that torch can use; everything here runs without, but for the paper's training"
    return Finding("GPU", "missing", told)


def chromium() -> str | None:
    """A Chromium on this machine; the environment variable CHROMIUM may name one."""
    names = (os.environ.get("CHROMIUM"), *CHROMIUM_NAMES)
    return next((path for name in names if name and (path := shutil.which(name))), None)


def browser_finding() -> Finding:
    """What ``make test`` drives."""
    path = chromium()
    if path:
        return Finding("Chromium", "ok", path)
    to_do = "install chromium, or name one by the environment variable CHROMIUM"
    return Finding("Chromium", "missing", "not found; browser tests will be skipped", to_do)


def machine_findings() -> list[Finding]:
    """Everything about this machine."""
    bounds = metadata.metadata(PACKAGE)["Requires-Python"] or ">=3"
    declared = [Requirement(line) for line in metadata.requires(PACKAGE) or []]
    installed = installed_versions(declared)
    extras = metadata.metadata(PACKAGE).get_all("Provides-Extra") or []
    return [
        python_finding(platform.python_version(), bounds),
        *package_findings(package_group(declared, None), installed),
        *(extra_finding(extra, package_group(declared, extra), installed) for extra in extras),
        processor_finding(),
        accelerator_finding(),
        browser_finding(),
    ]
