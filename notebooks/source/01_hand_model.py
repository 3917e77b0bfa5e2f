# %% [markdown]
# # 01 · The hand model: 58 numbers become a hand
#
# **Question.** A network can't write down 778 points and hope that they form a hand. It predicts a few numbers, and a *hand model* turns them
# into a surface with a skeleton. What do these numbers mean, and what happens between them and the surface?
#
# **Time:** about 50 minutes for the core, 30 for Further. Afterwards you can
#
# 1. name the parts of a hand model, with their sizes;
# 2. say on paper where a point of the skin goes when a joint bends;
# 3. write the bones' transforms, and skinning for whole batches, and see the network run it;
# 4. explain why twisted skin gets thin, and what corrects it;
# 5. tell which fingertips and which frame a number belongs to (Further).
#
# Words: [MANO](../docs/glossary.md#hand-model), [joint](../docs/glossary.md#joint), [MCP](../docs/glossary.md#finger-joints), [axis-angle](../docs/glossary.md#axis-angle), [linear blend skinning](../docs/glossary.md#linear-blend-skinning), [pose blend shapes](../docs/glossary.md#pose-blend-shapes), [open hand](../docs/glossary.md#open-hand).

# %%
from copy import deepcopy
from dataclasses import replace

import numpy as np
import roma
import torch

from handlib import DIR, load_samples, show
from handlib.analysis.comparison import paired_difference
from handlib.data.sample import normalise, resize, stack
from handlib.exercises import check, my_parts, predict, progress
from handlib.geometry.mesh import enclosed_volume
from handlib.hand.hand import Hand, open_hand_data
from handlib.hand.skeleton import MANO_JOINT_NAMES, MANO_PARENTS, SIDES
from handlib.hand.skinning import forward_kinematics

torch.set_num_threads(1)
show.dir_map("hand")

# %%
progress()

# %% [markdown]
# ## What is in the file
#
# The field's hand model is MANO (Romero et al., *Embodied Hands*, 2017), learned from about a thousand scans. Its files may not be passed
# on. This course ships an **open hand** in the same format, made by a script from lengths and radii. MANO's numbers mean nothing to the
# open hand, but code doesn't notice the difference.
#
# In the model's own frame the right hand's fingers point along $-x$ and its palm faces $-y$. Below, `show.upright` turns the hand to you.

# %%
right = Hand.open("right")
meaning = {
    "v_template": "the surface of a mean, flat hand (m)",
    "faces": "triangles between its vertices",
    "shapedirs": "S: how each vertex moves per unit of beta",
    "J_regressor": "J: each joint as a mean of vertices",
    "weights": "w: how much each vertex follows each joint's bone",
    "posedirs": "P: shifts of vertices that depend on the pose",
    "hands_mean": "the mean finger pose",
    "hands_components": "C: axes along which poses vary",
}
show.table(
    {
        name: {"size": " x ".join(map(str, getattr(right, name).shape)), "what it is": what}
        for name, what in meaning.items()
    }
)

# %%
at_rest = right(centre=None)
to_viewer = show.upright("right", "palm")
show.HandsView(
    at_rest.vertices.numpy()[None] @ to_viewer.T, at_rest.joints.numpy()[None] @ to_viewer.T, sides=("right",)
)

# %% [markdown]
# ## Shape and pose are sums
#
# Ten numbers $\beta$ make the shape, $T(\beta) = \bar T + \sum_k \beta_k S_k$, and the joints follow the surface, $\mathcal J\,T(\beta)$.
# Forty-five coefficients $c$ make the finger pose, $\theta = \bar\theta + c\,C$: three numbers for each of 15 joints, an axis-angle vector: its
# direction is the axis, its length the angle. The axes $C$ are ordered by how much poses vary along them. Three more numbers turn the wrist: 58
# per hand. (DIR predicts 64. It adds a camera with three numbers, [notebook 02](02_cameras.ipynb). And it writes the turn with six, the first
# two columns of the rotation matrix: three numbers jump somewhere, however one chooses them, and a network learns jumps badly.)
#
# Move the sliders. Which beta is the hand's size? Which coefficient curls all fingers? With all sliders at zero, is the hand flat?

# %%
show.HandExplorer([Hand.open("left"), right])

# %% [markdown]
# <details><summary>Answers</summary>Beta 0 is the size. Pose 0 curls the four fingers together. At zero the hand isn't flat: it has the mean
# pose.</details>
#
# ## Bones turn, on paper
#
# A finger lies along $x$: joints at $(0,0)$, $(4,0)$, $(7,0)$, its tip at $(9,0)$. To bend a joint means to rotate everything beyond it about
# that joint. A rotation $R$ about a centre $c$ is
#
# $$ x \mapsto R\,(x - c) + c = R\,x + (c - R\,c) $$
#
# Bend the second joint by 90°. Where do the third joint and the tip go? Then bend the third joint by 90° as well. Where is the tip now? Draw
# it before you open the answer.
#
# <details><summary>Answer</summary>The third joint goes to (4, 3), the tip to (4, 5). Then the last bone points back: the tip is at (2, 3).</details>
#
# Let $A_k$ turn bone $k$ about its own joint, where this joint lies at rest. Then the bone follows its parent:
# $G_k = G_{\text{parent}(k)}\, A_k$. The right factor acts first. The first bone, the root, has no parent: $G_0 = A_0$.
#
# The function `about` makes one $A_k$. Write `bone_transforms`, which makes all $G_k$; here a loop is right.


# %% tags=["exercise"]
def about(rotation, centre):
    """Returns the 4 x 4 transform that rotates about a centre."""
    transform = torch.eye(4)
    transform[:3, :3], transform[:3, 3] = rotation, centre - rotation @ centre
    return transform


def bone_transforms(rotations, joints, parents):
    """rotations (bones, 3, 3), joints at rest (bones, 3); returns all G_k (bones, 4, 4).

    parents has the number of each bone's parent, which comes before the bone; the root's is -1.
    """
    ...


check("bone_transforms", bone_transforms)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def bone_transforms_solution(rotations, joints, parents):
    transforms = []
    for k, parent in enumerate(parents):
        own = about(rotations[k], joints[k])
        transforms.append(own if parent < 0 else transforms[parent] @ own)
    return torch.stack(transforms)


check("bone_transforms", bone_transforms_solution)


# %%
def bent(*degrees):
    """Returns the paper finger's G_k, by the library; the third axis points out of the paper."""
    rotations = [roma.rotvec_to_rotmat(torch.tensor([0, 0, np.radians(d)]).float()) for d in degrees]
    joints = torch.tensor([[0.0, 0, 0], [4, 0, 0], [7, 0, 0]])
    return forward_kinematics(torch.stack(rotations), joints, (-1, 0, 1))[1]


for degrees, by_hand in (((0, 90, 0), (4, 5)), ((0, 90, 90), (2, 3))):
    tip = bent(*degrees)[2] @ torch.tensor([9.0, 0, 0, 1])
    assert torch.allclose(tip[:2], torch.tensor(by_hand).float(), atol=1e-5)

# %% [markdown]
# ## Skinning, on paper
#
# Bones are stiff, skin is not. In **linear blend skinning** a point of the skin follows several bones. It goes to the weighted mean of the
# places to which they would carry it:
#
# $$ x_i' = \sum_k w_{ik}\, G_k\, x_i, \qquad \sum_k w_{ik} = 1 $$
#
# Bend the second joint by 90° and follow three points:
#
# * $(2,1)$ follows the first bone alone: it stays.
# * $(5.5,1)$ follows the second alone. Seen from the joint it is at $(1.5, 1)$; a turn by 90° makes that $(-1, 1.5)$: it arrives at $(3, 1.5)$.
# * $(4,-1)$ lies at the joint and follows both by halves. The first leaves it at $(4,-1)$, the second carries it to $(5,0)$: it arrives at
#   $(4.5,-0.5)$.


# %%
def skin_by_loops(points, weights, transforms):
    skinned = torch.zeros_like(points)
    for i, point in enumerate(points):
        for k, transform in enumerate(transforms):
            carried = transform[:3, :3] @ point + transform[:3, 3]
            skinned[i] += weights[i, k] * carried
    return skinned


three_points = torch.tensor([[2.0, 1, 0], [5.5, 1, 0], [4, -1, 0]])
three_weights = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0]])
arrived = skin_by_loops(three_points, three_weights, bent(0, 90, 0))
assert torch.allclose(arrived, torch.tensor([[2, 1, 0], [3, 1.5, 0], [4.5, -0.5, 0]]), atol=1e-5)

# %% [markdown]
# The outline of a finger, with weights that pass from one bone to the next around the joint. Grey lines show where each bone alone would carry
# it; the skin is their weighted mean.

# %%
x = torch.linspace(0, 9, 46)
upper = torch.stack((x, torch.ones(46), torch.zeros(46)), dim=1)
outline = torch.cat((upper, upper.flip(0) * torch.tensor([1.0, -1, 1])))
second = ((outline[:, 0] - 3) / 2).clamp(0, 1)
outline_weights = torch.stack((1 - second, second, torch.zeros(92)), dim=1)

figure, axes = show.detached_figure(1, 3, figsize=(11, 3.2), layout="constrained")
for ax, degrees in zip(axes, (0, 45, 90), strict=True):
    transforms = bent(0, degrees, 0)
    for bone in transforms[:2]:
        carried = outline @ bone[:3, :3].T + bone[:3, 3]
        ax.plot(carried[:, 0], carried[:, 1], color="0.6", linewidth=1)
    skinned = skin_by_loops(outline, outline_weights, transforms)
    ax.fill(skinned[:, 0], skinned[:, 1], color="#E69F00", alpha=0.6)
    ax.plot(4, 0, "ok")
    ax.set(title=f"bent by {degrees}°", aspect="equal", xlim=(-1, 10), ylim=(-3, 6.5))
figure

# %% [markdown]
# At 90° the skin inside the bend lies folded on itself: the short line. Bent further, it would run through itself. Outside, the corner is rounded off. Both cost volume.
#
# ## Your part: `skin`
#
# Write the loop without loops. The weighted mean of products is the product with the weighted mean of the transforms, so blend the transforms
# first: one 4 x 4 matrix per point. The network poses whole batches: `points` and `transforms` may have any leading axes, `weights` has
# none. If your answer is right, it is kept in `my_dir.py`.


# %% tags=["exercise"]
def skin(points, weights, transforms):
    """points (..., n, 3), weights (n, bones), transforms (..., bones, 4, 4); returns (..., n, 3)."""
    ...


check("skin", skin)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def skin_solution(points, weights, transforms):
    blended = torch.einsum("nk,...kab->...nab", weights, transforms)
    homogeneous = torch.cat((points, torch.ones_like(points[..., :1])), dim=-1)
    return (blended @ homogeneous[..., None])[..., :3, 0]


check("skin", skin_solution)

# %% [markdown]
# From here on the library's `skin` works. A hand has 16 joints instead of three, and one addition. Before skinning, **pose correctives** shift
# the surface, linearly in the entries of $R_k - I$ of the 15 finger joints:
#
# $$ T(\beta,\theta) = \bar T + S\beta + P\,\mathrm{vec}(R(\theta) - I) $$
#
# The hand in a few lines, compared with `Hand`, which does the same for batches:

# %%
from handlib.hand.skinning import skin


def pose_hand(hand, rotations):
    surface, rest = hand.at_rest(torch.zeros(10))
    corrected = surface + hand.correctives(rotations)
    _, transforms = forward_kinematics(rotations, rest, MANO_PARENTS)
    return skin(corrected, hand.weights, transforms)


random_pose = 0.3 * torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
ours = pose_hand(right, roma.rotvec_to_rotmat(random_pose))
theirs = right(root_axis_angle=random_pose[0], pose_axis_angle=random_pose[1:].ravel(), centre=None)
assert torch.allclose(ours, theirs.vertices, atol=1e-6)

# %% [markdown]
# ## Bend one joint
#
# The colours are one column of the weights: dark skin follows the joint's own bone alone, light skin doesn't follow it. Bend the joint and
# watch the skin between both bones. Why does the light fingertip move as well? Then try `index1`, `thumb1` and the last joints: where is the
# passage from bone to bone wide, where narrow? One millilitre (ml) is a cubic centimetre.

# %%
show.BendExplorer(right)

# %% [markdown]
# <details><summary>Answers</summary>The fingertip follows index3, and index3 follows index2. The passage is wide at index1 and wider at thumb1, narrow at
# the last joints.</details>
#
# ## The candy wrapper
#
# Now twist a finger: the outer bone turns by 90° about the finger's own axis. Take the skin that follows both bones about equally, by 25 to
# 75 %, without correctives. How far is it from the axis afterwards?

# %%
bare = deepcopy(right)
bare.posedirs.zero_()  # no correctives
surface, rest = right.at_rest(torch.zeros(10))
index2 = MANO_JOINT_NAMES.index("index2")
joint, along = rest[index2], torch.nn.functional.normalize(rest[index2 + 1] - rest[index2], dim=0)
share = right.weights[:, [index2, index2 + 1]].sum(1)  # index2 carries index3 along
both = (share - 0.5).abs() < 0.25


def kept(points):
    """Returns how much of their distance from the axis the points have kept, in % on average."""
    before, after = (
        (p[both] - joint).cross(along.expand(int(both.sum()), 3), dim=1) for p in (surface, points)
    )
    return 100 * float((after.norm(dim=1) / before.norm(dim=1)).mean())


def twisted(degrees):
    rotations = torch.eye(3).repeat(16, 1, 1)
    rotations[index2] = roma.rotvec_to_rotmat(np.radians(degrees) * along)
    return pose_hand(bare, rotations)


guess = predict(
    "How much of its distance from the axis does this skin keep?", "all", "about 70 %", "half", "nothing"
)
guess


# %% tags=["reveals"]
def rotations_blended(degrees):
    turns = roma.rotvec_to_rotmat(np.radians(degrees) * share[:, None] * along)
    return (turns @ (surface - joint)[..., None])[..., 0] + joint


measured, angles = np.arange(0, 181, 15), np.radians(np.arange(0, 181))
w = share[both].numpy()[:, None]
law = np.sqrt(1 - 2 * w * (1 - w) * (1 - np.cos(angles))).mean(0)
figure, (axes,) = show.detached_figure(figsize=(8, 3), layout="constrained")
axes.plot(
    measured, [kept(rotations_blended(d)) for d in measured], "o-", color="0.6", label="rotations blended"
)
axes.plot(measured, [kept(twisted(d)) for d in measured], "ok", label="skinning: matrices blended")
axes.plot(100 * law, "k", linewidth=1, label="the law, with each vertex's weight $w$")
axes.plot(100 * np.cos(angles / 2), "k--", linewidth=1, label="cos(φ/2): exact halves")
axes.set(xlabel="twist φ (degrees)", ylabel="distance kept (%)", ylim=(0, 105), xticks=range(0, 181, 30))
axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
levels = {"all": 100, "about 70 %": 70, "half": 50, "nothing": 0}
guess.compare(min(levels, key=lambda name: abs(levels[name] - kept(twisted(90)))))
figure

# %% [markdown]
# Skinning carries a point along the chord of its circle, and a chord lies inside the circle. A point that follows both bones by halves keeps
# $\cos(\varphi/2)$ of its distance: at 180° nothing. With the weights $w$ and $1 - w$ a point keeps
# $\sqrt{1 - 2\,w\,(1 - w)\,(1 - \cos\varphi)}$. That is the law: the measured points lie higher than the dashed line, because few
# vertices follow both bones *exactly* by halves. The skin is pinched like the wrapper of a sweet (twist the joint in the explorer). The mean of
# two rotation matrices isn't a rotation. Whoever blends the *rotations*, as dual quaternions do, corrects this: each point turns by its
# share of the angle.
#
# Fingers hardly twist, so hand models live with that. But fingers bend, and bent skin loses volume, too. The pose correctives $P$ are there to
# give it back. MANO learned its correctives from scans. The open hand's are bulges that a script computed, so the next number holds for this
# hand alone. Make a fist of eight joints, with and without them.

# %%
guess = predict(
    "How much of the volume that skinning takes from a fist do the correctives give back?",
    "less than a tenth",
    "about half",
    "nearly all",
)
guess

# %% tags=["reveals"]
bending = [MANO_JOINT_NAMES.index(f + k) for f in ("index", "middle", "ring", "little") for k in "23"]


def volume(hand, degrees):
    """Returns the volume in ml of a hand with eight bent joints."""
    rotations = torch.eye(3).repeat(16, 1, 1)
    rotations[bending] = roma.rotvec_to_rotmat(torch.tensor([0, 0, np.radians(degrees)]).float())
    posed = pose_hand(hand, rotations).double().numpy()
    return 1e6 * enclosed_volume(posed, right.faces, rest[0].double().numpy())


bends, flat = range(0, 91, 15), volume(right, 0)
alone, corrected = ([flat - volume(hand, d) for d in bends] for hand in (bare, right))
figure, (axes,) = show.detached_figure(figsize=(6, 3))
axes.plot(bends, alone, "o-k", label="skinning alone")
axes.plot(bends, corrected, "o-", color="0.6", label="with correctives")
axes.set(xlabel="bend of eight joints (degrees)", ylabel="volume lost (ml)")
axes.legend(frameon=False)
back = 1 - corrected[-1] / alone[-1]
guess.compare("less than a tenth" if back < 0.1 else "nearly all" if back > 0.9 else "about half")
print(f"the flat hand has {flat:.0f} ml; skinning alone takes {100 * alone[-1] / flat:.1f} % of it")
figure

# %% [markdown]
# Skinning takes little of the whole volume. But what it takes is missing at the joints, where one looks.
#
# ## Your code runs the network
#
# Each of the network's three estimates goes through `skin`, for both hands. `parts=my_parts()` puts your function in its place.

# %%
batch = stack([resize(sample, 128) for sample in load_samples("test")])


def answer(parts):
    """Returns the last estimate of the network small, which runs these parts."""
    model = DIR.from_pretrained("small", parts=parts).eval()
    with torch.no_grad():
        return model(normalise(batch.image)).final


by_library, by_you = answer({}), answer(my_parts())
apart = 1e6 * float((by_library.vertices - by_you.vertices).abs().max())
print("your parts:", ", ".join(my_parts()) or "none yet")
print(f"difference from the library: {apart:.0f} micrometres")
show.overlay(batch, by_you, index=14)

# %% [markdown]
# Now put another function in its place: let each vertex follow its strongest bone alone.

# %%
guess = predict("How far do the network's vertices move on average?", "less than 1 mm", "1 to 5 mm", "more")
guess


# %% tags=["reveals"]
from handlib.show.core.error_colours import LARGEST_ERROR, error_colours


def strongest_bone(points, weights, transforms):
    alone = torch.nn.functional.one_hot(weights.argmax(1), weights.shape[1]).float()
    return skin(points, alone, transforms)


stiff = answer({"skin": strongest_bone})
moved = 1000 * (stiff.vertices - by_library.vertices).norm(dim=-1)
mean = float(moved.mean())
guess.compare("less than 1 mm" if mean < 1 else "1 to 5 mm" if mean < 5 else "more")
true = batch.vertices - batch.joints[:, :, :1]  # wrists together
blended, alone = (1000 * (e.vertices - true).norm(dim=-1).mean((1, 2)) for e in (by_library, stiff))
more = paired_difference(alone.tolist(), blended.tolist())
joints_move = 1000 * float((stiff.joints - by_library.joints).norm(dim=-1).max())
print(f"error of the surfaces with blending: {blended.mean():.0f} mm")
print(f"without: {more.low:.2f} to {more.high:.2f} mm more (95 % interval over {len(batch)} pictures)")
print(
    f"joints move by at most {joints_move:.1f} mm, vertices of the hands below by at most {moved[14].max():.1f} mm"
)
view = show.hands(stiff, 14, shown="surface", caption="darker: moved further, black 7 mm")
view.update(colours=error_colours(LARGEST_ERROR / 7 * moved[14].numpy()))
view

# %% [markdown]
# Near the joints the skin moves by millimetres, elsewhere hardly at all. The surfaces' error hardly notices, and an error of joints can't:
# 16 joints move with the bones, and each fingertip, a point of the skin, follows one bone alone. What is blending worth, then? The look of
# the skin.
#
# ## Summary
#
# - Shape (10 betas) and pose (45 coefficients) are sums of learned directions; 3 numbers turn the wrist.
# - A bone turns about its joint at rest, then follows its parent.
# - Skinning: each vertex goes to the weighted mean of the places to which its bones carry it.
# - A mean of rotation matrices shrinks: skin that follows both bones by halves keeps $\cos(\varphi/2)$ of its distance in a twist.
# - Blended rotations correct a twist; pose correctives give back part of what a bend takes (in the open hand about half).
#
# **Ask yourself**
#
# <details><summary>All weights of a vertex are doubled. Where does it go?</summary>To twice its place, seen from the origin: weights must sum to 1.</details>
#
# <details><summary>Why may the transforms be blended before they meet the point?</summary>Because a matrix acts linearly: a weighted sum of products
# with the same point is the product with the weighted sum.</details>
#
# <details><summary>What do pose correctives do to a flat hand?</summary>Nothing: every rotation is the identity, so R - I is 0.</details>
#
# Next: [02, cameras and crops](02_cameras.ipynb).

# %% [markdown]
# # Further
#
# ## Whose joints?
#
# The file knows 16 joints: wrist, index, *middle, little, ring*, thumb. Errors are reported on 21: the wrist, then four per finger, thumb to
# little finger, tips included. The tips are vertices of the skin, and *which* vertices is a convention: the hand layer in DIR's released code takes
# others than the package smplx, some millimetres away.
#
# What does it cost to mix them up? We measure with the protocol `INTAG_MCP`, which fixes three things. Joints are regressed from the surfaces.
# Both hands are centred on the middle finger's MCP joint. The estimate is scaled to the true length from the wrist to that joint. The error
# is then the mean distance of the joints. The truth has smplx's tips.

# %%
guess = predict(
    "The estimate has the other tips. For which estimate does the error grow more?",
    "for a perfect one",
    "for that of the network small",
    "equally",
)
guess

# %% tags=["reveals"]
from handlib.evaluation.metrics import INTAG_MCP, align

aligned = [
    align(by_library, batch, INTAG_MCP, [Hand.open(side, tips) for side in SIDES])
    for tips in ("smplx", "dir_layer")
]
truth = aligned[0].true_joints


def mpjpe(joints):
    return float(1000 * (joints - truth).norm(dim=-1).mean())


errors = {
    "a perfect estimate": [mpjpe(a.true_joints) for a in aligned],
    "the network small": [mpjpe(a.joints) for a in aligned],
}
grown = [other - same for same, other in errors.values()]
ratio = grown[1] / grown[0]
answers = ("for that of the network small", "equally", "for a perfect one")
guess.compare(answers[(ratio < 1.25) + (ratio < 0.8)])
show.table(
    {name: {"same tips": f"{a:.1f}", "other tips": f"{b:.1f}"} for name, (a, b) in errors.items()},
    "MPJPE (mm)",
)

# %% [markdown]
# Errors don't add up: a tip that is wrong already isn't pushed further away by a shift in another direction. But the better networks become, the
# more the convention weighs. So every function here takes it **by name**.
#
# ## The left hand
#
# It is the mirror image of the right one in $x$. MANO's published left file has a fault: the $x$ part of its shape directions keeps the right
# hand's sign. Nobody notices at $\beta = 0$; but a beta that should enlarge the hand shortens it, since fingers lie along $x$. Here is the fault in
# the open hand: the sound hand on the left, the faulty one on the right, with the same beta. The repair compares both files.

# %%
from handlib.hand.mano_file import repair_left_shapedirs

left_data, right_data = open_hand_data("left"), open_hand_data("right")
faulty_data = replace(left_data, shapedirs=left_data.shapedirs * np.array([-1.0, 1, 1])[:, None])
assert np.allclose(repair_left_shapedirs(faulty_data, right_data).shapedirs, left_data.shapedirs)

turn, posed = show.upright("left").T, [Hand(d)(betas=2 * torch.eye(10)[0]) for d in (left_data, faulty_data)]
side_by_side = np.array([[[-0.1, 0, 0]], [[0.1, 0, 0]]])
vertices, joints = (
    np.stack([getattr(hand, part).numpy() @ turn for hand in posed]) + side_by_side
    for part in ("vertices", "joints")
)
show.HandsView(vertices, joints, sides=("left", "left"), caption="(sound, faulty)")

# %% [markdown]
# **Exercise.** A right hand's pose is 45 numbers: an axis-angle vector for each of 15 joints. Write the pose that makes the *left* hand its
# mirror image. Think of one axis at a time.
#
# <details><summary>Hint</summary>A wheel that turns about $x$ lies parallel to the mirror, and its image turns along with it. Hold a wheel at right
# angles to the mirror: which way does its image turn?</details>


# %% tags=["exercise"]
def mirror_pose(pose):
    """Takes the right hand's pose (45,), returns the left hand's (45,)."""
    ...


check("mirror_pose", mirror_pose)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def mirror_pose_solution(pose):
    # The mirror changes the sign of an axis's x, and reverses every sense of rotation.
    return pose * np.tile([1.0, -1.0, -1.0], 15)


check("mirror_pose", mirror_pose_solution)

# %% [markdown]
# ## The wrist is not at the origin
#
# Data sets store a hand in the *world*, with root rotation $R_h$ and translation $t_h$; a camera sees $x_c = R\,x_w + t$. It is tempting to
# rotate both and be done. But the model turns about its wrist joint $J_0$, which isn't the origin. The hand gets the right pose at the
# wrong place.
#
# **Exercise.** Find $t_h'$ such that the hand with root rotation $R R_h$ and translation $t_h'$ lies where $x_c = R\,x_w + t$ puts it.
#
# <details><summary>Hint</summary>Write $x_w = R_h(v - J_0) + J_0 + t_h$, apply the camera, and compare with $R R_h (v - J_0) + J_0 + t_h'$.</details>


# %% tags=["exercise"]
def camera_translation(wrist, translation, rotation, shift):
    """Takes J0 (3,), t_h (3,), R (3, 3) and t (3,); returns the new translation (3,)."""
    ...


check("camera_translation", camera_translation)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def camera_translation_solution(wrist, translation, rotation, shift):
    return rotation @ translation + shift + rotation @ wrist - wrist


check("camera_translation", camera_translation_solution)

# %% [markdown]
# **Open question.** Blended rotations don't shrink. Why do hand models still blend matrices, and add correctives? Think of what must be learned
# from scans, what a graphics card does well, and what happens to skin that follows three bones.
