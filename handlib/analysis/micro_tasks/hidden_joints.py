"""Hidden joints: pairs of hands, networks of DIR's joint modules that complete them, and their errors.

Both hands show their backs to the camera, and each has its wrist at the origin. Of a joint that is seen, a
network knows where it lies in the picture, with some noise; of a hidden joint it knows nothing. It predicts
all joints in space.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from handlib.analysis.micro_tasks.fit import fit, one_thread, reproducible
from handlib.data.rendered.placement import DESK, sample_betas
from handlib.data.rendered.posed_arm import BACK_TO_CAMERA, MIRROR, hands
from handlib.data.rendered.poses import joint_axes, sample_finger_pose
from handlib.evaluation.metrics import MILLIMETRES
from handlib.hand.skeleton import NUM_JOINTS
from handlib.model.blocks import PerHand
from handlib.model.estimate import LENGTH_UNIT
from handlib.model.gcn import SkeletonGCN, skeleton_adjacency
from handlib.model.transformer import TwoHandTransformer

FEATURES, GCN_LAYERS, BLOCKS, ATTENTION_HEADS = 32, 2, 1, 2
BATCH, HIGHEST_RATE = 32, 3e-2
PAIRS, TEST_SHARE = 2000, 0.3
POSE_NOISE = 0.08
"""Standard deviation (radians) by which the poses of mirrored hands differ, in each of the 45 numbers."""
POINT_NOISE = 0.002
"""Standard deviation (metres) of a seen joint's place."""

ROOTS = (MIRROR @ BACK_TO_CAMERA @ MIRROR, BACK_TO_CAMERA)
"""Rotations of the left and of the right hand that shows its back."""

Hide = Callable[[int, torch.Generator], Bool[Tensor, "batch hand=2 21"]]
"""From the number of pairs and random numbers to which of their joints are hidden."""


@cache
def hand_parameters(count: int) -> tuple[Float[np.ndarray, "2 count 45"], Float[np.ndarray, "2 count 10"]]:
    """Returns finger poses and shapes of twice ``count`` right hands, all independent, as in ``desk``."""
    rng, mean = np.random.default_rng(0), hands()[1].hands_mean.numpy()
    poses = np.stack([sample_finger_pose(rng, joint_axes()) for _ in range(2 * count)])
    poses = mean + DESK.pose_spread * (poses - mean)
    betas = np.stack([sample_betas(rng) for _ in range(2 * count)])
    return poses.reshape(2, count, 45), betas.reshape(2, count, 10)


@cache
def posed_pairs(
    count: int, mirrored: bool, pose_noise: float = POSE_NOISE
) -> Float[Tensor, "count hand=2 21 3"]:
    """Returns the joints of pairs of hands, metres from the wrist, camera frame; always the same pairs.

    The right hands are the same in both worlds. The left hands are independent of them, or ``mirrored``: of
    one shape with their right hands and in the mirror image of their pose, plus ``pose_noise`` (radians).
    """
    poses, betas = (both.copy() for both in hand_parameters(count))
    if mirrored:
        poses[0] = poses[1] + pose_noise * np.random.default_rng(1).normal(size=(count, 45))
        betas[0] = betas[1]
    poses[0] *= np.tile([1.0, -1.0, -1.0], 15)
    with one_thread():
        posed = [
            hand(
                root_rotation=torch.from_numpy(root).float(),
                pose_axis_angle=torch.from_numpy(pose).float(),
                betas=torch.from_numpy(shape).float(),
            ).joints
            for hand, root, pose, shape in zip(hands(), ROOTS, poses, betas, strict=True)
        ]
    return torch.stack(posed, dim=1)


def mean_hands() -> Float[Tensor, "hand=2 21 3"]:
    """Returns the joints of the mean hands in the mean pose, metres from the wrist, camera frame."""
    return torch.stack(
        [
            hand(root_rotation=torch.from_numpy(root).float(), pose_axis_angle=hand.hands_mean).joints
            for hand, root in zip(hands(), ROOTS, strict=True)
        ]
    )


class Attention(nn.Module):
    """The inter-hand transformer, over the joints of all hands that it is given."""

    def __init__(self, hands: int):
        super().__init__()
        tokens = hands * NUM_JOINTS
        self.transformer = TwoHandTransformer(tokens, FEATURES, FEATURES, BLOCKS, ATTENTION_HEADS, False)

    def forward(
        self, x: Float[Tensor, "batch *hands 21 features"]
    ) -> Float[Tensor, "batch *hands 21 features"]:
        """Returns new features of every joint."""
        return self.transformer(x.flatten(1, -2))[0].view_as(x)


def gcn(adjacency: Bool[Tensor, "21 21"] | None = None) -> nn.Module:
    """Returns a GCN for each hand, along the hand's skeleton or another one."""
    return PerHand(lambda: SkeletonGCN(FEATURES, GCN_LAYERS, True, adjacency))


def matrices_only() -> nn.Module:
    """Returns a GCN with all its matrices in which every joint is its own only neighbour: no messages."""
    return gcn(torch.eye(NUM_JOINTS, dtype=torch.bool))


def shuffled_gcn() -> nn.Module:
    """Returns a GCN along a skeleton whose joints have changed places: as many bones, at the wrong joints."""
    order = torch.randperm(NUM_JOINTS)
    return gcn(skeleton_adjacency()[order][:, order])


class JointNetwork(nn.Module):
    """Corrects the mean hands, as a stage corrects an estimate: features per joint, then the given modules.

    The features of a joint come from what is seen of the joint and from its place in the mean hand. Each
    joint is corrected from its own features alone: what a hidden joint knows of others came through the
    modules. (DIR's update layer reads all joints of a hand together.)
    """

    start: Float[Tensor, "hand=2 21 3"]

    def __init__(self, *modules: nn.Module):
        super().__init__()
        self.register_buffer("start", mean_hands() / LENGTH_UNIT)
        self.embed = PerHand(
            lambda: nn.Sequential(nn.Linear(6, FEATURES), nn.ReLU(), nn.Linear(FEATURES, FEATURES))
        )
        self.mechanisms = nn.Sequential(*modules)
        self.read = nn.Parameter(torch.randn(2, NUM_JOINTS, FEATURES, 3) * 0.02)
        self.bias = nn.Parameter(torch.zeros(2, NUM_JOINTS, 3))

    def forward(self, seen: Float[Tensor, "batch hand=2 21 3"]) -> Float[Tensor, "batch hand=2 21 3"]:
        """Returns all joints, in units of ``LENGTH_UNIT``, from what :func:`observed` gives."""
        features = self.embed(torch.cat((seen, self.start.expand_as(seen)), dim=-1))
        corrections = torch.einsum("bhjf,hjfd->bhjd", self.mechanisms(features), self.read)
        return self.start + corrections + self.bias


def observed(
    joints: Float[Tensor, "batch hand=2 21 3"],
    hidden: Bool[Tensor, "batch hand=2 21"],
    random: torch.Generator,
) -> Float[Tensor, "batch hand=2 21 3"]:
    """Returns x and y (in units of ``LENGTH_UNIT``, with noise) and a 1 of every joint; zeros if hidden."""
    noise = POINT_NOISE * torch.randn(joints[..., :2].shape, generator=random)
    points = torch.cat(((joints[..., :2] + noise) / LENGTH_UNIT, torch.ones_like(joints[..., :1])), dim=-1)
    return points * ~hidden[..., None]


def hidden_joint_error(
    build: Callable[[], nn.Module],
    joints: Float[Tensor, "pairs hand=2 21 3"],
    hide: Hide,
    seed: int,
    steps: int,
) -> float:
    """Returns the mean distance (mm) of hidden joints of test pairs, after training on the other pairs.

    The seed chooses the test pairs, the weights, the batches, the noise and what is hidden.
    """
    with reproducible(seed) as random:
        network = build()
        order = torch.randperm(len(joints), generator=random)
        test, train = order.tensor_split([round(TEST_SHARE * len(joints))])

        def loss() -> Float[Tensor, ""]:
            truth = joints[train[torch.randint(len(train), (BATCH,), generator=random)]]
            hidden = hide(BATCH, random)
            predicted = network(observed(truth, hidden, random))
            return (predicted - truth / LENGTH_UNIT)[hidden].abs().mean()

        fit(network, loss, steps, HIGHEST_RATE)
        truth, hidden = joints[test], hide(len(test), random)
        with torch.no_grad():
            predicted = network(observed(truth, hidden, random)) * LENGTH_UNIT
        return float((predicted - truth)[hidden].norm(dim=-1).mean() * MILLIMETRES)
