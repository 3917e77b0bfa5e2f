"""Compares the paper's claims and this course's questions with our measurements: writes ``docs/claims.md``.

Two columns: whether a mechanism does what is claimed of it (micro-tasks, ``handlib claims``), and what the
mechanism is worth in the error of whole trainings (``handlib ablate``). Numbers come from the files in
``data_samples`` and from ``benchmarks/results/forward.json``.
"""

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from handlib.analysis.ablations import AblationResult, load_results
from handlib.analysis.comparison import Interval, gain_of, mean_interval, verdict
from handlib.analysis.micro_tasks.result import MicroTaskResult, read_micro_task
from handlib.analysis.robustness import Robustness, load_robustness
from handlib.utils.files import write_between_marks
from handlib.utils.resources import networks_folder, samples_folder

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE, STATEMENTS = REPOSITORY / "docs" / "claims.md", REPOSITORY / "docs" / "claims.toml"
NOT_ASKED = "–"


@dataclass(frozen=True)
class Evidence:
    """All result files."""

    trainings: dict[str, list[AblationResult]]
    micro_tasks: dict[str, MicroTaskResult]
    forward: dict
    robustness: Robustness
    photographs: dict

    @classmethod
    def load(cls) -> "Evidence":
        """Returns the repository's result files."""
        trainings: dict[str, list[AblationResult]] = {}
        for result in load_results():
            trainings.setdefault(result.name, []).append(result)
        stored = sorted((samples_folder() / "micro_tasks").glob("*.json"))
        micro_tasks = {path.stem: read_micro_task(path) for path in stored}
        forward = json.loads((REPOSITORY / "benchmarks" / "results" / "forward.json").read_text())
        photographs = json.loads((networks_folder() / "wild" / "photographs.json").read_text())
        return cls(trainings, micro_tasks, forward, load_robustness(), photographs)

    def errors(self, name: str) -> list[float]:
        """Returns the MPJPE of every seed in mm."""
        return [result.mpjpe for result in self.trainings[name]]

    def gain(self, better: str, worse: str) -> Interval:
        """Returns by how many mm ``better`` has the smaller error, with the 95 % interval."""
        return gain_of({name: self.errors(name) for name in self.trainings}, better, worse)


def mean(errors: list[float]) -> float:
    """Returns the mean of some errors."""
    return sum(errors) / len(errors)


def first_is_best(evidence: Evidence, first: str, *others: str) -> str:
    """Compares the first ablation's error with each of the others'."""
    words = [f"`{first}` {mean(evidence.errors(first)):.1f} mm"]
    for other in others:
        gain = verdict(evidence.gain(first, other), "mm")
        words.append(f"than `{other}` ({mean(evidence.errors(other)):.1f} mm): {gain}")
    return "; ".join(words)


def shown(evidence: Evidence, micro: list[list[str]]) -> str:
    """Returns by how much rows of micro-tasks are better than their references."""
    words = []
    for task, row, reference in micro:
        result = evidence.micro_tasks[task]
        words.append(f"{row} than {reference}: {result.against(row, reference)}")
    return "; ".join(words)


def photographs(evidence: Evidence) -> str:
    """The network for photographs, where the hands were told and where it had to find them."""
    words = []
    for way in ("boxes", "no boxes"):
        own = evidence.photographs[way]["wild"]["all"]
        low, high = own["pck@0.2 interval"]
        words.append(f"{way}: {100 * own['pck@0.2']:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)")
    count = evidence.photographs["boxes"]["wild"]["all"]["pictures"]
    return f"`wild`, joints within a fifth of the hand's size on {count:.0f} photographs; " + "; ".join(words)


def vertices_cost_more(evidence: Evidence) -> str:
    """Compares joints and the vertices of a thinned mesh as tokens."""
    dense, sparse = evidence.trainings["vertex_tokens"], evidence.trainings["joint_planes"]
    return (
        "84 vertices per hand instead of 21 joints, a plane for each, take "
        f"{dense[0].flops / sparse[0].flops:.1f} x the arithmetic and "
        f"{dense[0].peak_megabytes / sparse[0].peak_megabytes:.1f} x the memory; "
        + first_is_best(evidence, "joint_planes", "vertex_tokens")
    )


def more_stages_are_better(evidence: Evidence) -> str:
    """Compares every number of stages with one stage less."""
    names = ("no_refinement", "one_stage", "full", "three_stages")
    words = []
    for count, (fewer, more) in enumerate(pairwise(names), start=1):
        mflops, gain = evidence.trainings[more][0].flops / 1e6, verdict(evidence.gain(more, fewer), "mm")
        words.append(f"stage {count} ({mflops:.0f} MFLOPs in all): {gain}")
    return "; ".join(words)


def projection_is_cheap(evidence: Evidence) -> str:
    """The projection's cost, literal and factorised."""
    forward = evidence.forward["projection"]["forward"]
    faster, share = forward["times faster"], 100 * forward["share of memory"]
    return f"computed plane by plane, yes; factorised {faster:.0f} x faster, in {share:.0f} % of the memory"


def projection_grows_linearly(evidence: Evidence) -> str:
    """Cost of both forms from 20 to 80 bones."""
    few, *_, many = evidence.forward["series"]["bones"]
    words = [f"{form} {many[form] / few[form]:.1f} x" for form in ("literal", "factorised")]
    return f"yes: {many['bones'] / few['bones']:.0f} x the bones take {', '.join(words)} the time"


def mean_error(evidence: Evidence, network: str, pairs: str, estimate: str = "final") -> float:
    """Returns a network's mean error over hands, on one of the sets of pairs in ``robustness.json``."""
    return float(np.mean(evidence.robustness.errors[network][pairs][estimate]))


def objects_disturb(evidence: Evidence) -> str:
    """Things in front of the hands, other people's hands, and fine-tuning."""
    before, control, after = "as it was", "more desk pairs", "desk pairs with things"
    words = []
    for label, pairs in (
        ("nothing in front", "cover 0.0"),
        ("45 % covered", "cover 0.45"),
        ("others' hands in view", "others"),
    ):
        errors = [mean_error(evidence, network, pairs) for network in (before, after)]
        words.append(f"{label}: {errors[0]:.1f} mm, fine-tuned {errors[1]:.1f} mm")
    covered = [evidence.robustness.errors[network]["cover 0.45"]["final"] for network in (control, after)]
    gain = mean_interval(np.mean(np.subtract(*covered), axis=1).tolist())
    words.append(f"training with things in front, at 45 %: {verdict(gain, 'mm')}")
    return "; ".join(words)


def occlusion_degrades(evidence: Evidence) -> str:
    """Compares hands that are hidden by more than 80 % with the hands that hide them."""
    errors = np.asarray(evidence.robustness.errors["as it was"]["stacked"]["final"])
    visible = np.asarray(evidence.robustness.visible["stacked"])
    pairs, hidden = np.arange(len(visible)), visible.argmin(1)
    behind, front = errors[pairs, hidden], errors[pairs, 1 - hidden]
    severe = visible.min(1) < 0.2
    loss = mean_interval((behind - front)[severe].tolist())
    return (
        f"the hidden hand {behind[severe].mean():.1f} mm, the hand in front {front[severe].mean():.1f} mm: "
        f"{verdict(Interval(-loss.mean, -loss.high, -loss.low), 'mm')}"
    )


MEASURES: dict[str, Callable[[Evidence], str]] = {
    measure.__name__: measure
    for measure in (
        photographs,
        vertices_cost_more,
        more_stages_are_better,
        projection_is_cheap,
        projection_grows_linearly,
        objects_disturb,
        occlusion_degrades,
    )
}


def worth(statement: dict, evidence: Evidence) -> str:
    """Returns what was measured for a statement of ``docs/claims.toml``, micro-tasks apart."""
    if "compare" in statement:
        return first_is_best(evidence, *statement["compare"])
    if "measure" in statement:
        return MEASURES[statement["measure"]](evidence)
    return statement.get("answer", NOT_ASKED)


def statements() -> list[dict]:
    """Returns the paper's claims and questions from ``docs/claims.toml``."""
    return tomllib.loads(STATEMENTS.read_text())["statement"]


def table(evidence: Evidence) -> str:
    """Returns a table with a line per statement."""
    lines = [
        "| | statement | notebook | mechanism shown | worth in error | command |",
        "|---|---|---|---|---|---|",
    ]
    for statement in statements():
        micro, name = statement.get("micro", []), statement["notebook"]
        commands = [f"`handlib claims --run {task}`" for task in dict.fromkeys(row[0] for row in micro)]
        if "compare" in statement:
            commands.append("`handlib ablate --table`")
        cells = (
            statement["kind"],
            statement["text"],
            f"[{name[:2]}](../notebooks/{name}.ipynb)",
            shown(evidence, micro) or NOT_ASKED,
            worth(statement, evidence),
            statement.get("command", "; ".join(commands) or "`handlib ablate --table`"),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    write_between_marks(PAGE, "claims.py", table(Evidence.load()))
