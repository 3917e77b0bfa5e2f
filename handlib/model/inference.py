"""The same network arranged for inference: equal outputs in less time, no training.

Five rearrangements, none of which changes a result by more than rounding:

- batch norms fold into the convolutions before them (in evaluation they are fixed scales and shifts);
- both hands' attention becomes one convolution with twice the channels, and both hands' graph layers one;
- the 1x1 convolution at the end of the pixel heads' stem is multiplied into what follows it;
- every convolution's weights are stored once in the order in which oneDNN, PyTorch's library for CPUs, reads
  them. An ordinary convolution reorders them in every call, which for one picture can take longer than the
  arithmetic. ReLUs that follow are computed along the way;
- 3x3 convolutions between many channels take Winograd's form (``winograd.py``), with 4/9 of the arithmetic.
"""

import copy
from typing import TYPE_CHECKING, cast

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.fx.experimental.optimization import fuse as fold_batch_norms

from handlib.model.blocks import PerHand
from handlib.model.estimate import Prediction, Trace
from handlib.model.packed import ComposedHeads, PackedConv2d, PackedGCN, merged_attention
from handlib.model.winograd import WinogradConv2d, suits_winograd

if TYPE_CHECKING:
    from handlib.model.network import DIR


def input_shapes(network: "DIR") -> dict[nn.Module, torch.Size]:
    """What every 2D convolution gets to see when one picture goes through the network."""
    shapes: dict[nn.Module, torch.Size] = {}
    hooks = [
        module.register_forward_pre_hook(lambda module, inputs: shapes.update({module: inputs[0].shape}))
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
    ]
    size = network.config.image_size
    network(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return shapes


def packable(module: nn.Module | None) -> bool:
    """Whether oneDNN's operator is all that the module does: no padding by name, reflection or a subclass."""
    return type(module) is nn.Conv2d and isinstance(module.padding, tuple) and module.padding_mode == "zeros"


def move_relus(chain: fx.GraphModule) -> set[nn.Module]:
    """Takes out the ReLUs that follow a packable convolution of a traced module; returns the latter."""
    modules, rectified = dict(chain.named_modules()), set()
    for node in list(chain.graph.nodes):
        users = list(node.users)
        if not packable(modules.get(node.target)) or len(users) != 1:
            continue
        if isinstance(modules.get(users[0].target), nn.ReLU):
            rectified.add(modules[node.target])
            users[0].replace_all_uses_with(node)
            chain.graph.erase_node(users[0])
    chain.recompile()
    return rectified


def pack_convolutions(network: "DIR", chains: list[fx.GraphModule]) -> None:
    """Replaces every convolution that runs, and in traced chains the ReLU that follows it."""
    shapes = input_shapes(network)
    rectified = set().union(*(move_relus(chain) for chain in chains))
    for name, module in list(network.named_modules()):
        if module in shapes and packable(module):
            winograd = suits_winograd(module, shapes[module])
            packed = WinogradConv2d if winograd else PackedConv2d
            network.set_submodule(name, packed(module, shapes[module], module in rectified))


class LayerTracer(fx.Tracer):
    """Looks into modules that are made of others, and into no layer."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether m stays one step of the graph."""
        return not any(True for _ in m.children())


def folded(module: nn.Module) -> fx.GraphModule:
    """The module as a graph of layers, batch norms folded into the convolutions before them."""
    graph = fx.GraphModule(module, LayerTracer().trace(module))
    return cast(fx.GraphModule, fold_batch_norms(graph, no_trace=True))


def folded_chains(network: "DIR") -> list[fx.GraphModule]:
    """Traces the network's chains of picture layers in place, with their batch norms folded."""
    encoders, heads = network.encoder.backbone.encoders, network.heads
    places: list[tuple[nn.Module, str]] = [(encoders, str(k)) for k in range(len(encoders))]
    places.append((heads, "stem"))
    places += [
        (module, "body") for stage in network.stages for module in stage.modules() if hasattr(module, "body")
    ]
    if network.encoder.attention is not None:
        places.append((network.encoder, "attention"))
    for parent, name in places:
        setattr(parent, name, folded(parent.get_submodule(name)))
    return [cast(fx.GraphModule, parent.get_submodule(name)) for parent, name in places]


class InferenceDIR(nn.Module):
    """A :class:`handlib.model.network.DIR` rearranged for inference; made by ``DIR.optimize_for_inference``.

    It computes what the network computes, on the CPU and in float32, shares nothing with it and can't be
    trained or saved: later changes to the network need another one.
    """

    def __init__(self, network: "DIR"):
        super().__init__()
        self.config = network.config
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        if self.network.encoder.attention is not None:
            merged = merged_attention(self.network.encoder.attention)
            self.network.encoder.set_submodule("attention", merged)
        for stage in self.network.stages:
            for name in ("gcn", "second_gcn"):
                graph = stage.get_submodule(name)
                if isinstance(graph, PerHand):
                    setattr(stage, name, PackedGCN(graph))
        shape = input_shapes(self.network)[self.network.heads.stem[0]]
        self.network.set_submodule("heads", ComposedHeads(self.network.heads, shape[-1]))
        chains = folded_chains(self.network)
        if torch.backends.mkldnn.is_available():
            with torch.no_grad():
                pack_convolutions(self.network, chains)
        super().train(False)

    def train(self, mode: bool = True) -> "InferenceDIR":
        """Refuses.

        Raises:
            RuntimeError: training mode is asked for.
        """
        if mode:
            raise RuntimeError("an optimised network can't be trained; train the one it was made from")
        return super().train(False)

    @torch.inference_mode()
    def trace(self, image: Float[Tensor, "batch 3 size size"]) -> Trace:
        """A forward pass that keeps everything it computed, see ``DIR.trace``; without gradients.

        What comes out are PyTorch's inference tensors: to go on with them under autograd, clone them.

        Raises:
            ValueError: the picture has the wrong size, or asks for gradients.
        """
        if image.requires_grad:
            raise ValueError("image: an optimised network gives no gradients; use the one it was made from")
        return self.network.trace(image)

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> Prediction:
        """The answer alone."""
        return self.trace(image).prediction
