"""Stages of several kinds learn on one frozen encoder, from the same batches, each as if it were alone."""

from dataclasses import replace

import pytest
import torch
from support.commands import failing
from support.tiny import TINY

from handlib.analysis import ablations, stage_ablations
from handlib.analysis.pair_errors import PAIRS, PairErrors, PairFacts, load_arrays
from handlib.analysis.stage_ablations import FrozenEncoder
from handlib.data.rendered.synthetic import make_dataset
from handlib.data.shards import load_dataset
from handlib.model.network import DIR, weights_sum
from handlib.training.run_folder import CHECKPOINT
from handlib.utils.errors import InputError

ROWS = ("full", "one_stage", "read_again_coupled")


TINY_STAGES = {
    "full": TINY,
    "one_stage": replace(TINY, stage_levels=(1,)),
    "read_again_coupled": TINY,
    "matrices_only": replace(TINY, inter_hand="none"),
    "no_attention": replace(TINY, hand_attention=False),
}


@pytest.fixture(autouse=True)
def tiny_networks(monkeypatch):
    """The same kinds of stages, in networks that learn in a moment."""
    for module in (ablations, stage_ablations):
        monkeypatch.setattr(module, "ABLATIONS", TINY_STAGES)
        monkeypatch.setattr(module, "FULL", TINY)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("stages")
    for split, count in (("train", 8), ("test", 4)):
        make_dataset(root / split, split=split, count=count, size=64, seed=0)
    return root


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(7)
    return DIR(TINY)


def learn(folders, trained, place, names=ROWS, steps=3):
    pairs = load_dataset(folders / "train")
    return stage_ablations.learn_stages(names, 0, pairs, FrozenEncoder(trained.encoder), place, steps)


def test_stages_learn_and_the_encoder_does_not(folders, trained, tmp_path):
    before = weights_sum(trained.encoder)
    runs = learn(folders, trained, tmp_path)
    assert weights_sum(trained.encoder) == before
    for name, run in runs.items():
        new = stage_ablations.on_encoder(name, FrozenEncoder(trained.encoder), 0)
        assert weights_sum(run.network.stages) != weights_sum(new.stages)
        assert not any("encoder" in weight for weight in run.network.state_dict())


def test_a_kind_of_stages_learns_the_same_alone_and_beside_others(folders, trained, tmp_path):
    together = learn(folders, trained, tmp_path / "together")
    alone = learn(folders, trained, tmp_path / "alone", ("one_stage",))
    assert weights_sum(together["one_stage"].network) == weights_sum(alone["one_stage"].network)


def test_an_interrupted_training_resumes_where_each_kind_stood(folders, trained, tmp_path, monkeypatch):
    whole = learn(folders, trained, tmp_path / "whole")
    monkeypatch.setattr(stage_ablations, "SAVE_EVERY", 1)
    step, taken = stage_ablations._step, []

    def interrupted(run, fields, checkpoint):
        if len(taken) == 4:
            raise KeyboardInterrupt
        taken.append(checkpoint.parent.name)
        step(run, fields, checkpoint)

    monkeypatch.setattr(stage_ablations, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        learn(folders, trained, tmp_path / "cut")
    assert taken == ["full-0", "one_stage-0", "read_again_coupled-0", "full-0"]
    monkeypatch.setattr(stage_ablations, "_step", step)
    resumed = learn(folders, trained, tmp_path / "cut")
    for name, run in whole.items():
        assert weights_sum(resumed[name].network) == weights_sum(run.network)
        assert (tmp_path / "cut" / f"{name}-0" / CHECKPOINT).exists()


def test_one_encoder_answers_for_all_and_only_once_per_picture(trained, monkeypatch):
    frozen, calls = FrozenEncoder(trained.encoder), []
    forward = trained.encoder.forward
    monkeypatch.setattr(trained.encoder, "forward", lambda image: calls.append(1) or forward(image))
    picture, other = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)
    first, again = frozen(picture), frozen(picture.clone())
    assert len(calls) == 1 and again[0][-1] is first[0][-1]
    frozen(other)
    assert len(calls) == 2 and not first[0][0].requires_grad


def test_other_encoders_and_unknown_names_are_refused(folders, trained, tmp_path):
    learn(folders, trained, tmp_path, ("one_stage",))
    torch.manual_seed(8)
    with pytest.raises(InputError, match=r"other settings .training"):
        learn(folders, DIR(TINY), tmp_path, ("one_stage",))
    with pytest.raises(InputError, match=r"stages: expected some of full, .* got 'no_attention'"):
        learn(folders, trained, tmp_path, ("no_attention",))


def test_results_keep_every_joint_s_error(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(stage_ablations, "ENCODER_STEPS", 2)
    names = ("one_stage", "matrices_only")
    results = stage_ablations.run(
        names, 1, folders / "train", folders / "test", tmp_path / "runs", tmp_path / "out", steps=2
    )
    assert [(r.name, r.seed) for r in results] == [(name, 1) for name in names]
    for result in results:
        errors = load_arrays(PairErrors, tmp_path / "out" / f"{result.name}-1.npz")
        assert errors.joints.shape == (4, 2, 21) and errors.offset.shape == (4,)
        last = list(result.scores.values())[-1]["all"]
        assert errors.joints.mean() == pytest.approx(last["mpjpe"], rel=1e-3)
        assert errors.offset.mean() == pytest.approx(last["mrrpe"], rel=1e-3)
    assert load_arrays(PairFacts, tmp_path / "out" / PAIRS).behind.shape == (4, 2, 21)
    assert len(ablations.load_results(tmp_path / "out")) == 2
    ablations.check_alike(results)


def test_the_command_line_takes_one_task_at_a_time(capsys):
    assert "--stages" in failing(capsys, "ablate", "--stages", "--table")
