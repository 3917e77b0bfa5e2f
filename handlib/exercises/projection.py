"""Exercises of notebook 07, multi-plane projection."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from handlib.analysis.projection import plane_shares, read_back_error, seen_at_joints
from handlib.exercises import Wrong, ask, ask_part, exercise
from handlib.hand.skeleton import BONES
from handlib.model.projection import joint_masks

_OUTSIDE = 9.0
_LONG_ENOUGH, _MIXED_ENOUGH = 1.2, 0.45


def _cost(planes: int, ends: int, channels: int, out: int, size: int, kernel: int) -> tuple[int, int]:
    masks, taps = planes * ends, out * kernel**2
    return masks * taps * (channels + size**2), 4 * masks * (size**2 + taps)


@exercise("lost_by_reader")
def _lost_by_reader(answer: object) -> None:
    generator = torch.Generator().manual_seed(20)
    many = torch.rand(3, 5, generator=generator)
    cases = (
        torch.tensor([[1.0, 1.0]]),
        torch.tensor([[1.0, 1.0, 1.0]]),
        torch.eye(2),
        torch.tensor([[0.5, 0.5], [0.0, 1.0]]),
        many,
    )
    got = [ask(answer, shares.clone(), shape=(shares.shape[1],)) for shares in cases]

    def said(formula: Callable[[Tensor], Tensor]) -> bool:
        return all(np.allclose(g, formula(shares), atol=1e-3) for g, shares in zip(got, cases, strict=True))

    def kept(shares: Tensor) -> Tensor:
        return (torch.linalg.pinv(shares) @ shares).diagonal()

    if said(kept):
        raise Wrong("this is the share that the reader keeps")
    if said(lambda shares: (1 - kept(shares)).clamp_min(0).sqrt()):
        raise Wrong("this is the distance from the unit vector; the share that is lost is its square")
    if said(lambda shares: 1 - (shares.T @ shares).diagonal()):
        raise Wrong("the pseudoinverse of M stands in front of M, not its transpose")
    if said(lambda shares: 1 - (shares.square() / shares.square().sum(1, keepdim=True)).amax(0)):
        raise Wrong(
            "each plane is read alone there; a reader of all planes subtracts what one plane disturbs"
        )
    if not np.allclose(got[0], 0.5, atol=1e-3) or not np.allclose(got[1], 2 / 3, atol=1e-3):
        raise Wrong("two joints that show equally on one plane lose a half each, three lose two thirds")
    if not np.allclose(got[3], 0, atol=1e-3):
        raise Wrong("with shares (1/2, 1/2) and (0, 1) both joints can be read: subtract the second plane")
    if not said(lambda shares: 1 - kept(shares)):
        raise Wrong(
            "row i of the pseudoinverse times M says how much of each joint is in reader i's sum; how far is "
            "it from joint i's unit vector, squared?"
        )


@exercise("factorised_cost")
def _factorised_cost(answer: object) -> None:
    shapes = list(itertools.product((40, 6), (1, 2), (16, 64), (8, 256), (5, 32), (1, 3)))
    got = np.stack([ask(answer, *shape, shape=(2,)) for shape in shapes])
    wanted = np.array([_cost(*shape) for shape in shapes], dtype=float)
    if np.array_equal(got, wanted):
        return
    adds, held = (np.array_equal(got[:, k], wanted[:, k]) for k in (0, 1))
    convolution = [p * e * o * k**2 * s**2 for p, e, _, o, s, k in shapes]
    if np.array_equal(got[:, 0], convolution):
        raise Wrong("contracting the features into the weights costs something too, once per picture")
    if adds:
        raise Wrong("the multiply-adds are right; bytes: masks and kernels, four bytes a number")
    if held:
        raise Wrong("the bytes are right; multiply-adds: contraction, then a convolution of the masks")
    raise Wrong("count planes * ends masks; only the contraction has channels, only the convolution pixels")


@exercise("smallest_half_width")
def _smallest_half_width(answer: object) -> None:
    for size in (8, 16, 20):
        got = float(ask(answer, size, shape=()))
        corner = torch.zeros(1, 2, 21, 2, dtype=torch.double) + 2 * (size // 2) / size - 1
        if not joint_masks(corner, size, got * 1.001).any():
            raise Wrong("a joint at a pixel's corner still vanishes with that half width")
        if not math.isclose(got, math.sqrt(2) / size, rel_tol=1e-3):
            raise Wrong("never vanishing, but a smaller half width would do")


@exercise("plane_that_mixes")
def _plane_that_mixes(answer: object) -> None:
    ends = ask(answer, shape=(2, 2))
    if not ((ends > 0) & (ends < 16)).all():
        raise Wrong("both ends must lie on the map of 16 x 16 pixels")
    if np.linalg.norm(ends[0] - ends[1]) < _LONG_ENOUGH:
        raise Wrong("the ends are less than 1.2 pixels apart")
    uv = torch.full((2, 21, 2), _OUTSIDE, dtype=torch.double)
    uv[0, [1, 2]] = torch.from_numpy(ends) / 8 - 1
    own_plane = seen_at_joints(plane_shares(uv, 16, 0.125, "bone"), uv)[1, BONES.index((1, 2))]
    if float(read_back_error(own_plane[None, None])[0, 1]) < _MIXED_ENOUGH:
        raise Wrong(
            "the first end's feature is still read well; compare both ends' distances from its pixel's centre"
        )


def distance_to_bone(point: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance of a point from the segment between a and b, which may be one place."""
    along = (b[0] - a[0], b[1] - a[1])
    length_squared = max(along[0] ** 2 + along[1] ** 2, 1e-12)
    t = ((point[0] - a[0]) * along[0] + (point[1] - a[1]) * along[1]) / length_squared
    t = min(max(t, 0.0), 1.0)
    return math.hypot(point[0] - a[0] - t * along[0], point[1] - a[1] - t * along[1])


def bone_masks_by_loops(
    uv: Float[Tensor, "21 2"], size: int, half_width: float
) -> Float[Tensor, "20 end=2 size size"]:
    """The masks of one hand's bones, by loops over bones and pixels.

    A pixel whose centre is closer than ``half_width`` (uv) to the bone shows 1 - d_a / (d_a + d_b) of its end
    a and the rest of its end b, d being distances from the ends; ``BONES`` has the ends (a, b). All other
    pixels show nothing.
    """
    places = [(x, y) for x, y in ((uv + 1) / 2 * size).tolist()]
    masks = torch.zeros(len(BONES), 2, size, size)
    for k, (start, end) in enumerate(BONES):
        a, b = places[start], places[end]
        for y in range(size):
            for x in range(size):
                centre = (x + 0.5, y + 0.5)
                if distance_to_bone(centre, a, b) < half_width * size / 2:
                    # A millionth keeps the sum from being zero.
                    d_a, d_b = math.dist(centre, a) + 1e-6, math.dist(centre, b) + 1e-6
                    masks[k, 0, y, x] = 1 - d_a / (d_a + d_b)
                    masks[k, 1, y, x] = 1 - d_b / (d_a + d_b)
    return masks


def _geometry(uv: Float[Tensor, "b hand 21 2"], size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns each pixel's place along each bone (0 at a, 1 at b), and its distances in pixels from the
    bone's endless line, from a and from b; all of shape (b, hand, 20, size, size).
    """
    centre = torch.arange(size) + 0.5
    pixels = torch.stack(torch.meshgrid(centre, centre, indexing="xy"), -1)
    places = (uv + 1) / 2 * size
    a, b = (places[:, :, [bone[end] for bone in BONES], None, None] for end in (0, 1))
    along = ((pixels - a) * (b - a)).sum(-1) / (b - a).square().sum(-1)
    from_line = (pixels - a - along[..., None] * (b - a)).norm(dim=-1)
    return along, from_line, (pixels - a).norm(dim=-1), (pixels - b).norm(dim=-1)


@exercise("bone_masks")
def _bone_masks(answer: object) -> None:
    generator = torch.Generator().manual_seed(18)
    hands = 1.6 * torch.rand(2, 2, 21, 2, generator=generator) - 0.8
    hands[0, 1, :, 0] += 1
    for size, half_width in ((8, 0.25), (10, 0.4)):
        (got,) = ask_part(answer, hands, size, half_width, shapes=[(2, 2, 20, 2, size, size)])

        def loops(half_width: float, uv: Tensor = hands, size: int = size) -> np.ndarray:
            drawn = [bone_masks_by_loops(hand, size, half_width) for hand in uv.flatten(0, 1)]
            return torch.stack(drawn).unflatten(0, (2, 2)).numpy()

        expected = loops(half_width)
        if not np.allclose(got, expected, atol=1e-3):
            raise Wrong(_hint_for_masks(got, expected, hands, size, half_width, loops))
    covered = torch.zeros(1, 2, 21, 2) + 0.125
    (disc,) = ask_part(answer, covered, 8, 0.25, shapes=[(1, 2, 20, 2, 8, 8)])
    if not np.isfinite(disc).all():
        raise Wrong(
            "a bone of no length, or a pixel on both ends, isn't a number: keep what divides above zero"
        )
    if not np.allclose(disc, bone_masks_by_loops(covered[0, 0], 8, 0.25).numpy(), atol=1e-3):
        raise Wrong("a bone of no length shows a disc, half and half")


@exercise("planes_from_masks")
def _planes_from_masks(answer: object) -> None:
    generator = torch.Generator().manual_seed(19)
    masks = torch.rand(2, 2, 20, 2, 5, 5, generator=generator)
    features = torch.randn(2, 2, 21, 3, generator=generator)
    got = ask(answer, masks.clone(), features.clone(), shape=(2, 2, 20, 3, 5, 5))
    # (b, hand, bone, end, channel, y, x): each mask times its end's feature.
    terms = masks.unsqueeze(4) * features[:, :, torch.tensor(BONES), :, None, None]
    crossed = masks.flip(3).unsqueeze(4) * features[:, :, torch.tensor(BONES), :, None, None]

    def said(planes: Tensor) -> bool:
        return np.allclose(got, planes, atol=1e-3)

    if said(terms[:, :, :, 0]) or said(terms[:, :, :, 1]):
        raise Wrong("a bone's plane shows both of its ends: add both masks' parts")
    if said(terms.mean(3)):
        raise Wrong("the parts of both ends are added, not averaged")
    if said(crossed.sum(3)):
        raise Wrong(
            "the ends are exchanged: mask 0 belongs to a bone's first joint in BONES, mask 1 to its second"
        )
    if said(terms.sum(3).mT):
        raise Wrong("rows come first: y before x in what you return")
    if not said(terms.sum(3)):
        raise Wrong(
            "BONES[k] has both joints of bone k: mask e of bone k multiplies the feature of joint BONES[k][e]"
        )


def _hint_for_masks(
    got: np.ndarray,
    expected: np.ndarray,
    hands: Float[Tensor, "b hand 21 2"],
    size: int,
    half_width: float,
    loops: Callable[..., np.ndarray],
) -> str:
    """Returns the hint for masks that aren't the loop's; ``loops`` draws with other widths or places."""

    def said(masks: np.ndarray | Tensor) -> bool:
        return np.allclose(got, masks, atol=1e-3)

    radius = half_width * size / 2
    along, from_line, d_a, d_b = _geometry(hands, size)
    shares = torch.stack((d_b, d_a), 3) / (d_a + d_b).unsqueeze(3)
    if said(expected[:, :, :, ::-1]):
        return "the ends are exchanged: the nearer a pixel is to an end, the more it shows of it"
    if said(expected.swapaxes(-1, -2)):
        return "rows come first: y before x in what you return"
    if said(loops(half_width, hands + 1 / size)):
        return "a pixel's centre is half a pixel from its corner"
    corners = (hands + 1) * (size - 1) / size - 1
    if any(said(loops(half_width, uv)) for uv in (hands - 1, corners, corners + 1 / size)):
        return "uv -1 and 1 are the map's edges, size pixels apart: a place is (uv + 1) / 2 * size"
    if any(said(loops(half_width * k)) for k in (2.0, 2 / size)):
        return "half_width is in uv; how many pixels are that, where the map is 2 wide?"
    if said(loops(half_width * radius**-0.5)):
        return "a squared distance is compared with the half width, which isn't squared"
    if said(shares):
        return "every bone is drawn over the whole map: what isn't near the bone shows nothing"
    if said(shares * (from_line < radius).unsqueeze(3)):
        return "a bone ends at its joints: clamp the nearest point of the line to the segment"
    if said(shares * (torch.minimum(d_a, d_b) < radius).unsqueeze(3)):
        return "only the bones' ends are drawn: measure the distance from the segment between them"
    if said(expected.sum(3, keepdims=True).repeat(2, axis=3)):
        return "inside a bone both ends share: their two masks sum to 1"
    place = along.clamp(0, 1)
    if said(torch.stack((1 - place, place), 3) * torch.from_numpy(expected.sum(3, keepdims=True))):
        return "the shares come from the pixel's distances to both ends, not from the place along the bone"
    if said(
        (shares.square() / shares.square().sum(3, keepdim=True)).numpy() * expected.sum(3, keepdims=True)
    ):
        return "the shares come from the distances to both ends, not from their squares"
    seen = expected.any((-3, -2, -1))
    right = np.isclose(got, expected, atol=1e-3).all((-3, -2, -1)) & seen
    if (right == seen).all(-1).any():
        return "a hand is right and another isn't: keep the hands and the pictures of a batch apart"
    if right.any():
        return "some bones are right and others aren't: BONES has each bone's two joints"
    if ((got != 0).any(3) == (expected != 0).any(3)).all():
        return "the right pixels, but other shares: a shows 1 - d_a / (d_a + d_b), and b shows the rest"
    return "compare with the loop at one bone: which pixels are near it, and what do they show?"
