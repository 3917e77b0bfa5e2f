"""One refinement stage (Sec. 3.2): sample joint features, exchange them, estimate anew, draw them back."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import interpolate, linear

from handlib.hand.hand import HAND_VECTOR_SIZE
from handlib.hand.skeleton import NUM_JOINTS
from handlib.hand.submesh import Submesh
from handlib.model.blocks import JointMLP, PerHand, ResidualBlock, memory_format_of
from handlib.model.config import NUM_VERTEX_TOKENS, DIRConfig
from handlib.model.encoder import nominal_vectors
from handlib.model.estimate import LENGTH_UNIT, Estimate, StageTrace
from handlib.model.gcn import SkeletonGCN
from handlib.model.projection import MultiPlaneProjection
from handlib.model.sampling import sample_joints
from handlib.model.transformer import TwoHandTransformer

Decode = Callable[[Tensor, Tensor], Estimate]
"""Turns hand vectors (batch, 2, 64) and offset (batch, 3) into an :class:`Estimate`."""


class Fusion(nn.Module):
    """Upsamples the deeper map to the encoder map's size and merges the two."""

    def __init__(self, deep_channels: int, skip_channels: int, channels: int):
        super().__init__()
        self.skip = ResidualBlock(skip_channels, channels)
        self.merge = ResidualBlock(deep_channels + channels, channels)

    def forward(
        self, deep: Float[Tensor, "batch _ _ _"], skip: Float[Tensor, "batch _ height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Returns the merged map; the deeper map comes first in the concatenation."""
        deep = interpolate(deep, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        return self.merge(torch.cat((deep, self.skip(skip)), dim=1))


def tokens_per_hand(config: DIRConfig) -> int:
    """Returns the number of tokens per hand."""
    return NUM_JOINTS if config.tokens == "joints" else NUM_VERTEX_TOKENS


def stage_update(
    previous: Float[Tensor, "batch numbers"],
    tokens: Float[Tensor, "batch features"],
    weight: Float[Tensor, "numbers features_and_numbers"],
    bias: Float[Tensor, "numbers"],
    gain: float,
    start: Float[Tensor, "batch numbers"],
) -> Float[Tensor, "batch numbers"]:
    """Returns new numbers: ``start`` plus ``gain`` times a linear layer of tokens and previous numbers.

    The layer's inputs are the tokens, then the previous numbers. With ``start`` equal to ``previous`` the
    layer predicts a correction.
    """
    inputs = torch.cat((tokens, previous.to(tokens.dtype)), dim=-1)
    return start + linear(inputs, weight, bias).float() * gain


class VectorUpdate(nn.Module):
    """Predicts new hand vectors and a new offset from all tokens and the previous numbers."""

    nominal: Float[Tensor, "hand=2 64"]
    stage_update = staticmethod(stage_update)

    def __init__(self, config: DIRConfig):
        super().__init__()
        per_hand = tokens_per_hand(config) * config.token_features
        self.hands = nn.ModuleList(nn.Linear(per_hand + HAND_VECTOR_SIZE, HAND_VECTOR_SIZE) for _ in range(2))
        self.offset = nn.Linear(2 * per_hand + 3, 3)
        self.residual, self.gain = config.update == "residual", config.head_gain
        nominal = torch.zeros(2, HAND_VECTOR_SIZE) if self.residual else nominal_vectors(config)
        self.register_buffer("nominal", nominal, persistent=False)
        if config.head_gain != 1:
            for layer in (*self.hands, self.offset):
                nn.init.normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(
        self,
        tokens: Float[Tensor, "batch hand=2 tokens features"],
        vectors: Float[Tensor, "batch hand=2 64"],
        offset: Float[Tensor, "batch 3"],
    ) -> tuple[Float[Tensor, "batch hand=2 64"], Float[Tensor, "batch 3"]]:
        """Returns new vectors and offset: absolute ones, or corrections added to the previous numbers.

        The previous numbers are an input in both cases.
        """
        start = vectors if self.residual else self.nominal.expand_as(vectors)
        offset_start = offset if self.residual else torch.zeros_like(offset)
        new = [
            self._updated(layer, tokens[:, h], vectors[:, h], start[:, h])
            for h, layer in enumerate(self.hands)
        ]
        return torch.stack(new, dim=1), self._updated(self.offset, tokens, offset, offset_start)

    def _updated(self, layer: Any, tokens: Tensor, previous: Tensor, start: Tensor) -> Tensor:
        """One linear layer's new numbers."""
        return self.stage_update(previous, tokens.flatten(1), layer.weight, layer.bias, self.gain, start)


class RefinementStage(nn.Module):
    """Makes a finer map and a new estimate from a deeper map, an encoder map and the previous estimate.

    ``submesh`` defines the vertices and their edges if tokens are vertices.
    """

    vertices: Int[Tensor, "tokens"] | None
    plane_mlp: PerHand | None
    project: MultiPlaneProjection | None
    sample_joints = staticmethod(sample_joints)

    def __init__(
        self, config: DIRConfig, deep_channels: int, skip_channels: int, submesh: Submesh | None = None
    ):
        super().__init__()
        vertices, adjacency = (submesh.vertices, submesh.adjacency) if submesh else (None, None)
        self.register_buffer("vertices", vertices, persistent=False)
        features = config.joint_features
        self.fuse = Fusion(deep_channels, skip_channels, config.channels)
        self.joint_mlp = PerHand(lambda: JointMLP(config.channels, features, features))
        self.local_position = PerHand(lambda: JointMLP(3, features, features))
        self.global_position = PerHand(lambda: JointMLP(3, features, features), shared=True)
        self.gcn = self._gcn(config, config.gcn_layers, adjacency)
        replacement = config.transformer_depth if config.inter_hand == "gcn" else 0
        self.second_gcn = self._gcn(config, replacement, adjacency)
        self.transformer = TwoHandTransformer(
            2 * tokens_per_hand(config),
            features,
            config.token_features,
            config.transformer_depth if config.inter_hand == "transformer" else 0,
            config.transformer_heads,
            config.skip_first_block,
        )
        self.update = VectorUpdate(config)
        self.enhancement = config.enhancement
        if config.enhancement and config.projection != "none":
            self.plane_mlp = PerHand(
                lambda: JointMLP(config.token_features, config.plane_channels, config.plane_channels),
                shared=True,
            )
            self.project = MultiPlaneProjection(
                config.plane_channels,
                config.channels,
                config.half_width,
                config.projection,
                tokens_per_hand(config),
            )
            self.enhance = ResidualBlock(2 * config.channels, config.channels)
        elif config.enhancement:
            self.plane_mlp = self.project = None
            self.enhance = ResidualBlock(config.channels, config.channels)

    @staticmethod
    def _gcn(config: DIRConfig, layers: int, adjacency: Tensor | None) -> nn.Module:
        if not layers:
            return nn.Identity()
        return PerHand(lambda: SkeletonGCN(config.joint_features, layers, config.gcn_residual, adjacency))

    def _places(self, estimate: Estimate) -> tuple[Tensor, Tensor]:
        """Returns the tokens' places: relative to each wrist (metres) and in the picture (uv), detached."""
        if self.vertices is None:
            places, uv = estimate.joints, estimate.uv
        else:
            places, uv = estimate.vertices[:, :, self.vertices], estimate.vertex_uv[:, :, self.vertices]
        return places.detach(), uv.detach()

    def forward(
        self,
        deep: Float[Tensor, "batch _ _ _"],
        skip: Float[Tensor, "batch _ height width"],
        before: Estimate,
        decode: Decode,
    ) -> StageTrace:
        """Runs the stage. Gradients flow into both maps, not into the previous estimate or the drawn uv."""
        fused = self.fuse(deep, skip)
        places, uv = self._places(before)
        local = places / LENGTH_UNIT
        offset = before.offset.detach()
        sampled = self.joint_mlp(self.sample_joints(fused, uv.flatten(1, 2)).unflatten(1, (2, -1)))
        embedded = sampled + self.local_position(local)
        graph = self.gcn(embedded)

        half = offset[:, None, :] / 2
        in_one_frame = local + torch.stack((-half, half), dim=1)
        tokens = self.second_gcn(graph + self.global_position(in_one_frame))
        tokens, attention, canvas = self.exchange(tokens, fused)
        after = decode(*self.update(tokens, before.params.to_vector().detach(), offset))

        plane_features, projected, enhanced = self._draw(canvas, tokens, self._places(after)[1])
        return StageTrace(
            before=before,
            after=after,
            skip=skip,
            fused=fused,
            sampled=sampled,
            embedded=embedded,
            graph=graph,
            attention=attention,
            tokens=tokens,
            plane_features=plane_features,
            projected=projected,
            enhanced=enhanced,
        )

    def exchange(
        self, tokens: Float[Tensor, "batch hand=2 tokens features"], fused: Float[Tensor, "batch _ _ _"]
    ) -> tuple[Float[Tensor, "batch hand=2 tokens features_out"], Float[Tensor, "batch _ _ _ _"], Tensor]:
        """Returns the tokens after both hands' exchange, its attention weights, and the map to draw on."""
        tokens, attention = self.transformer(tokens.flatten(1, 2))
        return tokens.unflatten(1, (2, -1)), attention, fused

    def _draw(self, fused: Tensor, tokens: Tensor, uv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns plane features, projected map and enhanced map; empty where the configuration has none."""
        no_planes, no_map = tokens[..., :0], fused[:, :0]
        if not self.enhancement:
            return no_planes, no_map, fused
        if self.plane_mlp is None or self.project is None:
            return no_planes, no_map, self.enhance(fused)
        plane_features = self.plane_mlp(tokens)
        projected = self.project(plane_features, uv, fused.shape[-1])
        projected = projected.contiguous(memory_format=memory_format_of(fused))
        return plane_features, projected, self.enhance(torch.cat((fused, projected), dim=1))
