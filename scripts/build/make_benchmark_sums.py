"""Writes ``handlib/assets/two_hands.json``: checksums of the first shards of TwoHands.

    python scripts/build/make_benchmark_sums.py [WORKERS]

Run it after a deliberate change of the generator, which changes the benchmark.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path

from handlib.data.rendered.benchmark import PARTS, SEED, scenes_sum
from handlib.data.rendered.synthetic import make_datasets
from handlib.data.shards import SHARD_SIZE, shard_path

TABLE = Path(__file__).resolve().parents[2] / "handlib" / "assets" / "two_hands.json"


def main(workers: int = 1) -> None:
    sums = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, part in PARTS.items():
            folders = {size: Path(scratch) / f"{name}-{size}" for size in part.sizes}
            make_datasets(folders, part.split, SHARD_SIZE, SEED, part.world, workers)
            shards = [shard_path(folder, 0) for folder in folders.values()]
            sums[name] = scenes_sum(shards[0])
            sums |= {s.parent.name: hashlib.sha256(s.read_bytes()).hexdigest() for s in shards}
    TABLE.write_text(json.dumps(sums, indent=1) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
