"""Exercises of notebook 04, joint feature sampling."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from handlib.exercises import Wrong, ask, exercise
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
