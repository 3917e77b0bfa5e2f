"""Gives every reader of files thousands of broken ones, and reports what came back.

Wanted: the file is read after all, or a documented error (``InputError`` and what derives from it). Anything
else counts as a fault: another error, more than five seconds, more than 2 GB, the end of the process,
anything executed, any connection, any file written outside the reader's folder. Every reader runs in a
process of its own under a limit of memory; each input follows from the seed, the reader and its number.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

import numpy as np
import torch

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path += [str(REPOSITORY / "scripts"), str(REPOSITORY / "tests" / "unit")]

from fuzz_notebooks import notebook_targets  # noqa: E402
from fuzz_readers import Target, targets  # noqa: E402
from malform import malform_bytes, malform_content  # noqa: E402

from handlib.utils.errors import InputError  # noqa: E402
from handlib.utils.files import write_between_marks, write_text  # noqa: E402

PAGE, RESULTS = REPOSITORY / "docs" / "fuzzing.md", REPOSITORY / "docs" / "fuzzing.json"
SECONDS, GIGABYTES = 5.0, 2.0
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect")


class Hang(BaseException):
    """A reader took too long."""


class Forbidden(BaseException):
    """A reader did what no reader may."""


@dataclass
class Report:
    """What one reader made of its inputs. ``faults`` says what went wrong, with the first input's number."""

    reader: str
    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: dict[str, int] = field(default_factory=dict)
    slowest_ms: float = 0.0
    most_mb: float = 0.0

    def add(self, number: int, outcome: str, seconds: float, megabytes: float, fault: bool) -> None:
        """Counts an input."""
        self.inputs += 1
        self.outcomes[outcome] += 1
        self.slowest_ms = max(self.slowest_ms, 1000 * seconds)
        self.most_mb = max(self.most_mb, megabytes)
        if fault:
            self.faults.setdefault(outcome, number)


def malformed(target: Target, whole: bytes, seed: int, number: int) -> bytes:
    """The input of that number: every second one has malformed content, if the target has any, else bytes."""
    rng = np.random.default_rng((seed, *target.name.encode(), number))
    if target.encode and not target.bytes_too:
        return target.encode(malform_content(target.content, rng))
    if target.encode and number % 2:
        # Some content is too strange for the format to be written at all.
        with suppress(Exception):
            return target.encode(malform_content(target.content, rng))
    return malform_bytes(whole, rng)


def outcome_of(target: Target) -> tuple[str, bool]:
    """How reading ended, and whether that is a fault."""
    try:
        target.read()
    except InputError as error:
        return type(error).__name__, False
    except (Hang, Forbidden) as error:
        return f"{type(error).__name__}: {error}"[:120], True
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:120], True
    return "read", False


def watch(folder: Path) -> None:
    """From now on this process may only write below a folder, and may start and reach nothing."""
    allowed = (str(folder), os.devnull)

    def audit(event: str, arguments: tuple) -> None:
        if event in FORBIDDEN:
            raise Forbidden(event)
        path, mode, *_ = (*arguments, None, None)
        writes = event == "open" and isinstance(path, str) and set(mode or "") & set("wax+")
        if writes and not path.startswith(allowed):
            raise Forbidden(f"writing {path}")

    sys.addaudithook(audit)


def limit_memory(gigabytes: float) -> None:
    """Lets this process take so much more than it has."""
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + int(gigabytes * 2**30),) * 2)


def read_all(target: Target, folder: Path, seed: int, numbers: range, connection: Connection) -> None:
    """Runs inputs one after the other; sends number, outcome, seconds, megabytes and fault of each."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Hang(f"over {SECONDS:.0f} s")

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    signal.signal(signal.SIGALRM, stop)
    whole = target.path.read_bytes()
    limit_memory(GIGABYTES)
    watch(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in numbers:
        target.path.write_bytes(malformed(target, whole, seed, number))
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        start = time.perf_counter()
        outcome, fault = outcome_of(target)
        seconds = time.perf_counter() - start
        signal.setitimer(signal.ITIMER_REAL, 0)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        connection.send((number, outcome, seconds, grown, fault))
    target.path.write_bytes(whole)
    connection.send(None)


def fuzz(target: Target, folder: Path, seed: int, count: int) -> Report:
    """All inputs of a reader; a process that dies or hangs is replaced, and the input that did it counted."""
    report, number, whole = Report(target.name), 0, target.path.read_bytes()
    while number < count:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        arguments = (target, folder, seed, range(number, count), theirs)
        process = multiprocessing.get_context("fork").Process(target=read_all, args=arguments)
        process.start()
        theirs.close()
        try:
            while ours.poll(4 * SECONDS) and (message := ours.recv()) is not None:
                report.add(*message)
                number = message[0] + 1
            if number < count:
                report.add(number, "Hang: had to be killed", 4 * SECONDS, 0.0, True)
                number += 1
        except EOFError:
            process.join()
            report.add(number, f"the process ended with {process.exitcode}", 0.0, 0.0, True)
            number += 1
        if process.is_alive() and number < count:
            process.kill()
        process.join()
        target.path.write_bytes(whole)
    return report


def table(reports: list[Report]) -> str:
    """One line per reader."""
    lines = [
        "| reader | inputs | read all the same | refused | by | faults | slowest, ms | memory, MB |",
        "|---|---:|---:|---:|---|---:|---:|---:|",
    ]
    for report in reports:
        refusals = {name for name in report.outcomes if name != "read" and name not in report.faults}
        refused = sum(report.outcomes[name] for name in refusals)
        faults = sum(report.outcomes[name] for name in report.faults)
        lines.append(
            f"| {report.reader} | {report.inputs} | {report.outcomes['read']} | {refused} "
            f"| {', '.join(sorted(refusals))} | {faults} | {report.slowest_ms:.0f} | {report.most_mb:.0f} |"
        )
    total = sum(report.inputs for report in reports)
    faults = sum(report.outcomes[name] for report in reports for name in report.faults)
    return "\n".join([*lines, "", f"{total} inputs, {faults} faults."])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="inputs per reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="readers whose name holds this; writes no report")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reports = []
        for target in itertools.chain(targets(folder), notebook_targets(folder)):
            if args.only in target.name:
                reports.append(fuzz(target, folder, args.seed, args.count))
                print(
                    table(reports[-1:]).splitlines()[2], *reports[-1].faults.items(), sep="\n    ", flush=True
                )
    if not args.only:
        write_text(RESULTS, json.dumps([vars(report) for report in reports], indent=1) + "\n")
        write_between_marks(PAGE, "fuzz.py", table(reports))
    sys.exit(any(report.faults for report in reports))


if __name__ == "__main__":
    main()
