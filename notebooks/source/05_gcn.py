# %% [markdown]
# # 05 · The skeleton GCN: what do the joints of one hand tell each other?
#
# Each joint has read a vector from the picture, at its own place. Where a finger is hidden, this place shows something else: the other hand, or another finger. But the next joint, one bone away, may be in plain sight, and bones don't
# stretch. **What do the joints of one hand tell each other, and why along bones?** The paper's answer (Sec. 3.2.2) is a graph convolution network (GCN) on the hand's skeleton.
#
# **Time:** about 45 minutes for the core, 40 for Further.
#
# Afterwards you can
#
# 1. compute a graph convolution on paper, for three joints;
# 2. write it for a batch of hands, and run the network with your function;
# 3. say which joints hear each other after two, four and eight layers, and how strongly;
# 4. say what wrong bones do to a trained network;
# 5. tell apart what messages are worth and what weights are worth.
#
# Words: [GCN](../docs/glossary.md#graph-convolutional-network), [bone](../docs/glossary.md#bone), [joint](../docs/glossary.md#joint), [MPJPE](../docs/glossary.md#mean-per-joint-position-error).

# %%
import math

import numpy as np
import torch
from torch.autograd.functional import jacobian

from handlib import DIR, load_samples, show
from handlib.analysis import ablations
from handlib.analysis.comparison import gain_of, paired_difference, verdict
from handlib.analysis.interventions import encode, refine_from
from handlib.analysis.micro_tasks import scattered_hiding as micro_task
from handlib.analysis.micro_tasks.catalogue import stored_result
from handlib.data.sample import normalise, resize, stack
from handlib.evaluation.metrics import INTAG_MCP, evaluate_batch
from handlib.exercises import check, my_parts, predict, progress
from handlib.hand.skeleton import BONES, JOINT_NAMES, SIDES, bones_between, joint_index
from handlib.model.gcn import GraphLayer, SkeletonGCN, neighbour_weights
from handlib.model.placed import place
from handlib.show.core.palette import RIGHT

torch.set_num_threads(1)
show.dir_map("gcn")

# %%
progress()

# %% [markdown]
# ## The graph
#
# A hand has 21 joints and 20 bones: five chains of four bones go out from the wrist. The **adjacency** $A$ has a row for each joint that hears and a column for each joint that is heard. A bone leads both ways, so $A$ is symmetric
# and has 40 entries.

# %%
samples = load_samples("test") + load_samples("train")
A = torch.zeros(21, 21, dtype=torch.bool)
for parent, child in BONES:
    A[parent, child] = A[child, parent] = True

figure, (left, right) = show.detached_figure(1, 2, figsize=(9, 4.4), layout="constrained")
points = samples[74].uv[1]
for bone in BONES:
    left.plot(*points[list(bone)].T, color=RIGHT)
left.plot(*points.T, "o", color=RIGHT)
for name in ("wrist", "thumb4", "index4", "little4"):
    left.annotate(name, points[joint_index(name)].tolist(), xytext=(6, 4), textcoords="offset points")
left.set(aspect="equal", title="a right hand: 21 joints, 20 bones")
left.invert_yaxis()
left.axis("off")
right.imshow(A, cmap="Greys", vmax=1.3)
right.set(title=f"adjacency: {int(A.sum())} entries", xlabel="is heard", ylabel="hears")
right.set_xticks(range(21), JOINT_NAMES, rotation=90, fontsize=7)
right.set_yticks(range(21), JOINT_NAMES, fontsize=7)
figure

# %% [markdown]
# **Why along bones?** Take the true hands of all pairs that ship. How much does the distance between two joints differ from hand to hand? Each dot is a pair of joints; the line is the mean.

# %%
joints = stack(samples).joints.flatten(0, 1)
varies = 1000 * torch.cdist(joints, joints).std(dim=0)
bones_apart = torch.from_numpy(bones_between())
figure, (axes,) = show.detached_figure(figsize=(6.5, 2.8), layout="constrained")
means = []
for n in range(1, 9):
    values = varies[bones_apart == n]
    axes.plot([n] * len(values), values, "o", color="0.7", markersize=4)
    means.append(values.mean())
axes.plot(range(1, 9), means, "o-", color="black")
axes.set(xlabel="bones apart", ylabel="distance varies by (mm)", ylim=(0, None))
axes.set_title(f"true hands of {len(samples)} pairs: standard deviation of distances")
figure

# %% [markdown]
# Along one bone a distance varies only as hands differ in size. Further away, most distances depend on the pose as well. (Not all: the five joints next to the wrist sit in the palm, and the pose doesn't move them against each other. They are among the lowest dots at 2.) So in the mean a neighbour leaves a hidden joint the least room: a sphere of nearly known radius around the neighbour. The paper builds this in: who is connected needn't be learned.
#
# ## One layer, on paper
#
# Each joint $j$ has two matrices of its own: $W^0_j$ for what it keeps and $W^1_j$ for what it sends. A joint's new feature is what it keeps plus a weighted mean of what its neighbours $N(i)$ send:
#
# $$ x_i' = x_i W^{0}_i + \sum_{j \in N(i)} a_{ij}\, x_j W^{1}_j . $$
#
# Features are rows, so they stand on the left. What $j$ sends goes through $j$'s matrix and is the same for all who hear it.
#
# Three joints in a chain, one number each: $x = (1, 1, 2)$, $W^0 = (1, 2, 3)$, $W^1 = (10, 20, 30)$. Every joint hears its neighbours equally.
#
# * Joint 0 keeps $1 \cdot 1$ and hears only joint 1, which sends $1 \cdot 20$: together **21**.
# * Joint 1 keeps $1 \cdot 2$ and hears the mean of $1 \cdot 10$ and $2 \cdot 30$, which is 35: together **37**.
# * Joint 2 keeps $2 \cdot 3$ and hears 20: together **26**.


# %%
def graph_convolution_by_loops(x, own, neighbour, weights):
    """One hand: (joints, features) -> (joints, out)."""
    out = torch.zeros(len(x), own.shape[-1])
    for i in range(len(x)):
        out[i] = x[i] @ own[i]
        for j in range(len(x)):
            out[i] += weights[i, j] * (x[j] @ neighbour[j])
    return out


x = torch.tensor([[1.0], [1.0], [2.0]])
own, neighbour = (torch.tensor(w)[:, None, None] for w in ([1.0, 2, 3], [10.0, 20, 30]))
equal = torch.tensor([[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]])
graph_convolution_by_loops(x, own, neighbour, equal).flatten()

# %% [markdown]
# **Whom to listen to** is learned. Every edge has a score $s_{ij}$, and a joint's weights are the softmax over its neighbours (Zhao et al., *Semantic graph convolutional networks*, CVPR 2019):
#
# $$ a_{ij} = \frac{\exp s_{ij}}{\sum_{k \in N(i)} \exp s_{ik}} . $$
#
# A row of weights sums to 1, whatever is learned: it stays a mean. Let joint 1 have a score of $\ln 3$ for joint 0, and all other scores be 0. Then it listens to joint 0 with weight 3/4 and to joint 2
# with 1/4, and its new feature is $2 + \tfrac34 \cdot 10 + \tfrac14 \cdot 60 = 24.5$. The other two joints' features don't change: a score belongs to the joint that hears.

# %%
chain = torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=torch.bool)
weights = neighbour_weights(torch.tensor([0, math.log(3), 0, 0]), chain)
graph_convolution_by_loops(x, own, neighbour, weights).flatten()

# %% [markdown]
# **Your part: `graph_convolution`.** The loop takes one hand, one receiver and one sender at a time. Write it for a batch, without loops: first what every joint keeps, then what every joint sends, then the weighted sums over senders. A right answer is kept in `my_dir.py`.


# %% tags=["exercise"]
def graph_convolution(x, own, neighbour, weights):
    """x: (b, joints, f); own, neighbour: (joints, f, out); weights: (joints, joints); returns (b, joints, out)."""
    ...


check("graph_convolution", graph_convolution)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def graph_convolution_solution(x, own, neighbour, weights):
    kept = (x[:, :, None] @ own).squeeze(2)
    sent = (x[:, :, None] @ neighbour).squeeze(2)
    return kept + weights @ sent


check("graph_convolution", graph_convolution_solution)

# %% [markdown]
# From here on we use the library's function. DIR's layer adds a bias, a batch norm and a ReLU; in `small` the layer's input is added to its output as well. The cell builds the trained layers of the left hand's GCN from these pieces. They must give what
# the network's trace holds. `embedded` enters the GCN: the vector read in notebook 04, passed through a small network, plus an embedding of the joint's place in space. `graph` leaves it.

# %%
from handlib.model.gcn import graph_convolution

model = DIR.from_pretrained("small")
batch = stack([resize(sample, model.config.image_size) for sample in samples])
with torch.no_grad():
    trace = model.trace(normalise(batch.image[:16]))
    first = trace.stages[0]
    x = first.embedded[:, 0]
    for layer in model.stages[0].gcn.modules_per_hand[0]:
        weights = neighbour_weights(layer.scores, layer.adjacency)
        out = graph_convolution(x, layer.own, layer.neighbour, weights)
        looped = [graph_convolution_by_loops(one, layer.own, layer.neighbour, weights) for one in x[:2]]
        assert torch.allclose(out[:2], torch.stack(looped), atol=1e-3)
        x = x + layer.norm((out + layer.bias).flatten(0, 1)).relu().unflatten(0, x.shape[:2])
    assert torch.allclose(x, first.graph[:, 0], atol=1e-3)
print(f"{tuple(x.shape)}: pictures, joints, features. Loops, function and network agree.")

# %% [markdown]
# Now your code runs the network: this one uses your function if you have written one, and must give the library's hands to 1e-5 m.

# %%
network = DIR.from_pretrained("small", parts=my_parts())
with torch.no_grad():
    mine = network(normalise(batch.image[:16])).final
assert (mine.vertices - trace.prediction.final.vertices).abs().max() < 1e-5
print(progress().title)
show.overlay(stack(samples[:16]), mine, truth=stack(samples[:16]), index=3)

# %% [markdown]
# ## How far does news travel?
#
# In one layer news travels one bone. After $n$ layers a joint has heard from joints up to $n$ bones away: from those where $(A + I)^n$ isn't zero. From the thumb's tip to the little finger's tip are eight bones, and no two joints are further apart.

# %%
guess = predict(
    "A stage of `small` has two graph layers. From how many of the 21 joints has the wrist heard after them, itself included?",
    "6",
    "11",
    "16",
    "21",
)
guess

# %% tags=["reveals"]
reached = {n: torch.linalg.matrix_power(A.float() + torch.eye(21), n) > 0 for n in (1, 2, 4, 8)}
guess.compare(str(int(reached[2][0].sum())))
figure, all_axes = show.detached_figure(1, 4, figsize=(10, 2.8), layout="constrained")
for axes, (n, heard) in zip(all_axes, reached.items()):
    axes.imshow(heard, cmap="Greys", vmin=0, vmax=1.3)
    axes.set_title(f"n = {n}: {100 * heard.float().mean():.0f} % of the pairs")
    axes.set(xticks=range(0, 21, 4), yticks=range(0, 21, 4), xlabel="is heard", ylabel="hears")
figure

# %% [markdown]
# The picture shows which news *may* arrive. How much *does* arrive? Nudge joint $j$'s feature by a step of length 1 in a random direction: joint $i$'s feature moves by $\|J_{ij}\| / \sqrt{f}$, where $J_{ij}$ is the Jacobian matrix of $i$'s output by $j$'s input and
# $f$ the number of features. (Root mean square, to first order.)
#
# We compute this for four networks: the trained stages; stage 2 on a *wrong skeleton*, whose bones lie between other joints while each joint keeps its matrices; and an untrained stack of eight layers. The wrong skeleton is nothing but another `graph_convolution`. (About 10 seconds.)


# %%
def wrong_skeleton(seed):
    order = torch.randperm(21, generator=torch.Generator().manual_seed(seed))

    def shuffled(x, own, neighbour, weights):
        return graph_convolution(x, own, neighbour, weights[order][:, order])

    return DIR.from_pretrained("small", parts={"graph_convolution": shuffled})


def influence(name, gcns, features):
    """Jacobian norms after 0, 1, ... layers, for both hands' GCNs and features (hand, 21, f)."""

    def after(layers, x):
        for layer in layers:
            x = layer(x)
        return x

    def norms(layers, x):
        by = jacobian(lambda one: after(layers, one[None])[0], x, vectorize=True)
        return (by.square().sum((1, 3)) / x.shape[1]).sqrt()

    both = [(list(gcn), x) for gcn, x in zip(gcns, features)]
    depths = range(len(both[0][0]) + 1)
    found = [torch.stack([norms(layers[:n], x) for layers, x in both]) for n in depths]
    return show.Influence(name, torch.stack(found).double().numpy())


# %%
entering = [step.embedded[14] for step in trace.stages]
torch.manual_seed(0)
deep, noise = SkeletonGCN(16, 8).eval(), torch.randn(21, 16)
networks = [
    influence(f"trained, stage {k + 1}", stage.gcn.modules_per_hand, entering[k])
    for k, stage in enumerate(model.stages)
]
wrong = wrong_skeleton(0).stages[1].gcn.modules_per_hand
networks.append(influence("wrong skeleton, stage 2", wrong, entering[1]))
networks.append(influence("untrained, 8 layers", [deep, deep], [noise, noise]))
show.InfluenceExplorer(networks, place(batch, 14))

# %% [markdown]
# Darker is stronger; a white joint on grey skin is exactly zero. Click a joint, slide the number of layers, turn the direction around.
#
# * Start at the left wrist with 0 layers and add one at a time. Does the count agree with the picture above?
# * Is influence mutual? Pick `wrist` and read off `index1`; then the other way. Which of the two is larger, and why? Count neighbours.
# * Take the wrong skeleton and pick a fingertip. Who feels it now?
# * With eight untrained layers the thumb's tip reaches the little finger's. How much of it arrives?
# * Is there a setting in which the other hand moves? Why not?
#
# <details><summary>Answers</summary>Counts and picture agree. Influence isn't mutual: index1 shares its attention between two neighbours, the wrist between five, so the wrist moves index1 more. On the wrong skeleton the neighbours of the fingertip's new bones feel it. Of eight layers next to nothing arrives. No bone leads to the other hand, so no number of layers reaches it.</details>
#
# Reach isn't influence. A message over eight bones is divided among neighbours at each of them.
#
# ## Wrong bones
#
# If the trained network uses the skeleton, other bones must hurt. We run the stages on all 80 pairs, again with other functions in the place of `graph_convolution`: four wrong skeletons; a function in which nobody sends; and one in which all scores are 0, so that every joint takes a plain mean. (About 10 seconds.)

# %%
guess = predict(
    "What costs the trained network more: news from the wrong joints, or no news at all?",
    "news from the wrong joints",
    "no news at all",
    "neither: 80 pairs show no clear difference",
)
guess


# %% tags=["reveals"]
def nobody_sends(x, own, neighbour, weights):
    return graph_convolution(x, own, 0 * neighbour, weights)


def plain_mean(x, own, neighbour, weights):
    heard = (weights > 0).float()
    return graph_convolution(x, own, neighbour, heard / heard.sum(1, keepdim=True))


def errors_of(network):
    with torch.no_grad():
        final = refine_from(network, start)[-1].after
    return evaluate_batch(final, batch, INTAG_MCP, hands)["mpjpe"].numpy()


with torch.no_grad():
    start = encode(model, normalise(batch.image))
hands = [model.hands[side] for side in SIDES]
trained = errors_of(model)
others = {f"wrong skeleton {k}": wrong_skeleton(k) for k in range(1, 5)}
for name, part in (("nobody sends", nobody_sends), ("all scores 0", plain_mean)):
    others[name] = DIR.from_pretrained("small", parts={"graph_convolution": part})
others = {name: errors_of(network) for name, network in others.items()}

# %% tags=["reveals"]
wrong = np.mean([errors for name, errors in others.items() if "wrong" in name], axis=0)
more = paired_difference(wrong.tolist(), others["nobody sends"].tolist())
guess.compare(guess.answers[0 if more.low > 0 else 1 if more.high < 0 else 2])
layers = [layer for stage in model.stages for gcn in stage.gcn.modules_per_hand for layer in gcn]
learned = torch.stack([neighbour_weights(layer.scores, A) for layer in layers])
degree = A.sum(1, keepdim=True)
uneven = (learned - A / degree).abs()[:, A & (degree > 1)]
print(f"wrong skeletons (mean of four) minus nobody sends: {more.low:+.1f} to {more.high:+.1f} mm (95 %)")
print(f"learned weights lie {uneven.mean():.2f} from equal ones on average, {uneven.max():.2f} at most")
figure, (axes,) = show.detached_figure(figsize=(7, 2.6), layout="constrained")
for row, errors in enumerate(others.values()):
    gain = paired_difference(errors.tolist(), trained.tolist())
    axes.plot([gain.low, gain.high], [row, row], color="black", linewidth=2)
    axes.plot(gain.mean, row, "o", color="black")
axes.axvline(0, color="0.6", linewidth=1)
axes.set_yticks(range(len(others)), others)
axes.invert_yaxis()
axes.set(xlabel=f"change of MPJPE (mm; as trained {trained.mean():.1f}), mean and 95 % interval")
figure

# %% [markdown]
# In the mean of these four skeletons, news from the wrong joints costs this network more than silence: the interval of the difference leaves out zero. (It is an interval over pairs, not over skeletons.) Look at the last row: every joint hears its neighbours equally, with weights of 1/2 in a finger and 1/5 at the wrist. The last printed line says how far the learned weights lie from these. (Fingertips don't count: with one neighbour they have no choice.) Yet equal weights cost next to nothing. *Who* is heard matters here; how much from each joint doesn't. All rows show what breaks in *this*
# network; what the GCN is worth is a question of training.
#
# ## What is the GCN worth?
#
# A GCN brings two things: messages, and many weights (two matrices for every joint). The micro-task `scattered_hiding` separates them. There is no picture. Each joint but the wrist is hidden with probability 0.6. A small network gets the noisy x and y of the seen joints and every joint's place in the mean hand. It must place the hidden
# joints, each from its own features. Five networks differ in the layers before that: none; the GCN's matrices, where every joint is its own only neighbour; a GCN on a shuffled skeleton; the GCN; a transformer. The three GCNs have equally many matrices. (One seed now, about 10 seconds.)

# %%
guess = predict(
    "The GCN gains something over matrices without messages. "
    "How much of this gain does the GCN on a shuffled skeleton reach?",
    "less than a tenth: messages have to come along the hand's bones",
    "a tenth to a half",
    "more than a half: any other joint tells nearly as much",
)
guess

# %% tags=["reveals"]
stored = stored_result("scattered_hiding")
live = micro_task.scattered_hiding(seeds=(0,), pairs=1000)
named = {"now: seed 0, 1000 pairs": live, f"stored: {len(stored.seeds)} seeds, 2000 pairs": stored}
figure, all_axes = show.detached_figure(1, 2, figsize=(10, 2.6), layout="constrained", sharey=True)
for axes, (title, result) in zip(all_axes, named.items()):
    for row, values in result.rows.items():
        axes.plot(values, [row] * len(values), "o", color="black", alpha=0.6)
    axes.set(title=title, xlabel=f"{result.measure} ({result.unit})", xlim=(0, None))
all_axes[0].invert_yaxis()
silent, shuffled, real = (
    sum(stored.rows[row]) for row in ("matrices without messages", "GCN, shuffled skeleton", "GCN")
)
share = (silent - shuffled) / (silent - real)
guess.compare(guess.answers[0 if share < 0.1 else 1 if share <= 0.5 else 2])
figure

# %% [markdown]
# Compare three rows: matrices alone, the shuffled skeleton, the hand's own bones.
#
# <details><summary>What they say</summary>Wrong neighbours tell something, too, but less. Each seed shuffles anew, so it depends on whom a joint happens to hear; this is why the third interval of the table below is so wide. Matrices alone bring nothing here: a hidden joint knows only its place in the mean hand, and no matrix makes news of that. Its neighbours' messages are news.</details>
#
# In the **whole network** messages have competitors: the picture, the transformer, the update that reads all joints of a hand at once. The table shows both, as 95 % intervals. Its second
# column comes from whole networks trained alike on smaller pictures ([notebook 11](11_ablations.ipynb)).

# %% tags=["reveals"]
errors = ablations.errors_of(ablations.load_results())


def worth(better, worse):
    return verdict(gain_of(errors, better, worse), "mm")


rows = {
    "GCN, against nothing": (stored.against("GCN", "neither"), worth("gcn_only", "no_gcn_no_transformer")),
    "messages, against matrices alone": (stored.against("GCN", "matrices without messages"), "not trained"),
    "the hand's bones, against others": (stored.against("GCN", "GCN, shuffled skeleton"), "not trained"),
    "GCN, against a transformer (micro-task: after 200 steps)": (
        stored.against("GCN", "transformer"),
        worth("gcn_only", "transformer_only"),
    ),
    "GCN, beside the transformer": ("–", worth("full", "transformer_only")),
}
heads = ("micro-task: error of hidden joints", "whole network: error of the last estimate")
seeds = "micro-task: three seeds; whole networks: two seeds each, the spread taken from all fifteen kinds"
show.table({name: dict(zip(heads, row)) for name, row in rows.items()}, f"95 % intervals ({seeds})")

# %% [markdown]
# In the micro-task the messages do it, not the weights. In the whole network nobody has trained this control, so a gain there may come from either. The transformer learns the micro-task more slowly, so the fourth row's first entry depends on the number of steps; don't read it as a verdict.
#
# ## In five lines
#
# * A graph convolution: what a joint keeps, plus a weighted mean of what its neighbours send.
# * Each joint has two matrices of its own; each edge has one learned score.
# * News travels one bone per layer, and gets thinner at every branch. No news crosses to the other hand.
# * The trained network relies on its own bones: other bones harm it, in the mean of four skeletons more than silence. Its learned scores could as well be equal.
# * Messages can place a hidden joint from seen ones (a gain of about 6 mm in the micro-task). In whole networks the GCN as a whole is worth about 0.4 mm ([claims](../docs/claims.md)); whether its messages or its weights bring that wasn't tried.
#
# **Check yourself.**
#
# <details><summary>1. All scores are 0. Which weight does the wrist give to <code>index1</code>, and <code>index1</code> to the wrist?</summary>1/5 and 1/2: the wrist has five neighbours, index1 has two.</details>
#
# <details><summary>2. Two joints hear joint j. Do they hear the same?</summary>Joint j sends both the same message, since it goes through j's matrix. Their weights for it differ.</details>
#
# <details><summary>3. The released network has four layers per stage. Does a thumb's tip hear another finger's tip?</summary>Not within a stage's GCN: tips of different fingers are eight bones apart.</details>
#
# <details><summary>4. Why does the micro-task need "matrices without messages"?</summary>They have all weights of the GCN and lack only what is claimed: news from other joints.</details>
#
# **Next.** Within the GCN a left joint can't hear a right one, in any number of layers. But where two hands touch, what hides a left finger is a right one, and no skeleton says which. All 42 joints go into one transformer and find out whom to attend to: [06 The inter-hand transformer](06_transformer.ipynb).

# %% [markdown]
# # Further
#
# ## Sum, or mean?
#
# Let every joint hold 1 and pass layers without weights. With the sum $A$ a joint holds its number of neighbours after one layer. The **mean** divides each row by its sum, $D^{-1}A$. The **symmetric** form $D^{-1/2} A D^{-1/2}$ divides each entry by the root of both degrees.

# %%
D = A.sum(1).float()
ways = {"sum": A.float(), "mean": A / D[:, None], "symmetric": A / (D[:, None] * D).sqrt()}
figure, all_axes = show.detached_figure(1, 3, figsize=(9, 2.6), layout="constrained", sharey=True)
for axes, (way, matrix) in zip(all_axes, ways.items()):
    held = torch.stack([torch.linalg.matrix_power(matrix, n) @ torch.ones(21) for n in range(13)])
    for name, style in (("wrist", "-"), ("index2", "--"), ("thumb4", ":")):
        axes.plot(held[:, joint_index(name)], style, color="black", label=name)
    axes.set(title=way, xlabel="layers", yscale="log", xticks=(0, 4, 8, 12))
all_axes[0].set_ylabel("what a joint holds")
all_axes[0].legend(frameon=False)
figure

# %% [markdown]
# The sum explodes, and the wrist holds far more than a tip. A batch norm over all joints takes out the common growth, but not what sets the wrist apart. With the mean, equal amounts stay equal. The symmetric form doesn't keep them equal, but nothing grows without limit: its largest eigenvalue is 1. After some layers a joint holds an amount nearly proportional to the root of its degree (its number of neighbours).
#
# **Exercise.** A checkpoint stores the scores as 40 numbers, in the row-major order of the adjacency's entries: first the wrist's five, then the two of `thumb1`, and so on. Which one says how much `receiver` listens to `sender`? Return its number, counted from 0.
#
# <details><summary>Hint</summary>Flatten the adjacency. How many true entries stand before the one at (receiver, sender)?</details>


# %% tags=["exercise"]
def edge_score_number(adjacency, receiver, sender): ...  # adjacency: (21, 21) bool; return a number


check("edge_score_number", edge_score_number)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def edge_score_number_solution(adjacency, receiver, sender):
    before = len(adjacency) * receiver + sender
    return adjacency.flatten()[:before].sum()


check("edge_score_number", edge_score_number_solution)

# %% [markdown]
# ## A matrix per joint, or one for all?
#
# An ordinary graph convolution shares one pair of matrices among all joints; DIR has 21 pairs, for equally many multiplications. What can they do that a shared pair can't? A task: every tip takes over what the joint before it holds, index and ring finger **with the sign turned**. For the graph all fingers are alike, so a shared matrix
# can only give all tips the same factor $c$. Its mean squared error is $\tfrac35 (1-c)^2 + \tfrac25 (1+c)^2$, at best 0.96, for $c = 0.2$.

# %%
TIPS = torch.tensor([4, 8, 12, 16, 20])
signs = torch.tensor([1.0, -1, 1, -1, 1])
inputs = torch.randint(0, 2, (1024, 21, 1), generator=torch.Generator().manual_seed(0)).float() * 2 - 1


def train_signs(matrices):
    own, neighbour = (torch.zeros(matrices, 1, 1, requires_grad=True) for _ in range(2))
    optimiser = torch.optim.Adam((own, neighbour), lr=0.05)
    for _ in range(200):
        out = graph_convolution(inputs, own.expand(21, 1, 1), neighbour.expand(21, 1, 1), ways["mean"])
        loss = (out[:, TIPS, 0] - signs * inputs[:, TIPS - 1, 0]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    learned = neighbour.detach().expand(21, 1, 1)[TIPS - 1].flatten()
    return {"error": f"{abs(loss.item()):.2f}", "factors learned": ", ".join(f"{c:+.1f}" for c in learned)}


show.table({"one pair for all joints": train_signs(1), "a pair per joint": train_signs(21)})

# %% [markdown]
# In DIR a joint's feature also carries an embedding of its place, from which a shared network could find out which joint it is at. The matrices per joint spare it that, at a price in weights:

# %%
table = {}
for name, layers in (("small", model.stages[0].gcn.modules_per_hand[0]), ("released", SkeletonGCN(128, 4))):
    matrices = sum(layer.own.numel() + layer.neighbour.numel() for layer in layers)
    table[f"{name}, {len(layers)} layers"] = {
        "thousand weights, one hand and stage": f"{sum(p.numel() for p in layers.parameters()) / 1e3:.0f}",
        "with shared matrices": f"{matrices / 21e3:.0f}",
    }
show.table(table)

# %% [markdown]
# **Exercise.** With four layers no two fingertips hear each other. Give the hand up to **five additional bones**, such that within four layers every joint hears every other. Return the new adjacency.
#
# <details><summary>Hint</summary>Every finger needs a way out at both ends. Which joint could all five new bones share?</details>


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
# ## More layers?
#
# If two layers are good, why not sixty? Averages of averages are all alike: **oversmoothing**. We stack untrained layers on the features that enter the first GCN and measure two spreads, relative to the features' size: how much the joints of a hand differ, and how much a joint differs from picture to picture. The layers: plain averaging with the
# neighbours; the same with one random matrix for all joints; with a random matrix per joint; and `GraphLayer`.

# %%
DEPTH, WIDTH = 64, first.embedded.shape[-1]
generator = torch.Generator().manual_seed(0)
averaging = (torch.eye(21) + ways["mean"]) / 2
one, each = (torch.randn(DEPTH, n, WIDTH, WIDTH, generator=generator) * (2 / WIDTH) ** 0.5 for n in (1, 21))
torch.manual_seed(0)
library = [GraphLayer(WIDTH, residual=False, adjacency=A) for _ in range(DEPTH)]
kinds = {
    "plain averaging": lambda x, n: averaging @ x,
    "shared matrix": lambda x, n: (averaging @ (x[:, :, None] @ one[n]).squeeze(2)).relu(),
    "matrix per joint": lambda x, n: (averaging @ (x[:, :, None] @ each[n]).squeeze(2)).relu(),
    "GraphLayer": lambda x, n: library[n](x),
}
figure, all_axes = show.detached_figure(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
for (name, layer), style in zip(kinds.items(), (":", "--", "-.", "-")):
    x, spreads = first.embedded[:, 0], []
    for n in range(DEPTH):
        with torch.no_grad():
            x = layer(x, n)
        x = x / x.norm() * 100
        spreads.append([float((x - x.mean(axis, keepdim=True)).norm() / x.norm()) for axis in (1, 0)])
    for axes, values in zip(all_axes, zip(*spreads)):
        axes.plot(range(1, DEPTH + 1), values, style, color="black", label=name)
for axes, between in zip(all_axes, ("joints", "pictures")):
    axes.set(title=f"spread between {between}", xlabel="layers", yscale="log")
all_axes[0].legend(frameon=False, fontsize=8)
figure

# %% [markdown]
# With plain averaging the joints become alike on a straight line, by the second largest eigenvalue per layer, and a shared matrix with a ReLU makes it worse. With a matrix per joint the joints stay apart, but because their matrices differ: how much depends on the *picture* falls nearly as with a shared matrix. `GraphLayer`
# keeps its joints apart, and more of the picture than the other two kinds with matrices. (Plain averaging keeps most of it: it has no ReLU and mixes no features.) Two likely reasons, not tested apart: what a joint keeps has a matrix of its own, and the batch norm takes away the mean that joints and pictures come to share. `small` has two
# layers and the released network four: look at the left end of the curves.
#
# ## In the released code
#
# * Four layers per hand and stage, separate weights for left and right.
# * The class is called residual and has no residual. `small` has one, and two layers.
# * The matrices are stored together: own first, neighbours' second. What a joint keeps has no score.
#
# **Exercise.** Write the released layer, up to the bias and before the norm, from the numbers of a checkpoint: `x` (21, features), `matrices` (2, 21, features, features), `scores` (40,), `bias` (features,).
#
# <details><summary>Hint</summary>You have all of it: <code>neighbour_weights</code> and <code>graph_convolution</code>. The latter wants a batch.</details>


# %% tags=["exercise"]
def released_graph_layer(x, matrices, scores, bias, adjacency): ...  # return (21, features)


check("released_graph_layer", released_graph_layer)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def released_graph_layer_solution(x, matrices, scores, bias, adjacency):
    own, neighbour = matrices
    weights = neighbour_weights(scores, adjacency)
    return graph_convolution(x[None], own, neighbour, weights)[0] + bias


check("released_graph_layer", released_graph_layer_solution)

# %% [markdown]
# **An open question.** The scores are learned once and are the same for every picture. When a thumb touches an index tip, two joints eight bones apart are at one place. How would you let the picture decide who hears whom?
