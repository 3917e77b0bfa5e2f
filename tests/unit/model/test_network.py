"""The whole network: every ablation runs and learns, the released one has its shapes, files come back."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from support.malformed import assert_read_or_refused, malformed_bytes, malformed_json
from support.tiny import TINY

from handlib.hand.hand import Hand
from handlib.model.config import DIRConfig
from handlib.model.estimate import Prediction
from handlib.model.network import DIR
from handlib.utils.errors import InputError

ABLATIONS: dict[str, dict[str, object]] = {
    "as it is": {},
    "no stage": {"stage_levels": ()},
    "one stage": {"stage_levels": (1,)},
    "three stages": {"stage_levels": (2, 1, 0)},
    "no GCN": {"gcn_layers": 0},
    "GCN without residual": {"gcn_residual": False},
    "GCN instead of transformer": {"inter_hand": "gcn"},
    "no interaction": {"inter_hand": "none"},
    "no spatial modelling": {"gcn_layers": 0, "inter_hand": "none"},
    "first block skipped": {"skip_first_block": True},
    "plane per joint": {"projection": "joint"},
    "one plane": {"projection": "single"},
    "no projection": {"projection": "none"},
    "no enhancement": {"enhancement": False},
    "no hand attention": {"hand_attention": False},
    "separate encoders": {"separate_encoders": True},
    "pooled head": {"initial_head": "pooled"},
    "as released": {
        "initial_head": "pooled",
        "update": "absolute",
        "head_gain": 1.0,
        "log_scale": False,
        "nominal_pose": None,
        "gcn_residual": False,
        "skip_first_block": True,
        "output_stride": 32,
        "stage_levels": (2, 1),
        "tips": "dir_layer",
    },
    "absolute update": {"update": "absolute"},
    "coarse maps": {"output_stride": 32},
}


def build(seed: int = 0, **changes: object) -> DIR:
    torch.manual_seed(seed)
    return DIR(replace(TINY, **changes))


def picture(size: int = TINY.image_size, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(1))


def everything(prediction: Prediction) -> Iterator[tuple[str, torch.Tensor]]:
    yield "segmentation", prediction.segmentation
    yield "dense", prediction.dense
    for k, estimate in enumerate(prediction.estimates):
        for name in ("joints", "vertices", "uv", "vertex_uv", "offset"):
            yield f"{name} {k}", getattr(estimate, name)
        yield f"params {k}", estimate.params.to_vector()


def never_used(config: DIRConfig, name: str) -> bool:
    """Parameters that no output depends on, and why."""
    ran = config.transformer_depth - config.skip_first_block if config.inter_hand == "transformer" else 0
    if ".transformer.blocks.0." in name:
        return config.skip_first_block
    # The norm shared by all blocks follows blocks only.
    return ".transformer.norm." in name and ran == 0


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_runs_and_every_parameter_learns(name: str):
    model = build(**ABLATIONS[name])
    # The backbone's residual branches start at zero, which would hold their gradients back.
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)
    prediction = model(picture())
    assert len(prediction.estimates) == 1 + len(model.config.stage_levels)
    outputs = dict(everything(prediction))
    assert all(value.isfinite().all() for value in outputs.values())

    g = torch.Generator().manual_seed(2)
    sum((value * torch.randn(value.shape, generator=g)).sum() for value in outputs.values()).backward()
    without = [n for n, p in model.named_parameters() if p.grad is None]
    assert without == [n for n, _ in model.named_parameters() if never_used(model.config, n)]
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    weights = [(n, p.grad) for n, p in model.named_parameters() if p.ndim > 1 and p.grad is not None]
    assert [n for n, gradient in weights if not gradient.any()] == []


def test_map_sizes_and_shapes():
    model = build(stage_levels=(2, 1, 0))
    trace = model.trace(picture())
    assert [stage.enhanced.shape for stage in trace.stages] == [(2, 16, s, s) for s in (4, 8, 16)]
    assert [stage.skip.shape[1] for stage in trace.stages] == [24, 16, 8]
    assert trace.prediction.segmentation.shape == trace.prediction.dense.shape == (2, 3, 16, 16)
    assert trace.attention.shape == (2, 2, 4, 4)
    # Each stage starts from what the one before it found.
    assert trace.prediction.final is trace.stages[-1].after
    for earlier, later in zip(trace.stages, trace.stages[1:], strict=False):
        assert later.before is earlier.after


@pytest.fixture(scope="module")
def model() -> DIR:
    return build().eval()


@torch.no_grad()
def test_pictures_of_a_batch_dont_mix(model: DIR):
    together = dict(everything(model(picture())))
    alone = dict(everything(model(picture()[1:])))
    for name, value in alone.items():
        torch.testing.assert_close(together[name][1:], value, atol=1e-5, rtol=1e-4, msg=name)


@torch.no_grad()
def test_estimates_agree_with_themselves(model: DIR):
    for estimate in model(picture()).estimates:
        wrist = torch.zeros(2, 2, 3)
        torch.testing.assert_close(estimate.joints[:, :, 0], wrist, atol=1e-7, rtol=0)
        scale, shift = estimate.params.camera.split((1, 2), dim=-1)
        uv = scale.exp()[..., None] * estimate.joints[..., :2] + shift[..., None, :]
        torch.testing.assert_close(estimate.uv, uv)
        for h, side in enumerate(("left", "right")):
            assert model.hands[side].side == side
            posed = model.hands[side].from_params(
                type(estimate.params)(**{k: v[:, h] for k, v in vars(estimate.params).items()})
            )
            torch.testing.assert_close(posed.vertices, estimate.vertices[:, h])


@torch.no_grad()
def test_a_linear_scale_is_taken_as_predicted():
    estimate = build(log_scale=False).eval()(picture()).final
    scale, shift = estimate.params.camera.split((1, 2), dim=-1)
    torch.testing.assert_close(estimate.uv, scale[..., None] * estimate.joints[..., :2] + shift[..., None, :])


def test_an_absurd_scale_stays_finite(model: DIR):
    for scale in (-1e4, 1e4):
        vectors = torch.randn(1, 2, 64, generator=torch.Generator().manual_seed(0))
        vectors[..., -3] = scale
        vectors.requires_grad_()
        estimate = model.decode(vectors, torch.zeros(1, 3))
        estimate.uv.sum().backward()
        assert estimate.uv.isfinite().all() and vectors.grad.isfinite().all()


@pytest.mark.parametrize("log_scale", [True, False])
def test_hands_far_outside_the_picture_are_harmless(log_scale: bool):
    model = build(log_scale=log_scale)
    for head in model.encoder.head.hands:
        head[-1].bias.data[-2:] = 1e6
    prediction = model(picture())
    assert prediction.estimates[0].uv.min() > 1e5
    outputs = dict(everything(prediction))
    assert all(value.isfinite().all() for value in outputs.values())
    sum(value.square().mean() for value in outputs.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_the_small_network_is_small():
    model = DIR(DIRConfig.small())
    assert sum(p.numel() for p in model.parameters()) <= 12e6
    prediction = model.eval()(picture(128, 1))
    assert prediction.segmentation.shape == (1, 3, 32, 32)
    assert len(prediction.estimates) == 3


@torch.no_grad()
def test_the_released_networks_shapes():
    trace = DIR(DIRConfig.released()).eval().trace(picture(256, 1))
    assert [tuple(f.shape[1:]) for f in trace.features] == [
        (256, 64, 64),
        (512, 32, 32),
        (1024, 16, 16),
        (2048, 8, 8),
    ]
    assert trace.attention.shape == (1, 2, 8, 8)
    for stage, size in zip(trace.stages, (16, 32), strict=True):
        assert stage.fused.shape == stage.projected.shape == stage.enhanced.shape == (1, 256, size, size)
        assert stage.sampled.shape == stage.graph.shape == (1, 2, 21, 128)
        assert stage.tokens.shape == stage.plane_features.shape == (1, 2, 21, 64)
        # Four blocks, of which the first never runs.
        assert stage.attention.shape == (1, 3, 4, 42, 42)
    assert trace.prediction.segmentation.shape == trace.prediction.dense.shape == (1, 3, 32, 32)


@torch.no_grad()
def test_a_saved_network_comes_back(model: DIR, tmp_path: Path):
    model.save_pretrained(tmp_path)
    again = DIR.from_pretrained(tmp_path)
    assert again.config == model.config
    assert not again.training
    for (name, value), (_, expected) in zip(
        everything(again(picture())), everything(model(picture())), strict=True
    ):
        assert value.equal(expected), name
    # The hand model is no part of the file.
    assert not any(name.startswith("hands.") for name in load_file(tmp_path / "model.safetensors"))


@torch.no_grad()
def test_half_precision_files_load_to_single_precision(model: DIR, tmp_path: Path):
    model.save_pretrained(tmp_path)
    build().half().save_pretrained(tmp_path / "half")
    assert (tmp_path / "half/model.safetensors").stat().st_size < 0.6 * (
        tmp_path / "model.safetensors"
    ).stat().st_size
    again = DIR.from_pretrained(tmp_path / "half")
    assert {p.dtype for p in (*again.parameters(), *again.buffers()) if p.is_floating_point()} == {
        torch.float32
    }
    close, expected = again(picture()).final, model(picture()).final
    torch.testing.assert_close(close.uv, expected.uv, atol=1e-2, rtol=0)


@torch.no_grad()
def test_nothing_of_the_network_stays_on_the_cpu(monkeypatch: pytest.MonkeyPatch):
    """The meta device refuses tensors of other devices, as every GPU does; autocast doesn't know it."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    prediction = build().eval().to("meta")(picture().to("meta"))
    assert prediction.final.vertex_uv.is_meta and prediction.segmentation.is_meta


@torch.no_grad()
def test_double_precision_agrees_and_half_precision_is_refused():
    single = build().eval()
    expected, double = single(picture()).final, build().eval().double()(picture().double()).final
    assert double.uv.dtype == double.vertices.dtype == torch.float64
    torch.testing.assert_close(double.uv.float(), expected.uv, atol=1e-4, rtol=0)
    with pytest.raises(InputError, match=r"hand: expected float32 or float64, .*torch\.autocast"):
        single.half()(picture().half())


def test_another_hand_model_can_be_given(model: DIR):
    hands = {side: Hand.open(side, "dir_layer") for side in ("left", "right")}
    other = DIR(TINY, hands)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        ours, theirs = model(picture()).estimates[0], other.eval()(picture()).estimates[0]
    assert ours.vertices.equal(theirs.vertices)
    # Another convention for the tips, and nothing else.
    tips = [4, 8, 12, 16, 20]
    rest = [j for j in range(21) if j not in tips]
    assert ours.joints[:, :, rest].equal(theirs.joints[:, :, rest])
    assert not ours.joints[:, :, tips].equal(theirs.joints[:, :, tips])


def test_swapped_or_missing_hands_are_refused():
    swapped = {"left": Hand.open("right"), "right": Hand.open("left")}
    for hands in (swapped, {"right": Hand.open("right")}):
        with pytest.raises(ValueError, match="hands: expected a left and a right"):
            DIR(TINY, hands)


def test_unknown_hand_conventions_and_backbones_are_refused():
    with pytest.raises(ValueError, match="tips"):
        build(tips="mano")
    with pytest.raises(RuntimeError, match="resnet51"):
        build(backbone="resnet51")


def test_a_file_of_another_network_is_refused(model: DIR, tmp_path: Path):
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for change in ({"channels": 24}, {"gcn_layers": 2}, {"inter_hand": "none"}):
        (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(InputError, match="state_dict"):
            DIR.from_pretrained(tmp_path)


def test_the_same_seed_builds_the_same_network():
    first, second, third = (build(seed).state_dict() for seed in (4, 4, 5))
    assert all(value.equal(second[name]) for name, value in first.items())
    assert not all(value.equal(third[name]) for name, value in first.items())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smal", r"one that ships \(small"),
        ("runs/mien", "one that ships .* a folder, or hf://OWNER/NAME on the hub"),
        ("released.pth", "expected a folder, got a file; handlib.released.checkpoint.load_checkpoint reads"),
        ("runs/mine/model.safetensors", "name the folder that holds it and its config.json"),
        (".", "expected config.json and model.safetensors in this folder"),
    ],
)
def test_a_name_of_no_network_is_one_line_and_asks_nobody(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr("huggingface_hub.hub_mixin.hf_hub_download")
    with pytest.raises(InputError, match=said) as refused:
        DIR.from_pretrained(name)
    assert "\n" not in str(refused.value)


def test_the_hub_is_asked_by_its_prefix(model: DIR, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model.save_pretrained(tmp_path)
    asked = []

    def download(repo_id: str, filename: str, **_: object) -> str:
        asked.append(f"{repo_id}/{filename}")
        return str(tmp_path / filename)

    monkeypatch.setattr("huggingface_hub.hub_mixin.hf_hub_download", download)
    assert DIR.from_pretrained("hf://owner/hands").name == "hf://owner/hands"
    assert asked == ["owner/hands/config.json", "owner/hands/model.safetensors"]


@pytest.mark.parametrize(("option", "value"), [("channels", 10**6), ("stage_levels", [-1, 0])])
def test_a_configuration_that_cant_be_built_is_refused_with_its_folder(
    model: DIR, tmp_path: Path, option: str, value: object
):
    model.save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), option: value}))
    with pytest.raises(InputError, match=f"{tmp_path.name}: {option}: expected"):
        DIR.from_pretrained(tmp_path)


@given(data=st.data())
def test_broken_networks_are_refused_in_one_line_that_names_the_folder(model: DIR, tmp_path: Path, data):
    model.save_pretrained(tmp_path)
    config, weights = tmp_path / "config.json", tmp_path / "model.safetensors"
    if data.draw(st.booleans()):
        config.write_bytes(data.draw(malformed_json(json.loads(config.read_text()))))
    else:
        weights.write_bytes(data.draw(malformed_bytes(weights.read_bytes())))
    assert_read_or_refused(lambda: DIR.from_pretrained(tmp_path), tmp_path.name)
