# %% [markdown]
# # 02 · Cameras and crops: how metres become pixels
#
# The hand model speaks in metres, the network sees 128 x 128 pixels. Between the two stands a camera, and around the
# camera stands everything that was done to the picture before the network saw it: it was cut out of a larger one,
# resized, perhaps mirrored and turned. Each of these changes what a pixel means.
#
# **The question:** how do metres become pixels, what does DIR keep of it, and what is lost on the way?
#
# Afterwards you should be able to say
#
# 1. where a point given in metres appears, by hand, and what cropping, resizing and mirroring do to the camera;
# 2. why DIR gives each hand a camera of only three numbers, how wrong it is, and at which distance it matters;
# 3. what such a camera can't say, and what DIR's `offset` is for;
# 4. what uv is, and what half a pixel costs;
# 5. how to move a MANO hand from one camera to another, and what happens to a camera when the picture is turned.
#
# Words: [weak perspective](../docs/glossary.md#weak-perspective), [uv](../docs/glossary.md#uv), [root](../docs/glossary.md#root), [offset](../docs/glossary.md#offset).

# %%
import math
from dataclasses import replace

import numpy as np
import roma
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor

from handlib import DIR, Hand, load_samples, show
from handlib.geometry.camera import crop_intrinsics, fit_weak_perspective, pixels_to_uv
from handlib.geometry.camera import project_pinhole, project_weak_perspective, uv_to_pixels
from handlib.data.sample import normalise, resize, stack
from handlib.exercises import check
from handlib.show.core.palette import HIGHLIGHT, LEFT, RIGHT
from handlib.hand.skeleton import SIDES

torch.set_num_threads(1)

# %% [markdown]
# ## A pinhole
#
# Light comes straight through one point, the camera's centre. Put the origin there, $x$ to the right, $y$ down, $z$ into
# the scene. A point $(X, Y, Z)$ and everything else on the line from the origin through it land on the same place:
#
# $$ p_x = f_x\,\frac{X}{Z} + c_x, \qquad p_y = f_y\,\frac{Y}{Z} + c_y $$
#
# The four numbers $(f_x, f_y, c_x, c_y)$ are the **intrinsics**, in pixels. The focal length $f$ says how many pixels one
# metre takes at a distance of one metre; $(c_x, c_y)$, the principal point, is where the camera's axis meets the picture.
#
# By hand, for a picture of 128 pixels with $f = 200$ and its principal point in the middle, $(64, 64)$:
#
# | point (m) | prediction |
# | --- | --- |
# | (0, 0, 0.5) | on the axis: (64, 64) |
# | (0.08, 0, 0.5) | 0.08/0.5 · 200 = 32 to the right: (96, 64) |
# | (0.08, 0, 1.0) | twice as far, half as much: (80, 64) |
# | (0.16, 0, 1.0) | twice as far and twice as large: (96, 64) again |

# %%
tiny_camera = torch.tensor([200.0, 200, 64, 64])
four_points = torch.tensor([[0, 0, 0.5], [0.08, 0, 0.5], [0.08, 0, 1.0], [0.16, 0, 1.0]])


def project_by_loop(points, intrinsics):
    fx, fy, cx, cy = intrinsics.tolist()
    return [(fx * x / z + cx, fy * y / z + cy) for x, y, z in points.tolist()]


for point in project_by_loop(four_points, tiny_camera):
    print(f"({point[0]:.0f}, {point[1]:.0f})")

# %% [markdown]
# Without the loop it is one line, and the same as the package's.


# %%
@jaxtyped(typechecker=beartype)
def project(points: Float[Tensor, "n 3"], intrinsics: Float[Tensor, "4"]) -> Float[Tensor, "n 2"]:
    return points[:, :2] / points[:, 2:] * intrinsics[:2] + intrinsics[2:]


assert torch.allclose(
    project(four_points, tiny_camera), torch.tensor([[64.0, 64], [96, 64], [80, 64], [96, 64]])
)
assert torch.allclose(project(four_points, tiny_camera), project_pinhole(four_points, tiny_camera))
print("loop, one line and handlib agree")

# %% [markdown]
# Seen from above: three sticks, the camera at the origin, the picture drawn as if it stood at 0.2 m. The near stick and the one
# that is twice as large and twice as far end on one ray. No picture can tell them apart.

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
# ## The cameras of the sample pairs
#
# Every sample knows its camera. (Each was rendered with a focal length and a distance of its own.) The whole width of a
# picture of $W$ pixels is seen under the angle $2\arctan(W/2f)$.

# %%
samples = load_samples("test") + load_samples("train")
batch = stack([resize(sample, 128) for sample in samples])
focal, depth = batch.intrinsics[:, 0], batch.joints[:, :, 0, 2]
view = torch.rad2deg(2 * torch.atan(64 / focal))
print(f"{len(samples)} pairs at 128 pixels: f from {focal.min():.0f} to {focal.max():.0f} pixels")
print(f"angle of view {view.min():.0f} to {view.max():.0f} degrees")
print(f"wrists {100 * depth.min():.0f} to {100 * depth.max():.0f} cm away")

# %%
sample = batch[14]
left_pixels = project(sample.joints[0], sample.intrinsics)
assert torch.allclose(pixels_to_uv(left_pixels, 128), sample.uv[0], atol=1e-6)
show.overlay(samples[14], samples[14], title="Joints and surfaces, projected by the true camera")

# %% [markdown]
# ## Three numbers instead of a camera
#
# DIR is told neither the focal length nor where in a larger picture its crop was cut out. So it can't use the pinhole
# formula. It uses **weak perspective** (Sec. 3.1): all points of one hand are treated as if they had the same depth.
#
# $$ uv = s\,(X, Y) + (t_x, t_y) $$
#
# Three numbers per hand: a scale and a shift. Here $uv$ are coordinates from -1 to 1 over the picture (more on them below), and
# $(X, Y)$ are measured from the hand's own wrist. So $(t_x, t_y)$ is where the wrist is seen, and $s$ is how large a metre
# of this hand appears.
#
# Where does it come from? Write a point's depth as $Z = \bar z + \delta$ around the hand's mean depth $\bar z$. Then
#
# $$ f\,\frac{X}{Z} \;\approx\; \frac{f}{\bar z}\,X\left(1 - \frac{\delta}{\bar z}\right) $$
#
# Weak perspective keeps $f/\bar z$ and replaces the bracket by 1. In uv, where a picture of $W$ pixels is 2 wide,
# $s = 2f/(W\bar z)$. What is dropped has size $f X \delta / \bar z^2$ pixels: it grows with how deep the hand is and falls with
# how far it is.
#
# By hand, with $f = 200$ again: a stick of three points at $x = -8, 0, 8$ cm and depths of 45, 50, 55 cm. The dropped part
# is $200 \cdot 0.08 \cdot 0.05 / 0.5^2 = 3.2$ pixels at both ends, to the left each time, and 0 in the middle. A shift can
# take up the mean of these, 2.13. What remains should be about **1.1, 2.1 and 1.1 pixels**.

# %%
stick = torch.tensor([[-0.08, 0, 0.45], [0, 0, 0.50], [0.08, 0, 0.55]])
stick_pixels = project(stick, torch.tensor([200.0, 200, 0, 0]))


@jaxtyped(typechecker=beartype)
def fit(points: Float[Tensor, "n 3"], places: Float[Tensor, "n 2"]) -> Float[Tensor, "3"]:
    xy, target = points[:, :2] - points[:, :2].mean(0), places - places.mean(0)
    s = (xy * target).sum() / (xy * xy).sum()
    return torch.cat((s[None], places.mean(0) - s * points[:, :2].mean(0)))


# %%
weak = fit(stick, stick_pixels)
assert torch.allclose(weak, fit_weak_perspective(stick, stick_pixels))
left_over = (project_weak_perspective(stick, weak) - stick_pixels).norm(dim=-1)
print("pixels off:", *(f"{d:.1f}" for d in left_over), f"  s = {weak[0]:.0f} pixels per metre")

# %% [markdown]
# `fit` is the best weak camera in the sense of least squares. The best shift makes both means agree; with both means taken away,
# the best scale is the one-dimensional regression $\sum xy \cdot uv / \sum xy \cdot xy$. It is exact for a camera that really
# is weak, and there is nothing left to search.
#
# Two details. 2.2 instead of 2.1: the formula is only the first term of a series. And 404 pixels per metre, not
# $f/\bar z = 400$: the mean of $1/Z$ is larger than 1 over the mean of $Z$. A fitted scale is nearly a distance, but not exactly; this
# will matter.
#
# ## How wrong is it, for a hand?
#
# Take the open right hand in three attitudes: its back to the camera, its fingers tilted towards it by 45°, and nearly pointing at it (80°). Hold
# it between 0.2 m and 1.5 m away, project it truly, fit the best weak camera, and measure what is left over. The crop follows the
# hand so that it always fills 80 % of 128 pixels.
#
# **Predict** from the formula: twice as far, what fraction of the error? And which attitude is worst?

# %%
right = Hand.open("right")
tilt_axis = torch.tensor([1.0, 0, 0])


def held(tilt: float) -> Float[Tensor, "21 3"]:
    upright = torch.from_numpy(show.upright("right", "back")).float()
    turn = roma.rotvec_to_rotmat(math.radians(tilt) * tilt_axis)
    joints = right(root_rotation=turn @ upright).joints
    return joints - joints.mean(0)


# %%
@jaxtyped(typechecker=beartype)
def weak_error(model: Float[Tensor, "n 3"], placed: Float[Tensor, "n 3"]) -> Float[Tensor, "2"]:
    """Mean left-over error of the best weak camera for points seen at ``placed``: metres, and pixels of 128."""
    seen = placed[:, :2] / placed[:, 2:]
    camera = fit(model, seen)
    error = (project_weak_perspective(model, camera) - seen).norm(dim=-1).mean()
    side = (seen.amax(0) - seen.amin(0)).max() / 0.8
    return torch.stack((error / camera[0], error / side * 128))


def sweep(tilt: float, distances: list[float]) -> Float[Tensor, "distances 2"]:
    hand = held(tilt)
    return torch.stack([weak_error(hand, hand + torch.tensor([0, 0, z])) for z in distances])


# %% [markdown]
# The focal length appears nowhere in this: it enlarges the picture and the error alike, and the crop takes it out again. **Only
# the distance counts.** A long lens helps only because one steps back to use it.

# %%
distances = np.geomspace(0.2, 1.5, 12).tolist()
hand_length = float((held(0)[12] - held(0)[0]).norm())
curves = {tilt: sweep(tilt, distances) for tilt in (0.0, 45.0, 80.0)}

# %%
figure, axes = show.detached_figure(1, 2, figsize=(9, 3.2), layout="constrained")
for (tilt, curve), style in zip(curves.items(), (":", "-", "--"), strict=True):
    axes[0].loglog(distances, 100 * curve[:, 0] / hand_length, "k" + style, label=f"tilted {tilt:.0f}°")
    axes[1].loglog(distances, curve[:, 1], "k" + style)
for axis, unit in zip(axes, ("% of the hand's length", "pixels of 128"), strict=True):
    axis.set(xlabel="distance (m)", ylabel=f"error ({unit})")
    axis.set_xticks((0.2, 0.5, 1, 1.5), ("0.2", "0.5", "1", "1.5"))
    axis.set_yticks((0.2, 0.5, 1, 2, 5), ("0.2", "0.5", "1", "2", "5"))
    axis.minorticks_off()
axes[0].legend(frameon=False)
figure

# %%
for tilt, curve in curves.items():
    metres, pixels = sweep(tilt, [0.2, 0.6, 1.5]).T
    percent = " ".join(f"{100 * float(m) / hand_length:4.1f}" for m in metres)
    pixels = " ".join(f"{float(p):4.1f}" for p in pixels)
    slope = np.polyfit(np.log(distances), curve[:, 0].log().numpy(), 1)[0]
    print(
        f"tilted {tilt:2.0f}°: {percent} % of its length, {pixels} pixels at 0.2, 0.6, 1.5 m; slope {slope:.1f}"
    )

# %% [markdown]
# Slope -1 in a double logarithmic picture: twice as far, half as wrong, as $X\delta/\bar z^2$ divided by the hand's own size
# $X/\bar z$ says. The flat hand hardly suffers because it has little depth. The hand at 45° is worst, having both depth and
# width; the one at 80° is deepest but looks short. At 0.6 m, where the sample pairs are, even the worst is under two pixels
# of 128; at 0.2 m it is nearly six.
#
# ### Not on the axis
#
# So far the hand stood on the camera's axis. Move it 10 cm to the side, as at least one hand of two must be.

# %%
tilted = held(45)
on_axis, aside = torch.tensor([0, 0, 0.5]), torch.tensor([0.1, 0, 0.5])
angle = math.atan2(0.1, 0.5)
turned = tilted @ roma.rotvec_to_rotmat(torch.tensor([0, -angle, 0])).T
for name, model, place in (
    ("on the axis", tilted, on_axis),
    ("10 cm aside", tilted, aside),
    (f"10 cm aside, model turned by {math.degrees(angle):.0f}°", turned, aside),
):
    print(f"{name:37} {1000 * float(weak_error(model, tilted + place)[0]):.1f} mm left over")

# %% [markdown]
# The error nearly doubles, and it is of one particular kind: a hand aside is seen from another side. Turn the model about the
# vertical by the angle under which the hand stands off the axis, $\arctan(0.1/0.5)$, and the error is back to what it was.
#
# This matters for more than pixels. DIR's root rotation is trained to be the hand's rotation in the *camera's* frame, while
# a crop shows the hand from where it stands. The same pixels in the crop, taken from another corner of the frame, belong to
# another root rotation, and nothing in the crop tells which. The error is as large as that angle.
#
# ## How wrong is it on the sample pairs?
#
# The same measurement for their 160 hands, each with the best weak camera that there is for it.

# %%
cameras = fit_weak_perspective(batch.joints - batch.joints[:, :, :1], batch.uv)
weak_uv = project_weak_perspective(batch.joints - batch.joints[:, :, :1], cameras)
floor = (weak_uv - batch.uv).norm(dim=-1).mean(-1) * 64
print(
    f"joints are {floor.mean():.1f} pixels of 128 off on average, {floor.max():.1f} in the worst of 160 hands"
)

# %%
figure, (axes,) = show.detached_figure(figsize=(5, 3), layout="constrained")
z = batch.joints[..., 2]
relative = (z.amax(-1) - z.amin(-1)) / z.mean(-1)
for k, (side, colour, marker) in enumerate(zip(SIDES, (LEFT, RIGHT), "os", strict=True)):
    axes.scatter(relative[:, k], floor[:, k], s=14, color=colour, marker=marker, label=f"{side} hands")
axes.set(xlabel="depth of the hand / distance", ylabel="error (pixels of 128)", ylim=(0, None))
axes.set_title("The best weak camera of each hand")
axes.legend(frameon=False)
figure

# %% [markdown]
# About one pixel, more for hands that are deep compared with their distance. It is a **floor** for true hands: a network
# that knew each hand perfectly would still be about this far off in the picture. (Losses on uv and losses on metres
# therefore pull in slightly different directions: as with the turned model above, a hand that is a little wrong can lie
# better on the picture.) How far from this floor is the network? And why a camera for *each* hand, when only one took the
# picture?

# %%
model = DIR.from_pretrained("small").eval()
test = batch[:16]
with torch.no_grad():
    trace = model.trace(normalise(test.image))
final = trace.prediction.final
network_error = (final.uv - test.uv).norm(dim=-1).mean() * 64

# %%
both, both_uv = test.joints.flatten(1, 2), test.uv.flatten(1, 2)
shared = project_weak_perspective(both, fit_weak_perspective(both, both_uv))

# %%
print("pixels of 128 on the 16 test pairs:")
print(f"network {network_error:.1f}, best weak camera per hand {floor[:16].mean():.1f}")
print(f"best weak camera for both hands together {(shared - both_uv).norm(dim=-1).mean() * 64:.1f}")
assert network_error > floor[:16].mean()

# %% [markdown]
# The network is further off than its kind of camera makes it; the nearer it comes to the floor, the more the camera matters.
# One camera for both hands would have to give both the same mean depth, and two hands that reach past each other don't have
# it.
#
# The trace shows the camera at work. `camera` holds the three numbers per hand, `params.camera` what the network predicted: the
# small network predicts the scale's logarithm (`log_scale`), which keeps it positive; the released one predicts the scale itself.

# %%
assert model.config.log_scale
raw = final.params.camera
network_cameras = final.camera
assert torch.allclose(network_cameras[..., 0], raw[..., 0].exp())
assert torch.allclose(project_weak_perspective(final.joints, network_cameras), final.uv, atol=1e-6)
wrist_seen = network_cameras[..., 1:] - final.uv[:, :, 0]
assert wrist_seen.abs().max() < 1e-5
print("uv = s * xy + t, and t is where the wrist is seen")

# %% [markdown]
# ## What three numbers can't say
#
# **Size or distance.** Make a hand 1.1 times as large and divide its camera's $s$ by 1.1: the same uv. That was already so
# for the pinhole (the stick of 16 cm at 1 m).

# %%
larger = 1.1 * final.joints
smaller_scale = network_cameras * torch.tensor([1 / 1.1, 1, 1])
assert torch.allclose(project_weak_perspective(larger, smaller_scale), final.uv, atol=1e-5)
difference = (larger - final.joints).norm(dim=-1).mean()
print(f"the same uv, but joints {1000 * difference:.0f} mm apart on average")

# %% [markdown]
# No loss on uv can prefer one of the two. What decides is the hand model: MANO's betas were learned from scans of real
# hands, its joints are compared with true joints in metres, and so DIR's vertices are **metric because the hand model is**;
# only the camera is weak. A child's hand near by and an adult's far away remain indistinguishable, and the network answers
# with what it has seen most.
#
# **Where the hands are.** Each hand is centred on its own wrist. To put two hands into one scene, one must know how the
# right wrist lies from the left one. Could one read that from two cameras? From $s = 2f/(W\bar z)$ follows $\bar z$ for each
# hand, and from $t$ follow $x$ and $y$. Do it with the *best* cameras and the *true* focal length.


# %%
@jaxtyped(typechecker=beartype)
def wrists_from_cameras(
    cameras: Float[Tensor, "b 2 3"],
    joints: Float[Tensor, "b 2 21 3"],
    intrinsics: Float[Tensor, "b 4"],
    size: int,
) -> Float[Tensor, "b 2 3"]:
    """Wrists in the camera's frame, from weak cameras of wrist-centred joints and a known pinhole camera."""
    f, principal = intrinsics[:, None, :1] * 2 / size, pixels_to_uv(intrinsics[:, None, 2:], size)
    xy = (cameras[..., 1:] - principal) / cameras[..., :1]
    z = f / cameras[..., :1] - joints[..., 2].mean(-1, keepdim=True)
    return torch.cat((xy, z), dim=-1)


# %%
centred = batch.joints - batch.joints[:, :, :1]
true_offset = batch.joints[:, 1, 0] - batch.joints[:, 0, 0]


def offset_error(cameras, focal_factor=1.0):
    intrinsics = batch.intrinsics * torch.tensor([focal_factor, focal_factor, 1, 1])
    wrists = wrists_from_cameras(cameras, centred, intrinsics, 128)
    return 1000 * (wrists[:, 1] - wrists[:, 0] - true_offset).abs().mean(0)


# %%
one_wrong = cameras.clone()
one_wrong[:, 1, 0] *= 1.03
print(f"{'mean error of the offset (mm)':36}   x   y   z")
for name, error in (
    ("best cameras, true focal length", offset_error(cameras)),
    ("focal length 20 % too long", offset_error(cameras, 1.2)),
    ("right hand's scale 3 % too large", offset_error(one_wrong)),
):
    print(f"{name:36}", *(f"{e:3.0f}" for e in error))

# %% [markdown]
# Sideways it works to a millimetre. **Depth is what is lost**: nearly a centimetre with the best cameras, because a fitted
# scale isn't exactly a distance; more with a focal length that is only guessed; and a scale that is 3 % wrong, which moves a
# fingertip by a pixel or two in the picture, costs about 3 % of the whole distance to the camera. Two touching hands would
# float apart.
#
# So DIR predicts the `offset`, right wrist minus left wrist, as three numbers of its own, in units of 0.15 m (Sec. 3.1). The
# picture does say something about it directly: which hand hides which, where they touch, shadows. Compare on the network's
# own answers; the cameras even get the true focal length, which the network doesn't have.

# %%
wrists = wrists_from_cameras(network_cameras, final.joints, test.intrinsics, 128)
by_cameras = 1000 * (wrists[:, 1] - wrists[:, 0] - true_offset[:16])
by_offset = 1000 * (0.15 * final.offset - true_offset[:16])

# %%
for name, error in (("from its two cameras", by_cameras), ("as predicted", by_offset)):
    whole, deep = error.norm(dim=-1).mean(), error[:, 2].abs().mean()
    print(f"offset {name:20} {whole:3.0f} mm off, in depth alone {deep:3.0f} mm")
assert by_offset.norm(dim=-1).mean() < by_cameras.norm(dim=-1).mean()

# %% [markdown]
# ## A crop is another camera
#
# A network wants a small square with the hands in it. Cut the window with its top left corner at $(a, b)$ and a side of $w$
# pixels, and resample it to $n$ pixels. A pixel $p$ moves to $(p - \text{corner})\,k$ with $k = n/w$. Put the pinhole
# formula in:
#
# $$ \left(f\,\frac{X}{Z} + c - \text{corner}\right) k = (f k)\,\frac{X}{Z} + (c - \text{corner})\,k $$
#
# It is again a pinhole camera: $f' = f k$, $c' = (c - \text{corner})\,k$. Nothing in three dimensions has moved.
#
# By hand: $f = 200$, $c = (64, 64)$; the window starts at $(80, 40)$, is 32 wide and is resampled to 128, so $k = 4$. Then
# $f' = 800$ and $c' = (-64, 96)$. The principal point lies outside the crop. That is nothing unusual.


# %%
@jaxtyped(typechecker=beartype)
def cropped(intrinsics: Float[Tensor, "4"], corner: Float[Tensor, "2"], k: float) -> Float[Tensor, "4"]:
    return torch.cat((intrinsics[:2], intrinsics[2:] - corner)) * k


tiny_crop = cropped(tiny_camera, torch.tensor([80.0, 40]), 4.0)
assert torch.allclose(tiny_crop, crop_intrinsics(tiny_camera, torch.tensor([80.0, 40]), 4.0))
print([round(c) for c in tiny_crop.tolist()])

# %% [markdown]
# For a picture, `square_crop` cuts and resamples, and the `Crop` that it returns knows the way back: `to_uv` from the
# picture's pixels into the crop, `to_picture` from the crop to the picture. Cut the left hand out of the sample, at the 256
# pixels that the released network takes, and find its joints there in both ways: by moving pixels and by moving the camera.

# %%
from PIL import Image

from handlib.data.photo import Box, square_crop

original = samples[14]
pixels = project(original.joints[0], original.intrinsics)
low, high = pixels.amin(0), pixels.amax(0)
box = Box(*low.tolist(), *(high - low).tolist())
picture = original.image.permute(1, 2, 0).numpy()
square, crop = square_crop(picture, box, size=256)
print(f"window of {crop.side:.0f} pixels at ({crop.x:.0f}, {crop.y:.0f}), resampled to {square.shape[0]}")

# %%
corner, k = torch.tensor([crop.x, crop.y]), 256 / crop.side
by_camera = project(original.joints[0], cropped(original.intrinsics, corner, k))
by_pixels = uv_to_pixels(crop.to_uv(pixels), 256)
assert torch.allclose(by_camera, by_pixels, atol=1e-3)
assert torch.allclose(crop.to_picture(crop.to_uv(pixels)), pixels, atol=1e-3)
print("moving the camera and moving the pixels agree")

# %% [markdown]
# ### Break it: the camera of the picture used in the crop
#
# Forget one half of the rule at a time, and look at where the joints land.

# %%
f, c = original.intrinsics[:2], original.intrinsics[2:]
camera_in = {
    "correct": torch.cat((f, c - corner)) * k,
    "corner forgotten": torch.cat((f * k, c * k)),
    "scale forgotten": torch.cat((f, c - corner)),
    "cx, cy in the middle": torch.cat((f * k, torch.tensor([128.0, 128]))),
}
landed = {name: project(original.joints[0], camera) for name, camera in camera_in.items()}
for name, points in landed.items():
    print(f"{name:20} {(points - by_camera).norm(dim=-1).mean():4.0f} of 256 pixels off")

# %%
from handlib.show.core.raster import draw_skeleton

figure, axes = show.detached_figure(1, 4, figsize=(10, 2.9), layout="constrained")
for axis, (name, points) in zip(axes, landed.items(), strict=True):
    drawn = Image.fromarray(square)
    draw_skeleton(drawn, points.numpy(), LEFT, thickness=1.5)
    axis.imshow(drawn)
    axis.set(title=name, xticks=[], yticks=[])
figure

# %% [markdown]
# The last is tempting with a small crop, and it moves the hand by the whole distance between the crop's middle and the
# principal point.
#
# ### Mirrors and half pixels
#
# Mirroring a picture of width $W$ sends $p_x$ to $W - p_x$. Read $W - (f X/Z + c_x) = f\,(-X)/Z + (W - c_x)$: the scene is
# mirrored in $x$, so the left hand becomes a right one, $f$ stays, and $c_x' = W - c_x$. `augment.flip` does just this, and
# the mirrored hands land on the mirrored pixels:

# %%
from handlib.data.augment import flip

mirrored = flip(batch[:16])
expected = batch[:16].uv.flip(1) * torch.tensor([-1.0, 1])
assert torch.allclose(mirrored.uv, expected, atol=1e-5)
assert torch.allclose(mirrored.intrinsics[:, 2], 128 - batch[:16].intrinsics[:, 2])
print("mirrored hands, seen by the mirrored camera, lie on the mirrored picture")

# %% [markdown]
# All of this counts pixels **continuously**: pixel $i$ covers $[i, i+1)$ and its centre is $i + 0.5$. Much code calls the
# centre of pixel $i$ just $i$. In that convention resampling by $k$ and mirroring read
#
# $$ c' = (c + 0.5)\,k - 0.5, \qquad c_x' = W - 1 - c_x . $$
#
# Either is right; mixing them is not. With the rules of one and the numbers of the other, resampling is wrong by $(k - 1)/2$
# pixels and mirroring by one. By hand: shrinking a 4096-pixel photograph to 128 has $k = 1/32$ and costs 0.48 of a pixel,
# enlarging a 32-pixel map to 128 has $k = 4$ and costs 1.5.

# %%
for before, after in ((4096, 128), (256, 128), (32, 128)):
    k = after / before
    centre_named_i = torch.arange(0, before, before // 32)
    centre_in_truth = (centre_named_i + 0.5) * k - 0.5
    wrong = (centre_named_i * k - centre_in_truth).abs().max()
    print(f"{before:4} to {after} pixels: {wrong:.2f} pixels wrong")

# %% [markdown]
# ## uv, and what half a pixel costs
#
# Feature maps have 8, 16 or 32 pixels per side, the picture 128. To speak of a place in all of them at once, DIR uses
# **uv**: -1 at the left (upper) *edge*, 1 at the right (lower) edge, whatever the number of pixels. On a map of $N$ pixels a
# place $u$ lies at the continuous pixel $(u+1)N/2$, and its pixel's index, counted from the first centre, is
#
# $$ i = \frac{(u + 1)\,N - 1}{2}. $$
#
# This is what `grid_sample(align_corners=False)` means. With `align_corners=True`, -1 and 1 are the first and last
# pixels' *centres*, and $i = (u+1)(N-1)/2$. Subtract: the two differ by $-u/2$ of a **map** pixel, whatever $N$: nothing in the
# middle, half a map pixel at the edges.
#
# A tiny case, on a map of 4 x 4: the centre of the first pixel is at continuous pixel 0.5, that is
# $u = 0.5 \cdot 2/4 - 1 = -0.75$. Read a ramp with values 0, 1, 2, 3 from left to right at $u = -0.75$. With the right convention the answer must be
# **0**; with the other it must be $0.25 \cdot 3/2 =$ **0.375**.

# %%
from torch.nn.functional import grid_sample

ramp = torch.arange(4.0).expand(1, 1, 4, 4)
place = torch.tensor([-0.75, -0.75]).view(1, 1, 1, 2)
for aligned in (False, True):
    print(f"align_corners={aligned}: {float(grid_sample(ramp, place, align_corners=aligned)):.3f}")

# %% [markdown]
# As a picture: a joint at $uv = (-0.75, 0.25)$, and how much each pixel of the map contributes to what is read there. (How a
# map is read is the subject of notebook 04; the weights are found here by asking for the gradient.)

# %%
joint = torch.tensor([-0.75, 0.25])
figure, axes = show.detached_figure(1, 2, figsize=(6, 3), layout="constrained")
for axis, aligned in zip(axes, (False, True), strict=True):
    heat = torch.zeros(1, 1, 4, 4, requires_grad=True)
    grid_sample(heat, joint.view(1, 1, 1, 2), align_corners=aligned).sum().backward()
    weights = heat.grad[0, 0]
    axis.imshow(weights, cmap="Greys", vmin=0, vmax=2, extent=(-1, 1, 1, -1))
    axis.plot(*joint, "+", color=HIGHLIGHT, markersize=12, markeredgewidth=2)
    axis.set(title=f"align_corners={aligned}", xlabel="u", ylabel="v")
    axis.set(xticks=(-1, -0.5, 0, 0.5, 1), yticks=(-1, -0.5, 0, 0.5, 1))
    axis.grid(color="0.8")
    for row, column in weights.nonzero().tolist():
        axis.text(column / 2 - 0.95, row / 2 - 0.85, f"{weights[row, column]:.2f}", fontsize=8)
    print(
        f"align_corners={aligned}: pixels read {int((weights > 0).sum())}, largest weight {weights.max():.2f}"
    )
figure

# %% [markdown]
# The joint lies on a pixel's centre. Read rightly, that pixel alone counts; read wrongly, nearly half of what is read comes
# from its neighbours, and no error is raised. What does it cost in pixels of the picture? Half a pixel of an 8 x 8 map is
# half of 128/8 = 16 pixels: **8 pixels of the picture** at its edge. For the true joints of the sample pairs, on the three
# map sizes of DIR:

# %%
for size in (8, 16, 32):
    right_index = ((batch.uv + 1) * size - 1) / 2
    wrong_index = (batch.uv + 1) * (size - 1) / 2
    error = (wrong_index - right_index).norm(dim=-1) * 128 / size
    print(f"{size:2} x {size:2} map: {error.mean():.1f} pixels of 128 on average, {error.max():.1f} at most")
print(f"the network's own error, from above: {network_error:.1f} pixels")

# %% [markdown]
# On the coarse map it is more than the network's whole error in the picture. Joints are read from the maps of 16 and 32; there it is a pixel or two, and twice as much at the edges. A network may learn to live with
# it, since the shift is always the same at the same place (notebook 04 measures what it costs a trained one). But one that was trained with one convention and runs with the
# other reads every joint from the wrong place. This package uses edges at -1 and 1 everywhere, as the released code does for
# its sampling.
#
# ## Try it: a crop and its camera
#
# Left the whole picture, the crop's frame and the principal point (a cross). Right the crop at the network's 128 pixels:
# true joints solid, the weak camera's projection dashed. The lines say the crop's intrinsics and the error.
#
# * Move `shift x` by a few steps. Which of the intrinsics change? Which when you move `zoom`?
# * After a zoom the dashed hand no longer fits: **the weak camera belongs to the crop**. Predict the $s$ that is needed at
#   zoom 2 before you press *fit*.
# * The best error in pixels grows with the zoom. Why, if the hand is the same?
# * Is there a crop in which the best weak camera is better, in pixels divided by the zoom?

# %%
show.CropExplorer(samples[14])

# %% [markdown]
# `shift` moves the principal point only; `zoom` changes all four. The $s$ at zoom 2 is twice that of zoom 1, since a metre
# takes twice as much of the crop. The error is enlarged like everything else, and divided by the zoom it is the same in
# every crop: a crop moves and enlarges pixels, but what weak perspective leaves out is in the scene, in depth over distance.
# In numbers:

# %%
from handlib.show.camera import crop_window, fit_in_crop, uv_in_crop

for zoom, shift in ((1.0, (0.0, 0.0)), (2.0, (0.0, 0.0)), (2.0, (-40.0, 30.0))):
    window = crop_window(256, zoom, shift)
    camera = fit_in_crop(samples[14], 0, window)
    hand = samples[14].joints[0] - samples[14].joints[0, :1]
    error = (project_weak_perspective(hand, camera) - uv_in_crop(samples[14], window)[0]).norm(dim=-1).mean()
    print(
        f"zoom {zoom:.0f}, shift {shift}: s = {camera[0]:.2f}, {64 * error:.2f} pixels, over zoom {64 * error / zoom:.2f}"
    )

# %% [markdown]
# ## From the world to the camera, and the trap in MANO's translation
#
# Data sets store hands in a world frame and cameras by $x_c = R\,x_w + t$. In notebook 01 you saw why a MANO hand can't just
# be given the root rotation $R R_h$ and the translation $R\,t_h + t$: the model turns about its wrist $J_0$, which isn't at
# the origin. The rule is
#
# $$ t_h' = R\,t_h + t + R J_0 - J_0 . $$
#
# Now look at it in a picture. The samples know their hands in the camera's frame. Invent a world in which the camera stands
# turned by 60° about the vertical, write both hands there as a data set would (root rotation and translation), and bring
# them back in both ways.

# %%
hands = [Hand.open(side) for side in SIDES]


def rest_wrists(betas: Float[Tensor, "*b 2 10"]) -> Float[Tensor, "*b 2 3"]:
    shaped = [hand(betas=beta, centre=None) for hand, beta in zip(hands, betas.unbind(-2), strict=True)]
    return torch.stack([hand.joints[..., 0, :] for hand in shaped], dim=-2)


# %%
def pose_as_stored(batch, roots, translations):
    """Joints and vertices of both hands as MANO poses them: about the wrist at rest, then translated."""
    given = zip(roots.unbind(1), batch.pose.unbind(1), batch.betas.unbind(1), strict=True)
    posed = [
        hand(root_rotation=root, pose_axis_angle=pose, betas=betas, centre=None)
        for hand, (root, pose, betas) in zip(hands, given, strict=True)
    ]
    joints = torch.stack([hand.joints for hand in posed], dim=1)
    vertices = torch.stack([hand.vertices for hand in posed], dim=1)
    return joints + translations[:, :, None], vertices + translations[:, :, None]


# %%
def through_a_world(batch, R, t):
    """Hands written down in a world, then brought back: root rotations, tempting and exact translations."""
    J0 = rest_wrists(batch.betas)
    world_root = R.T @ batch.root
    world_wrist = (batch.joints[..., 0, :] - t) @ R
    stored = world_wrist - J0
    tempting = stored @ R.T + t
    return R @ world_root, tempting, tempting + J0 @ R.T - J0


# %%
def about_vertical(degrees):
    return roma.rotvec_to_rotmat(torch.tensor([0, math.radians(degrees), 0]))


# %%
R, t = about_vertical(60), torch.tensor([0, 0, 0.6])
root, tempting, exact = through_a_world(batch, R, t)
assert torch.allclose(pose_as_stored(batch, root, exact)[0], batch.joints, atol=1e-5)
print("the exact rule brings every joint back to where it was")

# %%
figure, axes = show.detached_figure(1, 2, figsize=(7, 3.8), layout="constrained")
for axis, name, translation in zip(axes, ("tempting rule", "exact rule"), (tempting, exact), strict=True):
    joints, vertices = (part[14] for part in pose_as_stored(batch, root, translation))
    uv, vertex_uv = (
        pixels_to_uv(project_pinhole(p, sample.intrinsics), 128).double().numpy() for p in (joints, vertices)
    )
    axis.imshow(show.draw_overlay(picture, vertices.double().numpy(), vertex_uv, uv))
    axis.set(title=name, xticks=[], yticks=[])
figure

# %% [markdown]
# The pose is right and the place is wrong, for the two hands in opposite directions, since $J_0$ of the left hand is the
# mirror image of the right one's. **Predict** the error before the table: $R J_0 - J_0$ is a chord of the circle on which
# $J_0$, 96 mm from the axis, is turned: $2 \cdot 96 \cdot \sin(\theta/2)$ mm, so 96 mm at 60° and 192 mm at 180°.

# %%
print("camera turned by   each hand   right hand from left (mm)")
for degrees in (10, 60, 180):
    _, tempting, exact = through_a_world(batch, about_vertical(degrees), t)
    error = 1000 * (tempting - exact)
    each, relative = error.norm(dim=-1).mean(), (error[:, 1] - error[:, 0]).norm(dim=-1).mean()
    print(f"{degrees:10}°        {each:6.0f}          {relative:6.0f}")

# %% [markdown]
# A training set of hands centred on their wrists never shows the first column. The second one does harm: it goes straight
# into the target of `offset`.
#
# A smaller trap lies behind it. $J_0$ is regressed from the *shaped* surface, so with MANO it moves with the betas and has
# to be the wrist of this very hand. With the open hand one would hardly notice:

# %%
moved = rest_wrists(batch.betas) - rest_wrists(torch.zeros_like(batch.betas))
print(f"the open hand's wrist moves by {1000 * moved.abs().max():.1f} mm with the betas of 160 hands")

# %% [markdown]
# ## Turning the picture
#
# DIR is trained on pictures turned by any angle. What must happen to the truth? Turning a picture by $A$ (a 2 x 2 rotation)
# about its middle $m$ sends $p$ to $A(p - m) + m$. With square pixels, $f_x = f_y = f$,
#
# $$ A\left(f\,\frac{(X, Y)}{Z} + c - m\right) + m = f\,\frac{A\,(X, Y)}{Z} + \underbrace{A\,(c - m) + m}_{c'} . $$
#
# So it is exact: the scene turns about the camera's axis, the root rotation is multiplied from the left by the same turn
# about $z$, and the principal point turns with the pixels. What is easily forgotten is $c'$. When the crop is off-centre,
# $c$ is far from $m$, and keeping it moves every joint by $|A(c - m) - (c - m)| = 2\,|c - m|\,\sin(\theta/2)$ pixels. For a
# principal point 40 pixels from the middle and 90° that is $80 \cdot 0.707 =$ **57 pixels**.

# %%
from handlib.data.augment import turn

principal = torch.tensor([104.0, 64]).expand(16, 2)
off_centre = replace(test, intrinsics=torch.cat((test.intrinsics[:, :2], principal), dim=1))


def turn_by(degrees):
    return turn(off_centre, torch.full((16,), math.radians(degrees)), torch.ones(16), torch.zeros(16, 2))


for degrees in (10, 90, 180):
    correct = turn_by(degrees)
    forgot = replace(correct, intrinsics=off_centre.intrinsics)
    error = (forgot.uv - correct.uv).norm(dim=-1).mean() * 64
    print(f"turned by {degrees:3}°: {error:.0f} pixels off when the principal point stays")

# %% [markdown]
# `turn` itself is exact, as the formula says, and the weak camera is easier still: $A\,(s\,(X, Y) + t) = s\,A(X, Y) + A\,t$.
# Turn the hand, turn $t$, keep $s$, with no principal point to forget. Check both.

# %%
angle = math.radians(75)
A = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
assert torch.allclose(turn_by(75).uv, off_centre.uv @ A.T, atol=1e-5)
about_axis = torch.block_diag(A, torch.ones(1, 1))
turned_cameras = torch.cat((cameras[..., :1], cameras[..., 1:] @ A.T), dim=-1)
assert torch.allclose(
    project_weak_perspective(centred @ about_axis.T, turned_cameras), weak_uv @ A.T, atol=1e-5
)
print("turned truth and turned picture agree, for the pinhole and for the weak camera")

# %% [markdown]
# Three things are *not* a turn of the scene. Pixels that aren't square ($f_x \ne f_y$): turning them shears the scene, and
# `turn` refuses such a camera. Shifting the crop: it moves the principal point, not the hand, which is still seen from the
# same side. Scaling the crop: it changes $f$, not the distance. In DIR's truth, which is in metres around the wrist, shift
# and scale leave everything but uv as it was.
#
# **Exercise 1.** A feature map has `size` pixels per side. Give the uv of the *centre* of the pixel in row `row` and column
# `column`.


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
# **Exercise 2.** A loader cuts a window of `side` pixels with its top left corner at `corner`, resamples it to `size`
# pixels, and then mirrors it. Give the intrinsics with which the mirrored hands are seen in the result. (Continuous pixels,
# as everywhere here.)
#
# <details><summary>Hint</summary>Two steps: the crop's camera, then the mirror of a picture that is now `size` wide.</details>


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


check("loader_intrinsics", loader_intrinsics_solution)

# %% [markdown]
# **Exercise 3.** The network has answered with a weak camera $(s, t_x, t_y)$ for a crop. You want to draw the hand in the
# whole picture, of `size` pixels per side. Give the weak camera for the *picture's* uv; the crop has its corner at `corner`
# and a side of `side` pixels of the picture.
#
# <details><summary>Hint</summary>Follow one point: from uv in the crop to pixels of the crop's window, add the corner, then to uv in the picture. The result
# has again the form $s'(X, Y) + t'$.</details>


# %% tags=["exercise"]
def camera_in_picture(camera, corner, side, size):
    """Camera (s, tx, ty) in the crop and corner (x, y) in; (s, tx, ty) in the picture out."""
    ...


check("camera_in_picture", camera_in_picture)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def camera_in_picture_solution(camera, corner, side, size):
    s, tx, ty = camera
    return (
        s * side / size,
        ((tx + 1) * side / 2 + corner[0]) * 2 / size - 1,
        ((ty + 1) * side / 2 + corner[1]) * 2 / size - 1,
    )


check("camera_in_picture", camera_in_picture_solution)

# %% [markdown]
# ## In the released code
#
# * **The camera is the last three of 64 numbers per hand**: root rotation (6), pose (45), betas (10), then $s, t_x, t_y$,
#   and uv is $s\,(X, Y) + t$ of the centred hand, as here. The scale is predicted as it is; the logarithm is an aid of our
#   small network.
# * **uv is in [-1, 1] over the crop**, joints are sampled with `align_corners=False` and zeros outside, and the planes of
#   notebook 07 take a uv to $(uv + 1)/2 \cdot S$ map pixels: the same convention.
# * **Crops**: the box of both hands' projected vertices, made square, so large that the box takes 80 % of its side,
#   resampled to 256 pixels. The intrinsics follow the crop. `HANDS_SHARE` in `handlib.data.photo` is that 80 %.
# * **World to camera**: InterHand2.6M gives camera *centres*, in millimetres: $x_c = R\,(x_w - \text{campos})$, so
#   $t = -R\,\text{campos}$. MANO's translations are in metres. The trap above applies, with $J_0$ the wrist of the rotated but
#   untranslated hand.
# * **Pixel errors** in the release's evaluation do not use the weak camera: the *true* root is added to the predicted hand, which
#   is then projected by the true camera. Its pixel error therefore says nothing about the predicted $s$ and $t$.
# * **Training turns pictures by up to 180°**, scales by 10 %, shifts by 10 of 256 pixels and mirrors with swapped hands
#   (`Augmentation.released`). Our small network is turned by 15° at most: its world has an up and a down.
#
# ## What comes next
#
# You can now follow a joint from metres to a place in a feature map and back. The next notebook is about what stands in
# those maps: how the encoder makes a first guess of all 64 numbers, and how it tells the left hand from the right.
