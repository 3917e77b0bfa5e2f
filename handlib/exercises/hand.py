"""Exercises of notebook 01, the hand model."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor

from handlib.exercises import Wrong, ask, ask_part, check_gradients, exercise
from handlib.hand.hand import Hand
from handlib.hand.skeleton import SIDES
from handlib.hand.skinning import skin


@exercise("mirror_pose")
def _mirror_pose(answer: object) -> None:
    pose = np.random.default_rng(1).normal(scale=0.4, size=45)
    got = ask(answer, pose.copy(), shape=(45,))
    right, left = (
        Hand.open(side)(pose_axis_angle=torch.from_numpy(values).float()).joints.numpy()
        for side, values in zip(reversed(SIDES), (pose, got), strict=True)
    )
    if np.allclose(got, pose):
        raise Wrong("the mirrored hand must turn the other way about some of its axes")
    if np.allclose(got, -pose):
        raise Wrong("a mirror keeps the rotations about one axis: the one it looks along")
    if not np.allclose(left, right * (-1, 1, 1), atol=1e-4):
        raise Wrong("the left hand's joints are not the mirror image of the right hand's; look at each axis")


@exercise("camera_translation")
def _camera_translation(answer: object) -> None:
    rng = np.random.default_rng(2)
    world_to_camera = Rotation.random(random_state=3).as_matrix()
    wrist, translation, shift = rng.normal(size=(3, 3))
    got = ask(answer, wrist, translation, world_to_camera, shift, shape=(3,))
    rest, turn = rng.normal(size=(5, 3)), Rotation.random(random_state=4).as_matrix()
    in_world = (rest - wrist) @ turn.T + wrist + translation
    in_camera = in_world @ world_to_camera.T + shift
    posed_in_camera = (rest - wrist) @ (world_to_camera @ turn).T + wrist + got
    if np.allclose(got, world_to_camera @ translation + shift):
        raise Wrong("that would do if the hand turned about the origin; it turns about its wrist")
    if not np.allclose(posed_in_camera, in_camera, atol=1e-8):
        raise Wrong("write down one point of the hand in the camera's frame in both ways and compare")


def _about(
    rotations: Float[Tensor, "bones 3 3"], centres: Float[Tensor, "bones 3"]
) -> Float[Tensor, "bones 4 4"]:
    """Transforms that rotate about centres."""
    transforms = torch.eye(4).repeat(len(rotations), 1, 1)
    transforms[:, :3, :3] = rotations
    transforms[:, :3, 3] = centres - (rotations @ centres[..., None])[..., 0]
    return transforms


def _chained(
    own: Float[Tensor, "bones 4 4"], parents: Sequence[int], parent_acts_first: bool = False
) -> Float[Tensor, "bones 4 4"]:
    """Each bone's transform times its parent's, on the left of it unless ``parent_acts_first``."""
    chained = [own[0]]
    for transform, parent in zip(own[1:], parents[1:], strict=True):
        before = chained[parent]
        chained.append(transform @ before if parent_acts_first else before @ transform)
    return torch.stack(chained)


@exercise("bone_transforms")
def _bone_transforms(answer: object) -> None:
    generator = torch.Generator().manual_seed(12)
    parents = (-1, 0, 1, 1, 0, 4)
    joints = torch.randn(6, 3, generator=generator)
    rotations = torch.from_numpy(Rotation.random(6, random_state=5).as_matrix()).float()
    got = ask(answer, rotations.clone(), joints.clone(), parents, shape=(6, 4, 4))
    own = _about(rotations, joints)
    right = _chained(own, parents)
    if np.allclose(got, right, atol=1e-4):
        return
    about_moved = [own[0]]
    for rotation, joint, parent in zip(rotations[1:], joints[1:], parents[1:], strict=True):
        before = about_moved[parent]
        moved = before[:3, :3] @ joint + before[:3, 3]
        about_moved.append(before @ _about(rotation[None], moved[None])[0])
    root_stays = torch.cat((torch.eye(4)[None], own[1:]))
    mistakes = {
        "no bone follows its parent there; the paper finger's tip would stay behind": own,
        "the order is reversed: A_k acts first, so it stands on the right, transforms[parent] @ A_k": (
            _chained(own, parents, parent_acts_first=True)
        ),
        "A_k turns about the joint where it lies at rest, not where its parent has moved it": (
            torch.stack(about_moved)
        ),
        "each bone turns about its own joint; there all turn about the origin": (
            _chained(_about(rotations, torch.zeros(6, 3)), parents)
        ),
        "a bone follows its parent, parents[k], not the bone before it": (
            _chained(own, (-1, *range(len(own) - 1)))
        ),
        "a bone follows its parent's G, which holds all bones before it, not the parent's A alone": (
            torch.cat((own[:1], own[list(parents[1:])] @ own[1:]))
        ),
        "the root turns, too: its transform is A_0": _chained(root_stays, parents),
    }
    for hint, value in mistakes.items():
        if np.allclose(got, value, atol=1e-4):
            raise Wrong(hint)
    raise Wrong("try the paper finger: with its second joint bent by 90 degrees, the tip goes to (4, 5)")


def skin_by_loops(
    points: Float[Tensor, "points 3"],
    weights: Float[Tensor, "points bones"],
    transforms: Float[Tensor, "bones 4 4"],
) -> Float[Tensor, "points 3"]:
    """Linear blend skinning of one hand, by loops: a weighted mean of where each bone carries a point."""
    skinned = torch.zeros_like(points)
    for i, point in enumerate(points):
        for k, transform in enumerate(transforms):
            carried = transform[:3, :3] @ point + transform[:3, 3]
            skinned[i] += weights[i, k] * carried
    return skinned


@exercise("skin")
def _skin(answer: object) -> None:
    generator = torch.Generator().manual_seed(11)
    weights = torch.rand(7, 4, generator=generator)
    weights = weights / weights.sum(1, keepdim=True)
    weights[0] = torch.tensor([0.0, 1, 0, 0])
    for lead in ((), (2,), (2, 3)):
        points = torch.randn(*lead, 7, 3, generator=generator)
        transforms = torch.randn(*lead, 4, 4, 4, generator=generator)
        transforms[..., 3, :] = torch.tensor([0.0, 0, 0, 1])
        (got,) = ask_part(answer, points, weights, transforms, shapes=[(*lead, 7, 3)])
        hands = zip(points.reshape(-1, 7, 3), transforms.reshape(-1, 4, 4, 4), strict=True)
        expected = torch.stack([skin_by_loops(p, weights, t) for p, t in hands]).reshape(got.shape).numpy()
        if np.allclose(got, expected, atol=1e-4):
            continue
        turns, shifts = transforms[..., :3, :3], transforms[..., :3, 3]
        turned = torch.einsum("nk,...kab,...nb->...na", weights, turns, points)
        if np.allclose(got, turned, atol=1e-4):
            raise Wrong(
                "the points are turned but not shifted: a homogeneous point ends with a 1, not with a 0"
            )
        if np.allclose(got, turned + shifts.sum(-2, keepdim=True), atol=1e-4):
            raise Wrong("each bone's shift is weighted, too")
        back = torch.einsum("nk,...kba,...nb->...na", weights, turns, points) + weights @ shifts
        if np.allclose(got, back, atol=1e-4):
            raise Wrong("the rotations turn backwards: a transform stands on the left of its point, R @ x")
        strongest = torch.nn.functional.one_hot(weights.argmax(1), 4).float()
        if np.allclose(got, skin(points, strongest, transforms), atol=1e-4):
            raise Wrong(
                "each point follows its strongest bone alone; it follows all of them by their weights"
            )
        if np.allclose(got, skin(points, torch.full_like(weights, 0.25), transforms), atol=1e-4):
            raise Wrong("all bones count alike there; a point has a weight for each bone")
        raise Wrong("follow one point: every bone's transform carries it, then take the weighted mean")
    assert callable(answer)
    points, transforms = torch.randn(7, 3, generator=generator), torch.randn(4, 4, 4, generator=generator)
    check_gradients(lambda p, t: answer(p, weights, t), lambda p, t: skin(p, weights, t), points, transforms)
