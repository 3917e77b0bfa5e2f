"""Checks the files that come with the package against their recorded checksums."""

import hashlib
import json
from pathlib import Path

from handlib.doctor.findings import Finding
from handlib.hand.mano_file import open_hand_file
from handlib.utils.resources import samples_folder

INSTALL_AGAIN = "install the package again; in the repository: git checkout -- handlib/assets data_samples"


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sums_finding(what: str, sums: dict[Path, str]) -> Finding:
    """Checks that every file exists and has the expected SHA256."""
    bad = [path for path, expected in sums.items() if not path.exists() or _sha256(path) != expected]
    if bad:
        told = f"missing or changed: {', '.join(map(str, bad[:3]))}{' and more' if len(bad) > 3 else ''}"
        return Finding(what, "wrong", told, INSTALL_AGAIN)
    size = sum(path.stat().st_size for path in sums) / 1e6
    return Finding(what, "ok", f"{len(sums)} files, {size:.1f} MB, as built")


def shipped_findings() -> list[Finding]:
    """Checks the open hand, and the networks, samples and results in ``data_samples``."""
    asset, folder = open_hand_file(), samples_folder()
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    return [
        sums_finding("open hand", {asset: asset.with_suffix(".sha256").read_text().split()[0]}),
        sums_finding("data_samples", {folder / name: entry["sha256"] for name, entry in manifest.items()}),
    ]
