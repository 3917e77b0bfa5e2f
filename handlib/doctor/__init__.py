"""``handlib doctor``: what this machine has of all that the package can use, and whether it is in order.

Nothing outside the machine is asked, and nothing is changed.
"""

from functools import partial
from pathlib import Path

from handlib.doctor.data_sets import (
    GET_INTAGHAND,
    GET_INTERHAND,
    intaghand_findings,
    interhand_findings,
)
from handlib.doctor.findings import Finding, as_table, has_wrong, judged_each
from handlib.doctor.machine import machine_findings
from handlib.doctor.models import GET_CHECKPOINT, GET_MANO, checkpoint_findings, mano_findings
from handlib.doctor.shipped import open_hand_finding, shipped_findings
from handlib.hand.mano_file import open_hand_file
from handlib.utils.resources import samples_folder

__all__ = ["Finding", "as_table", "examine", "examine_given", "has_wrong"]


def examine_given(
    mano: Path | None = None,
    checkpoint: Path | None = None,
    interhand: Path | None = None,
    intaghand: Path | None = None,
) -> list[Finding]:
    """Checks what a reader has of the real thing; of what isn't given it says where to get it."""
    checks = (
        ("MANO", mano, mano_findings, "the open hand takes its place", GET_MANO),
        (
            "released checkpoint",
            checkpoint,
            checkpoint_findings,
            "the small network takes its place",
            GET_CHECKPOINT,
        ),
        ("InterHand2.6M", interhand, interhand_findings, "rendered pairs take its place", GET_INTERHAND),
        (
            "IntagHand's folder",
            intaghand,
            intaghand_findings,
            "not needed beside InterHand2.6M",
            GET_INTAGHAND,
        ),
    )
    findings: list[Finding] = []
    for what, path, check, instead, to_do in checks:
        if path is None:
            findings.append(Finding(what, "missing", f"not given; {instead}", to_do))
        elif not path.exists():
            findings.append(Finding(what, "wrong", f"{path}: no such file or folder", to_do))
        else:
            findings += judged_each(what, partial(check, path), to_do)
    return findings


def examine(**given: Path | None) -> list[Finding]:
    """The machine, what is shipped, and what is :func:`given <examine_given>`."""
    again = "install the package again"
    return [
        *judged_each("machine", machine_findings, again),
        *judged_each("open hand", lambda: [open_hand_finding(open_hand_file())], again),
        *judged_each("data_samples", lambda: shipped_findings(samples_folder()), again),
        *examine_given(**given),
    ]
