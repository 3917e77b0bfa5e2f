"""TwoHands: a benchmark of rendered pairs with fixed splits, which every machine makes for itself.

``train``, ``val`` and ``test`` show the ``desk-full`` world. ``studio-test`` tests a network on hands in any
orientation, ``wild-test`` on hands as in photographs. Each split has one folder per size, such as
``test-128``, with the SHA256 of its shards in ``SHA256SUMS``. Checksums of the first shards come with the
package, so you can see whether your machine makes the same data. Processors whose vector instructions round
differently make the same scenes in other bytes: vertices differ by less than a micrometre.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from safetensors import safe_open

from handlib.data.rendered.names import Split
from handlib.data.rendered.synthetic import make_datasets
from handlib.data.shards import shard_path, shard_ranges
from handlib.utils.errors import InputError
from handlib.utils.files import write_text

SEED = 11
SUMS = "SHA256SUMS"
SCENE_FIELDS = ("stratum", "pose", "betas")


@dataclass(frozen=True)
class BenchmarkPart:
    """One split of the benchmark: samples 0 to ``count`` - 1 of a split of a world, in several sizes."""

    world: str
    split: Split
    count: int
    sizes: tuple[int, ...]


PARTS: dict[str, BenchmarkPart] = {
    "train": BenchmarkPart("desk-full", "train", 50_000, (64, 128)),
    "val": BenchmarkPart("desk-full", "val", 1_000, (64, 128)),
    "test": BenchmarkPart("desk-full", "test", 2_000, (64, 128, 256)),
    "studio-test": BenchmarkPart("studio-full", "test", 1_000, (64, 128)),
    "wild-test": BenchmarkPart("wild", "test", 2_000, (224,)),
}


@cache
def published_sums() -> dict[str, str]:
    """Returns the published checksums (SHA256).

    They are of every folder's first shard (under ``test-128``) and of every split's first scenes (under
    ``test``).
    """
    return json.loads((files("handlib") / "assets" / "two_hands.json").read_text())


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def scenes_sum(shard: Path) -> str:
    """Returns the SHA256 of a shard's strata, poses and shapes.

    Random numbers alone decide them, at any size.
    """
    with safe_open(shard, "numpy") as tensors:
        return hashlib.sha256(b"".join(tensors.get_tensor(k).tobytes() for k in SCENE_FIELDS)).hexdigest()


def compare_with_published(folder: Path, split: str) -> str:
    """Returns words that say whether the folder's first shard agrees with the published one."""
    shard = shard_path(folder, 0)
    if _sum(shard) == published_sums()[folder.name]:
        return "the published bytes"
    if scenes_sum(shard) == published_sums()[split]:
        return "the published scenes, rounded otherwise"
    return "NOT the published scenes"


def check_sums(folder: Path, count: int) -> None:
    """Compares every shard with ``SHA256SUMS``, or writes this file if it is missing.

    Raises an :class:`InputError` that names the shards that differ from ``SHA256SUMS``. The file has the
    format of ``sha256sum``.
    """
    shards = [shard_path(folder, number) for number in range(len(shard_ranges(count)))]
    lines = [f"{_sum(shard)}  {shard.name}" for shard in shards]
    path = folder / SUMS
    if path.exists():
        changed = [line.split()[1] for line in lines if line not in path.read_text().splitlines()]
        if changed:
            raise InputError(f"{folder}: not what {SUMS} says: {', '.join(changed)}")
        return
    write_text(path, "\n".join(lines) + "\n")


def make_benchmark(
    out: Path, names: Sequence[str], sizes: Sequence[int], workers: int = 1
) -> Iterator[tuple[str, str]]:
    """Makes the named splits in the folder ``out``, in those of ``sizes`` that they have.

    Yields every finished folder's name and the verdict of :func:`compare_with_published`. If it is called
    again, it makes the missing shards and checks the others.
    """
    known = {size for part in PARTS.values() for size in part.sizes}
    for what, values, allowed in (("splits", names, set(PARTS)), ("sizes", sizes, known)):
        if not values or set(values) - allowed:
            expected = ", ".join(map(str, sorted(allowed)))
            raise InputError(f"{what}: expected some of {expected}, got {', '.join(map(str, values))}")
    for name in names:
        part = PARTS[name]
        folders = {size: out / f"{name}-{size}" for size in part.sizes if size in sizes}
        if not folders:
            continue
        make_datasets(folders, part.split, part.count, SEED, part.world, workers)
        for folder in folders.values():
            check_sums(folder, part.count)
            yield folder.name, compare_with_published(folder, name)
