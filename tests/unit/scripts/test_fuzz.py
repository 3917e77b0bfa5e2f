"""Broken files are made as they should be, judged as they should be, and refused by every reader."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import fuzz
import fuzz_readers
import numpy as np
import pytest
from malform import malform_bytes, malform_content, to_json

from handlib.utils.errors import InputError


def target(path: Path, read) -> fuzz_readers.Target:
    path.write_bytes(b"something whole")
    return fuzz_readers.Target("a reader", path, read)


def refuse() -> None:
    raise InputError("expected something else")


def misbehave() -> None:
    raise KeyError("x")


def wait() -> None:
    time.sleep(60)


def execute() -> None:
    os.system("true")


def connect() -> None:
    socket.socket().connect(("127.0.0.1", 9))


def die() -> None:
    os._exit(7)


def write_elsewhere() -> None:
    Path("/handlib_fuzz").write_text("x")


def fill_memory() -> None:
    np.ones(int(fuzz.GIGABYTES * 2**30))


@pytest.mark.parametrize(
    ("read", "expected", "faults"),
    [
        (lambda: None, "read", 0),
        (refuse, "InputError", 0),
        (misbehave, "KeyError: 'x'", 3),
        (execute, "Forbidden: os.system", 3),
        (connect, "Forbidden: socket.connect", 3),
        (write_elsewhere, "Forbidden: writing /handlib_fuzz", 3),
        (die, "the process ended with 7", 3),
        (wait, "Hang: over 5 s", 3),
        (fill_memory, "MemoryError", 3),
    ],
)
def test_what_counts_as_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read, expected, faults):
    monkeypatch.setattr(fuzz, "SECONDS", 0.2 if read is wait else 5.0)
    report = fuzz.fuzz(target(tmp_path / "file", read), tmp_path, seed=0, count=3)
    assert report.inputs == 3
    (outcome,) = report.outcomes
    assert outcome.startswith(expected.replace("5", "0") if read is wait else expected)
    assert sum(report.outcomes[name] for name in report.faults) == faults
    assert (tmp_path / "file").read_bytes() == b"something whole"


def test_inputs_follow_from_seed_and_number(tmp_path: Path):
    one = target(tmp_path / "file", refuse)
    inputs = [fuzz.malformed(one, b"0123456789" * 20, 0, number) for number in range(50)]
    assert inputs == [fuzz.malformed(one, b"0123456789" * 20, 0, number) for number in range(50)]
    assert len(set(inputs)) > 45
    assert inputs != [fuzz.malformed(one, b"0123456789" * 20, 1, number) for number in range(50)]


def test_malformed_content_differs_in_one_place():
    content = {"a": 1, "b": {"c": [1, 2, 3]}, "d": np.arange(6.0).reshape(2, 3)}
    rng = np.random.default_rng(0)
    changed = [malform_content(content, rng) for _ in range(300)]
    same = [
        [name for name in content if isinstance(c, dict) and c.get(name) is content[name]] for c in changed
    ]
    assert sum(len(names) == 2 for names in same) > 200
    assert content["b"] == {"c": [1, 2, 3]}
    assert all(isinstance(to_json(c), bytes) for c in changed)


def test_any_bytes_can_be_malformed():
    rng = np.random.default_rng(0)
    for data in (b"", b"x", b'{"a": 12}'):
        for _ in range(200):
            assert isinstance(malform_bytes(data, rng), bytes)


@pytest.fixture(scope="module")
def every_target(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("readers")
    return folder, list(fuzz_readers.targets(folder))


def test_every_reader_refuses_broken_files(every_target):
    folder, targets = every_target
    reports = [fuzz.fuzz(target, folder, seed=1, count=8) for target in targets]
    assert {report.reader: report.faults for report in reports if report.faults} == {}
    refused = sum(report.outcomes.total() - report.outcomes["read"] for report in reports)
    assert refused > 4 * len(reports)


@pytest.mark.slow
def test_what_readers_of_notebooks_give():
    """In a process of its own: here every call is checked against its signature, which hides what isn't."""
    command = [sys.executable, fuzz.__file__, "--only", "notebook", "--count", "8", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    rows = [line for line in done.stdout.splitlines() if line.startswith("| notebook")]
    assert len(rows) == 6
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_is_what_the_last_run_wrote():
    content = json.loads(fuzz.RESULTS.read_text())
    reports = [fuzz.Report(**{**report, "outcomes": fuzz.Counter(report["outcomes"])}) for report in content]
    assert fuzz.table(reports) in fuzz.PAGE.read_text(), "run scripts/build/fuzz.py"
    assert sum(report.inputs for report in reports) >= 10_000
    assert not any(report.faults for report in reports)
