# %% [markdown]
# # 01 · The hand model: 58 numbers become a hand
#
# A network that looks at a picture can't write down 778 points for each hand and hope that they form one. It predicts a
# few numbers instead, and a *hand model* turns them into a surface with a skeleton: 10 for the hand's shape, 45 for the
# pose of its fingers and 3 for the rotation of the wrist, **58 numbers per hand**. (DIR predicts 64: it writes the rotation
# as six numbers and adds three for a camera; the next notebook says why.) Everything that
# follows, features sampled at joints, losses on vertices, errors in millimetres, passes through this function.
#
# **The question:** what do these numbers mean, and what exactly happens between them and the surface?
#
# Afterwards you should be able to say
#
# 1. what *template*, *shape directions*, *joint regressor*, *pose directions* and *skin weights* are, with their sizes;
# 2. where a point of the skin ends up when a joint bends, by hand and in two lines of NumPy;
# 3. why skinned fingers get thinner when they twist, and by how much;
# 4. which order of joints and which fingertips a paper means, and what it costs to guess;
# 5. what is wrong with MANO's left hand, and why rotating a hand into the camera's frame takes more than a rotation.
#
# Words: [MANO](../docs/glossary.md#hand-model), [joint](../docs/glossary.md#joint), [MCP](../docs/glossary.md#finger-joints), [axis-angle](../docs/glossary.md#axis-angle), [linear blend skinning](../docs/glossary.md#linear-blend-skinning), [pose blend shapes](../docs/glossary.md#pose-blend-shapes).

# %%
from dataclasses import replace

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from handlib import show
from handlib.exercises import check
from handlib.hand.hand import Hand, open_hand_data
from handlib.hand.skeleton import JOINT_NAMES, MANO_JOINT_NAMES, MANO_PARENTS, MANO_TO_21, tip_vertices

# %% [markdown]
# ## What is in the file
#
# The field's hand model is MANO (Romero et al., *Embodied Hands*, 2017), learned from about a thousand scans. Its
# files may not be passed on, so this package ships an **open hand**: made by a script from a table of lengths and
# radii, in MANO's format. The format is the same, the values are not: betas, pose components and vertex numbers of
# MANO data mean nothing to it. Code, on the other hand, doesn't notice the difference.

# %%
right_data = open_hand_data("right")
for name in (
    "v_template",
    "faces",
    "shapedirs",
    "J_regressor",
    "weights",
    "posedirs",
    "hands_mean",
    "hands_components",
):
    print(f"{name:17}", getattr(right_data, name).shape)

# %% [markdown]
# | field | symbol | what it is |
# | --- | --- | --- |
# | `v_template` | $\bar T$ | the surface of a mean, flat hand: 778 points, metres |
# | `faces` | | 1538 triangles between them |
# | `shapedirs` | $S$ | ten ways in which hands differ: how every vertex moves per unit of beta |
# | `J_regressor` | $\mathcal J$ | every joint as a weighted mean of vertices |
# | `weights` | $W$ | how much each vertex follows each of 16 joints |
# | `posedirs` | $P$ | corrections of the surface that depend on the pose |
# | `hands_mean`, `hands_components` | | the mean finger pose and the axes of its variation |
#
# In the model's own frame the right hand at rest has its fingers along $-x$, its palm towards $-y$ and its thumb on the
# $+z$ side. `show.upright` is the rotation that stands it up before a viewer.

# %%
to_viewer = show.upright("right", "palm")
rest_joints = right_data.J_regressor @ right_data.v_template
right = Hand.open("right")
at_rest = right(centre=None)
show.HandsView(
    at_rest.vertices.numpy()[None] @ to_viewer.T, at_rest.joints.numpy()[None] @ to_viewer.T, sides=("right",)
)

# %% [markdown]
# Turn it, zoom, click on a joint. Without a kernel you see a picture of the same thing.
#
# ## Joints have names; their numbers depend on whom you ask
#
# The file knows **16 joints**, in an order that surprises everybody once: wrist, index, *middle, little, ring*, thumb,
# three joints each. It has no fingertips, since nothing bends there. The field reports errors on **21 joints**: the
# wrist, then four per finger from the thumb to the little finger, tips included.

# %%
print("16 joints:", *MANO_JOINT_NAMES)
print("21 joints:", *JOINT_NAMES)

# %% [markdown]
# Append the five tips (thumb to little) to the 16 and permute. Where does joint 5 of the 21, `index1`, come from? It is
# the first joint after the wrist in the file, so the permutation must hold 1 at place 5. And place 4 is the thumb's
# tip, the first of the appended ones: 16.

# %%
print("permutation:", MANO_TO_21)
assert MANO_TO_21[JOINT_NAMES.index("index1")] == 1
assert MANO_TO_21[JOINT_NAMES.index("thumb4")] == 16

# %% [markdown]
# The tips are vertices, and **which** vertices is a convention that papers rarely state. DIR's released code uses two
# different ones. How far apart are they from smplx's choice on the same, unmoved hand?

# %%
left_data = open_hand_data("left")
tips = {
    name: left_data.v_template[list(tip_vertices(name, "left"))]
    for name in ("smplx", "dir_layer", "dir_evaluation")
}
for name, points in tips.items():
    millimetres = 1000 * np.linalg.norm(points - tips["smplx"], axis=1)
    print(f"{name:15} vertices {tip_vertices(name, 'left')}  mm from smplx's: {np.round(millimetres, 1)}")

# %% [markdown]
# About 5 mm at each of five joints out of 21: more than a millimetre of the mean error that tables report, from a
# choice that isn't in the paper. That is why every function here that takes tips asks for a convention **by name**.
#
# ## Shape: a sum of directions
#
# $$ T(\beta) = \bar T + \sum_{k=1}^{10} \beta_k S_k $$
#
# It is linear. If $\beta_0 = 1$ moves the middle fingertip by $d$, then $\beta_0 = 2$ must move it by exactly $2d$.


# %%
def shaped(data, betas):
    return data.v_template + data.shapedirs @ betas


beta0 = np.eye(10)[0]
tip = tip_vertices("smplx", "right")[2]
moved = [1000 * np.linalg.norm((shaped(right_data, s * beta0) - right_data.v_template)[tip]) for s in (1, 2)]
print(f"middle tip: {moved[0]:.3g} mm, then {moved[1]:.3g} mm")
assert np.isclose(moved[1], 2 * moved[0])

# %% [markdown]
# The joints move with the surface, since each is a weighted mean of vertices: $J(\beta) = \mathcal J\, T(\beta)$. Row $j$
# of $\mathcal J$ holds joint $j$'s weights; they must sum to 1, otherwise a hand that is carried two metres away would
# leave its joints behind.

# %%
sums = right_data.J_regressor.sum(1)
print("row sums between", *np.round([sums.min(), sums.max()], 3))
carried = right_data.J_regressor @ (right_data.v_template + (2, 0, 0))
assert np.allclose(carried, rest_joints + (2, 0, 0))


# %%
def picture(posed, framing, side="right"):
    turn = show.upright(side).T
    view = show.HandsView(
        posed.vertices.numpy()[None] @ turn, posed.joints.numpy()[None] @ turn, sides=(side,)
    )
    view.framing = framing
    return view.picture((250, 270))


framing = [0.0, -0.085, 0.0, 0.08]
figure, axes = show.detached_figure(1, 4, figsize=(11, 3.2), layout="constrained")
for ax, (k, value) in zip(axes, ((0, -2), (0, 2), (1, -2), (1, 2)), strict=True):
    ax.imshow(picture(right(betas=torch.eye(10)[k] * value), framing))
    ax.set(title=f"beta {k} = {value:+d}", xticks=[], yticks=[])
figure

# %%
for value in (-2, 0, 2):
    wrist, middle_tip = right(betas=torch.eye(10)[0] * value).joints[[0, 12]]
    print(f"beta 0 = {value:+d}: wrist to middle tip {1000 * (middle_tip - wrist).norm():.3g} mm")

# %% [markdown]
# The first direction is size: 17 mm of length for two standard deviations. One picture can't tell a large hand from a near one,
# which is why evaluation protocols often rescale a hand before they measure it.
#
# ## Pose, on paper: a finger in two dimensions
#
# Three bones lie along the $x$ axis: joints at $(0,0)$, $(4,0)$ and $(7,0)$, the tip at $(9,0)$. Bending a joint
# rotates everything beyond it **about that joint**. With rotation $R$ about centre $c$:
#
# $$ x \mapsto R\,(x - c) + c = R\,x + (c - R\,c) $$
#
# Two predictions before any code:
#
# * bend the second joint by 90°: the third joint goes to $(4,3)$, the tip to $(4,5)$;
# * bend the third by 90° as well: the last bone now points back, the tip is at $(4-2, 3) = (2,3)$.


# %%
def about(rotation, centre):
    """The homogeneous matrix that rotates about a centre, in two or three dimensions."""
    n = len(centre)
    matrix = np.eye(n + 1)
    matrix[:n, :n], matrix[:n, n] = rotation, centre - rotation @ centre
    return matrix


def turn_2d(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


# %% [markdown]
# Each bone first turns about its own joint **in the rest pose**, then takes part in everything that its parent does:
# $G_k = G_{\text{parent}(k)}\, A_k$.


# %%
def bone_transforms(rotations, joints, parents):
    transforms = []
    for k, parent in enumerate(parents):
        own = about(rotations[k], joints[k])
        transforms.append(own if parent < 0 else transforms[parent] @ own)
    return np.stack(transforms)


finger_joints, finger_parents = np.array([[0.0, 0], [4, 0], [7, 0]]), (-1, 0, 1)


def bent(*degrees):
    return bone_transforms([turn_2d(d) for d in degrees], finger_joints, finger_parents)


# %%
finger_tip = np.array([9.0, 0, 1])
for degrees, predicted in (((0, 90, 0), (4, 5)), ((0, 90, 90), (2, 3))):
    arrived = (bent(*degrees)[2] @ finger_tip)[:2]
    print(f"bent by {degrees}: the tip is at ({arrived[0]:.3g}, {arrived[1]:.3g})")
    assert np.allclose(arrived, predicted)

# %% [markdown]
# ## Skinning, on paper
#
# Bones are stiff, skin is not. **Linear blend skinning** lets a point near a joint follow several bones at once and
# takes the weighted mean of where each would carry it:
#
# $$ x_i' = \sum_k w_{ik}\, G_k\, x_i, \qquad \sum_k w_{ik} = 1 $$
#
# Bend the second joint by 90° and follow three points:
#
# * $(2,1)$ belongs wholly to the first bone: it stays;
# * $(5.5,1)$ belongs wholly to the second: relative to the joint it was $(1.5, 1)$, turned by 90° that is $(-1, 1.5)$,
#   so it arrives at $(3, 1.5)$;
# * $(4,-1)$ lies at the joint and belongs to both by halves. The first bone leaves it at $(4,-1)$, the second
#   would carry it to $(5,0)$: it arrives in the middle, $(4.5,-0.5)$.
#
# It was at distance 1 from the joint. Now it is at $\sqrt{0.5^2+0.5^2} \approx 0.71$. Remember that.


# %%
def skin_by_loops(points, weights, transforms):
    skinned = np.zeros_like(points)
    for i, point in enumerate(points):
        for k, transform in enumerate(transforms):
            carried = transform[:-1, :-1] @ point + transform[:-1, -1]
            skinned[i] += weights[i, k] * carried
    return skinned


# %%
three_points = np.array([[2.0, 1], [5.5, 1], [4, -1]])
three_weights = np.array([[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0]])
arrived = skin_by_loops(three_points, three_weights, bent(0, 90, 0))
print(np.round(arrived, 3))
assert np.allclose(arrived, [[2, 1], [3, 1.5], [4.5, -0.5]])

# %% [markdown]
# The mean of matrices times a point is the mean of the products, so the matrices can be blended first: one
# $3\times3$ matrix per point (in 3D $4\times4$), then one product. No loop is left.


# %%
def skin(points, weights, transforms):
    homogeneous = np.column_stack((points, np.ones(len(points))))
    blended = np.einsum("ik,kab->iab", weights, transforms)
    return np.einsum("iab,ib->ia", blended, homogeneous)[:, :-1]


assert np.allclose(skin(three_points, three_weights, bent(0, 90, 0)), arrived)

# %% [markdown]
# A whole finger: its outline, with weights that change over one unit before and after each joint.


# %%
def ramp(x, joint):
    return np.clip((x - joint + 1) / 2, 0, 1)


x = np.linspace(0, 9, 91)
outline = np.concatenate((np.column_stack((x, np.ones(91))), np.column_stack((x[::-1], -np.ones(91)))))
second, third = ramp(outline[:, 0], 4), ramp(outline[:, 0], 7)
outline_weights = np.column_stack((1 - second, second - third, third))

# %%
figure, axes = show.detached_figure(1, 3, figsize=(11, 3.4), layout="constrained")
for ax, degrees in zip(axes, ((0, 0, 0), (0, 45, 45), (0, 90, 90)), strict=True):
    ax.fill(*skin(outline, outline_weights, bent(*degrees)).T, color="#E69F00", alpha=0.5)
    chain = np.stack(
        [
            *(g[:2, :2] @ j + g[:2, 2] for g, j in zip(bent(*degrees), finger_joints, strict=True)),
            (bent(*degrees)[2] @ finger_tip)[:2],
        ]
    )
    ax.plot(*chain.T, "o-", color="#4D4D4D")
    ax.set(title=f"bent by {degrees}", aspect="equal", xlim=(-1, 10), ylim=(-1.5, 6))
figure


# %%
def area(polygon):
    x, y = polygon.T
    return 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))


for degrees in ((0, 0, 0), (0, 45, 45), (0, 90, 90)):
    print(f"bent by {degrees}: area {area(skin(outline, outline_weights, bent(*degrees))):.3g}")

# %% [markdown]
# Outside the bend a corner is cut off, inside the skin folds over itself: the finger loses substance, though every bone kept
# its length.
#
# ## The same two functions pose a hand
#
# `about`, `bone_transforms` and `skin` never asked how many dimensions there are. A hand has 16 joints instead of
# three, and one addition, the *pose correctives*: before skinning, the surface is shifted by an amount that is linear
# in the entries of $R_k - I$ of the 15 finger joints.
#
# $$ T(\beta,\theta) = \bar T + S\beta + P\,\mathrm{vec}(R(\theta) - I) $$
#
# They put back some of what skinning takes away. For a flat hand all $R_k$ are $I$ and they vanish.


# %%
def pose_hand(data, rotations, betas):
    surface = shaped(data, betas)
    joints = data.J_regressor @ surface
    surface = surface + data.posedirs @ (rotations[1:] - np.eye(3)).ravel()
    return skin(surface, data.weights, bone_transforms(rotations, joints, MANO_PARENTS))


# %% [markdown]
# A prediction that needs no computer: the fingers of the right hand lie along $-x$ and the palm faces $-y$. A turn
# by $+90°$ about $z$ takes $(-1,0,0)$ to $(0,-1,0)$, from the fingers' direction to the palm's. So **positive
# rotations about $z$ curl a finger**. Curl the index finger at its first joint: its tip must come to lie on the palm's
# side, at lower $y$.

# %%
rotations = np.tile(np.eye(3), (16, 1, 1))
rotations[MANO_JOINT_NAMES.index("index1")] = Rotation.from_euler("z", 90, degrees=True).as_matrix()
index_tip = tip_vertices("smplx", "right")[1]
curled = pose_hand(right_data, rotations, np.zeros(10))
print(
    f"y of the index tip: {1000 * right_data.v_template[index_tip, 1]:.3g} mm, curled {1000 * curled[index_tip, 1]:.3g} mm"
)
assert curled[index_tip, 1] < right_data.v_template[index_tip, 1] - 0.05

# %% [markdown]
# `handlib.hand.hand.Hand` does this for batches, with gradients: `about` and `bone_transforms` are `forward_kinematics`
# in `handlib/hand/skinning.py`, which steps from joint to joint and takes off at the end what becomes of each unposed joint;
# `skin` has its name. For a random pose and shape three hands must agree: ours, `Hand`, and the MANO layer of the smplx package, an independent implementation that reads our hand from a file as it would
# read MANO's. (It remarks that ten betas are few. MANO has ten.)

# %%
rng = np.random.default_rng(0)
axis_angles, betas = rng.normal(scale=0.3, size=(16, 3)), rng.normal(size=10)
ours = pose_hand(right_data, Rotation.from_rotvec(axis_angles).as_matrix(), betas)

pose, root = torch.from_numpy(axis_angles[1:].ravel()).float(), torch.from_numpy(axis_angles[0]).float()
theirs = right(root_axis_angle=root, pose_axis_angle=pose, betas=torch.from_numpy(betas).float(), centre=None)
assert np.abs(theirs.vertices.numpy() - ours).max() < 1e-6
print("ours and Hand agree to a micrometre")

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import smplx

from handlib.hand.mano_file import repair_left_shapedirs, write_mano

with TemporaryDirectory() as folder:
    path = Path(folder) / "MANO_RIGHT.pkl"
    write_mano(right_data, path)
    layer = smplx.create(path, model_type="mano", is_rhand=True, use_pca=False, flat_hand_mean=True)
smplx_vertices = layer(
    global_orient=root[None], hand_pose=pose[None], betas=torch.from_numpy(betas).float()[None]
).vertices
assert np.abs(smplx_vertices[0].detach().numpy() - ours).max() < 1e-6

# %% [markdown]
# ## Forty-five coefficients that know what hands do
#
# Fifteen joints with three angles each make 45 numbers, most of whose combinations no hand can do. The model
# therefore writes a finger pose around a mean, along axes ordered by how much real (here: anatomically limited, random)
# poses vary along them. DIR predicts all 45 coefficients:
#
# $$ \theta = \bar\theta + c\,C, \qquad c \in \mathbb{R}^{45} $$
#
# A useful consequence: $c = 0$ is not a flat hand but a relaxed one, with bent fingers.

# %%
flat, relaxed = right(pose_axis_angle=torch.zeros(45)), right(pose_pca=torch.zeros(45))
curl = (flat.joints - relaxed.joints)[[4, 8, 12, 16, 20]].norm(dim=-1)
print("mm from flat to relaxed, thumb to little:", *(f"{1000 * d:.3g}" for d in curl))

# %%
figure, axes = show.detached_figure(1, 4, figsize=(11, 3.2), layout="constrained")
for ax, (k, value) in zip(axes, ((0, -1.5), (0, 1.5), (2, -1.5), (2, 1.5)), strict=True):
    coefficients = torch.zeros(45)
    coefficients[k] = value
    ax.imshow(picture(right(pose_pca=coefficients), framing))
    ax.set(title=f"component {k} = {value:+.1f}", xticks=[], yticks=[])
figure

# %% [markdown]
# ### Move it yourself
#
# Sliders for the first pose components and betas, both hands at once. Find the component that curls all fingers; pick a
# fingertip and see how far it goes.

# %%
show.HandExplorer([Hand.open("left"), right])

# %% [markdown]
# ## Break it: the candy wrapper
#
# Take a point that follows two bones by halves, and twist the second about the finger's axis by $\varphi$. The point is
# carried to the middle of a chord of its circle, and the middle of a chord is nearer to the axis:
#
# $$ r(\varphi) = r\,\cos(\varphi/2) $$
#
# At 90° that is 71 % (the number from the paper finger), at 180° nothing is left: the skin is pinched like the wrapper
# of a sweet. Measure it where the index finger's second and third joint's weights meet.

# %%
index2, index3 = (rest_joints[MANO_JOINT_NAMES.index(name)] for name in ("index2", "index3"))
axis = (index3 - index2) / np.linalg.norm(index3 - index2)
halves = np.abs(right_data.weights[:, [1, 2]] - 0.5).max(1) < 0.25


def radius(vertices):
    return np.linalg.norm(np.cross(vertices[halves] - index2, axis), axis=1).mean()


# %%
def twist_index2(degrees):
    twisted = np.tile(np.eye(3), (16, 1, 1))
    twisted[2] = Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()
    return pose_hand(right_data, twisted, np.zeros(10))


for degrees in (0, 90, 180):
    measured = radius(twist_index2(degrees)) / radius(right_data.v_template)
    print(
        f"{degrees:3} degrees: {100 * measured:.0f} % of the radius, halves would keep {100 * np.cos(np.radians(degrees / 2)):.0f} %"
    )

# %% [markdown]
# The vertices that were measured share their weights only about equally, between one to three and three to one, so they lose nearly all
# that the formula says, not quite all. Fingers don't twist like this, so hand models live with it; forearms do, and there the wrapper is
# seen.
#
# Fingers do bend, and bending loses volume too. How much of it do the pose correctives put back? The wrist is open, so
# close it with a fan of triangles to its centre and add up signed tetrahedra.


# %%
def boundary_loop(faces):
    edges = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
    inner = {(b, a) for a, b in edges}
    return np.array([edge for edge in edges if tuple(edge) not in inner])


def volume(vertices, faces):
    rim = boundary_loop(faces)
    triangles = np.concatenate(
        (
            vertices[faces],
            np.stack(
                (
                    vertices[rim[:, 1]],
                    vertices[rim[:, 0]],
                    np.broadcast_to(vertices[rim[:, 0]].mean(0), (len(rim), 3)),
                ),
                axis=1,
            ),
        )
    )
    return np.linalg.det(triangles).sum() / 6


# %%
uncorrected = replace(right_data, posedirs=np.zeros_like(right_data.posedirs))
fist = np.tile(np.eye(3), (16, 1, 1))
for name in ("index", "middle", "ring", "little"):
    for joint in "23":
        fist[MANO_JOINT_NAMES.index(name + joint)] = Rotation.from_euler("z", 90, degrees=True).as_matrix()

whole = volume(right_data.v_template, right_data.faces)
for name, data in (("skinning alone", uncorrected), ("with correctives", right_data)):
    lost = whole - volume(pose_hand(data, fist, np.zeros(10)), data.faces)
    print(f"{name}: {1e6 * lost:.2g} of {1e6 * whole:.3g} cubic centimetres lost at eight bent joints")

# %% [markdown]
# ## The left hand
#
# It is the mirror image of the right one in $x$: vertices and shape directions change the sign of $x$, faces change their
# winding, and every joint lies where the mirror shows it.

# %%
flip = np.array([-1.0, 1, 1])
assert np.allclose(left_data.v_template, right_data.v_template * flip)
assert np.allclose(left_data.shapedirs, right_data.shapedirs * flip[:, None])
left = Hand.open("left")
one_beta = 2 * torch.eye(10)[0]
assert torch.allclose(
    left(betas=one_beta).joints, right(betas=one_beta).joints * torch.tensor([-1.0, 1, 1]), atol=1e-6
)

# %% [markdown]
# MANO's published **left** file has a fault: the $x$ part of its shape directions carries the right hand's sign. Nobody
# notices at $\beta = 0$. Fingers lie along $x$, so a beta that should lengthen them shortens them instead. Inject
# the fault into the open hand and look: left the sound hand, right the faulty one, same beta.

# %%
faulty_data = replace(left_data, shapedirs=left_data.shapedirs * flip[:, None])
sound, faulty = (Hand(data)(betas=one_beta) for data in (left_data, faulty_data))
turn, apart = show.upright("left").T, np.array([[[-0.1, 0, 0]], [[0.1, 0, 0]]])
vertices, joints = (
    np.stack([getattr(hand, part).numpy() @ turn for hand in (sound, faulty)]) + apart
    for part in ("vertices", "joints")
)
show.HandsView(vertices, joints, sides=("left", "left"), caption="(sound, faulty)")

# %%
for name, hand in (("sound", sound), ("faulty", faulty)):
    print(f"{name}: wrist to middle tip {1000 * (hand.joints[12] - hand.joints[0]).norm():.3g} mm")

# %% [markdown]
# The repair compares both files. Mirrored directions differ in $x$; faulty ones agree, and only then is the sign changed.
# A sound file comes back untouched.

# %%
mended = repair_left_shapedirs(faulty_data, right_data)
assert np.allclose(mended.shapedirs, left_data.shapedirs)
assert repair_left_shapedirs(left_data, right_data) is left_data
print("mended")

# %% [markdown]
# **Exercise 1.** A right hand's pose is 45 numbers: an axis-angle vector for each of 15 joints. Write the pose that makes
# the *left* hand its mirror image. Think of one axis at a time: what does a mirror in $x$ do to a wheel that turns
# about $x$, and to one that turns about $y$?
#
# <details><summary>Hint</summary>A wheel that turns about $x$ lies parallel to the mirror, and its image turns along with
# it. Hold a wheel at right angles to the mirror, as those about $y$ and $z$ are: which way does its image turn?</details>


# %% tags=["exercise"]
def mirror_pose(pose): ...  # pose: (45,) of the right hand; return (45,) for the left hand


check("mirror_pose", mirror_pose)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def mirror_pose_solution(pose):
    # An axis is mirrored (x changes sign) and every sense of rotation is reversed (all change sign).
    return pose * np.tile([1.0, -1.0, -1.0], 15)


check("mirror_pose", mirror_pose_solution)

# %% [markdown]
# ## The wrist is not at the origin
#
# Data sets store a hand in the *world*: root rotation $R_h$, translation $t_h$. Cameras are given as $x_c = R\,x_w + t$.
# It is tempting to rotate the root and the translation and be done. But the model turns about its wrist joint $J_0$, and
# $J_0$ isn't the origin:

# %%
wrist = rest_joints[0]
print("wrist in the model's frame, mm:", *(f"{1000 * c:.3g}" for c in wrist))

# %% [markdown]
# A hand in the world: $R_h = I$ and $t_h = (0, 0, 0.5)$. The camera turns everything by 180° about $z$, $t = 0$. What the
# tempting rule misses is $R J_0 - J_0$. A half turn about $z$ takes $(J_x, J_y)$ to $(-J_x, -J_y)$, so the error
# must be $2\sqrt{J_x^2 + J_y^2} = 2\sqrt{0.0957^2 + 0.0064^2} \approx 0.192$ metres: more than a hand's length.

# %%
half_turn = Rotation.from_euler("z", 180, degrees=True).as_matrix()
translation = np.array([0, 0, 0.5])
in_camera = (right(centre=None).vertices.numpy() + translation) @ half_turn.T
turned = right(root_rotation=torch.from_numpy(half_turn).float(), centre=None).vertices.numpy()
tempting = turned + half_turn @ translation
error = np.linalg.norm(tempting - in_camera, axis=1)
print(f"error of the tempting rule: {error.min():.3g} to {error.max():.3g} m")
assert np.allclose(error, 2 * np.hypot(*wrist[:2]), atol=1e-5)

# %% [markdown]
# The same at every vertex: the hand has the right pose at the wrong place. In an overlay it is obvious; in a training
# set of centred hands nobody ever sees it, but the distance between two hands is wrong.
#
# **Exercise 2.** Find the translation in the camera's frame, $t_h'$, such that the hand with root rotation $R R_h$ and
# translation $t_h'$ lies exactly where $x_c = R\,x_w + t$ puts it.
#
# <details><summary>Hint</summary>Write $x_w = R_h(v - J_0) + J_0 + t_h$, apply the camera, and ask which $t_h'$ makes it
# equal to $R R_h (v - J_0) + J_0 + t_h'$.</details>


# %% tags=["exercise"]
def camera_translation(
    wrist, translation, rotation, shift
): ...  # all (3,), rotation (3, 3): J0, t_h, R, t; return (3,)


check("camera_translation", camera_translation)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def camera_translation_solution(wrist, translation, rotation, shift):
    return rotation @ translation + shift + rotation @ wrist - wrist


check("camera_translation", camera_translation_solution)


# %% [markdown]
# ## What comes next
#
# You have seen 10 betas and 45 pose coefficients. DIR's 64 numbers also hold 6 for the root's rotation and 3 for a camera, and
# both deserve a look before a network predicts them: why six numbers for a rotation that has three degrees of
# freedom, and what a weak-perspective camera can and can't say about depth. That is the next notebook.
