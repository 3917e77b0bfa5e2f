"""What the paper claims and asks, beside what was measured here: writes the tables of ``docs/claims.md``.

Numbers come from ``data_samples/results`` (trainings of ``handlib ablate``), ``data_samples/robustness.json``
and ``benchmarks/results/forward.json``. Two kinds of training are only called different if their means differ
by more than seeds do (:mod:`handlib.analysis.comparison`).
"""

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from handlib.analysis.ablations import AblationResult, load_results
from handlib.analysis.comparison import Spread, compare, pooled_spread
from handlib.analysis.robustness import Robustness, load_robustness, mean_and_error
from handlib.utils.files import write_between_marks

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE, STATEMENTS = REPOSITORY / "docs" / "claims.md", REPOSITORY / "docs" / "claims.toml"
AGREES, DISAGREES, OPEN = "agrees", "disagrees", "can't be decided at this scale"
CLEAR = 3
"""Standard errors that a mean of paired differences must exceed."""
BARELY = 1.25
"""A difference of less than this many times what chance explains is told as ``barely`` clear."""
MISSING = "not measured yet"


@dataclass(frozen=True)
class Evidence:
    """All result files."""

    trainings: dict[str, list[AblationResult]]
    forward: dict
    robustness: Robustness

    @classmethod
    def load(cls) -> "Evidence":
        """The repository's own."""
        trainings: dict[str, list[AblationResult]] = {}
        for result in load_results():
            trainings.setdefault(result.name, []).append(result)
        forward = json.loads((REPOSITORY / "benchmarks" / "results" / "forward.json").read_text())
        return cls(trainings, forward, load_robustness())

    def errors(self, name: str) -> list[float]:
        """MPJPE of every seed, mm."""
        return [result.mpjpe for result in self.trainings.get(name, [])]

    @property
    def spread(self) -> Spread:
        """How much seeds of one kind of training differ."""
        return pooled_spread([self.errors(name) for name in self.trainings])

    def verdict(self, better: str, worse: str) -> str:
        """Whether the first has the smaller error, the other way round, or neither clearly."""
        difference = compare(self.errors(worse), self.errors(better), self.spread)
        if not difference.clear:
            return OPEN
        verdict = AGREES if difference.value > 0 else DISAGREES
        return verdict if abs(difference.value) > BARELY * difference.chance else f"{verdict}, barely"


Finding = tuple[str, str]
"""Our number, and the verdict."""


def told(name: str, errors: list[float]) -> str:
    """A row's errors in words."""
    seeds = f"{min(errors):.1f} to {max(errors):.1f}" if len(errors) > 1 else "one seed"
    return f"{name} {sum(errors) / len(errors):.1f} mm ({seeds})"


def first_is_best(evidence: Evidence, first: str, *others: str) -> Finding:
    """Whether the first ablation's error is smaller than each of the others'."""
    names = (first, *others)
    if not all(evidence.errors(name) for name in names):
        return MISSING, MISSING
    words = "; ".join(told(name, evidence.errors(name)) for name in names)
    verdicts = {other: evidence.verdict(first, other) for other in others}
    if len(set(verdicts.values())) == 1:
        return words, verdicts[others[0]]
    return words, "; ".join(f"{other}: {verdict}" for other, verdict in verdicts.items())


def vertices_cost_more(evidence: Evidence) -> Finding:
    """Open question 1: joints against a thinned mesh's vertices as tokens."""
    dense, sparse = evidence.trainings.get("vertex_tokens"), evidence.trainings.get("joint_planes")
    if not dense or not sparse:
        return MISSING, MISSING
    words = (
        "84 vertices per hand instead of 21 joints, a plane for each: "
        f"{dense[0].flops / sparse[0].flops:.1f} x the arithmetic",
        f"{dense[0].peak_megabytes / sparse[0].peak_megabytes:.1f} x the memory",
        *(told(name, evidence.errors(name)) for name in ("joint_planes", "vertex_tokens")),
    )
    dearer = AGREES if dense[0].flops > sparse[0].flops else DISAGREES
    return "; ".join(words), f"cost: {dearer}; error: {evidence.verdict('joint_planes', 'vertex_tokens')}"


def more_stages_are_better(evidence: Evidence) -> Finding:
    """Open question 3: errors and arithmetic for every number of stages."""
    names = ("no_refinement", "one_stage", "full", "three_stages")
    if not all(evidence.errors(name) for name in names):
        return MISSING, MISSING
    words = []
    for count, name in enumerate(names):
        mflops = evidence.trainings[name][0].flops / 1e6
        words.append(f"{told(str(count), evidence.errors(name))} at {mflops:.0f} MFLOPs")
    verdicts = [evidence.verdict(more, fewer) for fewer, more in pairwise(names)]
    return "; ".join(words), "; ".join(f"stage {k}: {v}" for k, v in enumerate(verdicts, start=1))


def projection_is_cheap(evidence: Evidence) -> Finding:
    """The projection's cost, literal and factorised."""
    forward = evidence.forward["projection"]["forward"]
    faster, share = forward["times faster"], 100 * forward["share of memory"]
    words = f"the same numbers computed another way: {faster:.0f} x faster, in {share:.0f} % of the memory"
    return words, "agrees that it grows; the factorised form removes most of it"


def projection_grows_linearly(evidence: Evidence) -> Finding:
    """Cost of both forms from 20 to 80 bones."""
    few, *_, many = evidence.forward["series"]["bones"]
    words = [f"{form} {many[form] / few[form]:.1f} x" for form in ("literal", "factorised")]
    return f"{many['bones'] / few['bones']:.0f} x the bones: {', '.join(words)} the time", AGREES


def mean_error(evidence: Evidence, network: str, pairs: str, estimate: str = "final") -> float:
    """Over hands, of a network of ``robustness.json`` on one of its sets of pairs."""
    return float(np.mean(evidence.robustness.errors[network][pairs][estimate]))


def objects_disturb(evidence: Evidence) -> Finding:
    """Open question 2: things in front of the hands, other people's hands, and fine-tuning."""
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
    gain, error = mean_and_error(np.mean(np.subtract(*covered), axis=1))
    return "; ".join(words), "training takes it without a change" if gain > CLEAR * error else OPEN


def occlusion_degrades(evidence: Evidence) -> Finding:
    """Next check 1: hands that their other hand hides by more than 80 %, against that one."""
    errors = np.asarray(evidence.robustness.errors["as it was"]["stacked"]["final"])
    visible = np.asarray(evidence.robustness.visible["stacked"])
    pairs, hidden = np.arange(len(visible)), visible.argmin(1)
    behind, front = errors[pairs, hidden], errors[pairs, 1 - hidden]
    severe = visible.min(1) < 0.2
    excess, error = mean_and_error((behind - front)[severe])
    partly = behind[(visible.min(1) > 0.6) & (visible.min(1) < 0.8)].mean()
    words = (
        f"hidden by more than 80 % by the other hand: {behind[severe].mean():.1f} mm, "
        f"the hand in front of it {front[severe].mean():.1f} mm; 60 to 80 % of it shown: {partly:.1f} mm"
    )
    return words, AGREES if excess > CLEAR * error else OPEN


MEASURES: dict[str, Callable[[Evidence], Finding]] = {
    measure.__name__: measure
    for measure in (
        vertices_cost_more,
        more_stages_are_better,
        projection_is_cheap,
        projection_grows_linearly,
        objects_disturb,
        occlusion_degrades,
    )
}


def finding(statement: dict, evidence: Evidence) -> Finding:
    """What was measured for a statement of ``docs/claims.toml``."""
    if "compare" in statement:
        return first_is_best(evidence, *statement["compare"])
    if "measure" in statement:
        return MEASURES[statement["measure"]](evidence)
    return statement["answer"], statement["verdict"]


def statements() -> list[dict]:
    """What the paper claims and asks, from ``docs/claims.toml``."""
    return tomllib.loads(STATEMENTS.read_text())["statement"]


def table(evidence: Evidence) -> str:
    """One line per statement."""
    lines = ["| | statement | notebook | command | here | verdict |", "|---|---|---|---|---|---|"]
    for statement in statements():
        number, verdict = finding(statement, evidence)
        name, command = statement["notebook"], statement.get("command", "`handlib ablate --table`")
        notebook = f"[{name[:2]}](../notebooks/{name}.ipynb)"
        cells = (statement["kind"], statement["text"], notebook, command, number, verdict)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    write_between_marks(PAGE, "claims.py", table(Evidence.load()))
