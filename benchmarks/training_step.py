"""What a training step of ``small`` costs in single precision and mixed with bfloat16: which one is quick
depends on the processor.

    OMP_NUM_THREADS=1 python benchmarks/training_step.py --json benchmarks/results/training_step.json \
        --readme benchmarks/README.md

The JSON file keeps a line per kind of processor; on another machine the same command adds one.
"""

import argparse
import json
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from lightning_fabric import Fabric

from handlib.analysis.cost import medians
from handlib.data.rendered.synthetic import make_sample
from handlib.data.sample import stack
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.training.loop import Run
from handlib.training.losses import LossWeights
from handlib.training.precision import training_precision
from handlib.training.schedule import TrainConfig
from handlib.utils.files import write_between_marks, write_text

BATCH = 16
PRECISIONS = ("32-true", "bf16-mixed")


def steps() -> dict[str, Callable[[], object]]:
    """A training step at either precision, always on the same pairs."""
    config, network = TrainConfig.small(), DIRConfig.small()
    pairs = vars(stack([make_sample("desk", network.image_size, 0, k) for k in range(BATCH)]))
    runs: dict[str, Callable[[], object]] = {}
    for precision in PRECISIONS:
        fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
        torch.manual_seed(0)
        run = Run(fabric, DIR(network), LossWeights.small(), config)
        runs[precision] = partial(run.take_step, pairs)
    return runs


def processor_name() -> str:
    """What the processor calls itself, with torch's word for its vector instructions."""
    name = torch.cpu.get_capabilities().get("cpu_name") or platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def table(report: dict[str, dict]) -> str:
    """A line per processor."""
    lines = [
        "| processor | single, ms | with bfloat16, ms | ratio | `handlib train` takes |",
        "|---|---:|---:|---:|---|",
    ]
    for name, row in report.items():
        single, mixed = (row["milliseconds"][precision] for precision in PRECISIONS)
        lines.append(f"| {name} | {single:.0f} | {mixed:.0f} | {mixed / single:.2f} | {row['taken']} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a training step at two precisions.")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--readme", type=Path, help="page to write the table to, between its marks")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    report = json.loads(options.json.read_text()) if options.json.exists() else {}
    report[processor_name()] = {
        "torch": torch.__version__,
        "batch": BATCH,
        "milliseconds": medians(steps(), options.turns),
        "taken": training_precision(),
    }
    write_text(options.json, json.dumps(report, indent=2) + "\n")
    if options.readme:
        write_between_marks(options.readme, Path(__file__).name, table(report))
    print(table(report))


if __name__ == "__main__":
    main()
