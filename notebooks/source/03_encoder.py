# %% [markdown]
# # 03 · Encoder and attention: one picture, two hands, two answers
#
# DIR begins with an encoder: an image classifier without its last layer. It turns a picture into feature maps. A map is a grid of cells, and each cell holds a vector. A cell may say "left hand" or
# "bent finger", but there is one map for both hands together, and the first estimate must answer for each hand alone. **How does one feature map become one answer for the
# left hand and another for the right?**
#
# **Time:** about 45 minutes for the core, 50 for Further.
#
# Afterwards you can
#
# 1. say what the encoder's maps c1 to c4 resolve;
# 2. show why the mean of a feature map can't tell which of two hands is bent;
# 3. write both halves of left/right attention, the layers that make the maps and the pooling, and run the network with your pooling;
# 4. predict what an attention map does with a hand that isn't there, and what a pooled vector has lost;
# 5. say what left/right attention is worth.
#
# Words: [feature map](../docs/glossary.md#feature-map), [attention map](../docs/glossary.md#attention-map), [estimate](../docs/glossary.md#estimate), [uv](../docs/glossary.md#uv).

# %%
import torch
from matplotlib.patches import Rectangle
from torch import nn

from handlib import DIR, DIRConfig, load_samples, show
from handlib.analysis import ablations
from handlib.analysis.comparison import gain_of, verdict
from handlib.analysis.interventions import Start, refine_from
from handlib.analysis.micro_tasks import attention as micro_task
from handlib.analysis.micro_tasks.catalogue import stored_result
from handlib.data.augment import flip
from handlib.data.sample import normalise, resize, stack
from handlib.evaluation.metrics import INTAG_MCP, align, evaluate_batch, joint_errors
from handlib.exercises import check, my_parts, predict, progress
from handlib.hand.skeleton import SIDES
from handlib.model.encoder import Backbone, HandAttention
from handlib.show.core.palette import HIGHLIGHT

torch.set_num_threads(1)
show.dir_map("encoder")

# %%
progress()

# %% [markdown]
# ## Four maps
#
# The released encoder is ResNet-50 on pictures of 256 pixels. The network `small` has a small ResNet, 15 convolutions deep, on 128 pixels. Both give four maps, c1 to c4, from fine to
# coarse. A coarse map has fewer cells and says more about each. (`small` leaves out the last halving, so its c3 and c4 have equal size.)
#
# Each cell holds 32 to 256 numbers. The three directions in which they vary most over all pictures are drawn as red, green and blue. Two cells of one colour have similar features.

# %%
model = DIR.from_pretrained("small")
size = model.config.image_size
samples = [resize(sample, size) for sample in load_samples("test")]
batch, sharp = stack(samples), stack(load_samples("test"))


@torch.no_grad()
def run(image):
    return model.trace(normalise(image))


trace, shown = run(batch.image), (5, 12)
figure, axes = show.detached_figure(len(shown), 5, figsize=(10, 4.5), layout="constrained")
coloured = [show.principal_colours(features) for features in trace.features]
for row, k in enumerate(shown):
    axes[5 * row].imshow(sharp.image[k].permute(1, 2, 0))
    for level, colours in enumerate(coloured, start=1):
        axes[5 * row + level].imshow(colours[k])
axes[0].set_title("picture")
for level, features in enumerate(trace.features, start=1):
    channels, height, width = features.shape[1:]
    axes[level].set_title(f"c{level}: {height} x {width} cells\n{channels} channels")
for axis in axes:
    axis.set(xticks=[], yticks=[])
figure

# %% [markdown]
# c1 follows edges and textures, those of the background too. In c4 the hands stand out as regions. A cell of c4 is 16 pixels wide; a hand with its forearm covers about 11 of the 64 cells. Fingers are too
# thin for this grid: what is known about them must be written into the channels.
#
# ## One vector is not enough
#
# The first estimate is made from one vector per hand. The simplest vector is the mean over all cells, the same for both hands. What is lost?
#
# Take two cells and four channels: *looks like a left hand*, *looks like a right hand*, *bent*, *straight*. In scene A the left hand is bent and the right one straight. In scene B it is the
# other way round. Compute both scenes' means on paper before you run the cell.

# %% tags=["reveals"]
#                     left right bent straight
left_bent = torch.tensor([1.0, 0, 1, 0])
left_straight = torch.tensor([1.0, 0, 0, 1])
right_bent = torch.tensor([0.0, 1, 1, 0])
right_straight = torch.tensor([0.0, 1, 0, 1])
scenes = torch.stack(
    [
        torch.stack(cells, dim=1)[:, None]
        for cells in ((left_bent, right_straight), (left_straight, right_bent))
    ]
)
words = ("left", "right", "bent", "straight")
means = scenes.mean((2, 3))
show.table({f"mean of scene {name}": dict(zip(words, mean.tolist())) for name, mean in zip("AB", means)})

# %% [markdown]
# Both means say "there is a left hand, there is a right hand, one of the two is bent". Whatever comes after gives both scenes the same answer, which is wrong for one of them. This is
# the *binding problem*: the mean keeps *which* features occur and forgets which of them belong together.
#
# (A large encoder has a way out: with a channel for *bent left hand* the two scenes have different means. But then it learns fingers twice, once per hand.)
#
# ## Left/right attention (Sec. 3.1), first half: two maps
#
# DIR gives every cell of c4 two numbers between 0 and 1, one for each hand $h$: how much the cell counts for this hand. These are the attention maps $A^h$. Each hand has layers of its own:
#
# $$ A^h = \sigma\big(\mathrm{conv}_{1\times1}(\mathrm{ReLU}(\mathrm{BN}(\mathrm{conv}_{3\times3}(c_4))))\big) $$
#
# | | shape | what it is |
# |---|---|---|
# | $c_4$ | (batch, channels, height, width) | the encoder's last map |
# | after ReLU | (batch, hidden, height, width) | a cell together with its eight neighbours |
# | $A^h$ | (batch, 1, height, width) | one score per cell, made a weight by the sigmoid $\sigma$ |
#
# **Your part: `map_layers`.** Build both hands' layers. Nothing in them says which hand they serve; they learn it in training. (Such layers aren't kept in `my_dir.py`. The cell after the solution loads the trained weights into them.)
#
# <details><summary>Hint</summary>The map must be as high and as wide as c4. Leave at its default what the formula doesn't name.</details>


# %% tags=["exercise"]
def map_layers(channels, hidden):
    """Returns two nn.Sequential, left, right: each maps (batch, channels, height, width) to (batch, 1, height, width)."""
    ...


check("map_layers", map_layers)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def map_layers_solution(channels, hidden):
    def one_hand():
        return nn.Sequential(
            nn.Conv2d(channels, hidden, 3, padding=1),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, 1, 1),
            nn.Sigmoid(),
        )

    return one_hand(), one_hand()


check("map_layers", map_layers_solution)

# %%
build = map_layers_solution  # map_layers, once yours is right
c4, attention = trace.features[-1], trace.attention
both = build(c4.shape[1], model.config.attention_channels)
for layers, trained in zip(both, model.encoder.attention.maps):
    layers.eval().load_state_dict(trained.state_dict())
with torch.no_grad():
    made = torch.cat([layers(c4) for layers in both], dim=1)
assert torch.allclose(made, attention, atol=1e-5)  # what the network itself computes
figure, axes = show.detached_figure(1, 3, figsize=(7, 2.6), layout="constrained")
axes[0].imshow(sharp.image[12].permute(1, 2, 0))
for axis, weights, side, colours in zip(axes[1:], made[12], SIDES, ("Blues", "Oranges")):
    picture = axis.imshow(weights, cmap=colours, vmin=0, vmax=1)
    axis.set_title(f"the {side} hand's map")
    figure.colorbar(picture, ax=axis, shrink=0.8)
for axis in axes:
    axis.set(xticks=[], yticks=[])
figure

# %% [markdown]
# ## Second half: one vector for each hand
#
# Each hand's vector $f^h$ is the mean of c4's cells, weighted with the hand's map:
#
# $$ f^h = \frac{\sum_{yx} A^h_{yx}\, c_{4,yx}}{\sum_{yx} A^h_{yx} + 10^{-8}} $$
#
# On paper, with one channel and four cells:
#
# $$ c_4 = \begin{pmatrix} 8 & 4 \\ 2 & 6 \end{pmatrix}, \qquad A^{\text{left}} = \begin{pmatrix} 1 & \tfrac12 \\ \tfrac12 & 0 \end{pmatrix}, \qquad A^{\text{right}} = \begin{pmatrix} 0 & \tfrac12 \\ \tfrac12 & 1 \end{pmatrix} $$
#
# * left: $(8 \cdot 1 + 4 \cdot \tfrac12 + 2 \cdot \tfrac12 + 6 \cdot 0) / 2 = 5.5$
# * right: $(8 \cdot 0 + 4 \cdot \tfrac12 + 2 \cdot \tfrac12 + 6 \cdot 1) / 2 = 4.5$
#
# The plain mean is 5.


# %%
def attention_pool_by_loops(feature_map, attention):
    """One picture: (channels, height, width) and (hands, height, width) -> (hands, channels)."""
    pooled = torch.zeros(len(attention), len(feature_map))
    for h, weights in enumerate(attention):
        total = 0.0
        for y in range(weights.shape[0]):
            for x in range(weights.shape[1]):
                pooled[h] += weights[y, x] * feature_map[:, y, x]
                total += weights[y, x]
        pooled[h] /= total + 1e-8
    return pooled


tiny = torch.tensor([[[8.0, 4], [2, 6]]])
tiny_maps = torch.tensor([[[1, 0.5], [0.5, 0]], [[0, 0.5], [0.5, 1]]])
attention_pool_by_loops(tiny, tiny_maps)

# %% [markdown]
# **Your part: `attention_pool`.** Write the same for a batch of pictures, without a loop. A weighted mean of cells is a matrix product: weights (hands x cells) times features (cells x channels).
# A right answer is kept in `my_dir.py` and runs in the network.


# %% tags=["exercise"]
def attention_pool(feature_map, attention):
    """feature_map: (batch, channels, height, width); attention: (batch, hands, height, width); returns (batch, hands, channels)."""
    ...


check("attention_pool", attention_pool)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def attention_pool_solution(feature_map, attention):
    weights = attention.flatten(2)
    weights = weights / (weights.sum(-1, keepdim=True) + 1e-8)
    return weights @ feature_map.flatten(2).mT


check("attention_pool", attention_pool_solution)

# %% [markdown]
# ## Your code runs the network
#
# From here on the notebook uses the library's `attention_pool`. It agrees with the loop on the real c4. On our two scenes, weighted with their own first two channels, it gives the left hand its own vector: bent in A, straight in B.
#
# Then a network runs your function, if you have written it. Its first estimate must agree with the library's to 1e-5 m. Dashed: the truth.

# %%
from handlib.model.encoder import attention_pool

looped = torch.stack([attention_pool_by_loops(f, a) for f, a in zip(c4, attention)])
assert torch.allclose(looped, attention_pool(c4, attention), atol=1e-4)
vectors = attention_pool(scenes, scenes[:, :2])
show.table(
    {f"left hand's vector, scene {name}": dict(zip(words, v[0].tolist())) for name, v in zip("AB", vectors)}
)

# %%
network = DIR.from_pretrained("small", parts=my_parts())
with torch.no_grad():
    first = network(normalise(batch.image)).estimates[0]
assert (first.vertices - trace.prediction.estimates[0].vertices).abs().max() < 1e-5
print(progress().title)
show.overlay(sharp, first, truth=sharp, index=12, title="first estimate")

# %% [markdown]
# ## What the maps attend to
#
# There is no loss on the maps: nobody tells them what a left hand is. They learn only what helps the first estimate. (Later stages take this estimate as given, so their losses don't reach the maps.) And each cell has a sigmoid of its own, so neither cells nor hands compete, as they would in a softmax. Only
# the pooling divides each map by its sum.
#
# In training every picture showed two hands. What happens if one is missing? `show.paint_out` fills a hand's pixels with the background's colours. (Here and below they include the forearm.)
#
# The table counts the cells that a map *uses*: $\exp(-\sum_i w_i \ln w_i)$, with $w$ the map divided by its sum. This is 1 for a single cell and 64 for an even map.
#
# <details><summary>On paper: a map is 0.02 in four cells and 0 elsewhere. How many cells does it use?</summary>4: each weight is ¼, and exp(4 · ¼ · ln 4) = 4. How faint the map is doesn't count.</details>

# %%
guess = predict(
    "A hand is painted out. Where does most of the weight of its own map go?",
    "it stays where the hand was",
    "it spreads over the picture",
    "it goes to the hand that is left",
)
guess

# %% tags=["reveals"]
masks = torch.stack([(batch.label == hand + 1).float() for hand in range(2)], dim=1)
coverage = nn.functional.adaptive_avg_pool2d(masks, attention.shape[-2:])


def cells_used(maps):
    """Returns the number of cells that a map uses, the mean over pictures."""
    weights = maps.flatten(1) / maps.flatten(1).sum(1, keepdim=True)
    return float(torch.special.entr(weights).sum(1).exp().mean())


def weight_on(maps, hand):
    """The share of the maps' weight that lies on one hand's cells."""
    return float(attention_pool(coverage[:, hand, None], maps[:, None]).mean())


gone = [stack([show.paint_out(sample, hand) for sample in samples]) for hand in range(2)]

# %% tags=["reveals"]
rows, spreads, shares = {}, [], []
for hand, (side, pictures) in enumerate(zip(SIDES, gone)):
    before, after = attention[:, hand], run(pictures.image).attention[:, hand]
    spreads.append(cells_used(after) / cells_used(before))
    shares.append(weight_on(after, 1 - hand))
    rows[f"{side} hand painted out"] = {
        "its map's sum, % of before": f"{100 * after.sum() / before.sum():.0f}",
        "cells used": f"{cells_used(before):.0f} → {cells_used(after):.0f}",
        "weight where it was, %": f"{100 * weight_on(before, hand):.0f} → {100 * weight_on(after, hand):.0f}",
        "weight on the other hand, %": f"{100 * weight_on(before, 1 - hand):.0f} → {100 * shares[-1]:.0f}",
    }
chance = f"{100 * sum(weight_on(torch.ones_like(before), hand) for hand in range(2)) / 2:.0f}"
rows["an even map"] = dict(zip(rows["left hand painted out"], ("", f"{before[0].numel()}", chance, chance)))
guess.compare(guess.answers[2 if min(shares) > 0.5 else 1 if min(spreads) > 1.5 else 0])
covered = coverage.sum((2, 3)).mean()
show.table(rows, f"Means over 16 test pictures, before → after. A hand covers {covered:.0f} of 64 cells.")

# %% [markdown]
# The last row is chance: an even map. Somewhat more lies on the other hand, hardly more where the hand was.
#
# The map becomes faint, but the pooling divides by its sum. So a map **can't say "no hand here"**. The absent hand's vector is made from whatever is in the picture, and DIR draws two hands all the same.
#
# Now move it yourself. Left: a cell's blue disc is the left map, its orange disc the right map, the letters mark their centres. Right: the first estimate in colour, the truth in grey.
#
# * Paint a hand out. Follow its letter, and find its skeleton.
# * Switch `mirrored` on. The letters should keep their sides and swap hands: a left hand in a mirror is a right hand, so the hand that was under L is now under R.
# * Find a picture in which the letters lie close together. Is the first estimate worse there?
#
# <details><summary>Answers</summary>The letter of the hand that was painted out moves to the other hand, and its skeleton lies there or in between. In the mirror L stays on the left. Close letters come with hands that overlap; the estimates there are often worse, but overlap hides joints, too, so this alone doesn't blame the attention.</details>

# %%
show.AttentionExplorer(samples, run, index=12)

# %% [markdown]
# ## What a pooled vector has lost
#
# From each hand's vector a head makes 64 numbers: rotation of the wrist (6), finger pose (45), shape (10) and a camera (3: scale and two shifts). From the plain mean of c4 it makes the offset from the left wrist to the right one. In the released
# network each is one linear layer.
#
# Two of the 64 numbers say *where* the hand is in the picture. Does the vector know?

# %%
guess = predict(
    "Shuffle the 64 cells of c4, and of both maps with them. What happens to the pooled vectors?",
    "they become noise",
    "they change a little, since the hands are torn apart",
    "nothing",
)
guess

# %% tags=["reveals"]
order = torch.randperm(64, generator=torch.Generator().manual_seed(1))


def shuffled(maps):
    return maps.flatten(-2)[..., order].view_as(maps)


pooled, torn = attention_pool(c4, attention), attention_pool(shuffled(c4), shuffled(attention))
change = float((torn - pooled).abs().max() / pooled.abs().max())
guess.compare(guess.answers[2 if change < 1e-4 else 1 if change < 0.3 else 0])
tiles = sharp.image[12].unfold(1, 32, 32).unfold(2, 32, 32).flatten(1, 2)[:, order]
torn_picture = tiles.unflatten(1, (8, 8)).permute(1, 3, 2, 4, 0).reshape(256, 256, 3)
show.picture_row(
    [sharp.image[12].permute(1, 2, 0), torn_picture],
    ["c4's cells in place", "c4's cells shuffled\n(only drawn here)"],
)

# %% [markdown]
# The right picture only draws where each *cell of c4* went. Sent through the encoder, it would give other vectors: each cell sees its surroundings.
#
# A weighted mean doesn't know where its terms came from. Attention answers *whose*, but not *where*. The released head can only know places that the encoder has written into the features (Further measures this). `small` learns from
# fewer pictures, so its head, `LayoutHead`, gets three more inputs: the centre of the hand's attention, a summary of the whole c4 with its layout, and c4's plain mean.
#
# ## What is attention worth?
#
# The micro-task `attention` isolates the mechanism. It freezes the encoder of `small` and trains only a new head, the released kind, which has nothing but pooled vectors. Four heads compete:
#
# * a plain mean, and no attention;
# * no attention, but a few more weights in ordinary convolutions before the mean;
# * **one** map for both hands, the control: it may look away from the background, but left and right get the same vector;
# * a map per hand.
#
# Two cautions. The encoder was trained with a map per hand, so its c4 is made to be read in this way. And 120 steps are few.
#
# The cell below trains two heads now: 100 steps, one seed (left). The answer comes from stored runs of all four: 120 steps, three seeds each (right). A dot is a run.

# %%
guess = predict(
    "Left/right attention lowers the error of the plain mean by some millimetres. "
    "How much of this does one map for both hands bring?",
    "more than half: it is enough to find the hands",
    "less than half: the maps must tell left from right",
)
guess

# %% tags=["reveals"]
stored = stored_result("attention")
NONE, CONVOLVED, SHARED, PER_HAND = stored.rows
live = micro_task.attention(seeds=(0,), rows=(NONE, PER_HAND), steps=100, views=3)
named = {
    f"now: 100 steps, seed {live.seeds[0]}": live,
    f"stored: {micro_task.STEPS} steps, {len(stored.seeds)} seeds": stored,
}
figure, axes = show.detached_figure(1, 2, figsize=(10, 2.6), layout="constrained", sharex=True, sharey=True)
for axis, (title, result) in zip(axes, named.items()):
    for place, row in enumerate(reversed(stored.rows)):
        values = result.rows.get(row, [])
        axis.plot(values, [place] * len(values), "o", color="black", alpha=0.6)
    axis.axvline(0, color="0.8")
    axis.set(
        title=title,
        xlabel=f"MPJPE ({result.unit})",
        ylim=(-0.5, len(stored.rows) - 0.5),
    )
axes[0].set(yticks=range(len(stored.rows)), yticklabels=reversed(stored.rows))
figure.supxlabel(
    "MPJPE: the joints' mean distance from the truth, each hand centred at the base of its middle finger and scaled to its true palm length",
    fontsize=9,
)
none, shared, per_hand = (sum(stored.rows[row]) for row in (NONE, SHARED, PER_HAND))
guess.compare(guess.answers[0 if none - shared > (none - per_hand) / 2 else 1])
figure

# %% [markdown]
# That is the mechanism, isolated. In the **whole network** it has competitors. The ablation `no_attention` replaces both maps by a plain mean; all networks were trained alike, on smaller pictures (notebook 11).
#
# The table says how much better the one named first is, as a 95 % interval (micro-task: three seeds; whole networks: two, with the spread of all kinds of network). *Smaller than 1 mm* means: the interval holds zero, so it may be better or worse, but by less than 1 mm.

# %%
guess = predict(
    "A whole network is trained without the maps. How much larger is the error of its last estimate?",
    "by 2 mm or more",
    "by 0.5 to 2 mm",
    "by less than 0.5 mm, if at all",
)
guess

# %% tags=["reveals"]
results = ablations.load_results()
errors = {estimate: ablations.errors_of(results, estimate=estimate) for estimate in ("initial", "last")}


def worth(better, worse, estimate="last"):
    return verdict(gain_of(errors[estimate], better, worse), "mm")


larger = gain_of(errors["last"], "full", "no_attention").mean
guess.compare(guess.answers[0 if larger >= 2 else 1 if larger >= 0.5 else 2])
columns = ("micro-task, first estimate", "whole network, first estimate", "whole network, last estimate")
rows = {
    "left/right attention, against the plain mean": (
        stored.against(PER_HAND, NONE),
        *(worth("full", "no_attention", estimate) for estimate in errors),
    ),
    "one map for both hands, against the plain mean": (stored.against(SHARED, NONE), *2 * ["not trained"]),
    "left/right attention, against convolutions": (
        stored.against(PER_HAND, CONVOLVED),
        *2 * ["not trained"],
    ),
}
show.table({name: dict(zip(columns, row)) for name, row in rows.items()}, "How much better? (MPJPE, 95 %)")

# %% [markdown]
# **Micro-task:** this head, on this encoder, learns faster with a map per hand. With four times as many steps the difference was about half as large (two seeds; `micro_task.attention(seeds=(0, 1), rows=(NONE, PER_HAND), steps=480)` repeats it).
#
# **Whole network:** everything is trained together, and for longer. Already the first estimate shows no difference that we could measure, so there is no gain that the stages remove. Two things can stand in for the maps there: `LayoutHead` sees c4's layout, and the encoder can learn channels such as *bent left hand*. Which of them does, wasn't tested.
#
# ## Summary
#
# * The encoder's maps say what is where, coarsely. They have no separate answer for each hand.
# * A plain mean can't bind: two scenes can share it, and nothing after it can tell them apart.
# * DIR makes a sigmoid map per hand, with layers of its own, and pools c4 twice: weighted with the map and divided by the map's sum.
# * A pooled vector has lost places, and a map can't say that its hand is absent.
# * In the micro-task (120 steps) a map per hand is better than the plain mean by 3 to 7 mm; one map for both hands makes no clear difference. Whole small networks with and without the maps differ by less than 0.4 mm, in the first estimate as in the last ([claims](../docs/claims.md)). The released size wasn't trained.
#
# **Test yourself.**
#
# <details><summary>1. Someone writes <code>[layers] * 2</code> for the two maps. What goes wrong?</summary>Both entries are the same layers, so both maps are equal, before and after training. Both hands get the same vector.</details>
#
# <details><summary>2. You multiply the left map by 0.01. What happens to the left hand's vector?</summary>Nothing: the pooling divides by the map's sum. Only the contrast within a map counts.</details>
#
# <details><summary>3. Why is the single map for both hands a good control?</summary>It has attention's weights and may look away from the background, but it gives both hands the same vector. It lacks only what is claimed: telling left from right.</details>
#
# Next: from here on the network asks for a vector per *joint*. It reads a finer map where it believes the joint to be. What is a map's value between its cells? [04 Joint feature sampling](04_sampling.ipynb).

# %% [markdown]
# # Further
#
# ## How far does a cell see?
#
# A cell of c4 is 16 pixels wide and knows about far more. Let $j$ be the distance in pixels between neighbouring cells and $r$ the width of what a cell can depend on, its *receptive field*. A layer with kernel $k$, stride $s$ and dilation $d$ does
#
# $$ r \leftarrow r + (k - 1)\,d\,j, \qquad j \leftarrow s\,j . $$
#
# From the picture to c1 (three convolutions, a pooling, two convolutions) the field grows $1 \to 3 \to 7 \to 11 \to 15 \to 23 \to 31$. The code asks the network for the others. Whether a cell *uses* its field depends on the weights. So the figure shows the gradient of a cell's channels with respect to the picture: the darker, the larger (its square root is drawn). The frame is the field. From c3 on the field is larger than the 128 pixels, so no frame is drawn.


# %%
def receptive_fields(body):
    field, jump, found = 1, 1, []
    for name in ("conv1", "maxpool", "layer1", "layer2", "layer3", "layer4"):
        for part in body.get_submodule(name).modules():
            if isinstance(part, nn.Conv2d | nn.MaxPool2d):
                kernel, stride, dilation = (
                    value[0] if isinstance(value, tuple) else value
                    for value in (part.kernel_size, part.stride, part.dilation)
                )
                field += (kernel - 1) * dilation * jump
                jump *= stride if kernel > 1 else 1  # A shortcut's 1 x 1 convolution runs beside the others.
        found.append(field)
    return found[2:]


def influence(level):
    """Mean absolute gradient of the map's middle cell over the pictures: (size, size)."""
    image = normalise(batch.image).requires_grad_()
    features = model.encoder.backbone(image)[level]
    middle = features.shape[-1] // 2
    (gradient,) = torch.autograd.grad(features[:, :, middle, middle].sum(), image)
    return gradient.abs().sum(1).mean(0)


# %%
fields = receptive_fields(model.encoder.backbone.encoders[0])
figure, axes = show.detached_figure(1, 4, figsize=(10, 2.9), layout="constrained")
for level, (axis, field) in enumerate(zip(axes, fields)):
    gradient = influence(level)
    assert int((gradient.sum(0) > 0).sum()) == min(field, size)
    axis.imshow((gradient / gradient.max()).sqrt(), cmap="Greys", vmin=0, vmax=1)
    corner = size // 2 - field / 2
    if corner > 0:
        axis.add_patch(Rectangle((corner, corner), field, field, fill=False, edgecolor=HIGHLIGHT))
    axis.set(title=f"a cell of c{level + 1} can see {field} px", xticks=[], yticks=[])
figure

# %% [markdown]
# In theory a cell of c4 sees the whole picture. In effect its neighbourhood counts most, though at c4 this is already a large part of the picture (the *effective* receptive field; Luo et al., 2016). A cell on the left hand may have seen parts of the right one, so no cell belongs wholly to one hand.
#
# ## Did the maps find the hands?
#
# Correlate each map with how much of every cell a true hand covers, and with the map of the mirrored picture. No layer enforces the mirror; the network saw half of its training pictures mirrored.


# %%
def correlation(a, b):
    """Two maps' correlation, the mean over pictures."""
    pairs = zip(a.flatten(1), b.flatten(1), strict=True)
    return f"{torch.stack([torch.corrcoef(torch.stack(pair))[0, 1] for pair in pairs]).mean():.2f}"


mirrored = run(flip(batch).image).attention.flip(-1)
show.table(
    {
        f"{side} map": {
            "its own hand": correlation(attention[:, h], coverage[:, h]),
            "the other hand": correlation(attention[:, h], coverage[:, 1 - h]),
            "the mirrored picture's other map": correlation(attention[:, h], mirrored[:, 1 - h]),
            "the mirrored picture's same map": correlation(attention[:, h], mirrored[:, h]),
            "another picture's map": correlation(attention[:, h], attention[:, h].roll(1, 0)),
        }
        for h, side in enumerate(SIDES)
    },
    "correlation of each map with",
)

# %% [markdown]
# A perfect segmentation would have 1 in the first column. But the maps have no reason to cover forearms. The last column is a control: left hands are mostly on the left, so maps of different pictures resemble each other too.
#
# ## Interfering with the trained maps
#
# The head of `small`, written out, with one change: the maps that pool and those that give the centre are separate arguments, so that we can disturb each alone.


# %%
@torch.no_grad()
def estimates_with(pool_with, centre_with):
    """The first estimate, and the last one that is made from it."""
    head = model.encoder.head
    layout = head.layout(head.reduce(c4).flatten(1))
    shared = torch.cat((c4.mean((2, 3)), layout), dim=1)
    pooled = attention_pool(c4, pool_with)
    centre = attention_pool(head.uv.expand(len(c4), -1, -1, -1), centre_with)
    vectors = []
    for h, hand in enumerate(head.hands):
        vector = hand(torch.cat((shared, pooled[:, h], centre[:, h]), dim=1))
        vectors.append(torch.cat((vector[:, :-2], vector[:, -2:] + centre[:, h]), dim=1))
    first = model.decode(torch.stack(vectors, dim=1), head.offset(shared))
    return first, refine_from(model, Start(tuple(trace.features), first))[-1].after


# %%
hands, even = [model.hands[side] for side in SIDES], torch.ones_like(attention)
disturbed = {
    "as trained": (attention, attention),
    "even maps": (even, even),
    "even pooling, own centre": (even, attention),
    "own pooling, even centre": (attention, even),
    "left and right swapped": (attention.flip(1), attention.flip(1)),
    "the next picture's maps": (attention.roll(1, 0), attention.roll(1, 0)),
}
rows = {}
for name, maps in disturbed.items():
    first, last = (evaluate_batch(e, batch, INTAG_MCP, hands) for e in estimates_with(*maps))
    columns = {
        "first (mm)": first["mpjpe"],
        "first, in the picture (% of the side)": first["uv_percent"],
        "last (mm)": last["mpjpe"],
    }
    rows[name] = {column: f"{values.mean():.1f}" for column, values in columns.items()}
show.table(
    rows,
    "MPJPE of the first and the last estimate (each hand centred and scaled to its true palm length), and the first one's error in the picture",
)

# %% [markdown]
# Compare the third and fourth rows. Pooling says what each hand is like, the centre says where it is, and the stages read at places. But a network whose maps are taken away *after* training was never asked to live without them. This shows what it uses, not what attention is worth.
#
# ## When a hand is missing
#
# A hand is painted out. If hands were processed separately, nothing would happen to the other one.


# %%
def errors_per_hand(estimate):
    return joint_errors(align(estimate, batch, INTAG_MCP, hands)).mean(-1).mean(0)


rows, whole = {}, trace.prediction.estimates
for hand, (side, pictures) in enumerate(zip(SIDES, gone)):
    for name, index in (("first", 0), ("last", -1)):
        after = errors_per_hand(run(pictures.image).prediction.estimates[index])
        before = errors_per_hand(whole[index])
        rows[f"{side} hand gone, {name} estimate"] = {
            f"{which} hand, {when} (mm)": f"{errors[h]:.1f}"
            for which, h in (("other", 1 - hand), ("absent", hand))
            for when, errors in (("before", before), ("after", after))
        }
show.table(rows)

# %% [markdown]
# Look at the other hand, which is still there: c4's cells see beyond it, and the stages let the hands talk to each other. (A small part is the painting: where hands overlapped, the other one has a hole.) A shared view can help when hands hide each other. It hurts when one is missing.
#
# ## How can a pooled vector know a place?
#
# Convolutions pad with zeros, so features near the border can tell where they are, and deeper layers carry this inwards (Islam et al., 2020). Fit a linear map from a cell's features to the cell's own place on the training pictures, and test it on the test pictures.


# %%
def cells_and_places(features):
    cells = features.flatten(2).mT.flatten(0, 1)
    places = model.encoder.head.uv.flatten(1).T.repeat(len(features), 1)
    return torch.cat((cells, torch.ones(len(cells), 1)), dim=1).double(), places.double()


train = torch.stack([resize(sample, size).image for sample in load_samples("train")])
with torch.no_grad():
    cells, places = cells_and_places(model.encoder.backbone(normalise(train))[-1])
solution = torch.linalg.lstsq(cells, places).solution
cells, places = cells_and_places(c4)
left_over = (cells @ solution - places).square().mean() / places.square().mean()
print(f"A cell's features explain about {100 * (1 - left_over):.0f} % of the variance of its place.")

# %% [markdown]
# Part of this is content: arms come from below, left hands are mostly on the left. How large this part is wasn't measured.
#
# ## Would an encoder for each hand be better?
#
# A question of this course. Each of two encoders sees the whole picture, and their maps are concatenated. So the stages may use both for either hand.

# %%
rows = {}
for name in ("full", "no_attention", "separate_encoders"):
    one = next(result for result in results if result.name == name)
    rows[ablations.IN_WORDS[name]] = {
        "parameters, million": f"{one.parameters / 1e6:.2f}",
        "MFLOPs": f"{one.flops / 1e6:.0f}",
        "MPJPE of every seed (mm)": ", ".join(f"{error:.1f}" for error in errors["last"][name]),
        "how much better than the full model": "" if name == "full" else worth(name, "full"),
    }
show.table(rows, "networks trained alike, 64-pixel pictures")

# %% [markdown]
# Separate encoders have more weights and cost more arithmetic. So their advantage may come from their size. A shared encoder of equal size would be the fair control.
#
# ## Exercises
#
# **1. Where is a map's centre?** For maps (hands, rows, columns): the weighted mean place of each, as (u, v) in [-1, 1]. Cells are areas: the left column of 8 has its centre at $u = -1 + 1/8$.
#
# <details><summary>Hint</summary>Centres along one axis: <code>(arange(n) + 0.5) * 2 / n - 1</code>. Sum the normalised map over rows to get the columns' weights, which go with u.</details>


# %% tags=["exercise"]
def attention_centre(attention):
    """(hands, rows, columns) -> (hands, 2)"""
    ...


check("attention_centre", attention_centre)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def attention_centre_solution(attention):
    weights = attention / attention.sum((1, 2), keepdim=True)
    rows, columns = attention.shape[1:]
    u = (torch.arange(columns) + 0.5) * 2 / columns - 1
    v = (torch.arange(rows) + 0.5) * 2 / rows - 1
    return torch.stack((weights.sum(1) @ u, weights.sum(2) @ v), dim=1)


check("attention_centre", attention_centre_solution)

# %% [markdown]
# **2. What does it cost?** How many parameters have both maps together? Each has a 3 x 3 convolution with bias, batch normalisation (two learned numbers per channel), and a 1 x 1 convolution with bias. Then compare the released attention with its encoder.


# %% tags=["exercise"]
def attention_parameters(channels, hidden):
    """A whole number."""
    ...


check("attention_parameters", attention_parameters)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def attention_parameters_solution(channels, hidden):
    wide, norm, narrow = 9 * channels * hidden + hidden, 2 * hidden, hidden + 1
    return 2 * (wide + norm + narrow)


check("attention_parameters", attention_parameters_solution)

# %%
released = DIRConfig.released()
with torch.device("meta"):
    backbone = Backbone(released)
    released_attention = HandAttention(backbone.channels[-1], released.attention_channels)
for name, module in (
    ("ResNet-50 without its classifier", backbone),
    ("both attention maps", released_attention),
):
    print(f"{name}: {sum(p.numel() for p in module.parameters()) / 1e6:.1f} million parameters")

# %% [markdown]
# ## In the released code
#
# * The attention works on 2048 channels with a hidden width of 1024 per hand. It sounds like a small addition, and has more weights than the encoder.
# * There are no queries and keys: it is a pair of soft masks. The transformer that carries the name comes in [notebook 06](06_transformer.ipynb).
# * Each hand's 64 numbers come from one linear layer on its pooled vector (`initial_head="pooled"`). The layout head, and biases that start at a nominal pose, are this package's.
#
# **An open question.** How would you let a map say "no hand here", without a loss on the maps? What would the training pictures have to show?
