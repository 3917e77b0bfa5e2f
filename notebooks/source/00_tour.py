# %% [markdown]
# # 00 · The tour: two hands from one picture
#
# **Question.** A picture shows two hands that touch, cross and hide each other. Where is every joint, and which surface do the hands
# have, in three dimensions?
#
# The pictures of this tour are renderings: no camera took them, so the truth about them is known. The last picture is your own.
#
# **Time:** about 15 minutes for the core, 10 for Further. Afterwards you can
#
# 1. say what goes into the network and what comes out, with units;
# 2. define the error in which this tour measures it;
# 3. tell the two parts of an error in the picture apart;
# 4. reconstruct the hands of a picture of yours.
#
# The method is DIR, "Decoupled Iterative Refinement" (Ren et al., ICCV 2023). You need PyTorch; you need to know nothing about hands.
#
# Words: [joint](../docs/glossary.md#joint), [estimate](../docs/glossary.md#estimate), [stage](../docs/glossary.md#stage), [uv](../docs/glossary.md#uv), [MPJPE](../docs/glossary.md#mean-per-joint-position-error).

# %%
import torch

from handlib import DIR, load_samples, show
from handlib.data.sample import STRATA, normalise, resize, stack
from handlib.exercises import check, predict, progress
from handlib.hand.skeleton import SIDES

torch.set_num_threads(1)
show.dir_map("tour")

# %%
progress()

# %% [markdown]
# The numbers of the map are those of the notebooks. There you write parts of the network yourself: a right answer is kept in your file
# `my_dir.py`, and the network runs it. The strip shows which parts are yours.
#
# ## What goes in, what comes out
#
# A picture goes in. A surface and a skeleton of both hands come out, with their places in the picture. Of a rendering all of this is known
# exactly. The left hand is always blue and comes first; the right hand is orange.

# %%
samples = load_samples("test")
sample = samples[14]
print(f"picture: {sample.size} x {sample.size} pixels, {STRATA[sample.stratum]} hands")
print(f"surfaces: {tuple(sample.vertices.shape)}, joints: {tuple(sample.joints.shape)}, in metres")
show.overlay(sample, sample, title="A rendering and its truth")

# %% [markdown]
# Drag to turn the hands. Click a joint to read its name.

# %%
show.hands(sample)

# %% [markdown]
# ## The network answers three times
#
# `small` is DIR with every mechanism of the paper, narrow enough for a laptop to train. It knows renderings of two hands before a person's
# own eyes. Its encoder makes a first estimate, the *initial* one. Then each of two **stages** reads the picture where it believes the joints are, lets the
# joints of both hands exchange what they know, and corrects the estimate.
#
# One number says how good an estimate is. **Each estimated hand is moved so that its wrist lies on the true wrist; nothing is turned or
# rescaled. The error is the mean distance of the joints from their true places, in millimetres.**

# %%
model = DIR.from_pretrained("small").eval()
batch = stack([resize(one, model.config.image_size) for one in samples])
with torch.no_grad():
    trace = model.trace(normalise(batch.image))
estimates = trace.prediction.estimates


def mean_joint_error(estimate, truth):
    """Returns each picture's error in mm; an estimate's joints are relative to their hand's own wrist."""
    wrong = estimate.joints - (truth.joints - truth.joints[:, :, :1])
    return 1000 * wrong.norm(dim=-1).mean((1, 2))


errors = torch.stack([mean_joint_error(estimate, batch) for estimate in estimates])
guess = predict(
    "How much of the first estimate's error do the two stages take away in this picture?",
    "less than a quarter",
    "between a quarter and three quarters",
    "more than three quarters",
)
guess

# %% [markdown]
# The slider starts at the first estimate; move it. Grey skeletons are the truth. In the 3D view the wrists lie on each other, and pink lines
# lead from every joint to its true place. The error is their mean length.

# %% tags=["reveals"]
picture = resize(sample, model.config.image_size)
with torch.no_grad():
    prediction = model(normalise(picture.image[None]))
gone = float(1 - errors[-1, 14] / errors[0, 14])
guess.compare(guess.answers[(gone > 0.25) + (gone > 0.75)])
show.stages(picture, prediction)

# %% [markdown]
# ## Place and form
#
# In the picture an error has two parts. **Place** is how far the middle of a hand's 21 joints lies from the true middle. **Form** is what
# remains once the middles are put on each other: the hand is turned wrongly, too large, or its fingers are wrong. Both are measured in
# percent of the picture's side, here over sixteen pictures.

# %%
guess = predict(
    "Which part of the first estimate's error is larger?", "place", "form", "they are about equal"
)
guess

# %% tags=["reveals"]
wrong = 50 * torch.stack([estimate.uv - batch.uv for estimate in estimates])
place = wrong.mean(3, keepdim=True)
lines = {"form": wrong - place, "the wrists alone": wrong[:, :, :, :1], "place": place}
percent = {name: values.norm(dim=-1).mean((1, 2, 3)) for name, values in lines.items()}

figure, (axes,) = show.detached_figure(figsize=(6, 3))
for (name, values), style in zip(percent.items(), ("o-k", "s:k", "^--k"), strict=True):
    axes.plot(values, style, label=name)
axes.set(xticks=range(3), xticklabels=["first estimate", "stage 1", "stage 2"], ylim=(0, None))
axes.set(ylabel="error (% of the side)")
axes.legend(frameon=False)
ratio = float(percent["place"][0] / percent["form"][0])
guess.compare("form" if ratio < 0.8 else "place" if ratio > 1.25 else "they are about equal")
figure

# %% [markdown]
# Compare how the three lines fall. Notebook 08 asks what the stages can correct.
#
# ## Where it fails
#
# Here are four of the sixteen pictures.

# %%
chosen = (0, 4, 9, 13)
show.picture_row([batch.image[k].permute(1, 2, 0) for k in chosen], [f"picture {k}" for k in chosen])

# %%
guess = predict("On which of the four is the last estimate furthest off?", *(f"picture {k}" for k in chosen))
guess

# %% tags=["reveals"]
hidden = 100 * (1 - batch.visible.min(dim=1).values)
worst = max(chosen, key=lambda k: float(errors[-1, k]))
figure, axes = show.detached_figure(1, 2, figsize=(9, 3.6), layout="constrained")
axes[0].scatter(hidden, errors[-1], color="0.7")
for k in chosen:
    axes[0].plot(hidden[k], errors[-1, k], "ok")
    axes[0].annotate(f" {k}", (hidden[k], errors[-1, k]))
axes[0].set(xlabel="hidden part of the more hidden hand (%)", ylabel="error (mm)", ylim=(0, None))
axes[1].imshow(show.overlay_with_truth(batch, estimates[-1], worst))
axes[1].set_title(f"picture {worst}, the truth in grey")
axes[1].axis("off")
guess.compare(f"picture {worst}")
figure

# %% [markdown]
# Nobody can measure what is hidden, only guess it. But a picture may be hard for other reasons; notebook 12 looks for them.
#
# ## What happened in between
#
# `trace` keeps everything that the network computed. Two attention maps weigh the 8 x 8 cells of the coarsest map, one map for each hand;
# darker cells count more. Two heads say which hand a pixel shows, and which point of the hand.

# %%
from handlib.show.core.figures import LABEL_COLOURS

figure, axes = show.detached_figure(1, 4, figsize=(10, 2.8))
for axis, side, attention in zip(axes, SIDES, trace.attention[14]):
    axis.imshow(attention, cmap="Blues" if side == "left" else "Oranges", vmin=0)
    axis.set_title(f"attention, {side}")
axes[2].imshow(trace.prediction.segmentation[14].argmax(0), cmap=LABEL_COLOURS, vmin=0, vmax=2)
axes[2].set_title("left, right or neither")
axes[3].imshow(trace.prediction.dense[14].permute(1, 2, 0).clamp(0, 1))
axes[3].set_title("point of the hand")
for axis in axes:
    axis.axis("off")
figure

# %% [markdown]
# ## Your own picture
#
# For photographs there is another network, `wild`. It looks for hands in a picture, looks closer and reconstructs them. Press *use the camera*
# and hold both hands up, or upload a picture. Your picture goes to the machine where this notebook runs, and nowhere else. Until then you
# see a rendering.

# %%
from handlib.photos.widget import YourPhoto
from handlib.utils.resources import samples_folder

wild = DIR.from_pretrained("wild").eval()
YourPhoto(wild, samples_folder() / "test" / "0005.png")

# %% [markdown]
# Is it right? Turn the hands: the network had to make up their far side. Without the truth you can only look; notebook 13 shows where
# `wild` fails.
#
# In a program this is one call. Write the path of your picture below: `my_picture = "hands.jpg"`.

# %%
import handlib

my_picture = samples_folder() / "test" / "0005.png"
result = handlib.reconstruct(my_picture, model=wild)
print(f"{result.presence}; joints of the right hand, metres from the left wrist: {result.right.joints.shape}")
result.show()

# %% [markdown]
# ## Summary
#
# - A picture goes in; surfaces (778 vertices), skeletons (21 joints) and their places in the picture come out, for two hands.
# - The encoder makes a first estimate; each stage reads the picture again and corrects it.
# - The tour's error: wrists together, nothing turned or rescaled, mean distance of joints in mm.
# - In the picture an error has two parts, place and form.
# - `small` knows rendered hands; `wild` is the network for photographs.
#
# **Ask yourself**
#
# <details><summary>Both estimated hands are perfect, but 10 cm too far to the left. What is the tour's error?</summary>Zero: wrists are put
# together first. In the picture the place is wrong.</details>
#
# <details><summary>A hand is at its place, but 5 % too large. Is that an error of place or of form?</summary>Of form: the middles agree, the joints
# around them don't.</details>
#
# <details><summary>Why measure on renderings?</summary>Their truth is known exactly, hidden joints too. They don't tell how well a network does on
# photographs.</details>
#
# Next: [01, the hand model](01_hand_model.ipynb), through which every estimate goes.

# %% [markdown]
# # Further
#
# **Exercise: which hand is which?** A left hand in a mirror is a right hand. How far do the joints of the mirrored picture's *right* hand
# lie from the mirror images of the original's *left* hand, on average, in pixels of the 128 x 128 picture? A network that understood hands
# perfectly would give 0.


# %% tags=["exercise"]
def mirrored_error(model, image):
    """Returns the mean distance in pixels; image is a (3, 128, 128) byte tensor."""
    ...


# %%
check("mirrored_error", mirrored_error)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def mirrored_error_solution(model, image):
    with torch.no_grad():
        both = model(normalise(torch.stack((image, image.flip(-1))))).final.uv
    left = both[0, 0] * torch.tensor([-1.0, 1.0])
    return float((both[1, 1] - left).norm(dim=-1).mean() * image.shape[-1] / 2)


check("mirrored_error", mirrored_error_solution)
print(f"mirrored_error of this picture: {mirrored_error_solution(model, picture.image):.0f} px")

# %% [markdown]
# **Open question.** Train a network on pictures and their mirror images alike. Must its answer become 0? Find a reason why not.
