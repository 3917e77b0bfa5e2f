"""Where losses pull: a true estimate, one hand changed, and gradients against finite differences."""

from dataclasses import replace

import pytest
import torch
from support.random_pairs import FACES, HANDS, random_pairs

from handlib.analysis.loss_gradients import POINT_TERMS, TERMS, UNITS, change, pulls_of, term_values
from handlib.model.estimate import LENGTH_UNIT, Estimate, true_estimate
from handlib.training.targets import Targets

SAMPLE = random_pairs(1, seed=4)
TARGETS = Targets.from_sample(SAMPLE, HANDS)
TRUTH = true_estimate(SAMPLE, HANDS)


def seen(kind: str, amount: float) -> set[str]:
    """Terms that grow when the true hand is changed."""
    before, after = (term_values(e, TARGETS, FACES) for e in (TRUTH, change(TRUTH, HANDS, kind, amount)))
    return {name for name in TERMS if (after[name] - before[name]).sum() > 1e-5}


def test_truth_costs_nothing_but_what_its_camera_cannot_say():
    values = term_values(TRUTH, TARGETS, FACES)
    assert tuple(values) == TERMS
    for name in set(TERMS) - {"uv", "vertex_uv"}:
        assert values[name].max() < 2e-5, name
    assert values["uv"].min() > 0


@pytest.mark.parametrize("kind", UNITS)
def test_no_change_changes_nothing_and_the_left_hand_stays(kind):
    same, changed = (change(TRUTH, HANDS, kind, amount) for amount in (0.0, 25.0))
    for name in ("joints", "vertices", "uv", "vertex_uv"):
        torch.testing.assert_close(getattr(same, name), getattr(TRUTH, name), atol=1e-5, rtol=0)
        assert torch.equal(getattr(changed, name)[:, 0], getattr(TRUTH, name)[:, 0])
    assert torch.equal(same.offset, TRUTH.offset)


def test_what_each_change_is_seen_by():
    assert seen("depth", 30.0) == {"offset"}
    assert seen("sideways", 30.0) == {"uv", "vertex_uv", "offset"}
    assert seen("turn", 30.0) == {"uv", "vertex_uv", "joints", "vertices", "normal", "root"}
    assert seen("tilt", 30.0) == seen("turn", 30.0)
    assert seen("size", 30.0) == {"uv", "vertex_uv", "joints", "vertices", "edge"}
    assert seen("bend", 30.0) == {"uv", "vertex_uv", "joints", "vertices", "edge", "normal", "pose"}


def test_changes_are_of_the_size_they_say():
    moved = change(TRUTH, HANDS, "depth", 30.0).offset - TRUTH.offset
    torch.testing.assert_close(moved, torch.tensor([[0.0, 0.0, 0.03 / LENGTH_UNIT]]))
    sideways = change(TRUTH, HANDS, "sideways", 30.0)
    shift = (sideways.uv - TRUTH.uv)[0, 1]
    torch.testing.assert_close(shift[:, 0], (0.03 * TRUTH.params.camera[0, 1, 0]).expand(21))
    assert shift[:, 1].abs().max() < 1e-6
    grown = change(TRUTH, HANDS, "size", 30.0)
    torch.testing.assert_close(grown.joints[:, 1], 1.3 * TRUTH.joints[:, 1], atol=1e-6, rtol=0)
    turned = change(TRUTH, HANDS, "turn", 90.0).joints[0, 1]
    x, y, z = TRUTH.joints[0, 1].unbind(-1)
    torch.testing.assert_close(turned, torch.stack((-y, x, z), dim=-1), atol=1e-5, rtol=0)


def test_bending_moves_the_index_finger_towards_the_palm_and_nothing_else():
    flat = replace(TRUTH, params=replace(TRUTH.params, pose=flat_pose()))
    straight, bent = (change(flat, HANDS, "bend", amount).joints[0, 1] for amount in (0.0, 30.0))
    moved = (bent - straight).norm(dim=-1)
    assert set(torch.nonzero(moved > 1e-4).flatten().tolist()) == {6, 7, 8}
    root = SAMPLE.root[0, 1]
    palm = root @ torch.tensor([0.0, -1.0, 0.0])  # where a right hand at rest looks
    assert (bent - straight)[8] @ palm > 0.01


def flat_pose() -> torch.Tensor:
    return torch.stack([hand.axis_angle_to_pca(torch.zeros(1, 45)) for hand in HANDS], dim=1)


def doubled(x):
    """The same numbers in double precision, field by field."""
    if isinstance(x, torch.Tensor):
        return x.double() if x.is_floating_point() else x
    return type(x)(**{name: doubled(value) for name, value in vars(x).items()})


@pytest.mark.parametrize("term", POINT_TERMS)
def test_a_pull_is_minus_the_gradient(term):
    wrong = TRUTH
    for kind, amount in (("tilt", 40.0), ("depth", 30.0), ("bend", 20.0), ("size", 25.0)):
        wrong = change(wrong, HANDS, kind, amount)
    wrong, targets = doubled(wrong), doubled(TARGETS)
    g = torch.Generator().manual_seed(0)
    joints, vertices = (torch.zeros_like(x) for x in (wrong.joints, wrong.vertices))
    if term == "offset":  # which moves a hand as a whole
        joints[:, 1] = vertices[:, 1] = torch.randn(3, generator=g).double()
    else:
        joints[:, 1], vertices[:, 1] = (torch.randn(n, 3, generator=g).double() for n in (21, 778))

    def value(by: float) -> float:
        moved = Estimate.seen(
            wrong.params,
            wrong.camera,
            wrong.joints + by * joints,
            wrong.vertices + by * vertices,
            wrong.offset + by * joints[:, 1, 0] / LENGTH_UNIT,
        )
        return float(term_values(moved, targets, FACES)[term].sum())

    pulls = pulls_of(term, wrong, targets, FACES)
    if term == "offset":
        expected = (joints[:, 1, 0] * pulls.joints[:, 1, 0]).sum()
    else:
        expected = (joints * pulls.joints).sum() + (vertices * pulls.vertices).sum()
    slope = (value(1e-8) - value(-1e-8)) / 2e-8
    assert -slope == pytest.approx(float(expected), rel=1e-3) and slope != 0


def test_the_offset_pulls_the_hands_against_each_other():
    pulls = pulls_of("offset", change(TRUTH, HANDS, "depth", 50.0), TARGETS, FACES)
    torch.testing.assert_close(pulls.vertices[:, 0], -pulls.vertices[:, 1])
    assert (pulls.vertices[0, 1, :, 2] < 0).all()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="term: expected one of uv"):
        pulls_of("root", TRUTH, TARGETS, FACES)
