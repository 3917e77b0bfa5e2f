"""Does a network that knows the world ``desk`` learn ``studio`` better through a world in between?

    python scripts/experiments/curriculum.py --checkpoint small --threads 2 --workers 2

In ``studio-full`` hands point anywhere and are seen from anywhere. A small network that is trained on it from
scratch can't decide between palm and back, and its stages read features in the wrong places. Here two
networks start from a checkpoint that knows ``desk`` and take equally many steps: one in ``studio-full`` at
once, the other in ``desk-wide`` first. Both are measured before and after on the benchmark's pairs of both
worlds. Writes ``docs/experiments/curriculum.json`` and the table in ``docs/experiments.md``. Interrupted? Run
the same command again; it resumes.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from handlib.data.augment import Augmentation
from handlib.data.rendered.synthetic import make_dataset
from handlib.data.shards import load_dataset
from handlib.evaluation.evaluate import Report, evaluate, write_report
from handlib.evaluation.metrics import INTAG_MCP
from handlib.model.network import DIR, weights_sum
from handlib.training.loop import batches, train
from handlib.training.losses import LossWeights
from handlib.training.schedule import TrainConfig
from handlib.utils.files import write_between_marks

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE, RESULT = REPOSITORY / "docs" / "experiments.md", REPOSITORY / "docs" / "experiments" / "curriculum.json"
SEED = 51
PATHS = {
    "studio at once": ("studio-full", "studio-full"),
    "by way of desk-wide": ("desk-wide", "studio-full"),
}
TESTS = {"studio": "studio-test", "desk": "test"}
COLUMNS = ("mpjpe", "pa_mpjpe", "rotation_wrong")


def trained(args: argparse.Namespace, source: Path, out: Path, world: str, half: int) -> DIR:
    """Returns the network in ``source`` after another ``args.steps`` steps in a world."""
    network = DIR.from_pretrained(source).config
    data = args.work / f"{world}-{network.image_size}-{args.pairs}"
    make_dataset(data, "train", args.pairs, network.image_size, SEED, world, args.workers)
    return train(
        data,
        out,
        network,
        replace(TrainConfig.small(), steps=args.steps, seed=half),
        LossWeights.small(),
        Augmentation(),
        start_from=source,
    )


def measured(args: argparse.Namespace, model: DIR) -> dict[str, Report]:
    """Returns the errors on the benchmark's pairs of both worlds."""
    return {
        world: evaluate(
            model.eval(),
            batches(load_dataset(args.benchmark / f"{split}-{model.config.image_size}")),
            INTAG_MCP,
        )
        for world, split in TESTS.items()
    }


def table(results: dict[str, dict[str, Report]]) -> str:
    """Returns a line per network: all estimates' errors in the studio, more of the last one's, the desk's."""
    lines = [
        "|  | studio: initial / stages, mm | PA, mm | rotations wrong, % | desk, mm |",
        "|---|---|---|---|---|",
    ]
    for name, worlds in results.items():
        estimates = [rows["all"] for rows in worlds["studio"]["scores"].values()]
        *_, desk = worlds["desk"]["scores"].values()
        stages = " / ".join(f"{e['mpjpe']:.1f}" for e in estimates)
        last = estimates[-1]
        lines.append(
            f"| {name} | {stages} | {last['pa_mpjpe']:.1f} | {100 * last['rotation_wrong']:.0f} "
            f"| {desk['all']['mpjpe']:.1f} |"
        )
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", default="small", help="a shipped network, a folder or a hub name")
    parser.add_argument("--work", type=Path, default=Path("runs/curriculum"), help="pairs and trainings")
    parser.add_argument("--benchmark", type=Path, default=Path("runs/two_hands"))
    parser.add_argument("--steps", type=int, default=250, help="steps in each half of a path")
    parser.add_argument("--pairs", type=int, default=4000, help="number of training pairs of each world")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that render")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    start = DIR.from_pretrained(args.checkpoint)
    folder = args.work / f"{weights_sum(start)[:12]}-{args.steps}-{args.pairs}"
    start.save_pretrained(folder / "start")
    results = {"before": measured(args, start)}
    for name, worlds in PATHS.items():
        source = folder / "start"
        for half, world in enumerate(worlds, start=1):
            out = folder / f"{name.replace(' ', '_')}_{half}"
            model = trained(args, source, out, world, half)
            source = out
            results[f"{name}: {half * args.steps} steps, the last {args.steps} in {world}"] = measured(
                args, model
            )
    write_report(RESULT, results)
    write_between_marks(PAGE, "curriculum.py", table(results))


if __name__ == "__main__":
    main()
