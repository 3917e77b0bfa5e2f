"""The 6D rotation that DIR predicts, in its symmetric form; roma does all other conversions."""

import roma
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize


def rotation_from_6d(six: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Returns the rotation matrix of two 3-vectors x, y, which need be neither unit vectors nor orthogonal.

    The sum and the difference of the normalised vectors are always orthogonal. Turned by 45 degrees in their
    plane, they are the rotation's first two columns; the third is the cross product of these. Both vectors
    count alike, unlike in Gram-Schmidt, which trusts the first one. Parallel vectors give a degenerate but
    finite matrix.
    """
    x, y = normalize(six[..., :3], dim=-1), normalize(six[..., 3:], dim=-1)
    middle, across = normalize(x + y, dim=-1), normalize(x - y, dim=-1)
    first, second = normalize(middle + across, dim=-1), normalize(middle - across, dim=-1)
    return torch.stack((first, second, torch.linalg.cross(first, second)), dim=-1)


def rotation_to_6d(rotation: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """Returns the first two columns of a rotation matrix; ``rotation_from_6d`` turns them into it again."""
    return torch.cat((rotation[..., :, 0], rotation[..., :, 1]), dim=-1)


SQUARINGS = 12
"""Number of times that :func:`align` squares its matrix, which raises it to the power 2 ** SQUARINGS."""


def align(
    points: Float[Tensor, "*batch points 3"], targets: Float[Tensor, "*batch points 3"]
) -> Float[Tensor, "*batch 3 3"]:
    """Returns the rotation about the origin that brings points closest to their targets (least squares).

    Its quaternion is the eigenvector of the largest eigenvalue of a symmetric 4 x 4 matrix (Horn 1987).
    Squaring the matrix again and again leaves only this eigenvector. ``roma.special_procrustes`` finds the
    same rotation by a singular value decomposition, which ONNX doesn't have.
    """
    s = torch.einsum("...ki,...kj->...ij", points, targets)
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(-1) for row in s.unbind(-2))
    rows = (
        (xx + yy + zz, yz - zy, zx - xz, xy - yx),
        (yz - zy, xx - yy - zz, xy + yx, zx + xz),
        (zx - xz, xy + yx, yy - xx - zz, yz + zy),
        (xy - yx, zx + xz, yz + zy, zz - xx - yy),
    )
    power = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    # Adding this makes all eigenvalues non-negative.
    power = power + power.square().sum((-2, -1), keepdim=True).sqrt() * torch.eye(4, device=power.device)
    for _ in range(SQUARINGS):
        power = power / power.abs().amax((-2, -1), keepdim=True).clamp_min(1e-30)
        power = power @ power
    largest = power.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None].expand(*power.shape[:-1], 1)
    w, x, y, z = torch.nn.functional.normalize(power.gather(-1, largest)[..., 0], dim=-1).unbind(-1)
    return roma.unitquat_to_rotmat(torch.stack((x, y, z, w), dim=-1))
