# %% [markdown]
# # 12 · Robustness: how far does it hold?
#
# **Question.** The paper is about hands that hide each other. What happens to the error when less and less of a hand shows, when the first estimate is wrong, and when
# things or other people's hands are in the picture?
#
# **Time:** about 60 minutes for the core, 20 for Further.
#
# Afterwards you can
#
# 1. plot the error of a hand against how much of it shows, and say how hidden and seen joints share it;
# 2. find the first estimates from which refinement helps, and those from which it harms;
# 3. separate two harms of a thing in front: the information that it hides, and its unfamiliar sight;
# 4. give a difference an interval; in Further, say how many pairs it takes.
#
# All questions here are this course's own. Words: [estimate](../docs/glossary.md#estimate), [stage](../docs/glossary.md#stage), [MPJPE](../docs/glossary.md#mean-per-joint-position-error), [interlocked](../docs/glossary.md#interlocked), [world](../docs/glossary.md#world).
#
# Below: where you are in DIR, and which of its parts are yours. The network of this notebook runs them.

# %%
import math
from dataclasses import replace
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from handlib import DIR, load_samples, show
from handlib.analysis.interventions import Disturbance, disturb, encode, refine_from
from handlib.analysis.robustness import binned, covered, errors_by_estimate, errors_per_hand
from handlib.analysis.robustness import load_robustness, mean_and_error, trials
from handlib.data.rendered.scenes import hidden_scenes, make_scene
from handlib.data.sample import normalise, stack
from handlib.evaluation.evaluate import MeanPredictor
from handlib.evaluation.metrics import INTAG_MCP, align, joint_errors
from handlib.exercises import check, my_parts, predict, progress
from handlib.hand.skeleton import SIDES, joint_index
from handlib.model.estimate import estimate_of, true_estimate
from handlib.model.placed import place
from handlib.show.core.palette import HIGHLIGHT

torch.set_num_threads(1)
_ = torch.set_grad_enabled(False)
show.dir_map("robustness")

# %%
progress()

# %% [markdown]
# ## The reference
#
# We need a number to compare with. These are 24 pairs of the world `desk`: two bare hands, mostly visible. They are rendered now, from a seed that no training has used.
#
# Means stand with **± two standard errors**; where a chart has no bars, the text says so. The standard error is the deviation of the $n$ values over $\sqrt n$; the true mean lies inside the interval in about 19 of 20 cases. The last row is a yardstick: the errors of someone who never looks at the picture and always answers the mean hand.
#
# ## Four versions of a picture
#
# A scene is a description: hands, camera, light and whatever stands around. So the same pair can be drawn again with something added: a thing in front, or another person's hands behind. The second cell below does so. In its last picture (another pair) one hand is behind the other.

# %%
SEED, SIZE = 12, 128
model = DIR.from_pretrained("small", parts=my_parts())
hands = [model.hands[side] for side in SIDES]
blind = MeanPredictor(stack(load_samples("train")), dict(model.hands))
bare = [make_scene("desk", SEED, k, "test") for k in range(24)]
desk = [scene.sample(SIZE) for scene in bare]


def interval(values, digits=1):
    """The mean and two standard errors, as text."""
    mean, error = mean_and_error(values)
    return f"{round(mean, digits) + 0:.{digits}f} ± {2 * error:.1f}"  # + 0: no minus before a zero


def curve(axes, x, stats, label, grey, marker, style="-"):
    """Draws means with two standard errors either way, in mm."""
    means, errors = zip(*stats)
    bars = [2 * error for error in errors]
    axes.errorbar(x, means, bars, color=grey, marker=marker, linestyle=style, capsize=3, label=label)
    axes.set(ylabel="error (mm)")


on_desk = errors_by_estimate(model, desk)
never_looks = errors_by_estimate(blind, desk)[-1]
rows = {"first estimate": on_desk[0], "after stage 2": on_desk[-1], "always the mean hand": never_looks}
show.table({name: {"MPJPE (mm)": interval(errors["mpjpe"].mean(1))} for name, errors in rows.items()})

# %%
versions = {
    "bare": bare[1],
    "a thing": covered([bare[1]], 0.3, seed=4)[0],
    "other hands": make_scene("desk-others", SEED, 1, "test"),
    "one behind the other": make_scene("desk-stacked", SEED, 4, "test"),
}
titles = [
    f"{name}\nvisible: {100 * scene.visibility[0][0]:.0f} % and {100 * scene.visibility[0][1]:.0f} %"
    for name, scene in versions.items()
]
show.picture_row([scene.sample(SIZE).image.permute(1, 2, 0) for scene in versions.values()], titles)

# %% [markdown]
# ## "Visible" as a number
#
# The **silhouette** of a hand is the part of the picture that it would cover if nothing else were there. The visible share is the part of the silhouette that we really see:
#
# $$ v_h = \frac{\#\{\text{rays that meet hand } h \text{ first}\}}{\#\{\text{rays that meet hand } h \text{ at all}\}} $$
#
# **On paper.** Twelve rays meet three surfaces at these depths; where nothing stands, the ray misses the surface:
#
# ```text
# ray     0   1   2   3   4   5   6   7   8   9  10  11
# left            5   5   5   5   5   5
# right                       4   4   4   4   4   4
# thing                                       3   3   3
# ```
#
# The left hand has six rays, and three of them meet the right hand first: $v = 3/6$. The right hand loses two of six to the thing: $v = 4/6$.
#
# **Exercise 1: `visible_shares`.** `depth` is such a table, `inf` where a ray misses a surface. Return each surface's visible share.
#
# <details><summary>Hint</summary><code>depth.argmin(0)</code> is the nearest surface of each ray. What does it say for a ray that meets nothing?</details>


# %% tags=["exercise"]
def visible_shares(depth): ...  # (surfaces, rays); returns (surfaces,)


check("visible_shares", visible_shares)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def visible_shares_solution(depth):
    meets = depth.isfinite()
    first = (depth.argmin(0) == torch.arange(len(depth))[:, None]) & meets
    return first.sum(1) / meets.sum(1)


check("visible_shares", visible_shares_solution)

# %% [markdown]
# ## Less and less of a hand
#
# In the world `desk-stacked` one hand is behind the other, and any share of it may show. `hidden_scenes` keeps the pairs in which a hand shows less than a fifth. We take 30 of them and compare **within each picture**, the hidden hand with the other one: light, background and camera are the same for both.

# %%
guess = predict(
    "Less than a fifth of a hand shows. How large is its error, compared with the other hand of the same picture?",
    "about the same",
    "1.3 to 2 times as large",
    "2 to 4 times as large",
    "more than 4 times as large",
)
guess

# %% tags=["reveals"]
hidden = [scene.sample(SIZE) for scene in islice(hidden_scenes(SEED + 1), 30)]
hidden_first = stack(hidden).visible.argsort(dim=1)
first, *_, last = errors_by_estimate(model, hidden)
hidden_blind = errors_by_estimate(blind, hidden)[-1]["mpjpe"]
columns = {
    "first estimate (mm)": first["mpjpe"],
    "after stage 2 (mm)": last["mpjpe"],
    "gained by the stages (mm)": first["mpjpe"] - last["mpjpe"],
    "always the mean hand (mm)": hidden_blind,
    "rotation off by (°)": last["rotation_deg"],
}
columns = {name: values.gather(1, hidden_first) for name, values in columns.items()}
ratio = float(columns["after stage 2 (mm)"][:, 0].mean() / columns["after stage 2 (mm)"][:, 1].mean())
guess.compare(guess.answers[sum(ratio > limit for limit in (1.3, 2, 4))])
show.table(
    {
        hand: {name: interval(values[:, k]) for name, values in columns.items()}
        for k, hand in enumerate(("hidden hand", "other hand"))
    }
)

# %% [markdown]
# Now all shares. `scripts/build/robustness.py` has measured 360 such pairs; the result comes with the repository. Left: each hand by its own visible share. Right: the same pairs, sorted by how much of the hand *behind* shows. The dashed line is that of the 30 pairs above.

# %% tags=["reveals"]
result = load_robustness()
visible, measured = result.visible["stacked"], result.errors["as it was"]["stacked"]
behind = visible.argmin(1)[:, None]
of_hand = [np.take_along_axis(measured["final"], k, 1)[:, 0] for k in (behind, 1 - behind)]
figure, all_axes = show.detached_figure(1, 2, figsize=(9.5, 3.4), layout="constrained", sharey=True)
estimates = (
    ("first estimate", measured["initial"], "0.6", "s", "-"),
    ("after stage 2", measured["final"], "0.0", "o", "-"),
)
both_hands = (
    ("hand behind, after stage 2", of_hand[0], "0.0", "v", "--"),
    ("hand in front, after stage 2", of_hand[1], "0.0", "^", "--"),
)
panels = (
    ("of this hand", visible, 10, estimates),
    ("of the hand behind", visible.min(1), 5, both_hands),
)
for axes, (whose, shares, count, curves) in zip(all_axes, panels):
    for name, errors, *style in curves:
        row = binned(shares, errors, np.linspace(0, 1, count + 1).tolist())
        middles = [50 * (b.low + b.high) for b in row]
        curve(axes, middles, [(b.mean, b.error) for b in row], name, *style)
    axes.axhline(float(hidden_blind.mean()), color=HIGHLIGHT, linestyle="--", label="always the mean hand")
    axes.set(xlabel=f"visible share {whose} (%)", ylim=(0, None))
    axes.legend(frameon=False, fontsize=8)
figure

# %% [markdown]
# * **There is no cliff at 80 % hiding.** The error grows steadily. For a hand that hardly shows, most of the advantage over someone who never looks is gone.
# * **The stages gain less on a hidden hand** than on the one in front of it: on the left the two curves meet where little of a hand shows. (The point at the right end is mostly hands in front; the bump at 85 % is a few hands.)
# * **The other hand hardly suffers**: in the right panel its curve is nearly level.
#
# ### Hidden joints or hidden hands?
#
# A hand that is half hidden has some joints that we see and some that lie behind the other hand. Which of them are wrong? (*Seen* means here: the pixel at the joint shows this hand. Its own palm may still lie in front of the joint.) Fingertips always have larger errors than knuckles, so we compare joints of the **same level** along the fingers (knuckles with knuckles, tips with tips), in the same hand of the same picture.

# %%
guess = predict(
    "Take hands of which 20 to 80 % show. Where is their error?",
    "at the hidden joints; the seen ones are as good as on the hand in front",
    "at all joints alike; within the hand, hidden or seen makes no difference",
    "both: seen joints are worse than on the hand in front, and hidden joints are worse still",
)
guess

# %% tags=["reveals"]
pairs = stack([make_scene("desk-stacked", SEED, k, "test").sample(SIZE) for k in range(120)])
x, y = ((pairs.uv + 1) / 2 * SIZE).long().clamp(0, SIZE - 1).unbind(-1)
shown_there = pairs.label.flatten(1).gather(1, (y * SIZE + x).flatten(1)).unflatten(1, (2, 21))
seen, under_the_other = (shown_there == torch.tensor(ids)[:, None] for ids in ((1, 2), (2, 1)))
partly = (pairs.visible > 0.2) & (pairs.visible < 0.8)
errors = joint_errors(align(model(normalise(pairs.image)).final, pairs, INTAG_MCP, hands))

LEVELS = {"knuckles": 1, "middle joints": 2, "last joints": 3, "tips": 4}
level = torch.tensor([0] + 5 * [1, 2, 3, 4])
level[joint_index("middle1")] = 0  # The protocol's root: its error is zero.


def by_kind(at: Tensor) -> Float[Tensor, "kind=3 hands"]:
    """Mean error of some joints: of the other hand, where partly hidden hands are seen, where they aren't."""
    kinds = (errors.flip(1), at.expand_as(errors)), (errors, at & seen), (errors, at & under_the_other)
    means = torch.stack([((e * where).sum(-1) / where.sum(-1))[partly] for e, where in kinds])
    return means[:, means.isfinite().all(0)]


of_level = {name: by_kind(level == number) for name, number in LEVELS.items()}
clear = [
    [mean - 2 * error > 0 for mean, error in map(mean_and_error, e.diff(dim=0))] for e in of_level.values()
]
of_hand, of_joint = (all(row[k] for row in clear[1:]) for k in (0, 1))
guess.compare(guess.answers[2 if of_hand and of_joint else 1 if of_hand else 0])

# %% tags=["reveals"]
figure, (means, differences) = show.detached_figure(1, 2, figsize=(10, 3.3), layout="constrained")
styles = (("the hand in front", "0.75", "^"), ("seen joints", "0.45", "s"), ("hidden joints", "0.0", "o"))
for k, style in enumerate(styles):
    curve(means, list(LEVELS), [mean_and_error(e[k]) for e in of_level.values()], *style)
steps = (("seen joints - hand in front", "0.45", "D"), ("hidden - seen joints", "0.0", "v"))
for k, style in enumerate(steps):
    stats = [mean_and_error(e[k + 1] - e[k]) for e in of_level.values()]
    curve(differences, np.arange(4) + 0.1 * k, stats, *style, "--")
differences.set_xticks(range(4), LEVELS)
differences.axhline(0, color=HIGHLIGHT, linewidth=1)
means.set(ylim=(0, None), title="after stage 2")
differences.set(title="differences within the same picture")
for axes in (means, differences):
    axes.legend(frameon=False, loc="upper left")
figure

# %% [markdown]
# **Both**, as the right panel shows.
#
# * Half of the hand is out of sight, and even its seen joints get worse (diamonds). A likely reason: one rotation serves all joints of a hand, and hidden hands are turned wrong by far more (last column of the hidden hands' table).
# * On top of that, a hidden joint is worse than a seen joint of the same level (triangles). A stage reads the map at the joint, and there the map shows the other hand.
# * At the knuckles the second difference is near zero. The palm moves as one piece, so a hidden knuckle follows the seen ones.
#
# The comparison isn't perfect: joints of one level are still different joints, the thumb's among them.
#
# ## How wrong may the first estimate be?
#
# Notebook 08 disturbed the network's own first estimate. Here the start may be anything, even the **truth**: its 64 numbers per hand, with the weak-perspective camera that fits best. We move both starts away in random directions by growing amounts, and run the two stages.

# %%
batch = stack(desk)
start, truth = encode(model, normalise(batch.image)), true_estimate(batch, hands)
departures = {
    "from its own estimate": start.estimate,
    "from the truth": estimate_of(truth.params, truth.offset, model.hands, model.config.log_scale),
}
KINDS = {
    "rotation": ("hands turned by 0 to 60°", (0, 5, 10, 20, 40, 60), "mpjpe", "MPJPE (mm)"),
    "pose": ("finger joints bent by 0 to 35°", (0, 5, 10, 15, 25, 35), "mpjpe", "MPJPE (mm)"),
    "shift": (
        "hands shifted by 0 to 0.4 uv",
        (0, 0.05, 0.1, 0.2, 0.3, 0.4),
        "uv_percent",
        "uv error (% of side)",
    ),
}
guess = predict(
    "The stages start from the exact truth. How large is the error after stage 2?",
    "below 1 mm: they see that nothing is to be done",
    "some millimetres, but less than the network's own first estimate has",
    "larger than that of the network's own first estimate",
)
guess


# %% tags=["reveals"]
def course(estimate, kind, amount, measure):
    """Mean errors of the moved start and of the estimate after stage 2."""
    moved = disturb(model, estimate, Disturbance(**{kind: float(amount)}), seed=1)
    ends = moved, refine_from(model, replace(start, estimate=moved))[-1].after
    return [float(errors_per_hand(model, e, batch)[measure].mean()) for e in ends]


courses = {
    (kind, name): np.array([course(estimate, kind, amount, measure) for amount in amounts])
    for kind, (_, amounts, measure, _) in KINDS.items()
    for name, estimate in departures.items()
}
after, own = courses["rotation", "from the truth"][0, 1], courses["rotation", "from its own estimate"][0, 0]
guess.compare(guess.answers[0 if after < 1 else 1 if after < own else 2])
figure, all_axes = show.detached_figure(1, 3, figsize=(10, 3.4), layout="constrained")
for axes, (kind, (title, _, _, unit)) in zip(all_axes, KINDS.items()):
    for name, marker, grey in zip(departures, "so", ("0.6", "0.0")):
        axes.plot(*courses[kind, name].T, color=grey, marker=marker, label=name)
    limit = courses[kind, "from its own estimate"][:, 0].max()
    axes.plot((0, limit), (0, limit), color=HIGHLIGHT, linestyle="--", linewidth=1, label="no change")
    axes.set(xlabel=f"start: {unit}", ylabel=f"after stage 2: {unit}", title=title, ylim=(0, None))
all_axes[0].legend(frameon=False, fontsize=8)
figure

# %% [markdown]
# (Means of 48 hands, one random direction each, without bars.) Below the dashed line the stages help, above it they harm.
#
# * **From the exact truth the stages lead away.** They can't know that it is the truth; they read the picture and believe what they read.
# * **Near the network's own first estimate** (the leftmost square) they help. They were trained there.
# * **From far away** they still gain something. Bent fingers are mended best; of a large turn or shift most of the error stays. They don't break suddenly.
#
# **On paper.** A stage keeps a share $a$ of the error and adds an error $b$ of its own, because it can't read more exactly than that: $e_{t+1} = a\, e_t + b$. Take $a = 0.5$ and $b = 3$ mm. From 10 mm the error falls to 8, then 7, then 6.5. From 0 it rises to 3, then 4.5. At 6 mm it stays, since $0.5 \cdot 6 + 3 = 6$. This **break-even** is $e^* = b / (1 - a)$: whoever starts below it loses by refinement.
#
# **Exercise 2: `break_even`.** Find the break-even of a measured curve. Given are the errors at the start (ascending) and after the stages. Return the start error at which both are equal, with straight lines between the measured points. The curve crosses once.
#
# <details><summary>Hint</summary>Look at after minus before. Between which two points does its sign change, and at which share of the way?</details>


# %% tags=["exercise"]
def break_even(before, after): ...  # two arrays, before ascending; return a number


check("break_even", break_even)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def break_even_solution(before, after):
    harm = np.asarray(after) - np.asarray(before)
    k = int(np.argmax(harm < 0))
    share = harm[k - 1] / (harm[k - 1] - harm[k])
    return before[k - 1] + share * (before[k] - before[k - 1])


check("break_even", break_even_solution)

# %%
show.table(
    {
        f"{title}, {unit}": {
            "break-even": f"{break_even_solution(*courses[kind, 'from the truth'].T):.2g}",
            "the network's own start": f"{courses[kind, 'from its own estimate'][0, 0]:.2g}",
            "gained from there": interval((on_desk[0][measure] - on_desk[-1][measure]).mean(1)),
        }
        for kind, (title, _, measure, unit) in KINDS.items()
    }
)

# %% [markdown]
# As long as the own start lies above the break-even, the stages pay. A better encoder would bring the start closer to it and leave the stages less to do.
#
# ## A thing in front
#
# DIR has no output for objects: 64 numbers per hand, 42 tokens, planes for two hands. But it needs no change to find two hands **in spite of** a thing. Each of our 24 pairs gets one. `covered` enlarges the thing until it hides the wanted share of the visible part of both hands. The network has never seen a thing.

# %%
guess = predict(
    "A thing hides a fifth of the visible part of the hands. How does the mean error change?",
    "it grows by less than half",
    "it grows to between 1.5 and 2 times its size",
    "it more than doubles",
)
guess

# %% tags=["reveals"]
with_thing = [scene.sample(SIZE) for scene in covered(bare, 0.2, SEED)]
by_thing = errors_by_estimate(model, with_thing)
of_bare, of_covered = (errors[-1]["mpjpe"].mean(1) for errors in (on_desk, by_thing))
growth = float(of_covered.mean() / of_bare.mean())
guess.compare(guess.answers[(growth > 1.5) + (growth > 2)])
median = int((of_covered - of_bare).argsort()[12])
pictures = []
for sample in (desk[median], with_thing[median]):
    answer = place(model(normalise(sample.image[None])).final)
    picture = sample.image.permute(1, 2, 0).numpy()
    pictures += [picture, show.draw_overlay(picture, answer.vertices, answer.vertex_uv, answer.uv)]
show.picture_row(pictures, ["bare", "estimate", "a fifth hidden", "estimate"])

# %% [markdown]
# You have no doubt where the hands are. (The picture is the median of the 24 by growth of the error.)
#
# A thing does two different harms: it *hides*, and it *looks like nothing in the training*. What a thing really hides, no training brings back; anything else, training with things may cure. So `scripts/build/robustness.py` trained the checkpoint a little further on pairs with things (`desk-objects`), and, as a **control**, for equally long on the same pairs without things. All three networks were tested on the same pairs.

# %% tags=["reveals"]
names = ["as it was", "more desk pairs", "desk pairs with things"]


def of_pairs(network, name, estimate="final"):
    """MPJPE of every pair of a set, in mm."""
    return result.errors[network][name][estimate].mean(1)


figure, (axes,) = show.detached_figure(figsize=(6.5, 3.6), layout="constrained")
shares = [100 * share for share in result.covers()]
for network, grey, marker, style in zip(names, ("0.0", "0.6", "0.35"), "os^", ("-", "--", "-")):
    stats = [mean_and_error(of_pairs(network, name)) for name in result.covers().values()]
    curve(axes, shares, stats, network, grey, marker, style)
blind_error = float(never_looks["mpjpe"].mean())
axes.axhline(blind_error, color=HIGHLIGHT, linestyle="--", label="always the mean hand")
axes.set(xlabel="share of the visible hands covered (%)", ylim=(0, None))
axes.legend(frameon=False, fontsize=8)
before, after = (
    [of_pairs(n, name).mean() for name in result.covers().values()] for n in (names[0], names[-1])
)
back = [100 * (old - new) / (old - before[0]) for old, new in zip(before[1:], after[1:])]
low, high = round(min(back), -1), round(max(back), -1)
print(f"training with things takes back {low:.0f} to {high:.0f} % of the growth")
figure

# %% [markdown]
# * **Nearly half of the damage wasn't lost information**: so much a short training takes back. It may have learnt not to be misled by a thing, or to guess what lies behind it; this experiment doesn't tell which. The rest is an upper bound for the lost information, since a longer training might take back more.
# * **The control gains nothing of this kind.** Without it, we couldn't exclude that any training helps.
# * **At the left end is the price**: on bare pairs the network gets a little worse.
# * Where a curve lies above the dashed line, the network is misled: someone who never looks does better.
#
# ## Other people's hands
#
# Behind each of the 24 pairs another person's hands reach in from above or from a side. They hide nothing. But the network knows one left and one right hand, and now there are four. Does this disturb it more than a thing that hides a fifth? And does the segmentation call the other person's pixels a hand?

# %%
company = [make_scene("desk-others", SEED, k, "test").sample(SIZE) for k in range(24)]
strangers, alone = stack(company), stack(desk)
segmentation = model(normalise(strangers.image)).segmentation
called_hand = torch.nn.functional.interpolate(segmentation, SIZE, mode="nearest-exact").argmax(1) > 0
nobody = strangers.label == 0
theirs = nobody & ((strangers.image.int() - alone.image.int()).abs().sum(1) > 30)  # Or their shadow.
regions = {
    "the pair's own hands": ~nobody,
    "other people's hands": theirs,
    "the rest of the background": nobody & ~theirs,
}
for name, where in regions.items():
    print(f"{100 * called_hand[where].float().mean():.0f} % of {name} called a hand")

with_company = errors_by_estimate(model, company)[-1]["mpjpe"].mean(1)
grown = {"other people's hands": with_company, "a thing that hides a fifth": of_covered}
show.table({name: {"error grows by (mm)": interval(errors - of_bare)} for name, errors in grown.items()})

# %% [markdown]
# Strangers disturb the network far less than a thing does: they hide nothing. But the segmentation calls a large part of their pixels a hand. Robustness isn't one quantity: training with things helped neither here nor for a hand behind a hand (last two rows of the table of gains, in Further). And a second *pair to be reconstructed* needs a second crop.
#
# ## Make it harder yourself
#
# Nine pairs. Put a thing anywhere, let other hands in, move the first estimate away. Left: the answer for the bare pair. Middle: what the network sees. Right: the answer now. Dark dots on thin lines with white edges are the truth; pale lines with coloured dots are the estimate's own skeleton.
#
# 1. Move a small ellipsoid (20 mm) over fingertips, back of the hand, wrist. Where does it do most harm?
# 2. Enlarge the thing until the estimate lets go of the hand. What does the other hand do then?
# 3. Turn the start by 30°, then also put a thing over the hand. Is it worse than the sum of both?

# %%
with_others = [make_scene("desk-others", SEED, k, "test") for k in (0, 1, 2, 4, 5, 6, 7, 8, 9)]
show.RobustnessExplorer(
    [replace(scene, others=()) for scene in with_others],
    [scene.others[0] for scene in with_others],
    trials(model),
    SIZE,
    show.Perturbation("ellipsoid", across=30, down=55, millimetres=50),
)

# %% [markdown]
# ## Summary
#
# 1. The error of a hand grows steadily as less of it shows; below a fifth, most of the advantage over the mean hand is gone.
# 2. The whole half-hidden hand is worse, and its hidden joints are worse still.
# 3. Stages help above the break-even and harm below it. The network's own start lies above.
# 4. A thing that hides a fifth more than doubles the error. A short training with things takes nearly half of the growth back; the control shows that the things did it.
# 5. Other people's hands, which hide nothing, cost far less, though the segmentation calls a large part of their pixels a hand.
#
# **Test yourself.**
#
# 1. Why do we compare hidden and seen joints *of the same level*? <details><summary>Answer</summary>Fingertips have larger errors than knuckles and are hidden more often. Without the levels we would measure which joints are hidden, not what hiding does.</details>
# 2. A stage keeps 40 % of an error and adds 3 mm. Does it help from a start of 4 mm? <details><summary>Answer</summary>No. The break-even is 3 / (1 - 0.4) = 5 mm; from 4 mm the error rises to 4.6 mm.</details>
# 3. Training with things lowers the error on covered pairs. What does the control exclude? <details><summary>Answer</summary>That the additional steps did it, whatever the pictures show.</details>
# 4. Which explanation of the seen joints' error did we *not* test? <details><summary>Answer</summary>For example, that hands lying centre upon centre are rare in training. The common rotation explains the error, but pairs that differ only in their arrangement would have to show it.</details>

# %% [markdown]
# # Further
#
# ## Are the differences real?
#
# At 0 % covered the bars of the figure with things overlap. Is the network with things really worse there? The bars don't say: a pair that is hard for one network is hard for all, and in a difference this common part cancels. So we take differences **pair by pair**, and their interval.

# %%
sets = {f"{100 * share:.0f} % covered": name for share, name in result.covers().items()}
sets |= {"other people's hands": "others", "one hand behind the other": "stacked"}
gains = {
    label: {network: of_pairs(names[0], name) - of_pairs(network, name) for network in names[1:]}
    for label, name in sets.items()
}
rows = {label: {n: interval(gain) for n, gain in row.items()} for label, row in gains.items()}
show.table(rows, f"gain by {result.steps} steps on {result.pairs} pairs (mm)")

# %% [markdown]
# **Exercise 3: `pairs_saved`.** Two networks are compared on the same $n$ pairs. How many times as many pairs would each need, for the same standard error of the difference, if they were tested on *different* pairs? (Deviations with $n - 1$.)
#
# <details><summary>Hint</summary>Variances of independent means add. Write both standard errors, and set them equal.</details>


# %% tags=["exercise"]
def pairs_saved(old, new): ...  # two arrays, the same pairs in the same order; return a number


check("pairs_saved", pairs_saved)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def pairs_saved_solution(old, new):
    return (old.var(ddof=1) + new.var(ddof=1)) / (old - new).var(ddof=1)


check("pairs_saved", pairs_saved_solution)

# %% [markdown]
# **Exercise 4: `pairs_needed`.** A pilot study gave a few paired differences. Suppose mean and deviation ($n - 1$) stay as they are. How many pairs does it take at least until the mean is three standard errors away from zero? Return a whole number.
#
# <details><summary>Hint</summary>Write "mean = 3 standard errors" with n as the unknown. It sits under a root.</details>


# %% tags=["exercise"]
def pairs_needed(differences): ...  # an array; return a whole number


check("pairs_needed", pairs_needed)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def pairs_needed_solution(differences):
    differences = np.asarray(differences)
    return math.ceil((3 * differences.std(ddof=1) / differences.mean()) ** 2)


check("pairs_needed", pairs_needed_solution)

# %%
rows = {}
for label in ("10 % covered", "30 % covered"):
    old, new = (of_pairs(network, sets[label]) for network in (names[0], names[-1]))
    rows[label] = {
        "pairs needed": pairs_needed_solution(old - new),
        "times as many without pairing": f"{pairs_saved_solution(old, new):.1f}",
    }
show.table(rows)

# %% [markdown]
# So few pairs would have shown these effects; without pairing it would take several times as many. (With few pairs the deviation is itself uncertain: take more.)
#
# ## In the released code
#
# * No augmentation pastes anything over the hands: rotation, scale, shift, flip, blur and noise only.
# * There is no visibility anywhere. Hidden joints are sampled, weighted in the loss and drawn like visible ones.
# * The evaluation gives one mean over the interacting test pictures, not split by occlusion.
#
# Code: `handlib/data/rendered/occluders/` (things and where they stand), `handlib/data/rendered/scenes.py`, `handlib/analysis/robustness.py`. `handlib data make --world desk-objects` renders training pairs with things.
#
# **An open question.** One hand behind the other stays hard even after training with things. Which training pairs would help, and which control would show that *they* did?
