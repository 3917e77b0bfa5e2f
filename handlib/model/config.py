"""All choices that define a DIR, in one frozen dataclass. An ablation is a ``dataclasses.replace``."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args, get_origin, get_type_hints

from handlib.utils.errors import InputError

NUM_VERTEX_TOKENS = 84
"""Four times the number of joints, so attention between the tokens costs sixteen times as much."""
LARGEST = 2048
"""The largest whole number that a configuration may hold; a mistyped number must not fill the memory."""


@dataclass(frozen=True)
class DIRConfig:
    """The parts of a DIR network. The defaults are the released network (ResNet-50, 256 px, two stages).

    Encoder:
        image_size: side of the input picture in pixels.
        backbone: name of a timm model, or ``hand_landmarks``: the encoder of a network that was trained on
            photographs of hands (``handlib.model.hand_backbone``).
        backbone_levels: feature levels of the backbone that serve as c1 to c4 (fine to coarse).
        backbone_layers: timm's option ``layers``; None keeps the timm model's own.
        backbone_channels: timm's option ``channels``; None keeps the timm model's own.
        backbone_stem_width: timm's option ``stem_width``; None keeps the timm model's own.
        output_stride: picture pixels per cell of c4.
        separate_encoders: one backbone per hand instead of a shared one.
        hand_attention: one attention map per hand over c4 (Sec. 3.1). Without it both hands get c4's mean.
        attention_channels: hidden width of the convolutions that make the attention maps.
        initial_head: how the first estimate is made. ``pooled``: a linear layer on the pooled vector
            (released). ``layout``: an MLP that also sees where things are (the flattened coarse map and the
            centre of the attention). ``joints``: heatmaps and location maps; aligning the palm's joints gives
            the rotation (``handlib.model.joints_head``).
        head_channels: width of the head that makes joint maps (initial_head joints).
        mirror: in evaluation, average the joint maps of the picture and of its mirror image.
        upright: in evaluation, locate the joints, turn the picture so that the hands point up, look again,
            average both joint maps, and turn the prediction back (initial_head joints).

    Refinement (Sec. 3.2):
        stage_levels: one stage per entry. The entry is the encoder level whose map size the stage works on
            (0 = c1 ... 3 = c4).
        tokens: points whose features a stage samples, exchanges and draws back. ``joints``: all joints (the
            paper). ``vertices``: a thinned mesh of ``NUM_VERTEX_TOKENS`` vertices per hand, whose edges
            replace the skeleton.
        channels: width of the stages' maps.
        joint_features: width of the features sampled for a joint.
        token_features: width of the tokens after the transformer.
        gcn_layers: graph layers within each hand; 0 switches the GCN off.
        gcn_residual: add each graph layer's input to its output. The released class is called residual, but
            doesn't do this.
        inter_hand: what follows the GCN. ``transformer``: both hands exchange features (the paper). ``gcn``:
            as many graph layers instead, within each hand. ``none``: nothing.
        transformer_depth: number of transformer blocks.
        transformer_heads: attention heads of each block.
        skip_first_block: leave out the first block, as the released loop does.
        update: what a stage predicts. ``absolute``: new parameters (released). ``residual``: a correction of
            the previous ones.
        head_gain: factor on the numbers that a stage predicts.
        log_scale: the network predicts the logarithm of the camera's scale.
        nominal_pose: initial biases of the heads, as the network predicts them: 6D root and camera scale of a
            right hand, mirrored for the left hand. None keeps the default initialisation.

    Projection (Sec. 3.2.3):
        projection: the planes on which features are drawn. ``bone``: one per bone (released). ``joint``: one
            per joint or vertex (the paper's text). ``single``: one for everything. ``none``: no planes.
        plane_channels: width of a plane.
        half_width: half the width of a drawn bone, or the radius of a drawn joint, in uv (0.125 is one pixel
            of a 16 x 16 map).
        enhancement: merge the projected features into the map. Off also switches the projection off.

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
    upright: bool = False

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
            numbers = value if isinstance(value, (list, tuple)) else (value,)
            if any(isinstance(number, int) and abs(number) > LARGEST for number in numbers):
                raise InputError(f"{field.name}: expected whole numbers up to {LARGEST}, got {value}")
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
        for name in ("upright", "mirror"):
            if getattr(self, name) and self.initial_head != "joints":
                raise InputError(f"{name}: expected initial_head joints, got {self.initial_head}")
        if self.nominal_pose is not None and len(self.nominal_pose) != 7:
            raise InputError(
                f"nominal_pose: expected 7 numbers (6D root, scale), got {len(self.nominal_pose)}"
            )
        if not all(isinstance(level, int) for level in self.stage_levels):
            raise InputError(f"stage_levels: expected whole numbers, got {self.stage_levels}")
        for name in ("gcn_layers", "transformer_depth"):
            if getattr(self, name) < 0:
                raise InputError(f"{name}: expected at least 0, got {getattr(self, name)}")
        if not 0 < self.half_width <= 2:
            raise InputError(f"half_width: expected more than 0 and at most 2, got {self.half_width}")
        if self.transformer_heads < 1 or self.joint_features % self.transformer_heads:
            raise InputError(
                f"transformer_heads: expected a divisor of joint_features, got {self.transformer_heads}"
            )
        stride, size = self.output_stride, self.image_size
        if size < stride or size % stride:
            raise InputError(f"image_size: expected a multiple of output_stride {stride}, got {size}")

    @classmethod
    def released(cls) -> "DIRConfig":
        """Returns the authors' network as released, quirks included."""
        return cls()

    @classmethod
    def paper(cls) -> "DIRConfig":
        """Returns the authors' network, but as the paper's text describes it where text and code differ.

        It has a plane per joint instead of per bone, and all blocks of the transformer run. Its losses are
        ``LossWeights.paper()``; ``docs/configurations.md`` sets the three configurations side by side.
        """
        return replace(cls.released(), projection="joint", skip_first_block=False, tips="smplx")

    @property
    def locates_joints(self) -> bool:
        """Returns whether the first estimate is made from joint maps, which locate each joint."""
        return self.initial_head == "joints"

    @classmethod
    def small(cls) -> "DIRConfig":
        """Returns a network of 128 px that two CPU cores can train.

        It has all mechanisms of DIR, and some aids for a short training. The encoder keeps c4 at 8 x 8
        (``output_stride`` 16) and the stages take c2 and c1. So all three map sizes (8, 16, 32) are the
        released ones.
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
        """Returns a network for photographs: its encoder was trained on photographs of hands."""
        return cls(
            image_size=224,
            backbone="hand_landmarks",
            attention_channels=64,
            initial_head="joints",
            mirror=True,
            upright=True,
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
