"""The rotation that aligns points with others."""

import roma
import torch
from hypothesis import given
from hypothesis import strategies as st

from handlib.geometry.rotation import align


def cloud(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, 3, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_it_is_the_procrustes_rotation(seed: int, noise: float):
    points = cloud(seed, 4, 5)
    turn = roma.special_gramschmidt(cloud(seed + 1, 4, 3))
    targets = points @ turn.mT + noise * cloud(seed + 2, 4, 5)
    expected = roma.special_procrustes(targets.mT @ points)
    found = align(points, targets)
    # Two answers that are equally good are no question of rounding.
    residual = ((points @ found.mT - targets) ** 2).sum((-2, -1))
    best = ((points @ expected.mT - targets) ** 2).sum((-2, -1))
    torch.testing.assert_close(residual, best, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found @ found.mT, torch.eye(3).expand(4, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(found), torch.ones(4), atol=1e-5, rtol=0)


def test_exact_targets_give_their_rotation_half_turns_among_them():
    points = cloud(0, 5)
    half = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    for turn in (torch.eye(3), half, roma.rotvec_to_rotmat(torch.tensor([0.4, -2.0, 1.1]))):
        torch.testing.assert_close(align(points, points @ turn.mT), turn, atol=1e-4, rtol=0)


def test_a_mirror_image_is_not_taken_for_a_rotation():
    points = cloud(1, 9)
    found = align(points, points * torch.tensor([-1.0, 1.0, 1.0]))
    assert torch.linalg.det(found) > 0.99
