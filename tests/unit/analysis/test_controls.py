"""Controls of the ablations: as large as DIR's stages, without what a claim is about."""

import pytest
import torch
from torch import nn

from handlib.analysis.ablations import build
from handlib.analysis.controls import CoupledStage, WideTransformer
from handlib.data.sample import normalise
from handlib.model.gcn import SkeletonGCN


def stages_of(name: str) -> nn.ModuleList:
    """Returns the stages of an ablation's new network, in evaluation mode."""
    torch.manual_seed(0)
    return build(name).eval().stages


def count(module: nn.Module) -> int:
    """Returns the number of a module's weights."""
    return sum(weight.numel() for weight in module.parameters())


def reached(stage: nn.Module, joint: int) -> list[int]:
    """Returns the joints of the left hand whose graph features depend on one joint's features."""
    features = torch.randn(1, 2, 21, 64)
    moved = features.clone()
    moved[0, 0, joint] += 1
    changed = (stage.gcn(moved) - stage.gcn(features)).abs().amax(-1)
    assert changed[0, 1].max() == 0
    return changed[0, 0].nonzero().flatten().tolist()


def test_matrices_without_messages_keep_every_joint_to_itself():
    wrist, middle = 0, 10
    assert len(reached(stages_of("gcn_only")[0], middle)) == 5
    for name in ("matrices_only", "matrices_and_transformer"):
        for joint in (wrist, middle):
            assert reached(stages_of(name)[0], joint) == [joint]


@pytest.mark.parametrize(
    ("control", "original", "difference"),
    [
        ("matrices_only", "gcn_only", 0.001),
        ("matrices_and_transformer", "full", 0.001),
        ("wide_transformer", "full", 0.005),
        ("read_again_coupled", "read_again_no_projection", 0.03),
    ],
)
def test_a_control_has_as_many_weights_as_what_it_controls(control, original, difference):
    assert count(stages_of(control)) == pytest.approx(count(stages_of(original)), rel=difference)


def test_the_wide_transformer_lets_all_joints_attend_and_has_no_gcn():
    stage = stages_of("wide_transformer")[0]
    assert isinstance(stage.transformer, WideTransformer) and isinstance(stage.gcn, nn.Identity)
    tokens, attention = stage.transformer(torch.randn(3, 42, 64))
    assert tokens.shape == (3, 42, 64)
    torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:-1]))


def test_coupled_joints_read_far_cells_and_cells_read_joints():
    tokens, fused = (
        torch.randn(1, 2, 21, 64, requires_grad=True),
        torch.randn(1, 64, 8, 8, requires_grad=True),
    )
    coupled, decoupled = (stages_of(name)[0] for name in ("read_again_coupled", "read_again"))
    assert isinstance(coupled, CoupledStage)
    new, attention, canvas = coupled.exchange(tokens, fused)
    assert new.shape == (1, 2, 21, 64) and canvas.shape == fused.shape and attention.shape[-1] == 42 + 64
    assert (torch.autograd.grad(new[0, 0, 3].sum(), fused, retain_graph=True)[0].abs().amax(1) > 0).all()
    assert (torch.autograd.grad(canvas[0, :, 7, 0].sum(), tokens)[0].abs().amax(-1) > 0).all()
    new, _, canvas = decoupled.exchange(tokens, fused)
    assert canvas is fused
    assert torch.autograd.grad(new.sum(), fused, allow_unused=True)[0] is None


def test_every_control_runs_as_a_whole_network():
    picture = normalise(torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8))
    for name in ("matrices_and_transformer", "wide_transformer", "read_again_coupled"):
        torch.manual_seed(0)
        model = build(name).eval()
        prediction = model(picture)
        assert len(prediction.estimates) == len(model.stages) + 1
        assert prediction.final.joints.isfinite().all()


def test_only_controls_have_other_graphs():
    graph = next(m for m in stages_of("full").modules() if isinstance(m, SkeletonGCN))
    assert int(graph[0].adjacency.sum()) == 40
