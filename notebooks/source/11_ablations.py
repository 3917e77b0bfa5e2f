# %% [markdown]
# # 11 · Ablations: what is each mechanism worth?
#
# DIR is made of parts, and every part was argued for. An ablation takes one out, trains again, and looks at what is lost. It sounds like a subtraction, but it is a measurement with noise.
# **Does a mechanism do what is claimed, what is it worth, and how would we know?**
#
# **Time:** about 45 minutes for the core, 30 for Further.
#
# Afterwards you can
#
# 1. show in seconds that a mechanism works, and that it fails once its code is switched off;
# 2. measure how much two trainings of the *same* network differ, with seeds as blocks;
# 3. turn two rows of a table into an interval and a verdict: better by, worse by, or smaller than so much;
# 4. say of each mechanism of DIR what was shown and what it is worth in error;
# 5. name three ways in which a table is made to say what one wants.
#
# Words: [stage](../docs/glossary.md#stage), [GCN](../docs/glossary.md#graph-convolutional-network), [multi-plane projection](../docs/glossary.md#multi-plane-projection), [MPJPE](../docs/glossary.md#mean-per-joint-position-error), [stratum](../docs/glossary.md#stratum), [ablation](../docs/glossary.md#ablation), [seed](../docs/glossary.md#seed), [micro-task](../docs/glossary.md#micro-task).

# %%
import numpy as np
import torch
from scipy.stats import t  # t.ppf(0.975, f): Student's t, exceeded in 2.5 % of cases.

from handlib import show
from handlib.analysis.ablations import IN_WORDS, check_alike, errors_of, load_results
from handlib.analysis.comparison import (
    blocked_spread,
    compare,
    gain_of,
    paired_difference,
    pooled_spread,
    verdict,
)
from handlib.analysis.micro_tasks.catalogue import stored_result
from handlib.analysis.micro_tasks.hidden_joints import JointNetwork, gcn, hidden_joint_error, posed_pairs
from handlib.analysis.micro_tasks.result import Claim
from handlib.analysis.micro_tasks.scattered_hiding import PAIRS, STEPS, hide_scattered
from handlib.exercises import check, predict, progress
from handlib.hand.skeleton import BONES
from handlib.model.gcn import skeleton_adjacency
from handlib.show.ablations import MEASURES, STRATA

torch.set_num_threads(1)
show.dir_map("ablations")

# %%
progress()

# %% [markdown]
# ## A mechanism, alone
#
# Each joint of a hand but the wrist is hidden with a probability of 60 %. A small network built from DIR's own modules places all joints, the hidden ones by what it knows of the others. What one joint knows can reach another joint only through the mechanism: the **GCN**, whose messages go along the bones (notebook 05). Its code takes the
# neighbours of every joint as a matrix, `adjacency`. Switched off, each joint is its own only neighbour: all weights stay, no message passes.

# %%
skeleton, switched_off = skeleton_adjacency(), torch.eye(21, dtype=torch.bool)
joints = posed_pairs(PAIRS, mirrored=False)
hidden = hide_scattered(1, torch.Generator().manual_seed(6))[0, 1].numpy()
x, y = 1000 * joints[0, 1, :, :2].T.numpy()
figure, all_axes = show.detached_figure(1, 3, figsize=(9, 2.9), layout="constrained")
for bone in BONES:
    all_axes[0].plot(x[list(bone)], y[list(bone)], color="0.8", zorder=0)
for chosen, fill, name in ((~hidden, "black", "seen"), (hidden, "white", "hidden")):
    all_axes[0].scatter(x[chosen], y[chosen], c=fill, edgecolors="black", label=name)
all_axes[0].set(title="a right hand", aspect="equal", xlabel="x (mm)", ylabel="y (mm)")
all_axes[0].invert_yaxis()
all_axes[0].legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
for axes, matrix, title in zip(all_axes[1:], (skeleton, switched_off), ("skeleton", "switched_off")):
    axes.imshow(matrix, cmap="Greys", vmax=1.5)
    axes.set(title=title, xlabel="tells joint", ylabel="joint that is told")
figure

# %%
guess = predict(
    "The GCN lowers the error of hidden joints. "
    "Switch its messages off and train again: how much of this gain is left?",
    "most of it: the matrices do it",
    "about half of it",
    "nearly none of it: the messages do it",
)
guess


# %% tags=["reveals"]
def trained(build, steps=STEPS):
    """Errors (mm) of the hidden joints of test pairs, one for each of two seeds."""
    return [hidden_joint_error(build, joints, hide_scattered, seed, steps) for seed in (0, 1)]


neither, short = trained(JointNetwork), trained(JointNetwork, steps=10)
stored = stored_result("scattered_hiding")
gains = {
    "GCN": paired_difference(neither, trained(lambda: JointNetwork(gcn(skeleton)))),
    "the same, stored, three seeds": stored.gain(Claim("", "GCN", "neither", "better")),
    "GCN, switched off": paired_difference(neither, trained(lambda: JointNetwork(gcn(switched_off)))),
    "the same, stored, three seeds ": stored.gain(
        Claim("", "matrices without messages", "neither", "better")
    ),
    "GCN, 10 steps only": paired_difference(short, trained(lambda: JointNetwork(gcn(skeleton)), steps=10)),
}
share = gains["GCN, switched off"].mean / gains["GCN"].mean
guess.compare(guess.answers[0 if share > 0.7 else 1 if share > 0.3 else 2])
figure, (axes,) = show.detached_figure(figsize=(9, 2.4), layout="constrained")
for row, gain in enumerate(gains.values()):
    axes.plot((gain.low, gain.high), (row, row), color="0.6", linewidth=2)
    axes.plot(gain.mean, row, "o", color="black")
    axes.text(1.02, row, verdict(gain, "mm"), va="center", transform=axes.get_yaxis_transform())
    for edge, mark, cut in ((-12, "<", gain.low < -12), (9, ">", gain.high > 9)):
        if cut:  # The interval goes on beyond the chart.
            axes.plot(edge, row, mark, color="0.6", clip_on=False)
axes.axvline(0, color="0.8", zorder=0)
axes.set(xlim=(-12, 9), xticks=(-10, -5, 0, 5), ylim=(4.5, -0.5), xlabel="gain (mm), 95 % interval")
axes.set_yticks(range(5), list(gains))
figure

# %% [markdown]
# Ten trainings of a second each make three of these rows. The GCN works. With its code switched off the gain is gone; "smaller than" says how small it must be. (How such an interval is made comes below. Two seeds can agree by luck; then the interval is far too narrow, as in the first row. Believe the stored rows, with three seeds.) In the last row nothing is wrong with the mechanism, only with the experiment, which stops before the GCN has learnt. Its best guess is even a loss, and its interval reaches far beyond the chart: it
# allows nearly everything. **A narrow interval around zero is a finding, a wide one is not.** Change the matrix or the steps and run the cell again: which neighbours would still do? All micro-tasks with all controls: `handlib claims`.
#
# ## In whole networks
#
# Is the mechanism also *worth* something where everything else helps, too? Whole networks were trained, which differ in one part. `check_alike` makes sure that nothing else differs: the same training pairs in the same order for the same seed, the same steps, rates and losses, the same test pairs. Still, taking a part out takes its weights out, and all settings were
# chosen for the full network.

# %%
results = load_results()
check_alike(results)
by_kind, first = errors_of(results), results[0]
kinds, errors = list(by_kind), np.array(list(by_kind.values()))  # (kinds, seeds)
print(f"{errors.shape[0]} kinds of network, {errors.shape[1]} seeds each, world {first.data['world']}:")
print(
    f"{first.training['steps']} steps, {first.data['count']} training pairs, {first.test['count']} test pairs"
)

# %%
guess = predict(
    "The seed decides how weights begin and in which order pairs come. Two networks of one kind, trained with two seeds: how far apart do their errors typically end?",
    "about 0.01 mm",
    "about 0.1 mm",
    "about 1 mm",
)
guess

# %% tags=["reveals"]
apart = float(np.median(np.ptp(errors, axis=1)))
guess.compare(guess.answers[int(np.argmin(np.abs(np.log(np.array([0.01, 0.1, 1]) / apart))))])
figure, (axes,) = show.detached_figure(figsize=(9, 3.4), layout="constrained")
for seed, column in enumerate((errors - errors.mean(1, keepdims=True)).T):
    axes.plot(
        range(len(kinds)), column, "o-", color=str(0.6 * seed / (errors.shape[1] - 1)), label=f"seed {seed}"
    )
axes.axhline(0, color="0.8", zorder=0)
axes.set_xticks(range(len(kinds)), [IN_WORDS[kind] for kind in kinds], rotation=35, ha="right", fontsize=8)
axes.set_ylabel("error minus the kind's mean (mm)")
axes.legend(frameon=False, fontsize=8)
figure

# %% [markdown]
# This is the noise in which every difference must be seen. A part of it is common to all kinds: where one seed's line lies above for most of them, its draw of first weights and batches was unlucky for all alike. That says nothing about a mechanism. (With two seeds the lines mirror each other, as each kind's mean lies between its two numbers.) So there are two steps.
#
# **Pool.** Two numbers say little about a spread, but all kinds together tell it if they are equally restless. Are they? In the figure one kind's two numbers differ by 0.02 mm, another's by 0.5. That alone proves nothing: among fifteen such differences from one and the same spread, the largest is typically thirty times the smallest. On paper, two kinds with two seeds each, 10 and 11, and 20 and 22: two numbers that differ by $d$ have the variance $d^2/2$, here 0.5 and 2, on average 1.25. The deviation is 1.12, and two differences went into it: two *degrees of freedom*.
#
# **Exercise: `within_kinds`.** `groups` is a list of lists of numbers, one per kind. Return the standard deviation within kinds (kinds with a single number contribute nothing).
#
# <details><summary>Hint</summary>Sum the squared deviations from each group's own mean, and divide by how many of them are free.</details>


# %% tags=["exercise"]
def within_kinds(groups): ...  # returns a number


check("within_kinds", within_kinds)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def within_kinds_solution(groups):
    squares = sum(sum((x - np.mean(group)) ** 2 for x in group) for group in groups)
    return (squares / sum(len(group) - 1 for group in groups)) ** 0.5


check("within_kinds", within_kinds_solution)

# %% [markdown]
# **Take the seeds out.** Give every seed a mean of its own, too: seeds are **blocks**. On paper the kinds' means are 10.5 and 21, the seeds' 15 and 16.5, all together 15.75. What is left of the first number is $10 - 10.5 - 15 + 15.75 = 0.25$; of the others $\mp 0.25$. Four squares sum to 0.25, with one degree of freedom left: the deviation is 0.5.

# %%
on_paper = [[10.0, 11.0], [20.0, 22.0]]
assert np.isclose(pooled_spread(on_paper).deviation, 1.25**0.5)
assert np.isclose(blocked_spread(on_paper).deviation, 0.5)
spread = blocked_spread(errors.tolist())
spreads = {"pooled": pooled_spread(errors.tolist()), "seeds as blocks": spread}
show.table(
    {
        name: {"deviation (mm)": round(s.deviation, 2), "degrees of freedom": s.freedom}
        for name, s in spreads.items()
    },
    "trainings of one kind",
)

# %% [markdown]
# Here taking the seeds out lowers the deviation a little and costs one degree of freedom. A seed that also draws other training pairs may matter more.
#
# ## A difference and its interval
#
# With $n$ seeds each, the difference of two means is uncertain by $\sigma\sqrt{2/n}$. As $\sigma$ is itself estimated, Student's $t$ widens the interval: with $f$ degrees of freedom the true difference lies within $t_f\,\sigma\sqrt{2/n}$ of the measured one in 19 of 20 cases. On paper, two seeds each, $\sigma = 0.5$ and $f = 14$, so $t_f = 2.14$: the interval reaches $2.14 \cdot 0.5 \cdot \sqrt{2/2} = 1.07$ to either side.
#
# **Exercise: `gain_interval`.** Two kinds have $n$ errors each, one per seed. By how much is the first kind better than the second? Return the ends `(low, high)` of the 95 % interval of this gain. `deviation` and `freedom` come from all kinds, as above.
#
# <details><summary>Hint</summary>A gain is positive if the first kind's error is smaller. 2.5 % are left on either side: <code>t.ppf(0.975, freedom)</code>.</details>


# %% tags=["exercise"]
def gain_interval(better, worse, deviation, freedom): ...  # two lists of n errors; returns (low, high)


check("gain_interval", gain_interval)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def gain_interval_solution(better, worse, deviation, freedom):
    gain = np.mean(worse) - np.mean(better)
    reach = t.ppf(0.975, freedom) * deviation * (2 / len(better)) ** 0.5
    return gain - reach, gain + reach


check("gain_interval", gain_interval_solution)

# %% [markdown]
# The interval has three readings:
#
# | interval of the gain | verdict |
# |---|---|
# | 0.1 to 0.5 mm | better by 0.1 to 0.5 mm |
# | −0.5 to −0.1 mm | worse by 0.1 to 0.5 mm |
# | −0.1 to 0.3 mm | smaller than 0.3 mm, gain or loss |
#
# "Can't be decided" would throw the third one away. A gain of a millimetre is excluded, and that can be tested by others.


# %%
def worth(better, worse):
    return verdict(gain_of(by_kind, better, worse), "mm")


low, high = gain_interval_solution(
    by_kind["full"], by_kind["no_refinement"], spread.deviation, spread.freedom
)
print(f"two stages, against none: a gain of {low:.2f} to {high:.2f} mm")
print("in words:", worth("full", "no_refinement"))

# %% [markdown]
# A simpler rule comes to mind, which needs no $t$: two kinds differ if *every* seed of the one is better than *every* seed of the other.

# %%
guess = predict(
    "Two kinds that don't differ at all, two seeds each. How often does the simple rule call them different?",
    "in 1 of 20 cases",
    "in 1 of 10 cases",
    "in 1 of 3 cases",
)
guess

# %% tags=["reveals"]
rng = np.random.default_rng(0)
pretended = rng.normal(15, 0.2, (2000, 15, 2))  # 2000 tables of 15 equal kinds with two seeds.
by_order = np.mean([max(a) < min(b) or max(b) < min(a) for a, b in pretended[:, :2].tolist()])
by_interval = np.mean(
    [compare(table[1], table[0], blocked_spread(table)).clear for table in pretended.tolist()]
)
guess.compare(guess.answers[int(np.argmin(np.abs(np.array([1 / 20, 1 / 10, 1 / 3]) - by_order)))])
show.table(
    {
        "every seed better than every seed": {"called different": f"1 in {1 / by_order:.0f}"},
        "interval without zero": {"called different": f"1 in {1 / by_interval:.0f}"},
    },
    "2000 pretended tables without any effect",
)

# %% [markdown]
# ## Two columns
#
# Now every mechanism of DIR, as in [the table of claims](../docs/claims.md). **Mechanism shown** is the verdict of a micro-task against its control. **Worth in error** is the verdict on whole networks, in MPJPE of the last estimate on all test pairs. This number was chosen *before* the trainings.

# %%
both = "mirrored, GCN and transformer"
shown = {
    "left/right attention, against a plain mean": ("attention", "an attention map per hand", "no attention"),
    "GCN, against neither": ("scattered_hiding", "GCN", "neither"),
    "GCN's messages, against its matrices alone": ("scattered_hiding", "GCN", "matrices without messages"),
    "transformer, against neither": ("hidden_hand", "mirrored, transformer", "mirrored, neither"),
    "transformer beside GCN, against GCN only": ("hidden_hand", both, "mirrored, GCN"),
    "GCN beside transformer, against transformer only": ("hidden_hand", both, "mirrored, transformer"),
    "a plane per bone, against one plane": ("read_back", "16 x 16, bone planes", "16 x 16, one plane"),
    "a plane per joint, against one per bone": ("read_back", "16 x 16, joint planes", "16 x 16, bone planes"),
}
in_error = {
    "left/right attention, against a plain mean": ("full", "no_attention"),
    "GCN, against neither": ("gcn_only", "no_gcn_no_transformer"),
    "transformer, against neither": ("transformer_only", "no_gcn_no_transformer"),
    "transformer beside GCN, against GCN only": ("full", "gcn_only"),
    "GCN beside transformer, against transformer only": ("full", "transformer_only"),
    "a plane per bone, against one plane": ("full", "single_plane"),
    "a plane per joint, against one per bone": ("joint_planes", "full"),
    "transformer, against graph layers in its place": ("full", "gcn_for_transformer"),
    "drawing, against no drawing": ("full", "no_projection"),
    "enhancing the map, against not": ("full", "no_enhancement"),
    "one stage, against none": ("one_stage", "no_refinement"),
    "two stages, against one": ("full", "one_stage"),
    "three stages, against two": ("three_stages", "full"),
    "an encoder per hand, against a shared one": ("separate_encoders", "full"),
    "joints as tokens, against vertices": ("joint_planes", "vertex_tokens"),
}

# %%
asked = [name for name in shown if name in in_error]
guess = predict(
    f"{len(asked)} comparisons stand in both columns, and in its micro-task each is clearly better. "
    "How many are clearly better in the error of whole networks?",
    "nearly all",
    "about half",
    "two or fewer",
)
guess


# %% tags=["reveals"]
def in_task(task, row, reference):
    return stored_result(task).against(row, reference)


clear_ones = sum(worth(*in_error[name]).startswith("better") for name in asked)
guess.compare(guess.answers[0 if clear_ones > 5 else 1 if clear_ones > 2 else 2])
show.table(
    {
        name: {
            "mechanism shown": in_task(*shown[name]) if name in shown else "–",
            "worth in error": worth(*in_error[name]) if name in in_error else "–",
        }
        for name in dict.fromkeys((*shown, *in_error))
    },
    "gains, 95 %; the micro-task of the planes counts variance that can be read back",
)

# %% [markdown]
# The columns answer different questions, and often differently. Two cautions first. One row in twenty looks clear by chance, so a verdict that begins near zero, such as "better by 0.06 to 0.56 mm", should be trusted least. And the interval says how much *seeds* matter: all networks were measured on the same 2000 pairs, and other pairs would add to it.
#
# Of the comparisons in both columns, the two clear ones are the GCN's. Graph layers in the transformer's place came out 0.24 mm *better* than the transformer; the interval just reaches zero. On these pairs nothing speaks for the transformer. By far the largest gains are those of the stages. Three reasons for the differences suggest themselves; none is proven by this table:
#
# * **The data.** In the world `desk-full` both hands of a pair are posed independently. A transformer that carries pose from hand to hand has nothing to carry there, as in the micro-task's control (notebook 06). One could test this: train both kinds on mirrored pairs.
# * **Other parts do the work.** A first estimate that sees the map's layout **may** do without attention. What a mechanism adds *beside* others can be less than what it does alone.
# * **The measure.** MPJPE aligns each hand by itself, so it can't see how the hands lie to each other. MRRPE can.
#
# And all of it holds at this scale. After 2000 steps at 64 px the full model has about twice the error of `small` in notebook 10, on pairs of the same world. A mechanism that helps only late in a training can't show here. And rendered pairs are not InterHand2.6M.
#
# Now choose for yourself. Every dot is a network; the grey band is what chance explains if seeds aren't taken out, so it can differ a little from our intervals. MRRPE: which mechanism should matter, and does it? And *one shared plane*: find a measure and pairs for which it differs clearly. Count your tries.
#
# <details><summary>What MRRPE says</summary>One would expect the transformer to matter, which joins the hands. Its effect can't be seen: 38.3 mm with the GCN alone, 37.8 mm with the transformer beside it, and chance explains about 1.5 mm. Only the stages matter clearly: 40.2 mm with none, 35.7 mm with three.</details>

# %%
show.AblationsExplorer(results)

# %% [markdown]
# ## In five lines
#
# * A micro-task isolates one mechanism. Switch the mechanism's code off, and the verdict must change.
# * Two trainings of one kind differ. Pool the spread over all kinds, and take out what a seed does to all of them.
# * A difference is an interval: better by, worse by, or smaller than so much.
# * A narrow interval around zero is a finding; a wide one says that the experiment was too small.
# * "The mechanism works" and "it lowers the error of this network here" are two statements.
#
# **Check yourself.**
#
# <details><summary>1. A paper's table has one seed per row, and row A is 0.1 mm better than row B. What do you know?</summary>Nothing about A and B until you know the spread between seeds. Here it would be within chance.</details>
#
# <details><summary>2. The interval is −0.05 to 0.02 mm. Somebody writes "no significant difference". What is the better sentence?</summary>"The difference is smaller than 0.05 mm": it excludes something, and can be proven wrong.</details>
#
# <details><summary>3. Why keep the matrices when messages are switched off?</summary>So that only the messages differ. Without the control, a gain might come from more weights.</details>
#
# <details><summary>4. Why may seeds be taken out, but not the kinds with bad luck?</summary>All kinds share the seed's draw, so it cancels in every difference. Leaving out rows after seeing them chooses the result.</details>

# %% [markdown]
# # Further
#
# ## How a table is made to say what one wants
#
# **More tries for one's own.** The full model gets reruns and a better seed, the others one run each. **Many comparisons.** One row in twenty looks clear by chance, and a table has many rows. **Many measures.** There are six here, five sets of pairs and two estimates. On the left, what choosing the best of $k$ seeds gains for nothing; in the middle, how many tables without any effect show at least one clear row. On the right, in how many of the
# 60 combinations three mechanisms differ clearly from the full model. Three of 60 would be expected of a mechanism that does nothing; neighbouring combinations are lucky together, so the count varies.


# %%
def clear_rows(table):
    spread = blocked_spread(table)
    return [compare(row, table[0], spread).clear for row in table[1:]]


def clear_combinations(name):
    found = 0
    for measure in MEASURES:
        for stratum in STRATA:
            for estimate in ("initial", "last"):
                e = errors_of(results, measure, stratum, estimate)
                found += compare(e[name], e["full"], blocked_spread(list(e.values()))).clear
    return found


clear = np.array([clear_rows(table) for table in pretended[:500].tolist()])
draws, seeds = rng.normal(0, spread.deviation, (20_000, 8)), range(1, 9)
figure, (best, many, forks) = show.detached_figure(1, 3, figsize=(10, 2.6), layout="constrained")
best.plot(seeds, [-draws[:, :k].min(1).mean() for k in seeds], "ko-")
best.set(xlabel="best of so many seeds", ylabel="gain (mm)")
many.plot(rows := range(1, 15), [100 * clear[:, :k].any(1).mean() for k in rows], "ko-")
many.plot(rows, [100 * (1 - 0.95**k) for k in rows], "--", color="0.5", label="independent rows")
many.legend(frameon=False, fontsize=8)
many.set(xlabel="rows without effect", ylabel="tables with a clear row (%)", ylim=(0, 60))
picked = ("no_attention", "single_plane", "separate_encoders")
forks.barh([IN_WORDS[name] for name in picked], [clear_combinations(name) for name in picked], color="0.6")
forks.axvline(3, color="black", linestyle="--")
forks.set(xlabel="clear combinations of 60")
figure

# %% [markdown]
# In the middle, fourteen independent rows would show something clear in half of all tables. Here all rows are compared with the same reference and share its luck, which leaves less than a third.
#
# On the right, separate encoders differ in 22 of 60 combinations: more than luck explains. Missing attention differs in one, one shared plane in none. Did you find one for the shared plane in the widget above? It shows just one: wrong rotations, hands apart, *initial* estimate. But planes are drawn after the initial estimate; they could change it only in a roundabout way, through the training of the encoder. It was found by trying 60 combinations, and it is gone once the seeds are taken out.
#
# The remedy is to say before the trainings which number decides, to show all rows, and to keep all settings with the results.
#
# **Exercise: `all_better_by_chance`.** Kind A was trained with `k` seeds, kind B with `m`. If they don't differ, how likely is it that *all* of A's are better than *all* of B's?


# %% tags=["exercise"]
def all_better_by_chance(k, m): ...  # returns a number


check("all_better_by_chance", all_better_by_chance)


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def all_better_by_chance_solution(k, m):
    # Which k of the k + m places in the order are A's: all choices are equally likely, one has them first.
    from math import comb

    return 1 / comb(k + m, k)


check("all_better_by_chance", all_better_by_chance_solution)

# %% [markdown]
# ## What does it cost?
#
# Every kind as a dot: what one picture costs, and the error. A vertical stroke joins its seeds. Point at a dot to see its name; the line goes from no stages to three. A further stage is two things here, one more reading and a map twice as fine; `stage_levels=(2, 1, 1)` would tell them apart. Vertices as tokens (84 per hand) share the weights of GCN and transformer, but need a plane each, and the convolution that reads all these planes
# is what costs. Which dots would you take home, for which cost?

# %%
show.TradeOff(results)

# %% [markdown]
# **Exercise: `worth_their_cost`.** Which kinds are worth their cost? Return the places (as a sorted list) of those for which no other kind is at least as cheap *and* at least as good, and better in one of the two.


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

# %% [markdown]
# ## In the released code
#
# * The release holds one network. **No ablation can be switched on in it**, and how long its rows were trained, with how many seeds, isn't known. Ours are options of one configuration (`handlib/analysis/ablations.py`); `handlib ablate --run NAME --seed S` adds a row.
# * It isn't the network of the text: it draws a plane per bone instead of one per joint, and the first block of its transformer has weights but **never runs** (notebooks 06 and 07).
# * Its stages predict anew what ours correct (notebook 08). Other choices of the recipe are kept apart from the mechanisms, in [experiments](../docs/experiments.md).
#
# ## An open question
#
# "Decoupling" itself, joints in one space and pixels in another, has no row. Design the network that couples them, with as many weights, and the micro-task in which it should lose.
#
# ## What comes next
#
# All of this was measured on pairs like those of the training. [Notebook 12](12_robustness.ipynb) asks how far it holds.
