"""What comes with the package and the repository, against the sums that were written down for it."""

import hashlib
import json
from pathlib import Path

from handlib.doctor.findings import Finding

RESTORE = "git checkout -- {} in the repository"


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_hand_finding(asset: Path) -> Finding:
    """The open hand's file against the sum that lies beside it."""
    what, sums = "open hand", asset.with_suffix(".sha256")
    for path in (asset, sums):
        if not path.exists():
            return Finding(what, "wrong", f"{path} isn't there", "install the package again")
    if _sha256(asset) != sums.read_text().split()[0]:
        to_do = RESTORE.format("handlib/assets")
        return Finding(what, "wrong", f"{asset} isn't what {sums.name} says", to_do)
    return Finding(what, "ok", f"{asset.name}, {asset.stat().st_size / 1e6:.1f} MB, as built")


def _group(name: str) -> str:
    parts = Path(name).parts
    if parts[0] == "checkpoints":
        return f"checkpoint {parts[1]}"
    return f"sample pairs, {parts[0]}" if parts[0] in ("train", "test") else "results"


def shipped_findings(folder: Path) -> list[Finding]:
    """What ``data_samples`` holds, against ``MANIFEST.json``, a line per group."""
    try:
        manifest = json.loads((folder / "MANIFEST.json").read_text())
    except FileNotFoundError:
        told = f"{folder}: no MANIFEST.json in it"
        return [Finding("data_samples", "missing", told, "install the package again")]
    groups: dict[str, list[str]] = {}
    for name in manifest:
        groups.setdefault(_group(name), []).append(name)
    findings = []
    for group, names in groups.items():
        bad = [n for n in names if not (folder / n).exists() or _sha256(folder / n) != manifest[n]["sha256"]]
        if bad:
            told = f"missing or changed: {', '.join(bad[:3])}{' and more' if len(bad) > 3 else ''}"
            findings.append(Finding(group, "wrong", told, RESTORE.format("data_samples")))
        else:
            size = sum(manifest[name]["bytes"] for name in names) / 1e6
            findings.append(
                Finding(group, "ok", f"{len(names)} files, {size:.1f} MB, sums as in MANIFEST.json")
            )
    return findings
