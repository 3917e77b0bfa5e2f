"""Builds the open hand, the licence-free hand model that ships with the package.

    python scripts/build/build_open_hand.py [--out handlib/assets/open_hand.npz]

Everything is made from the table in ``open_hand/design.py``, without any mesh, scan or photograph. The
command writes the right hand as one npz (see ``open_hand.model`` and ``open_hand.skin``) and its SHA256
beside it. It takes half a minute. The same machine gives the same bytes again.
"""

import argparse
import hashlib
import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from open_hand.model import build_model
from open_hand.skin import bake_skin

DEFAULT_OUT = Path(__file__).parents[2] / "handlib" / "assets" / "open_hand.npz"


def write_asset(arrays: dict[str, np.ndarray], out: Path) -> str:
    """Writes the archive and its SHA256, whole or not at all, and returns the SHA256."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.partial")
    with open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
    note = out.with_suffix(".sha256")
    temporary_note = note.with_name(f".{note.name}.partial")
    temporary_note.write_text(f"{digest}  {out.name}\n")
    os.replace(temporary, out)
    os.replace(temporary_note, note)
    return digest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="the .npz to write")
    out = parser.parse_args().out
    vertices, faces, arrays = build_model(report=lambda line: print(line, flush=True))
    print("baking the skin", flush=True)
    arrays |= bake_skin(vertices, faces)
    digest = write_asset(arrays, out)
    print(f"{out} ({out.stat().st_size / 1000:.0f} kB)\nSHA256 {digest}")


if __name__ == "__main__":
    main()
