# %% [markdown]
# # 13 · Your own photo: where it fails, and why
#
# `small` was trained on rendered pictures and has not seen one photograph. Put your own hands before a camera, and it will probably be wrong. Such a picture is worth more attention than one on which it is right: photographs differ from its training pictures in
# many ways at once, and it isn't obvious which of them matter.
#
# **The question:** what happens to a picture from outside on its way through the network, and which differences between rendered and real pictures cost how much?
#
# Afterwards you should be able to say
#
# 1. how a photograph becomes a crop of 128 x 128 pixels and how the answer finds its way back;
# 2. how the network finds hands that nobody has shown it, and when that goes wrong;
# 3. which of thirteen things that photographs do it minds, and by how many millimetres;
# 4. why its confidence notices some of them and not others;
# 5. what would close the gap, and what can be mended in the picture.
#
# There is no photograph in this notebook: for photographs of people there is no exact truth, and they don't belong in a repository. The measurements use rendered pictures that are made to look less and less like the training's, where the truth is exact. What you upload is yours: it goes to the kernel on
# the machine on which this runs and nowhere else. (If you save the notebook afterwards, its outputs show it.)
#
# Words: [attention map](../docs/glossary.md#attention-map), [estimate](../docs/glossary.md#estimate), [uv](../docs/glossary.md#uv), [weak perspective](../docs/glossary.md#weak-perspective), [MPJPE](../docs/glossary.md#mean-per-joint-position-error).

# %%
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from handlib.photos.widget import YourPhoto
from handlib import DIR, load_samples, show
from handlib.geometry.camera import uv_to_pixels
from handlib.data.photo import Box, Crop, read_picture
from handlib.data.sample import normalise, resize, stack
from handlib.data.rendered.scenes import make_scene
from handlib.exercises import check
from handlib.analysis.domain_gap import CHANGES, Change, blur, taken
from handlib.photos.reconstruct import box_of_hands, look, reconstruct
from handlib.analysis.robustness import errors_by_estimate, mean_and_error
from handlib.photos.photo_frame import framed
from handlib.show.core.palette import HIGHLIGHT

torch.set_num_threads(1)
_ = torch.set_grad_enabled(False)
model = DIR.from_pretrained("small").eval()
SIZE = model.config.image_size

# %% [markdown]
# ## Upright first
#
# A telephone stores what its sensor saw, which is often on its side, and writes beside it how to turn it (EXIF *orientation*). Who reads only the pixels gets hands that point sideways. **Predict**: a stored picture is 3 pixels wide and 2 high, its orientation is 6, "turn clockwise by 90°". What is its size afterwards, and where does the stored top left pixel go?
#
# It becomes 2 wide and 3 high. Turning clockwise takes the top left corner to the top right.

# %%
import tempfile
from pathlib import Path

stored = np.zeros((2, 3, 3), np.uint8)
stored[0, 0] = 255  # The top left pixel.
exif = Image.Exif()
exif[0x0112] = 6
with tempfile.TemporaryDirectory() as folder:
    Image.fromarray(stored).save(Path(folder) / "phone.png", exif=exif)
    upright = read_picture(Path(folder) / "phone.png")
print(
    "stored",
    stored.shape[:2],
    "-> upright",
    upright.shape[:2],
    "; the pixel is at",
    *np.argwhere(upright[..., 0]).tolist(),
)
assert upright.shape == (3, 2, 3) and upright[0, 1, 0] == 255

# %% [markdown]
# ## The square
#
# The network wants a square in which the hands fill 80 % of the side, as the crops of its training do. A box around the hands, $(x, y, w, h)$ in pixels, becomes the square about the box's centre with the side
#
# $$ a = \max(w, h) / 0.8. $$
#
# **Predict** for the box (100, 50, 300, 200): the side is $300 / 0.8 = 375$. The centre is $(250, 150)$, so the corner lies at $(250 - 187.5,\ 150 - 187.5) = (62.5,\ -37.5)$, above the picture's edge. What is outside is filled by repeating the edge.
#
# The way back: the network says where a joint is in $[-1, 1]$ over the square. Its pixel in the photograph is corner $+ (u + 1)\, a / 2$. **Predict** for $u = (0, -1)$: $(62.5 + 187.5,\ -37.5) = (250,\ -37.5)$.

# %%
x, y, w, h = 100, 50, 300, 200
crop = Crop.around(Box(x, y, w, h), 0.8)
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
# ## Where are the hands?
#
# Benchmarks give the box (notebook 10: it comes from the truth). On your picture nobody knows it. `handlib reconstruct` lets the network look for itself:
#
# 1. look at the whole picture, squeezed to 128 pixels, and let the **segmentation** say which pixels are hand;
# 2. take the box around them, cut out its square, look again: now the hands are larger;
# 3. until the box stays where it is.
#
# Here is a wide picture in which the hands take a third of the side: a `desk` scene, seen by a camera with a shorter focal length. Thin white lines show the square that each look gets to see, the coloured box what it was cut around.


# %%
def from_afar(scene, zoom=0.4, middle=(0.62, 0.55)):
    """The scene with a shorter focal length, the hands' middle moved to a place in the picture."""
    fx, fy, cx, cy = scene.intrinsics
    place = (np.array([cx, cy]) - 0.5) * zoom + middle
    return replace(scene, intrinsics=np.array([fx * zoom, fy * zoom, *place], dtype=np.float32))


scenes = [make_scene("desk", 13, k, "test") for k in range(16)]
far = [from_afar(scene).sample(320) for scene in scenes]
wide = far[0].image.permute(1, 2, 0).numpy()

# %%
box, share, looks = Box.around(wide), 1.0, []
while len(looks) < 4:
    crop, prediction = look(model, wide, box, share)
    looks.append(framed(wide, box, 200))
    box, share = box_of_hands(prediction.segmentation[0], crop, wide) or box, 0.8
print(
    f"the box after {len(looks)} looks: {box.width:.0f} x {box.height:.0f} of {wide.shape[1]} x {wide.shape[0]} pixels"
)
show.picture_row(looks, [f"look {k}" for k in range(1, 5)])


# %% [markdown]
# How good is the box? Two boxes are compared by the area that both cover over the area that either covers, the *overlap* or intersection over union: 1 if they are the same, 0 if they don't meet. **Predict** for (0, 0, 4, 2) and (2, 0, 4, 2): both cover $2 \cdot 2 = 4$, either $8 + 8 - 4 = 12$, overlap $1/3$.
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
# **Exercise 3.** The step between two looks: a map of labels (0 background, 1 left, 2 right, square) of a crop with corner (x, y) and a side in the photograph's pixels becomes the box around all hand pixels, in the photograph's pixels.
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
# Now all sixteen wide pictures: the box that the network finds against the true one, and what a bad box costs. The error is taken in the photograph: how far the joints are from their places, in percent of the true box's longer side.


# %%
def place_error(result, sample, true_box):
    pixels = uv_to_pixels(sample.uv, sample.size)
    off = (result.joint_pixels - pixels).norm(dim=-1).mean()
    return 100 * float(off) / max(true_box.width, true_box.height)


def box_around(points):
    low, high = points.amin(0), points.amax(0)
    return Box(*low.tolist(), *(high - low).tolist())


rows = []
for sample in far:
    hands_only = box_around(uv_to_pixels(sample.vertex_uv, sample.size).flatten(0, 1))
    with_arms = box_around((sample.label > 0).nonzero().flip(-1).float())
    found, given = (reconstruct(sample.image, box, model) for box in (None, hands_only))
    overlaps = [found.box.overlap(box) for box in (hands_only, with_arms)]
    rows.append((*overlaps, *(place_error(result, sample, hands_only) for result in (found, given))))

# %%
on_hands, on_arms, by_found, by_given = np.median(np.array(rows), axis=0)
print(
    f"overlap of the found box with the hands' {on_hands:.2f}, with the box around hands and forearms {on_arms:.2f}"
)
print(
    f"joints off: {by_found:.1f} % of the box's side if the box was found, {by_given:.1f} % if it was given"
)
assert by_given < 10 and by_found < 20

# %% [markdown]
# (Medians.) On pictures of its own world looking for itself works, but less well than being told: the found box is larger than the hands. The picture of the looks shows why, and so does the second overlap: **arms**. The renderer's labels count a forearm as part of its hand, so the segmentation, and the box around it, reach up
# the arms. The hands are then smaller in the crop than training ever showed them, and the joints are further off.
#
# Note where the box comes from: the **same network** whose answer it prepares. If the segmentation is wrong, the crop is wrong, and every number after it.
#
# ## Your turn
#
# Upload a picture: JPEG, PNG or WebP, with two bare hands in it, as large as you like. Or press *use the camera*, if the page comes from your own machine or by https: the browser asks you first, the preview isn't mirrored, and the camera is shut after the picture. Or play with the rendered one first. The widget looks for the hands; then drag the box's corners, or focus one and press arrow keys, and press *reconstruct in the box*. What
# the segmentation saw stands below; the links hand out the drawing, both hands as a 3D file and all numbers. Try:
#
# 1. The rendered picture: make the box half as large, then twice. At which size does the answer break?
# 2. Cut one hand out of the box. What does the network say about the hand that isn't there?
# 3. Your hands **as your own eyes see them** (left hand on the left, backs up, camera at your forehead). Then the same hands photographed by somebody who faces you.
# 4. The same pose before a plain wall and before your face.

# %%
YourPhoto(model, far[2].image)

# %% [markdown]
# What can't be read (not a picture, cut short, a GIF, more than 100 megapixels) is told in one line, and the old picture stays. Of an animated WebP or PNG the first frame is taken.
#
# ## Thirteen differences, one at a time
#
# Suppose it failed on your photograph. Which of the differences was it? The photograph can't say, since it has all of them. So take pictures on which the network is right, and change **one thing at a time**, keeping the exact truth: a colourless picture, a warm lamp, a dark room, noise, a camera out of focus, few pixels, JPEG, light from
# below, skin colours behind, a camera close by, rolled, to the side, or on the other side of the hands.


# %%
def photographs(*changes):
    """The sixteen pairs, each as it looks after some changes."""
    return [taken(scene, changes, SIZE, seed) for seed, scene in enumerate(scenes)]


albums = {"desk": photographs()} | {name: photographs(change) for name, change in CHANGES.items()}
names = list(albums)
print(len(albums), "albums of", len(scenes), "pictures")

# %%
show.picture_row([albums[name][1].image.permute(1, 2, 0) for name in names[:7]], names[:7])

# %%
show.picture_row([albums[name][1].image.permute(1, 2, 0) for name in names[7:]], names[7:])

# %% [markdown]
# A person has no trouble with any of them. **Predict** which three cost the network most, and which hardly anything. Two hints: its training pictures varied in brightness, tint and background, with a little blur and noise; and they all showed hands as their owner sees them.
#
# The error is the MPJPE as in the README's table (root at the middle finger's knuckle, size given away). Since each album shows the *same* pairs, differences are taken pair by pair, with the standard error of their mean (notebook 12).

# %%
errors = {name: errors_by_estimate(model, album)[-1]["mpjpe"].mean(1) for name, album in albums.items()}
costs = {name: mean_and_error(errors[name] - errors["desk"]) for name in CHANGES}
print(f"{'desk itself':24}{errors['desk'].mean():5.0f} mm")
for name, (mean, error) in sorted(costs.items(), key=lambda item: item[1][0]):
    certain = "" if mean > 3 * error else "   within three standard errors of nothing"
    print(f"{name:24}{mean:+7.1f} mm  +- {error:.1f}{certain}")

# %%
from handlib.evaluation.evaluate import MeanPredictor

train = stack([resize(pair, SIZE) for pair in load_samples("train")])
blind = MeanPredictor(train, dict(model.hands.items()))
never_looks = float(errors_by_estimate(blind, albums["desk"])[-1]["mpjpe"].mean())
ordered = ["desk", *sorted(CHANGES, key=lambda name: costs[name][0])]
figure, (axes,) = show.detached_figure(figsize=(8, 4), layout="constrained")
bars = [2 * mean_and_error(errors[name])[1] for name in ordered]
axes.barh(ordered, [float(errors[name].mean()) for name in ordered], xerr=bars, color="0.7", ecolor="0.2")
axes.axvline(never_looks, color=HIGHLIGHT, linestyle="--", label="always the mean hand of `desk`")
axes.set(xlabel="MPJPE (mm), bars: two standard errors", title="the same sixteen pairs, one change each")
axes.legend(frameon=False)
figure

# %%
kinds = {name: change.closes for name, change in CHANGES.items()}
by_kind = {kind: [name for name in kinds if kinds[name] == kind] for kind in dict.fromkeys(kinds.values())}
for kind, members in by_kind.items():
    worst = max(members, key=lambda name: costs[name][0])
    cheap = sum(costs[name][0] <= 5 for name in members)
    print(f"{len(members)} changes, {cheap} of them cost at most 5 mm, the worst: {worst}. Closed by {kind}")
assert errors["seen from opposite"].mean() > never_looks
assert costs["seen from opposite"][0] > max(20, 3 * costs["seen from opposite"][1])

# %% [markdown]
# Read it as a list of what the training pictures had and what they hadn't.
#
# * What training **varied** costs little: brightness, tint, light, background. Skin colours behind the hands, which one might fear most, belong to it.
# * What training **had only a little of** can cost much, although it hides little from a person: the default augmentation's noise has a deviation of about 2.5 of 255 levels, here it is 25. And a picture without any colour is one that training never showed.
# * What training **never showed at all**: hands from the opposite side cost most by far. There the left hand is on the right, and palms are where backs were. Another 70° to the side costs less than noise does.
#
# Bars that pass the dashed line are further off than somebody who never looks. There the network doesn't just fail to see, it is sure of the wrong thing; most of all from opposite.
#
# What people mean by "rendered against real", how skin *looks*, isn't among the thirteen, because the renderer can't draw it. So nothing here says that it matters less. What the list does say: other things than skin are enough to make this network fail.
#
# ## From `desk` to something like a photograph
#
# A photograph makes several changes at once. Does the whole cost what its parts cost? Up the ladder, one more change with each rung; at its top a world of any poses and any views, `studio`, with everything that a bad camera does.

# %%
LADDER = [
    "warm lamp",
    "light from below",
    "skin colours behind",
    "out of focus",
    "camera close by",
    "camera rolled 60°",
]
rungs, sofar = {"desk": albums["desk"]}, []
for name in LADDER:
    sofar.append(CHANGES[name])
    rungs["+ " + name] = photographs(*sofar)
studio = [make_scene("studio", 13, k, "test") for k in range(len(scenes))]
rungs["studio"] = [scene.sample(SIZE) for scene in studio]
in_picture = [change for change in sofar if change.scene is sofar[0].scene]
rungs["studio, bad camera"] = [taken(scene, in_picture, SIZE, seed) for seed, scene in enumerate(studio)]

# %%
steps = {name: album[1].image.permute(1, 2, 0) for name, album in rungs.items()}
show.picture_row(list(steps.values())[:5], list(steps)[:5])

# %%
show.picture_row(list(steps.values())[5:], list(steps)[5:])

# %%
climbed = {name: errors_by_estimate(model, album)[-1] for name, album in rungs.items()}
print(f"{'rung':24}{'MPJPE':>9}{'in the picture':>17}{'rotation wrong by 45°':>25}")
for name, found in climbed.items():
    wrongly = 100 * float((found["rotation_deg"] > 45).float().mean())
    print(
        f"{name:24}{found['mpjpe'].mean():6.0f} mm{found['uv_percent'].mean():10.0f} % off{wrongly:20.0f} % of hands"
    )
all_six = climbed["+ camera rolled 60°"]["mpjpe"].mean(1) - errors["desk"]
together, together_error = mean_and_error(all_six)
parts = sum(costs[name][0] for name in LADDER)
excess, error = mean_and_error(all_six - sum(errors[name] - errors["desk"] for name in LADDER))
print(f"all six together cost {together:.0f} mm, the sum of each alone is {parts:.0f} mm")
print(f"that is {excess:.0f} ± {error:.0f} mm beyond the parts")
assert together > 3 * together_error

# %% [markdown]
# The last line answers the question: if what the whole costs beyond its parts exceeds twice its error, the changes make each other worse, and the pictures that a network meets outside are harder than a list of single tests suggests. If it doesn't, sixteen pairs can't tell. Either way, a robustness that was tested one change at a time isn't one to all of them.
#
# ## Does it know?
#
# The segmentation gives each hand a probability; its mean over the hand's pixels is the confidence, and from that and the area the widget says which hands are there. A confidence is useful if it falls where the error rises. **Predict** for which kinds of change it does.

# %%
from handlib.photos.presence import hands_present


def told(album):
    """Per picture: the lower confidence of the two hands, and whether both are called present."""
    segmentation = model(normalise(stack(album).image)).segmentation
    seen = [hands_present(scores) for scores in segmentation]
    return np.array([float(p.confidence.min()) for p in seen]), np.array(
        [str(p) == "both hands" for p in seen]
    )


# %%
answers = {name: told(album) for name, album in albums.items()}
print(f"{'':24}{'error':>9}{'confidence':>13}{'both hands seen':>18}")
for name in ordered:
    confidence, both = answers[name]
    print(f"{name:24}{errors[name].mean():6.0f} mm{confidence.mean():13.2f}{both.sum():12} of {len(both)}")

# %%
noticed = answers["desk"][0].mean() - answers["no colour"][0].mean()
unnoticed = answers["desk"][0].mean() - answers["seen from opposite"][0].mean()
print("its confidence falls more without colour than for hands seen from opposite:", noticed > unnoticed)
assert noticed > unnoticed
lost = errors["seen from opposite"].numpy() > never_looks
print(
    f"from opposite {lost.sum()} of {len(lost)} are worse than never looking; how many of these does it call 'both hands'?"
)
print(int((answers["seen from opposite"][1] & lost).sum()))

# %% [markdown]
# The confidence is that of the **segmentation**: is there a hand, and which? It was learnt in a world in which what looks like the back of a left hand on the left is one. Noise and missing colour make *that* harder to say, so it falls. Two hands from opposite look very much like hands, so it hardly needs to fall; that left and right
# are exchanged and the palms are up, no map says. A confidence answers the question that it was trained on, in the world in which it was trained.
#
# ## What can be mended in the picture
#
# Not every gap needs another training. Noise can be taken away *before* the network, at the price of sharpness. From the table above, blur costs little where noise costs much. **Predict** what the noisy album costs after the same blur.

# %%
softened = photographs(CHANGES["sensor noise"], Change("", picture=blur(1 / 64)))
mended = errors_by_estimate(model, softened)[-1]["mpjpe"].mean(1)
before, after = (mean_and_error(e - errors["desk"]) for e in (errors["sensor noise"], mended))
print(f"noise costs {before[0]:.0f} mm; noise, then blur {after[0]:.0f} mm")
gained = mean_and_error(errors["sensor noise"] - mended)
assert before[0] < 5 or gained[0] > 3 * gained[1]
show.picture_row(
    [albums[name][1].image.permute(1, 2, 0) for name in ("desk", "sensor noise")]
    + [softened[1].image.permute(1, 2, 0)],
    ["desk", "sensor noise", "then blurred"],
)

# %% [markdown]
# Most of what noise cost was not information; the blur can't have added any. The view is another matter: no filter turns a palm into a back. What closes which gap:
#
# | gap | what would close it | where |
# |---|---|---|
# | noise, colour, blur, JPEG | stronger augmentation of that kind; what it costs on clean pictures would have to be measured | `handlib/data/augment.py` |
# | light, background, tone | more of them in the renderer | `handlib/data/rendered/scenes.py` |
# | view, pose, which hand is where | a world that has them: `handlib data make --world studio-full`, and a larger network and budget, since that world is harder | `handlib/data/rendered/placement.py` |
# | skin, sleeves, rings, other people | real pictures with truth, or things and people in the renderer | notebooks [14](14_the_real_thing.ipynb) and [12](12_robustness.ipynb) |
#
# The last row isn't measured here, because a renderer can't measure what it can't draw. What remains on a photograph after all other rows are closed is the gap in *appearance*. Who has InterHand2.6M can measure it: notebook 14.
#
# ## In the released code
#
# * The evaluation's crops come from the **true** vertices. There is no detector in it, so no number of the paper includes one.
# * Its training turns every picture by any angle in the plane (`Augmentation.released()`), so a rolled camera belongs to it; ours turns by 15° at most.
# * Published pictures of results "in the wild" are chosen by eye. RGB2Hands, EgoHands and others that the paper names have no meshes to score against.
# * `handlib reconstruct photo.jpg --out result` is the widget's way as a command; `--box x,y,w,h` gives the box.
#
# ## What comes next
#
# Measured on rendered pictures, the gap is known kind by kind. The real thing takes real data, a real hand model and a larger network: notebook 14 puts them in place of the stand-ins.
