"""Measures micro-tasks anew: writes ``data_samples/micro_tasks`` and lists the files in the manifest.

    python scripts/build/micro_tasks.py             # all of them, or only those named
    python scripts/build/micro_tasks.py read_back

One core takes two and a half minutes for all of them.
"""

import sys

from make_data_samples import LICENCE, ORIGIN, update_manifest

from handlib.analysis.micro_tasks.catalogue import RESULTS, TASKS, stored_path
from handlib.analysis.micro_tasks.result import claims_table, values_table, write_micro_task
from handlib.utils.files import make_folder
from handlib.utils.resources import samples_folder

RESULTS_ORIGIN = "measured by scripts/build/micro_tasks.py on poses and pictures of the open hand"


def main(names: list[str]) -> None:
    """Runs the named micro-tasks, or all of them."""
    folder = samples_folder()
    make_folder(folder / RESULTS)
    for name in names or TASKS:
        result = TASKS[name]()
        write_micro_task(stored_path(name), result)
        print(values_table(result), claims_table(result), sep="\n\n", end="\n\n", flush=True)
    files = sorted((folder / RESULTS).glob("*.json"))
    update_manifest(folder, files, (f"{RESULTS}/",), RESULTS_ORIGIN, LICENCE)
    update_manifest(folder, [folder / "README.md"], ("README.md",), ORIGIN, LICENCE)


if __name__ == "__main__":
    main(sys.argv[1:])
