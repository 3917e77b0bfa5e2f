"""Builds ``data_samples``.

It holds 64 training and 16 test pairs of the ``desk`` world at 256 px, a contact sheet and the manifest.

    python scripts/build/make_data_samples.py

The same version of the package writes the same pairs. ``MANIFEST.json`` keeps its entries of other files.
"""

import hashlib
import json
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
from PIL import Image

from handlib.data.rendered.synthetic import make_sample
from handlib.data.sample import Sample
from handlib.data.shipped import write_samples
from handlib.hand.skeleton import joint_index
from handlib.show.core.palette import HANDS
from handlib.utils.resources import samples_folder

COUNTS = {"train": 64, "test": 16}
SIZE, SEED, LIMIT = 256, 2023, 8_000_000
ORIGIN = "made by scripts/build/make_data_samples.py from the open hand; no photograph, no third-party data"
LICENCE = "CC0-1.0"


def is_decent(sample: Sample) -> bool:
    """Returns whether no middle finger sticks out far beyond its neighbours."""
    tips = [joint_index(name) for name in ("index4", "middle4", "ring4")]
    reach = (sample.joints[:, tips] - sample.joints[:, :1]).norm(dim=-1)
    return bool((reach[:, 1] < 1.27 * reach[:, [0, 2]].amax(1)).all())


def decent_samples(split: str) -> Iterator[Sample]:
    """Yields samples in order, except those that aren't decent."""
    return filter(is_decent, (make_sample("desk", SIZE, SEED, index, split) for index in count()))


def shown(sample: Sample, side: int) -> np.ndarray:
    """Returns the picture above its truth: the dense map, and forearms in their hands' colours."""
    image, dense = (x.permute(1, 2, 0).numpy() for x in (sample.image, sample.dense))
    colours = np.array([(0, 0, 0), *(tuple(bytes.fromhex(c[1:])) for c in HANDS)], np.uint8)
    truth = np.where(dense.any(-1, keepdims=True), dense, colours[sample.label.numpy()])
    small = Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS)
    return np.concatenate((np.asarray(small), np.asarray(Image.fromarray(truth).resize((side, side), 0))))


def write_contact_sheet(samples: list[Sample], path: Path, columns: int = 8, side: int = 96) -> None:
    tiles = [shown(sample, side) for sample in samples]
    rows = [np.concatenate(tiles[k : k + columns], axis=1) for k in range(0, len(tiles), columns)]
    Image.fromarray(np.concatenate(rows)).save(path, optimize=True)


def update_manifest(
    folder: Path, files: list[Path], folders: tuple[str, ...], origin: str, licence: str
) -> int:
    """Lists the files with size, SHA256, origin and licence; returns their total size in bytes.

    Old entries of ``folders`` (such as ``train/``) are removed first; other entries are kept.
    """
    path = folder / "MANIFEST.json"
    manifest = json.loads(path.read_text()) if path.exists() else {}
    manifest = {name: entry for name, entry in manifest.items() if not name.startswith(folders)}
    for file in files:
        content = file.read_bytes()
        manifest[file.relative_to(folder).as_posix()] = {
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "origin": origin,
            "licence": licence,
        }
    path.write_text(json.dumps(dict(sorted(manifest.items())), indent=1) + "\n")
    return sum(file.stat().st_size for file in files)


def main() -> None:
    folder = samples_folder()
    made = {split: list(islice(decent_samples(split), number)) for split, number in COUNTS.items()}
    for split, samples in made.items():
        write_samples(samples, folder / split)
    write_contact_sheet([*made["train"][:24], *made["test"][:8]], folder / "contact_sheet.png")
    files = [path for split in COUNTS for path in sorted((folder / split).rglob("*")) if path.is_file()]
    files += [folder / "contact_sheet.png", folder / "README.md"]
    total = update_manifest(folder, files, tuple(f"{split}/" for split in COUNTS), ORIGIN, LICENCE)
    print(f"{len(files)} files, {total / 1e6:.2f} MB")
    if total > LIMIT:
        raise SystemExit(f"expected at most {LIMIT / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
