"""Errors of reconstructed hands. Each number belongs to a protocol, which defines how it is measured.

Other protocols give the same prediction other numbers. They differ in which joints count as true, which joint
is moved to the origin, and whether predictions are scaled to the true size. A :class:`Protocol` states all
this.
"""

from collections.abc import Callable, Iterable
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
from handlib.model.parts import Parts, function_of
from handlib.utils.arguments import check_finite

MILLIMETRES = 1000
WRONG_ROTATION = 45
"""Degrees. A root rotation with a larger error counts as wrong; from here on palm and back get mixed up."""
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
"""Names and units of the numbers that :func:`evaluate_batch` returns."""


@dataclass(frozen=True)
class Protocol:
    """An evaluation protocol: the rules by which errors are measured.

    ``joints``: ``regressed`` computes true and predicted joints from the surfaces (``Hand.regress_joints``),
    ``annotated`` takes the joints as given. ``root`` is the joint on which both are centred. ``scaled``: each
    predicted hand is first scaled to the true distance from wrist to middle MCP. ``masked``: joints that are
    annotated as invalid, and hands with an invalid root, don't count. ``origin``: MRRPE measures the other
    hand's root relative to this hand's root.
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
"""IntagHand's evaluation with the wrist as root: the default of DIR's release."""
INTAG_MCP = Protocol("INTAG_MCP", "middle1", scaled=True, joints="regressed", masked=False, origin="left")
"""IntagHand's evaluation as in its own tables: the root is the middle finger's MCP joint."""
INTERNET = Protocol("INTERNET", "wrist", scaled=False, joints="annotated", masked=True, origin="right")
"""InterNet's and InterWild's evaluation."""


@dataclass(frozen=True)
class Aligned:
    """Truth and estimate in a protocol's form; ``hand`` is (left, right), lengths are in metres.

    Joints and vertices are centred on their hand's root. ``true_root`` is in the camera's frame.
    ``true_offset`` and ``offset`` lead from the ``origin`` hand's root to the other hand's root.
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

    ``hands`` (left, right) regress joints from surfaces. Only masked protocols use ``valid``; without it
    every joint is valid, as in rendered pictures.
    """
    # Both hands of the estimate in one frame with the left wrist at the origin.
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
    """Returns the 21 joints of both hands (left, right), regressed from their surfaces."""
    with torch.autocast(vertices.device.type, enabled=False):
        pairs = zip(hands, vertices.float().unbind(1), strict=True)
        return torch.stack([hand.regress_joints(surface) for hand, surface in pairs], dim=1)


def scale_to(
    joints: Float[Tensor, "*batch 21 3"], true_joints: Float[Tensor, "*batch 21 3"]
) -> Float[Tensor, "*batch 1 1"]:
    """Returns the factor that gives the prediction the true distance from wrist to middle MCP."""

    def length(x: Tensor) -> Tensor:
        return (x[..., SCALE_BONE[1], :] - x[..., SCALE_BONE[0], :]).norm(dim=-1)

    return (length(true_joints) / length(joints).clamp(min=1e-6))[..., None, None]


def masked_mean(
    values: Float[Tensor, "batch *rest"], valid: Bool[Tensor, "batch *rest"]
) -> Float[Tensor, "batch"]:
    """Returns the mean of each sample's valid values; NaN where a sample has none."""
    return torch.where(valid, values, torch.nan).flatten(1).nanmean(dim=1)


def mean_position_error(
    points: Float[Tensor, "batch hand points 3"],
    true_points: Float[Tensor, "batch hand points 3"],
    valid: Bool[Tensor, "batch hand points"],
) -> Float[Tensor, "batch"]:
    """Returns each sample's mean distance of its valid points (metres) from the truth in mm; NaN without any.

    MPJPE if the points are joints, MPVPE if they are vertices, both centred on the hand's root.
    """
    return masked_mean((points - true_points).norm(dim=-1) * MILLIMETRES, valid)


MeanError = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Mean errors of points, as :func:`mean_position_error`."""


def joint_errors(aligned: Aligned) -> Float[Tensor, "batch hand=2 21"]:
    """Returns each joint's distance from the truth in mm; NaN where a joint doesn't count."""
    errors = (aligned.joints - aligned.true_joints).norm(dim=-1) * MILLIMETRES
    return torch.where(aligned.valid, errors, torch.nan)


def mpjpe(aligned: Aligned, mean_error: MeanError = mean_position_error) -> Float[Tensor, "batch"]:
    """Returns the mean per-joint position error in mm over both hands' joints, including the root's zero."""
    return mean_error(aligned.joints, aligned.true_joints, aligned.valid)


def mpvpe(aligned: Aligned, mean_error: MeanError = mean_position_error) -> Float[Tensor, "batch"]:
    """Returns the mean per-vertex position error in mm over both hands' vertices."""
    valid = _valid_hands(aligned)[..., None].expand(aligned.vertices.shape[:-1])
    return mean_error(aligned.vertices, aligned.true_vertices, valid)


def mrrpe(aligned: Aligned) -> Float[Tensor, "batch"]:
    """Returns the mean relative-root position error in mm: the error of one root relative to the other."""
    errors = (aligned.offset - aligned.true_offset).norm(dim=-1) * MILLIMETRES
    return torch.where(_valid_hands(aligned).all(dim=1), errors, torch.nan)


def procrustes(aligned: Aligned) -> Aligned:
    """Returns each hand after the similarity transform (rotation, shift, scale) that best aligns it.

    The transform minimises the squared distances between valid and true joints. It moves the vertices too.
    """
    weights = torch.where(_valid_hands(aligned)[..., None], aligned.valid, True).float()
    # NaN stays NaN even with a weight of zero.
    truth = torch.where(aligned.valid[..., None], aligned.true_joints, 0.0)
    rotation, shift, scale = roma.rigid_points_registration(
        aligned.joints, truth, weights=weights, compute_scaling=True
    )

    def move(points: Tensor) -> Tensor:
        return scale[..., None, None] * points @ rotation.mT + shift[..., None, :]

    return replace(aligned, joints=move(aligned.joints), vertices=move(aligned.vertices))


def pa_mpjpe(aligned: Aligned, mean_error: MeanError = mean_position_error) -> Float[Tensor, "batch"]:
    """Returns the MPJPE in mm after :func:`procrustes`: the error of pose and shape alone."""
    return mpjpe(procrustes(aligned), mean_error)


def joint_pixel_error(aligned: Aligned, intrinsics: Float[Tensor, "batch 4"]) -> Float[Tensor, "batch"]:
    """Returns the mean distance of joints in the picture, in pixels.

    The aligned hand is placed at the TRUE root and projected by the true camera.
    """
    return masked_mean(
        _pixel_distance(aligned.joints, aligned.true_joints, aligned, intrinsics), aligned.valid
    )


def vertex_pixel_error(aligned: Aligned, intrinsics: Float[Tensor, "batch 4"]) -> Float[Tensor, "batch"]:
    """Returns the mean distance of vertices in the picture, measured as in :func:`joint_pixel_error`."""
    errors = _pixel_distance(aligned.vertices, aligned.true_vertices, aligned, intrinsics)
    return masked_mean(errors, _valid_hands(aligned)[..., None].expand_as(errors))


def _pixel_distance(points: Tensor, true_points: Tensor, aligned: Aligned, intrinsics: Tensor) -> Tensor:
    seen, true = (project_pinhole(x + aligned.true_root, intrinsics[:, None]) for x in (points, true_points))
    return (seen - true).norm(dim=-1)


def _valid_hands(aligned: Aligned) -> Bool[Tensor, "batch hand=2"]:
    return aligned.valid.any(dim=-1)


def uv_error(estimate: Estimate, sample: Sample, aligned: Aligned) -> Float[Tensor, "batch"]:
    """Returns the mean error of the joints' uv, projected by the network's own camera, in % of the side."""
    return masked_mean(50 * (estimate.uv - sample.uv).norm(dim=-1), aligned.valid)


def rotation_error(estimate: Estimate, sample: Sample) -> Float[Tensor, "batch hand=2"]:
    """Returns the angle in degrees between each hand's estimated and true root rotation, in any protocol."""
    angle = roma.rotmat_geodesic_distance(rotation_from_6d(estimate.params.root), sample.root)
    return torch.rad2deg(angle)


def pck(errors: Float[Tensor, "*batch"], thresholds: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """Returns the share of correct keypoints: of errors within each threshold; NaNs don't count."""
    counted = errors[~errors.isnan()]
    return (counted[:, None] <= thresholds).float().mean(dim=0)


def auc(errors: Float[Tensor, "batch *rest"], limit: float = 50.0) -> Float[Tensor, "batch"]:
    """Returns each sample's area under its PCK curve from 0 to ``limit`` (mm), divided by ``limit``.

    1 is perfect. The area is exact, not a sum over thresholds.
    """
    return (1 - errors / limit).clamp(min=0).flatten(1).nanmean(dim=1)


@torch.no_grad()
def evaluate_batch(
    estimate: Estimate,
    sample: Sample,
    protocol: Protocol,
    hands: Iterable[Hand],
    valid: Bool[Tensor, "batch 2 21"] | None = None,
    parts: Parts | None = None,
) -> dict[str, Float[Tensor, "batch"]]:
    """Returns all errors of every sample of a batch, with the names and units of ``UNITS``.

    An error is NaN where a masked protocol leaves nothing to measure. Arguments are those of :func:`align`.
    Of ``parts`` the reader's ``mean_position_error`` is used, in MPJPE, MPVPE and PA-MPJPE.

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
    mean_error = function_of("mean_position_error", parts)
    rotation = rotation_error(estimate, sample)
    joint_px = joint_pixel_error(aligned, sample.intrinsics)
    vertex_px = vertex_pixel_error(aligned, sample.intrinsics)
    return {
        "mpjpe": mpjpe(aligned, mean_error),
        "mpvpe": mpvpe(aligned, mean_error),
        "pa_mpjpe": pa_mpjpe(aligned, mean_error),
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
