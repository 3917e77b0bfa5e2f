"""The network rearranged for inference gives the same answers and nothing else."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

import pytest
import torch
from support.tiny import TINY
from torch import Tensor, nn

from handlib.model.config import DIRConfig
from handlib.model.inference import InferenceDIR
from handlib.model.network import DIR
from handlib.model.packed import PackedConv2d

CONFIGURATIONS = {
    "all mechanisms": TINY,
    "separate encoders, one plane": replace(TINY, separate_encoders=True, projection="single"),
    "as released": replace(TINY, initial_head="pooled", gcn_residual=False, gcn_layers=2),
    "GCN instead of transformer": replace(TINY, inter_hand="gcn", projection="joint"),
    "padding chosen at run time": replace(
        TINY,
        backbone="tf_efficientnet_b0",
        backbone_layers=None,
        backbone_channels=None,
        backbone_stem_width=None,
    ),
    "bare": replace(TINY, hand_attention=False, gcn_layers=0, inter_hand="none", enhancement=False),
}


def lively(config: DIRConfig) -> DIR:
    """A network whose batch norms do something and whose residual branches aren't zero."""
    torch.manual_seed(0)
    model = DIR(config).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if hasattr(module, "scores"):
            nn.init.normal_(module.scores)
    return model


def picture(batch: int) -> Tensor:
    return torch.randn(batch, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def tensors(value: object, name: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, tuple):
        for k, item in enumerate(value):
            yield from tensors(item, f"{name}[{k}]")
    elif is_dataclass(value):
        for field in fields(value):
            yield from tensors(getattr(value, field.name), f"{name}.{field.name}")


@pytest.mark.parametrize("name", CONFIGURATIONS)
@torch.no_grad()
def test_everything_computed_is_the_same(name: str):
    model = lively(CONFIGURATIONS[name])
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimised = model.optimize_for_inference()
    for batch in (1, 3):
        expected = dict(tensors(model.trace(picture(batch))))
        computed = dict(tensors(optimised.trace(picture(batch))))
        assert set(computed) == set(expected)
        for key, value in expected.items():
            scale = float(value.abs().max()) if value.numel() else 0.0
            torch.testing.assert_close(computed[key], value, atol=2e-5 * scale, rtol=0, msg=key)
    after = model.state_dict()
    assert set(after) == set(before) and all(after[key].equal(value) for key, value in before.items())


@pytest.fixture(scope="module")
def model() -> DIR:
    return lively(TINY)


@pytest.fixture(scope="module")
def optimised(model: DIR) -> InferenceDIR:
    return model.optimize_for_inference()


def test_no_convolution_or_its_norm_is_left_as_it_was(optimised: InferenceDIR):
    left = {name for name, m in optimised.named_modules() if isinstance(m, nn.Conv2d)}
    # The projection never runs its convolution: it multiplies features into the weights.
    assert {name.rpartition(".")[2] for name in left} <= {"gather"}
    packed = [m for m in optimised.modules() if isinstance(m, PackedConv2d)]
    assert {m.activation for m in packed} == {"relu", "none"}


def test_training_and_gradients_are_refused(optimised: InferenceDIR):
    with pytest.raises(RuntimeError, match="can't be trained"):
        optimised.train()
    assert not optimised.eval().training
    with pytest.raises(ValueError, match="no gradients"):
        optimised(picture(1).requires_grad_())
    assert not any(p.requires_grad for p in optimised.parameters())
    assert not optimised(picture(1)).final.vertices.requires_grad


def test_the_original_goes_on_training_and_keeps_its_mode(model: DIR):
    model.train()
    optimised = model.optimize_for_inference()
    assert model.training and all(p.requires_grad for p in model.parameters())
    assert not optimised.training
    model.eval()
    first = optimised(picture(1)).dense
    again = DIR(TINY).eval()
    again.load_state_dict(model.state_dict())
    other = again.optimize_for_inference()
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.zero_()
    assert torch.allclose(other(picture(1)).dense, first, atol=1e-6)


def test_a_picture_of_another_size_is_refused(optimised: InferenceDIR):
    with pytest.raises(ValueError, match="image"):
        optimised(torch.zeros(1, 3, 32, 32))
