"""Translates names and layouts between the authors' checkpoint and this package: one table for both ways."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

# The words that the braces in NAMES stand for: the release's and ours.
WORDS = {
    "side": {"left": "0", "right": "1"},
    "stage": {"4": "0", "3": "1"},
    "layer": {"0": "first", "1": "norm", "3": "second"},
    "block": {"skip_layer": "fuse.skip", "fusion_layer": "fuse.merge", "enhance_layer": "enhance"},
    "residual": {
        "bn1": "body.0",
        "conv1.conv": "body.2",
        "bn2": "body.3",
        "conv2.conv": "body.5",
        "bn3": "body.6",
        "conv3.conv": "body.8",
        "skip_layer.conv": "shortcut",
    },
    "shared": {"global_pos_emb": "global_position", "proj_feat_emb": "plane_mlp"},
    "graph": {"e_1": "scores", "bias": "bias", "W": "own"},
    "transformer": {
        "norm1": "norm_attention",
        "attn.qkv": "attention.qkv",
        "attn.proj": "attention.project",
        "norm2": "norm_mlp",
        "mlp.fc1": "mlp.0",
        "mlp.fc2": "mlp.2",
    },
    "fusion": {"0": "gather", "1": "norm", "3": "mix"},
    "head": {"conv_final": "stem", "seg": "segmentation", "dense": "dense"},
}
_PATTERNS = {"number": r"\d", "rest": ".+"}
_STAGE = {
    "img2joint_{side}.filters.{layer}.{rest}": "joint_mlp.modules_per_hand.{side}.{layer}.{rest}",
    "pos_emb_{side}.{layer}.{rest}": "local_position.modules_per_hand.{side}.{layer}.{rest}",
    "{shared}.{layer}.{rest}": "{shared}.modules_per_hand.0.{layer}.{rest}",
    "gcn_{side}.gconv_layers.{number}.bn.{rest}": "gcn.modules_per_hand.{side}.{number}.norm.{rest}",
    "gcn_{side}.gconv_layers.{number}.gconv.{graph}": "gcn.modules_per_hand.{side}.{number}.{graph}",
    "interaction.STEblocks.{number}.{transformer}.{rest}": "transformer.blocks.{number}.{transformer}.{rest}",
    "interaction.spatial_pos_embed": "transformer.position",
    "interaction.spatial_norm.{rest}": "transformer.norm.{rest}",
    "interaction.head.{rest}": "transformer.head.{rest}",
    "fusion.{fusion}.{rest}": "project.{fusion}.{rest}",
    "regressor.mano_{side}.{rest}": "update.hands.{side}.{rest}",
    "regressor.offset.{rest}": "update.offset.{rest}",
}
NAMES = {
    "backbone.{rest}": "encoder.backbone.encoders.0.{rest}",
    "init_regressor.attention_{side}.{rest}": "encoder.attention.maps.{side}.{rest}",
    "init_regressor.mano_{side}.{rest}": "encoder.head.hands.{side}.{rest}",
    "init_regressor.offset.{rest}": "encoder.head.offset.{rest}",
    "decoder.{block}{stage}.{residual}.{rest}": "stages.{stage}.{block}.{residual}.{rest}",
    **{"decoder.projecter_{stage}." + theirs: "stages.{stage}." + ours for theirs, ours in _STAGE.items()},
    "decoder.{head}.{rest}": "heads.{head}.{rest}",
}
"""Patterns of the release's names, and ours for each."""

# Entries of the file that aren't weights of the network: ImageNet's classifier, constants, the self-loop
# scores (their softmax is always 1), and the hand model, which is read separately.
CONSTANTS = re.compile(
    r"backbone\.fc\.\w+|seg_loss\.weight|.*\.img_gird|.*\.gconv\.e_0|.*\.mano_layer_(left|right)\.th_\w+"
)
_CONVOLVED = re.compile(r".*\.modules_per_hand\.\d\.(first|second)\.weight")
"""Our linear layers that the release stores as convolutions of width 1."""


def _turned(table: Mapping[str, str]) -> dict[str, str]:
    return {value: key for key, value in table.items()}


class _Translation:
    """Translates names by a table of patterns and the words for their braces."""

    def __init__(self, names: Mapping[str, str], words: Mapping[str, Mapping[str, str]]):
        choices = {kind: "|".join(map(re.escape, table)) for kind, table in words.items()} | _PATTERNS

        def pattern(name: str) -> str:
            return re.sub(r"\\{(\w+)\\}", lambda m: f"(?P<{m[1]}>{choices[m[1]]})", re.escape(name))

        self.words = words
        self.rules = [(re.compile(pattern(name)), other) for name, other in names.items()]

    def __call__(self, name: str) -> str | None:
        """Returns the translated name, or None if the name isn't in the table."""
        for pattern, other in self.rules:
            if match := pattern.fullmatch(name):
                found = match.groupdict().items()
                return other.format(
                    **{kind: self.words.get(kind, {}).get(word, word) for kind, word in found}
                )
        return None


our_name = _Translation(NAMES, WORDS)
"""Returns this package's name of a released entry, or None if the entry isn't in the table."""
released_name = _Translation(_turned(NAMES), {kind: _turned(table) for kind, table in WORDS.items()})
"""Returns the release's name of one of our entries, or None if the entry isn't in the table."""


def from_released(released: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Returns the released weights with our names and shapes, and the names that aren't in the table."""
    ours: dict[str, Tensor] = {}
    unknown = []
    for name, value in released.items():
        new = our_name(name)
        if CONSTANTS.fullmatch(name):
            continue
        if new is None or (name.endswith("gconv.W") and value.shape[:1] != (2,)):
            unknown.append(name)
        elif name.endswith("gconv.W"):
            ours[new], ours[new.removesuffix("own") + "neighbour"] = value
        elif name.endswith("gconv.e_1"):
            ours[new] = value.flatten()
        else:
            ours[new] = value.squeeze(-1) if value.ndim == 3 and "spatial_pos_embed" not in name else value
    return ours, unknown


def to_released(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns our weights with the release's names and shapes; raises a ``KeyError`` for an unknown name."""
    released: dict[str, Tensor] = {}
    for name, value in ours.items():
        if name.endswith(".neighbour"):
            continue  # Written together with its layer's ``own`` matrices.
        new = released_name(name)
        if new is None:
            raise KeyError(name)
        if name.endswith(".own"):
            value = torch.stack((value, ours[name.removesuffix("own") + "neighbour"]))
        elif name.endswith(".scores"):
            value = value[None]
        elif _CONVOLVED.fullmatch(name):
            value = value[..., None]
        released[new] = value
    return released
