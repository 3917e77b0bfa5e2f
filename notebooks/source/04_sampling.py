# %% [markdown]
# # 04 · Joint feature sampling: what does a joint read?
#
# An estimate says where every joint is, and the camera says where that is in the picture: at a place with real-valued
# coordinates. The encoder has turned the picture into a map of 16 x 16 or 32 x 32 cells, each with a vector of features. Joints
# don't lie on cells.
#
# **The question:** a joint has a place, the map has cells: which feature does the joint read? (Sec. 3.2.1 of the paper: joint
# features are found by projecting the joints into the map and interpolating bilinearly.) It is one line of PyTorch, and
# that line decides what a misplaced joint sees, what a joint outside the picture sees, and what can be learnt from either.
#
# Afterwards you should be able to say
#
# 1. which cells a place reads and with which weights, on paper, and where the centres of the cells lie;
# 2. what the derivative of the reading is, with respect to the map and to the place, and why the nearest cell won't do instead;
# 3. what a joint reads at the border and beyond it, and what the network makes of hands that leave the picture;
# 4. what a stage does with a feature read at the wrong place, in pixels, and how far off it may be before reading does harm.
#
# Words: [feature map](../docs/glossary.md#feature-map), [joint](../docs/glossary.md#joint), [uv](../docs/glossary.md#uv), [estimate](../docs/glossary.md#estimate), [stage](../docs/glossary.md#stage).

# %%
from dataclasses import replace
from itertools import pairwise
from math import floor

import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor
from torch.nn.functional import cosine_similarity, grid_sample

from handlib import DIR, load_samples, show
from handlib.data.augment import Augmentation, augment, turn
from handlib.data.sample import normalise, resize, stack
from handlib.exercises import check
from handlib.evaluation.metrics import INTAG_MCP, align, joint_errors
from handlib.model.sampling import sample_joints
from handlib.show.core import palette
from handlib.hand.skeleton import JOINT_NAMES, SIDES

torch.set_num_threads(1)
shapes_checked = jaxtyped(typechecker=beartype)

# %% [markdown]
# ## The situation, in one picture
#
# A test picture, the grid of the first stage's map over it, and the 42 places at which that stage reads.

# %%
samples = load_samples("test")
model = DIR.from_pretrained("small").eval()
batch = stack([resize(sample, model.config.image_size) for sample in samples])
with torch.no_grad():
    trace = model.trace(normalise(batch.image))
for number, stage in enumerate(trace.stages, start=1):
    print(f"stage {number} reads 42 places from a map of shape {tuple(stage.fused.shape[1:])}")


# %%
def draw_places(axes, picture, uv):
    axes.imshow(picture.permute(1, 2, 0), extent=(-1, 1, 1, -1))
    for places, colour in zip(uv, palette.HANDS):
        axes.plot(*places.T, "o", color=colour, markeredgecolor="white", markersize=6)
    ticks = (-1, -0.5, 0, 0.5, 1)
    axes.set(xlim=(-1, 1), ylim=(1, -1), xticks=ticks, yticks=ticks, xlabel="u", ylabel="v")


figure, (axes,) = show.detached_figure(figsize=(4.6, 4.6))
draw_places(axes, samples[14].image, trace.stages[0].before.uv[14])
edges = torch.linspace(-1, 1, 17)
axes.hlines(edges, -1, 1, color="white", linewidth=0.5)
axes.vlines(edges, -1, 1, color="white", linewidth=0.5)
axes.set_title("places read by stage 1, cells of its map")
figure

# %% [markdown]
# ## Where the cells are
#
# Places are given as $uv$: $-1$ is the picture's left (upper) **edge** and $+1$ its right (lower) edge. A map of $W$ columns divides
# that range into $W$ cells, so column 0 covers $[-1, -1 + 2/W]$ and its centre lies half a cell inside the edge. In units of columns, counted
# from the centre of column 0, a place is
#
# $$ x = \frac{u+1}{2}\,W - \frac12, \qquad y = \frac{v+1}{2}\,H - \frac12 . $$
#
# On a 2 x 2 map the centres must therefore be at $u, v = \pm 0.5$: $u=-0.5$ gives $x = 0.5 - 0.5 = 0$.


# %%
@shapes_checked
def to_cells(uv: Float[Tensor, "*n 2"], width: int, height: int) -> Float[Tensor, "*n 2"]:
    return (uv + 1) / 2 * torch.tensor([width, height]) - 0.5


print(to_cells(torch.tensor([[-0.5, -0.5], [0.5, 0.5], [-1.0, 1.0]]), 2, 2).tolist())

# %% [markdown]
# The last point, the lower left corner of the picture, is half a cell away from the nearest centre: at $x=-0.5$, $y=1.5$. Keep it in
# mind for later.
#
# ## Bilinear interpolation, on paper
#
# A place lies in a square between four cell centres. Let $c, r$ be the column and row of the upper left one, and $a = x - c$,
# $b = y - r$ how far into the square the place is. Each centre counts by how near it is in either direction:
#
# $$ f = (1-a)(1-b)\,F_{r,c} + a(1-b)\,F_{r,c+1} + (1-a)\,b\,F_{r+1,c} + a\,b\,F_{r+1,c+1} $$
#
# The weight of a centre is the area of the rectangle *opposite* to it, and the four areas fill the square: the weights sum to 1.
#
# Take $F = \begin{pmatrix} 1 & 2 \\ 3 & 4\end{pmatrix}$ and predict:
#
# * at $(-0.5, -0.5)$, a centre: **1**;
# * at $(0, 0)$, equally far from all: the mean, **2.5**;
# * at $(0, -0.5)$, half way along the upper row: **1.5**;
# * at $(0.25, -0.5)$: $x = 1.25/2\cdot 2 - 0.5 = 0.75$, so $0.25\cdot 1 + 0.75\cdot 2 =$ **1.75**.


# %%
@shapes_checked
def read_by_loop(feature_map: Float[Tensor, "channels height width"], u: float, v: float) -> Tensor:
    channels, height, width = feature_map.shape
    x, y = (u + 1) / 2 * width - 0.5, (v + 1) / 2 * height - 0.5
    feature = torch.zeros(channels)
    for column in (floor(x), floor(x) + 1):
        for row in (floor(y), floor(y) + 1):
            weight = (1 - abs(x - column)) * (1 - abs(y - row))
            if 0 <= column < width and 0 <= row < height:
                feature += weight * feature_map[:, row, column]
    return feature


# %%
two_by_two = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
predictions = {(-0.5, -0.5): 1.0, (0.0, 0.0): 2.5, (0.0, -0.5): 1.5, (0.25, -0.5): 1.75}
for (u, v), predicted in predictions.items():
    value = read_by_loop(two_by_two, u, v).item()
    print(f"at ({u}, {v}): {value:.3g}")
    assert value == predicted

# %% [markdown]
# Now 4 x 4 cells with $F_{r,c} = 10\,r + c$, so that a value names its cell, read at $(0.3, -0.1)$.
# Then $x = 1.3/2\cdot 4 - 0.5 = 2.1$ and $y = 0.9/2\cdot 4 - 0.5 = 1.3$: between columns 2 and 3, rows 1 and 2, with
# $a = 0.1$, $b = 0.3$. The weights are
#
# | | column 2 | column 3 |
# | --- | --- | --- |
# | row 1 | $0.9\cdot0.7 = 0.63$ | $0.1\cdot0.7 = 0.07$ |
# | row 2 | $0.9\cdot0.3 = 0.27$ | $0.1\cdot0.3 = 0.03$ |
#
# and the value $0.63\cdot12 + 0.07\cdot13 + 0.27\cdot22 + 0.03\cdot23 = 7.56 + 0.91 + 5.94 + 0.69 =$ **15.1**. That is
# $10\,y + x$: interpolation repeats a linear function exactly.

# %%
four_by_four = (10 * torch.arange(4.0)[:, None] + torch.arange(4.0))[None]
print(f"{read_by_loop(four_by_four, 0.3, -0.1).item():.3g}")
assert torch.isclose(read_by_loop(four_by_four, 0.3, -0.1), torch.tensor([15.1]))

# %% [markdown]
# ### All joints of all pictures at once
#
# The loop runs over four corners only, so it stays; what goes is the loop over pictures and places. A cell's number in the
# flattened map is `row * width + column`, and `gather` fetches one cell per place. Cells outside the map are fetched from
# somewhere legal and multiplied by zero.


# %%
@shapes_checked
def read_by_gather(
    maps: Float[Tensor, "batch channels height width"], uv: Float[Tensor, "batch points 2"]
) -> Float[Tensor, "batch points channels"]:
    height, width = maps.shape[-2:]
    place = to_cells(uv, width, height)
    total = 0
    for step in torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]]):
        column, row = cell = (place.floor() + step).unbind(-1)
        weight = (1 - (place - torch.stack(cell, -1)).abs()).prod(-1)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        number = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
        values = maps.flatten(2).gather(2, number[:, None].expand(-1, maps.shape[1], -1))
        total = total + values.transpose(1, 2) * (weight * inside)[..., None]
    return total


# %% [markdown]
# It must agree with the loop, with `handlib.model.sampling.sample_joints`, which the network uses, and with PyTorch's `grid_sample`, on which
# that is built; on random maps, at places of which some lie outside.

# %%
generator = torch.Generator().manual_seed(0)
maps = torch.randn(2, 3, 5, 7, generator=generator)
uv = 3 * torch.rand(2, 50, 2, generator=generator) - 1.5
read = read_by_gather(maps, uv)
torch_read = grid_sample(maps, uv[:, :, None], align_corners=False)[..., 0].mT
looped = torch.stack([torch.stack([read_by_loop(m, u, v) for u, v in p.tolist()]) for m, p in zip(maps, uv)])
for other in (looped, sample_joints(maps, uv), torch_read):
    assert torch.allclose(read, other, atol=1e-5)
print("four ways agree to 1e-5")

# %% [markdown]
# ### A switch that moves every reading by up to half a cell
#
# `grid_sample` has an option `align_corners`. With `True`, $u=-1$ and $u=1$ mean the *centres* of the first and last column, not the
# edges: $x' = \frac{u+1}{2}(W-1)$. The difference to the $x$ above is $x' - x = -u/2$: nothing in the middle of the picture,
# half a cell at its border, always towards the middle. At $(0.3, -0.1)$: $x' = 1.95$, $y' = 1.35$, so the value must be
# $13.5 + 1.95 = 15.45$.

# %%
aligned = grid_sample(four_by_four[None], torch.tensor([[[[0.3, -0.1]]]]), align_corners=True).item()
print(f"align_corners=True: {aligned:.4g}")
for size in (16, 32):
    print(f"half a cell of {size} x {size}: {0.5 * model.config.image_size / size:.3g} pixels of the picture")

# %% [markdown]
# Such a fault raises no error and leaves the middle of every picture right, so it can live for a long time. What it costs the network of
# this notebook is measured further down. Here, in the released code and in `camera.py`, edges are at $\pm1$.
#
# ## What flows back into the map
#
# The reading is linear in the map. So its derivative with respect to each cell is that cell's weight: 0.63, 0.07, 0.27 and 0.03
# for the four neighbours of our place, and **zero for the other twelve**. Autograd must say the same.

# %%
cells = four_by_four.clone().requires_grad_()
sample_joints(cells[None], torch.tensor([[[0.3, -0.1]]])).sum().backward()
for row in cells.grad[0]:
    print("  ".join(f"{weight:4.2f}" for weight in row.tolist()))
assert torch.allclose(cells.grad[0, 1:3, 2:], torch.tensor([[0.63, 0.07], [0.27, 0.03]]))

# %% [markdown]
# A joint trains only the cells that it reads. How many cells do all joints of a picture read together?

# %%
for number, stage in enumerate(trace.stages, start=1):
    grid = torch.zeros_like(stage.fused[:, :1]).requires_grad_()
    sample_joints(grid, stage.before.uv.flatten(1, 2)).sum().backward()
    touched = (grid.grad > 0).float().mean()
    print(f"stage {number}: {100 * touched:.0f} % of {grid.shape[-1]} x {grid.shape[-1]} cells are read")

# %% [markdown]
# What happens everywhere else on the map reaches the joints only through convolutions, before or after. DIR has a second path that
# works on whole maps: the joints are drawn back into the map, and convolutions enhance it (notebook 07).
#
# ## What flows back into the place
#
# Inside one square, differentiate the formula with respect to $a$: only differences of neighbours remain, blended by $b$.
#
# $$ \frac{\partial f}{\partial x} = (1-b)\,(F_{r,c+1} - F_{r,c}) + b\,(F_{r+1,c+1} - F_{r+1,c}), \qquad
# \frac{\partial f}{\partial u} = \frac{W}{2}\,\frac{\partial f}{\partial x} $$
#
# The factor $W/2$ converts cells to $u$. For $F_{r,c} = 10r+c$ neighbours in a row differ by 1 and those in a column by 10. With
# $W=H=4$ the gradient must be $(2, 20)$.

# %%
place = torch.tensor([[[0.3, -0.1]]], requires_grad=True)
sample_joints(four_by_four[None], place).sum().backward()
print("d f / d(u, v):", [round(g, 3) for g in place.grad.flatten().tolist()])
assert torch.allclose(place.grad, torch.tensor([2.0, 20.0]), atol=1e-4)

# %% [markdown]
# A map that isn't linear shows more. One row of eight cells, read along its middle from well outside on the left to well outside on
# the right. **Predict:** the reading is a chain of straight lines with corners at the cell centres, its slope is constant between
# two centres and jumps at each, and beyond half a cell outside the border both are zero. The nearest cell's value is a
# staircase. What is *its* slope?

# %%
profile = torch.tensor([1.0, 0.2, 0.6, 2.0, 1.6, 0.4, 0.8, 1.4])[None, None, None]
along = torch.linspace(-1.6, 1.6, 1281)
curves = {}
for mode in ("bilinear", "nearest"):
    u = along.clone().requires_grad_()
    grid = torch.stack((u, torch.zeros_like(u)), dim=-1)[None, None]
    values = grid_sample(profile, grid, mode=mode, align_corners=False).flatten()
    (slope,) = torch.autograd.grad(values.sum(), u)
    curves[mode] = values.detach(), slope

# %%
figure, (above, below) = show.detached_figure(2, 1, figsize=(8, 4.6), sharex=True, layout="constrained")
for (mode, (values, slope)), style in zip(curves.items(), ("-", "--")):
    above.plot(along, values, style, color="black" if style == "-" else "0.5", label=mode)
    below.plot(along, slope, style, color="black" if style == "-" else "0.5")
above.plot((torch.arange(8) + 0.5) / 4 - 1, profile.flatten(), "o", color=palette.HIGHLIGHT, label="cells")
for axes in (above, below):
    axes.axvspan(-1, 1, color="0.85", zorder=0)
above.set(ylabel="value read")
below.set(xlabel="u (shaded: the picture)", ylabel="slope by u")
above.legend(frameon=False, ncols=3)
figure

# %%
bilinear_slope, nearest_slope = curves["bilinear"][1], curves["nearest"][1]
beyond = along.abs() > 1 + 1 / 8
print("different slopes between centres:", sorted({round(s, 1) for s in bilinear_slope.tolist()}))
print("largest slope beyond half a cell outside:", bilinear_slope[beyond].abs().max().item())
print("largest slope of nearest, anywhere:", nearest_slope.abs().max().item())
assert not bilinear_slope[beyond].any() and not nearest_slope.any()

# %% [markdown]
# The nearest cell has slope **zero everywhere**: between its steps nothing changes, and at a step the derivative doesn't exist. Autograd
# doesn't complain; it just says that moving the place changes nothing.
#
# At a corner of the bilinear curve there are two slopes, and the computer takes the one of the square that `floor` chooses: the one to the
# right. With real-valued places that happens almost never.
#
# ## Nearest or bilinear: three differences, measured
#
# **1. Accuracy.** Write down a smooth function at the cell centres and read it back between them. Halving the cells should
# halve the error of the nearest cell (its place is off by a share of a cell) and *quarter* that of interpolation (what is left
# is curvature).


# %%
def smooth(u, v):
    return torch.sin(3 * u) * torch.cos(2 * v)


places = 1.8 * torch.rand(1, 4000, 2, generator=generator) - 0.9
errors = {}
for size in (8, 16, 32, 64):
    centres = (torch.arange(size) + 0.5) * 2 / size - 1
    written = smooth(centres[None, :], centres[:, None])[None, None]
    for mode in ("nearest", "bilinear"):
        back = grid_sample(written, places[:, :, None], mode=mode, align_corners=False).flatten()
        errors[mode, size] = (back - smooth(*places[0].unbind(-1))).abs().mean().item()

# %%
for mode in ("nearest", "bilinear"):
    row = [errors[mode, size] for size in (8, 16, 32, 64)]
    ratios = [f"{a / b:.1f}" for a, b in pairwise(row)]
    print(f"{mode:8} mean errors {', '.join(f'{e:.2g}' for e in row)}; ratios {', '.join(ratios)}")

# %% [markdown]
# **2. Learning a place.** A hill on a 16 x 16 map, its top at $(0.3, -0.2)$. A point starts at $(-0.6, 0.5)$ and climbs by
# gradient ascent on what it reads.

# %%
centres = (torch.arange(16) + 0.5) / 8 - 1
top = torch.tensor([0.3, -0.2])
hill = torch.exp(-((centres[None, :] - top[0]) ** 2 + (centres[:, None] - top[1]) ** 2) / 0.5)[None, None]


def climb(mode, steps=150, rate=0.05):
    place, path = torch.tensor([-0.6, 0.5]), []
    for k in range(steps):
        place = place.detach().requires_grad_()
        height = grid_sample(hill, place[None, None, None], mode=mode, align_corners=False).sum()
        (slope,) = torch.autograd.grad(height, place)
        path.append(place.detach())
        place = place + rate * (1 - k / steps) * slope
    return torch.stack(path)


# %%
paths = {mode: climb(mode) for mode in ("bilinear", "nearest")}
for mode, path in paths.items():
    moved, left = (path[-1] - path[0]).norm(), (path[-1] - top).norm() * 8
    print(f"{mode:8} moved by {moved:.2g} uv, ends {left:.2g} cells from the top")
assert (paths["bilinear"][-1] - top).abs().max() < 1 / 8
assert (paths["nearest"] == paths["nearest"][0]).all()
highest = hill[0, 0].argmax().item()
print(f"highest cell: centre ({centres[highest % 16]:.3g}, {centres[highest // 16]:.3g})")

# %%
figure, (axes,) = show.detached_figure(figsize=(4.4, 4))
axes.imshow(hill[0, 0], extent=(-1, 1, 1, -1), cmap="Greys")
axes.plot(*paths["bilinear"].T, ".-", color=palette.HIGHLIGHT, label="bilinear")
axes.plot(*paths["nearest"].T, "s", color="black", label="nearest (never moves)")
axes.plot(*top, "+", color="white", markersize=12)
axes.set(xlabel="u", ylabel="v", title="climbing a hill on a 16 x 16 map")
axes.legend()
figure

# %% [markdown]
# The climb ends not at the hill's top (the white cross) but near the **centre of the highest cell**: the greatest value of an
# interpolation is always found at one of the values that it interpolates. A place found by climbing a map is only as fine as
# the map's cells.
#
# **3. How far it sees.** Let a single cell of the 16 x 16 map be 1 and all others 0. A point feels a slope towards it only where that cell
# is among its four neighbours: less than one cell away in $x$ and in $y$, a square of 2 x 2 cells. Of all places in the
# picture that is $4/256 \approx 1.56\,\%$; one cell either way is 8 pixels of a 128-pixel picture.

# %%
lonely = torch.zeros(1, 1, 16, 16)
lonely[0, 0, 6, 9] = 1
fine = (torch.arange(200) + 0.5) / 100 - 1
starts = torch.cartesian_prod(fine, fine)[None].requires_grad_()
(slopes,) = torch.autograd.grad(sample_joints(lonely, starts).sum(), starts)
print(f"the cell is felt from {100 * slopes.abs().sum(-1).gt(0).float().mean():.3g} % of all places")

# %% [markdown]
# So gradient descent on a place can only repair errors of about a cell, unless the map itself slopes from afar, as the
# hill did. Convolutions make it slope: a cell of an encoder's map has seen a large part of the picture.
#
# ### Does DIR use this slope?
#
# No. A stage takes the previous estimate as given: `before.uv` is detached before it is read (the released code does
# the same). No gradient passes from a stage's output through the place to the estimate before it.

# %%
stage = trace.stages[0]
place = stage.before.uv.clone().requires_grad_()
after = model.stages[0](trace.features[-1], stage.skip, replace(stage.before, uv=place), model.decode).after
print("gradient at the place:", torch.autograd.grad(after.uv.sum(), place, allow_unused=True)[0])

# %% [markdown]
# A stage doesn't climb. It *reads*, and a network decides from what it has read what to change. For that, what counts about
# interpolation is not its slope but that the reading follows the place continuously. What it is worth there is
# measured below.
#
# ## How does the method handle cases where projected 2D coordinates fall outside the image boundaries?
#
# The paper doesn't say; a careful reader has to ask. The released code calls `grid_sample` with its padding of
# **zeros**, and so does `sample_joints`: cells outside the map exist and hold zeros. Nothing stops, nothing is
# clamped to the border, no joint is marked as unseen. Four predictions for a map of ones with 16 x 16 cells, whose cells are
# $2/16 = 0.125$ wide in $uv$:
#
# * at $u = 1 - 1/16$, the last column's centre, the joint reads **1**;
# * at $u = 1$, on the border, half of the weight lies on a column that doesn't exist: **0.5**; in a corner **0.25**;
# * at $u = 1 + 1/32$: **0.25**; from $u = 1 + 1/16$ on, half a cell outside: exactly **0**;
# * at $u = 10^{30}$: 0 as well, though the number of the cell no longer fits into an integer.

# %%
ones = torch.ones(1, 1, 16, 16)
for u, v in ((0.9375, 0.0), (1.0, 0.0), (1.0, 1.0), (1.03125, 0.0), (1.0625, 0.0), (2.0, 0.0), (1e30, 0.0)):
    place = torch.tensor([[[u, v]]], requires_grad=True)
    value = sample_joints(ones, place)
    (slope,) = torch.autograd.grad(value.sum(), place)
    print(f"at ({u:.4g}, {v:.4g}): reads {value.item():.3g}, slope {slope[0, 0, 0].item() + 0.0:.3g}")

# %% [markdown]
# The zeros are felt **inside** the picture, too: within half a cell of the border a joint reads a mixture with zeros, however
# well the picture shows it. On a $W \times W$ map that strip is $1 - (1 - 1/W)^2$ of the picture: 12.1 % for 16, 6.15 % for 32.

# %%
everywhere = torch.cartesian_prod(fine, fine)[None]
for size in (16, 32):
    faded = sample_joints(torch.ones(1, 1, size, size), everywhere) < 1 - 1e-6
    print(f"{size} x {size} cells: {100 * faded.float().mean():.0f} % of the picture reads a share of zeros")

# %% [markdown]
# ### The alternatives
#
# `grid_sample` offers two others. `border` repeats the outermost cells, `reflection` mirrors the map at its edges. For one row
# $1, 2, 3, 4$ read at $u = 1.5$, so $x = 4.5$: zeros give 0, border gives 4, and reflection folds $x = 4.5$ at the edge
# $x = 3.5$ to $2.5$, between 3 and 4: 3.5.

# %%
row = torch.tensor([[[[1.0, 2, 3, 4]]]])
for u in (1.0, 1.5):
    grid = torch.tensor([[[[u, 0.0]]]])
    values = {
        padding: grid_sample(row, grid, padding_mode=padding, align_corners=False).item()
        for padding in ("zeros", "border", "reflection")
    }
    print(f"at u = {u}:", ", ".join(f"{name} {value:.3g}" for name, value in values.items()))

# %%
along = torch.linspace(-2, 2, 401)
grid = torch.stack((along, torch.zeros_like(along)), dim=-1)[None, None]
figure, (axes,) = show.detached_figure(figsize=(7, 2.8), layout="constrained")
for padding, style in (("zeros", "-"), ("border", "--"), ("reflection", ":")):
    values = grid_sample(row, grid, padding_mode=padding, align_corners=False).flatten()
    axes.plot(along, values, style, color="black", label=padding)
axes.axvspan(-1, 1, color="0.85", zorder=0)
axes.set(xlabel="u (shaded: the picture)", ylabel="value read", title="the row 1, 2, 3, 4 and beyond")
axes.legend(frameon=False)
figure

# %% [markdown]
# Zeros say "nothing is here", and their price is the fading inside. `border` and `reflection` say something false but
# never anything unusual: a joint far outside reads the feature of a place where it is not. Which is better depends on what the
# network has been trained with, which brings us to data.
#
# ### On pictures whose fingers leave the frame
#
# Move the window down over the sixteen test pictures, so that fingertips go out at the top. (The truth moves along; the rows that come
# in below repeat the last one. This is the shift of the training's augmentation, only larger.)


# %%
def move_window(samples, distance):
    """The batch seen through a window that lies lower by a distance in uv."""
    pictures = stack(samples)
    count = len(pictures)
    shift = torch.tensor([0.0, -distance]).expand(count, 2)
    return resize(turn(pictures, torch.zeros(count), torch.ones(count), shift), model.config.image_size)


distances = (0.0, 0.2, 0.4, 0.6)
windows = {distance: move_window(samples, distance) for distance in distances}
with torch.no_grad():
    traces = {d: model.trace(normalise(window.image)) for d, window in windows.items()}

# %%
figure, plots = show.detached_figure(1, 3, figsize=(11, 4.8), layout="constrained")
for axes, distance in zip(plots, distances[1:]):
    draw_places(axes, windows[distance].image[14], traces[distance].stages[-1].before.uv[14])
    for colour, width in (("white", 3), (palette.TRUTH, 1.5)):
        truth = windows[distance].uv[14].flatten(0, 1).T
        axes.plot(*truth, "x", color=colour, markeredgewidth=width, markersize=6)
    axes.set(title=f"window lower by {distance}", ylim=(1, -1.6))
figure

# %% [markdown]
# Circles are the places at which the last stage reads; crosses are the truth. Count over all pictures: how many joints are truly
# outside, how many does the last stage look for outside, and how many of its readings are nothing but zeros?


# %%
def outside(uv):
    return (uv.abs() > 1).any(-1)


def only_zeros(stage, uv):
    return sample_joints(torch.ones_like(stage.fused[:, :1]), uv.flatten(1, 2)).view(uv.shape[:-1]) == 0


for distance in distances:
    stage, truly = traces[distance].stages[-1], outside(windows[distance].uv)
    looked_for = outside(stage.before.uv)
    zeros = only_zeros(stage, stage.before.uv)
    print(
        f"lower by {distance}: {int(truly.sum()):3} of {truly.numel()} joints are outside, "
        f"{int((truly & looked_for).sum()):2} of these are looked for outside, {int(zeros.sum()):2} readings are zeros"
    )

# %% [markdown]
# Compare the columns: of the joints that are outside, half or more are looked for inside. Zeros are what a joint *would* read outside; but a joint is looked for where the estimate has it. As long
# as the estimate keeps a hand within the frame, its joints read features of the wrong place, not zeros.
#
# How large are the errors? In pixels of the picture (the estimate's place), and in millimetres after centring each hand, for joints
# that are inside and outside.

# %%
hands = [model.hands[side] for side in SIDES]


def errors_of(estimate, truth):
    """Pixels in the picture and millimetres by the protocol, each (batch, hand, 21)."""
    pixels = (estimate.uv - truth.uv).norm(dim=-1) * truth.size / 2
    return pixels, joint_errors(align(estimate, truth, INTAG_MCP, hands))


for distance in distances:
    pixels, millimetres = errors_of(traces[distance].prediction.final, windows[distance])
    truly = outside(windows[distance].uv)
    for name, chosen in (("inside", ~truly), ("outside", truly)):
        if chosen.any():
            print(
                f"lower by {distance}, joints {name:8} {pixels[chosen].mean():5.1f} px {millimetres[chosen].mean():5.1f} mm"
            )
print(INTAG_MCP)

# %% [markdown]
# Joints outside are off by far more. That alone doesn't accuse the padding: nothing in the picture shows those joints, so any method can
# only infer them from the rest of the hand. And the joints *inside* suffer, too, as more of their hand goes missing.
#
# ### What reading zeros does, by itself
#
# So leave the pictures whole and blindfold one finger at a time: run a stage again, the joints of that finger sent to a place far
# outside, everything else untouched. This needs a stage that can be run again with other places.


# %%
def stage_again(number, uv, of=trace):
    """What stage 0 or 1 would have estimated, had it read at these places."""
    stage = of.stages[number]
    deep = of.features[-1] if number == 0 else of.stages[number - 1].enhanced
    with torch.no_grad():
        return model.stages[number](deep, stage.skip, replace(stage.before, uv=uv), model.decode).after


same = stage_again(1, trace.stages[1].before.uv)
assert torch.allclose(same.joints, trace.stages[1].after.joints, atol=1e-6)
print("run again at its own places, the stage says the same")

# %%
FINGERS = ("thumb", "index", "middle", "ring", "little")
blindfolded = {}
for number, stage in enumerate(trace.stages):
    for finger, name in enumerate(FINGERS):
        joints = slice(1 + 4 * finger, 5 + 4 * finger)
        uv = stage.before.uv.clone()
        uv[:, :, joints] = 5.0
        estimates = (stage.before, stage.after, stage_again(number, uv))
        blindfolded[number, name] = [errors_of(e, batch)[1][:, :, joints].mean().item() for e in estimates]

# %%
for number in (0, 1):
    print(f"stage {number + 1}, mm    before  after  after, blindfolded")
    for name in FINGERS:
        before, seeing, blind = blindfolded[number, name]
        print(f"  {name:8} {before:14.1f} {seeing:6.1f} {blind:12.1f}")
        assert blind > seeing
mean_before, _, mean_blind = torch.tensor(list(blindfolded.values())).mean(0).tolist()
print(f"on average a blindfolded finger ends {mean_blind / mean_before:.1f} times as far off as it began")

# %% [markdown]
# A ratio above 1 means that zeros are not "no news", on which a stage would leave the finger where it was. They are an input like any
# other, and the network answers it with something. Has it ever met that input? Two measurements: how long the feature
# vectors are that the 42 joints read, and how near to the border any joint of the shipped pictures comes.

# %%
for number, stage in enumerate(trace.stages, start=1):
    lengths = sample_joints(stage.fused, stage.before.uv.flatten(1, 2)).norm(dim=-1)
    print(f"stage {number}: lengths from {lengths.min():.2g} to {lengths.max():.2g}; outside the length is 0")
everyone = stack(load_samples("train") + samples)
print(f"{int(outside(everyone.uv).sum())} of {everyone.uv[..., 0].numel()} joints lie outside their pictures")
print(f"furthest from the middle: {everyone.uv.abs().max():.2g} of the way to the border")

# %% [markdown]
# No shipped picture has a joint outside. Training changes its pictures: it turns them by up to 15 degrees, scales them by up to 12 % and
# shifts them by up to 4 % of the side. How many joints does that send out?

# %%
changed = augment(resize(everyone, model.config.image_size), Augmentation(), torch.arange(len(everyone)))
print(f"after augmentation, {100 * outside(changed.uv).float().mean():.1f} % of the joints lie outside")

# %% [markdown]
# A zero vector is an input that training hardly ever shows.
#
# **The answer, then.** Bilinear sampling with zero padding: a joint within half a map cell of the border reads a mixture with zeros,
# on either side of it; further outside it reads exactly zero, with zero gradient to the map and to the place, and its token carries only what
# position embeddings, its skeleton neighbours and the other joints give it. Losses count such joints like any others; no
# mask is applied. So the method has no rule of its own for the case: it runs on, without an error message, and says
# something. Whether that is any good depends on whether training showed hands that were cut off. The released training
# leaves a tenth of the side free around both hands, shifts by 10 of 256 pixels and scales by 10 %, which keeps every joint in; only
# its rotations can carry a far fingertip out.
#
# ## What a joint reads on real data
#
# Take the right index fingertip of one picture, at its true place, and compare its feature with that of every cell: the cosine of the
# angle between the two vectors, 1 for the same direction. **Predict** where else it is high: at the other fingertips, at the same finger,
# on the other hand?

# %%
true_uv = batch.uv.flatten(1, 2)
tip = 21 + JOINT_NAMES.index("index4")
figure, plots = show.detached_figure(1, 3, figsize=(11, 3.7), layout="constrained")
plots[0].imshow(batch.image[13].permute(1, 2, 0), extent=(-1, 1, 1, -1))
plots[0].set_title("picture")
for axes, stage in zip(plots[1:], trace.stages):
    feature = sample_joints(stage.fused, true_uv)[13, tip]
    similarity = cosine_similarity(stage.fused[13], feature[:, None, None], dim=0)
    drawn = axes.imshow(similarity, extent=(-1, 1, 1, -1), cmap="gray_r", vmin=-0.2, vmax=1)
    axes.set_title(f"cosine, {similarity.shape[0]} x {similarity.shape[1]} cells")
figure.colorbar(drawn, ax=plots[2])
for axes in plots:
    axes.plot(*true_uv[13, tip], "o", color=palette.HIGHLIGHT, markeredgecolor="white")
figure

# %%
companions = {
    "the joint before it, right index3": [tip - 1],
    "the other fingertips of its hand": [21 + 4 * finger for finger in (1, 3, 4, 5)],
    "the same tip of the other hand": [tip - 21],
    "the knuckles of its hand": [21 + 4 * finger + 1 for finger in range(1, 5)],
    "both wrists": [0, 21],
}
for number, stage in enumerate(trace.stages, start=1):
    features = sample_joints(stage.fused, true_uv)
    alike = cosine_similarity(features[:, tip, None], features, dim=-1).mean(0)
    print(f"stage {number}, mean cosine over all pictures:")
    for name, joints in companions.items():
        print(f"  {name:34} {alike[joints].mean():.2f}")
    assert alike[companions["the other fingertips of its hand"]].mean() > alike[[0, 21]].mean()

# %% [markdown]
# On the finer map the darkest cells besides the tip's own lie on the other visible fingertips, **of both hands**. The means over all
# pictures agree: tips resemble each other more than they resemble wrists, and the hand makes little
# difference; the joint next door is most alike because it lies next door. (Many tips are hidden behind their own hand; the feature at such a place
# is that of whatever hides them.) So a feature says *what kind of place* this is and little about *whose* it is: the "similar local
# appearance" that the paper sets out to resolve. Telling them apart is left to the steps that come after reading.
#
# How fast does a feature change as the place goes wrong? Shift all 42 places by $n$ pixels and compare with the feature at the
# true place. A cell is 8 pixels on the first map and 4 on the second. **Predict** on which map 4 pixels cost more.


# %%
def four_ways(pixels):
    """Shifts of that length in uv: right, left, down, up."""
    return torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]]) * pixels * 2 / model.config.image_size


def similarity_after(stage, pixels):
    right = sample_joints(stage.fused, true_uv)
    wrong = [sample_joints(stage.fused, true_uv + shift) for shift in four_ways(pixels)]
    return torch.stack([cosine_similarity(right, w, dim=-1).mean() for w in wrong]).mean().item()


for number, stage in enumerate(trace.stages, start=1):
    row = {n: similarity_after(stage, n) for n in (1, 2, 4, 8, 16)}
    print(f"stage {number}:", ", ".join(f"{n} px {value:.2f}" for n, value in row.items()))
    at_estimate = sample_joints(stage.fused, stage.before.uv.flatten(1, 2))
    own = cosine_similarity(at_estimate, sample_joints(stage.fused, true_uv), dim=-1).mean()
    off = (stage.before.uv.flatten(1, 2) - true_uv).norm(dim=-1).mean() * model.config.image_size / 2
    print(f"  at its own places, off by {off:.1f} px on average: {own:.2f}")

# %% [markdown]
# ## Reading at the wrong place
#
# Does it matter to the estimate? Run each stage again with all places shifted by $n$ pixels, in four directions, on all sixteen pairs.
# The dashed lines are the errors of the estimate that the stage was given: above it, a stage does harm.

# %%
shifts = (0, 1, 2, 4, 8, 16, 32)
curve = torch.zeros(2, len(shifts))
for number, stage in enumerate(trace.stages):
    for k, n in enumerate(shifts):
        ways = four_ways(n) if n else four_ways(0)[:1]
        estimates = [stage_again(number, stage.before.uv + shift) for shift in ways]
        curve[number, k] = torch.stack([errors_of(e, batch)[1].mean() for e in estimates]).mean()

# %%
figure, (axes,) = show.detached_figure(figsize=(7, 3.4), layout="constrained")
for number, (stage, colour) in enumerate(zip(trace.stages, ("0.55", "black"))):
    axes.plot(curve[number], "o-", color=colour, label=f"stage {number + 1}")
    given = errors_of(stage.before, batch)[1].mean().item()
    axes.axhline(given, color=colour, linestyle="--", linewidth=1)
    row = ", ".join(f"{n} px {value:.1f}" for n, value in zip(shifts, curve[number].tolist()))
    print(f"stage {number + 1}, given {given:.1f} mm: {row}")
    harmful = [n for n, value in zip(shifts, curve[number]) if value > given]
    print(f"  shifts that leave it worse than it was given: {', '.join(map(str, harmful)) or 'none'} px")
axes.set(xlabel="all places shifted by (pixels)", ylabel="MPJPE (mm)", ylim=(0, None))
axes.set(xticks=range(len(shifts)), xticklabels=shifts)
axes.legend(frameon=False)
assert (curve[:, 4] > curve[:, 0]).all()
figure

# %% [markdown]
# A pixel or two hardly matter, a cell or two decide. Now a question that looks superfluous: if wrong places cost accuracy, what
# does reading at the **true** places gain? Predict by how much the error falls.

# %%
for number, stage in enumerate(trace.stages):
    told = stage_again(number, batch.uv)
    own, best = (errors_of(e, batch)[1].mean().item() for e in (stage.after, told))
    step, told_step = ((e.uv - stage.before.uv).norm(dim=-1).mean() * 64 for e in (stage.after, told))
    print(f"stage {number + 1}: reading at its own places {own:.1f} mm, at the true places {best:.1f} mm")
    print(f"  it moves the joints by {step:.1f} px on average, told the true places by {told_step:.1f} px")
    assert told_step < step and best > own

# %% [markdown]
# It rises, in both stages. The step shows why: told the true places, a stage **moves the joints less**, although the estimate that it
# corrects is as wrong as before. It sees features as they look when a joint is where it is believed to be, and so
# finds little to correct. What a joint's feature has to tell is less "this is a fingertip" than "the fingertip is a little to
# the left of here".
#
# If that is so, a reading shifted to the right by $n$ pixels must push the new estimate to the **left**, and by nearly $n$. Measure the push along
# the shift, per pixel: 0 means that the stage doesn't notice, $-1$ that it takes the whole shift for an error of its own.

# %%
pushes = torch.zeros(2, len(shifts) - 1)
for number, stage in enumerate(trace.stages):
    for k, n in enumerate(shifts[1:]):
        for shift in four_ways(n):
            pushed = stage_again(number, stage.before.uv + shift).uv - stage.after.uv
            pushes[number, k] += (pushed @ shift).mean() / shift.square().sum() / 4
    row = ", ".join(f"{n} px {value:.1f}" for n, value in zip(shifts[1:], pushes[number].tolist()))
    print(f"stage {number + 1}: push per pixel of shift: {row}")
assert (pushes[:, 1] < -0.3).all()

# %% [markdown]
# For small shifts the stage takes most of the shift for its own error and corrects it. Far out the push fades: a joint that reads at a place
# with nothing of the hand near it learns nothing about the direction. A stage is a feedback loop: of a shift
# that all joints share it removes most. Of its own error, which differs from joint to joint, it removes less (the lines above say how far each estimate is off), and the next one measures again from nearer by. That is what *iterative refinement* rests
# on, and why reading must happen at the estimate, not at a better place that somebody knows.
#
# It also tells what interpolation is for here. With the nearest cell, a joint reads as if it stood at that cell's centre, up to half a
# cell from where it believes it is; and the stage corrects an error that isn't there. The wrong `align_corners` of above does
# the same, more gently: it moves a reading by $u/2$ cells towards the middle, which reading at $u\,(W-1)/W$ imitates.


# %%
def to_centres(uv, size):
    return ((uv + 1) / 2 * size).floor().add(0.5) * 2 / size - 1


stage = trace.stages[0]
places = stage.before.uv.flatten(1, 2)
nearest = grid_sample(stage.fused, places[:, :, None], mode="nearest", align_corners=False)[..., 0].mT
corners = grid_sample(stage.fused, places[:, :, None], align_corners=True)[..., 0].mT
assert torch.allclose(sample_joints(stage.fused, to_centres(places, 16)), nearest, atol=1e-3)
assert torch.allclose(sample_joints(stage.fused, places * 15 / 16), corners, atol=1e-3)

# %%
for number, stage in enumerate(trace.stages):
    size, uv = stage.fused.shape[-1], stage.before.uv
    print(f"stage {number + 1}, cells of {model.config.image_size // size} px:")
    readings = {"bilinear": uv, "nearest": to_centres(uv, size), "align_corners": uv * (size - 1) / size}
    for name, places in readings.items():
        print(f"  {name:13} {errors_of(stage_again(number, places), batch)[1].mean():.1f} mm")

# %% [markdown]
# The hands of these pictures lie around the middle, where `align_corners` moves readings by a pixel or two, and we have seen
# that a pixel or two hardly matter. The network was trained with interpolation and edges at $\pm1$, so this is what the exchange costs *it*, not what a network trained
# with the other reading would reach.
#
# ## Move a joint yourself
#
# Drag the point, or focus it and press arrow keys. Left, the cells that resemble what the joint reads are tinted, its four neighbours framed.
# Right, their weights and the feature. Things to try:
#
# * put the point on a cell's centre: one weight becomes 1. Put it where four cells meet: four times 0.25;
# * take it across the border and out. Where do the bars begin to shrink, and where are they gone?
# * choose `right index4` on the 16 x 16 map, then on the 32 x 32 map: how much smaller is the tinted region?
# * choose a joint, look at its bars, press *true place*: how much of the pattern stays?

# %%
explorer = show.SamplingExplorer(batch, trace, index=13)
explorer

# %%
print(explorer.state.summary)

# %% [markdown]
# ## Exercises
#
# **Exercise 1.** `cells_that_matter(uv, size)`: the map of weights that a joint at `uv` (two numbers) puts on the cells of a map of
# `size` x `size`. Sum it: what does the sum say about a joint near the border?
#
# <details><summary>Hint</summary>The weight of column $c$ is $\max(0, 1 - |x - c|)$, that of row $r$ likewise, and a cell's weight is their
# product. Rows come first in an array.</details>


# %% tags=["exercise"]
def cells_that_matter(uv, size): ...  # return (size, size), row first


check("cells_that_matter", cells_that_matter)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def cells_that_matter_solution(uv, size):
    x, y = ((c + 1) / 2 * size - 0.5 for c in uv)
    near = [(1 - (torch.arange(size) - c).abs()).clamp(min=0) for c in (y, x)]
    return torch.outer(*near)


check("cells_that_matter", cells_that_matter_solution)

# %% [markdown]
# **Exercise 2.** `gradient_wrt_uv(feature_map, uv)`: the derivative of the reading by $(u, v)$ for a map of one channel (height, width)
# and a place well inside, from differences of neighbours, without autograd.
#
# <details><summary>Hint</summary>Blend the two horizontal differences by $b$, the two vertical ones by $a$, and don't forget
# what a step of one cell is in $uv$. Height and width may differ.</details>


# %% tags=["exercise"]
def gradient_wrt_uv(feature_map, uv): ...  # return (2,)


check("gradient_wrt_uv", gradient_wrt_uv)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def gradient_wrt_uv_solution(feature_map, uv):
    height, width = feature_map.shape
    x, y = (uv[0] + 1) / 2 * width - 0.5, (uv[1] + 1) / 2 * height - 0.5
    c, r = floor(x), floor(y)
    a, b = x - c, y - r
    (f00, f01), (f10, f11) = feature_map[r : r + 2, c : c + 2]
    by_x = (1 - b) * (f01 - f00) + b * (f11 - f10)
    by_y = (1 - a) * (f10 - f00) + a * (f11 - f01)
    return torch.tensor([by_x * width / 2, by_y * height / 2])


check("gradient_wrt_uv", gradient_wrt_uv_solution)

# %% [markdown]
# **Exercise 3.** `sample_joints` pads with zeros. `border_by_moving(uv, size)`: move places (n, 2) such that reading a `size` x `size` map with
# zeros at the moved places gives what reading with `border` padding gives at the original ones.
#
# <details><summary>Hint</summary>Border padding stops at the last place that doesn't mix with anything outside. That is not the
# picture's edge.</details>


# %% tags=["exercise"]
def border_by_moving(uv, size): ...  # return (n, 2)


check("border_by_moving", border_by_moving)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def border_by_moving_solution(uv, size):
    return uv.clamp(-1 + 1 / size, 1 - 1 / size)


check("border_by_moving", border_by_moving_solution)

# %% [markdown]
# ## In the released code
#
# * It samples as here: bilinear, zeros outside, edges at $\pm1$, the previous estimate detached. The paper's text names the interpolation
#   and says nothing about the border.
# * What is read then passes a small network per hand (1x1 convolution, batch norm, ReLU, 1x1 convolution), and an embedding of the joint's
#   position in space is added: a feature alone doesn't know which joint has read it. Adding the embedding happens in place there, which is
#   harmless until somebody keeps the sampled features for a picture like those above.
# * `sample_joints` does two things more. It computes in 32 bits when the network runs in 16: in bfloat16 a
#   place would move by up to a tenth of a cell. And it pulls places in to $\pm10^4$, since `grid_sample` turns numbers beyond an integer's range
#   into undefined cells; both places read zeros.
#
# ## What comes next
#
# Each of the 42 joints now holds one vector, read at one place, and knows nothing of the others. A fingertip that was read badly
# could be corrected by the joints before it on the same finger: they are attached to it. The next notebook, 05, lets the joints of
# one hand exchange what they have read, along the bones: a graph convolution on the skeleton.
