"""Experiments that make training on two cores better: one change at a time, each with a prediction.

Every experiment sees as many pairs as ``base`` (or takes as much processor time, if it says so) and is
measured on the same validation pairs. ``--run`` writes a JSON file, ``--table`` writes the table in
``docs/experiments.md``.
"""

import argparse
import copy
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import torch
from experiment_list import EXPERIMENTS, STEPS, WIDE

from handlib.analysis.ablations import FULL
from handlib.data.augment import Augmentation, augment
from handlib.data.shards import load_dataset
from handlib.evaluation.evaluate import evaluate, write_report
from handlib.evaluation.metrics import INTAG_MCP
from handlib.model.network import DIR
from handlib.training.loop import batches, machine_of, one_processor, train
from handlib.training.losses import LossWeights
from handlib.training.schedule import TrainConfig
from handlib.utils.files import write_between_marks

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE, RESULTS = REPOSITORY / "docs" / "experiments.md", REPOSITORY / "docs" / "experiments"
CROPS = ("validation", "poorly cropped")


class RunningMean:
    """A callback of the training that keeps the exponential mean of the weights."""

    def __init__(self, decay: float):
        self.decay, self.network = decay, None

    @torch.no_grad()
    def on_step_end(self, step: int, network: DIR, **_: object) -> None:
        """Updates the mean, which follows faster in the first steps."""
        if self.network is None:
            self.network = copy.deepcopy(network)
        decay = min(self.decay, step / (step + 9))
        for mean, now in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)


def run(name: str, seed: int, pairs: Path, threads: int) -> None:
    """Trains, measures and writes ``NAME-SEED.json``. An interrupted run starts over."""
    experiment, folder = EXPERIMENTS[name], REPOSITORY / "runs" / "experiments" / f"{name}-{seed}"
    torch.set_num_threads(threads)
    shutil.rmtree(folder, ignore_errors=True)
    averaged = RunningMean(experiment.average)
    fabric = one_processor(callbacks=[averaged] if experiment.average else [])
    before, source = time.process_time(), None
    for number, phase in enumerate(experiment.phases):
        model = train(
            pairs / phase.data,
            folder / str(number),
            replace(FULL, **phase.network),
            replace(TrainConfig(steps=STEPS, seed=seed, save_every=10**6), **phase.training),
            replace(LossWeights.small(), **phase.losses),
            replace(Augmentation(), **phase.augmentation),
            start_from=source,
            fabric=fabric,
        )
        source = folder / str(number)
    minutes = (time.process_time() - before) / 60
    model = (averaged.network if experiment.average else model).eval()
    validation = load_dataset(pairs / "two_hands" / f"val-{experiment.size}")
    wide = replace(Augmentation.none(), **WIDE)
    poor = (augment(b, wide, 50 * k + torch.arange(len(b))) for k, b in enumerate(batches(validation)))
    result = {
        "minutes": minutes,
        "precision": machine_of(fabric)["precision"],
        "validation": evaluate(model, batches(validation), INTAG_MCP),
        "poorly cropped": evaluate(model, poor, INTAG_MCP),
    }
    RESULTS.mkdir(exist_ok=True)
    write_report(RESULTS / f"{name}-{seed}.json", result)


def results_of(name: str) -> list[dict]:
    """Returns the results of an experiment's runs, by seed."""
    paths = RESULTS.glob(f"{name}-*.json")
    return [
        json.loads(path.read_text()) for path in sorted(paths, key=lambda p: int(p.stem[len(name) + 1 :]))
    ]


def last_errors(results: list[dict], crops: str) -> list[float]:
    """Returns the MPJPE in mm of every run's last estimate."""
    return [list(r[crops]["scores"].values())[-1]["all"]["mpjpe"] for r in results]


def row(name: str) -> str | None:
    """Returns the experiment's line in the table, or None if it hasn't run."""
    results, base = results_of(name), results_of("base")
    if not results:
        return None
    cells = [
        " / ".join(f"{e['all']['mpjpe']:.1f}" for e in r["validation"]["scores"].values()) for r in results
    ]
    against = [fmean(last_errors(results, c)) - fmean(last_errors(base, c)) for c in CROPS]
    poor = [f"{error:.1f}" for error in last_errors(results, "poorly cropped")]
    cost = [
        f"{r['minutes']:.0f} ({r['precision'].removesuffix('-mixed').removesuffix('-true')})" for r in results
    ]
    e = EXPERIMENTS[name]
    said = (f"`{name}`", e.question, e.change, e.prediction, "<br>".join(cells), "<br>".join(poor))
    difference = "" if name == "base" else " / ".join(f"{d:+z.1f}" for d in against)
    return "| " + " | ".join((*said, difference, "<br>".join(cost), e.decision)) + " |"


def table() -> str:
    """Returns the table of all experiments that have run, and the names of those that haven't."""
    head = (
        "",
        "question",
        "change",
        "prediction",
        "initial / stage 1 / stage 2, mm",
        "poorly cropped, mm",
        "against `base`: good / poor crops, mm",
        "min (precision)",
        "decision",
    )
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    rows = {name: row(name) for name in EXPERIMENTS}
    missing = ", ".join(f"`{name}`" for name, found in rows.items() if not found)
    said = f"\n\nDefined, not run yet: {missing}." if missing else ""
    return "\n".join([*lines, *filter(None, rows.values())]) + said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", choices=EXPERIMENTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pairs", type=Path, default=REPOSITORY / "runs", help="folder of the data sets")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="write the table into docs/experiments.md")
    options = parser.parse_args()
    if options.run:
        run(options.run, options.seed, options.pairs, options.threads)
    if options.table:
        write_between_marks(PAGE, "experiments.py", table())


if __name__ == "__main__":
    main()
