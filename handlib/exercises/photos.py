"""Exercises of notebook 13, your own photo."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from handlib.exercises import Wrong, ask, exercise
from handlib.hand.skeleton import NUM_JOINTS
from handlib.model.joint_maps import ELSEWHERE


@exercise("square_around")
def _square_around(answer: object) -> None:
    for box, share in (
        ((100.0, 50.0, 300.0, 200.0), 0.8),
        ((10.0, 20.0, 40.0, 90.0), 0.5),
        ((0.0, 0.0, 64.0, 64.0), 1.0),
    ):
        x, y, width, height = box
        side = max(width, height) / share
        wanted = np.array((x + width / 2 - side / 2, y + height / 2 - side / 2, side))
        got = ask(answer, *box, share, shape=(3,))
        if np.allclose(got, wanted):
            continue
        if np.isclose(got[2], max(width, height) * share):
            raise Wrong("the box takes the share of the square, not the square of the box")
        if np.isclose(got[2], min(width, height) / share):
            raise Wrong("the longer side has to fit")
        if np.isclose(got[2], side) and np.allclose(got[:2], (x, y)):
            raise Wrong("the square shares the box's centre, not its corner")
        if np.isclose(got[2], side):
            raise Wrong("the side is right; box and square have the same centre")
        raise Wrong("divide the longer side by the share, then centre the square on the box")


@exercise("box_of_hands")
def _box_of_hands(answer: object) -> None:
    rng = np.random.default_rng(13)
    for x, y, side in ((0.0, 0.0, 32.0), (120.0, -40.0, 320.0)):
        labels = np.zeros((32, 32), dtype=int)
        top, left = rng.integers(2, 10, 2)
        labels[top : top + 9, left : left + 5] = 1
        labels[top + 4 : top + 14, left + 8 : left + 15] = 2
        rows, columns = np.nonzero(labels)
        step = side / 32
        low = np.array((x + columns.min() * step, y + rows.min() * step))
        high = np.array((x + (columns.max() + 1) * step, y + (rows.max() + 1) * step))
        wanted = np.concatenate((low, high - low))
        got = ask(answer, labels.copy(), x, y, side, shape=(4,))
        if np.allclose(got, wanted):
            continue
        if np.allclose(got[[1, 0, 3, 2]], wanted) and not np.allclose(got, wanted):
            raise Wrong("np.nonzero gives rows first; rows are y")
        if np.allclose(got[2:], wanted[2:] - step):
            raise Wrong("the last pixel has a width too: the box ends behind it")
        if np.allclose(got, np.concatenate((low, high))):
            raise Wrong("those are two corners; the box is a corner, a width and a height")
        if np.allclose(got[2:], wanted[2:]):
            raise Wrong("the size is right; the map's first pixel lies at the crop's corner")
        if np.allclose(got * step, wanted) or np.allclose(got[2:] * step, wanted[2:]):
            raise Wrong("those are pixels of the map; the picture's are side / 32 times as many")
        raise Wrong("find the first and last row and column of a hand, then go to the picture's pixels")


@exercise("overlap")
def _overlap(answer: object) -> None:
    cases = (
        ((0, 0, 4, 2), (2, 0, 4, 2)),
        ((0, 0, 1, 1), (5, 5, 1, 1)),
        ((1, 1, 3, 3), (1, 1, 3, 3)),
        ((0, 0, 4, 4), (1, 1, 2, 2)),
        ((0, 0, 2, 2), (-3, 1, 2, 2)),
    )
    for a, b in cases:
        width = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
        height = max(0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
        both = width * height
        areas = a[2] * a[3], b[2] * b[3]
        got = float(ask(answer, a, b, shape=()))
        if np.isclose(got, both / (sum(areas) - both)):
            continue
        if both and np.isclose(got, both / sum(areas)):
            raise Wrong("what both cover is counted twice in the sum of the areas")
        if both and np.isclose(got, both / min(areas)):
            raise Wrong("divide by what either of them covers, not by the smaller box")
        if not both and got:
            raise Wrong("boxes that don't meet overlap by 0; two negative lengths make a positive area")
        raise Wrong("the area that both cover over the area that either covers")


def _palms() -> list[tuple[np.ndarray, np.ndarray]]:
    """Points at rest and where they were found: any five, and flat ones that noise has turned inside out."""
    rng = np.random.default_rng(13)
    pairs = []
    for thickness in (1.0, 0.05):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turn *= np.sign(np.linalg.det(turn))
        rest = rng.normal(size=(5, 3)) * (1, 1, thickness)
        # The thin side is mirrored: a reflection fits flat points better than any rotation.
        found = (rest * (1, 1, 1 if thickness == 1 else -1)) @ turn.T + rng.normal(scale=0.01, size=(5, 3))
        pairs.append((rest + rng.normal(size=3), found + rng.normal(size=3)))
    return pairs


def _orthogonal(rest: np.ndarray, found: np.ndarray, proper: bool = True) -> np.ndarray:
    u, _, vt = np.linalg.svd(rest.T @ found)
    signs = (1, 1, np.sign(np.linalg.det(u @ vt)) if proper else 1)
    return vt.T @ np.diag(signs) @ u.T


@exercise("palm_alignment")
def _palm_alignment(answer: object) -> None:
    for rest, found in _palms():
        at_rest, located = (points - points.mean(0) for points in (rest, found))
        wanted = _orthogonal(at_rest, located)
        got = ask(answer, torch.from_numpy(rest.copy()), torch.from_numpy(found.copy()), shape=(3, 3))
        if np.allclose(got, wanted, atol=1e-5):
            continue
        if np.allclose(got, wanted.T, atol=1e-5):
            raise Wrong("that leads from the found palm back to the palm at rest: transpose it")
        if np.allclose(got, _orthogonal(at_rest, located, proper=False), atol=1e-5):
            raise Wrong("its determinant can be -1: a mirror image, into which no hand can be turned")
        if any(np.allclose(got, _orthogonal(rest, found, proper), atol=1e-5) for proper in (True, False)):
            raise Wrong("subtract either set's mean first: a shift is no rotation")
        if not np.allclose(got @ got.T, np.eye(3), atol=1e-5):
            raise Wrong("its columns aren't orthonormal: leave the singular values out")
        u, _, vt = np.linalg.svd(at_rest.T @ located)
        if np.allclose(abs(got), abs(vt @ u.T), atol=1e-5) or np.allclose(abs(got), abs(u @ vt.T), atol=1e-5):
            raise Wrong("torch.linalg.svd returns V transposed already")
        raise Wrong("decompose the sum of found times rest, U S V^T; the rotation is U D V^T")


def _two_humps(
    size: int,
) -> tuple[Float[Tensor, "b=2 hand=2 21 size size"], Float[Tensor, "b=2 hand=2 size size"]]:
    """Returns heatmaps with a hump in either half of the map, and where each hand's own half is.

    The left hand's half is the left one. In the other half most heatmaps are higher. The first three joints
    have no hump of their own, and of the second picture's right hand nothing is seen.
    """
    chance = torch.Generator().manual_seed(13)
    ticks = torch.arange(size) + 0.0
    half = size / 2

    def humps(at_left: Bool[Tensor, "hand=2"], heights: Float[Tensor, "b=2 hand=2 21"]) -> Tensor:
        across, down = (torch.rand(2, 2, NUM_JOINTS, 1, generator=chance) for _ in range(2))
        from_x = ticks - half * (across + ~at_left[:, None, None])
        from_y = ticks - size * down
        squared = from_y[..., :, None].square() + from_x[..., None, :].square()
        return heights[..., None, None] * torch.exp(-squared / 5)

    left_hand = torch.tensor([True, False])
    own_height, other_height = 4 + 2 * torch.rand(2, 2, 2, NUM_JOINTS, generator=chance)
    own_height[..., :3] = 0
    heat = humps(left_hand, own_height) + humps(~left_hand, other_height + 1)
    own = 0.95 * ((ticks < half) == left_hand[:, None]).float()[:, None].expand(2, 2, size, size).clone()
    own[1, 1] = 0
    return heat + 0.3 * torch.randn(heat.shape, generator=chance), own


def _around(highest: Float[Tensor, "*batch size size"], reach: int) -> Float[Tensor, "*batch size size"]:
    """Returns 1 in the cells that are within ``reach`` cells, along both axes, of a map's highest cell."""
    size = highest.shape[-1]
    peak, ticks = highest.flatten(-2).argmax(-1)[..., None], torch.arange(size)
    row, column = ((ticks - at).abs() <= reach for at in (peak // size, peak % size))
    return (row[..., None] & column[..., None, :]).float()


def _mean_place(weights: Float[Tensor, "*batch size size"]) -> Float[Tensor, "*batch 2"]:
    """Returns the weighted mean of a map's cells, in uv."""
    size = weights.shape[-1]
    ticks = (torch.arange(size) + 0.5) * (2 / size) - 1
    x, y = weights.sum(-2) @ ticks, weights.sum(-1) @ ticks
    return torch.stack((x, y), dim=-1) / weights.sum((-2, -1))[..., None]


@exercise("unmirrored")
def _unmirrored(answer: object) -> None:
    chance = torch.Generator().manual_seed(13)
    towards = torch.tensor([-1.0, 1.0, 1.0])[:, None, None]
    for batch, size in ((2, 6), (1, 7)):
        locations = torch.randn(batch, 2, NUM_JOINTS, 3, size, size, generator=chance)
        got = ask(answer, locations.clone(), shape=locations.shape)

        def said(places: Tensor, got: np.ndarray = got) -> bool:
            return np.allclose(got, places, atol=1e-5)

        flipped = locations.flip(-1)
        exchanged = flipped.flip(1)
        if said(exchanged * towards):
            continue
        if said(locations):
            raise Wrong("those are still the mirrored picture's maps")
        if said(exchanged):
            raise Wrong("the maps hold places in space, and of these the mirror changes x")
        if said(flipped * towards):
            raise Wrong("the mirror image of a left hand is a right hand: exchange the hands")
        if said(locations.flip(1) * towards):
            raise Wrong("the cells are mirrored too: a map's columns change their order")
        if said(locations.flip(-2).flip(1) * towards):
            raise Wrong("a mirror exchanges left and right: flip the columns, not the rows")
        if said(-exchanged):
            raise Wrong("only x changes its sign in the mirror; y and z keep theirs")
        raise Wrong("flip the columns, exchange the hands, and change the sign of x")


def _tenths(confidence: Float[Tensor, "hands"], found: Bool[Tensor, "hands"]) -> Float[np.ndarray, "10 3"]:
    """Returns mean confidence, share found and number of hands of each tenth of the confidence.

    A confidence of 1 belongs to the last tenth. A tenth without hands has NaN, NaN and 0.
    """
    tenth = (10 * confidence).floor().clamp_max(9)
    inside = [tenth == k for k in range(10)]
    return np.array([(confidence[i].mean(), found[i].float().mean(), i.sum()) for i in inside])


@exercise("by_tenths")
def _by_tenths(answer: object) -> None:
    chance = torch.Generator().manual_seed(13)
    for least, count in ((0.0, 400), (0.42, 60)):
        confidence = least + (1 - least) * torch.rand(count, generator=chance)
        confidence[0] = 1.0
        found = torch.rand(count, generator=chance) < confidence
        expected = _tenths(confidence, found)
        got = ask(answer, confidence.clone(), found.clone(), shape=(10, 3))
        right = np.isclose(got, expected, atol=1e-5, equal_nan=True)
        if right.all():
            continue
        if right[:9].all():
            raise Wrong("a confidence of exactly 1 belongs to the last tenth")
        if not right[:, 2].any() and np.allclose(got[:, 2] * count, expected[:, 2], atol=1e-3):
            raise Wrong("third the number of hands in the tenth, not their share")
        if right[:, 1:].all():
            raise Wrong("first the mean confidence of the tenth's hands, not the tenth's middle or edge")
        if np.allclose(got[:, 1], expected[:, 1] * expected[:, 2], atol=1e-3, equal_nan=True):
            raise Wrong("second the share of the tenth's hands that were found, not their number")
        raise Wrong("choose a tenth's hands, then take their mean confidence, share found and number")


@exercise("own_heat")
def _own_heat(answer: object) -> None:
    for size in (12, 9):
        heat, own = _two_humps(size)
        got = ask(answer, heat.clone(), own.clone(), shape=(2, 2, NUM_JOINTS, 2))
        product = heat.exp() * (own + ELSEWHERE)[:, :, None]
        expected = _mean_place(product * _around(product, 2))
        if not np.allclose(got, expected, atol=1e-3):
            raise Wrong(_hint_for_places(got, expected, heat, own))


def _hint_for_places(
    got: np.ndarray,
    expected: Float[Tensor, "b hand 21 2"],
    heat: Float[Tensor, "b hand 21 size size"],
    own: Float[Tensor, "b hand size size"],
) -> str:
    """Returns the hint for places that aren't the local means of heatmap times own pixels."""

    def said(places: Tensor) -> bool:
        return np.allclose(got, places, atol=1e-3)

    def read(product: Tensor) -> Tensor:
        return _mean_place(product * _around(product, 2))

    size, probability = heat.shape[-1], heat.exp()
    factor = (own + ELSEWHERE)[:, :, None]
    product = probability * factor
    if not np.isfinite(got).all() or said(read(probability * own[:, :, None].clamp_min(1e-9))):
        return "where the segmentation sees nothing of the hand, 0.02 of the heatmap remains"
    if said(read(probability)):
        return "that is the heatmap alone: its own hand's pixels must count"
    if any(said(read(scores.exp())) for scores in (heat * factor, heat + factor)):
        return "the heatmap is in logits: multiply its exponential, or add the factor's logarithm"
    if said(read(probability * factor.flip(1))):
        return "every hand gets its own pixels, not those of the other hand"
    if said(_mean_place(_around(product, 0))):
        return "that is the highest cell; go on to the mean over the 5 x 5 cells around it"
    if said(_mean_place(product)):
        return "that is the mean over the whole map; take only the 5 x 5 cells around the highest one"
    if said(_mean_place(_around(product, 2))):
        return "the cells of the mean are weighted, by the product"
    if any(said(_mean_place(product * _around(product, reach))) for reach in (1, 3, 4, 5)):
        return "5 x 5 cells are the highest one and two to each side"
    if said(_mean_place(product * _around(probability, 2))):
        return "the highest cell is that of the product, not of the heatmap"
    if said(_mean_place(probability * _around(product, 2))):
        return "the weights of the mean are the product's too, not the heatmap's"
    kept = (product * _around(product, 2)).sum((-2, -1)) / product.sum((-2, -1))
    if said(expected * kept[..., None]):
        return "within the 5 x 5 cells the weights must sum to 1: divide by their sum"
    if said(expected.flip(-1)):
        return "uv is (x, y): the column first"
    if said(expected - 1 / size):
        return "a cell's centre is half a cell from its corner"
    cells = (expected + 1) * size / 2
    if said(cells) or said(cells - 0.5):
        return "those are cells; uv is -1 and 1 at the map's edges"
    return "find the highest cell of exp(heat) * (own + 0.02), then the mean of the 5 x 5 cells around it"
