"""Measures how robust a checkpoint is, and how much a little further training helps.

The pairs have things in front of the hands, other people's hands behind them, or hidden hands. The results go
to ``data_samples/robustness.json``.

    python scripts/build/robustness.py --checkpoint small --threads 1

Two networks start from the checkpoint's weights and see equally many pairs: one sees pairs of ``desk``, the
other the same pairs with things (``desk-objects``). The first shows the effect of more training alone.
Interrupted? Run the same command again; it resumes. With other weights or settings it works in another folder
of ``--work``.
"""

import argparse
import json
from pathlib import Path

import torch
from make_data_samples import LICENCE, update_manifest

from handlib.analysis.robustness import RESULT, covered, errors_by_estimate
from handlib.data.augment import Augmentation
from handlib.data.rendered.scenes import make_scene
from handlib.data.rendered.synthetic import make_dataset
from handlib.data.sample import Sample, stack
from handlib.evaluation.metrics import INTAG_MCP
from handlib.model.network import DIR, weights_sum
from handlib.training.loop import train
from handlib.training.losses import LossWeights
from handlib.training.schedule import TrainConfig
from handlib.utils.files import write_text
from handlib.utils.resources import samples_folder

TRAIN_SEED, TEST_SEED = 31, 41
COVERS = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
WORLDS = {"more desk pairs": "desk", "desk pairs with things": "desk-objects"}
ORIGIN = "scripts/build/robustness.py"


def fine_tuned(args: argparse.Namespace, start: DIR, folder: Path, world: str) -> DIR:
    """Returns the checkpoint's network after some more steps on pairs of a world."""
    data = args.work / f"{world}-{start.config.image_size}-{args.pairs}"
    make_dataset(data, "train", args.pairs, start.config.image_size, TRAIN_SEED, world, args.workers)
    config = TrainConfig(
        steps=args.steps, batch_size=args.batch_size, learning_rate=args.learning_rate, save_every=50
    )
    return train(
        data,
        folder / world,
        start.config,
        config,
        LossWeights.small(),
        Augmentation(),
        start_from=folder / "start",
    ).eval()


def test_sets(size: int, count: int) -> dict[str, list[Sample]]:
    """Returns the same pairs with larger and larger things and with other hands, and pairs with hidden hands.

    There are three times as many pairs with hidden hands.
    """
    bare = [make_scene("desk", TEST_SEED, k, "test") for k in range(count)]
    scenes = {f"cover {share}": covered(bare, share, TEST_SEED) for share in COVERS}
    scenes["others"] = [make_scene("desk-others", TEST_SEED, k, "test") for k in range(count)]
    scenes["stacked"] = [make_scene("desk-stacked", TEST_SEED, k, "test") for k in range(3 * count)]
    return {name: [scene.sample(size) for scene in of_set] for name, of_set in scenes.items()}


def rounded(values: torch.Tensor, digits: int) -> list:
    return [[round(x, digits) for x in row] for row in values.tolist()]


def measured(model: DIR, sets: dict[str, list[Sample]]) -> dict[str, dict[str, list]]:
    """Returns the errors of the first and the last estimate on every set."""
    found = {}
    for name, pairs in sets.items():
        errors = errors_by_estimate(model, pairs)
        found[name] = {
            "initial": rounded(errors[0]["mpjpe"], 1),
            "final": rounded(errors[-1]["mpjpe"], 1),
        }
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", default="small", help="a shipped network, a folder or a hub name")
    parser.add_argument("--work", type=Path, default=Path("runs/robustness"), help="pairs and trainings")
    parser.add_argument("--out", type=Path, default=samples_folder() / RESULT)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--pairs", type=int, default=800, help="number of training pairs of each kind")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--test", type=int, default=120, help="number of test pairs in each set")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that render")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    start = DIR.from_pretrained(args.checkpoint).eval()
    weights = weights_sum(start)
    folder = args.work / f"{weights[:12]}-{args.steps}-{args.batch_size}-{args.learning_rate:g}-{args.pairs}"
    start.save_pretrained(folder / "start")
    networks = {"as it was": start}
    networks |= {name: fine_tuned(args, start, folder, world) for name, world in WORLDS.items()}

    print("rendering the test pairs", flush=True)
    sets = test_sets(start.config.image_size, args.test)
    result = {
        "checkpoint": args.checkpoint,
        "weights_sha256": weights,
        "steps": args.steps,
        "pairs": args.pairs,
        "protocol": str(INTAG_MCP),
        "visible": {name: rounded(stack(pairs).visible, 3) for name, pairs in sets.items()},
        "errors": {name: measured(model, sets) for name, model in networks.items()},
    }
    write_text(args.out, json.dumps(result, separators=(",", ":")) + "\n")
    if args.out == samples_folder() / RESULT:
        update_manifest(samples_folder(), [args.out], (RESULT,), ORIGIN, LICENCE)
    print(f"{args.out}: {args.out.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
