"""Random pairs of hands with their truth but without pictures, and estimates of them, right and wrong."""

from dataclasses import replace

import numpy as np
import roma
import torch
from torch import Tensor

from handlib.data.sample import STRATA, Sample
from handlib.geometry.camera import project_weak_perspective
from handlib.hand.hand import Hand, HandParams
from handlib.hand.skeleton import SIDES
from handlib.model import estimate
from handlib.model.estimate import Estimate

HANDS = tuple(Hand.open(side) for side in SIDES)
FACES = torch.stack([torch.from_numpy(hand.faces) for hand in HANDS])


def random_pairs(count: int, seed: int = 0, size: int = 16) -> Sample:
    """A batch of posed hands half a metre away; labels, colours and strata are random."""
    g = np.random.default_rng(seed)

    def normal(scale: float, *shape: int) -> Tensor:
        return torch.from_numpy(g.normal(scale=scale, size=shape)).float()

    root = roma.rotvec_to_rotmat(normal(0.7, count, 2, 3))
    pose, betas = normal(0.2, count, 2, 45), normal(0.5, count, 2, 10)
    place = normal(0.03, count, 2, 1, 3) + torch.tensor([[[-0.07, 0.0, 0.5]], [[0.07, 0.0, 0.5]]])
    posed = [
        hand(root_rotation=root[:, h], pose_axis_angle=pose[:, h], betas=betas[:, h])
        for h, hand in enumerate(HANDS)
    ]
    return Sample(
        image=torch.zeros(count, 3, size, size, dtype=torch.uint8),
        label=torch.from_numpy(g.integers(0, 3, (count, size, size), dtype=np.uint8)),
        dense=torch.from_numpy(g.integers(0, 256, (count, 3, size, size), dtype=np.uint8)),
        depth=torch.zeros(count, size, size),
        vertices=torch.stack([hand.vertices for hand in posed], dim=1) + place,
        joints=torch.stack([hand.joints for hand in posed], dim=1) + place,
        root=root,
        pose=pose,
        betas=betas,
        intrinsics=torch.tensor([1.5 * size, 1.5 * size, size / 2, size / 2]).expand(count, 4),
        visible=torch.ones(count, 2),
        distance=torch.zeros(count),
        stratum=torch.from_numpy(g.integers(0, len(STRATA), count)),
    )


def true_estimate(sample: Sample) -> Estimate:
    """Truth in the network's words, but its uv are exact: what the sample's pinhole camera sees."""
    return replace(estimate.true_estimate(sample, HANDS), uv=sample.uv, vertex_uv=sample.vertex_uv)


def noisy_estimate(sample: Sample, seed: int = 1, scale: float = 0.01) -> Estimate:
    """Truth plus noise on everything (metres; other quantities in proportion); wrists stay at the origin."""
    g = np.random.default_rng(seed)
    truth = true_estimate(sample)

    def noisy(x: Tensor, by: float) -> Tensor:
        return x + torch.from_numpy(g.normal(scale=by, size=tuple(x.shape))).float()

    params = truth.params
    joints = noisy(truth.joints, scale)
    joints = joints - joints[:, :, :1]
    return replace(
        truth,
        params=HandParams(
            noisy(params.root, 20 * scale),
            noisy(params.pose, 20 * scale),
            noisy(params.betas, 20 * scale),
            params.camera,
        ),
        joints=joints,
        vertices=noisy(truth.vertices, scale),
        uv=project_weak_perspective(joints, params.camera),
        vertex_uv=noisy(truth.vertex_uv, scale),
        offset=noisy(truth.offset, scale),
    )
