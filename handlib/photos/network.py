"""What answers pictures: a network, and what runs it."""

from typing import Literal, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from handlib.hand.hand import Hands
from handlib.model.config import DIRConfig
from handlib.model.estimate import Prediction
from handlib.model.network import DIR

Engine = Literal["torch", "onnx"]
"""What runs a network."""


@runtime_checkable
class Network(Protocol):
    """What answers: a :class:`DIR`, or anything else that makes a prediction of a normalised picture."""

    name: str
    config: DIRConfig
    hands: Hands

    def checksum(self) -> str:
        """Names what the network computes: two that are equal in it give the same answers."""

    def __call__(self, image: Float[Tensor, "batch 3 size size"]) -> Prediction:
        """The prediction, for pictures of ``config.image_size``."""


def run_by(engine: Engine, network: Network) -> Network:
    """The network, run by this engine: itself, or a DIR's :class:`handlib.deploy.onnx.OnnxNetwork`.

    Raises:
        InputError: there is no such engine, or its packages aren't installed.
    """
    if engine == "torch" or not isinstance(network, DIR):
        return network
    from handlib.deploy.onnx import OnnxNetwork

    return OnnxNetwork(network)
