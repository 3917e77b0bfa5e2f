# %% [markdown]
# # 03 · Encoder and attention: one picture, two hands, two answers
#
# The network starts with an ordinary image classifier's body. It turns a picture into maps of features, and these maps know
# nothing of two hands: a cell that sees skin sees skin, whoever's it is. Yet the first estimate must say two different things, one per
# hand. **The question:** how does one feature map become one answer for the left hand and another one for the right?
#
# Afterwards you should be able to say
#
# 1. what the encoder's maps c1 to c4 resolve, and which part of the picture one cell of c4 really depends on;
# 2. why the mean of a feature map can't tell which of two hands is bent, whatever is trained on top of it;
# 3. what the left/right attention computes, by hand, in a loop and in one matrix product, and how it is (not) normalised;
# 4. what a pooled vector has lost, and what the small network's head adds to get it back;
# 5. what attention does in a trained network, measured by interfering with it, and why that isn't yet what it is *worth*;
# 6. what an encoder of its own for each hand would cost, and what it brings.
#
# Words: [feature map](../docs/glossary.md#feature-map), [attention map](../docs/glossary.md#attention-map), [estimate](../docs/glossary.md#estimate), [uv](../docs/glossary.md#uv).

# %%
from dataclasses import replace
from functools import partial

import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from handlib import DIR, DIRConfig, load_samples, show
from handlib.data.sample import STRATA, normalise, resize, stack
from handlib.model.encoder import Backbone, HandAttention, PooledHead, attention_pool
from handlib.exercises import check
from handlib.show.encoder import attention_maps_state, draw_maps
from handlib.show.core.palette import HIGHLIGHT
from handlib.hand.skeleton import SIDES

torch.set_num_threads(1)

# %%
model = DIR.from_pretrained("small").eval()
size = model.config.image_size
samples = [resize(sample, size) for sample in load_samples("test")]
batch = stack(samples)
with torch.no_grad():
    trace = model.trace(normalise(batch.image))
print(f"{len(batch)} pictures of {size} x {size} pixels")

# %% [markdown]
# ## Four maps
#
# The released network uses ResNet-50 on 256 pixels; the small one a ten-layer ResNet on 128. Both give four maps, from fine
# to coarse. Each step to a coarser one trades resolution for channels: fewer places, and more that is said about each.
#
# **Predict.** c4 has 8 x 8 cells over 128 pixels. How many pixels is a cell wide, and how many cells does a hand of 60 pixels cover
# from side to side?

# %%
for level, features in enumerate(trace.features, start=1):
    _, channels, height, width = features.shape
    print(f"c{level}: {channels:3} channels, {height:2} x {width:2} cells, {size // width:2} pixels per cell")

# %% [markdown]
# 16 pixels, and less than four cells: at c4 a hand is a blob of about a dozen cells. Fingers are gone from the grid; what is known about
# them must be written into the channels. (c3 and c4 have the same size here. `DIRConfig.small` removes the last halving, so that
# c4 keeps the released 8 x 8 cells although the picture has a quarter of the pixels.)
#
# ### What the features look like
#
# A cell of c4 holds 256 numbers. To see them, project all cells of all sixteen pictures onto the three directions in which
# they vary most (principal components), and show the three as red, green and blue. The colours mean nothing by themselves; **two cells
# of one colour have similar features**.


# %%
@jaxtyped(typechecker=beartype)
def colours(
    features: Float[Tensor, "batch channels height width"],
) -> tuple[Float[Tensor, "batch height width 3"], float]:
    """The first three principal components as colours, and their share of the variance."""
    cells = features.permute(0, 2, 3, 1)
    centred = cells - cells.mean((0, 1, 2))
    _, values, directions = torch.linalg.svd(centred.flatten(0, 2), full_matrices=False)
    seen = centred @ (directions[:3] * directions[:3].sum(1, keepdim=True).sign()).T
    low, high = (seen.flatten(0, 2).quantile(q, dim=0) for q in (0.02, 0.98))
    share = values[:3].square().sum() / values.square().sum()
    return ((seen - low) / (high - low)).clamp(0, 1), float(share)


# %%
shown = (5, 12, 7)
figure, axes = show.detached_figure(len(shown), 5, figsize=(10, 6.3), layout="constrained")
for row, k in enumerate(shown):
    axes[5 * row].imshow(batch.image[k].permute(1, 2, 0))
for level, features in enumerate(trace.features, start=1):
    painted, share = colours(features)
    print(f"c{level}: three colours hold {100 * share:.0f} % of the variance")
    for row, k in enumerate(shown):
        axes[5 * row + level].imshow(painted[k])
for axis, title in zip(axes, ("picture", "c1", "c2", "c3", "c4")):
    axis.set_title(title)
for axis in axes:
    axis.set(xticks=[], yticks=[])
figure

# %% [markdown]
# c1 still follows edges and textures, the background's pattern included. Towards c4 the background falls silent and the hands stand
# out against it, by region rather than by outline. If the outermost rows or columns of c4 have a colour of their own, it isn't a hand's:
# convolutions see zeros beyond the border, and so the features tell where the border is. That will be useful below.
#
# ## What can one cell see?
#
# A cell of 16 pixels is told about far more than its own 16 pixels, since every convolution looks at neighbours. Let $j$ be the
# distance, in pixels, between neighbouring cells (the *jump*) and $r$ the width of what a cell can depend on (its *receptive field*). A
# layer with kernel $k$, stride $s$ and dilation $d$ does
#
# $$ r \leftarrow r + (k - 1)\,d\,j, \qquad j \leftarrow s\,j $$
#
# **By hand**, from the picture to c1: a 3 x 3 convolution with stride 2, two more with stride 1, a 3 x 3 pooling with stride 2, and
# a block of two 3 x 3 convolutions. The field grows $1 \to 3 \to 7 \to 11 \to 15 \to 23 \to 31$.


# %%
def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride, dilation in layers:
        field += (kernel - 1) * dilation * jump
        jump *= stride
    return field, jump


halving, plain = (3, 2, 1), (3, 1, 1)
assert receptive_field([halving, plain, plain, halving, plain, plain]) == (31, 4)

# %% [markdown]
# For the other levels, ask the network itself: its convolutions and poolings in the order in which they run (the 1 x 1 convolutions of
# the shortcuts widen nothing).


# %%
def geometry(module):
    values = [getattr(module, name) for name in ("kernel_size", "stride", "dilation")]
    return tuple(value[0] if isinstance(value, tuple) else value for value in values)


layers, theory = [], []
body = model.encoder.backbone.encoders[0]
for name in ("conv1", "maxpool", "layer1", "layer2", "layer3", "layer4"):
    parts = [m for m in body.get_submodule(name).modules() if isinstance(m, nn.Conv2d | nn.MaxPool2d)]
    layers += [geometry(part) for part in parts if geometry(part)[0] > 1]
    if name.startswith("layer"):
        theory.append(receptive_field(layers)[0])
print("receptive fields of c1 to c4 in pixels:", theory)

# %% [markdown]
# c4's is more than twice as wide as the picture: each of its cells *can* depend on every pixel. Whether it *does* is a matter of the
# weights, and a gradient tells: change a pixel a little, how much does the cell change? Take the sum of a cell's channels, its gradient
# with respect to the picture, and absolute values.
#
# **Predict** for c1: gradients on exactly 31 x 31 pixels. And for c4: how much of the picture holds, say, 90 % of the gradient?


# %%
def influence(level):
    """Gradient of the map's middle cell in every picture: (batch, size, size)."""
    image = normalise(batch.image).requires_grad_()
    features = model.encoder.backbone(image)[level]
    middle = features.shape[-1] // 2
    (gradient,) = torch.autograd.grad(features[:, :, middle, middle].sum(), image)
    return gradient.abs().sum(1)


# %%
def side_holding(share, gradient):
    """Side of a square with as many pixels as the strongest that hold this share."""
    strongest = gradient.flatten().sort(descending=True).values.cumsum(0)
    return int((strongest < share * strongest[-1]).sum()) ** 0.5


# %%
influences = [influence(level) for level in range(4)]
for level, gradient in enumerate(influences):
    touched = (gradient > 0).any(0)
    width = int(touched.any(0).sum())
    assert width == min(theory[level], size)
    print(
        f"c{level + 1}: touches {width:3} of {size} columns, "
        f"90 % of its gradient on as many pixels as {side_holding(0.9, gradient.mean(0)):.2g} squared, "
        f"half on {side_holding(0.5, gradient.mean(0)):.2g} squared"
    )
assert side_holding(0.9, influences[3].mean(0)) < 0.9 * size

# %%
figure, axes = show.detached_figure(1, 4, figsize=(10, 2.9), layout="constrained")
for level, (axis, gradient) in enumerate(zip(axes, influences), start=1):
    mean = gradient.mean(0)
    axis.imshow((mean / mean.max()).sqrt(), cmap="Greys", vmin=0, vmax=1)
    left = size // 2 - theory[level - 1] / 2
    if left > 0:
        axis.add_patch(
            Rectangle((left, left), theory[level - 1], theory[level - 1], fill=False, edgecolor=HIGHLIGHT)
        )
    axis.set(title=f"one cell of c{level}", xticks=[], yticks=[])
figure

# %% [markdown]
# Darker pixels matter more (square root of the mean gradient over the sixteen pictures); the frame is the theoretical field, where it fits
# into the picture. In theory a cell of c4 sees everything; in effect it looks at a patch around itself, strongest in its middle, that
# is smaller than the picture and larger than a hand. This is the *effective* receptive field (Luo et al., 2016). Two
# consequences for two hands: a cell on the left hand has already seen the neighbouring parts of the right one, and no cell
# belongs wholly to one hand.
#
# ## One vector is not enough
#
# The first estimate needs a vector per hand. The cheapest is the mean over all cells, the same for both. What is lost?
#
# Take two cells and four channels: *looks like a left hand*, *looks like a right hand*, *bent*, *straight*. In scene A the
# left hand is bent and the right one straight; in scene B it is the other way round.
#
# **Predict** both means.

# %%
#                     left right bent straight
left_bent = torch.tensor([1.0, 0, 1, 0])
left_straight = torch.tensor([1.0, 0, 0, 1])
right_bent = torch.tensor([0.0, 1, 1, 0])
right_straight = torch.tensor([0.0, 1, 0, 1])

# %%
scene_a = torch.stack((left_bent, right_straight), dim=1)[:, None]
scene_b = torch.stack((left_straight, right_bent), dim=1)[:, None]
print("scene A:", *scene_a.mean((1, 2)).tolist())
print("scene B:", *scene_b.mean((1, 2)).tolist())

# %% [markdown]
# One vector for two scenes. Both say "there is a left hand, there is a right hand, one of the two is bent". Whatever comes after,
# linear layer or deep network, gives both scenes the same answer, and so is wrong for one. This is the *binding problem*: the
# mean keeps *what* occurs and forgets *what belongs together*.
#
# (A large encoder can dodge it: with channels such as *bent left hand*, no two scenes share a mean. Then it has to
# learn everything about fingers twice, once per hand. That is worth remembering when the measurement comes.)
#
# With a weighted mean per hand, weights taken from the map's own first two channels, the vectors differ. **Predict** the left hand's
# vector in either scene.

# %%
for name, scene in (("A", scene_a), ("B", scene_b)):
    left = attention_pool(scene[None], scene[None, :2])[0, 0]
    print(f"scene {name}, left hand's vector:", *left.tolist())
assert torch.equal(scene_a.mean((1, 2)), scene_b.mean((1, 2)))

# %% [markdown]
# ## The left/right attention (Sec. 3.1)
#
# That is DIR's attention. A small network looks at c4 and gives every cell two numbers between 0 and 1, one per hand. Each
# hand's vector is the mean of c4's features weighted with its map:
#
# $$ A^h = \sigma\big(\mathrm{conv}_{1\times1}(\mathrm{ReLU}(\mathrm{BN}(\mathrm{conv}_{3\times3}(c_4))))\big) \in (0,1)^{8\times8},
# \qquad f^h = \frac{\sum_{yx} A^h_{yx}\, c_{4,yx}}{\sum_{yx} A^h_{yx} + 10^{-8}} $$
#
# **By hand.** One channel, four cells, and two maps:
#
# | feature | left map | right map |
# |:-:|:-:|:-:|
# | 8 · 4 | 1 · ½ | 0 · ½ |
# | 2 · 6 | ½ · 0 | ½ · 1 |
#
# left: $(8 + 2 + 1) / 2 = 5.5$; right: $(2 + 1 + 6) / 2 = 4.5$; the plain mean is 5.

# %%
tiny = torch.tensor([[[8.0, 4], [2, 6]]])
tiny_maps = torch.tensor([[[1, 0.5], [0.5, 0]], [[0, 0.5], [0.5, 1]]])


# %%
@jaxtyped(typechecker=beartype)
def pool_by_loops(
    features: Float[Tensor, "channels height width"], attention: Float[Tensor, "hand height width"]
) -> Float[Tensor, "hand channels"]:
    pooled = torch.zeros(len(attention), len(features))
    for h, weights in enumerate(attention):
        total = 0.0
        for y in range(weights.shape[0]):
            for x in range(weights.shape[1]):
                pooled[h] += weights[y, x] * features[:, y, x]
                total += weights[y, x]
        pooled[h] /= total + 1e-8
    return pooled


print(pool_by_loops(tiny, tiny_maps).flatten().tolist())

# %% [markdown]
# Without loops it is a matrix product: attention as (hands x cells), divided by its row sums, times features as (cells x channels).


# %%
@jaxtyped(typechecker=beartype)
def pool(
    features: Float[Tensor, "channels height width"], attention: Float[Tensor, "hand height width"]
) -> Float[Tensor, "hand channels"]:
    weights = attention.flatten(1)
    weights = weights / (weights.sum(1, keepdim=True) + 1e-8)
    return weights @ features.flatten(1).T


assert torch.allclose(pool(tiny, tiny_maps), torch.tensor([[5.5], [4.5]]))

# %% [markdown]
# And the library's, on the real c4 and its real attention, against both of ours:

# %%
c4, attention = trace.features[-1], trace.attention
for ours in (pool_by_loops, pool):
    mine = torch.stack([ours(f, a) for f, a in zip(c4, attention)])
    assert torch.allclose(mine, attention_pool(c4, attention), atol=1e-5)
print("loops, matrix product and attention_pool agree to 1e-5")

# %% [markdown]
# The maps are as short to write. One hand's, layer by layer, with the trained weights:


# %%
@jaxtyped(typechecker=beartype)
def attention_map(
    c4: Float[Tensor, "batch channels height width"], hand: int
) -> Float[Tensor, "batch height width"]:
    wide, norm, _, narrow = model.encoder.attention.maps[hand]
    hidden = torch.conv2d(c4, wide.weight, wide.bias, padding=1)
    mean, variance = norm.running_mean[:, None, None], norm.running_var[:, None, None]
    hidden = (hidden - mean) / (variance + norm.eps).sqrt()
    hidden = hidden * norm.weight[:, None, None] + norm.bias[:, None, None]
    return torch.conv2d(hidden.relu(), narrow.weight, narrow.bias).sigmoid()[:, 0]


# %%
with torch.no_grad():
    ours = torch.stack([attention_map(c4, hand) for hand in range(2)], dim=1)
assert torch.allclose(ours, attention, atol=1e-5)
print("attention:", tuple(attention.shape), "as (pictures, hands, rows, columns)")

# %% [markdown]
# ### What kind of normalisation is that?
#
# Not a softmax. Each cell gets its own sigmoid; cells don't compete, and the two hands don't either: a cell may count fully for
# both, or for none. Only in pooling is each map divided by its sum. Three things follow, checked below:
#
# * the weights of a hand sum to 1, however small the map: it **can't say "no hand here"**;
# * multiplying a map by a number changes nothing, only its contrast counts;
# * since a sigmoid saturates at 1, a confident map is a *region* with equal weights. A softmax of the same scores
#   would put most of its weight on a few cells.

# %%
faint = attention_pool(c4, 0.01 * attention)
assert torch.allclose(faint, attention_pool(c4, attention), atol=1e-4)
both = attention.sum(1)
print(
    f"cells that count more than half for both hands: {100 * (attention > 0.5).all(1).float().mean():.0f} %"
)
print(f"cells' sums over the hands lie between {both.min():.1f} and {both.max():.1f}")

# %%
scores = attention.logit().flatten(2)
sharp = scores.softmax(-1)
soft = attention.flatten(2) / attention.flatten(2).sum(-1, keepdim=True)
print(
    f"largest weight of a cell, mean over maps: {soft.amax(-1).mean():.2f}; as a softmax {sharp.amax(-1).mean():.2f}"
)
assert sharp.amax(-1).mean() > 2 * soft.amax(-1).mean()

# %% [markdown]
# ## What it attends to
#
# A blue disc for the left map and an orange one for the right in every cell; a disc's area is the attention. The outlines are
# the true hands (with forearms), the letters mark where each map's centre of mass lies.

# %%
figure, axes = show.detached_figure(1, 3, figsize=(10, 3.6), layout="constrained")
for axis, k in zip(axes, shown):
    with torch.no_grad():
        one = model.trace(normalise(batch.image[k : k + 1]))
    axis.imshow(draw_maps(attention_maps_state(samples[k], one)))
    axis.set(title=f"picture {k}: {STRATA[samples[k].stratum]}", xticks=[], yticks=[])
figure

# %% [markdown]
# Nobody told the maps what a left hand is: there is no loss on them. Did they find out? Compare each with how much of every
# cell each true hand covers. If the maps were segmentations, the correlation would be near 1 with the own hand and negative with the other.

# %%
masks = torch.stack([(batch.label == hand + 1).float() for hand in range(2)], dim=1)
coverage = nn.functional.adaptive_avg_pool2d(masks, attention.shape[-2:])


def correlation(a, b):
    """Of two maps, picture by picture."""
    pairs = zip(a.flatten(1), b.flatten(1), strict=True)
    return torch.stack([torch.corrcoef(torch.stack(pair))[0, 1] for pair in pairs])


# %%
related = [[correlation(attention[:, m], coverage[:, h]).mean() for h in range(2)] for m in range(2)]
for side, row in zip(SIDES, related):
    print(f"{side:5} map: correlation {row[0]:5.2f} with the left hand, {row[1]:5.2f} with the right hand")
assert related[0][0] > related[0][1] and related[1][1] > related[1][0]

# %% [markdown]
# Each map prefers its own hand, and neither is a segmentation. It doesn't have to be: it is whatever helps a linear combination
# of features come out right.
#
# ## The first estimate: 64 numbers per hand, and an offset
#
# From each hand's vector the head makes
#
# | numbers | what |
# |---|---|
# | 6 | rotation of the wrist, two 3-vectors |
# | 45 | finger pose, coefficients around the mean pose |
# | 10 | shape |
# | 3 | weak-perspective camera: scale and two shifts |
#
# and, from the plain mean of c4, three numbers for the way from the left wrist to the right one, in units of 0.15 m. In the released
# network each is **one linear layer**, `PooledHead`:

# %%
torch.manual_seed(0)
pooled_head = PooledHead(c4.shape[1], torch.zeros(2, 64))
with torch.no_grad():
    vectors, offset = pooled_head(c4, attention)
    by_hand = [
        attention_pool(c4, attention)[:, h] @ layer.weight.T + layer.bias
        for h, layer in enumerate(pooled_head.hands)
    ]
assert torch.allclose(vectors, torch.stack(by_hand, dim=1), atol=1e-5)
print("vectors", tuple(vectors.shape), " offset", tuple(offset.shape))

# %% [markdown]
# ### Break it: shuffle the cells
#
# A weighted mean doesn't know where its terms came from. Shuffle the 64 cells of c4, and of both maps along with it: the hands are
# torn to pieces and scattered over the picture. **Predict** what the head above says now.

# %%
order = torch.randperm(64, generator=torch.Generator().manual_seed(1))
shuffled_c4 = c4.flatten(2)[:, :, order].view_as(c4)
shuffled_attention = attention.flatten(2)[:, :, order].view_as(attention)
with torch.no_grad():
    torn, _ = pooled_head(shuffled_c4, shuffled_attention)
    kept, _ = model.encoder.head(c4, attention)
    changed, _ = model.encoder.head(shuffled_c4, shuffled_attention)
assert torch.allclose(torn, vectors, atol=1e-4)
print("pooled head: the same numbers to 1e-4")
print(f"small network's head: camera shifts change by {(changed - kept)[..., -2:].abs().mean():.2f} (uv)")
assert (changed - kept)[..., -2:].abs().mean() > 0.05

# %% [markdown]
# Attention has solved *whose*; it hasn't solved *where*. And yet two of the 64 numbers are exactly that, the camera's shifts. How
# can the released head know them? Only if every feature vector says where it was. Convolutions with zero padding can write that
# in: near the border they see zeros, and the deeper the layer, the further inside this is felt (Islam et al., 2020). Is it there? Fit a
# linear map from one cell's 256 features to the cell's own place on the training pictures, and ask it on the test pictures.

# %%
cell_uv = model.encoder.head.uv.flatten(1).T


def cells_and_places(pictures):
    with torch.no_grad():
        features = model.encoder.backbone(normalise(pictures))[-1]
    cells = features.flatten(2).transpose(1, 2).flatten(0, 1)
    return torch.cat((cells, torch.ones(len(cells), 1)), dim=1), cell_uv.repeat(len(pictures), 1)


# %%
train_pictures = torch.stack([resize(sample, size).image for sample in load_samples("train")])
features, places = cells_and_places(train_pictures)
solution = torch.linalg.lstsq(features.double(), places.double()).solution
features, places = cells_and_places(batch.image)
left_over = (features.double() @ solution - places).square().mean() / places.square().mean()
print(f"a cell's features explain {100 * (1 - left_over):.0f} % of the variance of its place")

# %% [markdown]
# They do know, more or less. Not all of it need come from the border: in these pictures arms come from below and left hands are mostly on
# the left, and features that knew content alone would explain a part; how large a part wasn't measured. So a pooled vector can say where a hand is, roughly, once the encoder has learned to write places into
# features. ResNet-50 comes with ImageNet weights and sees far more pictures. The small encoder starts from random numbers, and for
# it the detour is long. `LayoutHead`, its head, therefore gets three things more than the pooled vector $f^h$:
#
# * **the centre of the hand's attention** (the mean of the cells' uv, weighted like the features), and the camera's two shifts are
#   predicted *relative to it*;
# * a summary of the whole map **with its layout**: c4 reduced to 16 channels, flattened, 256 features;
# * the plain mean of c4, for what both hands share;
#
# and a hidden layer instead of a linear one. In the open, with one liberty: the maps used for the features and for the centre are separate
# arguments.


# %%
@jaxtyped(typechecker=beartype)
def first_estimate(
    pool_with: Float[Tensor, "batch hand=2 8 8"], centre_with: Float[Tensor, "batch hand=2 8 8"]
) -> tuple[Float[Tensor, "batch hand=2 64"], Float[Tensor, "batch 3"]]:
    head = model.encoder.head
    layout = head.layout(head.reduce(c4).flatten(1))
    shared = torch.cat((c4.mean((2, 3)), layout), dim=1)
    pooled = attention_pool(c4, pool_with)
    centre = attention_pool(head.uv.expand(len(c4), 2, 8, 8), centre_with)
    vectors = []
    for h, hand in enumerate(head.hands):
        vector = hand(torch.cat((shared, pooled[:, h], centre[:, h]), dim=1))
        vectors.append(torch.cat((vector[:, :-2], vector[:, -2:] + centre[:, h]), dim=1))
    return torch.stack(vectors, dim=1), head.offset(shared)


with torch.no_grad():
    for ours, theirs in zip(first_estimate(attention, attention), model.encoder.head(c4, attention)):
        assert torch.allclose(ours, theirs, atol=1e-5)
print("agrees with the network's head to 1e-5")

# %% [markdown]
# ## Interfering: what does the trained network use its attention for?
#
# Replace the maps after training and see what breaks. `refine_from` runs the stages from any first estimate, so the damage can be
# followed to the end. Errors are means over the sixteen test pictures under the protocol `INTAG_MCP`. MPJPE compares hands after
# their roots are put on each other: it can't see *where* a hand is. The second column can: how far the joints lie from their true
# places in the picture.
#
# **Predict** before you read on. Even maps (every cell counts the same) give both hands one and the same pooled vector. Which of the three columns
# suffers most?

# %%
from handlib.analysis.interventions import Start, refine_from
from handlib.evaluation.metrics import INTAG_MCP, evaluate_batch

hands = [model.hands[side] for side in SIDES]


def consequences(pool_with, centre_with):
    """Errors of the first estimate and of the last one made from it."""
    with torch.no_grad():
        first = model.decode(*first_estimate(pool_with, centre_with))
        last = refine_from(model, Start(trace.features, first))[-1].after
    return [evaluate_batch(e, batch, INTAG_MCP, hands) for e in (first, last)]


# %%
def row(name, pool_with, centre_with):
    first, last = consequences(pool_with, centre_with)
    numbers = [first["mpjpe"], first["uv_percent"], last["mpjpe"]]
    print(f"{name:28}" + "".join(f"{x.mean():14.3g}" for x in numbers))
    return [float(x.mean()) for x in numbers]


# %%
even, swapped = torch.ones_like(attention), attention.flip(1)
print(INTAG_MCP)
print(f"{'':28}{'first, mm':>14}{'first, % side':>14}{'last, mm':>14}")
as_trained = row("as trained", attention, attention)
with_even = row("even maps", even, even)
with_swapped = row("left and right swapped", swapped, swapped)
row("the next picture's maps", attention.roll(1, 0), attention.roll(1, 0))
assert with_even[1] > 1.3 * as_trained[1] and with_swapped[1] > 1.3 * as_trained[1]
assert with_swapped[2] > 1.2 * as_trained[2]

# %% [markdown]
# The places suffer, and then the last estimate: the stages read features at the joints' places, and from wrong places they read
# wrong features. The first column, which can't see places, shows what becomes of the hands themselves when both are read from the same
# pooled vector, or from each other's. In this head the maps do two things, and they can be taken away one at a time.

# %%
print(f"{'':28}{'first, mm':>14}{'first, % side':>14}{'last, mm':>14}")
pooling = row("even pooling, own centre", even, attention)
centre = row("own pooling, even centre", attention, even)
main_use = "where a hand is (the centre)" if centre[2] > pooling[2] else "what a hand is like (the pooling)"
print(f"what the last estimate needs the maps for is mainly: {main_use}")

# %% [markdown]
# The last column says which of the two the network has come to rely on, and by how much. If even *pooling* costs nothing, the head gets what it needs to know about each hand from elsewhere: from the layout summary, which was added to
# help the small encoder. The released head has no such way around.
#
# **What this doesn't show.** A network whose attention is taken away after training is a network that was never asked to live
# without it; anything may break, or nothing, because of habits. What a mechanism is *worth* is seen by training with and without it,
# equally long, on the same pictures, more than once. That comes below.
#
# ## Which loss teaches the maps?
#
# None of their own. They feel only what reaches them through the first estimate. Not even the later estimates speak to them: each stage takes
# the estimate before it as given (*detached*), and the maps enter nothing else. **Predict** the gradient of each of the three estimates with
# respect to the maps.

# %%
alone = model.trace(normalise(batch.image[:1]))
for name, estimate in zip(("initial", "stage 1", "stage 2"), alone.prediction.estimates):
    total = estimate.uv.square().sum() + estimate.joints.square().sum()
    (gradient,) = torch.autograd.grad(total, alone.attention, retain_graph=True, allow_unused=True)
    print(f"{name}: {'no path to the maps' if gradient is None else 'reaches the maps'}")
    assert (gradient is None) == (name != "initial")

# %% [markdown]
# (c4 itself does feel the later losses: it is the map that the first stage starts from.)
#
# ## The mirror
#
# A left hand in a mirror is a right hand. So the mirrored picture's left map should be the mirror image of the original's right map. No
# layer enforces it: kernels aren't symmetric, and the two maps have weights of their own. The network learned it, as far as it did, from
# seeing half of its training pictures mirrored.
#
# **Predict** the correlation between the two, and compare it with two controls: forgetting to swap the hands, and another picture.

# %%
from handlib.data.augment import flip

mirrored = flip(batch)
with torch.no_grad():
    seen = model.trace(normalise(mirrored.image)).attention
back = seen.flip(-1)
agreement = {
    "mirrored and swapped": torch.cat([correlation(back[:, 1 - h], attention[:, h]) for h in range(2)]),
    "mirrored, not swapped": torch.cat([correlation(back[:, h], attention[:, h]) for h in range(2)]),
    "another picture's": torch.cat(
        [correlation(attention[:, h].roll(1, 0), attention[:, h]) for h in range(2)]
    ),
}
for name, values in agreement.items():
    print(f"{name:22} mean {values.mean():5.2f}, lowest {values.min():5.2f}")
assert agreement["mirrored and swapped"].mean() > agreement["mirrored, not swapped"].mean() + 0.1

# %% [markdown]
# Nearly, not exactly. And maps of different pictures resemble each other too: the
# hands of all these pictures are somewhere in the middle, left ones mostly on the left. What the mirror explains
# is the difference.
#
# ## One hand painted out
#
# Now take a hand away. `show.paint_out` fills its pixels, by the sample's label mask, with the background's colours from around.

# %%
gone = [stack([show.paint_out(sample, hand) for sample in samples]) for hand in range(2)]
figure, axes = show.detached_figure(1, 3, figsize=(9, 3.2), layout="constrained")
for axis, pictures, title in zip(
    axes, (batch, *gone), ("as it was", "left painted out", "right painted out")
):
    axis.imshow(pictures.image[12].permute(1, 2, 0))
    axis.set(title=title, xticks=[], yticks=[])
figure

# %% [markdown]
# No picture in training had one hand only. The absent hand's map can't say so, its weights sum to 1. **Predict** where it goes: it stays
# where the hand was; it spreads out evenly; it goes to the hand that is left.


# %%
def centres(maps):
    return attention_pool(model.encoder.head.uv.expand(len(maps), 2, 8, 8), maps)


true_centres = centres(coverage)
without = []
for hand, pictures in enumerate(gone):
    with torch.no_grad():
        without.append(model.trace(normalise(pictures.image)))
    maps, other = without[hand].attention, 1 - hand
    far, now_far = (
        (centres(m)[:, hand] - true_centres[:, other]).norm(dim=1).mean() for m in (attention, maps)
    )
    strength = maps[:, hand].sum() / attention[:, hand].sum()
    verdict = "towards" if now_far < 0.9 * far else "not towards"
    print(
        f"{SIDES[hand]} hand gone: its map sums to {100 * strength:.0f} % of what it was and moves {verdict}"
    )
    print(f"    the {SIDES[other]} hand: centres {far:.2f} apart before, {now_far:.2f} now (uv)")

# %% [markdown]
# However weak the map gets, the pooling doesn't notice, since it divides by the sum. Where the map has moved to the present hand,
# the absent one is made from the present one's features. And what happens to the hand that is still there? If the hands were processed separately, nothing.

# %%
from handlib.evaluation.metrics import align, joint_errors


def per_hand(estimate):
    return joint_errors(align(estimate, batch, INTAG_MCP, hands)).mean(-1).mean(0)


for hand, traced in enumerate(without):
    side, other = SIDES[hand], 1 - hand
    for name, index in (("first", 0), ("last", -1)):
        before, after = (per_hand(t.prediction.estimates[index]) for t in (trace, traced))
        print(
            f"{side:5} gone, {name:5} estimate: {SIDES[other]:5} hand {before[other]:.1f} -> {after[other]:.1f} mm, "
            f"the absent one {before[hand]:.0f} -> {after[hand]:.0f} mm"
        )

# %% [markdown]
# The absent hand is drawn all the same, somewhere. The present one's numbers change too, although its own pixels
# don't: c4's cells see beyond it, the layout summary sees everything, and the stages let the hands talk to each other. (A small part
# is the painting itself, and where hands overlapped the present one has a hole.) That shared view can help when hands hide each
# other; it hurts when one is missing.
#
# ### Try it
#
# Every change runs the network anew. Left: both maps. Right: the first estimate's skeletons in colour, the true ones in grey.
#
# 1. Switch `mirrored` on and off: the letters L and R should swap sides.
# 2. Paint out a hand. Follow its letter, and find its skeleton in the right picture.
# 3. Find a picture on which the two letters lie close together. Is the first estimate worse there?
# 4. Find a map of which less than a third lies on its own hand. Where is the rest?


# %%
def run(image):
    return model.trace(normalise(image))


explorer = show.AttentionExplorer(samples, run, index=12)
explorer

# %% [markdown]
# ## How would the performance change if left and right hands were processed with completely separate encoders?
#
# The paper separates the hands by attention over one shared map. One could do less: no attention, one pooled vector for both
# (`hand_attention=False`). Or more: an encoder per hand (`separate_encoders=True`). Here each of the two sees the whole picture, and their maps
# are laid on top of each other, c4 with 512 channels instead of 256. So the comparison is generous: what follows may use
# both encoders for either hand. It is the upper end of what separate encoders could do, and it has twice the encoder's weights besides.
#
# **Predict** from the sizes: which of encoder, attention, head and stages doubles?

# %%
from handlib.analysis.cost import flops

small = DIRConfig.small()
variants = {
    "full": small,
    "no_attention": replace(small, hand_attention=False),
    "separate_encoders": replace(small, separate_encoders=True),
}
networks = {name: DIR(config).eval() for name, config in variants.items()}


def millions(module):
    return 0 if module is None else sum(p.numel() for p in module.parameters()) / 1e6


# %%
print(f"{'parameters, million':20}{'backbone':>10}{'attention':>10}{'head':>10}{'stages':>10}{'all':>10}")
for name, network in networks.items():
    encoder = network.encoder
    parts = (encoder.backbone, encoder.attention, encoder.head, network.stages, network)
    print(f"{name:20}" + "".join(f"{millions(part):10.3g}" for part in parts))

# %% [markdown]
# The backbone and the attention double (the attention's convolutions have twice the input channels). The rest grows a little.
#
# Arithmetic is counted by PyTorch's `FlopCounterMode` (inside `handlib.analysis.cost.flops`; a multiplication and an addition count as two), and
# activations by a hook on every layer: how many numbers the layers of the encoder put out.


# %%
def activations(network, picture):
    """Numbers that the encoder's layers put out for one picture."""
    counted = []
    leaves = [m for m in network.encoder.modules() if not list(m.children())]
    hooks = [m.register_forward_hook(lambda m, i, out: counted.append(out.numel())) for m in leaves]
    network(picture)
    for hook in hooks:
        hook.remove()
    return sum(counted)


# %%
picture = torch.zeros(1, 3, size, size)
with torch.no_grad():
    for name, network in networks.items():
        encoder_flops, all_flops = (flops(partial(part, picture)) for part in (network.encoder, network))
        print(
            f"{name:18} encoder {encoder_flops / 1e6:4.0f} MFLOPs, whole network {all_flops / 1e6:5.0f} MFLOPs, "
            f"encoder's activations {activations(network, picture) / 1e6:.2f} million"
        )

# %% [markdown]
# Leaving the attention out saves a twentieth of the arithmetic; separate encoders add almost half. What do they bring? Networks of these three
# kinds were trained alike: same pictures in the same order, same steps, two random seeds each, on smaller pictures (64 pixels) to make it
# affordable. `data_samples/results` keeps what was measured, on fresh pictures. The verdict is written by the code, with one rule: a difference counts
# if chance, **what the seed alone changes**, explains it in no more than one case of twenty (notebook 11 derives how large that is).

# %%
from handlib.analysis.ablations import errors_of, load_results
from handlib.analysis.comparison import compare, pooled_spread

results = load_results()
for name in variants:
    runs = [result for result in results if result.name == name]
    print(
        f"{name:18} {len(runs)} seeds of {runs[0].training['steps']} steps, {runs[0].parameters / 1e6:.2f} million "
        f"parameters, {runs[0].flops / 1e6:.0f} MFLOPs, {runs[0].peak_megabytes:.1f} MB at most"
    )

# %%
for measure, unit in (("mpjpe", "mm"), ("uv_percent", "% of the side")):
    for estimate in ("initial", "last"):
        errors = errors_of(results, measure, estimate=estimate)
        print(f"{measure} of the {estimate} estimate, {unit}, every seed:")
        for name in variants:
            difference = compare(errors[name], errors["full"], pooled_spread(list(errors.values())))
            said = ", ".join(f"{error:.2f}" for error in errors[name])
            if name != "full":
                said += f": {difference.value:+.2f}, chance {difference.chance:.2f}: {difference.verdict}"
            print(f"  {name:18} {said}")

# %% [markdown]
# **At this scale** separate encoders are a little better, for nearly half as much arithmetic again, and their advantage is hardly more than chance; leaving the attention out changes nothing that two seeds could show. Four measures of the same networks are not four confirmations, either.
#
# Read it with three things in mind. "No more than chance explains" isn't "no difference": it is what so few seeds can't tell. All three
# networks have the layout head, which offers a way around the attention, so this is what attention is worth *beside that head*; with
# the released head, for which one pooled vector is all there is, it may well be worth more. And `separate_encoders` has more weights than
# `full`, so an advantage of it would not yet be one of separateness.
#
# ## Exercises
#
# **1. Where is a map's centre?** Write `attention_centre(attention)`: for maps of shape (hands, rows, columns) the weighted mean place of
# each, as (u, v) in [-1, 1] with u to the right and v down. Cells are areas: the left column of 8 has its centre at $u = -1 + 1/8$, not
# at $-1$.
#
# <details><summary>Hint</summary>Make the cells' centres along one axis, <code>(arange(n) + 0.5) * 2 / n - 1</code>. Sum the normalised map over
# rows to get the weights of the columns, which go with u.</details>


# %% tags=["exercise"]
def attention_centre(attention):
    """(hands, rows, columns) -> (hands, 2)"""
    ...


check("attention_centre", attention_centre)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def attention_centre_solution(attention):
    weights = attention / attention.sum((1, 2), keepdim=True)
    rows, columns = attention.shape[1:]
    u = (torch.arange(columns) + 0.5) * 2 / columns - 1
    v = (torch.arange(rows) + 0.5) * 2 / rows - 1
    return torch.stack((weights.sum(1) @ u, weights.sum(2) @ v), dim=1)


check("attention_centre", attention_centre_solution)

# %% [markdown]
# **2. How many cells does it look at?** A map over 64 cells may rest on one cell or on all of them. Write `effective_cells(attention)` for
# one map (rows, columns): $\exp(-\sum_i w_i \ln w_i)$, with $w$ the map divided by its sum. It is 1 for a single cell, 64 for an
# even map, and must not stumble over cells that are exactly 0 (the limit of $w \ln w$ is 0).
#
# <details><summary>Hint</summary>Keep only the cells above 0 before you take the logarithm; <code>torch.special.entr</code> does it for
# you.</details>


# %% tags=["exercise"]
def effective_cells(attention):
    """(rows, columns) -> a number"""
    ...


check("effective_cells", effective_cells)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def effective_cells_solution(attention):
    return torch.special.entr(attention / attention.sum()).sum().exp()


check("effective_cells", effective_cells_solution)
counts = torch.stack([effective_cells_solution(one) for one in attention.flatten(0, 1)])
print(f"the trained maps rest on {counts.min():.0f} to {counts.max():.0f} of 64 cells")

# %% [markdown]
# **3. What does it cost?** Write `attention_parameters(channels, hidden)`: how many parameters both maps have together: 3 x 3 convolution with
# bias, batch normalisation (two numbers per channel are learned), 1 x 1 convolution with bias. Then put in the released sizes, 2048 and
# 1024, and guess first: is it more or less than ResNet-50's 23.5 million?


# %% tags=["exercise"]
def attention_parameters(channels, hidden):
    """A whole number."""
    ...


check("attention_parameters", attention_parameters)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def attention_parameters_solution(channels, hidden):
    wide = 9 * channels * hidden + hidden
    norm = 2 * hidden
    narrow = hidden + 1
    return 2 * (wide + norm + narrow)


check("attention_parameters", attention_parameters_solution)

# %% [markdown]
# ## In the released code
#
# The released configuration can be built without memory for its weights, on PyTorch's `meta` device, and counted:

# %%
released = DIRConfig.released()
with torch.device("meta"):
    backbone = Backbone(released)
    released_attention = HandAttention(backbone.channels[-1], released.attention_channels)
print(
    "channels of c1 to c4:", backbone.channels, " hidden width of the attention:", released.attention_channels
)
print(f"ResNet-50 without its classifier: {millions(backbone):.3g} million parameters")
print(f"both attention maps: {millions(released_attention):.3g} million")
assert millions(released_attention) > millions(backbone)

# %% [markdown]
# * The attention works on c4 of 2048 channels and 8 x 8 cells with a hidden width of 1024 per hand. It sounds like a small addition
#   to the encoder; it has **more weights than the encoder**.
# * It is not self-attention, there are no queries and keys: two convolutions and a sigmoid. In other words it is a pair of soft masks. The
#   transformer that carries the name comes in notebook 06.
# * Its weights are divided by the map's sum plus $10^{-8}$, as in the equation above; across hands nothing is normalised.
# * The offset between the hands comes from the plain mean of c4, without attention.
# * The maps have no loss of their own. The segmentation loss acts on the last map at the end of the network, not on them.
# * Each hand's 64 numbers come from one linear layer on its pooled vector (`initial_head="pooled"`). The layout head, and the
#   biases that start at a nominal pose, are this package's, for an encoder that starts from nothing.
#
# ## What comes next
#
# The first estimate puts 42 joints somewhere into the picture, roughly. From here on the network doesn't ask for a vector per hand any more but for one
# *per joint*: it reads a finer map at the very place where it believes the joint to be. What is a feature map's value between its cells,
# or outside of it? That is the next notebook, **04 joint feature sampling**.
