# %% [markdown]
# # 13 · Your own photo: the gap between rendered pictures and photographs
#
# `small` has never seen a photograph. A second network, `wild`, does better there; `handlib.reconstruct` uses it by default. Both have the same kind of stages. Four things differ: training pictures, size of the picture (224 pixels, not 128), first estimate (read from three looks) and **encoder**: `wild`'s was trained on photographs, as a part of MediaPipe's hand landmark network. (MediaPipe is Google's free software; this network finds the 21 joints of one hand, and we will compare with it.) The rest of `wild` has seen rendered hands only.
#
# **The question:** what lies between a rendered picture and a photograph, and which part of the gap costs how much?
#
# **Time:** about 80 minutes for the core, 60 for Further.
#
# Afterwards you can
#
# 1. say what **view**, **appearance** and **camera** cost which network;
# 2. read joints from heatmaps, and say what **localisation** still costs;
# 3. say for which pictures a **confidence** is a promise;
# 4. read scores on photographs with the right doubts, and find out which gap *your* picture fell into.
#
# Both networks run your parts; only `wild` needs `fit_weak_perspective` (notebook 02).
#
# Words: [joint](../docs/glossary.md#joint), [estimate](../docs/glossary.md#estimate), [uv](../docs/glossary.md#uv), [MPJPE](../docs/glossary.md#mean-per-joint-position-error), [PCK](../docs/glossary.md#percentage-of-correct-keypoints), [joint map](../docs/glossary.md#joint-map).

# %%
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import roma
import torch

import handlib
from handlib import DIR, show
from handlib.analysis.domain_gap import CHANGES
from handlib.analysis.robustness import mean_and_error
from handlib.data.photo import as_picture
from handlib.data.rendered.scenes import make_scene
from handlib.data.rendered.synthetic import make_sample
from handlib.data.sample import normalise, stack
from handlib.evaluation.metrics import WRONG_ROTATION
from handlib.exercises import check, my_parts, predict, progress
from handlib.geometry.camera import uv_to_pixels
from handlib.photos.hand_network import second_opinion
from handlib.photos.presence import hands_present
from handlib.photos.trials import ask, off_by
from handlib.utils.resources import networks_folder

torch.set_num_threads(1)
_ = torch.set_grad_enabled(False)
networks = {name: DIR.from_pretrained(name, parts=my_parts()) for name in ("small", "wild")}
small, wild = networks.values()
show.dir_map("photos", wild.config)

# %%
progress()

# %% [markdown]
# ## Hold up two hands
#
# Press *use the camera*, or upload a picture. Until then a rendered picture stands there, of a pair that `wild` has not seen.
#
# **The picture goes to the kernel that runs this notebook and nowhere else.** It stays in the outputs only if you save the notebook.

# %%
from handlib.photos.widget import YourPhoto

example = make_sample("wild", 256, 13, 20, "test")
yours = YourPhoto(wild, example.image)
yours

# %% [markdown]
# Left hands are blue, right hands orange. Try these, and note which answers are wrong; you will need them at the end.
#
# 1. both hands apart, palms to the camera; then backs to the camera;
# 2. your hands **as your own eyes see them**; then photographed by somebody who faces you;
# 3. fingers interlocked; one hand behind the other; one hand out of the picture;
# 4. a box half as large as the hands, then twice (drag its corners).
#
# Each hand comes with a **confidence**: the probability that the hand is there *and* that its joints lie, on average, within a fifth of its size in the picture.
#
# A photograph differs from training pictures in everything at once. From here on one thing changes at a time.
#
# ## Gap one: the view
#
# `small`'s training pictures show hands as their owner sees them. Many photographs show them from opposite. Take sixteen pairs of `desk`, `small`'s world, that no training has used, and let only the *camera* go around them. Four numbers:
#
# * the **MPJPE** (each hand centred on its middle knuckle and scaled to its true size);
# * hands whose **rotation** is wrong by more than 45°;
# * pictures with **exchanged** sides: left and right would be nearer to the truth the other way round;
# * hands that are **found**: joints within a fifth of the hand's size on average, as the confidence promises.

# %%
scenes = [make_scene("desk", 13, k, "test") for k in range(16)]
VIEWS = {"the owner's eyes": "desk", "the side": "camera to the side 70°", "opposite": "seen from opposite"}
said = {
    name: {kind: ask(network, scenes, kind) for kind in VIEWS.values()} for name, network in networks.items()
}
MOST, HALF, FEW = "in nearly all pictures", "in about half of them", "in hardly any"
guess = predict(
    "Seen from opposite: in how many pictures does `small` exchange left and right?", MOST, HALF, FEW
)
guess


# %% tags=["reveals"]
def drawn(name, pair=1):
    one = [said[name][kind] for kind in VIEWS.values()]
    return [show.overlay_with_truth(answers.pictures, answers.final, pair) for answers in one]


def interval(values, unit=""):
    """The mean over pictures and two standard errors, as text."""
    mean, error = mean_and_error(values.float().reshape(len(values), -1).mean(1))
    return f"{mean:.0f} ± {2 * error:.0f}{unit}"


def told(name):
    rows = {}
    for view, kind in VIEWS.items():
        one = said[name][kind]
        rows[f"seen from {view}"] = {
            "MPJPE (mm)": interval(one.mpjpe),
            "rotation wrong": interval(100 * one.wrong, " %"),
            "sides exchanged": interval(100 * one.exchanged, " %"),
            "hands found": interval(100 * one.found, " %"),
        }
    return show.table(rows, f"{name}: means of sixteen pictures ± two standard errors")


share = said["small"]["seen from opposite"].exchanged.float().mean()
guess.compare(MOST if share > 0.75 else HALF if share > 0.25 else FEW)
display(told("small"))
show.picture_row(drawn("small"), [f"small, from {view}" for view in VIEWS])

# %% [markdown]
# (Dark dots on thin lines with white edges are the truth.) In the third picture both meshes cover their hands, and yet every number is wrong: the hand that is orange in the first picture is blue here. `small` takes what is on the left for a left hand, and a palm for a back. (± 0 %: all sixteen pictures agree; up to a fifth of others may not.)
#
# Now `wild`. **Predict**: which row changes most? And in `small`'s own view, which of the two is nearer to the truth?

# %% tags=["reveals"]
from handlib.data.layered.people import VIEW_SHARES, VIEWS as WILD_VIEWS

print("wild's training pictures:", ", ".join(f"{100 * s:.0f} % {v}" for v, s in zip(WILD_VIEWS, VIEW_SHARES)))
display(told("wild"))
more = said["wild"]["desk"].mpjpe - said["small"]["desk"].mpjpe
print("the owner's eyes, wild minus small, pair by pair:", interval(more, " mm"))
show.picture_row(drawn("wild"), [f"wild, from {view}" for view in VIEWS])

# %% [markdown]
# `wild` minds the view far less. In `small`'s own view `wild` is worse, but the interval of the printed difference leaves out 0 only by a little. Four things differ between the networks, so neither gain nor loss can be given to one of them.
#
# ## Gap two: appearance and camera
#
# Eleven other differences, one at a time: in the light, in the picture, in the camera. `wild`'s training pictures had most of them.

# %%
for name, network in networks.items():
    said[name] |= {kind: ask(network, scenes, kind) for kind in CHANGES if kind not in said[name]}
chosen = ["desk", "no colour", "sensor noise", "hard JPEG", "skin colours behind"]
display(show.picture_row([said["small"][kind].pictures.image[1].permute(1, 2, 0) for kind in chosen], chosen))
guess = predict("Which of these four changes costs `small` most?", *chosen[1:])
guess

# %% tags=["reveals"]
errors = {name: {kind: one.mpjpe.mean(1) for kind, one in said[name].items()} for name in networks}
costs = {
    name: {kind: mean_and_error(errors[name][kind] - errors[name]["desk"]) for kind in CHANGES}
    for name in networks
}
guess.compare(max(guess.answers, key=lambda kind: costs["small"][kind][0]))
show.cost_chart(costs)

# %% [markdown]
# (Bars: two standard errors of the difference, pair by pair as in notebook 12.) **Appearance:** brightness, tint, background and noise were all varied in `small`'s training, but less strongly than here. `too dark` halves the pixels' values, where training changed contrast by a quarter: it costs almost nothing. `sensor noise` is ten times training's, and costs most. So "it was varied in training" doesn't tell how far the protection reaches. `no colour`, which training lacked, comes next. **Camera:** from the side `small` loses about 23 mm, with a rolled camera about 14 (the bar reaches from 4 to 23), close by about 4. A rolled camera costs `wild` nothing that these pictures could show. **`wild`** loses 7 mm at most on average, from the side; the bar reaches 14. Which of its bars leave out 0, and would you believe each of them?
#
# <details><summary>Answer</summary>Seven: no colour, the side, hard JPEG, close by, out of focus, few pixels, and too dark only just. Of thirteen bars one may do so by chance.</details>
#
# How skin *looks* isn't among the changes: the renderer can't draw it.
#
# ## What stays wrong without a gap: where is each joint?
#
# Here is `wild`'s score on its own world, in pictures that no training has used, by how near the hands are. **Predict**: in which group is `wild` worst, hands apart, near, touching or interlocked? How much of the first estimate's error do your stages take away?

# %% tags=["reveals"]
count = 48
pictures = stack([make_sample("wild", wild.config.image_size, 13, k, "test") for k in range(count)])
image = normalise(pictures.image)
maps = wild.joint_maps(image)
report = json.loads((networks_folder() / "wild" / "wild-test.json").read_text())
first, *_, last = report["scores"].values()
rows = {
    f"{name} ({group['samples']} pairs)": {
        "first estimate: MPJPE (mm)": f"{first[name]['mpjpe']:.0f}",
        "after both stages": f"{group['mpjpe']:.0f}",
        "first estimate: rotation wrong": f"{100 * first[name]['rotation_wrong']:.0f} %",
        "after both": f"{100 * group['rotation_wrong']:.0f} %",
    }
    for name, group in last.items()
}
show.table(rows, "wild on its own world")

# %% [markdown]
# That is worse than on `desk`: `wild`'s own world mixes all views and most of gap two's changes. So every photograph inherits an error that no gap explains. The stages take away about a tenth: what the first estimate gets wrong mostly stays wrong. And hands *apart* are hardest, so confusing two hands can't be the whole cost. (They can also be small, and many turn independently.) All groups depend on one step: where is each joint read? It can be read **beside its place**, or **at the other hand**.
#
# `wild`'s first estimate isn't regressed from a pooled vector (notebook 03) but **read from maps** (`handlib/model/joint_maps.py`), which the map at the top doesn't show:
#
# * the **segmentation**: is this cell background, left hand or right hand?
# * a **heatmap** for each of 42 joints: is it here?
# * a **location map** for each joint: if it is here, where in space, in palm lengths from the middle finger's knuckle?
#
# ```
# picture ─ encoder ─┬─ segmentation 3×28×28 ──┐
#                    ├─ heatmaps 2×21×28×28 ───┴─ uv 2×21×2 ─────────┬─ fit_weak_perspective ─ camera
#                    └─ locations 2×21×3×28×28 ─ read at uv ─ places ┴─ palm_rotation ─ rotation
# ```
#
# A small network adds finger pose and shape, from the located joints and from what your `attention_pool` collects. A joint that is read at the wrong place spoils all that follows.
#
# A heatmap can be unsure, and it can take the same joint of *the other hand* for its own: the reading **jumps** across. (We count a jump where a joint is read nearer to the other hand's same joint than to its own place. Where both lie close together, a small miss counts too.) `wild` does three things about it. Which of them helps against which error?
#
# **Two looks.** The mirror image of a left hand is a right hand. So the network also sees the mirrored picture, its maps are brought back, and both answers are averaged.
#
# **Exercise: `unmirrored`.** Bring the location maps of the mirrored picture back. **Predict** first: why isn't it enough to flip the maps?
#
# <details><summary>Answer</summary>Flipping moves each cell to its place. But the map called "left" then belongs to the right hand. And the maps hold places in space: a mirrored x points the other way, while y and z stay.</details>
#
# <details><summary>Hint</summary><code>flip</code> takes a dimension; signs for x, y and z need the shape (3, 1, 1).</details>


# %% tags=["exercise"]
def unmirrored(locations):
    """locations: (b, hand, 21, xyz, size, size), of the mirrored picture; returns the picture's own."""
    ...


check("unmirrored", unmirrored)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def unmirrored_solution(locations):
    signs = torch.tensor([-1.0, 1.0, 1.0])[:, None, None]
    return locations.flip(-1).flip(1) * signs


check("unmirrored", unmirrored_solution)

# %% [markdown]
# **Upright.** The encoder has learnt from hands that point up. So a first look locates the joints roughly, the picture is turned so that the hands point up, and the network looks at it and at its mirror image (`DIR.forward`). The mean of all three looks' maps is turned back.
#
# **Own pixels.** A heatmap $h$ is in logits. $e^h$ is multiplied by $o + 0.02$; here $o$ is the segmentation's largest probability of the joint's own hand in the 5 x 5 cells around. The joint is read around the product's highest cell $\hat c$, as the mean of the centres $u_c$ of the 5 x 5 cells $N(\hat c)$ (fewer at the border):
#
# $$ p_c = (o_c + 0.02)\, e^{h_c}, \qquad \hat c = \arg\max_c p_c, \qquad u = \sum_{c \in N(\hat c)} p_c\, u_c \Big/ \sum_{c \in N(\hat c)} p_c $$
#
# A mean over the whole map would lie between both hands.
#
# **On paper.** A row of six cells, $e^h = (10, 6, 1, 1, 4, 2)$, $o = (0, 0, 0.98, 0.98, 0.98, 0.98)$. Where is the joint read, in cells, without and with its own hand's pixels?
#
# <details><summary>Answer</summary>Without: around cell 0, at (0 · 10 + 1 · 6 + 2 · 1) / 17, about 0.5. With: p = (0.2, 0.12, 1, 1, 4, 2). Cell 4 is the highest, and the cells 2 to 5 give (2 · 1 + 3 · 1 + 4 · 4 + 5 · 2) / 8 = 3.875.</details>
#
# **Exercise: `own_heat`.** Write this reading for all joints of a batch. `own` is $o$.
#
# <details><summary>Hint</summary><code>argmax</code> over a flattened map gives row · size + column. A cell belongs to N if its row and its column are both within 2 of these. The library adds the logarithm of o + 0.02 to h.</details>


# %% tags=["exercise"]
def own_heat(heat, own):
    """heat: (b, hand, 21, size, size); own: (b, hand, size, size); returns uv (b, hand, 21, 2)."""
    ...


check("own_heat", own_heat)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def own_heat_solution(heat, own):
    size = heat.shape[-1]
    p = (heat + (own + 0.02).log()[:, :, None]).flatten(3).softmax(-1)
    cell, peak = torch.arange(size * size), p.argmax(-1)[..., None]
    row, column = cell // size, cell % size
    near = ((row - peak // size).abs() <= 2) & ((column - peak % size).abs() <= 2)
    weights = p * near / (p * near).sum(-1, keepdim=True)
    return torch.stack([(weights * ((at + 0.5) * 2 / size - 1)).sum(-1) for at in (column, row)], -1)


check("own_heat", own_heat_solution)

# %%
from torch.nn.functional import one_hot

from handlib.geometry.turn import turn_picture
from handlib.hand.upright import turn_to_upright
from handlib.model.joint_maps import ELSEWHERE, own_pixels
from handlib.training.targets import resize_label


def highest(scores):
    """The middle of each map's highest cell, in uv."""
    cells = scores.shape[-1]
    peak = scores.flatten(3).argmax(-1)
    return (torch.stack((peak % cells, peak // cells), dim=-1) + 0.5) * (2 / cells) - 1


print(maps)
of_mirror = wild.joint_maps(image.flip(-1))
locations = unmirrored(of_mirror.locations)  # Yours, once it is written.
if locations is None:
    locations = unmirrored_solution(of_mirror.locations)
assert torch.allclose(locations, of_mirror.mirrored().locations, atol=1e-5)  # The library agrees.
two_looks = maps.mean_with(replace(of_mirror.mirrored(), locations=locations))
turn = turn_to_upright(maps.located.uv)
upright = turn_picture(image, turn)
mirrored = wild.joint_maps(upright.flip(-1)).mirrored()
three_looks = maps.turned(turn).mean_with(wild.joint_maps(upright), mirrored).turned(-turn)

# %%
within = maps.heat + (own_pixels(maps.segmentation) + ELSEWHERE).log()[:, :, None]
true_label = resize_label(pictures.label.long(), maps.heat.shape[-2:])
certain = 20.0 * one_hot(true_label, 3).permute(0, 3, 1, 2)  # Scores of somebody who knows every pixel.
TWO, OURS = "own pixels, mean, two looks", "own pixels, mean, three looks"
KNOWN = "three looks, sides known"
mine = own_heat(maps.heat, own_pixels(maps.segmentation))  # Yours, once it is written.
if mine is None:
    mine = own_heat_solution(maps.heat, own_pixels(maps.segmentation))
ways = {  # The last one looks at the truth, for comparison.
    "highest cell": (maps, highest(maps.heat)),
    "own pixels, highest cell": (maps, highest(within)),
    "own pixels, mean around it": (maps, mine),
    TWO: (two_looks, two_looks.located.uv),
    OURS: (three_looks, three_looks.located.uv),
    KNOWN: (three_looks, replace(three_looks, segmentation=certain).located.uv),
}
assert torch.allclose(
    ways["own pixels, mean around it"][1], maps.located.uv, atol=1e-4
)  # The library agrees.
other_hand = pictures.uv.flip(1)
miss = {name: (uv - pictures.uv).norm(dim=-1) for name, (_, uv) in ways.items()}
jumped = {name: (uv - other_hand).norm(dim=-1) < miss[name] for name, (_, uv) in ways.items()}

PART, BOTH, ALL = "at most half a hand jumps", "both about as often", "more than half a hand jumps"
guess = predict(
    "Of the joints that three looks still read at the other hand: what happens more often?", PART, BOTH, ALL
)
guess

# %% tags=["reveals"]
hand_size = (pictures.uv.amax(2) - pictures.uv.amin(2)).amax(-1)[..., None]
plain, own, mean, *_ = ways
before = {own: plain, mean: own, TWO: mean, OURS: TWO, KNOWN: OURS}


def compared(column, values):
    """For each way its share, and what it adds on the same pictures to the way before it."""
    rows = {}
    for name in ways:
        rows[name] = {column: interval(100 * values[name], " %"), f"{column}: added": ""}
        if name in before:
            differences = 100 * (values[name].float() - values[before[name]].float())
            gain, error = mean_and_error(differences.flatten(1).mean(1))
            rows[name][f"{column}: added"] = f"{gain:+.1f} ± {2 * error:.1f}"
    return rows


whole = jumped[OURS].float().mean(-1) > 0.5
in_whole, remaining = int(jumped[OURS][whole].sum()), int(jumped[OURS].sum())
guess.compare(PART if in_whole < 0.4 * remaining else BOTH if in_whole < 0.6 * remaining else ALL)
print(f"{int(whole.sum())} of {whole.numel()} hands jumped as a whole, with {in_whole} of {remaining} joints")
near = compared("within a fifth of the hand", {name: off < 0.2 * hand_size for name, off in miss.items()})
away = compared("nearer to the other hand's same joint", jumped)
show.table(
    {name: near[name] | away[name] for name in ways},
    f"Joints of {count} pictures, by where they are read; ± two standard errors",
)

# %%
from handlib.hand.skeleton import JOINT_NAMES, SIDES

mended = jumped[plain] & ~jumped[own] & (miss[own] < 0.2 * hand_size) & (pictures.uv.abs() < 0.9).all(-1)
large = hand_size.squeeze(-1).amin(1)[:, None, None] * mended
k, h, j = (int(i) for i in torch.unravel_index(large.argmax(), large.shape))
heatmaps = {f"heatmap: {side}": maps.heat[k, i, j] for i, side in enumerate(SIDES)}
heatmaps[f"{SIDES[h]}, times own pixels"] = within[k, h, j]
back, lost = (int(c.sum()) for c in (jumped[plain] & ~jumped[own], ~jumped[plain] & jumped[own]))
print(f"own pixels brought {back} joints back from the other hand and sent {lost} there; one brought back:")
print(f"{JOINT_NAMES[j]} of the {SIDES[h]} hand in picture {k}")
show.heatmap_row(pictures.image[k], maps.segmentation[k].argmax(0), heatmaps, pictures.uv[k, :, j])

# %% [markdown]
# (+: true places, blue left, orange right; ×: where the map is highest. The last map is that of the hand whose joint had jumped.)
#
# The table's third row is your `own_heat` (the solution, if you haven't written it). *Added* compares a row with the row before it, on the same pictures. **Place:** the mean around the cell and the third look clearly help, the second look only just; own pixels don't measurably. **Jumping:** own pixels help by about one joint in a hundred, but only just; all other intervals hold 0. Two of ten comparisons leave out 0 only just: believe these two least. (The table reads heatmaps. The location maps that you brought back count for the rotation, in Further.)
#
# **What localisation still costs:** after all of it about one joint in eight is farther off than a fifth of the hand, and one in twenty lies nearer to the other hand's. Most of these belong to hands of which at most half the joints jumped: the rest could tell, but each heatmap is read alone. "Sides known" takes the true segmentation; these 48 pictures don't decide what that gains. Millimetres stay open, too.
#
# ## Does it know when it is wrong?
#
# `wild`'s confidence weighs presence, the heatmaps' peaks, segmentation, and a second opinion of MediaPipe's whole network, with weights fitted on rendered pictures. `small`'s is the mean probability of its segmentation. Of all hands with a confidence of about 0.7, do 70 % meet the promise?
#
# **Exercise: `by_tenths`.** For hands whose confidence lies in 0 to 0.1, in 0.1 to 0.2, and so on: their mean confidence, the share that was found, their number. 1 belongs to the last tenth. A tenth without hands has NaN, NaN and 0.


# %% tags=["exercise"]
def by_tenths(confidence, found):
    """Two tensors (hands,), numbers from 0 to 1 and bool; returns a tensor (10, 3)."""
    ...


check("by_tenths", by_tenths)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def by_tenths_solution(confidence, found):
    tenth = (10 * confidence).floor().clamp_max(9)
    inside = [tenth == k for k in range(10)]
    return torch.tensor([(confidence[i].mean(), found[i].float().mean(), i.sum()) for i in inside])


check("by_tenths", by_tenths_solution)

# %%
guess = predict(
    "From opposite `small` finds hardly any hand. How sure is it there, compared with its own view?",
    "far less sure",
    "somewhat less sure",
    "about as sure, or surer",
)
guess

# %% tags=["reveals"]
measured = json.loads((Path(handlib.__file__).parent / "assets" / "confidence.json").read_text())["measured"]
elsewhere, desk = {}, "desk and its thirteen changes"
for name in networks:
    sure, found = (
        torch.cat([getattr(one, key).flatten() for one in said[name].values()])
        for key in ("confidence", "found")
    )
    mine = by_tenths(sure, found)  # Yours, once it is written.
    elsewhere[name] = (by_tenths_solution(sure, found) if mine is None else mine).tolist()
    print(f"{name}: mean confidence {sure.mean():.2f}, share of hands found {found.float().mean():.2f}")
    for view in ("the owner's eyes", "opposite"):
        one = said[name][VIEWS[view]]
        print(f"    from {view}: {one.confidence.mean():.2f} and {one.found.float().mean():.2f}")
own_view, opposite = (said["small"][kind].confidence.mean() for kind in ("desk", "seen from opposite"))
guess.compare(guess.answers[0 if own_view - opposite > 0.3 else 1 if own_view - opposite > 0.05 else 2])
fitted = [(row["confidence"], row["found"], row["hands"]) for row in measured["by_tenths"]]
show.reliability_chart({"the world it was fitted in": {"wild": fitted}, desk: elsewhere})

# %% [markdown]
# (No dots for fewer than ten hands. The right bars are too short: all answers there come from the same sixteen pairs.) Below the diagonal a network is too sure. **Left**, pictures of the kind on which it was fitted: near 0.7 the promise holds, within bars of ± 0.1 to 0.2. **Right**, another world: `small` is as sure of exchanged hands as of any, for they look like hands; `wild` hardly meets anything that makes it doubt. On photographs nobody has measured confidences.
#
# ## Photographs
#
# In a few photographs people have annotated the joints in two dimensions (they aren't ours to show). No weights were trained on them or chosen by them. But the search for hands, and the views across a table in `wild`'s training, were worked out while looking at them: expect others to be worse.
#
# PCK@0.2 is the share of joints within a fifth of the hand's size, *swapped* the share of pictures with exchanged sides, *missing* the hands per picture without an answer. "Boxes": the box around the hands was given (`wild` still searches inside it). **Predict**: is `wild` ahead of MediaPipe's landmarker? Where do `small`'s dots lie for hands that face the camera, and for hands as their owner sees them?

# %% tags=["reveals"]
scores = json.loads((networks_folder() / "wild" / "photographs.json").read_text())
rows = {
    f"{name}, {way}": {
        "PCK@0.1": f"{groups['all']['pck@0.1']:.2f}",
        "PCK@0.2": f"{groups['all']['pck@0.2']:.2f}",
        **{
            f"@{most}: wild ahead by": ""
            if name == "wild"
            else "{:+.2f} ({:+.2f} to {:+.2f})".format(*groups["all"][f"pck@{most}: wild ahead by"])
            for most in (0.1, 0.2)
        },
        "error (hand sizes)": f"{groups['all']['error']:.2f}",
        "swapped": f"{100 * groups['all']['swapped']:.0f} %",
        "missing": f"{groups['all']['missing']:.1f}",
    }
    for way, scored in scores.items()
    for name, groups in scored.items()
}
display(show.table(rows, f"{round(scores['boxes']['wild']['all']['pictures'])} photographs"))
by_kind = scores["boxes"]
fingers = {name: groups["relation: interlocked"] for name, groups in by_kind.items()}
print(f"PCK@0.2 of {fingers['wild']['pictures']:.0f} photograph with interlocked fingers: ", end="")
print(", ".join(f"{name} {group['pck@0.2']:.2f}" for name, group in fingers.items()))
show.kinds_chart(by_kind)

# %% [markdown]
# * **The order isn't settled.** All programs answered the same pictures, so differences are paired (*ahead by*, with 95 % intervals). Against MediaPipe these hold 0: within a fifth `wild` looks better, within a tenth MediaPipe does. (A hand without an answer counts as an error of 2 hand sizes.)
# * **MediaPipe has an advantage:** its answers were the annotations' starting points. And `wild` isn't independent of it: encoder and second opinion come from there.
# * **Two dimensions only.** A good PCK can hide a palm that was taken for a back.
# * **Gap one seems to be here too:** `small` finds hardly a joint of hands that face the camera. But the photographs also differ in people, light and pose. (Kinds with fewer than three are left out.)
# * **One photograph shows interlocked fingers,** and is hard for all three. Don't conclude from the table of `wild`'s own world that interlocked hands are easy in photographs.
#
# ## Back to your photo
#
# Take a wrong answer from the start. **Predict** which gap it fell into. Then change one thing, and ask again:
#
# | change | if the answer becomes right, suspect |
# |---|---|
# | the same hands, photographed as your own eyes see them | the view |
# | more light, a plain background, a sharper picture | appearance |
# | the other hand taken away, the box left as it was | localisation: joints were read at the other hand (or occlusion, if that hand hid fingers) |
# | the box dragged closer, or wider | the search, which stays inside your box |
#
# Then **predict** what `small` makes of the same picture, and ask: write `YourPhoto(small, yours.photo)` into a new cell.
#
# Try each change five times: two photographs differ in more than the thing that you meant. Light and colours you can change in the *same* photograph. **Predict** which network's joints move more. (This says how far an answer moves, not whether it was right.)

# %% tags=["reveals"]
from handlib.photos.reconstruct import reconstruct

rows = {}
for kind in ("no colour", "warm lamp", "too dark", "out of focus"):
    changed = CHANGES[kind].picture(yours.photo, np.random.default_rng(13))
    rows[kind] = {}
    for name, network in networks.items():
        usual, other = (reconstruct(picture, yours.box, network) for picture in (yours.photo, changed))
        moved = off_by(other.joint_pixels[None], usual.joint_pixels[None])[0]
        sure = " and ".join(f"{c:.2f}" for c in other.confidence.tolist())
        rows[kind][f"{name}: joints move by (hand sizes)"] = f"{moved[0]:.2f} and {moved[1]:.2f}"
        rows[kind][f"{name}: confidence"] = sure
show.table(rows, "your photo changed: left hand and right hand")

# %% [markdown]
# Where the joints moved far: did the confidence fall?
#
# ## Summary
#
# * The **view** cost `small` most: it knows hands as their owner sees them, and exchanges left and right from opposite.
# * **Appearance**: `small` stood far stronger changes of brightness and tint than its training had, and failed at noise and without colour. **Camera**: the side and a rolled camera cost it most, close by little. Only a measurement tells.
# * Your **stages** take away about a tenth of `wild`'s first error: mostly the first estimate decides.
# * **Localisation**: the mean around the highest cell and the third look bring joints nearer to their place (the second look only just). One joint in eight still lies farther off than a fifth of the hand.
# * A **confidence** is a promise about pictures like those on which it was fitted; `small`'s was never fitted and promises nothing.
# * **Scores on photographs** come with wide intervals, in two dimensions only.
#
# **Ask yourself**
#
# <details><summary>Hands seen from opposite: <code>small</code> is sure and exchanges them. Why doesn't its confidence notice?</summary>It is the mean probability of the segmentation: it says that hands are there, not whose.</details>
# <details><summary>In a mirrored picture the left thumb is read at (0.4, 0.1), its place in space at (0.2, 0, 0.5). What is read for the picture itself?</summary>The right thumb at (-0.4, 0.1), its place at (-0.2, 0, 0.5).</details>
# <details><summary>Open: how would you measure on photographs whether a confidence keeps its promise?</summary>Annotate joints and count the hands that are found, by tenths of the confidence. For intervals of ± 0.1 at one confidence you need about a hundred hands there.</details>

# %% [markdown]
# # Further

# %% [markdown]
# ## What would close what is left
#
# Four things differ between the networks, and the chart of gap two can't separate them. `wild`'s training pictures had most of these changes. Its encoder had seen photographs. It sees more pixels (noise and JPEG's blocks spoil a small picture more). And it turns the hands upright before it answers, which may be why a rolled camera costs it nothing.
#
# Each change of gaps one and two says what training would need against it (our judgement, nothing that was tested). Which kind is still open for which network?

# %%
for way in dict.fromkeys(change.closes for change in CHANGES.values()):
    members = [kind for kind, change in CHANGES.items() if change.closes == way]
    print(f"training would need {way}; of {len(members)} such changes the one that costs most:")
    for name in networks:
        most = max(members, key=lambda kind: costs[name][kind][0])
        print(f"  {name:5} {costs[name][most][0]:+4.0f} mm, {most}")

# %% [markdown]
# | gap | what would close it | where |
# |---|---|---|
# | view | done in `wild`'s pictures: seen by their owner, from opposite, from the side | `handlib/data/layered/people.py` |
# | noise, colour, JPEG, light | done in `wild`'s pictures; for `small`, stronger augmentation | `handlib/data/layered/compose.py`, `handlib/data/augment.py` |
# | whose hand is where | arms that lead to a person, both hands' joints deciding together, more training of just that | `handlib/model/joints_head.py` |
# | hidden joints | more such pairs; maps that keep several places for one joint | notebook [12](12_robustness.ipynb) |
# | small hands | a closer look at each hand alone, and training of just that | `handlib/photos/search.py` |
# | how skin looks, rings, gloves, children's hands | real pictures with truth, or these things in the renderer | notebook [14](14_the_real_thing.ipynb) |
#
# A project: take one line, say beforehand which number of this notebook should change and by how much, train, and run this notebook again with your network in `wild`'s place.
#
# ## Measure your own photographs
#
# Put pictures and an `annotations.json` into a folder (its format: [docs/photographs.md](../docs/photographs.md)), then
#
# ```
# handlib eval-photos FOLDER
# handlib eval-photos FOLDER --no-boxes
# ```
#
# Annotate *before* you look at any answer, and keep the pictures that fail.
#
# ## From the photograph to a square, and back
#
# **Upright.** A telephone stores what its sensor saw, often on its side, and writes beside it how to turn it (EXIF *orientation*). **Predict**: a stored picture is 3 pixels wide and 2 high, its orientation is 6, "turn clockwise by 90°". What is its size afterwards, and where does the top left pixel go?
#
# <details><summary>Answer</summary>It becomes 2 wide and 3 high, and the top left pixel becomes the top right one.</details>

# %%
import tempfile

from PIL import Image

from handlib.data.photo import HANDS_SHARE, Box, Crop, read_picture

stored = np.zeros((2, 3, 3), np.uint8)
stored[0, 0] = 255  # The top left pixel.
exif = Image.Exif()
exif[0x0112] = 6
with tempfile.TemporaryDirectory() as folder:
    Image.fromarray(stored).save(Path(folder) / "phone.png", exif=exif)
    upright = read_picture(Path(folder) / "phone.png")
print("stored", stored.shape[:2], "-> upright", upright.shape[:2])
assert upright.shape == (3, 2, 3) and upright[0, 1, 0] == 255

# %% [markdown]
# **The square.** The network wants a square in which the hands fill 80 % of the side. A box around the hands, $(x, y, w, h)$ in pixels, becomes the square about the box's centre with the side $a = \max(w, h) / 0.8$. What lies outside the picture repeats its edge.
#
# **The way back.** The network says where a joint is in $[-1, 1]$ over the square. In the photograph that is corner $+ (u + 1)\, a / 2$.
#
# **Predict** for the box (100, 50, 300, 200): which side and corner does the square have, and where in the photograph is $u = (0, -1)$?
#
# <details><summary>Answer</summary>The side is 300 / 0.8 = 375, the centre (250, 150), so the corner is (250 - 187.5, 150 - 187.5) = (62.5, -37.5), above the picture's edge. The joint is at (62.5 + 187.5, -37.5 + 0) = (250, -37.5), in the middle of the square's upper edge.</details>

# %%
crop = Crop.around(Box(100, 50, 300, 200), HANDS_SHARE)
back = crop.to_picture(torch.tensor([0.0, -1.0]))
print(f"side {crop.side:.0f}, corner ({crop.x}, {crop.y}), and back {back.tolist()}")
assert (crop.side, crop.x, crop.y) == (375, 62.5, -37.5) and back.tolist() == [250, -37.5]

# %% [markdown]
# **Exercise.** Write that square for any box and share.


# %% tags=["exercise"]
def square_around(x, y, width, height, share): ...  # numbers; return (x, y, side)


check("square_around", square_around)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def square_around_solution(x, y, width, height, share):
    side = max(width, height) / share
    return x + width / 2 - side / 2, y + height / 2 - side / 2, side


check("square_around", square_around_solution)

# %% [markdown]
# ## What hangs on the joints: the rotation
#
# Read where the joints are seen, the location maps place the palm's five joints in space. The hand's rotation is the [Procrustes alignment](../docs/glossary.md#procrustes-alignment) of notebook 10, without its scale: it brings the palm at rest closest to these five joints.

# %%
from handlib.model.joints_head import palm_rotation


def degrees_between(a, b):
    return torch.rad2deg(roma.rotmat_geodesic_distance(a, b))


rest = wild.encoder.head.rest
guess = predict(
    "Three looks leave some rotations wrong. If the location maps were read at the joints' true places: "
    "which share of these would stay wrong?",
    "more than 70 %",
    "30 to 70 %",
    "fewer than 30 %",
)
guess

# %% tags=["reveals"]
from scipy.stats import binomtest

from handlib.training.joint_losses import read_locations


def rotation_wrong(maps, uv):
    """Whether a palm, with its joints read from the location maps at these places, is turned wrong."""
    found = palm_rotation(read_locations(maps, uv.clamp(-1, 1)), rest)
    return degrees_between(found, pictures.root) > WRONG_ROTATION


wrong = {name: rotation_wrong(*way) for name, way in ways.items()}
wrong_at_truth = rotation_wrong(three_looks, pictures.uv)
by_place = wrong[OURS] & ~wrong_at_truth
causes = {
    "wrong at the true places too": wrong[OURS] & wrong_at_truth,
    "right at the true places; the whole hand had jumped": by_place & whole,
    "right at the true places; the hand hadn't jumped": by_place & ~whole,
}
total = int(wrong[OURS].sum())
stay = int(causes["wrong at the true places too"].sum()) / max(total, 1)
guess.compare(guess.answers[0 if stay > 0.7 else 1 if stay > 0.3 else 2])
low, high = binomtest(round(stay * total), total).proportion_ci()
print(f"of {total} hands; with so few the share may be anything from {100 * low:.0f} to {100 * high:.0f} %")
for cause, hands in causes.items():
    print(f"{int(hands.sum()):3} of {total} wrong rotations: {cause}")
show.table(compared("rotation wrong", wrong), "Hands, by where their joints are read")

# %% [markdown]
# (The interval holds 95 %.) Look at the intervals of the table, too: 96 hands are few. Hands that are right at the true places were lost by **localisation** alone. Rotations that are wrong at the true places can't be mended by finding joints better: there the location maps are wrong.
#
# ### The rotation of a flat palm
#
# The palm's five joints, wrist and four knuckles, are found at $q_i$; at rest they are at $p_i$. As in notebook 10 the rotation follows from a singular value decomposition:
#
# $$ M=\sum_i (q_i-\bar q)(p_i-\bar p)^\top = USV^\top, \qquad R=UDV^\top, \quad D=\mathrm{diag}(1,1,\det(UV^\top)). $$
#
# **On paper.** Four points $(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)$ are found at $(0, 1, 0), (0, -1, 0), (-1, 0, 0), (1, 0, 0)$. What is $M$, which rotation is it, and why does $D$ matter more here than for a whole hand?
#
# <details><summary>Answer</summary>M has a -2 in row 1, column 2, and a 2 in row 2, column 1, else zeros: the turn by 90° about z. But the points are flat and the third singular value is 0: a matrix that also mirrors z fits as well. A palm is nearly flat too; without D some hands would be turned inside out.</details>
#
# **Exercise.** Write that alignment for one palm. (The library's `palm_rotation` works by quaternions.)
#
# <details><summary>Hint</summary><code>torch.linalg.svd(M)</code> returns U, the singular values and V transposed. D changes the sign of the last column of U.</details>


# %% tags=["exercise"]
def palm_alignment(rest, found): ...  # two tensors (5, 3); return the rotation (3, 3)


check("palm_alignment", palm_alignment)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def palm_alignment_solution(rest, found):
    p, q = (points - points.mean(0) for points in (rest, found))
    u, _, vt = torch.linalg.svd(q.T @ p)
    signs = torch.stack((u.new_tensor(1.0), u.new_tensor(1.0), torch.linalg.det(u @ vt)))
    return u @ torch.diag(signs) @ vt


check("palm_alignment", palm_alignment_solution)

# %%
from handlib.model.joints_head import PALM

places = three_looks.located.places
aligned = [palm_alignment_solution(rest[h, PALM], places[k, h, PALM]) for k in range(count) for h in range(2)]
agree = degrees_between(torch.stack(aligned), palm_rotation(places, rest).flatten(0, 1)) < 1
print(f"{len(aligned)} palms; both ways agree to within a degree in {int(agree.sum())}")

# %% [markdown]
# ## How the hands are found
#
# Benchmarks give the box (notebook 10: it comes from the truth). On your picture nobody knows it, so the network looks for itself, from far to near (`handlib/photos/search.py`):
#
# 1. `glance_at` the whole picture and at smaller squares that cover it, overlapping by half. A glance stops at the joint maps, which takes about a third of a whole look's work. (`small` has no joint maps; it looks once, at the whole picture, and goes on from there.)
# 2. From the three surest glances, `look_closer`: take the box around the hands that were seen, cut out its square, look again with the whole network; now they are larger. Repeat until the box stays where it is.
# 3. Ask for a second opinion on each of these looks (is it a hand?), and keep the surest.
# 4. Of two hands that are far apart, look at each once more, alone.
#
# `find_hands` does the first three. (`reconstruct_everyone` follows every square in which hands are seen, for pictures with several people.) Here is the second step by hand, on a wide picture: a pair of the `desk` world before a camera with a shorter focal length. The coloured box is what each look was cut around, thin white lines show its square.

# %%
from handlib.data.photo import HANDS_SHARE, Box, Crop
from handlib.photos.photo_frame import framed
from handlib.photos.search import find_hands, look_at


def from_afar(scene, zoom, middle=(0.62, 0.55)):
    """The scene with a shorter focal length, the hands' middle moved to a place in the picture."""
    fx, fy, cx, cy = scene.intrinsics
    place = (np.array([cx, cy]) - 0.5) * zoom + middle
    return replace(scene, intrinsics=np.array([fx * zoom, fy * zoom, *place], dtype=np.float32))


wide = as_picture(from_afar(scenes[0], 0.4).sample(400).image)

# %%
box, share, looks = Box.around(wide), 1.0, []
while len(looks) < 4:
    (seen,) = look_at(wild, wide, [Crop.around(box, share)])
    looks.append(framed(wide, box, 200))
    box, share = seen.box(wide) or box, HANDS_SHARE
print(f"box after {len(looks)} looks: {box.width:.0f} x {box.height:.0f} pixels")
found = find_hands(wild, wide).box(wide)
print(f"find_hands: {found.width:.0f} x {found.height:.0f} pixels")
show.picture_row(looks, [f"look {k}" for k in range(1, 5)])

# %% [markdown]
# How good is a box? Two boxes are compared by the area that both cover over the area that either covers, the *overlap* or intersection over union: 1 if they are the same, 0 if they don't meet. **Predict** the overlap of (0, 0, 4, 2) and (2, 0, 4, 2).
#
# <details><summary>Answer</summary>Both cover 2 · 2 = 4, either covers 8 + 8 - 4 = 12; the overlap is 1/3.</details>
#
# **Exercise.** Write it. (Boxes that don't meet are part of it.)


# %% tags=["exercise"]
def overlap(a, b): ...  # two boxes (x, y, width, height); return a number


check("overlap", overlap)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def overlap_solution(a, b):
    low = np.maximum(a[:2], b[:2])
    high = np.minimum(np.add(a[:2], a[2:]), np.add(b[:2], b[2:]))
    both = np.prod(np.maximum(high - low, 0))
    return both / (a[2] * a[3] + b[2] * b[3] - both)


check("overlap", overlap_solution)

# %% [markdown]
# The two networks take their boxes from different things. `wild` locates joints, so its box is the box around the joints of the hands that are there. `small` has only its segmentation, so its box is the one around all pixels that are called hand.
#
# **Exercise.** Write the step for `small`: a map of labels (0 background, 1 left, 2 right, square) of a crop with corner (x, y) and a side in the photograph's pixels becomes the box around all hand pixels, in the photograph's pixels.
#
# <details><summary>Hint</summary>A pixel of the map is side / len(labels) wide, and the last one counts with its whole width.</details>


# %% tags=["exercise"]
def box_of_hands(labels, x, y, side): ...  # return (x, y, width, height)


check("box_of_hands", box_of_hands)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def box_of_hands_solution(labels, x, y, side):
    rows, columns = np.nonzero(labels)
    step = side / len(labels)
    width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
    return x + columns.min() * step, y + rows.min() * step, width * step, height * step


check("box_of_hands", box_of_hands_solution)

# %% [markdown]
# **Predict**: the hands take about a third of the picture's side, then about a sixth. What does looking for oneself cost each network, compared with being told the box? In whose segmentation do the *arms* count as hands?


# %%
def box_around(points):
    low, high = points.amin(0), points.amax(0)
    return Box(*low.tolist(), *(high - low).tolist())


def searched(network, sample):
    """Overlap of the found box with the true one; joints off, in % of its side, found and given."""
    picture, pixels = as_picture(sample.image), uv_to_pixels(sample.uv, sample.size)
    true_box = box_around(pixels.flatten(0, 1))
    found, given = (reconstruct(picture, box, network) for box in (None, true_box))
    off = [(result.joint_pixels - pixels).norm(dim=-1).mean() for result in (found, given)]
    return (
        found.box.overlap(true_box),
        *(100 * float(o) / max(true_box.width, true_box.height) for o in off),
    )


# %% tags=["reveals"]
for hands_take, zoom in (("a third", 0.4), ("a sixth", 0.2)):
    far = [from_afar(scene, zoom).sample(400) for scene in scenes[:5]]
    for name, network in networks.items():
        rows = np.median([searched(network, sample) for sample in far], axis=0)
        print(
            f"{hands_take} of the side, {name:5}: overlap {rows[0]:.2f}; "
            f"joints off by {rows[1]:5.1f} % where it looked itself, {rows[2]:4.1f} % in the true box"
        )

# %% [markdown]
# (Medians of five pictures.) Compare the overlaps. The renderer's labels count a forearm as part of its hand, so `small`'s box reaches up the arms, and the hands in its square are smaller than in training. A box around joints has no arms in it.
#
# (`wild` searches inside a given box, too. So its two numbers compare two searches; `small` takes the box as it is.) Compare the last column, too: `desk` is `small`'s own world, and it knows nothing else. And note where a box comes from: the **same network** whose answer it prepares. Where the looks go wrong, so does every number after them.
#
# ## Left or right: a second opinion
#
# Sometimes *both* hands change places: every joint is where a joint is, but left is right. A weak-perspective picture allows that. Mirror a right hand in depth, near for far: it becomes a left hand, and it is seen at exactly the same place. So a picture that was read with exchanged sides can be read the other way without looking again (`handlib.model.estimate.exchanged`). **Predict** how far the joints move in the picture when both hands of an estimate are exchanged, and how far in space.

# %% tags=["reveals"]
one = wild(image[:1])
other = one.exchanged(wild.hands, wild.config.log_scale)
moved = (other.final.uv - one.final.uv.flip(1)).abs().max()
depth = (other.final.joints - one.final.joints.flip(1)).abs().amax((0, 1, 2))
assert moved < 1e-3
print("in the picture: by less than a thousandth of its half side;")
print(f"in space (x, y, z): by up to {depth.mul(1000).round().tolist()} mm")

# %% [markdown]
# Which of the two is it? Light and skin tell: nails, knuckles, creases. Nobody has seen more of these than the network that `wild`'s encoder was taken from. As a whole it answers for a single upright hand: is this a hand, and is it a right one? Once a hand has been located it can be turned upright and shown (`handlib/photos/hand_network.py`). `reconstruct` asks it the first question. Should it ask the second one too, and exchange the sides where that network is surer of this than not, both hands taken together? **Predict**: does that help on *rendered* hands?

# %% tags=["reveals"]
size = wild.config.image_size
predictions = [wild(part) for part in image.split(8)]
exchange = []
for k, located in enumerate(prediction.located[[i]] for prediction in predictions for i in range(8)):
    pixels = uv_to_pixels(located.uv[0].double(), size).numpy()
    _, right_hand = second_opinion(as_picture(pictures.image[k]), pixels)
    exchange.append(bool(right_hand[1] - right_hand[0] < -1))  # Log-odds, with a margin of 1.
uv = torch.cat([prediction.final.uv for prediction in predictions])
direct, crossed = off_by(uv, pictures.uv).sum(1), off_by(uv.flip(1), pictures.uv).sum(1)
swapped, exchange = crossed < direct, torch.tensor(exchange)
print(f"`wild` exchanges the sides in {int(swapped.sum())} of {count} pictures;")
print(f"the other network wants to exchange {int(exchange.sum())}, {int((exchange & swapped).sum())} rightly")

# %% [markdown]
# Where `wild` exchanges few pictures, such a question can mostly harm: there is little to mend. The other network has learnt from photographs, which rendered skin only resembles, and it sees each hand alone, without the arms and the other hand. So `reconstruct` doesn't ask it about sides.
#
# ## Hands that aren't there
#
# The confidence's calibration also counted how often a missing hand was told missing. After that come pictures with one hand, and with none, for both networks. **Predict**: `small` has never been taught that a hand can be missing. Which of its two counts suffers?

# %% tags=["reveals"]
print(f"{measured['hands']} hands of the calibration:")
print(f"of hands that aren't there, {measured['absent_hands_told_absent']:.2f} are told absent")
print(f"of hands that are there, {measured['present_hands_told_present']:.2f} are told present")

# %%
from handlib.data.layered.compose import Backdrops, Ranges
from handlib.data.layered.pictures import make_picture


def with_missing(first, **missing):
    """Twelve pictures of `wild`'s world, without other people's arms."""
    ranges = Ranges(**{"one_hand": 0.0, "no_hand": 0.0, "bystander": 0.0, **missing})
    size, numbers = wild.config.image_size, range(first, first + 12)
    return [make_picture(13, k, "test", size, Backdrops(()), ranges) for k in numbers]


fewer = stack(with_missing(100, one_hand=1.0) + with_missing(200, no_hand=1.0))
there = fewer.visible > 0
print(f"{len(fewer)} pictures, hands in them: {there.sum(1).tolist()}")

# %% tags=["reveals"]
from handlib.data.sample import resize

verdicts = {}
for name, network in networks.items():
    seen = network(normalise(resize(fewer, network.config.image_size).image))
    verdicts[name] = [hands_present(seen[[k]]) for k in range(len(fewer))]
    says = torch.stack([verdict.there for verdict in verdicts[name]])
    print(
        f"{name:5} absent hands told absent: {int((~says & ~there).sum())} of {int((~there).sum())}, "
        f"present hands told present: {int((says & there).sum())} of {int(there.sum())}"
    )

# %% tags=["reveals"]
told_there = torch.stack([verdict.there for verdict in verdicts["wild"]])
right, one = (told_there == there).all(1), there.sum(1) == 1
rows = [(one & right), (one & ~right)]
chosen = torch.cat([kind.nonzero().flatten()[:1] for kind in (*rows, there.sum(1) == 0)])
titles = [f"{'right' if right[k] else 'wrong'}: {verdicts['wild'][k]}" for k in chosen.tolist()]
show.picture_row([fewer.image[k].permute(1, 2, 0) for k in chosen.tolist()], titles)

# %% [markdown]
# (A hand that hides part of the other one can't be taken away; so a few of these pictures still have two.) Read both counts together: who always says "no hand" gets every absent hand right. `small` sees a bit of a hand nearly everywhere, so its threshold is high, and hands that are there fall below it. `wild` has been taught that a hand can be missing. (Here it is asked alone; `reconstruct` also asks for the second opinion.) The first pictures show a single hand: one that `wild` judged right and one that it judged wrong, if there are such. Would you have judged as `wild` did?
#
# ## In the released code
#
# * The evaluation's crops come from the **true** vertices. There is no detector in it, so no number of the paper includes one.
# * Its first estimate is regressed from one pooled vector per hand (notebook 03); there are no joint maps.
# * Its training turns every picture by any angle in the plane (`Augmentation.released()`), so a rolled camera belongs to it. It doesn't learn that a hand can be missing.
# * Published pictures of results "in the wild" are chosen by eye. RGB2Hands, EgoHands and others that the paper names have no meshes to score against.
# * `handlib reconstruct photo.jpg --out result` is the widget's way as a command; `--box x,y,w,h` gives the box, `--all` finds everybody's hands, `--checkpoint small` asks the other network.

# %% [markdown]
# ## What comes next
#
# On rendered pictures some parts of the gap have a price: view, camera, light, faults of the picture. How real skin looks, and what each of `wild`'s four differences is worth, stays unmeasured. The real thing takes real data, a real hand model and a larger network: notebook 14 puts them in place of the stand-ins.
