"""The inter-hand transformer: all 42 joints of both hands attend to each other (Sec. 3.2.2)."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.hand.skeleton import NUM_JOINTS


def attend(
    query: Float[Tensor, "*lead tokens features"],
    key: Float[Tensor, "*lead tokens features"],
    value: Float[Tensor, "*lead tokens features"],
) -> tuple[Float[Tensor, "*lead tokens features"], Float[Tensor, "*lead tokens tokens"]]:
    """Returns every token's weighted mean of all values, and the weights (Vaswani et al., 2017, Eq. 1).

    Weights: row i says how much token i takes from each token, softmax(q_i · k_j / √features) over j.
    """
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    weights = scores.float().softmax(-1)
    return weights.to(value.dtype) @ value, weights


class SelfAttention(nn.Module):
    """Multi-head self-attention that also returns its weights."""

    attend = staticmethod(attend)

    def __init__(self, features: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(features, 3 * features)
        self.project = nn.Linear(features, features)

    def forward(
        self, x: Float[Tensor, "batch tokens features"]
    ) -> tuple[Float[Tensor, "batch tokens features"], Float[Tensor, "batch heads tokens tokens"]]:
        """Returns new features and the weights: row i is what token i takes from each token and sums to 1."""
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed, weights = self.attend(query, key, value)
        return self.project(mixed.transpose(1, 2).flatten(2)), weights


class Block(nn.Module):
    """A pre-norm block: attention, then a two-layer perceptron; each takes normalised input and is added."""

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
        """Returns new tokens, and the attention weights that made them."""
        attended, weights = self.attention(self.norm_attention(x))
        x = x + attended
        return x + self.mlp(self.norm_mlp(x)), weights


class TwoHandTransformer(nn.Module):
    """Position embedding, blocks followed by one shared normalisation each, and a linear head.

    With ``skip_first_block`` the first block exists but never runs, as in the released loop.
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
        """Returns new tokens and the attention weights of the blocks that ran.

        Tokens are the left hand's joints, then the right hand's.
        """
        x = x + self.position
        weights = []
        for block in self.blocks[self.first :]:
            x, w = block(x)
            weights.append(w)
            x = self.norm(x)
        none_ran = x.new_zeros(x.shape[0], 0, self.heads, x.shape[1], x.shape[1])
        return self.head(x), torch.stack(weights, dim=1) if weights else none_ran


def cross_hand_share(weights: Float[np.ndarray, "*lead 42 42"]) -> Float[np.ndarray, "*lead 42"]:
    """Returns the share of each token's attention that goes to the other hand (1/2 if spread evenly)."""
    to_right = weights[..., NUM_JOINTS:].sum(-1)
    return np.where(np.arange(2 * NUM_JOINTS) < NUM_JOINTS, to_right, weights.sum(-1) - to_right)
