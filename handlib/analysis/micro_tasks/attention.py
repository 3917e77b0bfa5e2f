"""Micro-task ``attention``: does left/right attention help the first estimate to tell the hands apart?

The encoder of the shipped network ``small`` is frozen. On its coarsest map a new pooled head is trained, the
released one: a linear layer per hand, on the hand's weighted mean of the map. Without attention both hands
get the same mean. (The encoder was trained with attention, and its map is made for it.)
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.analysis.micro_tasks.fit import SEEDS, fit, one_thread, reproducible
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
BATCH, STEPS, HIGHEST_RATE = 16, 120, 1e-2


@cache
def network() -> DIR:
    """Returns the network whose encoder is frozen."""
    return DIR.from_pretrained("small")


@cache
def frozen_maps(views: int) -> tuple[Float[Tensor, "pictures channels height width"], Sample]:
    """Returns the coarsest maps of all pairs that ship and their truth: every pair's first view, then every
    pair's second view, and so on.
    """
    with one_thread():
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


class Uniform(nn.Module):
    """Attention that makes no choice."""

    def forward(
        self, c4: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch hand=2 height width"]:
        """Returns ones."""
        return c4.new_ones(len(c4), 2, *c4.shape[-2:])


class SharedAttention(HandAttention):
    """The mean of left and right attention, for both hands: it may only choose hands from background."""

    def forward(
        self, c4: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch hand=2 height width"]:
        """Returns values between 0 and 1, the same for both hands."""
        return super().forward(c4).mean(1, keepdim=True).repeat(1, 2, 1, 1)


class Convolutions(nn.Module):
    """Adds features of a hand's surroundings to the map, with a few more weights than attention has."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 2 * HIDDEN, 3, padding=1),
            nn.BatchNorm2d(2 * HIDDEN),
            nn.ReLU(),
            nn.Conv2d(2 * HIDDEN, channels, 1),
        )

    def forward(
        self, c4: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Returns a map like the given one."""
        return c4 + self.body(c4)


class Head(nn.Module):
    """The released first estimate: attention and pooled head, on a map that ``change`` makes of c4."""

    def __init__(
        self, attention: nn.Module, change: nn.Module, channels: int, nominal: Float[Tensor, "hand=2 64"]
    ):
        super().__init__()
        self.attention, self.change = attention, change
        self.pooled = PooledHead(channels, nominal)

    def forward(
        self, c4: Float[Tensor, "batch channels height width"]
    ) -> tuple[Float[Tensor, "batch hand=2 64"], Float[Tensor, "batch 3"]]:
        """Returns both hands' vectors and the offset between them."""
        return self.pooled(self.change(c4), self.attention(c4))


PARTS: dict[str, Callable[[int], tuple[nn.Module, nn.Module]]] = {
    "no attention": lambda channels: (Uniform(), nn.Identity()),
    "convolutions, no attention": lambda channels: (Uniform(), Convolutions(channels)),
    "one attention map for both hands": lambda channels: (SharedAttention(channels, HIDDEN), nn.Identity()),
    "an attention map per hand": lambda channels: (HandAttention(channels, HIDDEN), nn.Identity()),
}
"""The attention and the change of every row's head, from the number of c4's channels."""
CLAIMS = tuple(
    Claim(text, "an attention map per hand", reference, "better")
    for text, reference in (
        ("attention helps a pooled head", "no attention"),
        ("it is worth more than other convolutions with its weights", "convolutions, no attention"),
        ("it has to tell left from right, not hands from background", "one attention map for both hands"),
    )
)


def head_error(row: str, seed: int, steps: int, views: int) -> float:
    """Returns a trained head's MPJPE (mm) on the test pairs.

    The seed chooses the test pairs, the weights and the batches.
    """
    model, (maps, truth) = network(), frozen_maps(views)
    hands = [model.hands[side] for side in SIDES]
    pairs, channels = len(maps) // views, maps.shape[1]
    with reproducible(seed) as random:
        head = Head(*PARTS[row](channels), channels, nominal_vectors(model.config))
        # Picture number view * pairs + pair shows the pair.
        test, train = (
            (chosen + pairs * torch.arange(views)[:, None]).flatten()
            for chosen in torch.randperm(pairs, generator=random).tensor_split([TEST_PAIRS])
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
    seeds: Sequence[int] = SEEDS, rows: Sequence[str] = tuple(PARTS), steps: int = STEPS, views: int = VIEWS
) -> MicroTaskResult:
    """Returns the errors (MPJPE, mm) of first estimates with and without left/right attention."""
    errors = {row: [head_error(row, seed, steps, views) for seed in seeds] for row in rows}
    return MicroTaskResult(
        name="attention",
        measure=f"MPJPE, {INTAG_MCP.name}",
        unit="mm",
        lower_is_better=True,
        margin=0.5,
        seeds=list(seeds),
        rows=errors,
        parts={},
        claims=decided(CLAIMS, errors),
    )
