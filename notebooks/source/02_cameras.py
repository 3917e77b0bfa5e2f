# %% [markdown]
# # 02 · Cameras: how metres become pixels
#
# The hand model answers in metres, and the picture has pixels. DIR doesn't know the camera that took the picture. It uses a very simple camera
# instead: three numbers for each hand. **How do metres become pixels, what does DIR's camera keep, and what does it lose?**
#
# **Time:** about 45 minutes for the core, 35 for Further.
#
# Afterwards you can
#
# 1. compute on paper where a point given in metres appears in a picture;
# 2. write DIR's camera, and find the best such camera, for a whole batch of hands;
# 3. say how wrong this camera is, and at which distance that matters;
# 4. explain what this camera cannot say, and why DIR predicts an `offset` between the hands;
# 5. (Further) change a camera correctly when its picture is cropped, mirrored or turned.
#
# Words: [weak perspective](../docs/glossary.md#weak-perspective), [uv](../docs/glossary.md#uv), [root](../docs/glossary.md#root), [offset](../docs/glossary.md#offset).

# %%
import math

import numpy as np
import roma
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from handlib import DIR, Hand, load_samples, show
from handlib.analysis.comparison import mean_interval, paired_difference
from handlib.data.augment import flip
from handlib.data.photo import Box, square_crop
from handlib.data.sample import normalise, resize, stack
from handlib.exercises import check, my_parts, predict, progress
from handlib.geometry.camera import pixels_to_uv, project_pinhole, uv_to_pixels
from handlib.show.core.palette import HIGHLIGHT, LEFT
from handlib.show.core.raster import draw_skeleton

torch.set_num_threads(1)
show.dir_map("camera")

# %%
progress()

# %% [markdown]
# ## A pinhole
#
# Light comes straight through one point, the camera's centre. Put the origin there, $x$ to the right, $y$ down, $z$ into the scene. All points on
# the line from the origin through $(X, Y, Z)$ land on the same pixel:
#
# $$ p_x = f_x\,\frac{X}{Z} + c_x, \qquad p_y = f_y\,\frac{Y}{Z} + c_y $$
#
# The four numbers $(f_x, f_y, c_x, c_y)$ are the **intrinsics**, in pixels. The focal length $f$ says how many pixels one metre takes at a
# distance of one metre. The principal point $(c_x, c_y)$ is where the camera's axis meets the picture.
#
# On paper, with $f = 200$ and $(c_x, c_y) = (64, 64)$: the point $(0.08, 0, 0.5)$ lies $200 \cdot 0.08 / 0.5 = 32$ pixels right of the middle,
# at $(96, 64)$. At twice the distance it lies 16 pixels to the right. Compute $(0.16, 0, 1.0)$ before you run the loop.

# %%
tiny_camera = torch.tensor([200.0, 200, 64, 64])
points = torch.tensor([[0, 0, 0.5], [0.08, 0, 0.5], [0.08, 0, 1.0], [0.16, 0, 1.0]])


def project_by_loop(points, intrinsics):
    fx, fy, cx, cy = intrinsics.tolist()
    return [(fx * x / z + cx, fy * y / z + cy) for x, y, z in points.tolist()]


rows = {}
for (x, y, z), (right, down) in zip(points.tolist(), project_by_loop(points, tiny_camera)):
    rows[f"({x:.2f}, {y:.0f}, {z:.1f}) m"] = {"p_x": round(right), "p_y": round(down)}
assert np.allclose(project_by_loop(points, tiny_camera), project_pinhole(points, tiny_camera))
show.table(rows, "Loop and library agree.")

# %% [markdown]
# Three sticks, seen from above, with the camera at the origin and the picture at 0.2 m. One is twice as large and twice as far away as
# another; both end on one ray. No picture can tell them apart.

# %%
figure, (axes,) = show.detached_figure(figsize=(7, 2.6), layout="constrained")
for z, size, colour, width in ((1.0, 0.16, "0.75", 9), (0.5, 0.08, "black", 4), (1.0, 0.08, HIGHLIGHT, 4)):
    axes.plot([z, z], [0, size], color=colour, linewidth=width, label=f"{100 * size:.0f} cm at {z:.1f} m")
    axes.plot([0, z], [0, size], color=colour, linewidth=1.2, linestyle="--")
axes.axvline(0.2, color="black", linewidth=1)
axes.plot([0, 1.1], [0, 0], color="0.7", linewidth=1)
axes.annotate("picture", (0.2, 0.14), xytext=(0.21, 0.14))
axes.set(xlabel="z (m)", ylabel="x (m)", title="Rays through a pinhole, from above")
axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
figure

# %% [markdown]
# ## Three numbers instead of a camera
#
# DIR knows neither the focal length nor the crop's place in a larger picture, so it cannot use the pinhole's formula. It treats all
# points of one hand as if they were equally far away. This is **weak perspective** (Sec. 3.1):
#
# $$ uv = s\,(X, Y) + (t_x, t_y) $$
#
# * **uv** is a place in the picture: -1 at the left or upper edge, 1 at the right or lower edge, whatever the number of pixels.
# * $(X, Y)$ are metres, measured from the hand's own wrist. So $(t_x, t_y)$ is the place where *this camera* shows the wrist.
# * $s$ is the length in uv of one metre of this hand.
#
# On paper, with the drawing's $s = 5$ and $t = (-0.2, 0.4)$: the wrist $(0, 0, 0)$ is seen at $(-0.2, 0.4)$. The joint $(0.06, -0.08, 0.02)$ is seen at
# $(5 \cdot 0.06 - 0.2,\; -5 \cdot 0.08 + 0.4) = (0.1, 0)$. So is $(0.06, -0.08, 0.10)$: the depth doesn't occur. Check the marked fingertip of
# the drawing in the same way.

# %%
show.draw_weak_perspective(5.0, (-0.2, 0.4))

# %%
hand = torch.tensor([[0, 0, 0], [0.06, -0.08, 0.02], [0.06, -0.08, 0.10]])


def project_weak_perspective_by_loops(points: Float[Tensor, "n 3"], camera: Float[Tensor, "3"]):
    """The uv of one hand's points, one after another."""
    scale, right, down = camera
    uv = torch.zeros(len(points), 2)
    for i, (x, y, _) in enumerate(points):
        uv[i, 0] = scale * x + right
        uv[i, 1] = scale * y + down
    return uv


seen = project_weak_perspective_by_loops(hand, torch.tensor([5, -0.2, 0.4]))
show.table(
    {
        str(tuple(round(x, 2) for x in p)): {"u": round(u, 2), "v": round(v, 2)}
        for p, (u, v) in zip(hand.tolist(), seen.tolist())
    }
)

# %% [markdown]
# **Your part: `project_weak_perspective`.** The network projects all hands of a batch at once, and every hand has a camera of its own. Write the
# loop's step without a loop. `points` may be (3 batches, 2 hands, 21 joints, 3) and `camera` (3, 2, 3), or one hand alone.
#
# <details><summary>Hint</summary>camera[..., :1] has the shape (*batch, 1). Where must an axis of length 1 go in, so that every point of a
# hand gets this hand's scale?</details>


# %% tags=["exercise"]
def project_weak_perspective(points, camera):
    """Points (*batch, n, 3) in metres and cameras (s, tx, ty) of shape (*batch, 3) in; uv (*batch, n, 2) out."""
    ...


check("project_weak_perspective", project_weak_perspective)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def project_weak_perspective_solution(points, camera):
    return camera[..., None, :1] * points[..., :2] + camera[..., None, 1:]


check("project_weak_perspective", project_weak_perspective_solution)

# %% [markdown]
# ## The best camera of this kind
#
# Where does the formula come from? Write a point's depth as $Z = \bar z + \delta$ around the hand's mean depth $\bar z$. Then
#
# $$ f\,\frac{X}{Z} \;\approx\; \frac{f}{\bar z}\,X\left(1 - \frac{\delta}{\bar z}\right). $$
#
# Weak perspective replaces the bracket by 1. In a picture of $W$ pixels, which is 2 wide in uv, this gives $s = 2f / (W \bar z)$. What is dropped is
# about $f X \delta / \bar z^2$ pixels.
#
# The best camera has the smallest sum of squared errors. Its shift makes the mean of the projected points equal to the mean of their true
# places, so subtract both means. For the centred $x$ and $u$ the squared error $\sum (s\,x - u)^2$ is a parabola in $s$ with its lowest point at
# $s = \sum x\,u / \sum x^2$.
#
# On paper: a stick with points at $x = -8, 0, 8$ cm and depths of 45, 50, 55 cm, under $f = 200$. The dropped part is
# $200 \cdot 0.08 \cdot 0.05 / 0.5^2 = 3.2$ pixels at both ends, to the left each time, and 0 in the middle. The shift takes up the mean of
# these, 2.13. About **1.1, 2.1 and 1.1** pixels should remain.

# %%
stick = torch.tensor([[-0.08, 0, 0.45], [0, 0, 0.50], [0.08, 0, 0.55]])
stick_pixels = project_pinhole(stick, torch.tensor([200.0, 200, 0, 0]))


def fit_weak_perspective_by_loops(points: Float[Tensor, "n 3"], uv: Float[Tensor, "n 2"]):
    """The camera (s, tx, ty) of one hand."""
    centre = [sum(float(p[axis]) for p in points) / len(points) for axis in (0, 1)]
    uv_centre = [sum(float(q[axis]) for q in uv) / len(points) for axis in (0, 1)]
    product = square = 0.0
    for p, q in zip(points, uv):
        for axis in (0, 1):
            x, u = float(p[axis]) - centre[axis], float(q[axis]) - uv_centre[axis]
            product += x * u
            square += x * x
    s = product / square
    return torch.tensor([s, *(uv_centre[axis] - s * centre[axis] for axis in (0, 1))])


by_loops = fit_weak_perspective_by_loops(stick, stick_pixels)
left_over = (project_weak_perspective_by_loops(stick, by_loops) - stick_pixels).norm(dim=-1).tolist()
print(f"s = {by_loops[0]:.0f} pixels per metre; pixels off:", *(f"{d:.1f}" for d in left_over))

# %% [markdown]
# 2.2 pixels remain in the middle, not 2.1, because the formula is only the first term of a series. And the scale tells the distance only nearly:
# $s$ isn't $f / \bar z = 400$, because the mean of $1/Z$ is larger than 1 over the mean of $Z$.
#
# **Your part: `fit_weak_perspective`.** Write the fit for a batch of hands, each with its own camera. The network `wild` (notebook 13) finds the
# joints in the picture first and then runs this fit. `small` predicts the three numbers.
#
# <details><summary>Hint</summary>mean(-2, keepdim=True) is the mean over a hand's points. The sums run over points and over both axes:
# sum((-2, -1)).</details>


# %% tags=["exercise"]
def fit_weak_perspective(points, uv):
    """Points (*batch, n, 3) and their places uv (*batch, n, 2) in; the best cameras (*batch, 3) out."""
    ...


check("fit_weak_perspective", fit_weak_perspective)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def fit_weak_perspective_solution(points, uv):
    centre, uv_centre = points[..., :2].mean(-2, keepdim=True), uv.mean(-2, keepdim=True)
    x, u = points[..., :2] - centre, uv - uv_centre
    s = ((x * u).sum((-2, -1)) / (x * x).sum((-2, -1)))[..., None]
    return torch.cat((s, uv_centre[..., 0, :] - s * centre[..., 0, :]), dim=-1)


check("fit_weak_perspective", fit_weak_perspective_solution)

# %% [markdown]
# ## Fit it by eye
#
# From here on the notebook uses the library's two functions. On the right is a sample pair as the network sees it: true joints solid, the weak
# camera's projection dashed. Leave `zoom` and `shift` alone.
#
# * The dashed hand starts at $s = 3$, $t = 0$. Lay it over the true left hand. The third line tells the mean error. Stop when you are below 2 pixels.
# * Press *fit the weak camera*. How near did you come?
# * The dashed hand never fits all joints. Which stay off?
#
# <details><summary>Answer</summary>The wrist most, by almost 4 pixels. It lies at one end of the hand's depth, and one scale serves the middle
# best. So even a perfect hand misses its wrist: the grey line of notebook 00.</details>

# %%
from handlib.geometry.camera import fit_weak_perspective, project_weak_perspective

samples = load_samples("test") + load_samples("train")
show.CropExplorer(samples[14])

# %% [markdown]
# ## How wrong is it, for a hand?
#
# Take the open right hand in three attitudes: its back to the camera, its fingers tilted towards the camera by 45°, and nearly pointing at it
# (80°). Hold it at several distances, project it with the pinhole, fit the best weak camera, and measure the root of the mean squared
# distance, which the fit makes smallest. The crop follows the hand, which always fills 80 % of 128 pixels. The focal length drops out:
# it enlarges picture and error alike.

# %%
right_hand = Hand.open("right")
upright = torch.from_numpy(show.upright("right", "back")).float()


def held(tilt: float) -> Float[Tensor, "21 3"]:
    """Joints of the open right hand, tilted towards the camera by so many degrees, around their mean."""
    by = roma.rotvec_to_rotmat(torch.tensor([math.radians(tilt), 0, 0]))
    joints = right_hand(root_rotation=by @ upright).joints
    return joints - joints.mean(0)


def weak_error(hand: Float[Tensor, "21 3"], placed: Float[Tensor, "21 3"]) -> tuple[float, float]:
    """Root mean square error of the best weak camera for a hand seen at ``placed``: metres, pixels of 128."""
    seen = placed[:, :2] / placed[:, 2:]
    camera = fit_weak_perspective(hand, seen)
    error = (project_weak_perspective(hand, camera) - seen).square().sum(-1).mean().sqrt()
    side = (seen.amax(0) - seen.amin(0)).max() / 0.8
    return float(error / camera[0]), float(error / side * 128)


def at(tilt: float, distance: float) -> tuple[float, float]:
    return weak_error(held(tilt), held(tilt) + torch.tensor([0, 0, distance]))


# %%
guess = predict(
    "The hand moves from 0.3 m to 0.6 m, and the crop follows it. The camera's error in pixels becomes ...",
    "a quarter of what it was",
    "half of what it was",
    "the same as before",
)
guess

# %% tags=["reveals"]
ratio = at(45.0, 0.6)[1] / at(45.0, 0.3)[1]
guess.compare(min(zip((0.25, 0.5, 1), guess.answers), key=lambda pair: abs(pair[0] - ratio))[1])
print("tilted by 45°:", ", ".join(f"{at(45.0, z)[1]:.1f} pixels at {z} m" for z in (0.3, 0.6, 1.5)))
distances = np.geomspace(0.2, 1.5, 12).tolist()
figure, axes = show.detached_figure(1, 2, figsize=(9, 3.2), layout="constrained")
for tilt, style in ((0.0, ":"), (45.0, "-"), (80.0, "--")):
    metres, pixels = zip(*(at(tilt, distance) for distance in distances))
    axes[0].loglog(distances, 1000 * np.array(metres), "k" + style, label=f"tilted by {tilt:.0f}°")
    axes[1].loglog(distances, pixels, "k" + style)
for axis, unit, ticks in zip(
    axes, ("mm on the hand", "pixels of 128"), ((0.5, 1, 2, 5), (0.2, 0.5, 1, 2, 5))
):
    axis.set(xlabel="distance (m)", ylabel=f"error ({unit})")
    axis.set_xticks((0.2, 0.3, 0.6, 1, 1.5), ("0.2", "0.3", "0.6", "1", "1.5"))
    axis.set_yticks(ticks, map(str, ticks))
    axis.minorticks_off()
axes[0].legend(frameon=False)
figure

# %% [markdown]
# The dropped part, $f X \delta / \bar z^2$, falls with the square of the distance. The hand's size in the picture, $f X / \bar z$, falls too. Their
# quotient counts: $\delta / \bar z$, depth of the hand over distance. The hand at 45° is worst because it has both depth and width; the one at
# 80° is deepest but looks short.
#
# Now all 80 sample pairs; the network was trained on others. With the *true* hands, the fit leaves the smallest error that such a camera
# can have. This error is a **floor** for a network that knows the hands perfectly.

# %%
guess = predict(
    "The trained network misses the true places, too. Can its error be smaller than the floor?",
    "in no picture",
    "in some pictures, but not on average",
    "even on average",
)
guess

# %% tags=["reveals"]
model = DIR.from_pretrained("small")
size = model.config.image_size
pairs = stack([resize(sample, size) for sample in samples])
with torch.no_grad():
    answer = model(normalise(pairs.image)).final
centred = pairs.joints - pairs.joints[:, :, :1]
best_cameras = fit_weak_perspective(centred, pairs.uv)
both, both_uv = pairs.joints.flatten(1, 2), pairs.uv.flatten(1, 2)
one_camera = project_weak_perspective(both, fit_weak_perspective(both, both_uv))


def pixels_off(uv):
    """Each picture's root mean square error in pixels."""
    return (uv.reshape(pairs.uv.shape) - pairs.uv).square().sum(-1).mean((1, 2)).sqrt() * size / 2


own_cameras = fit_weak_perspective(answer.joints, pairs.uv)
own_hands = project_weak_perspective(answer.joints, own_cameras)
errors = {
    "true hands, best cameras": pixels_off(project_weak_perspective(centred, best_cameras)),
    "true hands, one best camera for both": pixels_off(one_camera),
    "the network's hands, their best cameras": pixels_off(own_hands),
    "the network's hands and cameras": pixels_off(answer.uv),
}
floor, _, refitted, of_network = errors.values()
below = int((of_network < floor).sum())
guess.compare(guess.answers[2 if of_network.mean() < floor.mean() else 1 if below else 0])

# %% tags=["reveals"]
rows = {}
for name, error in errors.items():
    above = paired_difference(error.tolist(), floor.tolist())
    interval = "" if error is floor else f"{above.low:.1f} to {above.high:.1f}"
    rows[name] = {
        "pixels off (root mean square)": f"{error.mean():.1f}",
        "more than the floor (95 %)": interval,
    }
costs = paired_difference(of_network.tolist(), refitted.tolist())
show.table(
    rows,
    f"Mean over {len(floor)} pairs, pixels of {size}. In {below} of them the network is below the floor. "
    f"Its cameras cost {costs.low:.2f} to {costs.high:.2f} pixels (95 %): last row minus third.",
)

# %% [markdown]
# One camera for both hands (second row) costs more, although it knows where both wrists truly are: it gives both hands the same mean depth.
#
# On average the network is above the floor. In single pictures it can be below. The true hands cannot do this with any camera, so its hands are
# then wrong in a way that fits the picture. With the best cameras for its own hands (third row), most of its distance to the floor stays: it lacks
# better hands.
#
# ## What three numbers cannot say
#
# **Size or distance.** Make a hand 1.1 times as large and divide its $s$ by 1.1: the uv stay the same. No loss on uv can prefer one of the two hands.
# The hand model decides: its shapes and the true joints are in metres.
#
# **Where the hands are.** Each hand is centred on its own wrist. To put both into one scene, we must know where the right wrist lies, seen from the
# left one. Two cameras could tell, if we had the intrinsics: $s = 2f / (W \bar z)$ gives each hand's mean depth $\bar z$. Then $t$, measured from the
# principal point and divided by $s$, gives $x$ and $y$. But no network predicts a scale exactly. Take the explorer's left hand at zoom 1, after
# *fit*; the lines below it tell $f$ and $s$, and $W = 128$.


# %%
guess = predict(
    "The scale predicted for the explorer's left hand is 3 % too large. By how many millimetres does this change the hand's depth?",
    "about 1 mm",
    "about 4 mm",
    "about 20 mm",
)
guess

# %% tags=["reveals"]
f, best_scale = pairs.intrinsics[:, None, :1], best_cameras[..., :1]


def mean_depth(scale, f):
    """A hand's mean depth in metres, from its scale and a focal length in pixels."""
    return 2 * f / (size * scale)


depth = mean_depth(best_scale, f)
change = 1000 * (mean_depth(1.03 * best_scale, f) - depth)
guess.compare(min(zip((1, 4, 20), guess.answers), key=lambda pair: abs(pair[0] + float(change[14, 0])))[1])
rows = {
    name: {"depth (m)": f"{depth.view(-1)[k]:.2f}", "changes by (mm)": f"{change.view(-1)[k]:.0f}"}
    for name, k in (
        ("nearest hand", depth.argmin()),
        ("left hand of pair 14", 28),
        ("farthest hand", depth.argmax()),
    )
}
off = mean_interval((100 * (answer.camera[..., :1] / best_scale - 1)).abs().mean((1, 2)).tolist())
show.table(
    rows,
    f"What 3 % of the scale do. The network's own scales are off by {off.low:.1f} to {off.high:.1f} % on average (95 %).",
)


# %% tags=["reveals"]
def offset_from_cameras(cameras, joints, f):
    """Right minus left wrist in metres, from the weak cameras of wrist-centred joints."""
    principal = pixels_to_uv(pairs.intrinsics[:, None, 2:], size)
    xy = (cameras[..., 1:] - principal) / cameras[..., :1]
    wrists = torch.cat((xy, mean_depth(cameras[..., :1], f) - joints[..., 2:].mean(-2)), dim=-1)
    return wrists[:, 1] - wrists[:, 0]


wrong_scale = best_cameras * torch.tensor([[1.0, 1, 1], [1.03, 1, 1]])
offsets = {
    "1. true hands, best cameras": offset_from_cameras(best_cameras, centred, f),
    "2. as 1, right hand's scale 3 % too large": offset_from_cameras(wrong_scale, centred, f),
    "3. as 1, focal length 20 % too long": offset_from_cameras(best_cameras, centred, 1.2 * f),
    "4. the network's hands, their best cameras": offset_from_cameras(own_cameras, answer.joints, f),
    "5. the network's hands and cameras": offset_from_cameras(answer.camera, answer.joints, f),
    "6. the network's offset": 0.15 * answer.offset,
}
true_offset = pairs.joints[:, 1, 0] - pairs.joints[:, 0, 0]
errors = {name: 1000 * (offset - true_offset) for name, offset in offsets.items()}
errors = {name: torch.cat((e.abs(), e.norm(dim=-1, keepdim=True)), dim=-1) for name, e in errors.items()}
cameras, offset = list(errors.values())[-2:]
errors["5 minus 6: above 0, the offset is nearer"] = cameras - offset
rows = {}
for name, error in errors.items():
    found = zip(("x", "y", "z, depth", "distance"), (mean_interval(column.tolist()) for column in error.T))
    rows[name] = {column: f"{i.mean:.1f} ± {i.mean - i.low:.1f}" for column, i in found}
show.table(rows, f"Error of right minus left wrist (mm): mean ± half its 95 % interval, {len(offset)} pairs")

# %% [markdown]
# Depth is $2f / (W s)$, so 3 % of the scale are 3 % of the whole way to the camera. Rows 1 to 3 have the true hands. Even
# the best cameras are worst in depth, because a fitted scale isn't exactly a distance. A small error of one scale, or a guessed focal length,
# makes it worse: two touching hands would float apart. Row 4 has the network's hands. A hand that is predicted too wide, by its size or its pose, is
# put too far away by the camera that fits the picture best. A camera with the right depth would draw such a hand too large.
#
# So DIR predicts the **offset** as three numbers of its own: right wrist minus left wrist, in units of 0.15 m (Sec. 3.1). The picture speaks about it
# directly: one hand hides the other, hands touch, shadows fall.
#
# **Is the offset better?** Row 5 even got the true focal length and principal point, which the network doesn't know. Still, the offset is nearer
# in depth and in distance. Sideways the cameras are nearer: where a wrist is seen says this directly.
#
# **How far does this go?** The offset has a loss of its own; the cameras were only trained to hit the picture. A network whose cameras learn depth
# might do better than row 5. None was trained.
#
# ## Your camera in the network
#
# If `project_weak_perspective` is yours, this network projects every estimate with it. Solid: its answer. Dashed: the truth.

# %%
own = DIR.from_pretrained("small", parts=my_parts())
with torch.no_grad():
    mine = own(normalise(pairs.image[:16])).final
print("your parts:", ", ".join(my_parts()) or "none yet")
same = torch.allclose(mine.uv, answer.uv[:16], atol=1e-5)
print("the same places as with the library's camera, to 1e-5:", same)
show.overlay(samples[14], mine, samples[14], index=14)

# %% [markdown]
# ## Summary
#
# 1. A pinhole divides by the depth: $p = f\,X/Z + c$. Size and distance cannot be told apart.
# 2. DIR's camera is $uv = s\,(X, Y) + t$, three numbers for each hand, without depth.
# 3. The best such camera is a regression on centred points. Its error, as a share of the hand's size in the picture, grows with the hand's depth
#    over its distance. For a hand tilted by 45° that fills 80 % of the crop, it is about 4 of 128 pixels at 0.3 m, 2 at 0.6 m and 0.9 at 1.5 m.
# 4. With the true hands that error is a floor, 1.2 pixels on our 80 pairs. A network with a smaller error has wrong hands.
# 5. Depth read from a scale is fragile: 3 % of the scale are 3 % of the whole way to the camera. In our network the offset is nearer than the
#    cameras in depth, and less near sideways.
#
# **Test yourself.**
#
# <details><summary>A hand at 0.5 m has s = 6. It moves to 1 m; the crop stays. What is s now?</summary>About 3, since s is 2f / (W z). If the
# crop followed the hand, s would stay about 6.</details>
#
# <details><summary>A hand is 0.5 m away, and its predicted s is 4 % too small. Where does its camera put it?</summary>About 2 cm too far:
# 0.5 m / 0.96 = 0.52 m.</details>
#
# <details><summary>Which hand has a weak camera without any error?</summary>A flat hand that is parallel to the picture: all its points have the
# same depth.</details>
#
# Next: how the encoder makes a first estimate and tells left from right ([notebook 03](03_encoder.ipynb)).

# %% [markdown]
# # Further
#
# ## A hand off the axis
#
# So far the hand stood on the camera's axis. Of two hands, at least one stands aside. Move the tilted hand by 10 cm. Then turn the *model*
# about the vertical by the angle at which the hand is seen, $\arctan(0.1/0.5)$.

# %%
tilted, aside = held(45), torch.tensor([0.1, 0, 0.5])
angle = math.atan2(0.1, 0.5)
turned = tilted @ roma.rotvec_to_rotmat(torch.tensor([0, -angle, 0])).T
rows = {
    "on the axis": weak_error(tilted, tilted + torch.tensor([0, 0, 0.5])),
    "10 cm aside": weak_error(tilted, tilted + aside),
    f"10 cm aside, model turned by {math.degrees(angle):.0f}°": weak_error(turned, tilted + aside),
}
show.table(
    {name: {"mm": round(1000 * metres, 1)} for name, (metres, _) in rows.items()},
    "Error of the best weak camera",
)

# %% [markdown]
# A hand that stands aside is seen from another side. DIR's root rotation is trained to be the rotation in the *camera's* frame, but the crop
# shows the hand from where it stands. The same pixels in another corner of the frame belong to another root rotation.
#
# ## A crop is another camera
#
# Cut a window with a side of $w$ pixels and resample it to $n$ pixels. A pixel $p$ moves to $(p - \text{corner})\,k$ with $k = n/w$:
#
# $$ \left(f\,\frac{X}{Z} + c - \text{corner}\right) k = (f k)\,\frac{X}{Z} + (c - \text{corner})\,k $$
#
# It is a pinhole again, with $f' = f k$ and $c' = (c - \text{corner})\,k$. Here is the left hand of a sample, at
# the 256 pixels of the released network: with the rule, with one half of the rule forgotten at a time, and, last, with $c'$ simply put in the
# middle of the crop.

# %%
original = samples[14]
pixels = project_pinhole(original.joints[0], original.intrinsics)
low, high = pixels.amin(0), pixels.amax(0)
picture = original.image.permute(1, 2, 0).numpy()
square, crop = square_crop(picture, Box(*low.tolist(), *(high - low).tolist()), size=256)
corner, k = torch.tensor([crop.x, crop.y]), 256 / crop.side
f, c = original.intrinsics[:2], original.intrinsics[2:]
cameras_in_crop = {
    "correct": torch.cat((f, c - corner)) * k,
    "corner forgotten": torch.cat((f, c)) * k,
    "scale forgotten": torch.cat((f, c - corner)),
    "c in the middle": torch.cat((f * k, torch.tensor([128.0, 128]))),
}
landed = {name: project_pinhole(original.joints[0], camera) for name, camera in cameras_in_crop.items()}
assert torch.allclose(landed["correct"], uv_to_pixels(crop.to_uv(pixels), 256), atol=1e-3)
figure, axes = show.detached_figure(1, 4, figsize=(10, 2.9), layout="constrained")
for axis, (name, joints) in zip(axes, landed.items()):
    drawn = Image.fromarray(square)
    draw_skeleton(drawn, joints.numpy(), LEFT, thickness=1.5)
    off = float((joints - landed["correct"]).norm(dim=-1).mean())
    axis.imshow(drawn)
    axis.set(title=f"{name}: {off:.0f} px off", xticks=[], yticks=[])
figure

# %% [markdown]
# **Mirrors.** Mirroring a picture of width $W$ sends $p_x$ to $W - p_x$. Read $W - (f X/Z + c_x) = f\,(-X)/Z + (W - c_x)$: the left hand becomes a
# right one, $f$ stays, and $c_x' = W - c_x$.
#
# **Half pixels.** Here pixel $i$ covers $[i, i+1)$; its centre is $i + 0.5$. Much code calls the centre $i$. There $c' = (c + 0.5)\,k - 0.5$ and
# $c_x' = W - 1 - c_x$. Either is right. Mixing them is wrong by $(k - 1)/2$ pixels after resampling and by one pixel after mirroring.
#
# **Exercise: `loader_intrinsics`.** A loader cuts a window of `side` pixels with its upper left corner at `corner`, resamples it to `size` pixels,
# and then mirrors it. Give the intrinsics with which the mirrored hands are seen.


# %% tags=["exercise"]
def loader_intrinsics(intrinsics, corner, side, size):
    """(fx, fy, cx, cy) of the picture and corner (x, y) in; the four numbers of the result out."""
    ...


check("loader_intrinsics", loader_intrinsics)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def loader_intrinsics_solution(intrinsics, corner, side, size):
    k = size / side
    fx, fy, cx, cy = intrinsics
    return (fx * k, fy * k, size - (cx - corner[0]) * k, (cy - corner[1]) * k)


mirrored = flip(pairs)
assert torch.allclose(mirrored.uv, pairs.uv.flip(1) * torch.tensor([-1.0, 1]), atol=1e-5)
check("loader_intrinsics", loader_intrinsics_solution)

# %% [markdown]
# **A weak camera belongs to its crop.** Go back to the explorer. Which of the intrinsics change with `zoom`, which with `shift`? Predict the $s$ for
# zoom 2 before you press *fit*. Divide the best error by the zoom: is it smaller in some crop? (No. What the weak camera leaves out is in the
# scene.)
#
# **Exercise: `camera_in_picture`.** The network gives a weak camera $(s, t_x, t_y)$ for a crop with its corner at `corner` and a side of `side`
# pixels. Give the weak camera for the uv of the whole picture, which has `size` pixels.
#
# <details><summary>Hint</summary>Follow one point: from uv in the crop to pixels of the window, add the corner, then to uv in the
# picture.</details>


# %% tags=["exercise"]
def camera_in_picture(camera, corner, side, size):
    """Camera (s, tx, ty) in the crop and corner (x, y) in; (s, tx, ty) in the picture out."""
    ...


check("camera_in_picture", camera_in_picture)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def camera_in_picture_solution(camera, corner, side, size):
    s, *shift = camera
    return (s * side / size, *(((t + 1) * side / 2 + edge) * 2 / size - 1 for t, edge in zip(shift, corner)))


check("camera_in_picture", camera_in_picture_solution)

# %% [markdown]
# ## Where is a pixel's centre?
#
# uv names a place on all maps at once. uv -1 and 1 are the edges of the map, not the centres of its outermost pixels (`align_corners=False`).
# Notebook 04 measures what the other convention costs.
#
# **Exercise: `uv_of_pixel`.** A map has `size` pixels on a side. Give the uv of the *centre* of the pixel in row `row` and column `column`.


# %% tags=["exercise"]
def uv_of_pixel(row, column, size):
    """Returns (u, v)."""
    ...


check("uv_of_pixel", uv_of_pixel)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def uv_of_pixel_solution(row, column, size):
    return ((column + 0.5) * 2 / size - 1, (row + 0.5) * 2 / size - 1)


check("uv_of_pixel", uv_of_pixel_solution)

# %% [markdown]
# ## Turning the picture
#
# Training turns pictures. Turning by $A$ (a 2 x 2 rotation) about the picture's middle $m$ sends $p$ to $A(p - m) + m$. With $f_x = f_y = f$,
#
# $$ A\left(f\,\frac{(X, Y)}{Z} + c - m\right) + m = f\,\frac{A\,(X, Y)}{Z} + \underbrace{A\,(c - m) + m}_{c'} . $$
#
# So the truth turns exactly: the scene about the camera's axis, the principal point with the pixels. Forgetting $c'$ moves every joint by
# $2\,|c - m|\,\sin(\theta/2)$ pixels. The weak camera is easier: turn the hand, turn $t$, keep $s$.
#
# ## In the released code
#
# * The camera is the last three of 64 numbers per hand, after root rotation (6), pose (45) and betas (10). The release predicts the scale itself;
#   `small` predicts its logarithm, which keeps it positive.
# * InterHand2.6M gives camera *centres* in millimetres, $x_c = R\,(x_w - \text{campos})$. The trap of notebook 01 applies to its translations: a
#   wrong $J_0$ shifts the two hands in opposite directions, straight into the target of `offset`.
# * The release's pixel errors don't use the weak camera: the true camera projects the predicted hand, placed at the *true* root.
#
# **Open question.** Design a camera of four numbers per hand that keeps part of the depth. Which number would you add, what would the network have
# to see to predict it, and for which of the sample pairs would it help most?
