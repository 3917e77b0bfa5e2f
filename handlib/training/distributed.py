"""Training in several processes that shall compute what one process would.

Each process sees its share of the batch and gradients are averaged, which is the same as long as the loss is
a mean over pictures. What isn't, a batch norm's statistics and a weighted mean's divisor, is exchanged here.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, distributed, nn


def several_processes() -> bool:
    """Whether this process is one of several that compute together."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def sum_over_processes(value: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The sum of what every process holds; no gradient flows through it."""
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total


def mean_over_processes(value: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """The mean of what every process holds; no gradient flows through it."""
    if not several_processes():
        return value
    return sum_over_processes(value) / distributed.get_world_size()


class SharedNormalisation(torch.autograd.Function):
    """Batch norm with the mean and the variance of all processes' samples.

    Torch's own kernels do the work on each process's share; sums over channels are exchanged between them.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Normalised values; mean and variance of each channel; over how many values they are."""
        _, mean, inverse = torch.native_batch_norm(x, weight, bias, None, None, True, 0.0, eps)
        variance = inverse.pow(-2) - eps
        count = torch.full_like(mean, x.numel() // x.shape[1])
        sums = torch.stack((mean, variance + mean.square(), torch.ones_like(mean))) * count
        total, squares, count = sum_over_processes(sums)
        mean = total / count
        variance = (squares / count - mean.square()).clamp_min(0)
        ctx.save_for_backward(x, weight, mean, (variance + eps).rsqrt(), count)
        ctx.mark_non_differentiable(mean, variance, count)
        out, _, _ = torch.native_batch_norm(x, weight, bias, mean, variance, False, 0.0, eps)
        return out, mean, variance, count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None]:
        """Weight and bias get their share of the gradient, as the rest of the network does."""
        x, weight, mean, inverse, count = ctx.saved_tensors
        # The kernel subtracts what this process's share would; the difference to all of it is linear in x.
        grad_x, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, None, None, mean, inverse, True, 0.0, (True, True, True)
        )
        mine = torch.stack((grad_weight, grad_bias))
        slope, level = mine / (x.numel() // x.shape[1]) - sum_over_processes(mine) / count
        shape = (1, -1, *(1,) * (x.ndim - 2))
        factor = weight * inverse
        slope = slope * factor * inverse
        level = level * factor - slope * mean
        grad_x += torch.addcmul(level.view(shape), x, slope.view(shape))
        return grad_x, grad_weight, grad_bias, None


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm whose statistics in training are those of all processes' samples, on any device.

    ``nn.SyncBatchNorm`` does the same on GPUs only.
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
        out, mean, variance, count = SharedNormalisation.apply(x, self.weight, self.bias, self.eps)
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        return out


def share_batch_norms(module: nn.Module, cuda: bool) -> nn.Module:
    """Replaces every batch norm by one with statistics over all processes; weights keep names and values."""
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
