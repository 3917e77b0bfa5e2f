"""How many pictures a worker prepares for training in a second, and how many workers GPUs would need.

A worker reads pairs from a data set's shards and augments them, as in training. How fast a GPU eats them
isn't measured here: it is counted from the arithmetic of a training step, for several speeds.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from handlib.analysis.cost import flops
from handlib.data.augment import Augmentation
from handlib.data.shards import load_dataset
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.training.schedule import Steps, TrainConfig
from handlib.utils.files import write_between_marks, write_text

SUSTAINED_TFLOPS = (20, 50, 100)
GPUS = 8


def pictures_per_second(folder: Path, ranges: Augmentation, batch_size: int, repeats: int) -> float:
    """Of processor time, one thread; the median over batches."""
    steps = Steps(load_dataset(folder), TrainConfig(batch_size=batch_size), ranges, 0, 1)
    rates = []
    for step in range(repeats + 1):
        start = time.process_time()
        steps[step]
        rates.append(batch_size / (time.process_time() - start))
    return statistics.median(rates[1:])


def training_gigaflops(config: DIRConfig) -> float:
    """Arithmetic of one picture in a training step: forward, and twice as much backward."""
    picture = torch.zeros(1, 3, config.image_size, config.image_size)
    model = DIR(config).eval()
    with torch.no_grad():
        return 3 * flops(lambda: model(picture)) / 1e9


def as_markdown(report: dict) -> str:
    """Both tables."""
    lines = ["| pictures | augmentation | a second and worker |", "|---|---|---:|"]
    lines += [
        f"| {row['size']} px | {row['augmentation']} | {row['rate']:.0f} |" for row in report["loading"]
    ]
    lines += ["", f"| sustained by a GPU | {GPUS} GPUs eat a second | workers per GPU |", "|---|---:|---:|"]
    for row in report["needed"]:
        speed, eaten, workers = row["teraflops"], row["pictures"], row["workers"]
        lines.append(f"| {speed} TFLOPS | {eaten:.0f} | {workers:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, default=Path("runs/two_hands"), help="the benchmark's folder")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--readme", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    kinds = {"default": Augmentation(), "released": Augmentation.released()}
    loading = [
        {
            "size": size,
            "augmentation": name,
            "rate": pictures_per_second(options.pairs / f"test-{size}", ranges, 32, options.repeats),
        }
        for size in (64, 128, 256)
        for name, ranges in kinds.items()
    ]
    work = training_gigaflops(DIRConfig.released())
    needed = [
        {
            "teraflops": speed,
            "pictures": GPUS * speed * 1e3 / work,
            "workers": speed * 1e3 / work / loading[-1]["rate"],
        }
        for speed in SUSTAINED_TFLOPS
    ]
    report = {"training gigaflops per picture": work, "loading": loading, "needed": needed}
    print(as_markdown(report))
    if options.json:
        write_text(options.json, json.dumps(report, indent=1) + "\n")
    if options.readme:
        write_between_marks(options.readme, "loading.py", as_markdown(report))


if __name__ == "__main__":
    main()
