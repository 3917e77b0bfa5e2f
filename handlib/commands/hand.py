"""``handlib hand``: the hand model as files."""

from pathlib import Path


def export(out: Path) -> None:
    """Write the open hand as MANO_LEFT and MANO_RIGHT (.pkl and .npz), for programs that read MANO.

    The files have MANO's format, but not MANO's values: MANO's coefficients mean something else here.

    Args:
        out: folder to write to; made if missing.
    """
    from handlib.hand.mano_file import export_open_hand

    for path in export_open_hand(out):
        print(path)
