"""The panel that watches a training: what it remembers, measures and says."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from support.tiny import TINY

from handlib import DIR, load_samples, show
from handlib.data.augment import Augmentation
from handlib.data.sample import Sample, normalise, resize, stack
from handlib.data.shards import load_dataset
from handlib.data.shipped import store_samples
from handlib.evaluation.metrics import INTAG_MCP, evaluate_batch
from handlib.hand.skeleton import SIDES
from handlib.show.training import MOST_PICTURES, measure
from handlib.training.loop import train
from handlib.training.losses import LossWeights
from handlib.training.schedule import TrainConfig
from handlib.utils.errors import InputError


@pytest.fixture(scope="module")
def pairs() -> Sample:
    return stack([resize(sample, 64) for sample in load_samples("train")[:6]])


@pytest.fixture(scope="module")
def network() -> DIR:
    torch.manual_seed(0)
    return DIR(TINY)


def listen(panel, network: DIR, step: int, loss: float) -> None:
    terms = {"dense": torch.tensor(0.5), "uv_0": torch.tensor(loss / 2), "uv_1": torch.tensor(loss / 4)}
    panel.on_step_end(step=step, loss=loss, terms=terms, network=network)


def test_a_measurement_is_every_estimates_error_in_evaluation_mode(network, pairs):
    network.train()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    found = measure(network, 7, pairs, pairs[:2])
    assert network.training and all(torch.equal(v, state[k]) for k, v in network.state_dict().items())
    network.eval()
    with torch.no_grad():
        estimates = network(normalise(pairs.image)).estimates
    hands = [network.hands[side] for side in SIDES]
    expected = [float(evaluate_batch(e, pairs, INTAG_MCP, hands)["mpjpe"].mean()) for e in estimates]
    np.testing.assert_allclose(found.errors, expected, rtol=1e-5)
    np.testing.assert_allclose(found.uv, estimates[-1].uv[:MOST_PICTURES], rtol=1e-5)
    assert found.step == 7 and len(found.held_out) == len(expected)
    assert len(measure(network, 7, pairs).held_out) == 0


def test_it_measures_first_last_and_every_so_often(network, pairs):
    panel = show.TrainingPanel(pairs, total=7, every=3, held_out=pairs[:2])
    assert panel.caption.value == "not a step yet of 7"
    drawn = [panel.image.value]
    for step in range(1, 8):
        listen(panel, network, step, 10.0 / step)
        drawn.append(panel.image.value)
    assert [m.step for m in panel.history.measured] == [1, 3, 6, 7]
    redrawn = [step for step, (a, b) in enumerate(pairwise(drawn), start=1) if a != b]
    assert redrawn == [1, 3, 6, 7]
    assert panel.history.losses == [10.0 / step for step in range(1, 8)]
    assert [panel.history.loss_of_estimate(k) for k in (0, 1)] == pytest.approx([5 / 7, 2.5 / 7])
    last = panel.history.measured[-1]
    assert f"stage 2 {last.errors[2]:.1f}; on pairs it isn't trained on " in panel.caption.value
    assert panel.caption.value.endswith(f" {last.held_out[-1]:.1f}")


def test_it_hears_of_a_real_training_on_stored_samples(tmp_path: Path, pairs):
    samples = load_samples("train")[:6]
    store_samples(samples, tmp_path / "pairs", "train", 64)
    panel = show.TrainingPanel(pairs, total=4, every=2)
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true", callbacks=[panel])
    config = TrainConfig(steps=4, batch_size=3)
    train(
        tmp_path / "pairs", tmp_path / "run", TINY, config, LossWeights.small(), Augmentation(), fabric=fabric
    )
    assert panel.history.steps == [1, 2, 3, 4]
    assert [m.step for m in panel.history.measured] == [1, 2, 4]
    assert panel.caption.value.startswith("step 4 of 4: MPJPE in mm: initial ")


def test_stored_samples_are_the_samples(tmp_path: Path):
    samples = load_samples("train")[:3]
    store_samples(samples, tmp_path, "train", 64)
    stored = load_dataset(tmp_path).sample(torch.arange(3))
    wanted = stack([resize(sample, 64) for sample in samples])
    for name in ("image", "label", "joints", "vertices", "root", "intrinsics"):
        assert torch.equal(getattr(stored, name), getattr(wanted, name)), name
    with pytest.raises(InputError, match="already holds another data set"):
        store_samples(samples[:2], tmp_path, "train", 64)
