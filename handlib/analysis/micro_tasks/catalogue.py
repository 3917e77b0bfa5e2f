"""All micro-tasks by name, and the results of theirs that ship."""

from collections.abc import Callable
from pathlib import Path

from handlib.analysis.micro_tasks.attention import attention
from handlib.analysis.micro_tasks.hidden_hand import hidden_hand
from handlib.analysis.micro_tasks.read_back import read_back
from handlib.analysis.micro_tasks.result import MicroTaskResult, read_micro_task
from handlib.analysis.micro_tasks.scattered_hiding import scattered_hiding
from handlib.utils.resources import samples_folder

RESULTS = "micro_tasks"
"""The folder in ``data_samples`` with a result per micro-task."""
TASKS: dict[str, Callable[[], MicroTaskResult]] = {
    "hidden_hand": hidden_hand,
    "scattered_hiding": scattered_hiding,
    "read_back": read_back,
    "attention": attention,
}
ABOUT = {
    "hidden_hand": "inter-hand transformer: predict one hand's joints from the other hand's",
    "scattered_hiding": "GCN: predict hidden joints from the seen joints of the same hand",
    "read_back": "multi-plane projection: draw codes at the joints and read them back",
    "attention": "left/right attention: a first estimate on a frozen map",
}


def stored_path(name: str) -> Path:
    """Returns where the result that ships lies."""
    return samples_folder() / RESULTS / f"{name}.json"


def stored_result(name: str) -> MicroTaskResult:
    """Returns the result that ships.

    Raises:
        InputError: the file is missing or damaged.
    """
    return read_micro_task(stored_path(name))
