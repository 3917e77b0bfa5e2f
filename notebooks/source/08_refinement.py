# %% [markdown]
# # 08 · Iterative refinement: again, from a better place
#
# The encoder's first estimate comes from a map of 8 x 8 places, pooled over the whole picture. It is roughly right. From then on the
# network has something that it didn't have before: a belief where each of 42 joints is. A **stage** uses it. It reads a
# finer map at exactly these places, lets the joints tell each other what they read, estimates anew, and draws what the joints know
# back into the map. Then the next stage does the same, from a better place, on a finer map.
#
# **The question:** why does doing it again help, and what passes from one stage to the next (Sec. 3.2)?
#
# Afterwards you should be able to say
#
# 1. what one stage takes and gives, with shapes, and write it down with the modules of notebooks 04 to 07;
# 2. why one reading can't do what two can, and from where no number of readings helps;
# 3. what an absolute and a residual update begin with, and why the released network and `small` differ there;
# 4. what would flow between stages if gradients weren't stopped;
# 5. how much each stage improves, at which joints, and from how bad a start it still comes back;
# 6. what happens when the stages are taken away, from a trained network and before training.
#
# Words: [stage](../docs/glossary.md#stage), [estimate](../docs/glossary.md#estimate), [feature map](../docs/glossary.md#feature-map), [offset](../docs/glossary.md#offset), [MPJPE](../docs/glossary.md#mean-per-joint-position-error).

# %%
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor, nn

from handlib import DIR, load_samples, show
from handlib.data.sample import normalise, resize, stack
from handlib.model.estimate import LENGTH_UNIT, Prediction, estimate_names
from handlib.evaluation.metrics import INTAG_MCP, evaluate_batch
from handlib.hand.skeleton import JOINT_NAMES, SIDES
from handlib.show.core.palette import HIGHLIGHT

torch.set_num_threads(1)
_ = torch.set_grad_enabled(False)  # One section needs gradients, and switches them on.

# %%
model = DIR.from_pretrained("small").eval()
hands = [model.hands[side] for side in SIDES]
test = stack([resize(sample, model.config.image_size) for sample in load_samples("test")])
trace = model.trace(normalise(test.image))
estimates, names = trace.prediction.estimates, estimate_names(len(trace.prediction.estimates))
print(f"{len(test)} pictures, estimates: {', '.join(names)}")

# %% [markdown]
# ## The picture: reading, believing, reading again
#
# Here are the fingertips of one hand, the one whose tips the stages moved nearest to the truth. Each arrow leads from one estimate to the next; a dashed line leads from the last estimate to the
# truth, the cross. Look at where an arrow begins: **that is where the stage read**. If it read in the wrong place, how could it know where to go?

# %%
tips = [JOINT_NAMES.index(f"{finger}4") for finger in ("thumb", "index", "middle", "ring", "little")]
places = torch.stack([(e.uv[:, :, tips] + 1) * test.size / 2 for e in estimates])
true_places = (test.uv[:, :, tips] + 1) * test.size / 2
away = (places - true_places).norm(dim=-1).mean(dim=-1)
k, h = divmod(int((away[0] - away[-1]).argmax()), 2)
print(f"picture {k}, {SIDES[h]} hand; fingertips' mean distance from the truth:")
for name, pixels in zip(names, away[:, k, h]):
    print(f"{name:8} {pixels:4.1f} pixels")

# %%
show.joint_paths(test, estimates, k, h, tips)

# %% [markdown]
# ## One stage on paper
#
# A line of 21 pixels is dark but for one bright pixel, number 10. Where is it? A convolution with nine weights turns the line into a
# feature map; its value says which way the bright pixel lies, and how far, up to 2:
#
# $$ w = (-2, -2, -2, -1, \;0,\; 1, 2, 2, 2) $$
#
# Two limits are built in, and every learned feature has them: it sees only as far as its weights reach (4 pixels; a *receptive field*),
# and it doesn't grow without bounds (2). A stage reads the map at its guess $g$ and moves by what it read:
#
# $$ g \leftarrow g + m(g) $$
#
# **Predict.**
#
# * From 7 (3 away): it reads 2 and moves to 9, reads 1 and moves to 10. One step can't, two do.
# * From 6 (4 away): 8, then 10.
# * From 5 (5 away): it reads 0. It stays, however often it looks.
# * From 5.5, halfway between a pixel that shows 0 and one that shows 2: it reads 1. Then 6.5, 8.5, 10: three steps.

# %%
line = torch.zeros(21)
line[10] = 1
kernel = torch.tensor([-2.0, -2, -2, -1, 0, 1, 2, 2, 2])
line_map = torch.nn.functional.conv1d(line[None, None], kernel[None, None], padding=4)[0, 0]
print("map:", *(f"{value:.0f}" for value in line_map))


# %%
def read(feature_map: Tensor, place: float) -> float:
    left = math.floor(place)
    share = place - left
    return float((1 - share) * feature_map[left] + share * feature_map[left + 1])


predicted = {7.0: [9, 10, 10], 6.0: [8, 10, 10], 5.0: [5, 5, 5], 5.5: [6.5, 8.5, 10]}
for start, expected in predicted.items():
    guess, way = start, []
    for _ in range(3):
        guess += read(line_map, guess)
        way.append(guess)
    print(f"from {start:.2g}:", *(f"{place:.3g}" for place in way))
    assert way == expected

# %% [markdown]
# Reading a map between its pixels is what notebook 04 was about. `sample_joints` does the same for many places at once, on a map with two
# axes; ours has one row.

# %%
from handlib.model.sampling import sample_joints


def locate(guess: Float[Tensor, "starts"], steps: int) -> Float[Tensor, "starts"]:
    for _ in range(steps):
        uv = torch.stack(((guess + 0.5) * (2 / 21) - 1, torch.zeros_like(guess)), dim=-1)
        guess = guess + sample_joints(line_map[None, None, None], uv[None])[0, :, 0]
    return guess


starts = torch.tensor(list(predicted))
assert torch.allclose(
    locate(starts, 3), torch.tensor([float(way[-1]) for way in predicted.values()]), atol=1e-5
)
print("loop and library agree")

# %% [markdown]
# From which starts is the bright pixel found? After one step, from those within 2; after two, within 4. Beyond 5 nothing is
# ever read. That range is called the **basin of attraction**.

# %%
starts = torch.linspace(3, 17, 281)
left_over = {f"steps: {n}": (locate(starts, n) - 10).abs() for n in range(4)}
for name, errors in left_over.items():
    print(f"{name}, found from {100 * (errors < 1e-3).float().mean():.0f} % of the starts")
figure, (axes,) = show.detached_figure(figsize=(6.5, 2.8), layout="constrained")
show.grey_lines(axes, starts, left_over, xlabel="start (pixel)", ylabel="error left (pixels)")
figure

# %% [markdown]
# Three things to keep.
#
# * **A reading is only as good as the place it is taken at.** That is why a second one adds to the first, though map and question are
#   the same.
# * **More steps help until the basin is exhausted**, and the gain per step shrinks.
# * A coarse map has the wider basin (one pixel of a 16 x 16 map covers as much of the picture as two by two of a 32 x 32 one), a fine map the
#   more exact answer. Coarse first, then fine: this is the order of DIR's stages.
#
# ## One stage, with the library's modules
#
# Now the real thing. Stage 1 of the shipped network takes three things: a deeper map (here the encoder's deepest, c4), an encoder map with
# finer detail, and the previous estimate. All of them are in the trace; we build the stage's output in the open, step by step, and compare.
#
# $$ (F_{t-1}, E_t, \Theta_{t-1}) \;\longmapsto\; (F_t, \Theta_t) \qquad\text{Sec. 3.2} $$

# %%
stage, kept = model.stages[0], trace.stages[0]
deep, skip, before = trace.features[-1], kept.skip, kept.before
print("deeper map:  ", *deep.shape)
print("encoder map: ", *skip.shape)
print("estimate:    ", *before.params.to_vector().shape, "and between the wrists", *before.offset.shape)

# %% [markdown]
# **Fuse.** The deeper map is enlarged to the encoder map's size and both are merged by convolutions. This is the map that is read.
#
# **Read** it at the joints' places (04), pass what was read through a small MLP, and add where in its hand each joint is thought to be: without that,
# a feature wouldn't know of which place on the hand it speaks.

# %%
fused = stage.fuse(deep, skip)
read_at_joints = sample_joints(fused, before.uv.flatten(1, 2)).unflatten(1, (2, 21))
sampled = stage.joint_mlp(read_at_joints)
local = before.joints / LENGTH_UNIT
embedded = sampled + stage.local_position(local)
assert torch.allclose(fused, kept.fused, atol=1e-5) and torch.allclose(embedded, kept.embedded, atol=1e-4)
print("fused map:", *fused.shape)
print("a feature for each of 2 x 21 joints:", *embedded.shape)

# %% [markdown]
# **Talk**: along the bones of one hand (05), then, with both hands placed in one frame, between all 42 joints (06).

# %%
graph = stage.gcn(embedded)
half = before.offset[:, None] / 2
in_one_frame = local + torch.stack((-half, half), dim=1)
tokens, attention = stage.transformer((graph + stage.global_position(in_one_frame)).flatten(1, 2))
tokens = tokens.unflatten(1, (2, 21))
assert torch.allclose(tokens, kept.tokens, atol=1e-4)
print("tokens:", *tokens.shape, "  attention (layers, heads, 42, 42):", *attention.shape[1:])

# %% [markdown]
# **Estimate anew.** One linear layer per hand takes all 21 tokens and the previous 64 numbers; the hand model turns the new
# numbers into joints, vertices and places in the picture.
#
# **Draw back** (07). The tokens become plane features, drawn at the *new* places, and convolutions merge them into the map. The
# enhanced map is the next stage's deeper map.

# %%
vectors, offset = stage.update(tokens, before.params.to_vector(), before.offset)
after = model.decode(vectors, offset)
projected = stage.project(stage.plane_mlp(tokens), after.uv, fused.shape[-1])
enhanced = stage.enhance(torch.cat((fused, projected), dim=1))
assert torch.allclose(after.uv, kept.after.uv, atol=1e-4)
assert torch.allclose(enhanced, kept.enhanced, atol=1e-3)
print("new numbers:", *vectors.shape, "and", *offset.shape, "  enhanced map:", *enhanced.shape)
print(f"for one picture {vectors[0].numel() + offset[0].numel()} numbers and a map of {enhanced[0].numel()}")

# %% [markdown]
# The same as one function. `cut` is applied to everything that comes from an estimate; the library's stage cuts the gradient
# there, and further below we put something else in its place.


# %%
def cut_gradient(x: Tensor) -> Tensor:
    return x.detach()


@jaxtyped(typechecker=beartype)
def one_stage(
    stage, deep: Float[Tensor, "b _ h0 w0"], skip: Float[Tensor, "b _ h w"], before, cut=cut_gradient
):
    fused = stage.fuse(deep, skip)
    local, offset = cut(before.joints) / LENGTH_UNIT, cut(before.offset)
    read_there = sample_joints(fused, cut(before.uv).flatten(1, 2)).unflatten(1, (2, 21))
    graph = stage.gcn(stage.joint_mlp(read_there) + stage.local_position(local))
    half = offset[:, None] / 2
    in_one_frame = local + torch.stack((-half, half), dim=1)
    tokens, _ = stage.transformer((graph + stage.global_position(in_one_frame)).flatten(1, 2))
    tokens = tokens.unflatten(1, (2, 21))
    after = model.decode(*stage.update(tokens, cut(before.params.to_vector()), offset))
    projected = stage.project(stage.plane_mlp(tokens), cut(after.uv), fused.shape[-1])
    return after, stage.enhance(torch.cat((fused, projected), dim=1))


# %% [markdown]
# All of DIR after the encoder is then a loop of four lines. It must end where the network ends.

# %%
estimate, deep = estimates[0], trace.features[-1]
for level, stage in zip(model.config.stage_levels, model.stages):
    estimate, deep = one_stage(stage, deep, trace.features[level], estimate)
assert torch.allclose(estimate.vertices, estimates[-1].vertices, atol=1e-5)
assert torch.allclose(deep, trace.stages[-1].enhanced, atol=1e-3)
print("the loop ends where the network does")

# %% [markdown]
# ## What passes from one stage to the next?
#
# Two things: an estimate, 131 numbers, and a map into which the joints have drawn what they know, more than a hundred times as many.
# Which of the two does stage 2 live on? Give it each of them old or new: the estimate from before stage 1 or after it, and the map
# before the joints drew into it (`fused`) or after (`enhanced`). **Predict** which of the two single replacements costs more.

# %%
first, second = trace.stages


def mpjpe(estimate) -> float:
    return float(evaluate_batch(estimate, test, INTAG_MCP, hands)["mpjpe"].mean())


passed = {}
for estimate_name, start in (("old", first.before), ("new", first.after)):
    for map_name, given in (("old", first.fused), ("new", first.enhanced)):
        ended = one_stage(model.stages[1], given, second.skip, start)[0]
        passed[estimate_name, map_name] = mpjpe(ended)
        print(f"{estimate_name} estimate, {map_name} map: {mpjpe(ended):.1f} mm after stage 2")

print(f"an old estimate costs {passed['old', 'new'] - passed['new', 'new']:.1f} mm")
print(f"an old map costs {passed['new', 'old'] - passed['new', 'new']:.1f} mm")
assert passed["new", "new"] == min(passed.values())

# %% [markdown]
# (MPJPE is the mean error of all joints in mm, under the protocol of the README's table: root at the middle finger's MCP joint, size given
# away; notebook 10 explains. All numbers of this notebook are means over the sixteen test pictures unless they say otherwise.)
#
# Both are needed. A stage *aims* by the estimate; and a network
# that was trained with an enhanced map has come to rely on it. What it would learn without one is a question for notebook 11.
#
# ## Absolute or residual?
#
# The released network computes new numbers **absolutely**: a linear layer of all tokens and the previous numbers *is* the new
# estimate. `small` computes them **residually**, as a correction, damped by a factor $\gamma$ (`head_gain`, 0.1):
#
# $$ \Theta_t = W\,[x, \Theta_{t-1}] + b \qquad\text{or}\qquad \Theta_t = \Theta_{t-1} + \gamma\,(W\,[x, \Theta_{t-1}] + b) $$
#
# The two can say exactly the same things (exercise 2). They differ in what they say *before they have learnt anything*: with $W$ and $b$ zero the absolute
# update forgets the estimate and says 0, the residual one keeps it.
#
# And why the factor? The layer is wide: 21 x 64 tokens, 64 numbers and a bias. Adam's first step moves every weight by the learning rate $\eta$,
# whatever the gradient's size, and all those moves add up. If every token feature is $\pm1$ and the previous numbers are 0, an output moves by
#
# $$ \gamma\,\eta\,(21 \cdot 64 + 1) = \gamma \cdot 10^{-3} \cdot 1345 $$
#
# **Predict**: 1.345 without the factor, in *one* step, for numbers that describe a rotation with vectors of length one; 0.1345 with it.

# %%
from handlib.model.config import DIRConfig
from handlib.model.refinement import VectorUpdate

small, no_offset = DIRConfig.small(), torch.zeros(1, 3)
signs = torch.randn(1, 2, 21, small.token_features, generator=torch.Generator().manual_seed(1)).sign()
for gain in (1.0, 0.1):
    torch.manual_seed(0)
    module = VectorUpdate(replace(small, head_gain=gain))
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)
    with torch.enable_grad():
        (module(signs, torch.zeros(1, 2, 64), no_offset)[0]).sum().backward()
    was, _ = module(signs, torch.zeros(1, 2, 64), no_offset)
    optimiser.step()
    moved = float((module(signs, torch.zeros(1, 2, 64), no_offset)[0] - was).abs().mean())
    print(f"gain {gain}: one step of Adam moves each number by {moved:.2g}")
    assert math.isclose(moved, gain * 1.345, rel_tol=0.01)

# %% [markdown]
# ### The same choice, trained in seconds
#
# Back to the line. The bright pixel lies anywhere within 6 of the middle, a first guess within 3 of it. Three stages follow, each a linear layer of its own
# that takes the previous guess and 1024 features; each feature is the reading times a factor of its own, plus noise. The loss is the sum of all
# stages' errors, nothing flows between stages, Adam does the rest: DIR's situation in one dimension.
#
# **Predict** the errors before training: the guess is off by 1.5 on average (the mean distance of a uniform number within 3). With the residual
# update, damped, every stage should still be off by about that. An absolute stage that says 0 would be off by 3.


# %%
def reading(distance: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return distance.clamp(-2, 2) * (5 - distance.abs()).clamp(0, 1)


assert torch.allclose(starts + reading(10 - starts), locate(starts, 1), atol=1e-5)
CHANNELS = 1024
factors = torch.randn(CHANNELS, generator=torch.Generator().manual_seed(5))


def noisy_features(distance: Float[Tensor, "n"]) -> Float[Tensor, "n channels"]:
    return reading(distance)[:, None] * factors + 0.5 * torch.randn(len(distance), CHANNELS)


# %%
def train_line(update: str, gain: float, steps: int = 150) -> Float[Tensor, "steps estimates=4"]:
    torch.manual_seed(1)
    layers = nn.ModuleList(nn.Linear(CHANNELS + 1, 1) for _ in range(3))
    for layer in layers:
        nn.init.normal_(layer.weight, std=0.02)
    optimiser, curve = torch.optim.Adam(layers.parameters(), lr=3e-3), []
    for _ in range(steps):
        bright = 12 * torch.rand(64) - 6
        guess = bright + 6 * torch.rand(64) - 3
        errors = [(guess - bright).abs().mean()]
        for layer in layers:
            guess = guess.detach()
            new = gain * layer(torch.cat((noisy_features(bright - guess), guess[:, None]), dim=1))[:, 0]
            guess = guess + new if update == "residual" else new
            errors.append((guess - bright).abs().mean())
        optimiser.zero_grad()
        sum(errors[1:]).backward()
        optimiser.step()
        curve.append(torch.stack(errors).detach())
    return torch.stack(curve)


# %%
variants = {
    "absolute": ("absolute", 1.0),
    "residual": ("residual", 1.0),
    "residual, damped": ("residual", 0.1),
}
with torch.enable_grad():
    curves = {name: train_line(*variant) for name, variant in variants.items()}


def at_most(error: float) -> str:
    return f"< {next(limit for limit in (0.03, 0.05, 0.2, 0.5, 1.2, 2.5, 5) if error < limit)}"


print(f"{'stage':17} 1 / 2 / 3 before training   1 / 2 / 3 after 150 steps (pixels)")
for name, curve in curves.items():
    early = " / ".join(f"{x:.1f}" for x in curve[0, 1:])
    print(f"{name:17} {early:25}   {' / '.join(at_most(x) for x in curve[-20:, 1:].mean(0))}")
ends = {name: curve[-20:].mean(0) for name, curve in curves.items()}
assert 4 * ends["residual, damped"][3] < 2 * ends["residual"][3] < ends["absolute"][3] > ends["absolute"][2]
damped = curves["residual, damped"][0]
assert (damped[1:] - damped[0]).abs().max() < 0.2

# %%
figure, all_axes = show.detached_figure(1, 3, figsize=(10, 2.8), layout="constrained", sharey=True)
for axes, (name, curve) in zip(all_axes, curves.items()):
    axes.axhline(1.5, color=HIGHLIGHT, linestyle="--", linewidth=1, label="first guess")
    lines = {f"stage {t}": curve[:, t] for t in (1, 2, 3)}
    show.grey_lines(axes, range(150), lines, title=name, xlabel="training step", ylim=(0, 4))
all_axes[0].set_ylabel("mean error (pixels)")
figure

# %% [markdown]
# The damped residual stages begin at the first guess's error, so stage 3 reads sensible places from the very first step, and it ends lowest.
# Undamped, they jitter: every step of Adam shakes the guess by more than what is left to correct, and the noise of 1024 features comes through
# amplified. An absolute stage must first learn to repeat its input (one weight, the one of the previous guess, must grow to 1), and the next one
# can't learn where to go until it does; its third stage even ends behind its second. Given time, all three would learn the same; the released network has 50 epochs on a pretrained encoder, and its
# absolute updates work. `small` begins with random weights everywhere and has two processor cores.
#
# ## Why gradients stop between stages
#
# The released code detaches the previous estimate, its numbers, joints, places and offset, before a stage uses them; only the map
# carries gradients back (so does ours). What would flow otherwise? On the line it can be said exactly. A stage computes $g + m(g)$, so a
# change of the start is multiplied by
#
# $$ \frac{\partial g_{t+1}}{\partial g_t} = 1 + m'(g_t) $$
#
# in every stage. **Predict** the factor over two stages:
#
# * from 7.3: the map is level there (factor 1), then at 9.3 it falls by one per pixel (factor 0). Together 0: the answer is right, wherever it came
#   from, and the start learns nothing;
# * from 5.5: between 5 and 6 the map rises from 0 to 2 (factor 3), then at 6.5 it is level: 3;
# * from 5.2: it reads 0.4 and stays on the rise: $3 \cdot 3 = 9$.

# %%
for start, expected in ((7.3, 0), (5.5, 3), (5.2, 9)):
    guess = torch.tensor([start], requires_grad=True)
    with torch.enable_grad():
        (factor,) = torch.autograd.grad(locate(guess, 2).sum(), guess)
    print(f"from {start}: factor {abs(float(factor)):.2g}")
    assert math.isclose(factor, expected, abs_tol=1e-3)

# %% [markdown]
# Nothing where the stages work, explosive at the basin's rim, and beyond the rim 1, though nothing was read there. What flows depends on the slope of the map where it happened
# to be read, not on how wrong the start was.
#
# ### What would flow in the shipped network
#
# One batch of eight training pictures, the loss that `small` was trained with, on each of the three estimates. With the cut, stage 2's loss must not reach the head that made the initial
# estimate at all: exactly 0. Without it?

# %%
from handlib.training.losses import LossWeights, hand_faces, hand_terms
from handlib.training.targets import Targets

train = stack([resize(sample, model.config.image_size) for sample in load_samples("train")[:32]])
few = train[:8]
targets, faces = Targets.from_sample(few, hands), hand_faces(model.hands)
head = list(model.encoder.head.parameters())


def losses_of_estimates(cut) -> list[Tensor]:
    features, _, vectors, offset, _ = model.encoder(normalise(few.image))
    estimate, deep = model.decode(vectors, offset), features[-1]
    made = [estimate]
    for level, stage in zip(model.config.stage_levels, model.stages):
        estimate, deep = one_stage(stage, deep, features[level], estimate, cut)
        made.append(estimate)
    terms = hand_terms(Prediction(tuple(made), *model.heads(deep)), targets, LossWeights.small(), faces)
    return [torch.stack([term.sum() for term in one.values()]).sum() for one in terms]


# %%
def let_through(x: Tensor) -> Tensor:
    return x


def gradient(loss: Tensor, wanted) -> Tensor:
    found = torch.autograd.grad(loss, wanted, retain_graph=True, materialize_grads=True)
    return torch.cat([g.flatten() for g in found])


with torch.enable_grad():
    for name, cut in (("cut", cut_gradient), ("not cut", let_through)):
        stage_losses = losses_of_estimates(cut)
        norms = [float(gradient(loss, head).norm()) for loss in stage_losses]
        whole = float(gradient(sum(stage_losses), head).norm())
        print(f"{name:8}", *(f"{n}: {norm:.2g}  " for n, norm in zip(names, norms)), f"sum: {whole:.2g}")
        assert (norms[-1] == 0) == (name == "cut")

# %% [markdown]
# The numbers are norms of the gradient for the initial head's weights. With the cut, that head answers for its own estimate alone. Without it, the later
# losses speak to it as well, about as loudly each, and it is no longer asked for the best first estimate but for a compromise.
#
# Which way does it take, and does it at least agree with what the first loss wants? Open one path at a time: the 64 numbers themselves (in a residual update they are carried over, so this path is a
# straight road), the joints' shape in the position embeddings, or the places where the map is read. A cosine of 1 is the same direction, 0 an unrelated one.


# %%
class OneOpen:
    """Cuts everything but the n-th thing that every stage takes from an estimate."""

    PATHS = ("shape (joints)", "offset", "places (uv)", "numbers")

    def __init__(self, path: str):
        self.open, self.calls = self.PATHS.index(path), 0

    def __call__(self, x: Tensor) -> Tensor:
        number = self.calls % 5  # The fifth is the place that planes are drawn at.
        self.calls += 1
        return x if number == self.open else x.detach()


# %%
with torch.enable_grad():
    for path in OneOpen.PATHS:
        stage_losses = losses_of_estimates(OneOpen(path))
        own, last = (gradient(stage_losses[t], head) for t in (0, -1))
        agreement = float(torch.cosine_similarity(own, last, dim=0))
        print(f"only {path:14} open: norm {last.norm():.1g}, cosine with the first loss's {agreement:.1f}")
        assert agreement < 0.9

# %% [markdown]
# The path through the places is the one that we followed on the line: it is the slope of the map where it was read. It says in which direction the map's features change, a few
# hundredths of the picture around, and nothing about where the hand is. The path through the numbers is a residual network's straight road, $\Theta_{t-1}$ itself; in an absolute network it leads through the linear layer.
#
# What training with open paths would end with, training alone can say; it hasn't been tried here. What can be said is this: with the cut
# each stage has one job, to be right from wherever it is told to start, and every gradient has a short way to go.
#
# ## Zero, one, two stages, and a third
#
# The shipped network has two stages. For a third we run stage 2 once more on its own new estimate. What map should it get? The one it was trained to take
# (stage 1's), or the one that it has just made, as a third stage of its own would? `refine_from` runs stages in any order, on the map that each knows;
# for the other way `one_stage` does.

# %%
from handlib.analysis.interventions import (
    Disturbance,
    altered,
    disturb,
    encode,
    experiment,
    refine_from,
)

start = encode(model, normalise(test.image))
again = refine_from(model, start, (0, 1, 1))[-1].after
own_map = one_stage(model.stages[1], second.enhanced, second.skip, second.after)[0]
assert torch.allclose(refine_from(model, start)[-1].after.uv, estimates[-1].uv, atol=1e-5)


# %%
def errors_of(estimate) -> dict[str, Tensor]:
    return evaluate_batch(estimate, test, INTAG_MCP, hands)


shown = dict(zip(names, estimates)) | {"stage 2 again": again, "on its own map": own_map}
print("                uv (% of side)   MPJPE (mm)   PA-MPJPE (mm)")
for name, estimate in shown.items():
    e = errors_of(estimate)
    print(f"{name:16} {e['uv_percent'].mean():10.1f} {e['mpjpe'].mean():14.1f} {e['pa_mpjpe'].mean():13.1f}")
better = [int((errors_of(b)["mpjpe"] < errors_of(a)["mpjpe"]).sum()) for a, b in pairwise(estimates)]
print(
    f"better than the estimate before, of {len(test)} pictures:",
    *(f"stage {t + 1}: {n} " for t, n in enumerate(better)),
)
assert mpjpe(estimates[0]) - mpjpe(estimates[1]) > mpjpe(estimates[1]) - mpjpe(estimates[2]) > 0

# %% [markdown]
# Each trained stage improves the mean, the first by more than the second, as on the line. The repeated one is a different matter. Go on, and look at
# both ways of repeating.

# %%
passes = 6
same = [trace.after for trace in refine_from(model, start, (0, *[1] * (passes + 1)))][1:]
chain = [(second.after, second.enhanced)]
for _ in range(passes):
    chain.append(one_stage(model.stages[1], chain[-1][1], second.skip, chain[-1][0]))
own = [estimate for estimate, _ in chain]

# %%
figure, all_axes = show.detached_figure(1, 3, figsize=(10, 2.8), layout="constrained")
measures = {"uv_percent": "uv error (% of side)", "mpjpe": "MPJPE (mm)", "pa_mpjpe": "PA-MPJPE (mm)"}
for axes, (measure, label) in zip(all_axes, measures.items()):
    trained = [float(errors_of(e)[measure].mean()) for e in estimates]
    axes.plot(range(3), trained, "o-", color="black", label="as trained")
    for repeated, style, name in (
        (same, "s-", "stage 2 again, known map"),
        (own, "^--", "stage 2 again, own map"),
    ):
        values = [float(errors_of(e)[measure].mean()) for e in repeated]
        axes.plot(range(2, 3 + passes), values, style, color="0.55", markersize=4, label=name)
        last_change = values[-1] - values[0]
        print(f"{label}, {name}: {round(last_change, 1) + 0:+.1f} in {passes} passes")
    axes.set(xlabel="stages run", title=label, ylim=(0, None))
all_axes[0].legend(frameon=False, fontsize=8)
figure

# %% [markdown]
# A stage isn't a solver that may be run until it converges. Stage 2 learnt to correct the errors that *stage 1* leaves. What it leaves itself are the errors that
# it couldn't see, and looking again from there helps once, if at all; over six passes the error rises. On a map of its own making, which has another meaning than the one
# it was trained on, it goes astray. A network **trained** with three stages is another thing: its third stage would have weights of its own and be trained on what the second one
# makes. Notebook 11 trains a third stage, on a still finer map.
#
# ## Which joints gain most?
#
# Errors grow from the wrist to the tips: each joint adds its own uncertainty to that of its parent. Does refinement reach the end of the chain? Here each
# hand is measured from its wrist.

# %%
from handlib.evaluation.metrics import INTAG_WRIST, align, joint_errors

per_joint = torch.stack([joint_errors(align(e, test, INTAG_WRIST, hands)).mean((0, 1)) for e in estimates])
levels = {"1 (knuckle)": 1, "2": 2, "3": 3, "4 (tip)": 4}
fingers = ("thumb", "index", "middle", "ring", "little")
by_level = torch.stack(
    [per_joint[:, [JOINT_NAMES.index(f"{f}{n}") for f in fingers]].mean(1) for n in levels.values()], dim=1
)

# %%
figure, axes = show.detached_figure(1, 2, figsize=(10, 3), layout="constrained")
along = {"xlabel": "joint along the finger", "ylabel": "error (mm)", "title": "mean of five fingers"}
show.grey_lines(axes[0], list(levels), dict(zip(names, by_level)), "o", **along, ylim=(0, None))
show.grey_lines(axes[1], JOINT_NAMES, dict(zip(names, per_joint)), "o", title="every joint", ylim=(0, None))
axes[1].tick_params(axis="x", rotation=90, labelsize=8)
gain, share = by_level[0] - by_level[-1], 1 - by_level[-1] / by_level[0]
for level, g, s in zip(levels, gain, share):
    print(f"joint {level:11}: {g:4.1f} mm less, {100 * s:.0f} % of its first error")
most = list(levels)[int(gain.argmax())]
print(f"gains most: joint {most}; still furthest off: joint {list(levels)[int(by_level[-1].argmax())]}")
assert gain.argmax() == by_level[-1].argmax() == 3
figure

# %% [markdown]
# The tips gain most, and remain furthest off. Refinement shortens the errors along the whole chain; it doesn't change the order.
#
# ## What happens if the refinement stages are removed entirely?
#
# The paper's summary asks this. There are two ways to remove something, and they answer two questions.
#
# **(a) Cut from the trained network**: what do the stages do in *this* network? Without them its answer is the initial estimate.

# %%
first_errors, last_errors = errors_of(estimates[0]), errors_of(estimates[-1])
for measure, label in measures.items():
    a, b = float(first_errors[measure].mean()), float(last_errors[measure].mean())
    print(f"{label:22} with the stages {b:4.1f}, without {a:4.1f}: {100 * (a / b - 1):.0f} % more")
worse = int((first_errors["mpjpe"] > last_errors["mpjpe"]).sum())
print(
    f"{worse} of {len(test)} pictures get worse; segmentation and dense map are gone, they are read off the last enhanced map"
)

# %% [markdown]
# **(b) A network trained without stages**: what are stages *worth*? An encoder that knows that nobody will correct it may learn to do
# better alone. So a second network is trained: the same encoder and head, no stages, as many steps on the same pictures (64 pixels; its steps are cheaper, so in the same time it could take more of them). A difference counts only if it is larger
# than what chance, the seed alone, explains (notebook 11 derives how large that is).

# %%
from handlib.analysis import ablations
from handlib.analysis.comparison import compare, pooled_spread

results = ablations.load_results()
for run in results:
    if run.name in ("full", "no_refinement"):
        estimates_of_run = " / ".join(f"{row['all']['mpjpe']:.1f}" for row in run.scores.values())
        cost = f"{run.parameters / 1e6:.1f} M parameters, {run.flops / 1e6:.0f} MFLOPs"
        print(f"{run.name:13} seed {run.seed}: {cost}, MPJPE {estimates_of_run} mm")

# %%
for what, estimate in (
    ("answer, trained without stages against with", "last"),
    ("initial estimate, trained alone against with stages", "initial"),
):
    trained = ablations.errors_of(results, estimate=estimate)
    spread = pooled_spread(list(trained.values()))
    difference = compare(trained["no_refinement"], trained["full"], spread)
    print(
        f"{what}: {difference.value:+.1f} mm, chance {difference.chance:.1f} mm:",
        difference.verdict,
    )

# %% [markdown]
# At this budget and on these pictures a network without stages is nearly 4 mm worse, far beyond chance. Its initial estimate is no better for being alone, rather a little worse: the encoder that knows that nobody
# will correct it doesn't make up for the stages. These are short runs of small networks; the paper's table has its numbers at full size.
#
# ## What enhancement does to the map
#
# A stage also rewrites the map, pixel by pixel, where joints have drawn. Is there more in it afterwards? First look: the three directions in which the
# 64 channels vary most over all test pictures (principal components, of each map by itself), as red, green and blue. A hand of one colour is a hand that the map tells from the rest.

# %%
shown_picture = 14
pictures, titles = [test.image[shown_picture].permute(1, 2, 0)], ["picture"]
for t, one in enumerate((first, second)):
    pictures += [show.principal_colours(maps)[shown_picture] for maps in (one.fused, one.enhanced)]
    titles += [f"stage {t + 1} before", f"stage {t + 1} after"]
show.picture_row(pictures, titles)

# %% [markdown]
# Colours can't be compared from map to map (the directions are others), but their arrangement can: in which map do the two hands have two colours? A fair
# question to a map is one that a *linear* reader can answer. Take the pixels of hands in 32 training pictures and fit, by least squares, one weight per channel (and a constant)
# such that the result is -1 on the left hand and +1 on the right. Then see on the test pictures, which played no part, how many pixels get the wrong sign.

# %%
from handlib.training.losses import resize_label

train_trace = model.trace(normalise(train.image))


def hand_pixels(feature_map: Float[Tensor, "b c h w"], label) -> tuple[Tensor, Tensor]:
    """The channels of every pixel of a hand, and -1 (left) or +1 (right)."""
    label = resize_label(label.long(), feature_map.shape[-2:]).flatten()
    channels = feature_map.permute(0, 2, 3, 1).flatten(0, 2).double()
    with_constant = torch.cat((channels, torch.ones(len(channels), 1)), dim=1)
    return with_constant[label > 0], (2.0 * label - 3)[label > 0].double()


def wrong_pixels(of_train: Tensor, of_test: Tensor) -> float:
    """Percentage of the test pictures' hand pixels that a linear reader takes for the other hand's."""
    channels, side = hand_pixels(of_train, train.label)
    weights = torch.linalg.lstsq(channels, side[:, None]).solution[:, 0]
    channels, side = hand_pixels(of_test, test.label)
    return 100 * float(((channels @ weights).sign() != side).double().mean())


# %%
wrong = {}
for t in (0, 1):
    for name in ("skip", "fused", "projected", "enhanced"):
        of_train, of_test = (getattr(one.stages[t], name) for one in (train_trace, trace))
        wrong[t, name] = wrong_pixels(of_train, of_test)
        print(f"stage {t + 1}, {name:9}: {wrong[t, name]:4.1f} % of hand pixels on the wrong side")
assert all(1.3 * wrong[t, "enhanced"] < wrong[t, "fused"] < wrong[t, "skip"] for t in (0, 1))

# %% [markdown]
# Left and right skin look alike, so the encoder's fine map (`skip`) can hardly tell them apart. Fused with the deeper map it can, and after enhancement
# clearly fewer errors are left. Is that the joints' doing? Enhancement is also a block of convolutions, which might find out by itself. Let the joints draw nothing: the same block, an
# empty projected map.

# %%
for t, stage in enumerate(model.stages):
    undrawn = []
    for one in (train_trace.stages[t], trace.stages[t]):
        undrawn.append(stage.enhance(torch.cat((one.fused, torch.zeros_like(one.projected)), dim=1)))
    alone, gained = wrong_pixels(*undrawn), wrong[t, "fused"] - wrong[t, "enhanced"]
    print(
        f"stage {t + 1}: {wrong[t, 'fused']:.1f} % before, {alone:.1f} % with nothing drawn, {wrong[t, 'enhanced']:.1f} % as it is"
    )
    assert alone > wrong[t, "enhanced"]
    part = (alone - wrong[t, "enhanced"]) / gained
    print(f"         the joints' part of the gain: {100 * part:.0f} %")

# %% [markdown]
# A pixel of skin can't see whose it is; the joints know, and they have told it. (In this network. One trained without the joints' help might find another way: notebook 11.)
#
# The network has a reader of its own, the heads for segmentation and dense correspondence. They were trained on the last enhanced map; on the map before
# they say this:

# %%
label, shown_maps = resize_label(test.label.long(), second.fused.shape[-2:]), {}
print(f"background everywhere: {100 * (label == 0).float().mean():.0f} % of all pixels have the right label")
for name in ("fused", "enhanced"):
    segmentation, dense = model.heads(getattr(second, name))
    shown_maps[f"segmentation, {name}"] = segmentation.argmax(1)[shown_picture]
    shown_maps[f"dense, {name}"] = dense[shown_picture].permute(1, 2, 0).clamp(0, 1)
    print(
        f"{name}: {100 * (segmentation.argmax(1) == label).float().mean():.0f} % of all pixels have the right label"
    )
show.picture_row([label[shown_picture], *shown_maps.values()], ["truth", *shown_maps])

# %% [markdown]
# Compare with "background everywhere". That isn't a measure of what the map before contains (the linear reader was, and found much). It shows that the two maps
# speak different languages although they have the same shape, which is why a stage that was given its own map went astray above.
#
# ## Break it: bad starts
#
# On the line the basin ended at 5. Where does it end here? We take the initial estimate of each test picture and move it away, every hand in a random direction of its own:
# turned about its wrist, shifted in the picture, or enlarged. **Predict** from the line what the curves will look like, and what the stages can correct best.


# %%
kinds = {
    "rotation": ("turned by (degrees)", (0.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0), "mpjpe"),
    "shift": ("shifted by (% of side)", (0.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0), "uv_percent"),
    "size": ("size times", (0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 2.0), "uv_percent"),
}


def from_bad_start(kind: str, amount: float, measure: str) -> list[float]:
    """Errors of the moved start, after stage 1 and after stage 2."""
    by = Disturbance(**{kind: amount / 50 if kind == "shift" else amount})
    moved = disturb(model, start.estimate, by, seed=1)
    ended = [step.after for step in refine_from(model, replace(start, estimate=moved))]
    return [float(errors_of(estimate)[measure].mean()) for estimate in (moved, *ended)]


# %%
curves = {
    kind: torch.tensor([from_bad_start(kind, a, m) for a in amounts])
    for kind, (_, amounts, m) in kinds.items()
}

# %%
figure, all_axes = show.detached_figure(1, 3, figsize=(10, 3), layout="constrained")
for axes, (kind, (label, amounts, measure)) in zip(all_axes, kinds.items()):
    lines = dict(zip(("start", "stage 1", "stage 2"), curves[kind].T))
    show.grey_lines(axes, amounts, lines, "o", xlabel=label, ylabel=measures[measure], ylim=(0, None))
figure

# %%
left_share = {}
for kind, (label, amounts, _) in kinds.items():
    print(label)
    undisturbed = curves[kind].min(0).values
    for amount, (at_start, _, at_end) in zip(amounts, curves[kind].tolist()):
        extra, left = at_start - float(undisturbed[0]), at_end - float(undisturbed[-1])
        if extra > 0.5:
            left_share[kind, amount] = left / extra
            print(
                f"  {amount:4}: of {extra:4.1f} added at the start, {100 * left / extra:3.0f} % are left after stage 2"
            )

# %% [markdown]
# Two things to see. What is added to the *places* (shift, size) is taken back while it is small, and the share that is left grows until nearly all of it stays: a basin
# with soft edges. What is added to the *rotation* hardly comes back at all. A likely reason: a wrong place shows at once in what is read there, and two of the 64 numbers
# mend it, while a rotation must be concluded from all 21 joints together. (It is measured in millimetres, the others in the picture, so only the *course* of the shares can be compared with theirs.)
#
# How wide is the basin, compared with what the stages met in training? They met initial estimates, nothing else. At its end these were off by

# %%
usual = estimates[0]
rotation_off = errors_of(usual)["rotation_deg"]
print(
    f"rotation: {rotation_off.mean():.0f} degrees on average, {rotation_off.max():.0f} for the worst picture"
)
uv_off = errors_of(usual)["uv_percent"]
print(f"places: {uv_off.mean():.1f} % of the side on average, {uv_off.max():.1f} % for the worst picture")
mended = max(a for (kind, a), share in left_share.items() if kind == "shift" and share < 0.5)
print(f"largest shift of which less than half is left: {mended:.0f} % of the side")
assert left_share["shift", 5.0] < left_share["shift", 30.0]

# %% [markdown]
# Compare the last two lines: the basin for places reaches beyond the largest errors that the stages were trained on, not far beyond. They are correctors of *their* predecessor's errors, not
# searchers. Who wants a wider basin has to train with worse starts.
#
# ### The start of another picture
#
# One more bad start: every picture gets the initial estimate of the picture after it. It is a sensible estimate, of other hands. Ten passes of stage 1, then stage 2.

# %%
foreign = start.estimate[[*range(1, len(test)), 0]]
ways = {
    "stages 1, 2": (0, 1),
    "stage 1 ten times, then 2": (*[0] * 10, 1),
}
e = errors_of(foreign)
print(f"{'the foreign start':27} uv {e['uv_percent'].mean():4.1f} %   MPJPE {e['mpjpe'].mean():4.1f} mm")
for name, order in ways.items():
    e = errors_of(refine_from(model, replace(start, estimate=foreign), order)[-1].after)
    print(f"{name:27} uv {e['uv_percent'].mean():4.1f} %   MPJPE {e['mpjpe'].mean():4.1f} mm")
    assert e["mpjpe"].mean() > 1.2 * mpjpe(estimates[-1])
print(
    f"{'from its own start':27} uv {errors_of(estimates[-1])['uv_percent'].mean():4.1f} %   MPJPE {mpjpe(estimates[-1]):4.1f} mm"
)

# %% [markdown]
# The stages lead only part of the way back. **The first estimate matters**: refinement can't replace it.
#
# ## Break it: a stage without one of its parts
#
# `altered` builds the network of a changed configuration and gives it the trained weights that remain. Without the GCN, what was read goes straight on; without
# the transformer's blocks, no joint hears of the other hand; without enhancement, stage 2 gets the map as it was fused. And the mildest: joints that draw nothing into the map, with
# all convolutions in place.


# %%
def blank_planes(module, inputs, projected):
    return torch.zeros_like(projected)


undrawn = altered(model)
for stage in undrawn.stages:
    stage.project.register_forward_hook(blank_planes)

# %%
parts = {
    "as trained": model,
    "nothing drawn": undrawn,
    "no enhancement": altered(model, enhancement=False),
    "no GCN": altered(model, gcn_layers=0),
    "no transformer": altered(model, inter_hand="none"),
}

# %%
print(f"{'':16} stage 1   stage 2   (MPJPE, mm; the start has {mpjpe(estimates[0]):.1f})")
ended = {}
for name, network in parts.items():
    steps = [mpjpe(step.after) for step in refine_from(network, start)]
    ended[name] = steps[-1]
    worse_than_start = "   worse than no stage at all" if steps[-1] > mpjpe(estimates[0]) else ""
    print(f"{name:16} {steps[0]:7.1f} {steps[1]:9.1f}{worse_than_start}")
assert all(error > ended["as trained"] for name, error in ended.items() if name != "as trained")

# %% [markdown]
# Read this table with care. It says what breaks in *this* network when a part is pulled out, not what the part is worth: a network trained without it
# would have put the work elsewhere. A part on which everything else was tuned looks indispensable here even if another network does as well
# without it. Notebook 11 trains them without. What *can* be read off is how the work is divided in this network, and that every part is used.
#
# ## Interfere yourself
#
# One picture, four estimates: the start, stages 1 and 2, and stage 2 again. The surfaces in 3D are coloured by how far each
# vertex is from the truth (the bar below the picture says how far), the thin grey skeletons in the picture are the truth. Move the start away, switch parts off, and step
# through the estimates. Try:
#
# 1. Turn the start by 10°, then by 30°. Do wrist, knuckles and tips come back, and in which order? Where is the last dark patch?
# 2. Find the turn from which stage 2 doesn't bring the hands back to the picture. Is it the same for both hands?
# 3. Shift by 5 %, then by 15 %. How much does the error in the *picture* fall, how much the one in mm?
# 4. Switch the transformer off: which is worse, one stage or two? Then move the start. What has become of the basin?

# %%
one = resize(load_samples("test")[14], model.config.image_size)
run = experiment(model, normalise(one.image[None]), stages=(0, 1, 1))
show.RefinementExplorer(one, run, [*names, "stage 2 again"])

# %% [markdown]
# ## Exercises
#
# **Exercise 1.** A stage reads $r(x)$ at the guess $x$ and moves to $x + r(x)$; $r'$ is the slope of the map. Write the factor by which a small change of the start is multiplied after
# some stages, from the functions `read` and `slope`.
#
# <details><summary>Hint</summary>Above, the factors of two stages were multiplied. Where is each of them taken?</details>


# %% tags=["exercise"]
def start_factor(read, slope, start, steps): ...  # returns a number


from handlib.exercises import check

check("start_factor", start_factor)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def start_factor_solution(read, slope, start, steps):
    factor, guess = 1.0, start
    for _ in range(steps):
        factor *= 1 + slope(guess)
        guess += read(guess)
    return factor


check("start_factor", start_factor_solution)

# %% [markdown]
# **Exercise 2.** Absolute and residual updates can say the same. An absolute update is $W [x, \Theta]$, with a matrix $W$ of shape (3, 8): five numbers $x$, then the previous
# three, $\Theta$. Find the matrix $V$ with which the residual update $\Theta + \gamma\, V [x, \Theta]$ gives the same for every input.


# %% tags=["exercise"]
def as_residual(weight, gain): ...  # weight: (3, 8), the previous numbers are the last inputs; return (3, 8)


check("as_residual", as_residual)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def as_residual_solution(weight, gain):
    keep = np.zeros_like(weight)
    keep[:, -len(weight) :] = np.eye(len(weight))
    return (weight - keep) / gain


check("as_residual", as_residual_solution)

# %% [markdown]
# **Exercise 3.** To disturb a start, its rotation must be turned, and it is given as DIR's six numbers: two vectors, first three numbers and last three. Turn it by the rotation matrix $R$, such
# that the matrix that the six numbers stand for becomes $R$ times itself. The stage gets the six numbers as they are, so don't change the vectors' lengths: with $R = I$ nothing may change.


# %% tags=["exercise"]
def turned_root(root, turn): ...  # root: (6,), turn: (3, 3); return (6,)


check("turned_root", turned_root)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def turned_root_solution(root, turn):
    # The rotation is made of the vectors' directions alone, and turning both turns all that is made of them.
    return np.concatenate((turn @ root[:3], turn @ root[3:]))


check("turned_root", turned_root_solution)

# %% [markdown]
# ## In the released code
#
# * **Absolute** updates, at full gain. The previous numbers are an input of the linear layer, nothing is added to them. `DIRConfig.released()` has `update="absolute"`
#   and `head_gain=1.0`.
# * The previous **estimate** is detached (numbers, joints, places and offset), the deeper **map** is not, as here.
# * **Two stages**, on maps of 16 x 16 and 32 x 32, after ResNet-50 on 256 pixels. Its tables say "three stages" and count the initial estimate.
# * Stages share no weights. There is no dropout anywhere.
# * The pixel heads see only the last enhanced map. The losses on hands count every estimate alike, the initial one included.
# * The planes are drawn at the *new* places. A bone that has no length there divides by zero in the release; ours draws a disc.
#
# The code of this notebook is `handlib/model/refinement.py` (one stage), `handlib/model/network.py` (the loop) and `handlib/analysis/interventions.py` (starts, altered networks).
#
# ## What comes next
#
# Every estimate, from the first to the last, has a loss of its own, and the last map has two more. Which distances are measured, in which units, and what do the weights between
# them mean? That is notebook 09, losses and training.
