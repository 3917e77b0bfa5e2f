"""Makes the network ``wild`` from scratch: renders layered pairs and validation pictures, then trains.

    python scripts/build/train_wild.py [--photographs FOLDER ...] [--steps 6000] [--start-from FOLDER]

Interrupted? Run the same command again; it resumes. It renders with all cores and trains on a GPU if there is
one. Afterwards ``scripts/build/ship_wild.py`` ships the trained network.

On two cores rendering takes 20 minutes and 6000 steps about three hours. ``--start-from`` goes on from saved
weights; give another ``--run`` then.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import torch

from handlib.commands.training import Machine
from handlib.data.layered.layers import make_layered_dataset
from handlib.data.rendered.photo_backgrounds import open_photographs
from handlib.data.rendered.synthetic import make_dataset
from handlib.training.config import RECIPES
from handlib.training.loop import train

PAIRS, SEED = 20_000, 5
VALIDATION = 300


def machine() -> Machine:
    """Returns a GPU and cores to prepare its pictures, or CPU cores: half compute, half prepare."""
    if torch.cuda.is_available():
        return Machine("cuda", workers=max(1, (os.cpu_count() or 2) - 2))
    return Machine(threads=max(1, (os.cpu_count() or 2) // 2), workers=max(1, (os.cpu_count() or 2) // 2))


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--folder", type=Path, default=Path("runs/wild"))
    parser.add_argument("--run", default="run1")
    parser.add_argument("--photographs", type=Path, nargs="*", default=[])
    parser.add_argument("--steps", type=int, default=RECIPES["wild"].training.steps)
    parser.add_argument("--start-from", type=Path)
    options = parser.parse_args()
    cores, recipe = os.cpu_count() or 1, RECIPES["wild"]
    folder: Path = options.folder
    make_layered_dataset(folder / "train", "train", PAIRS, SEED, workers=cores)
    size = recipe.network.image_size
    make_dataset(folder / f"val-{size}", "val", VALIDATION, size, SEED, "wild", cores)
    training = replace(recipe.training, steps=options.steps)
    chosen = machine()
    train(
        folder / "train",
        folder / options.run,
        recipe.network,
        training,
        recipe.losses,
        recipe.augmentation,
        validation=folder / f"val-{size}",
        start_from=options.start_from,
        fabric=chosen.fabric(),
        workers=chosen.workers,
        photographs=open_photographs(options.photographs) if options.photographs else None,
    )


if __name__ == "__main__":
    main()
