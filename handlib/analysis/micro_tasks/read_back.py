"""Micro-task ``read_back``: how much of what is drawn into a map can be read back at the joints?

Every joint of a real pair gets a random code. The projection draws all codes into one map, convolutions and
sampling read each joint's code back. Several bones lie over most pixels, and on a shared plane their codes
add up; on planes of their own they don't meet before the convolution.
"""

from collections.abc import Sequence
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from handlib.analysis.micro_tasks.fit import SEEDS, fit, one_thread, reproducible
from handlib.analysis.micro_tasks.result import Claim, MicroTaskResult, Values, decided
from handlib.data.sample import stack
from handlib.data.shipped import load_samples
from handlib.geometry.camera import uv_to_pixels
from handlib.hand.skeleton import NUM_JOINTS
from handlib.model.blocks import ResidualBlock
from handlib.model.projection import MultiPlaneProjection, Projection, bone_masks, plane_count
from handlib.model.sampling import sample_joints

CODE, PLANE_CHANNELS, CHANNELS = 4, 8, 32
BATCH, STEPS, HIGHEST_RATE = 8, 120, 2e-2
TEST_PAIRS, TEST_CODES = 16, 20
"""Pairs for testing, and how often each of them is drawn with other codes."""
TURN, SHIFT = 0.3, 0.1
"""Largest turn (radians) and shift (uv) of a pair in its picture."""
PLANES: dict[str, tuple[Projection, int]] = {
    "one plane": ("single", PLANE_CHANNELS),
    "one plane, 40 times as wide": ("single", plane_count("bone") * PLANE_CHANNELS),
    "bone planes": ("bone", PLANE_CHANNELS),
    "joint planes": ("joint", PLANE_CHANNELS),
}
"""The projection and the channels of a plane. The wide plane has as many weights as all bone planes."""
ROWS = (
    *(f"8 x 8, {planes}" for planes in PLANES),
    *(f"16 x 16, {planes}" for planes in ("one plane", "bone planes", "joint planes")),
)
CROWDS = {"1 to 3": (1, 3), "4 to 7": (4, 7), "8 and more": (8, 40)}
"""How many of 40 bones lie over a joint's pixel. Half of the joints under 1 to 3 bones of an 8 x 8 map are
fingertips, which only one bone shows."""
CLAIMS = (
    *(
        Claim(text, f"{size}, {row}", f"{size}, {reference}", "better")
        for size in ("8 x 8", "16 x 16")
        for text, row, reference in (
            ("a plane per bone keeps more than one shared plane", "bone planes", "one plane"),
            (
                "a plane per joint (the text) keeps more than per bone (the code)",
                "joint planes",
                "bone planes",
            ),
            (
                "at crowded pixels less is read",
                "bone planes, 4 to 7 bones",
                "bone planes, 8 and more bones",
            ),
        )
    ),
    Claim(
        "the planes do it, not their weights",
        "8 x 8, bone planes",
        "8 x 8, one plane, 40 times as wide",
        "better",
    ),
    *(
        Claim("a finer map keeps more", f"16 x 16, {planes}", f"8 x 8, {planes}", "better")
        for planes in ("one plane", "bone planes", "joint planes")
    ),
)


@cache
def joint_places() -> Float[Tensor, "pairs hand=2 21 2"]:
    """Returns the joints' uv in the pictures that ship."""
    with one_thread():
        return stack([*load_samples("train"), *load_samples("test")]).uv


def moved(
    uv: Float[Tensor, "batch hand=2 21 2"], random: torch.Generator
) -> Float[Tensor, "batch hand=2 21 2"]:
    """Returns pairs turned about the picture's centre and shifted, each by random amounts."""
    angle = TURN * (2 * torch.rand(len(uv), 1, 1, generator=random) - 1)
    shift = SHIFT * (2 * torch.rand(len(uv), 1, 1, 2, generator=random) - 1)
    x, y = uv.unbind(-1)
    turned = (x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos())
    return torch.stack(turned, dim=-1) + shift


def bones_over(uv: Float[Tensor, "batch hand=2 21 2"], size: int) -> Int[Tensor, "batch hand=2 21"]:
    """Returns how many of both hands' bones lie over the pixel of each joint; 0 for a joint off the map."""
    over = (bone_masks(uv, size, 2 / size).sum(3) > 0).sum((1, 2))
    column, row = uv_to_pixels(uv, size).floor().long().unbind(-1)
    inside = (column.clamp(0, size - 1) == column) & (row.clamp(0, size - 1) == row)
    places = row.clamp(0, size - 1) * size + column.clamp(0, size - 1)
    return over.flatten(1).gather(1, places.flatten(1)).view_as(places) * inside


class ReadBack(nn.Module):
    """Draws codes into an empty map and reads them back; a stage does the same with its joints' features.

    Bones and joints are as wide as two pixels of the map. Each joint has a linear layer of its own to read
    with, as in a stage's update.
    """

    def __init__(self, projection: Projection, plane_channels: int, size: int):
        super().__init__()
        self.size = size
        self.write = nn.Linear(CODE, plane_channels)
        self.project = MultiPlaneProjection(plane_channels, CHANNELS, 2 / size, projection)
        self.convolve = ResidualBlock(CHANNELS, CHANNELS)
        self.read = nn.Parameter(torch.randn(2, NUM_JOINTS, CHANNELS, CODE) * CHANNELS**-0.5)

    def forward(
        self, codes: Float[Tensor, "batch hand=2 21 code"], uv: Float[Tensor, "batch hand=2 21 2"]
    ) -> Float[Tensor, "batch hand=2 21 code"]:
        """Returns the codes as they are read back."""
        drawn = self.convolve(self.project(self.write(codes), uv, self.size))
        features = sample_joints(drawn, uv.flatten(1, 2)).unflatten(1, (2, NUM_JOINTS))
        return torch.einsum("bhjc,hjcd->bhjd", features, self.read)


def unread(
    planes: str, size: int, seed: int, steps: int
) -> tuple[Float[Tensor, "tests hand=2 21"], Int[Tensor, "tests hand=2 21"]]:
    """Returns per joint of the test pairs the share of the code's variance that isn't read back, and how many
    bones lie over the joint's pixel.

    The seed chooses the test pairs, the weights, the codes and how pairs are moved.
    """
    places = joint_places()
    with reproducible(seed) as random:
        network = ReadBack(*PLANES[planes], size)
        test, train = torch.randperm(len(places), generator=random).tensor_split([TEST_PAIRS])

        def squared_errors(pairs: Int[Tensor, "batch"]) -> tuple[Tensor, Tensor]:
            uv = moved(places[pairs], random)
            codes = torch.randn(*uv.shape[:-1], CODE, generator=random)
            return (network(codes, uv) - codes).square().mean(-1), uv

        def loss() -> Float[Tensor, ""]:
            return squared_errors(train[torch.randint(len(train), (BATCH,), generator=random)])[0].mean()

        fit(network, loss, steps, HIGHEST_RATE)
        with torch.no_grad():
            errors, uv = squared_errors(test.repeat(TEST_CODES))
        return errors, bones_over(uv, size)


def read_back(
    seeds: Sequence[int] = SEEDS, rows: Sequence[str] = ROWS, steps: int = STEPS
) -> MicroTaskResult:
    """Returns how much of the codes' variance (%) is read back, also by bones over the joint's pixel."""
    shares: Values = {}
    parts: Values = {}
    for row in rows:
        size, planes = row.split(", ", 1)
        for seed in seeds:
            errors, bones = unread(planes, int(size.split()[0]), seed, steps)
            shares.setdefault(row, []).append(100 * (1 - float(errors.mean())))
            for crowd, (fewest, most) in CROWDS.items():
                part = errors[(bones >= fewest) & (bones <= most)]
                parts.setdefault(f"{row}, {crowd} bones", []).append(100 * (1 - float(part.mean())))
    return MicroTaskResult(
        name="read_back",
        measure="read back",
        unit="% of variance",
        lower_is_better=False,
        margin=2.0,
        seeds=list(seeds),
        rows=shares,
        parts=parts,
        claims=decided(CLAIMS, shares | parts),
    )
