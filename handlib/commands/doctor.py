"""``handlib doctor``: what is there, and whether it is what it should be."""

import sys
from pathlib import Path


def doctor(
    mano: Path | None = None,
    checkpoint: Path | None = None,
    interhand: Path | None = None,
    intaghand: Path | None = None,
) -> None:
    """Check this machine, what ships, and what you have of the real data; code 1 if something is wrong.

    Args:
        mano: folder with MANO_LEFT.pkl and MANO_RIGHT.pkl.
        checkpoint: the authors' released weights.
        interhand: InterHand2.6M's folder, which holds images and annotations.
        intaghand: the folder that IntagHand's preparation wrote.
    """
    from rich.console import Console

    from handlib.doctor import as_table, examine, has_wrong

    findings = examine(mano=mano, checkpoint=checkpoint, interhand=interhand, intaghand=intaghand)
    Console().print(as_table(findings))
    if has_wrong(findings):
        sys.exit(1)
