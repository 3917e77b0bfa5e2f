"""The configuration: frozen, comparable, made of plain values, and strict about what it's given."""

import dataclasses
import json

import pytest

from handlib.model.config import DIRConfig


@pytest.mark.parametrize("config", [DIRConfig.released(), DIRConfig.small()])
def test_survives_json(config: DIRConfig):
    restored = DIRConfig(**json.loads(json.dumps(dataclasses.asdict(config))))
    assert restored == config
    assert hash(restored) == hash(config)


def test_an_ablation_changes_one_thing():
    config = dataclasses.replace(DIRConfig.small(), gcn_layers=0)
    different = [
        f.name
        for f in dataclasses.fields(config)
        if getattr(config, f.name) != getattr(DIRConfig.small(), f.name)
    ]
    assert different == ["gcn_layers"]


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        DIRConfig.small().channels = 3


def test_an_unknown_field_is_refused():
    with pytest.raises(TypeError, match="gcn_depth"):
        DIRConfig(gcn_depth=3)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stage_levels", (4,)),
        ("stage_levels", [-1, 2]),
        ("nominal_pose", (1.0, 0.0, 0.0)),
        ("transformer_heads", 3),
        ("inter_hand", "Transformer"),
        ("projection", "bones"),
        ("update", "relative"),
        ("initial_head", "mlp"),
        ("output_stride", 4),
        ("stage_levels", (1.5,)),
        ("transformer_heads", 0),
        ("gcn_layers", -2),
        ("transformer_depth", -1),
        ("half_width", -1.0),
        ("half_width", float("nan")),
        ("image_size", 100),
        ("image_size", 0),
        ("mirror", True),
    ],
)
def test_what_cant_be_built_is_refused_by_name(field: str, value: object):
    # Set behind the constructor's back, whose annotations the tests' type checker enforces before it runs.
    config = DIRConfig()
    object.__setattr__(config, field, value)
    with pytest.raises(ValueError, match=field):
        config.__post_init__()
