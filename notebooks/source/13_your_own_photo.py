# %% [markdown]
# # 13 · Your own photo: the gap between rendered pictures and photographs
#
# `small` was trained on rendered pictures and has not seen one photograph. Put your own hands before a camera, and it will probably be wrong. A second network, `wild`, does better. It has the same stages; its pictures, its encoder and its first estimate are others. `handlib.reconstruct` uses it by default.
#
# Nobody guessed what `wild` would need. The gap was taken apart: one difference between rendered pictures and photographs at a time, on pictures whose truth is known exactly. This notebook does it again.
#
# **The question:** what lies between a rendered picture and a photograph, and which part of it costs how much?
#
# Afterwards you should be able to say
#
# 1. how a photograph becomes a square that the network can read, how the answer finds its way back, and how hands are found;
# 2. what the **view** costs, and why it cost `small` more than anything else;
# 3. which of thirteen changes in **appearance** cost which network how many millimetres;
# 4. why **localisation** limits what is left: where each joint is read, and what follows for the rotation of the hand;
# 5. what the confidence promises, and where it breaks its promise;
# 6. what still fails on photographs, and how to measure that on your own.
#
# One thing first, because it is easily forgotten: `wild`'s **encoder** comes from MediaPipe's hand landmark network, which its authors trained on photographs of hands. Everything behind the encoder has seen rendered pictures only.
#
# There is no photograph in this notebook. Photographs of people have no exact truth in three dimensions, and they don't belong in a repository.
#
# Words: [joint](../docs/glossary.md#joint), [estimate](../docs/glossary.md#estimate), [uv](../docs/glossary.md#uv), [MPJPE](../docs/glossary.md#mean-per-joint-position-error), [PCK](../docs/glossary.md#percentage-of-correct-keypoints).

# %%
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import roma
import torch
from PIL import Image

import handlib
from handlib import DIR, load_samples, show
from handlib.analysis.domain_gap import CHANGES, taken
from handlib.analysis.robustness import binned, errors_by_estimate, errors_per_hand, mean_and_error
from handlib.data.photo import HANDS_SHARE, Box, Crop, as_picture, read_picture
from handlib.data.rendered.scenes import make_scene
from handlib.data.rendered.synthetic import make_sample
from handlib.data.sample import normalise, resize, stack
from handlib.evaluation.metrics import WRONG_ROTATION
from handlib.exercises import check
from handlib.geometry.camera import uv_to_pixels
from handlib.hand.skeleton import JOINT_NAMES, SIDES
from handlib.photos.presence import hands_present
from handlib.photos.reconstruct import reconstruct
from handlib.show.core.palette import HANDS, HIGHLIGHT, TRUTH

torch.set_num_threads(1)
_ = torch.set_grad_enabled(False)

# %%
networks = {name: DIR.from_pretrained(name).eval() for name in ("small", "wild")}
small, wild = networks.values()
for network in networks.values():
    print(network)

# %% [markdown]
# ## Hold up two hands
#
# Press *use the camera* and hold up two bare hands, or upload a picture (JPEG, PNG or WebP, as large as you like). Until then a rendered picture stands in its place: one from the world that `wild` was trained on, but of a pair that it has not seen.
#
# **Nothing leaves your machine.** The picture goes to the kernel that runs this notebook and nowhere else. Only if you save the notebook, its outputs show it. The camera needs a page from your own machine or by https; the browser asks you first.

# %%
from handlib.photos.widget import YourPhoto

example = make_sample("wild", 256, 13, 20, "test")
YourPhoto(wild, example.image)

# %% [markdown]
# Try these, and note for each whether the answer is right before you go on:
#
# 1. both hands apart, palms to the camera; then backs to the camera;
# 2. your hands **as your own eyes see them** (camera at your forehead); then the same hands photographed by somebody who faces you;
# 3. fingers interlocked; one hand behind the other; one hand out of the picture;
# 4. a plain wall behind the hands, then your face;
# 5. a box half as large as the hands, then twice as large: drag its corners and press *reconstruct in the box*.
#
# ### What can be believed?
#
# Two things come with every answer. The **confidence** of a hand is meant as a probability: that the hand is there, *and* that its joints lie, on average, within a fifth of its size in the picture. From that follows the **presence**: a hand counts as there from one half on.
#
# Neither speaks of depth, nor of fingers that the palm hides. Turn the hands in the 3D view: everything that the picture doesn't show was made up. For the rendered picture the truth is known, so the confidence can be held against it.

# %%
answer = reconstruct(example.image, model=wild)
true_pixels = uv_to_pixels(example.uv, example.size)
sizes = (true_pixels.amax(1) - true_pixels.amin(1)).amax(-1)
off = (answer.joint_pixels - true_pixels).norm(dim=-1).mean(1) / sizes
print(f"presence: {answer.presence}")
for side, sure, share in zip(SIDES, answer.confidence, off):
    print(f"{side} hand: confidence {sure:.2f}; joints are off by {100 * share:.0f} % of its size")

# %% [markdown]
# Was your answer wrong somewhere? The photograph can't say why, since it differs from the training pictures in everything at once. So the rest of this notebook changes one thing at a time.
#
# ## From the photograph to a square, and back
#
# **Upright.** A telephone stores what its sensor saw, often on its side, and writes beside it how to turn it (EXIF *orientation*). **Predict**: a stored picture is 3 pixels wide and 2 high, its orientation is 6, "turn clockwise by 90°". What is its size afterwards, and where does the top left pixel go?
#
# It becomes 2 wide and 3 high, and the top left corner becomes the top right one.

# %%
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
# **Predict** for the box (100, 50, 300, 200): the side is $300 / 0.8 = 375$, the centre $(250, 150)$, so the corner is $(250 - 187.5,\ 150 - 187.5) = (62.5,\ -37.5)$, above the picture's edge.
#
# **The way back.** The network says where a joint is in $[-1, 1]$ over the square. In the photograph that is corner $+ (u + 1)\, a / 2$. **Predict** for $u = (0, -1)$: $(250,\ -37.5)$.

# %%
crop = Crop.around(Box(100, 50, 300, 200), HANDS_SHARE)
back = crop.to_picture(torch.tensor([0.0, -1.0]))
print(f"side {crop.side:.0f}, corner ({crop.x}, {crop.y}), and back {back.tolist()}")
assert (crop.side, crop.x, crop.y) == (375, 62.5, -37.5) and back.tolist() == [250, -37.5]

# %% [markdown]
# **Exercise 1.** Write that square for any box and share.


# %% tags=["exercise"]
def square_around(x, y, width, height, share): ...  # numbers; return (x, y, side)


check("square_around", square_around)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def square_around_solution(x, y, width, height, share):
    side = max(width, height) / share
    return x + width / 2 - side / 2, y + height / 2 - side / 2, side


check("square_around", square_around_solution)

# %% [markdown]
# ## How the hands are found
#
# Benchmarks give the box (notebook 10: it comes from the truth). On your picture nobody knows it, so the network looks for itself, from far to near (`handlib/photos/search.py`):
#
# 1. `look_at` the whole picture, squeezed into the network's square; if no hand is seen there, at squares of half its side that cover it;
# 2. `look_closer`: take the box around the hands that were seen, cut out its square, look again; now they are larger. Until the box stays where it is;
# 3. of two hands that are far apart, look at each once more, alone.
#
# Here is a wide picture: a pair of the `desk` world before a camera with a shorter focal length. The coloured box is what each look was cut around, thin white lines show its square.

# %%
from handlib.photos.photo_frame import framed
from handlib.photos.search import find_hands, look_at


def from_afar(scene, zoom, middle=(0.62, 0.55)):
    """The scene with a shorter focal length, the hands' middle moved to a place in the picture."""
    fx, fy, cx, cy = scene.intrinsics
    place = (np.array([cx, cy]) - 0.5) * zoom + middle
    return replace(scene, intrinsics=np.array([fx * zoom, fy * zoom, *place], dtype=np.float32))


scenes = [make_scene("desk", 13, k, "test") for k in range(16)]
wide = as_picture(from_afar(scenes[0], 0.4).sample(400).image)

# %%
box, share, looks = Box.around(wide), 1.0, []
while len(looks) < 4:
    (seen,) = look_at(wild, wide, [Crop.around(box, share)])
    looks.append(framed(wide, box, 200))
    box, share = seen.box(wide) or box, HANDS_SHARE
print(f"box after {len(looks)} looks: {box.width:.0f} x {box.height:.0f} pixels")
print(f"find_hands: {find_hands(wild, wide).box(wide).width:.0f} pixels wide")
show.picture_row(looks, [f"look {k}" for k in range(1, 5)])

# %% [markdown]
# How good is a box? Two boxes are compared by the area that both cover over the area that either covers, the *overlap* or intersection over union: 1 if they are the same, 0 if they don't meet. **Predict** for (0, 0, 4, 2) and (2, 0, 4, 2): both cover $2 \cdot 2 = 4$, either $8 + 8 - 4 = 12$, overlap $1/3$.
#
# **Exercise 2.** Write it. (Boxes that don't meet are part of it.)


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
# **Exercise 3.** Write the step for `small`: a map of labels (0 background, 1 left, 2 right, square) of a crop with corner (x, y) and a side in the photograph's pixels becomes the box around all hand pixels, in the photograph's pixels.
#
# <details><summary>Hint</summary>A pixel of the map is side / len(labels) wide, and the last one counts with its whole width.</details>


# %% tags=["exercise"]
def box_of_labels(labels, x, y, side): ...  # return (x, y, width, height)


check("box_of_hands", box_of_labels)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def box_of_labels_solution(labels, x, y, side):
    rows, columns = np.nonzero(labels)
    step = side / len(labels)
    width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
    return x + columns.min() * step, y + rows.min() * step, width * step, height * step


check("box_of_hands", box_of_labels_solution)

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


# %%
for hands_take, zoom in (("a third", 0.4), ("a sixth", 0.2)):
    far = [from_afar(scene, zoom).sample(400) for scene in scenes[:8]]
    for name, network in networks.items():
        rows = np.median([searched(network, sample) for sample in far], axis=0)
        print(
            f"{hands_take} of the side, {name:5}: overlap {rows[0]:.2f}; "
            f"joints off by {rows[1]:5.1f} % where it looked itself, {rows[2]:4.1f} % in the true box"
        )

# %% [markdown]
# (Medians of eight pictures.) Compare the overlaps. The renderer's labels count a forearm as part of its hand, so `small`'s box reaches up the arms, and the hands in its square are smaller than in training. A box around joints has no arms in it.
#
# In the true box, on these pairs, `small` is the more exact one: `desk` is its world, and it knows nothing else. Remember that below. Note also where a box comes from: the **same network** whose answer it prepares. Where the first look is wrong, every number after it is.
#
# Several people in a picture: `reconstruct_everyone` looks closer from every square and keeps one result for each pair of hands. Here are two pictures, side by side.

# %%
from matplotlib.patches import Rectangle

from handlib.photos.reconstruct import reconstruct_everyone

crowd = np.hstack([as_picture(make_sample("wild", 256, 13, k, "test").image) for k in (20, 9)])
everyone = reconstruct_everyone(crowd, wild)
figure, (axes,) = show.detached_figure(figsize=(7, 3.5), layout="constrained")
axes.imshow(crowd)
for person in everyone:
    box = person.box
    axes.add_patch(Rectangle((box.x, box.y), box.width, box.height, fill=False, color=HIGHLIGHT, linewidth=2))
    axes.text(box.x, box.y - 4, str(person.presence), color=HIGHLIGHT)
axes.axis("off")
figure

# %% [markdown]
# ## Gap one: the view
#
# `small`'s training pictures show hands as their owner sees them: the left hand on the left, mostly backs. Many photographs show them from opposite. Does that matter? Take sixteen `desk` pairs that no training has used, and let the *camera* go around them. Hands, light and background stay the same, and the truth is exact.
#
# Four numbers for each view:
#
# * the **MPJPE** as in the README's table (root at the middle finger's knuckle, size given away);
# * the share of hands whose **rotation** is wrong by more than 45°;
# * the share of pictures with **exchanged** sides: left and right would be nearer to the truth the other way round;
# * the share of hands that are **found**: joints within a fifth of the hand's size, which is what the confidence promises.


# %%
def off_by(uv, truth):
    """How far the joints of each hand are off in the picture, in sizes of the hand."""
    size = (truth.amax(2) - truth.amin(2)).amax(-1)
    return (uv - truth).norm(dim=-1).mean(-1) / size


def answers(network, batch):
    prediction = network(normalise(batch.image))
    final = prediction.final
    errors = errors_per_hand(network, final, batch)
    direct, other = (off_by(uv, batch.uv) for uv in (final.uv, final.uv.flip(1)))
    sure = [hands_present(prediction[[k]]).confidence for k in range(len(batch))]
    return SimpleNamespace(
        final=final,
        mpjpe=errors["mpjpe"],
        wrong=errors["rotation_deg"] > WRONG_ROTATION,
        exchanged=other.sum(1) < direct.sum(1),
        found=direct < 0.2,
        confidence=torch.stack(sure),
    )


# %%
def album(network, *changes):
    """The sixteen pairs after some changes, in the network's own picture size."""
    return stack([taken(scene, changes, network.config.image_size, k) for k, scene in enumerate(scenes)])


VIEWS = {"their owner": "desk", "the side": "camera to the side 70°", "opposite": "seen from opposite"}
albums, said = ({name: {} for name in networks} for _ in range(2))


def ask(*names):
    """Asks both networks about albums that were not asked about yet."""
    for network_name, network in networks.items():
        for name in names:
            if name not in said[network_name]:
                batch = album(network, *([CHANGES[name]] if name in CHANGES else []))
                albums[network_name][name], said[network_name][name] = batch, answers(network, batch)


ask(*VIEWS.values())

# %% [markdown]
# **Predict** for `small`, before you run the next cell: what becomes of each of the four numbers from opposite? Where will it put the left hand?


# %%
def told(name):
    print(f"{name:5} seen from  {'MPJPE':>9}{'rotation wrong':>17}{'exchanged':>12}{'found':>8}")
    for view, kind in VIEWS.items():
        one = said[name][kind]
        wrong, exchanged, found = (
            f"{100 * x.float().mean():.0f} %" for x in (one.wrong, one.exchanged, one.found)
        )
        print(f"      {view:11}{one.mpjpe.mean():6.0f} mm{wrong:>17}{exchanged:>12}{found:>8}")


told("small")

# %%
from handlib.show.core.overlay import overlay_with_truth


def drawn(name, pair=1):
    return [overlay_with_truth(albums[name][kind], said[name][kind].final, pair) for kind in VIEWS.values()]


show.picture_row(drawn("small"), [f"small, from {view}" for view in VIEWS])

# %% [markdown]
# (Thin grey skeletons with dark outlines are the truth.) From opposite `small` is not a little worse, it is **sure of the wrong thing**: what is on the left is a left hand to it, and what it sees is a back. It has never had a reason to ask.
#
# Now `wild`. Its training pictures come from a world in which people hold their hands before somebody's camera. **Predict** the same four numbers.

# %%
from handlib.data.layered.people import VIEW_SHARES, VIEWS as WILD_VIEWS

print("wild's training pictures:", ", ".join(f"{100 * s:.0f} % {v}" for v, s in zip(WILD_VIEWS, VIEW_SHARES)))
told("wild")

# %%
show.picture_row(drawn("wild"), [f"wild, from {view}" for view in VIEWS])

# %%
opposite = {name: said[name]["seen from opposite"] for name in networks}
loss = {name: float((opposite[name].mpjpe - said[name]["desk"].mpjpe).mean()) for name in networks}
for name, worse in loss.items():
    print(f"seen from opposite, {name} is off by {worse:+.0f} mm more than seen by the owner")
assert opposite["small"].exchanged.all() and opposite["small"].wrong.float().mean() > 0.9
assert opposite["wild"].exchanged.float().mean() < 0.5 and loss["wild"] < loss["small"] / 2

# %% [markdown]
# The view was the largest single part of the gap, and a world with other views closes most of it. Two things to keep in mind:
#
# * `wild` pays for it. Seen by their owner, hands of the `desk` world are an easier task for a network that has never learnt anything else. Compare the first lines of both tables.
# * Two networks are compared that differ in world, encoder *and* head. The comparison says what all three are worth together. To know each one's share, one would have to train networks that differ in one of them.
#
# ## Gap two: the appearance
#
# Now the other twelve differences, one at a time: a colourless picture, a warm lamp, a dark room, noise, a camera out of focus, few pixels, JPEG, light from below, skin colours behind, a camera close by or rolled. Same sixteen pairs, exact truth.

# %%
ask(*CHANGES)
names = ["desk", *CHANGES]
shown = [albums["wild"][name].image[1].permute(1, 2, 0) for name in names]
show.picture_row(shown[:7], names[:7])

# %%
show.picture_row(shown[7:], names[7:])

# %% [markdown]
# A person has no trouble with any of them. **Predict** the three that cost `small` most, and the three that cost `wild` most. Two hints: `small`'s training pictures varied in brightness, tint and background, with a little blur and noise; `wild`'s were also colourless, coarse or stored as JPEG:

# %%
from handlib.data.layered.compose import Ranges

ranges = Ranges()
for what, share in {"grey": ranges.grey, "coarse": ranges.coarse, "JPEG": ranges.jpeg}.items():
    print(f"{what:6} {100 * share:.0f} % of wild's training pictures")

# %% [markdown]
# Each album shows the *same* pairs, so differences are taken pair by pair, with the standard error of their mean (notebook 12).

# %%
errors = {name: {kind: said[name][kind].mpjpe.mean(1) for kind in names} for name in networks}
costs = {
    name: {kind: mean_and_error(errors[name][kind] - errors[name]["desk"]) for kind in CHANGES}
    for name in networks
}
ordered = sorted(CHANGES, key=lambda kind: costs["small"][kind][0])
print(
    f"{'desk itself':24}"
    + "".join(f"{name} {errors[name]['desk'].mean():3.0f} mm      " for name in networks)
)
for kind in ordered:
    columns = ("{:+6.1f} ± {:4.1f} mm".format(*costs[name][kind]) for name in networks)
    print(f"{kind:24}" + "   ".join(columns))

# %%
from handlib.evaluation.evaluate import MeanPredictor

train = stack([resize(pair, small.config.image_size) for pair in load_samples("train")])
blind = MeanPredictor(train, dict(small.hands.items()))
desk_pairs = [albums["small"]["desk"][k] for k in range(len(scenes))]
never_looks = float(errors_by_estimate(blind, desk_pairs)[-1]["mpjpe"].mean())

# %%
figure, (axes,) = show.detached_figure(figsize=(8, 4.4), layout="constrained")
rows = np.arange(len(ordered) + 1)
for name, colour, marker in (("small", "0.6", "o"), ("wild", "black", "D")):
    means, spread = zip(*(mean_and_error(errors[name][kind]) for kind in ["desk", *ordered]))
    axes.errorbar(
        means, rows, xerr=2 * np.array(spread), color=colour, marker=marker, linestyle="", label=name
    )
axes.axvline(never_looks, color=HIGHLIGHT, linestyle="--", label="always the mean hand of `desk`")
axes.set(yticks=rows, yticklabels=["desk itself", *ordered], xlim=(0, None))
axes.set(xlabel="MPJPE (mm), bars: two standard errors", title="the same sixteen pairs, one change each")
axes.legend(frameon=False, loc="lower right")
figure

# %%
worst = {name: max(CHANGES, key=lambda kind: costs[name][kind][0]) for name in networks}
cheap = {name: sum(costs[name][kind][0] <= 5 for kind in CHANGES) for name in networks}
for name in networks:
    print(f"{name}: {cheap[name]} of {len(CHANGES)} changes cost at most 5 mm; the worst: {worst[name]}")
assert worst["small"] == "seen from opposite" and errors["small"][worst["small"]].mean() > never_looks
assert cheap["wild"] > cheap["small"]

# %% [markdown]
# Read `small`'s dots as a list of what its training pictures had and what they hadn't. What they varied costs little: brightness, tint, light, background. Even skin colours behind the hands, which one might fear most, belong to it. What they had only a little of, noise, or never, a picture without colour, costs much although it hides little from a person.
#
# `wild`'s dots lie close together. That is what a wide world is for, but the same caveats hold: `desk` isn't its world, so its reference is worse than `small`'s, and two networks that differ in three things don't say which of them did it. Its pictures had most of these changes, and its encoder had seen photographs.
#
# What people mean by "rendered against real", how skin *looks*, isn't among the thirteen, because the renderer can't draw it. Nothing here says that it matters less. For that part `wild` relies on its encoder.
#
# ## Gap three: where is each joint?
#
# On its own world `wild` is not as good as the chart may suggest: hands interlock there, hide each other, come from all sides. What goes wrong? Its first estimate can be opened up, because it isn't regressed from a pooled vector (notebook 03). It is **read from maps** of 24 x 24 cells (`handlib/model/joint_maps.py`):
#
# * the **segmentation**: is this cell background, left hand or right hand?
# * a **heatmap** for each of 42 joints: is it here?
# * a **location map** for each of them: if it is here, where does it lie in space, from the middle finger's knuckle, in palm lengths?
#
# From these everything else follows. A joint is read where its heatmap is highest. The location maps, read there, give it a place in space. And the turn that brings the palm's five joints onto their places is the hand's rotation.

# %%
count = 48
pictures = stack([make_sample("wild", wild.config.image_size, 13, k, "test") for k in range(count)])
prediction = wild(normalise(pictures.image))
maps = prediction.joint_maps
print(maps)

# %% [markdown]
# A joint's heatmap must decide between two places that look alike: the same joint of *the other hand*. When it decides wrongly, the reading **jumps** across. So `wild` reads a heatmap within its own hand's pixels: it is multiplied by the probability, from the segmentation, that the hand is near (`own_pixels`; what is elsewhere keeps 2 %). Here are both readings. The third one can't be had outside of this notebook: it takes the pixels' sides from the truth.

# %%
from torch.nn.functional import one_hot

from handlib.model.joint_maps import ELSEWHERE, own_pixels
from handlib.training.targets import resize_label


def highest(scores):
    """The middle of each map's highest cell, in uv."""
    cells = scores.shape[-1]
    peak = scores.flatten(3).argmax(-1)
    return (torch.stack((peak % cells, peak // cells), dim=-1) + 0.5) * (2 / cells) - 1


def within(near):
    """Heatmaps times the probability that their hand is near; as logarithms."""
    return maps.heat + (near + ELSEWHERE).log()[:, :, None]


true_label = resize_label(pictures.label, maps.heat.shape[-2:])
true_scores = 20.0 * one_hot(true_label, 3).permute(0, 3, 1, 2)  # Log-odds of somebody who is certain.

# %%
ways = {
    "the highest cell": highest(maps.heat),
    "of its own hand's pixels": highest(within(own_pixels(maps.segmentation))),
    "if all sides were known": highest(within(own_pixels(true_scores))),
    "mean around it (`locate`)": maps.located.uv,
    "the joint's true place": pictures.uv,
}
other_hand = pictures.uv.flip(1)
jumped = {name: (uv - other_hand).norm(dim=-1) < (uv - pictures.uv).norm(dim=-1) for name, uv in ways.items()}

# %% [markdown]
# (The fourth one is what the network does: the mean over a few cells around the highest cell of its own hand's pixels, since a joint needn't lie in a cell's middle.)
#
# Look at one joint first: the first one that jumps without the segmentation and doesn't with it, in the picture where that happens most often.

# %%
plain, own = list(ways)[:2]
mended = jumped[plain] & ~jumped[own]
k = int(mended.sum((1, 2)).argmax())
h, j = divmod(int(mended[k].flatten().int().argmax()), len(JOINT_NAMES))
print(f"picture {k}, {JOINT_NAMES[j]} of the {SIDES[h]} hand")
scores = {"left": maps.heat[k, 0, j], "right": maps.heat[k, 1, j]}
scores[f"{SIDES[h]}, in its own pixels"] = within(own_pixels(maps.segmentation))[k, h, j]


# %%
def mark_truth(axis):
    """Where the joint is, in both hands."""
    for (u, v), colour in zip(pictures.uv[k, :, j].tolist(), HANDS):
        axis.plot(u, v, "+", color=colour, markersize=13, markeredgewidth=3)
    axis.set(xlim=(-1, 1), ylim=(1, -1), xticks=[], yticks=[])


from handlib.show.core.figures import LABEL_COLOURS

figure, axes = show.detached_figure(1, 5, figsize=(12, 2.8), layout="constrained")
square = (-1, 1, 1, -1)
axes[0].imshow(pictures.image[k].permute(1, 2, 0), extent=square)
axes[1].imshow(maps.segmentation[k].argmax(0), extent=square, cmap=LABEL_COLOURS, vmin=0, vmax=2)
for axis, score in zip(axes[2:], scores.values()):
    axis.imshow(score.flatten().softmax(0).view_as(score).sqrt(), extent=square, cmap="Greys")
    axis.plot(
        *highest(score[None, None, None])[0, 0, 0], "x", color=HIGHLIGHT, markersize=11, markeredgewidth=2.5
    )
for axis, title in zip(axes, ("picture", "segmentation", *(f"heatmap: {name}" for name in scores))):
    axis.set_title(title, fontsize=10)
    mark_truth(axis)
figure

# %% [markdown]
# Crosses in the hands' colours: where the joint really is, left and right. The x: the highest cell. **Predict** now, over all pictures: how many joints in a hundred are read at the other hand? How many of them come back if the segmentation helps, and how many if it were always right?

# %%
near = {name: (uv - pictures.uv).norm(dim=-1) for name, uv in ways.items()}
hand_size = (pictures.uv.amax(2) - pictures.uv.amin(2)).amax(-1)[..., None]
print(f"{'read at':27}{'within 0.2 of the hand':>24}{'nearer to the other hand':>27}")
for name in ways:
    good, bad = (100 * x.float().mean() for x in (near[name] < 0.2 * hand_size, jumped[name]))
    print(f"{name:27}{good:22.0f} %{bad:25.0f} %")

# %%
across = jumped["mean around it (`locate`)"]
whole = across.float().mean(-1) > 0.5
in_whole = across[whole].sum() / across.sum().clamp_min(1)
print(
    f"{100 * whole.float().mean():.0f} % of the hands lie at the other one with more than half of their joints"
)
print(f"{100 * in_whole:.0f} % of all joints that jumped belong to these hands")
assert jumped["if all sides were known"].sum() < jumped[plain].sum()

# %% [markdown]
# Compare three lines. From the first to the second the network's own segmentation helps, and only a little. From the second to the third the truth helps much more. The last output says why: most jumps aren't single joints but **whole hands**. There the segmentation has exchanged the sides too, and a heatmap within the wrong pixels stays wrong. So most of what goes wrong here isn't *what is a fingertip*, but *whose hand is this*.
#
# ### What hangs on it: the rotation
#
# The location maps place the palm's five joints in space: $q_i$. At rest they are at $p_i$. The hand's rotation is the $R$ that minimises $\sum_i \lVert R (p_i - \bar p) - (q_i - \bar q) \rVert^2$ (Kabsch; a [Procrustes alignment](../docs/glossary.md#procrustes-alignment) without scale). With the sum of outer products and its singular value decomposition
#
# $$ H = \sum_i (p_i - \bar p)(q_i - \bar q)^\top = U S V^\top, \qquad R = V D U^\top, \quad D = \mathrm{diag}(1, 1, \det(V U^\top)). $$
#
# Why the $D$? **Predict**: four points $(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)$ are found at $(0, 1, 0), (0, -1, 0), (-1, 0, 0), (1, 0, 0)$. Which rotation is it, and is there another orthogonal matrix that fits as well?
#
# It is the turn by 90° about z. But the points are flat, and a matrix that also mirrors z fits exactly as well. A palm is nearly flat too: without $D$ some hands would be turned inside out.

# %%
flat = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
mirrored = turn @ torch.diag(torch.tensor([1.0, 1, -1]))
assert torch.equal(flat @ turn.T, flat @ mirrored.T)
print("determinants:", torch.linalg.det(turn).item(), torch.linalg.det(mirrored).item())

# %% [markdown]
# **Exercise 4.** Write that alignment for the five joints of one palm.
#
# <details><summary>Hint</summary><code>torch.linalg.svd(H)</code> returns U, the singular values and V transposed. D changes the sign of the last row of U transposed.</details>


# %% tags=["exercise"]
def palm_alignment(rest, found): ...  # two tensors (5, 3); return the rotation (3, 3)


check("palm_alignment", palm_alignment)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def palm_alignment_solution(rest, found):
    p, q = (points - points.mean(0) for points in (rest, found))
    u, _, vt = torch.linalg.svd(p.T @ q)
    signs = torch.stack((u.new_tensor(1.0), u.new_tensor(1.0), torch.linalg.det(vt.T @ u.T)))
    return vt.T @ torch.diag(signs) @ u.T


check("palm_alignment", palm_alignment_solution)

# %% [markdown]
# `palm_rotation` does the same for a whole batch (`handlib.geometry.rotation.align`: by quaternions, since ONNX has no singular values). On all located palms:

# %%
from handlib.model.joints_head import PALM, palm_rotation

rest, places = wild.encoder.head.rest, maps.located.places
ours = [palm_alignment_solution(rest[h, PALM], places[k, h, PALM]) for k in range(count) for h in range(2)]
theirs = palm_rotation(places, rest).flatten(0, 1)
angles = torch.rad2deg(roma.rotmat_geodesic_distance(torch.stack(ours), theirs))
print(f"{len(ours)} palms, both ways agree to within 1 degree in {int((angles < 1).sum())}")
assert (angles < 1).float().mean() > 0.95

# %% [markdown]
# Now the question that decided how `wild` was built. Read the location maps at every joint's **true** place, then where the network believes it to be. **Predict**: in which share of hands is the rotation wrong by more than 45°?

# %%
from handlib.training.joint_losses import read_locations


def rotation_wrong(uv):
    found = palm_rotation(read_locations(maps, uv.clamp(-1, 1)), rest)
    return torch.rad2deg(roma.rotmat_geodesic_distance(found, pictures.root)) > WRONG_ROTATION


wrong = {name: rotation_wrong(uv) for name, uv in ways.items()}
for name in ways:
    print(f"read at {name:27}{100 * wrong[name].float().mean():4.0f} % of the rotations are wrong")
stays = ~across.float().mean(-1).gt(0.5)
there = wrong["mean around it (`locate`)"][stays].float().mean()
print(f"the fourth line, hands that didn't jump:{100 * there:6.0f} %")
assert wrong["the joint's true place"].sum() < wrong["mean around it (`locate`)"].sum()

# %% [markdown]
# The maps know the rotation of most hands, if one asks them in the right place. What is lost between the last line of the table and the fourth is lost by **localisation** alone: same maps, same alignment, other places. Better fingers or finer surfaces wouldn't have helped; knowing whose hand is where does.
#
# Do the stages mend it? They read the picture again around the first estimate. **Predict** from notebook 08's basin of attraction.

# %%
for step, estimate in enumerate(prediction.estimates):
    turned = errors_per_hand(wild, estimate, pictures)["rotation_deg"] > WRONG_ROTATION
    good = off_by(estimate.uv, pictures.uv) < 0.2
    print(
        f"{'first estimate' if step == 0 else f'stage {step}':15} rotation wrong {100 * turned.float().mean():3.0f} %, "
        f"found {100 * good.float().mean():3.0f} %"
    )

# %% [markdown]
# A stage corrects what is nearly right. A hand that lies on the other one is outside its basin.
#
# ## Does it know?
#
# If the answer is often wrong, it matters whether the network says so. Three pieces of evidence go into `wild`'s confidence: how sure the network is that the hand is there at all, how much of each heatmap lies around its peak, and the segmentation's probability. How much each counts was fitted on rendered pictures with two hands, one or none. Then it was measured on others: of all hands with a confidence of about 0.7, do 70 % meet the promise? `handlib/assets/confidence.json` keeps the answer.

# %%
assets = Path(handlib.__file__).parent / "assets"
measured = json.loads((assets / "confidence.json").read_text())["measured"]
print(
    f"{measured['hands']} hands; confidence and share found differ by {measured['mean_difference']:.2f} on average"
)
print(f"of hands that aren't there, {measured['absent_hands_told_absent']:.2f} are told absent")
print(f"of hands that are there, {measured['present_hands_told_present']:.2f} are told present")

# %% [markdown]
# That was measured in the world in which it was fitted. The albums above are another world: `desk`, and everything that was done to it. There the same question can be asked of both networks; `small`'s confidence is the mean probability of its segmentation, never fitted to anything. **Predict** where the points will lie, above the diagonal (too modest) or below it (too sure).

# %%
figure, (inside, outside) = show.detached_figure(1, 2, figsize=(9, 4.2), layout="constrained")
tenths = measured["by_tenths"]
shares = np.array([row["found"] for row in tenths])
bars = 2 * np.sqrt(shares * (1 - shares) / [row["hands"] for row in tenths])
confidences = [row["confidence"] for row in tenths]
inside.errorbar(confidences, shares, yerr=bars, color="black", marker="D", linestyle="", label="wild")
for name, colour, marker in (("small", "0.6", "o"), ("wild", "black", "D")):
    sure, found = (
        torch.cat([getattr(s, what) for s in said[name].values()]) for what in ("confidence", "found")
    )
    bins = [b for b in binned(sure.flatten(), found.flatten(), np.linspace(0, 1, 11)) if b.count >= 10]
    middles, means, spread = ([getattr(b, x) for b in bins] for x in ("low", "mean", "error"))
    outside.errorbar(
        np.add(middles, 0.05),
        means,
        2 * np.array(spread),
        color=colour,
        marker=marker,
        linestyle="",
        label=name,
    )
for axis, title in ((inside, "the world it was fitted in"), (outside, "`desk` and its thirteen changes")):
    axis.plot([0, 1], [0, 1], color=TRUTH, linestyle=":", linewidth=1)
    axis.set(xlabel="confidence", ylabel="share of hands found", xlim=(0, 1), ylim=(-0.03, 1.03), title=title)
outside.legend(frameon=False, loc="upper left")
figure

# %%
lost = said["small"]["seen from opposite"]
print(
    f"small, from opposite: {100 * lost.found.float().mean():.0f} % found, confidence {lost.confidence.mean():.2f}"
)
assert lost.confidence.mean() > 0.8 and lost.found.float().mean() < 0.2

# %% [markdown]
# (Bars: two standard errors; the right chart leaves out bins with fewer than ten hands.) `small` is as sure of exchanged hands as of any. Its confidence answers the question that it was trained on, "does this look like a hand?", and hands from opposite do. **Outside its training world a confidence means less**, also `wild`'s: it is a promise about rendered pictures. On your photograph take it as a hint.
#
# And hands that aren't there? Here are pictures with one hand, then with none.

# %%
from handlib.data.layered.compose import Backdrops
from handlib.data.layered.pictures import make_picture


def with_missing(first, **missing):
    """Twelve pictures of `wild`'s world, without other people's arms."""
    ranges = Ranges(**{"one_hand": 0.0, "no_hand": 0.0, "bystander": 0.0, **missing})
    size, numbers = wild.config.image_size, range(first, first + 12)
    return [make_picture(13, k, "test", size, Backdrops(()), ranges) for k in numbers]


fewer = stack(with_missing(100, one_hand=1.0) + with_missing(200, no_hand=1.0))
there = fewer.visible > 0
print(f"{len(fewer)} pictures, hands in them: {there.sum(1).tolist()}")

# %%
verdicts = {}
for name, network in networks.items():
    seen = network(normalise(resize(fewer, network.config.image_size).image))
    verdicts[name] = [hands_present(seen[[k]]) for k in range(len(fewer))]
    says = torch.stack([verdict.there for verdict in verdicts[name]])
    print(
        f"{name:5} absent hands told absent: {int((~says & ~there).sum())} of {int((~there).sum())}, "
        f"present hands told present: {int((says & there).sum())} of {int(there.sum())}"
    )

# %%
chosen = [0, 1, 2, 12, 13, 14]
show.picture_row(
    [fewer.image[k].permute(1, 2, 0) for k in chosen],
    [f"wild: {verdicts['wild'][k]}" for k in chosen],
)

# %% [markdown]
# (If a picture shows two hands although one was to be left out: a hand that hides part of the other can't be taken away.) `small` has never been taught that a hand can be missing. `wild` has, and its mistakes go one way: a hand is told present only if its joints are probably right, so it rather misses a hand that is hard to see.
#
# ## What still fails: photographs
#
# All numbers so far are of rendered pictures. What counts in the end was measured too: on photographs in which people have annotated the joints in two dimensions, none of them seen in training. They aren't shown here, because they aren't ours to pass on; the numbers lie beside the network. PCK@0.2 is the share of joints within a fifth of the hand's size, the error is in hand sizes, *swapped* the share of pictures with exchanged sides, *missing* the number of hands without an answer. "No boxes": each program looked for the hands itself. MediaPipe's hand landmarker is the usual choice for photographs; it gives joints, no surface.

# %%
from handlib.utils.resources import networks_folder

scores = json.loads((networks_folder() / "wild" / "photographs.json").read_text())
photographs = round(scores["boxes"]["wild"]["all"]["pictures"])
print(f"{photographs} photographs{'':12}{'PCK@0.2':>9}{'error':>8}{'swapped':>10}{'missing':>10}")
for way, rows in scores.items():
    for name, groups in rows.items():
        mean = groups["all"]
        print(
            f"{f'{name}, {way}':27}{mean['pck@0.2']:9.2f}{mean['error']:8.2f}{100 * mean['swapped']:8.0f} %{mean['missing']:10.2f}"
        )

# %%
by_kind = scores["boxes"]
kinds = [kind for kind in by_kind["wild"] if kind != "all"][::-1]
labels = [f"{kind} ({by_kind['wild'][kind]['pictures']:.0f})" for kind in kinds]
styles = {"small": ("0.6", "o"), "wild": ("black", "D"), "mediapipe": (HIGHLIGHT, "s")}
figure, (axes,) = show.detached_figure(figsize=(7, 0.6 + 0.4 * len(kinds)), layout="constrained")
for name, groups in by_kind.items():
    colour, marker = styles[name]
    axes.plot([groups[kind]["pck@0.2"] for kind in kinds], labels, marker, color=colour, label=name)
axes.set(xlim=(0, 1), xlabel="PCK@0.2, boxes given (in brackets: pictures)")
axes.grid(axis="y", color="0.92")
axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %% [markdown]
# Read it with care:
#
# * **Few photographs.** A share of so few pictures is uncertain by 0.1 and more, and the groups are smaller still. Differences below that say nothing.
# * **MediaPipe is favoured.** Its answers were the annotations' starting points, and it was trained on photographs of hands. A hand that it doesn't find counts as missed.
# * **Two dimensions only.** Nobody knows the depth of these hands. A good PCK can hide a palm that was taken for a back.
#
# Compare the views in the chart with gap one, and *swapped* with gap three.
#
# Measure your own: put pictures and an `annotations.json` into a folder (its format: [docs/photographs.md](../docs/photographs.md)), then
#
# ```
# handlib eval-photos FOLDER
# handlib eval-photos FOLDER --no-boxes
# ```
#
# Annotate *before* you look at any answer, and keep the pictures that fail.
#
# ## What would close what is left
#
# The thirteen changes know what would close them. Which kind is still open for which network?

# %%
closes = dict.fromkeys(change.closes for change in CHANGES.values())
for way in closes:
    members = [kind for kind, change in CHANGES.items() if change.closes == way]
    for name in networks:
        most = max(members, key=lambda kind: costs[name][kind][0])
        print(f"{name:5} at most {costs[name][most][0]:+4.0f} mm ({most}), closed by")
    print(f"      {way}\n")

# %% [markdown]
# | gap | what would close it | where |
# |---|---|---|
# | view | done for hands before a person or a camera; more views, more pairs | `handlib/data/layered/people.py` |
# | noise, colour, JPEG, light | done in `wild`'s pictures; for `small`, stronger augmentation | `handlib/data/layered/compose.py`, `handlib/data/augment.py` |
# | whose hand is where | the largest part of what is left: arms that lead to a person, both hands' joints deciding together, more training of just that | `handlib/model/joints_head.py` |
# | interlocked, hidden hands | more such pairs; pictures with a truth | `handlib/data/rendered/interlock.py`, notebook [12](12_robustness.ipynb) |
# | how skin looks, rings, gloves, children's hands | real pictures with truth, or these things in the renderer | notebook [14](14_the_real_thing.ipynb) |
#
# A project: take one line, say beforehand which number of this notebook should change and by how much, train, and run this notebook again with your network in `wild`'s place.
#
# ## In the released code
#
# * The evaluation's crops come from the **true** vertices. There is no detector in it, so no number of the paper includes one.
# * Its first estimate is regressed from one pooled vector per hand (notebook 03); there are no joint maps.
# * Its training turns every picture by any angle in the plane (`Augmentation.released()`), so a rolled camera belongs to it. It doesn't learn that a hand can be missing.
# * Published pictures of results "in the wild" are chosen by eye. RGB2Hands, EgoHands and others that the paper names have no meshes to score against.
# * `handlib reconstruct photo.jpg --out result` is the widget's way as a command; `--box x,y,w,h` gives the box, `--all` finds everybody's hands, `--checkpoint small` asks the other network.
#
# ## What comes next
#
# Measured on rendered pictures, the gap is known part by part. The real thing takes real data, a real hand model and a larger network: notebook 14 puts them in place of the stand-ins.
