"""Runs every notebook and writes each one's time into ``notebooks/README.md``.

    python scripts/build/time_notebooks.py

Only the table is written. Times depend on the machine, which the README names.
"""

import os
import time

from build_notebooks import NOTEBOOKS, execute, read_source

from handlib.utils.files import write_between_marks


def timed() -> list[tuple[str, float]]:
    """Returns the seconds of every notebook, from the start of its kernel to its last cell."""
    seconds = []
    for source in sorted((NOTEBOOKS / "source").glob("*.py")):
        started = time.monotonic()
        execute(read_source(source), NOTEBOOKS, source.stem)
        seconds.append((source.stem, time.monotonic() - started))
        print(f"{source.stem}: {seconds[-1][1]:.0f} s", flush=True)
    return seconds


def as_markdown(seconds: list[tuple[str, float]]) -> str:
    """Returns the table."""
    rows = [f"| [{name}]({name}.ipynb) | {spent:.0f} |" for name, spent in seconds]
    rows.append(f"| together | {sum(spent for _, spent in seconds):.0f} |")
    cores = f"Run one after another on a machine with {os.cpu_count()} cores, each notebook in one thread."
    return "\n".join([cores, "", "| notebook | seconds |", "|---|---:|", *rows])


if __name__ == "__main__":
    write_between_marks(NOTEBOOKS / "README.md", "time_notebooks.py", as_markdown(timed()))
