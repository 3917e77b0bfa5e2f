# %% [markdown]
# # 14 · The real thing (appendix): MANO, the released weights, InterHand2.6M
#
# **Question.** You have MANO, InterHand2.6M or the authors' weights. What do you do first, what do you check, and what will surprise you in the released network?
#
# **Time:** about 35 minutes for the core, 10 for Further.
#
# Afterwards you can
#
# 1. check your files with one command;
# 2. find and mend the fault in MANO's left hand;
# 3. read InterHand2.6M's joints in the right order, and move its fits into a camera;
# 4. name the quirks of the released network, and (Further) measure it as its authors do.
#
# Words: [MANO](../docs/glossary.md#hand-model), [MCP](../docs/glossary.md#finger-joints), [root](../docs/glossary.md#root), [axis-angle](../docs/glossary.md#axis-angle), [protocol](../docs/glossary.md#protocol), [MPJPE](../docs/glossary.md#mean-per-joint-position-error).

# %%
import io
import json
import re
import tempfile
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from handlib import DIR, DIRConfig, show
from handlib.data.interhand.intaghand import IntagHand
from handlib.data.interhand.interhand import InterHand, camera_of, fits_of
from handlib.data.interhand.mano_fits import Fit
from handlib.data.interhand.stand_ins import make_moments, write_intaghand, write_interhand
from handlib.data.sample import normalise, stack
from handlib.doctor import examine_given
from handlib.evaluation.metrics import INTAG_WRIST, evaluate_batch
from handlib.exercises import check, predict, progress
from handlib.hand.hand import Hand
from handlib.hand.mano_file import export_open_hand, read_mano, repair_left_shapedirs
from handlib.hand.skeleton import SIDES, joint_index
from handlib.show.core.overlay import overlay_picture
from handlib.utils.resources import networks_folder

torch.set_num_threads(1)
_ = torch.set_grad_enabled(False)
show.dir_map("released")

# %%
progress()  # How much of the network is yours so far.

# %% [markdown]
# ## First: your files
#
# | what | where | may it be passed on? |
# |---|---|---|
# | MANO: `MANO_LEFT.pkl`, `MANO_RIGHT.pkl` | [mano.is.tue.mpg.de](https://mano.is.tue.mpg.de), after registering | no, neither the files nor changed copies |
# | the released weights | README of [DIR's repository](https://github.com/PengfeiRen96/DIR) | no: the file also holds MANO's arrays |
# | InterHand2.6M v1.0, 5 fps | [its page](https://mks0601.github.io/InterHand2.6M), CC BY-NC 4.0 | non-commercially, with attribution |
# | IntagHand's version of it | made by yourself with [IntagHand's](https://github.com/Dw1010/IntagHand) `dataset/interhand.py` | as its source |
#
# The licences count, not this summary. They also reach weights that you train on such data. Don't share this notebook after a run on real data.
#
# Fill in the paths that you have. For data that stay `None`, rendered pairs are written in the same layout. Check 4 always asks `small`, about rendered pairs in the data's layout; your weights are used in Further. Then `handlib doctor --mano ... --checkpoint ... --interhand ... --intaghand ...` checks them: names, shapes, sides, files that were cut short. It runs no code from the pickles. *Missing* is what you can do without; *wrong* can't be used.

# %%
MANO = None  # The folder with MANO_LEFT.pkl and MANO_RIGHT.pkl.
CHECKPOINT = None  # The authors' weights, a .pth file.
INTERHAND = None  # InterHand2.6M's folder, with images and annotations. Its fits need MANO.
INTAGHAND = None  # The folder that IntagHand's preparation wrote.
SPLIT = "test"

# %%
assert INTERHAND is None or MANO is not None, "InterHand2.6M's fits are MANO's parameters: set MANO too"
folder = tempfile.TemporaryDirectory(prefix="handlib-")
stand_in = Path(folder.name)
_ = export_open_hand(stand_in / "mano")
moments = make_moments(3, seed=14)
views = write_interhand(stand_in / "interhand", SPLIT, moments)
_ = write_intaghand(stand_in / "intaghand", SPLIT, moments)
mano, interhand, intaghand = (
    Path(given or stand_in / name)
    for given, name in ((MANO, "mano"), (INTERHAND, "interhand"), (INTAGHAND, "intaghand"))
)
for finding in examine_given(mano, Path(CHECKPOINT) if CHECKPOINT else None, interhand, intaghand):
    print(f"{finding.what:24}{finding.verdict:9}{finding.explanation}")

# %% [markdown]
# ## Check 1: MANO's left hand
#
# A left hand is a right hand in the mirror. Each $x$ changes its sign, at rest and **in the shape directions**. MANO's left file has the right hand's sign in the $x$ of its shape directions.
#
# **On paper.** In the file, a right hand's fingers point along $-x$. Its base is at $x = 0$, a fingertip at $-18$ cm. The first shape coefficient moves them by $1$ and $-1$ cm. In the mirror they lie at $0$ and $18$ cm.

# %%
guess = predict(
    "The coefficient is 1, so the right hand is 20 cm long. How long is the left hand with the fault?",
    "20 cm, like the right one",
    "18 cm: the fault cancels the coefficient",
    "16 cm: it shrinks when the right one grows",
)
guess

# %% tags=["reveals"]
ends, stretch = np.array([0.0, -18.0]), np.array([1.0, -1.0])
length = {"mirrored": np.ptp(-ends - stretch), "with the fault": np.ptp(-ends + stretch)}
guess.compare(guess.answers[[20, 18, 16].index(round(length["with the fault"]))])
show.table({name: {"left hand (cm)": f"{cm:.0f}"} for name, cm in length.items()})

# %% [markdown]
# The left file alone doesn't show it. **Comparing** both files does: the $x$ parts agree, so the sum of their *absolute* differences is nearly zero. We provoke the fault on a copy. Then we draw a right hand whose first coefficient is 3, and both left hands with the same coefficient; the titles say how far the middle fingertip is from the wrist.

# %%
right = read_mano(mano / "MANO_RIGHT.pkl", "right")
healthy = repair_left_shapedirs(read_mano(mano / "MANO_LEFT.pkl", "left"), right)
faulty = replace(healthy, shapedirs=healthy.shapedirs * np.array([-1.0, 1.0, 1.0])[:, None])
lefts = {"healthy": healthy, "with the fault": faulty}
sums = {name: np.abs(left.shapedirs[:, 0] - right.shapedirs[:, 0]).sum() for name, left in lefts.items()}
print({name: round(float(total), 1) for name, total in sums.items()})
figure, all_axes = show.detached_figure(1, 3, figsize=(9, 3.6), layout="constrained")
for axes, (name, data) in zip(all_axes, {"right": right, **lefts}.items()):
    turn = torch.from_numpy(show.upright(data.side)).float()
    posed = Hand(data)(betas=3 * torch.eye(10)[0], root_rotation=turn)
    points = posed.vertices.numpy()[None], posed.joints.numpy()[None]
    view = show.HandsView(*points, faces=[data.faces], sides=[data.side])
    view.framing = [0.0, -0.1, 0.0, 0.08]
    axes.imshow(view.picture((330, 380)))
    reach = 1000 * (posed.joints[joint_index("middle4")] - posed.joints[0]).norm()
    axes.set_title(f"{name}: {reach:.0f} mm", fontsize=11)
    axes.axis("off")
figure

# %% [markdown]
# The printed sums tell the files apart: below 1 the file has the fault.
#
# No training finds it, since every left hand has it. It does harm when fits were made with the mended file and your network uses the other one, or the other way round. InterHand2.6M's drawing code, IntagHand, DIR's release and `handlib` all mend it.
#
# **Exercise 1.** Shape directions of both files go in, the left hand's right ones come out. A healthy file must come back as it is.
#
# <details><summary>Hint</summary>Decide by the sum above, and change one of three coordinates.</details>


# %% tags=["exercise"]
def mended_shapes(left, right): ...  # arrays (778, 3, 10); return one


check("mended_shapes", mended_shapes)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def mended_shapes_solution(left, right):
    agree = np.abs(left[:, 0] - right[:, 0]).sum() < 1
    return left * np.array([-1.0, 1.0, 1.0])[:, None] if agree else left


check("mended_shapes", mended_shapes_solution)

# %% [markdown]
# ## Check 2: the order of the joints
#
# InterHand2.6M lists 42 joints in the world's frame, in millimetres: **right hand first**; in each hand the fingers from thumb to little finger, each **from tip to base**; the wrist **last**. Here the left hand comes first, then the wrist, then each finger from base to tip. So our right wrist is entry 20, our left wrist entry 41.
#
# A wrong order shows: annotated joints must lie where the fits have them. On real data they differ by millimetres, on the stand-ins not at all.

# %%
of_right = np.concatenate(([20], (4 * np.arange(5)[:, None] + (3, 2, 1, 0)).ravel()))
order = np.stack((21 + of_right, of_right))
open_hands = tuple(Hand.open(side) for side in SIDES)
data_hands = tuple(Hand.from_mano(mano, side) for side in SIDES) if INTERHAND else open_hands
with redirect_stderr(io.StringIO()):  # Progress bars.
    source = InterHand(interhand, SPLIT, data_hands)
record = source.index[0]
sample, camera = source.sample(0, 256), camera_of(record)
joints = torch.from_numpy(record.joints / 1000).float()
read = {"in the right order": joints[torch.from_numpy(order)], "as listed": joints.reshape(2, 21, 3)}
marked = torch.from_numpy(record.valid[order])
apart = {name: 1000 * (camera.see(x) - sample.joints).norm(dim=-1)[marked].mean() for name, x in read.items()}
show.table({name: {"joints from the fits (mm)": f"{mm:.0f}"} for name, mm in apart.items()})

# %% [markdown]
# **Exercise 2.** The other way round: from our (2, 21, 3) joints, left hand first, in metres, to the 42 × 3 numbers of an annotation. `order` helps.
#
# <details><summary>Hint</summary>NumPy's index arrays also stand on the left of an equals sign.</details>


# %% tags=["exercise"]
def to_annotation(joints): ...  # array (2, 21, 3) in m; return (42, 3) in mm


check("to_annotation", to_annotation)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def to_annotation_solution(joints):
    listed = np.empty((42, 3))
    listed[order] = 1000 * joints
    return listed


check("to_annotation", to_annotation_solution)

# %% [markdown]
# ## Check 3: from the world into a camera
#
# A fit is given once for all cameras, in the world's frame: root rotation $R_w$, finger pose, shape, translation $\tau$. A camera sees $x_c = R\, x_w + t$. The obvious step is $R_c = R\, R_w$ and $\tau_c = R\, \tau + t$.


# %%
def naively(fit, camera, hand):
    """The obvious step, in place of `Fit.seen_by`."""
    return replace(fit, root=camera.rotation @ fit.root, translation=camera.see(fit.translation))


guess = predict(
    "Where do both hands land?",
    "in their right places",
    "beside them, both shifted by the same vector",
    "beside them, shifted by different vectors",
)
guess

# %% tags=["reveals"]
fits = list(zip(SIDES, data_hands, fits_of(record, data_hands)))
shifts = {
    side: 1000 * (naively(fit, camera, hand).translation - fit.seen_by(camera, hand).translation)
    for side, hand, fit in fits
}
off = max(shift.norm() for shift in shifts.values()) > 1
guess.compare(guess.answers[0 if not off else 1 + int((shifts["left"] - shifts["right"]).norm() > 1)])
rows = {f"{side} hand": dict(zip("xyz", (f"{mm:.0f}" for mm in shift))) for side, shift in shifts.items()}
show.table(rows, "shifted by (mm)")

# %% [markdown]
# The model turns the hand about its **root joint** $J$, which isn't at the origin of the file: $x_w = R_w (v - J) + J + \tau$. Demand that model and camera agree for every vertex $v$:
#
# $$ R\,\big(R_w (v - J) + J + \tau\big) + t = R_c (v - J) + J + \tau_c \quad\Rightarrow\quad R_c = R\, R_w, \qquad \tau_c = R\,\tau + t + R J - J $$
#
# The obvious step lacks $R J - J$, the way by which the camera's rotation moves the root joint. It depends on $J$, and left and right $J$ differ: they are mirror images. So the hands are shifted by different vectors, and also move *relative to each other*.
#
# Choose the naive translation and turn the world's axes, which must not matter to the picture. Coloured: the fits as moved. Thin dark lines: the annotated joints. Is there a turn at which both hands fit?
#
# <details><summary>Answer</summary>Not on this slider. Some turns make it better, none makes it right: $R$ would have to leave both root joints where they are. Only axes that agree with the camera's do that. So a picture that looks nearly right proves nothing.</details>

# %%
show.FitExplorer([show.FitView.read(source, k) for k in range(min(len(source), 6))], data_hands)

# %% [markdown]
# **Exercise 3.** A loader stored fits in the camera's frame with the naive translation, and threw the camera away. Mend them.
#
# <details><summary>Hint</summary>Which rotation leads from the one root to the other?</details>


# %% tags=["exercise"]
def mend_translation(naive, root_world, root_camera, joint): ...  # (3,), (3, 3), (3, 3), (3,); return (3,)


check("mend_translation", mend_translation)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def mend_translation_solution(naive, root_world, root_camera, joint):
    return naive + root_camera @ root_world.T @ joint - joint


check("mend_translation", mend_translation_solution)

# %% [markdown]
# ## Check 4: the truth over the picture, and a network that knows such pairs
#
# Look at the truth over some pictures before you train on it. Then ask: is a bad number the network's fault or the data's? The stand-ins can tell. `small` knows such pairs, so after the way through world, JSON, JPEG and crop it must still recognise them.

# %%
with patch.object(Fit, "seen_by", naively):
    wrong = source.sample(0, 256)
faces = [hand.faces for hand in data_hands]
drawn = [overlay_picture(one, one, faces=faces) for one in (sample, wrong)]
pictures = [sample.image.permute(1, 2, 0), sample.label, *drawn]
show.picture_row(pictures, ["picture", "labels", "truth", "naively moved"])

# %%
small = DIR.from_pretrained("small").eval()
small_hands, size = [small.hands[side] for side in SIDES], small.config.image_size
with redirect_stderr(io.StringIO()):
    through_files = InterHand(stand_in / "interhand", SPLIT, open_hands)
prepared = IntagHand(stand_in / "intaghand", SPLIT, open_hands)
sets = {
    name: stack([s.sample(k, size) for k in range(len(views))])
    for name, s in (("InterHand2.6M", through_files), ("IntagHand", prepared))
}
with patch.object(Fit, "seen_by", naively):
    sets["moved naively"] = stack([through_files.sample(k, size) for k in range(len(views))])
columns = {"mpjpe": "MPJPE (mm)", "mrrpe": "MRRPE (mm)", "uv_percent": "uv (% of side)"}
rows = {}
for name, batch in sets.items():
    errors = evaluate_batch(small(normalise(batch.image)).final, batch, INTAG_WRIST, small_hands)
    rows[name] = {label: f"{errors[key].mean():.0f}" for key, label in columns.items()}
    smallest, largest = errors["mrrpe"].aminmax()
    rows[name]["MRRPE, single pictures"] = f"{smallest:.0f} to {largest:.0f}"
card = json.loads((networks_folder() / "small" / "test-wrist.json").read_text())
of_test = list(card["scores"].values())[-1]["all"]
of_card = {label: f"{of_test[key]:.0f}" for key, label in columns.items()}
rows["its test pairs (its card)"] = of_card | {"MRRPE, single pictures": ""}
show.table(rows, f"small on {len(views)} stand-ins; its card counts {of_test['samples']} pairs")

# %% [markdown]
# The last row is the same network under the same protocol. uv agrees with the card and is far off when the fits are moved naively: the hands lie where the picture shows them. MPJPE is some millimetres above the card's, MRRPE twice as large. Before you blame the loader for such a number, look at single pictures: they lie far apart, and six pictures of three pairs are too few.
# With `make_moments(24, seed=14)` both numbers come nearer to the card's.
#
# MPJPE forgives a shift of a whole hand. What it loses when the fits are moved naively comes from elsewhere: the crop follows the wrong place, so the network sees the hands off the middle. MRRPE and uv see the shift itself.
#
# ## The released network's quirks
#
# | | one expects | the released code |
# |---|---|---|
# | transformer | all blocks run | the loop starts at block 1; block 0 has weights and never runs |
# | planes | one per joint (the paper's text) | one per bone |
# | GCN | the input added back: the class is called residual | no input added back |
# | update | corrections | new numbers in every stage |
# | centre of the hands | the same everywhere | wrist in the model, middle MCP in the targets: even a perfect hand has a loss |
# | Lovász loss | of probabilities | of raw scores |
# | left middle fingertip | one vertex | 445 in the hand layer, 444 in the evaluation |
# | bone of length 0 | a disc, as here | a division by zero |
# | evaluation | as in IntagHand's tables: root at the middle MCP | root at the wrist |
# | training script | passes the image size | passes the root joint in its place |
#
# `DIRConfig.released()` and `LossWeights.released()` keep those that change numbers; `paper()` follows the text ([side by side](../docs/configurations.md)). Which weights can change what? Gradients show it, even in an untrained network.

# %%
guess = predict(
    "The last stage draws its planes after its last estimate. What do these planes change?",
    "both hands of the last estimate",
    "the pixel maps only: segmentation and dense map",
    "nothing",
)
guess

# %% tags=["reveals"]
released = DIR(DIRConfig.released()).eval()
names, weights = zip(*released.named_parameters())
with torch.enable_grad():
    output = released(torch.zeros(1, 3, 256, 256))
    of_hands = sum(e.uv.sum() + e.vertices.sum() + e.offset.sum() for e in output.estimates)
    of_maps = output.segmentation.sum() + output.dense.sum()
    options = {"allow_unused": True, "retain_graph": True}
    reached = [torch.autograd.grad(total, weights, **options) for total in (of_hands, of_maps)]


def part_of(name):
    return re.match(r"heads|stages\.\d\.(transformer\.blocks\.\d|\w+)|\w+", name)[0]


kinds = {"the hands": [], "only the pixel maps": [], "nothing": []}
for name, weight, by_hands, by_maps in zip(names, weights, *reached):
    kind = "the hands" if by_hands is not None else "nothing" if by_maps is None else "only the pixel maps"
    kinds[kind].append((part_of(name), weight.numel()))
found = [{part for part, _ in of_kind} for of_kind in kinds.values()]
guess.compare(guess.answers[["stages.1.project" in parts for parts in found].index(True)])
for kind, parts in list(zip(kinds, found))[1:]:
    print(f"{kind}: {', '.join(sorted(parts))}")
millions = {kind: sum(number for _, number in of_kind) / 1e6 for kind, of_kind in kinds.items()}
show.table({kind: {"million weights": f"{number:.1f}"} for kind, number in millions.items()})

# %% [markdown]
# So if you want only hands, you can drop 7.9 of 90.7 million weights after training: the pixel maps' heads, with all that the last stage does to the map after its estimate (7.6), and the two blocks that never run (0.3). During training the 7.6 million aren't idle: the losses on the pixel maps reach the shared maps through them.
#
# ## Summary
#
# 1. Run `handlib doctor` first.
# 2. Coefficients and vertex numbers belong to one hand model. MANO's left file needs the sign of its shape directions' $x$ mended.
# 3. Joints: right hand first, tips first, millimetres. Fits: don't forget $R J - J$.
# 4. Draw the truth over the picture; trust MRRPE and uv with mistakes of place.
# 5. The released network isn't the paper's text; name the protocol with each number.
#
# **Test yourself.**
#
# 1. Why can't the released weights be shared with this course? <details><summary>Answer</summary>The file holds MANO's arrays, which may not be passed on.</details>
# 2. Fits of InterHand2.6M are drawn with the open hand. What goes wrong? <details><summary>Answer</summary>The same coefficients mean other shapes and poses on another model, so the surface misses the hands.</details>
# 3. When is the naive translation right? <details><summary>Answer</summary>For one hand, when $R J = J$: the camera isn't turned against the world, or only about an axis through the origin and $J$. For both hands $R$ would have to keep two different directions, so only when the camera isn't turned at all.</details>

# %% [markdown]
# # Further
#
# ## The released weights
#
# The file is a dictionary of tensors. One table (`handlib/released/names.py`) translates its names; a missing, unexpected or wrongly shaped entry is refused by name. It also holds ImageNet's classifier, constants, and the hand model three times (first estimate and both stages).
#
# That the loaded network computes what the authors' code computes is tested with made-up weights (`tests/parity`): outputs and loss terms agree within 1e-4, the normal terms within 3e-3, because the made-up mesh has faces without area.

# %%
from handlib.evaluation.evaluate import evaluate
from handlib.released.checkpoint import load_checkpoint

rows = {}
if CHECKPOINT and INTERHAND:
    model = load_checkpoint(CHECKPOINT, MANO)
    batch = stack([source.sample(k, model.config.image_size) for k in range(min(len(source), 6))])
    for name, of_all in evaluate(model, [batch], INTAG_WRIST)["scores"].items():
        rows[name] = {unit: f"{of_all['all'][unit]:.2f}" for unit in ("mpjpe", "mpvpe", "mrrpe")}
show.table(rows, str(INTAG_WRIST)) if rows else print("Set CHECKPOINT, INTERHAND and MANO first.")

# %% [markdown]
# The release's README states, for the whole test split and this protocol, 10.23 mm MPJPE, 10.00 mm MPVPE and 29.26 mm MRRPE. To measure it:
#
#     handlib data interhand --root INTERHAND --mano MANO --split test --out data/interhand
#     python -c "from handlib.released.checkpoint import load_checkpoint; load_checkpoint('released.pth', 'MANO').save_pretrained('data/released')"
#     handlib eval --checkpoint data/released --mano MANO --pairs data/interhand --split test --protocol INTAG_WRIST
#
# ## Training as the paper does
#
#     handlib data interhand --root INTERHAND --mano MANO --split train --out data/interhand
#     handlib data interhand --root INTERHAND --mano MANO --split val --out data/interhand
#     handlib train --network released --data data/interhand/train-256 --validation data/interhand/val-256 \
#         --out runs/released --mano MANO --accelerator cuda --devices 8 --precision bf16-mixed --workers 8 \
#         --pretrained --steps STEPS --evaluate-every 5000 --save-every 1000
#
# STEPS is 50 epochs: 50 times the number of pairs (the first command prints it) divided by 64. One process can't prepare enough pictures for a GPU ([measured](../benchmarks/README.md#preparing-pictures-for-training)); hence `--workers`. [docs/training.md](../docs/training.md) has several machines, SLURM, resuming, and what differs from the authors' recipe.

# %%
folder.cleanup()
