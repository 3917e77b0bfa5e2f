# %% [markdown]
# # 04 · Joint feature sampling: what does a joint read?
#
# An estimate says where each joint is, and the camera says where that is in the picture: at a place with real-valued coordinates. The encoder has turned the picture into
# a map of cells, each with a vector of features. Joints don't lie on the cells' centres. **Which feature does a joint read, and what can a stage learn from it?** (Sec. 3.2.1: joints are projected into the map, and
# features are interpolated bilinearly.)
#
# **Time:** about 45 minutes for the core, 40 for Further.
#
# Afterwards you can
#
# 1. say on paper which cells a place reads, and with which weights;
# 2. write the reading for all joints of a batch, and run the network with your function;
# 3. say which cells a joint trains, and how a reading changes with the place;
# 4. predict how a stage answers when it reads at wrong places, and at the true ones;
# 5. say what interpolation is worth to the trained network.
#
# Words: [feature map](../docs/glossary.md#feature-map), [joint](../docs/glossary.md#joint), [uv](../docs/glossary.md#uv), [estimate](../docs/glossary.md#estimate), [stage](../docs/glossary.md#stage).

# %%
from dataclasses import replace
from math import floor

import torch
from torch.nn.functional import cosine_similarity

from handlib import DIR, load_samples, show
from handlib.analysis.comparison import paired_difference, verdict
from handlib.data.augment import turn
from handlib.data.sample import normalise, resize, stack
from handlib.evaluation.metrics import INTAG_MCP, align, evaluate_batch, joint_errors
from handlib.exercises import check, my_parts, predict, progress
from handlib.hand.skeleton import FINGERS, SIDES, joint_index
from handlib.show.core import palette

torch.set_num_threads(1)
show.dir_map("sampling")

# %%
progress()

# %% [markdown]
# ## Places and cells
#
# A test picture, the cells of the first stage's map, and the 42 places at which this stage reads.

# %%
samples = load_samples("test")
model = DIR.from_pretrained("small")
hands = [model.hands[side] for side in SIDES]
batch = stack([resize(sample, model.config.image_size) for sample in samples])
with torch.no_grad():
    trace = model.trace(normalise(batch.image))


def draw_places(axes, picture, uv):
    axes.imshow(picture.permute(1, 2, 0), extent=(-1, 1, 1, -1))
    for places, colour in zip(uv, palette.HANDS):
        axes.plot(*places.T, "o", color=colour, markeredgecolor="white", markersize=6)
    ticks = (-1, -0.5, 0, 0.5, 1)
    axes.set(xlim=(-1, 1), ylim=(1, -1), xticks=ticks, yticks=ticks, xlabel="u", ylabel="v")


# %%
figure, (axes,) = show.detached_figure(figsize=(4.6, 4.6))
draw_places(axes, samples[14].image, trace.stages[0].before.uv[14])
edges = torch.linspace(-1, 1, trace.stages[0].fused.shape[-1] + 1)
axes.hlines(edges, -1, 1, color="white", linewidth=0.5)
axes.vlines(edges, -1, 1, color="white", linewidth=0.5)
figure

# %% [markdown]
# Places are given as $uv$: $-1$ is the picture's left (upper) **edge**, $+1$ its right (lower) edge. A map of $W$ columns divides this range into $W$ cells. Column 0 covers $[-1, -1 + 2/W]$, so
# its centre lies half a cell inside the edge. In cells, counted from the centre of column 0 and row 0, a place is
#
# $$ x = \frac{u+1}{2}\,W - \frac12, \qquad y = \frac{v+1}{2}\,H - \frac12 . $$
#
# ## Bilinear interpolation, on paper
#
# A place lies in a square between four cell centres. Let $c, r$ be the column and row of the upper left centre, and $a = x - c$, $b = y - r$ how far into the square the place is. The feature is
#
# $$ f = (1-a)(1-b)\,F_{r,c} + a(1-b)\,F_{r,c+1} + (1-a)\,b\,F_{r+1,c} + a\,b\,F_{r+1,c+1} . $$
#
# A centre's weight is the area of the rectangle opposite to it; in the drawing both have one colour. The four areas fill the square, so the weights sum to 1.

# %%
show.draw_bilinear_sampling()

# %% [markdown]
# Take 4 x 4 cells with $F_{r,c} = 10\,r + c$, so that a value names its cell, and read at $(0.3, -0.1)$. Then $x = 1.3/2\cdot 4 - 0.5 = 2.1$ and $y = 0.9/2\cdot 4 - 0.5 = 1.3$: between columns 2 and 3, rows 1 and 2, with
# $a = 0.1$, $b = 0.3$. The weights are
#
# | | column 2 | column 3 |
# | --- | --- | --- |
# | row 1 | $0.9\cdot0.7 = 0.63$ | $0.1\cdot0.7 = 0.07$ |
# | row 2 | $0.9\cdot0.3 = 0.27$ | $0.1\cdot0.3 = 0.03$ |
#
# and the value is $7.56 + 0.91 + 5.94 + 0.69 = 15.1$. That is $10\,y + x$: interpolation repeats a linear function exactly. In the loop, cells outside the map count as zeros.


# %%
def sample_joints_by_loops(feature_map, uv):
    """One picture: (channels, height, width) and (points, 2) -> (points, channels)."""
    channels, height, width = feature_map.shape
    features = torch.zeros(len(uv), channels)
    for i, (u, v) in enumerate(uv.tolist()):
        x, y = (u + 1) / 2 * width - 0.5, (v + 1) / 2 * height - 0.5
        for column in (floor(x), floor(x) + 1):
            for row in (floor(y), floor(y) + 1):
                weight = (1 - abs(x - column)) * (1 - abs(y - row))
                if 0 <= column < width and 0 <= row < height:
                    features[i] += weight * feature_map[:, row, column]
    return features


four_by_four = (10 * torch.arange(4.0)[:, None] + torch.arange(4.0))[None]
sample_joints_by_loops(four_by_four, torch.tensor([[0.3, -0.1]]))

# %% [markdown]
# **Your part: `sample_joints`.** Write the reading for a batch, without the loop over pictures and places. (A loop over the four corners may stay.) In the flattened map a cell's number is `row * width + column`, and `gather` fetches a cell for every place. Fetch
# cells outside the map from somewhere legal, and multiply them by zero. Or find PyTorch's own function for it, and its right options. A right answer is kept in `my_dir.py`.


# %% tags=["exercise"]
def sample_joints(feature_map, uv):
    """feature_map: (batch, channels, height, width); uv: (batch, points, 2); returns (batch, points, channels)."""
    ...


check("sample_joints", sample_joints)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def sample_joints_solution(feature_map, uv):
    height, width = feature_map.shape[-2:]
    # Far outside everything reads zeros; the clamp keeps cell numbers finite.
    place = (uv.clamp(-9, 9) + 1) / 2 * torch.tensor([width, height]) - 0.5
    total = 0
    for step in ((0, 0), (1, 0), (0, 1), (1, 1)):
        column, row = cell = (place.floor() + torch.tensor(step)).unbind(-1)
        weight = (1 - (place - torch.stack(cell, -1)).abs()).prod(-1)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        number = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
        values = feature_map.flatten(2).gather(2, number[:, None].expand(-1, feature_map.shape[1], -1))
        total = total + values.mT * (weight * inside)[..., None]
    return total


check("sample_joints", sample_joints_solution)

# %% [markdown]
# From here on we use the library's function; it must agree with the loop on the real maps. Then your code runs the network: this one reads with your function if you have written one, and must give the library's hands to 1e-5 m.

# %%
from handlib.model.sampling import sample_joints

for stage in trace.stages:
    uv = stage.before.uv.flatten(1, 2)
    looped = torch.stack([sample_joints_by_loops(m, places) for m, places in zip(stage.fused, uv)])
    assert torch.allclose(looped, sample_joints(stage.fused, uv), atol=1e-3)
network = DIR.from_pretrained("small", parts=my_parts())
with torch.no_grad():
    own_trace = network.trace(normalise(batch.image))
own, library = own_trace.prediction.final, trace.prediction.final
assert (own.vertices - library.vertices).abs().max() < 1e-5
print(progress().title)
show.overlay(stack(samples), own, truth=stack(samples), index=14)

# %% [markdown]
# ## Move a joint yourself
#
# Drag the point, or focus it and press arrow keys. Left: cells that resemble what the joint reads are tinted, its four neighbours are framed. Right: their weights and the feature.
#
# * Put the point on a cell's centre: one weight becomes 1. Put it where four cells meet: four times 0.25.
# * Choose `right index4` on the 16 x 16 map, then on the 32 x 32 map. How much smaller is the tinted region?
# * Which other places does a fingertip resemble? On which hand?
# * Choose a joint, look at its bars, press *true place*. How much of the pattern stays?
#
# <details><summary>Answers</summary>The tinted region is half as wide and half as high. A fingertip resembles other fingertips, of both hands. Most of the pattern stays where the estimate is near the truth; the farther the place moves, the more bars change.</details>

# %%
show.SamplingExplorer(batch, own_trace, index=13)

# %% [markdown]
# What does a feature tell? Take the right index fingertip, at its true place, and compare its feature with those of other joints: the cosine between the two vectors, 1 for the same direction.

# %%
features = [sample_joints(stage.fused, batch.uv.flatten(1, 2)) for stage in trace.stages]
tip, *others = (21 + joint_index(f"{finger}4") for finger in ("index", "thumb", "middle", "ring", "little"))
companions = {
    "the joint before it": [tip - 1],
    "other fingertips of its hand": others,
    "the same tip of the other hand": [tip - 21],
    "other fingertips of the other hand": [joint - 21 for joint in others],
    "both wrists": [0, 21],
}
alike = [cosine_similarity(read[:, tip, None], read, dim=-1).mean(0) for read in features]
show.table(
    {
        name: {f"stage {t + 1}'s map": f"{cosine[joints].mean():.2f}" for t, cosine in enumerate(alike)}
        for name, joints in companions.items()
    },
    "mean cosine with the right index fingertip, 16 test pictures",
)

# %% [markdown]
# Compare the three rows of other fingertips. Another tip of the same hand resembles ours a little more than a tip of the other hand. Whether it is the *same* finger hardly matters. So a feature says *what kind of place* this is; it hints at the hand and hardly tells the finger. This is the
# "similar local appearance" that the paper sets out to resolve. The steps after reading must tell joints apart (notebooks 05 and 06).
#
# ## What flows back
#
# **Into the map.** The reading is linear in the map, so its derivative with respect to a cell is the cell's weight: 0.63, 0.07, 0.27 and 0.03 in our example, and zero for the other twelve cells. A joint trains only the cells that it reads. Here are these cells for all 42 joints of one picture; the darker a cell, the more it is trained:

# %%
figure, axes = show.detached_figure(1, 2, figsize=(8, 3.9), layout="constrained")
for number, (axis, stage) in enumerate(zip(axes, trace.stages), start=1):
    cells = torch.zeros_like(stage.fused[:, :1]).requires_grad_()
    sample_joints(cells, stage.before.uv.flatten(1, 2)).sum().backward()
    read = 100 * (cells.grad[14] > 0).float().mean()
    axis.imshow(cells.grad[14, 0], extent=(-1, 1, 1, -1), cmap="gray_r")
    axis.set(title=f"stage {number}: {read:.0f} % of the cells are read", xlabel="u", ylabel="v")
figure

# %% [markdown]
# All other cells reach the joints only through convolutions. So DIR has a second path that works on whole maps: it draws joints back into the map (notebook 07).
#
# **Into the place.** Between two centres the reading is a straight line, and its slope is the difference of the neighbours. One could read the nearest cell instead. Its value is a staircase.

# %%
guess = predict(
    "Read the nearest cell, and ask autograd for the slope with respect to the place. What does it say?",
    "zero between the steps and large at a step",
    "zero everywhere",
    "the slope of the bilinear reading, on average",
)
guess

# %% tags=["reveals"]
from torch.nn.functional import grid_sample

profile = torch.tensor([1.0, 0.2, 0.6, 2.0, 1.6, 0.4, 0.8, 1.4])[None, None, None]
along, slopes = torch.linspace(-1.6, 1.6, 1281), {}
figure, (above, below) = show.detached_figure(2, 1, figsize=(8, 5), sharex=True, layout="constrained")
for mode, style, colour in (("bilinear", "-", "black"), ("nearest", "--", "0.5")):
    u = along.clone().requires_grad_()
    grid = torch.stack((u, torch.zeros_like(u)), dim=-1)[None, None]
    values = grid_sample(profile, grid, mode=mode, align_corners=False).flatten()
    (slopes[mode],) = torch.autograd.grad(values.sum(), u)
    above.plot(along, values.detach(), style, color=colour, label=mode)
    below.plot(along, slopes[mode], style, color=colour)
above.plot((torch.arange(8) + 0.5) / 4 - 1, profile.flatten(), "o", color=palette.HIGHLIGHT, label="cells")
for axis in (above, below):
    axis.axvspan(-1, 1, color="0.85", zorder=0)
above.set(ylabel="value read")
below.set(xlabel="u (shaded: the picture)", ylabel="slope with respect to u")
above.legend(frameon=False, ncols=3)
guess.compare(guess.answers[0 if slopes["nearest"].any() else 1])
figure

# %% [markdown]
# Autograd doesn't complain about the nearest cell; it says that moving the place changes nothing. But DIR doesn't use this slope at all: a stage takes the previous estimate as given, detached. It doesn't climb. It *reads*, and layers decide from what was read how to correct the estimate. So what
# the stage needs is a reading that changes when the place does; the next sections test this.
#
# ## Reading at other places
#
# We run a trained stage again and change nothing but the places at which it reads. All 80 pairs that ship are used, so that differences get small intervals. (`small` was trained on other pairs and has seen none of these.
# "train" means that they are there for your own training.) The error is the MPJPE of the protocol `INTAG_MCP`: both hands are centred on the middle finger's MCP joint, the estimate is scaled to the true length from wrist to MCP, and the joints' distances are averaged (mm).

# %%
pairs = stack([resize(sample, model.config.image_size) for sample in samples + load_samples("train")])
with torch.no_grad():
    pairs_trace = model.trace(normalise(pairs.image))


@torch.no_grad()
def stage_again(of, number, uv):
    """Returns what stage 0 or 1 of a trace estimates if it reads at these places."""
    stage = of.stages[number]
    deep = of.features[-1] if number == 0 else of.stages[number - 1].enhanced
    return model.stages[number](deep, stage.skip, replace(stage.before, uv=uv), model.decode).after


def mpjpe(estimate):
    return evaluate_batch(estimate, pairs, INTAG_MCP, hands)["mpjpe"].tolist()


own_errors = [mpjpe(stage.after) for stage in pairs_trace.stages]
half = model.config.image_size / 2


def against_own(number, uv, count=80):
    """Returns the 95 % interval by which reading at these places is better, pair by pair (mm)."""
    other = mpjpe(stage_again(pairs_trace, number, uv))
    return paired_difference(own_errors[number][:count], other[:count])


# %%
guess = predict(
    "Each stage reads at the true places of all joints, instead of the estimate's. What happens to its error?",
    "it falls",
    "it stays nearly the same (within 0.2 mm)",
    "it rises",
)
guess

# %% tags=["reveals"]
rows, gains = {}, [against_own(number, pairs.uv) for number in range(2)]
for number, (stage, gain) in enumerate(zip(pairs_trace.stages, gains)):
    told = stage_again(pairs_trace, number, pairs.uv)
    step, told_step = ((e.uv - stage.before.uv).norm(dim=-1).mean() * half for e in (stage.after, told))
    rows[f"stage {number + 1}"] = {
        "at the true places": verdict(gain, "mm"),
        f"it moves joints by (px of {2 * half:.0f})": f"{step:.1f}",
        f"told the true places, by (px of {2 * half:.0f})": f"{told_step:.1f}",
    }
worst, best = min(gain.mean for gain in gains), max(gain.mean for gain in gains)
guess.compare(guess.answers[2 if worst < -0.2 else 0 if best > 0.2 else 1])
show.table(rows, "reading at the true places, against reading at the estimate's (95 % interval, 80 pairs)")

# %% [markdown]
# The last two columns give the reason. Told the true places, a stage **moves the joints less**, although the estimate that it corrects is as wrong as before. It sees features as they look when a joint is where it is believed to be, and finds little to correct. So a feature
# doesn't only say "here is a fingertip". It may also say "the fingertip is a little to the left of here". Let us test this.

# %%
guess = predict(
    "All places are shifted 4 pixels to the right before a stage reads. "
    "Where do the new estimate's joints go, compared with the undisturbed stage?",
    "to the right, with the places",
    "hardly anywhere",
    "to the left, against the shift",
)
guess


# %% tags=["reveals"]
def two_ways(pixels):
    """Shifts of this length in uv: right and down."""
    return torch.eye(2) * pixels / half


shifts = (1, 2, 4, 8, 16, 32)
pushes, curve = torch.zeros(2, len(shifts)), torch.zeros(2, len(shifts))
for number, stage in enumerate(trace.stages):
    for k, n in enumerate(shifts):
        for shift in two_ways(n):
            again = stage_again(trace, number, stage.before.uv + shift)
            error = evaluate_batch(again, batch, INTAG_MCP, hands)["mpjpe"].mean()
            pushes[number, k] += ((again.uv - stage.after.uv) @ shift).mean() / shift.square().sum() / 2
            curve[number, k] += error / 2
at_four = pushes[:, shifts.index(4)].mean()
guess.compare(guess.answers[0 if at_four > 0.2 else 2 if at_four < -0.2 else 1])
figure, axes = show.detached_figure(1, 2, figsize=(10, 3.2), layout="constrained")
for number, (stage, colour) in enumerate(zip(trace.stages, ("0.55", "black"))):
    axes[0].plot(pushes[number], "o-", color=colour, label=f"stage {number + 1}")
    axes[1].plot(curve[number], "o-", color=colour, label=f"after stage {number + 1}")
    given = evaluate_batch(stage.before, batch, INTAG_MCP, hands)["mpjpe"].mean()
    axes[1].axhline(given, color=colour, linestyle="--", linewidth=1, label=f"given to stage {number + 1}")
axes[0].set(ylabel="push per pixel of shift", ylim=(-1.05, 0.1))
axes[1].set(ylabel="MPJPE (mm)", ylim=(0, None))
for axis, corner in zip(axes, ("upper left", "lower right")):
    axis.set(xlabel="all places shifted by (pixels)", xticks=range(len(shifts)), xticklabels=shifts)
    axis.legend(frameon=False, loc=corner)
figure

# %% [markdown]
# On the left, $-1$ means that the stage takes the whole shift for an error of its own and corrects it; 0 means that it doesn't notice. Far out, with nothing of the hand near the place, a joint learns nothing about the direction. On the right, a solid line is the error after the stage, and the dashed line of the same colour the error of the estimate that it was given. Where the solid line
# lies above its dashed one, the stage does harm. (16 test pictures; a stage's picture has 128 pixels on a side.)
#
# A stage is a feedback loop: read, compare, correct, and read again from nearer by. *Iterative refinement* ([08](08_refinement.ipynb)) rests on this. So this trained stage has to read at its estimate, not at a better place that somebody knows.
#
# ## What is a reading worth?
#
# Reading the nearest cell equals reading at the cell's centre, up to half a cell away, in each direction, from where the estimate has the joint. So the stage corrects an error that isn't there. We also send every joint to the other hand's place, and far outside, where it reads zeros. All rows say what the exchange costs *this* network, not what a network trained with another reading would reach.

# %%
guess = predict(
    "Which does stage 2 more harm: reading at the other hand's places, or reading nothing?",
    "the other hand's places: wrong news is worse than none",
    "nothing: wrong news is better than none",
    "80 pairs show no clear difference",
)
guess


# %% tags=["reveals"]
def to_centres(uv, size):
    return ((uv + 1) / 2 * size).floor().add(0.5) * 2 / size - 1


rows = {}
for number, stage in enumerate(pairs_trace.stages):
    uv, size = stage.before.uv, stage.fused.shape[-1]
    places = {
        "the nearest cell": to_centres(uv, size),
        "the other hand's places": uv.flip(1),
        "nothing": torch.full_like(uv, 5.0),
    }
    errors = {name: mpjpe(stage_again(pairs_trace, number, other)) for name, other in places.items()}
    for name, of in errors.items():
        gain = paired_difference(own_errors[number], of)
        rows.setdefault(name, {})[f"stage {number + 1}"] = verdict(gain, "mm")
more = paired_difference(errors["nothing"], errors["the other hand's places"])
guess.compare(guess.answers[0 if more.high < 0 else 1 if more.low > 0 else 2])
print(f"stage 2, nothing minus the other hand's places: {more.low:+.1f} to {more.high:+.1f} mm (95 %)")
show.table(rows, "against the interpolated reading at the estimate (95 % interval, 80 pairs)")

# %% [markdown]
# The printed line compares the last two rows for stage 2, pair by pair. In stage 1 the order may be another. Two things pull in opposite directions. At the other hand's places a stage sees fingers and a wrist, as in training, but it corrects errors that aren't there. Reading nothing invents no error, but training hardly ever showed zeros.
#
# ## In five lines
#
# * A place reads its four nearest cells, each weighted with the opposite rectangle. Edges are at $\pm1$, centres half a cell inside.
# * The reading is linear in the map: a joint trains the cells that it reads, with these weights.
# * A feature tells what kind of place this is; it hints at the hand, and hardly tells the finger.
# * A stage takes a wrong place for its own error and corrects it. Told the true places, it corrects too little.
# * This network needs a reading that follows the place: with the nearest cell it loses accuracy. Whether a network trained with the nearest cell would, wasn't tried. The slope itself isn't used: places are detached.
#
# **Check yourself.**
#
# <details><summary>1. A map has 8 x 8 cells. Which weights does the place (0, 0) have?</summary>It lies where four cells meet (x = y = 3.5): four times 0.25.</details>
#
# <details><summary>2. A joint reads only four cells. How can its feature know about the whole finger?</summary>Each cell depends on a large part of the picture (notebook 03). Convolutions have brought the finger into the cells.</details>
#
# <details><summary>3. A stage that somehow knew the true places would refine worse. Why?</summary>It was trained to read at the estimate. What it reads there shows how far off the estimate is; at the true place it looks as if nothing were wrong.</details>
#
# <details><summary>4. On which of the two maps should reading the nearest cell do more harm?</summary>On the coarser one: its cells are twice as wide, so the place moves by up to twice as many pixels, and the stage corrects that.</details>
#
# **Next.** Each of the 42 joints now holds a vector, read at its place, and knows nothing of the others. A fingertip that was read badly could be corrected by the joints of the same finger: [05 The skeleton GCN](05_gcn.ipynb).

# %% [markdown]
# # Further
#
# ## A switch that moves every reading
#
# `grid_sample` has an option `align_corners`. With `True`, $u=-1$ and $u=1$ mean the *centres* of the first and last column, not the edges: $x' = \frac{u+1}{2}(W-1)$. So $x' - x = -u/2$: nothing in the middle of the picture, half a cell at its border, towards the middle. Such a fault raises no error and can live for a long time.
# Reading with it equals reading at $u\,(W-1)/W$.
#
# What does it cost the trained network? First on the 16 test pairs, then on all 80.

# %%
rows = {}
for number, stage in enumerate(pairs_trace.stages):
    size = stage.fused.shape[-1]
    for count in (16, 80):
        gain = against_own(number, stage.before.uv * (size - 1) / size, count)
        rows[f"stage {number + 1}, {count} pairs"] = {
            "gain in mm": f"{gain.mean:+.2f}",
            "95 % interval": f"{gain.low:+.2f} to {gain.high:+.2f}",
            "with the wrong option it is": verdict(gain, "mm"),
        }
show.table(rows)

# %% [markdown]
# Compare 16 with 80 pairs before you believe that a wrong option can be better. A 95 % interval misses one time in twenty, and a notebook with many comparisons will meet such a case. The harm is small because the hands lie around the middle, where the option moves readings by a pixel or two.
#
# ## Outside the picture
#
# **A question of this course:** how does the method handle coordinates that fall outside the image? The paper doesn't say. The released code pads with **zeros**, and so does `sample_joints`. On a map of ones with 16 cells, predict the value at $u = 1 - 1/16$ (the last centre), at $u = 1$, and from $u = 1 + 1/16$ on. `grid_sample` has two other
# paddings: `border` repeats the outermost cells, `reflection` mirrors the map.

# %%
figure, (left, right) = show.detached_figure(1, 2, figsize=(10, 2.9), layout="constrained")
near, far = torch.linspace(0.8, 1.2, 401), torch.linspace(-2, 2, 401)
for size, style in ((16, "-"), (32, "--")):
    places = torch.stack((near, torch.zeros_like(near)), dim=-1)[None]
    left.plot(
        near,
        sample_joints(torch.ones(1, 1, size, size), places)[0, :, 0],
        style,
        color="black",
        label=f"{size} cells",
    )
left.set(xlabel="u", ylabel="value read", title="a map of ones, at the border")
row, grid = torch.tensor([[[[1.0, 2, 3, 4]]]]), torch.stack((far, torch.zeros_like(far)), dim=-1)[None, None]
for padding, style in (("zeros", "-"), ("border", "--"), ("reflection", ":")):
    values = grid_sample(row, grid, padding_mode=padding, align_corners=False).flatten()
    right.plot(far, values, style, color="black", label=padding)
right.set(xlabel="u", title="the row 1, 2, 3, 4 and beyond")
for axis, start in ((left, 0.8), (right, -1)):
    axis.axvspan(start, 1, color="0.85", zorder=0)
    axis.legend(frameon=False)
figure

# %% [markdown]
# Shaded is the picture. Zeros are felt *inside* it: within half a cell of the border a joint reads a mixture with zeros. From half a cell beyond the border on it reads exactly zero, with slope zero. Zeros say "nothing is here". The other two paddings say something false, but never anything unusual.
#
# Now move the window down over the test pictures, so that fingertips leave at the top. (The rows that come in below repeat the last one.)


# %%
@torch.no_grad()
def window(distance):
    """Returns the test pairs seen through a window that lies lower by a distance in uv, and the trace."""
    pairs, count = stack(samples), len(samples)
    shift = torch.tensor([0.0, -distance]).expand(count, 2)
    moved = resize(turn(pairs, torch.zeros(count), torch.ones(count), shift), model.config.image_size)
    return moved, model.trace(normalise(moved.image))


windows = {distance: window(distance) for distance in (0.0, 0.2, 0.4, 0.6)}
figure, plots = show.detached_figure(1, 3, figsize=(11, 4.8), layout="constrained")
for axes, (distance, (moved, of)) in zip(plots, list(windows.items())[1:]):
    read_at, truth = of.stages[-1].before.uv[14], moved.uv[14].flatten(0, 1)
    axes.plot(*torch.stack((read_at.flatten(0, 1), truth)).permute(2, 0, 1), color="0.6", linewidth=1)
    draw_places(axes, moved.image[14], read_at)
    for colour, width in (("white", 3), (palette.TRUTH, 1.5)):
        axes.plot(*truth.T, "x", color=colour, markeredgewidth=width, markersize=6)
    axes.set(title=f"window lower by {distance}", ylim=(1, -1.6))
figure

# %% [markdown]
# Circles are the places at which the last stage reads, crosses the truth; a line joins the two of a joint. Over all pictures:


# %%
def outside(uv):
    return (uv.abs() > 1).any(-1)


rows = {}
for distance, (moved, of) in windows.items():
    stage, truly = of.stages[-1], outside(moved.uv)
    errors = joint_errors(align(of.prediction.final, moved, INTAG_MCP, hands))
    rows[f"lower by {distance}"] = {
        "joints outside": int(truly.sum()),
        "of these, looked for outside": int((truly & outside(stage.before.uv)).sum()),
        "error inside (mm)": f"{errors[~truly].mean():.1f}",
        "error outside (mm)": f"{errors[truly].mean():.1f}" if truly.any() else "",
    }
show.table(rows, "16 test pictures, 672 joints")

# %% [markdown]
# Compare the first two columns: more than half of the joints that are outside are looked for *inside*. The stage looks for a joint where the estimate has it, so such a joint reads features of the wrong place, not zeros. Joints outside are off by far more. That alone doesn't accuse the padding: nothing in the picture shows them.
#
# What do zeros do by themselves? Leave the pictures whole and blindfold one finger at a time: its four joints read far outside, all others as usual.

# %%
figure, axes = show.detached_figure(1, 2, figsize=(10, 2.8), layout="constrained", sharey=True)
for number, (axis, stage) in enumerate(zip(axes, trace.stages)):
    found = []
    for finger in range(5):
        joints, uv = slice(1 + 4 * finger, 5 + 4 * finger), stage.before.uv.clone()
        uv[:, :, joints] = 5.0
        steps = (stage.before, stage.after, stage_again(trace, number, uv))
        found.append([joint_errors(align(e, batch, INTAG_MCP, hands))[:, :, joints].mean() for e in steps])
    lines = dict(zip(("before the stage", "after, blindfolded", "after"), torch.tensor(found).T[[0, 2, 1]]))
    show.grey_lines(
        axis, range(5), lines, "o", title=f"stage {number + 1}", xticks=range(5), xticklabels=FINGERS
    )
axes[0].set(ylabel="error of the finger (mm)", ylim=(0, None))
figure

# %% [markdown]
# Zeros aren't "no news", on which a stage would leave the finger where it was. They are an input like any other, and training hardly ever shows it: no joint of the shipped pairs lies outside.
#
# **The answer, then.** Outside, a joint reads zeros, with zero gradient to map and place. Its vector carries only what position embeddings, its skeleton neighbours and the other joints give it. The losses count such joints like any others. So the method has no rule of its own for the case: it runs on, and says something. Whether that is
# any good should depend on whether training showed hands that were cut off; the notebook doesn't test this.
#
# ## Exercises
#
# **1.** `cells_that_matter(uv, size)`: the weights that a joint at `uv` (two numbers) puts on the cells of a `size` x `size` map. What does their sum say about a joint near the border?
#
# <details><summary>Hint</summary>The weight of column $c$ is $\max(0, 1 - |x - c|)$, that of row $r$ likewise, and a cell's weight is their product. Rows come first.</details>


# %% tags=["exercise"]
def cells_that_matter(uv, size): ...  # return (size, size), row first


check("cells_that_matter", cells_that_matter)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def cells_that_matter_solution(uv, size):
    x, y = ((c + 1) / 2 * size - 0.5 for c in uv)
    near = [(1 - (torch.arange(size) - c).abs()).clamp(min=0) for c in (y, x)]
    return torch.outer(*near)


check("cells_that_matter", cells_that_matter_solution)

# %% [markdown]
# **2.** `gradient_wrt_uv(feature_map, uv)`: the derivative of the reading by $(u, v)$, for a map of one channel (height, width) and a place well inside, without autograd. Inside a square only differences of neighbours remain,
#
# $$ \frac{\partial f}{\partial x} = (1-b)\,(F_{r,c+1} - F_{r,c}) + b\,(F_{r+1,c+1} - F_{r+1,c}), \qquad \frac{\partial f}{\partial u} = \frac{W}{2}\,\frac{\partial f}{\partial x} , $$
#
# and likewise for $y$ and $v$. On our 4 x 4 map it must be $(2, 20)$.
#
# <details><summary>Hint</summary>Blend the horizontal differences by $b$, the vertical ones by $a$. Height and width may differ.</details>


# %% tags=["exercise"]
def gradient_wrt_uv(feature_map, uv): ...  # return (2,)


check("gradient_wrt_uv", gradient_wrt_uv)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def gradient_wrt_uv_solution(feature_map, uv):
    height, width = feature_map.shape
    x, y = (uv[0] + 1) / 2 * width - 0.5, (uv[1] + 1) / 2 * height - 0.5
    c, r = floor(x), floor(y)
    a, b = x - c, y - r
    (f00, f01), (f10, f11) = feature_map[r : r + 2, c : c + 2]
    by_x = (1 - b) * (f01 - f00) + b * (f11 - f10)
    by_y = (1 - a) * (f10 - f00) + a * (f11 - f01)
    return torch.tensor([by_x * width / 2, by_y * height / 2])


check("gradient_wrt_uv", gradient_wrt_uv_solution)

# %% [markdown]
# **3.** `border_by_moving(uv, size)`: move places (n, 2) such that reading a `size` x `size` map with zeros at the moved places gives what `border` padding gives at the original ones.
#
# <details><summary>Hint</summary>Border padding stops at the last place that doesn't mix with anything outside. That is not the picture's edge.</details>


# %% tags=["exercise"]
def border_by_moving(uv, size): ...  # return (n, 2)


check("border_by_moving", border_by_moving)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def border_by_moving_solution(uv, size):
    return uv.clamp(-1 + 1 / size, 1 - 1 / size)


check("border_by_moving", border_by_moving_solution)

# %% [markdown]
# ## In the released code
#
# * It reads as here: bilinear, zeros outside, edges at $\pm1$, the previous estimate detached.
# * What is read passes a small network per hand, and an embedding of the joint's position in space is added: a feature alone doesn't know which joint has read it.
# * `sample_joints` computes in 32 bits when the network runs in 16: in bfloat16 a place would move by up to a tenth of a cell.
#
# **An open question.** How would you tell a stage that a joint lies outside? Which input, which loss, which training pictures?
