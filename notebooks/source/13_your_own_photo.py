# %% [markdown]
# # 13 · Your own photo: the gap between rendered pictures and photographs
#
# `small` was trained on rendered pictures and has never seen a photograph. On a photograph of your hands, `small` is probably wrong. A second network, `wild`, does better, and `handlib.reconstruct` uses it by default. Both networks have the same stages. Training pictures, encoder and first estimate differ.
#
# **The question:** what lies between a rendered picture and a photograph, and which part of the gap costs how much?
#
# **Time:** about 45 minutes for the core, 60 for Further.
#
# Afterwards you can
#
# 1. say what the **view** costs, and why the view cost `small` more than anything else;
# 2. say which changes of **appearance** cost which network how many millimetres;
# 3. explain why **localisation** limits what is left: whose hand is where, and where each joint is read;
# 4. read a table of scores on photographs with the right doubts;
# 5. measure a network on photographs of your own.
#
# `wild`'s **encoder** comes from MediaPipe's hand landmark network, which its authors trained on photographs of hands. Everything behind the encoder has seen rendered pictures only. This notebook shows no photograph: photographs of people have no exact truth in three dimensions, and they don't belong in a repository.
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
from handlib.evaluation.evaluate import MeanPredictor
from handlib.evaluation.metrics import WRONG_ROTATION
from handlib.exercises import check, predict
from handlib.geometry.camera import uv_to_pixels
from handlib.hand.skeleton import JOINT_NAMES, SIDES
from handlib.photos.hand_network import second_opinion
from handlib.photos.presence import hands_present
from handlib.photos.reconstruct import reconstruct
from handlib.show.core.palette import HANDS, HIGHLIGHT, TRUTH

torch.set_num_threads(1)
_ = torch.set_grad_enabled(False)

networks = {name: DIR.from_pretrained(name).eval() for name in ("small", "wild")}
small, wild = networks.values()
scenes = [make_scene("desk", 13, k, "test") for k in range(16)]
show.dir_map("photos")

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
# Two things come with every answer. The **confidence** of a hand is meant as a probability: that the hand is there, *and* that its joints lie, on average, within a fifth of its size in the picture. The **presence** only says which hands are there.
#
# Neither speaks of depth, nor of fingers that the palm hides. Turn the hands in the 3D view: everything that the picture doesn't show was made up.
#
# Was your answer wrong somewhere? The photograph can't say why, since it differs from the training pictures in everything at once. So the rest of this notebook changes one thing at a time.

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


def sureness(prediction, k, picture):
    """Confidence of both hands of picture k, with the second opinion that `reconstruct` asks for."""
    opinion = None
    if prediction.located is not None:
        pixels = uv_to_pixels(prediction.located.uv[k].double(), len(picture)).numpy()
        opinion, _ = second_opinion(picture, pixels)
    return hands_present(prediction[[k]], opinion).confidence


def answers(network, batch):
    prediction = network(normalise(batch.image))
    final = prediction.final
    errors = errors_per_hand(network, final, batch)
    direct, other = (off_by(uv, batch.uv) for uv in (final.uv, final.uv.flip(1)))
    sure = [sureness(prediction, k, as_picture(batch.image[k])) for k in range(len(batch))]
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

# %%
MOST, HALF, FEW = "in nearly all pictures", "in about half of them", "in hardly any"
guess = predict(
    "Seen from opposite: in how many pictures does `small` exchange left and right?", MOST, HALF, FEW
)
guess


# %% tags=["reveals"]
def told(name):
    def percent(values):
        return f"{100 * values.float().mean():.0f} %"

    rows = {}
    for view, kind in VIEWS.items():
        one = said[name][kind]
        rows[f"seen from {view}"] = {
            "MPJPE (mm)": f"{one.mpjpe.mean():.0f}",
            "rotation wrong": percent(one.wrong),
            "sides exchanged": percent(one.exchanged),
            "hands found": percent(one.found),
        }
    return show.table(rows, name)


share = said["small"]["seen from opposite"].exchanged.float().mean()
guess.compare(MOST if share > 0.75 else HALF if share > 0.25 else FEW)
told("small")

# %%
from handlib.show.core.overlay import overlay_with_truth


def drawn(name, pair=1):
    return [overlay_with_truth(albums[name][kind], said[name][kind].final, pair) for kind in VIEWS.values()]


show.picture_row(drawn("small"), [f"small, from {view}" for view in VIEWS])

# %% [markdown]
# (Blue is a left hand, orange a right one; the thin pale skeletons are the truth.) From opposite `small` is not a little worse, it is **sure of the wrong thing**: what is on the left is a left hand to it, and what it sees is a back. It has never had a reason to ask.
#
# Now `wild`. Its training pictures come from a world in which people hold their hands before somebody's camera. Which of the four numbers change?

# %%
from handlib.data.layered.people import VIEW_SHARES, VIEWS as WILD_VIEWS

print("wild's training pictures:", ", ".join(f"{100 * s:.0f} % {v}" for v, s in zip(WILD_VIEWS, VIEW_SHARES)))
told("wild")

# %%
show.picture_row(drawn("wild"), [f"wild, from {view}" for view in VIEWS])

# %% [markdown]
# No other difference will cost `small` as much, as the next chart shows. `wild` minds it far less. Two things to keep in mind:
#
# * A wide world has its price. Hands of the `desk` world, seen by their owner, are all that `small` has ever learnt; `wild` has learnt much else. Compare the first lines of both tables.
# * Two networks are compared that differ in world, encoder *and* head. The comparison says what all three are worth together. To know each one's share, one would have to train networks that differ in one of them.
#
# ## Gap two: the appearance
#
# Now eleven other differences, one at a time: a colourless picture, a warm lamp, a dark room, noise, a camera out of focus, few pixels, JPEG, light from below, skin colours behind, and two more of the view, a camera close by or rolled. Same sixteen pairs, exact truth. (Each network gets the pictures in its own size.)

# %%
ask(*CHANGES)
names = ["desk", *CHANGES]
chosen = [name for name in names if name not in ("camera to the side 70°", "seen from opposite")][:5]
show.picture_row([albums["wild"][name].image[1].permute(1, 2, 0) for name in chosen], chosen)

# %% [markdown]
# A person has no trouble with any of these pictures. Which change costs `small` most, and which costs `wild` most? `small`'s training pictures varied in brightness, tint and background, with a little blur and noise. `wild`'s training pictures were also colourless, coarse or stored as JPEG.
#
# Each album shows the *same* pairs, so differences are taken pair by pair, with the standard error of their mean (notebook 12).

# %%
errors = {name: {kind: said[name][kind].mpjpe.mean(1) for kind in names} for name in networks}
costs = {
    name: {kind: mean_and_error(errors[name][kind] - errors[name]["desk"]) for kind in CHANGES}
    for name in networks
}
ordered = sorted(CHANGES, key=lambda kind: costs["small"][kind][0])
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
axes.axvline(never_looks, color=HIGHLIGHT, linestyle="--", label="the desk world's mean hand, always")
axes.set(yticks=rows, yticklabels=["desk itself", *ordered], xlim=(0, None))
axes.set(xlabel="MPJPE (mm), bars: two standard errors", title="the same sixteen pairs, one change each")
axes.legend(frameon=False, loc="lower right")
figure

# %% [markdown]
# Read `small`'s dots as a list of what its training pictures had and what they hadn't. What they varied costs little: brightness, tint, light, background. Even skin colours behind the hands, which one might fear most, belong to it. What they had only a little of, noise, or never, a picture without colour, costs much although it hides little from a person.
#
# `wild`'s dots lie close together. That is what a wide world is for, but the same caveats hold. `desk` isn't its world, so what a change *adds* can be compared, not the errors as such. And two networks that differ in three things don't say which of them did it. Its pictures had most of these changes, and its encoder had seen photographs.
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
image = normalise(pictures.image)
maps = wild.joint_maps(image)
print(maps)

# %% [markdown]
# A joint's heatmap must decide between two places that look alike: the same joint of *the other hand*. When it decides wrongly, the reading **jumps** across. `wild` does two things against it:
#
# * **Own pixels.** A heatmap is multiplied by the probability, from the segmentation, that its own hand is near (`own_pixels`; what is elsewhere keeps a little). The joint is read at the highest cell of the product, and then at the mean over a few cells around it, since a joint needn't lie in a cell's middle (`locate`).
# * **Two looks.** The mirror image of a left hand is a right hand. So the network can be asked twice, about the picture and about its mirror image; left and right are exchanged back, and the maps' mean is taken.
#
# The last two rows below can't be had outside of this notebook, since they look at the truth: every pixel's side is known; every joint's place is known.

# %%
from torch.nn.functional import one_hot

from handlib.model.joint_maps import ELSEWHERE, own_pixels
from handlib.training.targets import resize_label


def highest(scores):
    """The middle of each map's highest cell, in uv."""
    cells = scores.shape[-1]
    peak = scores.flatten(3).argmax(-1)
    return (torch.stack((peak % cells, peak // cells), dim=-1) + 0.5) * (2 / cells) - 1


def within(maps, segmentation):
    """Heatmaps times the probability that their hand is near; as logarithms."""
    return maps.heat + (own_pixels(segmentation) + ELSEWHERE).log()[:, :, None]


# %%
two_looks = maps.mean_with(wild.joint_maps(image.flip(-1)).mirrored())
true_label = resize_label(pictures.label.long(), maps.heat.shape[-2:])
certain = 20.0 * one_hot(true_label, 3).permute(0, 3, 1, 2)  # Scores of somebody who knows every pixel.
OURS, KNOWN, TRUE = "... of two looks: `wild`", "if all sides were known", "the joint's true place"
ways = {
    "the highest cell": (maps, highest(maps.heat)),
    "... of its own hand's pixels": (maps, highest(within(maps, maps.segmentation))),
    "... the mean around it": (maps, maps.located.uv),
    OURS: (two_looks, two_looks.located.uv),
    KNOWN: (two_looks, highest(within(two_looks, certain))),
    TRUE: (two_looks, pictures.uv),
}
other_hand = pictures.uv.flip(1)
miss = {name: (uv - pictures.uv).norm(dim=-1) for name, (_, uv) in ways.items()}
jumped = {name: (uv - other_hand).norm(dim=-1) < miss[name] for name, (_, uv) in ways.items()}

# %% [markdown]
# How many joints in a hundred are read at the other hand? How many of these come back with the segmentation, with two looks, and if every pixel's side were known?

# %%
PART, ALL = "joints jump one by one", "whole hands jump"
guess = predict("Of the joints that `wild` reads at the other hand: what happens more often?", PART, ALL)
guess

# %%
hand_size = (pictures.uv.amax(2) - pictures.uv.amin(2)).amax(-1)[..., None]
rows = {}
for name in ways:
    good, bad = (100 * x.float().mean() for x in (miss[name] < 0.2 * hand_size, jumped[name]))
    rows[name] = {"within a fifth of the hand": f"{good:.0f} %", "nearer to the other hand": f"{bad:.0f} %"}
show.table(rows, "Joints, by where they are read")

# %% tags=["reveals"]
plain, own, *_ = ways
whole = jumped[OURS].float().mean(-1) > 0.5
in_whole = jumped[OURS][whole].sum() / jumped[OURS].sum().clamp_min(1)
guess.compare(ALL if in_whole > 0.5 else PART)
print(f"{100 * whole.float().mean():.0f} % of the hands jumped with more than half of their joints")
print(f"{100 * in_whole:.0f} % of all joints that `wild` reads at the other hand belong to them")
assert jumped[KNOWN].sum() < jumped[plain].sum()
assert jumped[OURS].sum() <= 1.1 * jumped[plain].sum()

# %% [markdown]
# Go down the table's last column. The segmentation can mend a joint that jumped alone. It can't mend a **whole hand** that jumped: then the segmentation has usually exchanged the sides too, and the best cell within the wrong pixels is wrong. The second output says how much of all jumping is of that kind. The step to "if all sides were known" is what it costs not to know **whose hand this is**.
#
# Now the other column. What is missing there from "if all sides were known" to the last row is of another kind: right hand, wrong place. Hidden joints have no place that could be seen.
#
# ## What still fails: photographs
#
# All numbers so far are of rendered pictures. What counts in the end was measured too: on photographs in which people have annotated the joints in two dimensions. None was trained on, and no weights were chosen by them; but the way in which hands are searched was worked out while looking at these pictures, so expect others to be somewhat worse. They aren't shown here, because they aren't ours to pass on; the numbers lie beside the network. PCK@0.2 is the share of joints within a fifth of the hand's size, the error is in hand sizes, *swapped* the share of pictures with exchanged sides, *missing* the number of hands without an answer. "No boxes": each program looked for the hands itself. MediaPipe's hand landmarker is the usual choice for photographs; it gives joints, no surface.

# %%
from handlib.utils.resources import networks_folder

scores = json.loads((networks_folder() / "wild" / "photographs.json").read_text())
photographs = round(scores["boxes"]["wild"]["all"]["pictures"])
rows = {
    f"{name}, {way}": {
        "PCK@0.2": f"{groups['all']['pck@0.2']:.2f}",
        "95 % interval": "{:.2f} to {:.2f}".format(*groups["all"]["pck@0.2 interval"]),
        "error (hand sizes)": f"{groups['all']['error']:.2f}",
        "swapped": f"{100 * groups['all']['swapped']:.0f} %",
        "missing hands": f"{groups['all']['missing']:.2f}",
    }
    for way, scored in scores.items()
    for name, groups in scored.items()
}
show.table(rows, f"{photographs} photographs")

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
# * **Few photographs.** The interval of each share (Student's t over pictures) is wide, and the groups are smaller still.
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
# ## Summary
#
# * The **view** cost `small` most: a network that has only seen hands from their owner's side exchanges left and right from opposite.
# * **Appearance** costs what the training pictures didn't vary. Brightness, tint and background cost little; noise and missing colour cost much.
# * **Localisation** limits what is left. Joints that are read at the other hand, or at a wrong place of their own hand, make the rotation wrong too.
# * A confidence is a promise about the pictures on which it was calibrated.
# * Scores on photographs come with wide intervals, in two dimensions only.
#
# **Ask yourself**
#
# <details><summary>Why does an exchanged pair of hands look right in the picture?</summary>A right hand that is mirrored in depth is a left hand, and a weak-perspective camera sees both at the same place.</details>
# <details><summary>Why does the segmentation not mend a whole hand that jumped?</summary>The segmentation has usually exchanged the sides too.</details>
# <details><summary>Why can two networks that differ in world, encoder and head not say which of them closed the gap?</summary>Only their sum was measured. One would have to train networks that differ in one of them.</details>
#
# # Further

# %% [markdown]
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
# 1. `look_at` the whole picture, squeezed into the network's square, and at smaller squares that cover it;
# 2. from the surest of these, `look_closer`: take the box around the hands that were seen, cut out its square, look again; now they are larger. Until the box stays where it is;
# 3. of two hands that are far apart, look at each once more, alone.
#
# `find_hands` does the first two. (`reconstruct_everyone` follows every square in which hands are seen, for pictures with several people.) Here is the second step by hand, on a wide picture: a pair of the `desk` world before a camera with a shorter focal length. The coloured box is what each look was cut around, thin white lines show its square.

# %%
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
# Compare the last column, too: `desk` is `small`'s own world, and it knows nothing else. Keep that in mind for all that follows. And note where a box comes from: the **same network** whose answer it prepares. Where the looks go wrong, so does every number after them.
#
# ## One joint that jumps
#
# One joint first: it jumps without the segmentation and doesn't with it, in the picture where that happens most often.

# %%
mended = jumped[plain] & ~jumped[own]
k = int(mended.sum((1, 2)).argmax())
h, j = divmod(int(mended[k].flatten().int().argmax()), len(JOINT_NAMES))
print(f"picture {k}, {JOINT_NAMES[j]} of the {SIDES[h]} hand")
scores = {"left": maps.heat[k, 0, j], "right": maps.heat[k, 1, j]}
scores[f"{SIDES[h]}, own pixels"] = within(maps, maps.segmentation)[k, h, j]

# %%
from handlib.show.core.figures import LABEL_COLOURS

figure, axes = show.detached_figure(1, 5, figsize=(12, 2.8), layout="constrained")
square = (-1, 1, 1, -1)
axes[0].imshow(pictures.image[k].permute(1, 2, 0), extent=square)
axes[1].imshow(maps.segmentation[k].argmax(0), extent=square, cmap=LABEL_COLOURS, vmin=0, vmax=2)
for axis, score in zip(axes[2:], scores.values()):
    axis.imshow(score.flatten().softmax(0).view_as(score).sqrt(), extent=square, cmap="Greys")
    peak = highest(score[None, None, None])[0, 0, 0]
    axis.plot(*peak, "x", color=HIGHLIGHT, markersize=11, markeredgewidth=2.5)
for axis, title in zip(axes, ("picture", "segmentation", *(f"heatmap: {name}" for name in scores))):
    for place, colour in zip(pictures.uv[k, :, j], HANDS):
        axis.plot(*place, "+", color=colour, markersize=13, markeredgewidth=3)
    axis.set(xlim=(-1, 1), ylim=(1, -1), xticks=[], yticks=[])
    axis.set_title(title, fontsize=10)
figure

# %% [markdown]
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

rest, places = wild.encoder.head.rest, two_looks.located.places
ours = [palm_alignment_solution(rest[h, PALM], places[k, h, PALM]) for k in range(count) for h in range(2)]
theirs = palm_rotation(places, rest).flatten(0, 1)
angles = torch.rad2deg(roma.rotmat_geodesic_distance(torch.stack(ours), theirs))
print(f"{len(ours)} palms; both ways agree to within a degree in {int((angles < 1).sum())}")
assert (angles < 1).float().mean() > 0.95

# %% [markdown]
# Now read the location maps where the network believes the joints to be, and at their **true** places. **Predict** for each row of the last table: in which share of hands is the rotation wrong by more than 45°?

# %%
from handlib.training.joint_losses import read_locations


def rotation_wrong(maps, uv):
    found = palm_rotation(read_locations(maps, uv.clamp(-1, 1)), rest)
    return torch.rad2deg(roma.rotmat_geodesic_distance(found, pictures.root)) > WRONG_ROTATION


wrong = {name: rotation_wrong(*way) for name, way in ways.items()}
for name in ways:
    print(f"{name:30}{100 * wrong[name].float().mean():4.0f} % of the rotations are wrong")
assert wrong[TRUE].sum() < wrong[OURS].sum()

# %%
lost_by_place = wrong[OURS] & ~wrong[TRUE]
causes = {
    "wrong at the true places too": wrong[OURS] & wrong[TRUE],
    "right at the true places; the whole hand had jumped": lost_by_place & whole,
    "right at the true places; the hand hadn't jumped": lost_by_place & ~whole,
}
for cause, hands in causes.items():
    print(f"{int(hands.sum()):3} of {int(wrong[OURS].sum())} wrong rotations: {cause}")

# %% [markdown]
# The maps know the rotation of more hands than the network tells, if one asks them in the right place. What is lost between `wild`'s row and the last one is lost by **localisation** alone: same maps, same alignment, other places. The three causes say what to do about it. Only the first one needs maps that know more; the second needs to know whose hand it is, the third where in the hand.
#
# Do the stages mend it? They read the picture again around the first estimate. **Predict** from notebook 08's basin of attraction: what happens to hands that jumped, and to the others?

# %%
uv_by_step = zip(*([estimate.uv for estimate in wild(part).estimates] for part in image.split(8)))
for step, uv in enumerate(uv_by_step):
    error = off_by(torch.cat(uv), pictures.uv)
    name = f"stage {step}" if step else "first estimate"
    stayed, others = error[~whole].mean(), error[whole].mean()
    print(f"{name:15} joints off, in hand sizes: {stayed:.2f}; of hands that jumped {others:.2f}")

# %% [markdown]
# A stage looks around where it believes the hand to be. A hand that lies on the other one starts outside of the basin.
#
# ### Left or right: a second opinion
#
# Sometimes *both* hands change places: every joint is where a joint is, but left is right. A weak-perspective picture allows that. Mirror a right hand in depth, near for far: it becomes a left hand, and it is seen at exactly the same place. So a picture that was read with exchanged sides can be read the other way without looking again (`handlib.model.estimate.exchanged`). **Predict** how far the joints move in the picture when both hands of an estimate are exchanged, and how far in space.

# %%
one = wild(image[:1])
other = one.exchanged(wild.hands, wild.config.log_scale)
moved = (other.final.uv - one.final.uv.flip(1)).abs().max()
depth = (other.final.joints - one.final.joints.flip(1)).abs().amax((0, 1, 2))
print(
    f"in the picture: {float(moved):.1e} of its half side; in space (x, y, z): {depth.mul(1000).round().tolist()} mm"
)
assert moved < 1e-3

# %% [markdown]
# Which of the two is it? Light and skin tell: nails, knuckles, creases. Nobody has seen more of these than the network that `wild`'s encoder was taken from. As a whole it answers for a single upright hand: is this a hand, and is it a right one? Once a hand has been located it can be turned upright and shown (`handlib/photos/hand_network.py`). `reconstruct` asks it at the end, and exchanges the sides if it is surer of that than not, both hands taken together. **Predict**: does it help on *rendered* hands too?

# %%
from handlib.photos.search import Look, checked

size = wild.config.image_size
predictions = [wild(part) for part in image.split(8)]
looks = [Look(Crop(0.0, 0.0, float(size)), prediction[[k]]) for prediction in predictions for k in range(8)]
asked = [checked(wild, as_picture(pictures.image[k]), look) for k, look in enumerate(looks)]
for name, answers_given in (("`wild` alone", looks), ("with a second opinion", asked)):
    uv = torch.cat([look.prediction.final.uv for look in answers_given])
    direct, crossed = off_by(uv, pictures.uv), off_by(uv.flip(1), pictures.uv)
    print(
        f"{name:22} exchanges the sides in {int((crossed.sum(1) < direct.sum(1)).sum())} of {count} pictures"
    )

# %% [markdown]
# ## Does it know?
#
# If the answer is often wrong, it matters whether the network says so. Four pieces of evidence go into `wild`'s confidence: how sure the network is that the hand is there at all, how much of each heatmap lies around its peak, the segmentation's probability, and the second opinion. How much each counts was fitted on rendered pictures with two hands, one or none. Then it was measured on others: of all hands with a confidence of about 0.7, do 70 % meet the promise? `handlib/assets/confidence.json` keeps the answer.

# %%
assets = Path(handlib.__file__).parent / "assets"
measured = json.loads((assets / "confidence.json").read_text())["measured"]
print(f"{measured['hands']} hands; confidence is off by {measured['mean_difference']:.2f} on average")
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
    bins = [
        b
        for b in binned(sure.flatten(), found.flatten().float(), np.linspace(0, 1, 11).tolist())
        if b.count >= 10
    ]
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
for axis, title in (
    (inside, "the world it was fitted in"),
    (outside, "the desk world and its thirteen changes"),
):
    axis.plot([0, 1], [0, 1], color=TRUTH, linestyle=":", linewidth=1)
    axis.set(xlabel="confidence", ylabel="share of hands found", xlim=(0, 1), ylim=(-0.03, 1.03), title=title)
outside.legend(frameon=False, loc="upper left")
figure

# %%
lost = said["small"]["seen from opposite"]
found, sure = 100 * lost.found.float().mean(), lost.confidence.mean()
print(f"small, from opposite: {found:.0f} % of the hands found, mean confidence {sure:.2f}")
assert lost.confidence.mean() > 0.8 and lost.found.float().mean() < 0.2

# %% [markdown]
# (Bars: two standard errors; the right chart leaves out bins with fewer than ten hands.) `small` is as sure of exchanged hands as of any. Its confidence answers the question that it was trained on, "does this look like a hand?", and hands from opposite do. **Outside its training world a confidence means less.** `wild`'s is a promise about rendered pictures, too; on your photograph take it as a hint.
#
# And hands that aren't there? Here are pictures with one hand, then with none.

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
alone, empty = ((there.sum(1) == number).nonzero().flatten()[:2] for number in (1, 0))
chosen = torch.cat((alone, empty)).tolist()
show.picture_row(
    [fewer.image[k].permute(1, 2, 0) for k in chosen],
    [f"wild: {verdicts['wild'][k]}" for k in chosen],
)

# %% [markdown]
# (A hand that hides part of the other one can't be taken away; so a few of these pictures still have two.) Read both columns together: who always says "no hand" gets every absent hand right. `small` has never been taught that a hand can be missing. `wild` has. (Here it is asked alone; `reconstruct` also asks for the second opinion.)
#
# ## What would close what is left
#
# Every change says what training would need. Which kind is still open for which network?

# %%
for way in dict.fromkeys(change.closes for change in CHANGES.values()):
    members = [kind for kind, change in CHANGES.items() if change.closes == way]
    print(f"closed by {way}; the worst of {len(members)} changes:")
    for name in networks:
        most = max(members, key=lambda kind: costs[name][kind][0])
        print(f"  {name:5} {costs[name][most][0]:+4.0f} mm, {most}")

# %% [markdown]
# | gap | what would close it | where |
# |---|---|---|
# | view | done in `wild`'s pictures: seen by their owner, from opposite, from the side | `handlib/data/layered/people.py` |
# | noise, colour, JPEG, light | done in `wild`'s pictures; for `small`, stronger augmentation | `handlib/data/layered/compose.py`, `handlib/data/augment.py` |
# | whose hand is where | arms that lead to a person, both hands' joints deciding together, more training of just that | `handlib/model/joints_head.py` |
# | hidden joints, interlocked fingers | more such pairs; maps that keep several places for one joint | `handlib/data/rendered/interlock.py`, notebook [12](12_robustness.ipynb) |
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

# %% [markdown]
# ## What comes next
#
# Measured on rendered pictures, the gap is known part by part. The real thing takes real data, a real hand model and a larger network: notebook 14 puts them in place of the stand-ins.
