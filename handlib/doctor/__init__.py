"""``handlib doctor``: checks which of the things that the package can use are on this machine and in order.

It uses no network and changes nothing.
"""

from functools import partial
from pathlib import Path

from handlib.doctor.data_sets import (
    GET_INTAGHAND,
    GET_INTERHAND,
    intaghand_findings,
    interhand_findings,
)
from handlib.doctor.findings import Finding, judged_each
from handlib.doctor.machine import machine_findings
from handlib.doctor.models import GET_CHECKPOINT, GET_MANO, checkpoint_findings, mano_findings
from handlib.doctor.shipped import INSTALL_AGAIN, shipped_findings

__all__ = ["Finding", "examine", "examine_given"]


def examine_given(
    mano: Path | None = None,
    checkpoint: Path | None = None,
    interhand: Path | None = None,
    intaghand: Path | None = None,
) -> list[Finding]:
    """Checks the user's own MANO files, weights and data sets. For what isn't given, says where to get it."""
    small = "the small network takes its place"
    checks = (
        ("MANO", mano, mano_findings, "the open hand takes its place", GET_MANO),
        ("released checkpoint", checkpoint, checkpoint_findings, small, GET_CHECKPOINT),
        ("InterHand2.6M", interhand, interhand_findings, "rendered pairs take its place", GET_INTERHAND),
        ("IntagHand", intaghand, intaghand_findings, "not needed beside InterHand2.6M", GET_INTAGHAND),
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
    """Checks the machine, the files that ship, and the user's own files (:func:`examine_given`)."""
    return [
        *judged_each("machine", machine_findings, INSTALL_AGAIN),
        *judged_each("what ships", shipped_findings, INSTALL_AGAIN),
        *examine_given(**given),
    ]
