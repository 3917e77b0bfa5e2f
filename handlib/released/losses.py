"""The release's loss terms, computed on the inputs of its data loader."""

import copy
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from handlib.hand.skeleton import SIDES
from handlib.model.network import DIR
from handlib.training.losses import hand_faces, released_losses
from handlib.training.targets import Targets


def released_targets(inputs: Mapping[str, np.ndarray]) -> Targets:
    """Returns the truth, given in the layout of the release's loader.

    Fields that no released loss uses are placeholders: no rotation, rest pose, mean shape, both hands
    present.
    """

    def both(name: str) -> Tensor:
        return torch.from_numpy(np.stack([inputs[f"{name}_{side}"] for side in SIDES], axis=1))

    joints = both("joint_3d")
    return Targets(
        uv=both("joint_2d")[..., :2],
        vertex_uv=both("mesh_2d")[..., :2],
        joints=joints,
        vertices=both("mesh_3d"),
        label=torch.from_numpy(inputs["seg"][:, 0]).long(),
        dense=torch.from_numpy(inputs["dense"]),
        root=torch.eye(3).expand(len(joints), 2, 3, 3),
        pose=torch.zeros(len(joints), 2, 45),
        betas=torch.zeros(len(joints), 2, 10),
        present=torch.ones(len(joints), 2),
    )


@torch.no_grad()
def training_losses(model: DIR, inputs: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Returns the release's loss terms on a batch, with the batch's own statistics.

    The model is unchanged.
    """
    training = copy.deepcopy(model).train()
    faces = hand_faces(model.hands)
    prediction = training(torch.from_numpy(inputs["img"]))
    losses = released_losses(prediction, released_targets(inputs), faces)
    return {name: loss.item() for name, loss in losses.items()}
