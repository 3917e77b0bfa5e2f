"""The network's answers: one estimate of both hands, a prediction with all estimates, and a full trace."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from handlib.data.sample import Sample
from handlib.geometry.camera import fit_weak_perspective, project_weak_perspective
from handlib.geometry.rotation import rotation_from_6d, rotation_to_6d
from handlib.geometry.turn import turn_matrix, turn_picture
from handlib.hand.hand import Hand, HandParams, Hands
from handlib.hand.skeleton import SIDES
from handlib.model.joint_maps import JointMaps, LocatedJoints
from handlib.utils.reprs import in_shapes

LENGTH_UNIT = 0.15
"""Metres, about a hand's length: DIR's unit for the hands' offset, position embeddings and losses."""
Project = Callable[[Tensor, Tensor], Tensor]
"""Projects points (..., n, 3) by cameras (s, tx, ty) to uv, as :func:`project_weak_perspective` does."""


@dataclass(frozen=True)
class Estimate:
    """Both hands after the initial estimate or after one stage; ``hand`` is (left, right).

    ``params`` are the numbers as predicted: with ``DIRConfig.log_scale`` the first number of their camera is
    the logarithm of the scale. ``camera`` is the weak-perspective camera (s, tx, ty) with the scale itself.
    ``joints`` and ``vertices`` are in metres, each hand centred on its own wrist. ``uv`` and ``vertex_uv``
    are their projections in [-1, 1]. ``offset`` leads from the left wrist to the right wrist, in units of
    ``LENGTH_UNIT``. An index or a slice chooses pictures of the batch.
    """

    params: HandParams
    camera: Float[Tensor, "batch hand=2 3"]
    joints: Float[Tensor, "batch hand=2 21 3"]
    vertices: Float[Tensor, "batch hand=2 778 3"]
    uv: Float[Tensor, "batch hand=2 21 2"]
    vertex_uv: Float[Tensor, "batch hand=2 778 2"]
    offset: Float[Tensor, "batch 3"]

    __repr__ = in_shapes

    @classmethod
    def seen(
        cls,
        params: HandParams,
        camera: Float[Tensor, "batch hand=2 3"],
        joints: Float[Tensor, "batch hand=2 21 3"],
        vertices: Float[Tensor, "batch hand=2 778 3"],
        offset: Float[Tensor, "batch 3"],
        project: Project = project_weak_perspective,
    ) -> "Estimate":
        """Returns the estimate of these hands; a weak-perspective camera projects them."""
        uv, vertex_uv = (project(points, camera) for points in (joints, vertices))
        return cls(params, camera, joints, vertices, uv, vertex_uv, offset)

    def __getitem__(self, chosen: slice | Sequence[int]) -> "Estimate":
        """Returns the estimates of some pictures of the batch, in this order."""
        params = HandParams.from_vector(self.params.to_vector()[chosen])
        return Estimate(params, *(getattr(self, field.name)[chosen] for field in fields(self)[1:]))


def decode(
    vectors: Float[Tensor, "batch hand=2 64"],
    offset: Float[Tensor, "batch 3"],
    hands: Hands,
    log_scale: bool,
    project: Project = project_weak_perspective,
) -> Estimate:
    """Turns predicted numbers into posed hands: hand model, then camera, at least in float32."""
    with torch.autocast(vectors.device.type, enabled=False):
        precise = torch.promote_types(vectors.dtype, torch.float32)
        params = HandParams.from_vector(vectors.to(precise))
        camera = params.camera
        if log_scale:
            camera = torch.cat((camera[..., :1].clamp(-4, 6).exp(), camera[..., 1:]), dim=-1)
        posed = [
            hands[side].from_params(HandParams(*(part[:, h] for part in vars(params).values())))
            for h, side in enumerate(SIDES)
        ]
        joints = torch.stack([hand.joints for hand in posed], dim=1)
        vertices = torch.stack([hand.vertices for hand in posed], dim=1)
        return Estimate.seen(params, camera, joints, vertices, offset.to(precise), project)


def estimate_of(
    params: HandParams, offset: Float[Tensor, "batch 3"], hands: Hands, log_scale: bool
) -> Estimate:
    """Returns the estimate of a network that predicts these hands.

    The cameras in ``params`` hold the scale itself, also with ``log_scale``.
    """
    camera = params.camera
    if log_scale:
        camera = torch.cat((camera[..., :1].log(), camera[..., 1:]), dim=-1)
    return decode(replace(params, camera=camera).to_vector(), offset, hands, log_scale)


def true_estimate(sample: Sample, hands: Sequence[Hand]) -> Estimate:
    """Returns a batch's best possible estimate: the true hands, seen by the best weak-perspective cameras.

    ``hands`` (left, right) define the pose coefficients. Both ``camera`` and ``params.camera`` hold the scale
    itself; :func:`estimate_of` converts ``params`` to a network's numbers.
    """
    wrist = sample.joints[:, :, :1]
    joints = sample.joints - wrist
    camera = fit_weak_perspective(joints, sample.uv)
    pose = torch.stack([hand.axis_angle_to_pca(sample.pose[:, h]) for h, hand in enumerate(hands)], dim=1)
    return Estimate.seen(
        HandParams(rotation_to_6d(sample.root), pose, sample.betas, camera),
        camera,
        joints,
        sample.vertices - wrist,
        (wrist[:, 1, 0] - wrist[:, 0, 0]) / LENGTH_UNIT,
    )


@dataclass(frozen=True)
class Prediction:
    """The network's answer: the initial estimate, then one per stage; the last is the result.

    ``segmentation`` are scores of (background, left, right). ``dense`` colours every pixel by the point of
    the hand that it shows (Sec. 3.3). Both are on the last stage's map. ``joint_maps`` and the joints
    ``located`` in them are None unless the initial estimate was read from such maps.
    """

    estimates: tuple[Estimate, ...]
    segmentation: Float[Tensor, "batch 3 height width"]
    dense: Float[Tensor, "batch 3 height width"]
    joint_maps: JointMaps | None = None
    located: LocatedJoints | None = None

    __repr__ = in_shapes

    @property
    def final(self) -> Estimate:
        """Returns the last estimate."""
        return self.estimates[-1]

    def exchanged(self, hands: Hands, log_scale: bool) -> "Prediction":
        """Returns the prediction with left and right exchanged, see :func:`exchanged`; without joint maps."""
        estimates = tuple(exchanged(estimate, hands, log_scale) for estimate in self.estimates)
        located = self.located.exchanged() if self.located else None
        return Prediction(estimates, self.segmentation[:, [0, 2, 1]], self.dense, located=located)

    def turned(self, angle: Float[Tensor, "batch"]) -> "Prediction":
        """Returns the prediction for the turned picture, see :func:`turned`; without joint maps."""
        return Prediction(
            tuple(turned(estimate, angle) for estimate in self.estimates),
            turn_picture(self.segmentation, angle),
            turn_picture(self.dense, angle),
            located=self.located.turned(angle) if self.located else None,
        )

    def __getitem__(self, chosen: slice | Sequence[int]) -> "Prediction":
        """Returns the prediction of some pictures of the batch, in this order; without joint maps."""
        estimates = tuple(estimate[chosen] for estimate in self.estimates)
        located = self.located[chosen] if self.located else None
        return Prediction(estimates, self.segmentation[chosen], self.dense[chosen], located=located)


def estimate_names(count: int) -> tuple[str, ...]:
    """Returns the names of a prediction's ``count`` estimates: ``initial``, ``stage 1``, ``stage 2``, ..."""
    return ("initial", *(f"stage {t}" for t in range(1, count)))


@dataclass(frozen=True)
class StageTrace:
    """All that one refinement stage computed, in the order of the computation (Sec. 3.2).

    ``skip`` is the encoder's map and ``fused`` the map that joints are sampled from. ``sampled`` are the
    features that were sampled at ``before.uv`` and passed through their MLP, ``embedded`` these plus the
    position embedding, ``graph`` the GCN's output and ``tokens`` the transformer's. ``attention`` are the
    weights of each transformer layer that ran. ``plane_features`` are drawn back into the picture at
    ``after.uv``, ``projected`` is the map made from all planes, ``enhanced`` the stage's final map. Parts
    that a configuration leaves out have no channels. Tokens are joints unless the configuration chooses
    vertices.
    """

    before: Estimate
    after: Estimate
    skip: Float[Tensor, "batch skip_channels height width"]
    fused: Float[Tensor, "batch channels height width"]
    sampled: Float[Tensor, "batch hand=2 tokens features"]
    embedded: Float[Tensor, "batch hand=2 tokens features"]
    graph: Float[Tensor, "batch hand=2 tokens features"]
    attention: Float[Tensor, "batch layers heads both_hands both_hands"]
    tokens: Float[Tensor, "batch hand=2 tokens token_features"]
    plane_features: Float[Tensor, "batch hand=2 tokens plane_channels"]
    projected: Float[Tensor, "batch projected_channels height width"]
    enhanced: Float[Tensor, "batch channels height width"]

    __repr__ = in_shapes


@dataclass(frozen=True)
class Trace:
    """A whole forward pass: encoder maps (fine to coarse), left/right attention, every stage, the answer."""

    features: tuple[Float[Tensor, "batch _ _ _"], ...]
    attention: Float[Tensor, "batch hand=2 height width"]
    stages: tuple[StageTrace, ...]
    prediction: Prediction

    __repr__ = in_shapes


def exchanged(estimate: Estimate, hands: Hands, log_scale: bool) -> Estimate:
    """Returns the estimate that looks the same in the picture, with left and right exchanged.

    A weak-perspective camera can't tell a hand from its mirror image in depth, and the mirror image of a
    right hand is a left hand. So an estimate can take the hands for each other and still have every joint in
    the right place of the picture.
    """
    params = estimate.params
    depth, sideways = (params.root.new_tensor(signs).diag() for signs in ([1.0, 1.0, -1.0], [-1.0, 1.0, 1.0]))
    root = depth @ rotation_from_6d(params.root).flip(1) @ sideways
    opposite = params.pose.new_tensor([1.0, -1.0, -1.0]).repeat(15)
    pose = torch.stack(
        [
            hands[side].axis_angle_to_pca(
                hands[SIDES[1 - h]].pca_to_axis_angle(params.pose[:, 1 - h]) * opposite
            )
            for h, side in enumerate(SIDES)
        ],
        dim=1,
    )
    changed = HandParams(rotation_to_6d(root), pose, params.betas.flip(1), estimate.camera.flip(1))
    offset = estimate.offset * estimate.offset.new_tensor([-1.0, -1.0, 1.0])
    return estimate_of(changed, offset, hands, log_scale)


def turned(estimate: Estimate, angle: Float[Tensor, "batch"]) -> Estimate:
    """Returns the estimate for the picture turned by an angle (:mod:`handlib.geometry.turn`).

    The hands turn about the camera's viewing direction, their uv about the picture's centre.
    """
    turn = turn_matrix(angle)
    flat = turn[:, None, :2, :2]

    def shifted(camera: Float[Tensor, "batch hand=2 3"]) -> Float[Tensor, "batch hand=2 3"]:
        return torch.cat((camera[..., :1], (flat @ camera[..., 1:, None])[..., 0]), dim=-1)

    params = estimate.params
    root = rotation_to_6d(turn[:, None] @ rotation_from_6d(params.root))
    return Estimate(
        replace(params, root=root, camera=shifted(params.camera)),
        shifted(estimate.camera),
        estimate.joints @ turn[:, None].mT,
        estimate.vertices @ turn[:, None].mT,
        estimate.uv @ flat.mT,
        estimate.vertex_uv @ flat.mT,
        (turn @ estimate.offset[..., None])[..., 0],
    )
