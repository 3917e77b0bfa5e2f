"""Ablations: networks that differ in one mechanism, trained and measured in the same way, with several seeds.

All take pictures of 64 pixels, a quarter of the released side, and have stages on 8 x 8 and 16 x 16 maps. So
most trainings take 10 to 30 minutes on one core. The effect of a mechanism is the difference between two
rows; compare it with the spread over seeds.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from handlib.analysis.controls import coupled, widened, without_messages
from handlib.analysis.cost import cost_of, medians
from handlib.data.augment import Augmentation
from handlib.data.shards import Dataset, load_dataset
from handlib.evaluation.evaluate import evaluate, write_report
from handlib.evaluation.metrics import INTAG_MCP
from handlib.evaluation.scores import Rows
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.training.losses import LossWeights
from handlib.training.schedule import TrainConfig
from handlib.utils.errors import InputError
from handlib.utils.files import make_folder, reading, record_from
from handlib.utils.resources import samples_folder

STEPS = 2000
ESTIMATES = {"initial": 0, "last": -1}
"""Indices in a network's estimates."""
RESULTS = "results"
TURNS = 40
"""Number of times that each network is timed."""

FULL = replace(
    DIRConfig.small(),
    image_size=64,
    backbone_levels=(0, 1, 2, 3),
    output_stride=8,
    stage_levels=(2, 1),
    half_width=0.25,
)
"""``small`` for 64 pixels: its picture is four times coarser than the released one, its maps twice."""
READ_AGAIN = replace(FULL, stage_levels=(2, 1, 1))
"""Three stages, the last two on maps of one size. What a stage draws matters to the next stages only, so here
two drawings can help the hands; in ``FULL`` one can."""

ABLATIONS: dict[str, DIRConfig] = {
    "full": FULL,
    "no_refinement": replace(FULL, stage_levels=()),
    "one_stage": replace(FULL, stage_levels=(2,)),
    "three_stages": replace(FULL, stage_levels=(2, 1, 0)),
    "no_gcn_no_transformer": replace(FULL, gcn_layers=0, inter_hand="none"),
    "gcn_only": replace(FULL, inter_hand="none"),
    "transformer_only": replace(FULL, gcn_layers=0),
    "gcn_for_transformer": replace(FULL, inter_hand="gcn"),
    "single_plane": replace(FULL, projection="single"),
    "joint_planes": replace(FULL, projection="joint"),
    "vertex_tokens": replace(FULL, tokens="vertices", projection="joint"),
    "no_projection": replace(FULL, projection="none"),
    "no_enhancement": replace(FULL, enhancement=False),
    "no_attention": replace(FULL, hand_attention=False),
    "separate_encoders": replace(FULL, separate_encoders=True),
    "matrices_only": replace(FULL, inter_hand="none"),
    "matrices_and_transformer": FULL,
    "wide_transformer": replace(FULL, gcn_layers=0),
    "read_again": READ_AGAIN,
    "read_again_single_plane": replace(READ_AGAIN, projection="single"),
    "read_again_joint_planes": replace(READ_AGAIN, projection="joint"),
    "read_again_no_projection": replace(READ_AGAIN, projection="none"),
    "read_again_no_enhancement": replace(READ_AGAIN, enhancement=False),
    "read_again_coupled": READ_AGAIN,
}
"""Configurations by name; ``changes`` lists what each one changes.

``full`` has a plane per bone, as released.
"""

CONTROLS: dict[str, Callable[[DIR], None]] = {
    "matrices_only": without_messages,
    "matrices_and_transformer": without_messages,
    "wide_transformer": widened,
    "read_again_coupled": coupled,
}
"""Changes of the stages that no option makes, by the ablation's name."""

IN_WORDS = {
    "full": "the full model, two stages",
    "no_refinement": "no stages",
    "one_stage": "one stage",
    "three_stages": "three stages",
    "no_gcn_no_transformer": "neither GCN nor transformer",
    "gcn_only": "GCN only",
    "transformer_only": "transformer only",
    "gcn_for_transformer": "GCN in the transformer's place",
    "single_plane": "one shared plane",
    "joint_planes": "a plane per joint",
    "vertex_tokens": "vertices instead of joints",
    "no_projection": "no projection",
    "no_enhancement": "no enhancement",
    "no_attention": "no left/right attention",
    "separate_encoders": "separate encoders",
    "matrices_only": "the GCN's matrices, no messages",
    "matrices_and_transformer": "matrices, no messages, transformer",
    "wide_transformer": "transformer as large as GCN and transformer",
    "read_again": "three stages, the last two on one size",
    "read_again_single_plane": "three stages, one shared plane",
    "read_again_joint_planes": "three stages, a plane per joint",
    "read_again_no_projection": "three stages, no projection",
    "read_again_no_enhancement": "three stages, no enhancement",
    "read_again_coupled": "three stages, joints and cells in one attention",
}

PAPER_ROWS = {"no_gcn_no_transformer": 3, "gcn_only": 4, "transformer_only": 5, "single_plane": 7, "full": 9}
"""IDs of ablations in the paper's table. The table also has one, two and three stages."""


def build(name: str) -> DIR:
    """Returns the untrained network of an ablation; its weights are drawn from torch's random numbers."""
    model = DIR(ABLATIONS[name])
    if name in CONTROLS:
        CONTROLS[name](model)
    return model


def changes() -> dict[str, dict[str, Any]]:
    """Returns the changes of each ablation: the options in which it differs from ``full``."""
    full = asdict(FULL)
    changed = {
        name: {option: value for option, value in asdict(config).items() if value != full[option]}
        for name, config in ABLATIONS.items()
    }
    for name, control in CONTROLS.items():
        changed[name]["stages"] = control.__name__
    return changed


@dataclass(frozen=True)
class AblationResult:
    """One trained network: its settings, its cost for one picture, and its errors on the test pairs.

    ``scores[estimate][stratum or "all"][name]`` are reported by :func:`handlib.evaluation.evaluate.evaluate`.
    ``flops``, ``peak_megabytes`` and ``ms_per_image`` are for one picture, see
    :class:`handlib.analysis.cost.Cost`. ``precision`` is the training's arithmetic, which depends on the
    processor. ``hours`` is the time on the clock; of stages, which learn beside others, processor time.
    """

    name: str
    seed: int
    config: dict[str, Any]
    training: dict[str, Any]
    precision: str
    data: dict[str, Any]
    test: dict[str, Any]
    hours: float
    parameters: int
    flops: int
    peak_megabytes: float
    ms_per_image: float
    protocol: str
    scores: dict[str, Rows]

    @property
    def mpjpe(self) -> float:
        """Returns the last estimate's MPJPE over all test pairs, in millimetres."""
        *_, last = self.scores.values()
        return last["all"]["mpjpe"]


def results_folder() -> Path:
    """Returns the folder of the results that ship."""
    return samples_folder() / RESULTS


def result_path(folder: Path, name: str, seed: int) -> Path:
    """Returns the file of one run."""
    return folder / f"{name}-{seed}.json"


def load_results(folder: Path | None = None) -> list[AblationResult]:
    """Returns a folder's results (by default those that ship), in the order of ``ABLATIONS``, then seeds.

    Raises:
        InputError: a file isn't a result, or there are no files.
    """
    found, folder = [], folder or results_folder()
    for path in sorted(folder.glob("*.json")):
        with reading(path, "the result of an ablation"):
            result = record_from(AblationResult, json.loads(path.read_text()))
            if not isinstance(result.mpjpe, float):
                raise ValueError("mpjpe isn't a number")
            if result.name not in ABLATIONS:
                raise ValueError(f"no ablation is called {result.name}")
            found.append(result)
    if not found:
        raise InputError(f"{folder}: expected results of 'handlib ablate --run NAME --out', found none")
    order = list(ABLATIONS)
    return sorted(found, key=lambda result: (order.index(result.name), result.seed))


def errors_of(
    results: Sequence[AblationResult], measure: str = "mpjpe", stratum: str = "all", estimate: str = "last"
) -> dict[str, list[float]]:
    """Returns one error of every seed, by the ablation's name, in the order of the results.

    ``measure``, ``stratum`` and ``estimate`` (initial or last) choose one of the ``scores``.
    """
    found: dict[str, list[float]] = {}
    for result in results:
        row = list(result.scores.values())[ESTIMATES[estimate]]
        found.setdefault(result.name, []).append(row[stratum][measure])
    return found


def run(
    name: str, seed: int, data: Path, test: Path, runs: Path, out: Path, steps: int = STEPS
) -> AblationResult:
    """Trains one ablation, measures it and writes its result. An interrupted run resumes.

    ``data`` and ``test`` are folders of 64-pixel pairs. ``runs`` keeps the trainings, ``out`` the results.

    Raises:
        InputError: there is no such ablation, or the pairs don't fit.
    """
    from handlib.training.loop import train
    from handlib.training.run_folder import CHECKPOINT, SETTINGS

    if name not in ABLATIONS:
        raise InputError(f"run: expected one of {', '.join(ABLATIONS)}, got {name!r}")
    config, training = ABLATIONS[name], TrainConfig(steps=steps, seed=seed)
    test_pairs = load_dataset(test)
    folder = runs / f"{name}-{seed}"
    model = train(data, folder, config, training, LossWeights.small(), Augmentation())
    settings = json.loads((folder / SETTINGS).read_text())
    state = torch.load(folder / CHECKPOINT, weights_only=True, map_location="cpu")
    result = measured(
        name, seed, model.eval(), asdict(training), settings, load_dataset(data), test_pairs, state["hours"]
    )
    make_folder(out)
    write_result(out, result)
    return result


def measured(
    name: str,
    seed: int,
    model: DIR,
    training: dict[str, Any],
    settings: dict[str, Any],
    data: Dataset,
    test: Dataset,
    hours: float,
) -> AblationResult:
    """Returns the result of a trained network, in evaluation mode: its errors on test pairs, and its cost.

    ``settings`` are those of the training's folder, ``hours`` is the time that the training took.
    """
    from handlib.training.loop import batches

    report = evaluate(model, batches(test), INTAG_MCP)
    cost = cost_of(build(name))
    return AblationResult(
        name=name,
        seed=seed,
        config=asdict(ABLATIONS[name]),
        training=training,
        precision=", ".join(dict.fromkeys(machine["precision"] for machine in settings["ran_on"])),
        data=asdict(data.info),
        test=asdict(test.info),
        hours=hours,
        parameters=cost.parameters,
        flops=cost.flops,
        peak_megabytes=cost.peak_megabytes,
        ms_per_image=cost.milliseconds,
        protocol=report["protocol"],
        scores=report["scores"],
    )


def write_result(folder: Path, result: AblationResult) -> None:
    """Writes a result as a JSON file, which :func:`load_results` reads."""
    content = {f.name: getattr(result, f.name) for f in fields(result)}
    write_report(result_path(folder, result.name, result.seed), content)


@torch.no_grad()
def measure_costs(folder: Path) -> None:
    """Measures the cost of every network in a folder's results again, and writes the results there.

    The networks are timed in turns, so that a slow phase of the machine slows all of them down.
    """
    results = load_results(folder)
    names = dict.fromkeys(result.name for result in results)
    models = {name: build(name).eval() for name in names}
    picture = torch.zeros(1, 3, FULL.image_size, FULL.image_size)
    times = medians({name: partial(model, picture) for name, model in models.items()}, TURNS)
    costs = {name: replace(cost_of(model, 1), milliseconds=times[name]) for name, model in models.items()}
    for result in results:
        cost = costs[result.name]
        measured = replace(
            result,
            flops=cost.flops,
            peak_megabytes=cost.peak_megabytes,
            ms_per_image=cost.milliseconds,
        )
        write_result(folder, measured)


def check_alike(results: list[AblationResult]) -> None:
    """Refuses results that can't be compared because more than the ablation differs. Arithmetic may differ.

    Raises:
        InputError: trainings, training pairs or test pairs differ.
    """
    for what, may_differ in (("training", {"seed"}), ("data", set()), ("test", set())):
        for result in results:
            here, first = getattr(result, what), getattr(results[0], what)
            keys = first.keys() | here.keys()
            changed = {key for key in keys if here.get(key) != first.get(key)} - may_differ
            if changed:
                one, other = (f"{r.name}-{r.seed}" for r in (result, results[0]))
                raise InputError(
                    f"{what}: expected the same for all results, but {one} differs from {other} in "
                    f"{', '.join(sorted(changed))}"
                )


def table(results: list[AblationResult]) -> str:
    """Returns a table with a row per ablation: mean and range over seeds of the last errors, and the cost.

    Raises:
        InputError: the results can't be compared, see :func:`check_alike`.
    """
    check_alike(results)
    lines = [
        "| ablation | seeds | MPJPE, mm | PA-MPJPE, mm | parameters, M | MFLOPs | memory, MB | ms |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name in dict.fromkeys(result.name for result in results):
        rows = [result for result in results if result.name == name]
        errors = []
        for measure in ("mpjpe", "pa_mpjpe"):
            values = [list(row.scores.values())[-1]["all"][measure] for row in rows]
            errors.append(f"{sum(values) / len(values):.2f} ({min(values):.2f} to {max(values):.2f})")
        first = rows[0]
        lines.append(
            f"| {name} | {len(rows)} | {errors[0]} | {errors[1]} | {first.parameters / 1e6:.2f} "
            f"| {first.flops / 1e6:.0f} | {first.peak_megabytes:.1f} | {first.ms_per_image:.1f} |"
        )
    return "\n".join(lines)
