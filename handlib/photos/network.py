"""Networks as the reconstruction uses them, and the engines that run them."""

from typing import Literal, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from handlib.hand.hand import Hands
from handlib.model.config import DIRConfig
from handlib.model.estimate import Prediction
from handlib.model.joint_maps import JointMaps
from handlib.model.network import DIR

Engine = Literal["torch", "onnx"]
"""The library that runs a network."""


@runtime_checkable
class Network(Protocol):
    """A :class:`DIR`, or anything else that makes a prediction from a normalised picture."""

    name: str
    config: DIRConfig
    hands: Hands

    def checksum(self) -> str:
        """Returns a checksum of all that determines the answers: equal checksums mean equal answers."""

    def joint_maps(self, image: Float[Tensor, "batch 3 size size"]) -> JointMaps:
        """Returns the joint maps alone; called if ``config.locates_joints``."""

    def __call__(self, image: Float[Tensor, "batch 3 size size"]) -> Prediction:
        """Returns the prediction for pictures of ``config.image_size``."""


def run_by(engine: Engine, network: Network) -> Network:
    """Returns a network that this engine runs: itself, or a DIR's :class:`handlib.deploy.onnx.OnnxNetwork`.

    Raises:
        InputError: the engine's packages aren't installed.
    """
    if engine == "torch" or not isinstance(network, DIR):
        return network
    from handlib.deploy.onnx import OnnxNetwork

    return OnnxNetwork(network)
