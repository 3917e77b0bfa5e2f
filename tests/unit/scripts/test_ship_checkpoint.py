"""The checkpoint that ships: it does its job, and what is said of it is what its files say."""

import json
import statistics
from pathlib import Path

import pytest
import ship_checkpoint
import torch
from safetensors import safe_open
from support.marks import between_marks

from handlib.data.shipped import load_samples
from handlib.geometry.camera import uv_to_pixels
from handlib.model.network import DIR
from handlib.photos.reconstruct import reconstruct
from handlib.show.core.figures import MEASURES
from handlib.training.run_folder import LOG, SETTINGS
from handlib.utils.resources import networks_folder

SMALL = networks_folder() / "small"


def test_the_model_card_is_made_from_the_files() -> None:
    assert (SMALL / "README.md").read_text() == ship_checkpoint.card(SMALL)


def test_the_readme_quotes_the_files() -> None:
    quoted = between_marks(ship_checkpoint.MEASUREMENTS_PAGE, "ship_checkpoint.py")
    assert quoted == ship_checkpoint.measured(SMALL)
    assert between_marks(ship_checkpoint.README, "ship_checkpoint.py") == ship_checkpoint.in_short(SMALL)


@pytest.mark.parametrize("measurement", ["test", "desk"])
def test_every_stage_is_better_than_the_one_before(measurement: str) -> None:
    estimates = [rows["all"] for rows in ship_checkpoint.scores(SMALL, measurement).values()]
    for name in ("mpjpe", "pa_mpjpe", "uv_percent"):
        values = [estimate[name] for estimate in estimates]
        assert values == sorted(values, reverse=True), name


def test_it_passes_the_gate() -> None:
    *_, final = ship_checkpoint.scores(SMALL, "desk").values()
    training = json.loads((SMALL / "training.json").read_text())
    assert final["all"]["rotation_wrong"] < 0.02
    assert final["all"]["uv_percent"] < 5
    assert final["all"]["pa_mpjpe"] < training["mean_predictor"]["pa_mpjpe"]


def test_other_pairs_of_the_same_world_give_the_same_errors() -> None:
    test, fresh = (list(ship_checkpoint.scores(SMALL, name).values())[-1] for name in ("test", "fresh"))
    assert ship_checkpoint.weighted_as(test, test) == pytest.approx(test["all"]["mpjpe"])
    assert ship_checkpoint.weighted_as(test, fresh) == pytest.approx(test["all"]["mpjpe"], rel=0.05)


def test_it_is_small_and_in_half_precision() -> None:
    weights = SMALL / "model.safetensors"
    assert weights.stat().st_size < 25 * 2**20
    with safe_open(weights, "pt") as file:
        kinds = {file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    assert kinds <= {torch.float16, torch.int64}
    assert next(DIR.from_pretrained("small").parameters()).dtype == torch.float32


def test_it_finds_the_hands_of_every_test_pair() -> None:
    model, errors = DIR.from_pretrained("small").eval(), []
    for sample in load_samples("test"):
        result = reconstruct(sample.image, model=model)
        assert result.origin == "found"
        assert result.confidence.min() > 0.5
        true = uv_to_pixels(sample.uv, sample.size)
        errors.append(float((result.joint_pixels - true).norm(dim=-1).mean()) / sample.size)
    assert statistics.median(errors) < 0.04
    assert max(errors) < 0.2


def write_run(folder: Path, steps: int, hours: float) -> None:
    """What a run of one measurement leaves behind."""
    settings = {name: {"name": name} for name in ship_checkpoint.OF_A_RUN}
    settings["training"] = {"steps": steps}
    folder.mkdir()
    (folder / SETTINGS).write_text(json.dumps(settings | {"ran_on": [], "start_from": "/somewhere"}))
    scores = {"initial": {"all": dict.fromkeys(MEASURES, 5.0)}}
    line = {"step": steps, "hours": hours, "loss": 1.0, "validation": {"scores": scores}}
    (folder / LOG).write_text(json.dumps(line) + "\n")


def test_the_history_of_what_ships_goes_on_through_its_runs(tmp_path: Path) -> None:
    before = json.loads((SMALL / "training.json").read_text())
    for name, steps, hours in (("a", 100, 0.5), ("b", 200, 0.25)):
        write_run(tmp_path / name, steps, hours)
    runs, curve = ship_checkpoint.history([SMALL, tmp_path / "a", tmp_path / "b"])
    first = len(before["runs"])
    assert runs[:first] == before["runs"]
    assert [run["training"]["steps"] for run in runs[first:]] == [100, 200]
    assert set(runs[-1]) == set(before["runs"][-1])
    spent = before["curve"][-1]["hours"]
    assert [(point["run"], point["hours"]) for point in curve[-2:]] == [
        (first, pytest.approx(spent + 0.5, abs=1e-4)),
        (first + 1, pytest.approx(spent + 0.75, abs=1e-4)),
    ]


def test_its_files_name_no_folder_of_the_machine_that_made_them() -> None:
    for path in SMALL.glob("*.json"):
        assert '"/' not in path.read_text(), path.name
