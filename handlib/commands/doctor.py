"""``handlib doctor``: checks what is installed, and whether each file is the right one."""

import sys
from pathlib import Path


def doctor(
    mano: Path | None = None,
    checkpoint: Path | None = None,
    interhand: Path | None = None,
    intaghand: Path | None = None,
) -> None:
    """Check this machine, the files that ship and your real data. The exit code is 1 if something is wrong.

    Args:
        mano: folder with MANO_LEFT.pkl and MANO_RIGHT.pkl.
        checkpoint: file of the authors' released weights.
        interhand: InterHand2.6M's folder, with images and annotations.
        intaghand: the folder that IntagHand's preparation has written.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from handlib.doctor import examine

    styles = {"ok": "green", "missing": "yellow", "wrong": "bold red"}
    table = Table("", "verdict", "found", header_style="bold", box=None, pad_edge=False)
    findings = examine(mano=mano, checkpoint=checkpoint, interhand=interhand, intaghand=intaghand)
    for finding in findings:
        told = finding.explanation + (f"\n-> {finding.to_do}" if finding.to_do else "")
        table.add_row(Text(finding.what), Text(finding.verdict, styles[finding.verdict]), Text(told))
    Console().print(table)
    if any(finding.verdict == "wrong" for finding in findings):
        sys.exit(1)
