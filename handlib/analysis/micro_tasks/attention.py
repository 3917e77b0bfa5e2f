"""Micro-task ``attention``: does left/right attention help the first estimate to tell the hands apart?

The encoder of the shipped network ``small`` is frozen. On its coarsest map a new pooled head is trained, the
released one: a linear layer per hand, on the hand's weighted mean of the map. Without attention both hands
get the same mean.
"""

from collections.abc import Sequence
from dataclasses import fields
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.analysis.micro_tasks.fit import SEEDS, fit, reproducible
from handlib.analysis.micro_tasks.result import Claim, MicroTaskResult, decided
from handlib.data.augment import augment
from handlib.data.config import Augmentation
from handlib.data.sample import Sample, normalise, resize, stack
from handlib.data.shipped import load_samples
from handlib.evaluation.metrics import INTAG_MCP, align, mpjpe
from handlib.hand.skeleton import SIDES
from handlib.model.encoder import HandAttention, PooledHead, nominal_vectors
from handlib.model.estimate import LENGTH_UNIT
from handlib.model.network import DIR

HIDDEN = 32
"""Channels within each hand's attention."""
VIEWS, TEST_PAIRS = 6, 16
"""How many pictures there are of each pair that ships, all but the first augmented; how many pairs test."""
BATCH, STEPS, HIGHEST_RATE = 16, 150, 4e-3
ROWS = NONE, CONVOLVED, SHARED, PER_HAND = (
    "no attention",
    "convolutions, no attention",
    "one attention for both hands",
    "left/right attention",
)
"""Convolutions with a few more weights than attention has change the map before it is pooled."""
CLAIMS = (
    Claim("attention helps a pooled head", PER_HAND, NONE, "better"),
    Claim("it has to tell left from right, not hands from background", PER_HAND, SHARED, "better"),
    Claim("it is worth more than other convolutions of its size", PER_HAND, CONVOLVED, "better"),
)


@cache
def network() -> DIR:
    """Returns the network whose encoder is frozen."""
    return DIR.from_pretrained("small")


@cache
def frozen_maps(views: int) -> tuple[Float[Tensor, "pictures channels height width"], Sample]:
    """Returns the coarsest maps of all pairs that ship and their truth: every pair's first view, then every
    pair's second view, and so on.
    """
    model = network()
    pairs = resize(stack([*load_samples("train"), *load_samples("test")]), model.config.image_size)
    seeds = torch.arange(len(pairs))
    pictures = [
        pairs,
        *(augment(pairs, Augmentation(), seeds + view * len(pairs)) for view in range(1, views)),
    ]
    with torch.no_grad():
        maps = torch.cat([model.encoder.backbone(normalise(view.image))[-1] for view in pictures])
    return maps, Sample(
        **{f.name: torch.cat([getattr(view, f.name) for view in pictures]) for f in fields(Sample)}
    )


class Head(nn.Module):
    """The released first estimate with the attention of one of ``ROWS``, on a map that may be convolved."""

    def __init__(self, row: str, channels: int, nominal: Float[Tensor, "hand=2 64"]):
        super().__init__()
        self.row, self.pooled = row, PooledHead(channels, nominal)
        self.attention = HandAttention(channels, HIDDEN) if row in (PER_HAND, SHARED) else None
        self.convolve = (
            nn.Sequential(
                nn.Conv2d(channels, 2 * HIDDEN, 3, padding=1),
                nn.BatchNorm2d(2 * HIDDEN),
                nn.ReLU(),
                nn.Conv2d(2 * HIDDEN, channels, 1),
            )
            if row == CONVOLVED
            else None
        )

    def forward(
        self, c4: Float[Tensor, "batch channels height width"]
    ) -> tuple[Float[Tensor, "batch hand=2 64"], Float[Tensor, "batch 3"]]:
        """Returns both hands' vectors and the offset between them."""
        attention = self.attention(c4) if self.attention else c4.new_ones(len(c4), 2, *c4.shape[-2:])
        if self.row == SHARED:
            attention = attention.mean(1, keepdim=True).expand_as(attention)
        return self.pooled(c4 + self.convolve(c4) if self.convolve else c4, attention)


def head_error(row: str, seed: int, steps: int, views: int) -> float:
    """Returns a trained head's MPJPE (mm) on the test pairs.

    The seed chooses the test pairs, the weights and the batches.
    """
    model, (maps, truth) = network(), frozen_maps(views)
    hands = [model.hands[side] for side in SIDES]
    pairs = len(maps) // views
    with reproducible(seed) as random:
        head, order = (
            Head(row, maps.shape[1], nominal_vectors(model.config)),
            torch.randperm(pairs, generator=random),
        )
        # Picture number view * pairs + pair shows the pair.
        test, train = (
            (chosen + pairs * torch.arange(views)[:, None]).flatten()
            for chosen in (order[:TEST_PAIRS], order[TEST_PAIRS:])
        )
        uv, joints = truth.uv, truth.joints - truth.joints[:, :, :1]

        def loss() -> Float[Tensor, ""]:
            batch = train[torch.randint(len(train), (BATCH,), generator=random)]
            estimate = model.decode(*head(maps[batch]))
            in_space = (estimate.joints - joints[batch]).abs().mean() / LENGTH_UNIT
            return in_space + (estimate.uv - uv[batch]).abs().mean()

        fit(head, loss, steps, HIGHEST_RATE)
        with torch.no_grad():
            estimate = model.decode(*head(maps[test]))
        return float(mpjpe(align(estimate, truth[test], INTAG_MCP, hands)).mean())


def attention(
    seeds: Sequence[int] = SEEDS, rows: Sequence[str] = ROWS, steps: int = STEPS, views: int = VIEWS
) -> MicroTaskResult:
    """Returns the errors (MPJPE, mm) of first estimates with and without left/right attention."""
    errors = {row: [head_error(row, seed, steps, views) for seed in seeds] for row in rows}
    return MicroTaskResult(
        name="attention",
        measure=f"MPJPE ({INTAG_MCP.name})",
        unit="mm",
        lower_is_better=True,
        margin=0.5,
        seeds=list(seeds),
        rows=errors,
        parts={},
        claims=decided(CLAIMS, errors),
    )
