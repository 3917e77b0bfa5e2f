# %% [markdown]
# # 00 · The tour: two hands from one picture
#
# **Question.** A picture shows two hands that touch, cross and hide each other. Where is every joint, and which surface do the hands
# have, in three dimensions?
#
# The pictures of this tour are renderings: a program drew them from known hands, so the truth about them is known. The last picture is
# your own.
#
# **Time:** about 25 minutes for the core, 10 for Further. Afterwards you can
#
# 1. say what goes into the network and what comes out, with units;
# 2. write the error in which this tour measures it;
# 3. tell the two parts of an error in the picture apart;
# 4. say why an estimate that looks right may be wrong;
# 5. reconstruct the hands of a picture of yours.
#
# The method is DIR, "Decoupled Iterative Refinement" (Ren et al., ICCV 2023). You need PyTorch; you need to know nothing about hands.
#
# Words: [joint](../docs/glossary.md#joint), [estimate](../docs/glossary.md#estimate), [stage](../docs/glossary.md#stage), [uv](../docs/glossary.md#uv), [MPJPE](../docs/glossary.md#mean-per-joint-position-error).

# %%
import torch

from handlib import DIR, load_samples, show
from handlib.data.sample import STRATA, normalise, resize, stack
from handlib.exercises import check, predict, progress
from handlib.geometry.camera import fit_weak_perspective, project_weak_perspective
from handlib.hand.skeleton import BONES, SIDES

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
# ## How good is an estimate?
#
# A network will answer in a moment. One number says how good its answer is. **First each estimated hand is shifted until its wrist lies on
# the true wrist. Then the error is the mean distance of the 42 joints from their true places, in millimetres.** Nothing is turned or rescaled.
# The field calls this error MPJPE, *mean per-joint position error*.
#
# On paper, in centimetres: the true wrist is at $(1, 0, 40)$ and a true fingertip at $(1, -9, 40)$. The estimate has its wrist at $(0, 0, 0)$ and
# this fingertip at $(3, -9, 4)$. What is the mean error of these two joints?
#
# <details><summary>Answer</summary>The moved fingertip lies at (4, -9, 44), 5 cm from its true place. The wrist counts too, with 0. So the
# error is 25 mm.</details>
#
# Write the error for many pictures at once, without a loop.


# %% tags=["exercise"]
def mean_joint_error(joints, truth):
    """Returns each picture's error in mm, (pictures,).

    joints and truth are (pictures, 2, 21, 3), in metres: left and right hand; joint 0 is the wrist.
    """
    ...


# %%
check("mean_joint_error", mean_joint_error)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def mean_joint_error_solution(joints, truth):
    wrong = (joints - joints[:, :, :1]) - (truth - truth[:, :, :1])
    return 1000 * wrong.norm(dim=-1).mean((1, 2))


check("mean_joint_error", mean_joint_error_solution)

# %% [markdown]
# ## The network answers three times
#
# `small` is DIR with every mechanism of the paper, narrow enough for a laptop to train. It was trained on nothing but renderings of two
# hands, seen as by their owner. Its encoder makes the **initial estimate**. Then each of two **stages** reads the picture where it believes
# the joints are, lets the joints of both hands exchange what they know, and corrects the estimate.
#
# The solution measures all three estimates, so that the tour goes on without your function. Is yours correct? Write `measure = mean_joint_error`.

# %%
model = DIR.from_pretrained("small").eval()
batch = stack([resize(one, model.config.image_size) for one in samples])
with torch.no_grad():
    trace = model.trace(normalise(batch.image))
estimates = trace.prediction.estimates

measure = mean_joint_error_solution
errors = torch.stack([measure(estimate.joints, batch.joints) for estimate in estimates])
guess = predict(
    "How much of the initial estimate's error do the two stages take away in this picture?",
    "less than a quarter",
    "between a quarter and three quarters",
    "more than three quarters",
)
guess

# %% [markdown]
# The next cell shows a slider, which starts at the initial estimate; move it. Grey skeletons are the truth. In the 3D view the wrists lie on each other, and a pink line leads from every joint to its true place. The error is the mean length of these lines. From the front you hardly see them: turn the hands.

# %% tags=["reveals"]
gone = float(1 - errors[-1, 14] / errors[0, 14])
guess.compare(guess.answers[(gone > 0.25) + (gone > 0.75)])
print("mean of all sixteen:", ", ".join(f"{error:.1f} mm" for error in errors.mean(1).tolist()))
print("pictures that are worse after the stages than before:", int((errors[-1] > errors[0]).sum()))
show.stages(batch, trace.prediction, 14)

# %% [markdown]
# Is this picture typical? Compare what it gains with what the mean gains. One picture is an anecdote. (README quotes a smaller error of the same network: there each hand is also scaled to its true size, on other pairs; notebook 10 explains it.) And a gain within *one* network doesn't say what stages are worth: this network was trained to answer after two. Networks trained with and without stages say it. In the course's short trainings, on smaller pictures and with the error of notebook 10, the first stage is worth
# 1.7 to 2.2 mm, the second another 1.6 to 2.1 mm (95 %, [claims](../docs/claims.md)). [Notebook 11](11_ablations.ipynb) measures every mechanism so.
#
# ## Place and form
#
# In the picture an error has two parts. **Place** is how far the middle of a hand's 21 joints lies from the true middle. **Form** is what
# remains once the middles are put on each other: the hand is turned wrongly, too large, or its fingers are wrong. Both are measured in
# percent of the picture's side, here over sixteen pictures. A third line shows the wrists alone. The grey line, too, is an error of wrists:
# that of *perfect* hands, seen by the best camera of DIR's kind.

# %%
guess = predict(
    "Which part of the initial estimate's error is larger?", "place", "form", "they are about equal"
)
guess

# %% tags=["reveals"]
wrong = 50 * torch.stack([estimate.uv - batch.uv for estimate in estimates])
place = wrong.mean(3, keepdim=True)
parts = {"form": wrong - place, "place": place, "the wrists alone": wrong[:, :, :, :1]}
percent = {name: values.norm(dim=-1).mean((1, 2, 3)) for name, values in parts.items()}
perfect = batch.joints - batch.joints[:, :, :1]
seen = project_weak_perspective(perfect, fit_weak_perspective(perfect, batch.uv))
floor = 50 * (seen - batch.uv)[:, :, 0].norm(dim=-1).mean()

figure, (axes,) = show.detached_figure(figsize=(7.5, 3), layout="constrained")
for (name, values), style in zip(percent.items(), ("o-k", "^--k", "s:k"), strict=True):
    axes.plot(values, style, label=name)
axes.axhline(float(floor), color="0.6", label="the wrists of perfect hands")
axes.set(xticks=range(3), xticklabels=["initial estimate", "stage 1", "stage 2"], ylim=(0, None))
axes.set(ylabel="error (% of the side)")
axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
ratio = float(percent["place"][0] / percent["form"][0])
guess.compare("form" if ratio < 0.8 else "place" if ratio > 1.25 else "they are about equal")
figure

# %% [markdown]
# Which line falls most, which least? A part of the wrists' error is the camera's fault: DIR's camera ignores depth, so even perfect hands
# miss the wrists ([notebook 02](02_cameras.ipynb)). [Notebook 08](08_refinement.ipynb) asks what the stages can correct.
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

# %% tags=["reveals"] jupyter={"source_hidden": true}
hidden = 100 * (1 - batch.visible.min(dim=1).values)
worst = max(chosen, key=lambda k: float(errors[-1, k]))
figure, axes = show.detached_figure(1, 2, figsize=(9, 3.6), layout="constrained")
axes[0].scatter(hidden, errors[-1], color="0.7")
for k in chosen:
    axes[0].plot(hidden[k], errors[-1, k], "ok")
    axes[0].annotate(f"  {k}", (hidden[k], errors[-1, k]))
axes[0].set(xlabel="hidden part of the more hidden hand (%)", ylabel="error (mm)")
axes[0].set(ylim=(0, 1.15 * float(errors[-1].max())))
axes[1].imshow(show.overlay_with_truth(batch, estimates[-1], worst))
axes[1].set_title(f"picture {worst}, the truth in grey")
axes[1].axis("off")
guess.compare(f"picture {worst}")
figure

# %% [markdown]
# Compare the pictures that hide most: hiding alone doesn't explain the error. Look at the overlay: how far off does the estimate seem to be? The picture shows two directions of its error, sideways and up and down.
# The third is depth, along the line of sight.

# %%
guess = predict(
    "In which direction are this picture's joints furthest off?", "sideways", "up and down", "in depth"
)
guess

# %% tags=["reveals"]
estimated = estimates[-1].joints
off = 1000 * (estimated - perfect).abs().mean(2)  # pictures, hands, directions
hand = int(off[worst].norm(dim=-1).argmax())
guess.compare(guess.answers[int(off[worst].mean(0).argmax())])

figure, axes = show.detached_figure(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
for axis, across, seen_from in zip(
    axes, (0, 2), ("the front: sideways", "the side: depth, away from you"), strict=True
):
    for joints, style, name in ((perfect, ("0.6", "-"), "true"), (estimated, ("black", ":"), "estimated")):
        mm = 1000 * joints[worst, hand]
        for k, bone in enumerate(BONES):
            points = mm[list(bone)]
            label = f"{name} {SIDES[hand]} hand" if k == 0 else None
            axis.plot(points[:, across], points[:, 1], ".", color=style[0], linestyle=style[1], label=label)
    axis.set(xlabel=f"from {seen_from} (mm)", ylabel="up and down (mm)", aspect="equal")
axes[0].invert_yaxis()
axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %% tags=["reveals"]
rows = {
    f"picture {worst}, {SIDES[hand]} hand": off[worst, hand],
    "all hands of the sixteen pictures": off.mean((0, 1)),
}
show.table(
    {
        name: dict(zip(guess.answers, (f"{value:.1f}" for value in values.tolist())))
        for name, values in rows.items()
    },
    "How far the joints are off on average, wrists together (mm)",
)

# %% [markdown]
# A picture shows depth worst. So an overlay that looks right is no proof: turn the hands. Hidden joints can only be guessed. But
# pictures that hide nothing, at the left edge of the plot, are wrong by several millimetres too; [notebook 12](12_robustness.ipynb) looks for
# other reasons.
#
# ## What happened in between
#
# `trace` keeps everything that the network computed, here for the picture at the top. Two attention maps weigh the 8 x 8 cells of the
# coarsest map, one map for each hand; darker cells count more. Two heads say which hand a pixel shows, and which point of the hand: there
# equal colours mean equal points.

# %% jupyter={"source_hidden": true}
from handlib.show.core.figures import LABEL_COLOURS

figure, axes = show.detached_figure(1, 5, figsize=(11, 2.5), layout="constrained")
axes[0].imshow(batch.image[14].permute(1, 2, 0))
for axis, attention, colours in zip(axes[1:], trace.attention[14], ("Blues", "Oranges")):
    axis.imshow(attention, cmap=colours, vmin=0)
axes[3].imshow(trace.prediction.segmentation[14].argmax(0), cmap=LABEL_COLOURS, vmin=0, vmax=2)
axes[4].imshow(trace.prediction.dense[14].permute(1, 2, 0).clamp(0, 1))
titles = (
    "the picture",
    *(f"attention, {side}" for side in SIDES),
    "left, right or neither",
    "point of the hand",
)
for axis, title in zip(axes, titles, strict=True):
    axis.set_title(title, fontsize=10)
for axis in axes:
    axis.axis("off")
figure

# %% [markdown]
# ## Your own picture
#
# For photographs there is another network, `wild`. It looks for hands in a picture (pink box), looks closer (thin white square) and
# reconstructs them. Press *use the camera* and hold both hands up, or upload a picture. Your picture goes to the machine where this notebook
# runs, and nowhere else. Until then you see a rendering.

# %%
from handlib.photos.widget import YourPhoto
from handlib.utils.resources import samples_folder

wild = DIR.from_pretrained("wild").eval()
YourPhoto(wild, samples_folder() / "test" / "0005.png")

# %% [markdown]
# Is it right? Turn the hands: the network had to make up their far side. Without the truth you can only look;
# [notebook 13](13_your_own_photo.ipynb) shows where `wild` fails.
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
# - The encoder makes the initial estimate; each stage reads the picture again and corrects it.
# - The tour's error, MPJPE: wrists together, nothing turned or rescaled, mean distance of joints in mm.
# - In the picture an error has two parts, place and form. An error in depth hardly shows there.
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
# <details><summary>An estimate covers the hands in the picture perfectly. May its error be large?</summary>Yes: joints may be wrong along the line
# of sight.</details>
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
apart = torch.tensor([mirrored_error_solution(model, image) for image in batch.image])
print(
    f"sixteen pictures: {apart.mean():.1f} px on average, at most {apart.max():.1f} px (picture {apart.argmax()})"
)

# %% [markdown]
# **Open question.** `small` saw half of its training pictures mirrored. Why isn't the answer 0 all the same? And why is it so much larger in the
# worst picture? Look at it.
