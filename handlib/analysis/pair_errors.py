"""Errors of every test pair, joint by joint, and comparisons on the joints where a mechanism should act.

A mean over all joints hides what happens to a few of them. With every joint's error kept, two kinds of
network can be compared on any choice of joints, also one that nobody thought of before the trainings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer, UInt8
from scipy.stats import t

from handlib.analysis.comparison import Interval, blocked_spread
from handlib.analysis.micro_tasks.read_back import bones_over
from handlib.data.sample import BACKGROUND, LEFT, RIGHT, STRATA, normalise
from handlib.data.shards import Dataset
from handlib.evaluation.metrics import INTAG_MCP, align, joint_errors, mrrpe
from handlib.geometry.camera import uv_to_pixels
from handlib.hand.skeleton import SIDES
from handlib.model.network import DIR
from handlib.utils.errors import InputError
from handlib.utils.files import reading, replacing

Record = TypeVar("Record", "PairErrors", "PairFacts")
PAIRS = "pairs.npz"
HIDDEN_HAND, CROWDED, MAP = 0.4, 7, 16
"""A hand is hidden if less than this share of it is visible. A joint is crowded if as many bones lie over its
pixel of a map with this side."""


@dataclass(frozen=True)
class PairErrors:
    """A network's errors (mm) on every test pair, of its last estimate.

    ``joints`` are those of :func:`handlib.evaluation.metrics.joint_errors`; ``offset`` is the error of one
    root relative to the other (MRRPE).
    """

    joints: Float[np.ndarray, "pairs hand=2 21"]
    offset: Float[np.ndarray, "pairs"]


@dataclass(frozen=True)
class PairFacts:
    """The truth about test pairs that choices of joints need.

    ``behind``: the other hand is what the picture shows at the joint. ``visible``: the share of each hand
    that nothing hides. ``bones``: how many bones of both hands lie over the joint's pixel of a map.
    ``stratum``: index into ``sample.STRATA``.
    """

    behind: Bool[np.ndarray, "pairs hand=2 21"]
    visible: Float[np.ndarray, "pairs hand=2"]
    bones: Integer[np.ndarray, "pairs hand=2 21"]
    stratum: Integer[np.ndarray, "pairs"]


def save_arrays(record: PairErrors | PairFacts, path: Path) -> None:
    """Writes the arrays of a record; numbers with fractions are rounded to half precision."""
    arrays = {k: v.astype(np.float16) if v.dtype.kind == "f" else v for k, v in vars(record).items()}
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


def load_arrays(kind: type[Record], path: Path) -> Record:
    """Reads the record that :func:`save_arrays` wrote.

    Raises:
        InputError: the file is missing or damaged.
    """
    with reading(path, "arrays about test pairs"), np.load(path, allow_pickle=False) as file:
        arrays = {f.name: file[f.name] for f in fields(kind)}
    return kind(**{k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in arrays.items()})


def behind_other_hand(
    label: UInt8[torch.Tensor, "batch size size"],
    dense: UInt8[torch.Tensor, "batch 3 size size"],
    uv: Float[torch.Tensor, "batch hand=2 21 2"],
) -> Bool[torch.Tensor, "batch hand=2 21"]:
    """Returns which joints the other hand hides: the joint's pixel shows that hand, not its forearm."""
    label = torch.where((dense > 0).any(1), label, BACKGROUND)
    size = label.shape[-1]
    column, row = uv_to_pixels(uv, size).floor().long().clamp(0, size - 1).unbind(-1)
    shown = label.flatten(1).gather(1, (row * size + column).flatten(1)).view_as(row)
    return shown == torch.tensor([RIGHT, LEFT])[:, None]


def pair_facts(pairs: Dataset) -> PairFacts:
    """Returns the truth about all pairs of a data set."""
    from handlib.training.loop import batches

    found: dict[str, list[torch.Tensor]] = {field.name: [] for field in fields(PairFacts)}
    for batch in batches(pairs):
        found["behind"].append(behind_other_hand(batch.label, batch.dense, batch.uv))
        found["visible"].append(batch.visible)
        found["bones"].append(bones_over(batch.uv, MAP).to(torch.uint8))
        found["stratum"].append(batch.stratum.to(torch.uint8))
    return PairFacts(**{name: torch.cat(parts).numpy() for name, parts in found.items()})


@torch.inference_mode()
def pair_errors(model: DIR, pairs: Dataset) -> PairErrors:
    """Returns the errors of a network in evaluation mode on every pair."""
    from handlib.training.loop import batches

    hands, joints, offsets = [model.hands[side] for side in SIDES], [], []
    for batch in batches(pairs):
        aligned = align(model(normalise(batch.image)).final, batch, INTAG_MCP, hands)
        joints.append(joint_errors(aligned))
        offsets.append(mrrpe(aligned))
    return PairErrors(torch.cat(joints).numpy(), torch.cat(offsets).numpy())


Choice = Callable[[PairFacts], Bool[np.ndarray, "pairs hand=2 21"]]
"""Chooses joints of the test pairs."""


def _everywhere(facts: PairFacts) -> np.ndarray:
    return np.ones(facts.behind.shape, dtype=bool)


def _hands(chosen: np.ndarray, facts: PairFacts) -> np.ndarray:
    return np.broadcast_to(chosen[..., None], facts.behind.shape)


CHOICES: dict[str, Choice] = {
    "all joints": _everywhere,
    "joints behind the other hand": lambda facts: facts.behind,
    "hands under 40 % visible": lambda facts: _hands(facts.visible < HIDDEN_HAND, facts),
    "joints under 7 bones or more": lambda facts: facts.bones >= CROWDED,
    "interlocked hands": lambda facts: _hands(
        np.broadcast_to((facts.stratum == STRATA.index("interlocked"))[:, None], facts.visible.shape), facts
    ),
}
"""Joints on which kinds are compared, by name."""


@dataclass(frozen=True)
class Comparison:
    """By how much one kind is better than another, with the 95 % interval, and both kinds' mean errors.

    ``count`` is the number of errors of each training that were compared.
    """

    gain: Interval
    better: float
    worse: float
    count: int


def compare_on(
    errors: Mapping[str, Float[np.ndarray, "seeds pairs *rest"]],
    better: str,
    worse: str,
    chosen: Bool[np.ndarray, "pairs *rest"],
) -> Comparison:
    """Compares two kinds of network on chosen errors. ``errors`` holds all kinds, their seeds in one order.

    The interval counts two sources of chance: other seeds (seeds are blocks, and all kinds together tell the
    spread) and other test pairs (both kinds are measured on the same pairs, so the spread of the pairs'
    differences counts). Their variances add up; degrees of freedom by Welch and Satterthwaite.

    Raises:
        InputError: errors of fewer than two pairs are chosen.
        ValueError: there are fewer than two kinds or seeds.
    """
    axes = tuple(range(1, chosen.ndim))
    counts = chosen.sum(axes)
    if (counts > 0).sum() < 2:
        raise InputError(f"chosen: expected errors of two pairs or more, got {(counts > 0).sum()}")
    total = counts.sum()
    sums = {
        name: np.where(chosen, runs, 0).sum(tuple(axis + 1 for axis in axes)) for name, runs in errors.items()
    }
    spread = blocked_spread([(of_seeds.sum(1) / total).tolist() for of_seeds in sums.values()])
    means = {name: float(of_seeds.sum() / total / len(of_seeds)) for name, of_seeds in sums.items()}
    gain = means[worse] - means[better]
    # The mean is a ratio: a pair counts by its number of chosen errors.
    left = ((sums[worse] - sums[better]).mean(0) - gain * counts)[counts > 0]
    variances = np.array(
        [2 * spread.deviation**2 / len(sums[better]), len(left) * left.var(ddof=1) / total**2]
    )
    freedom = variances.sum() ** 2 / (variances**2 / (spread.freedom, len(left) - 1)).sum()
    reach = float(t.ppf(0.975, freedom) * variances.sum() ** 0.5)
    interval = Interval(gain, gain - reach, gain + reach)
    return Comparison(interval, means[better], means[worse], int(total))


def load_pair_errors(folder: Path) -> dict[str, list[PairErrors]]:
    """Returns the errors in a folder of results by the ablation's name, in the order of the seeds.

    Raises:
        InputError: there are none, or a file is damaged.
    """
    found: dict[str, dict[int, PairErrors]] = {}
    for path in folder.glob("*-*.npz"):
        name, _, seed = path.stem.rpartition("-")
        found.setdefault(name, {})[int(seed)] = load_arrays(PairErrors, path)
    if not found:
        raise InputError(f"{folder}: expected errors that 'handlib ablate --stages' writes, found none")
    return {name: [runs[seed] for seed in sorted(runs)] for name, runs in sorted(found.items())}
