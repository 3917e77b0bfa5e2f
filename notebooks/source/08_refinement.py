# %% [markdown]
# # 08 · Iterative refinement: again, from a better place
#
# The encoder makes its first estimate of both hands from its coarsest map, 8 x 8 cells for the whole picture. The estimate is
# roughly right. Now the network has an opinion where each of 42 joints is, and it can look there in a finer map. A **stage** reads the
# map at the joints, lets the joints exchange what they read, corrects the estimate, and draws what the joints know back into the map.
# The next stage does the same from a better place (Sec. 3.2). **Why does doing it again help, and from how bad a start?**
#
# **Time:** about 60 minutes for the core, 50 for Further.
#
# Afterwards you can
#
# 1. explain why a second reading helps and from where no number of readings does;
# 2. write the update of the estimate, as new numbers or as a correction, for a whole batch;
# 3. write a whole stage from the parts of notebooks 04 to 07, and run all of DIR after its encoder with it;
# 4. reconstruct two hands with a network that runs your own functions;
# 5. say which bad starts the stages repair, and what stages are worth.
#
# Words: [stage](../docs/glossary.md#stage), [estimate](../docs/glossary.md#estimate), [feature map](../docs/glossary.md#feature-map), [offset](../docs/glossary.md#offset), [MPJPE](../docs/glossary.md#mean-per-joint-position-error).

# %%
import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from handlib import DIR, load_samples, show
from handlib.analysis import ablations
from handlib.analysis.comparison import gain_of, verdict
from handlib.analysis.interventions import Disturbance, altered, disturb, encode, experiment, refine_from
from handlib.data.sample import normalise, resize, stack
from handlib.evaluation.metrics import INTAG_MCP, INTERNET, evaluate_batch
from handlib.exercises import check, my_parts, predict, progress
from handlib.hand.skeleton import FINGERS, JOINT_NAMES, SIDES
from handlib.model.estimate import LENGTH_UNIT, Prediction, estimate_names
from handlib.model.sampling import sample_joints
from handlib.show.core.palette import HIGHLIGHT

torch.set_num_threads(1)
_ = torch.set_grad_enabled(False)  # Two sections of Further need gradients, and switch them on.
show.dir_map("refinement")

# %%
progress()

# %% [markdown]
# ## Read, believe, read again
#
# Ten fingertips of one test picture, the one in which the stages move the tips furthest towards the truth. Each dot is an estimate. Arrows lead from one estimate to the
# next, and a dashed line from the last estimate to the truth, the cross. Look at where an arrow begins: **that is where the stage read.**

# %%
model = DIR.from_pretrained("small")
hands = [model.hands[side] for side in SIDES]
sharp = stack(load_samples("test"))
test = stack([resize(sample, model.config.image_size) for sample in load_samples("test")])
trace = model.trace(normalise(test.image))
estimates, names = trace.prediction.estimates, estimate_names(len(trace.prediction.estimates))
tips = [JOINT_NAMES.index(f"{finger}4") for finger in FINGERS]
away = torch.stack([(e.uv - test.uv)[:, :, tips].norm(dim=-1).mean((1, 2)) for e in estimates])
show.joint_paths(sharp, estimates, int((away[0] - away[-1]).argmax()), tips)

# %% [markdown]
# ## Why read twice? A stage on paper
#
# A line of 21 pixels is dark except for pixel 10. A convolution with nine weights turns the line into a feature map $m$. The map's
# value says in which direction the bright pixel lies, and how far, but never more than 2:
#
# $$ w = (-2, -2, -2, -1, \;0,\; 1, 2, 2, 2) $$
#
# Learned features have the same two limits. They see only as far as their weights reach, here 4 pixels (the *receptive field*), and they
# don't grow without bounds. A stage reads the map at its guess $g$ and moves by what it read:
#
# $$ g \leftarrow g + m(g) $$
#
# From 7, three pixels away, it reads 2 and moves to 9. There it reads 1 and moves to 10. One reading isn't enough, two are.

# %%
line = np.zeros(21)
line[10] = 1
line_map = np.correlate(line, [-2, -2, -2, -1, 0, 1, 2, 2, 2], mode="same")


def read(place: float) -> float:
    """The map's value between two pixels (notebook 04)."""
    left = math.floor(place)
    share = place - left
    return float((1 - share) * line_map[left] + share * line_map[left + 1])


def way(start: float, readings: int) -> list[float]:
    guesses = [start]
    for _ in range(readings):
        guesses.append(guesses[-1] + read(guesses[-1]))
    return guesses


way(7, 2)

# %%
guess = predict(
    "Another guess starts at 5, five pixels from the bright one. Where is it after three readings?",
    "at 10, the bright pixel",
    "on its way, between 5 and 10",
    "still at 5",
)
guess

# %% tags=["reveals"]
end = way(5, 3)[-1]
answer = 0 if abs(end - 10) < 1e-9 else 2 if end == 5 else 1
guess.compare(guess.answers[answer])
figure, (left, right) = show.detached_figure(1, 2, figsize=(10, 2.9), layout="constrained")
ways = {f"from {start}": way(start, 3) for start in (7, 6, 5.5, 5)}
show.grey_lines(left, range(4), ways, "o", xlabel="readings", ylabel="guess (pixel)", xticks=range(4))
starts = np.linspace(3, 17, 281)
left_over, places = {}, starts
for readings in range(4):
    left_over[f"{readings} readings"] = abs(places - 10)
    places = places + np.interp(places, range(21), line_map)
show.grey_lines(right, starts, left_over, xlabel="start (pixel)", ylabel="error left (pixels)")
figure

# %% [markdown]
# On the right: the error that is left, for every start. The starts from which the pixel is found are called the **basin of attraction**. Three things carry over to DIR.
#
# * A reading is only as good as the place where it is taken. So a second reading adds to the first, although the map is the same.
# * More readings help until the edge of the basin is reached. Beyond it the map says nothing, however often it is read.
# * On a coarse map one pixel covers more of the picture, so its basin is wider. A fine map is more exact. DIR goes from coarse to fine.
#
# ## The new numbers
#
# What a stage reads and exchanges (04 to 06) ends as a token of 64 features for each joint. One linear layer per hand takes the hand's 21 tokens, as one
# long vector $x$, and the hand's previous 64 numbers $\Theta_{t-1}$. It gives the new numbers:
#
# $$ \Theta_t = s + \gamma\,\big(W\,[x, \Theta_{t-1}] + b\big) $$
#
# In the released network $s = 0$ and $\gamma = 1$: the layer says the new numbers themselves, an **absolute** update. In `small` $s = \Theta_{t-1}$ and $\gamma = 0.1$: the
# layer says a damped correction, a **residual** update. A third layer of the same kind takes all 42 tokens and the previous offset, and gives the three numbers of the new offset.
#
# On paper, with two features and two numbers: $x = (3, 1)$, $\Theta_{t-1} = (0.5, 2)$, $\gamma = 0.1$,
#
# $$ W = \begin{pmatrix} 1 & 2 & 0 & 0 \\ 0 & 1 & 2 & 1 \end{pmatrix}, \quad b = \begin{pmatrix} 1 \\ -1 \end{pmatrix}, \quad
# W [x, \Theta_{t-1}] + b = \begin{pmatrix} 3 + 2 + 1 \\ 1 + 1 + 2 - 1 \end{pmatrix} = \begin{pmatrix} 6 \\ 3 \end{pmatrix} $$
#
# The correction is $(0.6, 0.3)$, and the new numbers are $(1.1, 2.3)$.


# %%
def stage_update_by_loops(previous, tokens, weight, bias, gain, start):
    """New numbers of one picture. All but ``weight`` and ``gain`` are vectors."""
    inputs = [*tokens, *previous]
    new = torch.zeros(len(previous))
    for i in range(len(previous)):
        said = bias[i]
        for j in range(len(inputs)):
            said = said + weight[i, j] * inputs[j]
        new[i] = start[i] + gain * said
    return new


x, previous, b = torch.tensor([3.0, 1]), torch.tensor([0.5, 2]), torch.tensor([1.0, -1])
W = torch.tensor([[1.0, 2, 0, 0], [0, 1, 2, 1]])
stage_update_by_loops(previous, x, W, b, 0.1, start=previous)

# %% [markdown]
# **Your part: `stage_update`.** The loop takes one picture and one number at a time. Write the update for a batch, without a loop. The first axis of `previous`, `tokens` and
# `start` is the batch; `weight` and `bias` have none. A right answer is kept in `my_dir.py`.


# %% tags=["exercise"]
def stage_update(previous, tokens, weight, bias, gain, start):
    """previous, start: (b, n); tokens: (b, f); weight: (n, f + n); bias: (n,); returns (b, n)."""
    ...


check("stage_update", stage_update)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def stage_update_solution(previous, tokens, weight, bias, gain, start):
    return start + gain * (torch.cat((tokens, previous), dim=-1) @ weight.T + bias)


check("stage_update", stage_update_solution)

# %% [markdown]
# From here on we use the library's function. With the trained weights it must give the right hand's numbers after stage 1. The table shows how much each trained stage
# changes the numbers of each kind (compare down a column; the kinds have different units).

# %%
from handlib.model.refinement import stage_update

kept = trace.stages[0]
layer, tokens = model.stages[0].update.hands[1], kept.tokens[:, 1].flatten(1)
previous = kept.before.params.to_vector()[:, 1]
new = stage_update(previous, tokens, layer.weight, layer.bias, model.config.head_gain, start=previous)
assert torch.allclose(new, kept.after.params.to_vector()[:, 1], atol=1e-5)
rows = {}
for name, step in zip(names[1:], trace.stages):
    pairs = zip(vars(step.after.params).items(), vars(step.before.params).values())
    rows[name] = {kind: round(float((after - before).abs().mean()), 2) for (kind, after), before in pairs}
show.table(rows, "mean size of a correction (root: 6 numbers, pose: 45, betas: 10, camera: 3)")

# %% [markdown]
# ## A whole stage
#
# Stage $t$ takes a deeper map $F_{t-1}$, an encoder map $E_t$ with finer detail, and the previous estimate. It gives a new estimate and an enhanced map:
#
# $$ (F_{t-1}, E_t, \Theta_{t-1}) \;\longmapsto\; (\Theta_t, F_t) $$
#
# All its modules are there, with trained weights. You connect them. For a batch of $b$ pictures:
#
# | call | takes | gives |
# |---|---|---|
# | `stage.fuse(deep, skip)` | $F_{t-1}$ and $E_t$ | `fused`: (b, 64, n, n) |
# | `sample_joints(fused, uv)` (04) | uv (b, 42, 2) | (b, 42, 64) |
# | `stage.joint_mlp(x)` | what was read, (b, 2, 21, 64) | the same shape |
# | `stage.local_position(x)` | joints, each hand from its own wrist, (b, 2, 21, 3) | (b, 2, 21, 64) |
# | `stage.gcn(x)` (05) | the sum of the last two | the same shape |
# | `stage.global_position(x)` | joints of both hands in one frame, (b, 2, 21, 3) | (b, 2, 21, 64) |
# | `stage.transformer(x)` (06) | the sum of the last two, (b, 42, 64) | tokens (b, 42, 64), attention |
# | `stage.update(tokens, vectors, offset)` | (b, 2, 21, 64), (b, 2, 64), (b, 3) | new vectors, new offset |
# | `decode(vectors, offset)` (01, 02) | the new numbers | the new estimate |
# | `stage.plane_mlp(tokens)` | (b, 2, 21, 64) | (b, 2, 21, 16) |
# | `stage.project(x, uv, n)` (07) | these features, *new* places (b, 2, 21, 2), the map's side | (b, 64, n, n) |
# | `stage.enhance(x)` | `fused`, then the drawn map: (b, 128, n, n) | $F_t$ |
#
# An estimate has `uv` (b, 2, 21, 2), `joints` (b, 2, 21, 3), `params.to_vector()` (b, 2, 64) and `offset` (b, 3). `joints` are metres; both positions go in as parts of `LENGTH_UNIT`, a hand's length.
# `offset` has this unit already. It leads from the left wrist to the right one, and the frame of both hands has its origin in the middle between them.
#
# **Your part: `one_stage`**, about ten lines. `a.flatten(1, 2)` and `a.unflatten(1, (2, 21))` lead from two hands to 42 joints and back. The check follows your tensors from module to module, and names the first module that gets something else than in DIR. So
# run it early, with half a function.


# %% tags=["exercise"]
def one_stage(stage, deep, skip, before, decode):
    """Returns the new estimate and the enhanced map; ``before`` is the previous estimate."""
    # Read at the joints (04), exchange along the bones (05), then between the hands (06).
    # Correct the numbers; hand model (01) and camera (02) turn them into hands.
    # Draw the joints' features at their new places (07).
    ...


check("one_stage", one_stage)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_stage_solution(stage, deep, skip, before, decode):
    fused = stage.fuse(deep, skip)
    seen = stage.joint_mlp(sample_joints(fused, before.uv.flatten(1, 2)).unflatten(1, (2, 21)))
    local = before.joints / LENGTH_UNIT
    graph = stage.gcn(seen + stage.local_position(local))
    half = before.offset[:, None] / 2
    in_one_frame = local + torch.stack((-half, half), dim=1)
    tokens, _ = stage.transformer((graph + stage.global_position(in_one_frame)).flatten(1, 2))
    tokens = tokens.unflatten(1, (2, 21))
    after = decode(*stage.update(tokens, before.params.to_vector(), before.offset))
    drawn = stage.project(stage.plane_mlp(tokens), after.uv, fused.shape[-1])
    return after, stage.enhance(torch.cat((fused, drawn), dim=1))


check("one_stage", one_stage_solution)

# %% [markdown]
# All of DIR after the encoder is a loop over its stages. Put your own function into the first line.

# %%
stage_function = one_stage_solution
estimate, deep = estimates[0], trace.features[-1]
for level, stage in zip(model.config.stage_levels, model.stages):
    estimate, deep = stage_function(stage, deep, trace.features[level], estimate, model.decode)
assert torch.allclose(estimate.vertices, estimates[-1].vertices, atol=1e-5)
print("The loop ends where the network does.")

# %% [markdown]
# ## Your code runs the network
#
# Now all parts that you have written come together. `my_parts()` reads them from `my_dir.py`; the library's functions fill the gaps. Your network reconstructs a test
# picture, and every vertex of every estimate must agree with the library's network to 1e-5 m. If you have written `mean_position_error` (notebook 10), it computes the error.
#
# Then move the slider through the corrections. The truth is grey: skeletons in the picture, ghosts in 3D. Which finger moves most in stage 1? Which one is still wrong at the end?

# %%
network = DIR.from_pretrained("small", parts=my_parts())
one = resize(load_samples("test")[14], model.config.image_size)
picture = normalise(one.image[None])
own, library = network(picture), model(picture)
assert all((a.vertices - b.vertices).abs().max() < 1e-5 for a, b in zip(own.estimates, library.estimates))
error = evaluate_batch(own.final, stack([one]), INTERNET, hands, parts=my_parts())["mpjpe"]
print(f"Your network agrees with the library's. Its joints are {float(error):.1f} mm from the truth.")
progress()

# %%
show.stages(one, own)

# %% [markdown]
# ## From how bad a start?
#
# On the line, the basin ended five pixels from the bright one. Where does it end here? We take the initial estimates of all test pictures and move every hand
# away in a random direction: turned about its wrist, shifted in the picture, or enlarged. A turned start is measured by the angle of its rotation
# error, the others by the error in the picture.

# %%
guess = predict(
    "Every hand of the start is turned by 10 degrees about a random axis. "
    "The error of the rotation grows (by less than 10 degrees: there was an error before, about another axis). How much of the growth is left after all stages?",
    "nearly all of it (over 80 %)",
    "a part of it (20 to 80 %)",
    "almost nothing (under 20 %)",
)
guess

# %% tags=["reveals"]
kinds = {
    "rotation": ("turned by (degrees)", (0.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0), "rotation_deg"),
    "shift": ("shifted by (% of the side)", (0.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0), "uv_percent"),
    "size": ("size times", (0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 2.0), "uv_percent"),
}
labels = {
    "rotation_deg": "error of the rotation (degrees)",
    "uv_percent": "error in the picture (% of the side)",
}
own_start = encode(model, normalise(test.image))


def errors_of(estimate) -> dict[str, Tensor]:
    return evaluate_batch(estimate, test, INTAG_MCP, hands)


def from_bad_start(kind: str, amount: float) -> list[dict[str, float]]:
    """All mean errors of the moved start, and after each stage."""
    by = Disturbance(**{kind: amount / 50 if kind == "shift" else amount})
    moved = disturb(model, own_start.estimate, by, seed=1)
    steps = refine_from(model, replace(own_start, estimate=moved))
    found = [errors_of(estimate) for estimate in (moved, *(step.after for step in steps))]
    return [{name: float(values.mean()) for name, values in errors.items()} for errors in found]


# %% tags=["reveals"]
found = {kind: [from_bad_start(kind, a) for a in amounts] for kind, (_, amounts, _) in kinds.items()}
figure, all_axes = show.detached_figure(1, 3, figsize=(10, 3.1), layout="constrained")
for axes, (kind, (label, amounts, measure)) in zip(all_axes, kinds.items()):
    errors = torch.tensor([[step[measure] for step in steps] for steps in found[kind]]).T
    lines = dict(zip(("start", *names[1:]), errors))
    show.grey_lines(axes, amounts, lines, "o", xlabel=label, ylabel=labels[measure], ylim=(0, None))
    none = amounts.index(1.0 if kind == "size" else 0.0)
    left = (errors[-1] - errors[-1, none]) / (errors[0] - errors[0, none])
    axes.set_title(f"left of what was added: {left[none + 1]:.0%} … {left[-1]:.0%}", fontsize=10)
    if kind == "rotation":
        guess.compare(guess.answers[0 if left[1] > 0.8 else 2 if left[1] < 0.2 else 1])
figure

# %% [markdown]
# The titles say which share of the added error is left after all stages: at the first dot right of no disturbance, and at the last. By these measures small disturbances are repaired for the most part, and of a larger one a larger
# share stays. Of the largest most stays: a basin with soft edges. But the measure matters. The left plot counts the angle alone. A stage may turn a hand back and bend its fingers meanwhile, and then MPJPE doesn't fall with the angle: the table of Further, *Does a turned hand turn back?*, has both.
# A likely reason: in training the stages met only their own predecessor's errors. They are correctors of these errors, not searchers.
#
# Now interfere yourself. In 3D, surfaces are coloured by each vertex's error, and the skeletons are the estimate's. In the picture, thin grey skeletons are the truth. Turn the start by 10°, then by 30°: which joints come back first?
# Shift it by 5 %, then by 15 %. Then take the GCN or the transformer out. (Without the transformer everything breaks. Further says why this doesn't measure its worth.)
#
# <details><summary>Answers</summary>After 10° most joints come back, the wrist's neighbours first, since they moved least; after 30° the fingertips stay off. A shift by 5 % is repaired nearly wholly, one by 15 % only in part: too many joints read beside the hand.</details>

# %%
run = experiment(network, picture, stages=(0, 1, 1))
show.RefinementExplorer(one, run, [*names, "2 again"])

# %% [markdown]
# ## What are stages worth?
#
# A question of this course: what happens if the stages are removed? There are two ways to remove them.
#
# **Stop the trained network early**: its answer is then the estimate before a stage. The table says what stages do in *this* network.
#
# **Train a network without stages**: an encoder that nobody will correct may learn to do better alone. So networks with no stage, one, two and three
# were trained on the same pairs for as many steps. Differences come with their 95 % interval, from the spread between seeds (notebook 11).

# %%
measures = {"uv_percent": "in the picture (%)", "mpjpe": "MPJPE (mm)", "pa_mpjpe": "PA-MPJPE (mm)"}
show.table(
    {
        name: {label: round(float(errors_of(e)[measure].mean()), 1) for measure, label in measures.items()}
        for name, e in zip(names, estimates)
    }
)

# %%
guess = predict(
    "Two encoders: one trained alone, one trained with two stages behind it. Whose initial estimate is better?",
    "the encoder's that was trained alone",
    "no difference beyond chance",
    "the encoder's that has stages behind it",
)
guess

# %% tags=["reveals"]
results = ablations.load_results()
trained = {which: ablations.errors_of(results, estimate=which) for which in ("initial", "last")}
rows = {}
for name in ("no_refinement", "one_stage", "full", "three_stages"):
    errors, first = (trained[which][name] for which in ("last", "initial"))
    gain = gain_of(trained["last"], name, "full")
    flops = next(result.flops for result in results if result.name == name)
    rows[ablations.IN_WORDS[name]] = {
        "answer (mm)": round(float(np.mean(errors)), 1),
        "against two stages": "" if name == "full" else verdict(gain, "mm"),
        "initial estimate (mm)": round(float(np.mean(first)), 1),
        "MFLOPs": round(flops / 1e6),
    }
followed = gain_of(trained["initial"], "full", "no_refinement")
guess.compare(guess.answers[2 if followed.low > 0 else 0 if followed.high < 0 else 1])
print("With two stages behind it, the encoder's own estimate is", verdict(followed, "mm"))
show.table(rows, "networks trained alike, 64-pixel pictures, means over seeds")

# %% [markdown]
# Every stage pays: the first two about equally (2.0 and 1.8 mm, not clearly different), the third less (1.1 mm). And each costs more: 25, 101 and 362 MFLOPs. A network *without* stages but with as much computation wasn't trained. So the table says what stages are worth, not how much of
# their worth comes from reading at the joints and how much from more layers and finer maps. The encoder with stages behind it isn't lazy: its own estimate is even a little better than that of the encoder trained alone.
#
# ## In five lines
#
# * A stage reads the map at the estimate's joints, so a better estimate makes the next reading better.
# * It lets joints exchange what they read, updates 2 x 64 numbers and the offset, and draws the joints' features back into the map.
# * The update is one linear layer of tokens and previous numbers: absolute in the released network, a damped correction in `small`.
# * Stages repair errors like those that they met in training. Of larger ones a larger share stays.
# * Trained alike, networks with no, one, two and three stages end at 18.5, 16.5, 14.7 and 13.6 mm.
#
# **Check yourself.**
#
# <details><summary>1. Why can't the encoder read at the joints?</summary>It doesn't know yet where they are. The first estimate has to come from the whole map.</details>
#
# <details><summary>2. A stage gets the same map and the same weights twice. What can be new in its second reading?</summary>The places where it reads: they come from the new estimate. On the line that was enough.</details>
#
# <details><summary>3. The weights and biases of the update are zero. What does an absolute update answer, what a residual one?</summary>The absolute update says 0 and forgets the estimate. The residual update keeps it.</details>
#
# <details><summary>4. Which says what stages are worth: stopping a trained network early, or training one without stages?</summary>Training: only a network trained without stages shows what an encoder can do alone. That stopping early gives nearly the same here (18.3 against 18.5 mm) is a result; nobody could know it before.</details>
#
# **Next.** Every estimate has a loss of its own. Which distances does it measure? [Notebook 09](09_training.ipynb).

# %% [markdown]
# # Further
#
# ## Does a turned hand turn back?
#
# Three errors of the same turned starts, before and after the stages. PA-MPJPE turns, shifts and scales each hand onto the truth before it measures, so it sees the fingers alone.

# %%
rows = {}
for amount, (before, *_, after) in zip(kinds["rotation"][1], found["rotation"]):
    if amount in (0, 10, 20, 45):
        rows[f"turned by {amount:.0f}°"] = {
            f"{label}, {when}": round(errors[name], 1)
            for name, label in (
                ("rotation_deg", "angle (°)"),
                ("mpjpe", "MPJPE (mm)"),
                ("pa_mpjpe", "PA (mm)"),
            )
            for when, errors in (("start", before), ("end", after))
        }
show.table(rows)

# %% [markdown]
# Compare each row with the first. Does the angle come back? Does MPJPE, which is measured from the middle knuckle? Where the two disagree, look at the last two columns: a stage can answer a turned start by turning
# the hand back *or* by bending its fingers, and wrong fingers count in MPJPE.
#
# ## What passes from stage to stage?
#
# An estimate of 131 numbers, and a map with many times as many. Give stage 2 each of them old (from before stage 1) or new. Which costs more, an old estimate or an old map?

# %%
first, second = trace.stages
rows = {}
for name, start in (("old", first.before), ("new", first.after)):
    given = {"old map": first.fused, "new map": first.enhanced}
    ends = {
        which: model.stages[1](deep, second.skip, start, model.decode).after for which, deep in given.items()
    }
    rows[f"{name} estimate"] = {
        which: round(float(errors_of(e)["mpjpe"].mean()), 1) for which, e in ends.items()
    }
show.table(rows, "MPJPE after stage 2 (mm)")

# %% [markdown]
# ## May a stage run until it converges?
#
# Run stage 2 again on its own estimate. For the map there are two choices: the one from stage 1, which stage 2 was trained on, or the one that it has just made.

# %%
passes = 6
same = [step.after for step in refine_from(model, own_start, (0, *[1] * (passes + 1)))][1:]
chain = [second]
for _ in range(passes):
    chain.append(model.stages[1](chain[-1].enhanced, second.skip, chain[-1].after, model.decode))
repeated = {"again, stage 1's map": same, "again, its own map": [step.after for step in chain]}
figure, all_axes = show.detached_figure(1, 3, figsize=(10, 2.8), layout="constrained")
for axes, (measure, label) in zip(all_axes, measures.items()):
    for (name, of), style in zip(repeated.items(), ("s-", "^--")):
        values = [float(errors_of(e)[measure].mean()) for e in of]
        axes.plot(range(2, 3 + passes), values, style, color="0.55", markersize=4, label=name)
    trained_way = [float(errors_of(e)[measure].mean()) for e in estimates]
    axes.plot(range(3), trained_way, "o-", color="black", label="as trained")
    axes.set(xlabel="stages run", title=label, ylim=(0, None))
all_axes[0].legend(frameon=False, fontsize=8)
figure

# %% [markdown]
# A stage isn't a solver. Stage 2 learnt to correct what *stage 1* leaves. What it leaves itself are the errors that it couldn't see. On a map of its own making, which means something else than the map that it was trained on, it goes astray.
#
# ## Why a damped correction?
#
# With $W = 0$ and $b = 0$ an absolute update says 0, a residual one keeps the estimate. And the factor $\gamma$? Adam's first step moves every weight by the learning rate $\eta$. If all
# features are $\pm 1$, the $21 \cdot 64 + 1$ moves add up: an output jumps by $1345\,\gamma\eta$, which for $\eta = 10^{-3}$ is 1.345 without the factor and 0.1345 with $\gamma = 0.1$.
#
# Here is DIR's situation on the line. The guess is within 3 of the bright pixel. Three stages follow, each a linear layer of the previous guess and 1024 noisy features; nothing flows between stages.

# %%
CHANNELS = 1024
factors = torch.randn(CHANNELS, generator=torch.Generator().manual_seed(5))


def noisy_features(distance: Tensor) -> Tensor:
    reading = distance.clamp(-2, 2) * (5 - distance.abs()).clamp(0, 1)  # The line's map, as a formula.
    return reading[:, None] * factors + 0.5 * torch.randn(len(distance), CHANNELS)


@torch.enable_grad()
def train_line(residual: bool, gain: float, steps: int = 500) -> Tensor:
    torch.manual_seed(1)
    layers = nn.ModuleList(nn.Linear(CHANNELS + 1, 1) for _ in range(3))
    for layer in layers:
        nn.init.normal_(layer.weight, std=0.02)
    optimiser, curve = torch.optim.Adam(layers.parameters(), lr=3e-3), []
    for _ in range(steps):
        bright = 12 * torch.rand(64) - 6
        guess, errors = bright + 6 * torch.rand(64) - 3, []
        for layer in layers:
            inputs = torch.cat((noisy_features(bright - guess), guess[:, None]), dim=1).detach()
            guess = gain * layer(inputs)[:, 0] + (guess.detach() if residual else 0)
            errors.append((guess - bright).abs().mean())
        optimiser.zero_grad()
        sum(errors).backward()
        optimiser.step()
        curve.append(torch.stack(errors).detach())
    return torch.stack(curve)


# %%
variants = {"absolute": (False, 1.0), "residual": (True, 1.0), "residual, damped": (True, 0.1)}
figure, all_axes = show.detached_figure(1, 3, figsize=(10, 2.8), layout="constrained", sharey=True)
for axes, (name, variant) in zip(all_axes, variants.items()):
    lines = {f"stage {t + 1}": values for t, values in enumerate(train_line(*variant).T)}
    options = {"xlabel": "training step", "xscale": "log", "ylim": (0, 4)}
    show.grey_lines(axes, range(1, 501), lines, title=name, **options)
    axes.axhline(1.5, color=HIGHLIGHT, linestyle="--", linewidth=1)
all_axes[0].set_ylabel("mean error (pixels)")
figure

# %% [markdown]
# The dashed line is the first guess's mean error. Damped stages begin there, so stage 3 reads sensible places from the first step on. An absolute stage must first learn to repeat its input, and the next stage waits for it. Given a few hundred steps it gets there too.
#
# **Exercise.** Both updates can say the same. An absolute update is $W [x, \Theta]$ with $W$ of shape (3, 8): five numbers $x$, then the previous three, $\Theta$. Find $V$ such that
# $\Theta + \gamma\, V [x, \Theta]$ is the same for every input.


# %% tags=["exercise"]
def as_residual(weight, gain): ...  # weight: (3, 8), the previous numbers are the last inputs; return (3, 8)


check("as_residual", as_residual)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def as_residual_solution(weight, gain):
    keep = np.zeros_like(weight)
    keep[:, -len(weight) :] = np.eye(len(weight))
    return (weight - keep) / gain


check("as_residual", as_residual_solution)

# %% [markdown]
# ## Why do gradients stop between stages?
#
# The released code detaches the previous estimate before a stage uses it; only the map carries gradients back. What would flow otherwise? On the line a stage computes $g + m(g)$. A small
# change of its start is multiplied by $1 + m'(g)$.
#
# **Exercise.** Write the factor by which a small change of the start is multiplied after several stages, from the functions `read` and `slope` (the map's $m$ and $m'$).


# %% tags=["exercise"]
def start_factor(read, slope, start, steps): ...  # returns a number


check("start_factor", start_factor)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def start_factor_solution(read, slope, start, steps):
    factor, guess = 1.0, start
    for _ in range(steps):
        factor *= 1 + slope(guess)
        guess += read(guess)
    return factor


check("start_factor", start_factor_solution)


# %%
def slope(place: float) -> float:
    return float(line_map[math.floor(place) + 1] - line_map[math.floor(place)])


figure, (axes,) = show.detached_figure(figsize=(6.5, 2.6), layout="constrained")
axes.plot(starts, [start_factor_solution(read, slope, s + 0.02, 2) for s in starts], color="black")
axes.set(xlabel="start (pixel)", ylabel="factor of two stages")
figure

# %% [markdown]
# The factor is 0 where the stages work, explosive at the edge of the basin, and 1 beyond, where nothing was read. So the gradient would depend on the slope of the map where it happened to be read, not on how wrong the start was.
#
# In the shipped network, on eight training pictures: how loudly does each estimate's loss speak to the head that made the *initial* estimate?

# %%
from handlib.training.losses import LossWeights, hand_faces, hand_terms
from handlib.training.targets import Targets, resize_label

train = stack([resize(sample, model.config.image_size) for sample in load_samples("train")[:32]])
few, faces, head = train[:8], hand_faces(model.hands), list(model.encoder.head.parameters())
targets = Targets.from_sample(few, hands)


@torch.enable_grad()
def gradient_norms(cut) -> list[float]:
    """Norms of the gradients that each estimate's loss sends to the initial head."""
    features, _, vectors, offset, _ = model.encoder(normalise(few.image))
    made, deep = [model.decode(vectors, offset)], features[-1]
    for level, stage in zip(model.config.stage_levels, model.stages):
        before = model.decode(cut(made[-1].params.to_vector()), cut(made[-1].offset))
        estimate, deep = one_stage_solution(stage, deep, features[level], before, model.decode)
        made.append(estimate)
    terms = hand_terms(Prediction(tuple(made), *model.heads(deep)), targets, LossWeights.small(), faces)
    losses = [torch.stack([term.sum() for term in of_estimate.values()]).sum() for of_estimate in terms]
    found = [torch.autograd.grad(x, head, retain_graph=True, materialize_grads=True) for x in losses]
    return [float(torch.cat([g.flatten() for g in one]).norm()) for one in found]


norms = {"cut": gradient_norms(torch.detach), "not cut": gradient_norms(lambda x: x)}
assert norms["cut"][-1] == 0 < norms["not cut"][-1]
show.table({how: {n: float(f"{x:.1g}") for n, x in zip(names, values)} for how, values in norms.items()})

# %% [markdown]
# With the cut, the head answers for its own estimate alone. Without it, the later losses ask for a compromise. Which of the two trains better hasn't been tried here.
#
# ## What do the joints tell the map?
#
# A stage rewrites the map where joints have drawn. First look: the three directions in which the channels vary most, as red, green and blue. Then a fair question: can a *linear* reader tell left from right skin? Fit one weight per
# channel on 32 training pictures, and count the wrong hand pixels of the test pictures.

# %%
pictures, titles = [sharp.image[14].permute(1, 2, 0)], ["picture"]
for t, step in enumerate(trace.stages, start=1):
    pictures += [show.principal_colours(maps)[14] for maps in (step.fused, step.enhanced)]
    titles += [f"stage {t}: fused", f"stage {t}: enhanced"]
show.picture_row(pictures, titles)


# %%
def hand_pixels(feature_map: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """The channels of every pixel of a hand, and -1 (left) or +1 (right)."""
    label = resize_label(label.long(), feature_map.shape[-2:]).flatten()
    channels = feature_map.permute(0, 2, 3, 1).flatten(0, 2).double()
    with_constant = torch.cat((channels, torch.ones(len(channels), 1)), dim=1)
    return with_constant[label > 0], (2.0 * label - 3)[label > 0].double()


def wrong_pixels(of_train: Tensor, of_test: Tensor) -> float:
    """Percentage of test pixels that a linear reader takes for the other hand's."""
    channels, side = hand_pixels(of_train, train.label)
    weights = torch.linalg.lstsq(channels, side[:, None]).solution[:, 0]
    channels, side = hand_pixels(of_test, test.label)
    return round(100 * float(((channels @ weights).sign() != side).double().mean()), 1)


train_trace, rows = model.trace(normalise(train.image)), {}
for name, stage, *steps in zip(names[1:], model.stages, train_trace.stages, trace.stages):
    empty = [stage.enhance(torch.cat((s.fused, torch.zeros_like(s.projected)), dim=1)) for s in steps]
    rows[name] = {"encoder's map": wrong_pixels(*(s.skip for s in steps))}
    rows[name] |= {"fused": wrong_pixels(*(s.fused for s in steps))}
    rows[name] |= {"enhanced, nothing drawn": wrong_pixels(*empty)}
    rows[name] |= {"enhanced": wrong_pixels(*(s.enhanced for s in steps))}
show.table(rows, "hand pixels on the wrong side (%)")

# %% [markdown]
# Left and right skin look alike, so the encoder's fine map hardly tells them apart. The joints know whose pixel it is. Compare the last two columns for what their drawing adds.
#
# ## A stage without one of its parts
#
# `altered` takes a part out of the trained stages. This shows what breaks in *this* network, not what the part is worth: a network trained without it would have put the work elsewhere (notebook 11).

# %%
undrawn = altered(model)
for stage in undrawn.stages:
    stage.project.register_forward_hook(lambda module, inputs, drawn: torch.zeros_like(drawn))
without = {
    "as trained": model,
    "nothing drawn": undrawn,
    "no enhancement": altered(model, enhancement=False),
    "no GCN": altered(model, gcn_layers=0),
    "no transformer": altered(model, inter_hand="none"),
}
ends = {name: [s.after for s in refine_from(changed, own_start)] for name, changed in without.items()}
show.table(
    {
        name: {s: round(float(errors_of(e)["mpjpe"].mean()), 1) for s, e in zip(names[1:], of)}
        for name, of in ends.items()
    },
    f"MPJPE (mm); the start has {float(errors_of(estimates[0])['mpjpe'].mean()):.1f}",
)

# %% [markdown]
# The last row isn't the worth of the exchange: notebook 06 forbids all attention between joints, and MPJPE rises far less. Here the blocks' perceptrons and norms are gone as well, and the layers behind them get tokens such as they have never seen.
#
# ## One more task, one open question
#
# **Exercise.** To disturb a start, its rotation must be turned. The rotation is given as DIR's six numbers: two vectors, first three numbers and last three. Turn it by the rotation matrix $R$, such
# that the matrix that the six numbers stand for becomes $R$ times itself. Keep the vectors' lengths, since the stage sees the six numbers as they are.


# %% tags=["exercise"]
def turned_root(root, turn): ...  # root: (6,), turn: (3, 3); return (6,)


check("turned_root", turned_root)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def turned_root_solution(root, turn):
    # The rotation is made of the vectors' directions alone, and turning both turns all that is made of them.
    return np.concatenate((turn @ root[:3], turn @ root[3:]))


check("turned_root", turned_root_solution)

# %% [markdown]
# **An open question.** Find a start whose joints all lie at their true places in the picture and which the stages should still make worse or leave wrong. What would a stage have to read to notice?
#
# ## In the released code
#
# * Absolute updates at full gain: `DIRConfig.released()` has `update="absolute"` and `head_gain=1.0`.
# * Two stages, on maps of 16 x 16 and 32 x 32. Its tables say "three stages" and count the initial estimate.
# * The losses on hands count every estimate alike. The pixel heads see only the last enhanced map.
# * The planes are drawn at the *new* places. A bone without length divides by zero in the release; ours draws a disc.
#
# This notebook's code: `handlib/model/refinement.py` (one stage), `handlib/model/network.py` (the loop), `handlib/analysis/interventions.py` (bad starts).
