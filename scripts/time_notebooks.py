"""Runs every notebook and writes how long each took into ``notebooks/README.md``.

    python scripts/time_notebooks.py

Nothing but the table is written. Times depend on the machine; the README says which one it was.
"""

import os
import sys
import time

from build_notebooks import NOTEBOOKS, execute, read_source

README = NOTEBOOKS / "README.md"
START, END = "<!-- time_notebooks.py writes from here -->\n", "\n<!-- to here -->"


def timed() -> list[tuple[str, float]]:
    """Seconds of every notebook, from the start of its kernel to its last cell."""
    seconds = []
    for source in sorted((NOTEBOOKS / "source").glob("*.py")):
        started = time.monotonic()
        execute(read_source(source), NOTEBOOKS, source.stem)
        seconds.append((source.stem, time.monotonic() - started))
        print(f"{source.stem}: {seconds[-1][1]:.0f} s", flush=True)
    return seconds


def as_markdown(seconds: list[tuple[str, float]]) -> str:
    """The table."""
    rows = [f"| [{name}]({name}.ipynb) | {spent:.0f} |" for name, spent in seconds]
    rows.append(f"| together | {sum(spent for _, spent in seconds):.0f} |")
    cores = f"Run one after another on a machine with {os.cpu_count()} cores, each notebook in one thread."
    return "\n".join([cores, "", "| notebook | seconds |", "|---|---:|", *rows])


def main() -> int:
    """The command line; returns the exit status."""
    before, found, rest = README.read_text(encoding="utf-8").partition(START)
    _, ends, after = rest.partition(END)
    if not (found and ends):
        print(f"{README}: expected the lines {START.strip()!r} and {END.strip()!r}", file=sys.stderr)
        return 1
    README.write_text(before + START + as_markdown(timed()) + END + after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
