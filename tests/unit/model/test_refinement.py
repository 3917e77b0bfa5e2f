"""One refinement stage: what it corrects, what it's blind to, and where gradients go."""

from dataclasses import replace

import pytest
import torch
from support.tiny import TINY
from torch import Tensor

from handlib.hand.hand import HandParams
from handlib.model.config import DIRConfig
from handlib.model.encoder import nominal_vectors
from handlib.model.estimate import LENGTH_UNIT, Estimate, StageTrace
from handlib.model.projection import planes_then_conv, project_planes
from handlib.model.refinement import Fusion, RefinementStage, VectorUpdate
from handlib.model.sampling import sample_joints

BATCH, DEEP, SKIP, SIZE = 2, 12, 10, 8
FLAT = torch.randn(2, 21, 3, generator=torch.Generator().manual_seed(9)) * 0.05


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def decode(vectors: Tensor, offset: Tensor) -> Estimate:
    """A stiff hand that only has a camera: enough for a stage."""
    params = HandParams.from_vector(vectors)
    joints = FLAT + params.betas[..., :1, None]
    vertices = joints.repeat(1, 1, 38, 1)[:, :, :778]
    return Estimate.seen(params, params.camera, joints, vertices, offset)


def previous(scale: float = 5.0) -> tuple[Tensor, Tensor]:
    vectors = 0.1 * random(BATCH, 2, 64, seed=1)
    vectors[..., -3] = scale
    return vectors, random(BATCH, 3, seed=2)


def stage(**changes: object) -> RefinementStage:
    torch.manual_seed(0)
    return RefinementStage(replace(TINY, **changes), DEEP, SKIP)


def run(module: RefinementStage, before: Estimate | None = None) -> StageTrace:
    before = decode(*previous()) if before is None else before
    return module(
        random(BATCH, DEEP, SIZE // 2, SIZE // 2, seed=3),
        random(BATCH, SKIP, SIZE, SIZE, seed=4),
        before,
        decode,
    )


def test_fusion_doubles_the_deeper_map_and_puts_it_first():
    fusion = Fusion(DEEP, SKIP, 16).eval()
    seen = []
    fusion.merge.register_forward_hook(lambda module, inputs, out: seen.append(inputs[0]))
    deep, skip = random(1, DEEP, 4, 4), random(1, SKIP, 8, 8)
    out = fusion(deep, skip)
    assert out.shape == (1, 16, 8, 8)
    assert seen[0].shape == (1, DEEP + 16, 8, 8)
    # Halfway between pixels, three quarters of the nearer one.
    expected = (
        0.75**2 * deep[..., 1, 1]
        + 0.75 * 0.25 * (deep[..., 0, 1] + deep[..., 1, 0])
        + 0.25**2 * deep[..., 0, 0]
    )
    torch.testing.assert_close(seen[0][:, :DEEP, 2, 2], expected)


def test_the_trace_tells_what_was_computed():
    module = stage().eval()
    trace = run(module)
    sampled = sample_joints(trace.fused, trace.before.uv.flatten(1, 2)).unflatten(1, (2, 21))
    torch.testing.assert_close(trace.sampled, module.joint_mlp(sampled))
    position = module.local_position(trace.before.joints / LENGTH_UNIT)
    torch.testing.assert_close(trace.embedded, trace.sampled + position)
    torch.testing.assert_close(trace.graph, module.gcn(trace.embedded))
    torch.testing.assert_close(trace.plane_features, module.plane_mlp(trace.tokens))
    # Planes are drawn where the new estimate says.
    planes = project_planes(trace.plane_features, trace.after.uv, SIZE, TINY.half_width)
    gathered = planes_then_conv(planes, module.project.gather.weight, module.project.gather.bias)
    projected = module.project.mix(module.project.norm(gathered).relu())
    torch.testing.assert_close(trace.projected, projected)
    torch.testing.assert_close(trace.enhanced, module.enhance(torch.cat((trace.fused, projected), dim=1)))


def test_both_hands_are_embedded_in_one_frame():
    module = stage().eval()
    seen = []
    module.global_position.register_forward_hook(lambda module, inputs, out: seen.append(inputs[0]))
    before = run(module).before
    left, right = seen[0].unbind(1)
    # Between the wrists lies the offset, and their middle is the origin.
    torch.testing.assert_close(left[:, 0] - before.joints[:, 0, 0] / LENGTH_UNIT, -before.offset / 2)
    torch.testing.assert_close(right[:, 0] - before.joints[:, 1, 0] / LENGTH_UNIT, before.offset / 2)


@pytest.mark.parametrize("update", ["absolute", "residual"])
def test_no_gradient_reaches_the_previous_numbers_except_as_what_is_corrected(update: str):
    vectors, offset = (x.requires_grad_() for x in previous())
    estimate = decode(vectors, offset)
    before = replace(
        estimate,
        joints=estimate.joints.detach().requires_grad_(),
        uv=estimate.uv.detach().requires_grad_(),
    )
    deep = random(BATCH, DEEP, SIZE // 2, SIZE // 2, seed=3).requires_grad_()
    skip = random(BATCH, SKIP, SIZE, SIZE, seed=4).requires_grad_()
    trace = stage(update=update)(deep, skip, before, decode)
    after = trace.after
    total = after.uv.square().sum() + after.offset.square().sum() + trace.enhanced.square().sum()
    total.backward()
    assert before.uv.grad is None and before.joints.grad is None
    assert vectors.grad is None and offset.grad is None
    assert deep.grad.abs().sum() > 0 and skip.grad.abs().sum() > 0


def test_drawing_doesnt_move_the_joints():
    trace = run(module := stage())
    trace.projected.square().sum().backward()
    assert all(p.grad is None for p in module.update.parameters())
    assert module.plane_mlp.modules_per_hand[0].first.weight.grad.any()


def tokens() -> Tensor:
    return random(BATCH, 2, 21, TINY.token_features, seed=5)


@pytest.mark.parametrize("update", ["absolute", "residual"])
def test_what_an_update_of_nothing_leaves(update: str):
    config = replace(TINY, update=update)
    module = VectorUpdate(config)
    for parameter in module.parameters():
        parameter.data.zero_()
    vectors, offset = previous()
    new, new_offset = module(tokens(), vectors, offset)
    if update == "residual":
        assert new.equal(vectors) and new_offset.equal(offset)
    else:
        assert new.equal(nominal_vectors(config).expand(BATCH, 2, 64)) and not new_offset.any()


def test_an_update_hears_its_own_hand_and_the_previous_numbers():
    module = VectorUpdate(replace(TINY, update="absolute"))
    vectors, offset = previous()
    new, new_offset = module(tokens(), vectors, offset)
    other = tokens()
    other[:, 1] += 1
    changed, changed_offset = module(other, vectors, offset)
    assert changed[:, 0].equal(new[:, 0]) and not changed[:, 1].equal(new[:, 1])
    assert not changed_offset.equal(new_offset)
    changed, changed_offset = module(tokens(), vectors + 1, offset)
    assert not changed.equal(new) and changed_offset.equal(new_offset)
    changed, changed_offset = module(tokens(), vectors, offset + 1)
    assert changed.equal(new) and not changed_offset.equal(new_offset)


def test_gain_scales_what_is_predicted():
    vectors, offset = previous()
    one, half = VectorUpdate(replace(TINY, head_gain=0.2)), VectorUpdate(replace(TINY, head_gain=0.1))
    half.load_state_dict(one.state_dict())
    for a, b, start in zip(
        one(tokens(), vectors, offset), half(tokens(), vectors, offset), (vectors, offset), strict=True
    ):
        torch.testing.assert_close(a - start, 2 * (b - start), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("scale", [1e3, 1e8, 1e20, 3e37])
def test_joints_far_outside_the_picture_read_nothing_and_stay_finite(scale: float):
    module = stage(update="absolute").eval()
    vectors, offset = previous(scale)
    before = decode(vectors, offset)
    # Wherever they are, nowhere near the picture.
    before = replace(before, uv=before.uv.sign() * before.uv.abs().clamp_min(3))
    trace = run(module, before)
    nothing = module.joint_mlp(torch.zeros(BATCH, 2, 21, TINY.channels))
    torch.testing.assert_close(trace.sampled, nothing)
    for name in ("embedded", "graph", "fused"):
        assert getattr(trace, name).isfinite().all(), name
    if scale <= 1e8:
        assert (
            trace.tokens.isfinite().all()
            and trace.after.uv.isfinite().all()
            and trace.enhanced.isfinite().all()
        )


def test_without_enhancement_the_fused_map_goes_on():
    module = stage(enhancement=False)
    trace = run(module)
    assert trace.enhanced is trace.fused
    assert trace.plane_features.numel() == trace.projected.numel() == 0
    assert not hasattr(module, "project")


def test_without_projection_only_the_map_is_enhanced():
    module = stage(projection="none").eval()
    trace = run(module)
    torch.testing.assert_close(trace.enhanced, module.enhance(trace.fused))
    assert trace.plane_features.numel() == trace.projected.numel() == 0


@pytest.mark.parametrize(
    ("changes", "layers", "hands_talk"),
    [({}, 2, True), ({"inter_hand": "gcn"}, 0, False), ({"inter_hand": "none"}, 0, False)],
)
def test_what_talks_between_the_hands(changes: dict[str, object], layers: int, hands_talk: bool):
    module = stage(**changes).eval()
    trace = run(module)
    assert trace.attention.shape[:2] == (BATCH, layers)
    before = trace.before
    moved = before.uv.clone()
    moved[:, 1] += 0.3
    other = run(module, replace(before, uv=moved))
    assert other.tokens[:, 0].equal(trace.tokens[:, 0]) != hands_talk
    assert not other.tokens[:, 1].equal(trace.tokens[:, 1])


def test_a_second_gcn_in_the_transformers_place_has_as_many_layers():
    config = DIRConfig.released()
    module = stage(inter_hand="gcn", transformer_depth=config.transformer_depth)
    assert [len(gcn) for gcn in module.second_gcn.modules_per_hand] == [4, 4]
    assert len(module.transformer.blocks) == 0
