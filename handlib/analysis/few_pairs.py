"""Few training pairs: do stages with vertices as tokens overfit more than stages with joints?

The paper prefers joints because vertices are many and overfit (Sec. 1). Here both learn from 300 or 1000
pairs, without augmentation, on the same frozen encoder. The gap between the errors on test pairs and on the
training pairs is the overfitting.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from handlib.analysis.comparison import Interval, paired_difference
from handlib.analysis.pair_errors import pair_errors
from handlib.analysis.stage_ablations import FrozenEncoder, learn_stages, trained_encoder
from handlib.data.augment import Augmentation
from handlib.data.rendered.synthetic import make_dataset
from handlib.data.shards import load_dataset
from handlib.utils.files import reading, record_from, write_text

KINDS = {"joints": "joint_planes", "vertices": "vertex_tokens"}
"""Ablations by their tokens; both draw every token on a plane of its own."""
COUNTS, STEPS = (300, 1000), 300
FIRST_SEED = 1000
"""The seed of the pairs that seed 0 learns from."""
UNCHANGED = Augmentation.none()


@dataclass(frozen=True)
class FewPairs:
    """Errors (MPJPE in mm) by tokens and number of training pairs, one per seed.

    ``test[tokens][count]`` are on test pairs, ``train[tokens][count]`` on the training pairs themselves.
    """

    seeds: list[int]
    steps: int
    world: str
    train: dict[str, dict[str, list[float]]]
    test: dict[str, dict[str, list[float]]]

    def gap(self, count: int) -> Interval:
        """Returns by how much vertices widen the gap from training to test pairs."""
        joints, vertices = (self._gaps(tokens, count) for tokens in KINDS)
        return paired_difference(vertices, joints)

    def gain(self, count: int) -> Interval:
        """Returns by how much joints are better than vertices on the test pairs."""
        return paired_difference(self.test["vertices"][str(count)], self.test["joints"][str(count)])

    def _gaps(self, tokens: str, count: int) -> list[float]:
        errors = zip(self.test[tokens][str(count)], self.train[tokens][str(count)], strict=True)
        return [test - train for test, train in errors]


def read_few_pairs(path: Path) -> FewPairs:
    """Reads the result that :func:`learn_from_few_pairs` wrote.

    Raises:
        InputError: the file is missing or no such result.
    """
    with reading(path, "a result of few training pairs"):
        return record_from(FewPairs, json.loads(path.read_text()))


def learn_from_few_pairs(
    data: Path,
    test: Path,
    runs: Path,
    out: Path,
    seeds: Sequence[int] = (0, 1, 2, 3),
    counts: Sequence[int] = COUNTS,
    steps: int = STEPS,
) -> FewPairs:
    """Trains stages of both kinds on few pairs, measures and writes them.

    Every seed has ``counts`` pairs of its own, which are rendered like those in ``data``, so that the spread
    over seeds is also that over the choice of pairs. ``data`` and ``test`` are folders of 64-pixel pairs.
    ``runs`` keeps the frozen encoder, which was trained on all pairs of ``data``, and the trainings; an
    interrupted one resumes.

    Raises:
        InputError: the pairs don't fit.
    """
    info, test_pairs = load_dataset(data).info, load_dataset(test)
    encoder = FrozenEncoder(trained_encoder(data, runs / "encoder"))
    errors: dict[str, dict[str, dict[str, list[float]]]] = {
        where: {tokens: {} for tokens in KINDS} for where in ("train", "test")
    }
    for count in counts:
        few = runs / f"few-{count}"
        for seed in seeds:
            made = few / f"pairs-{seed}"
            drawn_by = FIRST_SEED + seed
            make_dataset(made, world=info.world, split="train", count=count, size=info.size, seed=drawn_by)
            own = load_dataset(made)
            trained = learn_stages(tuple(KINDS.values()), seed, own, encoder, few, steps, UNCHANGED)
            for tokens, name in KINDS.items():
                model = trained[name].network.eval()
                for where, measured_on in (("train", own), ("test", test_pairs)):
                    error = float(pair_errors(model, measured_on).joints.mean())
                    errors[where][tokens].setdefault(str(count), []).append(error)
    result = FewPairs(list(seeds), steps, info.world, errors["train"], errors["test"])
    write_text(out, json.dumps(asdict(result), indent=2) + "\n")
    return result
