# %% [markdown]
# # 11 · Ablations: what is each mechanism worth?
#
# Attention to left and right, a GCN, a transformer, planes, stages: DIR is made of parts, and every part was argued for. An ablation takes one out, trains again, and looks at what is lost. It sounds like subtraction. It is a
# measurement with noise, and most of this notebook is about how much of a difference is noise.
#
# **The question:** what is each mechanism worth, and how would one know?
#
# Afterwards you should be able to say
#
# 1. what must be equal for two trainings to be comparable;
# 2. how much two trainings of the *same* network differ, and how far apart two kinds must be before it means something;
# 3. what the paper's table says, row by row, and what the same rows say here;
# 4. what a stage costs and what it brings, and what it would cost to work on vertices instead of joints;
# 5. how an ablation table is made to say what one wants.
#
# Words: [stage](../docs/glossary.md#stage), [GCN](../docs/glossary.md#graph-convolutional-network), [token](../docs/glossary.md#token), [multi-plane projection](../docs/glossary.md#multi-plane-projection), [MPJPE](../docs/glossary.md#mean-per-joint-position-error), [stratum](../docs/glossary.md#stratum).

# %%
import logging
import tempfile
from itertools import pairwise, permutations
from math import comb
from pathlib import Path

import numpy as np
import rich
import torch
from PIL import Image
from scipy.stats import t

from handlib import load_samples, show
from handlib.analysis import ablations
from handlib.analysis.ablations import IN_WORDS, PAPER_ROWS, changes, check_alike, errors_of, load_results
from handlib.analysis.comparison import compare, pooled_spread
from handlib.data.shipped import store_samples
from handlib.show.ablations import MEASURES, STRATA, Choice, ablations_state

torch.set_num_threads(1)
rich.reconfigure(quiet=True, force_jupyter=False)
logging.getLogger("lightning_fabric.utilities.rank_zero").setLevel(logging.ERROR)

# %% [markdown]
# ## The picture
#
# Every dot is a network that was trained from nothing: most in 10 to 30 minutes on one core, the dearest in more than an hour. Rows differ in one mechanism, the dots of a row in nothing but the seed. On the right, in the same rows, what each kind costs for one picture.

# %%
results = load_results()
kinds = list(dict.fromkeys(result.name for result in results))
print(f"{len(results)} trainings of {len(kinds)} kinds; of {len(ablations.ABLATIONS)} kinds that there are")
Image.fromarray(ablations_state(results, Choice()).picture)

# %% [markdown]
# The grey band is the subject of the next two sections. Some rows stand far outside, most lie in it or at its edge. Which of them are *better* than the full model, and which only happen to be?
#
# ## What is equal, what differs
#
# A difference says something about a mechanism if nothing else differs. Here: the same 20 000 training pairs in the same order for the same seed, the same number of steps, batch, learning rate and loss, the same 2000 test pairs,
# measured at the end and not at the best moment. `check_alike` refuses results for which that isn't so.

# %%
check_alike(results)
first = results[0]
print(f"{first.data['count']} pairs of {first.data['size']} px, world {first.data['world']}")
print(
    f"{first.training['steps']} steps of {first.training['batch_size']} pairs; {first.test['count']} test pairs"
)
for name, change in changes().items():
    print(
        f"{name:22}", ", ".join(f"{option}={value}" for option, value in change.items()) or "nothing changed"
    )

# %% [markdown]
# Three things are *not* equal, and can't all be made equal at once. (A fourth concerns the rows with one and three stages: each further stage also reads a map twice as fine as the one before.) Taking a mechanism out takes its **parameters** out, too; it makes a step cheaper, so that equal steps aren't equal **time**; and the settings, the learning rate above all, were chosen for the full
# model. A kind that loses here has lost under the full model's conditions.
#
# And one thing could have been made equal and wasn't: the **arithmetic**. Processors that multiply bfloat16 trained with it, one that doesn't took single precision. Seeds of one kind that were trained in both ways show whether it matters here:

# %%
for name in kinds:
    seeds = [result for result in results if result.name == name]
    if len({result.precision for result in seeds}) > 1:
        print(f"{IN_WORDS[name]:26}", *(f"{seed.precision}: {seed.mpjpe:.2f} mm" for seed in seeds))

# %% [markdown]
# ## Two trainings of the same thing
#
# The seed decides how weights begin, which pairs come together in a batch and how they are augmented. None of it matters, and all of it changes the result. **Predict** how far apart two trainings of one kind end: 0.01 mm, 0.2 mm or 2 mm?

# %%
by_kind = errors_of(results)
for name, errors in by_kind.items():
    if len(errors) > 1:
        print(
            f"{IN_WORDS[name]:32} {errors[0]:.2f} and {errors[1]:.2f} mm, apart by {abs(errors[0] - errors[1]):.2f}"
        )

# %% [markdown]
# Two numbers say little about a spread: some pairs happen to lie close, others don't. But if all kinds are about equally restless, all of them together tell it. On paper, for two kinds with two seeds each, 10 and 11, and 20 and 22:
#
# * the variance of two numbers that differ by $d$ is $d^2/2$: here $0.5$ and $2$;
# * pooled, that is averaged: $1.25$; its root is $1.12$. Two differences went into it: two degrees of freedom.


# %%
on_paper = pooled_spread([[10.0, 11.0], [20.0, 22.0]])
print(f"deviation {on_paper.deviation:.2f}, from {on_paper.freedom} differences")
assert np.isclose(on_paper.deviation, 1.25**0.5) and on_paper.freedom == 2
spread = pooled_spread(list(by_kind.values()))
print(
    f"trainings of one kind: standard deviation {spread.deviation:.2f} mm, from {spread.freedom} differences"
)

# %% [markdown]
# ## How far apart is far enough?
#
# The mean of $n$ seeds is uncertain by $\sigma / \sqrt n$, and the difference of two means by
#
# $$ \sigma \sqrt{\tfrac1{n_1} + \tfrac1{n_2}}, $$
#
# which for two seeds each is $\sigma$ itself. As $\sigma$ is itself a guess from few differences, the band has to be wider than the usual two standard errors. Student's $t$ says by how much: with $f$ degrees of freedom, chance alone stays within $t_f$ standard errors in 19 of 20 cases.

# %%
for freedom in (1, 4, 14, 1000):
    print(f"from {freedom:4} differences: {t.ppf(0.975, freedom):5.2f} standard errors")
two_seeds = by_kind["full"]
print(f"the band of two seeds against two: {compare(two_seeds, two_seeds, spread).chance:.2f} mm")

# %% [markdown]
# A simpler rule comes to mind: call two kinds different if *every* seed of the one is better than *every* seed of the other. **Predict** how often it calls two kinds different that are the same, with two seeds each. All orders of four equal numbers are equally likely; two of one kind come first in how many of them?

# %%
orders = list(permutations("aabb"))
apart = [order for order in orders if "".join(order) in ("aabb", "bbaa")]
print(f"{len(apart)} of {len(orders)} orders: {len(apart) / len(orders):.2f}")
assert len(apart) / len(orders) == 2 / comb(4, 2)

# %% [markdown]
# One in three. With three seeds each it is $2/\binom63 = 1/10$, with four $2/\binom84 = 1/35$. Tables with one seed per row can't even apply the rule. Try both rules on pretended trainings, all of one kind:

# %%
rng = np.random.default_rng(0)
pretended = rng.normal(15, 0.2, (3000, 15, 2))
separate, beyond = 0, 0
for table in pretended:
    a, b = table[0].tolist(), table[1].tolist()
    separate += max(a) < min(b) or max(b) < min(a)
    beyond += compare(b, a, pooled_spread(table.tolist())).clear
print(
    f"no difference at all, but called one: {separate / 3000:.2f} by order, {beyond / 3000:.2f} by the band"
)
assert 0.3 < separate / 3000 < 0.37 and 0.03 < beyond / 3000 < 0.07

# %% [markdown]
# The band keeps its promise, one in twenty. That is for *one* comparison. A table makes many:


# %%
def rows_that_look_clear(table: list[list[float]]) -> list[bool]:
    """Of all rows but the first, compared with the first."""
    spread = pooled_spread(table)
    return [compare(row, table[0], spread).clear for row in table[1:]]


clear = np.array([rows_that_look_clear(table) for table in pretended[:500].tolist()])
for rows in (1, 5, 14):
    some = 100 * clear[:, :rows].any(1).mean()
    print(f"{rows:2} rows without any effect: at least one looks clear in {some:.0f} % of all tables")

# %% [markdown]
# (Independent rows would give $1 - 0.95^{14} = 51$ %. These are all compared with the same two trainings of the full model and err together: fewer tables, but several rows at once.)
#
# So a row just outside the band isn't proof, and a row far outside is. Now the table can be read.

# %%
state = ablations_state(results, Choice())
print(f"{'':34}{'mm':>6}{'difference':>12}{'chance':>8}")
for name, difference in state.differences.items():
    said = (
        "" if name == "full" else f"{difference.value:+12.2f}{difference.chance:8.2f}  {difference.verdict}"
    )
    print(f"{IN_WORDS[name]:34}{np.mean(state.errors[name]):6.1f}{said}")

# %%
differences = [d for name, d in state.differences.items() if name != "full" and d.clear]
far = sum(abs(d.value) > 2 * d.chance for d in differences)
print(f"far outside the band: {far} rows; just outside: {len(differences) - far}")

# %% [markdown]
# Far outside are rows with fewer stages or one more. Of those just outside, one in fourteen may be there by chance; nothing is known of the rows inside.
#
# ## The paper's table, row by row
#
# The paper's ablation table numbers its rows. What it says of them in words:
#
# * ID 4 (GCN only) and ID 5 (transformer only) each bring "a significant performance improvement" over ID 3 (neither);
# * ID 7 (one shared plane) drops "to a certain extent compared with ID 9" (the full model);
# * one, two and three stages are compared, more being better.
#
# It doesn't say how many seeds each row had. Here are the statements with our numbers:

# %%
statements = [
    ("GCN only is better than neither", "gcn_only", "no_gcn_no_transformer"),
    ("transformer only is better than neither", "transformer_only", "no_gcn_no_transformer"),
    ("both are better than GCN only", "full", "gcn_only"),
    ("both are better than transformer only", "full", "transformer_only"),
    ("planes are better than one shared plane", "full", "single_plane"),
    ("one stage is better than none", "one_stage", "no_refinement"),
    ("two stages are better than one", "full", "one_stage"),
    ("three stages are better than two", "three_stages", "full"),
]


# %%
def judge(better: str, worse: str) -> str:
    """What the trainings say of "better than"."""
    missing = [IN_WORDS[name] for name in (better, worse) if name not in by_kind]
    if missing:
        return f"not trained: {', '.join(missing)}"
    difference = compare(by_kind[worse], by_kind[better], spread)
    number = f"{difference.value:+.2f} mm, chance {difference.chance:.2f}"
    if not difference.clear:
        return f"{number}: can't be decided"
    return f"{number}: {'agrees' if difference.value > 0 else 'disagrees'}"


for text, better, worse in statements:
    ids = "/".join(str(PAPER_ROWS.get(name, "-")) for name in (better, worse))
    print(f"{ids:5} {text:42} {judge(better, worse)}")

# %% [markdown]
# "Can't be decided" isn't "no difference". It says that a difference, if there is one, is smaller than what so few seeds can show at this scale. And scale is the first thing to doubt: 20 000 rendered pairs at 64 px for a quarter of an hour are not InterHand2.6M at 256 px for days. A mechanism may need data
# before it pays. What is clear here is clear at this scale. Whether it holds at the authors' scale, or whether something does that isn't clear here, only a training there can say.
#
# ## Choose for yourself
#
# A kind and what to compare it with; a measure; which pairs; the first estimate or the last; a cost. Try:
#
# 1. *no stages* against *the full model*, **initial** estimate. Does training with stages make the first estimate better or worse? (It shares its encoder with them.)
# 2. *separate encoders* against *the full model*, cost: parameters. What did the gain, if it is one, cost?
# 3. *one shared plane*: find a measure and a stratum under which it differs clearly. How many combinations did you try? Keep the count for *How a table is made to say what one wants*.
# 4. MRRPE, the distance between the hands: which mechanism would you expect to matter? Does it?

# %%
show.AblationsExplorer(results)

# %% [markdown]
# ## How many stages?
#
# The paper compares one, two and three stages by error; their cost is its third open question. **Predict**: a stage works on a map twice as large as the stage before, so each costs about four times as much in convolutions. The GCN and the transformer work on joints and cost the same in each. And what it brings?

# %%
by_stages = ["no_refinement", "one_stage", "full", "three_stages"]
trained = [name for name in by_stages if name in kinds]
of = {name: [result for result in results if result.name == name] for name in kinds}
for name in trained:
    one = of[name][0]
    print(
        f"{IN_WORDS[name]:26} {np.mean(by_kind[name]):5.1f} mm  {one.flops / 1e6:4.0f} MFLOPs  "
        f"{one.parameters / 1e6:.1f} M parameters  {one.peak_megabytes:.1f} MB"
    )

# %%
for fewer, more in pairwise(trained):
    gained = compare(by_kind[fewer], by_kind[more], spread)
    arithmetic = (of[more][0].flops - of[fewer][0].flops) / 1e6
    print(
        f"{IN_WORDS[fewer]} -> {IN_WORDS[more]}: {gained.value:+.2f} mm for {arithmetic:.0f} MFLOPs; chance {gained.chance:.2f}"
    )

# %% [markdown]
# A further stage is two things here, one more reading and a map twice as fine. The gain belongs to both; `stage_levels=(2, 1, 1)` would tell them apart and hasn't been trained.
#
# Every kind as a dot: what one picture costs it, and how far off it is. Point at one to see what it is; the line goes from no stages to three. **Which** dots would you take home, for which cost? A dot is worth having if nothing cheaper is better. (By the means alone: where the band sees no difference, only the cost decides, and a front that is drawn through noise is long.)

# %%
show.TradeOff(results)

# %% [markdown]
# Is the first stage of a network with three as good as the only stage of a network with one? It might leave work to those that follow. **Predict**: better, worse or the same?

# %%
figure, (axes,) = show.detached_figure(figsize=(7.5, 3.4), layout="constrained")
for name, style in zip(by_stages, (":", "-.", "-", "--")):
    if name not in kinds:
        continue
    for result in of[name]:
        inside = [row["all"]["mpjpe"] for row in result.scores.values()]
        axes.plot(range(len(inside)), inside, style, color="0.2", marker="o", markersize=4, alpha=0.7)
    axes.plot([], [], style, color="0.2", marker="o", markersize=4, label=IN_WORDS[name])
axes.set(xlabel="estimate (0 is the initial one)", ylabel="MPJPE (mm)", xticks=range(4), ylim=(12, 19))
axes.legend(frameon=False, fontsize=8)
figure

# %% [markdown]
# The same, as far as seeds can tell: the lines lie on each other. Every estimate has a loss of its own, and no later stage's loss reaches it through the estimate (notebook 08), so each stage is trained as if it were the last. What a further stage brings is added to what was there.

# %%
of_initial = errors_of(results, estimate="initial")
initial_spread = pooled_spread(list(of_initial.values()))
shift = compare(of_initial["full"], of_initial["no_refinement"], initial_spread)
print(f"initial estimate, trained with two stages against alone: {shift.value:+.2f} mm: {shift.verdict}")
gain = compare(by_kind["full"], by_kind["no_refinement"], spread)
assert gain.clear and gain.value < -2
print("two stages against none: more than 2 mm better, far beyond chance")

# %% [markdown]
# ## Joints or vertices?
#
# The paper's first open question: would it be better to let the surfaces talk instead of the joints? `vertex_tokens` does it: 84 vertices of each hand, every ninth or so, are tokens in the GCN's and the transformer's place of the 21 joints, each with a plane of its own. 84 already took over an hour; 778 have 86 times the attention.
#
# **Predict** what grows by how much, from 42 tokens to 168: the attention maps $16\times$, the projection $4\times$, the parameters of GCN and transformer not at all, for tokens share them. Those of the fusing convolution, which reads the planes, $4\times$.

# %%
for name in ("joint_planes", "vertex_tokens"):
    if name not in kinds:
        print(f"{IN_WORDS[name]}: not trained")
        continue
    one = of[name][0]
    print(
        f"{IN_WORDS[name]:26} {np.mean(by_kind[name]):5.1f} mm  {one.flops / 1e6:4.0f} MFLOPs  "
        f"{one.parameters / 1e6:.1f} M parameters  {one.peak_megabytes:.1f} MB"
    )
print("joints better than vertices:", judge("joint_planes", "vertex_tokens"))

# %% [markdown]
# `joint_planes` is the fair neighbour: it has a plane per token too. (The full model has one per bone, as released.) The attention grows as predicted, from little; in all it is one and a half times the arithmetic and nearly three times the weights, most of them in the convolution behind the planes. "Costs less" is a count and holds. "Overfits less" would show on few
# training pairs; with 20 000 it can't.
#
# ## One row, live
#
# A row of the table, at a hundredth of its scale: the full model and the one without stages, two seeds each, 64 pairs, 30 steps. It is the same command as `handlib ablate --run`, and takes the same path. **Predict** what a table made of this would say about refinement. (Notebook 09 watched the stages of an untrained
# network: they spoil what they are given, at first.)

# %%
folder = Path(tempfile.mkdtemp())
store_samples(load_samples("train"), folder / "train", "train", 64)
store_samples(load_samples("test"), folder / "test", "test", 64)


# %%
def short(name: str, seed: int):
    """A training of the table, made short."""
    return ablations.run(
        name, seed, folder / "train", folder / "test", folder / "runs", folder / "out", steps=30
    )


micro = [short(name, seed) for name in ("full", "no_refinement") for seed in (0, 1)]
check_alike(micro)

# %%
small_errors = errors_of(micro)
small_spread = pooled_spread(list(small_errors.values()))
effect = compare(small_errors["no_refinement"], small_errors["full"], small_spread)
true_effect = compare(by_kind["no_refinement"], by_kind["full"], spread)
assert effect.value < true_effect.value
print("taking the stages out, after 2000 steps of 20000 pairs:", true_effect.verdict)
print("after 30 steps of 64 pairs: a smaller loss, or none:", effect.verdict)
print(
    f"band of chance, long: {true_effect.chance:.1f} mm; short: wider, by more than 2 times:",
    effect.chance > 2 * true_effect.chance,
)

# %% [markdown]
# Run long enough and measured on enough pairs, taking the stages out costs several millimetres; run too short, nothing of it is seen. Were this the experiment, the paper's main idea would be thrown out. An ablation that finds nothing has two readings, *the mechanism does nothing* and *the experiment was too small to see it*, and the band tells them apart: a narrow one
# around zero is evidence, a wide one is not.
#
# ## How a table is made to say what one wants
#
# **More tries for one's own.** The full model gets attention, reruns, a better seed. The others get one run each. How much does choosing the best of $k$ seeds gain, if seeds differ by $\sigma$?

# %%
draws = rng.normal(0, spread.deviation, (20_000, 8))
for k in (1, 2, 4, 8):
    print(f"best of {k}: {-draws[:, :k].min(1).mean():.2f} mm better than a typical run, for nothing")

# %% [markdown]
# **Many measures.** There are six measures here, five sets of pairs and two estimates. Pick two mechanisms without a clear effect and one at the band's edge, and look for combinations under which they have one.


# %%
def forks(name: str) -> list[tuple[str, str, str, float]]:
    """Every combination under which a kind differs clearly from the full model."""
    found = []
    for measure in MEASURES:
        for stratum in STRATA:
            for estimate in ("initial", "last"):
                errors = errors_of(results, measure, stratum, estimate)
                difference = compare(errors[name], errors["full"], pooled_spread(list(errors.values())))
                if difference.clear:
                    found.append((measure, stratum, estimate, difference.value))
    return found


# %%
total = len(MEASURES) * len(STRATA) * 2
for name in ("no_attention", "single_plane", "separate_encoders"):
    clear = forks(name)
    better = sum(value < 0 for *_, value in clear)
    print(
        f"{IN_WORDS[name]:26} clear in {len(clear):2} of {total}: {better} times better, {len(clear) - better} worse"
    )

# %% [markdown]
# One in twenty of 60 is 3: that many would be found for a mechanism that does nothing at all, and a paper that shows one of them tells nothing false and deceives all the same. Separate encoders have far more, nearly all of them in their favour: one lucky draw counted many times, or an effect; the count alone can't tell. (The combinations aren't independent: a kind that is lucky in one is lucky in its neighbours, so the count varies more than a count of independent ones would.)
# The remedy is to say *before* the trainings which number decides. Here it is the MPJPE of the last estimate on all test pairs, as `handlib ablate --table` prints it.
#
# **Unequal conditions.** Settings tuned for one row; a smaller budget for the others; early stopping on the test pairs for the favourite. None of them shows in the table. `check_alike` and result files with all settings in them are there so that they show.
#
# ## Exercises
#
# **Exercise 1.** Pool the variance: `groups` is a list of lists of numbers, one per kind. Return the standard deviation within kinds (kinds with a single number contribute nothing).
#
# <details><summary>Hint</summary>Sum the squared deviations from each group's own mean, and divide by how many of them are free.</details>


# %% tags=["exercise"]
def within_kinds(groups): ...  # returns a number


from handlib.exercises import check

check("within_kinds", within_kinds)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def within_kinds_solution(groups):
    squares = sum(sum((x - np.mean(group)) ** 2 for x in group) for group in groups)
    return (squares / sum(len(group) - 1 for group in groups)) ** 0.5


check("within_kinds", within_kinds_solution)

# %% [markdown]
# **Exercise 2.** Kind A was trained with `k` seeds, kind B with `m`. If they don't differ, how likely is it that *all* of A's are better than *all* of B's?


# %% tags=["exercise"]
def all_better_by_chance(k, m): ...  # returns a number


check("all_better_by_chance", all_better_by_chance)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def all_better_by_chance_solution(k, m):
    # Which k of the k + m places in the order are A's: all choices are equally likely, one has them first.
    return 1 / comb(k + m, k)


check("all_better_by_chance", all_better_by_chance_solution)

# %% [markdown]
# **Exercise 3.** Which kinds are worth their cost? Return the places (as a sorted list) of those kinds for which no other kind is at least as cheap *and* at least as good, and better in one of the two.


# %% tags=["exercise"]
def worth_their_cost(costs, errors): ...  # two lists of numbers; returns a list of places


check("worth_their_cost", worth_their_cost)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def worth_their_cost_solution(costs, errors):
    def beaten(i):
        return any(
            costs[j] <= costs[i] and errors[j] <= errors[i] and (costs[j], errors[j]) != (costs[i], errors[i])
            for j in range(len(costs))
        )

    return [i for i in range(len(costs)) if not beaten(i)]


check("worth_their_cost", worth_their_cost_solution)

# %%
flops = [of[name][0].flops for name in kinds]
means = [float(np.mean(by_kind[name])) for name in kinds]
print(
    "no kind is both cheaper and better than:",
    ", ".join(IN_WORDS[kinds[i]] for i in worth_their_cost_solution(flops, means)),
)

# %% [markdown]
# ## In the released code
#
# * The release holds one network. **No ablation can be switched on in it**; what its rows were exactly, how long each was trained and with how many seeds, isn't known. Ours are options of one configuration, `handlib/analysis/ablations.py` lists them all.
# * It also isn't the network of the text: a plane per bone instead of one per joint, and in each transformer the first block is computed and thrown away (notebooks 06 and 07). `joint_planes` trains the text's planes.
# * Its stages predict anew what ours correct (`update="absolute"`); notebook 08 shows on a line what that means. What does better in a short training, and other choices of the recipe, are kept apart from the mechanisms in [experiments](../docs/experiments.md).
#
# The numbers of this notebook come from `data_samples/results/`, one file per training. `handlib ablate --run NAME --seed S` adds a row, `--table` prints them, and `docs/claims.md` holds every statement of the paper beside them.
#
# ## What comes next
#
# All of this was measured on pairs like those that the networks were trained on. What happens when a thing lies in front of the hands, when a second pair comes into view, when the first estimate is far off? Notebook 12, robustness.
