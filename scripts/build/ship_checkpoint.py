"""Turns finished training runs into a checkpoint that ships: weights, training history, a curve.

    handlib data benchmark --out runs/two_hands --splits val test studio-test --sizes 128
    python scripts/build/ship_checkpoint.py RUN ... --name small
    python scripts/build/ship_checkpoint.py --measure
    python scripts/build/ship_checkpoint.py --card

The third command measures the checkpoint that the second has written, like ``handlib eval`` with the options
in ``MEASUREMENTS``. The last command writes the model card, the table of
``docs/measurements.md`` and README's line from these files, and lists
all files in ``data_samples/MANIFEST.json``.

The weights are the last run's. If runs started from each other's weights, name them in their order. The first
may be a folder that ships; its history continues.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from make_data_samples import update_manifest

from handlib.commands.training import evaluate as evaluate_command
from handlib.data.shards import Dataset, load_dataset, open_hand_sha256
from handlib.evaluation.evaluate import COLUMNS, MeanPredictor, Report, evaluate, write_report
from handlib.evaluation.metrics import INTAG_MCP
from handlib.evaluation.scores import Rows, format_table
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.model.network import DIR
from handlib.show.core.figures import MEASURES, training_curve
from handlib.training.loop import batches
from handlib.training.run_folder import LOG, SETTINGS
from handlib.training.schedule import TrainConfig
from handlib.utils.files import write_between_marks, write_text
from handlib.utils.resources import networks_folder

TRAINING, CONSTANT = "training.json", "constant.json"
FRESH_SEED, FRESH_COUNT = 7, 1000
MEASUREMENTS: dict[str, dict[str, Any]] = {
    "test": {"split": "test"},
    "test-wrist": {"split": "test", "protocol": "INTAG_WRIST"},
    "test-unscaled": {"split": "test", "protocol": "INTERNET"},
    "fresh": {"world": "desk-full", "count": FRESH_COUNT, "seed": FRESH_SEED},
    "desk": {"count": 500, "seed": FRESH_SEED},
    "studio": {"split": "studio-test"},
}
"""Measurements of a checkpoint: each one's file name, and the options of ``handlib eval`` for it."""
OTHERWISE = {
    "test": "the test pairs, as above",
    "test-wrist": "centred on the wrist",
    "test-unscaled": "centred on the wrist, hands not scaled",
    "fresh": f"{FRESH_COUNT} other pairs of the same world",
    "desk": "500 pairs without interlocked ones",
    "studio": "hands turned any way, seen from anywhere: never trained on",
}
OF_A_RUN = ("training", "losses", "augmentation", "data")
ROOT = Path(__file__).parents[2]
README, MEASUREMENTS_PAGE = ROOT / "README.md", ROOT / "docs" / "measurements.md"
NAMES = {"adamw": "AdamW", "muon": "Muon"}
ORIGIN = "trained by handlib train on rendered pairs of the open hand; no photograph, no third-party data"
LICENCE = "MIT"


def read_curve(log: Path, number: int, hours: float) -> list[dict]:
    """Returns the parts of a run's log that a curve shows; ``hours`` were spent before the run."""
    records = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        {
            "run": number,
            "step": record["step"],
            "hours": round(hours + record["hours"], 4),
            "loss": round(record["loss"], 4),
            "estimates": {
                name: {measure: round(rows["all"][measure], 4) for measure in MEASURES}
                for name, rows in record["validation"]["scores"].items()
            },
        }
        for record in records
    ]


def history(folders: Sequence[Path]) -> tuple[list[dict], list[dict]]:
    """Returns the settings of all runs and one curve through them; a shipped folder's history comes first."""
    runs: list[dict] = []
    curve: list[dict] = []
    for folder in folders:
        if (folder / TRAINING).exists():
            record = json.loads((folder / TRAINING).read_text())
            runs, curve = record["runs"], record["curve"]
            continue
        settings = json.loads((folder / SETTINGS).read_text())
        curve += read_curve(folder / LOG, len(runs), curve[-1]["hours"] if curve else 0.0)
        runs.append({name: settings[name] for name in OF_A_RUN})
    return runs, curve


def constant_answer(pairs: Dataset, test: Dataset) -> Report:
    """Returns the scores on test pairs of a constant answer: the mean of other pairs."""
    hands = {side: Hand.open(side) for side in SIDES}
    return evaluate(MeanPredictor(pairs.sample(torch.arange(len(pairs))), hands), batches(test), INTAG_MCP)


def split(benchmark: Path, name: str, model: DIR) -> Dataset:
    """Returns a split of the benchmark at the size of a network's pictures."""
    return load_dataset(benchmark / f"{name}-{model.config.image_size}")


def write_history(out: Path, model: DIR, runs: list[dict], curve: list[dict], validation: Dataset) -> None:
    """Writes a network's training history: ``training.json``, and its curve as a picture."""
    baseline = constant_answer(validation, validation)["scores"]["initial"]["all"]
    record = {
        "network": asdict(model.config),
        "runs": runs,
        "protocol": str(INTAG_MCP),
        "mean_predictor": {name: round(baseline[name], 4) for name in MEASURES},
        "curve": curve,
    }
    write_text(out / TRAINING, json.dumps(record, indent=1) + "\n")
    training_curve(curve, record["mean_predictor"]).savefig(out / "curve.png", dpi=90)


def ship(folders: Sequence[Path], benchmark: Path, out: Path) -> None:
    runs, curve = history(folders)
    model = DIR.from_pretrained(folders[-1])
    model.half().save_pretrained(out)
    write_history(out, model, runs, curve, split(benchmark, "val", model))


def command_of(name: str, measurement: str) -> str:
    """Returns the command that repeats a measurement of a checkpoint."""
    options = " ".join(f"--{key} {value}" for key, value in MEASUREMENTS[measurement].items())
    return f"handlib eval --checkpoint {name} {options}"


def measure(out: Path, benchmark: Path) -> None:
    """Writes a file per measurement, and the scores of a constant answer."""
    for name, options in MEASUREMENTS.items():
        evaluate_command(out.name, pairs=benchmark, json=out / f"{name}.json", **options)
    validation, test = (split(benchmark, name, DIR.from_pretrained(out)) for name in ("val", "test"))
    write_report(out / CONSTANT, constant_answer(validation, test))


def scores(out: Path, measurement: str) -> dict[str, Rows]:
    """Returns the rows of every estimate."""
    return json.loads((out / f"{measurement}.json").read_text())["scores"]


def weighted_as(test: Rows, other: Rows) -> float:
    """Returns the MPJPE of other pairs, weighted as if their strata were as frequent as the test pairs'."""
    strata = [name for name in test if name != "all"]
    return sum(test[name]["samples"] * other[name]["mpjpe"] for name in strata) / test["all"]["samples"]


def measured(out: Path) -> str:
    """Returns the content of the files of ``MEASUREMENTS`` as Markdown."""
    test = json.loads((out / "test.json").read_text())
    by_estimate = {name: rows["all"] for name, rows in test["scores"].items()}
    *_, final = test["scores"].values()
    constant = json.loads((out / CONSTANT).read_text())["scores"]["initial"]["all"]
    *_, fresh = scores(out, "fresh").values()
    others = {name: list(scores(out, name).values())[-1]["all"] for name in MEASUREMENTS}
    return f"""What `{command_of(out.name, "test")}` prints: errors on the {test["count"]} test pairs of
TwoHands, which share no random number with the training pairs. A constant answer, the mean of the
validation pairs, has an MPJPE of {constant["mpjpe"]:.1f} mm and a PA-MPJPE of {constant["pa_mpjpe"]:.1f} mm.

{format_table(by_estimate, INTAG_MCP, COLUMNS)}

The last estimate by how near the hands are:

{format_table(final, INTAG_MCP, ["samples", *COLUMNS])}

The same estimate measured otherwise and elsewhere. Each line is the last estimate's over all pairs:

| | MPJPE, mm | MPVPE, mm | PA-MPJPE, mm | MRRPE, mm | rotations wrong | command |
|---|---:|---:|---:|---:|---:|---|
{chr(10).join(line(OTHERWISE[name], others[name], command_of(out.name, name)) for name in MEASUREMENTS)}

If the {FRESH_COUNT} other pairs had the test pairs' mix of strata, their MPJPE would be
{weighted_as(final, fresh):.2f} mm."""


def in_short(out: Path) -> str:
    """Returns the line of README about the test pairs."""
    *_, final = scores(out, "test").values()
    constant = json.loads((out / CONSTANT).read_text())["scores"]["initial"]["all"]
    return (
        f"- **Rendered pairs:** `{out.name}` places the joints of {final['all']['samples']} test pairs with "
        f"a mean error (MPJPE) of {final['all']['mpjpe']:.1f} mm; a constant answer has "
        f"{constant['mpjpe']:.1f} mm."
    )


def line(what: str, row: Mapping[str, float], command: str) -> str:
    """Returns the line of one measurement."""
    lengths = " | ".join(f"{row[name]:.2f}" for name in ("mpjpe", "mpvpe", "pa_mpjpe", "mrrpe"))
    return f"| {what} | {lengths} | {100 * row['rotation_wrong']:.1f} % | `{command}` |"


def provenance(data: dict) -> str:
    """Returns a remark for the card if the current package no longer makes the very training pairs."""
    if data["hand_sha256"] == open_hand_sha256():
        return ""
    return f"""
The first run's pairs were rendered from an earlier asset of the open hand
(SHA256 {data["hand_sha256"][:8]}...): `handlib data make` with its numbers now makes
the same kind of pairs, not the same bytes.
"""


def told(runs: Sequence[dict]) -> str:
    """Returns a line per run: its pairs and its number of steps."""
    lines = []
    for number, run in enumerate(runs, start=1):
        config, data = TrainConfig(**run["training"]), run["data"]
        start = "from nothing" if number == 1 else "with the weights so far"
        lines.append(
            f"{number}. {start}, {data['count']} rendered pairs of the world `{data['world']}` "
            f"(split `{data['split']}`, seed {data['seed']}): {config.steps} steps of "
            f"{config.batch_size}, {NAMES[config.optimiser]}, learning rate {config.learning_rate:g}."
        )
    return "\n".join(lines)


def card(out: Path) -> str:
    """Returns the model card."""
    training = json.loads((out / TRAINING).read_text())
    parameters = sum(p.numel() for p in DIR.from_pretrained(out).parameters())
    runs, size = training["runs"], training["network"]["image_size"]
    return f"""# {out.name}: a DIR trained without a GPU

DIR in the configuration `DIRConfig.small()`: {parameters / 1e6:.1f} million parameters,
{size} x {size} pixels, weights kept in half precision. Licence: MIT, as the package.

## Training

{told(runs)}

{training["curve"][-1]["hours"]:.1f} hours on a CPU.
All settings and the curve are in `training.json`; the dashed lines are what a constant answer scores.
{provenance(runs[0]["data"])}
![Curve](curve.png)

## Measured

{measured(out)}

## Limits

It knows rendered open hands, one point of view (a person's own, backs of the hands mostly visible) and
exactly two hands in a picture. It has never seen a photograph{interlocked_or_not(runs)}.
Nearly hidden hands are guessed.
"""


def interlocked_or_not(runs: Sequence[dict]) -> str:
    """Returns the words about interlocked hands for the card's limits; only some worlds have such hands."""
    return "" if any("-full" in run["data"]["world"] for run in runs) else ", nor interlocked fingers"


def main() -> None:
    parser = argparse.ArgumentParser(description="Ship a trained network.")
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--name", default="small")
    parser.add_argument("--benchmark", type=Path, default=Path("runs/two_hands"))
    parser.add_argument("--measure", action="store_true", help="measure what ships")
    parser.add_argument("--card", action="store_true", help="write the card and what pages quote")
    arguments = parser.parse_args()
    networks = networks_folder()
    out = networks / arguments.name
    if arguments.measure:
        measure(out, arguments.benchmark)
    elif arguments.card:
        write_text(out / "README.md", card(out))
        write_between_marks(MEASUREMENTS_PAGE, "ship_checkpoint.py", measured(out))
        write_between_marks(README, "ship_checkpoint.py", in_short(out))
        shipped = sorted(path for path in out.iterdir() if path.is_file())
        update_manifest(networks.parent, shipped, (f"{networks.name}/{out.name}/",), ORIGIN, LICENCE)
    else:
        ship(arguments.runs, arguments.benchmark, out)


if __name__ == "__main__":
    main()
