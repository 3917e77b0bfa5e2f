"""Training: a step depends on its number alone, a killed run resumes exactly, 16 pairs are learned."""

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from lightning_fabric import Fabric
from support.answers import SOLUTIONS
from support.tiny import TINY

import handlib.training.loop
from handlib.data.augment import Augmentation
from handlib.data.rendered.photo_backgrounds import Photographs
from handlib.data.rendered.synthetic import make_dataset
from handlib.data.shards import load_dataset
from handlib.evaluation.evaluate import evaluate
from handlib.evaluation.metrics import INTAG_MCP
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.model.config import DIRConfig
from handlib.model.hand_backbone import LATE, PLAN, HandBackbone
from handlib.model.network import DIR
from handlib.model.parts import PARTS
from handlib.training.loop import batches, new_model, train
from handlib.training.losses import LossWeights
from handlib.training.run_folder import LOG, SETTINGS, check_same_run
from handlib.training.schedule import TrainConfig, batch_indices, learning_rate
from handlib.utils.errors import InputError

SHORT = TrainConfig(steps=6, batch_size=4, save_every=2, evaluate_every=3)
UNCHANGED = Augmentation.none()
JOINTS = replace(TINY, backbone="hand_landmarks", initial_head="joints", head_channels=8)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen rendered pairs at 64 px."""
    folder = tmp_path_factory.mktemp("pairs")
    make_dataset(folder, "train", 16, 64, 0)
    return folder


def run(
    pairs: Path, out: Path, config: TrainConfig = SHORT, network: DIRConfig = TINY, **options: Any
) -> DIR:
    options = {"validation": pairs, "fabric": Fabric(accelerator="cpu", devices=1), **options}
    return train(pairs, out, network, config, LossWeights.small(), Augmentation(), **options)


@pytest.mark.parametrize("optimiser", ["adamw", pytest.param("muon", marks=pytest.mark.slow)])
def test_a_killed_run_resumes_to_the_same_weights(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimiser: Literal["adamw", "muon"]
) -> None:
    config = replace(SHORT, optimiser=optimiser)
    whole = run(pairs, tmp_path / "whole", config)

    calls = Counter()
    original = handlib.training.loop.dir_loss

    def killed_in_step_five(*arguments):
        calls["loss"] += 1
        if calls["loss"] == 6:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(handlib.training.loop, "dir_loss", killed_in_step_five)
    with pytest.raises(KeyboardInterrupt):
        run(pairs, tmp_path / "killed", config)
    monkeypatch.undo()
    resumed = run(pairs, tmp_path / "killed", config)

    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    logs = [(tmp_path / name / LOG).read_text().splitlines() for name in ("whole", "killed")]
    validation = [[json.loads(line)["validation"] for line in log] for log in logs]
    assert len(validation[0]) == 2 and validation[0] == validation[1]


def test_the_finished_network_is_saved_and_a_finished_run_does_nothing(pairs: Path, tmp_path: Path) -> None:
    trained = run(pairs, tmp_path)
    saved = (tmp_path / "model.safetensors").read_bytes()
    again = run(pairs, tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == saved
    loaded = DIR.from_pretrained(tmp_path)
    assert loaded.config == TINY
    for name, value in trained.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value) and torch.equal(again.state_dict()[name], value)


def test_a_folder_belongs_to_one_run_which_another_machine_may_go_on_with(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(pairs, tmp_path, replace(SHORT, steps=2))
    *_, before, after = capsys.readouterr().out.split(str(INTAG_MCP))
    assert "| stage 2 |" in before and "mpvpe (mm)" in before and "samples" in after
    with pytest.raises(InputError, match=r"other settings.*training"):
        run(pairs, tmp_path, replace(SHORT, steps=3))
    settings = json.loads((tmp_path / SETTINGS).read_text())
    (first,) = settings["ran_on"]
    assert first["precision"] == "32-true" and first["processes"] == 1 and first["device"] == "cpu"
    assert first["threads"] == torch.get_num_threads() and first["torch"] == torch.__version__
    run(pairs, tmp_path, replace(SHORT, steps=2))
    assert json.loads((tmp_path / SETTINGS).read_text()) == settings
    elsewhere = first | {"processes": 2, "precision": "bf16-mixed"}
    check_same_run(tmp_path / SETTINGS, {k: v for k, v in settings.items() if k != "ran_on"}, elsewhere)
    assert json.loads((tmp_path / SETTINGS).read_text()) == settings | {"ran_on": [first, elsewhere]}


def test_pairs_of_another_size_are_refused(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"64 px.*128 px"):
        run(pairs, tmp_path / "out", network=DIRConfig.small())
    assert not (tmp_path / "out").exists()


def test_validation_pairs_of_another_size_are_refused_before_the_first_step(
    pairs: Path, tmp_path: Path
) -> None:
    make_dataset(tmp_path / "large", split="val", count=2, size=128, seed=0)
    with pytest.raises(InputError, match=r"large: pairs have 128 px, the network takes 64 px"):
        run(pairs, tmp_path / "out", validation=tmp_path / "large")
    assert not (tmp_path / "out").exists()


def test_photographs_behind_finished_pictures_are_refused(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="photographs: expected layered pairs"):
        run(pairs, tmp_path / "out", photographs=Photographs((tmp_path / "a.jpg",), "0" * 64))


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_terms(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_):
        nothing = torch.zeros((), requires_grad=True)
        return nothing * torch.nan, {"uv_0": torch.tensor(torch.nan), "dense": torch.tensor(1.0)}

    monkeypatch.setattr(handlib.training.loop, "dir_loss", broken)
    with pytest.raises(FloatingPointError, match=r"step 0: .*terms: uv_0$"):
        run(pairs, tmp_path)


def test_an_epoch_shows_every_pair_once_and_epochs_differ() -> None:
    config = replace(SHORT, batch_size=5)
    first, second = (
        torch.cat([batch_indices(4 * epoch + k, 20, config) for k in range(4)]) for epoch in (0, 1)
    )
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(20))
    assert not torch.equal(first, second)
    assert torch.equal(batch_indices(2, 20, config), first[10:15])
    assert len(batch_indices(7, 3, config)) == 3


def test_the_learning_rate_rises_then_falls_to_a_hundredth() -> None:
    config = TrainConfig(steps=1000, learning_rate=2.0, warmup=0.1)
    rates = [learning_rate(step, config) for step in range(1001)]
    top = rates.index(max(rates))
    assert rates[top] == pytest.approx(2.0, rel=1e-3) and 90 <= top <= 110
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(0.02)
    assert learning_rate(0, replace(config, warmup=0.0)) == 2.0
    with pytest.raises(InputError, match=r"training\.warmup: expected a number from 0 to 0\.99"):
        replace(config, warmup=1.0)


@pytest.mark.slow
def test_sixteen_pairs_are_learned_to_three_millimetres(pairs: Path, tmp_path: Path) -> None:
    network = replace(DIRConfig.small(), image_size=64)
    config = TrainConfig(steps=130, batch_size=16, save_every=1000, learning_rate=2e-3)
    model = train(pairs, tmp_path, network, config, LossWeights.small(), UNCHANGED)
    scores = evaluate(model, batches(load_dataset(pairs)))["scores"]
    errors = {name: rows["all"]["mpjpe"] for name, rows in scores.items()}
    assert max(errors.values()) < 3, errors


def test_weights_to_begin_with_may_come_from_pictures_of_another_size(pairs: Path, tmp_path: Path) -> None:
    source = DIR(replace(TINY, image_size=128, output_stride=32))
    source.save_pretrained(tmp_path / "source")
    still = TrainConfig(steps=1, batch_size=4, learning_rate=0.0)
    model = run(pairs, tmp_path / "run", still, start_from=tmp_path / "source")
    assert model.config.image_size == 64
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, source.get_parameter(name)), name


def test_weights_that_do_not_fit_are_refused(pairs: Path, tmp_path: Path) -> None:
    DIR(replace(TINY, plane_channels=TINY.plane_channels * 2)).save_pretrained(tmp_path / "source")
    with pytest.raises(InputError, match=r"(?s)source: its weights don't fit.*plane_mlp"):
        run(pairs, tmp_path / "run", start_from=tmp_path / "source")


def test_callbacks_hear_of_every_step(pairs: Path, tmp_path: Path) -> None:
    heard = []

    class Listener:
        def on_step_end(self, step: int, loss: float, terms: dict, network: DIR) -> None:
            assert math.isclose(loss, sum(map(float, terms.values())), rel_tol=1e-4) and network.training
            heard.append(step)

    fabric = Fabric(accelerator="cpu", devices=1, callbacks=[Listener()])
    run(pairs, tmp_path, replace(SHORT, steps=3), fabric=fabric)
    assert heard == [1, 2, 3]


def test_joint_maps_are_taught_first_and_then_everything(pairs: Path, tmp_path: Path) -> None:
    config = TrainConfig(steps=4, batch_size=4, maps_first=0.5, pretrained=True, optimiser="muon")
    hands = {side: Hand.open(side, JOINTS.tips) for side in SIDES}
    states = [new_model(JOINTS, hands, config, None).state_dict()]
    taught = []

    class Listener:
        def on_step_end(self, step: int, loss: float, terms: dict, network: DIR) -> None:
            states.append({name: value.clone() for name, value in network.state_dict().items()})
            taught.append(set(terms))

    fabric = Fabric(accelerator="cpu", devices=1, callbacks=[Listener()])
    run(pairs, tmp_path, config, JOINTS, fabric=fabric, validation=None)
    maps = {"sides", "heat", "location", "presence"}
    assert taught[:2] == [maps, maps] and maps | {"uv_0", "uv_2", "dense"} <= taught[2] == taught[3]

    def changed(before: int, after: int) -> set[str]:
        parts = {name for name in states[0] if not torch.equal(states[before][name], states[after][name])}
        return {".".join(name.split(".")[:4]) for name in parts}

    late = {f"encoder.backbone.blocks.{k}" for k in range(LATE, len(PLAN))}
    of_maps = {f"encoder.head.maps.{part}" for part in ("scale", "lateral", "smooth", "context", "out")}
    readers = {"encoder.head.presence.weight", "encoder.head.presence.bias"}
    assert changed(0, 2) == late | of_maps | readers
    then = {".".join(name.split(".")[:2]) for name in changed(2, 4) - late - of_maps - readers}
    assert then == {"encoder.attention", "encoder.head", "stages.0", "stages.1", "heads.stem"} | {
        "heads.segmentation",
        "heads.dense",
    }
    assert late <= changed(2, 4)


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_a_pretrained_backbone_moves_at_its_share_of_the_rate(
    pairs: Path, tmp_path: Path, rate: float
) -> None:
    config = TrainConfig(
        steps=1,
        batch_size=4,
        pretrained=True,
        backbone_rate=rate,
        learning_rate=0.05,
        warmup=0.0,
        weight_decay=0.0,
    )
    backbone = run(pairs, tmp_path, config, JOINTS, validation=None).encoder.backbone
    shipped = HandBackbone()
    shipped.load_pretrained()
    moves = [
        (after - before).abs().max()
        for before, after in zip(shipped.parameters(), backbone.parameters(), strict=True)
    ]
    # AdamW's first step is the learning rate itself, whatever the gradient.
    assert max(moves).item() == pytest.approx(rate * 0.05, rel=0.01)


def test_a_readers_parts_run_in_network_loss_and_measurement(pairs: Path, tmp_path: Path) -> None:
    calls: Counter[str] = Counter()

    def counted(name: str) -> Callable[..., Any]:
        def function(*arguments: Any) -> Any:
            calls[name] += 1
            return SOLUTIONS[name](*arguments)

        return function

    config = replace(SHORT, steps=2, evaluate_every=2)
    parts = {name: counted(name) for name in PARTS}
    for folder, given in (("own", parts), ("library", None)):
        run(pairs, tmp_path / folder, config, parts=given)
    assert set(calls) == set(PARTS) - {"fit_weak_perspective"}
    own, library = (json.loads((tmp_path / folder / LOG).read_text()) for folder in ("own", "library"))
    assert own["loss"] == pytest.approx(library["loss"], rel=1e-3)
    errors = [log["validation"]["scores"]["stage 2"]["all"]["mpjpe"] for log in (own, library)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-2)
    with pytest.raises(InputError, match="no part is called"):
        run(pairs, tmp_path / "none", config, parts={"attent": lambda q, k, v: v})
    assert not (tmp_path / "none").exists()
