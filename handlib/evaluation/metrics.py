"""How well two hands were reconstructed, each number together with the protocol that makes it mean something.

The same prediction gets other numbers from other protocols: which joints count as true, which joint is
moved to the origin, whether the hand's size is given away. A :class:`Protocol` says all of that.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import roma
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from handlib.data.sample import Sample
from handlib.geometry.camera import project_pinhole
from handlib.geometry.rotation import rotation_from_6d
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES, Side, joint_index
from handlib.model.estimate import LENGTH_UNIT, Estimate
from handlib.utils.arguments import check_finite

MILLIMETRES = 1000
WRONG_ROTATION = 45
"""Degrees: beyond this a root rotation counts as wrong, palm and back being on the way to a mix-up."""
SCALE_BONE = (joint_index("wrist"), joint_index("middle1"))

UNITS = {
    "mpjpe": "mm",
    "mpvpe": "mm",
    "pa_mpjpe": "mm",
    "mrrpe": "mm",
    "auc": "of 1",
    "joint_px": "px",
    "vertex_px": "px",
    "joint_percent": "% of side",
    "vertex_percent": "% of side",
    "uv_percent": "% of side",
    "rotation_deg": "deg",
    "rotation_wrong": f"share > {WRONG_ROTATION}°",
}
"""Every number of :func:`evaluate_batch` and its unit."""


@dataclass(frozen=True)
class Protocol:
    """An agreement on how errors are measured.

    ``joints``: ``regressed`` takes true and predicted joints from the surfaces (``Hand.regress_joints``),
    ``annotated`` takes them as they come. ``root`` is the joint that both are centred on. ``scaled``: each
    predicted hand is brought to the true distance from wrist to middle MCP first. ``masked``: joints that
    the annotators called invalid, and hands with an invalid root, don't count. ``origin`` is the hand that
    the other one's root is measured from in MRRPE.
    """

    name: str
    root: str
    scaled: bool
    joints: Literal["regressed", "annotated"]
    masked: bool
    origin: Side

    def __str__(self) -> str:
        size = "each hand scaled to its true wrist-middle1 length" if self.scaled else "not scaled"
        counted = "valid joints" if self.masked else "all joints"
        other = SIDES[1 - SIDES.index(self.origin)]
        return (
            f"{self.name}: {self.joints} joints, centred on {self.root}, {size}, {counted}; "
            f"MRRPE {other} - {self.origin}, not scaled; pixels with the true root and camera"
        )


INTAG_WRIST = Protocol("INTAG_WRIST", "wrist", scaled=True, joints="regressed", masked=False, origin="left")
"""IntagHand's evaluation with the wrist as root, the default of DIR's release."""
INTAG_MCP = Protocol("INTAG_MCP", "middle1", scaled=True, joints="regressed", masked=False, origin="left")
"""IntagHand's evaluation as its own tables have it: root at the middle finger's MCP joint."""
INTERNET = Protocol("INTERNET", "wrist", scaled=False, joints="annotated", masked=True, origin="right")
"""InterNet's and InterWild's evaluation."""


@dataclass(frozen=True)
class Aligned:
    """Truth and estimate side by side as a protocol wants them; ``hand`` is (left, right), lengths metres.

    Everything but the roots is centred on the hand's root. ``true_root`` is in the camera's frame;
    ``true_offset`` and ``offset`` lead from the ``origin`` hand's root to the other one's.
    """

    joints: Float[Tensor, "batch hand=2 21 3"]
    true_joints: Float[Tensor, "batch hand=2 21 3"]
    vertices: Float[Tensor, "batch hand=2 778 3"]
    true_vertices: Float[Tensor, "batch hand=2 778 3"]
    offset: Float[Tensor, "batch 3"]
    true_offset: Float[Tensor, "batch 3"]
    true_root: Float[Tensor, "batch hand=2 1 3"]
    valid: Bool[Tensor, "batch hand=2 21"]


def align(
    estimate: Estimate,
    sample: Sample,
    protocol: Protocol,
    hands: Iterable[Hand],
    valid: Bool[Tensor, "batch 2 21"] | None = None,
) -> Aligned:
    """Brings an estimate and the truth of a batch into a protocol's form.

    ``hands`` (left, right) regress joints from surfaces. ``valid`` is heeded by masked protocols only;
    without it every joint is valid, as it is in rendered pictures.
    """
    # The estimate's two hands in one frame, whose origin is the left wrist.
    wrists = torch.stack((torch.zeros_like(estimate.offset), estimate.offset * LENGTH_UNIT), dim=1)[
        :, :, None
    ]
    joints, vertices = estimate.joints + wrists, estimate.vertices + wrists
    true_joints, true_vertices = sample.joints, sample.vertices
    if protocol.joints == "regressed":
        hands = tuple(hands)
        joints, true_joints = regress(vertices, hands), regress(true_vertices, hands)
    if valid is None or not protocol.masked:
        valid = torch.ones(joints.shape[:-1], dtype=torch.bool, device=joints.device)

    r = joint_index(protocol.root)
    root, true_root = joints[:, :, r, None], true_joints[:, :, r, None]
    a = SIDES.index(protocol.origin)
    b = 1 - a
    scale = scale_to(joints, true_joints) if protocol.scaled else joints.new_ones(1)
    return Aligned(
        joints=(joints - root) * scale,
        true_joints=true_joints - true_root,
        vertices=(vertices - root) * scale,
        true_vertices=true_vertices - true_root,
        offset=(root[:, b] - root[:, a])[:, 0],
        true_offset=(true_root[:, b] - true_root[:, a])[:, 0],
        true_root=true_root,
        valid=valid & valid[:, :, r, None],
    )


def regress(
    vertices: Float[Tensor, "batch hand=2 778 3"], hands: Iterable[Hand]
) -> Float[Tensor, "batch hand=2 21 3"]:
    """The 21 joints of both hands (left, right) from their surfaces."""
    with torch.autocast(vertices.device.type, enabled=False):
        pairs = zip(hands, vertices.float().unbind(1), strict=True)
        return torch.stack([hand.regress_joints(surface) for hand, surface in pairs], dim=1)


def scale_to(
    joints: Float[Tensor, "*batch 21 3"], true_joints: Float[Tensor, "*batch 21 3"]
) -> Float[Tensor, "*batch 1 1"]:
    """Factor that gives the prediction the true distance from wrist to middle MCP."""

    def length(x: Tensor) -> Tensor:
        return (x[..., SCALE_BONE[1], :] - x[..., SCALE_BONE[0], :]).norm(dim=-1)

    return (length(true_joints) / length(joints).clamp(min=1e-6))[..., None, None]


def masked_mean(
    values: Float[Tensor, "batch *rest"], valid: Bool[Tensor, "batch *rest"]
) -> Float[Tensor, "batch"]:
    """Mean of each sample's valid values; NaN where a sample has none."""
    return torch.where(valid, values, torch.nan).flatten(1).nanmean(dim=1)


def joint_errors(aligned: Aligned) -> Float[Tensor, "batch hand=2 21"]:
    """Distance of every joint from the truth in mm; NaN where a joint doesn't count."""
    errors = (aligned.joints - aligned.true_joints).norm(dim=-1) * MILLIMETRES
    return torch.where(aligned.valid, errors, torch.nan)


def mpjpe(aligned: Aligned) -> Float[Tensor, "batch"]:
    """Mean per-joint position error in mm over both hands' joints, the root's zero included."""
    return joint_errors(aligned).flatten(1).nanmean(dim=1)


def mpvpe(aligned: Aligned) -> Float[Tensor, "batch"]:
    """Mean per-vertex position error in mm over both hands' vertices."""
    errors = (aligned.vertices - aligned.true_vertices).norm(dim=-1) * MILLIMETRES
    return masked_mean(errors, _valid_hands(aligned)[..., None].expand_as(errors))


def mrrpe(aligned: Aligned) -> Float[Tensor, "batch"]:
    """Mean relative-root position error in mm: how far off one hand's root is, seen from the other's."""
    errors = (aligned.offset - aligned.true_offset).norm(dim=-1) * MILLIMETRES
    return torch.where(_valid_hands(aligned).all(dim=1), errors, torch.nan)


def procrustes(aligned: Aligned) -> Aligned:
    """Each hand after the similarity transform (turn, shift, scale) that brings its valid joints nearest to
    the true ones, in squared distance; the surface goes along.
    """
    weights = torch.where(_valid_hands(aligned)[..., None], aligned.valid, True).float()
    # A weight of zero doesn't silence what isn't a number.
    truth = torch.where(aligned.valid[..., None], aligned.true_joints, 0.0)
    rotation, shift, scale = roma.rigid_points_registration(
        aligned.joints, truth, weights=weights, compute_scaling=True
    )

    def move(points: Tensor) -> Tensor:
        return scale[..., None, None] * points @ rotation.mT + shift[..., None, :]

    return replace(aligned, joints=move(aligned.joints), vertices=move(aligned.vertices))


def pa_mpjpe(aligned: Aligned) -> Float[Tensor, "batch"]:
    """MPJPE in mm after :func:`procrustes`: what pose and shape get wrong."""
    return mpjpe(procrustes(aligned))


def joint_pixel_error(aligned: Aligned, intrinsics: Float[Tensor, "batch 4"]) -> Float[Tensor, "batch"]:
    """Mean distance of joints in the picture, pixels: the aligned hand put at the TRUE root, true camera."""
    return masked_mean(
        _pixel_distance(aligned.joints, aligned.true_joints, aligned, intrinsics), aligned.valid
    )


def vertex_pixel_error(aligned: Aligned, intrinsics: Float[Tensor, "batch 4"]) -> Float[Tensor, "batch"]:
    """Mean distance of vertices in the picture, as :func:`joint_pixel_error`."""
    errors = _pixel_distance(aligned.vertices, aligned.true_vertices, aligned, intrinsics)
    return masked_mean(errors, _valid_hands(aligned)[..., None].expand_as(errors))


def _pixel_distance(points: Tensor, true_points: Tensor, aligned: Aligned, intrinsics: Tensor) -> Tensor:
    seen, true = (project_pinhole(x + aligned.true_root, intrinsics[:, None]) for x in (points, true_points))
    return (seen - true).norm(dim=-1)


def _valid_hands(aligned: Aligned) -> Bool[Tensor, "batch hand=2"]:
    return aligned.valid.any(dim=-1)


def uv_error(estimate: Estimate, sample: Sample, aligned: Aligned) -> Float[Tensor, "batch"]:
    """Mean distance of the joints' uv, placed by the network's own camera, from the truth: % of the side."""
    return masked_mean(50 * (estimate.uv - sample.uv).norm(dim=-1), aligned.valid)


def rotation_error(estimate: Estimate, sample: Sample) -> Float[Tensor, "batch hand=2"]:
    """Angle in degrees between estimated and true root rotation of each hand; no protocol plays a part."""
    angle = roma.rotmat_geodesic_distance(rotation_from_6d(estimate.params.root), sample.root)
    return torch.rad2deg(angle)


def pck(errors: Float[Tensor, "*batch"], thresholds: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """Share of correct keypoints: how many errors stay within each threshold; NaNs don't count."""
    counted = errors[~errors.isnan()]
    return (counted[:, None] <= thresholds).float().mean(dim=0)


def auc(errors: Float[Tensor, "batch *rest"], limit: float = 50.0) -> Float[Tensor, "batch"]:
    """Each sample's area under its PCK curve from 0 to ``limit`` (mm) over ``limit``: 1 is perfect; exact."""
    return (1 - errors / limit).clamp(min=0).flatten(1).nanmean(dim=1)


@torch.no_grad()
def evaluate_batch(
    estimate: Estimate,
    sample: Sample,
    protocol: Protocol,
    hands: Iterable[Hand],
    valid: Bool[Tensor, "batch 2 21"] | None = None,
) -> dict[str, Float[Tensor, "batch"]]:
    """Every error of every sample of a batch, named and measured as in ``UNITS``.

    NaN where a masked protocol leaves nothing to measure. Arguments as for :func:`align`.

    Raises:
        InputError: a number of the estimate, or of the truth that counts, isn't finite.
    """
    check_finite("estimate", estimate)
    counted = sample.joints
    if valid is not None and protocol.masked:
        counted = torch.where(valid[..., None], counted, 0.0)
    check_finite("sample.joints", counted)
    for name in ("vertices", "root", "intrinsics"):
        check_finite(f"sample.{name}", getattr(sample, name))
    aligned = align(estimate, sample, protocol, hands, valid)
    rotation = rotation_error(estimate, sample)
    joint_px = joint_pixel_error(aligned, sample.intrinsics)
    vertex_px = vertex_pixel_error(aligned, sample.intrinsics)
    return {
        "mpjpe": mpjpe(aligned),
        "mpvpe": mpvpe(aligned),
        "pa_mpjpe": pa_mpjpe(aligned),
        "mrrpe": mrrpe(aligned),
        "auc": auc(joint_errors(aligned)),
        "joint_px": joint_px,
        "vertex_px": vertex_px,
        "joint_percent": 100 * joint_px / sample.size,
        "vertex_percent": 100 * vertex_px / sample.size,
        "uv_percent": uv_error(estimate, sample, aligned),
        "rotation_deg": rotation.mean(dim=1),
        "rotation_wrong": (rotation > WRONG_ROTATION).float().mean(dim=1),
    }
