"""Exercises of notebook 04, joint feature sampling."""

from math import floor

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from handlib.exercises import Wrong, ask, ask_part, check_gradients, exercise
from handlib.model.sampling import sample_joints

# Inside, on the border's fading strip, beyond it, and far outside.
_PLACES = ((0.31, -0.12), (0.97, 0.4), (-0.2, -1.05), (3.0, 0.0))


def _weights(uv: tuple[float, float], size: int, align_corners: bool = False) -> np.ndarray:
    cells = torch.zeros(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    grid = torch.tensor(uv, dtype=torch.float64)[None, None, None]
    (weights,) = torch.autograd.grad(grid_sample(cells, grid, align_corners=align_corners).sum(), cells)
    return weights[0, 0].numpy()


@exercise("cells_that_matter")
def _cells_that_matter(answer: object) -> None:
    for uv, size in ((uv, size) for uv in _PLACES for size in (5, 16)):
        got = ask(answer, torch.tensor(uv, dtype=torch.float64), size, shape=(size, size))
        expected = _weights(uv, size)
        if np.allclose(got, expected, atol=1e-5):
            continue
        if np.allclose(got, expected.T, atol=1e-5):
            raise Wrong("rows come first: u chooses the column, v the row")
        if np.allclose(got, _weights(uv, size, align_corners=True), atol=1e-5):
            raise Wrong("the picture's edges are at -1 and 1, not the outermost centres")
        if np.isclose(got.sum(), 1, atol=1e-5) and not np.isclose(expected.sum(), 1, atol=1e-5):
            raise Wrong("weights of cells outside the map are lost, not given to others")
        raise Wrong("compare with the table of the 4 x 4 map: four weights near the place, zeros elsewhere")


@exercise("gradient_wrt_uv")
def _gradient_wrt_uv(answer: object) -> None:
    feature_map = torch.randn(6, 9, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for uv in ((0.31, -0.12), (-0.45, 0.27)):
        place = torch.tensor(uv, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(
            sample_joints(feature_map[None, None], place[None, None]).sum(), place
        )
        expected = gradient.numpy()
        got = ask(answer, feature_map.clone(), place.detach().clone(), shape=(2,))
        if np.allclose(got, expected, atol=1e-4):
            continue
        if np.allclose(got, expected[::-1], atol=1e-4):
            raise Wrong("u comes first, and it moves along a row")
        if np.allclose(got * (4.5, 3), expected, atol=1e-4):
            raise Wrong("that is the change per cell; how many cells is one unit of uv?")
        if np.allclose(got * (9, 6), expected * (6, 9), atol=1e-4):
            raise Wrong("width and height are exchanged in the factors")
        raise Wrong("the horizontal differences are blended by how far down the place is, and vice versa")


@exercise("border_by_moving")
def _border_by_moving(answer: object) -> None:
    uv = 4 * torch.rand(60, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64) - 2
    for size in (4, 16):
        maps = torch.randn(1, 2, size, size, generator=torch.Generator().manual_seed(5), dtype=torch.float64)

        def read(places: Tensor, padding: str, maps: Tensor = maps) -> Tensor:
            return grid_sample(maps, places[None, None], padding_mode=padding, align_corners=False)

        got = torch.from_numpy(ask(answer, uv.clone(), size, shape=(60, 2)))
        if torch.allclose(got, uv.clamp(-1, 1)):
            raise Wrong("at the picture's edge half of the weight already lies outside")
        if not torch.allclose(read(got, "zeros"), read(uv, "border"), atol=1e-5):
            raise Wrong("a place within the outermost centres must stay, another must move to them")


def sample_joints_by_loops(
    feature_map: Float[Tensor, "channels height width"], uv: Float[Tensor, "points 2"]
) -> Float[Tensor, "points channels"]:
    """Bilinear interpolation of one picture's map, by loops: the four cells around each place, zeros outside.

    The map's edges are at uv -1 and 1, so the first cell's centre lies half a cell inside.
    """
    channels, height, width = feature_map.shape
    features = torch.zeros(len(uv), channels)
    for i, (u, v) in enumerate(uv.tolist()):
        x, y = (u + 1) / 2 * width - 0.5, (v + 1) / 2 * height - 0.5
        for column in (floor(x), floor(x) + 1):
            for row in (floor(y), floor(y) + 1):
                weight = (1 - abs(x - column)) * (1 - abs(y - row))
                if 0 <= column < width and 0 <= row < height:
                    features[i] += weight * feature_map[:, row, column]
    return features


@exercise("sample_joints")
def _sample_joints(answer: object) -> None:
    generator = torch.Generator().manual_seed(15)
    maps = torch.randn(2, 3, 5, 7, generator=generator)
    uv = 3 * torch.rand(2, 40, 2, generator=generator) - 1.5
    uv[0, :5] = torch.tensor([[0.0, 0.0], [-1.0, 1.0], [1 / 7 - 1, 1 / 5 - 1], [3.0, -40.0], [1e4, 0.0]])
    (got,) = ask_part(answer, maps, uv, shapes=[(2, 40, 3)])
    expected = torch.stack([sample_joints_by_loops(m, p) for m, p in zip(maps, uv, strict=True)]).numpy()

    def said(places: Tensor, **options: object) -> bool:
        read = grid_sample(maps, places.unsqueeze(2), **{"align_corners": False, **options})  # type: ignore[arg-type]
        return np.allclose(got, read[..., 0].mT, atol=1e-3)

    if not np.allclose(got, expected, atol=1e-3):
        if said(uv.flip(-1)):
            raise Wrong("u comes first and chooses the column, v chooses the row")
        if said(uv, align_corners=True):
            raise Wrong("the picture's edges are at -1 and 1, not the outermost centres")
        if said(uv + uv.new_tensor([1 / 7, 1 / 5])):
            raise Wrong("that reads half a cell too far right and down: centres lie at half numbers of cells")
        if said(uv, mode="nearest"):
            raise Wrong("that is the nearest cell; blend the four around the place")
        if said(uv, padding_mode="border"):
            raise Wrong("outside the map are zeros; cells at the border aren't repeated")
        inside = (uv.abs() < 1).all(-1, keepdim=True).numpy()
        if np.allclose(got, expected * inside, atol=1e-3):
            raise Wrong("a place just outside the picture still reads the share of the cells that are inside")
        if np.allclose(got[1], expected[1], atol=1e-3) and not np.isfinite(got).all():
            raise Wrong("far outside, as at uv 10000, it isn't a number")
        raise Wrong("compare with the loop at a single place: which four cells, and which weights?")
    assert callable(answer)
    check_gradients(lambda m: answer(m, uv), lambda m: sample_joints(m, uv), maps)
