"""A network of this package written as the authors' checkpoint is; the inverse of ``released_names``.

For handing weights that were trained here to programs that read theirs, and for stand-ins of their file.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.utils.errors import InputError
from handlib.utils.files import replacing

_LEVELS = ("4", "3")
_NUMBERS = {"first": "0", "norm": "1", "second": "3", "gather": "0", "mix": "3"}
_RESIDUAL = {
    "body.0": "bn1",
    "body.2": "conv1.conv",
    "body.3": "bn2",
    "body.5": "conv2.conv",
    "body.6": "bn3",
    "body.8": "conv3.conv",
    "shortcut": "skip_layer.conv",
}
_BLOCKS = {"fuse.skip": "skip_layer", "fuse.merge": "fusion_layer", "enhance": "enhance_layer"}
_PER_HAND = {"joint_mlp": "img2joint_{}.filters", "local_position": "pos_emb_{}"}
_SHARED = {"global_position": "global_pos_emb", "plane_mlp": "proj_feat_emb"}
_IN_BLOCK = {
    "norm_attention": "norm1",
    "attention.qkv": "attn.qkv",
    "attention.project": "attn.proj",
    "norm_mlp": "norm2",
    "mlp.0": "mlp.fc1",
    "mlp.2": "mlp.fc2",
}
_HEADS = {"stem": "conv_final", "segmentation": "seg", "dense": "dense"}


def _side(number: str) -> str:
    return SIDES[int(number)]


def _stage(number: str) -> str:
    return f"decoder.projecter_{_LEVELS[int(number)]}"


def _one_of(table: Mapping[str, str]) -> str:
    return "(" + "|".join(re.escape(name) for name in table) + ")"


_MLP = r"(first|norm|second)\.(.+)"
_RULES: list[tuple[str, Callable[..., str]]] = [
    (r"encoder\.backbone\.encoders\.0\.(.+)", lambda rest: f"backbone.{rest}"),
    (
        r"encoder\.attention\.maps\.([01])\.(.+)",
        lambda h, rest: f"init_regressor.attention_{_side(h)}.{rest}",
    ),
    (r"encoder\.head\.hands\.([01])\.(.+)", lambda h, rest: f"init_regressor.mano_{_side(h)}.{rest}"),
    (r"encoder\.head\.offset\.(.+)", lambda rest: f"init_regressor.offset.{rest}"),
    (
        rf"stages\.([01])\.{_one_of(_BLOCKS)}\.{_one_of(_RESIDUAL)}\.(.+)",
        lambda n, block, layer, rest: f"decoder.{_BLOCKS[block]}{_LEVELS[int(n)]}.{_RESIDUAL[layer]}.{rest}",
    ),
    (
        rf"stages\.([01])\.{_one_of(_PER_HAND)}\.modules_per_hand\.([01])\.{_MLP}",
        lambda n, mlp, h, layer, rest: (
            f"{_stage(n)}.{_PER_HAND[mlp].format(_side(h))}.{_NUMBERS[layer]}.{rest}"
        ),
    ),
    (
        rf"stages\.([01])\.{_one_of(_SHARED)}\.modules_per_hand\.0\.{_MLP}",
        lambda n, mlp, layer, rest: f"{_stage(n)}.{_SHARED[mlp]}.{_NUMBERS[layer]}.{rest}",
    ),
    (
        r"stages\.([01])\.gcn\.modules_per_hand\.([01])\.(\d)\.norm\.(.+)",
        lambda n, h, k, rest: f"{_stage(n)}.gcn_{_side(h)}.gconv_layers.{k}.bn.{rest}",
    ),
    (
        r"stages\.([01])\.gcn\.modules_per_hand\.([01])\.(\d)\.(scores|bias|own|neighbour)",
        lambda n, h, k, part: (
            f"{_stage(n)}.gcn_{_side(h)}.gconv_layers.{k}.gconv."
            + {"scores": "e_1", "bias": "bias", "own": "W", "neighbour": "W"}[part]
        ),
    ),
    (
        rf"stages\.([01])\.transformer\.blocks\.(\d)\.{_one_of(_IN_BLOCK)}\.(.+)",
        lambda n, k, part, rest: f"{_stage(n)}.interaction.STEblocks.{k}.{_IN_BLOCK[part]}.{rest}",
    ),
    (r"stages\.([01])\.transformer\.position", lambda n: f"{_stage(n)}.interaction.spatial_pos_embed"),
    (
        r"stages\.([01])\.transformer\.norm\.(.+)",
        lambda n, rest: f"{_stage(n)}.interaction.spatial_norm.{rest}",
    ),
    (r"stages\.([01])\.transformer\.head\.(.+)", lambda n, rest: f"{_stage(n)}.interaction.head.{rest}"),
    (
        r"stages\.([01])\.project\.(gather|norm|mix)\.(.+)",
        lambda n, layer, rest: f"{_stage(n)}.fusion.{_NUMBERS[layer]}.{rest}",
    ),
    (
        r"stages\.([01])\.update\.hands\.([01])\.(.+)",
        lambda n, h, rest: f"{_stage(n)}.regressor.mano_{_side(h)}.{rest}",
    ),
    (r"stages\.([01])\.update\.offset\.(.+)", lambda n, rest: f"{_stage(n)}.regressor.offset.{rest}"),
    (rf"heads\.{_one_of(_HEADS)}\.(.+)", lambda head, rest: f"decoder.{_HEADS[head]}.{rest}"),
]
_CONVOLVED = re.compile(r".*\.modules_per_hand\.\d\.(first|second)\.weight")
"""Kept by the release as convolutions of width 1."""


def released_name(ours: str) -> str:
    """What the release calls an entry of ours; unknown ones are a ``KeyError``."""
    for pattern, build in _RULES:
        match = re.fullmatch(pattern, ours)
        if match:
            return build(*match.groups())
    raise KeyError(ours)


def released_weights(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the release's names and in its shapes."""
    released: dict[str, Tensor] = {}
    for name, value in ours.items():
        new = released_name(name)
        if name.endswith(".neighbour"):
            continue  # Written with its layer's own matrices.
        if name.endswith(".own"):
            value = torch.stack((value, ours[name.removesuffix("own") + "neighbour"]))
        elif name.endswith(".scores"):
            value = value[None]
        elif _CONVOLVED.fullmatch(name):
            value = value[..., None]
        released[new] = value
    return released


def hand_buffers(hand: Hand) -> dict[str, Tensor]:
    """The hand model as the release keeps it beside the weights."""
    fields = {
        "betas": torch.zeros(1, 10),
        "shapedirs": hand.shapedirs,
        "posedirs": hand.posedirs.T.reshape(-1, 3, len(hand.posedirs)).contiguous(),
        "v_template": hand.v_template[None],
        "J_regressor": hand.J_regressor,
        "weights": hand.weights,
        "faces": torch.from_numpy(hand.faces.copy()),
        "hands_mean": hand.hands_mean[None],
        "comps": hand.hands_components,
        "selected_comps": hand.hands_components,
    }
    prefix = f"init_regressor.mano_layer_{hand.side}.th_"
    return {prefix + name: value for name, value in fields.items()}


def write_checkpoint(model: DIR, path: str | Path) -> None:
    """Writes a network of the released configuration, whole or not at all.

    Raises:
        InputError: the network is of another configuration.
    """
    if model.config != DIRConfig.released():
        raise InputError("model: expected DIRConfig.released(), whose layout this file has")
    content = released_weights(model.state_dict())
    for side in SIDES:
        content |= hand_buffers(model.hands[side])
    with replacing(Path(path)) as temporary:
        torch.save({"net": content}, temporary)
