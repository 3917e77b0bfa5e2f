# %% [markdown]
# # 06 · The inter-hand transformer: what do two hands tell each other?
#
# No bone leads from one hand to the other, so no GCN can carry news between them. But two hands touch, hide each other, and often do related things. And one question no hand can answer alone: how far is it from my wrist to yours? DIR puts the features of all $2 \times 21 = 42$ joints into one transformer (Sec. 3.2.2). Every joint may
# take something from every other, and how much is computed anew for each picture. **What do two hands tell each other, and what is it worth?**
#
# **Time:** about 50 minutes for the core, 45 for Further.
#
# Afterwards you can
#
# 1. compute attention on paper, for three tokens;
# 2. write it for a batch with several heads, and run the network with your function;
# 3. say what else is in a block, and what DIR adds after it;
# 4. say what a trained network loses when its hands are cut apart;
# 5. tell when a transformer between the hands pays, and when it can't.
#
# Words: [token](../docs/glossary.md#token), [attention map](../docs/glossary.md#attention-map), [GCN](../docs/glossary.md#graph-convolutional-network), [offset](../docs/glossary.md#offset), [MPJPE](../docs/glossary.md#mean-per-joint-position-error), [MRRPE](../docs/glossary.md#mean-relative-root-position-error).

# %%
import math
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from scipy.stats import spearmanr
from torch.nn.functional import layer_norm
from torch.utils.flop_counter import FlopCounterMode

from handlib import DIR, load_samples, show
from handlib.analysis import ablations
from handlib.analysis.comparison import gain_of, paired_difference, verdict
from handlib.analysis.interventions import encode, refine_from
from handlib.analysis.micro_tasks import hidden_hand as micro_task
from handlib.analysis.micro_tasks.catalogue import stored_result
from handlib.analysis.other_hand import told_by_other
from handlib.data.rendered.placement import WORLDS, place_pair
from handlib.data.sample import STRATA, normalise, resize, stack
from handlib.evaluation.metrics import INTAG_WRIST, evaluate_batch
from handlib.exercises import check, my_parts, predict, progress
from handlib.hand.skeleton import BONES, SIDES
from handlib.model.estimate import LENGTH_UNIT
from handlib.model.transformer import TwoHandTransformer
from handlib.show.core import palette
from handlib.show.transformer import matrix_picture

torch.set_num_threads(1)
show.dir_map("transformer")

# %%
progress()

# %% [markdown]
# Left: along these lines one GCN layer moves features. Right: along these lines one layer of the transformer moves features to a single joint, the tip of the right index finger. The other 41 joints have as many.

# %%
samples = load_samples("test") + load_samples("train")
points = samples[14].uv.flatten(0, 1)
bones = [(21 * hand + a, 21 * hand + b) for hand in range(2) for a, b in BONES]
to_index_tip = [(21 + 8, k) for k in range(42)]
figure, all_axes = show.detached_figure(1, 2, figsize=(8, 3.6), layout="constrained")
for axes, lines, title in zip(all_axes, (bones, to_index_tip), ("GCN: bones", "transformer: everything")):
    for a, b in lines:
        colour = palette.HIGHLIGHT if a // 21 != b // 21 else "0.6"
        axes.plot(*points[[a, b]].T, color=colour, linewidth=0.8)
    for hand, side in enumerate(SIDES):
        ours = points[21 * hand : 21 * hand + 21]
        axes.plot(*ours.T, "o", color=palette.HANDS[hand], label=f"{side} hand")
    axes.set(title=title, aspect="equal", xticks=[], yticks=[])
    axes.invert_yaxis()
all_axes[0].legend(frameon=False)
figure

# %% [markdown]
# ## Attention, on paper
#
# Each token has three vectors: a *query* $q_i$, the question that it asks; a *key* $k_j$, the label by which it is found; a *value* $v_j$, the news that it has. Token $i$ compares its query with all keys, turns the scores into weights that sum to 1, and receives the weighted mean of the values:
#
# $$ w_{ij} = \frac{\exp(q_i \cdot k_j / \sqrt d)}{\sum_m \exp(q_i \cdot k_m / \sqrt d)}, \qquad o_i = \sum_j w_{ij}\, v_j $$
#
# with $d$ numbers per query and key (Vaswani et al., *Attention is all you need*, 2017, Eq. 1). Three tokens of two numbers; the keys are logarithms, so that the exponentials come out round:
#
# | token | query | key | value |
# |---|---|---|---|
# | 0 | $(\sqrt2, 0)$ | $(0, 0)$ | $(8, 0)$ |
# | 1 | $(0, 0)$ | $(\ln 2, \ln 3)$ | $(0, 8)$ |
# | 2 | $(0, \sqrt2)$ | $(\ln 5, 0)$ | $(8, 8)$ |
#
# With $d = 2$ the $\sqrt 2$ of the queries cancels.
#
# * Token 0 looks at the keys' first numbers, $0, \ln 2, \ln 5$. Its weights are as $1 : 2 : 5$, and it receives $\frac18(8,0) + \frac28(0,8) + \frac58(8,8) = (6, 7)$.
# * Token 1 asks nothing. All its scores are 0, and it hears all equally: $(\frac{16}{3}, \frac{16}{3})$.
# * Token 2 looks at the second numbers, $0, \ln 3, 0$: weights $1 : 3 : 1$, and it receives $(3.2, 6.4)$.


# %%
def attend_by_loops(query, key, value):
    """One head: (tokens, features) each -> received (tokens, features), weights (tokens, tokens)."""
    received, weights = torch.zeros_like(value), torch.zeros(len(query), len(key))
    for i in range(len(query)):
        scores = [math.exp(query[i] @ key[j] / math.sqrt(query.shape[1])) for j in range(len(key))]
        for j in range(len(key)):
            weights[i, j] = scores[j] / sum(scores)
            received[i] += weights[i, j] * value[j]
    return received, weights


query = torch.tensor([[math.sqrt(2), 0], [0, 0], [0, math.sqrt(2)]])
key = torch.tensor([[0, 0], [math.log(2), math.log(3)], [math.log(5), 0]])
value = torch.tensor([[8.0, 0], [0, 8], [8, 8]])
received, weights = attend_by_loops(query, key, value)
show.table(
    {
        f"token {i}": {
            "weights": str(weights[i].numpy().round(3)),
            "receives": str(received[i].numpy().round(1)),
        }
        for i in range(3)
    }
)

# %% [markdown]
# A weight depends on both tokens: the picture's content decides who listens to whom. And nobody can take nothing: a row sums to 1, even if no token has anything useful to say.
#
# **Your part: `attend`.** Write it without loops, for any leading dimensions (batch, heads). Return what the tokens receive, and the weights. A right answer is kept in `my_dir.py`.


# %% tags=["exercise"]
def attend(query, key, value):
    """query, key, value: (..., tokens, features); returns (..., tokens, features) and (..., tokens, tokens)."""
    ...


check("attend", attend)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def attend_solution(query, key, value):
    weights = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1)
    return weights @ value, weights


check("attend", attend_solution)

# %% [markdown]
# ## The whole transformer
#
# **Heads.** One softmax gives one weighted mean. To hear two different things at once, the features are cut into $h$ parts with an attention each. Queries, keys and values are linear functions of the same tokens, and a last linear layer mixes the heads.
#
# **A block** lets a two-layer perceptron compute with what arrived. Both read a normalised copy and add to what was there, so a token doesn't forget itself:
#
# $$ x' = x + \mathrm{Attention}(\mathrm{Norm}(x)), \qquad x'' = x' + \mathrm{MLP}(\mathrm{Norm}(x')) . $$
#
# **In DIR** a learned embedding per token comes first, and one LayerNorm, shared by all blocks, follows *every* block. What enters is the GCN's output plus an embedding of each joint's place, with **both hands in one frame**: the previous estimate's offset from wrist to wrist moves each hand by half of it.
#
# From here on we use the library's `attend`. Written out, the last stage's transformer must give the tokens of the network's trace.

# %%
from handlib.model.transformer import attend

model = DIR.from_pretrained("small")
batch = stack([resize(sample, model.config.image_size) for sample in samples])


def entering(stage, step):
    half = step.before.offset[:, None] / 2
    in_one_frame = step.before.joints / LENGTH_UNIT + torch.stack((-half, half), dim=1)
    return (step.graph + stage.global_position(in_one_frame)).flatten(1, 2)


def run_transformer(transformer, x):
    x = x + transformer.position
    for block in transformer.blocks:
        three = block.attention.qkv(block.norm_attention(x)).unflatten(-1, (3, transformer.heads, -1))
        # (pairs, tokens, 3, heads, d) -> queries, keys, values, each (pairs, heads, tokens, d)
        received, _ = attend(*three.permute(2, 0, 3, 1, 4))
        x = x + block.attention.project(received.transpose(1, 2).flatten(2))
        x = transformer.norm(x + block.mlp(block.norm_mlp(x)))
    return transformer.head(x)


with torch.no_grad():
    start = encode(model, normalise(batch.image))
    steps = refine_from(model, start)
    tokens = entering(model.stages[-1], steps[-1])
    written_out = run_transformer(model.stages[-1].transformer, tokens)
assert torch.allclose(written_out, steps[-1].tokens.flatten(1, 2), atol=1e-3)
print(f"weights: {tuple(steps[-1].attention.shape)} = pairs, layers, heads, who takes, from whom")

# %% [markdown]
# Now your code runs the network, on one test picture three times: as it is, and with each hand painted over by the background's colours.

# %%
pictures = {"as it is": batch[4].image}
for hand, side in enumerate(SIDES):
    pictures[f"{side} hand painted over"] = show.paint_out(batch[4], hand).image
show.picture_row([image.permute(1, 2, 0) for image in pictures.values()], list(pictures))

# %% [markdown]
# The network uses your `attend` if you have written one, and must agree with the library's to 1e-5 m.

# %%
network = DIR.from_pretrained("small", parts=my_parts())
with torch.no_grad():
    traces = {title: network.trace(normalise(image[None])) for title, image in pictures.items()}
difference = traces["as it is"].prediction.final.vertices - steps[-1].after.vertices[4:5]
assert difference.abs().max() < 1e-5
print(progress().title)

# %%
show.AttentionLines(traces)

# %% [markdown]
# Lines lead from the picked joint to its ten strongest partners: pink to the other hand, grey within its own.
#
# * Go through the four heads of the last layer. Does one of them stay mostly within the hand, or mostly cross?
# * Switch from *attends to* to *is attended by*. Find a joint that many listen to and that itself listens elsewhere.
# * Choose *left hand painted over*, pick a left fingertip, and compare the last number of the caption with the picture as it is. Then a right fingertip. (One joint in one picture may do otherwise than the mean that comes next.)
#
# <details><summary>Answers</summary>Heads differ: some lines stay mostly within the hand, some mostly cross. The tips of the hidden left hand attend to the right hand more than before, the right tips to the left hand less.</details>
#
# ## Where does attention go?
#
# A row sums to 1, so one number per token says how much of its attention goes to the *other* hand. Spread evenly, 21/42 would.


# %%
def cross_hand_share(weights):
    """(..., 42, 42) -> (..., 42); rows take, columns give; tokens 0 to 20 are the left hand."""
    left, right = weights[..., :21, 21:].sum(-1), weights[..., 21:, :21].sum(-1)
    return torch.cat((left, right), dim=-1)


guess = predict(
    "In 32 pairs, one hand is painted over. How do the shares for the other hand change?",
    "the hidden hand's joints give more to the other hand, the visible hand's joints less",
    "hardly at all: a share depends on the joint, not on the picture",
    "the hidden hand's joints give less to the other hand, the visible hand's joints more",
)
guess


# %% tags=["reveals"]
def shares(steps):
    """Mean share per pair and hand in the last stage (%): (32, 2)."""
    per_joint = cross_hand_share(steps[-1].attention[:32]).mean((1, 2))
    return 100 * per_joint.unflatten(-1, (2, 21)).mean(-1)


usual, hidden, seen = shares(steps), [], []
for hand in range(2):
    painted = torch.stack([show.paint_out(batch[k], hand).image for k in range(32)])
    with torch.no_grad():
        after = shares(refine_from(model, encode(model, normalise(painted))))
    hidden.append(torch.stack((usual[:, hand], after[:, hand])))
    seen.append(torch.stack((usual[:, 1 - hand], after[:, 1 - hand])))
figure, all_axes = show.detached_figure(1, 2, figsize=(7, 2.8), layout="constrained", sharey=True)
changes = []
for axes, of, title in zip(
    all_axes, (hidden, seen), ("joints of the hidden hand", "joints of the visible hand")
):
    of = torch.cat(of, dim=1)
    axes.plot(of, color="0.8", linewidth=0.8)
    axes.plot(of.mean(1), "o-", color="black")
    axes.set(title=title, xticks=(0, 1), xticklabels=("as it is", "painted over"), xlim=(-0.3, 1.3))
    changes.append(float((of[1] - of[0]).mean()))
all_axes[0].set_ylabel("to the other hand (%)")
up, down = changes[0] > 1 and changes[1] < -1, changes[0] < -1 and changes[1] > 1
guess.compare(guess.answers[0 if up else 2 if down else 1])
figure

# %% [markdown]
# Nobody told the network which hand is hidden. The weights follow from what the tokens hold.
#
# ## Cut the hands apart
#
# Does the exchange matter? A weight isn't an influence yet (Further measures this), so we intervene: a mask forbids some pairs of tokens. A forbidden pair gets the weight 0, and the others still sum to 1. For the network this is nothing but another `attend`. We compare two errors on 80 pairs: MPJPE, of the joints around their own wrist, and
# MRRPE, of the vector from wrist to wrist.
#
# **Exercise.** Write attention with a mask: `allowed[i, j]` says whether token $i$ may take from token $j$. Return what `attend` returns.
#
# <details><summary>Hint</summary>Which score has the exponential 0? <code>masked_fill</code> puts it where the mask forbids, before the softmax.</details>


# %% tags=["exercise"]
def attend_masked(query, key, value, allowed): ...  # (..., tokens, features) three times, (tokens, tokens)


check("attend_masked", attend_masked)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def attend_masked_solution(query, key, value, allowed):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = scores.masked_fill(~allowed, -torch.inf).softmax(-1)
    return weights @ value, weights


check("attend_masked", attend_masked_solution)

# %%
guess = predict(
    "Every joint may attend to its own hand only. Which error of the trained network rises more, in the mean?",
    "MPJPE, of the joints",
    "MRRPE, of the vector between the wrists",
    "neither: less than 0.5 mm apart",
)
guess


# %% tags=["reveals"]
def attend_within(allowed):
    masked = partial(attend_masked_solution, allowed=allowed)
    return DIR.from_pretrained("small", parts={"attend": masked})


def errors_of(network):
    with torch.no_grad():
        final = refine_from(network, start)[-1].after
    return evaluate_batch(final, batch, INTAG_WRIST, hands)


def rise(errors, name, chosen=slice(None)):
    return paired_difference(errors[name][chosen].tolist(), usual_errors[name][chosen].tolist())


hands = [model.hands[side] for side in SIDES]
token, itself, usual_errors = torch.arange(42), torch.eye(42, dtype=torch.bool), errors_of(model)
same_hand = token[:, None] // 21 == token // 21
masks = {"own hand only": same_hand, "itself and the other hand": ~same_hand | itself, "itself only": itself}
cut = {title: errors_of(attend_within(allowed)) for title, allowed in masks.items()}

# %% tags=["reveals"]
changes = [rise(cut["own hand only"], name) for name in ("mpjpe", "mrrpe")]
joints, wrists = (change.mean for change in changes)
guess.compare(guess.answers[2 if abs(joints - wrists) < 0.5 else 0 if joints > wrists else 1])
for name, change in zip(("mpjpe", "mrrpe"), changes):
    low, high = change.low, change.high
    print(
        f"{name.upper()}, {usual_errors[name].mean():.0f} mm, changes by {low:+.1g} to {high:+.1g} mm (95 %)"
    )
all_pairs = {
    f"{title}: {name.upper()}": rise(cut[title], name) for title in cut for name in ("mpjpe", "mrrpe")
}
strata = {STRATA[k]: batch.stratum == k for k in range(len(STRATA)) if (batch.stratum == k).any()}
by_stratum = {
    f"{name} ({int(of.sum())} pairs)": rise(cut["own hand only"], "mrrpe", of) for name, of in strata.items()
}
figure, both_axes = show.detached_figure(1, 2, figsize=(10, 2.6), layout="constrained")
panels = {"attention allowed to ...": all_pairs, "own hand only: MRRPE": by_stratum}
for axes, (title, found) in zip(both_axes, panels.items()):
    for row, gain in enumerate(found.values()):
        axes.plot([gain.low, gain.high], [row, row], color="black", linewidth=2)
        axes.plot(gain.mean, row, "o", color="black")
    axes.axvline(0, color="0.6", linewidth=1)
    axes.set_yticks(range(len(found)), found)
    axes.set(title=title)
    axes.invert_yaxis()
figure.supxlabel("rise of the error (mm), mean and 95 % interval", fontsize=10)
figure

# %% [markdown]
# Compare the first two rows. An interval above zero says that *this* network lets attention between the hands carry a part of what the error measures. For the vector between the wrists it needn't: the layer that updates the offset reads all 42 tokens itself ([notebook 08](08_refinement.ipynb)). (A pair has one such vector, but 42 joints, so its interval is
# wide.) On the right the groups are small. An interval that holds zero leaves open whether the exchange helps there.
#
# With the other two masks a joint can't hear its own hand. The network has never met this, so those rows say little about the exchange.
#
# ## What does one hand know of the other?
#
# A transformer can only carry what is there. So ask the data, without any network: how much of the left hand can be told from the right one? A ridge regression answers, on pairs that it wasn't fitted to. $R^2 = 1$ means all of it, 0 or less nothing. In the world `desk-full` the two hands are drawn independently; in `desk-person` both belong
# to one person. Interlocked pairs, whose two turns belong together in both worlds, are left out.

# %%
guess = predict(
    "How much of the left hand's finger pose can be told from the right hand's pose in `desk-person`?",
    "most of it (R² over 0.5)",
    "a part of it (R² of 0.1 to 0.5)",
    "next to nothing (R² under 0.1)",
)
guess

# %% tags=["reveals"]
told = {}
for name in ("desk-full", "desk-person"):
    world, rng = replace(WORLDS[name], shares=(0.3, 0.3, 0.4, 0.0)), np.random.default_rng(2)
    told[name] = told_by_other(place_pair(world, rng) for _ in range(200))
pose = told["desk-person"]["pose"]
guess.compare(guess.answers[2 if pose < 0.1 else 1 if pose <= 0.5 else 0])
figure, (axes,) = show.detached_figure(figsize=(6, 2.6), layout="constrained")
for offset, (name, values) in zip((-0.2, 0.2), told.items()):
    bars = np.arange(3) + offset
    heights = [round(value, 2) + 0.0 for value in values.values()]
    drawn = axes.bar(bars, heights, 0.38, color="0.75" if offset < 0 else "0.3", label=name)
    axes.bar_label(drawn, fmt="%g", fontsize=9, padding=2)
axes.axhline(0, color="black", linewidth=1)
axes.set(ylabel="told by the other hand (R²)", ylim=(-0.3, 1.2))
axes.set_xticks(range(3), told["desk-full"])
axes.legend(frameon=False)
figure

# %% [markdown]
# In `desk-full` the right hand tells nothing of the left one. (Below zero, the regression has learned chance.) No transformer, however good, could fill in a hidden finger from the other hand there. In `desk-person` the other hand tells the whole shape, somewhat more than a quarter of the pose, and a fifth of the turn, the rotation of the whole hand.
#
# ## What is the transformer worth?
#
# The micro-task `hidden_hand` makes both cases pure. All joints of the right hand are hidden, except its wrist. In the **mirrored** world the left hand has the same shape and nearly the mirror image of the pose. In the **independent** world it tells nothing. A small network must place the hidden joints: with nothing between the joints, with a GCN, with a
# transformer, with both. Two controls: a transformer for each hand alone, and a transformer behind the GCN's matrices without messages. (Some rows now, about 10 seconds.)

# %%
guess = predict(
    "Mirrored hands, the right one hidden. With nothing between the joints its error is about 19 mm. "
    "How much of it does a transformer leave?",
    "nearly all of it (over 80 %)",
    "a part of it (20 to 80 %)",
    "almost nothing (under 20 %)",
)
guess

# %% tags=["reveals"]
stored = stored_result("hidden_hand")
rows = ("mirrored, neither", "mirrored, GCN", "mirrored, transformer", "independent, transformer")
live = micro_task.hidden_hand(seeds=(0,), rows=rows, pairs=1000)
named = {"now: some rows, seed 0, 1000 pairs": live, f"stored: {len(stored.seeds)} seeds, 2000 pairs": stored}
figure, all_axes = show.detached_figure(1, 2, figsize=(10, 3.2), layout="constrained", sharey=True)
for axes, (title, result) in zip(all_axes, named.items()):
    for place, row in enumerate(stored.rows):
        values = result.rows.get(row, [])
        axes.plot(values, [place] * len(values), "o", color="black", alpha=0.6)
    axes.set(title=title, xlabel=f"{result.measure} ({result.unit})", xlim=(0, None))
all_axes[0].set_yticks(range(len(stored.rows)), stored.rows)
all_axes[0].invert_yaxis()
left = np.mean(stored.rows["mirrored, transformer"]) / np.mean(stored.rows["mirrored, neither"])
guess.compare(guess.answers[0 if left > 0.8 else 1 if left > 0.2 else 2])
figure

# %% [markdown]
# Compare the mirrored rows: what does the transformer for each hand alone leave, and what do the GCN's messages add to the transformer (*matrices and transformer* against *GCN and transformer*)?
#
# <details><summary>What they say</summary>A transformer for each hand alone leaves all of the error: what helps is the way to the other hand. The GCN's messages add nothing that these seeds show: a hand is hidden or seen as a whole, so its own bones have little news to carry. Notebook 05 has the task in which they do.</details>
#
# Now beside it what the transformer is worth in **whole networks**, trained alike on the world that the caption names (95 % intervals of MPJPE, [notebook 11](11_ablations.ipynb)).

# %% tags=["reveals"]
results = ablations.load_results()


def worth(better, worse, measure="mpjpe"):
    return verdict(gain_of(ablations.errors_of(results, measure), better, worse), "mm")


def shown_by(world, row, reference="neither"):
    return stored.against(f"{world}, {row}", f"{world}, {reference}")


per_hand = shown_by("mirrored", "transformer", "a transformer per hand")
both = shown_by("mirrored", "GCN and transformer", "GCN")
mirrored, independent = (shown_by(world, "transformer") for world in ("mirrored", "independent"))
rows = {
    "against nothing": (mirrored, independent, worth("transformer_only", "no_gcn_no_transformer")),
    "against one transformer per hand": (per_hand, "–", "–"),
    "beside the GCN": (both, "–", worth("full", "gcn_only")),
    "against more GCN layers": ("–", "–", worth("full", "gcn_for_transformer")),
}
columns = (
    "mechanism shown: hidden joints (mm), mirrored hands",
    "hidden joints (mm), independent hands",
    "worth in error: MPJPE (mm)",
)
show.table(
    {f"transformer, {name}": dict(zip(columns, row)) for name, row in rows.items()},
    f"The networks of the last column learned from the world {results[0].data['world']}. –: not measured.",
)

# %% [markdown]
# Beside the GCN, the last column excludes a gain of more than 0.3 mm, of about 15 mm. Why so little, where the left column has more than 10 mm? Go back to the bars of $R^2$. In `desk-full` one hand tells nothing of the other's pose, so independent hands are the case to expect there: in the micro-task they differ by 0.05 mm at most, a tenth of the
# 0.5 mm that it counts as a gain. And MPJPE doesn't see the vector between the hands. (MRRPE sees it, and shows no clear gain either; see Further.) In one measure the difference is clear, and it is a loss: in PA-MPJPE the transformer is worse than more GCN layers in its place, by 0.07 to 0.27 mm. So the small number doesn't refute the mechanism. The data and the measure are likely reasons. A third one is the layer that updates the offset: it reads all 42 tokens itself. Networks trained on `desk-person` would tell; none has been trained.
#
# ## In five lines
#
# * Attention: every token receives a weighted mean of all values; queries and keys decide the weights, anew for every picture.
# * A block adds attention and a perceptron to its tokens. DIR normalises after each block, with one shared norm.
# * In the trained network, attention turns to the hand that can be seen.
# * Cut the hands apart: the joints around each wrist (MPJPE) lose little, because the picture and the own hand tell most of them. Only MRRPE sees the vector between the wrists; it may lose more, although the layer that updates it reads both hands anyway.
# * A transformer between the hands pays where one hand knows something of the other. Independent hands know nothing of each other's pose.
#
# **Check yourself.**
#
# <details><summary>1. A token's query is zero. What does it receive?</summary>The plain mean of all values: all its scores are 0, so all weights are equal.</details>
#
# <details><summary>2. Why does a mask set scores to minus infinity, not weights to zero?</summary>The softmax then makes the others sum to 1. Weights set to zero afterwards would leave a sum below 1.</details>
#
# <details><summary>3. Why is a transformer per hand the right control?</summary>It has more weights than the transformer and lacks only what is claimed: the way to the other hand.</details>
#
# <details><summary>4. In <code>desk-person</code> the shape of one hand is told by the other. Why might MPJPE still gain little?</summary>Most hands are visible, so the picture tells their shape as well. The other hand helps where a hand is hidden.</details>
#
# **Next.** The 42 tokens know of each other, and a stage makes its new estimate from them. But they are vectors without a place in the picture, and the next stage will read a *map* again. How do joints write what they know back into the image, and why into many planes? [07 Multi-plane projection](07_projection.ipynb).

# %% [markdown]
# # Further
#
# ## Why divide by $\sqrt d$?
#
# If the entries of $q$ and $k$ are independent with variance 1, then $q \cdot k$ has variance $d$. Without the division longer vectors give larger scores, and the softmax chooses a single token. A choice passes no gradient to the others. The largest of 42 weights, for random queries:

# %%
generator, rows = torch.Generator().manual_seed(0), {}
for d in (4, 16, 64):
    q, k = torch.randn(2, 1000, 42, d, generator=generator)
    rows[f"d = {d}"] = {
        name: f"{(q @ k.mT / scale).softmax(-1).amax(-1).mean():.2f}"
        for name, scale in (("undivided", 1), ("divided", math.sqrt(d)))
    }
show.table(rows, "mean largest weight")

# %% [markdown]
# ## Who is who, and where?
#
# In the formulas $i$ and $j$ only label tokens; nothing depends on their order. Shuffle the tokens, and the same results come out, shuffled (*equivariance*). Only the learned embedding tells a left thumb from a right wrist by its place in the list. Does the trained network use it? Take it out. Then replace each embedding of *places* by its average over all
# pairs, so that the joint's name stays and its place in this picture is lost.


# %%
def averaged(module, inputs, out):
    return out.mean(0, keepdim=True).expand_as(out)


without = {}
for name in ("position", "local_position", "global_position"):
    without[name] = DIR.from_pretrained("small")
    for stage in without[name].stages:
        if name == "position":
            stage.transformer.position.data.zero_()
        else:
            getattr(stage, name).register_forward_hook(averaged)
titles = (
    "no learned embedding per token",
    "places around the own wrist averaged (before the GCN)",
    "places in one frame averaged (before the transformer)",
)
rows = {}
for title, network in zip(titles, without.values()):
    errors = errors_of(network)
    gains = {name: rise(errors, name) for name in ("mpjpe", "mrrpe")}
    rows[title] = {f"{name.upper()} (mm)": f"{g.low:+.1f} to {g.high:+.1f}" for name, g in gains.items()}
show.table(rows, "rise of the error, 95 % interval over 80 pairs")

# %% [markdown]
# Names come in by other ways, too: the GCN before has a matrix per joint, and the update after reads the tokens in a fixed order.
#
# ## Is attention an explanation?
#
# The average matrix has vertical stripes: some joints are listened to by everybody, whoever asks.

# %%
from PIL import Image

attention = steps[-1].attention
even = 1 / 42
common = (attention.mean(-2) - even).square().sum() * 42 / (attention - even).square().sum()
print(f"Common to all 42 joints that ask: about {100 * common:.0f} % of the pattern.")
Image.fromarray(matrix_picture(attention.mean((0, 1, 2)).numpy()))

# %% [markdown]
# It is tempting to read the widget's lines as "this joint was placed there because of that one". But a weight only says which share of a mean a token has. So measure influence itself: how far does the output for token $i$ move if token $j$ is *replaced* by its average over all pairs, or *removed*, so that nobody but itself may attend to it?
#
# **Exercise.** An obvious repair weighs by what is carried. With $h$ heads, token $j$ adds $\sum_h w^h_{ij}\, v^h_j W^h$ to token $i$ in one layer, where $W^h$ is head $h$'s part of the output layer. Return the length of this vector for all $i$ and $j$.
#
# <details><summary>Hint</summary>One <code>torch.einsum</code> carries the values through the output layer, another one weighs them and sums over heads. The length comes last: of the sum, not of each head's part.</details>


# %% tags=["exercise"]
def contribution(weights, values, output): ...  # (h, n, n), (h, n, d), (h, d, features) -> (n, n)


check("contribution", contribution)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def contribution_solution(weights, values, output):
    carried = torch.einsum("hjd,hdf->hjf", values, output)
    return torch.einsum("hij,hjf->ijf", weights, carried).norm(dim=-1)


check("contribution", contribution_solution)

# %%
transformer, some = model.stages[-1].transformer, tokens[:16]
influence, carried = {"replaced": [], "removed": []}, 0
with torch.no_grad():
    out = transformer(some)[0]
    for j in range(42):
        replaced = some.clone()
        replaced[:, j] = tokens.mean(0)[j]
        removing = attend_within((token != j) | itself).stages[-1].transformer
        for name, changed in (("replaced", transformer(replaced)), ("removed", removing(some))):
            influence[name].append((changed[0] - out).norm(dim=-1))
    x = some + transformer.position
    for block in transformer.blocks:
        part = block.attention
        values = part.qkv(block.norm_attention(x)).unflatten(-1, (3, part.heads, -1))[:, :, 2].transpose(1, 2)
        output = part.project.weight.T.unflatten(0, (part.heads, -1))
        new, weights = block(x)
        carried = carried + torch.stack(
            [contribution_solution(w, v, output) for w, v in zip(weights, values)]
        )
        x = transformer.norm(new)
measures = {"attention": attention[:16].mean((1, 2)), "contribution": carried}
measures |= {name: torch.stack(columns, dim=-1) for name, columns in influence.items()}

# %%
ranked = {name: m[:, ~itself].unflatten(1, (42, 41)).flatten(0, 1) for name, m in measures.items()}


def rank_correlation(one, other):
    pairs = zip(ranked[one].numpy(), ranked[other].numpy())
    return f"{np.mean([spearmanr(a, b).statistic for a, b in pairs]):.1f}"


show.table(
    {one: {other: rank_correlation(one, other) for other in influence} for one in measures},
    "rank correlation of a token's 41 partners (1: the same order, 0: none)",
)

# %% [markdown]
# The weights are no fiction, and no explanation: the order of partners by weight is only partly the order by influence. The contributions look like the better measure. Compare the first two rows: do they agree more with influence? And "influence" isn't one thing: replacing asks what this picture's token adds to an average one, removing asks what it adds at all.
#
# ## Why joints and not vertices?
#
# Earlier work lets the *vertices* of two meshes exchange features. DIR argues (Sec. 2.3) that joints are cheaper and overfit less. The first half can be counted. A multiplication and an addition count as two; with $n$ tokens of $f$ features the two products of attention, scores and weighted sums, take $2 n^2 f$ each, for any number of heads.
#
# **Exercise.** How many operations has a whole block? It has the two products, the layer for queries, keys and values, the output layer, and a perceptron with $2f$ hidden features. Biases, norms, softmax and GELU don't count.
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


# %%
def counted(module, *inputs):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*inputs)
    return counter.get_total_flops()


rows = {
    "the whole of `small`": {"million operations": f"{counted(model, normalise(batch.image[:1])) / 1e6:.0f}"}
}
rows["the whole of `small`"] |= {"quadratic in n (%)": "", "attention maps of a layer (MB)": ""}
for n in (42, 1556):
    one = TwoHandTransformer(n, 64, 64, depth=2, heads=4, skip_first_block=False)
    operations = counted(one, torch.zeros(1, n, 64))
    assert operations == 2 * block_operations_solution(n, 64) + 2 * n * 64 * 64
    rows[f"a transformer of {n} tokens"] = {
        "million operations": f"{operations / 1e6:.0f}",
        "quadratic in n (%)": f"{100 * 2 * 4 * n**2 * 64 / operations:.0f}",
        "attention maps of a layer (MB)": f"{4 * 4 * n**2 / 1e6:.2f}",
    }
show.table(rows, "two blocks of 64 features; 42 joints, 1556 vertices")

# %% [markdown]
# Joints are cheap because there are few of them; the quadratic part overtakes the linear one at $n = 4f$. Whether joints are *enough* the count can't say: a contact between fingertips happens at vertices. Notebook 11 has a network with 84 vertices per hand.
#
# ## Worth in other errors
#
# MPJPE centres each hand on a joint of its own. Does MRRPE, which sees the vector between the hands, tell more of the trained networks?

# %%
compared = {
    "transformer, against nothing": ("transformer_only", "no_gcn_no_transformer"),
    "transformer, beside the GCN": ("full", "gcn_only"),
    "transformer, against more GCN layers": ("full", "gcn_for_transformer"),
}
show.table(
    {
        title: {m.upper().replace("_", "-"): worth(*names, m) for m in ("mpjpe", "pa_mpjpe", "mrrpe")}
        for title, names in compared.items()
    }
)

# %% [markdown]
# It doesn't. All three MRRPE intervals hold zero; a gain or loss of up to 1.9 mm, of about 38 mm, can't be excluded with these seeds. One number is clear: in PA-MPJPE the transformer is worse than more GCN layers, by 0.07 to 0.27 mm.
#
# ## In the released code
#
# * 128 features, 4 heads, biases in queries, keys and values. LayerNorm's $\varepsilon$ is $10^{-6}$ in the blocks. There is no dropout.
# * The loop over the blocks **starts at the second**. The first block has weights that never run and never learn. `DIRConfig` calls it `skip_first_block`.
# * The second embedding of places shares its weights between the hands, but runs once per hand, so that batch norm sees one hand at a time.
# * The shared LayerNorm follows every block, and the next block starts with a norm of its own. Normalising twice is normalising once, so at initialisation the second norm changes nothing. In training both norms learn weights. What has the next normalisation left to do then?

# %%
torch.manual_seed(0)
config = model.config
features, heads = config.joint_features, config.transformer_heads
untrained = TwoHandTransformer(42, features, features, config.transformer_depth, heads, False)
rows = {}
for number, (stage, step) in enumerate(zip(model.stages, steps), start=1):
    for title, one in (("at initialisation", untrained), (f"trained, stage {number}", stage.transformer)):
        with torch.no_grad():
            x = one.norm(one.blocks[0](entering(stage, step) + one.position)[0])
        again, lengths = layer_norm(x, (features,), eps=1e-6), x.norm(dim=-1)
        rows[title] = {
            "normalising again changes the tokens by": f"{100 * (again - x).norm() / x.norm():.0f} %",
            "their lengths differ by": f"{100 * lengths.std() / lengths.mean():.0f} %",
        }
show.table(rows, "after the shared norm that follows the first block")

# %% [markdown]
# The first column is mostly one common factor, which the learned weights could absorb. The second column can't be absorbed: trained tokens have different lengths, and the next norm makes them equal.
#
# **An open question.** Which pairs of hands, and which error, would show the transformer's worth in whole networks? Say what you would render, how many pairs you would need, and which result would convince you that it is worth nothing.
