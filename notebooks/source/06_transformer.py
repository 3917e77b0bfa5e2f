# %% [markdown]
# # 06 · The inter-hand transformer: what do two hands tell each other?
#
# The GCN of the last notebook lets joints of *one* hand exchange features along the skeleton. Nothing in it leads from one hand to
# the other: there is no bone between them. But two hands of one person are not two independent objects. They touch, they hide each
# other, and where one is says something about where the other can be. There is also a plain question that no hand can answer alone:
# how far is it from my wrist to yours? DIR puts the features of all $2 \times 21 = 42$ joints into one transformer (Sec. 3.2.2). It
# has no skeleton. Every joint may take something from every other, and how much is computed anew for every picture.
#
# **The question:** what do two hands tell each other, and is it worth anything?
#
# Afterwards you should be able to say
#
# 1. what attention computes, for three tokens by hand and for 42 in five lines;
# 2. what is inside one block, and what DIR adds after it;
# 3. how a transformer that treats all tokens alike knows a left thumb from a right wrist;
# 4. what cutting the connection between the hands costs a trained network, with both hands in view and with one hidden;
# 5. why a large attention weight isn't yet an influence;
# 6. why DIR takes 42 joints as tokens and not 1556 vertices, in exact operation counts.
#
# Words: [token](../docs/glossary.md#token), [attention map](../docs/glossary.md#attention-map), [GCN](../docs/glossary.md#graph-convolutional-network), [offset](../docs/glossary.md#offset), [MRRPE](../docs/glossary.md#mean-relative-root-position-error).

# %%
import copy
import math

import numpy as np
import torch
from beartype import beartype
from jaxtyping import Bool, Float, jaxtyped
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from handlib import DIR, DIRConfig, load_samples, show
from handlib.data.sample import STRATA, normalise, resize, stack
from handlib.exercises import check
from handlib.analysis.interventions import Start, encode, refine_from
from handlib.evaluation.metrics import INTAG_WRIST, align, evaluate_batch, joint_errors
from handlib.show.core import palette
from handlib.hand.skeleton import BONES, JOINT_NAMES, PAIR_JOINT_NAMES, SIDES
from handlib.model.transformer import Block, SelfAttention, TwoHandTransformer

torch.set_num_threads(1)

# %% [markdown]
# A picture first. Left: along these lines the GCN can move features in one layer. Right: the lines along which one layer of the
# transformer can move features to a single token, the tip of the right index finger. The other 41 tokens have as many.

# %%
pair = load_samples("test")[14]
points = pair.uv.flatten(0, 1).numpy()
bones = [(21 * hand + a, 21 * hand + b) for hand in range(2) for a, b in BONES]
to_index_tip = [(21 + 8, k) for k in range(42)]

figure, axes = show.detached_figure(1, 2, figsize=(8, 3.6), layout="constrained")
for ax, lines, title in zip(
    axes, (bones, to_index_tip), ("GCN: bones", "transformer: everything"), strict=True
):
    for a, b in lines:
        colour = palette.HIGHLIGHT if a // 21 != b // 21 else "0.6"
        ax.plot(*points[[a, b]].T, color=colour, linewidth=0.8)
    for hand in range(2):
        ax.plot(
            *points[21 * hand : 21 * hand + 21].T, "o", color=palette.HANDS[hand], label=f"{SIDES[hand]} hand"
        )
    ax.set(title=title, aspect="equal", xticks=[], yticks=[])
    ax.invert_yaxis()
axes[0].legend(frameon=False)
figure

# %% [markdown]
# ## Attention by hand
#
# Each token asks a question, its *query* $q_i$, holds a label by which it can be found, its *key* $k_j$, and has something to tell,
# its *value* $v_j$. Token $i$ compares its query with all keys, turns the scores into weights that sum to one, and takes the
# weighted mean of the values:
#
# $$ w_{ij} = \frac{\exp(q_i \cdot k_j / \sqrt d)}{\sum_m \exp(q_i \cdot k_m / \sqrt d)}, \qquad
#    o_i = \sum_j w_{ij}\, v_j $$
#
# with $d$ numbers per query and key (Vaswani et al., *Attention is all you need*, 2017, Eq. 1; Sec. 3.2.2 of the paper takes it
# from there).
#
# Three tokens of two numbers. The keys are logarithms so that the exponentials come out round:
#
# | token | query | key | value |
# |---|---|---|---|
# | 0 | $(\sqrt2, 0)$ | $(0, 0)$ | $(8, 0)$ |
# | 1 | $(0, 0)$ | $(\ln 2, \ln 3)$ | $(0, 8)$ |
# | 2 | $(0, \sqrt2)$ | $(\ln 5, 0)$ | $(8, 8)$ |
#
# With $d = 2$ the $\sqrt 2$ of the queries cancels. Token 0 looks at the keys' first numbers, $0, \ln 2, \ln 5$, so its weights
# are as $1 : 2 : 5$, that is $\frac18, \frac28, \frac58$, and it receives $\frac18(8,0) + \frac28(0,8) + \frac58(8,8) = (6, 7)$.
# Token 1 asks nothing: all its scores are 0, and it hears everybody equally, $(\frac{16}{3}, \frac{16}{3})$. Token 2 looks at the second
# numbers: $1 : 3 : 1$, so it gets $\frac15(8,0) + \frac35(0,8) + \frac15(8,8) = (3.2, 6.4)$.

# %%
query = torch.tensor([[math.sqrt(2), 0], [0, 0], [0, math.sqrt(2)]])
key = torch.tensor([[0, 0], [math.log(2), math.log(3)], [math.log(5), 0]])
value = torch.tensor([[8.0, 0], [0, 8], [8, 8]])


# %%
def attend_loop(query, key, value):
    received = torch.zeros_like(value)
    for i in range(len(query)):
        scores = [math.exp(query[i] @ key[j] / math.sqrt(query.shape[1])) for j in range(len(key))]
        weights = [score / sum(scores) for score in scores]
        for j in range(len(value)):
            received[i] += weights[j] * value[j]
        numbers = (" ".join(f"{x:.3g}" for x in row) for row in (weights, received[i]))
        print(f"token {i} takes {next(numbers)}, receives {next(numbers)}")
    return received


by_hand = attend_loop(query, key, value)

# %% [markdown]
# As predicted. Two things are worth remembering: a weight depends on *both* tokens, so who listens to whom is decided by the content of
# the picture and not by the weights of the network alone; and nobody can take nothing. The weights of a row always sum to one, even
# if no token has anything useful to say.
#
# The same without loops, for any leading dimensions (batch, heads):


# %%
@jaxtyped(typechecker=beartype)
def attend(
    query: Float[Tensor, "*lead tokens features"],
    key: Float[Tensor, "*lead tokens features"],
    value: Float[Tensor, "*lead tokens features"],
    allowed: Bool[Tensor, "tokens tokens"],
) -> tuple[Float[Tensor, "*lead tokens features"], Float[Tensor, "*lead tokens tokens"]]:
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = scores.masked_fill(~allowed, -torch.inf).softmax(-1)
    return weights @ value, weights


# %% [markdown]
# `allowed` says who may take from whom. A forbidden score becomes $-\infty$ *before* the softmax: its exponential is 0, and the rest still
# sums to one. For now everything is allowed; later this is the knife with which the hands are separated.

# %%
everything = torch.ones(3, 3, dtype=torch.bool)
received, weights = attend(query, key, value, everything)
assert torch.allclose(received, by_hand)
assert torch.allclose(received, scaled_dot_product_attention(query, key, value))
print("loop, five lines and PyTorch agree")

# %% [markdown]
# ### Why divide by $\sqrt d$?
#
# If the entries of $q$ and $k$ are independent with variance 1, then $q \cdot k$ has variance $d$. Without the division the scores
# of longer vectors spread further, the softmax approaches a choice of one single token, and a choice passes no gradient on to the
# others. The largest of 42 weights, averaged over random queries:

# %%
generator = torch.Generator().manual_seed(0)
for d in (4, 16, 64):
    q, k = torch.randn(2, 1000, 42, d, generator=generator)
    largest = [(q @ k.mT / scale).softmax(-1).amax(-1).mean() for scale in (1, math.sqrt(d))]
    print(f"d = {d:2}: largest weight {largest[0]:.2f} undivided, {largest[1]:.2f} divided")

# %% [markdown]
# ## Several heads
#
# One softmax gives each token one weighted mean. To hear two different things, say the neighbouring finger *and* the other
# wrist, the features are cut into $h$ parts, each with its own attention, a **head**. Queries, keys and values are linear functions
# of the same tokens (*self*-attention), and a last linear layer mixes the heads. Here it is with the weights of the library's module:


# %%
@jaxtyped(typechecker=beartype)
def self_attention(
    module: SelfAttention, x: Float[Tensor, "batch tokens features"], allowed: Bool[Tensor, "tokens tokens"]
) -> tuple[Float[Tensor, "batch tokens features"], Float[Tensor, "batch heads tokens tokens"]]:
    three = module.qkv(x).chunk(3, dim=-1)
    query, key, value = (part.unflatten(-1, (module.heads, -1)).transpose(1, 2) for part in three)
    received, weights = attend(query, key, value, allowed)
    return module.project(received.transpose(1, 2).flatten(2)), weights


# %%
torch.manual_seed(0)
attention, x = SelfAttention(features=64, heads=4), torch.randn(2, 42, 64)
everything = torch.ones(42, 42, dtype=torch.bool)
ours, theirs = self_attention(attention, x, everything), attention(x)
assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, theirs, strict=True))
print("weights:", tuple(theirs[1].shape), "= batch, heads, who takes, from whom")

# %% [markdown]
# ## The block
#
# Attention only mixes. To compute something with what arrived, a two-layer perceptron follows, for each token by itself. Both parts read
# a normalised copy of the tokens (*pre-norm*) and **add** their result to what was there:
#
# $$ x' = x + \mathrm{Attention}(\mathrm{Norm}(x)), \qquad x'' = x' + \mathrm{MLP}(\mathrm{Norm}(x')) $$
#
# So a block that has nothing to say hands its input on unchanged. That is also why a token doesn't forget itself, though
# attention has no special place for "me".


# %%
def run_block(block, x):
    normalised = block.norm_attention(x)
    received, weights = self_attention(block.attention, normalised, everything)
    x = x + received
    return x + block.mlp(block.norm_mlp(x)), weights


block = Block(features=64, heads=4)
assert torch.allclose(run_block(block, x)[0], block(x)[0], atol=1e-6)
print(
    "MLP:", " -> ".join(str(layer.in_features) for layer in block.mlp[::2]), "->", block.mlp[-1].out_features
)

# %% [markdown]
# DIR's transformer is a learned embedding, blocks, and a linear layer. One thing is unusual: **one** LayerNorm, shared, is applied
# after *every* block, on top of the two inside it. In most pre-norm transformers the sum $x$ grows from block to block and is normalised
# once, at the end. Here it can't grow.


# %%
def run_transformer(transformer, x):
    x = x + transformer.position
    for block in transformer.blocks[transformer.first :]:
        x = transformer.norm(run_block(block, x)[0])
    return transformer.head(x)


# %% [markdown]
# The shipped checkpoint has one transformer per stage. `small` is narrower than the released network:

# %%
model = DIR.from_pretrained("small").eval()
for name, config in (("small", model.config), ("released", DIRConfig.released())):
    blocks = config.transformer_depth - config.skip_first_block
    print(
        f"{name:8}: {config.joint_features} features, {blocks} blocks run, {config.transformer_heads} heads"
    )

# %% [markdown]
# ## Real tokens
#
# 80 pairs that the network was not trained on: the 16 of the test split, then the 64 others that come with the course. `encode` runs the encoder, `refine_from` the stages;
# each stage gives a `StageTrace` with everything it computed. Split like this, the stages can be run again with something changed
# and the encoder needs to run only once.

# %%
samples = load_samples("test") + load_samples("train")
batch = stack([resize(sample, model.config.image_size) for sample in samples])
with torch.no_grad():
    start = encode(model, normalise(batch.image))
    stages = refine_from(model, start)

last, stage = stages[-1], model.stages[-1]
print("attention:", tuple(last.attention.shape), "= pairs, layers, heads, who takes, from whom")
strata = [k for k in range(len(STRATA)) if (batch.stratum == k).any()]
print(", ".join(f"{(batch.stratum == k).sum()} {STRATA[k]}" for k in strata))

# %% [markdown]
# What enters the transformer is not in the trace, but the two things it is the sum of can be had: the GCN's output, `graph`, and an embedding
# of where the joints are, which comes below. The transformer alone, run on that sum, must give the tokens and weights
# of the trace; and ours must give what the library's gives.


# %%
def in_one_frame(stage_trace):
    offset = stage_trace.before.offset[:, None]
    shifts = torch.stack((-offset / 2, offset / 2), dim=1)
    return stage_trace.before.joints / 0.15 + shifts


with torch.no_grad():
    tokens_in = (last.graph + stage.global_position(in_one_frame(last))).flatten(1, 2)
    tokens_out, weights = stage.transformer(tokens_in)
    assert torch.allclose(tokens_out, last.tokens.flatten(1, 2), atol=1e-4)
    assert torch.allclose(weights, last.attention, atol=1e-5)
    assert torch.allclose(run_transformer(stage.transformer, tokens_in), tokens_out, atol=1e-4)
print("trace, library and our own transformer agree")

# %% [markdown]
# ## How does it know who is who?
#
# Look at the formulas again: no $i$ and no $j$ occurs but as a name. Shuffle the tokens and the same numbers come out, shuffled:
# $f(Px) = P f(x)$ for every permutation $P$. Attention is **equivariant** to permutations, and so are perceptron and LayerNorm,
# which look at one token at a time. A transformer can't tell a thumb from a wrist by where it stands in the list. The **position
# embedding**, one learned vector per place in the list added to the token, is the only thing in it that can.
#
# **Predict:** shuffle the 42 real tokens, run the transformer, unshuffle. What remains, without the embedding and with it?

# %%
shuffle = torch.randperm(42, generator=torch.Generator().manual_seed(0))
back = shuffle.argsort()
nameless = copy.deepcopy(stage.transformer)
nameless.position.data.zero_()


@torch.no_grad()
def change_by_shuffling(transformer):
    plain, shuffled = transformer(tokens_in)[0], transformer(tokens_in[:, shuffle])[0][:, back]
    return float((shuffled - plain).norm() / plain.norm())


assert change_by_shuffling(nameless) < 1e-5
assert change_by_shuffling(stage.transformer) > 1e-3
print(
    "without embedding: nothing; with it:",
    f"{100 * change_by_shuffling(stage.transformer):.2g} % of the tokens' size",
)

# %% [markdown]
# Equivariant without, not equivariant with it. But the second number is small. Does this network use its embedding at all? Take it
# out of both stages and measure, on the 16 test pairs. MRRPE is the error of the vector from wrist to wrist, MPJPE that
# of the joints as seen from each hand's own wrist.

# %%
hands = [model.hands[side] for side in SIDES]
print(INTAG_WRIST)


def measure(model, start, batch):
    with torch.no_grad():
        final = refine_from(model, start)[-1].after
    return evaluate_batch(final, batch, INTAG_WRIST, hands)


# %%
without_names = copy.deepcopy(model)
for each in without_names.stages:
    each.transformer.position.data.zero_()

with torch.no_grad():
    test_start = encode(model, normalise(batch[:16].image))
for name, network in (("as trained", model), ("no embedding", without_names)):
    scores = measure(network, test_start, batch[:16])
    print(f"{name:12}: MPJPE {scores['mpjpe'].mean():.3g} mm, MRRPE {scores['mrrpe'].mean():.3g} mm")

size = stage.transformer.position.norm(dim=-1).mean() / tokens_in.norm(dim=-1).mean()
print(f"the embedding is {100 * size:.2g} % as long as the tokens it is added to")

# %% [markdown]
# The two lines hardly differ: the names come from elsewhere. There are two candidates.
# The GCN before the transformer has one weight matrix *per joint* and separate weights per hand, so a token may carry its name in its
# features. And the layer after the transformer reads the tokens side by side, in a fixed order, each with its own weights: it
# knows which is which anyway. The first can be tested: can a linear layer read off, from a token alone, which of the
# 42 it is? Fitted on 64 pairs, tested on the 16 others; guessing would be right in 1 of 42 cases, 2.4 %.


# %%
def named_correctly(tokens):
    inputs = torch.cat((tokens, torch.ones(*tokens.shape[:2], 1)), dim=-1)
    names = torch.eye(42).repeat(64, 1)
    readout = torch.linalg.lstsq(inputs[16:].flatten(0, 1), names).solution
    return float(((inputs[:16] @ readout).argmax(-1) == torch.arange(42)).float().mean())


for name, tokens in (("before the GCN", last.embedded.flatten(1, 2)), ("into the transformer", tokens_in)):
    print(f"{name:20}: {100 * named_correctly(tokens):.0f} % named correctly")
assert named_correctly(tokens_in) > named_correctly(last.embedded.flatten(1, 2)) > 0.1

# %% [markdown]
# A single linear layer names many times more tokens than guessing would, and more after the GCN than before it. The learned embedding is a
# safe way to give names, and here others had given them already.
#
# ## How does it know where they are?
#
# Besides a name a joint has a **place**, and that differs from picture to picture. A stage knows it: the estimate before has 21 joints per
# hand in 3D. DIR adds it to the features twice, as an embedding of $xyz$ (two linear layers with batch norm and ReLU between them):
#
# - before the GCN, with each hand around its own wrist: `embedded` in the trace is `sampled` plus that;
# - before the transformer, with **both hands in one frame**. Each hand alone doesn't know where the other is. The previous estimate's offset
#   $o$, from left wrist to right wrist, does: the left hand is moved by $-o/2$ and the right one by $+o/2$.
#
# A check by hand of `in_one_frame` above: both wrists are at the origin of their own frames, the offset is $(0.2, 0, 0)$. Then the wrists
# must come out at $(-0.1, 0, 0)$ and $(0.1, 0, 0)$, a distance of 0.2 apart. Lengths are in units of 0.15 m everywhere.

# %%
from types import SimpleNamespace

estimate = SimpleNamespace(joints=torch.zeros(1, 2, 21, 3), offset=torch.tensor([[0.2, 0, 0]]))
print(in_one_frame(SimpleNamespace(before=estimate))[0, :, 0])

local = stage.local_position(last.before.joints / 0.15)
assert torch.allclose(last.sampled + local, last.embedded, atol=1e-5)
print("embedded = sampled + embedding of the places")

# %% [markdown]
# What is each worth to the trained network? Setting an embedding to zero would also remove what is the same in all pictures. Fairer is
# to give every picture the *average* embedding of all 80: the joint's name stays, its place in this picture is lost. A forward hook
# does it. The transformer is where the hands' places meet, so **predict**: which error suffers most from losing the
# second?


# %%
def average_embedding(model, name):
    changed = copy.deepcopy(model)
    for each in changed.stages:
        getattr(each, name).register_forward_hook(
            lambda module, x, out: out.mean(0, keepdim=True).expand_as(out)
        )
    return changed


whole = measure(model, start, batch)

# %% [markdown]
# 80 pairs are few, and pairs differ a lot. So each change is printed with its standard error, computed over pairs: less than twice
# that may be chance.


# %%
def mean_and_error(changes):
    return f"{changes.mean():+5.1f} ± {changes.std() / len(changes) ** 0.5:.1f}"


def table(results):
    print(f"{'change in mm':36} {'MPJPE':>11} {'MRRPE':>11}")
    for title, scores in results.items():
        changes = [mean_and_error(scores[name] - whole[name]) for name in ("mpjpe", "mrrpe")]
        print(f"{title:36} {changes[0]:>11} {changes[1]:>11}")


# %%
averaged = {
    title: measure(average_embedding(model, name), start, batch)
    for name, title in (
        ("local_position", "places around the own wrist averaged"),
        ("global_position", "places in one frame averaged"),
    )
}
print(f"as trained: MPJPE {whole['mpjpe'].mean():.3g} mm, MRRPE {whole['mrrpe'].mean():.3g} mm")
table(averaged)
local_cost, frame_cost = ({k: (scores[k] - whole[k]).mean() for k in whole} for scores in averaged.values())
assert local_cost["mpjpe"] > 0 and frame_cost["mrrpe"] > 0

# %% [markdown]
# The places around the own wrist are about the hand itself and matter for its joints; the places in one frame are how the
# previous offset reaches the joints, and without them the vector between the hands gets worse.
#
# ## What do two hands tell each other?
#
# Each row of an attention matrix sums to one, so one number says how much of it goes to the other hand.
#
# **Exercise 1.** `weights` has shape `(..., 42, 42)`; rows take, columns give; tokens 0 to 20 are the left hand. Return, for every token,
# the share of its attention that goes to the *other* hand: shape `(..., 42)`.
#
# <details><summary>Hint</summary>For a left joint it is the sum over the last 21 columns; what is it for a right one?</details>


# %% tags=["exercise"]
def cross_hand_share(weights): ...  # (..., 42, 42) -> (..., 42)


check("cross_hand_share", cross_hand_share)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def cross_hand_share_solution(weights):
    left, right = weights[..., :21, 21:].sum(-1), weights[..., 21:, :21].sum(-1)
    return torch.cat((left, right), dim=-1)


check("cross_hand_share", cross_hand_share_solution)

# %% [markdown]
# Spread evenly, attention would give $21/42 = 50$ % to the other hand. The real shares, averaged over pairs and joints, per layer and
# head:

# %%
from handlib.model.transformer import cross_hand_share as library_share
from handlib.show.transformer import matrix_picture

for number, each in enumerate(stages, start=1):
    shares = torch.from_numpy(library_share(each.attention.numpy()))
    assert torch.allclose(shares, cross_hand_share_solution(each.attention), atol=1e-5)
    for layer, per_head in enumerate(shares.mean((0, -1)), start=1):
        print(f"stage {number}, layer {layer}:", *(f"{100 * share:.0f} %" for share in per_head))

# %% [markdown]
# Near one half, with differences between heads: the hands do listen to each other, about as much as to themselves. Is it the
# same for all joints, and does the distance between the hands matter? Left, each joint's share in the last stage; right, each pair's mean
# share against the smallest distance between the two surfaces.

# %%
shares = cross_hand_share_solution(last.attention)
per_joint, per_pair = shares.mean((0, 1, 2)), shares.mean((1, 2, 3))
figure, (left, right) = show.detached_figure(1, 2, figsize=(10, 3.2), layout="constrained")
for hand, marker in enumerate("os"):
    values = 100 * per_joint[21 * hand : 21 * hand + 21]
    left.plot(range(21), values, marker, color=palette.HANDS[hand], label=f"{SIDES[hand]} hand")
left.set(ylabel="to the other hand (%)", ylim=(30, 70), title="by joint", xticks=range(21))
left.set_xticklabels(JOINT_NAMES, rotation=90, fontsize=8)
left.legend(frameon=False)
right.scatter(1000 * batch.distance, 100 * per_pair, color="black", s=14)
right.set(xlabel="distance between the surfaces (mm)", ylabel="to the other hand (%)", title="by pair")
figure

# %%
correlation = np.corrcoef(batch.distance, per_pair)[0, 1]
for k in strata:
    print(f"{STRATA[k]:9}: {100 * per_pair[batch.stratum == k].mean():.0f} % to the other hand")
print(f"correlation with the distance: {correlation:.1f}, uncertain by {1 / len(batch) ** 0.5:.1f}")

# %% [markdown]
# No joint stands out, and the distance says little: the strata differ by a percent or so, whatever the correlation. An average hides much, though. How does
# the average matrix look?

# %%
from PIL import Image

mean = last.attention.mean((0, 1, 2)).numpy()
Image.fromarray(matrix_picture(mean))

# %% [markdown]
# Vertical stripes: some joints are listened to by everybody, whoever asks. How much of the pattern is that? Compare each matrix with one whose
# rows are all the same, the mean row: how much of the squared deviation from an even spread does it have?

# %%
even, rows = 1 / 42, last.attention
common = (rows.mean(-2) - even).square().sum() * 42 / (rows - even).square().sum()
print(f"{100 * common:.0f} % of the pattern is the same for all 42 joints that ask")
print(
    "most listened to, on average:", ", ".join(PAIR_JOINT_NAMES[k] for k in mean.mean(0).argsort()[::-1][:4])
)

# %% [markdown]
# So part of what a layer does is simple: it makes a weighted summary of both hands and gives it to everybody. The rest differs from joint to joint.
# For single pictures there is the widget.
#
# ### Look for yourself
#
# One test pair, three times: as it is, and with one hand painted over by what may lie behind it. Pick a joint in the 3D view (click, or the list
# below it). Lines lead to its ten strongest partners, thicker for larger weights: pink to the other hand, grey within its own.
#
# The painting is `show.paint_out` of notebook 03: the background's colours, blurred over where the hand was.

# %%
pictures = {"as it is": batch[4].image}
for hand, side in enumerate(SIDES):
    pictures[f"{side} hand painted over"] = show.paint_out(batch[4], hand).image

figure, axes = show.detached_figure(1, 3, figsize=(8, 2.9), layout="constrained")
for ax, (title, image) in zip(axes, pictures.items(), strict=True):
    ax.imshow(image.permute(1, 2, 0))
    ax.set_title(title)
    ax.axis("off")
figure

# %%
with torch.no_grad():
    traces = {title: model.trace(normalise(image[None])) for title, image in pictures.items()}
show.AttentionLines(traces)

# %% [markdown]
# Tasks:
#
# 1. Go through the four heads of the last layer. Is there one whose lines stay mostly within the hand, or one that mostly crosses?
# 2. Switch from *attends to* to *is attended by*. Attention isn't symmetric: find a joint that many listen to and that itself listens elsewhere.
# 3. Choose *right hand painted over*, keep a right fingertip picked and compare the last number of the caption with the one for the picture
#    as it is. Then the same for a left fingertip.
#
# ## Hide a hand: where does attention go?
#
# Task 3 over 32 pairs. **Predict:** a painted-over hand can't be sampled from the picture any more. Its joints still ask, the other
# hand's joints still ask. Whose share for the other hand rises, whose falls?

# %%
few = batch[:32]
hidden_starts, hidden_stages = [], []
for hand in range(2):
    painted = torch.stack([show.paint_out(few[k], hand).image for k in range(len(few))])
    with torch.no_grad():
        hidden_starts.append(encode(model, normalise(painted)))
        hidden_stages.append(refine_from(model, hidden_starts[hand]))


# %%
def hand_shares(stage_trace):
    shares = cross_hand_share_solution(stage_trace.attention)
    return shares.mean((1, 2)).unflatten(-1, (2, 21)).mean(-1)


before = hand_shares(last)[:32]
for hand, side in enumerate(SIDES):
    after = hand_shares(hidden_stages[hand][-1])
    for asking in (hand, 1 - hand):
        change, state = (after - before)[:, asking], "hidden" if asking == hand else "visible"
        agreeing = (change.sign() == change.mean().sign()).float().mean()
        print(
            f"{side} hidden, {SIDES[asking]:5} ({state:7}) joints' share for the other hand: "
            f"{100 * before[:, asking].mean():.0f} % -> {100 * after[:, asking].mean():.0f} %, "
            f"same direction in {100 * agreeing:.0f} % of pairs"
        )
        assert (change.mean() > 0) == (asking == hand)

# %% [markdown]
# The hidden hand's joints turn to the hand that can be seen; the visible hand's joints turn away from the hidden one. Attention goes to
# where the picture says something. Nobody told the network which hand is hidden: the weights follow from what the tokens hold.
#
# Does it help? That needs an intervention.
#
# ## Cut the connection
#
# `allowed` in `attend` can forbid any pair. Four masks: everything; only within hands (block-diagonal, the hands are cut apart); only across
# (a joint sees itself and the other hand); only itself. The network is not trained anew. The numbers say what the *trained* network
# loses, and it was never prepared for this. What the mechanism is worth is a question of training without it, for notebook 11.

# %%
token = torch.arange(42)
same_hand, itself = token[:, None] // 21 == token // 21, torch.eye(42, dtype=torch.bool)
masks = {
    "only within hands": same_hand,
    "only across and itself": ~same_hand | itself,
    "only itself": itself,
}

figure, axes = show.detached_figure(1, 4, figsize=(9, 2.6), layout="constrained")
for ax, (title, mask) in zip(axes, {"everything": everything, **masks}.items(), strict=True):
    ax.imshow(mask, cmap="Greys", vmin=0, vmax=1.5)
    ax.set(title=title, xticks=(10, 31), yticks=(10, 31), xticklabels=SIDES, yticklabels=SIDES)
figure


# %%
class MaskedAttention(torch.nn.Module):
    def __init__(self, attention, allowed):
        super().__init__()
        self.attention, self.allowed, self.heads = attention, allowed, attention.heads

    def forward(self, x):
        return self_attention(self.attention, x, self.allowed)


def masked(network, allowed):
    """A copy of a network, or of a part of it, whose attention is restricted."""
    changed = copy.deepcopy(network)
    for module in list(changed.modules()):
        if isinstance(module, Block):
            module.attention = MaskedAttention(module.attention, allowed)
    return changed


# %% [markdown]
# **Predict:** the pose of a hand can be read from its own pixels, the vector from wrist to wrist can't. Which of the two errors
# rises more when the hands are cut apart, and in which stratum?

# %%
cut = {title: measure(masked(model, mask), start, batch) for title, mask in masks.items()}
table(cut)
cost = {title: {k: float((scores[k] - whole[k]).mean()) for k in whole} for title, scores in cut.items()}
assert cost["only itself"]["mpjpe"] > 2 * cost["only within hands"]["mpjpe"]
assert cost["only itself"]["mpjpe"] == max(c["mpjpe"] for c in cost.values())

# %%
apart = cut["only within hands"]
for name in ("mpjpe", "pa_mpjpe", "mrrpe"):
    change = apart[name] - whole[name]
    clear = "clear" if abs(change.mean()) > 2 * change.std() / len(change) ** 0.5 else "not clear of chance"
    print(f"hands cut apart, {name:8}: {100 * change.mean() / whole[name].mean():+.1f} %, {clear}")
for k in strata:
    change = (apart["mrrpe"] - whole["mrrpe"])[batch.stratum == k]
    print(f"MRRPE, {STRATA[k]:9} {mean_and_error(change)} mm ({len(change)} pairs)")

# %% [markdown]
# Exchange matters: the joints lose most with "only itself". But cutting the *hands* apart costs the joints a small part of that or nothing that 80 pairs could show (the first line
# of the first table); where the cut does show is in the vector between the hands, if anywhere. Nor need a mask that forbids more cost more (compare the
# last two lines): under each of them a network trained with everything is off its usual ground.
#
# Why does the cut cost the joints so little? Because the transformer isn't the only way from one hand to the other. The layer that predicts the offset
# reads the tokens of both hands. The common frame carries the previous offset to every joint. And joint features are sampled from a *map*,
# in which convolutions have long mixed what is near in the picture. The last one can be measured: paint one hand over, sample at the very same places
# (those estimated from the whole picture), and look at the features of the *other* hand's joints, before any transformer has run.

# %%
with torch.no_grad():
    places = encode(model, normalise(few.image)).estimate
for hand, side in enumerate(SIDES):
    with torch.no_grad():
        painted = refine_from(model, Start(hidden_starts[hand].features, places), stages=(0,))[0]
    seen, unseen = stages[0].sampled[:32, 1 - hand], painted.sampled[:, 1 - hand]
    change = (unseen - seen).norm() / (seen - seen.mean(0)).norm()
    print(f"{side} hand painted over: the visible hand's features change by {100 * change:.0f} %")
    assert change > 0.1

# %% [markdown]
# (100 % would be as much as they differ from picture to picture.) The visible hand's features already know of the other hand.
#
# And the hidden hand of the last section? With one hand painted over, the error of the *hidden* hand's joints, with the connection
# and without:


# %%
def errors_of_hidden(network, hand):
    with torch.no_grad():
        final = refine_from(network, hidden_starts[hand])[-1].after
    joints = joint_errors(align(final, few, INTAG_WRIST, hands))[:, hand].mean(-1)
    return joints, evaluate_batch(final, few, INTAG_WRIST, hands)["mrrpe"]


hand_apart = masked(model, same_hand)
for hand, side in enumerate(SIDES):
    connected, alone = errors_of_hidden(model, hand), errors_of_hidden(hand_apart, hand)
    for name, with_other, without in zip(("its joints", "MRRPE"), connected, alone, strict=True):
        print(
            f"{side:5} hidden, {name:10}: {with_other.mean():4.0f} mm, cut apart {mean_and_error(without - with_other)}"
        )

# %% [markdown]
# A hand that can't be seen is guessed, and badly: compare with the errors as trained. What the visible hand contributes to the guess is what the cut changes: hardly the hidden hand's *joints*, clearly its *place*. It tells where the other one is, not how its fingers bend.
# In these pairs the fingers of the two hands are posed independently, so a visible hand can say little about the *fingers* of a hidden one;
# hands of people who clap, knit or type would say more. Where a hidden hand can be is something that its partner does limit.
#
# ## Is attention an explanation?
#
# It is tempting to read the lines of the widget as "this joint was placed there because of that one". But a weight only says what share of a
# mean a token has. Whether that changes anything depends on the values, on the residual connection beside it, on the layers that follow.
# So measure the influence itself: disturb token $j$ and see how far the transformer's output for token $i$ moves. Two ways of
# disturbing:
#
# - *replace* token $j$ by its average over all pairs: it says nothing about this picture;
# - *remove* token $j$: nobody but itself may attend to it.

# %%
transformer, some = stage.transformer, tokens_in[:16]


@torch.no_grad()
def influence_by_replacing(j):
    changed = some.clone()
    changed[:, j] = tokens_in.mean(0)[j]
    return (transformer(changed)[0] - tokens_out[:16]).norm(dim=-1)


@torch.no_grad()
def influence_by_removing(j):
    allowed = (token != j) | itself
    return (masked(transformer, allowed)(some)[0] - tokens_out[:16]).norm(dim=-1)


influence = {
    "replacing": torch.stack([influence_by_replacing(j) for j in range(42)], dim=-1),
    "removing": torch.stack([influence_by_removing(j) for j in range(42)], dim=-1),
}

# %% [markdown]
# Both are matrices like attention's: row $i$, column $j$. For every row, rank the 41 other tokens by each measure and compare the rankings
# (Spearman's rank correlation: 1 is the same order, 0 no relation). Attention is averaged over layers and heads, as the
# lines of the widget are over heads.

# %%
from scipy.stats import rankdata


def rank_correlation(a, b):
    x, y = (rankdata(m[:, ~itself].unflatten(1, (42, 41)), axis=-1) - 21 for m in (a, b))
    return float(np.mean((x * y).sum(-1) / np.sqrt((x**2).sum(-1) * (y**2).sum(-1))))


# %%
attention_weights = last.attention[:16].mean((1, 2))
measures = {"attention": attention_weights, **influence}
for one, other in (("attention", "replacing"), ("attention", "removing"), ("replacing", "removing")):
    print(f"{one:9} and {other:9}: rank correlation {rank_correlation(measures[one], measures[other]):.2f}")

without_self = [m.masked_fill(itself, -1).argmax(-1) for m in (attention_weights, influence["replacing"])]
print(f"same strongest partner: {100 * (without_self[0] == without_self[1]).float().mean():.0f} % of joints")
assert 0 < rank_correlation(attention_weights, influence["replacing"]) < 0.95

# %% [markdown]
# The weights are no fiction: what is attended to more tends to matter more. Neither are they an explanation. The strongest partner by attention often isn't
# the one whose loss changes most, and the two ways of taking a token away don't agree with each other perfectly
# either, for "influence" isn't one thing: replacing asks what this picture's token adds to an average one, removing asks
# what the token adds at all. Say which question you mean, intervene, and measure.
#
# **Exercise 2.** The obvious repair: weigh by what is carried. With $h$ heads, what token $j$ adds to token $i$ in one layer is
# $\sum_h w^h_{ij}\, v^h_j W^h$, where $W^h$ is head $h$'s part of the output layer. Return the length of that vector for all $i$ and $j$.
#
# <details><summary>Hint</summary>One `torch.einsum` carries the values through the output layer, another one weighs them and sums over heads.
# The length comes last: of the sum, not of each head's part.</details>


# %% tags=["exercise"]
def contribution(weights, values, output): ...  # (h, n, n), (h, n, d), (h, d, features) -> (n, n)


check("contribution", contribution)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def contribution_solution(weights, values, output):
    carried = torch.einsum("hjd,hdf->hjf", values, output)
    return torch.einsum("hij,hjf->ijf", weights, carried).norm(dim=-1)


check("contribution", contribution_solution)

# %% [markdown]
# Does the repair help here? Summed over the layers, and compared with the influence as before:


# %%
@torch.no_grad()
def all_contributions(transformer, x):
    x, total = x + transformer.position, 0
    for block in transformer.blocks[transformer.first :]:
        module = block.attention
        values = module.qkv(block.norm_attention(x)).chunk(3, dim=-1)[2]
        values = values.unflatten(-1, (module.heads, -1)).transpose(1, 2)
        output = module.project.weight.T.unflatten(0, (module.heads, -1))
        new, weights = block(x)
        total = total + torch.stack(
            [contribution_solution(w, v, output) for w, v in zip(weights, values, strict=True)]
        )
        x = transformer.norm(new)
    return total


contributions = all_contributions(transformer, some)
for name, measured in influence.items():
    print(f"contribution and {name:9}: rank correlation {rank_correlation(contributions, measured):.2f}")

# %% [markdown]
# Compare with the lines above: it doesn't bring the two nearer. A formula that sounds more reasonable isn't thereby nearer to the measured influence. (Values can be long
# and still the same for every picture; attention and perceptrons can undo what was added.)
#
# ## Why joints and not vertices?
#
# Earlier work (the paper's reference 23) lets the *vertices* of the two meshes exchange features. DIR's argument (Sec. 2.3): joints are
# computationally efficient and can avoid overfitting. The first half can be counted. In one block with $n$ tokens of $f$ features the
# products of attention, scores and weighted sums, take
#
# $$ \underbrace{2 n^2 f}_{QK^\top} + \underbrace{2 n^2 f}_{WV} $$
#
# operations (a multiplication and an addition count as two), whatever the number of heads: $h$ heads have $f/h$ features each.
# The rest, the linear layers, grows only with $n$.
#
# **Exercise 3.** How many operations has a whole block with $n$ tokens of $f$ features? It has the two products above, the layer for queries,
# keys and values, the output layer, and a perceptron with $2f$ hidden features. Biases, norms, softmax and GELU don't count.
#
# <details><summary>Hint</summary>A linear layer from $a$ to $b$ features takes $2ab$ operations per token.</details>


# %% tags=["exercise"]
def block_operations(n, f): ...


check("block_operations", block_operations)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def block_operations_solution(n, f):
    linear = 2 * n * f * (3 * f + f + 2 * f + 2 * f)
    return linear + 4 * n**2 * f


check("block_operations", block_operations_solution)

# %% [markdown]
# PyTorch counts operations by watching the matrix products. Formula and count must agree to the last one. `small` has 2 blocks of 64
# features; vertices are $2 \times 778 = 1556$ tokens.

# %%
from torch.utils.flop_counter import FlopCounterMode


def counted(module, *inputs):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*inputs)
    return counter.get_total_flops()


for n in (42, 1556):
    one = TwoHandTransformer(n, 64, 64, depth=2, heads=4, skip_first_block=False)
    operations, head = counted(one, torch.zeros(1, n, 64)), 2 * n * 64 * 64
    assert operations == 2 * block_operations_solution(n, 64) + head
    quadratic = 2 * 4 * n**2 * 64 / operations
    print(
        f"{n:4} tokens: {operations / 1e6:8.2f} million operations, {100 * quadratic:.0f} % of them quadratic in n"
    )

# %%
network = counted(model, torch.zeros(1, 3, model.config.image_size, model.config.image_size))
print(f"the whole network, with encoder and both stages: {network / 1e6:.0f} million")
assert operations > network
for n in (42, 1556):
    print(f"{n:4} tokens: attention weights of one layer take {4 * 4 * n**2 / 1e6:.2f} MB per picture")

# %% [markdown]
# 37 times as many tokens take 216 times the operations: a *single* vertex transformer would need more than the whole network does, and its weights
# 39 MB per layer and picture where training has to keep them. With 42 tokens the quadratic part is the small one: it overtakes the linear part
# at $n = 4f$, here 256 tokens. Joints are cheap because there are few of them.
#
# What the count can't say is whether joints are also *enough*. The mesh is computed from parameters, so exchanging features between vertices of one
# hand repeats much of the same information; a contact between two fingertips, on the other hand, happens at vertices. And the second half of the argument,
# overfitting, would take training both. That was not done here.
#
# ## In the released code
#
# - The released loop over the blocks **starts at the second**: the first block has weights that never run and never learn. `DIRConfig` calls
#   it `skip_first_block`; `small` doesn't have it.

# %%
config = DIRConfig.released()
torch.manual_seed(0)
released = TwoHandTransformer(
    42,
    config.joint_features,
    config.token_features,
    config.transformer_depth,
    config.transformer_heads,
    config.skip_first_block,
)
random_tokens = torch.randn(8, 42, config.joint_features)
released(random_tokens)[0].square().sum().backward()
for k, one in enumerate(released.blocks):
    learning = any(parameter.grad is not None for parameter in one.parameters())
    print(
        f"block {k}: {sum(p.numel() for p in one.parameters())} weights,",
        "learns" if learning else "never runs",
    )

# %% [markdown]
# - The **shared LayerNorm** after every block keeps tokens at one length, $\sqrt{f} = \sqrt{128} \approx 11.3$ as long as its own weights are at their start, where without it they grow
#   from block to block. And then the norm at the beginning of the next block has nothing left to do: normalising twice is normalising once.

# %%
with torch.no_grad():
    with_norm = without_norm = random_tokens
    for k, one in enumerate(released.blocks[1:], start=1):
        with_norm, without_norm = released.norm(one(with_norm)[0]), one(without_norm)[0]
        lengths = [x.norm(dim=-1).mean() for x in (with_norm, without_norm)]
        print(f"after block {k}: length {lengths[0]:.3g} with the shared norm, {lengths[1]:.3g} without")
    twice = released.blocks[2].norm_attention(with_norm)
assert torch.allclose(twice, with_norm, atol=1e-4)

# %% [markdown]
# - 128 features, 4 heads, an MLP of twice the width, GELU, biases in queries, keys and values; LayerNorm's $\varepsilon$ is $10^{-6}$ in the blocks and
#   PyTorch's default in the head. There is **no dropout** anywhere.
# - The position embedding is added **in place**, so that what it is added to is overwritten. Here it isn't, or a trace couldn't show what was there before.
# - The two $xyz$ embeddings are there as described. The weights of the second are shared by both hands, but it runs once per hand, so that batch
#   norm's statistics are those of one hand.
#
# ## What comes next
#
# The 42 tokens now know of each other, and from them a stage makes its new estimate. But they are vectors without a place in the picture, and the next stage
# will again read a *map*. How do joints write what they know back into the image, and why into many planes and not one? That is
# notebook 07, multi-plane projection.
