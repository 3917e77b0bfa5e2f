"""Controls for ablations: stages that are as large as DIR's own, but lack what a claim is about.

Each control is a function that changes the stages of a new, untrained network.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.hand.skeleton import NUM_JOINTS
from handlib.model.blocks import PerHand
from handlib.model.config import DIRConfig
from handlib.model.gcn import SkeletonGCN
from handlib.model.network import DIR
from handlib.model.refinement import RefinementStage
from handlib.model.transformer import TwoHandTransformer

WIDE = 212
"""Width of a transformer that has as many weights as GCN and transformer of ``small`` together."""


def without_messages(model: DIR) -> None:
    """Makes every joint its own only neighbour: the GCN keeps all its matrices, one per joint, and sends
    nothing from joint to joint.
    """
    config = model.config
    for stage in model.stages:
        stage.gcn = PerHand(
            lambda: SkeletonGCN(
                config.joint_features,
                config.gcn_layers,
                config.gcn_residual,
                torch.eye(NUM_JOINTS, dtype=torch.bool),
            )
        )


class WideTransformer(TwoHandTransformer):
    """The inter-hand transformer, ``WIDE`` numbers per token wide between its input and its output."""

    def __init__(self, config: DIRConfig):
        super().__init__(
            2 * NUM_JOINTS,
            WIDE,
            config.token_features,
            config.transformer_depth,
            config.transformer_heads,
            skip_first_block=False,
        )
        self.widen = nn.Linear(config.joint_features, WIDE)

    def forward(
        self, x: Float[Tensor, "batch tokens features"]
    ) -> tuple[Float[Tensor, "batch tokens features_out"], Float[Tensor, "batch layers heads tokens tokens"]]:
        """Returns new tokens and the attention weights, as the narrow transformer does."""
        return super().forward(self.widen(x))


def widened(model: DIR) -> None:
    """Gives the transformer of every stage the weights that the GCN would have."""
    for stage in model.stages:
        stage.transformer = WideTransformer(model.config)


class CoupledStage(RefinementStage):
    """A stage that isn't decoupled: joints and the map's cells attend to each other as tokens of one kind.

    So joints read and change the whole map by attention. Nothing is drawn on planes. ``cells`` is the number
    of cells of the stage's map.
    """

    def __init__(self, config: DIRConfig, deep_channels: int, skip_channels: int, cells: int):
        super().__init__(replace(config, projection="none"), deep_channels, skip_channels)
        self.cell_in = nn.Linear(config.channels, config.joint_features)
        self.transformer = TwoHandTransformer(
            2 * NUM_JOINTS + cells,
            config.joint_features,
            config.token_features,
            config.transformer_depth,
            config.transformer_heads,
            config.skip_first_block,
        )
        self.cell_out = nn.Linear(config.token_features, config.channels)

    def exchange(
        self, tokens: Float[Tensor, "batch hand=2 tokens features"], fused: Float[Tensor, "batch _ _ _"]
    ) -> tuple[Float[Tensor, "batch hand=2 tokens features_out"], Float[Tensor, "batch _ _ _ _"], Tensor]:
        """Returns new tokens, the attention's weights, and the map plus what its cells took from the
        attention.
        """
        joints, cells = tokens.flatten(1, 2), fused.flatten(2).transpose(1, 2)
        mixed, attention = self.transformer(torch.cat((joints, self.cell_in(cells)), dim=1))
        joints, cells = mixed.split((joints.shape[1], cells.shape[1]), dim=1)
        change = self.cell_out(cells).transpose(1, 2).unflatten(2, fused.shape[-2:])
        return joints.unflatten(1, (2, -1)), attention, fused + change


@torch.no_grad()
def coupled(model: DIR) -> None:
    """Replaces every stage by a :class:`CoupledStage`."""
    config, encoder = model.config, model.encoder.eval()
    maps = encoder(torch.zeros(1, 3, config.image_size, config.image_size))[0]
    deep = encoder.channels[-1]
    for place, level in enumerate(config.stage_levels):
        cells = maps[level][0, 0].numel()
        model.stages[place] = CoupledStage(config, deep, encoder.channels[level], cells)
        deep = config.channels
