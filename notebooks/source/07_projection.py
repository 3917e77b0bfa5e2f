# %% [markdown]
# # 07 · Multi-plane projection: how joints write back into the picture
#
# After the transformer a stage holds 42 vectors, the *features* of both hands' joints. They know what no pixel knows, such as what is hidden. The next stage reads from a *map*, so the features go back to the places of their joints.
# Where hands touch, many joints want the same pixel. **How do joints write into a map without mixing where they meet (Sec. 3.2.3)?**
#
# **Time:** about 75 minutes for the core, 35 for Further.
#
# Afterwards you can
#
# 1. write the function that draws all bones of a batch into their planes;
# 2. measure how much of a joint's feature is lost on one plane, on a plane per bone and per joint;
# 3. say why a trained network reads back less than the best reader;
# 4. tell what planes do from what they are worth in millimetres.
#
# Words: [multi-plane projection](../docs/glossary.md#multi-plane-projection), [bone](../docs/glossary.md#bone), [feature map](../docs/glossary.md#feature-map), [uv](../docs/glossary.md#uv).

# %%
import math
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import conv1d

from handlib import DIR, load_samples, show
from handlib.analysis import ablations
from handlib.analysis.comparison import gain_of, paired_difference, verdict
from handlib.analysis.cost import flops, peak_megabytes
from handlib.analysis.micro_tasks import read_back as micro_task
from handlib.analysis.micro_tasks.catalogue import stored_result
from handlib.analysis.projection import meeting_tips, plane_shares, read_back_error, seen_at_joints
from handlib.data.sample import STRATA, normalise, resize, stack
from handlib.evaluation.metrics import INTAG_MCP, evaluate_batch
from handlib.exercises import check, my_parts, predict, progress
from handlib.hand.skeleton import BONES, SIDES
from handlib.model.projection import conv_of_masks, joint_masks, planes_then_conv, project_planes
from handlib.show.projection import projection_picture, projection_state

torch.set_num_threads(1)
show.dir_map("projection")

# %%
progress()

# %% [markdown]
# ## One plane or forty
#
# Both index fingertips lie in one pixel of a 16 x 16 map (framed). Above, both hands are drawn into **one plane**; below, each of the 40 bones has **a plane of its own**. Added up, both show the same (left).
#
# Each middle picture shows the plane from which one tip is read (*index4*: the index finger's fourth joint, its tip). The tip's own share has its hand's full colour, the rest of its hand is pale, the *other* hand has its full colour; dots mark pixels of both hands. So most of the strong colour on the shared plane is the other hand's: it disturbs the reader. The bars say how much of each tip's feature is lost.

# %%
train, test = load_samples("train"), load_samples("test")
fingertips = train[37]
drawn = [projection_state(fingertips.uv, 0.0, way, 0.125, size=16) for way in ("single", "bone")]
Image.fromarray(np.vstack([projection_picture(state) for state in drawn]))

# %% [markdown]
# ## Two joints on paper
#
# Drawing a feature $f$ at a place $u$ gives a plane $P(f, u)$. The paper has a plane for each of the $2J$ joints and stacks them as channels:
#
# $$ F^{proj} = \big[\,P(f_1, u_1),\; \dots,\; P(f_{2J}, u_{2J})\,\big], \qquad
#    P(f, u)[y, x] = \begin{cases} f & \text{if the centre of pixel } (x, y) \text{ is closer than } r \text{ to } u \\
#    0 & \text{otherwise} \end{cases} $$
#
# The centre of pixel $(x, y)$ is $(x + \tfrac12, y + \tfrac12)$. On a map of 4 x 4 pixels, with $r = 1$ and features of one channel, the left fingertip draws 3 at $(2, 2)$ and the right one 10 at $(3, 2)$. Each panel has its own grey scale.


# %%
def disc_by_loops(joint, size, radius):
    mask = torch.zeros(size, size)
    for y in range(size):
        for x in range(size):
            if math.hypot(x + 0.5 - joint[0], y + 0.5 - joint[1]) < radius:
                mask[y, x] = 1
    return mask


def numbered(planes):
    figure, all_axes = show.detached_figure(1, len(planes), figsize=(9, 2.4), layout="constrained")
    for axes, (title, plane) in zip(all_axes, planes.items()):
        axes.imshow(plane, cmap="Greys", vmin=0, vmax=2 * plane.max())
        for (y, x), value in np.ndenumerate(plane.numpy()):
            axes.text(x, y, f"{round(float(value), 2):g}", ha="center", va="center")
        axes.set(title=title, xticks=[], yticks=[])
    return figure


left_tip, right_tip = 3 * disc_by_loops((2, 2), 4, 1), 10 * disc_by_loops((3, 2), 4, 1)
numbered({"left tip": left_tip, "right tip": right_tip, "one shared plane": left_tip + right_tip})

# %% [markdown]
# From 13 alone a reader can't tell 3 + 10 from 12 + 1. A plane for each joint keeps both numbers, for twice the channels.
#
# ## A bone on its plane
#
# The released code draws bones instead of joints. A pixel belongs to the bone from $a$ to $b$ if its centre is closer than $r$ to the *segment* between them. There its plane blends both ends, by the distances $d_a$ and $d_b$ from them:
#
# $$ B(f_a, f_b)[y, x] = \Big(1 - \frac{d_a}{d_a + d_b}\Big) f_a + \Big(1 - \frac{d_b}{d_a + d_b}\Big) f_b $$
#
# On paper, on a map of 4 x 4: a bone from $(0.5, 1.5)$ to $(3.5, 1.5)$, $f_a = 3$, $f_b = 6$, $r = 1$. Only the centres of row $y = 1$ are closer than 1, at 0, 1, 2 and 3 pixels from $a$. So $a$'s shares are $1, \tfrac23, \tfrac13, 0$, and the row shows 3, 4, 5, 6.
#
# The loop takes one hand and gives two masks for each bone, the shares of $a$ and $b$. `half_width` is $r$ in uv, where the map is 2 wide.

# %%
show.draw_bone_plane()


# %%
def distance_to_bone(p, a, b):
    along = (b[0] - a[0], b[1] - a[1])
    length_squared = max(along[0] ** 2 + along[1] ** 2, 1e-12)
    t = ((p[0] - a[0]) * along[0] + (p[1] - a[1]) * along[1]) / length_squared
    t = min(max(t, 0), 1)  # Beyond an end the nearest point is the end: the bone is round there.
    return math.hypot(p[0] - a[0] - t * along[0], p[1] - a[1] - t * along[1])


def bone_masks_by_loops(uv, size, half_width):
    """One hand; uv: (21, 2); returns (20, 2, size, size)."""
    places = ((uv + 1) / 2 * size).tolist()
    masks = torch.zeros(len(BONES), 2, size, size)
    for k, (start, end) in enumerate(BONES):
        a, b = places[start], places[end]
        for y in range(size):
            for x in range(size):
                centre = (x + 0.5, y + 0.5)
                if distance_to_bone(centre, a, b) < half_width * size / 2:
                    d_a, d_b = math.dist(centre, a) + 1e-6, math.dist(centre, b) + 1e-6
                    masks[k, 0, y, x] = 1 - d_a / (d_a + d_b)
                    masks[k, 1, y, x] = 1 - d_b / (d_a + d_b)
    return masks


on_paper = torch.tensor([[0.5, 1.5]]).repeat(21, 1)
on_paper[BONES[0][1]] = torch.tensor([3.5, 1.5])
of_a, of_b = bone_masks_by_loops(on_paper * 2 / 4 - 1, 4, 0.5)[0]
numbered({"share of a": of_a, "share of b": of_b, "the plane": 3 * of_a + 6 * of_b})

# %% [markdown]
# **Your part: `bone_masks`.** Write it for a batch of both hands, without a loop: offsets from all ends to all pixel centres are broadcasts, and a clamp finds the nearest point of each segment. `BONES` lists the ends $(a, b)$ as joint numbers.
#
# <details><summary>Hint</summary>Ends as (b, hand, 20, 1, 1, 2), pixel centres as (size, size, 2), in pixels: their differences broadcast. <code>uv[:, :, [a for a, b in BONES]]</code> picks the first ends.</details>
#
# Then `planes_from_masks`: a bone's plane is the sum of its two masks, each times its end's feature. One `einsum` does it.


# %% tags=["exercise"]
def bone_masks(uv, size, half_width):
    """uv: (b, hand, 21, 2); size: pixels; half_width: uv; returns (b, hand, 20, 2, size, size)."""
    ...


def planes_from_masks(masks, features):
    """masks: (b, hand, 20, 2, size, size); features: (b, hand, 21, c); returns (b, hand, 20, c, size, size)."""
    ...


check("bone_masks", bone_masks)
check("planes_from_masks", planes_from_masks)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def bone_masks_solution(uv, size, half_width):
    centre = torch.arange(size) + 0.5
    pixels = torch.stack(torch.meshgrid(centre, centre, indexing="xy"), -1)  # (y, x, 2), holding (x, y)
    places = (uv + 1) / 2 * size
    a, b = (places[:, :, [bone[e] for bone in BONES], None, None] for e in (0, 1))
    length_squared = (b - a).square().sum(-1).clamp_min(1e-12)
    t = (((pixels - a) * (b - a)).sum(-1) / length_squared).clamp(0, 1)
    from_axis = pixels - a - t[..., None] * (b - a)
    inside = from_axis.square().sum(-1) < (half_width * size / 2) ** 2
    d_a, d_b = ((pixels - end).norm(dim=-1) + 1e-6 for end in (a, b))
    return torch.stack((d_b, d_a), 3) / (d_a + d_b).unsqueeze(3) * inside.unsqueeze(3)


def planes_from_masks_solution(masks, features):
    return torch.einsum("bhkeyx,bhkec->bhkcyx", masks, features[:, :, torch.tensor(BONES)])


check("bone_masks", bone_masks_solution)
check("planes_from_masks", planes_from_masks_solution)

# %% [markdown]
# From here on the library's functions run. DIR's half width is 0.125: one pixel of a 16 x 16 map, two of a 32 x 32 map. The shared plane is the sum of all bone planes.
#
# ## Planes that fill
#
# The explorer shows the same fingertips. Choose one shared plane and *bones drawn* 1: only the index fingers' last bones are there. Draw the others one by one. Which raise the bars? On a plane per bone the right bar *falls* when the finger's other bones are drawn. Why?
#
# <details><summary>Answer</summary>Only bones that cover a framed pixel raise a bar. On planes of their own, the bone before the last one shows in that pixel the very joint that disturbs the tip, so the reader can subtract it.</details>

# %%
from handlib.model.projection import bone_masks

uv, half_width = fingertips.uv[None], 0.125
masks = bone_masks(uv, 16, half_width)
assert torch.allclose(masks[0, 1], bone_masks_by_loops(uv[0, 1], 16, half_width), atol=1e-4)
features = torch.randn(1, 2, 21, 3, generator=torch.Generator().manual_seed(0))
planes = project_planes(features, uv, 16, half_width)
assert torch.allclose(planes_from_masks_solution(masks, features).flatten(1, 2), planes, atol=1e-5)
print("pictures, planes, channels, rows, columns:", tuple(planes.shape))

explorer = show.ProjectionExplorer(fingertips, gap=0.0)
explorer.drawn.value = 6
explorer

# %% [markdown]
# ## "Confused", as a number
#
# The paper says that features on one plane "will be confused". A reader sees **one pixel of all planes**, the one of joint $i$. It knows the masks and wants $f_i$. Plane $p$ shows $v_p = \sum_j M_{pj} f_j$ there: $M$ holds the masks' values, one row per plane. The reader weights the planes and adds them:
#
# $$ \sum_p w_p v_p = \sum_j (w^\top M)_j \, f_j $$
#
# So joint $j$ gets the weight $(w^\top M)_j$. The reader wants 1 for joint $i$ and 0 for all others: the unit vector $e_i$. If features are independent random vectors of mean 0 and one size, it misses this share of $f_i$:
#
# $$ \varepsilon_i = \min_w \big\lVert w^\top M - e_i^\top \big\rVert^2 $$
#
# This is least squares: the best $w^\top$ is row $i$ of the pseudoinverse $M^+$. For one plane with values $m$ it gives $\varepsilon_i = 1 - m_i^2 / \sum_j m_j^2$. By hand: two joints at one pixel of a shared plane, $m = (1, 1)$, lose $\tfrac12$ each; three lose $\tfrac23$; on planes of their own, $M = I$, they lose nothing.
#
# Is this reader too weak? A convolution sees nine pixels, so it might tell two bones apart by their shapes; but its weights are the same for all pictures. Below, two index fingers with last bones of 3 pixels approach each other. For each gap the convolution's weights are fitted to 300 random placements.
#
# **Exercise.** Write the reader of one pixel. `shares` is $M$; return $\varepsilon_i$ for every joint. Row $i$ of `torch.linalg.pinv(shares)` holds reader $i$'s weights. Which weight does each joint get in its sum, and how far is that from $e_i$?


# %% tags=["exercise"]
def lost_by_reader(shares): ...  # (planes, joints) -> (joints,)


check("lost_by_reader", lost_by_reader)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def lost_by_reader_solution(shares):
    got = torch.linalg.pinv(shares) @ shares  # Row i: the weight of each joint in reader i's sum.
    # The same as 1 - got.diagonal(): got is symmetric and got @ got = got, so (I - got)(I - got)^T = I - got.
    return (got - torch.eye(len(got))).square().sum(1)


check("lost_by_reader", lost_by_reader_solution)

# %%
# Channel c of a plane is the share of the c-th of four joints: both ends of the left and of the right bone.
one_hot = torch.eye(42)[:, [7, 8, 28, 29]].unflatten(0, (2, 21))


def planes_that_show(uv):
    """The planes with the two bones, their sum, and the planes of the four joints."""
    given = (one_hot.expand(len(uv), -1, -1, -1), uv, 16, 0.125)
    bones, joints = project_planes(*given, "bone")[:, [7, 27]], project_planes(*given, "joint")
    return {
        "one shared plane": bones.sum(1, keepdim=True),
        "a plane per bone": bones,
        "a plane per joint": joints[:, [7, 8, 28, 29]],
    }


guess = predict(
    "Both tips lie at the same place of one shared plane; their bones point in different directions. "
    "How much of the left tip's feature does the 3 x 3 convolution lose?",
    "less than a tenth",
    "about a quarter",
    "about a half",
)
guess


# %% tags=["reveals"]
def lost_by_pixel(planes):
    # The left tip lies in pixel (8, 8). read_back_error is lost_by_reader for many readers at once.
    return float(read_back_error(planes[..., 8, 8])[:, 1].mean())


def lost_by_convolution(planes):
    window = planes[..., 7:10, 7:10].transpose(1, 2).flatten(2)  # (placements, 4, planes * 9)
    wanted = torch.eye(4)[1].expand(len(window), -1)  # The left tip alone.
    kernel = torch.linalg.pinv(window.flatten(0, 1), rtol=1e-4) @ wanted.flatten()
    return float((window @ kernel - wanted).square().sum(1).mean())


gaps, readers = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0), (lost_by_pixel, lost_by_convolution)
shown = [planes_that_show(meeting_tips(gap)) for gap in gaps]
figure, all_axes = show.detached_figure(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
for axes, read, title in zip(
    all_axes, readers, ("one pixel, masks known", "3 x 3 convolution, same weights always")
):
    lines = {way: [100 * read(planes[way]) for planes in shown] for way in shown[0]}
    show.grey_lines(axes, gaps, lines, "o", xlabel="gap between the tips (pixels)", title=title)
all_axes[0].set_ylabel("lost of the left tip's feature (%)")
at_zero = lost_by_convolution(shown[0]["one shared plane"])
guess.compare(guess.answers[0 if at_zero < 0.1 else 1 if at_zero < 0.37 else 2])
figure

# %% [markdown]
# At gap 0, exchange both fingers together with their features: the shared plane stays the same. So fixed weights can't do better than half there. **A plane per joint** loses nothing at any gap. **A plane per bone** loses a little, at every gap alike: the other end of its own bone disturbs, not the other hand.
#
# ## Who meets whom?
#
# The paper argues with two hands whose joints lie at the same or near positions. In the 80 sample pairs, how many joints lie within a half width of a joint of the other hand, of another finger, of their own finger?

# %%
guess = predict(
    "Hands touch each other. What does a joint most often have within a half width of it?",
    "a joint of the other hand",
    "a joint of another finger of its hand",
    "another joint of its own finger",
)
guess

# %% tags=["reveals"]
pairs = stack([resize(one, 128) for one in train + test])
hand, joint = torch.arange(42) // 21, torch.arange(42) % 21
finger = torch.where(joint == 0, -1, (joint - 1) // 4)  # The wrist belongs to no finger.
same_hand, same_finger = hand[:, None] == hand, finger[:, None] == finger
kinds = {
    "of the other hand": ~same_hand,
    "of another finger": same_hand & ~same_finger,
    "of the same finger": same_hand & same_finger & ~torch.eye(42, dtype=torch.bool),
}
near = torch.cdist(pairs.uv.flatten(1, 2), pairs.uv.flatten(1, 2)) < half_width
strata = {STRATA[k]: pairs.stratum == k for k in pairs.stratum.unique().tolist()}
met = {
    kind: [float((near & chosen).any(-1)[pairs_of].float().mean()) for pairs_of in strata.values()]
    for kind, chosen in kinds.items()
}
figure, (axes,) = show.detached_figure(figsize=(7, 2.8), layout="constrained")
for k, (kind, shares) in enumerate(met.items()):
    places, heights = np.arange(3) + 0.27 * (k - 1), 100 * np.array(shares)
    bars = axes.bar(places, heights, 0.25, color=str(0.75 - 0.3 * k), label=f"a joint {kind}")
    axes.bar_label(bars, fmt="%.0f")
axes.set(xticks=range(3), xticklabels=[f"hands {name}" for name in strata], ylim=(0, 75))
axes.set_ylabel("joints that lie near (%)")
axes.legend(frameon=False, fontsize=8, ncols=3)
touching = [shares[list(strata).index("touching")] for shares in met.values()]
guess.compare(guess.answers[int(np.argmax(touching))])
figure

# %% tags=["reveals"]
finger_of_bone, hand_of_bone = torch.arange(40) % 20 // 4, torch.arange(40) // 20
drawn_by = {
    "own finger": (hand[:, None] == hand_of_bone) & (finger[:, None] == finger_of_bone),
    "own hand": hand[:, None] == hand_of_bone,
    "both hands": torch.ones(42, 40, dtype=torch.bool),
}
lost = {name: [] for name in (*drawn_by, "plane per bone", "plane per joint")}
for one in pairs.uv:
    seen = seen_at_joints(plane_shares(one, 16, half_width, "bone"), one)  # (joint, plane, joint)
    own = seen_at_joints(plane_shares(one, 16, half_width, "joint"), one)
    given = [torch.einsum("jpi,jp->ji", seen, chosen.float())[:, None] for chosen in drawn_by.values()]
    for name, values in zip(lost, (*given, seen, own)):
        lost[name].append(read_back_error(values).diagonal()[joint > 0].mean())
lost = {name: torch.stack(values) for name, values in lost.items()}
rows = {
    f"one plane, {name}" if name in drawn_by else name: {
        f"hands {stratum}": f"{100 * float(values[chosen].mean()):.0f} %"
        for stratum, chosen in strata.items()
    }
    for name, values in lost.items()
}
box = pairs.uv.amax(2) - pairs.uv.amin(2)
side = box.amax(-1).mean(-1)
rows["a hand's size in the picture (uv)"] = {
    f"hands {stratum}": f"{float(side[chosen].mean()):.1f}" for stratum, chosen in strata.items()
}
show.table(rows, "lost of a finger joint's feature, one-pixel reader, map of 16 x 16")

# %% [markdown]
# The order is the same in all three groups: own finger, other fingers, other hand. The groups are made by the distance between the two surfaces in space: a hand *near* the other can cover more of its joints than one that *touches* it. Joints crowd most where hands are apart: each hand is smaller there (last row). In the table one hand alone already confuses one plane; the other adds less than ten points.
#
# ## Your code runs the network
#
# The transformer hands over 64 numbers for each joint. In `small` an MLP makes 16 of them; these are drawn. A 3 x 3 convolution turns the 40 planes of 16 channels into 64 channels; batch norm, ReLU and a 1 x 1 convolution follow. This is the *drawn* map. A residual block makes 64 channels of it and of the map that the stage has *read*: the map that is *handed on*.
#
# If you have written `bone_masks`, the shipped network draws with yours, and must agree with the library's to 1e-5 m. Equal colours in two pictures mean nothing.

# %%
model = DIR.from_pretrained("small", parts=my_parts()).eval()
images = normalise(stack([resize(one, 128) for one in test]).image)
trace = model.trace(images)
library = DIR.from_pretrained("small").eval()(images).final
assert (trace.prediction.final.vertices - library.vertices).abs().max() < 1e-5
print(progress().title)
maps = {
    f"stage {number}: {name}": getattr(stage, kept).detach()
    for number, stage in enumerate(trace.stages, 1)
    for name, kept in {"read": "fused", "drawn": "projected", "handed on": "enhanced"}.items()
}
show.picture_row([show.principal_colours(values)[14] for values in maps.values()], list(maps))

# %%
guess = predict(
    "The trained network gets a bone_masks that draws nothing. By which share does its error (MPJPE) grow?",
    "by less than a tenth",
    "by a tenth to a half",
    "by more than a half",
)
guess


# %% tags=["reveals"]
@torch.no_grad()
def errors_with(parts):
    network = DIR.from_pretrained("small", parts=parts).eval()
    batch = stack([resize(one, network.config.image_size) for one in test])
    hands = [network.hands[side] for side in SIDES]
    return evaluate_batch(network(images).final, batch, INTAG_MCP, hands)["mpjpe"].tolist()


ways = {
    "as trained": {},
    "nothing drawn": {"bone_masks": lambda uv, size, half_width: 0 * bone_masks(uv, size, half_width)},
    "hands exchanged": {"bone_masks": lambda uv, size, half_width: bone_masks(uv.flip(1), size, half_width)},
}
errors = {name: errors_with(parts) for name, parts in ways.items()}
changes = {name: paired_difference(values, errors["as trained"]) for name, values in errors.items()}
more = changes["nothing drawn"].mean / np.mean(errors["as trained"])
guess.compare(guess.answers[0 if more < 0.1 else 1 if more < 0.5 else 2])
figure, (axes,) = show.detached_figure(figsize=(6.5, 1.9), layout="constrained")
for row, change in enumerate(changes.values()):
    axes.plot((change.low, change.high), (row, row), color="0.6")
    axes.plot(change.mean, row, "o", color="black")
axes.set(yticks=range(3), yticklabels=changes, ylim=(2.5, -0.5), xlabel="change of MPJPE (mm), 16 test pairs")
for name in ("nothing drawn", "hands exchanged"):
    low, high = changes[name].low, changes[name].high
    print(f"{name}: {low:+.1f} to {high:+.1f} mm (95 %), of {np.mean(errors['as trained']):.1f} mm")
figure

# %% [markdown]
# An interval of *nothing drawn* above zero means: this network uses its drawing. An interval of *hands exchanged* above zero means: it reads *what* is drawn, not only where. But a network *trained* without drawing could learn to do without; that comes next.
#
# ## What are planes worth?
#
# **Does the mechanism do what is claimed?** In the micro-task `read_back` each joint of a sample pair gets a random code of four numbers. A small network draws all codes into an empty map, by DIR's projection, and reads them back with convolutions and sampling. The control is one plane **40 times as wide**, with as many weights as all bone planes.
#
# **What is it worth in a whole network?** Networks of two stages were trained alike with other projections (notebook 11). The table shows both answers as 95 % intervals; three seeds of the micro-task were trained for 120 steps. "Smaller than": the interval holds zero, and a larger effect is excluded.

# %%
guess = predict(
    "On a map of 8 x 8 more is read back from bone planes than from one plane. "
    "How much of this lead does one plane get when it is 40 times as wide?",
    "nearly all of it: the weights do it",
    "about half of it",
    "nearly none of it: the planes do it",
)
guess

# %% tags=["reveals"]
stored = stored_result("read_back")
live = micro_task.read_back(seeds=(0,), rows=tuple(f"8 x 8, {way}" for way in micro_task.PLANES))
figure, all_axes = show.detached_figure(1, 3, figsize=(10, 2.8), layout="constrained", width_ratios=(2, 2, 3))
named = {"now, 8 x 8, one seed": (live, "8 x 8"), "stored, 8 x 8": (stored, "8 x 8")}
for axes, (title, (result, size)) in zip(all_axes, named.items()):
    for place, way in enumerate(micro_task.PLANES):
        values = result.rows.get(f"{size}, {way}", [])
        axes.plot(values, [place] * len(values), "o", color="black", alpha=0.6)
    axes.set(title=title, xlabel="read back (% of variance)", xlim=(0, 60), ylim=(3.5, -0.5), yticks=[])
all_axes[0].set(yticks=range(4), yticklabels=micro_task.PLANES)
crowds = {
    way: [np.mean(stored.parts[f"16 x 16, {way}, {crowd} bones"]) for crowd in micro_task.CROWDS]
    for way in ("one plane", "bone planes", "joint planes")
}
show.grey_lines(all_axes[2], list(micro_task.CROWDS), crowds, "o", title="stored, 16 x 16", ylim=(0, 100))
all_axes[2].set(xlabel="bones over the joint's pixel", ylabel="read back (%)")
one, wide, bone = (np.mean(stored.rows[f"8 x 8, {way}"]) for way in list(micro_task.PLANES)[:3])
share = (wide - one) / (bone - one)
guess.compare(guess.answers[0 if share > 0.7 else 1 if share > 0.3 else 2])
figure

# %% tags=["reveals"]
trained = ablations.errors_of(ablations.load_results())


def shown_by(size, row, reference):
    row, reference = f"{size}, {row}", f"{size}, {reference}"
    return stored.against(row, reference) if reference in stored.rows else "–"


def worth(better, worse):
    return verdict(gain_of(trained, better, worse), "mm")


compared = {
    "a plane per bone, against one plane": ("bone planes", "one plane", worth("full", "single_plane")),
    "a plane per bone, against one wide plane": ("bone planes", "one plane, 40 times as wide", "–"),
    "a plane per joint, against one per bone": ("joint planes", "bone planes", worth("joint_planes", "full")),
}
rows = {
    name: (shown_by("8 x 8", row, reference), shown_by("16 x 16", row, reference), in_error)
    for name, (row, reference, in_error) in compared.items()
} | {"drawing, against no drawing": ("–", "–", worth("full", "no_projection"))}
columns = ("mechanism shown, 8 x 8", "mechanism shown, 16 x 16", "worth in error")
caption = f"–: not measured; error of the full model: {np.mean(trained['full']):.0f} mm"
show.table({name: dict(zip(columns, row)) for name, row in rows.items()}, caption)

# %% [markdown]
# The first two columns say that a network reads back more from bone planes than from one. The last column says what having them gains, after short trainings on small pictures. A possible reason for so little, not tested here: no stage follows the *last* map, which only the pixel heads read. So of two drawings only the first can change the hands, on a map of 8 x 8.
#
# ## Where do three quarters go?
#
# From bone planes the one-pixel reader lost a few per cent; the network loses three quarters. Three things differ: its weights are the same in all pictures, its convolution leaves 32 numbers of 40 planes with four each, and it had 120 steps to learn. The dark bars add them one by one. Do bone planes only learn *faster* than one plane? The light bars answer. (About 40 seconds.)


# %% tags=["reveals"]
def lost_by_fixed_weights(mixed):  # (numbers, planes) -> the error of the best weights for all pictures
    wanted, matrix = shares @ mixed.T, mixed @ products @ mixed.T + 1e-6 * torch.eye(len(mixed))
    return 1 - (wanted * torch.linalg.solve(matrix, wanted)).sum(-1).mean()


placements = micro_task.moved(micro_task.joint_places().repeat(4, 1, 1, 1), torch.Generator().manual_seed(0))
seen = torch.stack([seen_at_joints(plane_shares(one, 8, 0.25, "bone"), one) for one in placements])
shares = seen.diagonal(dim1=1, dim2=3).mean(0).T  # (joint, plane)
products = torch.einsum("njpi,njqi->jpq", seen, seen) / len(seen)  # (joint, plane, plane)
mixed = torch.randn(32 // 4, 40, generator=torch.Generator().manual_seed(0)).requires_grad_()
optimiser = torch.optim.Adam([mixed], lr=0.05)
for _ in range(200):
    (mixed.grad,) = torch.autograd.grad(lost_by_fixed_weights(mixed), mixed)
    optimiser.step()
longer = micro_task.read_back((0,), [f"8 x 8, {way}" for way in list(micro_task.PLANES)[:3]], steps=600).rows
bars = {
    "bone planes: one pixel, masks known": sum(read_back_error(one).trace() for one in seen) / 42 / len(seen),
    "... the same weights in all pictures": lost_by_fixed_weights(torch.eye(40)),
    "... behind a convolution: 32 numbers": lost_by_fixed_weights(mixed.detach()),
    "... network, 600 steps": 1 - longer["8 x 8, bone planes"][0] / 100,
    "... network, 120 steps (the micro-task)": 1 - bone / 100,
    "one plane: one pixel, the same weights": lost_by_fixed_weights(torch.ones(1, 40)),
    "... network on one plane, 600 steps": 1 - longer["8 x 8, one plane"][0] / 100,
    "... 40 times as wide, 600 steps": 1 - longer["8 x 8, one plane, 40 times as wide"][0] / 100,
}
figure, (axes,) = show.detached_figure(figsize=(7.5, 3), layout="constrained")
heights = [100 * float(share) for share in bars.values()]
axes.bar_label(axes.barh(list(bars), heights, color=["0.5"] * 5 + ["0.8"] * 3), fmt=" %.0f")
axes.set(xlabel="lost of a joint's feature (%), map of 8 x 8", xlim=(0, 100), ylim=(7.5, -0.5))
figure

# %% [markdown]
# Dark: fixed weights and few numbers cost about a quarter. The rest is training: after 600 steps the network loses little more.
#
# Light: from one plane, a linear reader of one pixel with fixed weights must lose the first light bar, however long it learns. A plane 40 times as wide has the same limit: all its channels are made of the same sum. So planes move the limit itself, not only the speed. A network isn't linear and sees neighbouring pixels; it gets below this bar. But after 600 steps it still loses most from one plane, narrow or wide. So the table above understates the mechanism. The whole networks were trained briefly too; whether longer training would make planes worth more millimetres isn't tested here.
#
# ## In five lines
#
# * The projection writes the joints' features into a map, at the places of the new estimate.
# * On one plane features add up where joints meet. Fixed weights can't part two that lie on each other.
# * A plane per joint keeps everything and a plane per bone nearly everything, for a reader who knows the masks. A network loses more: fixed weights and few numbers cost some, too short a training most.
# * Joints meet their own finger most often, then other fingers, then the other hand.
# * Trained briefly on small pictures, bone planes change the error by less than 0.35 mm against one plane, and drawing by less than 0.26 mm against none (95 %, table above).
#
# **Check yourself.**
#
# <details><summary>1. A pixel's centre is equally far from both ends of a bone. What does the bone's plane show there?</summary>Half of each end's feature, if the pixel belongs to the bone.</details>
#
# <details><summary>2. Why is the wide plane a good control?</summary>It has as many weights as all bone planes, but features are added before any weight sees them. Only the separation is missing.</details>
#
# <details><summary>3. A trained network draws nothing and is hardly worse. Is drawing worth training?</summary>This tells only how much <em>this</em> network relies on its drawing. The table's last row answers: networks trained without drawing differ by less than 0.26 mm, of about 15 mm.</details>
#
# **What comes next.** The loop is closed: picture to joints (04), joints among each other (05, 06), joints to picture (07). Whether going round twice helps is the question of [notebook 08](08_refinement.ipynb).

# %% [markdown]
# # Further
#
# ## The same map without making a plane
#
# For the released network the planes of a 32 x 32 map have $40 \cdot 64 = 2560$ channels, nearly all zeros, and the 3 x 3 convolution behind them takes $2560 \cdot 256 \cdot 9 \cdot 1024 \approx 6 \cdot 10^9$ multiply-adds: more than the whole ResNet-50 in front of it. But a plane isn't any map. It is a mask (no channels) times a vector (no pixels), and a convolution is linear. For one mask $m$ and feature $f$:
#
# $$ \text{out}[o, y, x] = \sum_{c,\,\delta} W[o, c, \delta]\; m[(y, x) + \delta]\, f[c]
#    = \sum_{\delta} \underbrace{\Big( \sum_c W[o, c, \delta]\, f[c] \Big)}_{(Wf)[o, \delta]}\; m[(y, x) + \delta] $$
#
# The sum over channels comes first, once for the whole map. What remains is a convolution of the *mask* with the kernel $Wf$; with all masks $\text{conv}(\sum_e m_e f_e, W) = \sum_e \text{conv}(m_e, W_e f_e)$. The price: kernels depend on the features, so every picture has its own.
#
# On paper, in one dimension: four pixels, two channels, three taps, $W_0 = (1, 0, 2)$, $W_1 = (0, 3, 1)$; masks $m_a = (1, \tfrac12, 0, 0)$, $m_b = (0, \tfrac12, 1, 0)$; features $f_a = (2, 1)$, $f_b = (0, 4)$. The kernels are $Wf_a = 2 W_0 + W_1 = (2, 3, 5)$ and $Wf_b = 4 W_1 = (0, 12, 4)$. Convolved: $(5.5, 3.5, 1, 0)$ and $(2, 10, 12, 0)$, together
# **7.5, 13.5, 13, 0**.

# %%
W = torch.tensor([[[1.0, 0, 2], [0, 3, 1]]])  # (out, channels, taps)
m = torch.tensor([[1, 0.5, 0, 0], [0, 0.5, 1, 0]])  # (ends, pixels)
f = torch.tensor([[2.0, 1], [0, 4]])  # (ends, channels)
literal = conv1d((f.T @ m)[None], W, padding=1)[0]
factorised = conv1d(m[None], torch.einsum("oct,ec->oet", W, f), padding=1)[0]
assert torch.equal(literal, factorised)
factorised.tolist()

# %% [markdown]
# `conv_of_masks` does this for the whole projection; the network runs it. We call this the *factorised* form; planes and then a convolution are the *literal* form. "The same" must hold for training too, so the gradients are compared as well, at the released widths.

# %%
random = torch.Generator().manual_seed(0)
full = [torch.randn(shape, generator=random) for shape in ((1, 2, 21, 64), (256, 2560, 3, 3), (256,))]


def with_gradients(form):
    leaves = [leaf.clone().requires_grad_() for leaf in full]
    out = form(*leaves)
    (out * out.detach().cos()).sum().backward()
    return [out.detach(), *(leaf.grad for leaf in leaves)]


by_planes = with_gradients(lambda f, w, b: planes_then_conv(project_planes(f, uv, 32, half_width), w, b))
by_masks = with_gradients(lambda f, w, b: conv_of_masks(f, uv, 32, half_width, w, b))
for name, one, other in zip(("output", "gradient of features", "of weights", "of bias"), by_planes, by_masks):
    agree = bool((one - other).abs().max() < 1e-4 * one.abs().max())
    print(f"{name}: the same to 1e-4 of the largest value: {agree}")

# %% [markdown]
# ### Count it
#
# With $P$ planes of $C$ channels, $E$ masks per plane (2 for bones, 1 for joints) and a $k \times k$ convolution to $O$ channels on an $S \times S$ map, the literal form takes $PECS^2 + PCOk^2S^2$ multiply-adds and $4PCS^2$ bytes for its planes.
#
# **Exercise.** Write the cost of the factorised form: multiply-adds of contracting features into weights *and* of convolving the masks; bytes of the masks and of one picture's kernels. (Making the masks doesn't count; it has no channels.)
#
# <details><summary>Hint</summary>There are <code>planes * ends</code> masks. Contracting makes a kernel of out x kernel x kernel numbers for each of them, and every number is a sum over channels. Afterwards the masks are the convolution's input channels.</details>


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
# Does torch count the same, and how much memory do both forms take? The widths are the released network's, the maps have sides of 8 to 64 pixels.

# %%
values, weight, bias = full
# The factorised form reads the weights plane by plane; stored in this order they needn't be copied.
by_plane = weight.transpose(0, 1).contiguous().transpose(0, 1)


def literal_form(size):
    return planes_then_conv(project_planes(values, uv, size, half_width), weight, bias)


def factorised_form(size):
    return conv_of_masks(values, uv, size, half_width, by_plane, bias)


sizes, forms = (8, 16, 32, 64), {"literal": literal_form, "factorised": factorised_form}
# Two operations are one multiply-add.
adds = {name: [flops(partial(form, size)) / 2 for size in sizes] for name, form in forms.items()}
peaks = {name: [peak_megabytes(partial(form, size)) for size in sizes] for name, form in forms.items()}
by_formula = [factorised_cost_solution(40, 2, 64, 256, size)[0] for size in sizes]
assert np.allclose(adds["factorised"], by_formula, rtol=0.01)
figure, all_axes = show.detached_figure(1, 2, figsize=(9, 2.8), layout="constrained")
for axes, lines, title in zip(all_axes, (adds, peaks), ("multiply-adds", "peak memory (MB)")):
    show.grey_lines(axes, sizes, lines, "o", xlabel="side of the map (pixels)", title=title)
    axes.set(xscale="log", yscale="log")
    axes.minorticks_off()
    axes.set_xticks(sizes, sizes)
figure

# %% [markdown]
# Channels have left the term that grows with the map: on large maps the gain tends to $C/2$ for bones and to $C$ for joints. **Both forms stay linear in the number of bones**; only the slope changes. On large maps forty bone planes, factorised, cost about as much as *one* plane does literally: 80 masks against 64 channels.
#
# ## The convolution adds all planes anyway
#
# Behind the planes a convolution turns 40 planes of $C$ channels into one map of $O$ channels. Has the mixing only been postponed? Write its weights as a block per plane. Where planes $1 \dots k$ overlap, the output is
#
# $$ W_1 f_1 + \dots + W_k f_k = [W_1 \cdots W_k]\,(f_1; \dots; f_k). $$
#
# Every feature is turned by a learned matrix of its own *before* the sum. On the shared plane it is $W(f_1 + \dots + f_k)$, one matrix for all. With planes the features can be parted as long as the $kC$ unknowns don't outnumber the $O$ equations of a pixel. In DIR $O / C = 4$, so beyond four planes $1 - 4/k$ must be lost: on the left for the trained weights (the middle tap) and planes chosen at random. On the right, how many planes meet on the sample pairs.

# %%
blocks = model.stages[-1].project.gather.weight.detach()[..., 1, 1].unflatten(1, (40, -1))  # (O, planes, C)
counts = (1, 2, 3, 4, 5, 6, 8, 12, 20)
meet = [torch.randperm(40, generator=random)[:k] for k in counts]
lines = {
    "one shared plane": [100 * (1 - 1 / k) for k in counts],
    "trained weights, a plane per bone": [
        100 * float(read_back_error(blocks[:, chosen].flatten(1)[None]).mean()) for chosen in meet
    ],
}
crowd = (bone_masks(pairs.uv, 32, half_width).sum(3) > 0).sum((1, 2)).flatten()
figure, (left, right) = show.detached_figure(1, 2, figsize=(9, 2.8), layout="constrained")
show.grey_lines(left, counts, lines, "o", xlabel="planes that meet", ylabel="lost (%)", ylim=(0, 100))
left.set_xticks((1, 4, 8, 12, 16, 20))
right.hist(crowd[crowd > 0].numpy(), bins=np.arange(0.5, 14), color="0.6", density=True)
right.axvline(4.5, color="black", linestyle="--")
right.set(xlabel="bones over a drawn pixel (map of 32)", ylabel="share of pixels")
figure

# %% [markdown]
# Beyond the dashed line more planes meet than one pixel can keep apart. Neighbouring pixels help, since other planes meet there.
#
# A plane per joint is the same as **one plane in which every joint writes into channels of its own**. Comparing one plane with many in a whole network therefore changes two things, the mixing and the number of weights. The micro-task's wide plane tells them apart; the paper's ablation can't.
#
# ## Joints or bones?
#
# Every reader above prefers joints. But bones cover more of a hand. The table shows the share of the hands' pixels that get any feature.

# %%
on_hand = resize(pairs, 32).dense.amax(1) > 0
drawn = {
    name: draw(pairs.uv, 32, half_width) for name, draw in (("joints", joint_masks), ("bones", bone_masks))
}
covered = {name: (masks.sum(3) > 0).any(1).any(1) & on_hand for name, masks in drawn.items()}
shares = {name: float(pixels.sum() / on_hand.sum()) for name, pixels in covered.items()}
show.table({name: {"hand pixels reached": f"{100 * share:.0f} %"} for name, share in shares.items()})

# %% [markdown]
# ## Too thin: a bone that isn't there
#
# A horizontal bone on the line between two rows, with a half width of 0.4 pixels, reaches no pixel centre. Its feature is *gone*, and comes back when the hand moves by a quarter of a pixel. DIR's half widths are 1 and 2 pixels. In the explorer above, make the half width smaller: an empty tile is a bone that isn't drawn at all.
#
# **Exercise.** What is the smallest half width, in uv, with which a **joint's disc** on an $S \times S$ map never vanishes, wherever the joint lies within the map? ("Closer than" is strict; give the limit itself.)
#
# <details><summary>Hint</summary>Which point of a pixel is furthest from all pixel centres? How far is it, in pixels, and how many uv is a pixel?</details>


# %% tags=["exercise"]
def smallest_half_width(size): ...  # in uv


check("smallest_half_width", smallest_half_width)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def smallest_half_width_solution(size):
    # A pixel's corner is sqrt(1/2) pixels from the nearest centres; a pixel is 2 / size wide.
    return math.sqrt(0.5) * 2 / size


check("smallest_half_width", smallest_half_width_solution)

# %% [markdown]
# ## A finger that points at the camera
#
# A finger that points at the camera has bones of no length in the picture. At every pixel of such a plane each end gets a half, and $\varepsilon = \tfrac12$, as on a shared plane. For other lengths:


# %%
def lone_bone(length, count=300):
    """uv of 300 index tips at random places; the joint before lies at that distance (pixels)."""
    uv = meeting_tips(0.0, count)
    angle = 2 * math.pi * torch.rand(count, generator=torch.Generator().manual_seed(2))
    uv[:, 0, 7] = uv[:, 0, 8] + length / 8 * torch.stack((angle.cos(), angle.sin()), -1)
    return uv


lengths = (0, 0.25, 0.5, 1, 1.5, 2, 3, 4)
own = [
    100 * lost_by_pixel(planes_that_show(lone_bone(length))["a plane per bone"][:, :1]) for length in lengths
]
figure, (axes,) = show.detached_figure(figsize=(5.5, 2.6), layout="constrained")
axes.plot(lengths, own, "ko-")
axes.set(xlabel="length of the bone in the picture (pixels)", ylabel="lost of the tip (%)", ylim=(0, 60))
figure

# %% [markdown]
# **Exercise.** Find a longer bone that mixes as badly: two ends, in map pixels and **at least 1.2 pixels apart**, such that in the pixel of the first end $(a)$ the bone's plane loses at least 45 % of $f_a$. The map has 16 x 16 pixels and the half width is 1 pixel.
#
# <details><summary>Hint</summary>The shares depend on the distances of both ends from the pixel's <em>centre</em>. When are they equal, although the ends are apart?</details>


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
# Drawing is a function of features *and* places. Through the features gradients flow. Through the places? A disc's edge is a comparison, and a comparison has no gradient. A bone's shares do depend on its ends, but they sum to 1 at every drawn pixel: moving an end shifts weight from one end to the other, never the bone into a new pixel.
#
# The stage here gives up even that: it detaches `after.uv` before it draws, so **no gradient flows through uv into the planes at all**. Places are taught by their own losses. With soft edges, $\sigma((r - d) / \tau)$, and without the detach, the next stage's losses could also correct where a joint was drawn.

# %%
step = model.trace(normalise(resize(test[0], 128).image[None])).stages[-1]
total = step.projected.square().sum()
(to_places,) = torch.autograd.grad(total, step.after.uv, retain_graph=True, allow_unused=True)
(to_features,) = torch.autograd.grad(total, step.plane_features)
print("gradient from the drawn map to uv:", to_places)
print("gradient from the drawn map to the features:", "flows" if to_features.abs().max() > 0 else "none")

# %% [markdown]
# ## In the released code
#
# * **Planes are per bone**, $2 \cdot 20 \cdot 64 = 2560$ channels, although the text describes a plane per joint, $2 \cdot 21 \cdot 64$. `DIRConfig.paper()` draws joints, `DIRConfig.released()` bones; `projection="single"` draws bones into one plane.
# * All planes are made and convolved. The factorised form is this course's; it is exact, so released weights give the same answers.
# * $10^{-6}$ is added to both coordinates inside each distance's norm. A bone of no length divides by zero all the same; `handlib` clamps its squared length.
# * The half width is given per stage, 1 pixel of 16 and 2 pixels of 32: the same 0.125 in uv.
# * Features are drawn at the *new* estimate's uv, not at the places where they were sampled.
#
# ## An open question
#
# Planes draw a fingertip and the wrist hidden behind it alike, over a pixel that shows only one of them. Design a projection in which a nearer bone hides a further one. What would the next stage gain, and what would it lose about the hidden hand?
