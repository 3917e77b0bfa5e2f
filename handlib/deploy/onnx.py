"""The network as an ONNX file, for programs that have no PyTorch.

Needs the packages onnx and onnxscript: the extra ``export`` of this package, part of ``dev``.
"""

import copy
import json
import warnings
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.data.sample import IMAGE_MEAN, IMAGE_STD
from handlib.hand.skeleton import JOINT_NAMES
from handlib.model.blocks import bias_of
from handlib.model.estimate import LENGTH_UNIT
from handlib.model.network import DIR
from handlib.model.projection import MultiPlaneProjection, planes_then_conv, project_planes
from handlib.utils.errors import InputError
from handlib.utils.files import make_folder, replacing

NEEDED = ("onnx", "onnxscript")
INPUT = "image"
OUTPUTS = {
    "vertices": "batch x (left, right) x 778 x 3, metres around each hand's own wrist; x right, y down, "
    "z away from the viewer",
    "joints": "batch x (left, right) x 21 x 3, the same for the joints",
    "vertices_uv": "batch x (left, right) x 778 x 2, in the picture, -1 to 1 over its sides, x right, y down",
    "joints_uv": "batch x (left, right) x 21 x 2, the same for the joints",
    "offset": "batch x 3, metres from the left wrist to the right one",
    "params": "batch x (left, right) x 64: 6D root rotation, 45 pose components, 10 shape coefficients, "
    "camera (3), as predicted",
    "segmentation": "batch x (background, left, right) x height x width, probabilities",
}
"""What the file's outputs are, in order."""


class LiteralProjection(nn.Module):
    """A :class:`handlib.model.projection.MultiPlaneProjection` that makes all planes, and convolves them.

    The factorised form gives every picture a kernel of its own by one group per picture, but in ONNX a
    convolution's number of groups is fixed. Both give the same numbers.
    """

    def __init__(self, projection: MultiPlaneProjection):
        super().__init__()
        self.projection = projection

    def forward(
        self,
        features: Float[Tensor, "batch hand=2 joints channels"],
        uv: Float[Tensor, "batch hand=2 joints 2"],
        size: int,
    ) -> Float[Tensor, "batch out size size"]:
        """Draws the features at uv on a map of the given size."""
        own = self.projection
        planes = project_planes(features, uv, size, own.half_width, own.projection)
        gathered = planes_then_conv(planes, own.gather.weight, bias_of(own.gather))
        return own.mix(own.norm(gathered).relu())


class NamedOutputs(nn.Module):
    """The network's last estimate and segmentation as a tuple, in the order of ``OUTPUTS``."""

    def __init__(self, network: DIR):
        super().__init__()
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        for name, module in list(self.network.named_modules()):
            if isinstance(module, MultiPlaneProjection):
                self.network.set_submodule(name, LiteralProjection(module))

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> tuple[Tensor, ...]:
        """What ``OUTPUTS`` says."""
        prediction = self.network(image)
        final = prediction.final
        return (
            final.vertices,
            final.joints,
            final.vertex_uv,
            final.uv,
            final.offset * LENGTH_UNIT,
            final.params.to_vector(),
            prediction.segmentation.softmax(1),
        )


def description(network: DIR) -> dict[str, str]:
    """What the file says about itself: input, outputs, joints' names and the network's configuration."""
    size = network.config.image_size
    return {
        INPUT: f"batch x RGB x {size} x {size}, float: (value / 255 - mean) / deviation, "
        f"mean {IMAGE_MEAN}, deviation {IMAGE_STD}",
        **OUTPUTS,
        "joint_names": json.dumps(JOINT_NAMES),
        "config": json.dumps(asdict(network.config)),
    }


def export_onnx(network: DIR, path: Path) -> None:
    """Writes the network as one ONNX file, whole or not at all, for batches of any size.

    The file's metadata hold :func:`description`.

    Raises:
        InputError: the packages for it aren't installed.
        OSError: the file can't be written.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(
            f"onnx: expected the packages {' and '.join(NEEDED)}; pip install {' '.join(missing)}"
        )
    from onnxscript import optimizer

    make_folder(path.parent)
    size = network.config.image_size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            NamedOutputs(network).to("cpu").eval(),
            (torch.zeros(2, 3, size, size),),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
            dynamo=True,
            optimize=False,
            verbose=False,
        )
        assert program is not None
        # The exporter's own optimisation takes twice as long as all else, and onnxruntime does it again.
        optimizer.fold_constants(program.model)
        optimizer.remove_unused_nodes(program.model)
    program.model.metadata_props.update(description(network))
    with replacing(path) as temporary:
        program.save(temporary, external_data=False)
