# %% [markdown]
# # 05 · The skeleton GCN: what the joints of one hand tell each other
#
# The last notebook read a feature vector from the picture at every joint. Each of these vectors knows one place only. Where a
# finger is hidden, the place shows something else: the other hand, or another finger. The joint next to it, one bone away, may
# be in plain sight, and one bone away is not far: bones don't stretch.
#
# **The question:** what do the joints of one hand tell each other, and why along bones? The paper's answer (Sec. 3.2.2) is a graph
# convolution network, a GCN, on the hand's skeleton.
#
# Afterwards you should be able to say
#
# 1. what one graph layer computes, on paper for three joints and in three lines for a hand;
# 2. why a joint takes the *mean* of what its neighbours send, and what goes wrong with the sum;
# 3. what a matrix per joint can do that a shared one can't, and what it costs;
# 4. how far news travels in two layers, in four, in eight;
# 5. what happens to a trained network whose bones connect the wrong joints.
#
# Words: [GCN](../docs/glossary.md#graph-convolutional-network), [bone](../docs/glossary.md#bone), [joint](../docs/glossary.md#joint), [feature map](../docs/glossary.md#feature-map).

# %%
import math
from copy import deepcopy

import numpy as np
import torch
from beartype import beartype
from jaxtyping import Bool, Float, jaxtyped
from torch import Tensor, nn

from handlib.model.placed import place
from handlib import DIR, load_samples, show
from handlib.data.sample import normalise, resize, stack
from handlib.evaluation.evaluate import evaluate
from handlib.exercises import check
from handlib.model.gcn import GraphLayer, SkeletonGCN, neighbour_weights, skeleton_adjacency
from handlib.show.core.palette import LEFT, RIGHT, TRUTH
from handlib.hand.skeleton import BONES, JOINT_NAMES, SIDES, joint_index

torch.set_num_threads(1)

# %% [markdown]
# ## The graph
#
# 21 joints, 20 bones: a wrist from which five chains of four go out. The **adjacency** $A$ has a row for every joint that hears and
# a column for every joint that may be heard. A bone leads both ways, so $A$ is symmetric and has 40 entries. How many ones stand
# in the wrist's row, in a fingertip's, and in any other?

# %%
A = torch.zeros(21, 21, dtype=torch.bool)
for parent, child in BONES:
    A[parent, child] = A[child, parent] = True
assert A.equal(skeleton_adjacency())

degrees = A.sum(1)
for name in ("wrist", "thumb4", "index2"):
    print(f"{name} hears {degrees[joint_index(name)]}")

# %%
figure, (axes,) = show.detached_figure(figsize=(4.6, 4.6), layout="constrained")
axes.imshow(A, cmap="Greys")
axes.set(xticks=range(21), yticks=range(21), xlabel="is heard", ylabel="hears", title="Adjacency: 40 entries")
axes.set_xticklabels(JOINT_NAMES, rotation=90, fontsize=7)
axes.set_yticklabels(JOINT_NAMES, fontsize=7)
print(f"{int(A.sum())} entries, symmetric: {A.equal(A.T)}")
figure

# %% [markdown]
# Down the diagonal run the fingers, two entries per bone. The first row and the first column are the wrist's.
#
# ### How many bones apart?
#
# $A^n$ counts the walks of $n$ bones from one joint to another. With the diagonal filled a walk may also rest, so joint
# $i$ can be reached from $j$ in *at most* $n$ bones where $(A + I)^n$ is not zero. From the thumb's tip to the wrist are four
# bones, from there to the little finger's tip another four: eight, and no two joints are further apart.

# %%
rest_or_step = (A | torch.eye(21, dtype=torch.bool)).float()
bones_apart = torch.zeros(21, 21, dtype=torch.long)
for n in range(21):
    bones_apart += torch.linalg.matrix_power(rest_or_step, n) == 0
print("thumb4 to little4:", int(bones_apart[joint_index("thumb4"), joint_index("little4")]))
print("the furthest pair:", int(bones_apart.max()))

# %% [markdown]
# ## Why along bones?
#
# Because a bone keeps its length. If joint $j$ is known, its neighbour $i$ lies on a sphere of known radius around it; about a
# joint further away much less is known. Take the true hands of the 64 pairs in the samples' `train` folder: how much does the distance between two
# joints vary from hand to hand? **Predict** the order before you read it.

# %%
pairs = stack(load_samples("train"))
joints = pairs.joints.flatten(0, 1)
millimetres = 1000 * torch.cdist(joints, joints)
variation = millimetres.std(dim=0)
for n in (1, 2, 3, 4, 8):
    print(f"bones apart: {n}; the distance varies by {variation[bones_apart == n].mean():.2g} mm")

# %% [markdown]
# Distances along one bone vary only as the hands' sizes do. Everything further away depends on the pose as well. That is
# the prior that the paper builds in: who is connected needs not be learned. (For distances between the *two*
# hands there is no such prior; the transformer of the next notebook has to find out who matters to whom.)
#
# ## Sum, or mean?
#
# A layer in which every joint adds up what its neighbours hold is $x' = A x$. Let every joint hold 1. After one layer each
# holds its number of neighbours: 5 at the wrist, 1 at a tip, 2 elsewhere. After many layers the numbers grow by the largest
# eigenvalue of $A$ per layer.

# %%
ones = torch.ones(21)
print(
    "after one sum:",
    *(f"{name} {(A.float() @ ones)[joint_index(name)]:.0f}" for name in ("wrist", "index2", "index4")),
)
print(f"largest eigenvalue of A: {torch.linalg.eigvalsh(A.float())[-1]:.3g}")

# %% [markdown]
# Two remedies are common. The **mean** divides every row by its sum, $D^{-1}A$ with the degrees $D$ on a diagonal. The **symmetric
# normalisation** $D^{-1/2} A D^{-1/2}$ divides each entry by the root of both degrees. Under the mean a
# constant stays what it is. Under the symmetric one it doesn't: the wrist gets $5/\sqrt{5 \cdot 2} \approx 1.58$ after one
# layer. But its largest eigenvalue is 1, so nothing grows for ever.

# %%
D = degrees.float()
ways = {"sum": A.float(), "mean": A / D[:, None], "symmetric": A / (D[:, None] * D).sqrt()}
held = {way: [torch.linalg.matrix_power(matrix, n) @ ones for n in range(13)] for way, matrix in ways.items()}
for way, values in held.items():
    wrist, tip = values[12][[0, 4]]
    print(f"{way:9}  after 1 layer: wrist {values[1][0]:.3g};  after 12: wrist {wrist:.3g}, a tip {tip:.3g}")

# %%
figure, axes = show.detached_figure(1, 3, figsize=(9, 2.6), layout="constrained", sharey=True)
for axis, (way, values) in zip(axes, held.items(), strict=True):
    for name, style in (("wrist", "-"), ("index2", "--"), ("thumb4", ":")):
        axis.plot([float(v[joint_index(name)]) for v in values], style, color=TRUTH, label=name)
    axis.set(title=way, xlabel="layers", yscale="log", xticks=(0, 4, 8, 12))
axes[0].set_ylabel("what a joint holds")
axes[0].legend(frameon=False)
figure

# %% [markdown]
# With the sum everything explodes, and the wrist holds some twenty times what a tip does. The batch norm that follows each
# layer of DIR takes out the common growth, since its statistics are taken over all joints together; for the same reason it
# can't take out what sets the wrist apart. With the mean all three lines are one. The symmetric form zigzags a little, for a
# reason that we shall meet again: in a tree every bone leads from an even joint (counted in bones from the wrist) to an odd
# one.
#
# ### A mean that learns whom to listen to
#
# The *semantic graph convolution* (Zhao et al., CVPR 2019) gives every edge a learned score $s_{ij}$ and takes a softmax over
# each row:
#
# $$ a_{ij} = \frac{\exp s_{ij}}{\sum_{k \in N(i)} \exp s_{ik}} \quad\text{for } j \in N(i), \qquad 0 \text{ elsewhere} $$
#
# Rows sum to 1 whatever is learned, so it stays a mean; with all scores 0 it is the plain one. The scores are stored as a list of
# 40 numbers, in the **row-major** order of the adjacency's entries: first the wrist's five, then the two of `thumb1`, and so
# on.


# %%
def weights_by_loops(scores, adjacency):
    weights, edge = torch.zeros(adjacency.shape), 0
    for i in range(len(adjacency)):
        for j in range(len(adjacency)):
            if adjacency[i, j]:
                weights[i, j] = scores[edge].exp()
                edge += 1
    return weights / weights.sum(1, keepdim=True)


# %% [markdown]
# Without loops: write the scores where the mask is true, minus infinity elsewhere, and let softmax do the rest. Every row needs
# at least one neighbour, or it is a softmax over nothing.


# %%
@jaxtyped(typechecker=beartype)
def row_softmax(
    scores: Float[Tensor, " edges"], adjacency: Bool[Tensor, "joints joints"]
) -> Float[Tensor, "joints joints"]:
    nobody = torch.full(adjacency.shape, -math.inf)
    return nobody.masked_scatter(adjacency, scores).softmax(dim=1)


scores = torch.randn(40, generator=torch.Generator().manual_seed(0))
assert torch.allclose(row_softmax(scores, A), weights_by_loops(scores, A))
assert torch.allclose(row_softmax(scores, A), neighbour_weights(scores, A))
print("row sums:", *sorted({f"{s:.3g}" for s in row_softmax(scores, A).sum(1)}))

# %% [markdown]
# **Exercise 1.** Somebody gives you a checkpoint with 40 scores. Which one says how much `receiver` listens to `sender`? Return its
# number, counted from 0.
#
# <details><summary>Hint</summary>Flatten the adjacency. How many true entries stand before the one at
# (receiver, sender)?</details>


# %% tags=["exercise"]
def edge_score_number(adjacency, receiver, sender): ...  # adjacency: (21, 21) bool; return a number


check("edge_score_number", edge_score_number)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def edge_score_number_solution(adjacency, receiver, sender):
    before = len(adjacency) * receiver + sender
    return adjacency.flatten()[:before].sum()


check("edge_score_number", edge_score_number_solution)

# %% [markdown]
# ## One layer, on paper
#
# Each joint has **two matrices of its own**: $W^{0}_j$ for what it keeps and $W^{1}_j$ for what it sends. A joint's new feature
# is what it keeps plus the weighted mean of what its neighbours send:
#
# $$ x_i' = x_i W^{0}_i + \sum_{j \in N(i)} a_{ij}\, x_j W^{1}_j $$
#
# Features are rows here, so they stand on the left. What $j$ sends goes through **$j$'s** matrix, the same for all who hear
# it.
#
# Three joints in a chain, one number each: $x = (1, 1, 2)$, matrices $W^0 = (1, 2, 3)$ and $W^1 = (10, 20, 30)$, all scores 0.
# On paper:
#
# * joint 0 keeps $1 \cdot 1$ and hears only joint 1, which sends $1 \cdot 20$: **21**;
# * joint 1 keeps $1 \cdot 2$ and hears the mean of $1 \cdot 10$ and $2 \cdot 30$: $2 + 35 =$ **37**;
# * joint 2 keeps $2 \cdot 3$ and hears 20: **26**.


# %%
def layer_by_loops(x, own, neighbour, weights):
    out = torch.zeros(len(x), own.shape[-1])
    for i in range(len(x)):
        out[i] = x[i] @ own[i]
        for j in range(len(x)):
            out[i] += weights[i, j] * (x[j] @ neighbour[j])
    return out


chain = torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=torch.bool)
x = torch.tensor([[1.0], [1.0], [2.0]])
own, neighbour = torch.tensor([1.0, 2, 3])[:, None, None], torch.tensor([10.0, 20, 30])[:, None, None]
print(layer_by_loops(x, own, neighbour, row_softmax(torch.zeros(4), chain)).flatten().tolist())

# %% [markdown]
# Now joint 1 learns a score of $\ln 3$ for joint 0, the second of the four scores (row-major: 0←1, 1←0, 1←2, 2←1). It listens
# to joint 0 with weight 3/4 and to joint 2 with 1/4: $2 + \tfrac34 \cdot 10 + \tfrac14 \cdot 60 = 24.5$. Nobody else changes,
# since a score belongs to the one who hears.

# %%
partial = row_softmax(torch.tensor([0, math.log(3), 0, 0]), chain)
print(*(f"{value:.3g}" for value in layer_by_loops(x, own, neighbour, partial).flatten()))

# %% [markdown]
# ### Without loops
#
# `x[:, :, None] @ own` multiplies every joint's row by its own matrix; `weights @ sent` is the weighted sum over
# senders. The `#` allows a single matrix in place of 21: it is then shared by all joints.


# %%
@jaxtyped(typechecker=beartype)
def graph_step(
    x: Float[Tensor, "batch joints features"],
    own: Float[Tensor, "#joints features out"],
    neighbour: Float[Tensor, "#joints features out"],
    weights: Float[Tensor, "joints joints"],
) -> Float[Tensor, "batch joints out"]:
    kept = (x[:, :, None] @ own).squeeze(2)
    sent = (x[:, :, None] @ neighbour).squeeze(2)
    return kept + weights @ sent


assert torch.allclose(graph_step(x[None], own, neighbour, partial)[0, :, 0], torch.tensor([21, 24.5, 26]))
print("21, 24.5, 26")

# %% [markdown]
# ## A matrix per joint, or one for all?
#
# An ordinary graph convolution shares one pair of matrices among all joints. DIR's width is 128. **Predict** the number of
# weights of a layer, both ways, before you read on: two matrices of $128 \times 128$, or $2 \cdot 21$ of them.

# %%
for name, matrices in (("shared", 1), ("one per joint", 21)):
    print(f"{name}: {2 * matrices * 128**2:,} weights in a layer")

# %% [markdown]
# 21 times as many, for the same number of multiplications. What are they good for? A task for which a shared matrix is provably
# too little: every tip shall take over what the joint before it holds, thumb, middle and little finger as it is, index and ring
# finger **with the sign turned**. For the graph all fingers are alike: exchange thumb and index finger and the same skeleton is
# back. A layer that treats all joints alike can't give two alike joints different signs.
#
# The best that it can do is one factor $c$ for all five. The mean squared error is $\tfrac35 (1-c)^2 + \tfrac25 (1+c)^2$,
# smallest at $c = 0.2$, where it is **0.96**. With a matrix per joint it can be 0. Train both.

# %%
TIPS = torch.tensor([4, 8, 12, 16, 20])
signs = torch.tensor([1.0, -1, 1, -1, 1])
plain_mean = row_softmax(torch.zeros(40), A)
inputs = torch.randint(0, 2, (1024, 21, 1), generator=torch.Generator().manual_seed(0)).float() * 2 - 1
wanted = signs * inputs[:, TIPS - 1, 0]


def train_signs(matrices):
    own, neighbour = (torch.zeros(matrices, 1, 1, requires_grad=True) for _ in range(2))
    optimiser = torch.optim.Adam((own, neighbour), lr=0.05)
    for _ in range(200):
        loss = (graph_step(inputs, own, neighbour, plain_mean)[:, TIPS, 0] - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return float(loss.detach()), neighbour.detach().flatten()


# %%
shared_loss, shared_matrix = train_signs(1)
own_loss, own_matrices = train_signs(21)
print(f"shared:        error {shared_loss:.2f}, c = {shared_matrix[0]:.1f}")
signs_learned = " ".join(f"{value:+.1f}" for value in own_matrices[TIPS - 1])
print(f"one per joint: error {abs(own_loss):.2f}, the joints before the tips learned {signs_learned}")
assert abs(shared_loss - 0.96) < 0.01 and own_loss < 0.001

# %% [markdown]
# As predicted. Is it a fair task? In DIR every joint's feature also carries an embedding of its position, from which a shared
# network of several layers could find out which joint it is at; the matrices per joint spare it that. What a thumb's base has
# to pass on may well differ from what a fingertip has, and here that costs weights instead of depth.
#
# ## The whole layer, and the library's
#
# DIR's layer adds a bias, a batch norm over all joints of all hands in the batch, and a ReLU. `handlib.model.gcn.GraphLayer` is that;
# with `residual=True` the layer's input is added to its output. Take the trained network's first graph layer of the left hand,
# and what it saw: `embedded` in the first stage's trace are the sampled features plus the position embedding.

# %%
model = DIR.from_pretrained("small").eval()
batch = stack([resize(sample, model.config.image_size) for sample in load_samples("test")])
with torch.no_grad():
    trace = model.trace(normalise(batch.image))
first = trace.stages[0]
left_gcn, right_gcn = model.stages[0].gcn.modules_per_hand
print(f"embedded: {tuple(first.embedded.shape)}  (picture, hand, joint, feature)")
print(f"{len(left_gcn)} graph layers, residual: {left_gcn[0].residual}")


# %%
@torch.no_grad()
def whole_layer(layer, x):
    weights = row_softmax(layer.scores, layer.adjacency)
    out = graph_step(x, layer.own, layer.neighbour, weights) + layer.bias
    norm = layer.norm
    out = (out - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
    return x + out.relu() if layer.residual else out.relu()


# %%
x = first.embedded[:, 0]
for layer in left_gcn:
    with torch.no_grad():
        by_library = layer(x)
    ours = whole_layer(layer, x)
    assert torch.allclose(ours, by_library, atol=1e-4)
    x = ours
assert torch.allclose(x, first.graph[:, 0], atol=1e-4)
print("our layers, GraphLayer and the trace's `graph` agree to 1e-4")

# %% [markdown]
# And by loops over pictures and joints, for the first layer, before the norm:

# %%
layer, x = left_gcn[0], first.embedded[:2, 0]
with torch.no_grad():
    weights = row_softmax(layer.scores, layer.adjacency)
    by_loops = torch.stack([layer_by_loops(one, layer.own, layer.neighbour, weights) for one in x])
    assert torch.allclose(by_loops, graph_step(x, layer.own, layer.neighbour, weights), atol=1e-4)
print("loops agree")

# %% [markdown]
# Has training used the freedom of the scores? A plain mean gives each of the wrist's five neighbours 0.2. Over all layers, stages
# and hands of the trained network:

# %%
with torch.no_grad():
    layers = [layer for stage in model.stages for gcn in stage.gcn.modules_per_hand for layer in gcn]
    at_wrist = torch.stack([neighbour_weights(layer.scores, layer.adjacency)[0, A[0]] for layer in layers])
print(f"{len(layers)} layers: the wrist's weights lie between {at_wrist.min():.2f} and {at_wrist.max():.2f}")

# %% [markdown]
# Judge for yourself how far that is from 0.2. A sender's matrix can make its message larger as well, so the scores aren't the
# only way to be heard. Further down all scores are set to 0, and the error tells what they matter.
#
# ## How far does news travel?
#
# One layer, one bone. After $n$ layers a joint has heard from joints up to $n$ bones away: the non-zero pattern of $(A + I)^n$.
# DIR as released has four layers per stage, the small network here as many as printed above. Eight would be needed from the
# thumb's tip to the little finger's.

# %%
tip_to_tip = bones_apart[joint_index("thumb4"), joint_index("little4")]
for n in (1, 2, 4, 8):
    share = (bones_apart <= n).float().mean()
    print(
        f"layers: {n}; heard are {100 * share:.0f} % of all pairs; thumb4 hears little4: {bool(tip_to_tip <= n)}"
    )

# %% [markdown]
# That is what *may* arrive. What *does* arrive is the derivative of joint $i$'s output with respect to joint $j$'s input, a
# Jacobian matrix $J_{ij}$. Its Frobenius norm over the root of the number of features has a plain meaning: **nudge joint $j$'s
# feature by a step of length 1 in a random direction; joint $i$'s feature moves by this much** (root mean square, to first
# order).
#
# In evaluation mode a picture doesn't influence another. So all rows of the Jacobian come from one backward pass, over a batch
# that holds the same hand again and again, each time asking for another output.


# %%
@jaxtyped(typechecker=beartype)
def jacobian_norms(layers: list[nn.Module], x: Float[Tensor, "21 features"]) -> Float[Tensor, "21 21"]:
    """Row i, column j: how far joint i's output moves per unit of a nudge at joint j's input."""
    inputs = x.repeat(x.numel(), 1, 1).requires_grad_()
    outputs = inputs
    for layer in layers:
        outputs = layer(outputs)
    one_output_each = torch.eye(x.numel()).unflatten(1, x.shape)
    (rows,) = torch.autograd.grad(outputs, inputs, one_output_each)
    return rows.unflatten(0, x.shape).square().sum((1, 3)).sqrt() / x.shape[1] ** 0.5


# %% [markdown]
# **Predict** `jacobian_norms([], x)`, the influence through no layer at all. Then check the meaning by doing it: nudge `index1` in
# every one of the 64 directions, a little, and see how far `index2` moves.

# %%
x = first.embedded[14, 0]
assert jacobian_norms([], x).equal(torch.eye(21))

i, j, step = joint_index("index2"), joint_index("index1"), 1e-3
with torch.no_grad():
    nudged = x.repeat(len(x[j]), 1, 1)
    nudged[:, j] += step * torch.eye(len(x[j]))
    moved = (left_gcn(nudged) - left_gcn(x[None]))[:, i].norm(dim=1) / step
norms = jacobian_norms(list(left_gcn), x)
assert torch.isclose(moved.square().mean().sqrt(), norms[i, j], rtol=0.05)
print("no layer: the identity; after all layers nudging and differentiating agree to 5 %")

# %% [markdown]
# Now an untrained stack of eight layers, 16 wide, looked at after each of them; its first four are as deep as the released GCN.
# Within reach every joint is heard; beyond it the derivative is **exactly** zero, not small.

# %%
torch.manual_seed(0)
untrained = SkeletonGCN(16, 8).eval()
noise = torch.randn(21, 16)
depths = [jacobian_norms(list(untrained)[:n], noise) for n in range(9)]
for n, reach in enumerate(depths):
    assert (reach[bones_apart > n] == 0).all() and (reach[bones_apart <= n] > 0).all()
for n in (4, 8):
    print(f"{n} layers: thumb4 hears little4 with {depths[n][4, 20]:.1g}, thumb3 with {depths[n][4, 3]:.2g}")

# %% [markdown]
# Eight layers connect the tips, but barely: a message that takes eight bones is divided among neighbours at each of them. Reach is
# not influence.
#
# **Exercise 2.** With four layers no two fingertips hear each other. Give the hand up to **five additional
# bones** such that within four layers *every* joint hears every other. Return the new adjacency.
#
# <details><summary>Hint</summary>Every finger needs a way out at both ends. Which joint could all five new bones
# share?</details>


# %% tags=["exercise"]
def five_shortcuts(adjacency): ...  # (21, 21) bool; return (21, 21) bool


check("five_shortcuts", five_shortcuts)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def five_shortcuts_solution(adjacency):
    more = adjacency.clone()
    more[0, TIPS] = more[TIPS, 0] = True
    return more


check("five_shortcuts", five_shortcuts_solution)

# %% [markdown]
# (DIR doesn't need them: the transformer that follows lets every joint attend to every other, of both hands.)
#
# ## On real data
#
# How much does the trained GCN change a joint's feature? The length of the change over the length of the feature, mean over the
# sixteen test pictures, for every joint of both hands and both stages:

# %%
change = [
    ((s.graph - s.embedded).norm(dim=-1) / s.embedded.norm(dim=-1)).mean(0).numpy() for s in trace.stages
]
figure, axes = show.detached_figure(
    len(change), 1, figsize=(9, 3.6), layout="constrained", sharex=True, sharey=True
)
for number, (axis, values) in enumerate(zip(axes, change, strict=True), start=1):
    for hand, (side, colour) in enumerate(zip(SIDES, (LEFT, RIGHT), strict=True)):
        axis.bar(np.arange(21) + 0.4 * hand - 0.2, values[hand], 0.4, color=colour, label=side)
    axis.set(title=f"stage {number}", ylabel="change / feature")
axes[0].set_ylim(0, 1.35 * max(values.max() for values in change))
axes[0].legend(frameon=False, ncols=2)
axes[-1].set_xticks(range(21), JOINT_NAMES, rotation=60)
for number, values in enumerate(change, start=1):
    print(f"stage {number}: {values.min():.1f} to {values.max():.1f} times the feature's own length")
figure

# %% [markdown]
# A ratio of 1 means that the change is as long as the feature; above it, what the GCN adds outweighs what came in. But the
# change may come from the joint's own feature. How much is the neighbours' doing? The influence by distance, for one picture's
# two hands:


# %%
def influence_of(network, name, index=14):
    """Jacobian norms after 0, 1, ... layers in each stage, for the features that picture had there."""
    found = []
    for number, (stage, seen) in enumerate(zip(network.stages, trace.stages, strict=True), start=1):
        both = list(zip(stage.gcn.modules_per_hand, seen.embedded[index], strict=True))
        depths = range(len(both[0][0]) + 1)
        norms = [torch.stack([jacobian_norms(list(gcn)[:n], x) for gcn, x in both]) for n in depths]
        found.append(show.Influence(f"{name}, stage {number}", torch.stack(norms).double().numpy()))
    return found


trained = influence_of(model, "trained")

# %%
figure, axes = show.detached_figure(1, 2, figsize=(8, 2.8), layout="constrained", sharey=True)
for axis, influence in zip(axes, trained, strict=True):
    for hand, colour in enumerate((LEFT, RIGHT)):
        places = bones_apart + 0.2 * hand - 0.1
        axis.plot(
            places.flatten(), influence.norms[-1, hand].ravel(), "_", markersize=10, color=colour, alpha=0.5
        )
    axis.set(title=influence.name, xlabel="bones between nudge and effect")
    by_distance = [influence.norms[-1][:, bones_apart == n].mean() for n in range(4)]
    print(f"{influence.name}: by distance", *(f"{value:.2g}" for value in by_distance))
    assert by_distance == sorted(by_distance, reverse=True)
axes[0].set_ylabel("change per unit of nudge")
figure

# %% [markdown]
# Each dash is one pair of joints, left hand blue, right hand orange; the numbers are the means, from the joint itself to three
# bones away. On average a joint's own feature weighs most, those one bone away less, and where no layer leads it is exactly
# zero. At one bone the dashes fall into three groups, and the graph explains them: a tip listens to one joint with all of its
# attention, most joints to two, the wrist to five.
#
# ### Ask the joints yourself
#
# The colours on the hands and the bars are these Jacobian norms: darker is stronger, a white joint on grey skin is exactly
# zero. Click a joint (or choose it in the list below the hands), slide the number of layers, turn the direction around. Four
# networks to choose from: both trained stages; stage 2 with a *wrong skeleton*, of which more below; and an untrained stack of
# eight layers.
#
# 1. Pick the left wrist and go from 0 layers upwards. How many joints does each further layer add?
# 2. Pick a fingertip. Does it move as many joints as the wrist does? Turn the direction: does it *hear* as many?
# 3. Is influence mutual? Pick `wrist`, read off `index1`; pick `index1`, read off `wrist`. (It needn't be: they use different
# matrices, and the wrist divides its attention by five.)
# 4. Find a setting in which the other hand moves. (There is none.)
# 5. Take the wrong skeleton and pick some joint of a finger. Who feels it now?
# 6. With eight untrained layers the thumb's tip reaches the little finger's. By how much, compared with its neighbour?


# %%
def rewired(generator):
    """The skeleton with its joints shuffled: as many bones, the same tree, between the wrong joints."""
    order = torch.randperm(21, generator=generator)
    return A[order][:, order]


def with_layers_changed(change):
    changed = deepcopy(model)
    for stage in changed.stages:
        for gcn in stage.gcn.modules_per_hand:
            for layer in gcn:
                change(layer)
    return changed


# %%
wrong_skeleton = rewired(torch.Generator().manual_seed(0))
miswired = with_layers_changed(lambda layer: setattr(layer, "adjacency", wrong_skeleton))
both_hands = torch.stack(depths)[:, None].expand(-1, 2, -1, -1)
deep = show.Influence("untrained, 8 layers", both_hands.double().numpy())
networks = [*trained, influence_of(miswired, "wrong skeleton")[-1], deep]
show.InfluenceExplorer(networks, place(batch, 14))

# %% [markdown]
# ## Break it: the wrong bones
#
# If the skeleton matters to the trained network, another one must hurt. The scores belong to edges, so a wrong skeleton needs
# the same number of them: shuffle the joints' places in the graph and leave everything else, matrices included, with its joint.
# For comparison: a GCN in which nobody sends anything ($W^1 = 0$), and one in which all scores are 0. **Predict**: is wrong
# news worse than no news?


# %%
def mpjpe(network):
    rows = evaluate(network, [batch])["scores"]
    return list(rows.values())[-1]["all"]["mpjpe"]


silent = with_layers_changed(lambda layer: layer.neighbour.data.zero_())
unscored = with_layers_changed(lambda layer: layer.scores.data.zero_())
errors = {"as trained": mpjpe(model), "all scores 0": mpjpe(unscored), "nobody sends": mpjpe(silent)}
generator = torch.Generator().manual_seed(0)
for number in range(1, 5):
    skeleton = rewired(generator)
    errors[f"wrong skeleton {number}"] = mpjpe(
        with_layers_changed(lambda layer, skeleton=skeleton: setattr(layer, "adjacency", skeleton))
    )

# %%
for name, error in errors.items():
    print(f"{name:16}  {error:4.1f} mm MPJPE")
wrong = [error for name, error in errors.items() if name.startswith("wrong")]
assert min(*wrong, errors["nobody sends"]) > errors["as trained"]
worse = sum(error > errors["nobody sends"] for error in wrong)
print(f"{worse} of {len(wrong)} wrong skeletons are worse than silence")

# %% [markdown]
# Every wrong skeleton costs accuracy, on the very pictures on which the right one was tested, and so does silence. Wrong
# news is about as bad as none, or a little worse: sixteen pictures don't tell tenths of a millimetre apart. The second row is what the learned scores are worth to this network: compare it with the
# first.
#
# What this doesn't say is what the GCN is *worth*: a network trained without one could find other ways. That takes training,
# and notebook 11. On a small scale it can be done here.
#
# ## Can a joint be filled in from its neighbours?
#
# The purpose of the whole exercise: a joint whose own feature says nothing, and others that know. Hide one joint of a true
# hand, set its input to zero, and let a small GCN say where it is. The same network is trained four times: on the right
# skeleton, on a wrong one, on a **complete** graph where everybody hears everybody, and on one where each joint hears only
# itself. **Predict** the order.
#
# The data are the true hands of the training pictures, left ones mirrored, around their wrists, turned at random in
# every step. A hidden joint's input is a flag.

# %%
from roma import random_rotmat


def right_hands(split):
    """All hands of a split as right hands around their wrists: (hands, 21, 3) in units of 0.1 m."""
    joints = torch.stack([sample.joints for sample in load_samples(split)]).double()
    joints = joints - joints[:, :, :1]
    joints[:, 0] *= torch.tensor([-1.0, 1, 1])
    return joints.flatten(0, 1) / 0.1


def turned(hands):
    return hands @ random_rotmat(len(hands), dtype=hands.dtype)


# %%
class FillIn(nn.Module):
    """Says where a hidden joint is, from positions of the others: two residual graph layers, 16 wide."""

    def __init__(self, adjacency):
        super().__init__()
        self.embed, self.answer = nn.Linear(4, 16), nn.Linear(16, 3)
        self.gcn = SkeletonGCN(16, 2, residual=True, adjacency=adjacency)

    def forward(self, hands, hidden):
        flag = nn.functional.one_hot(hidden, 21)[..., None].to(hands.dtype)
        seen = torch.cat((hands * (1 - flag), flag), dim=-1)
        return self.answer(self.gcn(self.embed(seen)))[torch.arange(len(hands)), hidden]


# %%
def train_fill_in(adjacency, hands, steps=200):
    torch.manual_seed(0)
    network = FillIn(adjacency).double()
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=steps)
    for _ in range(steps):
        positions, hidden = turned(hands), torch.randint(1, 21, (len(hands),))
        truth = positions[torch.arange(len(hands)), hidden]
        loss = (network(positions, hidden) - truth).norm(dim=-1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


# %%
@torch.no_grad()
def hidden_errors(network, hands):
    """Mean error in mm of each joint when it is the hidden one; the wrist is never hidden."""
    everywhere = [torch.full((len(hands),), joint) for joint in range(1, 21)]
    wrong_by = [(network(hands, k) - hands[:, k[0]]).norm(dim=-1).mean() for k in everywhere]
    return 100 * torch.stack(wrong_by)


graphs = {
    "right skeleton": A,
    "wrong skeleton": wrong_skeleton,
    "complete": ~torch.eye(21, dtype=torch.bool),
    "only itself": torch.eye(21, dtype=torch.bool),
}
train_hands = right_hands("train")
torch.manual_seed(1)
test_hands = turned(right_hands("test").repeat(4, 1, 1))
filled = {
    name: hidden_errors(train_fill_in(graph, train_hands), test_hands) for name, graph in graphs.items()
}

# %%
from_wrist = 100 * test_hands[:, 1:].norm(dim=-1).mean(0)
for name, values in {**filled, "(from the wrist)": from_wrist}.items():
    by_place = " ".join(f"{value:4.0f}" for value in values.reshape(5, 4).mean(0))
    print(f"{name:16}  {values.mean():4.0f} mm;  base to tip {by_place}")
means = {name: float(values.mean()) for name, values in filled.items()}
assert means["right skeleton"] < means["complete"] < means["wrong skeleton"] < means["only itself"]

# %% [markdown]
# A joint that hears only itself knows nothing: its error is about its distance from the wrist, the last row. A wrong skeleton
# is much better than that: even a joint of another finger says something about how the hand is turned. The right skeleton is
# best: a joint between two known ones is nearly determined. A tip has one neighbour only, and is worst on the skeleton.
#
# The complete graph has all connections that the skeleton has, and loses. It would have to learn which of the 20 senders to
# listen to, from 128 hands in 200 steps. Whether it catches up with more of both isn't answered here; `steps` is a place to
# start. That is what a prior is: what the skeleton says needn't be learned. The paper builds its GCN on the skeletal structure
# for that reason, and at this size it pays.
#
# ## More layers?
#
# If two layers are good, why not thirty? Because averages of averages are all the same: **oversmoothing**. Let every joint keep
# half of its feature and take half of its neighbours' mean, $x' = \tfrac12 (I + D^{-1}A)\, x$, and measure the *spread*: how
# long the joints' deviations from the hand's mean feature are, relative to the features. What stays longest shrinks by the
# second largest eigenvalue per layer. (Without the half that is kept it would never settle: even and odd joints would go on
# swapping, the zigzag of the symmetric normalisation above.)

# %%
averaging = (torch.eye(21) + plain_mean) / 2
second = torch.linalg.eigvals(averaging).real.sort().values[-2]
print(
    f"second largest eigenvalue: {second:.3f}, half is gone after {math.log(0.5) / math.log(second):.0f} layers"
)


def spread(x):
    return float((x - x.mean(1, keepdim=True)).norm() / x.norm())


def between_pictures(x):
    return float((x - x.mean(0, keepdim=True)).norm() / x.norm())


# %% [markdown]
# Eighteen layers to halve the spread isn't fast: a hand is a tree, and news from one finger to the next must pass the wrist.
# Compare with layers as a network has them, untrained, on the features of the first stage: averaging and one shared random
# matrix with a ReLU; the same with a residual; a random matrix per joint; and `GraphLayer`, which has separate matrices for
# what is kept and a batch norm (in training mode: statistics of these sixteen pictures).

# %%
DEPTH, WIDTH = 64, first.embedded.shape[-1]
generator = torch.Generator().manual_seed(0)


def random_matrices(count):
    return torch.randn(DEPTH, count, WIDTH, WIDTH, generator=generator) * (2 / WIDTH) ** 0.5


def smooth(x, matrices):
    return (averaging @ (x[:, :, None] @ matrices).squeeze(2)).relu()


# %%
one, each = random_matrices(1), random_matrices(21)
torch.manual_seed(0)
stack_of_layers = [GraphLayer(WIDTH, False, A) for _ in range(DEPTH)]
kinds = {
    "plain averaging": lambda x, n: averaging @ x,
    "shared matrix": lambda x, n: smooth(x, one[n]),
    "shared, residual": lambda x, n: x + smooth(x, one[n]),
    "matrix per joint": lambda x, n: smooth(x, each[n]),
    "GraphLayer": lambda x, n: stack_of_layers[n](x),
}

# %%
curves = {}
with torch.no_grad():
    at_first = first.embedded[:, 0]
    print(
        f"before any layer: spread between joints {spread(at_first):.2f}, pictures {between_pictures(at_first):.2f}"
    )
    for name, layer in kinds.items():
        x, measured = first.embedded[:, 0], []
        for n in range(DEPTH):
            x = layer(x, n)
            x = x / x.norm() * 100
            measured.append((spread(x), between_pictures(x)))
        curves[name] = np.array(measured)

# %%
figure, axes = show.detached_figure(1, 2, figsize=(9, 3.2), layout="constrained", sharey=True)
styles = ((":", "0.5"), ("--", "0.5"), ("-.", "0.5"), ("-", "0.6"), ("-", "0.0"))
for k, title in enumerate(("between joints", "between pictures")):
    for (style, shade), (name, values) in zip(styles, curves.items(), strict=True):
        axes[k].plot(range(1, DEPTH + 1), values[:, k], style, color=shade, label=name)
    axes[k].set(title=f"spread {title}", xlabel="layers", yscale="log")
axes[0].legend(frameon=False, fontsize=8)
for name, values in curves.items():
    print(
        f"{name:16}  after 4 layers {values[3, 0]:.2f}, after 64 {values[63, 0]:.2g};  pictures {values[63, 1]:.2g}"
    )
last = {name: values[-1] for name, values in curves.items()}
assert last["shared matrix"][0] < 0.2 < last["matrix per joint"][0] and last["plain averaging"][0] < 0.2
assert last["GraphLayer"][1] > last["matrix per joint"][1]
figure

# %% [markdown]
# * **Plain averaging** falls as the eigenvalue says, a straight line on the logarithmic scale. A **shared matrix** doesn't help.
# * A **residual** changes the pace and doesn't stop the fall: $x$ plus a mean of $x$ is again a mean, with more weight on oneself.
# * With **a matrix per joint** the joints stay apart for ever. But look to the right: how much of the features still depends on the
#   *picture* falls just as with a shared matrix. The joints stay apart because their matrices differ, not because of what they
#   saw.
# * **GraphLayer** keeps its joints apart and more of the picture. It does two things that the bare matrices per joint don't:
#   what a joint keeps goes through another matrix than what it sends, and a batch norm takes away the mean, which is what
#   joints and pictures come to share.
#
# At four layers, DIR's depth, its kind of layer has kept its joints about as far apart as they were (the first printed line). Oversmoothing is a
# reason not to stack thirty, not a problem that DIR has. And all of these are untrained: training can do better than random matrices.
#
# ## In the released code
#
# What the authors' GCN really is, which a reader of the paper wouldn't guess:
#
# * The paper says GCN; the code has **a matrix per joint**, `2 x 21 x 128 x 128` numbers per layer: own matrices first,
#   neighbours' second.
# * Four layers per hand and stage, separate weights for left and right.
# * The class is **called residual and has no residual**. The small network here does have one, and only two layers.
# * Scores are 40 numbers in the row-major order of the adjacency; what a joint keeps has no score, its matrix $A_0$ is the
#   identity.
# * The batch norm sees one channel at a time over all joints: it doesn't know joints apart either.

# %%
released = SkeletonGCN(128, layers=4)
weights = sum(p.numel() for p in released.parameters())
matrices = sum(layer.own.numel() + layer.neighbour.numel() for layer in released)
print(
    f"one hand, one stage: {weights / 1e6:.2f} million weights, {100 * matrices / weights:.1f} % of them matrices per joint"
)
print(
    f"two hands, two stages: {4 * weights / 1e6:.1f} million; with shared matrices {4 * matrices / 21e6:.2f} million"
)

# %% [markdown]
# **Exercise 3.** Write the released layer, up to the bias and before the norm, from the numbers as a checkpoint holds them: `x`
# is (21, features), `matrices` (2, 21, features, features), `scores` (40,), `bias` (features,).
#
# <details><summary>Hint</summary>You have all of it: <code>row_softmax</code> and <code>graph_step</code>. The latter wants a
# batch.</details>


# %% tags=["exercise"]
def released_graph_layer(x, matrices, scores, bias, adjacency): ...  # return (21, features)


check("released_graph_layer", released_graph_layer)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def released_graph_layer_solution(x, matrices, scores, bias, adjacency):
    own, neighbour = matrices
    return graph_step(x[None], own, neighbour, row_softmax(scores, adjacency))[0] + bias


check("released_graph_layer", released_graph_layer_solution)

# %% [markdown]
# ## What comes next
#
# In all the pictures above the other hand stayed grey: within the GCN a left joint can't hear a right one, in any number of
# layers. But where two hands touch, what hides a left finger is a right one, and no skeleton says which. The next notebook puts
# all 42 joints into one transformer and lets them find out whom to attend to.
