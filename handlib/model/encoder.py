"""From the picture to feature maps, left/right attention and the first estimate (Sec. 3.1)."""

from typing import Any, cast

import timm
import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.hand.hand import HAND_VECTOR_SIZE
from handlib.model.config import DIRConfig
from handlib.model.hand_backbone import HandBackbone
from handlib.model.joint_maps import JointMaps
from handlib.model.joints_head import JointsHead

LAYOUT_CHANNELS, LAYOUT_FEATURES, HEAD_FEATURES = 16, 256, 192


def nominal_vectors(config: DIRConfig) -> Float[Tensor, "hand=2 64"]:
    """Returns the hand vectors (left, right) that the heads' biases start from.

    The right one is the configured nominal pose, the left one its mirror image; both are zero without one.
    """
    vectors = torch.zeros(2, HAND_VECTOR_SIZE)
    if config.nominal_pose is not None:
        root, scale = torch.tensor(config.nominal_pose[:6]), config.nominal_pose[6]
        # Mirrored in x, a rotation R becomes M R M; these are the signs of its first two columns.
        vectors[0, :6] = root * torch.tensor([1.0, -1.0, -1.0, -1.0, 1.0, 1.0])
        vectors[1, :6] = root
        vectors[:, -3] = scale
    return vectors


class Backbone(nn.Module):
    """A timm backbone that returns c1 to c4, fine to coarse. If each hand has one, maps are concatenated."""

    def __init__(self, config: DIRConfig):
        super().__init__()
        self.config = config
        count = 2 if config.separate_encoders else 1
        created = [self._create(pretrained=False) for _ in range(count)]
        self.encoders = nn.ModuleList(created)
        self.channels: list[int] = [width * count for width in created[0].feature_info.channels()]

    def _create(self, pretrained: bool) -> Any:
        """Returns a timm feature extractor: a module with ``feature_info``."""
        chosen: dict[str, Any] = {
            "layers": self.config.backbone_layers,
            "channels": self.config.backbone_channels,
            "stem_width": self.config.backbone_stem_width,
        }
        options = {name: value for name, value in chosen.items() if value is not None}
        if self.config.output_stride != 32:
            options["output_stride"] = self.config.output_stride
        return timm.create_model(
            self.config.backbone,
            features_only=True,
            out_indices=self.config.backbone_levels,
            pretrained=pretrained,
            **options,
        )

    def load_pretrained(self) -> None:
        """Loads timm's ImageNet weights, downloaded if need be. The widths must be the timm model's own."""
        weights = self._create(pretrained=True).state_dict()
        for encoder in self.encoders:
            encoder.load_state_dict(weights)

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> list[Float[Tensor, "batch _ _ _"]]:
        """Returns the feature maps c1 to c4 of a normalised picture."""
        levels = zip(*(encoder(image) for encoder in self.encoders), strict=True)
        return [torch.cat(maps, dim=1) if len(maps) > 1 else maps[0] for maps in levels]


class HandAttention(nn.Module):
    """One attention map over c4 per hand: 3x3 convolution, BN, ReLU, 1x1 convolution, sigmoid."""

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.maps = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, hidden, 3, padding=1),
                nn.BatchNorm2d(hidden),
                nn.ReLU(),
                nn.Conv2d(hidden, 1, 1),
            )
            for _ in range(2)
        )

    def forward(
        self, c4: Float[Tensor, "batch _ height width"]
    ) -> Float[Tensor, "batch hand=2 height width"]:
        """Returns values between 0 and 1, left hand first."""
        return torch.cat([one(c4) for one in self.maps], dim=1).sigmoid()


def attention_pool(
    feature_map: Float[Tensor, "batch channels height width"],
    attention: Float[Tensor, "batch hand height width"],
) -> Float[Tensor, "batch hand channels"]:
    """Returns, for each hand, the mean of a map's features weighted by the hand's attention."""
    weights = attention.flatten(2)
    weights = weights / (weights.sum(-1, keepdim=True) + 1e-8)
    return torch.bmm(weights.to(feature_map.dtype), feature_map.flatten(2).transpose(1, 2))


class PooledHead(nn.Module):
    """The released first estimate: linear layers on pooled vectors."""

    attention_pool = staticmethod(attention_pool)

    def __init__(self, channels: int, nominal: Float[Tensor, "hand=2 64"]):
        super().__init__()
        heads = [nn.Linear(channels, HAND_VECTOR_SIZE) for _ in range(2)]
        self.hands = nn.ModuleList(heads)
        self.offset = nn.Linear(channels, 3)
        if nominal.any():
            for hand, vector in zip(heads, nominal, strict=True):
                nn.init.normal_(hand.weight, std=0.003)
                hand.bias.data.copy_(vector)

    def forward(
        self, c4: Float[Tensor, "batch _ height width"], attention: Float[Tensor, "batch hand=2 height width"]
    ) -> tuple[Float[Tensor, "batch hand=2 64"], Float[Tensor, "batch 3"]]:
        """Returns both hands' vectors and the offset between them."""
        pooled = self.attention_pool(c4, attention)
        vectors = torch.stack([hand(pooled[:, h]) for h, hand in enumerate(self.hands)], dim=1)
        return vectors, self.offset(c4.mean((2, 3)))


class LayoutHead(nn.Module):
    """A first estimate that also sees where things are, for encoders that start from scratch.

    A pooled vector has lost the map's layout. Here each hand's MLP gets four inputs: the hand's pooled
    features, c4's mean features, a summary of the flattened map, and the centre of the hand's attention. The
    MLP predicts the camera's shift relative to this centre.
    """

    uv: Float[Tensor, "xy=2 size size"]
    attention_pool = staticmethod(attention_pool)

    def __init__(self, channels: int, map_size: int, nominal: Float[Tensor, "hand=2 64"]):
        super().__init__()
        self.reduce = nn.Conv2d(channels, LAYOUT_CHANNELS, 1)
        self.layout = nn.Sequential(
            nn.Linear(LAYOUT_CHANNELS * map_size**2, LAYOUT_FEATURES),
            nn.LayerNorm(LAYOUT_FEATURES),
            nn.ReLU(),
        )
        common = channels + LAYOUT_FEATURES
        self.hands = nn.ModuleList(
            nn.Sequential(
                nn.Linear(common + channels + 2, HEAD_FEATURES),
                nn.LayerNorm(HEAD_FEATURES),
                nn.ReLU(),
                nn.Linear(HEAD_FEATURES, HAND_VECTOR_SIZE),
            )
            for _ in range(2)
        )
        for hand, vector in zip(self.hands, nominal, strict=True):
            last = cast(nn.Linear, cast(nn.Sequential, hand)[-1])
            nn.init.normal_(last.weight, std=0.003)
            last.bias.data.copy_(vector)
        self.offset = nn.Sequential(nn.Linear(common, 64), nn.ReLU(), nn.Linear(64, 3))
        ticks = (torch.arange(map_size) + 0.5) * (2 / map_size) - 1
        y, x = torch.meshgrid(ticks, ticks, indexing="ij")
        self.register_buffer("uv", torch.stack((x, y)), persistent=False)

    def forward(
        self, c4: Float[Tensor, "batch _ height width"], attention: Float[Tensor, "batch hand=2 height width"]
    ) -> tuple[Float[Tensor, "batch hand=2 64"], Float[Tensor, "batch 3"]]:
        """Returns both hands' vectors and the offset between them."""
        pooled = self.attention_pool(c4, attention)
        centre = self.attention_pool(self.uv.expand(c4.shape[0], -1, -1, -1), attention)
        common = torch.cat((c4.mean((2, 3)), self.layout(self.reduce(c4).flatten(1))), dim=-1)
        vectors = []
        for h, hand in enumerate(self.hands):
            vector = hand(torch.cat((common, pooled[:, h], centre[:, h].to(common.dtype)), dim=-1)).float()
            vectors.append(torch.cat((vector[:, :-2], vector[:, -2:] + centre[:, h]), dim=-1))
        return torch.stack(vectors, dim=1), self.offset(common)


class Encoder(nn.Module):
    """Backbone, left/right attention over c4, and the head that predicts the first estimate's numbers.

    ``rest`` are both hands' joints at rest (metres).
    """

    head: PooledHead | LayoutHead | JointsHead
    attention_pool = staticmethod(attention_pool)

    def __init__(self, config: DIRConfig, rest: Float[Tensor, "hand=2 21 3"]):
        super().__init__()
        self.backbone = HandBackbone() if config.backbone == "hand_landmarks" else Backbone(config)
        self.channels, self.mirror = self.backbone.channels, config.mirror
        deepest = self.channels[-1]
        self.attention = HandAttention(deepest, config.attention_channels) if config.hand_attention else None
        nominal = nominal_vectors(config)
        if config.initial_head == "pooled":
            self.head = PooledHead(deepest, nominal)
        elif config.initial_head == "joints":
            self.head = JointsHead(self.channels[1:], config.head_channels, rest)
        else:
            self.head = LayoutHead(deepest, config.image_size // config.output_stride, nominal)

    def forward(
        self, image: Float[Tensor, "batch 3 size size"], seen: JointMaps | None = None
    ) -> tuple[
        list[Float[Tensor, "batch _ _ _"]],
        Float[Tensor, "batch hand=2 height width"],
        Float[Tensor, "batch hand=2 64"],
        Float[Tensor, "batch 3"],
        JointMaps | None,
    ]:
        """Returns feature maps c1 to c4, attention, hand vectors, offset and joint maps.

        The offset is right minus left root, in units of 0.15 m. The joint maps are None unless the estimate
        was read from them (head ``joints``). They are the mean with maps of the same picture that were
        ``seen`` before and, in evaluation, with the mirror image's (``DIRConfig.mirror``).
        """
        features = self.backbone(image)
        c4 = features[-1]
        attention = self.attention(c4) if self.attention else c4.new_ones(c4.shape[0], 2, *c4.shape[-2:])
        if isinstance(self.head, JointsHead):
            maps = self.head.joint_maps(features[1:])
            others = [seen] if seen else []
            if self.mirror and not self.training:
                others.append(self.head.joint_maps(self.backbone(image.flip(-1))[1:]).mirrored())
            maps = maps.mean_with(*others)
            return features, attention, *self.head.estimate(maps, self.attention_pool(c4, attention)), maps
        return features, attention, *self.head(c4, attention), None
