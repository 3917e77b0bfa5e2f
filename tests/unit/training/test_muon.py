"""Muon: what it does to singular values, that it is torch's Muon on matrices and AdamW on the rest."""

import copy

import pytest
import torch
from support.tiny import TINY
from torch import Tensor, nn

from handlib.model.config import DIRConfig
from handlib.model.network import DIR
from handlib.training.muon import Muon, as_matrices, is_matrix, orthogonalise, parameter_groups


def gradients(weights: list[Tensor], seed: int) -> None:
    """Sets drawn gradients."""
    generator = torch.Generator().manual_seed(seed)
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=generator)


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 32, 90), (2, 90, 32)])
def test_singular_values_come_near_one_and_vectors_stay(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    u, s, vh = torch.linalg.svd(matrices, full_matrices=False)
    assert s.max() / s.min() > 2.5
    sizes = 1e-3 * 128.0 ** torch.arange(shape[0])[:, None, None]
    turned = u.mT @ orthogonalise(sizes * matrices) @ vh.mT
    values = turned.diagonal(dim1=-2, dim2=-1)
    kept = s > 0.02 * s.max()
    assert values[kept].min() > 0.6 and values[kept].max() < 1.3
    assert (turned - torch.diag_embed(values)).abs().max() < 0.05


def test_a_matrix_without_gradient_stays_finite() -> None:
    assert torch.equal(orthogonalise(torch.zeros(1, 8, 8)), torch.zeros(1, 8, 8))


def test_matrices_move_as_with_torchs_muon() -> None:
    start = torch.randn(64, 96, generator=torch.Generator().manual_seed(3))
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    muon = Muon([{"params": [ours], "by_muon": True}], lr=0.01, weight_decay=0.1)
    reference = torch.optim.Muon(
        [theirs], lr=0.01, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw"
    )
    for step in range(5):
        gradients([ours], step)
        theirs.grad = ours.grad.clone()
        muon.step()
        reference.step()
    moved = (theirs - start).norm()
    assert moved > 0.5 and (ours - theirs).norm() < 0.04 * moved


def test_a_kernel_moves_as_the_matrix_that_it_is() -> None:
    kernel = nn.Parameter(torch.randn(8, 4, 3, 3).to(memory_format=torch.channels_last))
    matrix = nn.Parameter(kernel.detach().flatten(1).clone())
    optimiser = Muon([{"params": [kernel, matrix], "by_muon": True}], lr=0.1)
    gradients([matrix], 0)
    kernel.grad = matrix.grad.reshape(kernel.shape)
    optimiser.step()
    torch.testing.assert_close(kernel.detach().flatten(1), matrix.detach())


def test_everything_else_moves_as_with_adamw() -> None:
    network = DIR(TINY)
    others = [p for p in network.parameters() if not is_matrix(p)]
    copies = [nn.Parameter(p.detach().clone()) for p in others]
    muon = Muon(parameter_groups(network, 0.0), lr=0.01, betas=(0.9, 0.99), fused=True)
    adamw = torch.optim.AdamW(copies, lr=0.01, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    for step in range(3):
        gradients(list(network.parameters()), step)
        for copied, other in zip(copies, others, strict=True):
            copied.grad = other.grad.clone()
        muon.step()
        adamw.step()
    for copied, other in zip(copies, others, strict=True):
        assert torch.equal(copied, other)


def test_a_saved_optimiser_goes_on_as_if_it_had_not_been() -> None:
    first = DIR(TINY)
    muon = Muon(parameter_groups(first, 0.02), lr=0.01)
    gradients(list(first.parameters()), 0)
    muon.step()
    second = copy.deepcopy(first)
    resumed = Muon(parameter_groups(second, 0.02), lr=0.01)
    resumed.load_state_dict(copy.deepcopy(muon.state_dict()))
    for network, optimiser in ((first, muon), (second, resumed)):
        gradients(list(network.parameters()), 1)
        optimiser.step()
    for (name, a), b in zip(first.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b), name


def test_which_weights_are_matrices() -> None:
    network = DIR(DIRConfig.small())
    spared = {name for name, p in network.named_parameters() if p.ndim > 1 and not is_matrix(p)}
    assert spared and all(min(network.get_parameter(name).shape[:2]) <= 3 for name in spared)
    assert as_matrices(torch.zeros(21, 64, 32)).shape == (21, 64, 32)
    assert as_matrices(torch.zeros(16, 8, 3, 3)).shape == (1, 16, 72)


def test_weight_decay_spares_biases_and_norms() -> None:
    model = DIR(TINY)
    decayed, spared = parameter_groups(model, 0.1)
    assert len(decayed["params"]) + len(spared["params"]) == len(list(model.parameters()))
    assert {p.ndim for p in spared["params"]} == {1} and spared["weight_decay"] == 0
    assert min(p.ndim for p in decayed["params"]) == 2 and decayed["weight_decay"] == 0.1


def test_a_fine_tuned_part_moves_by_adamw_at_its_share_of_the_rate() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 6), nn.Linear(6, 8))
    alone = copy.deepcopy(model)
    groups = parameter_groups(model, 0.1, model[0], 0.25)
    told = [(len(g["params"]), g["weight_decay"], g["rate"], g["by_muon"]) for g in groups]
    assert told == [(1, 0.1, 1.0, True), (1, 0.0, 1.0, True), (1, 0.1, 0.25, False), (1, 0.0, 0.25, False)]
    assert [p for g in groups[2:] for p in g["params"]] == list(model[0].parameters())
    together = Muon([g | {"lr": 0.01 * g["rate"]} for g in groups], lr=0.01)
    muon = Muon(parameter_groups(alone[1], 0.1), lr=0.01)
    adamw = torch.optim.AdamW(parameter_groups(alone[0], 0.1), lr=0.0025)
    for step in range(3):
        gradients(list(model.parameters()), step)
        for copied, p in zip(alone.parameters(), model.parameters(), strict=True):
            copied.grad = p.grad.clone()
        for optimiser in (together, muon, adamw):
            optimiser.step()
    for copied, p in zip(alone.parameters(), model.parameters(), strict=True):
        assert torch.equal(copied, p)
