"""Exports the network as an ONNX file: for programs without PyTorch, and for onnxruntime, which is quicker.

This needs the package's extra ``export``, which is part of ``dev``.
"""

import copy
import hashlib
import json
import re
import sys
import warnings
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from handlib.data.sample import IMAGE_MEAN, IMAGE_STD
from handlib.hand.hand import HandParams
from handlib.hand.skeleton import JOINT_NAMES
from handlib.model.config import DIRConfig
from handlib.model.estimate import LENGTH_UNIT, Estimate, Prediction
from handlib.model.joint_maps import JointMaps, LocatedJoints
from handlib.model.network import DIR
from handlib.utils.errors import InputError
from handlib.utils.files import make_folder, replacing

NEEDED = ("onnx", "onnxscript", "onnxruntime", "platformdirs")
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
    "camera": "batch x (left, right) x 3: s, tx, ty; a point in metres is seen at s * (x, y) + (tx, ty)",
    "segmentation": "batch x (background, left, right) x height x width, probabilities",
}
"""The file's outputs, in order."""
LOCATED = {
    "located_uv": "batch x (left, right) x 21 x 2: where each joint is seen, read from the joint maps",
    "located_places": "batch x (left, right) x 21 x 3: where each joint lies, from the middle finger's "
    "knuckle, in palm lengths",
    "certainty": "batch x (left, right) x 21: how sure these places are, 0 to 1",
    "presence": "batch x (left, right): log-odds that a hand is there",
}
"""Further outputs of networks whose first estimate is read from joint maps."""


def outputs_of(config: DIRConfig) -> dict[str, str]:
    """Returns the outputs of a network's file, in order, with their descriptions."""
    return OUTPUTS | (LOCATED if config.locates_joints else {})


def check_installed() -> None:
    """Raises an :class:`InputError` if the extra ``export`` isn't installed."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(f"onnx: expected the packages {', '.join(NEEDED)}; pip install {' '.join(missing)}")


class NamedOutputs(nn.Module):
    """The network's last estimate and segmentation as a tuple, in the order of :func:`outputs_of`."""

    def __init__(self, network: DIR):
        super().__init__()
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> tuple[Tensor, ...]:
        """Returns the outputs that :func:`outputs_of` lists."""
        prediction = self.network(image)
        final, located = prediction.final, prediction.located
        seen = (located.uv, located.places, located.certainty, located.presence) if located else ()
        return (
            final.vertices,
            final.joints,
            final.vertex_uv,
            final.uv,
            final.offset * LENGTH_UNIT,
            final.params.to_vector(),
            final.camera,
            prediction.segmentation.softmax(1),
            *seen,
        )


def description(network: DIR) -> dict[str, str]:
    """Returns the file's metadata: input, outputs, names of the joints, configuration."""
    size = network.config.image_size
    return {
        INPUT: f"batch x RGB x {size} x {size}, float: (value / 255 - mean) / deviation, "
        f"mean {IMAGE_MEAN}, deviation {IMAGE_STD}",
        **outputs_of(network.config),
        "joint_names": json.dumps(JOINT_NAMES),
        "config": json.dumps(asdict(network.config)),
    }


def export_onnx(network: DIR, path: Path) -> None:
    """Writes the network as one ONNX file, whole or not at all, for batches of any size.

    The file's metadata hold :func:`description`.

    Raises:
        InputError: the extra ``export`` isn't installed, or ``path`` is a folder.
        OSError: the file can't be written.
    """
    check_installed()
    if path.is_dir():
        raise InputError(f"{path}: expected a file to write, got a folder; try {path / 'network.onnx'}")
    from onnxscript import optimizer

    make_folder(path.parent)
    size = network.config.image_size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            NamedOutputs(network).to("cpu").eval(),
            (torch.zeros(2, 3, size, size),),
            input_names=[INPUT],
            output_names=list(outputs_of(network.config)),
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


def cached_file(network: DIR) -> Path:
    """Returns the path of the network's ONNX file; its name depends on weights, hands and handlib's version.

    It is in the user's cache folder (``~/.cache/handlib`` on Linux). Files there may be deleted at any time.
    """
    from platformdirs import user_cache_path

    digest = hashlib.sha256(f"{version('handlib')} {network.checksum()}".encode()).hexdigest()
    name = re.sub(r"\W+", "-", network.name)
    return user_cache_path("handlib", appauthor=False) / f"{name}-{digest[:16]}.onnx"


class OnnxNetwork:
    """A network that onnxruntime runs on the CPU, for :func:`handlib.reconstruct` and similar functions.

    ``threads`` is the number of threads, 0 for all cores. The first use of a network exports it, which takes
    a minute or two (:func:`cached_file`).

    Raises:
        InputError: the extra ``export`` isn't installed.
    """

    def __init__(self, network: DIR, threads: int = 0):
        check_installed()
        from onnxruntime import InferenceSession, SessionOptions

        self.name, self.config, self.hands = network.name, network.config, network.hands
        self._checksum, self._network = network.checksum(), network
        path = cached_file(network)
        if not path.is_file():
            print(f"onnx: exporting {network.name} to {path}, a minute or two, once", file=sys.stderr)
            export_onnx(network, path)
        options = SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def checksum(self) -> str:
        """Returns the checksum of the network that was exported."""
        return self._checksum

    def joint_maps(self, image: Float[Tensor, "batch 3 size size"]) -> JointMaps:
        """Returns the joint maps alone, computed by PyTorch: the file holds the whole network."""
        return self._network.joint_maps(image)

    def __call__(self, image: Float[Tensor, "batch 3 size size"]) -> Prediction:
        """Returns the last estimate and the segmentation; ``dense`` isn't computed and holds NaN."""
        names = list(outputs_of(self.config))
        arrays = self.session.run(names, {INPUT: image.numpy(force=True)})
        found = dict(zip(names, map(torch.from_numpy, arrays), strict=True))
        estimate = Estimate(
            params=HandParams.from_vector(found["params"]),
            camera=found["camera"],
            joints=found["joints"],
            vertices=found["vertices"],
            uv=found["joints_uv"],
            vertex_uv=found["vertices_uv"],
            offset=found["offset"] / LENGTH_UNIT,
        )
        scores = found["segmentation"].log()
        located = LocatedJoints(*(found[name] for name in LOCATED)) if "presence" in found else None
        return Prediction((estimate,), scores, torch.full_like(scores, torch.nan), located=located)
