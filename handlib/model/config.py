"""Every choice that makes a DIR: one frozen dataclass. An ablation is a ``dataclasses.replace``."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args, get_origin, get_type_hints

from handlib.utils.errors import InputError

NUM_VERTEX_TOKENS = 84
"""Four times as many as joints; attention between them costs sixteen times as much."""


@dataclass(frozen=True)
class DIRConfig:
    """What a DIR network is made of. The defaults are the released network (ResNet-50, 256 px, two stages).

    Encoder:
        image_size: side of the input picture in pixels.
        backbone: a timm model, or ``hand_landmarks``: the encoder of a network that has learnt from
        photographs
            of hands (:mod:`handlib.model.hand_backbone`).
        backbone_levels: which of its feature levels are c1 to c4 (fine to coarse).
        backbone_layers, backbone_channels, backbone_stem_width: timm's ``layers``, ``channels``,
            ``stem_width`` where given.
        output_stride: pixels of the picture per place of c4.
        separate_encoders: one backbone per hand instead of a shared one.
        hand_attention: one attention map per hand over c4 (Sec. 3.1); otherwise both pool the same mean.
        attention_channels: hidden width of the attention maps' convolution.
        initial_head: ``pooled``: a linear layer on the pooled vector (released); ``layout``: an MLP that also
            sees where things are (the flattened coarse map and the attention's centre); ``joints``: heatmaps
            and location maps, a rotation by aligning the palm (:mod:`handlib.model.joints_head`).
        head_channels: width of the head that makes joint maps.
        mirror: in evaluation, joint maps are the mean of the picture's and of its mirror image's.

    Refinement (Sec. 3.2):
        stage_levels: one stage per entry, on the map size of that encoder level (0 = c1 ... 3 = c4).
        tokens: what is sampled, exchanged and drawn back: every joint (the paper), or the vertices of a
            thinned mesh, ``NUM_VERTEX_TOKENS`` per hand, its edges in the skeleton's place.
        channels: width of maps.
        joint_features: width of what is sampled for a joint.
        token_features: width of tokens after the transformer.
        gcn_layers: graph layers within each hand; 0 switches the GCN off.
        gcn_residual: adds each layer's input to its output (released: no, though the class is called so).
        inter_hand: what exchanges features between the hands; ``gcn`` puts as many graph layers in the
            transformer's place, ``none`` leaves the tokens alone.
        transformer_depth, transformer_heads: blocks between the hands, and heads of each.
        skip_first_block: the released loop starts at the second block.
        update: ``absolute``: each stage predicts the parameters anew (released); ``residual``: a correction.
        head_gain: factor on every stage's predicted numbers.
        log_scale: the camera's scale is the exponential of the predicted number.
        nominal_pose: start of the heads' biases for a right hand: 6D root and camera scale as predicted
            (the left hand's is mirrored); None leaves the biases to the default initialisation.

    Projection (Sec. 3.2.3):
        projection: a plane per bone (released), per joint or vertex (the paper's text), one shared plane, or
            none.
        plane_channels: width of a plane.
        half_width: half the width of what is drawn, in uv (0.125 is one pixel of a 16 x 16 map).
        enhancement: merge the projected features into the map (off also switches the projection off).

    Hand:
        tips: convention for the fingertip vertices, see ``skeleton.TIP_CONVENTIONS``.
    """

    image_size: int = 256
    backbone: str = "resnet50"
    backbone_levels: Sequence[int] = (1, 2, 3, 4)
    backbone_layers: Sequence[int] | None = None
    backbone_channels: Sequence[int] | None = None
    backbone_stem_width: int | None = None
    output_stride: Literal[8, 16, 32] = 32
    separate_encoders: bool = False
    hand_attention: bool = True
    attention_channels: int = 1024
    initial_head: Literal["pooled", "layout", "joints"] = "pooled"
    head_channels: int = 96
    mirror: bool = False

    stage_levels: Sequence[int] = (2, 1)
    tokens: Literal["joints", "vertices"] = "joints"
    channels: int = 256
    joint_features: int = 128
    token_features: int = 64
    gcn_layers: int = 4
    gcn_residual: bool = False
    inter_hand: Literal["transformer", "gcn", "none"] = "transformer"
    transformer_depth: int = 4
    transformer_heads: int = 4
    skip_first_block: bool = True
    update: Literal["absolute", "residual"] = "absolute"
    head_gain: float = 1.0
    log_scale: bool = False
    nominal_pose: Sequence[float] | None = None

    projection: Literal["bone", "joint", "single", "none"] = "bone"
    plane_channels: int = 64
    half_width: float = 0.125
    enhancement: bool = True

    tips: str = "dir_layer"

    def __post_init__(self) -> None:
        """Turns lists (from JSON) into tuples and refuses what can't be built."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        for name, hint in get_type_hints(type(self)).items():
            value, choices = getattr(self, name), get_args(hint)
            if get_origin(hint) is Literal and value not in choices:
                raise InputError(f"{name}: expected one of {', '.join(map(str, choices))}, got {value!r}")
        if not all(0 <= level <= 3 for level in self.stage_levels):
            raise InputError(f"stage_levels: expected encoder levels 0 to 3, got {self.stage_levels}")
        if len(self.backbone_levels) != 4:
            raise InputError(f"backbone_levels: expected four, got {self.backbone_levels}")
        if self.tokens == "vertices" and self.projection not in ("joint", "none"):
            raise InputError(
                f"projection: expected joint (one per token) or none for vertices, got {self.projection!r}"
            )
        if self.initial_head == "joints" and not self.log_scale:
            raise InputError("log_scale: expected true with initial_head joints, whose camera is a logarithm")
        if self.nominal_pose is not None and len(self.nominal_pose) != 7:
            raise InputError(
                f"nominal_pose: expected 7 numbers (6D root, scale), got {len(self.nominal_pose)}"
            )
        if self.joint_features % self.transformer_heads:
            raise InputError("transformer_heads: expected a divisor of joint_features")

    @classmethod
    def released(cls) -> "DIRConfig":
        """The authors' network as released, quirks included."""
        return cls()

    @classmethod
    def paper(cls) -> "DIRConfig":
        """The authors' network as the paper's text describes it, where text and code differ.

        A plane per joint instead of per bone, and all blocks of the transformer run. Its losses are
        ``LossWeights.paper()``; ``docs/configurations.md`` sets the three configurations side by side.
        """
        return replace(cls.released(), projection="joint", skip_first_block=False, tips="smplx")

    @classmethod
    def small(cls) -> "DIRConfig":
        """A network that two CPU cores can train: 128 px, every mechanism of DIR, aids for short training.

        The encoder keeps c4 at 8 x 8 (``output_stride`` 16) and the stages take c2 and c1, so that all three
        map sizes (8, 16, 32) are the released ones.
        """
        return cls(
            image_size=128,
            backbone="resnet10t",
            backbone_layers=(1, 2, 2, 1),
            backbone_channels=(32, 64, 128, 256),
            backbone_stem_width=16,
            output_stride=16,
            attention_channels=64,
            initial_head="layout",
            stage_levels=(1, 0),
            channels=64,
            joint_features=64,
            gcn_layers=2,
            gcn_residual=True,
            transformer_depth=2,
            skip_first_block=False,
            update="residual",
            head_gain=0.1,
            log_scale=True,
            nominal_pose=(0.0, 0.5, 0.0, 0.0, 0.0, -0.5, 1.8),
            plane_channels=16,
            tips="smplx",
        )

    @classmethod
    def wild(cls) -> "DIRConfig":
        """A network for photographs: every mechanism of DIR on an encoder that knows photographs of hands."""
        return cls(
            image_size=192,
            backbone="hand_landmarks",
            attention_channels=64,
            initial_head="joints",
            mirror=True,
            stage_levels=(2, 1),
            channels=64,
            joint_features=64,
            gcn_layers=2,
            gcn_residual=True,
            transformer_depth=2,
            skip_first_block=False,
            update="residual",
            head_gain=0.1,
            log_scale=True,
            plane_channels=16,
            tips="smplx",
        )
