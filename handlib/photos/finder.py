"""Makes a network a finder of joints for :mod:`handlib.evaluation.photo_scores`."""

from handlib.data.photo import Box, Picture
from handlib.evaluation.photo_scores import Finder, FoundHands
from handlib.hand.skeleton import SIDES
from handlib.photos.network import Network
from handlib.photos.reconstruct import reconstruct


def finder(network: Network) -> Finder:
    """Returns a finder that uses a network; it returns both hands, even if the network isn't sure of them."""

    def find(file: str, picture: Picture, box: Box | None) -> FoundHands:
        result = reconstruct(picture, box, network)
        return dict(zip(SIDES, result.joint_pixels.double().cpu().numpy(), strict=True))

    return find
