# %% [markdown]
# # 07 · Multi-plane feature projection: how joints write back into the picture
#
# After the transformer a stage holds 42 vectors, one per joint of both hands, and they know things that no pixel knows: which hand they
# belong to, where the other hand is, what is hidden. The next stage wants a *map* again, because only a map can be compared with the
# picture pixel by pixel. So the vectors have to go back to where their joints are. Where two hands touch, many joints want the same
# pixel.
#
# **The question:** how do joint features get back into the picture without mixing where joints meet (Sec. 3.2.3)?
#
# Afterwards you should be able to say
#
# 1. what is drawn, pixel by pixel, by one shared plane, by a plane per joint (the paper's text) and by a plane per bone (the released
#    code);
# 2. what "features are confused" means as a number, how large it is on hands, and whether two hands or one hand cause it;
# 3. where the features are added up after all, and how many joints may meet there;
# 4. what the planes cost, in multiply-adds and bytes, and how the same result comes out without ever making a plane;
# 5. what a half width that is too small or a finger that points at the camera does, and which gradients the drawing lets through.
#
# Words: [multi-plane projection](../docs/glossary.md#multi-plane-projection), [bone](../docs/glossary.md#bone), [token](../docs/glossary.md#token), [feature map](../docs/glossary.md#feature-map).

# %%
import math

import numpy as np
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from PIL import Image
from torch import Tensor
from torch.nn.functional import conv1d, conv2d, unfold
from torch.utils.flop_counter import FlopCounterMode

from handlib import DIR, load_samples, show
from handlib.analysis.projection import plane_shares, read_back_error, seen_at_joints
from handlib.data.sample import STRATA, normalise, resize, stack
from handlib.exercises import check
from handlib.model.projection import bone_masks, conv_of_masks, joint_masks, planes_then_conv, project_planes
from handlib.show.core.palette import HIGHLIGHT
from handlib.show.projection import PROJECTION_NAMES, projection_picture, projection_state
from handlib.hand.skeleton import BONES

torch.set_num_threads(1)
torch.set_printoptions(precision=3, sci_mode=False)

# %% [markdown]
# ## The three ways, in one picture
#
# Left and right index tips are half a pixel apart on a 16 x 16 map. Below, once for every projection: everything that is
# drawn, then the plane from which each fingertip would be read. The pixel that a fingertip lies in is framed; a dot marks pixels where
# both hands show; pale is the rest of the same hand.

# %%
train, test = load_samples("train"), load_samples("test")
fingertips = train[44]
pictures = []
for projection in PROJECTION_NAMES.values():
    state = projection_state(fingertips.uv, 0.5, projection, half_width=0.125, size=16)
    pictures.append(projection_picture(state))
    print(state.caption)
Image.fromarray(np.vstack(pictures))

# %% [markdown]
# The bars on the right are the subject of half of this notebook. First the drawing itself.
#
# ## One joint on a tiny map
#
# The paper writes $F^{proj}_j$ for the plane of joint $j$ and concatenates the planes of both hands:
#
# $$ F^{proj} = \big[\,P(f_1, u_1),\; P(f_2, u_2),\; \dots,\; P(f_{2J}, u_{2J})\,\big], \qquad
#    P(f, u)[y, x] = \begin{cases} f & \text{if the centre of pixel } (x, y) \text{ is closer than } r \text{ to } u \\
#    0 & \text{otherwise} \end{cases} $$
#
# Pixel $(x, y)$ covers $[x, x+1) \times [y, y+1)$, so its centre is at $(x + \tfrac12, y + \tfrac12)$. Take a map of 4 x 4 and a radius
# of $r = 1$ pixel. **Predict** how many pixels a joint draws when it lies
#
# * at $(2, 2)$, the corner of four pixels: their centres are at distance $\sqrt{0.5} \approx 0.71$, so **4**;
# * at $(2.5, 1.5)$, a pixel's centre: its neighbours' centres are at distance 1, which is not closer than 1, so **1**.


# %%
def disc_by_loops(joint, size, radius):
    mask = torch.zeros(size, size)
    for y in range(size):
        for x in range(size):
            if math.hypot(x + 0.5 - joint[0], y + 0.5 - joint[1]) < radius:
                mask[y, x] = 1
    return mask


for joint, predicted in (((2, 2), 4), ((2.5, 1.5), 1)):
    drawn = int(disc_by_loops(joint, 4, 1).sum())
    print(f"joint at {joint}: pixels drawn {drawn}")
    assert drawn == predicted

# %% [markdown]
# Between one and four pixels, depending on where in a pixel the joint happens to lie; on average the disc's area, $\pi r^2 \approx 3.14$.
#
# ## Two joints on one plane
#
# Features of one channel, so that a plane is a table of numbers: the left fingertip says 3, at $(2,2)$; the right one says 10, at
# $(3,2)$. The discs share a column of two pixels. **Predict** what stands there if both are drawn into one plane.

# %%
left_tip, right_tip = disc_by_loops((2, 2), 4, 1), disc_by_loops((3, 2), 4, 1)
one_plane = 3 * left_tip + 10 * right_tip
two_planes = torch.stack((3 * left_tip, 10 * right_tip))
print(one_plane.int())
print("in the middle, on two planes:", two_planes[:, 1, 2].int())
assert one_plane[1, 2] == 13

# %% [markdown]
# 13. Whoever reads 13 can't tell whether it was 3 + 10, or 10 + 3, or 12 + 1. A plane for each joint keeps both, at twice the channels.
#
# ## A bone on a tiny map
#
# The released code draws bones instead of joints. A pixel belongs to the bone from $a$ to $b$ if its centre is closer than $r$ to the
# *segment* between them, and it shows a mixture of both ends, by their distances $d_a$ and $d_b$:
#
# $$ B(f_a, f_b)[y, x] = \Big(1 - \frac{d_a}{d_a + d_b}\Big) f_a + \Big(1 - \frac{d_b}{d_a + d_b}\Big) f_b $$
#
# A bone from $(0.5, 1.5)$ to $(3.5, 1.5)$, $f_a = 3$, $f_b = 6$, $r = 1$. Only the row $y = 1$ is closer than 1. Its centres lie 0, 1, 2
# and 3 pixels from $a$ and 3, 2, 1, 0 from $b$, so $a$'s shares are $1, \tfrac23, \tfrac13, 0$. **Predict** the row: 3, 4, 5, 6.


# %%
def distance_to_segment(p, a, b):
    along = (b[0] - a[0], b[1] - a[1])
    length_squared = along[0] ** 2 + along[1] ** 2
    t = ((p[0] - a[0]) * along[0] + (p[1] - a[1]) * along[1]) / length_squared
    t = min(max(t, 0), 1)  # beyond an end the nearest point is the end: the bone is round there
    return math.hypot(p[0] - a[0] - t * along[0], p[1] - a[1] - t * along[1])


# %%
def bone_by_loops(a, b, size, radius):
    shares = torch.zeros(2, size, size)
    for y in range(size):
        for x in range(size):
            p = (x + 0.5, y + 0.5)
            if distance_to_segment(p, a, b) < radius:
                d_a, d_b = math.dist(p, a), math.dist(p, b)
                shares[0, y, x], shares[1, y, x] = 1 - d_a / (d_a + d_b), 1 - d_b / (d_a + d_b)
    return shares


shares = bone_by_loops((0.5, 1.5), (3.5, 1.5), 4, 1)
plane = 3 * shares[0] + 6 * shares[1]
print(plane.round(decimals=2))
assert torch.allclose(plane[1], torch.tensor([3.0, 4, 5, 6]))

# %% [markdown]
# On a finer map the shape shows: a capsule, two numbers per pixel that sum to 1 inside and are 0 outside. A joint's feature is strongest
# at the joint and fades towards the other end.

# %%
start, end = bone_by_loops((9, 22), (23, 10), 32, 4)
figure, axes = show.detached_figure(1, 3, figsize=(9, 2.9), layout="constrained")
for ax, share, title in zip(axes, (start, end, start + end), ("share of a", "share of b", "both")):
    ax.imshow(share, cmap="Greys", vmin=0, vmax=1.2)
    ax.plot((8.5, 22.5), (21.5, 9.5), color=HIGHLIGHT, marker="o")
    ax.set(title=title, xlabel="x (map pixels)", ylabel="y (map pixels)")
print(f"sum inside the capsule: {(start + end)[start + end > 0].mean():.3g}")
figure

# %% [markdown]
# ## All bones at once
#
# Nothing in the formula needs a loop. Distances from every end to every pixel centre are broadcasts; the clamp finds the nearest
# point of each segment. The $10^{-6}$ keeps a square root away from zero, as in the released code, where it is added to both coordinates.


# %%
@jaxtyped(typechecker=beartype)
def draw_bones(
    points: Float[Tensor, "joints=21 2"], size: int, radius: float
) -> Float[Tensor, "20 2 {size} {size}"]:
    centre = torch.arange(size) + 0.5
    pixels = torch.stack(torch.meshgrid(centre, centre, indexing="xy"), -1)  # (y, x, 2), holding (x, y)
    a, b = (points[[bone[e] for bone in BONES]][:, None, None] for e in (0, 1))
    t = ((pixels - a) * (b - a)).sum(-1) / (b - a).square().sum(-1)
    nearest = a + t.clamp(0, 1)[..., None] * (b - a)
    inside = (pixels - nearest).square().sum(-1) < radius**2
    d_a, d_b = ((pixels - p + 1e-6).norm(dim=-1) for p in (a, b))
    return torch.stack((d_b, d_a), 1) / (d_a + d_b)[:, None] * inside[:, None]


# %%
right_uv = fingertips.uv[1]
points = (right_uv + 1) / 2 * 16
masks = draw_bones(points, size=16, radius=1.0)
for k in (0, 7, 19):
    looped = bone_by_loops(*(points[joint].tolist() for joint in BONES[k]), 16, 1)
    assert torch.allclose(masks[k], looped, atol=1e-4)
assert torch.allclose(masks, bone_masks(fingertips.uv[None], 16, 0.125)[0, 1], atol=1e-5)
print("loops, draw_bones and handlib's bone_masks agree")

# %% [markdown]
# `handlib` measures the half width in uv units, 0.125, because it should be the same on every map: 1 pixel of 16, 2 pixels of 32, which
# are the two maps of DIR.
#
# Masks times features are planes. For bones each plane takes two masks; for joints one; for the shared plane everything is summed.
# The order is left before right, then bones (or joints), then channels.

# %%
C, size, half_width = 3, 16, 0.125
generator = torch.Generator().manual_seed(0)
features = torch.randn(1, 2, 21, C, generator=generator)
uv = fingertips.uv[None]

ends = features[:, :, torch.tensor(BONES)]
of_bones = torch.einsum("bhkeyx,bhkec->bhkcyx", bone_masks(uv, size, half_width), ends).flatten(1, 2)
of_joints = torch.einsum("bhjeyx,bhjc->bhjcyx", joint_masks(uv, size, half_width), features).flatten(1, 2)
shared = of_bones.sum(1, keepdim=True)

for name, ours in (("bone", of_bones), ("joint", of_joints), ("single", shared)):
    assert torch.allclose(ours, project_planes(features, uv, size, half_width, name), atol=1e-5)
    print(f"{name:6} {tuple(ours.shape)}: batch, planes, channels, y, x")

# %% [markdown]
# ## What "confused" means, as a number
#
# "The features of different joints will be confused", says the ablation of the paper about one shared plane. To measure that, read back
# what was drawn.
#
# > A reader looks at **one pixel of all planes**, the pixel that joint $i$ lies in. It knows the masks, not the features, and wants
# > $f_i$. It may take any weighted sum of what it sees. If the features are independent random vectors of the same size, which
# > share of $f_i$ (of its mean square) does the best weighting get wrong?
#
# At that pixel every plane $p$ shows $v_p = \sum_j M_{pj} f_j$, with $M$ the masks' values there: one row per plane, one column per joint.
# One shared plane has one row $m$, and the best gain on its only value is $m_i / \sum_j m_j^2$. What is lost is
#
# $$ \varepsilon_i = 1 - \frac{m_i^2}{\sum_j m_j^2}, \qquad\text{and for many planes}\qquad \varepsilon_i = 1 - (M^+M)_{ii}, $$
#
# $M^+$ the pseudoinverse. Three cases by hand:
#
# * two joints at one pixel of a shared plane, $m = (1, 1)$: $\varepsilon = \tfrac12$; the best answer is half the sum;
# * three joints, $m = (1, 1, 1)$: $\tfrac23$;
# * each on its own plane, $M = I$: 0.


# %%
@jaxtyped(typechecker=beartype)
def lost(M: Float[Tensor, "planes joints"], i: int) -> float:
    return abs(1 - float((torch.linalg.pinv(M, rtol=1e-4) @ M)[i, i]))


for M, predicted in ((torch.ones(1, 2), 1 / 2), (torch.ones(1, 3), 2 / 3), (torch.eye(2), 0)):
    print(f"{M.shape[0]} plane(s), {M.shape[1]} joints: {lost(M, 0):.2f} is lost")
    assert abs(lost(M, 0) - predicted) < 1e-6

# %% [markdown]
# The formula is short, so check it the long way: draw many random features, fit the weights by least squares, measure. A pixel of a
# shared plane that shows 0.8 of joint 0, 0.2 of joint 1 (a bone) and 0.5 of joint 2 (another bone that passes):

# %%
M = torch.tensor([[0.8, 0.2, 0.5]])
drawn = torch.randn(3, 200_000, generator=generator)
seen = M @ drawn
weights = torch.linalg.lstsq(seen.T, drawn[:1].T).solution
residual = (seen.T @ weights - drawn[:1].T).square().mean() / drawn[0].square().mean()
print(f"fitted {residual:.2f}, formula {lost(M, 0):.2f}")
assert abs(residual - lost(M, 0)) < 0.01

# %% [markdown]
# ## Two fingertips approach each other
#
# Now the experiment: two fingers' last bones, 3 map pixels long, in random directions on a 16 x 16 map. The gap between the
# tips shrinks from 6 pixels to 0. At each gap, 300 random placements within the pixel grid. To see what a plane shows of each of the four joints, draw
# **one-hot features**: channel $c$ of a plane is then the share of joint $c$.

# %%
ENDS = ((0, 7), (0, 8), (1, 7), (1, 8))  # (hand, joint): index3 and index4, left and right
one_hot = torch.zeros(1, 2, 21, 4)
for channel, (hand, joint) in enumerate(ENDS):
    one_hot[0, hand, joint, channel] = 1


def planes_that_show(features, uv):
    """The planes on which the four can appear: both bones', their sum, and the four joints'."""
    bones = project_planes(features.expand(len(uv), -1, -1, -1), uv, 16, 0.125, "bone")[:, [7, 27]]
    joints = project_planes(features.expand(len(uv), -1, -1, -1), uv, 16, 0.125, "joint")[:, [7, 8, 28, 29]]
    return {"single": bones.sum(1, keepdim=True), "bone": bones, "joint": joints}


# %%
def meeting(gap, count=300, size=16):
    """uv of both hands: index fingers with their tips a gap apart, all other joints far outside."""
    chance = torch.Generator().manual_seed(1)
    tip = 8 + torch.rand(count, 2, generator=chance)
    angles = 2 * math.pi * torch.rand(count, 3, generator=chance)
    apart, left, right = torch.stack((angles.cos(), angles.sin()), -1).unbind(1)
    pixels = torch.full((count, 2, 21, 2), 99.0)
    pixels[:, 0, 8], pixels[:, 0, 7] = tip, tip + 3 * left
    pixels[:, 1, 8], pixels[:, 1, 7] = tip + gap * apart, tip + gap * apart + 3 * right
    return pixels * 2 / size - 1


# %% [markdown]
# The left tip always lies in pixel (8, 8). The first reader is the one defined above. But a sharp reader objects: a 3x3 convolution sees nine
# pixels, not one; can't it tell two overlapping discs apart by their shapes? And it has a handicap: **its weights are the same in every
# picture**, so it can't adapt to where the hands happen to be. The second reader is that convolution: one weight for each of 3 x 3 pixels of each
# plane, fitted by least squares for all 300 placements of a gap at once.


# %%
def pixel_reader(planes):
    return float(read_back_error(planes[..., 8, 8])[:, 1].mean())  # M: (placements, planes, 4)


def convolution_reader(planes):
    window = planes[..., 7:10, 7:10].transpose(1, 2).flatten(2)  # (placements, 4, planes * 9)
    wanted = torch.eye(4)[1].expand(len(window), -1)  # the left tip alone
    kernel = torch.linalg.pinv(window.flatten(0, 1), rtol=1e-4) @ wanted.flatten()
    return float((window @ kernel - wanted).square().sum(1).mean())


# %%
gaps = (0, 0.5, 1, 1.5, 2, 3, 4, 5, 6)
curves = {name: ([], []) for name in ("single", "bone", "joint")}
for gap in gaps:
    for name, planes in planes_that_show(one_hot, meeting(gap)).items():
        curves[name][0].append(pixel_reader(planes))
        curves[name][1].append(convolution_reader(planes))
assert all(error < 1e-6 for error in curves["joint"][1])
assert max(curves["bone"][1]) < 0.05 and curves["single"][1][0] > 0.45

# %%
STYLES = {
    "single": ("one shared plane", "s", "0.0"),
    "bone": ("a plane per bone", "o", "0.4"),
    "joint": ("a plane per joint", "^", "0.65"),
}
figure, axes = show.detached_figure(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
titles = ("reads one pixel, knows the masks", "one 3x3 convolution for all pictures")
for ax, reader, title in zip(axes, (0, 1), titles):
    for name, (label, marker, grey) in STYLES.items():
        ax.plot(gaps, [100 * e for e in curves[name][reader]], marker=marker, color=grey, label=label)
    ax.set(xlabel="gap between the tips (map pixels)", title=title)
axes[0].set_ylabel("lost of the left tip's feature (%)")
axes[0].legend(frameon=False)
for name in curves:
    near, far = (100 * curves[name][1][k] for k in (0, -1))
    print(f"{STYLES[name][0]:18} convolution loses {near:3.0f} % at gap 0, {far:3.0f} % at gap 6")
figure

# %% [markdown]
# Three answers, and they hold for both readers.
#
# * **One shared plane** loses about half at gap 0, as predicted. Swap both fingers together with their features and the plane is the same: it does
#   not say which is which, so a convolution that is the same for all pictures can't do better than half, nine pixels or one. The loss falls as the tips part, with a tail: a tip that is 3 pixels away may still have
#   its bone lying across the pixel.
# * **A plane per joint** loses nothing, at any gap.
# * **A plane per bone** loses a little, and equally much at every gap: what disturbs it is not the other hand but the other end
#   of its own bone. Remember that for "Break it".
#
# ## Move it yourself
#
# The same index fingertips on a sample's whole skeleton. Things to try:
#
# 1. Plane per bone, then shared: which bars change, and where do dots appear in the read plane?
# 2. Shared plane, gap 6: the hands are apart, and the loss is still not zero. Which joints share the framed pixels?
# 3. Shared plane, gap 2, map of 32: make the half width smaller until both bars fall. Which other price is paid, according to the tiles?
# 4. Plane per joint, map of 8: pull the half width to 0.06 and below. A bar jumps to 100 %. Why?

# %%
show.ProjectionExplorer(fingertips, gap=0.5)

# %% [markdown]
# ## How often do joints meet on hands?
#
# All 80 sample pairs, by how near the hands are to each other. How many joints have a joint **of the other hand** within a half width, so
# that its disc covers them? And a joint **of the same hand**? **Predict** which is more frequent before you run it; the paper's
# motivation speaks of "the same or near pixel positions" in interacting hands.

# %%
batch = stack([resize(one, 128) for one in train + test])
uv, half_width = batch.uv, 0.125
groups = {STRATA[k]: batch.stratum == k for k in batch.stratum.unique().tolist()}


def percent(share):
    return f"{100 * float(share):.0f} %"


# %%
close = torch.cdist(uv.flatten(1, 2), uv.flatten(1, 2)) < half_width
same_hand = torch.block_diag(torch.ones(21, 21), torch.ones(21, 21)).bool()
of_other = (close & ~same_hand).any(-1)
of_same = (close & same_hand & ~torch.eye(42, dtype=torch.bool)).any(-1)
print(f"near a joint of:{'the other hand':>17}{'the same hand':>16}")
for name, chosen in groups.items():
    other, same = (percent(near[chosen].float().mean()) for near in (of_other, of_same))
    print(f"{name:16}{other:>17}{same:>16}")
    assert of_same[chosen].sum() > of_other[chosen].sum()

# %% [markdown]
# Far more joints collide with their own hand's than with the other's. It is plain in hindsight: 0.125 is a sixteenth of the picture, in which
# two hands share the space, and neighbouring fingers are hardly further apart. A shared plane is confused already by one hand.
# (The groups go by the distance between the surfaces in space. In the picture, hands may overlap without touching. No `interlocked` pair is
# among the samples.)
#
# The same in terms of what is lost, for the pixel reader, on both maps, now with all joints and bones. `single` adds up the bones; since a shared plane
# might as well add up the joints' discs, that is tried too.


# %%
def lost_at_joints(uv, size, projection, added_up=False):
    shares = plane_shares(uv, size, half_width, projection)
    shares = shares.sum(0, keepdim=True) if added_up else shares
    return read_back_error(seen_at_joints(shares, uv)).diagonal().mean()


WAYS = {
    "bones, one plane": ("bone", True),
    "joints, one plane": ("joint", True),
    "plane per bone": ("bone", False),
    "plane per joint": ("joint", False),
}

# %%
print(f"{'lost':26}" + "".join(f"{name:>10}" for name in groups))
for size in (16, 32):
    table = {name: torch.stack([lost_at_joints(one, size, *way) for one in uv]) for name, way in WAYS.items()}
    for name, loss in table.items():
        row = "".join(f"{percent(loss[chosen].mean()):>10}" for chosen in groups.values())
        print(f"{size} x {size}  {name:17}{row}")
    one, other, bone, joint = (loss.mean() for loss in table.values())
    assert min(one, other) > 5 * bone > 5 * joint and joint < 1e-6

# %% [markdown]
# The shared plane loses about half of everything **even where the hands are apart**. That supports the claim that planes prevent confusion,
# and corrects the picture of where confusion comes from: fingers of one hand, first of all.
#
# ## And with the features that a trained network draws?
#
# Random features are the hardest case: nothing about one joint can be guessed from another. Trained features may be related, and
# then a sum says more. So take the shipped checkpoint's own: `StageTrace.plane_features` are the 42 vectors that a stage draws, `after.uv` the
# places.
#
# Why not simply replace the planes by their sum in the trained network and score it? Because its convolution has separate weights for
# every plane. A sum has 40 times fewer channels: there is no saying which of the 40 sets of weights it should meet, and whatever one
# chose, the network was never trained on such a map. The error would measure the mismatch, not the confusion. (An ablation has to be
# trained; that is notebook 11.) What can be measured is what the sum still knows: draw the real features, fit **one linear decoder** on the 64
# training pairs from what is seen at a joint (in its own plane, in that of the bone that ends in it, or in the shared one) to its feature, and test it on the 16 others.

# %%
model = DIR.from_pretrained("small").eval()
with torch.no_grad():
    trace = model.trace(normalise(batch.image))
for stage in trace.stages:
    size = stage.fused.shape[-1]
    print(f"map {size} x {size}: plane features {tuple(stage.plane_features.shape)}")


# %%
def seen_values(stage, projection):
    size, values = stage.fused.shape[-1], []
    bone = [max(j - 1, 0) + 20 * h for h in range(2) for j in range(21)]
    plane = {"single": [0] * 42, "bone": bone, "joint": range(42)}[projection]
    for features, uv in zip(stage.plane_features, stage.after.uv):
        seen = seen_at_joints(plane_shares(uv, size, half_width, projection), uv)
        values.append(seen[range(42), plane] @ features.flatten(0, 1))
    return torch.stack(values)


# %%
def decoder_error(seen, wanted, fitted=64):
    """Share of the features' variance that a linear decoder, fitted on the first pairs, misses on the rest."""
    X = torch.cat((seen, torch.ones_like(seen[..., :1])), -1).double()
    Y = (wanted - wanted[:fitted].mean((0, 1))).double()
    weights = torch.linalg.lstsq(X[:fitted].flatten(0, 1), Y[:fitted].flatten(0, 1)).solution
    return float((X[fitted:] @ weights - Y[fitted:]).square().sum() / Y[fitted:].square().sum())


for stage in trace.stages:
    wanted = stage.plane_features.flatten(1, 2)
    errors = {name: decoder_error(seen_values(stage, name), wanted) for name in PROJECTION_NAMES.values()}
    missed = ", ".join(f"{name} {percent(error)}" for name, error in errors.items())
    print(f"map of {stage.fused.shape[-1]}, variance missed: {missed}")
    assert errors["single"] > 3 * errors["bone"] and errors["joint"] < 1e-6

# %% [markdown]
# The order is the same as with random features. One reservation remains: this network was trained with planes per bone and never had a reason to
# learn features that survive a sum. A network trained on one plane might, by giving each joint a direction of its own within the channels. In the
# released network's 64 channels there is room for 42 of them, in this network's 16 there isn't.
#
# ## But the convolution adds all planes anyway
#
# Behind the planes stands a convolution that turns 40 planes of $C$ channels into one map of $O$ channels. It adds everything up. Has the mixing only
# been postponed? Yes, with one difference. Write the convolution's weights as one block per plane, $W = [W_1, \dots, W_{40}]$. Where planes
# $1 \dots k$ overlap, the output is
#
# $$ W_1 f_1 + W_2 f_2 + \dots + W_k f_k = [W_1 \cdots W_k]\,(f_1; \dots; f_k): $$
#
# every feature is turned by a learned matrix of its own *before* the sum. The shared plane gives $W(f_1 + \dots + f_k)$, one matrix for
# all, and no learning can part them again. With planes they can be parted as long as the $k\,C$ unknowns don't
# outnumber the $O$ equations of a pixel. DIR has $C = 64$ and $O = 256$ (the small network 16 and 64): **predict** the number of planes that may meet.
#
# $O / C = 4$; beyond it $1 - 4/k$ must be lost. Measure it with the trained weights (the middle tap of the 3x3 kernel), for $k$ planes chosen at
# random.

# %%
weight = model.stages[-1].project.gather.weight.detach()
blocks = weight[..., 1, 1].unflatten(1, (40, -1))  # (O, planes, C)
print("weights:", tuple(weight.shape), "as blocks:", tuple(blocks.shape))
for k in (1, 2, 4, 5, 6, 8, 12, 20):
    chosen = torch.randperm(40, generator=generator)[:k]
    loss = read_back_error(blocks[:, chosen].flatten(1)[None]).mean()
    shared = percent(1 - 1 / k)
    print(f"{k:2} planes meet: {percent(loss):>5} lost with planes, {shared:>5} in a shared plane")
    assert abs(loss - max(0, 1 - 4 / k)) < 0.02

# %% [markdown]
# So the break condition, "if the number of joints becomes too large relative to available channels", is a number: not the 42 joints count,
# but how many planes draw at one pixel. How many do, on the sample pairs?

# %%
crowd = (bone_masks(uv, 32, half_width).sum(3) > 0).sum((1, 2)).float()
crowd = crowd[crowd > 0]
crowded = percent((crowd > 4).float().mean())
print(f"{crowd.mean():.1f} planes per drawn pixel, at most {int(crowd.max())}; more than 4 at {crowded}")
for name, planes in (("single", 1), ("bone", 40), ("joint", 42)):
    print(f"{name:6} {planes * 64 * 256 * 9 / 1e6:5.2f} million weights in the released convolution")

# %% [markdown]
# At a considerable part of the pixels there are more than four (at the wrist alone five bones meet), so the released sizes do not
# keep all features apart everywhere. Neighbouring pixels help, since other planes meet there, and a network need not keep everything.
#
# The argument has a second use. A plane per joint is the same as **one shared plane in which every joint writes into channels of its own**: the
# "planes" are only a way to say that each joint has its own weights. Comparing one plane with many therefore changes two things, the
# mixing and the number of weights, as the last lines above count. The paper's ablation (one plane against many) can't tell the two apart. Notebook 11
# trains it and says what came out.
#
# ## Joints or bones?
#
# The text describes a plane per joint, the code draws bones, and the readers above prefer joints. What do bones buy? They reach where no joint is.
# Count which part of the visible hands' pixels gets any feature at all:

# %%
on_hand = resize(batch, 32).dense.amax(1) > 0
for name, masks in (("joints", joint_masks(uv, 32, half_width)), ("bones", bone_masks(uv, 32, half_width))):
    covered = (masks.sum(3) > 0).any(1).any(1) & on_hand
    print(f"{name:6} reach {percent(covered.sum() / on_hand.sum())} of the hands' pixels")

# %% [markdown]
# A pixel in the middle of a palm or of a long finger bone hears from bones only.
#
# ## What the planes cost
#
# "Cost scales linearly with the number of joints", says the list of the method's limitations. Count, with $P$ planes of $C$ channels on an $S \times S$ map,
# a $k \times k$ convolution to $O$ channels, 4 bytes per number, per picture:
#
# | | multiply-adds | bytes |
# | --- | --- | --- |
# | planes | $P\,E\,C\,S^2$ ($E$ masks per plane: 2 for bones, 1 for joints) | $4\,P\,C\,S^2$ |
# | convolution | $P\,C\,O\,k^2 S^2$ | $4\,O\,S^2$ |
#
# For the released network $P = 40$, $C = 64$, $O = 256$, $k = 3$, and $S = 32$ in the second stage. **Predict** the order of magnitude:
# $2560 \cdot 256 \cdot 9 \cdot 1024 \approx 6 \cdot 10^9$.


# %%
def literal_cost(planes, ends, channels, out, size, kernel=3):
    """Multiply-adds and bytes of planes that are made and then convolved."""
    drawing = planes * ends * channels * size**2
    convolution = planes * channels * out * kernel**2 * size**2
    return drawing + convolution, 4 * planes * channels * size**2


released = {"planes": 40, "ends": 2, "channels": 64, "out": 256}
for size in (16, 32):
    adds, held = literal_cost(**released, size=size)
    print(f"map of {size}: {adds / 1e9:.2f} thousand million multiply-adds, {held / 1e6:.2f} MB of planes")

# %% [markdown]
# Six thousand million multiply-adds: more than the whole ResNet-50 in front of it, which takes about 5.3 on a picture of 256 x 256. Does torch count the
# same? (Its counter calls a multiply-add two operations.) And how much of the planes is not zero? A bone is a few dozen pixels out of 1024.

# %%
full_features = torch.randn(1, 2, 21, 64, generator=generator)
full_weight = torch.randn(256, 2560, 3, 3, generator=generator) * 0.02
full_bias = torch.randn(256, generator=generator)
place = fingertips.uv[None]
with FlopCounterMode(display=False) as counter:
    planes = project_planes(full_features, place, 32, half_width)
    literal = planes_then_conv(planes, full_weight, full_bias)
assert (counter.get_total_flops() / 2, planes.nbytes) == literal_cost(**released, size=32)
zeros = (bone_masks(uv, 32, half_width).sum(3) == 0).float().mean()
assert zeros > 0.95
print(f"torch counts the same; {100 * zeros:.1f} % of the planes of all 80 pairs is zero")

# %% [markdown]
# In training the planes also wait in memory until the backward pass, for every picture of a batch.
#
# ## The same result without making a plane
#
# A plane is not any map. It is a mask (no channels) times a vector (no pixels), $\text{plane}[c, y, x] = m[y, x]\, f[c]$, and a convolution is linear. Step by
# step, for one mask:
#
# $$ \text{out}[o, y, x] = \sum_{c,\,\delta} W[o, c, \delta]\; m[(y, x) + \delta]\, f[c]
#    = \sum_{\delta} \underbrace{\Big( \sum_c W[o, c, \delta]\, f[c] \Big)}_{(Wf)[o, \delta]}\; m[(y, x) + \delta] $$
#
# The channel sum can be done first, once for the whole map. What remains is a convolution of the *mask* with the kernel $Wf$. With all masks:
#
# $$ \text{conv}\Big(\sum_e m_e f_e,\, W\Big) = \sum_e \text{conv}(m_e,\, W_e f_e) $$
#
# Do it by hand, in one dimension: four pixels, two channels, one output, a kernel of three taps. Weights $W_0 = (1, 0, 2)$, $W_1 = (0, 3, 1)$. A bone from pixel centre 0.5 to
# 2.5: masks $m_a = (1, \tfrac12, 0, 0)$ and $m_b = (0, \tfrac12, 1, 0)$. Features $f_a = (2, 1)$, $f_b = (0, 4)$.
#
# * kernels: $Wf_a = 2 W_0 + W_1 = (2, 3, 5)$ and $Wf_b = 4 W_1 = (0, 12, 4)$;
# * $\text{conv}(m_a, Wf_a)$: pixel 0 sees $0 \cdot 2 + 1 \cdot 3 + \tfrac12 \cdot 5 = 5.5$, then $3.5$, $1$, $0$;
# * $\text{conv}(m_b, Wf_b)$: $2$, $10$, $12$, $0$;
# * sum: **7.5, 13.5, 13, 0**.
#
# The price: the kernels depend on the features, so **every picture has kernels of its own**. After the strip, the same as a loop over pictures, hands, bones
# and ends, on maps.

# %%
W = torch.tensor([[[1.0, 0, 2], [0, 3, 1]]])  # (out, channels, taps)
m = torch.tensor([[1, 0.5, 0, 0], [0, 0.5, 1, 0]])  # (ends, pixels)
f = torch.tensor([[2.0, 1], [0, 4]])  # (ends, channels)

strip = conv1d((f.T @ m)[None], W, padding=1)[0]
kernels = torch.einsum("oct,ec->oet", W, f)
factored = conv1d(m[None], kernels, padding=1)[0]
print("kernels: ", kernels[0])
print("literal: ", strip)
print("factored:", factored)
assert torch.equal(strip, factored) and factored.tolist() == [[7.5, 13.5, 13, 0]]


# %%
def conv_of_masks_by_loops(features, uv, size, half_width, weight, bias):
    masks, outs = bone_masks(uv, size, half_width), []
    blocks = weight.unflatten(1, (2, 20, -1))  # (out, hand, bone, channel, k, k)
    for b in range(len(features)):
        out = bias[:, None, None].expand(-1, size, size)
        for h in range(2):
            for k, bone in enumerate(BONES):
                for e, joint in enumerate(bone):
                    kernel = torch.einsum("octs,c->ots", blocks[:, h, k], features[b, h, joint])
                    out = out + conv2d(masks[b, h, k, e][None, None], kernel[:, None], padding=1)[0]
        outs.append(out)
    return torch.stack(outs)


# %%
two = torch.randn(2, 2, 21, 4, generator=generator)
small_weight, small_bias = torch.randn(5, 160, 3, 3, generator=generator), torch.randn(5, generator=generator)
arguments = (two, uv[:2], 16, half_width, small_weight, small_bias)
looped = conv_of_masks_by_loops(*arguments)
direct = planes_then_conv(project_planes(two, uv[:2], 16, half_width), small_weight, small_bias)
assert torch.allclose(looped, direct, atol=1e-4)
print("loop over masks = planes, then convolution")

# %% [markdown]
# Without loops: one `einsum` contracts features into weights. Then the masks are **unfolded**: a column per pixel holds what all masks show in the 3 x 3
# pixels around it, and the convolution is one product of matrices, each picture's kernels times its columns. "Exact" must hold for training too, so the cell after it compares the gradients of features, weights and bias,
# at the released widths.


# %%
@jaxtyped(typechecker=beartype)
def factorised(
    features: Float[Tensor, "batch 2 21 channels"],
    masks: Float[Tensor, "batch 2 20 2 size size"],
    weight: Float[Tensor, "out planes_channels 3 3"],
    bias: Float[Tensor, "out"],
) -> Float[Tensor, "batch out size size"]:
    batch, size, blocks = len(features), masks.shape[-1], weight.unflatten(1, (2, 20, -1))
    kernels = torch.einsum("bhkec,ohkcts->bohkets", features[:, :, torch.tensor(BONES)], blocks)
    columns = unfold(masks.flatten(1, 3), 3, padding=1)  # (batch, 80 * 9, pixels)
    out = kernels.reshape(batch, len(weight), 80 * 9) @ columns
    return out.reshape(batch, len(weight), size, size) + bias[:, None, None]


ours = factorised(two, bone_masks(uv[:2], 16, half_width), small_weight, small_bias)
assert torch.allclose(ours, looped, atol=1e-4)
assert torch.allclose(ours, conv_of_masks(*arguments), atol=1e-4)
print("factorised = loop = handlib's conv_of_masks")


# %%
def gradients(form):
    leaves = [leaf.clone().requires_grad_() for leaf in (full_features, full_weight, full_bias)]
    out = form(*leaves)
    (out * out.detach().cos()).sum().backward()
    return [out.detach(), *(leaf.grad for leaf in leaves)]


literal_way = gradients(lambda f, w, b: planes_then_conv(project_planes(f, place, 32, half_width), w, b))
factored_way = gradients(lambda f, w, b: conv_of_masks(f, place, 32, half_width, w, b))
for name, one, other in zip(("output", "features", "weights", "bias"), literal_way, factored_way):
    assert (one - other).abs().max() < 1e-4 * one.abs().max()
    print(f"{name:8} agree to 1e-4 of the largest value")

# %% [markdown]
# ## Count it
#
# **Exercise 1.** Write the cost of the factorised form, as `literal_cost` does it for the literal one: multiply-adds of contracting features
# into weights *and* of convolving the masks, and the bytes of the masks and of one picture's kernels. (Making the masks doesn't count; it has no channels.)
#
# <details><summary>Hint</summary>There are <code>planes * ends</code> masks. Contracting makes a kernel of out x kernel x kernel numbers for
# each of them, and every number is a sum over channels. Afterwards the masks are the convolution's input channels.</details>


# %% tags=["exercise"]
def factorised_cost(planes, ends, channels, out, size, kernel=3): ...  # return (multiply-adds, bytes)


check("factorised_cost", factorised_cost)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def factorised_cost_solution(planes, ends, channels, out, size, kernel=3):
    masks = planes * ends
    contraction = masks * channels * out * kernel**2
    convolution = masks * out * kernel**2 * size**2
    return contraction + convolution, 4 * (masks * size**2 + masks * out * kernel**2)


check("factorised_cost", factorised_cost_solution)

# %% [markdown]
# | | literal | factorised | literal / factorised |
# | --- | --- | --- | --- |
# | multiply-adds that grow with the map | $P C O k^2 S^2$ | $P E O k^2 S^2$ | $C / E$ |
# | multiply-adds that don't | | $P E C O k^2$ | |
# | bytes that grow with the map | $4 P C S^2$ | $4 P E S^2$ | $C / E$ |
# | bytes that don't | | $4 P E O k^2$ | |
#
# Channels have left the term that grows with the map. For bones the gain tends to $C / 2$ on large maps, for joints to $C$. **Both forms stay linear in
# the number of joints**: the limitation stands, with a slope that is smaller by that factor. Torch's counter agrees again, and a table of sizes:

# %%
with FlopCounterMode(display=False) as counter:
    conv_of_masks(full_features, place, 32, half_width, full_weight, full_bias)
assert counter.get_total_flops() / 2 == factorised_cost_solution(**released, size=32)[0]

print("joints  channels  map |  million multiply-adds   ratio |  MB of planes   of masks and kernels")
sizes = [(21, 64, 16), (21, 64, 32), (42, 64, 32), (84, 64, 32), (21, 16, 32), (21, 64, 64)]
for joints, channels, size in sizes:
    shape = {"planes": 2 * joints - 2, "ends": 2, "channels": channels, "out": 256, "size": size}
    (adds, held), (fewer, kept) = literal_cost(**shape), factorised_cost_solution(**shape)
    print(f"{joints:6}{channels:10}{size:5} |", end="")
    print(f"{adds / 1e6:12.0f}{fewer / 1e6:11.0f}{adds / fewer:8.1f} |{held / 1e6:14.2f}{kept / 1e6:20.2f}")

# %% [markdown]
# (For more joints than 21 a hand the table takes a tree with one bone fewer than joints.) The shared plane is the one case without gain: it has
# as many masks as before but only $C$ input channels, so it is cheaper to add the masks times features up first.
#
# Multiply-adds are not time. `conv_of_masks` unfolds the masks (nine numbers per mask and pixel), which is still far less memory than planes, but products of small matrices are less tuned than convolutions. So measure, forward and backward, with the
# released widths on the 32 x 32 map:


# %%
from time import perf_counter


def seconds(form, repeats=3):
    times = []
    for _ in range(repeats):
        start = perf_counter()
        gradients(form)
        times.append(perf_counter() - start)
    return min(times)


literal_time = seconds(lambda f, w, b: planes_then_conv(project_planes(f, place, 32, half_width), w, b))
factored_time = seconds(lambda f, w, b: conv_of_masks(f, place, 32, half_width, w, b))
assert literal_time > 3 * factored_time
print("forward and backward, factorised: more than three times as fast here")

# %% [markdown]
# That is a cautious statement that any machine can repeat. The careful measurement is `benchmarks/forward.py`; this is what its last committed run
# found:

# %%
import json

from handlib.utils.resources import samples_folder

results = samples_folder().parent / "benchmarks" / "results" / "forward.json"
if results.exists():
    report = json.loads(results.read_text())
    for way in ("forward", "forward and backward"):
        row = report["projection"][way]
        beyond = 100 * row["share of memory beyond the gradients"]
        print(f"{way:20} {row['times faster']:.0f} times faster, {beyond:.0f} % of the memory")
    for label, points in report["series"].items():
        ratios = (f"{p[label]}: {p['literal'] / p['factorised']:.0f}" for p in points)
        print(f"times faster by {label:9}", *ratios, sep="   ")
else:
    print("the committed measurements come with a checkout of the repository")

# %% [markdown]
# (Memory beyond the gradient of the weights, which both forms need; the series are forward and backward.) The lead changes little when bones are added and
# grows with channels and with the map, as the table of terms says.
#
# ## Why not one pixel per joint?
#
# Scattering each feature into the single pixel below its joint would be cheapest. But the place is an *estimate*. How far off is it, in map pixels, and
# how often does what was drawn reach the pixel where the joint really is? On the 16 test pairs:


# %%
def pixel_of(uv, size):
    return ((uv + 1) / 2 * size).floor().long()


def shown_at_truth(masks, truth, size):
    x, y = pixel_of(truth, size).clamp(0, size - 1).unbind(-1)
    flat = masks.flatten(-2).gather(-1, (y * size + x)[..., None])
    return (flat[..., 0] > 0).float().mean()


# %%
into = [end for _, end in BONES]
for stage in trace.stages:
    size, drawn_at, truth = stage.fused.shape[-1], stage.after.uv[64:], uv[64:]
    off = (drawn_at - truth).norm(dim=-1).mean() * size / 2
    one_pixel = (pixel_of(drawn_at, size) == pixel_of(truth, size)).all(-1).float().mean()
    disc = shown_at_truth(joint_masks(drawn_at, size, half_width)[:, :, :, 0], truth, size)
    bone = shown_at_truth(bone_masks(drawn_at, size, half_width).sum(3), truth[:, :, into], size)
    reached = f"one pixel {percent(one_pixel)}, disc {percent(disc)}, bone {percent(bone)}"
    print(f"map of {size}, {off:.1f} px off on average; truth reached by {reached}")
    assert disc > one_pixel

# %% [markdown]
# A single pixel is missed as soon as estimate and truth lie on two sides of a pixel's border; the disc and the bone forgive an error of a half width. That is what
# the width is for, and also its limit: a disc of 2 pixels can't say where within it the joint is, the map's own features have to.
#
# ## Too thin: a bone that isn't there
#
# A mask is sampled at pixel centres. Put a horizontal bone on the line between two rows, $y = 2$, and take a half width of 0.4 pixels: the nearest
# centres are 0.5 away. **Predict** the number of pixels drawn. Then move the bone down by a quarter of a pixel. Below
# it, how many bones and joints of the sample pairs vanish on a map of 16.

# %%
for y in (2.0, 2.25):
    drawn = bone_by_loops((0.5, y), (3.5, y), 4, radius=0.4).sum(0) > 0
    print(f"bone at y = {y}: pixels drawn {int(drawn.sum())}")
print("half width   bones gone   joints gone")
for pixels in (0.2, 0.4, 0.5, 0.6, 0.8, 1.0):
    drawn = (draw(uv, 16, pixels / 8).sum(3) > 0 for draw in (bone_masks, joint_masks))
    bones, joints = (percent((~shape.any(-1).any(-1)).float().mean()) for shape in drawn)
    print(f"{pixels:7.1f} px {bones:>12} {joints:>13}")

# %% [markdown]
# None, then four. The feature of that bone is not weak, it is *gone*, and comes back when the hand moves a quarter of a pixel.
#
# DIR's 16 x 16 map has a half width of exactly 1 pixel, the 32 x 32 map 2 pixels: safe. A stage on an 8 x 8 map with the same 0.125 would have half a pixel,
# and the table says what that does to joints.
#
# **Exercise 2.** What is the smallest half width, in uv units, with which a **joint's disc** on an $S \times S$ map never vanishes, wherever the joint
# lies within the map? ("Closer than" is strict; give the limit itself.)
#
# <details><summary>Hint</summary>Which point of a pixel is furthest from all pixel centres? How far is it, in pixels, and how many uv units is a
# pixel?</details>


# %% tags=["exercise"]
def smallest_half_width(size): ...  # uv units


check("smallest_half_width", smallest_half_width)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def smallest_half_width_solution(size):
    # A pixel's corner is sqrt(1/2) pixels from the nearest centres; a pixel is 2 / size wide.
    return math.sqrt(0.5) * 2 / size


check("smallest_half_width", smallest_half_width_solution)

# %% [markdown]
# ## Break it: a finger that points at the camera
#
# Planes per bone were slightly worse than planes per joint because each mixes its two ends. What if the ends come close to each other? A finger that
# points at the camera has bones of no length in the picture. Both ends then have nearly the same distance from every pixel, and each gets a half:
# **predict** $\varepsilon = 1 - \frac{0.5^2}{0.5^2 + 0.5^2} = \tfrac12$, the shared plane's number.


# %%
def lone_bone(length, count=300):
    """uv of 300 index tips at random places with the joint before at that distance (map pixels)."""
    uv = meeting(0, count)
    angle = 2 * math.pi * torch.rand(count, generator=torch.Generator().manual_seed(2))
    uv[:, 0, 7] = uv[:, 0, 8] + length / 8 * torch.stack((angle.cos(), angle.sin()), -1)
    return uv


by_length = {}
for length in (0, 0.25, 0.5, 1, 2, 4):
    by_length[length] = pixel_reader(planes_that_show(one_hot, lone_bone(length))["bone"][:, :1])
    print(f"bone of {length:4} pixels: {percent(by_length[length])} of the tip's feature lost")
assert abs(by_length[0] - 0.5) < 0.01 and by_length[4] < 0.05

# %% [markdown]
# (In the released code a bone of exactly no length divides by zero; here it draws a disc.) A plane per bone protects a joint from everything but its own
# neighbour, and there it can be as bad as a shared plane. Are there such bones on the sample pairs? Compare fingertips at the end of short bones with others,
# for a reader that sees the plane of that bone alone and for one that sees all planes at that pixel.

# %%
size, tips = 16, [4, 8, 12, 16, 20]
length = (uv[:, :, tips] - uv[:, :, [tip - 1 for tip in tips]]).norm(dim=-1) * size / 2
own_plane, all_planes = [], []
for one in uv:
    seen = seen_at_joints(plane_shares(one, size, half_width, "bone"), one).unflatten(0, (2, 21))[:, tips]
    for h in range(2):
        own = torch.stack([seen[h, k, 20 * h + tip - 1] for k, tip in enumerate(tips)])[:, None]
        which = torch.tensor(tips) + 21 * h
        own_plane.append(read_back_error(own)[range(5), which])
        all_planes.append(read_back_error(seen[h])[range(5), which])

short = length.flatten(0, 1) < 1
print(f"{percent(short.float().mean())} of these bones are shorter than a pixel on the map of 16")
for name, loss in (("own plane", torch.stack(own_plane)), ("all planes", torch.stack(all_planes))):
    after_short, after_long = percent(loss[short].mean()), percent(loss[~short].mean())
    print(f"{name:10} lost after short bones {after_short}, after longer ones {after_long}")

# %% [markdown]
# Short bones do cost a reader of one plane. Most of it comes back with the planes of the next bones along the finger: where bones are short, those cover the
# same pixel too and show the same joints in other mixtures. That takes a reader that knows the masks, which a convolution with fixed weights does not.
#
# **Exercise 3.** A short bone mixes. But how long can a bone be and still mix badly? Find two ends, in map pixels and **at least 1.2 pixels apart**, such that
# in the pixel of the first end $(a)$ its own bone's plane loses at least 45 % of $f_a$. The half width is 1 pixel.
#
# <details><summary>Hint</summary>The shares depend on the distances of both ends from the pixel's <em>centre</em>. When are they equal, although the ends are
# apart?</details>


# %% tags=["exercise"]
def plane_that_mixes(): ...  # return two points, ((x_a, y_a), (x_b, y_b))


check("plane_that_mixes", plane_that_mixes)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def plane_that_mixes_solution():
    # Opposite corners of one pixel: both are equally far from its centre.
    return (5.05, 5.05), (5.95, 5.95)


check("plane_that_mixes", plane_that_mixes_solution)

# %% [markdown]
# ## Which way do gradients flow?
#
# Drawing is a function of features *and* places. Through the features gradients flow, as checked above. Through the places? A disc's edge is a comparison, and
# a comparison has no gradient: torch doesn't even connect `joint_masks` to its input. A bone's mask has shares inside, which do depend on the ends, but
# they sum to 1 at every drawn pixel, so moving an end can only move weight from one end to the other, never the bone into a new pixel. **Predict** the gradient of
# the sum of both shares.

# %%
moving = fingertips.uv[None].clone().requires_grad_()
print("disc knows its place:", joint_masks(moving, 16, half_width).requires_grad)
for name, of in (("share of one end", lambda m: m[..., 0, :, :]), ("sum of both shares", lambda m: m.sum(3))):
    (slope,) = torch.autograd.grad(of(bone_masks(moving, 16, half_width)).sum(), moving)
    print(f"{name}: gradient {'none' if slope.abs().max() < 1e-3 else 'flows'}")

# %% [markdown]
# What is missing is the gradient that says "you should have been drawn over there". Follow the centre of mass of what is drawn while a joint moves to the right
# by two pixels. A hard disc jumps, with slope 0 between the jumps; a disc with a soft edge, $\sigma((r - d) / \tau)$, follows.


# %%
def soft_disc(joint, size, radius, softness=0.3):
    centre = torch.arange(size) + 0.5
    distance = ((centre - joint[0]).square() + (centre[:, None] - joint[1]).square() + 1e-12).sqrt()
    return torch.sigmoid((radius - distance) / softness)


def centre_of_mass(mask):
    return (mask.sum(0) * (torch.arange(len(mask)) + 0.5)).sum() / mask.sum()


# %%
xs = torch.linspace(7, 9, 81)
hard = [float(centre_of_mass(disc_by_loops((x, 8.3), 16, 1))) for x in xs.tolist()]
soft = [float(centre_of_mass(soft_disc((x, 8.3), 16, 1))) for x in xs.tolist()]
figure, (ax,) = show.detached_figure(figsize=(5, 3), layout="constrained")
ax.plot(xs, hard, color="0.0", label="hard disc")
ax.plot(xs, soft, color="0.6", linestyle="--", label="soft disc")
ax.set(xlabel="x of the joint (map pixels)", ylabel="centre of what is drawn")
ax.legend(frameon=False)

x = torch.tensor(7.6, requires_grad=True)
(slope,) = torch.autograd.grad(centre_of_mass(soft_disc((x, 8.3), 16, 1)), x)
print(f"slope: hard disc 0 (jumps between {len(set(hard))} places), soft disc {slope:.2f}, truth 1")
assert 0.8 < slope < 1.2
figure

# %% [markdown]
# In the package it is simple: **no gradient flows through uv into the planes at all**, because the stage detaches `after.uv` before it draws. Places are taught by their own losses, on joints and uv of every stage, not by how well a map turned out. With soft edges and
# without the detach, the losses of the next stage and of the final segmentation could also correct where a joint was drawn; the price would be a longer way back through all stages, which the
# detach cuts off. Check that it is so:

# %%
step = model.trace(normalise(batch.image[:1])).stages[-1]
drawn = step.projected.square().sum()
(slope,) = torch.autograd.grad(drawn, step.after.uv, retain_graph=True, allow_unused=True)
(through,) = torch.autograd.grad(drawn, step.plane_features)
print("projected map to uv:", slope)
print("projected map to plane features:", "flows" if through.abs().max() > 0 else "none")
assert slope is None

# %% [markdown]
# ## What became of the paper's claims
#
# | claim | what was measured here |
# | --- | --- |
# | Multi-plane projection prevents confusion of joints at the same or near positions | Yes. A shared plane loses about half of every joint's feature, planes per joint nothing, planes per bone a few per cent. But most of the confusion comes from a hand's own fingers, not from the other hand |
# | Separate planes disambiguate better than mixing | Until the convolution adds them up: there, as many planes can be told apart as $O / C$ allows, four in DIR. On a quarter or so of the drawn pixels more meet |
# | It breaks if joints are too many for the channels, or memory too small | The first is $k > O/C$ planes at one pixel; the second shrinks with the factorised form, which is still linear in the joints |
# | Cost scales linearly with the number of joints | Yes, in both forms; the slope falls by up to $C/2$ (bones) or $C$ (joints) |
#
# ## In the released code
#
# * **Planes are per bone**, $2 \cdot 20 \cdot 64 = 2560$ channels, though the text describes a plane per joint, $2 \cdot 21 \cdot 64$. `DIRConfig.paper()`
#   draws joints, `DIRConfig.released()` bones; the ablation's single plane is `projection="single"`, which draws bones into one plane.
# * It is the literal form: all planes are made and convolved. The factorised form here is ours, and exact, so released weights give the same answers.
# * $10^{-6}$ is added to both coordinates inside each distance's norm, not to the denominator. A bone of no length divides by zero all the
#   same; `handlib` clamps its squared length.
# * The half width is given per stage, 1 pixel of 16 and 2 pixels of 32: the same 0.125 of uv.
# * The new estimate's uv is used, not the one that features were sampled at. The layers that make plane features from tokens (1x1, batch norm, ReLU, 1x1) are
#   shared by both hands, but run once for each, so that batch statistics are per hand.
# * Channels are ordered left before right, bone by bone, then channel; a checkpoint only fits if that order is kept.
# * After the convolution come batch norm, ReLU and a 1x1 convolution; the result is concatenated *behind* the map and merged by a residual block.
#
# ## What comes next
#
# The loop is closed: picture to joints (04), joints among each other (05, 06), joints to picture (this notebook). The map that leaves here is where the next stage
# samples its joints again, at better places. Whether doing that twice helps, and why a second round isn't just a deeper network, is
# notebook 08, iterative refinement.
