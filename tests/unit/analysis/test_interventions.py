"""Other starts, other orders, parts taken out: with none of them the network does what it always does."""

from dataclasses import replace

import pytest
import roma
import torch
from support.tiny import TINY

from handlib.analysis.interventions import (
    MECHANISMS,
    Disturbance,
    altered,
    disturb,
    encode,
    experiment,
    refine_from,
)
from handlib.geometry.rotation import rotation_from_6d
from handlib.model.network import DIR

pytestmark = pytest.mark.usefixtures("no_gradients")


@pytest.fixture
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def model() -> DIR:
    torch.manual_seed(0)
    network = DIR(TINY).eval()
    # Every map and correction must matter, or taking it out would change nothing.
    for stage in network.stages:
        for layer in (*stage.update.hands, stage.update.offset):
            torch.nn.init.normal_(layer.weight, std=0.1)
    return network


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_undisturbed_it_is_the_networks_own_answer(model, image):
    trace = model.trace(image)
    start = encode(model, image)
    assert start.estimate.uv.equal(trace.prediction.estimates[0].uv)
    for mine, its in zip(refine_from(model, start), trace.stages, strict=True):
        assert mine.after.vertices.equal(its.after.vertices)
        assert mine.enhanced.equal(its.enhanced)
    same = disturb(model, start.estimate, Disturbance())
    torch.testing.assert_close(same.vertices, start.estimate.vertices)


def test_a_repeated_stage_gets_its_own_estimate_but_the_map_it_knows(model, image):
    start = encode(model, image)
    first, second, again = refine_from(model, start, (0, 1, 1))
    assert again.before is second.after
    assert again.fused.equal(second.fused)
    assert not again.after.uv.equal(second.after.uv)
    known_map = model.stages[1](first.enhanced, start.features[0], second.after, model.decode)
    assert again.after.uv.equal(known_map.after.uv)


def test_a_stage_run_again_renews_the_map_of_the_next(model, image):
    start = encode(model, image)
    _, first_again, second = refine_from(model, start, (0, 0, 1))
    expected = model.stages[1](first_again.enhanced, start.features[0], first_again.after, model.decode)
    assert second.after.uv.equal(expected.after.uv)


@pytest.mark.parametrize(
    ("stages", "message"), [((2,), "from 0 to 1, got 2"), ((1,), "stage 0 before stage 1")]
)
def test_orders_that_cant_be_run(model, image, stages, message):
    with pytest.raises(ValueError, match=message):
        refine_from(model, encode(model, image), stages)


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_part_is_gone_and_the_rest_is_as_it_was(model, image, name):
    copy = altered(model, **MECHANISMS[name])
    weights = model.state_dict()
    kept = copy.state_dict()
    assert len(kept) < len(weights)
    assert all(value.equal(weights[key]) for key, value in kept.items())
    first, second = refine_from(copy, encode(model, image))
    theirs_first, theirs_second = refine_from(model, encode(model, image))
    assert not second.after.uv.equal(theirs_second.after.uv)
    if name == "GCN":
        assert first.graph.equal(first.embedded)
    elif name == "transformer":
        assert first.attention.numel() == 0
    else:
        assert first.after.uv.equal(theirs_first.after.uv) and first.enhanced.equal(first.fused)
    assert not copy.training


def test_alterations_that_would_need_training_are_refused(model):
    with pytest.raises(ValueError, match="would be new"):
        altered(model, gcn_layers=2)
    with pytest.raises(ValueError, match="expected a part of the network"):
        altered(model, stage_levels=(1, 0, 0))


def test_a_start_is_turned_by_the_angle_asked_for(model, image):
    start = encode(model, image).estimate
    moved = disturb(model, start, Disturbance(rotation=30.0))
    before, after = (rotation_from_6d(e.params.root) for e in (start, moved))
    angles = torch.rad2deg(roma.rotmat_geodesic_distance(before, after))
    torch.testing.assert_close(angles, torch.full((2, 2), 30.0), atol=0.01, rtol=0)
    lengths = [e.params.root.unflatten(-1, (2, 3)).norm(dim=-1) for e in (start, moved)]
    torch.testing.assert_close(*lengths)
    torch.testing.assert_close(moved.uv[:, :, 0], start.uv[:, :, 0])


def test_a_start_is_shifted_by_the_distance_asked_for(model, image):
    start = encode(model, image).estimate
    moved = disturb(model, start, Disturbance(shift=0.2))
    torch.testing.assert_close((moved.uv - start.uv).norm(dim=-1), torch.full((2, 2, 21), 0.2))
    assert moved.joints.equal(start.joints)


@pytest.mark.parametrize("log_scale", [True, False])
def test_a_start_is_enlarged_by_the_factor_asked_for(model, image, log_scale):
    network = altered(model, log_scale=log_scale)
    start = encode(network, image).estimate
    moved = disturb(network, start, Disturbance(size=1.5))

    def extent(estimate):
        return estimate.uv - estimate.uv[:, :, :1]

    torch.testing.assert_close(extent(moved), 1.5 * extent(start))


def test_directions_are_the_seeds(model, image):
    start = encode(model, image).estimate
    near, far, other = (
        disturb(model, start, Disturbance(shift=shift), seed)
        for shift, seed in ((0.1, 0), (0.2, 0), (0.1, 1))
    )
    torch.testing.assert_close(2 * (near.uv - start.uv), far.uv - start.uv)
    assert not torch.allclose(near.uv, other.uv)
    moved = near.uv - start.uv
    assert not torch.allclose(moved[0, 0], moved[0, 1]) and not torch.allclose(moved[0, 0], moved[1, 0])


def test_an_experiment_is_the_start_and_every_stage_and_remembers(model, image):
    run = experiment(model, image, (0, 1, 1))
    nothing = run(Disturbance(), frozenset())
    trace = model.trace(image)
    assert len(nothing) == 4
    for mine, its in zip(nothing, trace.prediction.estimates, strict=False):
        torch.testing.assert_close(mine.vertices, its.vertices)
    assert run(Disturbance(), frozenset()) is nothing
    without = run(Disturbance(shift=0.1), frozenset({"GCN", "enhancement"}))
    network = altered(model, gcn_layers=0, enhancement=False)
    start = encode(model, image)
    moved = disturb(model, start.estimate, Disturbance(shift=0.1))
    expected = refine_from(network, replace(start, estimate=moved))
    assert without[2].uv.equal(expected[1].after.uv)


def test_pose_noise_turns_every_finger_joint_by_as_much(model, image):
    estimate = encode(model, image).estimate
    bent = disturb(model, estimate, Disturbance(pose=20.0), seed=2)
    for h, side in enumerate(("left", "right")):
        before, after = (model.hands[side].pca_to_axis_angle(e.params.pose[:, h]) for e in (estimate, bent))
        turned = (after - before).unflatten(-1, (15, 3)).norm(dim=-1).rad2deg()
        torch.testing.assert_close(turned, torch.full_like(turned, 20.0), atol=1e-2, rtol=0)
    torch.testing.assert_close(bent.params.root, estimate.params.root)
    torch.testing.assert_close(bent.params.camera, estimate.params.camera)
    assert not torch.allclose(bent.joints, estimate.joints, atol=1e-3)
