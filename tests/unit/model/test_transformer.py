"""The inter-hand transformer: attention, order of tokens, which blocks run."""

import pytest
import torch
from torch import nn

from handlib.model.transformer import Block, SelfAttention, TwoHandTransformer

TOKENS, FEATURES, OUT, HEADS = 42, 8, 5, 2


def tokens(batch: int = 2, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, TOKENS, FEATURES, generator=generator)


def transformer(depth: int = 3, skip_first_block: bool = False) -> TwoHandTransformer:
    generator = torch.Generator().manual_seed(0)
    module = TwoHandTransformer(TOKENS, FEATURES, OUT, depth, HEADS, skip_first_block)
    for parameter in module.parameters():
        parameter.data = 0.5 * torch.randn(parameter.shape, generator=generator)
    return module


def test_attention_is_torchs():
    ours, theirs = SelfAttention(FEATURES, HEADS), nn.MultiheadAttention(FEATURES, HEADS, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.qkv.weight,
            "in_proj_bias": ours.qkv.bias,
            "out_proj.weight": ours.project.weight,
            "out_proj.bias": ours.project.bias,
        }
    )
    x = tokens()
    mixed, weights = ours(x)
    expected, expected_weights = theirs(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(mixed, expected)
    torch.testing.assert_close(weights, expected_weights)


def test_what_a_token_takes_sums_to_one():
    out, weights = transformer()(tokens())
    assert out.shape == (2, TOKENS, OUT)
    assert weights.shape == (2, 3, HEADS, TOKENS, TOKENS)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, HEADS, TOKENS))


def test_order_is_only_in_the_position_embedding():
    module, x = transformer(), tokens()
    out, weights = module(x)
    order = torch.randperm(TOKENS, generator=torch.Generator().manual_seed(3))
    module.position.data = module.position[:, order].data
    moved, moved_weights = module(x[:, order])
    torch.testing.assert_close(moved, out[:, order])
    torch.testing.assert_close(moved_weights, weights[..., order, :][..., order])
    # With the embedding left in place the order does matter.
    assert not torch.allclose(transformer()(x[:, order])[0], out[:, order])


def test_each_hand_hears_the_other():
    module, x = transformer(depth=1), tokens()
    changed = x.clone()
    changed[:, 21:] += 1
    assert not torch.allclose(module(x)[0][:, :21], module(changed)[0][:, :21])


def test_a_skipped_first_block_never_runs():
    module, x = transformer(skip_first_block=True), tokens()
    out, weights = module(x)
    assert weights.shape[1] == 2
    out.sum().backward()
    assert all(p.grad is None for p in module.blocks[0].parameters())
    assert all(p.grad is not None for p in module.blocks[1:].parameters())
    for parameter in module.blocks[0].parameters():
        parameter.data.fill_(torch.nan)
    assert module(x)[0].equal(out)
    assert not torch.allclose(transformer(skip_first_block=False)(x)[0], out)


@pytest.mark.parametrize(("depth", "skip"), [(0, False), (0, True), (1, True)])
def test_without_blocks_only_position_and_head_are_left(depth: int, skip: bool):
    module, x = transformer(depth, skip), tokens()
    out, weights = module(x)
    torch.testing.assert_close(out, module.head(x + module.position))
    assert weights.shape[:2] == (2, 0) and weights.shape[-2:] == (TOKENS, TOKENS)


def test_the_shared_norm_runs_after_every_block():
    module, x = transformer(depth=2), tokens()
    for block in module.blocks:
        for last in (block.attention.project, block.mlp[-1]):
            last.weight.data.zero_()
            last.bias.data.zero_()
    # Such blocks hand on what they get.
    torch.testing.assert_close(module(x)[0], module.head(module.norm(module.norm(x + module.position))))


def test_a_block_normalises_first_and_adds():
    block, x = Block(FEATURES, HEADS), tokens()
    attended, weights = block.attention(block.norm_attention(x))
    x_mid = x + attended
    out, block_weights = block(x)
    torch.testing.assert_close(out, x_mid + block.mlp(block.norm_mlp(x_mid)))
    torch.testing.assert_close(block_weights, weights)
    assert block.mlp[0].out_features == 2 * FEATURES
