"""``handlib claims``: the micro-tasks that decide what the paper claims of a mechanism."""

import sys
import time
from pathlib import Path

from handlib.utils.arguments import check_choice
from handlib.utils.errors import InputError


def claims(run: str | None = None, json: Path | None = None) -> None:
    """Decide what the paper claims of a mechanism: small trainings, under a minute on one core.

    Without --run the names of all micro-tasks are listed. Numbers differ a little from the result that ships
    on another kind of processor. The exit code is 1 if a claim gets another answer.

    Args:
        run: micro-task to run.
        json: file to write the result to; its folder is made if missing.
    """
    from handlib.analysis.micro_tasks import catalogue
    from handlib.analysis.micro_tasks.result import (
        claims_table,
        largest_difference,
        values_table,
        write_micro_task,
    )
    from handlib.utils.files import make_folder

    if run is None:
        if json:
            raise InputError("json: expected a micro-task's name too, --run NAME")
        for name, about in catalogue.ABOUT.items():
            print(f"{name:18} {about}")
        return
    check_choice("run", run, catalogue.TASKS)
    if json:
        make_folder(json.parent)
    start = time.process_time()
    result, stored = catalogue.TASKS[run](), catalogue.stored_result(run)
    seconds = time.process_time() - start
    tables = [values_table(result), *([values_table(result, parts=True)] if result.parts else [])]
    print(*tables, claims_table(result), sep="\n\n")
    if json:
        write_micro_task(json, result)
    difference = largest_difference(result, stored)
    print(f"\n{seconds:.0f} s. Largest difference to the result that ships: {difference:.2f} {result.unit}.")
    changed = [claim.text for claim in stored.claims if result.holds(claim) != stored.holds(claim)]
    if changed:
        print(f"Other answers than there: {'; '.join(changed)}.")
        sys.exit(1)
