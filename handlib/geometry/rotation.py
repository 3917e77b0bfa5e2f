"""The 6D rotation that DIR predicts, in its symmetric form; every other conversion is roma's."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize


def rotation_from_6d(six: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotation matrix from two 3-vectors x, y that need be neither unit nor orthogonal.

    The bisectors of the normalised vectors are always orthogonal; the rotation's first two columns are
    those bisectors turned back by 45 degrees, the third is their cross product. Neither vector is
    preferred, unlike Gram-Schmidt, which trusts the first one. Parallel vectors give a degenerate but finite
    matrix.
    """
    x, y = normalize(six[..., :3], dim=-1), normalize(six[..., 3:], dim=-1)
    middle, across = normalize(x + y, dim=-1), normalize(x - y, dim=-1)
    first, second = normalize(middle + across, dim=-1), normalize(middle - across, dim=-1)
    return torch.stack((first, second, torch.linalg.cross(first, second)), dim=-1)


def rotation_to_6d(rotation: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """The first two columns of a rotation matrix, a right inverse of :func:`rotation_from_6d`."""
    return torch.cat((rotation[..., :, 0], rotation[..., :, 1]), dim=-1)
