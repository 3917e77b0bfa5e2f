"""Tensors that behave as if they lay on a GPU: they mix with none in main memory and give numpy nothing."""

from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

Module = TypeVar("Module", bound=nn.Module)
DEVICE = torch.device("cuda")
"""What such tensors call their device. Their numbers are in main memory all the same."""


class TensorElsewhere(Tensor):
    """A tensor on the other device; use it within :class:`OtherDevice`."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs an operation where a GPU would."""
        kwargs = kwargs or {}
        if func == Tensor.device.__get__:
            return DEVICE
        if func is Tensor.cpu or (func is Tensor.numpy and kwargs.get("force")):
            return func(args[0].as_subclass(Tensor), **kwargs)
        if func in (Tensor.numpy, Tensor.__array__):
            raise TypeError("can't convert a tensor of another device to numpy")
        if any(type(value) is Tensor and value.ndim > 0 for value in tree_leaves((args, kwargs))):
            raise RuntimeError(f"{func.__name__}: expected all tensors on the same device")
        return super().__torch_function__(func, types, args, kwargs)


class OtherDevice(TorchFunctionMode):
    """Within it new tensors may be asked for on :data:`DEVICE`."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Makes a tensor of the other device where one is asked for."""
        kwargs = kwargs or {}
        if kwargs.get("device") == DEVICE:
            return func(*args, **{**kwargs, "device": "cpu"}).as_subclass(TensorElsewhere)
        if func is Tensor.to and DEVICE in args[1:]:
            return args[0].as_subclass(TensorElsewhere)
        return func(*args, **kwargs)


def elsewhere(module: Module) -> Module:
    """A copy of a module on the other device, with parameters that don't learn."""
    module = deepcopy(module)
    for part in module.modules():
        for tensors in (part._parameters, part._buffers):
            there = {name: t for name, t in tensors.items() if t is not None}
            tensors.update({name: t.detach().as_subclass(TensorElsewhere) for name, t in there.items()})
    return module
