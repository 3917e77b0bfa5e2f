# %% [markdown]
# # 09 · Losses and training: what the network learns from
#
# Everything so far was a network that is already trained. Its 5 million weights, or the 91 million of the released one, began as numbers that knew nothing of hands. What turned them into a reader of hands is
# one number per batch, the loss, and the direction in which it falls.
#
# **The question:** what does the network learn from, and what does learning look like (Sec. 3.3)?
#
# Afterwards you should be able to say
#
# 1. what each term of the loss compares, in which unit, and compute it on paper;
# 2. where each term pulls, how hard, and what it can't see;
# 3. how the terms are weighed against each other, and which ones are largest at the start;
# 4. how one pair is learned in seconds, what 64 pairs teach and what they don't, and what a curve tells about it;
# 5. what makes a training go wrong, and which of the usual precautions mattered here.
#
# Words: [dense correspondence](../docs/glossary.md#dense-correspondence), [estimate](../docs/glossary.md#estimate), [axis-angle](../docs/glossary.md#axis-angle), [offset](../docs/glossary.md#offset), [weak perspective](../docs/glossary.md#weak-perspective).

# %%
import math
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import rich
import roma
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from lightning_fabric import Fabric
from PIL import Image
from torch import Tensor

# %%
from handlib import DIR, load_samples, show
from handlib.data.sample import normalise, resize, stack
from handlib.model.estimate import LENGTH_UNIT
from handlib.exercises import check
from handlib.training.losses import HUBER_DELTA, LossWeights, dir_loss, huber
from handlib.analysis.loss_gradients import TERMS, UNITS, change, pulls_of, term_values
from handlib.show.losses import LossCase, loss_state, pulls_row
from handlib.hand.skeleton import SIDES
from handlib.training.targets import CentredTargets, Targets

torch.set_num_threads(1)
torch.set_printoptions(precision=3, sci_mode=False)
rich.reconfigure(
    quiet=True, force_jupyter=False
)  # handlib's bars are for terminals; here a panel shows the progress

# %% [markdown]
# ## The picture: one mistake, four opinions
#
# A pair of hands, the right one tilted away from its truth (grey) by 30°. Each picture shows one term of the loss. An arrow says where the term pulls a joint or vertex: minus the
# gradient. Above, from the front, as the camera sees the hands; below, from the side, with the camera on the left.

# %%
case = LossCase.of(load_samples("train")[0])
states = [loss_state(case, term, "tilt", 30.0) for term in ("uv", "vertices", "edge", "normal")]
for state in states:
    print(state.caption)
Image.fromarray(np.concatenate([pulls_row(states), pulls_row(states, "from the side, camera on the left")]))

# %% [markdown]
# They don't agree. The term in the picture (`uv`) pulls sideways and up or down, never in depth, although depth is what is wrong. The term on vertices pulls all of them equally hard and in a few
# fixed directions. The one on edges finds nothing wrong. The one on normals pulls every way at once, hardest at a few short edges. (The few arrows of `uv` on the left hand, which is perfect, are explained below.) None of them
# points straight at the truth. Why, and why it works all the same, is the first half of this notebook; watching it work is the second.
#
# ## What is compared with what
#
# The network says 131 numbers per estimate; a hand model makes joints and vertices of them. The truth is brought into the same form, `Targets`: each hand is moved so that its wrist is at the
# origin (where a hand is, the network says by camera and offset, not by its joints), lengths are divided by 0.15 m, and places in the picture are uv, from -1 to 1.

# %%
targets, hands, faces = case.targets, case.hands, case.faces
centred = CentredTargets.of(targets, "wrist")
for name in ("uv", "vertex_uv", "label", "dense", "root", "pose", "betas"):
    print(f"{name:10}", *getattr(targets, name).shape)
for name in ("joints", "vertices", "offset"):
    print(f"{name:10}", *getattr(centred, name).shape, " centred, in units of 0.15 m")

# %% [markdown]
# Two conversions to keep in mind: an error of 0.01 is **1.5 mm** in space, and in the picture it is **0.5 % of its side**.
#
# ## Distances: the Huber loss
#
# Every distance in DIR is measured coordinate by coordinate with the Huber loss,
#
# $$ \rho(z) = \begin{cases} \tfrac12 z^2 & |z| < \delta \\ \delta\,(|z| - \tfrac12\delta) & \text{otherwise} \end{cases} \qquad\quad
#    \rho'(z) = \begin{cases} z & |z| < \delta \\ \delta\,\mathrm{sign}\,z & \text{otherwise} \end{cases} \qquad \delta = 0.01 $$
#
# **Predict** $\rho$ and $\rho'$ for a joint coordinate that is 0.75 mm, 1.5 mm and 16.5 mm off, which is $z = 0.005, 0.01, 0.11$:
#
# * 0.005: half its square, $1.25 \cdot 10^{-5}$; slope 0.005;
# * 0.01: $5 \cdot 10^{-5}$ by either formula; slope 0.01;
# * 0.11: $0.01 \cdot 0.105 = 1.05 \cdot 10^{-3}$; slope 0.01, no more than before.

# %%
z = torch.tensor([0.005, 0.01, 0.11], requires_grad=True)
values = huber(z, torch.zeros(3))
(slopes,) = torch.autograd.grad(values.sum(), z)
for error, value, slope in zip(z.tolist(), values.tolist(), slopes.tolist()):
    print(f"off by {150 * error:5.2f} mm: loss {value:.3g}, slope {slope:.3g}")
assert torch.allclose(values, torch.tensor([1.25e-5, 5e-5, 1.05e-3]))
assert torch.allclose(slopes, torch.tensor([0.005, 0.01, 0.01]))

# %% [markdown]
# Errors of hands are far larger than 1.5 mm for most of a training, so this loss is in effect $\delta |z|$, the L1 distance times 0.01, with its kink at zero rounded off. Why not the square? Look at what a vertex
# feels.

# %%
wrong_by = torch.linspace(-0.12, 0.12, 241, requires_grad=True)
shapes = {
    "Huber": huber(wrong_by, torch.zeros(241)),
    "0.01 |z|": HUBER_DELTA * wrong_by.abs(),
    "z² / 2": wrong_by.square() / 2,
}
figure, axes = show.detached_figure(1, 2, figsize=(9, 2.9), layout="constrained")
for (name, values), style in zip(shapes.items(), ("-", "--", ":")):
    (slope,) = torch.autograd.grad(values.sum(), wrong_by)
    for ax, y in zip(axes, (values, slope)):
        ax.plot(150 * wrong_by.detach(), y.detach(), style, color="0.2", label=name)
for ax, title in zip(axes, ("loss", "slope")):
    ax.set(xlabel="error of one coordinate (mm)", title=title)
axes[0].legend(frameon=False)
figure

# %% [markdown]
# With the square, a fingertip that is 18 mm off pulls twelve times as hard as one that is 1.5 mm off, and one hand that the network takes for its mirror image pulls harder than all the rest of
# its batch. With L1, every vertex has one vote. The price: what is nearly right is not left alone until it is within 1.5 mm.
#
# ### The same on a hand
#
# The term is the mean over all coordinates of a hand; both hands' means are added up. In loops, then in one line:


# %%
def distance_loops(points, true_points):
    total = 0.0
    for hand, true_hand in zip(points, true_points):
        for point, true in zip(hand, true_hand):
            for a, b in zip(point, true):
                z = abs(float(a - b))
                total += z**2 / 2 if z < HUBER_DELTA else HUBER_DELTA * (z - HUBER_DELTA / 2)
    return total / hand.numel()


@jaxtyped(typechecker=beartype)
def distance(
    points: Float[Tensor, "hand=2 n xyz"], true_points: Float[Tensor, "hand=2 n xyz"]
) -> Float[Tensor, ""]:
    return huber(points, true_points).mean(dim=(1, 2)).sum()


# %%
tilted = change(case.truth, hands, "tilt", 30.0)
in_units, true_units = tilted.joints[0] / LENGTH_UNIT, centred.joints[0]
of_library = term_values(tilted, targets, faces)
print(f"joints: {distance(in_units, true_units):.5f}")
assert math.isclose(distance_loops(in_units, true_units), distance(in_units, true_units), rel_tol=1e-4)
assert torch.isclose(distance(in_units, true_units), of_library["joints"].sum())
assert torch.isclose(
    distance(tilted.vertices[0] / LENGTH_UNIT, centred.vertices[0]), of_library["vertices"].sum()
)
print("loops, one line and library agree, on joints and on vertices")

# %% [markdown]
# ### Equally hard, and not at the truth
#
# **Predict** the pull at a vertex that is off by 60, 20 and 30 mm along x, y and z, from L1 and from the square. The square pulls along $(60, 20, 30)$, straight at the truth. L1 sees three coordinates, each
# too large, and pulls each of them equally: along $(1, 1, 1)$, as it does for $(2, 50, 9)$.
#
# On the hand: compare the two on the same tilted hand, and count how many vertices feel the strongest pull there is.

# %%
by_huber = pulls_of("vertices", tilted, targets, faces).vertices[0]
by_square = -(tilted.vertices[0] / LENGTH_UNIT - centred.vertices[0])
vertices_state = states[1]
# %%
pictures = []
for name, pull in (("Huber", by_huber), ("square", by_square)):
    lengths = pull.norm(dim=-1)[1]
    least = 100 * lengths.quantile(0.05) / lengths.max()
    print(f"{name:6}: 19 of 20 vertices are pulled at least {least:.0f} % as hard as the strongest")
    pictures.append(replace(vertices_state, term=name, pulls=(pull / lengths.max()).double().numpy()))
lengths = by_huber.norm(dim=-1)[1]
assert (lengths > 0.99 * lengths.max()).float().mean() > 0.8
Image.fromarray(
    np.concatenate([pulls_row(pictures), pulls_row(pictures, "from the side, camera on the left")])
)

# %% [markdown]
# From the side, the arrows of the square turn with the error and vanish at the wrist, about which the hand is turned; those of Huber stand at 45°, equally long from the fingertips almost to the wrist. That a step leads
# past the truth along a diagonal does no harm: a coordinate that has arrived stops pulling, and the next steps go along the others.
#
# ## In the picture: what uv can't see
#
# The term `uv` is the same distance between projected joints and the true places in the picture, $uv = s \cdot (x, y) + t$. A number that doesn't occur has no gradient: **depth**. And one that occurs only in a product
# can be traded: a hand twice as large under a camera with half the scale has the same uv.
#
# By hand: $s = 4$, $t = (0, 0)$, one joint at $(0.10, 0.05, 0.02)$ m, so $uv = (0.4, 0.2)$. Its true place is $(0.3, 0.2)$. The mean over two coordinates is $0.01 \cdot (0.1 - 0.005) / 2 = 4.75 \cdot 10^{-4}$. **Predict** the gradient:
# along x it is the slope 0.01, halved by the mean, times $s$: 0.02. Along y nothing is wrong. Along z it is 0, and would be 0 for any joint.

# %%
joint = torch.tensor([0.10, 0.05, 0.02], requires_grad=True)
scale, shift = 4.0, torch.zeros(2)
loss = huber(scale * joint[:2] + shift, torch.tensor([0.3, 0.2])).mean()
(gradient,) = torch.autograd.grad(loss, joint)
print(f"loss {loss:.3g}, gradient", gradient)
assert torch.isclose(loss, torch.tensor(4.75e-4))
assert torch.allclose(gradient, torch.tensor([0.02, 0, 0]))
assert torch.allclose(scale * joint[:2], scale / 2 * (2 * joint[:2]))

# %% [markdown]
# **What a perfect hand costs.** The true places come from the true camera, in which near fingers look larger. A weak-perspective camera has no depth. Give the loss the true hands under the best such camera:

# %%
of_truth = term_values(case.truth, targets, faces)
for name in ("uv", "vertex_uv", "joints", "offset", "edge"):
    print(f"{name:9} {of_truth[name].sum():.5f}")
off = (case.truth.uv - targets.uv).norm(dim=-1).mean() / 2
print(f"the true joints miss their places by {100 * off:.1f} % of the side, on average")
assert of_truth["uv"].sum() > 1e-5 > of_truth["joints"].sum()

# %% [markdown]
# Not zero. That is what the few arrows on the perfect left hand were: `uv` would bend a true hand a little, to look right under a wrong camera. The 3D terms hold against it.
#
# ## The offset: the only one that knows where the hands are
#
# Each hand's joints are centred on its own wrist, so they can't say how the hands lie to each other. The offset does: right wrist minus left wrist, in units of 0.15 m. Right hand 30 mm too far away: $z$ is off by 0.2, x and y are
# right, and the mean over three coordinates is $0.01 \cdot 0.195 / 3 = 6.5 \cdot 10^{-4}$.

# %%
pushed = term_values(change(case.truth, hands, "depth", 30.0), targets, faces)
print(f"offset {pushed['offset']:.5f}")
assert torch.isclose(pushed["offset"], torch.tensor(6.5e-4), rtol=1e-3)
for name, value in pushed.items():
    if name != "offset":
        assert torch.allclose(value, of_truth[name], atol=1e-5)
print("no other term has changed")

# %% [markdown]
# Three numbers carry the whole knowledge of how deep one hand is behind the other. And if *both* hands are pushed away, nothing at all changes: DIR doesn't say how far the hands are from the camera.
#
# ## Shape: edges and normals
#
# Distances compare a vertex with its own true place. Two more terms compare the mesh with itself, face by face:
#
# $$ L_{edge} = \frac{1}{3F} \sum_{f,\,e \in f} \big|\,\|e\| - \|e^*\|\,\big|, \qquad\qquad
#    L_{normal} = \frac{1}{3F} \sum_{f,\,e \in f} \left|\frac{e}{\|e\|} \cdot n^*_f\right| $$
#
# with $e$ the three edges of a face, $n^*$ the true face's normal, to which a true edge is perpendicular. On paper:
#
# * **Edges.** The true face has corners $(0,0,0), (3,0,0), (0,4,0)$, edges 3, 5, 4. The predicted one is twice as large. **Predict** $(3 + 5 + 4)/3 = 4$.
# * **Normals.** Corners $(0,0,0), (1,0,0), (0,1,0)$, the normal is z. The predicted face is turned by 30° about x: its corners are $(0,0,0), (1,0,0), (0, \cos 30°, \sin 30°)$. The first edge lies in the axis, cosine 0. The last has
#   $\sin 30° = 0.5$. The slanted one has length $\sqrt2$, so $0.5/\sqrt2 = 0.354$. **Predict** the mean, 0.285.


# %%
def shape_loops(vertices, true_vertices, faces):
    """Both terms of one hand, in the open."""
    edge, normal, count = 0.0, 0.0, 0
    for corners in faces:
        p, t = vertices[corners], true_vertices[corners]
        n = np.cross(t[1] - t[0], t[2] - t[0])
        n /= np.linalg.norm(n)
        for i, j in ((0, 1), (1, 2), (2, 0)):
            length = np.linalg.norm(p[j] - p[i])
            edge += abs(length - np.linalg.norm(t[j] - t[i]))
            normal += abs((p[j] - p[i]) @ n) / length
            count += 1
    return edge / count, normal / count


# %%
one_face = np.array([[0, 1, 2]])
big = np.array([[0.0, 0, 0], [3, 0, 0], [0, 4, 0]])
flat = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
turned = np.array([[0.0, 0, 0], [1, 0, 0], [0, math.cos(math.pi / 6), 0.5]])
print(
    f"edges: {shape_loops(2 * big, big, one_face)[0]:.3g}, normals: {shape_loops(turned, flat, one_face)[1]:.3g}"
)
assert math.isclose(shape_loops(2 * big, big, one_face)[0], 4)
assert abs(shape_loops(turned, flat, one_face)[1] - 0.285) < 5e-4

# %% [markdown]
# On the right hand, tilted and with a bent index finger, against the library (which gathers all edges at once):

# %%
for kind in ("tilt", "bend"):
    changed = change(case.truth, hands, kind, 30.0)
    ours = shape_loops(
        changed.vertices[0, 1].double().numpy() / LENGTH_UNIT,
        centred.vertices[0, 1].double().numpy(),
        faces[1].numpy(),
    )
    theirs = term_values(changed, targets, faces)
    print(f"{kind}: edges {theirs['edge'][1]:.4f}, normals {theirs['normal'][1]:.3f}")
    assert np.allclose(ours, (theirs["edge"][1], theirs["normal"][1]), atol=1e-5)

# %% [markdown]
# What can't they see? Edge lengths don't change when a hand is moved or turned: `edge` asks only whether it is the same *shape*, stretched or not. Normals turn with the hand, but don't change when it is moved or enlarged.
# And neither can see a hand turned inside out: mirrored at the plane of a face, edges keep their lengths and their cosines are still 0.

# %%
mirrored = flat * [1, 1, -1]
print("a flat face, upside down:", shape_loops(mirrored[[0, 2, 1]], flat, one_face))
assert shape_loops(mirrored[[0, 2, 1]], flat, one_face) == (0, 0)

# %% [markdown]
# One more property, which both share with plain L1. At the minimum their slope doesn't fade but jumps from one sign to the other. Turn the true hand: its edges keep their lengths, up to the rounding of the computer. The gradient is
# then the sign of rounding errors:

# %%
still_true, too_large = (change(case.truth, hands, kind, 30.0) for kind in ("turn", "size"))
strongest = [pulls_of("edge", e, targets, faces).vertices.norm(dim=-1).max() for e in (still_true, too_large)]
assert term_values(still_true, targets, faces)["edge"].sum() < 1e-5 and strongest[0] > 0.3 * strongest[1]
print("edge loss of the turned hand: nothing but rounding")
print("its strongest pull at a vertex: comparable to that in a hand that is 30 % too large")

# %% [markdown]
# Such a pull changes its direction with every step and cancels out on average, but it never rests. Near the minimum the Huber loss has its parabola for this reason. (The pictures leave out pulls of terms that have
# arrived.)
#
# ## The parameters themselves
#
# Pairs that are rendered come with the true rotation, pose and shape. `small` compares them directly, by plain L1, with small weights: the rotation *matrices* (root), the pose coefficients and the shape.
# The release has no such terms; their weight there is 0.
#
# The rotation deserves a look. For a turn by $\theta$ about the camera's axis, four entries of the matrix differ: two by $1 - \cos\theta$, two by $\sin\theta$, so the mean over nine entries is
#
# $$ L_{root}(\theta) = \tfrac29 (1 - \cos\theta + |\sin\theta|). $$
#
# **Predict** it for 90°: $\tfrac49$. For 180°: also $\tfrac49$. Then what happens in between?


# %%
def matrix_l1(angle: float, axis: Tensor) -> float:
    """Mean absolute difference between a rotation by an angle (degrees) and none."""
    return float((roma.rotvec_to_rotmat(math.radians(angle) * axis) - torch.eye(3)).abs().mean())


# %%
z_axis = torch.tensor([0.0, 0, 1])
for angle in (45, 90, 135, 180):
    print(f"{angle:3}°: {matrix_l1(angle, z_axis):.3f}")
assert math.isclose(matrix_l1(180, z_axis), 4 / 9, rel_tol=1e-3)
assert matrix_l1(135, z_axis) > matrix_l1(180, z_axis)

# %% [markdown]
# It rises to 135° and **falls** towards 180°. A hand that is turned by more than 135° is pulled *away* from the truth: 180° is a local minimum of this term. Is that an accident of one axis? Try many random ones.

# %%
axes_of_turn = torch.nn.functional.normalize(
    torch.randn(500, 3, generator=torch.Generator().manual_seed(0)), dim=-1
)
angles = torch.arange(0, 181, 5)
curves = torch.tensor([[matrix_l1(float(a), axis) for a in angles] for axis in axes_of_turn[:100]])
# %%
trapped = (curves[:, -1] < curves.max(dim=1).values - 1e-4).float().mean()
print(f"axes about which 180° is a trap: {100 * trapped:.0f} of 100")
assert trapped > 0.5
# %%
figure, (ax,) = show.detached_figure(figsize=(6.5, 2.8), layout="constrained")
_ = ax.plot(angles, curves.T, color="0.8", linewidth=0.6)
_ = ax.plot(angles, [matrix_l1(float(a), z_axis) for a in angles], color="0", label="about the camera's axis")
_ = ax.set(xlabel="wrong by (degrees)", ylabel="mean |difference|")
_ = ax.legend(frameon=False)
figure

# %% [markdown]
# For most axes it is one, the earliest from 135° on. It matters little if the network starts nearby: `small` begins at a nominal rotation from which `desk` hands are rarely further than 90°. In a world where hands point any way, palm and back are
# mixed up easily, and there a term without the trap is worth having: exercise 3.
#
# ## The pixels
#
# Two heads read the last map. Both targets are brought to that map's size: labels by picking the pixel at each cell's centre, dense colours by bilinear interpolation.
#
# **Segmentation**: cross-entropy of background, left and right, where a pixel counts by the weight of its true class, 0.1, 0.45, 0.45, and the sum is divided by the sum of these weights. Two pixels: a background pixel with scores
# $(0, 0, 0)$, which costs $\ln 3 = 1.099$, and a left one with scores $(2, 0, 0)$, which costs $\ln(e^2 + 2) = 2.239$. **Predict** $(0.1 \cdot 1.099 + 0.45 \cdot 2.239)/0.55 = 2.032$.

# %%
from handlib.training.losses import lovasz_softmax, resize_label, segmentation_loss

scores = torch.tensor([[0.0, 0, 0], [2, 0, 0]]).T[None, :, None]  # (batch, class, row, column)
label = torch.tensor([[[0, 1]]])
print(f"{segmentation_loss(scores, label):.3f}")
assert abs(segmentation_loss(scores, label) - 2.032) < 1e-3

# %%
every = stack([resize(sample, 64) for sample in load_samples("train")])
shares = torch.bincount(resize_label(every.label.long(), (16, 16)).flatten()).float() / (64 * 256)
print("of the pixels are background, left, right:", *(f"{100 * share:.0f} %" for share in shares))

# %% [markdown]
# More than half of all pixels is background. The weights see to it that both hands together count more than it.
#
# **Lovász-softmax** measures something that no sum over pixels does, the overlap: for answers without doubt it is 1 - IoU, averaged over the classes that occur. Four pixels, truth: background, background, left, left; the answer: background, left, left, left.
# Intersection over union of background is 1/2, of left 2/3. **Predict** $(\tfrac12 + \tfrac13)/2 = 0.417$.
#
# It is defined on probabilities. The released code gives it raw scores. What does that do? Take an answer that is entirely right and grows in confidence: scores of $c$ for the true class, 0 for the others.

# %%
truth_of_four, answer = torch.tensor([[[0, 0, 1, 1]]]), torch.tensor([0, 1, 1, 1])
certain = torch.eye(3)[answer].T[None, :, None]
print(f"one pixel wrong: {lovasz_softmax(certain, truth_of_four):.3f}")
assert math.isclose(lovasz_softmax(certain, truth_of_four), 5 / 12, rel_tol=1e-5)

# %%
right = torch.eye(3)[truth_of_four.flatten()].T[None, :, None]
for c in (1.0, 2, 5, 10):
    as_scores, as_probabilities = (
        lovasz_softmax(c * right, truth_of_four),
        lovasz_softmax((c * right).softmax(1), truth_of_four),
    )
    print(
        f"all right, score {c:2.0f}: from probabilities {as_probabilities:.3f}, from scores {as_scores:.3f}"
    )
assert lovasz_softmax(10 * right, truth_of_four) > lovasz_softmax(certain, truth_of_four)

# %% [markdown]
# On scores, a network that is right and sure of it pays more than one that has a pixel wrong. The term then works against the cross-entropy and keeps scores near 1. Its weight is small (0.1), so the release learns all the same.
#
# **Dense correspondence**: every pixel of a hand should say where on the hand it lies, as a colour; Huber on the three channels. This is the term that tells a young encoder the most per picture: thousands of numbers, each beside the pixel that it is about.
#
# ## Who sees what
#
# All terms on hands, and six ways in which a right hand can be wrong. **Predict the table** before you look: where are the zeros?

# %%
AMOUNTS = {"sideways": 30, "depth": 30, "turn": 30, "tilt": 30, "size": 30, "bend": 30}
sees = {}
print(" " * 17 + "".join(f"{name:>10}" for name in TERMS))
for kind, amount in AMOUNTS.items():
    values = term_values(change(case.truth, hands, kind, float(amount)), targets, faces)
    more = {name: float((values[name] - of_truth[name]).sum()) for name in TERMS}
    sees[kind] = {name for name in TERMS if more[name] > 1e-5}
    row = "".join(f"{more[name]:10.4f}" if name in sees[kind] else f"{'.':>10}" for name in TERMS)
    print(f"{kind:9}{amount:4} {UNITS[kind]:3}{row}")

# %%
assert sees["depth"] == {"offset"}
assert sees["sideways"] == {"uv", "vertex_uv", "offset"}
assert "edge" not in sees["turn"] | sees["tilt"] and "edge" in sees["size"]
assert "normal" not in sees["size"] and "normal" in sees["tilt"]
assert "pose" in sees["bend"] and "root" not in sees["bend"]
assert all(sees.values()) and not any("betas" in seen for seen in sees.values())
print("every mistake is seen by some term, and no term but betas, which wasn't touched, is idle")

# %% [markdown]
# No term sees everything, and every mistake is seen by one. The edge term sees a bent finger too, a little: bending stretches skin.
#
# ## Adding it all up
#
# All estimates, from the initial one to the last, are judged alike, and the pixel terms come once:
#
# $$ L = \sum_{t=0}^{T} \sum_{k} w_k\, L_k^{(t)} \;+\; w_{seg} L_{seg} + w_{lov} L_{lov} + w_{dense} L_{dense} $$
#
# `dir_loss` returns the sum and its weighted terms, `joints_0` for the initial estimate's joints and so on. Take the network that the rest of the notebook trains, untrained, on the 64 training pairs, and put the sum together by
# hand.

# %%
from handlib.analysis.ablations import FULL

torch.manual_seed(0)
untrained = DIR(FULL).eval()
with torch.no_grad():
    prediction = untrained(normalise(every.image))
all_targets = Targets.from_sample(every, hands)
total, terms = dir_loss(prediction, all_targets, LossWeights.small(), faces)
# %%
print(
    f"{sum(p.numel() for p in untrained.parameters()) / 1e6:.1f} million weights, {len(prediction.estimates)} estimates"
)
print(len(terms), "terms:", *terms)

# %%
weights, by_hand = LossWeights.small(), 0.0
for estimate in prediction.estimates:
    for name, value in term_values(estimate, all_targets, faces).items():
        by_hand += getattr(weights, name) * float(value.sum())
by_hand += sum(float(terms[name]) for name in ("segmentation", "dense"))
assert math.isclose(by_hand, total, rel_tol=1e-4)
print("the sum by hand is the library's")

# %% [markdown]
# The weights say what an error is worth. With the paper's, 10 for `uv` and for `joints`, a joint that is 1 % of the side off in the picture (0.02 in uv) costs about as much as one that is 3 mm off in space (0.02 units). Which terms make up most of the sum
# before anything is learned? By the paper's weights, and by those of `small`:

# %%
from collections import Counter

figure, axes = show.detached_figure(1, 2, figsize=(9, 3.3), layout="constrained")
for ax, (name, chosen) in zip(axes, (("paper", LossWeights.paper()), ("small", LossWeights.small()))):
    total, terms = dir_loss(prediction, all_targets, chosen, faces)
    share = Counter()
    for term, value in terms.items():
        share[term.removesuffix("_0").removesuffix("_1").removesuffix("_2")] += float(100 * value / total)
    names, percents = zip(*share.most_common()[::-1])
    ax.barh(names, percents, color="0.5")
    ax.set(xlabel="% of the loss, all estimates together", title=f"weights of {name}")
    print(f"{name}: the largest are {' and '.join(sorted(names[-2:]))}, together {sum(percents[-2:]):.0f} %")
figure

# %% [markdown]
# At the start the two terms in the picture are the largest of both sums, for nothing has told the network yet where the hands are; neither has the majority. In the paper's, dense correspondence hardly counts beside them. `small`, which has to teach its encoder from nothing, multiplies it by
# 200 where distances are multiplied by 10. (A factor common to all terms would change nothing, for Adam divides by the gradient's own size, but for the clipping below.)
#
# ## Move it yourself
#
# A term, a mistake of the right hand, and its size. Surfaces are dark where the term pulls hard (for `uv` and `joints` it is the joints' balls); arrows as above; the bars are the weighted terms. Try:
#
# 1. `vertices` and `tilt`: make the angle small. Where do the vertices first stop being pulled equally hard, and at which angle do the fingertips? (How many degrees are 1.5 mm at the tips?)
# 2. `uv` and `depth`, then `offset` and `depth`. Which bar moves?
# 3. `edge` with `turn`, `size` and `bend`. Where does a bent finger stretch?
# 4. `tilt` from 0 to 180° and watch the bar of `root` with the weights of `small`. Where does it turn round? Do `joints` and `vertices` have the trap too?
# 5. Which terms pull at the left hand, which is perfect? Why not the others?

# %%
show.LossExplorer(load_samples("train")[0])

# %% [markdown]
# ## Learning, in the open
#
# A step of training is: predict, compare, find out for every weight in which direction the loss falls, move all weights a little. `handlib.training.loop.train` is this loop, with a schedule for the size of the moves, checkpoints, and whatever
# one wants to hear after each step (Fabric's callbacks). Here is the loop, for one pair and three steps:

# %%
from handlib.data.augment import Augmentation
from handlib.data.shipped import store_samples
from handlib.training.muon import parameter_groups
from handlib.training.schedule import TrainConfig, learning_rate
from handlib.training.loop import train

# %%
first_pair = every[:1]
config = TrainConfig(steps=60, batch_size=1, save_every=60)
torch.manual_seed(config.seed)
network = DIR(FULL).train()
groups = parameter_groups(network, config.weight_decay)
optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))

# %%
losses = []
for step in range(3):
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(step, config)
    answer = network(normalise(first_pair.image))
    loss, _ = dir_loss(answer, Targets.from_sample(first_pair, hands), LossWeights.small(), faces)
    optimiser.zero_grad()
    loss.backward()
    _ = torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
    optimiser.step()
    losses.append(float(loss.detach()))

# %% [markdown]
# The panel below will show the same training as `train` runs it, from its first step on: the loss of each step, and every few steps the error of each estimate. Nothing is augmented: the same picture again and again, a test of the
# code before anything else. **If a network can't learn one pair by heart, no amount of data will help.**
#
# **Predict** which of the three estimates gets there first. Each is a correction of the one before, and has its own loss.

# %%
folder = Path(tempfile.mkdtemp())
UNCHANGED = Augmentation(*(0.0,) * 8)


def learn(pairs: str | Path, run: str | Path, listener, config, network=FULL, ranges=UNCHANGED) -> DIR:
    """Trains on the pairs in one folder, writes to another, tells a listener after every step."""
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true", callbacks=[listener])
    return train(folder / pairs, folder / run, network, config, LossWeights.small(), ranges, fabric=fabric)


# %%
store_samples(load_samples("train")[:1], folder / "one", "train", 64)
one_pair = show.TrainingPanel(first_pair, config.steps, every=5)
one_pair

# %%
_ = learn("one", "one_run", one_pair, config)
history = one_pair.history
assert np.allclose(history.losses[:3], losses, rtol=1e-3)
print("the first three losses are those of the loop in the open")
# %%
began, ended = history.measured[0], history.measured[-1]
assert (began.errors > 20).all() and (ended.errors < 3).all()
print("every estimate began more than 20 mm off and ended less than 3 mm off")
Image.fromarray(one_pair.picture())

# %% [markdown]
# (MPJPE is the mean error of the joints, under the protocol of notebook 10; each hand from its middle MCP joint, the size given away.) All three get there, and they do it **in order**. A stage corrects an estimate that is itself still moving: what it has learned about its
# predecessor's errors is out of date a step later. So the first estimate settles first.


# %%
def steps_until(history, millimetres: float) -> list[int]:
    """The first measured step at which each estimate is below an error."""
    errors = np.stack([m.errors for m in history.measured])
    return [history.measured[int(np.argmax(column < millimetres))].step for column in errors.T]


first, *_, last = steps_until(history, 5)
assert first < last
print("the initial estimate is below 5 mm before the last one is")

# %% [markdown]
# ## 64 pairs
#
# Now all pairs of `data_samples/train`, in batches of 16, for 80 steps: each pair comes 20 times. The dashed line are the 16 test pairs, which the network never learns from. **Predict** where the lines end: someone who says the mean hand for every picture has this
# error:

# %%
from handlib.evaluation.evaluate import MeanPredictor
from handlib.evaluation.metrics import INTAG_MCP, evaluate_batch

test = stack([resize(sample, 64) for sample in load_samples("test")])
# %%
mean_says = MeanPredictor(every, dict(zip(SIDES, hands)))(normalise(test.image)).final
mean_error = float(evaluate_batch(mean_says, test, INTAG_MCP, hands)["mpjpe"].mean())
print(f"the mean hand: {mean_error:.0f} mm on the test pairs")

# %%
config = TrainConfig(steps=80, batch_size=16, learning_rate=2e-3, save_every=80)
store_samples(load_samples("train"), folder / "sixty_four", "train", 64)
sixty_four = show.TrainingPanel(every, config.steps, every=10, held_out=test)
sixty_four

# %%
_ = learn("sixty_four", "sixty_four_run", sixty_four, config)
errors = np.stack([m.errors for m in sixty_four.history.measured])
held_out = np.array([m.held_out[-1] for m in sixty_four.history.measured])
Image.fromarray(sixty_four.picture())

# %%
assert errors[-1, -1] < 0.75 * held_out[-1] and held_out[-1] > 0.8 * mean_error
print("pairs it is trained on: clearly better than others; others: about as wrong as the mean hand")
assert errors[1, 0] < errors[1, -1] and errors[-1, -1] < errors[-1, 0]
print("after 10 steps the last estimate is worse than the first, in the end it is better")

# %% [markdown]
# Two things to see.
#
# * **The stages overtake.** At the beginning each stage spoils what it is given, then the order turns. To judge a refinement early in training is to judge its growing pains.
# * **It learns these pairs, not hands.** 4 million weights and 64 pictures: after 80 steps these are far nearer than the mean hand, and falling, while other pairs are hardly nearer than it. It finds in each picture something by which to recognise it. The training loss can't show that. Only pairs
#   that were held out can, which is why every run of this package measures on a folder of its own.
#
# What helps against that is more pairs, and pairs that are changed each time they are seen: `Augmentation()` turns, scales, shifts, mirrors and recolours them, the truth with them.
#
# ## Loud directions and quiet ones
#
# A loop moves each weight "a little" along its gradient. How far is a little? AdamW answers for each number by itself: it divides the number's gradient by that number's own recent size, so that in the first step all move equally far. But the numbers of a layer
# aren't alone, they form a matrix, and a change of a matrix acts along directions: its singular vectors, each as strongly as its singular value says.
#
# Take a fresh network, 16 pairs, and the gradient of every matrix in it. **Predict**: of the 64 directions in which a 64 x 64 matrix can change, how many hold 90 % of its gradient (of the sum of squared singular values)? How many of AdamW's first step?

# %%
from handlib.training.muon import as_matrices, is_matrix, orthogonalise

torch.manual_seed(0)
fresh = DIR(FULL).train()
sixteen = every[:16]
loss, _ = dir_loss(
    fresh(normalise(sixteen.image)), Targets.from_sample(sixteen, hands), LossWeights.small(), faces
)
loss.backward()
gradients = {
    name: as_matrices(weight.grad)
    for name, weight in fresh.named_parameters()
    if is_matrix(weight) and weight.grad.any()
}
steps_of = {
    "gradient": lambda g: g,
    "AdamW's first step": torch.sign,
    "Muon's first step": orthogonalise,
}


# %%
def share_of_directions(values):
    """Which share of the singular values, the largest ones first, holds 90 % of the sum of their squares."""
    energy = values.square().cumsum(-1) / values.square().sum(-1, keepdim=True)
    return float((energy < 0.9).float().mean() + 1 / values.shape[-1])


spectra = {
    said: {name: torch.linalg.svdvals(step(g))[0] for name, g in gradients.items()}
    for said, step in steps_of.items()
}
# %%
shares = {
    said: np.median([share_of_directions(v) for v in of_step.values()]) for said, of_step in spectra.items()
}
for said, share in shares.items():
    print(f"{said:18} 90 % in {share:.0%} of the directions (median of {len(gradients)} matrices)")
assert shares["gradient"] < 0.2 and 2 * shares["gradient"] < shares["AdamW's first step"] < 0.6
assert shares["Muon's first step"] > 0.75

# %%
one = "stages.1.joint_mlp.modules_per_hand.0.second.weight"
figure, (ax,) = show.detached_figure(figsize=(7, 3.2), layout="constrained")
for (said, of_step), style in zip(spectra.items(), (":", "--", "-")):
    ax.semilogy(of_step[one] / of_step[one].max(), style, color="0.2", label=said)
ax.set(xlabel="direction, loudest first", ylabel="singular value / largest", ylim=(1e-3, 2))
ax.set_title("one layer of the last stage", fontsize=10)
ax.legend(frameon=False)
figure

# %% [markdown]
# A gradient shouts in a few directions. What the fingers need may be said in the others, and there a step along the gradient hardly moves. AdamW evens that out in part, without ever looking for it. **Muon** does it on purpose: it takes the momentum $M = U S V^\top$ of a matrix (the mean of the last twenty gradients or so)
# and moves along $U V^\top$, equally far in every direction. No decomposition is computed for that: a polynomial of $M$ that is odd, $aM + bMM^\top M + c(MM^\top)^2 M$, keeps $U$ and $V$ and changes only $S$, and five rounds of one that was chosen well bring all singular values near 1:

# %%
singular = torch.linspace(0.01, 1, 200)
rounds = [singular]
for _ in range(5):
    x = rounds[-1]
    rounds.append(3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5)
assert rounds[-1].min() > 0.6 and rounds[-1].max() < 1.3

figure, (ax,) = show.detached_figure(figsize=(7, 3.2), layout="constrained")
for number, values in enumerate(rounds):
    ax.plot(singular, values, color=str(0.8 - 0.15 * number), label=f"after {number} rounds")
ax.set(xlabel="singular value, of a matrix whose norm is 1", ylabel="becomes")
ax.legend(frameon=False, fontsize=8)
figure

# %% [markdown]
# **What it can break.** A direction may be quiet because it is noise: then Muon learns noise as loudly as the signal, and only the mean over steps stands against that. And it is made for matrices: biases, norms and what reads colours or writes coordinates stay with AdamW. `handlib.training.muon.Muon` is both in one.
#
# Whether it pays is a question for a measurement. [Experiments](../docs/experiments.md) has it, with the prediction that was written down before: the lines `rate_quadruple` (AdamW at the best rate that was tried) and `muon`, equal pairs, equal steps. Muon ends clearly lower, though its steps take longer. `handlib train` uses Muon; the networks of notebook 11 were all trained with AdamW.
#
# ## A real training
#
# This is how the shipped `small` learned, on pairs rendered by `handlib data make`. Each panel is one error over time, darker for later estimates, with the mean hand dashed. The pairs that it was measured on were never trained on. A dotted line ends a run; the next one may be
# measured on other pairs (a world with interlocked hands is another test), so the curves are interrupted there. The dashed line is of the last ones.

# %%
import json

from handlib.utils.resources import samples_folder
from handlib.show.core.figures import training_curve

record = json.loads((samples_folder() / "checkpoints" / "small" / "training.json").read_text())
for run in record["runs"]:
    data, training = run["data"], TrainConfig(**run["training"])
    print(
        f"{data['count']} pairs of {data['size']} pixels, world {data['world']}: "
        f"{training.steps} steps of {training.batch_size}, {training.optimiser}"
    )
# %%
begin, end = record["curve"][0]["estimates"], record["curve"][-1]["estimates"]
initial, *_, final = end.values()
assert final["mpjpe"] < initial["mpjpe"] < 0.7 * record["mean_predictor"]["mpjpe"]
print("each stage ends better than the initial estimate, and that one far better than the mean hand")
training_curve(record["curve"], record["mean_predictor"])

# %% [markdown]
# Look at what is learned when, and by whom. Which way the hands point is soon right for nearly all pairs of a world. Fingers are what PA-MPJPE measures, which forgives place, rotation and size. How much of what the network gains there on the mean hand is the stages' work?

# %%
gained = {name: record["mean_predictor"]["pa_mpjpe"] - e["pa_mpjpe"] for name, e in end.items()}
of_stages = 1 - gained["initial"] / list(gained.values())[-1]
print(
    f"PA-MPJPE falls by {list(gained.values())[-1]:.1f} mm; {100 * of_stages:.0f} % of that come from the stages"
)

# %% [markdown]
# ### Train your own
#
# Set `MINUTES` to 15 and run the rest of this section: pairs are rendered, a network is trained on them from nothing, and the panel shows each stage pull ahead. It writes to `runs/`, and a run that was interrupted (the stop button) goes on where it was. As committed,
# `MINUTES = 0` walks the same path in seconds: a handful of pairs, three steps, in a temporary folder. That learns nothing; it shows that the path is there.

# %%
MINUTES = 0

place = Path(f"../runs/notebook_09_{MINUTES}_minutes").resolve() if MINUTES else folder / "own"
pairs, checked_pairs, steps = (400 * MINUTES, 32, 130 * MINUTES) if MINUTES else (8, 4, 3)
workers = os.cpu_count() if MINUTES else 1
torch.set_num_threads(workers)

# %%
from handlib.data.shards import load_dataset
from handlib.data.rendered.synthetic import make_dataset

world = "desk-full"
make_dataset(place / "train", "train", pairs, size=64, seed=1, world=world, workers=workers)
make_dataset(place / "val", "val", checked_pairs, size=64, seed=1, world=world, workers=workers)
learned, checked = load_dataset(place / "train"), load_dataset(place / "val")
# %%
config = replace(TrainConfig.small(), steps=steps, batch_size=min(32, pairs), evaluate_every=steps)
# %%
own = show.TrainingPanel(
    learned.sample(torch.arange(min(32, pairs))),
    steps,
    max(1, steps // 40),
    held_out=checked.sample(torch.arange(checked_pairs)),
)
own

# %%
trained = learn(place / "train", place / "run", own, config, ranges=Augmentation())
torch.set_num_threads(1)
print("files of the run:", *sorted(path.name for path in (place / "run").iterdir()))
Image.fromarray(own.picture())

# %% [markdown]
# What to expect of a quarter of an hour: the table of notebook 11 has networks of this very configuration, trained for 2000 steps each with AdamW; with Muon, yours should do better for its pairs and steps. Below is what they and the same network without stages ended with, on 2000 pairs of the same world that none of them was trained on. They saw 20 000 pairs, yours sees 6000 and is checked on 32: compare the order of the estimates, not the millimetres.

# %%
from handlib.analysis.ablations import load_results

for result in load_results():
    if result.name in ("full", "no_refinement"):
        rows = ", ".join(f"{name} {row['all']['mpjpe']:.1f}" for name, row in result.scores.items())
        print(f"{result.name:14} seed {result.seed}, {result.data['count']} pairs: MPJPE in mm: {rows}")

# %% [markdown]
# ### Load or train
#
# Run the training cell again: it returns at once. `train` looks into the folder first. What it finds decides what it does:
#
# | in the folder | `train` |
# |---|---|
# | nothing | begins |
# | `settings.json` of other settings | refuses: one folder, one run |
# | `checkpoint.ckpt` of an earlier step | goes on from there |
# | `checkpoint.ckpt` of the last step | returns that network |
#
# For "goes on" to mean "as if nothing had happened", the checkpoint must hold what the next step depends on: the weights, the optimiser's averages of each weight's gradients, the number of the step. Which pairs come next and how they are changed depends on that number and the seed alone.
# **Predict**: a run of six steps that is killed in its fifth, with a checkpoint after every second, and started again. Which steps are done twice? Does it end with the same weights, nearly or exactly?


# %%
class Killed(Exception):
    pass


class Listener:
    """Hears the numbers of the steps, and kills the run after one of them if told to."""

    def __init__(self, kill_after: int = 0):
        self.heard, self.kill_after = [], kill_after

    def on_step_end(self, step, loss, terms, network):
        self.heard.append(step)
        if step == self.kill_after:
            raise Killed


# %%
six = TrainConfig(steps=6, batch_size=4, save_every=2)


whole = learn("sixty_four", "whole", Listener(), six, ranges=Augmentation())
try:
    learn("sixty_four", "killed", killed := Listener(kill_after=5), six, ranges=Augmentation())
except Killed:
    print("killed after step", killed.heard[-1])

# %%
resumed = learn("sixty_four", "killed", again := Listener(), six, ranges=Augmentation())
print("then it did steps", *again.heard)
assert again.heard == [5, 6]
assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values()))
print("the same weights, bit for bit, as the run that wasn't killed")

# %% [markdown]
# ## Break it: what makes a training go wrong
#
# Three precautions are built into what trains the networks of notebook 11: a learning rate of 0.001, a factor of 0.1 on what every stage's linear layer says (notebook 08), and gradients that are scaled down if their norm exceeds 5. Take each away, on eight pairs, 20 steps, nothing else changed. **Predict** what each
# costs.

# %%
from handlib.show.training import History

store_samples(load_samples("train")[:8], folder / "eight", "train", 64)
recipe = TrainConfig(steps=20, batch_size=8, save_every=20)
variants = {
    "as it is": (FULL, recipe),
    "rate x 30": (FULL, replace(recipe, learning_rate=0.03)),
    "gain 1": (replace(FULL, head_gain=1.0), recipe),
    "no clipping": (FULL, replace(recipe, clip=1e9)),
}

# %%
runs = {}
for name, (network_config, training) in variants.items():
    runs[name] = History()
    learn("eight", name, runs[name], training, network_config)

# %%
figure, (ax,) = show.detached_figure(figsize=(7, 3.2), layout="constrained")
for (name, run), style in zip(runs.items(), ("-", "--", "-.", ":")):
    ax.plot(run.steps, run.losses, style, color="0.2", label=name)
ax.set(xlabel="step", ylabel="loss", ylim=(0, None))
ax.legend(frameon=False)
figure

# %%
final = {name: np.mean(run.losses[-3:]) for name, run in runs.items()}
spread = {name: run.loss_of_estimate(2) / run.loss_of_estimate(0) for name, run in runs.items()}
# %%
assert (
    final["rate x 30"] > 2 * final["as it is"]
    and max(runs["rate x 30"].losses) > 1.5 * runs["rate x 30"].losses[0]
)
print("rate x 30: the loss shoots up before it falls, and ends more than twice as high")
assert final["gain 1"] > 1.4 * final["as it is"] and spread["gain 1"] > 2 * spread["as it is"]
print("gain 1: ends much higher; the last estimate's loss is much larger than the first one's")
assert final["as it is"] < final["no clipping"] < final["gain 1"]
print("no clipping: ends higher than the recipe, by less than the others")

# %% [markdown]
# * **The learning rate.** Adam moves every weight by about that much per step, whatever the gradient. Thirty times too far, and the estimates are thrown about; the falling schedule saves what it can.
# * **The gain** is what it was said to be in notebook 08. With gain 1 the stages, not the first estimate, are thrown about: each adds a correction of the wrong size to an estimate that was better.
# * **Clipping** costs the least to leave out, and not for the reason that one might think. Adam divides every gradient by the root of a running average of squares, so a long gradient doesn't make a long step. But the first gradients are several times as long as the later ones,
#   and the average remembers about a hundred steps: unclipped, they make the steps after them too short. (Tried with three seeds, each time the loss after 20 steps was higher than with clipping.) One bad batch among good ones does the same; rendered pairs have none, photographs with wrong annotations do.
#
# ## Exercises
#
# **Exercise 1.** The gradient of the Huber loss, element by element, with $\delta = 0.01$: `prediction` and `target` are arrays of any shape, return $\partial \rho / \partial\,\text{prediction}$.
#
# <details><summary>Hint</summary>Both branches of $\rho'$ in one call of numpy.</details>


# %% tags=["exercise"]
def huber_gradient(prediction, target): ...  # returns an array of the same shape


check("huber_gradient", huber_gradient)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def huber_gradient_solution(prediction, target):
    return np.clip(prediction - target, -0.01, 0.01)


check("huber_gradient", huber_gradient_solution)

# %% [markdown]
# **Exercise 2.** The segmentation loss without torch: `scores` (classes, pixels), `label` (pixels), `weights` (classes). Return the weighted mean of the cross-entropy.


# %% tags=["exercise"]
def weighted_cross_entropy(scores, label, weights): ...  # returns a number


check("weighted_cross_entropy", weighted_cross_entropy)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def weighted_cross_entropy_solution(scores, label, weights):
    log_softmax = scores - np.log(np.exp(scores).sum(axis=0))
    per_pixel = -log_softmax[label, np.arange(len(label))]
    return (weights[label] * per_pixel).sum() / weights[label].sum()


check("weighted_cross_entropy", weighted_cross_entropy_solution)

# %% [markdown]
# **Exercise 3.** A rotation loss without the trap: for two rotation matrices, 0 if they are the same, and larger the larger the angle between them is, all the way to 180°, about any axis.


# %% tags=["exercise"]
def rotation_loss(rotation, true): ...  # two (3, 3) arrays; returns a number


check("rotation_loss", rotation_loss)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def rotation_loss_solution(rotation, true):
    # The trace of a rotation by an angle is 1 + 2 cos(angle). Squared differences of the entries, summed, are
    # 4 - 4 cos(angle) and would do as well; absolute ones are what has the trap.
    cosine = (np.trace(rotation.T @ true) - 1) / 2
    return np.arccos(np.clip(cosine, -1, 1))


check("rotation_loss", rotation_loss_solution)

# %% [markdown]
# **Exercise 4.** Muon's direction without its polynomial: for a matrix, return the one with the same singular vectors whose singular values are all 1. It may be wide or tall.
#
# <details><summary>Hint</summary>Which of the three factors of a singular value decomposition says how loud each direction is?</details>


# %% tags=["exercise"]
def equally_loud(matrix): ...  # (rows, columns) array; returns one of the same shape


check("equally_loud", equally_loud)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def equally_loud_solution(matrix):
    u, _, vh = np.linalg.svd(matrix, full_matrices=False)
    return u @ vh


check("equally_loud", equally_loud_solution)

# %% [markdown]
# ## In the released code
#
# * **The targets are centred on another joint than the model.** The model puts the wrist at the origin, the training targets the middle finger's first joint. Even the true hands then have a loss, and the network is trained towards a hand that is shifted against its own wrist, which it can't say:

# %%
released = term_values(case.truth, targets, faces, target_centre="middle1")
for name in ("joints", "vertices", "offset"):
    print(f"{name:9} of the true hands, centred as in the release: {released[name].sum():.4f}")
assert (released["joints"] > 1e-3).all()
assert torch.allclose(released["edge"], of_truth["edge"], atol=1e-6)

# %% [markdown]
# * **Raw scores** go into the Lovász term (above). `LossWeights.paper()` is the release without these two.
# * **No losses on parameters**: rotation, pose and shape are learned through joints and vertices alone. InterHand2.6M has the parameters, too.
# * **The Huber loss** is written out there. torch's `smooth_l1_loss(beta=0.01)` looks like it and is a hundred times larger.
# * **Edges** are compared on all three edges of every face, so edges between two faces count twice; normals by |cos|, blind to the side.
# * **The recipe**: AdamW with 0.0005, a cosine to 0 over 50 epochs, batches of 64, an ImageNet encoder, pictures turned by up to 180°, scaled by 10 %, shifted by 10 pixels, mirrored, blurred, with 1 % of noise (`Augmentation.released()`). No clipping, no warm-up.
# * Its training script passes the root joint where its loader expects the picture's size.
#
# The code of this notebook is `handlib/training/losses.py` and `handlib/training/targets.py`, `handlib/analysis/loss_gradients.py` (where a loss pulls), `handlib/training/schedule.py` (what each step sees, its learning rate), `handlib/training/muon.py` (Muon) and `handlib/training/loop.py` (the loop and its checkpoints). `handlib train --help` is the same from the command line.
#
# ## What comes next
#
# This notebook called one number, MPJPE, the error. There are many errors, and the same prediction gets quite different ones from different protocols. That is notebook 10, evaluation.
