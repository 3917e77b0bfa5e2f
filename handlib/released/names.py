"""What the entries of the authors' checkpoint are called here."""

import re
from collections.abc import Mapping

from torch import Tensor

_SIDE = {"left": "0", "right": "1"}
_STAGE = {"4": "0", "3": "1"}
_MLP = {"0": "first", "1": "norm", "3": "second"}
_RESIDUAL = {
    "bn1": "body.0",
    "conv1.conv": "body.2",
    "bn2": "body.3",
    "conv2.conv": "body.5",
    "bn3": "body.6",
    "conv3.conv": "body.8",
    "skip_layer.conv": "shortcut",
}
_TRANSFORMER = {
    "norm1": "norm_attention",
    "attn.qkv": "attention.qkv",
    "attn.proj": "attention.project",
    "norm2": "norm_mlp",
    "mlp.fc1": "mlp.0",
    "mlp.fc2": "mlp.2",
}
_RESIDUAL_BLOCK = {"skip_layer": "fuse.skip", "fusion_layer": "fuse.merge", "enhance_layer": "enhance"}
_PER_HAND_MLP = {"img2joint": "joint_mlp", "pos_emb": "local_position"}
_SHARED_MLP = {"global_pos_emb": "global_position", "proj_feat_emb": "plane_mlp"}
_FUSION = {"0": "gather", "1": "norm", "3": "mix"}
_GRAPH = {"gconv.e_1": "scores", "gconv.bias": "bias"}
_HEADS = {"conv_final": "stem", "seg": "segmentation", "dense": "dense"}


def _names(table: Mapping[str, str]) -> str:
    return "(" + "|".join(re.escape(name) for name in table) + ")"


# Released name (a pattern) -> how ours is made from the pattern's groups.
_RULES: list[tuple[str, object]] = [
    (r"backbone\.(.+)", lambda rest: f"encoder.backbone.encoders.0.{rest}"),
    (
        r"init_regressor\.attention_(left|right)\.(.+)",
        lambda s, rest: f"encoder.attention.maps.{_SIDE[s]}.{rest}",
    ),
    (
        r"init_regressor\.mano_(left|right)\.(weight|bias)",
        lambda s, rest: f"encoder.head.hands.{_SIDE[s]}.{rest}",
    ),
    (r"init_regressor\.offset\.(.+)", lambda rest: f"encoder.head.offset.{rest}"),
    (
        rf"decoder\.{_names(_RESIDUAL_BLOCK)}([34])\.{_names(_RESIDUAL)}\.(.+)",
        lambda block, n, layer, rest: (
            f"stages.{_STAGE[n]}.{_RESIDUAL_BLOCK[block]}.{_RESIDUAL[layer]}.{rest}"
        ),
    ),
    (
        rf"decoder\.projecter_([34])\.{_names(_PER_HAND_MLP)}_(left|right)\.(?:filters\.)?([013])\.(.+)",
        lambda n, mlp, s, layer, rest: (
            f"stages.{_STAGE[n]}.{_PER_HAND_MLP[mlp]}.modules_per_hand.{_SIDE[s]}.{_MLP[layer]}.{rest}"
        ),
    ),
    (
        rf"decoder\.projecter_([34])\.{_names(_SHARED_MLP)}\.([013])\.(.+)",
        lambda n, mlp, layer, rest: (
            f"stages.{_STAGE[n]}.{_SHARED_MLP[mlp]}.modules_per_hand.0.{_MLP[layer]}.{rest}"
        ),
    ),
    (
        r"decoder\.projecter_([34])\.gcn_(left|right)\.gconv_layers\.(\d)\.bn\.(.+)",
        lambda n, s, k, rest: f"stages.{_STAGE[n]}.gcn.modules_per_hand.{_SIDE[s]}.{k}.norm.{rest}",
    ),
    (
        rf"decoder\.projecter_([34])\.gcn_(left|right)\.gconv_layers\.(\d)\.{_names(_GRAPH)}",
        lambda n, s, k, part: f"stages.{_STAGE[n]}.gcn.modules_per_hand.{_SIDE[s]}.{k}.{_GRAPH[part]}",
    ),
    (
        rf"decoder\.projecter_([34])\.interaction\.STEblocks\.(\d)\.{_names(_TRANSFORMER)}\.(.+)",
        lambda n, k, part, rest: f"stages.{_STAGE[n]}.transformer.blocks.{k}.{_TRANSFORMER[part]}.{rest}",
    ),
    (
        r"decoder\.projecter_([34])\.interaction\.spatial_pos_embed",
        lambda n: f"stages.{_STAGE[n]}.transformer.position",
    ),
    (
        r"decoder\.projecter_([34])\.interaction\.spatial_norm\.(.+)",
        lambda n, rest: f"stages.{_STAGE[n]}.transformer.norm.{rest}",
    ),
    (
        r"decoder\.projecter_([34])\.interaction\.head\.(.+)",
        lambda n, rest: f"stages.{_STAGE[n]}.transformer.head.{rest}",
    ),
    (
        r"decoder\.projecter_([34])\.fusion\.([013])\.(.+)",
        lambda n, layer, rest: f"stages.{_STAGE[n]}.project.{_FUSION[layer]}.{rest}",
    ),
    (
        r"decoder\.projecter_([34])\.regressor\.mano_(left|right)\.(weight|bias)",
        lambda n, s, rest: f"stages.{_STAGE[n]}.update.hands.{_SIDE[s]}.{rest}",
    ),
    (
        r"decoder\.projecter_([34])\.regressor\.offset\.(.+)",
        lambda n, rest: f"stages.{_STAGE[n]}.update.offset.{rest}",
    ),
    (rf"decoder\.{_names(_HEADS)}\.(.+)", lambda head, rest: f"heads.{_HEADS[head]}.{rest}"),
]

# In the file, but not weights of the network: ImageNet's classifier, constants, the self-loop scores whose
# softmax is always 1, and the hand model, which is read separately.
_CONSTANTS = re.compile(
    r"backbone\.fc\.\w+|seg_loss\.weight|.*\.img_gird|.*\.gconv\.e_0|.*\.mano_layer_(left|right)\.th_\w+"
)
_GRAPH_MATRICES = re.compile(r"decoder\.projecter_([34])\.gcn_(left|right)\.gconv_layers\.(\d)\.gconv\.W")


def our_name(released: str) -> str | None:
    """This package's name of a released entry; None if no rule knows it."""
    for pattern, build in _RULES:
        match = re.fullmatch(pattern, released)
        if match:
            return build(*match.groups())  # type: ignore[operator]
    return None


def convert(released: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The released weights under our names and shapes, and the names that no rule knows."""
    ours: dict[str, Tensor] = {}
    unknown = []
    for name, value in released.items():
        matrices = _GRAPH_MATRICES.fullmatch(name)
        if matrices and value.shape[:1] == (2,):
            stage, side, layer = matrices.groups()
            prefix = f"stages.{_STAGE[stage]}.gcn.modules_per_hand.{_SIDE[side]}.{layer}"
            ours[f"{prefix}.own"], ours[f"{prefix}.neighbour"] = value
        elif _CONSTANTS.fullmatch(name):
            continue
        elif (new := our_name(name)) is not None:
            if name.endswith("gconv.e_1"):
                value = value.flatten()
            elif value.ndim == 3 and "spatial_pos_embed" not in name:
                value = value.squeeze(-1)
            ours[new] = value
        else:
            unknown.append(name)
    return ours, unknown
