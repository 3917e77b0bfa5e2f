"""The inter-hand transformer: all 42 joints of both hands attend to each other (Sec. 3.2.2)."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.hand.skeleton import NUM_JOINTS


class SelfAttention(nn.Module):
    """Multi-head self-attention that also returns its weights."""

    def __init__(self, features: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(features, 3 * features)
        self.project = nn.Linear(features, features)

    def forward(
        self, x: Float[Tensor, "batch tokens features"]
    ) -> tuple[Float[Tensor, "batch tokens features"], Float[Tensor, "batch heads tokens tokens"]]:
        """Weights: row i says how much token i takes from each token; rows sum to 1."""
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        weights = scores.float().softmax(-1)
        mixed = weights.to(value.dtype) @ value
        return self.project(mixed.transpose(1, 2).flatten(2)), weights


class Block(nn.Module):
    """Attention and a two-layer perceptron, each on normalised input and added to it."""

    def __init__(self, features: int, heads: int, mlp_ratio: int = 2):
        super().__init__()
        self.norm_attention = nn.LayerNorm(features, eps=1e-6)
        self.attention = SelfAttention(features, heads)
        self.norm_mlp = nn.LayerNorm(features, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(features, mlp_ratio * features), nn.GELU(), nn.Linear(mlp_ratio * features, features)
        )

    def forward(
        self, x: Float[Tensor, "batch tokens features"]
    ) -> tuple[Float[Tensor, "batch tokens features"], Float[Tensor, "batch heads tokens tokens"]]:
        """New tokens and the attention weights that made them."""
        attended, weights = self.attention(self.norm_attention(x))
        x = x + attended
        return x + self.mlp(self.norm_mlp(x)), weights


class TwoHandTransformer(nn.Module):
    """Position embedding, blocks with one shared normalisation after each, and a linear head.

    ``skip_first_block`` keeps the first block's weights but never runs it, as the released loop does.
    """

    def __init__(
        self, tokens: int, features: int, features_out: int, depth: int, heads: int, skip_first_block: bool
    ):
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, tokens, features))
        self.blocks = nn.ModuleList(Block(features, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(features, eps=1e-6)
        self.head = nn.Sequential(nn.LayerNorm(features), nn.Linear(features, features_out))
        self.first = 1 if skip_first_block else 0
        self.heads = heads if depth else 0

    def forward(
        self, x: Float[Tensor, "batch tokens features"]
    ) -> tuple[Float[Tensor, "batch tokens features_out"], Float[Tensor, "batch layers heads tokens tokens"]]:
        """Tokens are left joints, then right ones; the weights are of the blocks that ran."""
        x = x + self.position
        weights = []
        for block in self.blocks[self.first :]:
            x, w = block(x)
            weights.append(w)
            x = self.norm(x)
        none_ran = x.new_zeros(x.shape[0], 0, self.heads, x.shape[1], x.shape[1])
        return self.head(x), torch.stack(weights, dim=1) if weights else none_ran


def cross_hand_share(weights: Float[np.ndarray, "*lead 42 42"]) -> Float[np.ndarray, "*lead 42"]:
    """Returns how much of each token's attention goes to the other hand; half, if spread evenly."""
    to_right = weights[..., NUM_JOINTS:].sum(-1)
    return np.where(np.arange(2 * NUM_JOINTS) < NUM_JOINTS, to_right, weights.sum(-1) - to_right)
