"""The folder of a training run: checkpoint, log, settings, network. Files are written whole or not at all."""

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
    """Writes a new file, then replaces the old one by it. An interruption leaves the old checkpoint whole."""
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
    """Saves a network with ``save_pretrained``, each file whole or not at all."""
    with TemporaryDirectory(dir=folder) as unfinished:
        model.save_pretrained(unfinished)
        for path in sorted(Path(unfinished).iterdir()):
            os.replace(path, folder / path.name)


def append_line(path: Path, record: dict) -> None:
    """Adds a JSON line to a log."""
    with open(path, "a") as file:
        file.write(json.dumps(record) + "\n")


def cut_log(path: Path, step: int) -> None:
    """Removes the log's lines about steps after ``step``, which a resumed run will take again."""
    if path.exists():
        with reading(path, "the log of a run"):
            # A line without an end was being written when the run stopped.
            lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            kept = [line for line in lines if json.loads(line)["step"] <= step]
        write_text(path, "".join(kept))


def check_same_run(path: Path, settings: dict, machine: dict) -> None:
    """Writes a run's settings, or raises an :class:`InputError` if the folder's run has other settings.

    ``machine`` (see ``machine_of``) may change; the file lists every machine under ``ran_on``.
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
