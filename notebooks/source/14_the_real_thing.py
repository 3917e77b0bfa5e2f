# %% [markdown]
# # 14 · The real thing: MANO, the released checkpoint, InterHand2.6M
#
# Everything so far ran on an open hand, on rendered pairs and on a small network. The method was published with other things: the hand model MANO, photographs
# with annotations (InterHand2.6M), and weights that its authors trained on them. They can't come with this repository. Whoever has them can put them in their places
# here.
#
# **The question:** what changes when the stand-ins are replaced, and how does one know that everything was put together rightly?
#
# Afterwards you should be able to say
#
# 1. which four things there are, where they come from and what may be passed on;
# 2. why a hand model's fit can't be moved into a camera by turning its root and its translation, and what is missing;
# 3. in which order, frame and unit InterHand2.6M gives its joints;
# 4. what is wrong in MANO's left-hand file and how a program notices;
# 5. what the released file holds, and how its numbers are measured;
# 6. what the paper's training takes: steps, devices, processes that prepare pictures.
#
# Words: [MANO](../docs/glossary.md#hand-model), [MCP](../docs/glossary.md#finger-joints), [root](../docs/glossary.md#root), [axis-angle](../docs/glossary.md#axis-angle), [protocol](../docs/glossary.md#protocol), [MPJPE](../docs/glossary.md#mean-per-joint-position-error).

# %%
import io
import tempfile
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor

from handlib import DIR, load_samples, show
from handlib.model.config import DIRConfig
from handlib.data.sample import normalise, resize, stack
from handlib.exercises import check
from handlib.hand.hand import Hand
from handlib.hand.skeleton import JOINT_NAMES, SIDES

torch.set_num_threads(1)
_ = torch.set_grad_enabled(False)

# %% [markdown]
# ## Four paths
#
# Set what you have and run the notebook again; what stays `None` is replaced by a stand-in that is made now, in the layout of the real thing.

# %%
MANO = None  # folder with MANO_LEFT.pkl and MANO_RIGHT.pkl
CHECKPOINT = None  # the authors' released weights, a .pth file
INTERHAND = None  # InterHand2.6M's folder, with images and annotations
INTAGHAND = None  # the folder that IntagHand's preparation of it wrote
SPLIT = "test"

# %% [markdown]
# | what | where to get it | licence | may it be passed on? |
# |---|---|---|---|
# | `MANO_LEFT.pkl`, `MANO_RIGHT.pkl` | [mano.is.tue.mpg.de](https://mano.is.tue.mpg.de), after registering | MANO's own: non-commercial research, education and art | no, neither the files nor changed copies |
# | the released checkpoint | named in the README of [DIR's repository](https://github.com/PengfeiRen96/DIR), whose code is MIT | its authors'; the file also **holds MANO's arrays**, in its buffers | not with those arrays |
# | InterHand2.6M v1.0, 5 fps | [mks0601.github.io/InterHand2.6M](https://mks0601.github.io/InterHand2.6M) | CC BY-NC 4.0 | non-commercially, with attribution; this repository, which is MIT, can't |
# | IntagHand's folder | made by yourself from InterHand2.6M, with [IntagHand's](https://github.com/Dw1010/IntagHand) `dataset/interhand.py` | that of its source | as its source |
#
# The table is a summary, the licences count. Weights that *you* train on such data follow from it too: read before you publish them. The outputs of this notebook show the data that it ran on: don't commit or share it after a run on the real ones.
#
# Now the stand-ins. The open hand is written as MANO's two pickles; three rendered moments, each seen by two cameras, as both layouts of the data set; a network of the released architecture with **random** weights under the authors' names.

# %%
from handlib.data.interhand.stand_ins import make_moments, write_intaghand, write_interhand
from handlib.hand.mano_file import export_open_hand
from handlib.released.checkpoint import write_checkpoint

folder = tempfile.TemporaryDirectory(prefix="handlib-")
stand_in = Path(folder.name)
_ = export_open_hand(stand_in / "mano")
moments = make_moments(3, seed=14)
views = write_interhand(stand_in / "interhand", SPLIT, moments)
_ = write_intaghand(stand_in / "intaghand", SPLIT, moments)
_ = torch.manual_seed(14)
write_checkpoint(DIR(DIRConfig.released()), stand_in / "checkpoint.pth")
print(f"{len(moments)} moments, {len(views)} pictures")

# %%
assert INTERHAND is None or MANO is not None, "InterHand2.6M's fits are MANO's parameters: set MANO too"
mano = Path(MANO or stand_in / "mano")
checkpoint = Path(CHECKPOINT or stand_in / "checkpoint.pth")
interhand = Path(INTERHAND or stand_in / "interhand")
intaghand = Path(INTAGHAND or stand_in / "intaghand")

# %% [markdown]
# ## Is it what it should be?
#
# `handlib doctor` looks at the machine, at what ships and at what you have; its options are `--mano`, `--checkpoint`, `--interhand`, `--intaghand`. Here are its lines on the four paths. *missing* is what one can do without, *wrong* is what can't be used.

# %%
from handlib.doctor import examine_given

findings = examine_given(mano, checkpoint, interhand, intaghand)
for finding in findings:
    print(f"{finding.what:24}{finding.verdict:9}{finding.explanation}")
assert not any(finding.verdict == "wrong" for finding in findings)

# %% [markdown]
# It reads files of models whole, since they are small, and of data sets the names, the ends (a download that was cut short doesn't end as JSON does) and one entry. A pickle is a program that runs when it is opened; the reader here knows the handful of names that a hand model needs and refuses all others.
#
# With nothing given, the same check says what to get where:

# %%
for finding in examine_given():
    print(f"{finding.what:20}{finding.verdict:9}{finding.explanation}")

# %% [markdown]
# ## MANO
#
# Both models have one format: 778 vertices, 1538 triangles, 16 joints, 10 shape coefficients, 45 pose components. `Hand.from_mano` reads either.

# %%
hands = tuple(Hand.from_mano(mano, side) for side in SIDES)
for hand in hands:
    posed = hand(betas=torch.zeros(10))
    wrist_to_tip = 1000 * posed.joints[JOINT_NAMES.index("middle4")].norm()
    print(f"{hand.side:5} hand, mean shape and pose: wrist to middle fingertip {wrist_to_tip:.0f} mm")

# %% [markdown]
# What can't be exchanged are **numbers that refer to it**: shape and pose coefficients (a beta of 2 means something else on either), and vertex positions, because vertex 320 lies elsewhere. So a checkpoint belongs to the hand it was trained with, and a data set's fits to the hand they were fitted with.
# The stand-ins for InterHand2.6M hold the open hand's fits, and are read with it:

# %%
open_hands = tuple(Hand.open(side) for side in SIDES)
data_hands = hands if INTERHAND else open_hands

# %% [markdown]
# ### The fault in the left hand
#
# A left hand is a right hand in the mirror: every $x$ changes its sign, at rest and **in the shape directions**, by which coefficients move the vertices. MANO's left file has the right hand's sign in the $x$ of its shape directions.
#
# On paper, two vertices at the edges of a palm, $x = -4$ and $x = 4$ cm. The first shape coefficient widens the right palm: directions $-1$ and $1$. The mirrored palm has its vertices at $4$ and $-4$. **Predict** the width of the left palm at coefficient 1,
#
# * with mirrored directions, $1$ and $-1$: $5 - (-5) = 10$, as wide as the right one;
# * with the fault, $-1$ and $1$: $3 - (-3) = 6$. The left hand shrinks when the right one grows.

# %%
palm, widen = np.array([-4.0, 4.0]), np.array([-1.0, 1.0])
for name, vertices, directions in (
    ("right", palm, widen),
    ("left, mirrored", -palm, -widen),
    ("left, with the fault", -palm, widen),
):
    print(f"{name:21} {np.ptp(vertices + 1 * directions):.0f} cm wide")
assert np.ptp(-palm - widen) == 10 and np.ptp(-palm + widen) == 6

# %% [markdown]
# How would a program notice? Not by looking at the left file alone: its numbers are as good as any. **By comparison**: where the mirror image should have opposite signs, the $x$ parts of both files *agree*, so that the sum of their differences is nearly zero. We provoke the fault on a copy
# and look at that sum for both.

# %%
from handlib.hand.mano_file import read_mano, repair_left_shapedirs

right = read_mano(mano / "MANO_RIGHT.pkl", "right")
healthy = repair_left_shapedirs(read_mano(mano / "MANO_LEFT.pkl", "left"), right)
flip = np.array([-1.0, 1.0, 1.0])[:, None]
faulty = replace(healthy, shapedirs=healthy.shapedirs * flip)
for name, left in (("healthy", healthy), ("faulty", faulty)):
    difference = np.abs(left.shapedirs[:, 0] - right.shapedirs[:, 0]).sum()
    print(
        f"{name}: sum of |x of the left - x of the right| is " + ("below 1" if difference < 1 else "above 1")
    )
assert np.array_equal(repair_left_shapedirs(faulty, right).shapedirs, healthy.shapedirs)
assert repair_left_shapedirs(healthy, right) is healthy

# %% [markdown]
# What does it do to a hand? Five random shapes, typical ones (coefficients of deviation 1): the distance that the fault puts between the surfaces, and next to it one left hand, faulty in blue and healthy in grey.

# %%
betas = torch.from_numpy(np.random.default_rng(14).normal(size=(5, 10))).float()
with_fault, without = (Hand(data)(betas=betas) for data in (faulty, healthy))
apart = 1000 * (with_fault.vertices - without.vertices).norm(dim=-1).mean()
at_rest = 1000 * (Hand(faulty)().vertices - Hand(healthy)().vertices).norm(dim=-1).max()
print(f"surfaces {apart:.0f} mm apart on average; with all coefficients zero {at_rest:.0f} mm")
assert apart > 0.5 and at_rest < 1e-3

# %%
upright = torch.from_numpy(show.upright("left")).float()
extreme = 3 * betas[:1]
both = [Hand(data)(betas=extreme[0], root_rotation=upright) for data in (faulty, healthy)]
show.HandsView(
    torch.stack([hand.vertices for hand in both]).numpy(),
    torch.stack([hand.joints for hand in both]).numpy(),
    faces=[healthy.faces] * 2,
    sides=("left", "true left"),
    caption="an extreme shape, three times as far from the mean",
)

# %% [markdown]
# An error that no training would find, because every left hand has it, in the data *and* in the model, unless one of the two was mended and the other wasn't. Fits are only right on a hand like the one that they were made with. InterHand2.6M's own drawing code, IntagHand and DIR's release all mend the sign, and so does everything
# here that reads a folder.
#
# **Exercise 1.** Write the repair: shape directions of both files go in, the left hand's right ones come out. A healthy file must come back as it is.
#
# <details><summary>Hint</summary>Decide by the sum above, and change one of three coordinates.</details>


# %% tags=["exercise"]
def mended_shapes(left, right): ...  # arrays (778, 3, 10); return one


check("mended_shapes", mended_shapes)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def mended_shapes_solution(left, right):
    if np.abs(left[:, 0] - right[:, 0]).sum() >= 1:
        return left
    mended = left.copy()
    mended[:, 0] *= -1
    return mended


check("mended_shapes", mended_shapes_solution)

# %% [markdown]
# ## InterHand2.6M
#
# Per split four JSON files: `data` (which pictures), `camera`, `joint_3d` (what people and machines marked) and `MANO_NeuralAnnot` (hands fitted to it). They belong together by capture, frame and camera. Opening the folder for the first time makes an index of them, which takes
# minutes for the largest split; afterwards it takes no time. The subset is the one of IntagHand and DIR: two hands that interact, both fitted. A fit is 48 numbers of pose (axis-angles: the root, then 15 finger joints around the mean pose), 10 of shape, 3 of translation.

# %%
from handlib.data.interhand.interhand import InterHand, camera_of, fits_of

with redirect_stderr(io.StringIO()):  # Progress bars.
    source = InterHand(interhand, SPLIT, data_hands)
record = source.index[0]
print(f"{len(source)} pictures of two hands, the first of {record.size[0]} x {record.size[1]} pixels")
print("fits:", {side: f"{len(values)} numbers" for side, values in record.fits.items()})

# %% [markdown]
# ### The order of the joints
#
# The annotation lists 42 joints, in millimetres, in the world's frame: **right hand first**, in each hand the fingers from thumb to little finger, in each finger **from tip to base**, and the wrist **last**. Ours: left hand first, wrist first, from base to tip.
#
# **Predict** at which places of the annotation the right hand's first five joints (wrist, thumb 1 to 4) stand: the thumb's tip comes first of all, so `20, 3, 2, 1, 0`. And the left hand's wrist? $21 + 20 = 41$.

# %%
order = []
for side in SIDES:
    start = 0 if side == "right" else 21
    order.append([start + 20])
    for finger in range(5):
        for k in (3, 2, 1, 0):  # Base to tip.
            order[-1].append(start + 4 * finger + k)
print("right:", *order[1][:5], "...   left wrist:", order[0][0])
assert order[1][:5] == [20, 3, 2, 1, 0] and order[0][0] == 41

# %% [markdown]
# Without loops it is one index array. Agreement with `handlib` in two ways: the same table, and joints that lie where the fits have them. (Annotations and fits were made by different means. On the real data they differ by millimetres, on stand-ins not at all. A wrong order shows as centimetres on both.)

# %%
fingers = 4 * np.arange(5)[:, None] + (3, 2, 1, 0)
of_right = np.concatenate(([20], fingers.ravel()))
vectorised = np.stack((21 + of_right, of_right))
assert vectorised.tolist() == order
annotated, valid = source.annotated_joints(0)
sample = source.sample(0, 256)
distance = 1000 * (annotated - sample.joints).norm(dim=-1)[valid].mean()

# %%
in_order = camera_of(record).see(torch.from_numpy(record.joints[vectorised] / 1000).float())
as_listed = camera_of(record).see(torch.from_numpy(record.joints.reshape(2, 21, 3) / 1000).float())
assert torch.allclose(in_order, annotated, atol=1e-6)
mistaken = 1000 * (as_listed - sample.joints).norm(dim=-1)[valid].mean()
print(
    f"annotated joints from the fits' joints: {distance:.0f} mm in the right order, {mistaken:.0f} mm as listed"
)
assert mistaken > 3 * distance

# %% [markdown]
# **Exercise 2.** And back: from our (2, 21, 3) joints, left hand first, in metres, to the 42 x 3 numbers of an annotation.
#
# <details><summary>Hint</summary>NumPy's index arrays also stand on the left of an equals sign.</details>


# %% tags=["exercise"]
def to_annotation(joints): ...  # array (2, 21, 3) in m; return (42, 3) in mm


check("to_annotation", to_annotation)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def to_annotation_solution(joints):
    listed = np.empty((42, 3))
    listed[vectorised] = 1000 * joints
    return listed


check("to_annotation", to_annotation_solution)

# %% [markdown]
# ## From the world to a camera
#
# A fit is given once for all cameras, in the world's frame: root rotation $R_w$, finger pose, shape, translation $\tau$. A sample needs it in the camera's frame, where $x_c = R\, x_w + t$. The obvious step is to treat the parameters like a point and a rotation:
#
# $$ R_c = R\, R_w, \qquad \tau_c = R\, \tau + t \qquad \text{(wrong)} $$
#
# Why is it wrong? Look at what the model does. Its root joint $J$ isn't at the origin of the file's coordinates; MANO's lies nearly 10 cm away from it. The model turns the hand **about $J$**, then adds the translation:
#
# $$ x_w = R_w (v - J) + J + \tau $$
#
# ### On paper
#
# Two dimensions, centimetres. $J = (2, 0)$, one vertex $v = (5, 0)$, $R_w = I$ and $\tau = 0$, so that joint and vertex are in the world where they are in the file. The camera is turned by 90° and stands at the origin: $(x, y) \mapsto (-y, x)$, $t = 0$. **Predict**
#
# * where the camera sees $J$ and $v$: at $(0, 2)$ and $(0, 5)$;
# * where the model puts them with the obvious parameters ($R_c = R$, $\tau_c = 0$): $J$ stays at $(2, 0)$, since the model turns *about* it; $v$ goes to $R (v - J) + J = (0, 3) + (2, 0) = (2, 3)$;
# * how far either is off: $(2, -2)$ both times. The hand has the right shape and the right rotation, and stands 2.8 cm beside its place.

# %%
quarter = np.array([[0.0, -1], [1, 0]])
J, v = np.array([2.0, 0]), np.array([5.0, 0])


def model_2d(point, rotation, translation):
    return rotation @ (point - J) + J + translation


seen = [quarter @ model_2d(p, np.eye(2), np.zeros(2)) for p in (J, v)]
naive = [model_2d(p, quarter, quarter @ np.zeros(2)) for p in (J, v)]
print("seen: ", *seen, "  naive: ", *naive, "  off by", *(n - s for n, s in zip(naive, seen)))
assert np.allclose(seen, [(0, 2), (0, 5)]) and np.allclose(naive, [(2, 0), (2, 3)])

# %% [markdown]
# ### What is missing
#
# Demand that model and camera agree for every $v$:
#
# $$ R\,\big(R_w (v - J) + J + \tau\big) + t \;=\; R_c (v - J) + J + \tau_c $$
#
# The terms with $v$ give $R_c = R\, R_w$, as expected. What is left is
#
# $$ \tau_c \;=\; R\,\tau + t \;+\; R J - J $$
#
# The naive answer lacks $R J - J$: how far the camera's rotation moves the root joint. Its length doesn't depend on pose, translation or distance, only on $J$, which follows from the shape (the betas), and on $R$. It is $2\,|J_\perp| \sin(\theta / 2)$ for a rotation by $\theta$, $J_\perp$ being the part of $J$ across the axis. Above: $2 \cdot 2 \cdot \sin 45° = 2.83$.


# %%
@jaxtyped(typechecker=beartype)
def into_camera(
    R: Float[Tensor, "3 3"], t: Float[Tensor, "3"], trans: Float[Tensor, "3"], joint: Float[Tensor, "3"]
) -> Float[Tensor, "3"]:
    """A fit's translation in the camera's frame; ``joint`` is the root joint at rest."""
    return R @ trans + t + R @ joint - joint


camera = camera_of(record)
rest_joints, moved = [], []
for hand, fit in zip(data_hands, fits_of(record, data_hands)):
    rest_joints.append(hand.J_regressor[0] @ (hand.v_template + hand.shapedirs @ fit.betas))
    moved.append(into_camera(camera.rotation, camera.translation, fit.translation, rest_joints[-1]))
    print(f"{hand.side} hand: root joint {1000 * rest_joints[-1].norm():.0f} mm from the file's origin")
    assert torch.allclose(moved[-1], fit.seen_by(camera, hand).translation, atol=1e-6)

# %% [markdown]
# The tiny formula is what `Fit.seen_by` computes. Does it hold on a whole hand? Pose the hand in the world and look at its vertices through the camera; then pose it in the camera's frame with the moved parameters. And the naive way, measured in millimetres and in the picture's pixels:

# %%
from handlib.geometry.camera import project_pinhole


def both_ways(hand, fit):
    """The hand's vertices in the camera's frame, moved rightly and naively."""
    rightly = fit.seen_by(camera, hand)
    naively = replace(rightly, translation=camera.rotation @ fit.translation + camera.translation)
    return [moved.posed(hand).vertices for moved in (rightly, naively)]


# %%
for hand, fit, joint in zip(data_hands, fits_of(record, data_hands), rest_joints):
    rightly, naively = both_ways(hand, fit)
    assert torch.allclose(rightly, camera.see(fit.posed(hand).vertices), atol=1e-5)
    assert torch.allclose(naively - rightly, joint - camera.rotation @ joint, atol=1e-5)
    millimetres = 1000 * (naively - rightly).norm(dim=-1).mean()
    pixels = [project_pinhole(points, camera.intrinsics) for points in (rightly, naively)]
    in_picture = (pixels[0] - pixels[1]).norm(dim=-1).mean()
    print(f"{hand.side} hand, naively: {millimetres:.0f} mm off, {in_picture:.0f} pixels in the picture")

# %% [markdown]
# **Both hands are off, by different amounts**, since left and right $J$ are mirror images and the rotation is not. So the error isn't even one of the pair's place: it changes the hands' relative position. The next cell shows how that looks. It is the reason why such a mistake can live long in a training
# script: where the world's axes happen to be nearly the camera's, it is small.
#
# Choose a picture and how its fits are moved. *world (°)* turns the axes in which the world is described. Nothing in the picture can depend on that. Try:
#
# 1. The naive way: find the turn at which the left hand's error is smallest. Is the right one's smallest there too?
# 2. The right way: turn the world as far as you like.
# 3. Read the joints as if they stood in our order (thin lines). Which joints are still right, and why so few?

# %%
show.FitExplorer([show.FitView.read(source, k) for k in range(min(len(source), 6))], data_hands)

# %% [markdown]
# **Exercise 3.** A loader has stored fits in the camera's frame with the naive translation, and thrown the camera away. Mend them: the naive $\tau_c$, the root rotation in the world and the one in the camera's frame, the root joint at rest go in; the right translation comes out.
#
# <details><summary>Hint</summary>Which rotation leads from the one root to the other?</details>


# %% tags=["exercise"]
def mend_translation(naive, root_world, root_camera, joint): ...  # (3,), (3, 3), (3, 3), (3,); return (3,)


check("mend_translation", mend_translation)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def mend_translation_solution(naive, root_world, root_camera, joint):
    camera_rotation = root_camera @ root_world.T
    return naive + camera_rotation @ joint - joint


check("mend_translation", mend_translation_solution)

# %% [markdown]
# ## From the folder to samples
#
# `source.sample(k, size)` does all of it: reads the picture, moves the fits, cuts the square that both hands' box fills to 80 %, and draws labels, dense map and depth from the fits.

# %%
samples = [source.sample(k, 256) for k in range(min(len(source), 6))]
first = samples[0]
show.picture_row(
    [first.image.permute(1, 2, 0), first.label, first.dense.permute(1, 2, 0)],
    ["picture", "label", "dense map"],
)

# %% [markdown]
# **Does anything get lost on the way** through the world's frame, JSON, camera and crop? On stand-ins the truth is known, exactly. So ask:

# %%
with redirect_stderr(io.StringIO()):
    through_files = InterHand(stand_in / "interhand", SPLIT, open_hands)
largest = max(
    np.abs(through_files.sample(k, 64).vertices.numpy() - view.vertices).max() for k, view in enumerate(views)
)
assert 1000 * largest < 0.01
print("vertices come back to 0.01 mm")

# %% [markdown]
# And IntagHand's folder, which holds the same moments in another layout (cropped pictures of 256 pixels, pickles, poses as PCA coefficients), must give the same hands.

# %%
from handlib.data.interhand.intaghand import IntagHand

intag_hands = hands if INTAGHAND else open_hands
prepared = IntagHand(intaghand, SPLIT, intag_hands)
same = IntagHand(stand_in / "intaghand", SPLIT, open_hands)
for k in range(len(same)):
    a, b = same.sample(k, 64), through_files.sample(k, 64)
    assert 1000 * (a.vertices - b.vertices).abs().max() < 0.05
print(f"{len(prepared)} pictures in {SPLIT}; the stand-ins agree to 0.05 mm in both layouts")

# %% [markdown]
# For training, pictures are converted once: `handlib data interhand --root ... --mano ... --out data/interhand` (or `handlib data intaghand`) writes the shards that `handlib train` and `handlib eval` read, counts by reason what was left out, and goes on after a stop.
#
# ## The released checkpoint
#
# The file is a dictionary of tensors. Our modules have other names; one table translates (`handlib/released/names.py`), and whatever is missing, unexpected or of another shape is refused by name.

# %%
from handlib.released.checkpoint import load_checkpoint, read_checkpoint
from handlib.released.names import from_released, our_name

entries = read_checkpoint(checkpoint)
for name in (
    "init_regressor.offset.weight",
    "decoder.enhance_layer4.conv1.conv.weight",
    "decoder.seg.0.weight",
):
    print(f"{name:42} {tuple(entries[name].shape)!s:20} {our_name(name)}")
weights, unknown = from_released(entries)
kept = sum(value.numel() for value in weights.values() if value.is_floating_point())
print(f"{len(entries)} entries, {len(unknown)} unknown; {kept / 1e6:.0f} million numbers are the network's")

# %%
carried = [name for name in entries if name.startswith("init_regressor.mano_layer_left")]
print("the hand in the buffers:", ", ".join(name.rsplit("th_")[-1] for name in carried))
model = load_checkpoint(checkpoint, mano if MANO else None)
print(f"pictures of {model.config.image_size} px, {len(model.stages)} stages, {model.config.backbone}")

# %% [markdown]
# The first printed line is why the checkpoint may not be passed on: the file carries the hand model. `load_checkpoint` takes the hand from there, or from MANO's folder if one is given. That the loaded network computes what the authors' code computes is tested with made-up weights (`tests/parity`: every output and loss term within 1e-4).
#
# ### One picture through it, step by step
#
# With `CHECKPOINT` and `INTERHAND` set, this is a photograph in the network that the paper is about. All that the notebooks 03 to 08 showed on the small network can be looked at here; the shapes are those of the paper.

# %%
trace = model.trace(normalise(first.image[None]))
print("encoder maps:     ", *(f"{f.shape[1]} x {f.shape[2]}²" for f in trace.features))
print("attention:        ", tuple(trace.attention.shape[1:]))
for number, stage in enumerate(trace.stages, 1):
    parts = {
        "fused": stage.fused,
        "sampled": stage.sampled,
        "attention": stage.attention,
        "enhanced": stage.enhanced,
    }
    print(f"stage {number}:", "; ".join(f"{name} {tuple(part.shape[1:])}" for name, part in parts.items()))
assert trace.attention.shape[1:] == (2, 8, 8) and trace.stages[-1].enhanced.shape[1:] == (256, 32, 32)

# %%
maps = torch.nn.functional.interpolate(trace.attention, 256, mode="nearest")[0]
spread = float(trace.attention.max() - trace.attention.min())
print("the attention maps are " + ("nearly flat: random weights" if spread < 0.1 else "not flat"))
grey = [m[..., None].expand(-1, -1, 3) for m in maps]
show.picture_row([first.image.permute(1, 2, 0), *grey], ["picture", "attention, left", "attention, right"])

# %%
model_faces = [model.hands[side].faces for side in SIDES]
show.overlay(first, trace.prediction.final, title="last estimate", faces=model_faces)

# %% [markdown]
# With random weights the hands shrink to two spots: the scale of the camera that they predict is nearly zero. With the released weights they should be the hands of the picture.
#
# ## A few pictures, measured as the release does
#
# The protocol of the release's README: joints regressed from the surface, root at the **wrist**, each hand scaled by a true length (notebook 10 says what that gives away). It is printed with the numbers, as always.

# %%
from handlib.evaluation.evaluate import MeanPredictor, evaluate
from handlib.evaluation.metrics import INTAG_WRIST

report = evaluate(model, [stack(samples)], INTAG_WRIST)
print(report["protocol"])
names = list(report["scores"])
finite = all(np.isfinite(report["scores"][name]["all"]["mpjpe"]) for name in names)
if CHECKPOINT and INTERHAND:
    for name in names:
        errors = report["scores"][name]["all"]
        print(f"{name}: MPJPE {errors['mpjpe']:.2f} mm, MPVPE {errors['mpvpe']:.2f} mm")
else:
    print(f"{len(samples)} pictures, {len(names)} estimates, all numbers finite: {finite}; they mean nothing")

# %% [markdown]
# On the whole test split of the real thing the release's README states 10.23 mm MPJPE, 10.00 mm MPVPE and 29.26 mm MRRPE under this protocol. A handful of pictures will give something else. To get the whole number:
#
#     handlib data interhand --root INTERHAND --mano MANO --split test --out data/interhand
#     python -c "from handlib.released.checkpoint import load_checkpoint as l; l('released.pth', 'MANO').save_pretrained('data/released')"
#     handlib eval --checkpoint data/released --mano MANO --pairs data/interhand --split test --protocol INTAG_WRIST
#
# **Is a wrong number the network's fault or the data's?** With stand-ins that can be separated: the *small* network knows such pairs. Sent through world, JSON, JPEG and crop, they must still be pairs that it recognises. The yardstick is the constant answer of somebody who never looks.

# %%
small = DIR.from_pretrained("small").eval()
crops = stack([through_files.sample(k, small.config.image_size) for k in range(len(through_files))])
train = stack([resize(pair, small.config.image_size) for pair in load_samples("train")])
blind = MeanPredictor(train, dict(small.hands.items()))
rows = {"small": small, "never looks": blind}
scores = {
    name: list(evaluate(network, [crops], INTAG_WRIST)["scores"].values())[-1]["all"]["mpjpe"]
    for name, network in rows.items()
}
print(
    f"small has less than 80 % of the blind answer's error: {scores['small'] < 0.8 * scores['never looks']}"
)
assert scores["small"] < 0.8 * scores["never looks"]

# %% [markdown]
# If any step between the fits and the samples were wrong (a sign, an order, the missing $R J - J$), this would fail. **Break it**: tell the reader that the camera stands elsewhere in the world, as the naive translation does, and measure again.

# %%
from handlib.data.interhand import mano_fits


def naive_fit(fit, camera, hand):
    return replace(fit, root=camera.rotation @ fit.root, translation=camera.see(fit.translation))


rightly = mano_fits.Fit.seen_by
mano_fits.Fit.seen_by = naive_fit
wrong = stack([through_files.sample(k, small.config.image_size) for k in range(len(through_files))])
mano_fits.Fit.seen_by = rightly

# %%
from handlib.evaluation.metrics import align, joint_errors, mrrpe, uv_error

small_hands = [small.hands[side] for side in SIDES]
broken = {}
for name, batch in (("rightly", crops), ("naively", wrong)):
    answer = small(normalise(batch.image)).final
    aligned = align(answer, batch, INTAG_WRIST, small_hands)
    broken[name] = {
        "uv": float(uv_error(answer, batch, aligned).mean()),
        "mpjpe": float(joint_errors(aligned).mean()),
        "mrrpe": float(mrrpe(aligned).mean()),
    }
    print(
        f"{name}: places in the picture off by {broken[name]['uv']:.0f} % of its side, "
        f"MRRPE {broken[name]['mrrpe']:.0f} mm, MPJPE {broken[name]['mpjpe']:.0f} mm"
    )
assert broken["naively"]["uv"] > 2 * broken["rightly"]["uv"]

# %% [markdown]
# Compare the three: MPJPE sees least of it, because a shift of a whole hand is exactly what that number forgives. Pixel errors and MRRPE see it. So does an eye: **draw the truth over the picture before you train on it**.
#
# ## The paper's recipe
#
# Network, training and augmentation are three objects; the command builds the same ones.

# %%
from handlib.data.augment import Augmentation
from handlib.training.losses import LossWeights
from handlib.training.schedule import TrainConfig

FRAMES, EPOCHS = 366_802, 50  # Interacting training frames at 5 fps, as InterHand2.6M's page counts them.
recipe = TrainConfig.released()
steps = EPOCHS * FRAMES // recipe.batch_size
recipe = replace(recipe, steps=steps, pretrained=True)
print(f"{recipe.steps} steps of {recipe.batch_size} pictures, learning rate {recipe.learning_rate}")
print(Augmentation.released())

# %% [markdown]
# (The subset that is read is a little smaller than what the page counts, since both hands need a fit. `handlib data interhand` prints the count; put that in.)
#
#     handlib data interhand --root INTERHAND --mano MANO --split train --out data/interhand
#     handlib data interhand --root INTERHAND --mano MANO --split val --out data/interhand
#     handlib train --network released --data data/interhand/train-256 --validation data/interhand/val-256 \
#         --out runs/released --mano MANO --accelerator cuda --devices 8 --precision bf16-mixed --workers 8 \
#         --pretrained --steps STEPS --evaluate-every 5000 --save-every 1000
#
# Several machines: `torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29400 $(which handlib) train --num-nodes 2 --devices 8 ...`, or under SLURM `srun handlib train --num-nodes 2 --devices 8 ...` with `--ntasks-per-node=8 --gpus-per-node=8`.
# [docs/training.md](../docs/training.md) has the whole script. A run that is killed by a time limit goes on when the same script is submitted again.
#
# Does it run? One forward pass of it, all losses, on two stand-ins:

# %%
from handlib.training.loop import LossOnBatch

training = LossOnBatch(
    DIR(DIRConfig.released(), dict(zip(SIDES, data_hands))).train(), LossWeights.released()
)
loss, terms = training(**vars(stack(samples[:2])))
assert loss.isfinite()
print(len(terms), "terms:", ", ".join(sorted(terms)))

# %% [markdown]
# ### How many processes must prepare pictures?
#
# A GPU that waits for pictures is idle. What it *could* eat follows from arithmetic: a training step costs three times a forward pass (twice as much backward as forward). **Predict** the order of magnitude for a GPU that sustains 50 TFLOPS, if a forward pass takes about 22 GFLOP: $50000 / 66 \approx 750$ pictures a second.

# %%
from handlib.analysis.cost import flops

forward = flops(lambda: model(normalise(first.image[None])))
print(f"forward {forward / 1e9:.0f} GFLOP a picture")
for teraflops in (20, 50, 100):
    print(
        f"a GPU at {teraflops:3} TFLOPS eats {round(teraflops * 1e12 / (3 * forward), -1):.0f} pictures a second"
    )

# %% [markdown]
# And one process: augmenting (turning, scaling, recolouring, with the truth) measured here, on this machine's processor. Reading comes on top.

# %%
import time

from handlib.data.augment import augment

batch, seeds = stack(samples * 3), torch.arange(3 * len(samples))
spent = []
for _ in range(4):
    start = time.process_time()
    augment(batch, Augmentation.released(), seeds)
    spent.append(time.process_time() - start)
rate = len(batch) / min(spent)
print("one process keeps a GPU of 20 TFLOPS busy:", rate > 20e12 / (3 * forward))
assert rate < 20e12 / (3 * forward)

# %% [markdown]
# So **one process per GPU isn't enough**, however the exact numbers fall on your machine; several cores per GPU are needed, and `--workers` is there for them. [The benchmarks](../benchmarks/README.md#preparing-pictures-for-training) count them for several speeds.
#
# ## In the released code
#
# * The training reads **IntagHand's folder**, so it has that subset, its crops and its camera.
# * Its labels and dense maps were rendered with IntagHand's colours and stored as JPEG; ours are drawn anew from the fits.
# * The model is centred on the wrist, the training targets on the middle finger's knuckle; even a perfect hand has a loss (`LossWeights.paper()` mends it).
# * The training script passes the root joint where the loader expects the image size.
# * The left middle fingertip is vertex 445 in the hand layer and 444 in the evaluation.
# * The file may hold the optimiser's state too. It is ignored here.
#
# ## What became of the question
#
# | replaced | what changes | how one knows that it is right |
# |---|---|---|
# | hand model | coefficients and vertex numbers mean something else | both sides told by their shape, left hand's sign by comparison |
# | data | world frame, joint order, millimetres, fits with errors | joints against fits, truth drawn over the picture, a network that knows such pairs |
# | weights | names, size, hand model inside | every entry accounted for; parity tests |
# | training | days on GPUs instead of hours on a CPU | two processes compute what one does (`tests/unit/training/test_distributed.py`) |
#
# What a photograph of your own does to the small network, notebook 13 shows.

# %%
folder.cleanup()
