"""The folder of a training run: checkpoint, log and settings, each whole or not at all, and the network."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from lightning_fabric import Fabric

from handlib.model.network import DIR
from handlib.utils.errors import InputError
from handlib.utils.files import reading, write_text

CHECKPOINT, LOG, SETTINGS = "checkpoint.ckpt", "log.jsonl", "settings.json"


def save_checkpoint(fabric: Fabric, path: Path, state: dict) -> None:
    """Writes beside the target, then replaces it: an interruption leaves the old checkpoint whole."""
    temporary = path.with_suffix(".tmp")
    try:
        fabric.save(temporary, state)
        if fabric.is_global_zero:
            os.replace(temporary, path)
    finally:
        if fabric.is_global_zero:
            temporary.unlink(missing_ok=True)
    fabric.barrier()


def save_network(model: DIR, folder: Path) -> None:
    """Returns what ``save_pretrained`` writes, each file whole or not at all."""
    with TemporaryDirectory(dir=folder) as unfinished:
        model.save_pretrained(unfinished)
        for path in sorted(Path(unfinished).iterdir()):
            os.replace(path, folder / path.name)


def append_line(path: Path, record: dict) -> None:
    """Adds a JSON line to a log."""
    with open(path, "a") as file:
        file.write(json.dumps(record) + "\n")


def cut_log(path: Path, step: int) -> None:
    """Forgets what a log says of steps that a resumed run will do again."""
    if path.exists():
        with reading(path, "the log of a run"):
            # A line without an end was being written when the run was stopped.
            lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            kept = [line for line in lines if json.loads(line)["step"] <= step]
        write_text(path, "".join(kept))


def check_same_run(path: Path, settings: dict, machine: dict) -> None:
    """A run's folder belongs to one set of settings; resuming it with others is an :class:`InputError`.

    ``machine``, what computes the run and how, may change: the file lists each under ``ran_on``.
    """
    now, ran_on = json.loads(json.dumps(settings, default=str)), []
    if path.exists():
        with reading(path, "the settings of a run"):
            before = json.loads(path.read_text())
            changed = [name for name in now if before.get(name) != now[name]]
            ran_on = [*before.get("ran_on", [])]
        if changed:
            raise InputError(
                f"{path.parent}: holds a run with other settings ({', '.join(changed)}); use a new folder"
            )
    if machine not in ran_on:
        write_text(path, json.dumps({**now, "ran_on": [*ran_on, machine]}, indent=2) + "\n")
