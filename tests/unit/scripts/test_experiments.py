"""The experiments' definitions, the page that is written from their results, the curriculum's table."""

import json
from dataclasses import replace
from pathlib import Path

import curriculum
import experiments
import pytest
import torch
from experiment_list import EXPERIMENTS, Phase
from support.marks import between_marks
from torch import nn

from handlib.analysis.ablations import FULL
from handlib.data.augment import Augmentation
from handlib.model.network import DIR
from handlib.training.losses import LossWeights
from handlib.training.schedule import TrainConfig

RAN = {path.stem.rpartition("-")[0] for path in experiments.RESULTS.glob("*-*.json")}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_an_experiment_changes_exists_and_its_network_takes_its_pictures(name: str) -> None:
    *_, last = EXPERIMENTS[name].phases
    for phase in EXPERIMENTS[name].phases:
        replace(TrainConfig(), **phase.training)
        replace(LossWeights.small(), **phase.losses)
        replace(Augmentation(), **phase.augmentation)
    network = DIR(replace(FULL, **last.network)).eval()
    assert network.config.image_size == EXPERIMENTS[name].size
    with torch.no_grad():
        found = network(torch.zeros(1, 3, EXPERIMENTS[name].size, EXPERIMENTS[name].size))
    assert len(found.estimates) == 3


def test_every_experiment_but_the_base_changes_something() -> None:
    unchanged = [name for name, e in EXPERIMENTS.items() if e.phases == (Phase(),) and not e.average]
    assert unchanged == ["base"]


def test_what_ran_is_defined_and_was_decided() -> None:
    decided = {name for name, experiment in EXPERIMENTS.items() if experiment.decision}
    assert decided == RAN


def test_the_page_is_what_the_results_say() -> None:
    written = between_marks(experiments.PAGE, "experiments.py")
    assert written == experiments.table(), "run scripts/experiments/experiments.py --table"
    table = curriculum.table(json.loads(curriculum.RESULT.read_text()))
    assert between_marks(curriculum.PAGE, "curriculum.py") == table


def report(*errors: float) -> dict:
    names = ["initial", *(f"stage {k}" for k in range(1, len(errors)))]
    rows = {"pa_mpjpe": 5.25, "rotation_wrong": 0.125}
    return {"scores": {n: {"all": {"mpjpe": e, **rows}} for n, e in zip(names, errors, strict=True)}}


def test_a_row_shows_every_seed_and_nothing_where_nothing_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "RESULTS", tmp_path)
    assert experiments.row("muon") is None

    def write(name: str, good: float, poor: float, precision: str) -> None:
        result = {"minutes": 6.6, "precision": precision}
        result |= {"validation": report(9.0, good), "poorly cropped": report(9.0, poor)}
        (tmp_path / f"{name}.json").write_text(json.dumps(result))

    write("base-0", 3.0, 7.0, "32-true")
    write("base-1", 4.0, 6.0, "32-true")
    write("muon-10", 2.04, 9.0, "bf16-mixed")
    write("muon-2", 1.96, 8.0, "32-true")
    (tmp_path / "muon_faster-0.json").write_text("{}")
    cells = experiments.row("muon").split(" | ")
    assert cells[0] == "| `muon`"
    assert cells[4:8] == ["9.0 / 2.0<br>9.0 / 2.0", "8.0<br>9.0", "-1.5 / +2.0", "7 (32)<br>7 (bf16)"]
    assert experiments.row("base").split(" | ")[6] == ""


def test_a_running_mean_follows_quickly_at_first_and_ends_near_what_stays() -> None:
    mean, network = experiments.RunningMean(0.5), nn.Linear(1, 1, bias=False)
    seen = []
    for step, value in enumerate((0.0, 1.0, 1.0, 1.0), start=1):
        nn.init.constant_(network.weight, value)
        mean.on_step_end(step, network)
        seen.append(mean.network.weight.item())
    # Of what is new come 1 - min(0.5, step / (step + 9)): more than half, in these few steps.
    assert seen == pytest.approx([0, 9 / 11, 1 - 2 / 11 * 3 / 12, 1 - 2 / 11 * 3 / 12 * 4 / 13])
