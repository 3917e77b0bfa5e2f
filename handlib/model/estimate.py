"""What the network says: one estimate of both hands, all of them, and all that was computed on the way."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from handlib.data.sample import Sample
from handlib.geometry.camera import fit_weak_perspective, project_weak_perspective
from handlib.geometry.rotation import rotation_from_6d, rotation_to_6d
from handlib.hand.hand import Hand, HandParams, Hands
from handlib.hand.skeleton import SIDES
from handlib.model.joint_maps import JointMaps, LocatedJoints
from handlib.utils.reprs import in_shapes

LENGTH_UNIT = 0.15
"""Metres, about a hand's length: DIR's unit for the hands' offset, position embeddings and losses."""


@dataclass(frozen=True)
class Estimate:
    """Both hands after the initial estimate or after one stage; ``hand`` is (left, right).

    ``params`` are as predicted: with ``DIRConfig.log_scale`` their camera's first number is its scale's
    logarithm. ``camera`` is the weak perspective (s, tx, ty) with the scale itself. ``joints`` and
    ``vertices`` are metres, each hand centred on its own wrist; ``uv`` and ``vertex_uv`` are their
    projections in [-1, 1]; ``offset`` leads from the left wrist to the right one, in units of
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
    ) -> "Estimate":
        """Hands as a weak-perspective camera sees them."""
        uv, vertex_uv = (project_weak_perspective(points, camera) for points in (joints, vertices))
        return cls(params, camera, joints, vertices, uv, vertex_uv, offset)

    def __getitem__(self, chosen: slice | Sequence[int]) -> "Estimate":
        """The estimates of some pictures of the batch, in that order."""
        params = HandParams.from_vector(self.params.to_vector()[chosen])
        return Estimate(params, *(getattr(self, field.name)[chosen] for field in fields(self)[1:]))


def decode(
    vectors: Float[Tensor, "batch hand=2 64"], offset: Float[Tensor, "batch 3"], hands: Hands, log_scale: bool
) -> Estimate:
    """From what a network predicts to posed hands: hand model, then camera, at least in float32."""
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
        return Estimate.seen(params, camera, joints, vertices, offset.to(precise))


def estimate_of(
    params: HandParams, offset: Float[Tensor, "batch 3"], hands: Hands, log_scale: bool
) -> Estimate:
    """The estimate of a network that predicts these hands; their cameras have the scale itself."""
    camera = params.camera
    if log_scale:
        camera = torch.cat((camera[..., :1].log(), camera[..., 1:]), dim=-1)
    return decode(replace(params, camera=camera).to_vector(), offset, hands, log_scale)


def true_estimate(sample: Sample, hands: Sequence[Hand]) -> Estimate:
    """The best that can be said of a batch: the true hands, seen by the best weak-perspective cameras.

    ``hands`` (left, right) say what pose coefficients mean. Both cameras are linear, ``params.camera`` too;
    :func:`estimate_of` says the same in a network's numbers.
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

    ``segmentation`` are scores of (background, left, right), ``dense`` colours every pixel by where it lies
    on the hand (Sec. 3.3), both on the last stage's map. ``joint_maps``, and the joints
    ``located`` in them, are there if the initial estimate was read from such maps.
    """

    estimates: tuple[Estimate, ...]
    segmentation: Float[Tensor, "batch 3 height width"]
    dense: Float[Tensor, "batch 3 height width"]
    joint_maps: JointMaps | None = None
    located: LocatedJoints | None = None

    __repr__ = in_shapes

    @property
    def final(self) -> Estimate:
        """The last estimate."""
        return self.estimates[-1]

    def exchanged(self, hands: Hands, log_scale: bool) -> "Prediction":
        """The same picture read the other way, see :func:`exchanged`; without joint maps."""
        estimates = tuple(exchanged(estimate, hands, log_scale) for estimate in self.estimates)
        located = self.located.exchanged() if self.located else None
        return Prediction(estimates, self.segmentation[:, [0, 2, 1]], self.dense, located=located)

    def __getitem__(self, chosen: slice | Sequence[int]) -> "Prediction":
        """The prediction of some pictures of the batch, in that order; without joint maps."""
        estimates = tuple(estimate[chosen] for estimate in self.estimates)
        located = self.located[chosen] if self.located else None
        return Prediction(estimates, self.segmentation[chosen], self.dense[chosen], located=located)


def estimate_names(count: int) -> tuple[str, ...]:
    """``initial``, ``stage 1``, ``stage 2``, ...: what the ``count`` estimates of a prediction are called."""
    return ("initial", *(f"stage {t}" for t in range(1, count)))


@dataclass(frozen=True)
class StageTrace:
    """All that one refinement stage computed, in the order in which it did (Sec. 3.2).

    ``skip`` is the encoder's map, ``fused`` the map that joints are sampled from, ``sampled`` the features
    after sampling at ``before.uv`` and their MLP, ``embedded`` those plus the position embedding, ``graph``
    what the GCN made of them, ``tokens`` what the transformer returned, ``attention`` its weights per layer
    that ran. ``plane_features`` are what is drawn back into the picture at ``after.uv``, ``projected`` the
    map made from all planes, ``enhanced`` the stage's final map. What a configuration leaves out has no
    channels. Tokens are the joints, unless the configuration says vertices.
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
    """The estimate that looks the same, with the left hand for the right one.

    A weak-perspective camera can't tell a hand from its mirror image in depth, and the mirror image of a
    right hand is a left one: where sides were taken wrongly, all joints can still lie on the picture's.
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
