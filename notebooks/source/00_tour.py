# %% [markdown]
# # 00 · The tour: two hands from one picture
#
# **Question.** One ordinary photograph shows two hands that touch, cross and hide each other. Where is every joint, and what
# surface do the hands have, in three dimensions?
#
# This notebook takes a picture of yours, then one whose truth is known: it shows the network's answer from all sides, measures it and looks at
# what happened on the way. After it you should be able to say
#
# 1. what goes into the method and what comes out, with units;
# 2. what "refinement" improves, from one look at numbers and one at pictures;
# 3. which mechanism of the network each later notebook takes apart;
# 4. where the networks that ship here can't be trusted.
#
# The method is DIR, "Decoupled Iterative Refinement" (Ren et al., ICCV 2023). You need PyTorch; you need to know nothing about
# hands.
#
# Words: [joint](../docs/glossary.md#joint), [estimate](../docs/glossary.md#estimate), [stage](../docs/glossary.md#stage), [stratum](../docs/glossary.md#stratum), [MPJPE](../docs/glossary.md#mean-per-joint-position-error).

# %%
import torch

from handlib import DIR, load_samples, show
from handlib.data.sample import STRATA, normalise, resize, stack
from handlib.hand.skeleton import JOINT_NAMES, PAIR_JOINT_NAMES, SIDES

torch.set_num_threads(1)

# %% [markdown]
# ## Hold up two hands
#
# Press *use the camera* and hold both hands up, or upload a picture with two bare hands in it. The picture goes to the kernel on the
# machine on which this notebook runs and nowhere else. Until then, a picture that comes with the course stands in its place.
#
# The network is called `wild`. It looks for the hands, then looks closer, then says where they are in space. Turn the hands in the 3D view: the
# picture shows one side of them, the network had to make up the other.

# %%
from handlib.photos.widget import YourPhoto
from handlib.utils.resources import samples_folder

wild = DIR.from_pretrained("wild").eval()
YourPhoto(wild, samples_folder() / "test" / "0005.png")

# %% [markdown]
# Was it right? Without the truth one can only look. `wild` is often right about hands that are seen plainly, and often wrong where fingers
# interlock or somebody faces the camera; notebook 13 takes photographs apart. To measure anything one needs pictures whose truth is known.
#
# ## A picture whose truth is known
#
# No camera took the pictures of this course. They are rendered from a hand model of our own, so everything about them is
# known exactly: each vertex of both surfaces, each joint, the camera. Sixteen test pictures come with the repository; no network here
# was trained on them.

# %%
samples = load_samples("test")
sample = samples[14]
print(f"picture: {sample.size} x {sample.size} pixels, {STRATA[sample.stratum]} hands")
print(f"surfaces: {tuple(sample.vertices.shape)}, joints: {tuple(sample.joints.shape)}, in metres")
for side, visible in zip(SIDES, sample.visible):
    print(f"{side} hand: {100 * visible:.0f} % of its silhouette is visible")

# %% [markdown]
# The first axis of every array is the hand, left before right. The left hand is drawn blue and the right one orange, here and
# everywhere. Drag the view to turn it, click a joint to read its name.

# %%
show.overlay(sample, sample, title="The picture and its truth")

# %%
show.hands(sample)

# %% [markdown]
# ## The network
#
# For what follows a simpler network does better: `small`, DIR with every mechanism of the paper, narrow enough for a laptop to train from
# nothing. It takes 128 x 128 pixels and knows one narrow world: two hands before a person's own eyes, their backs mostly visible. There it is
# nearly always right, so one can see what each of its parts does.

# %%
model = DIR.from_pretrained("small").eval()
picture = resize(sample, model.config.image_size)
with torch.no_grad():
    prediction = model(normalise(picture.image[None]))
parameters = sum(p.numel() for p in model.parameters())
print(f"{parameters / 1e6:.1f} million parameters, {len(prediction.estimates)} estimates per picture")

# %% [markdown]
# It answers three times. A first estimate comes from the whole picture; then each **stage** reads the picture again where it now
# believes the joints are, lets the joints of both hands exchange what they know, and estimates anew.
#
# **Predict** before you move the slider: what will change more between the first estimate and the last, where the hands are or
# how the fingers bend?

# %%
show.stages(picture, prediction)

# %% [markdown]
# ## One number per stage
#
# The usual measure is MPJPE, the mean per-joint position error: each estimated hand is shifted until one of its joints, the root,
# lies on the true one, and the distances of all joints from the truth are averaged, in millimetres. Which joint is the root, and
# whether the hand's size is given away, is a matter of **protocol**; a number without its protocol means little. (The line beside the
# slider takes the wrist and gives no size away, so it says another number than this table would; notebook 10 shows how far numbers can be
# moved.) PA-MPJPE turns, shifts and scales each hand onto the truth as well as it can, so only the fingers' pose and the shape
# remain. Neither sees a hand that is at the wrong place; so a third number says how far the joints lie from the true ones in the picture,
# in percent of its side. Here are all sixteen test pictures.

# %%
from handlib.evaluation.evaluate import evaluate

batch = stack([resize(one, model.config.image_size) for one in samples])
report = evaluate(model, [batch])
measures = {"uv_percent": "% of the side", "mpjpe": "mm MPJPE", "pa_mpjpe": "mm PA-MPJPE"}
for name, rows in report["scores"].items():
    print(f"{name:8} " + "".join(f"{rows['all'][m]:7.1f} {unit}" for m, unit in measures.items()))
print(report["protocol"])

first, *_, last = (rows["all"] for rows in report["scores"].values())
gone = [f"{100 * (1 - last[m] / first[m]):.0f} %" for m in measures]
print("refinement takes away", ", ".join(gone), "of the three")

# %% [markdown]
# The first number says where the hands are, the last one how the fingers bend: compare their percentages. That was the prediction's
# question.
#
# Sixteen pictures are few; the README measures 2000 others. But the order is already plain: on average each stage improves on the
# estimate before it. Is it so for every picture?

# %%
from handlib.evaluation.metrics import INTAG_MCP, evaluate_batch

hands = [model.hands[side] for side in SIDES]
with torch.no_grad():
    estimates = model(normalise(batch.image)).estimates
errors = torch.stack([evaluate_batch(e, batch, INTAG_MCP, hands)["mpjpe"] for e in estimates])

figure, (axes,) = show.detached_figure(figsize=(6, 3))
axes.plot(errors, color="0.75")
axes.plot(errors.mean(dim=1), color="black", marker="o", label="mean")
axes.set(xticks=range(len(errors)), xticklabels=report["scores"], ylabel="MPJPE (mm)", ylim=(0, None))
axes.legend(frameon=False)
names = list(report["scores"])
for before, after in [(0, 1), (1, 2), (0, 2)]:
    better = int((errors[after] < errors[before]).sum())
    print(f"{names[after]} is better than {names[before]} for {better} of {len(samples)} pictures")
figure

# %% [markdown]
# What is better on average needn't be better for a single picture: a stage may take a step back.
#
# ## What happened in between
#
# `trace` runs the network and keeps all that it computed. Four pictures of it: how much each place of the picture counts for each
# hand's first estimate (8 x 8 places, darker counts more), what the network takes each pixel for, and from where on the hand it thinks
# each pixel comes.

# %%
with torch.no_grad():
    trace = model.trace(normalise(picture.image[None]))
from matplotlib.colors import ListedColormap

from handlib.show.core.palette import LEFT, RIGHT

figure, axes = show.detached_figure(1, 4, figsize=(10, 2.8))
for axis, side, attention in zip(axes, SIDES, trace.attention[0]):
    axis.imshow(attention, cmap="Blues" if side == "left" else "Oranges", vmin=0)
    axis.set_title(f"attention, {side}")
axes[2].imshow(trace.prediction.segmentation[0].argmax(0), cmap=ListedColormap(["0.9", LEFT, RIGHT]))
axes[2].set_title("left, right or neither")
axes[3].imshow(trace.prediction.dense[0].permute(1, 2, 0).clamp(0, 1))
axes[3].set_title("place on the hand")
for axis in axes:
    axis.axis("off")
figure

# %% [markdown]
# Inside a stage the network leaves the picture: it has 42 feature vectors, one per joint of both hands, and in a transformer each of
# them attends to all. Which joints does the tip of the right index finger attend to most, in the last stage?

# %%
stage = trace.stages[-1]
tip = 21 + JOINT_NAMES.index("index4")
weights = stage.attention[0, -1].mean(0)[tip]
for k in weights.topk(3).indices.tolist():
    print(PAIR_JOINT_NAMES[k])
print(f"{100 * weights[:21].sum():.0f} % of its attention goes to the other hand")

# %% [markdown]
# ## Where it fails
#
# A hand that is hidden can't be measured, only guessed. Here are the sixteen test pictures. **Predict**: on which one is the network
# furthest off, and on which other one nearly as far?

# %%
figure, axes = show.detached_figure(2, 8, figsize=(10, 2.8), layout="constrained")
for k, axis in enumerate(axes):
    axis.imshow(batch.image[k].permute(1, 2, 0))
    axis.set_title(k, fontsize=9)
    axis.axis("off")
figure

# %%
hidden = 100 * (1 - batch.visible.min(dim=1).values)
figure, (axes,) = show.detached_figure(figsize=(5, 3))
axes.scatter(hidden, errors[-1], color="black")
axes.set(xlabel="hidden part of the more hidden hand (%)", ylabel="MPJPE (mm)", ylim=(0, None))
worst = int(errors[-1].argmax())
second = int(errors[-1].argsort()[-2])
for k in (worst, second):
    print(f"picture {k:2}: {errors[-1][k]:.0f} mm, one hand is {hidden[k]:.0f} % hidden")
figure

# %%
show.overlay(batch[worst], estimates[-1], truth=batch[worst], index=worst, title="The worst of sixteen")

# %% [markdown]
# ## The same in your program
#
# What the widget at the top does is one call. `handlib.reconstruct` takes any picture; put the path of yours below,
# `my_picture = "hands.jpg"` (or use `handlib reconstruct PICTURE --out DIR` in a terminal).

# %%
import handlib

my_picture = samples_folder() / "test" / "0005.png"
result = handlib.reconstruct(my_picture, model=wild)
print(result)
print(
    "right index fingertip, metres from the left wrist:",
    result.right.joints[JOINT_NAMES.index("index4")].round(3),
)

# %%
result.show()

# %% [markdown]
# ## Exercise: which hand is which?
#
# A left hand in a mirror is a right hand. Write `mirrored_error(model, image)`: how far, in pixels of the 128 x 128 picture, do the
# joints of the mirrored picture's *right* hand lie from the mirror images of the original's *left* hand, on average? A network that
# understood hands perfectly would give 0.


# %% tags=["exercise"]
def mirrored_error(model, image):
    """Mean distance in pixels; image is a (3, 128, 128) byte tensor."""
    ...


# %%
from handlib.exercises import check

check("mirrored_error", mirrored_error)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def mirrored_error_solution(model, image):
    with torch.no_grad():
        both = model(normalise(torch.stack((image, image.flip(-1))))).final.uv
    left = both[0, 0] * torch.tensor([-1.0, 1.0])
    return float((both[1, 1] - left).norm(dim=-1).mean() * image.shape[-1] / 2)


check("mirrored_error", mirrored_error_solution)
print(f"{mirrored_error_solution(model, picture.image):.1f} pixels")

# %% [markdown]
# ## The map
#
# | notebook | its question |
# |---|---|
# | [01 hand model](01_hand_model.ipynb) | how do 58 numbers become a surface of 778 vertices? |
# | [02 cameras and crops](02_cameras.ipynb) | how do metres become pixels? |
# | [03 encoder and attention](03_encoder.ipynb) | how does the network tell left from right? |
# | [04 joint feature sampling](04_sampling.ipynb) | how is a feature map read at a joint? |
# | [05 skeleton GCN](05_gcn.ipynb) | what do the joints of one hand tell each other? |
# | [06 inter-hand transformer](06_transformer.ipynb) | what do two hands tell each other? |
# | [07 multi-plane projection](07_projection.ipynb) | how do joints write back into the picture? |
# | [08 iterative refinement](08_refinement.ipynb) | why does doing it twice help? |
# | [09 losses and training](09_training.ipynb) | what is the network told, and how does it learn? |
# | [10 evaluation](10_evaluation.ipynb) | why does one prediction have many scores? |
# | [11 ablations](11_ablations.ipynb) | what is each mechanism worth, and how would one know? |
# | [12 robustness](12_robustness.ipynb) | how far does it hold? |
# | [13 your own photo](13_your_own_photo.ipynb) | where does it fail on pictures from outside, and why? |
# | [14 the real thing](14_the_real_thing.ipynb) | what changes with MANO, the released weights and InterHand2.6M? |
#
# Next: the hand model, which every estimate of this notebook went through.
