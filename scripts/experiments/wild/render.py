"""Renders layered pairs; called again it goes on where it stopped.

cd scripts/experiments && python -m wild.render SPLIT COUNT FOLDER [--seed 5] [--workers 1]
"""

import argparse
from pathlib import Path

import torch

from wild.layers import make_layered_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("split", choices=("train", "val", "test"))
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    make_layered_dataset(options.folder, options.split, options.count, options.seed, workers=options.workers)


if __name__ == "__main__":
    main()
