"""The truth about a batch, in the form that the losses compare with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import interpolate

from handlib.data.sample import Sample
from handlib.hand.hand import Hand
from handlib.hand.skeleton import FINGERS, joint_index
from handlib.model.estimate import LENGTH_UNIT

TIPS = [joint_index(f"{finger}4") for finger in FINGERS]


@dataclass(frozen=True)
class Targets:
    """The truth of a batch; ``hand`` is (left, right).

    ``joints`` and ``vertices`` are metres in the camera's frame, ``uv`` and ``vertex_uv`` their true pinhole
    projections in [-1, 1], ``label`` 0 background, 1 left, 2 right, ``dense`` colours in [0, 1] (0 on the
    background), ``root`` the wrist's rotation, ``pose`` PCA coefficients around the mean finger pose.
    ``present`` is 1 for hands that can be seen and 0 for others, from which nothing is learnt.
    """

    uv: Float[Tensor, "batch hand=2 21 2"]
    vertex_uv: Float[Tensor, "batch hand=2 778 2"]
    joints: Float[Tensor, "batch hand=2 21 3"]
    vertices: Float[Tensor, "batch hand=2 778 3"]
    label: Int[Tensor, "batch size size"]
    dense: Float[Tensor, "batch 3 size size"]
    root: Float[Tensor, "batch hand=2 3 3"]
    pose: Float[Tensor, "batch hand=2 45"]
    betas: Float[Tensor, "batch hand=2 10"]
    present: Float[Tensor, "batch hand=2"]

    @classmethod
    def from_sample(cls, batch: Sample, hands: Iterable[Hand]) -> "Targets":
        """Returns the targets of a batch.

        ``hands`` are the network's hand models (left, right). They define the PCA coefficients and the
        fingertip vertices: samples have smplx's fingertips, the released network predicts others.
        """
        hands = tuple(hands)
        coefficients = [
            hand.axis_angle_to_pca(pose) for hand, pose in zip(hands, batch.pose.unbind(1), strict=True)
        ]
        joints = batch.joints.clone()
        for h, hand in enumerate(hands):
            joints[:, h, TIPS] = batch.vertices[:, h, hand.tip_ids]
        return cls(
            uv=replace(batch, joints=joints).uv,
            vertex_uv=batch.vertex_uv,
            joints=joints,
            vertices=batch.vertices,
            label=batch.label.long(),
            dense=batch.dense.float() / 255,
            root=batch.root,
            pose=torch.stack(coefficients, dim=1),
            betas=batch.betas,
            present=(batch.visible > 0).float(),
        )


def resize_label(label: Int[Tensor, "batch _ _"], size: Sequence[int]) -> Int[Tensor, "batch height width"]:
    """Returns labels on a coarser map: the label of the pixel at the centre of each cell."""
    return interpolate(label[:, None].float(), size, mode="nearest-exact")[:, 0].long()


@dataclass(frozen=True)
class CentredTargets:
    """Targets' lengths as the losses compare them: centred on a joint per hand, in units of ``LENGTH_UNIT``.

    ``offset`` leads from the left hand's centre to the right hand's.
    """

    joints: Float[Tensor, "batch hand=2 21 3"]
    vertices: Float[Tensor, "batch hand=2 778 3"]
    offset: Float[Tensor, "batch 3"]

    @classmethod
    def of(cls, targets: Targets, joint: str) -> "CentredTargets":
        """Returns the targets centred on the joint of this name."""
        centre = targets.joints[:, :, joint_index(joint), None]
        return cls(
            joints=(targets.joints - centre) / LENGTH_UNIT,
            vertices=(targets.vertices - centre) / LENGTH_UNIT,
            offset=(centre[:, 1, 0] - centre[:, 0, 0]) / LENGTH_UNIT,
        )
