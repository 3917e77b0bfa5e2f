"""How micro-tasks train: the same numbers again, and nothing left behind."""

import torch
from torch import nn

from handlib.analysis.micro_tasks.fit import fit, reproducible


def test_a_model_learns_and_is_left_in_evaluation_mode():
    with reproducible(0) as random:
        model, target = nn.Linear(8, 4), torch.randn(4, 8, generator=random)

        def loss() -> torch.Tensor:
            x = torch.randn(64, 8, generator=random)
            return (model(x) - x @ target.T).square().mean()

        before = loss().item()
        fit(model, loss, 200, 0.1)
        assert loss().item() < 0.1 * before
    assert not model.training


def test_the_seed_decides_everything_random():
    def draw(seed: int) -> list[float]:
        with reproducible(seed) as random:
            return [*torch.randn(3).tolist(), *torch.randn(3, generator=random).tolist()]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_random_numbers_and_threads_are_left_as_they_were():
    torch.manual_seed(5)
    expected, threads = torch.randn(4), torch.get_num_threads()
    torch.manual_seed(5)
    with reproducible(0):
        torch.randn(100)
        assert torch.get_num_threads() == 1
    assert torch.randn(4).equal(expected)
    assert torch.get_num_threads() == threads
