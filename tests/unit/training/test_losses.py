"""Loss terms against hand-computed values and definitions; the sum of them on true and random estimates."""

from dataclasses import fields, replace

import numpy as np
import pytest
import roma
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.random_pairs import FACES, HANDS, noisy_estimate, random_pairs, true_estimate
from torch import Tensor
from torch.nn.functional import one_hot, smooth_l1_loss

from handlib.geometry.rotation import rotation_from_6d
from handlib.hand.hand import Hand
from handlib.hand.skeleton import FINGERS, JOINT_NAMES, SIDES, tip_vertices
from handlib.model.estimate import LENGTH_UNIT, Estimate, Prediction
from handlib.model.joint_maps import JointMaps
from handlib.training.losses import (
    LossWeights,
    dir_loss,
    edge_loss,
    face_edges,
    face_normals,
    huber,
    lovasz_softmax,
    normal_loss,
    released_losses,
    resize_label,
    segmentation_loss,
)
from handlib.training.targets import CentredTargets, Targets

SAMPLE = random_pairs(3)
TARGETS = Targets.from_sample(SAMPLE, HANDS)
BOTH = torch.ones(1, 2)
TAUGHT = ("uv", "vertex_uv", "joints", "vertices", "root", "pose", "betas")
OF_JOINT_MAPS = {"sides", "heat", "location", "presence"}


def prediction_of(*estimates: Estimate, seed: int = 0) -> Prediction:
    g = torch.Generator().manual_seed(seed)
    maps = torch.randn(2, len(SAMPLE), 3, 8, 8, generator=g)
    shapes = (3, 8, 8), (2, 21, 8, 8), (2, 21, 3, 8, 8), (2,)
    joint_maps = JointMaps(*(torch.randn(len(SAMPLE), *shape, generator=g) for shape in shapes))
    return Prediction(estimates, segmentation=maps[0], dense=maps[1], joint_maps=joint_maps)


def terms_of(prediction: Prediction, weights: LossWeights, targets: Targets = TARGETS) -> dict[str, Tensor]:
    """Terms of the loss, each time with the same noise in the places where location maps are read."""
    torch.manual_seed(0)
    return dir_loss(prediction, targets, weights, FACES)[1]


def with_gradients(estimate: Estimate) -> tuple[Estimate, list[Tensor]]:
    params = [getattr(estimate.params, f.name).clone().requires_grad_() for f in fields(estimate.params)]
    others = [getattr(estimate, f.name).clone().requires_grad_() for f in fields(estimate)[2:]]
    return Estimate(type(estimate.params)(*params), estimate.camera, *others), params + others


def test_huber_is_quadratic_then_linear():
    z = torch.tensor([0.0, 0.005, -0.005, 0.01, -0.11])
    expected = torch.tensor([0.0, 1.25e-5, 1.25e-5, 5e-5, 0.01 * (0.11 - 0.005)])
    torch.testing.assert_close(huber(z, torch.zeros(5)), expected)
    torch.testing.assert_close(
        huber(z, torch.zeros(5)), 0.01 * smooth_l1_loss(z, 0 * z, reduction="none", beta=0.01)
    )


def test_edge_and_normal_losses_follow_their_definition():
    true = TARGETS.vertices[:2] - TARGETS.joints[:2, :, :1]
    guess = noisy_estimate(SAMPLE[:2]).vertices
    edges, lengths, cosines = face_edges(guess, FACES), [], []
    for h in range(2):
        for b in range(2):
            t, p = (x[b, h].double().numpy()[FACES[h].numpy()] for x in (true, guess))
            normal = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
            normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
            for i, j in ((0, 1), (1, 2), (2, 0)):
                e, true_length = p[:, j] - p[:, i], np.linalg.norm(t[:, j] - t[:, i], axis=-1)
                length = np.linalg.norm(e, axis=-1)
                lengths.append(np.abs(length - true_length).mean())
                cosines.append(np.abs((e * normal).sum(-1) / length).mean())
    expected, both = np.reshape([lengths, cosines], (2, 2, -1)).mean(-1), BOTH.expand(2, 2)
    np.testing.assert_allclose(edge_loss(edges, face_edges(true, FACES), both), expected[0], rtol=1e-4)
    np.testing.assert_allclose(normal_loss(edges, face_normals(true, FACES), both), expected[1], rtol=1e-4)


def test_a_perfect_mesh_has_no_edge_or_normal_loss_wherever_it_lies():
    true = TARGETS.vertices
    turn = roma.rotvec_to_rotmat(torch.tensor([0.3, -1.0, 0.5]))
    edges = face_edges(true, FACES)
    assert edge_loss(face_edges(true @ turn.mT + 0.1, FACES), edges, TARGETS.present).max() < 1e-6
    normals = face_normals(true, FACES)
    assert normal_loss(edges, normals, TARGETS.present).max() < 1e-4
    assert normal_loss(face_edges(true @ turn.mT, FACES), normals, TARGETS.present).min() > 0.1


def test_each_hand_is_measured_on_its_own_faces():
    faces = FACES.clone()
    faces[1] = torch.tensor([0, 1, 2])
    vertices = torch.zeros(1, 2, 778, 3)
    vertices[:, 1, 1, 0] = 3.0
    vertices[:, 1, 2, 1] = 4.0
    # A right triangle 3-4-5 on the right hand, nothing on the left one.
    loss = edge_loss(face_edges(vertices, faces), face_edges(torch.zeros(1, 2, 778, 3), faces), BOTH)
    torch.testing.assert_close(loss, torch.tensor([0.0, 4.0]))


def test_gradients_are_finite_on_a_collapsed_mesh():
    vertices = torch.zeros(1, 2, 778, 3, requires_grad=True)
    edges, true = face_edges(vertices, FACES), TARGETS.vertices[:1]
    (
        edge_loss(edges, face_edges(true, FACES), BOTH) + normal_loss(edges, face_normals(true, FACES), BOTH)
    ).sum().backward()
    assert torch.isfinite(vertices.grad).all()


def lovasz_by_definition(probabilities: np.ndarray, label: np.ndarray) -> float:
    """Sum over sorted errors of error x increment of the Jaccard loss of the set of mistaken pixels."""
    losses = []
    for c in np.unique(label):
        members = set(np.flatnonzero(label == c))
        errors = np.where(label == c, 1 - probabilities[c], probabilities[c])
        loss, mistaken, before = 0.0, set(), 0.0
        for pixel in np.argsort(-np.abs(errors), kind="stable"):
            mistaken.add(pixel)
            now = 1 - len(members - mistaken) / len(members | mistaken)
            loss, before = loss + abs(errors[pixel]) * (now - before), now
        losses.append(loss)
    return float(np.mean(losses))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.sampled_from([0.3, 2.0]))
def test_lovasz_follows_its_definition(seed, classes, spread):
    g = np.random.default_rng(seed)
    values, label = g.normal(scale=spread, size=(3, 12)), g.integers(0, classes, 12)
    ours = lovasz_softmax(
        torch.from_numpy(values).reshape(3, 2, 3, 2).transpose(0, 1), torch.from_numpy(label).reshape(2, 3, 2)
    )
    # Both pictures count as one: pixels of (2, 3, 2) flattened in the same order on both sides.
    assert ours.item() == pytest.approx(lovasz_by_definition(values, label), rel=1e-5)


def test_lovasz_of_hard_answers_is_one_minus_iou():
    label = torch.tensor([[[0, 0, 1, 1]]])
    answer = torch.tensor([[[0, 1, 1, 1]]])
    probabilities = one_hot(answer, 3).permute(0, 3, 1, 2).float()
    # IoU of background 1/2, of left 2/3; right is absent and doesn't count.
    assert lovasz_softmax(probabilities, label).item() == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert lovasz_softmax(one_hot(label, 3).permute(0, 3, 1, 2).float(), label) == 0


def test_lovasz_has_finite_gradients_with_ties():
    probabilities = torch.full((2, 3, 4, 4), 1 / 3, requires_grad=True)
    lovasz_softmax(probabilities, torch.zeros(2, 4, 4, dtype=torch.long)).backward()
    assert torch.isfinite(probabilities.grad).all()
    assert probabilities.grad[:, 0].sum() < 0


def test_cross_entropy_weighs_classes():
    scores = torch.zeros(1, 3, 1, 2)
    scores[0, 0, 0, 0] = 2.0
    wrong_background, wrong_left = -np.log(np.exp(0) / (np.exp(2) + 2)), -np.log(1 / 3)
    label = torch.tensor([[[1, 0]]])
    expected = (0.45 * wrong_background + 0.1 * wrong_left) / (0.45 + 0.1)
    assert segmentation_loss(scores, label).item() == pytest.approx(expected)


def test_labels_are_taken_at_cell_centres():
    label = torch.zeros(1, 9, 9, dtype=torch.long)
    label[0, 1, 4] = 2
    assert resize_label(label, (3, 3)).tolist() == [[[0, 2, 0], [0, 0, 0], [0, 0, 0]]]


def test_targets_say_what_the_sample_says():
    for h, hand in enumerate(HANDS):
        torch.testing.assert_close(
            hand.pca_to_axis_angle(TARGETS.pose[:, h]), SAMPLE.pose[:, h], atol=1e-4, rtol=0
        )
    assert TARGETS.dense.max() <= 1
    torch.testing.assert_close(TARGETS.dense * 255, SAMPLE.dense.float())
    torch.testing.assert_close(TARGETS.uv, SAMPLE.uv)


def test_fingertips_are_those_of_the_hands_that_learn_them():
    torch.testing.assert_close(TARGETS.joints, SAMPLE.joints)
    others = [Hand.open(side, "dir_layer") for side in SIDES]
    targets = Targets.from_sample(SAMPLE, others)
    tips = [JOINT_NAMES.index(f"{finger}4") for finger in FINGERS]
    for h, side in enumerate(SIDES):
        vertices = SAMPLE.vertices[:, h, list(tip_vertices("dir_layer", side))]
        assert torch.equal(targets.joints[:, h, tips], vertices)
    same = [k for k in range(21) if k not in tips]
    assert torch.equal(targets.joints[:, :, same], SAMPLE.joints[:, :, same])
    assert (targets.uv - SAMPLE.uv)[:, :, tips].abs().amin(dim=(0, 3)).max() > 0


def test_centred_targets_put_the_named_joint_at_the_origin():
    wrist, middle = CentredTargets.of(TARGETS, "wrist"), CentredTargets.of(TARGETS, "middle1")
    assert wrist.joints[:, :, 0].abs().max() == 0
    assert middle.joints[:, :, 9].abs().max() == 0
    between = (SAMPLE.joints[:, 1, 9] - SAMPLE.joints[:, 0, 9]) / LENGTH_UNIT
    torch.testing.assert_close(middle.offset, between)
    torch.testing.assert_close(wrist.vertices * LENGTH_UNIT, SAMPLE.vertices - SAMPLE.joints[:, :, :1])


def test_a_true_estimate_costs_nothing_but_pixels():
    weights = replace(LossWeights.small(), edge=1, normal=1)
    _, terms = dir_loss(prediction_of(true_estimate(SAMPLE)), TARGETS, weights, FACES)
    for name in terms.keys() - {"segmentation", "dense"} - OF_JOINT_MAPS:
        assert terms[name] < 2e-4, name


def test_released_centring_costs_a_true_estimate_the_palm():
    terms = released_losses(prediction_of(true_estimate(SAMPLE)), TARGETS, FACES)
    palm = (SAMPLE.joints[:, :, 9] - SAMPLE.joints[:, :, 0]) / LENGTH_UNIT
    expected = 10 * huber(palm, torch.zeros_like(palm)).mean(dim=(0, 2))
    torch.testing.assert_close(terms["joint_left_xyz_0"], expected[0])
    torch.testing.assert_close(terms["joint_right_xyz_0"], expected[1])
    assert terms["joint_left_uv_0"] == 0


def test_total_is_the_sum_over_estimates_of_weighted_terms():
    estimates = [noisy_estimate(SAMPLE, seed) for seed in (1, 2, 3)]
    weights = replace(LossWeights.released(), root=1, pose=1, betas=1)
    total, terms = dir_loss(prediction_of(*estimates), TARGETS, weights, FACES)
    assert total.item() == pytest.approx(sum(term.item() for term in terms.values()), rel=1e-5)
    assert len(terms) == 3 + 4 + 3 * 10
    alone = [dir_loss(prediction_of(e), TARGETS, weights, FACES)[1]["vertices_0"] for e in estimates]
    torch.testing.assert_close([terms[f"vertices_{t}"] for t in range(3)], alone)


@pytest.mark.parametrize("name", [f.name for f in fields(LossWeights) if f.type == float | int])
def test_a_weight_scales_its_own_term_and_zero_leaves_it_out(name):
    everything = replace(LossWeights.released(), root=1, pose=1, betas=1)
    one, two, none = (replace(everything, **{name: weight}) for weight in (1, 2, 0))
    prediction = prediction_of(noisy_estimate(SAMPLE))
    single, double, absent = (terms_of(prediction, weights) for weights in (one, two, none))
    key = name if name in single else f"{name}_0"
    torch.testing.assert_close(double[key], 2 * single[key])
    assert absent == {k: v for k, v in single.items() if k != key}


def test_lovasz_takes_scores_or_probabilities():
    prediction = prediction_of(noisy_estimate(SAMPLE))
    label = resize_label(TARGETS.label, (8, 8))
    for lovasz_on, values in (
        ("scores", prediction.segmentation),
        ("probabilities", prediction.segmentation.softmax(1)),
    ):
        weights = replace(LossWeights.released(), lovasz=1, lovasz_on=lovasz_on)
        terms = dir_loss(prediction, TARGETS, weights, FACES)[1]
        torch.testing.assert_close(terms["lovasz"], lovasz_softmax(values, label))


def test_gradients_reach_everything_predicted():
    estimate, leaves = with_gradients(noisy_estimate(SAMPLE))
    prediction = prediction_of(estimate)
    joint_maps = vars(prediction.joint_maps).values()
    maps = [each.requires_grad_() for each in (prediction.segmentation, prediction.dense, *joint_maps)]
    total, terms = dir_loss(prediction, TARGETS, LossWeights.small(), FACES)
    total.backward()
    camera = estimate.params.camera
    for leaf in [*leaves, *maps]:
        if leaf is not camera:  # it acts through uv only
            assert torch.isfinite(leaf.grad).all()
            assert leaf.grad.abs().max() > 0
    assert not any(term.requires_grad for term in terms.values())


def test_released_terms_add_up_to_the_training_loss():
    prediction = prediction_of(noisy_estimate(SAMPLE), noisy_estimate(SAMPLE, 2))
    prediction = replace(prediction, joint_maps=None)
    total, _ = dir_loss(prediction, TARGETS, LossWeights.released(), FACES)
    losses = released_losses(prediction, TARGETS, FACES)
    assert len(losses) == 3 + 2 * 13
    assert total.item() == pytest.approx(sum(loss.item() for loss in losses.values()), rel=1e-5)


def test_hands_that_are_there_count_alike():
    estimate = noisy_estimate(SAMPLE)
    present = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    weights = LossWeights(uv=1, root=1, target_centre="wrist")
    off_uv = huber(estimate.uv, TARGETS.uv).mean((2, 3))
    off_root = (rotation_from_6d(estimate.params.root) - TARGETS.root).abs().mean((2, 3))
    off_offset = huber(estimate.offset, CentredTargets.of(TARGETS, "wrist").offset).mean(1)
    for targets, left in ((TARGETS, [0, 1, 2]), (replace(TARGETS, present=present), [0, 2])):
        terms = terms_of(prediction_of(estimate), weights, targets)
        for name, off in (("uv_0", off_uv), ("root_0", off_root)):
            torch.testing.assert_close(terms[name], off[left, 0].mean() + off[:, 1].mean())
        torch.testing.assert_close(terms["offset_0"], 10 * off_offset[left].mean())


def test_a_hand_that_is_not_there_teaches_nothing():
    targets = replace(TARGETS, present=torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]))
    g = torch.Generator().manual_seed(1)

    def other(values: Tensor) -> Tensor:
        chosen = (1, 0) if values.shape[1] == 2 else 1
        values = values.clone()
        values[chosen] = torch.randn(values[chosen].shape, generator=g)
        return values

    estimate = noisy_estimate(SAMPLE)
    params = replace(estimate.params, **{k: other(v) for k, v in vars(estimate.params).items()})
    seen = {f.name: other(getattr(estimate, f.name)) for f in fields(estimate)[1:]}
    truth = {f.name: other(getattr(targets, f.name)) for f in fields(targets) if f.name in TAUGHT}
    weights = LossWeights(root=1, pose=1, betas=1, segmentation=0, dense=0, lovasz=0)
    predictions = (replace(prediction_of(e), joint_maps=None) for e in (estimate, Estimate(params, **seen)))
    before, after = (
        terms_of(prediction, weights, those)
        for prediction, those in zip(predictions, (targets, replace(targets, **truth)), strict=True)
    )
    assert len(before) == 10
    assert before == after


def test_nobody_there_costs_nothing():
    estimate, leaves = with_gradients(noisy_estimate(SAMPLE))
    targets = replace(TARGETS, present=torch.zeros(3, 2))
    weights = LossWeights(segmentation=0, dense=0, lovasz=0, sides=0, presence=0, root=1, pose=1, betas=1)
    total, terms = dir_loss(prediction_of(estimate), targets, weights, FACES)
    assert total == 0 and len(terms) == 2 + 10
    total.backward()
    assert not any(leaf.grad.any() for leaf in leaves if leaf.grad is not None)


def test_a_readers_huber_stands_in_the_librarys_place():
    prediction, weights = prediction_of(true_estimate(SAMPLE), noisy_estimate(SAMPLE)), LossWeights.small()
    library = dir_loss(prediction, TARGETS, replace(weights, location=0.0), FACES)[1]
    own = {"huber": lambda prediction, target: 2 * huber(prediction, target)}
    twice = dir_loss(prediction, TARGETS, replace(weights, location=0.0), FACES, own)[1]
    of_distances = ("uv", "vertex_uv", "joints", "vertices", "offset", "dense")
    for name, term in library.items():
        factor = 2 if name.rpartition("_")[0] in of_distances or name in of_distances else 1
        torch.testing.assert_close(twice[name], factor * term, msg=name)
