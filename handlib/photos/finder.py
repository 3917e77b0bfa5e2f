"""A network as what :mod:`handlib.evaluation.photo_scores` asks: where are the joints?"""

from handlib.data.photo import Box, Picture
from handlib.evaluation.photo_scores import Finder, FoundHands
from handlib.hand.skeleton import SIDES
from handlib.photos.network import Network
from handlib.photos.reconstruct import reconstruct


def finder(network: Network) -> Finder:
    """Finds hands with a network; what it says of hands that it isn't sure of counts too."""

    def find(file: str, picture: Picture, box: Box | None) -> FoundHands:
        result = reconstruct(picture, box, network)
        return dict(zip(SIDES, result.joint_pixels.double().cpu().numpy(), strict=True))

    return find
