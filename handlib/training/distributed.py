"""Training in several processes that computes the same as training in one process.

Each process sees its share of the batch, and gradients are averaged. That is the same as one process as long
as the loss is a mean over pictures. Two things aren't such means: a batch norm's statistics and a weighted
mean's divisor. This module exchanges them between the processes.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, distributed, nn


def several_processes() -> bool:
    """Returns whether this process is one of several that compute together."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


class SumOverProcesses(torch.autograd.Function):
    """The sum of what every process holds; its gradient is the sum of all processes' gradients."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        """Adds up over processes."""
        total = value.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Adds up over processes too, because every process's sum contains this process's value."""
        return SumOverProcesses.apply(gradient)


def mean_over_processes(value: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Returns the mean of the values that the processes hold; no gradient flows through it."""
    if not several_processes():
        return value
    return SumOverProcesses.apply(value.detach()) / distributed.get_world_size()


def shared_count(count: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Returns the divisor that turns this process's sum into its part of the mean over all processes.

    ``count`` is the number of things in this process's sum. The divisor is at least 1 / processes.
    """
    least = 1 / distributed.get_world_size() if several_processes() else 1
    return mean_over_processes(count).clamp_min(least)


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm that takes its training statistics over the samples of all processes, on any device.

    ``nn.SyncBatchNorm`` does the same on GPUs only, and faster.
    """

    running_mean: Float[Tensor, "channels"]
    running_var: Float[Tensor, "channels"]
    num_batches_tracked: Int[Tensor, ""]
    momentum: float

    def _check_input_dim(self, x: Tensor) -> None:
        if x.ndim < 2:
            raise ValueError(f"x: expected (batch, channels, ...), got {tuple(x.shape)}")

    def forward(self, x: Float[Tensor, "batch channels *rest"]) -> Float[Tensor, "batch channels *rest"]:
        """Normalises every channel, over batch and places."""
        if not self.training:
            return super().forward(x)
        values = x.float().transpose(0, 1).flatten(1)
        sums = torch.stack((values.sum(1), values.square().sum(1), torch.ones_like(values).sum(1)))
        total, squares, count = SumOverProcesses.apply(sums)
        mean = total / count
        variance = (squares / count - mean.square()).clamp_min(0)
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        factor = self.weight * (variance + self.eps).rsqrt()
        places = (-1, *(1,) * (x.ndim - 2))
        return (x * factor.view(places) + (self.bias - mean * factor).view(places)).to(x.dtype)


def share_batch_norms(module: nn.Module, cuda: bool) -> nn.Module:
    """Replaces every batch norm by one with statistics over all processes; weights and their names stay."""
    if cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(module)
    for name, child in module.named_children():
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            shared = SharedBatchNorm(child.num_features, child.eps, child.momentum)
            shared.load_state_dict(child.state_dict())
            setattr(module, name, shared)
        else:
            share_batch_norms(child, cuda)
    return module
