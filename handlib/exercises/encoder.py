"""Exercises of notebook 03, encoder and attention."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.exercises import Missing, Wrong, ask, ask_part, check_gradients, exercise
from handlib.model.encoder import HandAttention, attention_pool


def _some_maps(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(5).uniform(0.05, 1, shape)).float()


@exercise("attention_centre")
def _attention_centre(answer: object) -> None:
    maps = _some_maps(2, 3, 5)
    maps[0, 0, 0] += 4
    got = ask(answer, maps.clone(), shape=(2, 2))
    weights = (maps / maps.sum((1, 2), keepdim=True)).double().numpy()
    edges = [np.linspace(-1, 1, n) for n in (5, 3)]
    middles = [(np.arange(n) + 0.5) * 2 / n - 1 for n in (5, 3)]
    to_edges, expected = (
        np.column_stack((weights.sum(1) @ u, weights.sum(2) @ v)) for u, v in (edges, middles)
    )
    if np.allclose(got, to_edges, atol=1e-4):
        raise Wrong("the outer cells' centres lie half a cell inside the picture, not on its edge")
    if np.allclose(got, expected[:, ::-1], atol=1e-4):
        raise Wrong("u comes first and goes with the columns, v with the rows")
    if not np.allclose(got, expected, atol=1e-4):
        raise Wrong("divide each map by its sum, then take the weighted mean of the cells' centres")


@exercise("attention_parameters")
def _attention_parameters(answer: object) -> None:
    for channels, hidden in ((5, 3), (7, 4)):
        got = float(ask(answer, channels, hidden, shape=()))
        expected = sum(p.numel() for p in HandAttention(channels, hidden).parameters())
        if 2 * got == expected:
            raise Wrong("that is one hand's map; there are two")
        if got == expected - 4 * hidden:
            raise Wrong("batch normalisation learns a scale and a shift per channel")
        if got == expected - 2 * (hidden + 1):
            raise Wrong("both convolutions have biases")
        if got != expected:
            raise Wrong("count the 3 x 3 convolution, the batch norm and the 1 x 1 convolution, with biases")


_LAYERS = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Conv2d, nn.Sigmoid)


@exercise("map_layers")
def _map_layers(answer: object) -> None:
    if not callable(answer):
        raise Wrong("expected a function")
    channels, hidden = 6, 4
    result = answer(channels, hidden)
    if result is None or result is ...:
        raise Missing
    if not isinstance(result, tuple | list) or [type(one) for one in result] != 2 * [nn.Sequential]:
        raise Wrong("return two nn.Sequential, the left hand's and the right hand's: return left, right")
    left, right = result
    if set(left.parameters()) & set(right.parameters()):
        raise Wrong("both hands share weights, so their maps can't differ freely: build the layers twice")
    library = HandAttention(channels, hidden).maps
    c4 = torch.randn(2, channels, 5, 7, generator=torch.Generator().manual_seed(15))
    for layers, trained in zip(result, library, strict=True):
        _check_map_layers(layers, channels, hidden)
        if _shapes(layers) != _shapes(trained):
            raise Wrong(
                "the trained weights don't fit: leave what the formula doesn't name as PyTorch has it"
            )
        layers.load_state_dict(trained.state_dict())
        with torch.no_grad():
            got, expected = layers(c4), trained(c4).sigmoid()
        if got.shape != expected.shape:
            raise Wrong("the map must be as high and as wide as c4: the 3 x 3 convolution needs padding=1")
        if not torch.allclose(got, expected, atol=1e-5):
            raise Wrong("equal weights give another map: leave stride, dilation and padding mode as they are")


def _check_map_layers(layers: nn.Sequential, channels: int, hidden: int) -> None:
    """Raises Wrong, with a hint, unless these are a map's five layers with the right widths."""
    kinds = [type(layer) for layer in layers]
    if nn.Softmax in kinds or nn.Softmax2d in kinds:
        raise Wrong("no softmax: cells and hands don't compete, every cell gets a sigmoid of its own")
    for kind, hint in (
        (nn.Sigmoid, "the numbers must lie between 0 and 1: the sigmoid is missing"),
        (nn.BatchNorm2d, "BN is missing: nn.BatchNorm2d"),
        (nn.ReLU, "the ReLU is missing: without it, both convolutions are worth a single one"),
    ):
        if kind not in kinds:
            raise Wrong(hint)
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    if [layer.kernel_size for layer in convolutions] != [(3, 3), (1, 1)]:
        raise Wrong("two convolutions: the first sees 3 x 3 cells, the second a single cell")
    if kinds != list(_LAYERS):
        raise Wrong("another order: read the formula from the inside, beginning at c4")
    first, last = convolutions
    if last.out_channels != 1:
        raise Wrong("one number per cell: each hand has layers of its own, and they make one map")
    if (first.in_channels, first.out_channels, last.in_channels) != (channels, hidden, hidden):
        raise Wrong("the widths go from channels to hidden, and from hidden to 1")
    if first.bias is None or last.bias is None:
        raise Wrong("both convolutions have a bias, which is PyTorch's default")


def _shapes(layers: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in layers.state_dict().items()}


def attention_pool_by_loops(
    feature_map: Float[Tensor, "channels height width"], attention: Float[Tensor, "hand height width"]
) -> Float[Tensor, "hand channels"]:
    """Each hand's mean of one picture's features, weighted with its attention, by loops over cells."""
    pooled = torch.zeros(len(attention), len(feature_map))
    for h, weights in enumerate(attention):
        total = 0.0
        for y in range(weights.shape[0]):
            for x in range(weights.shape[1]):
                pooled[h] += weights[y, x] * feature_map[:, y, x]
                total += float(weights[y, x])
        pooled[h] /= total + 1e-8
    return pooled


@exercise("attention_pool")
def _attention_pool(answer: object) -> None:
    feature_map = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(14))
    attention = _some_maps(3, 2, 5, 6)
    attention[2, 1] = 0
    (got,) = ask_part(answer, feature_map, attention, shapes=[(3, 2, 4)])
    pairs = zip(feature_map, attention, strict=True)
    expected = torch.stack([attention_pool_by_loops(f, a) for f, a in pairs]).numpy()
    if not np.allclose(got, expected, atol=1e-4):
        sums = torch.einsum("bhyx,bcyx->bhc", attention, feature_map)
        totals = attention.sum((2, 3))

        def said(other: Tensor) -> bool:
            return np.allclose(got[:2], other[:2], atol=1e-4)

        if said(sums):
            raise Wrong("a weighted mean divides by the sum of the weights")
        if said(sums / 30):
            raise Wrong("divide by the sum of the weights, not by the number of cells")
        if said(sums / totals.sum(1)[:, None, None]):
            raise Wrong("each hand divides by the sum of its own map")
        softmax = attention.flatten(2).softmax(-1).unflatten(-1, (5, 6))
        if said(torch.einsum("bhyx,bcyx->bhc", softmax, feature_map)):
            raise Wrong("no softmax here: the maps are weights already, each divided by its sum")
        if said(torch.from_numpy(expected)):
            raise Wrong("a map that is zero everywhere must give zeros, not nan: add 1e-8 to the sum")
        raise Wrong("weight every cell's features with the hand's map, add up, divide by the map's sum")
    assert callable(answer)
    check_gradients(answer, attention_pool, feature_map[:2], attention[:2])
